"""How a process learns of new feed rows: SQLite's change counter, or PostgreSQL's notifications. No row is missed.

On PostgreSQL a lower id may be committed after a higher one. Notifications come after the commit and name the row, so
its order does not matter; what is read without one (after a broken connection, and now and then to be safe) begins a
window below the highest id seen, and what was seen is left out.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from flask import Flask
from sqlalchemy import ColumnElement, Connection, Engine, create_engine, func, select
from sqlalchemy.pool import NullPool

from console.db import db
from console.feed import FeedEntry

POLL = 0.05  # seconds between two looks at SQLite's change counter, 10 µs each
LONGEST_WAIT = 0.25  # seconds for a notification, so that the end of the worker is noticed
SAFETY_NET = 5.0  # seconds between two readings without a notification
# Notices within half a minute that the server or the way to it is gone.
ALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
WINDOW = 1000  # ids below the highest that may still become visible


@dataclass(frozen=True)
class Told:
    """A feed row as pages get it."""

    id: int
    topic: str
    kind: str
    data: dict[str, Any]

    @property
    def for_json(self) -> dict[str, Any]:
        return self.data | {"id": self.id, "topic": self.topic, "kind": self.kind}

    @cached_property
    def event(self) -> bytes:
        """As a server-sent event; made once, however many pages get it."""
        return f"id: {self.id}\ndata: {json.dumps(self.for_json)}\n\n".encode()

    def as_reload(self) -> Told:
        """Load everything again: what happened up to here is not listed."""
        return Told(self.id, "", "reload", {})


class Source(ABC):
    """A connection of its own, open inside a `with` block; entered again, it goes on where it was."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._highest: int | None = None  # of the ids seen

    def __enter__(self) -> Self:
        self._connection = self._engine.connect()
        self._driver: Any = self._connection.connection.driver_connection
        try:
            self._begin()
        except BaseException:
            self._connection.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    @abstractmethod
    def _begin(self) -> None:
        """Note where the feed is now, if it is the first time."""

    @abstractmethod
    def wait(self) -> list[Told]:
        """New rows, in the order of their ids; after a while none."""


class SqliteSource(Source):
    def _begin(self) -> None:
        self._version = -1 if self._highest is not None else self._count()
        if self._highest is None:
            self._highest = highest_id(self._connection)

    def wait(self) -> list[Told]:
        time.sleep(POLL)
        version = self._count()
        if version == self._version:
            return []
        self._version = version
        found = read(self._connection, FeedEntry.id > self._highest)
        self._highest = max((told.id for told in found), default=self._highest)
        return found

    def _count(self) -> int:
        return int(self._driver.execute("PRAGMA data_version").fetchone()[0])


class PostgresSource(Source):
    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.execution_options(isolation_level="AUTOCOMMIT"))
        self._seen: set[int] = set()

    def _begin(self) -> None:
        self._driver.execute("LISTEN plusone_feed")
        if self._highest is None:
            self._highest = highest_id(self._connection)
            self._seen = {told.id for told in read(self._connection, self._in_window())}
        self._read_at = 0.0

    def wait(self) -> list[Told]:
        notes = self._driver.notifies(timeout=LONGEST_WAIT, stop_after=1)
        named = {int(note.payload) for note in notes if note.payload.isdigit()}
        found = read(self._connection, FeedEntry.id.in_(named)) if named else []
        if time.monotonic() - self._read_at > SAFETY_NET:
            self._read_at = time.monotonic()
            found = read(self._connection, self._in_window())
        new = [told for told in found if told.id not in self._seen]
        self._seen.update(told.id for told in new)
        self._highest = max((told.id for told in new), default=self._highest or 0)
        if len(self._seen) > 3 * WINDOW:
            self._seen = {one for one in self._seen if one > self._highest - WINDOW}
        return new

    def _in_window(self) -> ColumnElement[bool]:
        return FeedEntry.id > (self._highest or 0) - WINDOW


def source_for(app: Flask) -> Source:
    """Not from the app's pool: it is held for as long as somebody listens."""
    with app.app_context():
        url = db.engine.url
    if url.get_backend_name() == "sqlite":
        return SqliteSource(create_engine(url, poolclass=NullPool))
    return PostgresSource(create_engine(url, poolclass=NullPool, connect_args=ALIVE))


def highest_id(connection: Connection) -> int:
    return connection.scalar(select(func.max(FeedEntry.id))) or 0


def read(connection: Connection, which: ColumnElement[bool]) -> list[Told]:
    columns = (FeedEntry.id, FeedEntry.topic, FeedEntry.kind, FeedEntry.data)
    return [Told(*row) for row in connection.execute(select(*columns).where(which).order_by(FeedEntry.id))]
