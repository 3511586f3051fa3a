"""Facts of customers: fresh after every change, and as they were on every past day."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from console.customers import facts
from console.customers.fact_history import marker, rebuild_days
from console.customers.fact_models import CustomerFacts, CustomerFactsDay, FactChange, LifeCycle
from console.customers.fact_queries import COMPUTED
from console.customers.facts import facts_at, facts_of, facts_on, hold, refresh, refresh_some, stale_count
from console.customers.models import Account, Complaint, Customer, Delivery, Tier
from console.db import db
from tests.factories import make_customer, make_user
from tests.factories_facts import TABLES, Till, put
from tests.listening import statements

NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
Change = Callable[[Session, Customer, Till], Any]


def known(app: Flask, customer: Customer, now: datetime = NOW) -> dict[str, Any]:
    with app.app_context():
        return facts_of(customer.id, now)


def days_of(session: Session, customer: Customer) -> list[date]:
    rows = select(CustomerFactsDay.day).where(CustomerFactsDay.customer_id == customer.id)
    return list(session.scalars(rows.order_by(CustomerFactsDay.day)))


def test_of_a_customer_without_any_history_everything_is_nought_or_unknown(app: Flask, session: Session) -> None:
    customer = make_customer(session, account=Account(name="Firm"), tier=Tier.GOLD, country="GB", language="cy")
    session.commit()
    found = known(app, customer)
    assert (found["stage"], found["value_band"], found["is_business"]) == (LifeCycle.PROSPECT, None, True)
    assert (found["tier"], found["country"], found["language"]) == (Tier.GOLD, "GB", "cy")
    rest = set(found) - {"stage", "is_business", "tier", "country", "language"}
    assert {found[name] for name in rest} <= {None, False}
    assert known(app, Customer(id=10**9)) == {}


def test_a_fresh_row_costs_one_statement_and_a_stale_one_few(app: Flask, session: Session) -> None:
    customer = make_customer(session)
    session.commit()
    with app.app_context():
        with statements() as seen:
            facts_of(customer.id, NOW)
        assert len(seen) <= 9  # PostgreSQL is asked twice more: has the session written, and the lock
        with statements() as seen:
            facts_of(customer.id, NOW + DAY)
        assert len(seen) == 1


ORDER: dict[str, Any] = {"placed_at": NOW - DAY}
CHANGES: dict[str, tuple[str, Change, Any]] = {
    "an order": ("orders_all", lambda s, c, t: put(s, "orders", c, **ORDER), 1),
    "an amount": (
        "spent_12m",
        lambda s, c, t: put(s, "orders", c, **ORDER) and s.execute(update(TABLES["orders"]).values(total_minor=7)),
        7,
    ),
    "a late parcel": (
        "worst_delay_days",
        lambda s, c, t: put(
            s, "deliveries", order_id=put(s, "orders", c, **ORDER)["id"], promised_on=date(2026, 5, 10),
            delivered_at=NOW - DAY,
        ),
        3,
    ),
    "a complaint": ("open_complaints", lambda s, c, t: put(s, "complaints", c, opened_at=NOW), 1),
    "a conversation": ("interactions_14d", lambda s, c, t: put(s, "interactions", c, started_at=NOW), 1),
    "a basket": ("open_basket", lambda s, c, t: put(s, "web_events", c, at=NOW), True),
    "a boundary": ("no_gifts", lambda s, c, t: put(s, "boundaries", c, created_at=NOW), True),
    "a promise": (
        "broken_promises", lambda s, c, t: put(s, "promises", c, created_at=NOW - DAY, due_at=NOW - DAY / 2), 1
    ),
    "a gesture": ("gestures_90d", lambda s, c, t: t.book(c, NOW - DAY, ("granted", NOW - DAY)), 1),
    "a refused gesture": ("gestures_declined_12m", lambda s, c, t: t.book(c, NOW - DAY, ("declined", NOW - DAY)), 1),
    "the tier": ("tier", lambda s, c, t: s.execute(update(Customer).values(tier=Tier.SILVER)), Tier.SILVER),
    "a consent": (
        "marketing_consent", lambda s, c, t: s.execute(update(Customer).values(consents={"marketing": True})), True
    ),
}  # fmt: skip


def test_every_change_is_seen_at_the_next_look(app: Flask, session: Session) -> None:
    till = Till(session)
    for name, (fact, change, value) in CHANGES.items():
        customer = make_customer(session)
        session.commit()
        assert known(app, customer)[fact] != value, name
        change(session, customer, till)
        session.commit()
        assert known(app, customer)[fact] == value, name
        with app.app_context():
            refresh(NOW)


def test_what_is_deleted_or_given_to_somebody_else_is_seen_for_both(app: Flask, session: Session) -> None:
    first, second = make_customer(session), make_customer(session)
    moved, gone = put(session, "orders", first, **ORDER), put(session, "complaints", first, opened_at=NOW)
    parcel = put(session, "deliveries", order_id=moved["id"], promised_on=date(2026, 5, 10), delivered_at=NOW)
    session.commit()
    before = known(app, first)
    assert [before[name] for name in ("orders_all", "open_complaints", "late_90d")] == [1, 1, 1]
    assert known(app, second)["orders_all"] == 0
    session.execute(update(TABLES["orders"]).values(customer_id=second.id))
    session.execute(delete(Complaint).where(Complaint.id == gone["id"]))
    session.commit()
    after = known(app, first)
    assert [after[name] for name in ("orders_all", "open_complaints", "late_90d")] == [0, 0, 0]
    assert known(app, second)["late_90d"] == 1
    session.execute(delete(Delivery).where(Delivery.id == parcel["id"]))
    session.commit()
    assert known(app, second)["late_90d"] == 0


def test_an_interaction_that_is_only_held_leaves_the_facts_alone(app: Flask, session: Session) -> None:
    customer = make_customer(session)
    put(session, "interactions", customer, state="live", started_at=NOW)
    session.commit()
    known(app, customer)
    session.execute(update(TABLES["interactions"]).values(state="live", subject="Lamp"))
    session.execute(update(Customer).values(city="Leeds"))
    session.commit()
    assert session.scalars(select(FactChange)).all() == []


def test_counts_drop_and_things_fall_due_by_themselves(app: Flask, session: Session) -> None:
    customer = make_customer(session)
    put(session, "interactions", customer, started_at=NOW - 13 * DAY)
    put(session, "promises", customer, created_at=NOW - DAY, due_at=NOW + timedelta(hours=2))
    order = put(session, "orders", customer, placed_at=NOW - 3 * DAY, status="shipped")
    put(session, "deliveries", order_id=order["id"], promised_on=date(2026, 5, 14))
    session.commit()

    def look(after: timedelta) -> tuple[Any, ...]:
        found = known(app, customer, NOW + after)
        return found["interactions_14d"], found["broken_promises"], found["worst_delay_days"], found["orders_90d"]

    assert look(timedelta(0)) == (1, 0, 0, 1)
    assert look(timedelta(hours=2)) == (1, 0, 0, 1)
    assert look(timedelta(hours=2, seconds=1)) == (1, 1, 0, 1)
    assert look(timedelta(hours=12, minutes=59)) == (1, 1, 0, 1)
    assert look(timedelta(hours=13)) == (1, 1, 1, 1)  # midnight in London
    assert look(DAY) == (0, 1, 1, 1)
    assert look(87 * DAY) == (0, 1, 87, 0)


def test_facts_are_as_they_were_known_at_the_moment(app: Flask, session: Session) -> None:
    till = Till(session)
    customer = make_customer(session)
    put(session, "complaints", customer, state="settled", opened_at=NOW - 20 * DAY, settled_at=NOW - 10 * DAY)
    till.book(customer, NOW - 30 * DAY, ("granted", NOW - 29 * DAY), ("reversed", NOW - 5 * DAY))
    put(session, "boundaries", customer, created_at=NOW - 8 * DAY, ended_at=NOW - 2 * DAY)
    session.commit()
    with app.app_context():

        def at(days: float) -> list[Any]:
            found = facts_at([customer.id], NOW - days * DAY)[customer.id]
            return [found[name] for name in ("open_complaints", "gestures_90d", "no_gifts", "reversals_12m")]

        assert at(31) == [0, 0, False, 0]
        assert at(29.5) == [0, 0, False, 0]  # held, not given yet
        assert at(15) == [1, 1, False, 0]
        assert at(7) == [0, 1, True, 0]
        assert at(1) == [0, 0, False, 1]
        # At the very moment, it has happened.
        assert (at(20)[0], at(10)[0]) == (1, 0)
        assert (at(29)[1], at(5)[1], at(5)[3]) == (1, 0, 1)
        assert (at(8)[2], at(2)[2]) == (True, False)


def test_a_day_is_written_down_when_something_differs_and_kept(app: Flask, session: Session) -> None:
    customer = make_customer(session)
    session.commit()
    known(app, customer, NOW - 5 * DAY)
    put(session, "complaints", customer, opened_at=NOW - 3 * DAY)
    session.commit()
    known(app, customer, NOW - 3 * DAY)
    put(session, "interactions", customer, started_at=NOW - 3 * DAY)
    session.commit()
    known(app, customer, NOW - 3 * DAY)  # the same day again
    session.execute(update(Customer).values(tier=Tier.STANDARD))
    known(app, customer, NOW)
    today = NOW.date()
    assert days_of(session, customer) == [today - 5 * DAY, today - 3 * DAY]
    with app.app_context():
        assert facts_on([customer.id], today - 6 * DAY) == {}
        for days, opened in ((5, 0), (4, 0), (3, 1), (0, 1)):
            assert facts_on([customer.id], today - days * DAY)[customer.id]["open_complaints"] == opened
        assert facts_on([customer.id], today)[customer.id]["interactions_14d"] == 1


def test_a_refresh_catches_up_on_days_that_nobody_saw(app: Flask, session: Session) -> None:
    customer = make_customer(session)
    for days in (13, 11):
        put(session, "interactions", customer, started_at=NOW - days * DAY)
    session.commit()
    with app.app_context():
        refresh(NOW)
        assert refresh(NOW) == 0
        assert refresh(NOW + 10 * DAY) == 1
        by_day = [facts_on([customer.id], NOW.date() + days * DAY)[customer.id] for days in range(5)]
    assert [one["interactions_14d"] for one in by_day] == [2, 1, 1, 0, 0]


def test_refreshing_everybody_goes_in_bounded_batches(app: Flask, session: Session, monkeypatch: Any) -> None:
    monkeypatch.setattr(facts, "AT_ONCE", 3)
    people = [make_customer(session) for _ in range(8)]
    gone = make_customer(session)
    session.delete(gone)
    session.commit()
    with app.app_context():
        assert stale_count(NOW) == 9
        assert refresh(NOW, limit=4) == 4
        assert refresh(NOW) == 5
        assert (stale_count(NOW), refresh(NOW)) == (0, 0)
    assert set(session.scalars(select(CustomerFacts.customer_id))) == {one.id for one in people}


def test_inside_a_transaction_that_has_written_its_own_words_are_seen_and_go_with_it(
    app: Flask, session: Session
) -> None:
    customer = make_customer(session)
    session.commit()
    known(app, customer)
    with app.app_context():
        db.session.add(Complaint(customer_id=customer.id, text="Scratched", opened_at=NOW))
        db.session.flush()
        assert facts_of(customer.id, NOW)["open_complaints"] == 1
        db.session.rollback()
        assert facts_of(customer.id, NOW)["open_complaints"] == 0
    # And what is found by itself is kept without anybody committing.
    assert session.scalars(select(CustomerFacts.customer_id)).all() == [customer.id]


def test_refreshers_at_once_lose_no_change(app: Flask, session: Session) -> None:
    customer = make_customer(session)
    session.commit()
    failures: list[BaseException] = []

    def write() -> None:
        with app.app_context():
            try:
                for _ in range(12):
                    put(db.session, "complaints", customer, opened_at=NOW)  # type: ignore[arg-type]
                    db.session.commit()
                    facts_of(customer.id, NOW)
                    db.session.rollback()
            except BaseException as problem:
                failures.append(problem)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert known(app, customer)["open_complaints"] == 48
    assert session.scalars(select(FactChange)).all() == []


def test_on_postgresql_one_refresher_waits_for_the_other(app: Flask, session: Session) -> None:
    """Else older facts could be written over newer ones. SQLite has one writer at a time anyway."""
    customer = make_customer(session)
    session.commit()
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            return
        with db.engine.begin() as one, db.engine.begin() as other:
            refresh_some(one, [customer.id], NOW)
            other.execute(text("SET LOCAL lock_timeout = 20"))
            with pytest.raises(OperationalError, match="advisory"):
                hold(other, [customer.id])


@pytest.fixture
def shop(session: Session) -> list[Customer]:
    """Ten customers with ever more orders, and one with none."""
    make_user(session)
    people = [make_customer(session) for _ in range(11)]
    for number, customer in enumerate(people):
        for place in range(number):
            put(session, "orders", customer, placed_at=NOW - (2 + 3 * place + 40 / number) * DAY, total_minor=900)
    session.commit()
    return people


def test_a_rebuild_scores_everybody_against_the_others(app: Flask, session: Session, shop: list[Customer]) -> None:
    result = app.test_cli_runner().invoke(args=["facts", "rebuild"])
    assert result.exit_code == 0, result.output
    session.expire_all()
    rows = list(session.scalars(select(CustomerFacts).order_by(CustomerFacts.customer_id)))
    assert [row.rfm_frequency for row in rows] == [None, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert [row.rfm_monetary for row in rows] == [None, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert {row.rfm_recency for row in rows} == {None, 1, 2, 3, 4, 5}
    assert session.scalars(select(FactChange)).all() == []
    with app.app_context():
        put(db.session, "orders", shop[10], placed_at=datetime.now(UTC))  # type: ignore[arg-type]
        db.session.commit()
        assert facts_of(shop[10].id, datetime.now(UTC))["rfm_frequency"] == 5  # kept until the next one


def test_past_days_are_filled_in_from_what_happened(app: Flask, shop: list[Customer], tmp_path: Path) -> None:
    ids = [one.id for one in shop]
    app.config["DATA_DIR"] = tmp_path  # where the marker lies: the other engine's test may run at this moment
    with app.app_context():
        rebuild_days(30, NOW, lambda done: None)
        compare_with_the_tables(ids)
        rows = db.session.scalar(select(db.func.count()).select_from(CustomerFactsDay))
        assert rows is not None and rows < 11 * 30 / 2  # only where something changed
        # Stopped on the way, it goes on with the day it had reached.
        marker().write_text(f"{NOW.date() - 31 * DAY} {NOW.date() - 12 * DAY}")
        db.session.execute(delete(CustomerFactsDay).where(CustomerFactsDay.day > NOW.date() - 12 * DAY))
        db.session.execute(text("UPDATE customer_facts_days SET orders_all = 77 WHERE day = (SELECT min(day) FROM"
                                " customer_facts_days)"))  # fmt: skip
        db.session.commit()
        rebuild_days(30, NOW, lambda done: None)
        assert not marker().exists()
        assert facts_on(ids, NOW.date() - 30 * DAY)[ids[3]]["orders_all"] == 77
        later = facts_on(ids, NOW.date() - DAY)
        assert later[ids[5]]["orders_12m"] == facts_at(ids, facts.end_of(NOW.date() - DAY))[ids[5]]["orders_12m"]
        # But not when it had begun later than is asked for now: the days before would be missing.
        marker().write_text(f"{NOW.date() - 20 * DAY} {NOW.date() - 12 * DAY}")
        rebuild_days(30, NOW, lambda done: None)
        compare_with_the_tables(ids)


def compare_with_the_tables(ids: list[int]) -> None:
    for days in (30, 29, 17, 3, 1):
        day = NOW.date() - days * DAY
        stored, computed = facts_on(ids, day), facts_at(ids, facts.end_of(day))
        for customer_id in ids:
            for name in COMPUTED:
                assert stored[customer_id][name] == computed[customer_id][name], (day, name)
