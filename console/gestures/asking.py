"""Asking for more than one's own limit: a request with exact terms, which lives for minutes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select

from console.auth.models import User
from console.customers.models import Customer
from console.db import db
from console.empowerment.deciding import MISSING, Decision
from console.gestures.approval_models import ApprovalRequest, RequestState
from console.gestures.approvals import digest, note
from console.gestures.approving import BEYOND, approvers, limits_json, needed, not_askable, what_instead
from console.gestures.authority import authority, giver
from console.gestures.conditions import respect_the_customer, version_on_offer
from console.gestures.models import GestureVersion
from console.gestures.parties import interaction_for
from console.gestures.refusals import KeyConflict, NoAuthority, NotOffered, OverLimit
from console.gestures.terms import Terms, amounts, must_name_amount
from console.gestures.wording import advice, why_refused
from console.money import Money

MOST_WAITING = 5  # requests of one person at a time


def ask(terms: Terms, *, key: str, now: datetime) -> ApprovalRequest:
    """Ask for what is over one's limits, or what no policy lets one give. The caller commits.

    `terms.reason` says why in a line. The same key, or the same gesture for the same customer while it waits, is the
    same request. Raises NotOffered, NoAuthority, OverLimit when no approver could allow it either; KeyConflict.
    """
    if found := asked_before(terms, key, now):
        return found
    customer = db.session.get(Customer, terms.customer_id)
    if customer is None:
        raise NotOffered("That customer is gone. Reload the page.")
    talk = interaction_for(terms, now, may_be_over=False)
    version = version_on_offer(terms.gesture_version_id, now)
    must_name_amount(version, terms.cost_minor)
    respect_the_customer(terms.agent_id, customer, version, terms.occasion, now)
    mine = authority(giver(terms.agent_id), customer, talk, terms.occasion, (version.gesture_id,), now)
    decision = mine.over(version, terms.cost_minor, reason_code=terms.reason_code, note=terms.reason)
    cost, _ = amounts(version, terms.cost_minor)
    if decision.is_allowed:
        raise NotOffered(f"{version.name} is inside your limits now. Offer it; nobody has to be asked.")
    must_be_askable(decision, version, cost, customer.called, terms.agent_id, now)
    request = request_for(replace(terms, interaction_id=talk.id, cost_minor=cost), version, decision, key, now)
    db.session.add(request)
    db.session.flush()
    note("requested", request, terms.agent_id, now)
    return request


def asked_before(terms: Terms, key: str, now: datetime) -> ApprovalRequest | None:
    """The request that this key made, or that waits for the same already. Raises KeyConflict, NotOffered."""
    found = db.session.scalars(select(ApprovalRequest).where(ApprovalRequest.idempotency_key == key)).first()
    if found:
        was = (found.cost_minor, found.reason_code, found.reason)
        asked = (found.cost_minor if terms.cost_minor is None else terms.cost_minor, terms.reason_code, terms.reason)
        if (found.requester_id, found.customer_id, found.gesture_version_id) != subject(terms) or was != asked:
            raise KeyConflict("This was already asked on other terms. Reload the page and ask afresh.")
        return found
    waiting = db.session.scalars(
        select(ApprovalRequest).where(
            ApprovalRequest.requester_id == terms.agent_id,
            ApprovalRequest.state == RequestState.PENDING,
            ApprovalRequest.expires_at > now,
        )
    ).all()
    for one in waiting:
        same = (one.requester_id, one.customer_id, one.gesture_version_id) == subject(terms)
        if same and terms.cost_minor in (None, one.cost_minor):
            return one
    if len(waiting) >= MOST_WAITING:
        raise NotOffered(f"{MOST_WAITING} of your requests wait already. Withdraw one, or wait for an answer.")
    return None


def subject(terms: Terms) -> tuple[int, int, int]:
    return terms.agent_id, terms.customer_id, terms.gesture_version_id


def must_be_askable(
    decision: Decision, version: GestureVersion, cost_minor: int, called: str, agent_id: int, now: datetime
) -> None:
    """Raises what `ask` raises."""
    reasons = why_refused(decision, version, called, now)
    if MISSING.intersection(decision.obstacles) or (decision.obstacles and not decision.may_ask):
        raise NoAuthority(" ".join(reasons), decision)
    if not decision.may_ask:
        raise OverLimit(reasons, advice(decision), decision, Money(cost_minor, version.currency))
    if problem := not_askable(decision, version, cost_minor, agent_id):
        raise NotOffered(f"{problem} {what_instead(decision)}")


def request_for(terms: Terms, version: GestureVersion, decision: Decision, key: str, now: datetime) -> ApprovalRequest:
    """`terms` with the amount and the conversation that they were found to mean.

    Where no policy authorises, it is written down under the one that came nearest.
    """
    policy, failures = decision.policy or decision.near[0].policy, limits_json(decision)
    approval = decision.policy.body.approval if decision.policy else BEYOND
    life = timedelta(minutes=approval.minutes)
    cost, face = amounts(version, terms.cost_minor)
    team = db.session.scalar(select(User.team_id).where(User.id == terms.agent_id))
    own = sum(one.team_id == team for one in approvers(approval, terms.agent_id)) if team is not None else 0
    needs = needed(approval, cost)
    return ApprovalRequest(
        requester_id=terms.agent_id,
        customer_id=terms.customer_id,
        interaction_id=terms.interaction_id or 0,
        gesture_version_id=version.id,
        policy_id=policy.id,
        policy_version_id=policy.version_id,
        occasion=terms.occasion,
        currency=version.currency,
        cost_minor=cost,
        face_minor=face,
        reason_code=terms.reason_code,
        reason=terms.reason,
        failures=failures,
        terms_hash=digest(terms, version.currency, policy.version_id, failures),
        idempotency_key=key,
        state=RequestState.PENDING,
        requested_at=now,
        escalates_at=now + life / 2 if own >= needs else now,  # a team with too few approvers waits for nobody
        expires_at=now + life,
        approvals_needed=needs,
    )
