"""The requester's side, in the help pane: ask, see what became of it, take what was offered instead, withdraw."""

from __future__ import annotations

import json
from datetime import datetime

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.empowerment.policies import suspended
from console.errors import DomainError
from console.gestures import approvals
from console.gestures.advising import occasion_now
from console.gestures.approval_forms import AskForm, first_problem
from console.gestures.approval_models import ApprovalRequest, RequestState
from console.gestures.approval_queries import asked_by, mark
from console.gestures.asking import ask
from console.gestures.blueprint import bp
from console.gestures.honouring import ask_to_honour
from console.gestures.links import remember
from console.gestures.locking import Busy
from console.gestures.models import LedgerEntry
from console.gestures.panel_views import customer_or_404, done, later, show
from console.gestures.refusals import OneOfOurs, OverLimit
from console.gestures.terms import Terms
from console.web import LARGEST_ID, wants_partial

TOLD = {
    RequestState.APPROVED: ("give", "Approved: it is held for you"),
    RequestState.REJECTED: ("info", "Your request was rejected"),
    RequestState.COUNTERED: ("give", "Something else was offered instead"),
    RequestState.LAPSED: ("warn", "Nobody answered in time"),
}


@bp.get("/customers/<int:customer_id>/approvals")
@requires(Permission.OFFER_GESTURE)
def asked(customer_id: int) -> ResponseReturnValue:
    """Asked every three seconds while something waits: 204 until there is news, then the whole panel."""
    customer, now = customer_or_404(customer_id), utc_now()
    if approvals.lapse_due(now):
        db.session.commit()
    seen = request.args.get("seen")
    if seen is not None and seen == mark(asked_by(current_user.id, customer_id, now), now):
        return "", 204
    response = show(customer)
    if seen and (news := latest(customer_id, now)):
        response.headers["HX-Trigger"] = json.dumps(
            {"timelineChanged": {}, "toast": {"kind": news[0], "title": news[1]}}
        )
    return response


def latest(customer_id: int, now: datetime) -> tuple[str, str] | None:
    """What to tell about the request that was answered last."""
    numbers = {one.split("-")[0] for one in request.args["seen"].split(".")}
    seen = {int(one) for one in numbers if one.isascii() and one.isdecimal() and len(one) < 20}
    rows = [db.session.get(ApprovalRequest, one) for one in sorted(seen, reverse=True)[:5] if one < 2**63]
    for row in rows:
        if row and (row.requester_id, row.customer_id) == (current_user.id, customer_id) and not row.is_open(now):
            is_kept = row.honours_id is not None and row.state is RequestState.APPROVED
            return ("give", "Honoured: it is given") if is_kept else TOLD.get(row.state_at(now))
    return None


@bp.post("/customers/<int:customer_id>/approvals")
@requires(Permission.OFFER_GESTURE)
def ask_for(customer_id: int) -> ResponseReturnValue:
    customer, form, now = customer_or_404(customer_id), AskForm(), utc_now()
    if not form.validate_on_submit():
        is_whole = not (form.version.errors or form.key.errors or form.cost.errors)
        return show(customer, 422, problem=first_problem(form), asking=form if is_whole else None)
    terms = terms_from(customer_id, form, now)
    try:
        ask(terms, key=form.key.data or "", now=now)
        db.session.commit()
    except DomainError as problem:
        db.session.rollback()
        if isinstance(problem, OneOfOurs):
            remember(terms.agent_id, customer_id, now)
        return show(customer_or_404(customer_id), 422, problem=str(problem))
    if not wants_partial():
        flash("Asked. You see the answer here.", "info")
        return redirect(url_for("gestures.panel", customer_id=customer_id), code=303)
    return show(customer_or_404(customer_id), focus="asked")


def terms_from(customer_id: int, form: AskForm, now: datetime) -> Terms:
    return Terms(
        agent_id=current_user.id,
        customer_id=customer_id,
        gesture_version_id=form.version.data or 0,
        occasion=occasion_now(customer_id, now),
        reason=form.reason.data or "",
        reason_code=form.reason_code.data or "",
        cost_minor=form.cost.data,
    )


@bp.post("/gestures/entries/<int:entry_id>/honouring")
@requires(Permission.OFFER_GESTURE)
def honouring(entry_id: int) -> ResponseReturnValue:
    """It was promised before it was stopped: ask a supervisor to keep it."""
    entry = db.session.get(LedgerEntry, entry_id) if entry_id <= LARGEST_ID else None
    if entry is None or entry.agent_id != current_user.id:
        abort(404)
    customer_id = entry.customer_id
    try:
        ask_to_honour(entry, suspended(), key=request.form.get("key", "")[:64], now=utc_now())
        db.session.commit()
    except DomainError as problem:
        db.session.rollback()
        return show(customer_or_404(customer_id), 422, problem=str(problem))
    if not wants_partial():
        flash("Asked. You see the answer here.", "info")
        return redirect(url_for("gestures.panel", customer_id=customer_id), code=303)
    return show(customer_or_404(customer_id), focus="asked")


@bp.post("/approvals/<int:request_id>/withdrawal")
@requires(Permission.OFFER_GESTURE)
def withdraw(request_id: int) -> ResponseReturnValue:
    customer_id = own_or_404(request_id).customer_id
    try:
        approvals.withdraw(request_id, requester_id=current_user.id, now=utc_now())
        db.session.commit()
    except DomainError as problem:
        db.session.rollback()
        return show(customer_or_404(customer_id), 422, problem=str(problem))
    if not wants_partial():
        return redirect(url_for("gestures.panel", customer_id=customer_id), code=303)
    return show(customer_or_404(customer_id), focus="label")


@bp.post("/approvals/<int:request_id>/acceptance")
@requires(Permission.OFFER_GESTURE)
def accept(request_id: int) -> ResponseReturnValue:
    """What the approver offered instead."""
    customer_id = own_or_404(request_id).customer_id
    try:
        entry = approvals.take(request_id, requester_id=current_user.id, now=utc_now())
    except OverLimit as refusal:
        return show(customer_or_404(customer_id), 422, refusal=refusal)
    except Busy as busy:
        return later(busy)
    except DomainError as problem:
        return show(customer_or_404(customer_id), 422, problem=str(problem))
    return done(customer_id, entry)


def own_or_404(request_id: int) -> ApprovalRequest:
    """Anybody else's is not found."""
    found = db.session.get(ApprovalRequest, request_id)
    return found if found and found.requester_id == current_user.id else abort(404)
