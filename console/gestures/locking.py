"""The ledger's locks: a row for each agent, customer, household, team, gesture, policy and interaction.

Whoever holds it may spend its limits until the commit. SQLite has one writer at a time anyway; there the
first write, which is the lock's, begins the transaction with BEGIN IMMEDIATE. PostgreSQL locks the rows, in
sorted order so that two transactions never wait for each other, and must run at READ COMMITTED, where each
statement sees what earlier holders committed (REPEATABLE READ overshoots: its snapshot is older than the lock).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import OperationalError

from console.db import db
from console.errors import DomainError
from console.gestures.models import LedgerLock


class Busy(DomainError):
    """The database did not give the lock in time; nothing was written, and the same key may be tried again."""


@contextmanager
def transaction() -> Iterator[None]:
    """One transaction of the ledger: everything inside is committed together, or nothing is.

    What the caller has read is forgotten and what it has flushed is committed first; unflushed changes raise
    RuntimeError, because they would ride along unseen.
    """
    session = db.session
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("commit or flush before calling the ledger: it commits a transaction of its own")
    session.commit()
    try:
        yield
        session.commit()
    except OperationalError as problem:
        session.rollback()
        raise Busy("The ledger is busy. Nothing was booked; try again in a moment.") from problem
    except BaseException:
        session.rollback()
        raise


def lock(subjects: set[str], now: datetime) -> datetime:
    """Hold the subjects' lock rows until the commit; returns the latest moment any of them has seen, or `now`.

    Everybody locks the interaction in a call of its own after all the others, because it is found under the
    customer's lock; so the order stays one.
    """
    connection = db.session.connection()
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite and connection.dialect.default_isolation_level != "READ COMMITTED":
        raise RuntimeError("the ledger needs PostgreSQL's READ COMMITTED; limits do not hold at another level")
    insert = insert_sqlite if is_sqlite else insert_postgresql
    rows = [{"subject": subject, "last_at": now} for subject in sorted(subjects)]
    db.session.execute(insert(LedgerLock).values(rows).on_conflict_do_nothing(index_elements=["subject"]))
    seen = db.session.scalars(
        select(LedgerLock.last_at)
        .where(LedgerLock.subject.in_(subjects))
        .order_by(LedgerLock.subject)
        .with_for_update()
    ).all()
    return max(now, *seen)


def stamp(subjects: set[str], now: datetime) -> None:
    """Note the moment on the held rows, so that a subject's time never runs backwards and no window opens again."""
    db.session.execute(
        update(LedgerLock)
        .where(LedgerLock.subject.in_(subjects))
        .values(last_at=now)
        .execution_options(synchronize_session=False)
    )
