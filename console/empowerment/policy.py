"""May this gesture be given? Plain values in, a decision out; every limit is of cost and inclusive.

The screen, the ledger and the tests' own arithmetic must agree, so nothing here reads a clock or a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from console.money import LARGEST, Money


class Scope(StrEnum):
    GESTURE = "gesture"
    INTERACTION = "interaction"
    CUSTOMER = "customer"
    AGENT_DAY = "agent_day"


@dataclass(frozen=True)
class Limits:
    """What one role may give on its own. All amounts in one currency; landing exactly on one is allowed."""

    role: str
    per_gesture: Money
    per_interaction: Money
    per_customer: Money  # within customer_days, by all agents together
    customer_days: int  # rolling
    per_agent_day: Money  # from local midnight
    hold_minutes: int = 15
    id: int = 0  # of the limit set these come from
    version: int = 0

    @property
    def currency(self) -> str:
        return self.per_gesture.currency

    @property
    def generosity(self) -> tuple[int, int, int, int, int]:
        """What makes one set more generous than another: the widest cap first, a shorter memory last."""
        return (
            self.per_agent_day.minor,
            self.per_customer.minor,
            self.per_interaction.minor,
            self.per_gesture.minor,
            -self.customer_days,
        )


@dataclass(frozen=True)
class Booking:
    """A gesture that counts: held, granted or done. Held ones may come back."""

    at: datetime
    cost: Money
    is_held: bool = False


@dataclass(frozen=True)
class Usage:
    """What counts against each subject now, in the limits' currency.

    `interaction` and `agent_day` are sums; `customer` are the single bookings within the rolling days,
    because only they tell when something frees up. The `held` parts are included in the sums.
    """

    interaction: Money
    agent_day: Money
    customer: tuple[Booking, ...] = ()
    interaction_held: int = 0  # minor units
    agent_day_held: int = 0

    @classmethod
    def none(cls, currency: str) -> Usage:
        return cls(Money.zero(currency), Money.zero(currency))


@dataclass(frozen=True)
class Failure:
    """A limit that a gesture would break. `frees_at` is when it would fit at the latest; None: not by waiting."""

    scope: Scope
    cap: Money
    used: Money
    left: Money
    frees_at: datetime | None = None
    held: Money | None = None  # the part of `used` that is only offered so far


@dataclass(frozen=True)
class Decision:
    limits: Limits
    failures: tuple[Failure, ...]

    @property
    def is_allowed(self) -> bool:
        return not self.failures


def most_generous(sets: Iterable[Limits]) -> Limits | None:
    """The limits of somebody with several roles: the most generous set as a whole, never a mixture."""
    return max(sets, key=lambda limits: (limits.generosity, limits.role), default=None)


def decide(cost: Money, limits: Limits, usage: Usage, *, now: datetime, zone: ZoneInfo) -> Decision:
    """Hold `cost` against every limit and report all that it would break.

    Raises ValueError when the cost is in another currency than the limits.
    """
    standings = standing(limits, usage, now=now)
    failures = (
        Failure(scope, cap, used, left(cap, used), frees_at(scope, cost, limits, usage, now=now, zone=zone), held)
        for scope, cap, used, held in standings
        if used + cost > cap
    )
    return Decision(limits, tuple(failures))


def room(limits: Limits, usage: Usage, *, now: datetime) -> Money:
    """The dearest single gesture that every limit still allows."""
    return min(left(cap, used) for _, cap, used, _ in standing(limits, usage, now=now))


def left(cap: Money, used: Money) -> Money:
    """What remains of a cap; nothing when it was lowered below what is used already."""
    return max(cap - used, Money.zero(cap.currency))


def standing(limits: Limits, usage: Usage, *, now: datetime) -> list[tuple[Scope, Money, Money, Money]]:
    """Each limit as (scope, cap, used, held part of it)."""
    currency = limits.currency
    recent = within(usage.customer, limits.customer_days, now=now)
    return [
        (Scope.GESTURE, limits.per_gesture, Money.zero(currency), Money.zero(currency)),
        (Scope.INTERACTION, limits.per_interaction, usage.interaction, Money(usage.interaction_held, currency)),
        (
            Scope.CUSTOMER,
            limits.per_customer,
            total(recent, currency),
            total([booking for booking in recent if booking.is_held], currency),
        ),
        (Scope.AGENT_DAY, limits.per_agent_day, usage.agent_day, Money(usage.agent_day_held, currency)),
    ]


def total(bookings: Iterable[Booking], currency: str) -> Money:
    return sum((booking.cost for booking in bookings), Money.zero(currency))


def within(bookings: Sequence[Booking], days: int, *, now: datetime) -> list[Booking]:
    """Those in the rolling window (now - days, now]: exactly `days` ago is out. A day here is 24 hours."""
    return [booking for booking in bookings if booking.at > window_start(now, days)]


def window_start(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)


def day_window(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The local day that `now` falls in: its midnight and the next one, in UTC; 23 or 25 hours when clocks change."""
    today = now.astimezone(zone).date()
    start, end = (datetime.combine(day, time.min, zone) for day in (today, today + timedelta(days=1)))
    return start.astimezone(UTC), end.astimezone(UTC)


def frees_at(
    scope: Scope, cost: Money, limits: Limits, usage: Usage, *, now: datetime, zone: ZoneInfo
) -> datetime | None:
    """When `cost` would fit into the limit again if nothing else is given; None if waiting does not help."""
    if scope is Scope.AGENT_DAY and cost <= limits.per_agent_day:
        return day_window(now, zone)[1]
    if scope is Scope.CUSTOMER and cost <= limits.per_customer:
        return customer_frees_at(cost, limits, usage, now=now)
    return None


def customer_frees_at(cost: Money, limits: Limits, usage: Usage, *, now: datetime) -> datetime:
    recent = sorted(within(usage.customer, limits.customer_days, now=now), key=lambda booking: booking.at)
    used, leaves = total(recent, limits.currency), now
    for booking in recent:
        if used + cost <= limits.per_customer:
            break
        used, leaves = used - booking.cost, booking.at + timedelta(days=limits.customer_days)
    return leaves


def contradictions(limits: Limits) -> dict[str, str]:
    """What makes no sense in a set of limits, as a sentence for each field that should change."""
    amounts = {
        "per_gesture": ("a gesture", limits.per_gesture),
        "per_interaction": ("a conversation", limits.per_interaction),
        "per_customer": ("a customer", limits.per_customer),
        "per_agent_day": ("a day", limits.per_agent_day),
    }
    found: dict[str, str] = {}
    for narrow, wide in (
        ("per_gesture", "per_interaction"),
        ("per_interaction", "per_customer"),
        ("per_interaction", "per_agent_day"),
        ("per_gesture", "per_customer"),
        ("per_gesture", "per_agent_day"),
    ):
        (one, low), (many, high) = amounts[narrow], amounts[wide]
        if low > high:
            found.setdefault(
                narrow, f"The limit for {one} is larger than the one for {many}, so it could never be reached."
            )
    for name, (_, amount) in amounts.items():
        if not 0 <= amount.minor <= LARGEST:
            found[name] = "This amount is too large to be meant. Check the number of digits."
    return found
