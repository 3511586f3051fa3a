"""The facts of customers, kept up to date: one row each, and how they stood at the end of every past day.

Database triggers list whose facts have changed (migration 0007), and a row says until when it holds if nothing
happens. Whoever reads one customer's facts brings them up to date first; lists and counts call `refresh`.

What is written here can be computed again at any time, so it is committed at once in a transaction of its own, but
inside a transaction that has written already, such as the ledger's: there it becomes part of it, and what that
transaction did is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from flask import current_app
from sqlalchemy import (
    BigInteger,
    Connection,
    Date,
    Row,
    Select,
    Table,
    bindparam,
    delete,
    exists,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from console.customers.fact_models import CustomerFacts, CustomerFactsDay, FactChange
from console.customers.fact_queries import COMPUTED, FACTS, facts_as_of
from console.customers.fact_sql import Which, midnight, one_of, parameters
from console.customers.tokens import table_of
from console.db import db
from console.web import zone

Value = bool | int | str | datetime | None
AT_ONCE = 500  # customers in one transaction
SKEW = timedelta(minutes=1)  # between the clocks of two machines
LOCKS = 0xFAC75 << 40  # PostgreSQL's advisory locks: from here on, one for each customer

NOW, DAYS, CHANGES = table_of(CustomerFacts), table_of(CustomerFactsDay), table_of(FactChange)


def facts_of(customer_id: int, now: datetime) -> dict[str, Value]:
    """What is known of a customer, by the names of the fields. One statement when it is up to date.

    A customer who is not there has no facts: an empty dictionary. `now` is aware.
    """
    row = stored(customer_id)
    if row is None or not is_fresh(row, now):
        with writing() as connection:
            refresh_some(connection, [customer_id], now)
        row = stored(customer_id)
    return {name: getattr(row, name) for name in FACTS} if row else {}


def stored(customer_id: int) -> Row[Any] | None:
    return db.session.execute(stored_row(), {"customer_id": customer_id}).first()


@cache
def stored_row() -> Select[Any]:
    given = bindparam("customer_id", type_=BigInteger)
    changed = exists().where(CHANGES.c.customer_id == given)
    return select(NOW, changed.label("changed")).where(NOW.c.customer_id == given)


def is_fresh(row: Row[Any], now: datetime) -> bool:
    lasts = row.valid_until is None or row.valid_until > now
    return lasts and not row.changed and row.as_of <= now + SKEW


def facts_at(customer_ids: Sequence[int], moment: datetime) -> dict[int, dict[str, Value]]:
    """The facts as they were at any moment, from what they are made of. The scores are those of the latest rebuild."""
    found: dict[int, dict[str, Value]] = {}
    for start in range(0, len(customer_ids), AT_ONCE):
        some = list(customer_ids[start : start + AT_ONCE])
        rows = db.session.execute(computed(one_of), {"ids": some} | given(moment))
        found |= {row.customer_id: {name: getattr(row, name, None) for name in FACTS} for row in rows}
        for row in db.session.execute(select(NOW).where(NOW.c.customer_id.in_(some))):
            found[row.customer_id] |= {name: getattr(row, name) for name in FACTS if name not in COMPUTED}
    return found


def facts_on(customer_ids: Sequence[int], day: date) -> dict[int, dict[str, Value]]:
    """The facts at the end of a past day, as they were written down then; who was not known then is left out."""
    found: dict[int, dict[str, Value]] = {}
    for start in range(0, len(customer_ids), AT_ONCE):
        some = customer_ids[start : start + AT_ONCE]
        rows = db.session.execute(select(DAYS).where(DAYS.c.customer_id.in_(some), DAYS.c.day == latest_day(day)))
        found |= {row.customer_id: {name: getattr(row, name) for name in FACTS} for row in rows}
    return found


def latest_day(day: date) -> Any:
    """The last day up to `day` on which the facts of the customer in the statement around it changed."""
    earlier = DAYS.alias("earlier")
    return (
        select(func.max(earlier.c.day))
        .where(earlier.c.customer_id == DAYS.c.customer_id, earlier.c.day <= day)
        .correlate(DAYS)
        .scalar_subquery()
    )


def refresh(now: datetime, limit: int | None = None) -> int:
    """Bring up to date what has changed or run out, `limit` customers at most; returns how many it was.

    Days that passed unseen are written down as they were. Call it before asking about all customers at once.
    """
    done = 0
    while limit is None or done < limit:
        most = AT_ONCE if limit is None else min(AT_ONCE, limit - done)
        due = stale(now, most)
        if due:
            with writing() as connection:
                catch_up(connection, due, now)
                refresh_some(connection, due, now)
        done += len(due)
        if len(due) < most:
            break
    return done


def stale(now: datetime, most: int) -> list[int]:
    """Customers whose facts are not up to date: first those about whom something has changed."""
    changed = select(CHANGES.c.customer_id).distinct().order_by(CHANGES.c.customer_id).limit(most)
    found = list(db.session.scalars(changed))
    if len(found) < most:
        ran_out = select(NOW.c.customer_id).where(NOW.c.valid_until <= now, NOW.c.as_of < now)
        found += db.session.scalars(ran_out.order_by(NOW.c.valid_until).limit(most - len(found)))
    return sorted(set(found))


def stale_count(now: datetime) -> int:
    changed = select(CHANGES.c.customer_id)
    ran_out = select(NOW.c.customer_id).where(NOW.c.valid_until <= now, NOW.c.as_of < now)
    return db.session.scalar(select(func.count()).select_from(changed.union(ran_out).subquery())) or 0


@contextmanager
def writing() -> Iterator[Connection]:
    """The session's connection if it has written something, so that this is seen; else one that commits by itself."""
    connection = db.session.connection()
    if has_written(connection):
        yield connection
    else:
        with db.engine.begin() as own:
            yield own


def has_written(connection: Connection) -> bool:
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        return bool(driver.in_transaction)
    return bool(connection.scalar(text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")))


def catch_up(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Write down the days that went by since a count dropped by itself and nobody looked, each as it ended."""
    today = now.astimezone(zone()).date()
    begun = midnight(today, zone())
    hold(connection, ids)
    after = datetime.min.replace(tzinfo=now.tzinfo)
    while True:
        due = select(NOW.c.customer_id, NOW.c.valid_until).where(
            NOW.c.customer_id.in_(ids), NOW.c.valid_until < begun, NOW.c.valid_until > after
        )
        first = connection.execute(due.order_by(NOW.c.valid_until).limit(1)).first()
        if first is None:
            return
        day = first.valid_until.astimezone(zone()).date()
        after = end_of(day)
        some = list(connection.scalars(due.with_only_columns(NOW.c.customer_id).where(NOW.c.valid_until <= after)))
        compute(connection, NOW, one_of, {"ids": some}, after)
        write_day(connection, NOW, one_of, {"ids": some}, day)


def end_of(day: date) -> datetime:
    """The last second of a local day."""
    return midnight(day + timedelta(days=1), zone()) - timedelta(seconds=1)


def refresh_some(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Compute the facts of these customers and write them down, today's row included.

    A change counts as seen before the facts are read: whatever is committed later stays on the list.
    """
    hold(connection, ids)
    which = {"ids": list(ids)}
    connection.execute(delete(CHANGES).where(one_of(CHANGES.c.customer_id)), which)
    compute(connection, NOW, one_of, which, now)
    write_day(connection, NOW, one_of, which, now.astimezone(zone()).date())


def hold(connection: Connection, ids: Sequence[int]) -> None:
    """Let nobody else refresh these customers until the commit, or older facts could be written over newer ones.

    SQLite has one writer at a time. The order is the same for everybody, so nobody waits in a circle.
    """
    if connection.dialect.name == "postgresql":
        locks = "SELECT pg_advisory_xact_lock(:locks + id) FROM unnest(CAST(:ids AS BIGINT[])) AS id"
        connection.execute(text(locks), {"locks": LOCKS, "ids": sorted(ids)})


def compute(connection: Connection, target: Table, which: Which, chosen: dict[str, Any], as_of: datetime) -> None:
    """Write the facts as of a moment into `target`, which is customer_facts or a table like it."""
    statement = upsert(target, which, connection.dialect.name)
    with planned_once(connection):
        connection.execute(statement, chosen | given(as_of))


@contextmanager
def planned_once(connection: Connection) -> Iterator[None]:
    """PostgreSQL takes 5 ms to plan this statement and 1 to run it; so each connection plans it for all customers."""
    if connection.dialect.name == "sqlite":
        yield
        return
    set_mode = text("SELECT set_config('plan_cache_mode', :mode, true)")
    connection.execute(set_mode, {"mode": "force_generic_plan"})
    yield
    connection.execute(set_mode, {"mode": "auto"})


def given(as_of: datetime) -> dict[str, Any]:
    return parameters(as_of, zone(), current_app.config["DEFAULT_CURRENCY"])


@cache
def computed(which: Which) -> Select[Any]:
    return facts_as_of(which)


@cache
def upsert(target: Table, which: Which, dialect: str) -> Any:
    query = computed(which)
    names = [one.name for one in query.selected_columns]
    insert = (insert_sqlite if dialect == "sqlite" else insert_postgresql)(target)
    return insert.from_select(names, query).on_conflict_do_update(
        index_elements=["customer_id"],
        set_={name: insert.excluded[name] for name in names if name != "customer_id"},
    )


def write_day(connection: Connection, source: Table, which: Which, chosen: dict[str, Any], day: date) -> None:
    """Write the rows of `source` down as that day's where they differ from what was known before."""
    connection.execute(day_rows(source, which, connection.dialect.name), chosen | {"day": day})


@cache
def day_rows(source: Table, which: Which, dialect: str) -> Any:
    day = bindparam("day", type_=Date)
    before, latest = DAYS.alias("before"), DAYS.alias("latest")
    last = select(func.max(latest.c.day)).where(latest.c.customer_id == source.c.customer_id, latest.c.day <= day)
    same = exists().where(
        before.c.customer_id == source.c.customer_id,
        before.c.day == last.correlate(source).scalar_subquery(),
        *(before.c[name].is_not_distinct_from(source.c[name]) for name in FACTS),
    )
    names = ["customer_id", "day", *FACTS]
    rows = select(source.c.customer_id, day.label("day"), *(source.c[name] for name in FACTS)).where(
        which(source.c.customer_id), ~same
    )
    insert = (insert_sqlite if dialect == "sqlite" else insert_postgresql)(DAYS)
    return insert.from_select(names, rows).on_conflict_do_update(
        index_elements=["customer_id", "day"], set_={name: insert.excluded[name] for name in FACTS}
    )
