"""Everybody's facts at once: computed afresh as of now, and for past days from the tables that they are made of.

Both go through the customers some at a time and commit in between, so that memory stays small and nobody waits long
for SQLite's one write lock. Both may be stopped and started again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from flask import current_app
from sqlalchemy import Column, Connection, Delete, Integer, MetaData, Table, delete, func, insert, select, update

from console.customers.fact_queries import SCORES
from console.customers.fact_sql import between, one_of
from console.customers.facts import AT_ONCE, CHANGES, DAYS, NOW, compute, end_of, hold, write_day
from console.customers.models import Customer
from console.db import BigKey, db
from console.web import zone

RANGE = 1_000  # customers in one transaction
A_DAY = 20  # one of so many customers is taken to change on a day, for the progress bar
Step = Callable[[int], object]  # how much more of `work` is done

TEMPORARY = MetaData()
# The facts as of the day that is being filled in.
THEN = Table(
    "facts_then",
    TEMPORARY,
    Column("customer_id", BigKey, primary_key=True, autoincrement=False),
    *(Column(one.name, one.type) for one in NOW.columns if one.name not in {"id", "customer_id"}),
    prefixes=["TEMPORARY"],
)
SCORED = Table(
    "facts_scored",
    TEMPORARY,
    Column("customer_id", BigKey, primary_key=True, autoincrement=False),
    *(Column(name, Integer) for name in SCORES),
    prefixes=["TEMPORARY"],
)


def work(days: int) -> int:
    """How much there is to do for `rebuild`, and for `rebuild_days` before it if there are days."""
    customers = db.session.scalar(select(func.count()).select_from(Customer)) or 0
    return customers * (4 if days else 2) + days * (customers // A_DAY)


def rebuild(now: datetime, step: Step) -> None:
    """Compute everybody's facts and score everybody against all others."""
    today = now.astimezone(zone()).date()
    with db.engine.connect() as connection:
        outdated = delete(CHANGES).where(between(CHANGES.c.customer_id))
        write_everybody(connection, NOW, now, today, outdated, step)
        forget(connection)


def rebuild_days(days: int, now: datetime, step: Step) -> None:
    """Write the last `days` days' facts down afresh, each as it ended, but for today's.

    What keeps no history (see fact_queries.py) is taken as it is now, and the scores as they stood on the first day. A
    run that was stopped goes on with the day that it had reached, if it had begun as early as is asked for now.
    """
    today = now.astimezone(zone()).date()
    asked = today - timedelta(days=days)
    began, first = stopped() or (asked, asked)
    if began > asked:
        began, first = asked, asked
    first = max(first, asked)
    step(((first - today).days + days) * work_of_a_day())
    with db.engine.connect() as connection:
        forget(connection)
        with connection.begin():
            THEN.create(connection)
        outdated = delete(DAYS).where(between(DAYS.c.customer_id), DAYS.c.day >= first, DAYS.c.day < today)
        write_everybody(connection, THEN, end_of(first), first, outdated, step)
        for number in range((today - first).days):
            day = first + timedelta(days=number)
            if number:
                changed_on(connection, day)
            marker().write_text(f"{began.isoformat()} {day.isoformat()}")
            step(work_of_a_day())
        forget(connection)
    marker().unlink(missing_ok=True)


def write_everybody(
    connection: Connection, facts: Table, moment: datetime, day: date, outdated: Delete, step: Step
) -> None:
    """Everybody's facts at a moment of a day, in place of what is `outdated`, and the day that they make."""
    for ids in everybody(connection):
        with connection.begin():
            hold(connection, ids)
            connection.execute(outdated, ends(ids))
            compute(connection, facts, between, ends(ids), moment)
        step(len(ids))
    score(connection, facts)
    for ids in everybody(connection):
        with connection.begin():
            hold(connection, ids)
            write_scores(connection, facts, ids)
            write_day(connection, facts, between, ends(ids), day)
        step(len(ids))


def changed_on(connection: Connection, day: date) -> None:
    """The facts of those for whom something changed on a day, as it ended."""
    with connection.begin():
        due = list(connection.scalars(select(THEN.c.customer_id).where(THEN.c.valid_until <= end_of(day))))
    for start in range(0, len(due), AT_ONCE):
        some = due[start : start + AT_ONCE]
        with connection.begin():
            hold(connection, some)
            compute(connection, THEN, one_of, {"ids": some}, end_of(day))
            write_day(connection, THEN, one_of, {"ids": some}, day)


def everybody(connection: Connection) -> Iterator[Sequence[int]]:
    """The ids of all customers, some at a time, in order."""
    last = 0
    while True:
        with connection.begin():
            ids = connection.scalars(
                select(Customer.id).where(Customer.id > last).order_by(Customer.id).limit(RANGE)
            ).all()
        if not ids:
            return
        yield ids
        last = ids[-1]


def ends(ids: Sequence[int]) -> dict[str, int]:
    return {"first": ids[0], "last": ids[-1]}


def score(connection: Connection, facts: Table) -> None:
    """Fifths among all who ordered: how lately, how often, for how much. 5 is the best."""
    row = facts.c
    orders = {
        "rfm_recency": (row.last_order_at, row.customer_id),
        "rfm_frequency": (row.orders_12m, row.orders_all, row.customer_id),
        "rfm_monetary": (row.spent_12m, row.spent_all, row.customer_id),
    }
    fifths = [func.ntile(5).over(order_by=orders[name]).label(name) for name in SCORES]
    scored = select(row.customer_id, *fifths).where(row.last_order_at.is_not(None))
    with connection.begin():
        SCORED.drop(connection, checkfirst=True)
        SCORED.create(connection)
        connection.execute(insert(SCORED).from_select(["customer_id", *SCORES], scored))


def write_scores(connection: Connection, facts: Table, ids: Sequence[int]) -> None:
    found = {
        name: select(SCORED.c[name]).where(SCORED.c.customer_id == facts.c.customer_id).scalar_subquery()
        for name in SCORES
    }
    connection.execute(update(facts).where(between(facts.c.customer_id)).values(found), ends(ids))


def forget(connection: Connection) -> None:
    with connection.begin():
        TEMPORARY.drop_all(connection)


def work_of_a_day() -> int:
    return (db.session.scalar(select(func.count()).select_from(Customer)) or 0) // A_DAY


def marker() -> Path:
    return Path(current_app.config["DATA_DIR"]) / "facts-rebuilt-to.txt"


def stopped() -> tuple[date, date] | None:
    """The first and the last day that a stopped run wrote down; the last is done again."""
    try:
        first, last = marker().read_text().split()
        return date.fromisoformat(first), date.fromisoformat(last)
    except (FileNotFoundError, ValueError):
        return None
