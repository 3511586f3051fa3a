"""The ledger itself, on both engines: limits, keys, states, crashes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from console.customers.models import Boundary, BoundaryKind, Complaint
from console.db import db, utc_now
from console.empowerment.kinds import GestureKind, Occasion
from console.empowerment.policies import change_policies
from console.events import Event
from console.gestures import ledger, locking
from console.gestures.ledger import KeyConflict, NotOffered, OverLimit, WrongState, offer
from console.gestures.locking import WrongClock
from console.gestures.models import EntryState, LedgerEntry, LedgerEvent, LedgerLock
from console.interactions.models import Interaction, InteractionState
from tests.factories import make_customer, make_interaction, make_user
from tests.factories_gestures import USUAL, caps, make_gesture, make_policy, make_version, terms_of

NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)


@pytest.fixture
def shop(app: Flask, session: Session) -> Iterator[SimpleNamespace]:
    """An agent, a customer, limits and two gestures; `terms()` asks for the first. Domain functions may be called."""
    agent, customer = make_user(session), make_customer(session)
    policy = make_policy(session)
    talk = make_interaction(session, customer, agent, started_at=NOW)
    express = make_gesture(session)
    dear = make_gesture(session, "Assembly", 2200, kind=GestureKind.UPGRADE)
    session.commit()
    with app.app_context():
        yield SimpleNamespace(
            agent=agent,
            customer=customer,
            express=express,
            dear=dear,
            talk=talk,
            policy=policy,
            session=session,
            terms=lambda version=express, **given: terms_of(agent, customer, version, **given),
        )


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_an_offer_holds_its_cost_and_writes_everything_down(shop: SimpleNamespace) -> None:
    entry = offer(shop.terms(reason="Moved house"), key="k" * 20, now=NOW)
    assert (entry.state, entry.cost_minor, entry.booked_at) == (EntryState.HELD, 520, NOW)
    assert entry.expires_at == NOW + timedelta(minutes=15)
    assert [(e.state, e.delta_minor) for e in db.session.scalars(select(LedgerEvent))] == [(EntryState.HELD, 520)]
    kinds = list(db.session.scalars(select(Event.kind).order_by(Event.id)))
    assert kinds == ["gesture.offered"]
    assert (entry.policy_version_id, entry.household) == (shop.policy.id, f"customer:{shop.customer.id}")
    assert {lock.last_at for lock in db.session.scalars(select(LedgerLock))} == {NOW}


def test_the_same_key_returns_the_first_entry_and_other_terms_are_refused(shop: SimpleNamespace) -> None:
    first = offer(shop.terms(), key="same-key-0000000", now=NOW)
    again = offer(shop.terms(), key="same-key-0000000", now=NOW + timedelta(minutes=40))
    assert again.id == first.id
    assert (count(LedgerEntry), count(LedgerEvent)) == (1, 1)
    with pytest.raises(KeyConflict):
        offer(shop.terms(shop.dear), key="same-key-0000000", now=NOW)


def test_landing_exactly_on_a_limit_is_allowed_and_a_penny_more_is_not(shop: SimpleNamespace) -> None:
    exact = make_gesture(shop.session, "Ten", 1000)
    penny = make_gesture(shop.session, "Penny", 1)
    shop.session.commit()
    offer(shop.terms(exact), key="exact-0000000001", now=NOW)
    offer(shop.terms(exact), key="exact-0000000002", now=NOW)
    with pytest.raises(OverLimit) as refusal:
        offer(shop.terms(penny), key="exact-0000000003", now=NOW)
    assert [failure.limit.scope for failure in refusal.value.failures] == ["interaction"]
    assert count(LedgerEntry) == 2


def test_a_refusal_names_every_limit_and_leaves_nothing_behind(shop: SimpleNamespace) -> None:
    with pytest.raises(OverLimit) as refusal:
        offer(shop.terms(shop.dear), key="dear-00000000001", now=NOW)
    assert [failure.limit.scope for failure in refusal.value.failures] == ["gesture", "interaction"]
    assert [count(model) for model in (LedgerEntry, LedgerEvent, LedgerLock, Event)] == [0] * 4


def test_a_hold_that_ran_out_no_longer_counts_and_its_end_is_written_down(shop: SimpleNamespace) -> None:
    ten = make_gesture(shop.session, "Ten", 1000)
    shop.session.commit()
    first = offer(shop.terms(ten), key="ran-out-00000001", now=NOW)
    offer(shop.terms(ten), key="ran-out-00000002", now=NOW + timedelta(minutes=1))
    offer(shop.terms(ten), key="ran-out-00000003", now=NOW + timedelta(minutes=15))
    assert first.state is EntryState.EXPIRED
    ended = db.session.scalars(select(LedgerEvent).where(LedgerEvent.entry_id == first.id)).all()
    assert [(event.state, event.delta_minor, event.actor_id) for event in ended] == [
        (EntryState.HELD, 1000, shop.agent.id),
        (EntryState.EXPIRED, -1000, None),
    ]


def test_granting_twice_is_harmless_and_declining_after_it_is_refused(shop: SimpleNamespace) -> None:
    entry = offer(shop.terms(), key="twice-0000000001", now=NOW)
    ledger.grant(entry.id, actor_id=shop.agent.id, now=NOW)
    assert ledger.grant(entry.id, actor_id=shop.agent.id, now=NOW).state is EntryState.GRANTED
    assert count(LedgerEvent) == 2
    with pytest.raises(WrongState, match="given"):
        ledger.decline(entry.id, actor_id=shop.agent.id, now=NOW)


def test_a_yes_that_comes_too_late_ends_the_hold_for_good(shop: SimpleNamespace) -> None:
    entry = offer(shop.terms(), key="late-00000000001", now=NOW)
    with pytest.raises(WrongState, match="ran out"):
        ledger.grant(entry.id, actor_id=shop.agent.id, now=NOW + timedelta(minutes=15))
    # A clock that is set back later does not revive it.
    with pytest.raises(WrongState):
        ledger.grant(entry.id, actor_id=shop.agent.id, now=NOW)
    assert db.session.get_one(LedgerEntry, entry.id).state is EntryState.EXPIRED


@pytest.mark.parametrize("act", [ledger.decline, ledger.void])
def test_declined_and_withdrawn_offers_give_their_cost_back(shop: SimpleNamespace, act: object) -> None:
    ten = make_gesture(shop.session, "Ten", 1000)
    shop.session.commit()
    for number in range(4):
        entry = offer(shop.terms(ten), key=f"give-back-000000{number}", now=NOW)
        act(entry.id, actor_id=shop.agent.id, now=NOW)  # type: ignore[operator]
    assert count(LedgerEntry) == 4


def test_nobody_takes_back_their_own_gesture_and_a_reversal_frees_the_limit(shop: SimpleNamespace) -> None:
    ten = make_gesture(shop.session, "Ten", 1000)
    other = make_user(shop.session, "supervisor")
    shop.session.commit()
    entries = [offer(shop.terms(ten), key=f"reverse-00000000{n}", now=NOW) for n in range(2)]
    ledger.grant(entries[0].id, actor_id=shop.agent.id, now=NOW)
    with pytest.raises(NotOffered, match="somebody else"):
        ledger.reverse(entries[0].id, "Wrong one", actor_id=shop.agent.id, now=NOW)
    with pytest.raises(OverLimit):
        offer(shop.terms(ten), key="reverse-000000009", now=NOW)
    ledger.reverse(entries[0].id, "Wrong one", actor_id=other.id, now=NOW)
    again = offer(shop.terms(ten), key="reverse-000000009", now=NOW)
    assert again.state is EntryState.HELD
    ledger.grant(again.id, actor_id=shop.agent.id, now=NOW)
    kept = tuple(replace(limit, reversal_restores=False) for limit in USUAL)
    make_policy(shop.session, replaces=shop.policy, limits=kept)
    shop.session.commit()
    ledger.reverse(again.id, "Wrong too", actor_id=other.id, now=NOW)
    with pytest.raises(OverLimit):  # this policy says that what is taken back still counts
        offer(shop.terms(ten), key="reverse-000000010", now=NOW)


def test_time_never_runs_backwards_for_a_subject(shop: SimpleNamespace) -> None:
    offer(shop.terms(), key="clock-0000000001", now=NOW)
    second = offer(shop.terms(), key="clock-0000000002", now=NOW - timedelta(days=120))
    assert second.booked_at == NOW


def test_the_customers_limit_counts_every_agent(shop: SimpleNamespace) -> None:
    ten = make_gesture(shop.session, "Ten", 1000)
    agents = [make_user(shop.session) for _ in range(4)]
    for agent in agents:
        make_interaction(shop.session, shop.customer, agent)
    shop.session.commit()
    for agent in agents[:3]:
        for n in range(2):
            offer(terms_of(agent, shop.customer, ten), key=f"all-agents-{agent.id}-{n}-000", now=NOW)
    with pytest.raises(OverLimit) as refusal:
        offer(terms_of(agents[3], shop.customer, ten), key="all-agents-last-00", now=NOW)
    (failure,) = refusal.value.failures
    assert (failure.limit.scope, failure.standing.used, failure.standing.left) == ("customer", 6000, 0)
    assert failure.frees_at == NOW + timedelta(days=90)


def test_of_the_policies_that_match_the_one_with_the_highest_priority_authorises_as_a_whole(
    shop: SimpleNamespace,
) -> None:
    both = make_user(shop.session, "agent")
    both.roles.append(make_user(shop.session, "sales").roles[0])
    sales = make_policy(shop.session, roles=("sales",), limits=caps(3000, 3000, 6000, 20_000), priority=200)
    make_interaction(shop.session, shop.customer, both)
    shop.session.commit()
    entry = offer(terms_of(both, shop.customer, shop.dear), key="two-roles-0000001", now=NOW)
    assert entry.policy_version_id == sales.id


def test_a_new_version_binds_the_next_offer_and_honours_what_is_held(shop: SimpleNamespace) -> None:
    held = offer(shop.terms(), key="changed-00000001", now=NOW)
    make_policy(shop.session, replaces=shop.policy, limits=caps(each=500))
    shop.session.commit()
    with pytest.raises(OverLimit):
        offer(shop.terms(), key="changed-00000002", now=NOW)
    assert ledger.grant(held.id, actor_id=shop.agent.id, now=NOW).state is EntryState.GRANTED


def test_a_replaced_or_retired_gesture_cannot_be_offered(shop: SimpleNamespace) -> None:
    newer = make_version(shop.session, shop.express.gesture, version=2, cost_minor=600)
    shop.session.commit()
    with pytest.raises(NotOffered, match="changed"):
        offer(shop.terms(), key="replaced-0000001", now=NOW)
    shop.express.gesture.active = False
    shop.session.commit()
    with pytest.raises(NotOffered, match="no longer"):
        offer(shop.terms(newer), key="replaced-0000002", now=NOW)


def test_an_agent_without_a_policy_and_a_foreign_currency_are_refused_in_words(shop: SimpleNamespace) -> None:
    sales = make_user(shop.session, "sales")
    make_interaction(shop.session, shop.customer, sales)
    euros = make_gesture(shop.session, "Euros", currency="EUR")
    shop.session.commit()
    with pytest.raises(NotOffered, match="No policy lets you give Express delivery yourself"):
        offer(terms_of(sales, shop.customer, shop.express), key="nothing-00000001", now=NOW)
    with pytest.raises(NotOffered, match="EUR"):
        offer(shop.terms(euros), key="nothing-00000002", now=NOW)


def test_no_gifts_and_an_open_complaint_bind_the_ledger_too(shop: SimpleNamespace) -> None:
    callback = make_gesture(shop.session, "A call back", 0, kind=GestureKind.HUMAN_FOLLOWUP, occasions=["recovery"])
    candle = make_gesture(shop.session, "Candle", 380, kind=GestureKind.SAMPLE, occasions=["delight"])
    complaint = Complaint(customer_id=shop.customer.id, text="Scratched")
    shop.session.add(complaint)
    shop.session.commit()
    with pytest.raises(NotOffered, match="not settled"):
        offer(shop.terms(candle), key="refused-00000001", now=NOW)
    shop.session.add(Boundary(customer_id=shop.customer.id, kind=BoundaryKind.NO_GIFTS))
    shop.session.commit()
    with pytest.raises(NotOffered, match="no gifts"):
        offer(shop.terms(), key="refused-00000002", now=NOW)
    made = offer(shop.terms(callback, occasion=Occasion.RECOVERY), key="refused-00000003", now=NOW)
    assert made.cost_minor == 0


def test_an_interaction_that_is_named_must_be_mine_live_and_with_this_customer(shop: SimpleNamespace) -> None:
    stranger = make_customer(shop.session, "Tom")
    closed = make_interaction(shop.session, shop.customer, shop.agent, state=InteractionState.CLOSED)
    foreign = make_interaction(shop.session, stranger, shop.agent)
    mine = shop.talk
    shop.session.commit()
    for wrong in (closed.id, foreign.id, 10**9):
        with pytest.raises(NotOffered, match="conversation"):
            offer(shop.terms(interaction_id=wrong), key=f"talk-000000{wrong}", now=NOW)
    assert offer(shop.terms(interaction_id=mine.id), key="talk-0000000001x", now=NOW).interaction_id == mine.id


def test_the_ledger_refuses_to_carry_somebody_elses_unsaved_changes(shop: SimpleNamespace) -> None:
    db.session.add(Interaction(customer_id=shop.customer.id, channel="phone"))
    with pytest.raises(RuntimeError, match="of its own"):
        offer(shop.terms(), key="pending-00000001", now=NOW)


@pytest.mark.parametrize(
    ("first", "second", "both_count"),
    [
        ("2026-05-14T12:00+01:00", "2026-08-12T11:59:59+01:00", True),  # a second short of 90 days
        ("2026-05-14T12:00+01:00", "2026-08-12T12:00+01:00", False),  # exactly 90 days
        ("2026-05-14T12:00+01:00", "2026-08-11T12:00+01:00", True),
    ],
)
def test_the_customers_rolling_days_in_the_database(
    shop: SimpleNamespace, first: str, second: str, both_count: bool
) -> None:
    make_policy(shop.session, replaces=shop.policy, limits=caps(talk=10_000, customer=1000))
    assert_both_count(shop, first, second, both_count)


@pytest.mark.parametrize(
    ("first", "second", "both_count"),
    [
        ("2026-05-14T23:30+01:00", "2026-05-14T23:59:59+01:00", True),
        ("2026-05-14T23:30+01:00", "2026-05-15T00:00+01:00", False),  # midnight in London is 23:00 UTC
        ("2026-05-14T00:10+01:00", "2026-05-14T12:00+01:00", True),  # one UTC date before, the same day in London
        ("2026-05-14T00:00+01:00", "2026-05-14T23:59:59+01:00", True),
        ("2026-10-25T00:00+01:00", "2026-10-25T23:59:59+00:00", True),  # a day of 25 hours
        ("2026-03-29T00:00+00:00", "2026-03-30T00:00+01:00", False),  # and one of 23
    ],
)
def test_the_agents_day_in_the_database(shop: SimpleNamespace, first: str, second: str, both_count: bool) -> None:
    make_policy(shop.session, replaces=shop.policy, limits=caps(talk=10_000, customer=10_000, day=1000))
    assert_both_count(shop, first, second, both_count)


def assert_both_count(shop: SimpleNamespace, first: str, second: str, both_count: bool) -> None:
    """£6.00 given at the first moment leaves no room for £6.00 at the second, or does."""
    six = make_gesture(shop.session, "Six", 600)
    shop.session.commit()
    entry = offer(shop.terms(six), key="window-000000001", now=datetime.fromisoformat(first))
    ledger.grant(entry.id, actor_id=shop.agent.id, now=datetime.fromisoformat(first))
    again = shop.terms(six)
    if both_count:
        with pytest.raises(OverLimit):
            offer(again, key="window-000000002", now=datetime.fromisoformat(second))
    else:
        assert offer(again, key="window-000000002", now=datetime.fromisoformat(second)).is_held


def test_due_holds_are_put_to_rest_without_anybody_offering(shop: SimpleNamespace) -> None:
    offer(shop.terms(), key="due-000000000001", now=NOW)
    assert ledger.expire_due(now=NOW + timedelta(minutes=14)) == 0
    assert ledger.expire_due(now=NOW + timedelta(minutes=15)) == 1
    assert ledger.expire_due(now=NOW + timedelta(minutes=15)) == 0


def test_a_clock_far_ahead_of_the_newest_booking_is_not_believed(
    shop: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or everybody it meets would live in its future for good."""
    monkeypatch.setattr(locking, "database_clock", lambda: utc_now() - timedelta(hours=2))
    with pytest.raises(WrongClock, match="2 hours ahead of the database's, so nothing was booked"):
        offer(shop.terms(), key="clock-0000000001", now=NOW)
    with monkeypatch.context() as agreeing:
        agreeing.setattr(locking, "database_clock", utc_now)
        entry = offer(shop.terms(), key="clock-0000000002", now=NOW)
    far = NOW + timedelta(hours=24, seconds=1)
    for act in (lambda: offer(shop.terms(), key="clock-0000000003", now=far),
                lambda: ledger.decline(entry.id, actor_id=shop.agent.id, now=far)):  # fmt: skip
        with pytest.raises(WrongClock):
            act()
    assert offer(shop.terms(), key="clock-0000000004", now=far - timedelta(seconds=1)).booked_at < far
    assert max(db.session.scalars(select(LedgerLock.last_at))) < far


def test_an_offer_that_waited_for_a_new_policy_is_made_after_it(shop: SimpleNamespace, app: Flask) -> None:
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time, and nobody waits in between")
    waiting = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    changing = threading.Event()

    def change() -> None:
        with app.app_context():
            change_policies()
            changing.set()
            while not db.session.scalar(waiting):
                pass
            db.session.commit()

    thread = threading.Thread(target=change)
    thread.start()
    assert changing.wait(30)
    assert offer(shop.terms(), key="waited-000000001", now=NOW).booked_at > NOW
    thread.join()


def test_two_processes_never_spend_the_same_penny(shop: SimpleNamespace, database_url: str) -> None:
    """Three at once, for one conversation that has room for two."""
    ten = make_gesture(shop.session, "Ten", 1000)
    shop.session.commit()
    script = CONTEND.replace("TALK", str(shop.talk.id))
    ids = [str(row.id) for row in (shop.agent, shop.customer, ten)]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, database_url, *ids, NOW.isoformat(), str(number)],
            env=os.environ | {"PYTHONPATH": os.getcwd()},  # noqa: PTH109
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    said = sorted(process.communicate(timeout=90)[0].strip() for process in running)
    assert said == ["held", "held", "refused"]
    assert count(LedgerEntry) == 2


CONTEND = """
import sys
from datetime import datetime
from console.empowerment.kinds import Occasion
from console.gestures.ledger import OverLimit, Terms, offer
from tests.conftest import make_app

url, agent, customer, version, now, number = sys.argv[1:]
with make_app(url).app_context():
    try:
        terms = Terms(int(agent), int(customer), int(version), Occasion.DELIGHT, TALK)
        print(offer(terms, key=f"contend-00000000{number}", now=datetime.fromisoformat(now)).state)
    except OverLimit:
        print("refused")
"""
