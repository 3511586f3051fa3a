"""What gestures cost and what came of them: by gesture, occasion, team and segment. Never by person.

What happened afterwards is compared, row by row, with the hold-out that fits it (comparing.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import fmean
from typing import Any

from sqlalchemy import select, union

from console.auth.models import Team
from console.customers.fact_models import CustomerFacts
from console.db import db
from console.empowerment.intervals import FEW
from console.empowerment.kinds import Occasion
from console.empowerment.rule_sql import compile_rule
from console.empowerment.segments import COLUMNS, active_segments, rule_of
from console.gestures.comparing import ALL, Comparison, hold_out
from console.gestures.following import came_back, talks_of
from console.gestures.learning_models import Suggestion
from console.gestures.models import EntryState, GestureVersion, LedgerEntry
from console.interactions.models import IS_NO_REPLAY, Interaction
from console.web import zone

MOST = 100_000  # gestures looked at, the newest of the time chosen
LEAST_REACH = {"score": 0.5, "came_back": 0.1, "ordered": 0.1}  # of a chart of differences, to either side
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
    comparisons: tuple[Comparison, ...] = ()  # with the hold-out; none after a failure

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
class Effects:
    tables: dict[str, list[Tally]]  # by "gesture", "occasion", "team", "segment"
    total: Tally
    days: list[Day]
    step: int  # days that one of `days` stands for
    surprised: float | None  # the share of conversations with something suggested for no reason
    currency: str
    other_currencies: bool  # gestures in other currencies were left out
    is_cut: bool

    def reach(self, key: str) -> float:
        """How far the chart of these differences goes to either side, so that all rows can be compared."""
        rows = (self.total, *(tally for table in self.tables.values() for tally in table))
        shown = (one for row in rows for one in row.comparisons if one.key == key and one.is_enough)
        return max([LEAST_REACH[key], *(abs(bound) for one in shown for bound in (one.low, one.high))])


def effects(first: datetime, last: datetime, currency: str, now: datetime) -> Effects:
    """What was offered from `first` until `last` (aware; the last is not included): eight statements, and one for
    each segment."""
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
    held_out = hold_out(first, last, members, now)
    total.comparisons = held_out.of(ALL)
    for table, tallies in tables.items():
        for key, tally in tallies.items():
            tally.comparisons = held_out.of((table, key))
    step = 1 if (last - first).days <= 31 else 7
    return Effects(
        tables={name: sorted(tallies.values(), key=lambda one: -one.cost_minor) for name, tallies in tables.items()},
        total=total,
        days=days_of(own, first, last, step),
        step=step,
        surprised=held_out.surprised / held_out.talks if held_out.talks and not held_out.is_cut else None,
        currency=currency,
        other_currencies=len(own) < len(rows),
        is_cut=len(rows) == MOST or held_out.is_cut,
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
        .where(LedgerEntry.booked_at >= first, LedgerEntry.booked_at < last, IS_NO_REPLAY)
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


def segment_members(first: datetime, last: datetime, now: datetime) -> dict[int, list[str]]:
    """The segments in which each customer is now to whom something was given or suggested then: a statement each."""
    whom = union(
        select(LedgerEntry.customer_id).where(LedgerEntry.booked_at >= first, LedgerEntry.booked_at < last),
        select(Suggestion.customer_id).where(Suggestion.shown_at >= first, Suggestion.shown_at < last),
    )
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
