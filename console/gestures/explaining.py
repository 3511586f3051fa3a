"""Why somebody may give something, or may not: which policy decides, which clause, and what is left of each limit.

The answer is deciding.decide's own; here it is only asked often enough and put into words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from flask import current_app

from console.auth.models import User
from console.customers.models import Customer
from console.db import db
from console.empowerment.deciding import Decision, Near, Obstacle, Standing, since
from console.empowerment.fields import CHANNELS
from console.empowerment.offerings import names
from console.empowerment.policies import live_policies, suspended
from console.empowerment.policy import Kind, Measure, Policy, Scope
from console.empowerment.rule_words import why_not
from console.empowerment.sentences import Names, Part, limit_words, number, sentence, terms
from console.empowerment.windows import Window
from console.gestures.advising import occasion_now
from console.gestures.authority import Authority, authority, giver
from console.gestures.catalogue import on_offer
from console.gestures.households import Household
from console.gestures.models import GestureVersion
from console.gestures.usage import LedgerUsage
from console.gestures.wording import why_refused
from console.interactions.handling import live_with
from console.interactions.models import Interaction
from console.web import locale

OWN = (Scope.AGENT, Scope.TEAM, Scope.POOL)  # limits that can be told without a customer
EACH_TIME = (Window.EACH, Window.INTERACTION)


@dataclass(frozen=True)
class Left:
    """A limit, and what is left of it now."""

    policy: str
    words: str  # "£60 a day"
    left: str  # "£41.50 left"; empty for what counts each time afresh
    is_firm: bool  # nobody can allow more
    cap: int
    used: int
    held: int
    is_low: bool


@dataclass(frozen=True)
class Told:
    """A policy in force, and what it comes to here."""

    policy: Policy
    parts: list[Part]
    decides: list[str]  # the gestures that it decides about
    why: list[str]  # why it does not decide, or not about everything


@dataclass(frozen=True)
class Verdict:
    version: GestureVersion
    decision: Decision
    reasons: list[str]  # as the agent would read them


@dataclass(frozen=True)
class Explanation:
    agent: User
    customer: Customer
    interaction: Interaction | None
    channel: str
    occasion: str
    policies: list[Told]
    verdicts: list[Verdict]
    limits: list[Left]
    agent_stopped: bool


def explain(agent: User, customer: Customer, now: datetime, *, gesture_ids: Sequence[int] | None = None) -> Explanation:
    """For one agent and one customer, as things are now: about everything on offer, or about these gestures."""
    versions = list(db.session.scalars(on_offer(current_app.config["DEFAULT_CURRENCY"])))
    if gesture_ids is not None:
        versions = [one for one in versions if one.gesture_id in gesture_ids]
    interaction, occasion = live_with(customer.id, agent.id), occasion_now(customer.id, now)
    every = tuple(one.gesture_id for one in versions)
    mine = authority(giver(agent.id), customer, interaction, occasion, every, now)
    decisions = [(version, mine.over(version)) for version in versions]
    called = names()
    return Explanation(
        agent=agent,
        customer=customer,
        interaction=interaction,
        channel=CHANNELS.get(mine.channel, mine.channel),
        occasion=occasion.label,
        policies=in_order([told(policy, mine, decisions, called, now) for policy in mine.policies]),
        verdicts=[Verdict(version, one, why_refused(one, version, customer.called, now)) for version, one in decisions],
        limits=lefts((one for _, decision in decisions for one in decision.standings), called),
        agent_stopped=agent.id in mine.stopped.agents,
    )


def in_order(policies: Iterable[Told]) -> list[Told]:
    """What decides or holds first, then by priority."""
    return sorted(
        policies,
        key=lambda one: (not one.decides, one.policy.kind is Kind.GUARDRAIL, -one.policy.body.priority, one.policy.id),
    )


def told(
    policy: Policy, mine: Authority, decisions: Sequence[tuple[GestureVersion, Decision]], called: Names, now: datetime
) -> Told:
    parts = sentence(policy.kind, policy.body, called)
    if policy.id in mine.stopped.policies:
        about = [version.name for version, one in decisions if policy in (*one.guardrails, one.policy)]
        said = "It is stopped: what it is about is refused, until a supervisor lets it go on."
        return Told(policy, parts, about, [said])
    if policy.kind is Kind.GUARDRAIL:
        bound = [version.name for version, decision in decisions if policy in decision.guardrails]
        return Told(policy, parts, bound, [] if bound else ["It does not apply here."])
    decides = [version.name for version, decision in decisions if decision.policy == policy]
    alone = replace(mine, policies=[policy])
    why: list[str] = []
    for version, decision in decisions:
        if decision.policy == policy:
            continue
        seen = alone.over(version)
        if seen.policy is None:
            near = seen.near[0]
            if near.obstacle is not Obstacle.NOT_THIS_GESTURE or len(decisions) == 1:
                why.append(kept_from(near, mine, now))
        elif decision.policy is not None:
            why.append(f"“{decision.policy.name}” comes before it: its priority is higher.")
    if not decides and not why:
        why.append("It is about other gestures.")
    return Told(policy, parts, decides, list(dict.fromkeys(why)))


def kept_from(near: Near, mine: Authority, now: datetime) -> str:
    """The clause that does not fit, with what was observed."""
    match near.obstacle:
        case Obstacle.NOT_FOR_YOU:
            return "It is not for this person."
        case Obstacle.NOT_THIS_GESTURE:
            return "It is not about this gesture."
        case Obstacle.NOT_THIS_CHANNEL:
            return f"It is not for the channel {CHANNELS.get(mine.channel, mine.channel)}."
        case Obstacle.NOT_NOW:
            return "It does not speak at this hour."
        case obstacle:
            what = "this customer" if obstacle is Obstacle.NOT_THIS_CUSTOMER else "this conversation"
            why = why_not(near.blamed, now, near.policy.body.currency, locale())
            return f"It is not for {what}: {'; '.join(why)}."


def lefts(standings: Iterable[Standing], called: Names) -> list[Left]:
    """Each limit once, what is nearest to its end first."""
    found: dict[tuple[int, object], Standing] = {}
    for one in standings:
        found.setdefault((one.policy.id, one.limit), one)
    rows = sorted(found.values(), key=lambda one: (one.limit.window in EACH_TIME, one.left / max(one.limit.cap, 1)))
    return [left(one, called) for one in rows]


def left(standing: Standing, called: Names) -> Left:
    limit, currency = standing.limit, standing.policy.body.currency
    counts = limit.measure is Measure.COUNT
    amount = number(standing.left, "gesture") if counts else called.amount(standing.left, currency)
    return Left(
        policy=standing.policy.name,
        words=limit_words(limit, currency, called),
        left="" if limit.window is Window.EACH else f"{amount} left",
        is_firm=standing.policy.kind is Kind.GUARDRAIL or not limit.overridable,
        cap=limit.cap,
        used=standing.used,
        held=standing.held,
        is_low=standing.is_low,
    )


@dataclass(frozen=True)
class Mine:
    """What one person may give, told without a customer."""

    policies: list[tuple[Policy, list[Part], list[str], list[Left]]]  # sentence, terms, what is left
    is_stopped: bool
    stopped: frozenset[int]  # ids of policies


def mine(agent_id: int, now: datetime) -> Mine:
    """The policies that are about this person, in the order in which they decide, guardrails last."""
    who, stopped, called = giver(agent_id), suspended(), names()
    usage = LedgerUsage(
        agent_id=who.id,
        team_id=who.team_id,
        customer_id=0,
        household=Household("", ""),
        interaction_id=None,
        gesture_ids=(),
        now=now,
    )
    about = [one for one in live_policies(now) if one.body.who.includes(who.id, who.roles, who.team_id)]
    usage.prime(about)
    found = [
        (policy, sentence(policy.kind, policy.body, called), terms(policy.kind, policy.body, called),
         own_limits(policy, usage, called, now))
        for policy in sorted(about, key=lambda one: (one.kind is Kind.GUARDRAIL, -one.body.priority, one.id))
    ]  # fmt: skip
    return Mine(found, who.id in stopped.agents, stopped.policies)


def own_limits(policy: Policy, usage: LedgerUsage, called: Names, now: datetime) -> list[Left]:
    limits = [limit for limit in policy.body.limits if limit.scope in OWN]
    standings = [Standing(policy, one, *usage.used(one, policy, since(one, policy, now))) for one in limits]
    return [left(one, called) for one in standings]
