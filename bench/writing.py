"""Rows into a database by the thousand: COPY on PostgreSQL, executemany on SQLite, in the session's transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.types import Date, Time

from console.customers.tokens import table_of
from console.db import Base, UtcDateTime, db

Row = Sequence[Any]


def next_id(model: type[Base]) -> int:
    return (db.session.scalar(select(func.max(model.id))) or 0) + 1


def write_rows(model: type[Base], names: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert rows of the columns `names`. JSON columns take text; Python's defaults of a column are not applied."""
    if not rows:
        return
    connection: Any = db.session.connection().connection.driver_connection
    if db.engine.dialect.name == "postgresql":
        statement = f"COPY {model.__tablename__} ({', '.join(names)}) FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
        return
    if not connection.in_transaction:
        connection.execute("BEGIN IMMEDIATE")
    statement = f"INSERT INTO {model.__tablename__} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    connection.executemany(statement, as_sqlite_keeps(model, names, rows))


def as_sqlite_keeps(model: type[Base], names: Sequence[str], rows: Sequence[Row]) -> Iterator[Row]:
    """Dates and times as the text that SQLAlchemy writes and reads back."""
    columns = table_of(model).columns
    places = [(place, write) for place, name in enumerate(names) if (write := text_of(columns[name].type))]
    for row in rows:
        kept = list(row)
        for place, write in places:
            if kept[place] is not None:
                kept[place] = write(kept[place])
        yield kept


def text_of(kind: Any) -> Callable[[Any], str] | None:
    if isinstance(kind, UtcDateTime):
        return lambda moment: moment.isoformat(" ", "microseconds")[:26]
    if isinstance(kind, Time):
        return lambda clock: clock.isoformat("microseconds")
    return date.isoformat if isinstance(kind, Date) else None


def finish(models: Sequence[type[Base]]) -> None:
    """Let PostgreSQL number on after what was written, and let both engines know what is in the tables."""
    if db.engine.dialect.name == "postgresql":
        for model in models:
            table = model.__tablename__
            sequence = f"pg_get_serial_sequence('{table}', 'id')"
            db.session.execute(text(f"SELECT setval({sequence}, coalesce(max(id), 0) + 1, false) FROM {table}"))
    db.session.execute(text("ANALYZE"))
    db.session.commit()
    if db.engine.dialect.name == "postgresql":
        # What a server in service has long behind it; else the first minutes of a bench wait for the disk.
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM"))
            connection.execute(text("CHECKPOINT"))
