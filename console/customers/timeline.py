"""The timeline: a customer's events newest first, a page at a time, each told in one line.

An event holds only ids, so each domain says how its own subjects read:

    @describes(Note)
    def line(event: Event, note: Note) -> Line | None: ...

The whole page costs one statement: the events, each outer-joined to its one subject by primary key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import abort
from sqlalchemy import Select, and_, select, tuple_
from sqlalchemy.orm import aliased

from console.auth.models import User
from console.db import Base, db
from console.events import Event, Topic
from console.web import LARGEST_ID

PAGE = 25

Describe = Callable[..., "Line | None"]  # (event, subject, *columns); None leaves the event out


@dataclass(frozen=True)
class Line:
    """How one event reads: icon (a Lucide name), a bold title, a quiet second line, and where to see more."""

    icon: str
    title: str
    detail: str = ""
    more_url: str | None = None  # a partial with the details, opened on demand
    tone: str = ""  # a class of .ev: talk note gesture complaint broken signal promise good
    quote: bool = False  # the title is somebody's own words


@dataclass(frozen=True)
class Entry:
    event: Event
    line: Line
    actor: str | None  # who did it


@dataclass(frozen=True)
class Cursor:
    """Where a page ended: the last event's time and id."""

    at: datetime
    id: int

    def __str__(self) -> str:
        return f"{self.at.timestamp() * 1_000_000:.0f}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises ValueError for anything that is not a cursor."""
        micros, _, number = text.partition("-")
        try:
            cursor = cls(datetime.fromtimestamp(int(micros) / 1_000_000, UTC), int(number))
        except (OverflowError, OSError) as error:
            raise ValueError(f"{text!r} is not a place in a timeline") from error
        if not 0 <= cursor.id <= LARGEST_ID:
            raise ValueError(f"{text!r} is not a place in a timeline")
        return cursor


def cursor_from(text: str | None) -> Cursor | None:
    """What an address says; no cursor at all ends in a 400."""
    if not text:
        return None
    try:
        cursor = Cursor.parse(text)
    except ValueError:
        abort(400)
    return cursor if cursor.id else abort(400)


@dataclass(frozen=True)
class Page:
    entries: list[Entry]
    older: Cursor | None


@dataclass(frozen=True)
class Subject:
    model: type[Base]
    columns: tuple[Any, ...]  # scalar subqueries over the model
    describe: Describe


SUBJECTS: dict[str, Subject] = {}


def describes(model: type[Base], *columns: Any) -> Callable[[Describe], Describe]:
    """Register how events about `model` read; `columns` are handed over after the subject."""

    def register(describe: Describe) -> Describe:
        SUBJECTS[model.__tablename__] = Subject(model, columns, describe)
        return describe

    return register


def timeline(customer_id: int, topic: Topic | None = None, before: Cursor | None = None, size: int = PAGE) -> Page:
    """One page of a customer's timeline: one statement, whatever is on it."""
    rows = db.session.execute(statement(customer_id, topic, before, size)).all()
    entries = [entry for row in rows[:size] if (entry := told(row)) is not None]
    last = rows[size - 1][0] if len(rows) > size else None
    return Page(entries, Cursor(last.at, last.id) if last else None)


def statement(customer_id: int, topic: Topic | None, before: Cursor | None, size: int) -> Select[*tuple[Any, ...]]:
    page = events_of(customer_id, topic, before)
    newest = aliased(Event, page.limit(size + 1).subquery())
    query: Select[*tuple[Any, ...]] = select(newest, User.name).outerjoin(User, User.id == newest.actor_id)
    for table, subject in SUBJECTS.items():
        key = and_(newest.subject_type == table, newest.subject_id == subject.model.id)
        query = query.add_columns(subject.model, *subject.columns).outerjoin(subject.model, key)
    return query.order_by(newest.at.desc(), newest.id.desc())


def events_of(customer_id: int, topic: Topic | None, before: Cursor | None) -> Select[Event]:
    """A customer's events, newest first; those of the audit trail alone only when their topic is asked for."""
    page = select(Event).where(Event.customer_id == customer_id)
    page = page.where(Event.topic == topic) if topic else page.where(Event.topic != Topic.ACCESS)
    if before:
        page = page.where(tuple_(Event.at, Event.id) < (before.at, before.id))
    return page.order_by(Event.at.desc(), Event.id.desc())


def told(row: Any) -> Entry | None:
    event, actor, *rest = row
    place = 0
    for table, subject in SUBJECTS.items():
        width = 1 + len(subject.columns)
        if table == event.subject_type and rest[place] is not None:
            line = subject.describe(event, *rest[place : place + width])
            return Entry(event, line, actor) if line else None
        place += width
    return None
