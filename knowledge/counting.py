"""Rows counted by day or week of the shop's own calendar, by the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, literal

from console.web import today, zone


def midnights(days: int, step: int = 1) -> list[datetime]:
    """The edges of the last so many days, in stretches of `step`, oldest first; the last edge is tonight's midnight."""
    tonight = today() + timedelta(days=1)
    count = -(-days // step)
    return [
        datetime.combine(tonight - timedelta(days=step * (count - place)), datetime.min.time(), zone())
        for place in range(count + 1)
    ]


def stretch(column: Any, edges: Sequence[datetime]) -> ColumnElement[int]:
    """Between which two edges a moment lies, from 0. Edges rather than the engine's date(): it knows no time zone."""
    return case(
        *((column < edge, literal(place)) for place, edge in enumerate(edges[1:-1])), else_=literal(len(edges) - 2)
    )


def between(column: Any, edges: Sequence[datetime]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return column >= edges[0], column < edges[-1]
