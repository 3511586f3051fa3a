"""The requests that somebody may decide, what has to be known to decide one, and what became of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import joinedload, selectinload

from console.auth.models import User
from console.customers.queries import signals_for
from console.customers.signals import Signal
from console.db import db
from console.empowerment.deciding import Decision
from console.empowerment.models import PolicyVersion
from console.empowerment.policies import body_of
from console.empowerment.sentences import Names
from console.errors import DomainError
from console.gestures.advising import history_of
from console.gestures.approval_models import ApprovalRequest, RequestState
from console.gestures.approvals import outcome, request_of, terms_of
from console.gestures.approving import (
    authority_in,
    limits_of,
    may_decide,
    pinned,
    rank,
    respect_budget,
    respect_own_authority,
    route,
    version_with_gesture,
    words,
    worth,
)
from console.gestures.authority import Authority
from console.gestures.catalogue import on_offer
from console.gestures.conditions import unavailable
from console.gestures.explaining import Left, lefts
from console.gestures.models import GestureVersion
from console.gestures.review_models import StaffLink
from console.gestures.situation import Given
from console.gestures.wording import why_refused
from console.money import Money
from console.web import locale

WAITING = 50  # that an inbox looks at
PAGE = 20  # decided ones
OFFERED_INSTEAD = 12
PAST_SHOWN = 5
STEPS = 6  # amounts of one gesture that are offered instead
STAYS = timedelta(minutes=15)  # so long the requester's panel still tells how it ended


def with_people(query: Select[ApprovalRequest]) -> Select[ApprovalRequest]:
    return query.options(
        joinedload(ApprovalRequest.requester).options(selectinload(User.roles), joinedload(User.team)),
        joinedload(ApprovalRequest.customer),
        joinedload(ApprovalRequest.gesture_version),
        joinedload(ApprovalRequest.counter_version),
        joinedload(ApprovalRequest.decided_by).lazyload("*"),
    )


def pending_for(approver: User, now: datetime) -> list[ApprovalRequest]:
    """What this person may decide now, first the one whose time is up first. Four statements at the most.

    Whether they know the customer privately is looked at when they decide; only what is linked is left out here.
    """
    waiting = select(ApprovalRequest).where(
        ApprovalRequest.state == RequestState.PENDING,
        ApprovalRequest.expires_at > now,
        ApprovalRequest.requester_id != approver.id,
        or_(ApprovalRequest.first_approver_id.is_(None), ApprovalRequest.first_approver_id != approver.id),
        or_(ApprovalRequest.escalates_at <= now, ApprovalRequest.requester.has(User.team_id == approver.team_id)),
        ~exists().where(StaffLink.user_id == approver.id, StaffLink.customer_id == ApprovalRequest.customer_id),
    )
    order = ApprovalRequest.expires_at, ApprovalRequest.id
    rows = db.session.scalars(with_people(waiting).order_by(*order).limit(WAITING)).all()
    if not rows:
        return []
    asked = {one.policy_version_id for one in rows}
    versions = db.session.scalars(select(PolicyVersion).where(PolicyVersion.id.in_(asked)))
    bodies = {version.id: body_of(version) for version in versions}
    mine = rank(approver)
    return [
        one
        for one in rows
        if approver.role_names & set(route(one, bodies[one.policy_version_id]).roles) and mine >= rank(one.requester)
    ]


def decided(now: datetime, before: int | None) -> Sequence[ApprovalRequest]:
    """What is over, newest first: a page and one more."""
    over = or_(ApprovalRequest.state != RequestState.PENDING, ApprovalRequest.expires_at <= now)
    query = with_people(select(ApprovalRequest)).where(over)
    if before is not None:
        query = query.where(ApprovalRequest.id < before)
    return db.session.scalars(query.order_by(ApprovalRequest.id.desc()).limit(PAGE + 1)).all()


def asked_by(requester_id: int, customer_id: int, now: datetime) -> list[ApprovalRequest]:
    """One's own for a customer: what waits, what was offered instead, and how the latest ended a short while ago."""
    recent = ApprovalRequest.requested_at > now - timedelta(days=2)
    rows = db.session.scalars(
        with_people(select(ApprovalRequest))
        .where(ApprovalRequest.requester_id == requester_id, ApprovalRequest.customer_id == customer_id, recent)
        .order_by(ApprovalRequest.id.desc())
        .limit(10)
    ).all()
    return [one for at, one in enumerate(rows) if is_told(one, now, is_latest=at == 0)]


def is_told(request: ApprovalRequest, now: datetime, *, is_latest: bool) -> bool:
    if request.is_open(now) or request.may_take(now):
        return True
    ended = request.decided_at or request.expires_at
    unhappy = request.state_at(now) in (RequestState.REJECTED, RequestState.LAPSED)
    return is_latest and unhappy and now - ended < STAYS


def mark(requests: Sequence[ApprovalRequest], now: datetime) -> str:
    """What a screen has seen; another mark means that there is something new to show."""
    return ".".join(f"{one.id}-{one.state_at(now).value}-{one.first_approver_id or 0}" for one in requests)


@dataclass(frozen=True)
class Over:
    """A limit that is exceeded: "£10 each", "£12"."""

    limit: str
    by: str


@dataclass(frozen=True)
class Option:
    """Something to offer instead."""

    version: GestureVersion
    cost: Money
    is_inside: bool  # inside the requester's own limits

    @property
    def value(self) -> str:
        return f"{self.version.id}-{self.cost.minor}"


@dataclass(frozen=True)
class Dossier:
    """What an approver has to know about one request."""

    request: ApprovalRequest
    is_open: bool
    outcome: str
    overs: list[Over]
    problem: str  # why it cannot be approved as it stands, by anybody or by this person
    may_answer: bool  # reject it, or offer something else
    lefts: list[Left]  # of the requester's limits
    signals: Sequence[Signal]
    past: Sequence[Given]
    options: list[Option]  # the best first


def dossier(request_id: int, approver: User, now: datetime) -> Dossier:
    """About thirty statements, however long the history is. Raises Settled when there is none."""
    request = request_of(request_id)
    version = version_with_gesture(request.gesture_version_id)
    versions = [one for one in db.session.scalars(on_offer(request.currency)) if unavailable(one, now) is None]
    mine = authority_in(request.requester_id, request, *{one.gesture_id for one in (version, *versions)}, now=now)
    decision = mine.over(version, request.cost_minor, reason_code=request.reason_code, note=request.reason)
    is_open, problem, may_answer = request.is_open(now), "", False
    if is_open:
        problem, may_answer = objections(request, decision, version, approver, now)
    return Dossier(
        request=request,
        is_open=is_open,
        outcome=outcome(request, now),
        overs=[over(one, request.currency) for one in request.failures],
        problem=problem,
        may_answer=may_answer,
        lefts=lefts(decision.standings, Names(locale=locale())),
        signals=signals_for(request.customer_id, now),
        past=history_of(request.customer_id, now)[:PAST_SHOWN],
        options=options(request, versions, mine) if may_answer and request.honours_id is None else [],
    )


def objections(
    request: ApprovalRequest, decision: Decision, version: GestureVersion, approver: User, now: datetime
) -> tuple[str, bool]:
    """What stands against approving it, as a sentence; and whether this person may answer otherwise."""
    body, terms = pinned(request), terms_of(request)
    try:
        may_decide(approver, request, body, now)
    except DomainError as problem:
        return str(problem), False
    if not decision.may_ask and not decision.is_allowed:
        return " ".join(why_refused(decision, version, request.customer.called, now)), True
    authorising = decision.policy.version_id if decision.policy else None
    if authorising != (None if request.is_beyond_policies else request.policy_version_id):
        return "The policy was changed since this was asked. Reject it and let them ask again.", True
    if request.honours_id is not None:
        return "", True
    try:
        respect_own_authority(approver.id, request, terms, now, is_booked=False)
        respect_budget(approver.id, request, body, request.cost_minor, now)
    except DomainError as problem:
        return str(problem), True
    return "", True


def over(failure: dict[str, Any], currency: str) -> Over:
    (limit,) = limits_of([failure])
    excess = int(failure["used"]) + int(failure["amount"]) - limit.cap  # nothing is used of what counts each alone
    return Over(words(limit, currency), worth(excess, limit.measure, currency))


def options(request: ApprovalRequest, versions: Sequence[GestureVersion], mine: Authority) -> list[Option]:
    """What costs less, the same gesture first; what the requester may give anyway before what takes this approval."""
    found = []
    for version in versions:
        for cost in costs(version, request):
            decision = mine.over(version, cost, reason_code=request.reason_code, note=request.reason)
            is_same = (decision.policy is None) == request.is_beyond_policies
            if decision.is_allowed or (decision.may_ask and is_same):
                found.append(Option(version, Money(cost, version.currency), decision.is_allowed))
    same = request.gesture_version_id
    found.sort(key=lambda one: (not one.is_inside, one.version.id != same, -one.cost.minor, one.version.id))
    return found[:OFFERED_INSTEAD]


def costs(version: GestureVersion, request: ApprovalRequest) -> list[int]:
    """The amounts below what was asked; of a gesture that comes in steps a few."""
    if version.least_minor is None:
        return [version.cost_minor] if version.cost_minor < request.cost_minor else []
    step = version.step_minor or 1
    dearer = max((version.cost_minor - request.cost_minor) // step + 1, 0)  # steps that are not below it
    below = range(version.cost_minor, version.least_minor - 1, -step)[dearer:]
    return list(below[:: max(len(below) // STEPS, 1)][:STEPS])
