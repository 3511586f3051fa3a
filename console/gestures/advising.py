"""What the help pane shows: the facts gathered for suggesting.py, and every list that is shown written down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from statistics import median_high
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import joinedload

from console.customers.models import Customer, Order, OrderLine, OrderStatus, Product
from console.customers.queries import boundaries_for, preferences_for, signals_for
from console.db import db
from console.empowerment.deciding import Decision, Obstacle, Standing, room
from console.empowerment.kinds import Occasion
from console.empowerment.policy import Measure, Scope
from console.empowerment.windows import Window
from console.gestures.approving import BEYOND, approvers, could_give
from console.gestures.authority import Authority, authority, giver
from console.gestures.catalogue import on_offer
from console.gestures.conditions import unavailable
from console.gestures.learning import reordered
from console.gestures.learning_models import Suggestion
from console.gestures.lots import is_drawn, week_of
from console.gestures.models import EntryState, Gesture, GestureVersion, LedgerEntry
from console.gestures.outcomes import beliefs
from console.gestures.rarity import may_surprise
from console.gestures.settings import gesture_settings
from console.gestures.situation import Advice, Candidate, Given, Liking, Refused, Silence, Situation, Suggested
from console.gestures.suggesting import NO_NEED, suggest, suits_the_moment
from console.gestures.weights import HALF_LIFE, LEARNED, LONG_STANDING, MODEL, SHOWN
from console.interactions.handling import live_with
from console.interactions.models import Interaction
from console.money import LARGEST, Money
from console.web import zone

REMEMBERED = 30  # past gestures that a suggestion looks back on
PURCHASES = 10  # lines of orders that say what suits somebody
CHARGES = ("delivery", "shipping", "postage")  # lines of orders that are no thing
SAME_LIST = timedelta(hours=8)
REFUSED = (EntryState.VOIDED, EntryState.EXPIRED, EntryState.REVERSED)


@dataclass(frozen=True)
class Counsel:
    """The agent's authority over one customer, what to suggest, and everything else on offer."""

    advice: Advice
    stage: str  # the customer's, in their life with the shop
    has_policy: bool  # whether any policy lets them give at all
    may_ask: bool  # whether anything that they may not give themselves can be asked for
    day: Standing | None  # of what the agent may give today, by cost
    room: Money  # the dearest that fits now
    versions: dict[int, GestureVersion]  # by id, in the catalogue's order
    decisions: dict[int, Decision]  # by version
    interaction: Interaction | None  # the one going on
    authority: Authority
    fitting: list[GestureVersion]  # nothing speaks against them now, however weakly they suit
    signals: list[str]  # the kinds of what is worth knowing now

    @property
    def is_paused(self) -> bool:
        """Whether a kill switch stops all that this agent gives."""
        return any(Obstacle.AGENT_SUSPENDED in one.obstacles for one in self.decisions.values())

    @property
    def interaction_id(self) -> int | None:
        return self.interaction.id if self.interaction else None

    @property
    def cap_today(self) -> Money:
        return self.money(self.day.limit.cap if self.day else 0)

    @property
    def left_today(self) -> Money:
        return self.money(self.day.left if self.day else 0)

    @property
    def held_today(self) -> Money:
        return self.money(self.day.held if self.day else 0)

    def money(self, minor: int) -> Money:
        return Money(minor, self.room.currency)

    @property
    def others(self) -> list[GestureVersion]:
        shown = {item.candidate.version_id for item in self.advice.items}
        return [version for version in self.versions.values() if version.id not in shown]


def counsel(customer: Customer, agent_id: int, currency: str, now: datetime) -> Counsel:
    """Everything the panel tells an agent who may give, about what is priced in `currency`."""
    interaction = live_with(customer.id, agent_id)
    versions = [one for one in db.session.scalars(on_offer(currency)) if unavailable(one, now) is None]
    signals = signals_for(customer.id, now)
    occasion = Occasion.RECOVERY if any(signal.is_failure for signal in signals) else Occasion.DELIGHT
    gestures = tuple(version.gesture_id for version in versions)
    mine = authority(giver(agent_id), customer, interaction, occasion, gestures, now)
    decisions = {version.id: mine.over(version) for version in versions}
    space = Money(max((space_of(one) for one in decisions.values()), default=0), currency)
    situation = Situation(
        called=customer.called,
        now=now,
        local_time=clock_of(customer, now),
        room=space,
        typical=typical_cost(versions, currency),
        signals=signals,
        likings=[*likings_of(customer.id), *bought(customer.id, now)],
        refusals=[Refused(row.kind, row.text, row.after, row.id) for row in boundaries_for(customer.id)],
        history=(history := history_of(customer.id, now)),
        scarcity=scarcity(day_of(decisions.values()), now),
        is_overlooked=not history and is_of_long_standing(mine.customer.get("customer_since"), now),
    )
    allowed = [version for version in versions if decisions[version.id].is_possible]
    askable = can_be_asked(versions, decisions, agent_id)
    advice = suggest([as_candidate(version) for version in allowed], situation)
    advice = with_what_may_be_asked(advice, [as_candidate(version) for version in askable], situation)
    stage = str(mine.customer.get("stage") or "")
    return Counsel(
        advice=shown_now(advice, customer.id, interaction.id if interaction else None, stage, now),
        stage=stage,
        has_policy=any(one.policy for one in decisions.values()),
        may_ask=bool(askable),
        day=day_of(decisions.values()),
        room=space,
        versions={version.id: version for version in versions},
        decisions=decisions,
        interaction=interaction,
        authority=mine,
        fitting=[version for version in allowed if suits_the_moment(as_candidate(version), situation)],
        signals=[signal.kind.value for signal in signals],
    )


def can_be_asked(
    versions: Iterable[GestureVersion], decisions: dict[int, Decision], agent_id: int
) -> list[GestureVersion]:
    """What somebody could allow; where it takes their own authority, somebody must have it. One statement, if any."""
    askable = [version for version in versions if decisions[version.id].may_ask]
    if all(decisions[version.id].policy for version in askable):
        return askable
    people = approvers(BEYOND, agent_id)
    return [
        version
        for version in askable
        if (one := decisions[version.id]).policy or any(could_give(person, one) for person in people)
    ]


def with_what_may_be_asked(advice: Advice, askable: list[Candidate], situation: Situation) -> Advice:
    """Where little can be suggested inside the limits, what an approver could allow comes after it, of other kinds."""
    missing = SHOWN - len(advice.items)
    if not askable or not missing or advice.silence not in (None, Silence.NOTHING_FITS):
        return advice
    kinds = {item.candidate.kind for item in advice.items}
    others = [one for one in askable if one.kind not in kinds]
    more = suggest(others, replace(situation, room=Money(LARGEST, situation.room.currency))).items[:missing]
    if not more:
        return advice
    items = (*advice.items, *(replace(item, needs_approval=True) for item in more))
    return replace(advice, items=items, silence=None, sentence="")


def shown_now(advice: Advice, customer_id: int, interaction_id: int | None, stage: str, now: datetime) -> Advice:
    """The list as learning orders it; after no failure nothing where enough others had a surprise this week, and
    nothing for whom the lot keeps out."""
    settings = gesture_settings()
    if advice.items and advice.occasion is Occasion.DELIGHT:
        silence = None
        if not may_surprise(customer_id, interaction_id, stage, now, settings.surprise_percent):
            silence = Silence.RARE
        elif held_out(customer_id, now, settings.hold_out_percent):
            silence = Silence.HELD_OUT
        if silence:
            return Advice(advice.occasion, silence=silence, sentence=NO_NEED, withheld=advice.items)
    known = None if settings.rules_only else beliefs(now)
    if known is None or known.is_worse:
        return advice
    seed = seed_of(customer_id, now)
    return replace(advice, items=reordered(advice.items, known, advice.occasion, stage, seed))


def held_out(customer_id: int, now: datetime, percent: int) -> bool:
    """Drawn by lot for each customer and week, so that a reload changes nothing and nobody can know it before."""
    return is_drawn(f"hold-out:{customer_id}:{week_of(now)}", percent)


def seed_of(customer_id: int, now: datetime) -> int:
    """The same list all day."""
    return customer_id * 1000 + now.timetuple().tm_yday


def scarcity(day: Standing | None, now: datetime) -> float:
    """How far the agent's budget of the day is ahead of a working day, 8 to 18 o'clock: 0 to 1."""
    if day is None or not day.limit.cap:
        return 0.0
    clock = now.astimezone(zone())
    elapsed = min(max((clock.hour + clock.minute / 60 - 8) / 10, 0.0), 1.0)
    return max(min(day.used / day.limit.cap, 1.0) - elapsed, 0.0)


def is_of_long_standing(since: object, now: datetime) -> bool:
    return isinstance(since, datetime) and now - since >= LONG_STANDING


def space_of(decision: Decision) -> int:
    """The cost (minor units) that this authority still reaches; nothing without one, or where a number is reached."""
    if decision.policy is None or any(is_used_up(one) for one in decision.standings):
        return 0
    space = room(decision.standings)
    return LARGEST if space is None else space


def is_used_up(standing: Standing) -> bool:
    """Whether so many gestures as the limit counts were given."""
    return standing.limit.measure is Measure.COUNT and not standing.left


def day_of(decisions: Iterable[Decision]) -> Standing | None:
    """How an agent's day stands, by cost: the tightest of the policies that authorise something."""
    found = (
        one
        for decision in decisions
        if decision.policy
        for one in decision.standings
        if (one.limit.scope, one.limit.measure, one.limit.window) == (Scope.AGENT, Measure.COST, Window.DAY)
    )
    return min(found, key=lambda one: one.left, default=None)


def occasion_now(customer_id: int, now: datetime) -> Occasion:
    """Whether a gesture given now comes after a failure."""
    failed = any(signal.is_failure for signal in signals_for(customer_id, now))
    return Occasion.RECOVERY if failed else Occasion.DELIGHT


def log_shown(found: Counsel, *, customer_id: int, agent_id: int, now: datetime) -> Suggestion:
    """Write down a list as it is shown, an empty one too, so that it can be learned from; once, however often it loads.
    Of what is kept back it is what would have been shown.

    Every item says by which parts it scored and the chance with which it stands in its place.
    """
    advice = found.advice
    items = [as_logged(item) for item in advice.items or advice.withheld]
    last = db.session.scalars(
        select(Suggestion)
        .where(
            Suggestion.customer_id == customer_id,
            Suggestion.shown_at > now - SAME_LIST,
            Suggestion.agent_id == agent_id,
        )
        .order_by(Suggestion.shown_at.desc(), Suggestion.id.desc())
        .limit(1)
    ).first()
    silence = advice.silence or ""
    if last and (last.items, last.silence, last.interaction_id) == (items, silence, found.interaction_id):
        return last
    row = Suggestion(
        shown_at=now,
        customer_id=customer_id,
        interaction_id=found.interaction_id,
        agent_id=agent_id,
        occasion=advice.occasion,
        model=MODEL if all(item.propensity == 1 for item in advice.items) else LEARNED,
        silence=silence,
        items=items,
        considered=[
            {"gesture_version": version_id, "allowed": decision.is_possible, "may_ask": decision.may_ask}
            for version_id, decision in found.decisions.items()
        ],
        features={
            "stage": found.stage,
            "room": found.room.minor,
            "currency": found.room.currency,
            "signals": found.signals,
        },
        seed=seed_of(customer_id, now),
        held_out=advice.silence is Silence.HELD_OUT,
    )
    db.session.add(row)
    db.session.flush()
    return row


def as_logged(item: Suggested) -> dict[str, Any]:
    return {
        "gesture_version": item.candidate.version_id,
        "gesture": item.candidate.gesture_id,
        "kind": item.candidate.kind.value,
        "cost": item.candidate.cost.minor,
        "score": item.score,
        "parts": item.parts,
        "propensity": item.propensity,
        "needs_approval": item.needs_approval,
        "evidence": [clause.evidence for clause in item.clauses if clause.evidence],
    }


def alternative(cost: Money, found: Counsel) -> GestureVersion | None:
    """The best that still fits: the first suggestion inside the limits, else the dearest that costs no more."""
    for item in found.advice.items:
        if not item.needs_approval:
            return found.versions[item.candidate.version_id]
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


def bought(customer_id: int, now: datetime) -> list[Liking]:
    """The latest things on their orders, each with its category; what only brought them is no liking. A purchase says
    half as much after half a year; one of an unknown day as much as that."""
    charge = and_(OrderLine.product_id.is_(None), or_(*(OrderLine.name.icontains(word) for word in CHARGES)))
    rows = db.session.execute(
        select(OrderLine.id, OrderLine.name, Product.category, Order.placed_at)
        .join(Order, Order.id == OrderLine.order_id)
        .outerjoin(Product, Product.id == OrderLine.product_id)
        .where(Order.customer_id == customer_id, Order.status != OrderStatus.CANCELLED, ~charge)
        .order_by(Order.placed_at.desc().nulls_last(), OrderLine.id.desc())
        .limit(PURCHASES)
    )
    return [
        Liking(
            f"{name} ({category})" if category else name,
            "bought",
            line_id,
            weight=0.5 ** (max(now - placed_at, timedelta()) / HALF_LIFE if placed_at else 1),
        )
        for line_id, name, category, placed_at in rows
    ]


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
