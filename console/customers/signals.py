"""Facts that call for attention: plain values in, signals out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from textwrap import shorten
from typing import Any

REPEAT_WINDOW = timedelta(days=14)  # DESIGN.md: a repeat interaction is one within 14 days
LATE_WINDOW = timedelta(days=45)  # an older delay is history, not news
CART_WINDOW = timedelta(days=14)
MILESTONES = frozenset({5, 10, 25, 50, 100, 200, 500, 1000})
MILESTONE_WINDOW = timedelta(days=30)
NEW_WINDOW = timedelta(days=60)  # who was a customer longer before their only known order may have ordered before
ANNIVERSARY_DAYS = 7  # either side of the day


class SignalKind(StrEnum):
    OPEN_COMPLAINT = "open_complaint"
    BROKEN_PROMISE = "broken_promise"
    LATE_DELIVERY = "late_delivery"
    REPEAT_INTERACTION = "repeat_interaction"
    ABANDONED_CART = "abandoned_cart"
    FIRST_ORDER = "first_order"
    MILESTONE_ORDER = "milestone_order"
    ANNIVERSARY = "anniversary"
    BIRTHDAY = "birthday"

    @property
    def is_failure(self) -> bool:
        return self in FAILURES


FAILURES = frozenset(
    {SignalKind.OPEN_COMPLAINT, SignalKind.BROKEN_PROMISE, SignalKind.LATE_DELIVERY, SignalKind.REPEAT_INTERACTION}
)


@dataclass(frozen=True)
class Signal:
    """One fact: `title` as the chip says it ("Delivery 4 days late"), `clause` as a reason says it
    ("order 48213 came 4 days late"), and the ids it rests on."""

    kind: SignalKind
    title: str
    clause: str
    at: datetime
    evidence: dict[str, Any] = field(default_factory=dict)  # {"order": 12}

    @property
    def is_failure(self) -> bool:
        """A talk again within two weeks is a failure only when the one before left something unsolved."""
        return self.kind.is_failure and self.evidence.get("unsolved", True)


@dataclass(frozen=True)
class Arrival:
    """A delivery: when it was promised and came. `delivered_on` is None while it is on its way."""

    order_id: int
    number: str
    promised_on: date
    delivered_on: date | None

    def days_late(self, today: date) -> int:
        return max(((self.delivered_on or today) - self.promised_on).days, 0)


@dataclass(frozen=True)
class Talk:
    id: int
    at: datetime
    resolved: bool | None


@dataclass(frozen=True)
class Grievance:
    id: int
    opened_at: datetime
    text: str


@dataclass(frozen=True)
class Cart:
    id: int
    at: datetime


@dataclass(frozen=True)
class Pledge:
    """A promise whose time has passed."""

    id: int
    due_at: datetime


@dataclass(frozen=True)
class Facts:
    """What is known of one customer, as plain values; lists newest first and already bounded."""

    complaints: Sequence[Grievance] = ()
    arrivals: Sequence[Arrival] = ()
    talks: Sequence[Talk] = ()  # closed ones
    carts: Sequence[Cart] = ()
    promises: Sequence[Pledge] = ()  # broken ones
    order_count: int = 0
    last_order_at: datetime | None = None
    customer_since: date | None = None
    birthday: tuple[int, int] | None = None  # month, day
    last_score: int | None = None  # CSAT, 1 to 5


def signals(facts: Facts, *, now: datetime, today: date) -> list[Signal]:
    """All signals, failures first. `now` is aware UTC, `today` the shop's own day."""
    found = [
        *(complaint(grievance, now) for grievance in facts.complaints),
        *(broken(pledge, now) for pledge in facts.promises),
        *late(facts.arrivals, now, today),
        *repeated(facts.talks, now),
        *carts(facts.carts, facts.last_order_at, now),
        *first_order(facts, now),
        *milestone(facts.order_count, facts.last_order_at, now),
        *anniversary(facts.customer_since, now, today),
        *birthday(facts.birthday, now, today),
    ]
    return sorted(found, key=lambda signal: not signal.is_failure)


def complaint(grievance: Grievance, now: datetime) -> Signal:
    days = (now - grievance.opened_at).days
    age = "today" if days < 1 else f"{days} day{'s' if days > 1 else ''}"
    return Signal(
        SignalKind.OPEN_COMPLAINT,
        f"Open complaint, {age}",
        f"there is an open complaint ({shorten(grievance.text.rstrip('.'), 80, placeholder=' …')})",
        grievance.opened_at,
        {"complaint": grievance.id},
    )


def broken(pledge: Pledge, now: datetime) -> Signal:
    days = (now - pledge.due_at).days
    overdue = f"{days} day{'s' if days > 1 else ''} overdue" if days else "overdue since today"
    clause = "we promised something and did not keep it"
    return Signal(SignalKind.BROKEN_PROMISE, f"Promise {overdue}", clause, pledge.due_at, {"promise": pledge.id})


def late(arrivals: Sequence[Arrival], now: datetime, today: date) -> list[Signal]:
    """The worst delay of the last weeks, and one that is still under way."""
    recent = [a for a in arrivals if today - (a.delivered_on or today) <= LATE_WINDOW and a.days_late(today) > 0]
    if not recent:
        return []
    worst = max(recent, key=lambda arrival: (arrival.delivered_on is None, arrival.days_late(today)))
    days = f"{worst.days_late(today)} day{'s' if worst.days_late(today) > 1 else ''}"
    under_way = worst.delivered_on is None
    clause = f"order {worst.number} is {days} late" if under_way else f"order {worst.number} came {days} late"
    title = f"Order {worst.number} is {days} late" if under_way else f"Delivery {days} late"
    return [Signal(SignalKind.LATE_DELIVERY, title, clause, now, {"order": worst.order_id})]


def repeated(talks: Sequence[Talk], now: datetime) -> list[Signal]:
    """The customer came back within two weeks of a talk."""
    recent = [talk for talk in talks if now - talk.at <= REPEAT_WINDOW]
    if not recent:
        return []
    unsolved = any(talk.resolved is False for talk in recent)
    number = len(recent) + 1
    ordinal = {2: "2nd", 3: "3rd"}.get(number, f"{number}th")
    return [
        Signal(
            SignalKind.REPEAT_INTERACTION,
            f"{ordinal} talk in 14 days",
            f"this is the {ordinal} talk in two weeks" + (", and it was not solved before" if unsolved else ""),
            recent[0].at,
            {"interactions": [talk.id for talk in recent], "unsolved": unsolved},
        )
    ]


def carts(found: Sequence[Cart], last_order_at: datetime | None, now: datetime) -> list[Signal]:
    open_carts = [c for c in found if now - c.at <= CART_WINDOW and (last_order_at is None or last_order_at < c.at)]
    return [
        Signal(SignalKind.ABANDONED_CART, "Basket left", "a basket was left at the checkout", c.at, {"web_event": c.id})
        for c in open_carts[:1]
    ]


def first_order(facts: Facts, now: datetime) -> list[Signal]:
    """While it is fresh; of nobody who may have ordered before the orders that are known here."""
    at, since = facts.last_order_at, facts.customer_since
    if facts.order_count != 1 or at is None or now - at > MILESTONE_WINDOW:
        return []
    if since and at.date() - since > NEW_WINDOW:
        return []
    ago = near(-max((now - at).days, 0))
    clause = f"the first order was placed {ago}"
    return [Signal(SignalKind.FIRST_ORDER, f"First order {ago}", clause, at, {"orders": 1})]


def milestone(order_count: int, last_order_at: datetime | None, now: datetime) -> list[Signal]:
    if order_count not in MILESTONES or last_order_at is None or now - last_order_at > MILESTONE_WINDOW:
        return []
    return [
        Signal(
            SignalKind.MILESTONE_ORDER,
            f"Order number {order_count}",
            f"the last order was number {order_count}",
            last_order_at,
            {"orders": order_count},
        )
    ]


def anniversary(since: date | None, now: datetime, today: date) -> list[Signal]:
    if since is None:
        return []
    years = [year for year in (today.year - 1, today.year, today.year + 1) if year > since.year]
    for year in years:
        distance = (on(year, since.month, since.day) - today).days
        if abs(distance) <= ANNIVERSARY_DAYS:
            age = year - since.year
            span = f"{age} year{'s' if age > 1 else ''}"
            title = f"Customer for {span}, {near(distance)}"
            return [Signal(SignalKind.ANNIVERSARY, title, f"a customer for {span}", now, {"years": age})]
    return []


def birthday(month_and_day: tuple[int, int] | None, now: datetime, today: date) -> list[Signal]:
    if month_and_day is None:
        return []
    for year in (today.year - 1, today.year, today.year + 1):
        distance = (on(year, *month_and_day) - today).days
        if -3 <= distance <= ANNIVERSARY_DAYS:
            return [Signal(SignalKind.BIRTHDAY, f"Birthday {near(distance)}", f"a birthday {near(distance)}", now)]
    return []


def on(year: int, month: int, day: int) -> date:
    """That day; 29 February becomes the 28th in a year without one."""
    try:
        return date(year, month, day)
    except ValueError:
        return date(year, month, 28)


def near(days: int) -> str:
    if days == 0:
        return "today"
    if days == 1:
        return "tomorrow"
    if days == -1:
        return "yesterday"
    return f"in {days} days" if days > 0 else f"{-days} days ago"
