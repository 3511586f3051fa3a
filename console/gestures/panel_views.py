"""The help pane's "plus one": what I may give, what suits, and the offers that wait for a yes or no."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import uuid4

from flask import Response, abort, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.permissions import Permission, allowed, requires
from console.customers.models import Customer
from console.db import db, utc_now
from console.empowerment.deciding import MISSING
from console.errors import DomainError, tell
from console.gestures import ledger, outcomes
from console.gestures.advising import alternative, counsel, log_shown, occasion_now, open_holds
from console.gestures.approval_forms import AskForm
from console.gestures.approval_queries import asked_by, mark
from console.gestures.approving import not_askable, version_with_gesture, what_instead
from console.gestures.blueprint import bp
from console.gestures.forms import OfferForm
from console.gestures.honouring import promised
from console.gestures.learning_models import Suggestion
from console.gestures.locking import Busy
from console.gestures.models import EntryState, LedgerEntry
from console.gestures.policy_news import have_read, policy_news
from console.gestures.refusals import NoAuthority, OverLimit
from console.gestures.situation import Clause
from console.gestures.terms import Terms, amounts
from console.gestures.wording import all_stopped
from console.interactions.handling import live_with
from console.web import LARGEST_ID, currency_symbol, render_page_or_partial, wants_partial

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
        reason_code=form.reason_code.data or "",
        cost_minor=form.cost.amount.minor if form.cost.data else None,
        suggestion_id=list_shown(form.suggestion.data, customer_id),
    )
    try:
        entry = ledger.offer(terms, key=form.key.data, now=now)
    except OverLimit as refusal:
        asking, why_not = ask_form(terms, refusal)
        if why_not:
            refusal.advice = what_instead(refusal.decision)
        return show(customer_or_404(customer_id), 422, refusal=refusal, problem=why_not, asking=asking)
    except NoAuthority as refusal:
        asking, why_not = ask_form(terms, refusal)
        problem = f"{refusal} {why_not} {what_instead(refusal.decision)}" if why_not else str(refusal)
        return show(customer_or_404(customer_id), 422, problem=problem, asking=asking)
    except Busy as busy:
        return later(busy)
    except DomainError as problem:
        return show(customer_or_404(customer_id), 422, problem=str(problem))
    if entry.state is EntryState.EXPIRED:  # sent again after all that time, because no answer came
        return show(customer_or_404(customer_id), 422, problem=ledger.RAN_OUT)
    return done(customer_id, entry)


def list_shown(suggestion_id: int | None, customer_id: int) -> int | None:
    """The list it was picked from, if it is one of mine for this customer."""
    row = db.session.get(Suggestion, suggestion_id) if suggestion_id else None
    return row.id if row and (row.agent_id, row.customer_id) == (current_user.id, customer_id) else None


@bp.post("/gestures/suggestions/<int:suggestion_id>/skip")
@requires(Permission.OFFER_GESTURE)
def skip_list(suggestion_id: int) -> ResponseReturnValue:
    """Put the list aside for this conversation, with a reason."""
    row = db.session.get(Suggestion, suggestion_id) if suggestion_id <= LARGEST_ID else None
    if row is None or row.agent_id != current_user.id:
        abort(404)
    try:
        outcomes.skip(suggestion_id, request.form.get("reason", ""), agent_id=current_user.id, now=utc_now())
    except DomainError as problem:
        return show(customer_or_404(row.customer_id), 422, problem=str(problem))
    db.session.commit()
    if not wants_partial():
        return redirect(url_for("gestures.panel", customer_id=row.customer_id), code=303)
    return show(customer_or_404(row.customer_id), focus="label")


@bp.post("/customers/<int:customer_id>/gestures/policy-news/dismissal")
@requires(Permission.OFFER_GESTURE)
def dismiss_news(customer_id: int) -> ResponseReturnValue:
    """What changed in my policies up to `until` is read; it is not told again in this conversation."""
    customer, now = customer_or_404(customer_id), utc_now()
    try:
        until = min(datetime.fromisoformat(request.form.get("until", "")), now)
    except (ValueError, TypeError):
        abort(400)
    if talk := live_with(customer_id, current_user.id):
        have_read(talk.id, until)
    if not wants_partial():
        return redirect(url_for("gestures.panel", customer_id=customer_id), code=303)
    return show(customer, focus="label")


def ask_form(terms: Terms, refusal: OverLimit | NoAuthority) -> tuple[AskForm | None, str]:
    """What to ask with; without it a sentence that says why nobody can be asked, where that needs saying."""
    if not refusal.decision.may_ask or MISSING.intersection(refusal.decision.obstacles):
        return None, ""
    version = version_with_gesture(terms.gesture_version_id)
    cost, _ = amounts(version, terms.cost_minor)
    if problem := not_askable(refusal.decision, version, cost, current_user.id):
        return None, problem
    given = {"version": version.id, "cost": cost, "reason": terms.reason, "reason_code": terms.reason_code}
    return AskForm(formdata=None, key=str(uuid4()), **given), ""


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
    customer: Customer,
    status: int = 200,
    refusal: OverLimit | None = None,
    problem: str = "",
    focus: str = "",
    asking: AskForm | None = None,
) -> Response:
    """The panel; with a refusal it names every limit, the best that still fits, and how to ask for more.

    `focus` is where the keyboard goes after an act, because the button that was pressed is gone: hold, asked or label.
    """
    if not allowed(current_user, Permission.OFFER_GESTURE):
        return render_page_or_partial(
            "gestures/panel.html", "gestures/_panel.html", status, customer=customer, found=None, holds=[]
        )
    now = utc_now()
    ledger.expire_due(now=now, customer_id=customer.id)
    found = counsel(customer, current_user.id, current_app.config["DEFAULT_CURRENCY"], now)
    asked = asked_by(current_user.id, customer.id, now)
    wanted = refusal.cost if refusal else asked[0].cost if asked else None
    instead = alternative(wanted, found) if wanted else None
    talk = found.interaction
    news = policy_news(found.authority, talk.id, talk.started_at) if talk and talk.started_at else []
    holds = open_holds(customer.id, current_user.id, now)
    suggestion = log_shown(found, customer_id=customer.id, agent_id=current_user.id, now=now)
    db.session.commit()
    return render_page_or_partial(
        "gestures/panel.html",
        "gestures/_panel.html",
        status,
        customer=customer,
        found=found,
        holds=holds,
        all_stopped=all_stopped(found.decisions.values(), found.authority.stopped),
        stopped={hold.id: ledger.what_stopped(hold, found.authority.stopped) for hold in holds},
        promised=promised(customer.id, current_user.id, found.authority.stopped, now) if found.authority else [],
        news=news,
        news_until=now.isoformat(),
        refusal=refusal,
        reasons=refusal.reasons if refusal else [],
        instead=instead,
        problem=problem,
        focus=focus,
        asking=asking,
        asked=asked,
        asked_mark=mark(asked, now),
        suggestion=suggestion,
        skips=outcomes.SKIPPED,
        evidence_url=evidence_url,
        symbol=currency_symbol(),
        new_key=lambda: str(uuid4()),
    )


def evidence_url(clause: Clause, customer_id: int) -> str:
    """The page that shows what a reason rests on; empty where the customer's own page says it all."""
    match clause.evidence:
        case {"order": int(order_id)}:
            return url_for("customers.order", customer_id=customer_id, order_id=order_id)
        case {"orders": _} | {"order_line": _}:
            return url_for("customers.orders", customer_id=customer_id)
        case {"interactions": [int(talk_id), *_]}:
            return url_for("interactions.show", interaction_id=talk_id)
        case {"preference": int(known_id)}:
            return url_for("profile.history", customer_id=customer_id, section="preferences", known_id=known_id)
        case {"ledger_entry": int(entry_id)}:
            return url_for("gestures.entry", entry_id=entry_id)
        case {"complaint": _}:
            return url_for("assist.workspace", customer_id=customer_id, _anchor="complaints")
        case {"promise": _}:
            return url_for("assist.workspace", customer_id=customer_id, _anchor="promises")
    return ""


def customer_or_404(customer_id: int) -> Customer:
    return db.get_or_404(Customer, customer_id) if 0 < customer_id <= LARGEST_ID else abort(404)
