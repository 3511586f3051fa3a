"""The database: one Base, one session, two engines.

SQLite behaves like PostgreSQL's READ COMMITTED here: a statement that only reads sees what is committed
now, and the first statement that writes takes the write lock (BEGIN IMMEDIATE) until the commit. So nothing
ever has to upgrade a stale snapshot, which SQLite answers with an immediate "database is locked".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Enum,
    Integer,
    MetaData,
    String,
    TypeDecorator,
    event,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry

OPENS_NO_TRANSACTION = re.compile(r"\s*(SELECT|PRAGMA|EXPLAIN|VALUES|WITH|VACUUM|ANALYZE)\b", re.IGNORECASE)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, always UTC. A naive one raises ValueError instead of being guessed."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def values(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind]


def enum_column(kind: type[StrEnum], length: int = 32) -> Enum:
    """A StrEnum stored by value as plain text, so that a new member needs no migration."""
    return Enum(kind, values_callable=values, native_enum=False, create_constraint=False, length=length)


# SQLite numbers rows only in a column of exactly INTEGER.
BigKey = BigInteger().with_variant(Integer, "sqlite")
Json = JSON().with_variant(JSONB, "postgresql")


class Base(DeclarativeBase):
    """Every model: an id, and names for its constraints."""

    registry = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={datetime: UtcDateTime, dict[str, Any]: Json, list[str]: Json, str: String},
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)


# Objects stay usable after a commit: the ledger commits in the middle of a request.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})


def utc_now() -> datetime:
    return datetime.now(UTC)


# Who waits for SQLite's write lock looks again every 100 ms only, and whoever comes by meanwhile takes it: of several
# threads one could wait for ten seconds. Here one thread waits for the lock, and the others for that one.
BEGINNING = Lock()


@event.listens_for(Engine, "connect")
def prepare_sqlite(connection: Any, record: Any) -> None:
    if type(connection).__module__ != "sqlite3":
        return
    connection.isolation_level = None  # this module begins transactions, not Python's driver
    for pragma in (
        "busy_timeout=10000",  # first: the next one may have to wait, too
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "recursive_triggers=ON",  # INSERT OR REPLACE deletes too, and must meet the guards
        "cache_size=-65536",
    ):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "before_cursor_execute")
def begin_sqlite_write(
    conn: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
) -> None:
    writes = context is not None and (context.isinsert or context.isupdate or context.isdelete)
    if conn.dialect.name == "sqlite" and (writes or not OPENS_NO_TRANSACTION.match(statement)):
        driver: Any = conn.connection.driver_connection
        if not driver.in_transaction:
            with BEGINNING:
                cursor.execute("BEGIN IMMEDIATE")
