"""What one agent may give one customer now: everything that `deciding.decide` needs, gathered from the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import func, or_, select

from console.auth.models import Role, User, user_roles
from console.customers.facts import facts_of
from console.customers.models import Customer
from console.db import db
from console.empowerment.deciding import Ask, Decision, Suspended, decide
from console.empowerment.kinds import Occasion
from console.empowerment.offerings import giving_roles
from console.empowerment.policies import live_policies, suspended
from console.empowerment.policy import Policy
from console.empowerment.rules import Value
from console.gestures.households import household_of
from console.gestures.models import EntryState, GestureVersion, LedgerEntry
from console.gestures.terms import amounts
from console.gestures.usage import LedgerUsage, is_active
from console.interactions.models import Channel, Interaction


@dataclass(frozen=True)
class Giver:
    """An agent as policies know one. Only roles that may give at all count."""

    id: int
    roles: frozenset[str]
    team_id: int | None


def giver(agent_id: int) -> Giver:
    """One statement."""
    rows = db.session.execute(
        select(User.team_id, Role.name)
        .outerjoin(user_roles, user_roles.c.user_id == User.id)
        .outerjoin(Role, Role.id == user_roles.c.role_id)
        .where(User.id == agent_id)
    ).all()
    return Giver(agent_id, giving(name for _, name in rows if name), rows[0][0] if rows else None)


def giving(roles: Iterable[str]) -> frozenset[str]:
    """Those of the roles that may give."""
    return frozenset(roles).intersection(giving_roles())


@dataclass(frozen=True)
class Authority:
    """One agent with one customer at one moment, ready to be asked about gestures."""

    giver: Giver
    policies: Sequence[Policy]
    stopped: Suspended
    channel: str
    customer: Mapping[str, Value]  # facts
    interaction: Mapping[str, Value]
    usage: LedgerUsage

    @property
    def mine(self) -> list[Policy]:
        """The policies that speak of this agent, guardrails too."""
        return [one for one in self.policies if self.is_about_them(one)]

    def is_about_them(self, policy: Policy) -> bool:
        return policy.body.who.includes(self.giver.id, self.giver.roles, self.giver.team_id)

    def over(
        self, version: GestureVersion, cost_minor: int | None = None, *, reason_code: str = "", note: str = ""
    ) -> Decision:
        """May this be given? `version.gesture` must be loaded. Raises NotOffered for an amount it does not come in."""
        cost, face = amounts(version, cost_minor)
        ask = Ask(
            now=self.usage.now,
            agent_id=self.giver.id,
            roles=self.giver.roles,
            team_id=self.giver.team_id,
            channel=self.channel,
            customer=self.customer,
            interaction=self.interaction,
            gesture_id=version.gesture_id,
            kind=version.gesture.kind.value,
            currency=version.currency,
            cost_minor=cost,
            face_minor=face,
            cash_like=version.cash_like,
            reason_code=reason_code,
            note=note,
        )
        return decide(ask, self.policies, replace(self.usage, gesture_id=version.gesture_id), self.stopped)


def authority(
    agent: Giver,
    customer: Customer,
    interaction: Interaction | None,
    occasion: Occasion,
    gesture_ids: tuple[int, ...],
    now: datetime,
    honours: LedgerEntry | None = None,
) -> Authority:
    """Six statements, and no more for more gestures. `honours`: what stopped that offer stops nothing here."""
    policies = live_policies(now)
    facts = facts_of(customer.id, now) | gestures_so_far(customer.id, now)
    usage = LedgerUsage(
        agent_id=agent.id,
        team_id=agent.team_id,
        customer_id=customer.id,
        household=household_of(customer),
        interaction_id=interaction.id if interaction else None,
        gesture_ids=gesture_ids,
        now=now,
    )
    stopped = suspended()
    if honours:
        stopped = stopped.but(policy_id=honours.policy_id, agent_id=honours.agent_id, gesture_id=honours.gesture_id)
    found = Authority(
        giver=agent,
        policies=policies,
        stopped=stopped,
        channel=(interaction.channel if interaction else Channel.PHONE).value,
        customer=facts,
        interaction=moment(interaction, occasion, facts, now),
        usage=usage,
    )
    usage.prime(found.mine)
    return found


def gestures_so_far(customer_id: int, now: datetime) -> dict[str, Value]:
    """Facts about gestures as the ledger has them this moment, one statement.

    The facts of lists and segments count what was granted. Who may be given something now is asked more strictly: what
    is only offered so far counts already, or two agents could each give the one gift that is allowed, and what was
    taken back still counts, as it does for limits.
    """
    in_force = is_active(now)
    quarter, year = (LedgerEntry.booked_at > now - timedelta(days=days) for days in (90, 365))
    own_currency = LedgerEntry.currency == current_app.config["DEFAULT_CURRENCY"]
    last, in_90_days, in_12_months, cost = db.session.execute(
        select(
            func.max(LedgerEntry.booked_at),
            func.count().filter(quarter),
            func.count().filter(year),
            func.coalesce(func.sum(LedgerEntry.cost_minor).filter(year, own_currency, in_force), 0),
        ).where(LedgerEntry.customer_id == customer_id, or_(in_force, LedgerEntry.state == EntryState.REVERSED))
    ).one()
    return {
        "last_gesture_at": last,
        "gestures_90d": in_90_days,
        "gestures_12m": in_12_months,
        "gesture_cost_12m": int(cost),
    }


def moment(
    interaction: Interaction | None, occasion: Occasion, facts: Mapping[str, Value], now: datetime
) -> dict[str, Value]:
    """What rules may ask about the conversation: see fields.INTERACTION."""
    talks = facts.get("interactions_14d")
    started = interaction.started_at if interaction else None
    return {
        "occasion": occasion.value,
        "minutes": max(int((now - started).total_seconds() // 60), 0) if started else None,
        "worst_delay_days": facts.get("worst_delay_days"),
        "talks_14d": talks + 1 if isinstance(talks, int) else None,
    }
