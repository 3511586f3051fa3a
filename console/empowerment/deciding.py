"""May this be given? The one decision that screens, the ledger, commands and simulation share.

Every live guardrail that applies must pass. Of the grant policies that match, the one with the highest priority
authorises as a whole: its limits alone count, beside the guardrails'. Nothing matches: no authority of one's own, but
where no guardrail forbids it an approver may be asked, whose own policy then authorises. Usage belongs to its subject,
whatever policy it was given under; only a pool belongs to its policy. Nothing here reads a clock or a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from console.empowerment.policy import Kind, Limit, Measure, Policy, Scope
from console.empowerment.rules import Blame, Value, blame, holds
from console.empowerment.windows import Window, closes, opened


@dataclass(frozen=True)
class Ask:
    """One gesture for one customer by one agent, now. `now` is aware UTC."""

    now: datetime
    agent_id: int
    roles: frozenset[str]
    team_id: int | None
    channel: str
    customer: Mapping[str, Value]  # facts by field name
    interaction: Mapping[str, Value]
    gesture_id: int
    kind: str
    currency: str
    cost_minor: int
    face_minor: int
    cash_like: bool = False
    reason_code: str = ""
    note: str = ""

    def amount(self, measure: Measure) -> int:
        return {Measure.COST: self.cost_minor, Measure.FACE: self.face_minor, Measure.COUNT: 1}[measure]


@dataclass(frozen=True)
class Booking:
    at: datetime
    amount: int


class Usage(Protocol):
    """What counts already against the subjects of one ask: held, granted and done. Windows as in windows.py."""

    def used(self, limit: Limit, policy: Policy, since: datetime | None) -> tuple[int, int]:
        """The sum inside the limit's window, and the part of it that is only held."""

    def bookings(self, limit: Limit, policy: Policy, since: datetime | None) -> Sequence[Booking]:
        """The single bookings of that sum, which tell when a rolling window frees up."""


@dataclass(frozen=True)
class Suspended:
    """What a kill switch has stopped. Stopping a policy never lets more through: whatever it speaks of is refused."""

    policies: frozenset[int] = frozenset()
    agents: frozenset[int] = frozenset()
    gestures: frozenset[int] = frozenset()

    def but(self, *, policy_id: int, agent_id: int, gesture_id: int) -> Suspended:
        """Without what stops these: for what was promised before."""
        return Suspended(self.policies - {policy_id}, self.agents - {agent_id}, self.gestures - {gesture_id})


@dataclass(frozen=True)
class Standing:
    """A limit with what is used of it."""

    policy: Policy
    limit: Limit
    used: int
    held: int

    @property
    def left(self) -> int:
        """Nothing when the cap was lowered below what is used already."""
        return max(self.limit.cap - self.used, 0)

    @property
    def is_low(self) -> bool:
        """Nearly used up, by the policy's own measure."""
        return self.used * 100 >= self.limit.cap * self.limit.warn_at


@dataclass(frozen=True)
class Failure:
    """A limit that would be exceeded. `frees_at`: when it would fit at the latest; None: not by waiting."""

    standing: Standing
    amount: int
    frees_at: datetime | None = None

    @property
    def limit(self) -> Limit:
        return self.standing.limit

    @property
    def is_final(self) -> bool:
        """No approval can go beyond it."""
        return self.standing.policy.kind is Kind.GUARDRAIL or not self.limit.overridable


class Obstacle(StrEnum):
    """Why there is no authority at all, or something is missing."""

    AGENT_SUSPENDED = "agent_suspended"
    GESTURE_SUSPENDED = "gesture_suspended"
    POLICY_SUSPENDED = "policy_suspended"  # the policy that would decide, or a guardrail that binds
    NOT_FOR_YOU = "not_for_you"  # no policy names this agent
    NOT_THIS_GESTURE = "not_this_gesture"
    NOT_THIS_CHANNEL = "not_this_channel"
    NOT_NOW = "not_now"  # outside its hours
    NOT_THIS_CUSTOMER = "not_this_customer"
    NOT_THIS_INTERACTION = "not_this_interaction"
    OTHER_CURRENCY = "other_currency"
    REASON_MISSING = "reason_missing"
    NOTE_MISSING = "note_missing"


# How near a policy came to matching, nearest last.
ORDER = (
    Obstacle.NOT_FOR_YOU,
    Obstacle.NOT_THIS_GESTURE,
    Obstacle.NOT_THIS_CHANNEL,
    Obstacle.NOT_NOW,
    Obstacle.NOT_THIS_CUSTOMER,
    Obstacle.NOT_THIS_INTERACTION,
)


# What the agent can still give; nobody else has to be asked for it.
MISSING = frozenset({Obstacle.REASON_MISSING, Obstacle.NOTE_MISSING})


@dataclass(frozen=True)
class Near:
    """A grant policy that does not match: at what it failed, and the conditions that stand in the way."""

    policy: Policy
    obstacle: Obstacle
    blamed: tuple[Blame, ...] = ()


@dataclass(frozen=True)
class Decision:
    ask: Ask = field(repr=False)
    policy: Policy | None = None  # the grant policy that authorises
    guardrails: tuple[Policy, ...] = ()  # that apply
    standings: tuple[Standing, ...] = ()  # every limit that applies
    failures: tuple[Failure, ...] = ()  # all that are exceeded
    obstacles: tuple[Obstacle, ...] = ()
    near: tuple[Near, ...] = field(default=(), repr=False)  # the nearest policy first; only when none authorises

    @property
    def is_allowed(self) -> bool:
        return self.policy is not None and not self.failures and not self.obstacles

    @property
    def is_possible(self) -> bool:
        """Allowed once the agent has said what is missing: a reason, a note."""
        return self.policy is not None and not self.failures and MISSING.issuperset(self.obstacles)

    @property
    def may_ask(self) -> bool:
        """Whether an approver could allow it: only limits stand in the way, or a policy lets others alone give it.

        None of the limits is final, and nothing that decides is suspended. What is missing has to be said first.
        """
        beyond = set(self.obstacles) - MISSING
        if self.policy is None:
            askable = beyond <= set(ORDER) and bool(self.lenders)
        else:
            askable = bool(self.failures) and not beyond
        return askable and not any(failure.is_final for failure in self.failures)

    @property
    def lenders(self) -> list[Policy]:
        """Where no policy lets this agent give it: those that would let somebody else, here and now."""
        others = (near.policy for near in self.near if near.obstacle is Obstacle.NOT_FOR_YOU)
        return [policy for policy in others if elsewhere(policy, self.ask) is None]


def decide(ask: Ask, policies: Iterable[Policy], usage: Usage, suspended: Suspended | None = None) -> Decision:
    """Hold one ask against all policies in force and report everything that stands in the way, not just the first."""
    stopped, live = suspended or Suspended(), list(policies)
    guardrails = tuple(policy for policy in live if policy.kind is Kind.GUARDRAIL and binds(policy, ask))
    granting = authority(live, ask)
    standings = tuple(
        standing
        for policy in (*guardrails, *((granting,) if granting else ()))
        for standing in standings_of(policy, ask, usage)
    )
    failures = tuple(
        Failure(one, amount, frees_at(one, ask, usage))
        for one in standings
        # What adds nothing exceeds nothing, even where an approval or a lower cap left more used than there is.
        if (amount := ask.amount(one.limit.measure)) and one.used + amount > one.limit.cap
    )
    near = () if granting else nearest(live, ask)
    in_the_way = tuple(obstacles(ask, granting, guardrails, near, stopped))
    return Decision(ask, granting, guardrails, standings, failures, in_the_way, near)


def authority(policies: Iterable[Policy], ask: Ask) -> Policy | None:
    """The matching grant policy with the highest priority; of equals the older."""
    matching = [policy for policy in policies if policy.kind is Kind.GRANT and mismatch(policy, ask) is None]
    return max(matching, key=lambda policy: (policy.body.priority, -policy.id), default=None)


def binds(policy: Policy, ask: Ask) -> bool:
    """Whether a guardrail applies. What is not known binds: only a certain no lets anybody out."""
    body = policy.body
    return (
        body.who.includes(ask.agent_id, ask.roles, ask.team_id)
        and body.gestures.includes(ask.gesture_id, ask.kind, cash_like=ask.cash_like)
        and (not body.channels or ask.channel in body.channels)
        and body.is_open(ask.now)
        and holds(body.customers, ask.customer, ask.now) is not False
        and holds(body.interaction, ask.interaction, ask.now) is not False
    )


def mismatch(policy: Policy, ask: Ask) -> Obstacle | None:
    """Why a grant policy does not speak of this ask; None when it does. What is not known does not match."""
    if not policy.body.who.includes(ask.agent_id, ask.roles, ask.team_id):
        return Obstacle.NOT_FOR_YOU
    return elsewhere(policy, ask)


def elsewhere(policy: Policy, ask: Ask) -> Obstacle | None:
    """The same, whoever gives it."""
    body = policy.body
    if not body.gestures.includes(ask.gesture_id, ask.kind, cash_like=ask.cash_like):
        return Obstacle.NOT_THIS_GESTURE
    if body.channels and ask.channel not in body.channels:
        return Obstacle.NOT_THIS_CHANNEL
    if not body.is_open(ask.now):
        return Obstacle.NOT_NOW
    if holds(body.customers, ask.customer, ask.now) is not True:
        return Obstacle.NOT_THIS_CUSTOMER
    return None if holds(body.interaction, ask.interaction, ask.now) is True else Obstacle.NOT_THIS_INTERACTION


def nearest(policies: Iterable[Policy], ask: Ask) -> tuple[Near, ...]:
    """The grant policies that do not match, the one that came nearest first."""
    found = []
    for policy in policies:
        obstacle = mismatch(policy, ask) if policy.kind is Kind.GRANT else None
        if obstacle is None:
            continue
        body = policy.body
        blamed: tuple[Blame, ...] = ()
        if obstacle is Obstacle.NOT_THIS_CUSTOMER:
            blamed = tuple(blame(body.customers, ask.customer, ask.now))
        elif obstacle is Obstacle.NOT_THIS_INTERACTION:
            blamed = tuple(blame(body.interaction, ask.interaction, ask.now))
        found.append(Near(policy, obstacle, blamed))
    return tuple(sorted(found, key=lambda near: (-ORDER.index(near.obstacle), -near.policy.body.priority)))


def obstacles(
    ask: Ask, granting: Policy | None, guardrails: Sequence[Policy], near: Sequence[Near], stopped: Suspended
) -> Iterable[Obstacle]:
    if ask.agent_id in stopped.agents:
        yield Obstacle.AGENT_SUSPENDED
    if ask.gesture_id in stopped.gestures:
        yield Obstacle.GESTURE_SUSPENDED
    binding = (*guardrails, *((granting,) if granting else ()))
    if any(one.id in stopped.policies for one in binding):
        yield Obstacle.POLICY_SUSPENDED
    if any(one.body.currency != ask.currency and caps_money(one) for one in binding):
        yield Obstacle.OTHER_CURRENCY
    if granting is None:
        yield near[0].obstacle if near else Obstacle.NOT_FOR_YOU
        return
    body = granting.body
    if body.reason_codes and ask.reason_code not in body.reason_codes:
        yield Obstacle.REASON_MISSING
    if body.note_over_minor is not None and ask.cost_minor > body.note_over_minor and not ask.note.strip():
        yield Obstacle.NOTE_MISSING


def caps_money(policy: Policy) -> bool:
    return any(limit.measure is not Measure.COUNT for limit in policy.body.limits)


def standings_of(policy: Policy, ask: Ask, usage: Usage) -> Iterable[Standing]:
    for limit in policy.body.limits:
        if limit.measure is not Measure.COUNT and policy.body.currency != ask.currency:
            continue  # refused above: amounts of two currencies are never added up
        used, held = (0, 0) if limit.window is Window.EACH else usage.used(limit, policy, since(limit, policy, ask.now))
        yield Standing(policy, limit, used, held)


def since(limit: Limit, policy: Policy, now: datetime) -> datetime | None:
    body = policy.body
    return opened(limit.window, now, body.zone_info, days=limit.days, week_start=body.week_start)


def frees_at(standing: Standing, ask: Ask, usage: Usage) -> datetime | None:
    """When the ask would fit if nothing else is given; None if waiting does not help."""
    limit, policy, amount = standing.limit, standing.policy, ask.amount(standing.limit.measure)
    if amount > limit.cap:
        return None
    if limit.window is not Window.ROLLING:
        return closes(limit.window, ask.now, policy.body.zone_info, week_start=policy.body.week_start)
    used, leaves = standing.used, None
    for booking in sorted(usage.bookings(limit, policy, since(limit, policy, ask.now)), key=lambda one: one.at):
        if used + amount <= limit.cap:
            break
        used, leaves = used - booking.amount, booking.at + timedelta(days=limit.days)
    return leaves


def room(standings: Iterable[Standing]) -> int | None:
    """The cost (minor units) that every limit of cost still allows; None when no limit is of cost."""
    return min((one.left for one in standings if one.limit.measure is Measure.COST), default=None)


def scopes_of(policies: Iterable[Policy]) -> set[Scope]:
    """The scopes that any of them limits: whose subjects have to be locked."""
    return {limit.scope for policy in policies for limit in policy.body.limits if limit.window is not Window.EACH}
