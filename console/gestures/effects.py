"""What gestures cost and what came of them: by gesture, occasion, team and segment. Never by person.

What happened afterwards is compared with the customers of whom, by lot, nothing was suggested (the hold-out, delight
alone): all to whom something was suggested, whether it was offered or not, so that nobody's choice colours it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import fmean
from typing import Any

from sqlalchemy import select

from console.auth.models import Team
from console.customers.fact_models import CustomerFacts
from console.customers.models import Order, OrderStatus
from console.db import db
from console.empowerment.intervals import FEW, mean_difference, share_difference
from console.empowerment.kinds import Occasion
from console.empowerment.rule_sql import compile_rule
from console.empowerment.segments import COLUMNS, active_segments, rule_of
from console.gestures.learning_models import Suggestion
from console.gestures.models import EntryState, GestureVersion, LedgerEntry
from console.interactions.models import Interaction
from console.web import zone

COMES_BACK = timedelta(days=14)
BUYS_AGAIN = timedelta(days=30)
MOST = 100_000  # gestures, or suggestions, looked at; the newest of the time chosen
ACCEPTED = (EntryState.GRANTED, EntryState.FULFILLED, EntryState.REVERSED)


@dataclass
class Tally:
    """The gestures of one kind, team or segment. Scores are of the conversations they were given in."""

    name: str
    offered: int = 0
    accepted: int = 0
    declined: int = 0
    cost_minor: int = 0  # of those that were accepted and not taken back
    scores: list[int] = field(default_factory=list)
    watched: int = 0  # accepted, and the fortnight after is over
    came_back: int = 0  # talked to us again within it

    @property
    def score(self) -> float | None:
        return fmean(self.scores) if len(self.scores) >= FEW else None

    @property
    def share_back(self) -> float | None:
        return self.came_back / self.watched if self.watched >= FEW else None


@dataclass(frozen=True)
class Day:
    """The cost, in minor units, of what was accepted on one day or in one week."""

    on: date
    recovery: int
    delight: int


@dataclass(frozen=True)
class Comparison:
    """One thing that may follow, with and without a suggestion. `low` and `high` bound the difference, at 95 %."""

    name: str
    cases: int
    others: int  # of the hold-out
    value: float
    other: float
    low: float
    high: float
    is_share: bool = True

    @property
    def is_enough(self) -> bool:
        return min(self.cases, self.others) >= FEW

    @property
    def is_clear(self) -> bool:
        """The interval leaves no difference out."""
        return self.is_enough and not self.low <= 0 <= self.high


@dataclass(frozen=True)
class Effects:
    tables: dict[str, list[Tally]]  # by "gesture", "occasion", "team", "segment"
    total: Tally
    days: list[Day]
    step: int  # days that one of `days` stands for
    comparisons: list[Comparison]
    currency: str
    other_currencies: bool  # gestures in other currencies were left out
    is_cut: bool


def effects(first: datetime, last: datetime, currency: str, now: datetime) -> Effects:
    """What was offered from `first` until `last` (aware; the last is not included), seven statements."""
    rows = given(first, last)
    own = [row for row in rows if row.currency == currency]
    talks = talks_of(LedgerEntry.customer_id, LedgerEntry.booked_at, first, last)
    members = segment_members(first, last, now)
    tables: dict[str, dict[Any, Tally]] = {name: {} for name in ("gesture", "occasion", "team", "segment")}
    total = Tally("All")
    for row in own:
        after = came_back(talks.get(row.customer_id, ()), row.interaction_id, row.booked_at, now)
        keys = [
            ("gesture", row.gesture_id, row.name),
            ("occasion", row.occasion, row.occasion.label),
            ("team", row.team_id, row.team or "No team"),
            *(("segment", name, name) for name in members.get(row.customer_id, ())),
        ]
        add(total, row, after)
        for table, key, name in keys:
            add(tables[table].setdefault(key, Tally(name)), row, after)
    step = 1 if (last - first).days <= 31 else 7
    return Effects(
        tables={name: sorted(tallies.values(), key=lambda one: -one.cost_minor) for name, tallies in tables.items()},
        total=total,
        days=days_of(own, first, last, step),
        step=step,
        comparisons=comparisons(first, last, now),
        currency=currency,
        other_currencies=len(own) < len(rows),
        is_cut=len(rows) == MOST,
    )


def given(first: datetime, last: datetime) -> Sequence[Any]:
    return db.session.execute(
        select(
            LedgerEntry.gesture_id,
            GestureVersion.name,
            LedgerEntry.occasion,
            LedgerEntry.team_id,
            Team.name.label("team"),
            LedgerEntry.state,
            LedgerEntry.currency,
            LedgerEntry.cost_minor,
            LedgerEntry.customer_id,
            LedgerEntry.interaction_id,
            LedgerEntry.booked_at,
            Interaction.csat,
        )
        .join(GestureVersion, GestureVersion.id == LedgerEntry.gesture_version_id)
        .join(Interaction, Interaction.id == LedgerEntry.interaction_id)
        .outerjoin(Team, Team.id == LedgerEntry.team_id)
        .where(LedgerEntry.booked_at >= first, LedgerEntry.booked_at < last)
        .order_by(LedgerEntry.booked_at.desc())
        .limit(MOST)
    ).all()


def add(tally: Tally, row: Any, after: bool | None) -> None:
    tally.offered += 1
    tally.declined += row.state is EntryState.DECLINED
    if row.state not in ACCEPTED:
        return
    tally.accepted += 1
    tally.cost_minor += row.cost_minor if row.state is not EntryState.REVERSED else 0
    if row.csat is not None:
        tally.scores.append(row.csat)
    if after is not None:
        tally.watched += 1
        tally.came_back += after


Talks = Mapping[int, Sequence[tuple[datetime, int]]]  # by customer: when, which; oldest first


def talks_of(customer: Any, moment: Any, first: datetime, last: datetime) -> Talks:
    """The conversations, until a fortnight after `last`, of those customers whom `customer` names between the two."""
    whom = select(customer).where(moment >= first, moment < last)
    rows = db.session.execute(
        select(Interaction.customer_id, Interaction.started_at, Interaction.id)
        .where(
            Interaction.customer_id.in_(whom),
            Interaction.started_at >= first,
            Interaction.started_at < last + COMES_BACK,
        )
        .order_by(Interaction.started_at)
    )
    found: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for customer_id, at, interaction_id in rows:
        assert at is not None  # noqa: S101  it is asked for above
        found[customer_id].append((at, interaction_id))
    return found


def came_back(
    talks: Sequence[tuple[datetime, int]], interaction_id: int | None, at: datetime, now: datetime
) -> bool | None:
    """Whether another conversation began within a fortnight; None while that is not over."""
    if at + COMES_BACK > now:
        return None
    start = bisect_right(talks, (at, 2**63))
    return any(when <= at + COMES_BACK and talk != interaction_id for when, talk in talks[start : start + 5])


def segment_members(first: datetime, last: datetime, now: datetime) -> dict[int, list[str]]:
    """The segments in which each customer is now who was given something then: a statement for each segment."""
    whom = select(LedgerEntry.customer_id).where(LedgerEntry.booked_at >= first, LedgerEntry.booked_at < last)
    found: dict[int, list[str]] = defaultdict(list)
    for segment in active_segments():
        query = select(CustomerFacts.customer_id).where(
            CustomerFacts.customer_id.in_(whom), compile_rule(rule_of(segment), COLUMNS, now)
        )
        for customer_id in db.session.scalars(query):
            found[customer_id].append(segment.name)
    return found


def days_of(rows: Iterable[Any], first: datetime, last: datetime, step: int) -> list[Day]:
    start = first.astimezone(zone()).date()
    count = -(-(last.astimezone(zone()).date() - start).days // step)
    sums = [[0, 0] for _ in range(max(count, 1))]
    for row in rows:
        if row.state in ACCEPTED and row.state is not EntryState.REVERSED:
            place = min((row.booked_at.astimezone(zone()).date() - start).days // step, len(sums) - 1)
            sums[place][row.occasion is Occasion.DELIGHT] += row.cost_minor
    return [Day(start + timedelta(days=step * at), *pair) for at, pair in enumerate(sums)]


def comparisons(first: datetime, last: datetime, now: datetime) -> list[Comparison]:
    """What followed where something was suggested for no reason, against the hold-out. Four statements."""
    shown = select(Suggestion.held_out, Suggestion.customer_id, Suggestion.interaction_id, Suggestion.shown_at)
    rows = db.session.execute(
        shown.where(
            Suggestion.shown_at >= first,
            Suggestion.shown_at < last,
            Suggestion.occasion == Occasion.DELIGHT,
            Suggestion.interaction_id.is_not(None),
            Suggestion.silence.in_(("", "held_out")),
        )
        .order_by(Suggestion.id.desc())
        .limit(MOST)
    ).all()
    moments = list({row.interaction_id: row for row in rows}.values())  # the first list of each conversation
    talks = talks_of(Suggestion.customer_id, Suggestion.shown_at, first, last)
    orders = orders_of(first, last)
    scores = scores_of(first, last)
    arms: dict[bool, list[Any]] = {False: [], True: []}
    for row in moments:
        arms[bool(row.held_out)].append(row)
    back = {
        arm: [
            after
            for row in members
            if (after := came_back(talks.get(row.customer_id, ()), row.interaction_id, row.shown_at, now)) is not None
        ]
        for arm, members in arms.items()
    }
    bought = {
        arm: [
            any(row.shown_at < at <= row.shown_at + BUYS_AGAIN for at in orders.get(row.customer_id, ()))
            for row in members
            if row.shown_at + BUYS_AGAIN <= now
        ]
        for arm, members in arms.items()
    }
    marks = {
        arm: [scores[row.interaction_id] for row in members if row.interaction_id in scores]
        for arm, members in arms.items()
    }
    return [
        of_shares("Talked to us again within 14 days", back[False], back[True]),
        of_shares("Ordered again within 30 days", bought[False], bought[True]),
        of_means("Score of the survey, 1 to 5", marks[False], marks[True]),
    ]


def of_shares(name: str, hits: Sequence[bool], others: Sequence[bool]) -> Comparison:
    low, high = share_difference(sum(hits), len(hits), sum(others), len(others))
    value, other = (sum(arm) / len(arm) if arm else 0.0 for arm in (hits, others))
    return Comparison(name, len(hits), len(others), value, other, low, high)


def of_means(name: str, values: Sequence[int], others: Sequence[int]) -> Comparison:
    low, high = mean_difference(values, others) or (-4.0, 4.0)
    value, other = (fmean(arm) if arm else 0.0 for arm in (values, others))
    return Comparison(name, len(values), len(others), value, other, low, high, is_share=False)


def orders_of(first: datetime, last: datetime) -> dict[int, list[datetime]]:
    whom = select(Suggestion.customer_id).where(Suggestion.shown_at >= first, Suggestion.shown_at < last)
    rows = db.session.execute(
        select(Order.customer_id, Order.placed_at).where(
            Order.customer_id.in_(whom),
            Order.placed_at >= first,
            Order.placed_at < last + BUYS_AGAIN,
            Order.status != OrderStatus.CANCELLED,
        )
    )
    found: dict[int, list[datetime]] = defaultdict(list)
    for customer_id, at in rows:
        assert at is not None  # noqa: S101  it is asked for above
        found[customer_id].append(at)
    return found


def scores_of(first: datetime, last: datetime) -> dict[int, int]:
    """The survey's score of each conversation in which something was suggested."""
    where = select(Suggestion.interaction_id).where(Suggestion.shown_at >= first, Suggestion.shown_at < last)
    rows = db.session.execute(
        select(Interaction.id, Interaction.csat).where(Interaction.id.in_(where), Interaction.csat.is_not(None))
    )
    return {interaction_id: score for interaction_id, score in rows if score is not None}
