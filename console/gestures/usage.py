"""What counts against limits: sums over the ledger's rows, never counters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, literal, or_, select

from console.db import db
from console.empowerment.deciding import Booking, since
from console.empowerment.policy import Limit, Measure, Policy, Scope
from console.empowerment.windows import Window
from console.gestures.households import Household
from console.gestures.models import SPENT, EntryState, LedgerEntry

Key = tuple[Limit, str, int, datetime | None]
Sum = tuple[int, int]  # all, and the part of it that is only held


@dataclass(frozen=True)
class LedgerUsage:
    """The usage of one agent with one customer at `now`, for `deciding.decide`. Exact inside the ledger's locks.

    Each sum is asked for once. `gesture_ids` are those that may be asked about, `gesture_id` the one that is.
    """

    agent_id: int
    team_id: int | None
    customer_id: int
    household: Household
    interaction_id: int | None
    gesture_ids: tuple[int, ...]
    now: datetime
    gesture_id: int = 0
    sums: dict[Key, dict[int, Sum]] = field(default_factory=dict, compare=False, repr=False)

    def prime(self, policies: Iterable[Policy]) -> None:
        """Ask for the sums of all limits of these policies in one statement."""
        wanted = {
            self.key(limit, policy, start): (limit, policy, start)
            for policy in policies
            for limit in policy.body.limits
            if limit.window is not Window.EACH and limit.scope is not Scope.GESTURE
            for start in (since(limit, policy, self.now),)
        }
        missing = {key: self.total(*asked) for key, asked in wanted.items() if key not in self.sums}
        if not missing:
            return
        row = db.session.execute(select(*(column for pair in missing.values() for column in pair))).one()
        for place, key in enumerate(missing):
            self.sums[key] = {0: (int(row[2 * place]), int(row[2 * place + 1]))}

    def used(self, limit: Limit, policy: Policy, start: datetime | None) -> Sum:
        key = self.key(limit, policy, start)
        if key not in self.sums and limit.scope is Scope.GESTURE:
            self.sums[key] = self.by_gesture(limit, policy, start)
        elif key not in self.sums:
            row = db.session.execute(select(*self.total(limit, policy, start))).one()
            self.sums[key] = {0: (int(row[0]), int(row[1]))}
        return self.sums[key].get(self.gesture_id if limit.scope is Scope.GESTURE else 0, (0, 0))

    def bookings(self, limit: Limit, policy: Policy, start: datetime | None) -> Sequence[Booking]:
        rows = db.session.execute(
            select(LedgerEntry.booked_at, amount(limit)).where(
                *self.within(limit, policy, start),
                *([LedgerEntry.gesture_id == self.gesture_id] if limit.scope is Scope.GESTURE else []),
            )
        )
        return [Booking(at, int(one)) for at, one in rows]

    def key(self, limit: Limit, policy: Policy, start: datetime | None) -> Key:
        return limit, policy.body.currency, policy.id if limit.scope is Scope.POOL else 0, start

    def total(self, limit: Limit, policy: Policy, start: datetime | None) -> tuple[ColumnElement[int], ...]:
        sums = func.coalesce(func.sum(amount(limit)), 0)
        where = self.within(limit, policy, start)
        held = LedgerEntry.state == EntryState.HELD
        return select(sums).where(*where).scalar_subquery(), select(sums).where(*where, held).scalar_subquery()

    def by_gesture(self, limit: Limit, policy: Policy, start: datetime | None) -> dict[int, Sum]:
        one = amount(limit)
        held = func.coalesce(func.sum(one).filter(LedgerEntry.state == EntryState.HELD), 0)
        rows = db.session.execute(
            select(LedgerEntry.gesture_id, func.coalesce(func.sum(one), 0), held)
            .where(*self.within(limit, policy, start))
            .group_by(LedgerEntry.gesture_id)
        )
        return {gesture: (int(total), int(part)) for gesture, total, part in rows}

    def within(self, limit: Limit, policy: Policy, start: datetime | None) -> list[ColumnElement[bool]]:
        """What lies in the limit's window, is of its subject and counts. No upper bound: nothing is booked later."""
        found = [self.subject(limit.scope, policy), self.counts(limit)]
        if start is not None:
            is_rolling = limit.window is Window.ROLLING
            found.append(LedgerEntry.booked_at > start if is_rolling else LedgerEntry.booked_at >= start)
        if limit.measure is not Measure.COUNT:
            found.append(LedgerEntry.currency == policy.body.currency)
        return found

    def subject(self, scope: Scope, policy: Policy) -> ColumnElement[bool]:
        match scope:
            case Scope.GESTURE:
                return LedgerEntry.gesture_id.in_(self.gesture_ids)
            case Scope.INTERACTION:
                return LedgerEntry.interaction_id == self.interaction_id
            case Scope.CUSTOMER:
                return LedgerEntry.customer_id == self.customer_id
            case Scope.HOUSEHOLD:  # their own always count, wherever they lived then
                return or_(self.household.entries, LedgerEntry.customer_id == self.customer_id)
            case Scope.AGENT:
                return LedgerEntry.agent_id == self.agent_id
            case Scope.TEAM:  # those without one count together
                return LedgerEntry.team_id.is_(None) if self.team_id is None else LedgerEntry.team_id == self.team_id
            case Scope.POOL:
                return LedgerEntry.policy_id == policy.id

    def counts(self, limit: Limit) -> ColumnElement[bool]:
        found = is_active(self.now)
        return found if limit.restores else or_(found, LedgerEntry.state == EntryState.REVERSED)


def amount(limit: Limit) -> ColumnElement[int]:
    match limit.measure:
        case Measure.COST:
            return LedgerEntry.cost_minor.expression
        case Measure.FACE:
            return LedgerEntry.face_minor.expression
        case Measure.COUNT:
            return literal(1)


def is_active(now: datetime) -> ColumnElement[bool]:
    """Granted, done, or held and not yet run out."""
    return or_(LedgerEntry.state.in_(SPENT), and_(LedgerEntry.state == EntryState.HELD, LedgerEntry.expires_at > now))
