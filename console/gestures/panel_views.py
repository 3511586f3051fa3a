"""The help pane's "plus one": what I may give, what suits, and the offers that wait for a yes or no."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from flask import Response, abort, current_app, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.permissions import Permission, allowed, requires
from console.customers.models import Customer
from console.db import db, utc_now
from console.errors import DomainError, tell
from console.gestures import ledger
from console.gestures.advising import alternative, counsel, log_shown, occasion_now, open_holds
from console.gestures.blueprint import bp
from console.gestures.forms import OfferForm
from console.gestures.ledger import OverLimit, Terms
from console.gestures.locking import Busy
from console.gestures.models import EntryState, LedgerEntry
from console.gestures.wording import why_refused
from console.web import LARGEST_ID, render_page_or_partial, wants_partial

TOLD = {
    EntryState.HELD: "Offer held",
    EntryState.GRANTED: "Given",
    EntryState.DECLINED: "Noted: declined",
    EntryState.VOIDED: "Withdrawn",
}


@bp.get("/customers/<int:customer_id>/gestures")
@requires(Permission.SEE_GESTURES)
def panel(customer_id: int) -> ResponseReturnValue:
    return show(customer_or_404(customer_id))


@bp.post("/customers/<int:customer_id>/gestures")
@requires(Permission.OFFER_GESTURE)
def create(customer_id: int) -> ResponseReturnValue:
    customer = customer_or_404(customer_id)
    form = OfferForm()
    if not form.validate_on_submit():
        return show(customer, 422, problem="That did not arrive whole. The list is fresh now: pick again.")
    now = utc_now()
    terms = Terms(
        agent_id=current_user.id,
        customer_id=customer_id,
        gesture_version_id=form.version.data,
        occasion=occasion_now(customer_id, now),
        reason=form.reason.data or "",
    )
    try:
        entry = ledger.offer(terms, key=form.key.data, now=now)
    except OverLimit as refusal:
        return show(customer_or_404(customer_id), 422, refusal=refusal)
    except Busy as busy:
        return later(busy)
    except DomainError as problem:
        return show(customer_or_404(customer_id), 422, problem=str(problem))
    return done(customer_id, entry)


@bp.post("/gestures/entries/<int:entry_id>/grant")
@requires(Permission.OFFER_GESTURE)
def grant(entry_id: int) -> ResponseReturnValue:
    return settle(entry_id, ledger.grant)


@bp.post("/gestures/entries/<int:entry_id>/decline")
@requires(Permission.OFFER_GESTURE)
def decline(entry_id: int) -> ResponseReturnValue:
    return settle(entry_id, ledger.decline)


@bp.post("/gestures/entries/<int:entry_id>/void")
@requires(Permission.OFFER_GESTURE)
def void(entry_id: int) -> ResponseReturnValue:
    return settle(entry_id, ledger.void)


def settle(entry_id: int, act: Any) -> ResponseReturnValue:
    """Grant, decline or void one of my own offers; anybody else's is not found."""
    entry = db.session.get(LedgerEntry, entry_id) if entry_id <= LARGEST_ID else None
    if entry is None or entry.agent_id != current_user.id:
        abort(404)
    customer_id = entry.customer_id
    try:
        entry = act(entry_id, actor_id=current_user.id, now=utc_now())
    except Busy as busy:
        return later(busy)
    except DomainError as problem:
        return show(customer_or_404(customer_id), 422, problem=str(problem))
    return done(customer_id, entry)


def done(customer_id: int, entry: LedgerEntry) -> ResponseReturnValue:
    """Back to the panel; the timeline of the same page loads afresh."""
    if not wants_partial():
        flash(f"{TOLD.get(entry.state, entry.state.label)}.", "give")
        return redirect(url_for("gestures.panel", customer_id=customer_id), code=303)
    response = show(customer_or_404(customer_id), focus="hold" if entry.is_held else "label")
    response.headers["HX-Trigger"] = json.dumps(
        {"timelineChanged": {}, "toast": {"kind": "give", "title": TOLD.get(entry.state, entry.state.label)}}
    )
    return response


def later(busy: Busy) -> Response:
    response = tell(503, "Just a moment", str(busy))
    response.headers["Retry-After"] = "2"
    return response


def show(
    customer: Customer, status: int = 200, refusal: OverLimit | None = None, problem: str = "", focus: str = ""
) -> Response:
    """The panel; with a refusal it names every limit and the best that still fits.

    `focus` is where the keyboard goes after an act, because the button that was pressed is gone: hold or label.
    """
    if not allowed(current_user, Permission.OFFER_GESTURE):
        return render_page_or_partial(
            "gestures/panel.html", "gestures/_panel.html", status, customer=customer, found=None, holds=[]
        )
    now = utc_now()
    ledger.expire_due(now=now, customer_id=customer.id)
    found = counsel(customer, current_user.id, current_app.config["DEFAULT_CURRENCY"], now)
    instead = alternative(refusal.cost, found) if refusal else None
    holds = open_holds(customer.id, current_user.id, now)
    log_shown(found, customer_id=customer.id, agent_id=current_user.id, now=now)
    db.session.commit()
    return render_page_or_partial(
        "gestures/panel.html",
        "gestures/_panel.html",
        status,
        customer=customer,
        found=found,
        holds=holds,
        refusal=refusal,
        reasons=why_refused(refusal, customer.called) if refusal else [],
        instead=instead,
        problem=problem,
        focus=focus,
        new_key=lambda: str(uuid4()),
    )


def customer_or_404(customer_id: int) -> Customer:
    return db.get_or_404(Customer, customer_id) if 0 < customer_id <= LARGEST_ID else abort(404)
