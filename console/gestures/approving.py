"""Who may decide a request, and how far: four eyes, the approver's own authority, and their budget of a day.

Where the requester has a policy, it says who may allow more. Where none speaks of them, BEYOND says it, and the
approver lends their own authority: their policy authorises, and what they lend counts against their own limits too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import String, and_, cast, func, select
from sqlalchemy.orm import joinedload

from console.auth.models import Role, User, user_roles
from console.auth.permissions import Permission, allowed
from console.customers.models import Customer
from console.db import db
from console.empowerment.deciding import MISSING, Decision, Standing, since
from console.empowerment.deciding import authority as policy_of
from console.empowerment.models import PolicyVersion
from console.empowerment.policies import body_of, live_policies
from console.empowerment.policy import Approval, Body, Limit, Measure, Policy, Scope, read_limit
from console.empowerment.sentences import Names, limit_words
from console.empowerment.windows import Window, midnight
from console.errors import DomainError
from console.gestures.approval_models import ApprovalRequest, RequestState
from console.gestures.authority import Authority, authority, giver, giving
from console.gestures.households import is_one_of_ours
from console.gestures.models import GestureVersion, LedgerEntry
from console.gestures.terms import Terms, amounts
from console.gestures.usage import amount as amount_counted
from console.gestures.usage import is_active
from console.gestures.wording import nothing_more
from console.interactions.models import Interaction
from console.money import Money
from console.web import clock, locale, money

RANKS = {"agent": 0, "sales": 0, "supervisor": 1}
# Limits of the approver's own policy that say how much may be given; the others count what they give themselves.
PER_ITEM = (Scope.GESTURE, Scope.INTERACTION, Scope.CUSTOMER, Scope.HOUSEHOLD)
# Where no policy of the requester's speaks: a supervisor, their own team's first, within five minutes.
BEYOND = Approval(roles=("supervisor",), minutes=5)


class NotYours(DomainError):
    """Somebody else has to decide it; the text says why, in neutral words where it is about who the customer is."""


def rank(user: User) -> int:
    return max((RANKS.get(name, 0) for name in user.role_names), default=0)


def may_decide(approver: User, request: ApprovalRequest, body: Body, now: datetime) -> None:
    """Raises NotYours. `request` must have its requester and customer loaded."""
    if request.requester_id == approver.id:
        raise NotYours("You asked this yourself, so somebody else has to decide it. Leave it to them.")
    if request.first_approver_id == approver.id:
        raise NotYours("You agreed already. A second person has to agree too: leave it to them.")
    if not approver.active or not allowed(approver, Permission.APPROVE_GESTURE):
        raise NotYours("Your role does not decide requests. A supervisor does.")
    if request.honours_id is not None and not allowed(approver, Permission.SUSPEND):
        raise NotYours("Only who may stop things lets a promise through. Leave it to a supervisor.")
    if not approver.role_names & set(body.approval.roles) or rank(approver) < rank(request.requester):
        raise NotYours("The policy asks for somebody with another role. Leave it to them.")
    if is_one_of_ours(approver.id, request.customer):
        raise NotYours("This one has to be decided by a colleague. Leave it to them.")
    if now < request.escalates_at and approver.team_id != request.requester.team_id:
        raise NotYours(f"Their own team is asked first. From {clock(request.escalates_at)} on you may decide it.")


def approvers(approval: Approval, but: int) -> list[User]:
    """Everybody active whose role the policy names, without one person; at most 200."""
    rows = db.session.scalars(
        select(User)
        .join(user_roles, user_roles.c.user_id == User.id)
        .join(Role, Role.id == user_roles.c.role_id)
        .where(User.active, User.id != but, Role.name.in_(approval.roles))
        .order_by(User.id)
        .limit(200)
    )
    return [one for one in rows.unique() if allowed(one, Permission.APPROVE_GESTURE)]


def pinned(request: ApprovalRequest) -> Body:
    """What the policy said that the request was made under; beyond all policies who decides is always the same."""
    body = body_of(db.session.get_one(PolicyVersion, request.policy_version_id))
    return replace(body, approval=route(request, body))


def route(request: ApprovalRequest, body: Body) -> Approval:
    return BEYOND if request.is_beyond_policies or request.honours_id is not None else body.approval


def total(standing: Standing, amount: int, *, is_booked: bool) -> int:
    """What the limit comes to with this gesture; when it is booked already it stands among what is used."""
    if standing.limit.window is Window.EACH:
        return amount
    return standing.used + (0 if is_booked else amount)


def amount_of(version: GestureVersion, cost_minor: int, measure: Measure) -> int:
    cost, face = amounts(version, cost_minor)
    return {Measure.COST: cost, Measure.FACE: face, Measure.COUNT: 1}[measure]


def too_far(decision: Decision, version: GestureVersion, cost_minor: int, *, is_booked: bool = False) -> str:
    """Which limit is exceeded by more than any approver may allow; empty when none is."""
    if decision.policy is None:
        return ""
    body = decision.policy.body
    for one in decision.standings:
        if one.policy != decision.policy:
            continue
        amount = amount_of(version, cost_minor, one.limit.measure)
        over = total(one, amount, is_booked=is_booked) - one.limit.cap
        if over > 0 and over * 100 > one.limit.cap * body.approval.most_over_percent:
            most = one.limit.cap * (100 + body.approval.most_over_percent) // 100
            reach = worth(most, one.limit.measure, body.currency)
            limit = words(one.limit, body.currency)
            return f"That is further over “{limit}” than anybody may allow: {reach} at the most."
    return ""


def what_instead(decision: Decision) -> str:
    """What to do next where nobody can be asked."""
    if not decision.failures:
        return "Pick another one."
    return nothing_more(decision) or "Pick something smaller."


def not_askable(decision: Decision, version: GestureVersion, cost_minor: int, requester_id: int) -> str:
    """Why nobody can be asked for what an approver could allow, as a sentence; empty when somebody can.

    What to do then says `what_instead`.
    """
    if problem := too_far(decision, version, cost_minor):
        return problem
    approval = decision.policy.body.approval if decision.policy else BEYOND
    policies = live_policies(decision.ask.now)
    able = [one for one in approvers(approval, requester_id) if could_give_as_much(one, decision, policies)]
    if len(able) < needed(approval, cost_minor):
        return "Nobody else is here who may allow it."
    return ""


def could_give(person: User, decision: Decision) -> bool:
    """Whether a policy would let them give what was asked, where none lets the asker; limits are not looked at."""
    roles = giving(person.role_names)
    return any(one.body.who.includes(person.id, roles, person.team_id) for one in decision.lenders)


def could_give_as_much(person: User, decision: Decision, policies: Iterable[Policy]) -> bool:
    """Whether their own policy lets them give so much at once; what was given already is not looked at."""
    ask = replace(decision.ask, agent_id=person.id, roles=giving(person.role_names), team_id=person.team_id)
    policy = policy_of(policies, ask)
    if policy is None:
        return False
    return all(ask.amount(one.measure) <= one.cap for one in policy.body.limits if one.scope in PER_ITEM)


def needed(approval: Approval, cost_minor: int) -> int:
    """How many have to agree."""
    second = approval.second_over_minor
    return 2 if second is not None and cost_minor >= second else 1


def authority_in(giver_id: int, request: ApprovalRequest, *gesture_ids: int, now: datetime) -> Authority:
    """The authority of one person over the request's customer, in its conversation."""
    customer = db.session.get_one(Customer, request.customer_id)
    talk = db.session.get(Interaction, request.interaction_id)
    promised = db.session.get_one(LedgerEntry, request.honours_id) if request.honours_id is not None else None
    return authority(giver(giver_id), customer, talk, request.occasion, gesture_ids, now, promised)


def version_with_gesture(version_id: int) -> GestureVersion:
    """Whether or not it is still on offer: the last piece in stock may just have been held."""
    return db.session.get_one(GestureVersion, version_id, options=[joinedload(GestureVersion.gesture)])


def respect_own_authority(
    approver_id: int, request: ApprovalRequest, terms: Terms, now: datetime, *, is_booked: bool
) -> None:
    """Nobody allows what they could not give themselves. Raises NotYours."""
    version = version_with_gesture(terms.gesture_version_id)
    found = authority_in(approver_id, request, version.gesture_id, now=now)
    decision = found.over(version, terms.cost_minor, reason_code=terms.reason_code, note=terms.reason)
    if decision.policy is None or set(decision.obstacles) - MISSING:
        raise NotYours(f"Your own policy does not let you give {version.name} here. Leave it to a colleague.")
    for one in decision.standings:
        if one.policy != decision.policy:
            continue
        amount = amount_of(version, terms.cost_minor or 0, one.limit.measure)
        if one.limit.scope in PER_ITEM:
            comes_to = total(one, amount, is_booked=is_booked)
        elif one.limit.scope is Scope.AGENT and request.is_beyond_policies:
            comes_to = one.used + lent(approver_id, one, now, but=request.id) + amount
        else:
            continue
        if comes_to > one.limit.cap:
            limit = words(one.limit, one.policy.body.currency)
            raise NotYours(f"It is more than your own limit of {limit}. Leave it to a colleague, or offer less.")


def respect_budget(approver_id: int, request: ApprovalRequest, body: Body, cost_minor: int, now: datetime) -> None:
    """What one approver may allow a day, in the policy's zone. Exact under the approver's lock. Raises NotYours."""
    budget = body.approval.budget_minor
    if budget is None:
        return
    since = midnight(now.astimezone(body.zone_info).date(), body.zone_info)
    spent = allowed_since(approver_id, request.currency, since, but=request.id)
    if spent + cost_minor > budget:
        left = money(Money(max(budget - spent, 0), request.currency))
        whole = money(Money(budget, request.currency))
        raise NotYours(f"You may allow {whole} a day and have {left} of it left. Leave it to a colleague.")


def lent(approver_id: int, standing: Standing, now: datetime, *, but: int) -> int:
    """What of one of their own limits they lent in its window to people whom no policy lets give."""
    limit, policy = standing.limit, standing.policy
    start = since(limit, policy, now)
    beyond = and_(cast(ApprovalRequest.failures, String) == "[]", ApprovalRequest.honours_id.is_(None))
    money = [] if limit.measure is Measure.COUNT else [LedgerEntry.currency == policy.body.currency]
    query = (
        select(func.coalesce(func.sum(amount_counted(limit)), 0))
        .join(ApprovalRequest, ApprovalRequest.id == LedgerEntry.approval_id)
        .where(ApprovalRequest.decided_by_id == approver_id, ApprovalRequest.id != but, beyond, is_active(now), *money)
    )
    if start is not None:
        is_rolling = limit.window is Window.ROLLING
        query = query.where(LedgerEntry.booked_at > start if is_rolling else LedgerEntry.booked_at >= start)
    return int(db.session.scalar(query) or 0)


def allowed_since(approver_id: int, currency: str, since: datetime, *, but: int = 0) -> int:
    """The cost (minor units) of what was held by their yes, and of what waits for a second one beside theirs."""
    held = (
        select(func.coalesce(func.sum(LedgerEntry.cost_minor), 0))
        .join(ApprovalRequest, ApprovalRequest.id == LedgerEntry.approval_id)
        .where(
            LedgerEntry.booked_at >= since,
            LedgerEntry.currency == currency,
            ApprovalRequest.decided_by_id == approver_id,
            ApprovalRequest.id != but,
        )
    )
    agreed = select(func.coalesce(func.sum(ApprovalRequest.cost_minor), 0)).where(
        ApprovalRequest.first_approver_id == approver_id,
        ApprovalRequest.first_approved_at >= since,
        ApprovalRequest.currency == currency,
        ApprovalRequest.state.in_((RequestState.PENDING, RequestState.APPROVED)),
        ApprovalRequest.id != but,
    )
    row: Any = db.session.execute(select(held.scalar_subquery(), agreed.scalar_subquery())).one()
    return int(row[0]) + int(row[1])


def words(limit: Limit, currency: str) -> str:
    """£15 each; £60 a day."""
    return limit_words(limit, currency, Names(locale=locale()))


def worth(minor: int, measure: Measure, currency: str) -> str:
    if measure is Measure.COUNT:
        return "1 gesture" if minor == 1 else f"{minor} gestures"
    return money(Money(minor, currency)) + (" of face value" if measure is Measure.FACE else "")


def limits_json(decision: Decision) -> list[dict[str, Any]]:
    """The limits exceeded, as they stand."""
    return [
        {
            "scope": one.limit.scope.value,
            "measure": one.limit.measure.value,
            "window": one.limit.window.value,
            "cap": one.limit.cap,
            "days": one.limit.days,
            "reversal_restores": one.limit.reversal_restores,
            "used": one.standing.used,
            "amount": one.amount,
        }
        for one in decision.failures
    ]


def limits_of(failures: Iterable[dict[str, Any]]) -> frozenset[Limit]:
    """The limits of `limits_json` again; only such that may be exceeded are ever written there."""
    return frozenset(map(read_limit, failures))
