"""The ledger's locks: a row for each agent, customer, household, team, gesture, policy and interaction.

Whoever holds it may spend its limits until the commit. SQLite has one writer at a time anyway; there the
first write, which is the lock's, begins the transaction with BEGIN IMMEDIATE. PostgreSQL locks the rows, in
sorted order so that two transactions never wait for each other, and must run at READ COMMITTED, where each
statement sees what earlier holders committed (REPEATABLE READ overshoots: its snapshot is older than the lock).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from babel.dates import format_timedelta
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import OperationalError

from console.db import db, utc_now
from console.empowerment.models import Suspension
from console.errors import DomainError
from console.gestures.models import LedgerEntry, LedgerLock
from console.web import locale

AHEAD = timedelta(hours=24)  # of the newest booking: from there on a moment is believed only while two clocks agree
APART = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=1)  # for a lock; what is further ahead was written by a wrong clock


class Busy(DomainError):
    """The database did not give the lock in time; nothing was written, and the same key may be tried again."""


class WrongClock(DomainError):
    """This server's clock and the database's disagree; nothing was written."""


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

    What waited until a kill switch was lifted is of no moment before that, when it was still stopped.

    Everybody locks the interaction in a call of its own after all the others, because it is found under the
    customer's lock; so the order stays one. Raises WrongClock.
    """
    connection = db.session.connection()
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite and connection.dialect.default_isolation_level != "READ COMMITTED":
        raise RuntimeError("the ledger needs PostgreSQL's READ COMMITTED; limits do not hold at another level")
    insert = insert_sqlite if is_sqlite else insert_postgresql
    rows = [{"subject": subject, "last_at": now} for subject in sorted(subjects)]
    db.session.execute(insert(LedgerLock).values(rows).on_conflict_do_nothing(index_elements=["subject"]))
    newest = select(func.max(LedgerEntry.booked_at)).scalar_subquery()
    lifted = select(func.max(Suspension.lifted_at)).scalar_subquery()
    found = db.session.execute(
        select(LedgerLock.last_at, newest, lifted)
        .where(LedgerLock.subject.in_(subjects))
        .order_by(LedgerLock.subject)
        .with_for_update()
    ).all()
    booked, lifted_at = found[0][1:]
    if booked is None or now - booked > AHEAD:
        compare_clocks()
    waited_for = lifted_at if lifted_at and lifted_at - now < LONGEST_WAIT else now
    latest: datetime = max(now, waited_for, *(row[0] for row in found))
    return latest


def compare_clocks() -> None:
    """Or one clock far ahead would stamp its subjects for good. Raises WrongClock."""
    began = utc_now()
    there = database_clock()
    apart = max(began - there, timedelta(0)) or min(utc_now() - there, timedelta(0))  # however long the answer took
    if abs(apart) > APART:
        how = f"{format_timedelta(abs(apart), locale=locale())} {'ahead of' if apart > APART else 'behind'}"
        raise WrongClock(
            f"This server's clock is {how} the database's, so nothing was booked."
            " Tell an administrator; once it is set right, try again."
        )


def database_clock() -> datetime:
    """SQLite has none of its own: there both are the one machine's, and nothing can be compared."""
    if db.session.connection().dialect.name == "sqlite":
        return utc_now()
    now: datetime = db.session.scalars(select(func.clock_timestamp())).one()
    return now


def stamp(subjects: set[str], now: datetime) -> None:
    """Note the moment on the held rows, so that a subject's time never runs backwards and no window opens again."""
    db.session.execute(
        update(LedgerLock)
        .where(LedgerLock.subject.in_(subjects))
        .values(last_at=now)
        .execution_options(synchronize_session=False)
    )
