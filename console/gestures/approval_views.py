"""The approver's inbox: what waits, one request with what has to be known, the answer, and what was decided."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.confirming import confirm, is_confirmed, per_address, per_person
from console.auth.permissions import Permission, allowed, requires
from console.db import db, utc_now
from console.errors import DomainError
from console.gestures import approvals
from console.gestures.approval_forms import WHY_NOT, ConfirmForm, CounterForm, RejectForm, first_problem
from console.gestures.approval_models import ApprovalRequest, RequestState
from console.gestures.approval_queries import PAGE, decided, dossier, mark, pending_for
from console.gestures.approvals import Settled
from console.gestures.approving import NotYours
from console.gestures.links import remember
from console.gestures.locking import Busy
from console.gestures.panel_views import later
from console.web import id_argument, id_in, render_page_or_partial, wants_partial

bp = Blueprint("approvals", __name__, url_prefix="/approvals")
BLINK = 1.0  # seconds in which nobody has read the request that took the place of the one just answered
TOLD = {
    RequestState.PENDING: "Agreed. A second person has to agree too",
    RequestState.APPROVED: "Approved and held",
    RequestState.REJECTED: "Rejected",
    RequestState.COUNTERED: "Offered instead",
}


@bp.get("")
@requires(Permission.APPROVE_GESTURE)
def index() -> ResponseReturnValue:
    return show(id_argument("open"))


@bp.get("/<int:request_id>")
@requires(Permission.APPROVE_GESTURE)
def opened(request_id: int) -> ResponseReturnValue:
    found_or_404(request_id)
    return show(request_id)


@bp.get("/news")
@requires(Permission.APPROVE_GESTURE)
def news() -> ResponseReturnValue:
    """Asked again and again by the inbox: 204 unless something changed since the marks that it sends."""
    now = put_to_rest()
    waiting, open_id = pending_for(current_user, now), id_argument("open")
    shown = db.session.get(ApprovalRequest, open_id) if open_id else None
    same_queue = mark(waiting, now) == request.args.get("queue", "")
    same_card = mark([shown] if shown else [], now) == request.args.get("card", "")
    if same_queue and same_card:
        return "", 204
    if shown is None or not same_card:
        response = show(open_id)
        response.headers["HX-Trigger"] = "approvalsChanged"
        return response
    queue = {"waiting": waiting, "opened": shown, "queue_mark": mark(waiting, now), "card_mark": mark([shown], now)}
    response = make_response(render_template("approvals/_queue.html", **queue))
    response.headers["HX-Trigger"] = "approvalsChanged"
    response.headers["HX-Retarget"] = "#approvals-queue"  # what is being read or typed stays as it is
    return response


@bp.get("/badge")
@requires(Permission.APPROVE_GESTURE)
def badge() -> ResponseReturnValue:
    """How many wait for whoever is signed in."""
    return render_template("approvals/_badge.html", number=len(pending_for(current_user, utc_now())))


@bp.post("/<int:request_id>/approval")
@requires(Permission.APPROVE_GESTURE)
def approve(request_id: int) -> ResponseReturnValue:
    return answer(request_id, lambda: approvals.approve(request_id, approver_id=current_user.id, now=utc_now()), "give")


@bp.post("/<int:request_id>/rejection")
@requires(Permission.APPROVE_GESTURE)
def reject(request_id: int) -> ResponseReturnValue:
    form = RejectForm()
    if not form.validate_on_submit():
        found_or_404(request_id)
        return show(request_id, 422, problem=first_problem(form))
    reason = form.reason.data or ""
    return answer(
        request_id, lambda: approvals.reject(request_id, reason, approver_id=current_user.id, now=utc_now()), "info"
    )


@bp.post("/<int:request_id>/counter-offer")
@requires(Permission.APPROVE_GESTURE)
def counter(request_id: int) -> ResponseReturnValue:
    form = CounterForm()
    if not form.validate_on_submit():
        found_or_404(request_id)
        return show(request_id, 422, problem=first_problem(form))
    return answer(
        request_id,
        lambda: approvals.counter(
            request_id, form.version_id, form.cost_minor, "", approver_id=current_user.id, now=utc_now()
        ),
        "give",
    )


@bp.post("/confirmation")
@requires(Permission.APPROVE_GESTURE)
@per_person
@per_address
def confirmation() -> ResponseReturnValue:
    """My password once more; then the request that `open` names, ready to be decided."""
    form, open_id = ConfirmForm(), id_in(request.form, "open")
    if not form.validate_on_submit():
        return show(open_id, 422, mistake=first_problem(form))
    if not confirm(form.password.data or "", utc_now()):
        return show(open_id, 422, mistake="That is not your password. Try again.")
    db.session.commit()
    if not wants_partial():
        return redirect(url_for(".opened", request_id=open_id) if open_id else url_for(".index"), code=303)
    return show(open_id, focus=True)


def answer(request_id: int, act: Callable[[], ApprovalRequest], tone: str) -> ResponseReturnValue:
    """Decide, if the password is fresh; then the next one that waits."""
    found_or_404(request_id)
    since = request.form.get("since", type=float)
    if since is not None and utc_now().timestamp() - since < BLINK:
        return show(request_id, 422, problem="This is the next request already. Read it, then decide.")
    if not is_confirmed(utc_now()):
        return show(request_id, 422)
    try:
        done = act()
        db.session.commit()
    except Busy as busy:
        return later(busy)
    except Settled as problem:
        db.session.rollback()
        # htmx shows what it is sent with 422; a page says that somebody was first.
        return show(request_id, 422 if wants_partial() else 409, problem=str(problem))
    except DomainError as problem:
        db.session.rollback()
        if isinstance(problem, NotYours):
            remember(current_user.id, found_or_404(request_id).customer_id, utc_now())
        return show(request_id, 422, problem=str(problem))
    title = TOLD.get(done.state, done.state.label)
    if not wants_partial():
        flash(f"{title}.", tone)
        return redirect(url_for(".index"), code=303)
    response = show(None, focus=True, is_next=True)
    text = f"{done.requester.name} sees it now."
    response.headers["HX-Trigger"] = json.dumps(
        {"approvalsChanged": {}, "toast": {"kind": tone, "title": title, "text": text}}
    )
    return response


def show(
    open_id: int | None,
    status: int = 200,
    problem: str = "",
    mistake: str = "",
    focus: bool = False,
    is_next: bool = False,
) -> Response:
    """The inbox with one request open: the one asked for, or the first that waits. `mistake`: of the password."""
    now = put_to_rest()
    waiting, before = pending_for(current_user, now), id_argument("before")
    try:
        card = dossier(open_id or waiting[0].id, current_user, now) if open_id or waiting else None
    except Settled:
        card = None
    past = decided(now, before)
    return render_page_or_partial(
        "approvals/index.html",
        "approvals/_inbox.html",
        status,
        waiting=waiting,
        card=card,
        opened=card.request if card else None,
        queue_mark=mark(waiting, now),
        card_mark=mark([card.request], now) if card else "",
        past=past[:PAGE],
        older_url=url_for(".index", before=past[PAGE - 1].id) if len(past) > PAGE else "",
        is_fresh=is_confirmed(now),
        problem=problem,
        mistake=mistake,
        focus=focus,
        is_next=is_next,
        why_not=WHY_NOT,
        sees_advice=allowed(current_user, Permission.WRITE_POLICY),
    )


def put_to_rest() -> datetime:
    """Now, with what ran out until now written down."""
    now = utc_now()
    if approvals.lapse_due(now):
        db.session.commit()
    return now


def found_or_404(request_id: int) -> ApprovalRequest:
    return db.session.get(ApprovalRequest, request_id) or abort(404)
