"""The answer to a request for more than one's limit.

It names exact terms and lives for minutes; whether it has lapsed is read off the clock. Approving holds the offer in
the same transaction, in which everything is decided afresh. `approve` and `take` own their transaction, as the ledger
does; the others leave the commit to their caller.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from console.auth.models import User
from console.db import db
from console.empowerment.policy import Body, Limit
from console.errors import DomainError
from console.events import Topic, record_event
from console.gestures import ledger
from console.gestures.approval_models import ApprovalRequest, RequestState
from console.gestures.approving import (
    NotYours,
    authority_in,
    limits_of,
    may_decide,
    pinned,
    respect_budget,
    respect_own_authority,
    too_far,
    version_with_gesture,
)
from console.gestures.conditions import respect_the_customer, version_on_offer
from console.gestures.ledger import Approved
from console.gestures.locking import lock, transaction
from console.gestures.models import GestureVersion, LedgerEntry
from console.gestures.refusals import NoAuthority, NotOffered, OverLimit
from console.gestures.terms import Terms, amounts
from console.gestures.wording import why_refused
from console.web import clock

LAPSED_AT_ONCE = 200


class Settled(DomainError):
    """Somebody was first, or its time is up; the text says what became of it."""


def digest(
    terms: Terms, currency: str, policy_version_id: int, failures: list[dict[str, Any]], honours_id: int | None = None
) -> str:
    """Of everything that an approver says yes to."""
    limits = sorted([one["scope"], one["measure"], one["window"], one["cap"], one["days"]] for one in failures)
    exact = [
        terms.agent_id,
        terms.customer_id,
        terms.interaction_id,
        terms.gesture_version_id,
        terms.cost_minor,
        currency,
        policy_version_id,
        limits,
        *([honours_id] if honours_id is not None else []),
    ]
    return hashlib.sha256(json.dumps(exact).encode()).hexdigest()


def digest_of(request: ApprovalRequest, terms: Terms) -> str:
    return digest(terms, request.currency, request.policy_version_id, request.failures, request.honours_id)


def terms_of(request: ApprovalRequest) -> Terms:
    return Terms(
        agent_id=request.requester_id,
        customer_id=request.customer_id,
        gesture_version_id=request.gesture_version_id,
        occasion=request.occasion,
        interaction_id=request.interaction_id,
        reason=request.reason,
        reason_code=request.reason_code,
        cost_minor=request.cost_minor,
    )


def approve(request_id: int, *, approver_id: int, now: datetime) -> ApprovalRequest:
    """Allow it and hold the offer, in one transaction under the approver's lock too; a retry changes nothing.

    Where two people have to agree, the first one's yes holds nothing yet. Raises Settled with what became of it,
    NotYours, and whatever the ledger raises: then it waits on as it was.
    """
    with transaction():
        request, approver, body = for_decision(request_id, approver_id)
        if (request.state, request.decided_by_id) == (RequestState.APPROVED, approver_id):
            return request
        must_be_open(request, now)
        may_decide(approver, request, body, now)
        terms = terms_of(request)
        if digest_of(request, terms) != request.terms_hash:
            raise Settled("This request is not what was asked. Reject it and let them ask again.")
        if request.approvals_needed > 1 and request.first_approver_id is None:
            return agree(request, terms, body, approver_id, now)
        honours = request.honours_id
        key = f"approval:{request.id}" if honours is None else f"honours:{honours}"  # no promise is kept twice
        entry = hold(request, terms, limits_of(request.failures), approver_id, key, body, now)
        must_be_open(request, entry.booked_at)
        if honours is not None and entry.is_held:  # the customer said yes before it was stopped
            ledger.say_yes(entry, request.requester_id, entry.booked_at)
        settle(request, RequestState.APPROVED, approver_id, entry.booked_at)
        note("approved", request, approver_id, entry.booked_at)
        return request


def agree(request: ApprovalRequest, terms: Terms, body: Body, approver_id: int, now: datetime) -> ApprovalRequest:
    """The first of two: held against their budget, but nothing is booked."""
    now = lock({f"agent:{approver_id}"}, now)
    must_be_open(request, now)
    respect_own_authority(approver_id, request, terms, now, is_booked=False)
    respect_budget(approver_id, request, body, request.cost_minor, now)
    swap(request, RequestState.PENDING, first_approver_id=approver_id, first_approved_at=now)
    note("agreed", request, approver_id, now)
    return request


def hold(
    request: ApprovalRequest,
    terms: Terms,
    allowed: frozenset[Limit],
    approver_id: int,
    key: str,
    body: Body,
    now: datetime,
) -> LedgerEntry:
    """The offer, held beyond the requester's limits; then everything that binds the approver, under their lock."""
    asked_of = None if request.is_beyond_policies else request.policy_version_id
    approved = Approved(request.id, approver_id, asked_of, allowed, request.honours_id)
    entry = ledger.hold_approved(terms, approved, key=key, now=now)
    if request.honours_id is not None:
        return entry
    version = version_with_gesture(terms.gesture_version_id)
    mine = authority_in(request.requester_id, request, version.gesture_id, now=entry.booked_at)
    decision = mine.over(version, terms.cost_minor, reason_code=terms.reason_code, note=terms.reason)
    if problem := too_far(decision, version, entry.cost_minor, is_booked=True):
        raise NotYours(f"{problem} Offer something smaller instead.")
    respect_own_authority(approver_id, request, terms, entry.booked_at, is_booked=True)
    respect_budget(approver_id, request, body, entry.cost_minor, entry.booked_at)
    return entry


def reject(request_id: int, reason: str, *, approver_id: int, now: datetime) -> ApprovalRequest:
    """Say no, and why. Raises Settled, NotYours."""
    request, approver, body = for_decision(request_id, approver_id)
    must_be_open(request, now)
    may_decide(approver, request, body, now)
    settle(request, RequestState.REJECTED, approver_id, now, answer=reason)
    note("rejected", request, approver_id, now)
    return request


def counter(
    request_id: int, version_id: int, cost_minor: int, reason: str, *, approver_id: int, now: datetime
) -> ApprovalRequest:
    """Offer something else, or less, instead; it can be taken for as long as a request lives.

    It may itself be over the requester's limits, but over none that was not asked about. Raises Settled, NotYours,
    NotOffered.
    """
    request, approver, body = for_decision(request_id, approver_id)
    must_be_open(request, now)
    may_decide(approver, request, body, now)
    if request.honours_id is not None:
        raise NotOffered("It was promised as it is. Let it be honoured, or say no.")
    terms = replace(terms_of(request), gesture_version_id=version_id, cost_minor=cost_minor)
    version = version_on_offer(version_id, now)
    respect_the_customer(request.requester_id, request.customer, version, request.occasion, now)
    mine = authority_in(request.requester_id, request, version.gesture_id, now=now)
    cost, _ = amounts(version, cost_minor)
    if version.currency != request.currency or cost > request.cost_minor:
        raise NotOffered("Offer something that costs no more than what was asked for.")
    if (version_id, cost) == (request.gesture_version_id, request.cost_minor):
        raise NotOffered("That is what was asked for. Approve it, or offer something else.")
    decision = mine.over(version, cost, reason_code=terms.reason_code, note=terms.reason)
    if not decision.is_allowed:
        asked_about = limits_of(request.failures)
        is_covered = all(one.limit in asked_about for one in decision.failures)
        authorising = decision.policy.version_id if decision.policy else None
        same = authorising == (None if request.is_beyond_policies else request.policy_version_id)
        if not decision.may_ask or not is_covered or not same:
            raise NotOffered(" ".join(why_refused(decision, version, request.customer.called, now)))
        second = body.approval.second_over_minor
        if second is not None and cost >= second:
            raise NotOffered("Two people have to agree to that as well. Offer something smaller.")
        respect_own_authority(approver_id, request, terms, now, is_booked=False)
        respect_budget(approver_id, request, body, cost, now)
    settle(
        request,
        RequestState.COUNTERED,
        approver_id,
        now,
        answer=reason,
        counter_version_id=version.id,
        counter_cost_minor=cost,
        expires_at=now + timedelta(minutes=body.approval.minutes),
    )
    note("countered", request, approver_id, now)
    return request


def take(request_id: int, *, requester_id: int, now: datetime) -> LedgerEntry:
    """Offer what was proposed instead: by one's own authority, else by that of who proposed it. A retry is harmless.

    Raises Settled, NotYours and what the ledger raises.
    """
    request = request_of(request_id)
    if request.requester_id != requester_id:
        raise NotYours("Somebody else asked for this. Leave it to them, or ask for it yourself.")
    terms = replace(
        terms_of(request), gesture_version_id=request.counter_version_id or 0, cost_minor=request.counter_cost_minor
    )
    key = f"counter:{request.id}"
    if request.state is not RequestState.TAKEN and not request.may_take(now):
        raise Settled(f"{outcome(request, now)} Ask again if you still want it.")
    try:
        entry = ledger.offer(terms, key=key, now=now)
    except (OverLimit, NoAuthority):
        entry = take_approved(request_id, terms, key, now)
    with transaction():
        request = request_of(request_id)
        if request.state is RequestState.COUNTERED:
            swap(request, RequestState.COUNTERED, state=RequestState.TAKEN)
            note("taken", request, requester_id, now)
    return entry


def take_approved(request_id: int, terms: Terms, key: str, now: datetime) -> LedgerEntry:
    """By the approver's authority, all of which is looked at again."""
    with transaction():
        request, approver, body = for_decision(request_id, decider_of(request_id))
        try:
            may_decide(approver, request, body, max(now, request.escalates_at))
            return hold(request, terms, limits_of(request.failures), approver.id, key, body, now)
        except NotYours:
            raise NotOffered(
                f"{approver.name} can allow it no longer. Ask again, or offer what fits by itself."
            ) from None


def decider_of(request_id: int) -> int:
    return db.session.scalar(select(ApprovalRequest.decided_by_id).where(ApprovalRequest.id == request_id)) or 0


def withdraw(request_id: int, *, requester_id: int, now: datetime) -> ApprovalRequest:
    """Take one's own request, or the answer to it, back. Raises Settled."""
    request = request_of(request_id)
    if request.requester_id != requester_id:
        raise NotYours("Somebody else asked for this. Leave it to them, or ask for it yourself.")
    if request.state is RequestState.WITHDRAWN:
        return request
    if request.state is not RequestState.COUNTERED:
        must_be_open(request, now)
    swap(request, request.state, state=RequestState.WITHDRAWN)
    note("withdrawn", request, requester_id, now)
    return request


def lapse_due(now: datetime) -> int:
    """Write down which requests ran out; they have been over since their time was up. Returns how many."""
    due = db.session.scalars(
        select(ApprovalRequest)
        .where(ApprovalRequest.state == RequestState.PENDING, ApprovalRequest.expires_at <= now)
        .order_by(ApprovalRequest.id)
        .limit(LAPSED_AT_ONCE)
    ).all()
    done = 0
    for request in due:
        try:
            swap(request, RequestState.PENDING, state=RequestState.LAPSED)
        except Settled:
            continue
        note("lapsed", request, None, request.expires_at)
        done += 1
    return done


def must_be_open(request: ApprovalRequest, now: datetime) -> None:
    if not request.is_open(now):
        raise Settled(outcome(request, now))


def outcome(request: ApprovalRequest, now: datetime) -> str:
    """What became of it, as a sentence. `decided_by` need not be loaded."""
    who = db.session.scalar(select(User.name).where(User.id == request.decided_by_id)) if request.decided_by_id else ""
    at = clock(request.decided_at) if request.decided_at else ""
    match request.state_at(now):
        case RequestState.PENDING:
            return "It still waits for an answer."
        case RequestState.APPROVED:
            return f"{who} approved it at {at}."
        case RequestState.REJECTED:
            return f"{who} rejected it at {at}."
        case RequestState.COUNTERED | RequestState.TAKEN:
            return f"{who} offered something else at {at}."
        case RequestState.LAPSED:
            return f"Nobody answered until {clock(request.expires_at)}, so it ran out."
        case _:
            return "It was withdrawn."


def settle(request: ApprovalRequest, state: RequestState, actor_id: int, now: datetime, **given: Any) -> None:
    swap(request, RequestState.PENDING, state=state, decided_by_id=actor_id, decided_at=now, **given)


def swap(request: ApprovalRequest, before: RequestState, **given: Any) -> None:
    """Compare and swap: whoever comes second changes nothing. Raises Settled."""
    one = ApprovalRequest
    same = [one.id == request.id, one.state == before]
    if "first_approver_id" in given:
        same.append(one.first_approver_id.is_(None))
    done: Any = db.session.execute(
        update(one).where(*same).values(**given).execution_options(synchronize_session=False)
    )
    request_of(request.id)  # the same row, read again
    if done.rowcount != 1:
        raise Settled(outcome(request, request.requested_at))


def note(step: str, request: ApprovalRequest, actor_id: int | None, now: datetime) -> None:
    """Not on the customer's timeline, where the offer itself stands: a request is between colleagues."""
    record_event(
        f"approval.{step}",
        Topic.GESTURE,
        subject=request,
        actor_id=actor_id,
        at=now,
        data={
            "customer": request.customer_id,
            "requester": request.requester_id,
            "gesture_version": request.counter_version_id or request.gesture_version_id,
            "cost_minor": request.cost_minor if request.counter_cost_minor is None else request.counter_cost_minor,
            "currency": request.currency,
        },
    )


def for_decision(request_id: int, approver_id: int) -> tuple[ApprovalRequest, User, Body]:
    request = request_of(request_id)
    return request, db.session.get_one(User, approver_id, populate_existing=True), pinned(request)


def request_of(request_id: int) -> ApprovalRequest:
    """As it is now, with its requester, customer and gesture. Raises Settled when there is none."""
    found = db.session.scalars(
        select(ApprovalRequest)
        .where(ApprovalRequest.id == request_id)
        .options(
            joinedload(ApprovalRequest.requester),
            joinedload(ApprovalRequest.customer),
            joinedload(ApprovalRequest.gesture_version).joinedload(GestureVersion.gesture),
            joinedload(ApprovalRequest.counter_version),
            joinedload(ApprovalRequest.decided_by),
        )
        .execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise Settled("That request is gone. Reload the page.")
    return found
