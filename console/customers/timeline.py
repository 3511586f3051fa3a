"""The timeline: a customer's events newest first, a page at a time, each told in one line.

An event holds only ids, so each domain says how its own subjects read: it registers a describer with
`@describes("notes")`, which gets all events of that kind on a page at once and answers in one query.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, tuple_

from console.db import db
from console.events import Event, Topic

PAGE = 25


@dataclass(frozen=True)
class Line:
    """How one event reads: icon (a Lucide name), a bold title, a quiet second line, and where to see more."""

    icon: str
    title: str
    detail: str = ""
    more_url: str | None = None  # a partial with the details, opened on demand
    tone: str = ""  # "", "bad", "warn", "good", "give"
    quote: bool = False  # the title is somebody's own words


@dataclass(frozen=True)
class Cursor:
    """Where a page ended: the last event's time and id."""

    at: datetime
    id: int

    def __str__(self) -> str:
        return f"{self.at.timestamp():.6f}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises ValueError for anything that is not a cursor."""
        from datetime import UTC

        seconds, _, number = text.partition("-")
        return cls(datetime.fromtimestamp(float(seconds), UTC), int(number))


@dataclass(frozen=True)
class Page:
    entries: list[tuple[Event, Line]]
    older: Cursor | None = field(default=None)


Describe = Callable[[Sequence[Event]], dict[int, Line]]  # by event id; an event left out is not shown
DESCRIBERS: dict[str, Describe] = {}


def describes(*subject_types: str) -> Callable[[Describe], Describe]:
    def register(describe: Describe) -> Describe:
        for subject_type in subject_types:
            DESCRIBERS[subject_type] = describe
        return describe

    return register
