"""No sequence of acts exceeds a limit, and no refusal is spurious, by a reference that shares nothing with the code.

The reference below keeps its own rows, decides its own windows (a day is a calendar date in London, found by
comparing dates; rolling days are compared as seconds) and its own clock of each subject.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db import db
from console.empowerment.policy import Booking, Limits, Usage, decide
from console.errors import DomainError
from console.gestures import ledger
from console.gestures.kinds import Occasion
from console.gestures.ledger import OverLimit, Terms, offer
from console.gestures.models import GestureVersion, LedgerEntry, LedgerEvent
from console.money import Money
from tests.factories import make_customer, make_interaction, make_user
from tests.factories_gestures import make_gesture, make_limits

LONDON = ZoneInfo("Europe/London")
START = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)  # the evening before a day of 23 hours
CAPS = {"gesture": 1000, "interaction": 1500, "customer": 2500, "agent_day": 3000}
DAYS, HOLD = 2, 15
COSTS = (0, 400, 500, 1000, 1001)
keys = count(1)


def london_date(moment: datetime) -> Any:
    return moment.astimezone(LONDON).date()


class Reference:
    """Every entry as a plain dict, and what each subject's clock has seen."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.seen: dict[str, datetime] = {}

    def moment(self, clock: datetime, *subjects: str) -> datetime:
        return max([clock, *(self.seen[subject] for subject in subjects if subject in self.seen)])

    def counted(self, now: datetime) -> list[dict[str, Any]]:
        return [
            row
            for row in self.rows
            if row["state"] == "granted" or (row["state"] == "held" and now < row["booked"] + timedelta(minutes=HOLD))
        ]

    def over(self, agent: str, customer: str, talk: str, cost: int, now: datetime) -> set[str]:
        """The limits that `cost` would break."""
        rows = self.counted(now)
        window = DAYS * 86_400
        sums = {
            "gesture": 0,
            "interaction": sum(row["cost"] for row in rows if row["talk"] == talk),
            "customer": sum(
                row["cost"]
                for row in rows
                if row["customer"] == customer and (now - row["booked"]).total_seconds() < window
            ),
            "agent_day": sum(
                row["cost"] for row in rows if row["agent"] == agent and london_date(row["booked"]) == london_date(now)
            ),
        }
        return {name for name, used in sums.items() if used + cost > CAPS[name]}


@pytest.fixture
def shop(app: Flask, session: Session) -> Iterator[tuple[Session, list[GestureVersion]]]:
    make_limits(
        session,
        per_gesture_minor=CAPS["gesture"],
        per_interaction_minor=CAPS["interaction"],
        per_customer_minor=CAPS["customer"],
        customer_days=DAYS,
        per_agent_day_minor=CAPS["agent_day"],
        hold_minutes=HOLD,
    )
    versions = [make_gesture(session, f"Costs {cost}", cost) for cost in COSTS]
    session.commit()
    with app.app_context():
        yield session, versions


# Bound to the edges of every window, because random moments hardly ever fall on them.
TICKS = st.sampled_from(
    ["stay", "second", "hold", "hold - 1", "window", "window - 1", "midnight", "midnight - 1", "back", "month"]
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["offer", "offer", "offer", "grant", "grant", "decline", "void", "reverse", "again"]),
        st.integers(0, 1),
        st.integers(0, 1),
        st.integers(0, len(COSTS) - 1),
        TICKS,
        st.integers(0, 9),
    ),
    min_size=4,
    max_size=24,
)


def ticked(clock: datetime, tick: str) -> datetime:
    next_day = (clock.astimezone(LONDON) + timedelta(days=1)).date()
    midnight = datetime(next_day.year, next_day.month, next_day.day, tzinfo=LONDON).astimezone(UTC)
    return {
        "stay": clock,
        "second": clock + timedelta(seconds=1),
        "hold": clock + timedelta(minutes=HOLD),
        "hold - 1": clock + timedelta(minutes=HOLD, seconds=-1),
        "window": clock + timedelta(days=DAYS),
        "window - 1": clock + timedelta(days=DAYS, seconds=-1),
        "midnight": midnight,
        "midnight - 1": midnight - timedelta(seconds=1),
        "back": clock - timedelta(hours=2),
        "month": clock + timedelta(days=31),
    }[tick]


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_no_sequence_exceeds_a_limit_and_no_refusal_is_spurious(
    shop: tuple[Session, list[GestureVersion]], steps: list[tuple[str, int, int, int, str, int]]
) -> None:
    session, versions = shop
    agents = [make_user(session) for _ in range(2)]
    customers = [make_customer(session) for _ in range(2)]
    talks = {(a, c): make_interaction(session, customers[c], agents[a]).id for a in range(2) for c in range(2)}
    supervisor = make_user(session, "supervisor")
    session.commit()
    reference, clock = Reference(), START
    for act, a, c, gesture, tick, pick in steps:
        clock = ticked(clock, tick)
        if act == "offer":
            terms = Terms(agents[a].id, customers[c].id, versions[gesture].id, Occasion.DELIGHT, talks[a, c])
            check_offer(reference, terms, COSTS[gesture], clock)
        elif reference.rows:
            check_act(reference, act, reference.rows[pick % len(reference.rows)], supervisor.id, clock)
        check_projection(reference)


def subjects(row: dict[str, Any]) -> list[str]:
    return [row["agent"], row["customer"], row["talk"]]


def check_offer(reference: Reference, terms: Terms, cost: int, clock: datetime) -> None:
    agent, customer, talk = f"a{terms.agent_id}", f"c{terms.customer_id}", f"t{terms.interaction_id}"
    now = reference.moment(clock, agent, customer, talk)
    expected = reference.over(agent, customer, talk, cost, now)
    key = f"property-{next(keys):012}"
    try:
        entry = offer(terms, key=key, now=clock)
    except OverLimit as refusal:
        assert {failure.scope.value for failure in refusal.failures} == expected
        return
    assert expected == set()
    assert entry.booked_at == now
    expire_shared(reference, now, agent, customer, talk)
    row = {"agent": agent, "customer": customer, "talk": talk, "cost": cost, "booked": now, "state": "held"}
    reference.rows.append(row | {"id": entry.id, "key": key, "terms": terms})
    reference.seen |= dict.fromkeys((agent, customer, talk), now)


def expire_shared(reference: Reference, now: datetime, agent: str, customer: str, talk: str) -> None:
    for row in reference.rows:
        shares = row["agent"] == agent or row["customer"] == customer or row["talk"] == talk
        if shares and row["state"] == "held" and now >= row["booked"] + timedelta(minutes=HOLD):
            row["state"] = "expired"


MOVES = {"grant": ("held", "granted"), "decline": ("held", "declined"), "void": ("held", "voided")}


def check_act(reference: Reference, act: str, row: dict[str, Any], supervisor_id: int, clock: datetime) -> None:
    events = db.session.query(LedgerEvent).count()
    if act == "again":
        assert offer(row["terms"], key=row["key"], now=clock).id == row["id"]
        assert db.session.query(LedgerEvent).count() == events
        return
    now = reference.moment(clock, *subjects(row))
    source, target = MOVES.get(act, ("granted", "reversed"))
    late = act == "grant" and row["state"] == "held" and now >= row["booked"] + timedelta(minutes=HOLD)
    legal = row["state"] in (source, target) and not late
    try:
        if act == "reverse":
            ledger.reverse(row["id"], "A mistake", actor_id=supervisor_id, now=clock)
        else:
            getattr(ledger, act)(row["id"], actor_id=row["terms"].agent_id, now=clock)
    except DomainError:
        assert not legal
        if late:
            row["state"] = "expired"
            reference.seen |= dict.fromkeys(subjects(row), now)
    else:
        assert legal
        row["state"] = target
        reference.seen |= dict.fromkeys(subjects(row), now)


def check_projection(reference: Reference) -> None:
    """Each entry's state is the last of its events, and their deltas add up to what it counts for."""
    db.session.rollback()
    ids = [row["id"] for row in reference.rows]
    states = dict(db.session.execute(select(LedgerEntry.id, LedgerEntry.state).where(LedgerEntry.id.in_(ids))).all())
    for row in reference.rows:
        steps = db.session.scalars(
            select(LedgerEvent).where(LedgerEvent.entry_id == row["id"]).order_by(LedgerEvent.id)
        ).all()
        assert states[row["id"]] == row["state"] == steps[-1].state
        assert sum(step.delta_minor for step in steps) == (row["cost"] if row["state"] in ("held", "granted") else 0)
        assert [step.at for step in steps] == sorted(step.at for step in steps)


AMOUNT = st.integers(0, 40)
EDGES = st.sampled_from([-86_401, -86_400, -86_399, -1, 0])


@given(
    caps=st.tuples(AMOUNT, AMOUNT, AMOUNT, AMOUNT),
    days=st.integers(1, 3),
    cost=AMOUNT,
    sums=st.tuples(AMOUNT, AMOUNT),
    bookings=st.lists(st.tuples(st.integers(0, 3), EDGES, AMOUNT), max_size=5),
)
def test_decide_agrees_with_plain_arithmetic(
    caps: tuple[int, int, int, int],
    days: int,
    cost: int,
    sums: tuple[int, int],
    bookings: list[tuple[int, int, int]],
) -> None:
    def money(minor: int) -> Money:
        return Money(minor, "GBP")

    limits = Limits("agent", money(caps[0]), money(caps[1]), money(caps[2]), days, money(caps[3]))
    ages = [(extra * 86_400 - offset, amount) for extra, offset, amount in bookings]  # in seconds, the past positive
    rows = tuple(Booking(START - timedelta(seconds=age), money(amount)) for age, amount in ages)
    decision = decide(money(cost), limits, Usage(money(sums[0]), money(sums[1]), rows), now=START, zone=LONDON)
    used = {
        "gesture": 0,
        "interaction": sums[0],
        "customer": sum(amount for age, amount in ages if age < days * 86_400),
        "agent_day": sums[1],
    }
    allowed = dict(zip(("gesture", "interaction", "customer", "agent_day"), caps, strict=True))
    assert [failure.scope.value for failure in decision.failures] == [
        name for name in allowed if used[name] + cost > allowed[name]
    ]
    for failure in decision.failures:
        assert failure.left.minor == max(allowed[failure.scope.value] - used[failure.scope.value], 0)
        if failure.scope == "customer" and failure.frees_at:
            later = decide(money(cost), limits, Usage(money(0), money(0), rows), now=failure.frees_at, zone=LONDON)
            assert "customer" not in [other.scope for other in later.failures]
