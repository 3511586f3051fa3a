"""Who and what an offer is about, and whose locks it needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select

from console.customers.models import Customer
from console.db import db
from console.empowerment.deciding import scopes_of
from console.empowerment.policies import keep_policies, live_and_coming
from console.empowerment.policy import Policy, Scope
from console.gestures.authority import Giver, giver
from console.gestures.households import Household, household_of
from console.gestures.locking import Busy, lock
from console.gestures.models import Gesture, GestureVersion
from console.gestures.refusals import NotOffered
from console.gestures.terms import Terms
from console.interactions.models import Interaction, InteractionState

JUST_ENDED = timedelta(minutes=15)  # so long after a conversation something may still be offered


@dataclass(frozen=True)
class Parties:
    """Who and what an offer is about, as far as it says which locks are needed."""

    giver: Giver
    household: Household
    gesture_id: int
    is_counted: bool  # the gesture is in stock by the piece


def lock_parties(terms: Terms, now: datetime, *others: int) -> tuple[Parties, set[str], datetime]:
    """Lock all but the interaction, and other agents whose sums must stay true; returns what is locked, and when.

    Whoever moved house or team meanwhile is looked at again. Raises NotOffered, Busy.
    """
    for _ in range(3):
        now += keep_policies()
        parties = parties_of(terms)
        subjects = subjects_of(
            agent_id=terms.agent_id,
            team_id=parties.giver.team_id,
            customer_id=terms.customer_id,
            household=parties.household,
            gesture_id=parties.gesture_id,
            policies=live_and_coming(now),
            is_counted=parties.is_counted,
        )
        subjects |= {f"agent:{agent_id}" for agent_id in others}
        latest = lock(subjects, now)
        if parties_of(terms) == parties:
            return parties, subjects, latest
        db.session.rollback()
    raise Busy("The ledger is busy. Nothing was booked; try again in a moment.")


def parties_of(terms: Terms) -> Parties:
    customer = db.session.get(Customer, terms.customer_id, populate_existing=True)
    gesture = db.session.execute(
        select(Gesture.id, Gesture.stock)
        .join(GestureVersion, GestureVersion.gesture_id == Gesture.id)
        .where(GestureVersion.id == terms.gesture_version_id)
    ).first()
    if customer is None or gesture is None:
        raise NotOffered("That gesture or that customer is gone. Reload the page and pick again.")
    return Parties(giver(terms.agent_id), household_of(customer), gesture[0], gesture[1] is not None)


def subjects_of(
    *,
    agent_id: int,
    team_id: int | None,
    customer_id: int,
    household: Household,
    gesture_id: int,
    policies: list[Policy],
    is_counted: bool = False,
) -> set[str]:
    """Whose locks are needed: agent, customer and household always, the others when some policy limits them."""
    scopes = scopes_of(policies)
    found = {f"agent:{agent_id}", f"customer:{customer_id}"} | household.locks
    if Scope.TEAM in scopes:
        found.add(f"team:{team_id or 0}")
    if Scope.GESTURE in scopes or is_counted:
        found.add(f"gesture:{gesture_id}")
    pools = {one.id for one in policies if any(limit.scope is Scope.POOL for limit in one.body.limits)}
    return found | {f"policy:{policy_id}" for policy_id in pools}


def interaction_for(terms: Terms, now: datetime, *, may_be_over: bool) -> Interaction:
    """The one named, or the agent's own with this customer: live, or ended just now. Raises NotOffered otherwise."""
    own = select(Interaction).where(
        Interaction.agent_id == terms.agent_id, Interaction.customer_id == terms.customer_id
    )
    if terms.interaction_id is not None:
        own = own.where(Interaction.id == terms.interaction_id)
    is_live = Interaction.state == InteractionState.LIVE
    if not may_be_over:
        own = own.where(or_(is_live, Interaction.ended_at > now - JUST_ENDED))
    latest = own.order_by(is_live.desc(), Interaction.id.desc()).limit(1)
    interaction = db.session.scalars(latest.execution_options(populate_existing=True)).first()
    if interaction is None and terms.interaction_id is not None:
        raise NotOffered("That conversation is over, or not yours with this customer. Open a new one and offer again.")
    if interaction is None:
        raise NotOffered("You have no conversation with this customer going on. Start one, then offer again.")
    return interaction
