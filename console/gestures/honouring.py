"""What was promised before a kill switch withdrew it: asked of a supervisor in one press, and kept by their yes.

The entry that was withdrawn stays so; a new one is booked on the same terms, under the same version of the policy, and
granted at once, because the customer has said yes already. Every limit and guardrail binds as ever: left out is only
what stopped that one offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import joinedload

from console.auth.permissions import Permission, allowed
from console.db import db
from console.empowerment.deciding import Suspended
from console.gestures.approval_models import ApprovalRequest, RequestState
from console.gestures.approvals import digest_of, note, terms_of
from console.gestures.approving import BEYOND, approvers
from console.gestures.ledger import what_stopped
from console.gestures.models import EntryState, LedgerEntry, LedgerEvent
from console.gestures.refusals import NotOffered
from console.web import clock

WITHIN = timedelta(hours=1)  # so long after it was withdrawn a promise can be kept this way
ANSWERED = (RequestState.APPROVED, RequestState.REJECTED, RequestState.WITHDRAWN)


def promised(customer_id: int, agent_id: int, stopped: Suspended, now: datetime) -> Sequence[LedgerEntry]:
    """Offers of mine that a kill switch withdrew a short while ago and about which nobody was asked; newest first."""
    if stopped == Suspended():
        return []
    by_switch = exists().where(
        LedgerEvent.entry_id == LedgerEntry.id,
        LedgerEvent.state == EntryState.VOIDED,
        LedgerEvent.actor_id.is_(None),
        LedgerEvent.at > now - WITHIN,
    )
    waits = and_(ApprovalRequest.state == RequestState.PENDING, ApprovalRequest.expires_at > now)
    asked = exists().where(
        ApprovalRequest.honours_id == LedgerEntry.id, or_(ApprovalRequest.state.in_(ANSWERED), waits)
    )
    rows = db.session.scalars(
        select(LedgerEntry)
        .where(
            LedgerEntry.customer_id == customer_id,
            LedgerEntry.agent_id == agent_id,
            LedgerEntry.state == EntryState.VOIDED,
            by_switch,
            ~asked,
        )
        .options(joinedload(LedgerEntry.gesture_version))
        .order_by(LedgerEntry.id.desc())
        .limit(3)
    ).all()
    return [row for row in rows if what_stopped(row, stopped)]


def ask_to_honour(entry: LedgerEntry, stopped: Suspended, *, key: str, now: datetime) -> ApprovalRequest:
    """Ask a supervisor to keep what was promised. The caller commits. Asking twice is the same request.

    Raises NotOffered when it can no longer be asked this way, or nobody is there who may say yes.
    """
    again = select(ApprovalRequest).where(ApprovalRequest.idempotency_key == key)
    if found := db.session.scalars(again).first():
        return found
    if entry.id not in {one.id for one in promised(entry.customer_id, entry.agent_id, stopped, now)}:
        raise NotOffered("That can no longer be asked this way. Offer it afresh, or speak to a supervisor.")
    able = [one for one in approvers(BEYOND, entry.agent_id) if allowed(one, Permission.SUSPEND)]
    if not able:
        raise NotOffered("Nobody else is here who may let it through. Tell the customer so; a sincere word fits.")
    has_own = entry.team_id is not None and any(one.team_id == entry.team_id for one in able)
    life = timedelta(minutes=BEYOND.minutes)
    request = ApprovalRequest(
        requester_id=entry.agent_id,
        customer_id=entry.customer_id,
        interaction_id=entry.interaction_id,
        gesture_version_id=entry.gesture_version_id,
        policy_id=entry.policy_id,
        policy_version_id=entry.policy_version_id,
        occasion=entry.occasion,
        currency=entry.currency,
        cost_minor=entry.cost_minor,
        face_minor=entry.face_minor,
        reason_code=entry.reason_code,
        reason=f"Promised at {clock(entry.booked_at)}; {what_stopped(entry, stopped).lower()} was paused after that.",
        failures=[],
        honours_id=entry.id,
        idempotency_key=key,
        state=RequestState.PENDING,
        requested_at=now,
        escalates_at=now + life / 2 if has_own else now,
        expires_at=now + life,
        approvals_needed=1,
    )
    request.terms_hash = digest_of(request, terms_of(request))
    db.session.add(request)
    db.session.flush()
    note("requested", request, entry.agent_id, now)
    return request
