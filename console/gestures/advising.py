"""What the help pane shows: the facts gathered for suggesting.py, and every list that is shown written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from statistics import median_high
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from console.customers.models import Customer, Order, OrderLine, OrderStatus, Product
from console.customers.queries import boundaries_for, preferences_for, signals_for
from console.db import db
from console.empowerment.limits import limits_of_agent
from console.empowerment.policy import Limits, Usage, left, room
from console.gestures.catalogue import on_offer
from console.gestures.kinds import Occasion
from console.gestures.models import EntryState, Gesture, GestureVersion, LedgerEntry, Suggestion
from console.gestures.situation import Advice, Candidate, Given, Liking, Refused, Silence, Situation
from console.gestures.suggesting import MODEL, suggest, suits_the_moment
from console.gestures.usage import usage_of
from console.interactions.handling import live_with
from console.money import Money
from console.web import zone

REMEMBERED = 30  # past gestures that a suggestion looks back on
PURCHASES = 10  # lines of orders that say what suits somebody
REFUSED = (EntryState.VOIDED, EntryState.EXPIRED, EntryState.REVERSED)


@dataclass(frozen=True)
class Counsel:
    """The agent's authority over one customer, what to suggest, and everything else on offer."""

    advice: Advice
    limits: Limits | None
    usage: Usage | None
    room: Money
    versions: dict[int, GestureVersion]  # by id, in the catalogue's order
    interaction_id: int | None  # the one going on
    fitting: list[GestureVersion]  # nothing speaks against them now, however weakly they suit

    @property
    def left_today(self) -> Money:
        return left(self.limits.per_agent_day, self.usage.agent_day) if self.limits and self.usage else self.room

    @property
    def held_today(self) -> Money:
        return Money(self.usage.agent_day_held if self.usage else 0, self.room.currency)

    @property
    def others(self) -> list[GestureVersion]:
        shown = {item.candidate.version_id for item in self.advice.items}
        return [version for version in self.versions.values() if version.id not in shown]


def counsel(customer: Customer, agent_id: int, currency: str, now: datetime) -> Counsel:
    """Everything the panel tells an agent who may give. `currency` is used while no limits are set."""
    interaction = live_with(customer.id, agent_id)
    limits = limits_of_agent(agent_id)
    usage, space = None, Money.zero(currency)
    if limits:
        usage = usage_of(
            limits,
            agent_id=agent_id,
            customer_id=customer.id,
            interaction_id=interaction.id if interaction else None,
            now=now,
        )
        space = room(limits, usage, now=now)
    versions = list(db.session.scalars(on_offer(space.currency)))
    situation = Situation(
        called=customer.called,
        now=now,
        local_time=clock_of(customer, now),
        room=space,
        typical=typical_cost(versions, space.currency),
        signals=signals_for(customer.id, now),
        likings=[*likings_of(customer.id), *bought(customer.id)],
        refusals=[Refused(row.kind, row.text, row.after, row.id) for row in boundaries_for(customer.id)],
        history=history_of(customer.id, now),
    )
    advice = suggest([as_candidate(version) for version in versions], situation)
    fitting = [version for version in versions if suits_the_moment(as_candidate(version), situation)]
    by_id = {version.id: version for version in versions}
    return Counsel(advice, limits, usage, space, by_id, interaction.id if interaction else None, fitting)


def occasion_now(customer_id: int, now: datetime) -> Occasion:
    """Whether a gesture given now comes after a failure."""
    failed = any(signal.is_failure for signal in signals_for(customer_id, now))
    return Occasion.RECOVERY if failed else Occasion.DELIGHT


def log_shown(found: Counsel, *, customer_id: int, agent_id: int, now: datetime) -> Suggestion:
    """Write down a list as it is shown, an empty one too, so that it can be learned from."""
    advice = found.advice
    row = Suggestion(
        shown_at=now,
        customer_id=customer_id,
        interaction_id=found.interaction_id,
        agent_id=agent_id,
        occasion=advice.occasion,
        model=MODEL,
        silence=advice.silence or "",
        items=[
            {"gesture_version": item.candidate.version_id, "score": item.score, "propensity": item.propensity}
            for item in advice.items
        ],
    )
    db.session.add(row)
    return row


def alternative(cost: Money, found: Counsel) -> GestureVersion | None:
    """The best that still fits: the first suggestion, else the dearest of the others that costs no more."""
    if found.advice.items:
        return found.versions[found.advice.items[0].candidate.version_id]
    if found.advice.silence is not Silence.NOTHING_FITS:
        return None
    fitting = (version for version in found.fitting if version.cost <= cost)
    return max(fitting, key=lambda version: (version.cost_minor, -version.id), default=None)


def as_candidate(version: GestureVersion) -> Candidate:
    return Candidate(
        version_id=version.id,
        gesture_id=version.gesture_id,
        kind=version.gesture.kind,
        name=version.name,
        cost=version.cost,
        perceived=version.perceived,
        occasions=tuple(version.occasions),
        suits=tuple(version.suits),
    )


def typical_cost(versions: list[GestureVersion], currency: str) -> Money:
    """The middle one of what the catalogue has for after a failure, free ones left out."""
    recovering = (version for version in versions if Occasion.RECOVERY in version.occasions)
    costs = [version.cost_minor for version in recovering if version.cost_minor]
    return Money(median_high(costs) if costs else 1, currency)


def likings_of(customer_id: int) -> list[Liking]:
    return [Liking(row.text, row.provenance, row.id) for row in preferences_for(customer_id)]


def bought(customer_id: int) -> list[Liking]:
    """The latest lines of their orders, each with its category."""
    rows = db.session.execute(
        select(OrderLine.id, OrderLine.name, Product.category)
        .join(Order, Order.id == OrderLine.order_id)
        .outerjoin(Product, Product.id == OrderLine.product_id)
        .where(Order.customer_id == customer_id, Order.status != OrderStatus.CANCELLED)
        .order_by(Order.placed_at.desc().nulls_last(), OrderLine.id.desc())
        .limit(PURCHASES)
    )
    return [Liking(f"{name} ({category})" if category else name, "bought", line_id) for line_id, name, category in rows]


def history_of(customer_id: int, now: datetime) -> list[Given]:
    rows = db.session.execute(
        select(LedgerEntry, Gesture.kind, GestureVersion.name, GestureVersion.gesture_id)
        .join(GestureVersion, GestureVersion.id == LedgerEntry.gesture_version_id)
        .join(Gesture, Gesture.id == GestureVersion.gesture_id)
        .where(
            LedgerEntry.customer_id == customer_id,
            LedgerEntry.state.not_in(REFUSED),
            or_(LedgerEntry.state != EntryState.HELD, LedgerEntry.expires_at > now),
        )
        .order_by(LedgerEntry.booked_at.desc(), LedgerEntry.id.desc())
        .limit(REMEMBERED)
    )
    return [
        Given(gesture_id, kind, name, entry.booked_at, entry.state is EntryState.DECLINED, entry.id)
        for entry, kind, name, gesture_id in rows
    ]


def open_holds(customer_id: int, agent_id: int, now: datetime) -> list[LedgerEntry]:
    """The agent's own offers to this customer that wait for a yes or no, oldest first."""
    return list(
        db.session.scalars(
            select(LedgerEntry)
            .where(
                LedgerEntry.customer_id == customer_id,
                LedgerEntry.agent_id == agent_id,
                LedgerEntry.state == EntryState.HELD,
                LedgerEntry.expires_at > now,
            )
            .options(joinedload(LedgerEntry.gesture_version))
            .order_by(LedgerEntry.id)
            .limit(20)
        )
    )


def clock_of(customer: Customer, now: datetime) -> time:
    """The customer's own time of day; the shop's when theirs is not known."""
    try:
        return now.astimezone(ZoneInfo(customer.time_zone) if customer.time_zone else zone()).time()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return now.astimezone(zone()).time()
