"""The facts that SQL finds are those of plain Python, at any moment; and they hold for as long as they say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from console.customers import facts
from console.customers.fact_queries import COMPUTED
from console.customers.fact_sql import one_of
from console.customers.models import Customer
from console.db import db
from tests.fact_reference import LONDON, History
from tests.fact_reference import facts as reference
from tests.factories import make_customer
from tests.factories_facts import Till, put

NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)  # the clocks changed on 29 March
# Moments at and beside the edges of every window, and some that are still to come.
EDGES = (-40, -1, 0, 1, 13, 14, 15, 46, 59, 60, 61, 89, 90, 91, 179, 180, 181, 364, 365, 366, 500, 800)
moments = st.builds(
    lambda days, seconds: NOW - timedelta(days=days, seconds=seconds),
    st.sampled_from(EDGES),
    st.sampled_from((-1, 0, 1, 36_000, 50_000)),
)
after = st.sampled_from((0, 1, 60, 90, 364, 365)).map(lambda days: timedelta(days=days))
days = st.builds(lambda moment, more: (moment + timedelta(days=more)).date(), moments, st.integers(-3, 3))


def rows(**columns: Any) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(st.fixed_dictionaries(columns), max_size=5)


def settled(open_: str, done: str) -> st.SearchStrategy[tuple[str, datetime | None]]:
    return st.one_of(st.just((open_, None)), st.tuples(st.just(done), moments))


statuses = st.sampled_from(("processing", "shipped", "delivered", "delivered", "cancelled", "returned"))
histories = st.fixed_dictionaries(
    {
        "orders": st.lists(
            st.fixed_dictionaries(
                {
                    "placed_at": st.one_of(moments, moments, moments, st.none()),
                    "status": statuses,
                    "total_minor": st.sampled_from((-2000, 0, 900, 30_001, 250_000)),
                    "total_currency": st.sampled_from(("GBP", "GBP", "GBP", "EUR")),
                    "parcels": rows(
                        promised_on=st.one_of(days, st.none()),
                        delivered_at=st.one_of(moments, st.none()),
                        returned_at=st.one_of(st.none(), st.none(), moments),
                    ),
                }
            ),
            max_size=8,
        ),
        "complaints": rows(opened_at=moments, how=settled("open", "settled")),
        "interactions": rows(
            started_at=st.one_of(moments, st.none()),
            ended_at=st.one_of(moments, st.none()),
            state=st.sampled_from(("closed", "closed", "live")),
            resolved=st.sampled_from((True, False, None)),
            csat=st.one_of(st.none(), st.integers(1, 5)),
        ),
        "web_events": rows(at=moments, kind=st.sampled_from(("cart_abandoned", "page_seen"))),
        "boundaries": rows(
            created_at=moments, ended_at=st.one_of(st.none(), moments), kind=st.sampled_from(("no_gifts", "other"))
        ),
        "promises": rows(created_at=moments, due_at=moments, how=settled("open", "kept")),
        "entries": rows(
            booked_at=moments,
            cost=st.sampled_from((0, 520)),
            code=st.sampled_from(("GBP", "GBP", "EUR")),
            steps=st.one_of(
                st.tuples(),
                st.tuples(st.tuples(st.just("declined"), after)),
                st.tuples(st.tuples(st.just("granted"), after)),
                st.tuples(st.tuples(st.just("granted"), after), st.tuples(st.just("reversed"), after)),
            ),
        ),
    }
)
customers = st.fixed_dictionaries(
    {
        "tier": st.sampled_from(("standard", "silver", "gold")),
        "customer_since": st.one_of(st.none(), days),
        "consents": st.sampled_from(({}, {"marketing": True}, {"marketing": False})),
    }
)
EXAMPLES = settings(
    max_examples=35,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def live(session: Session, till: Till, customer: Customer, drawn: dict[str, Any]) -> History:
    """Write a drawn history down; returns its rows."""
    history: History = {"deliveries": []}
    for name in ("complaints", "interactions", "web_events", "boundaries", "promises", "orders"):
        history[name] = []
        for row in drawn[name]:
            plain = {key: value for key, value in row.items() if key not in {"how", "parcels"}}
            if "how" in row:
                plain["state"], plain["settled_at"] = row["how"]
            if name == "interactions" and plain["state"] == "live":
                plain["agent_id"] = None
            history[name].append(put(session, name, customer, **plain))
            for parcel in row.get("parcels", ()):
                history["deliveries"].append(put(session, "deliveries", order_id=history[name][-1]["id"], **parcel))
    history["entries"] = []
    for one in drawn["entries"]:
        steps = [(state, one["booked_at"] + wait) for state, wait in one["steps"]]
        history["entries"].append(till.book(customer, one["booked_at"], *steps, cost=one["cost"], code=one["code"]))
    return history


def moments_of(history: History) -> set[datetime]:
    """Every moment at which something happens: to be asked about exactly then."""
    columns = [value for rows in history.values() for row in rows for value in row.values()]
    steps = {at for entry in history["entries"] for _, at in entry["steps"]}
    return steps | {value for value in columns if isinstance(value, datetime)}


def computed(customer_id: int, moment: datetime) -> tuple[dict[str, Any], datetime | None]:
    row = db.session.execute(facts.computed(one_of), {"ids": [customer_id]} | facts.given(moment)).one()
    return {name: getattr(row, name) for name in COMPUTED}, row.valid_until


def test_sql_and_python_know_the_same_and_for_as_long(app: Flask, session: Session) -> None:
    till = Till(session)

    @EXAMPLES
    @given(customers, histories, moments, st.integers(0, 1000))
    def compare(person: dict[str, Any], drawn: dict[str, Any], asked: datetime, pick: int) -> None:
        customer = make_customer(session, **person)
        history = live(session, till, customer, drawn)
        session.commit()
        with app.app_context():
            happened = sorted(moments_of(history)) or [NOW]
            for moment in {NOW, asked, *happened[pick % len(happened) :: 4]}:
                known, until = computed(customer.id, moment)
                assert known == reference(person, history, moment)
                if until is not None and until > moment + timedelta(seconds=1):
                    later, _ = computed(customer.id, until - timedelta(seconds=1))
                    assert later == known

    compare()


def test_the_local_day_is_right_around_the_changes_of_the_clock(app: Flask, session: Session) -> None:
    """One second before midnight is in time, midnight is late: in winter time, and in summer time."""
    for promised, zone_midnight in ((date(2026, 3, 1), 0), (date(2026, 4, 20), -1)):
        for seconds, late in ((-1, 0), (0, 1)):
            customer = make_customer(session)
            order = put(session, "orders", customer, placed_at=NOW - timedelta(days=80))
            came = datetime.combine(promised + timedelta(days=1), datetime.min.time(), UTC)
            came += timedelta(hours=zone_midnight, seconds=seconds)
            assert came.astimezone(LONDON).date() - promised == timedelta(days=late)
            put(session, "deliveries", order_id=order["id"], promised_on=promised, delivered_at=came)
            session.commit()
            with app.app_context():
                assert computed(customer.id, NOW)[0]["late_90d"] == late
