"""Hearing what the database is asked, only for as long as one looks: an app, its engine and its listeners serve
every test of a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import event

from console.db import db


class Asked(NamedTuple):
    statement: str
    parameters: Any


@contextmanager
def heard(what: str, act: Callable[..., object]) -> Iterator[None]:
    """`act` is called at every event `what` of the app's engine within the block."""
    event.listen(db.engine, what, act)
    try:
        yield
    finally:
        event.remove(db.engine, what, act)


@contextmanager
def statements() -> Iterator[list[Asked]]:
    """What the database is asked within the block, in order."""
    asked: list[Asked] = []
    with heard("before_cursor_execute", lambda *given: asked.append(Asked(given[2], given[3]))):
        yield asked
