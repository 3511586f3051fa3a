"""Promises on screen: a customer's panel, one's own on the home page, all of them, and one with its history."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from console.auth.models import User
from console.auth.permissions import Permission, allowed, may, requires
from console.config import is_time_zone
from console.customers.models import Customer
from console.customers.timeline import Cursor, cursor_from
from console.db import db, utc_now
from console.errors import DomainError, Stale
from console.web import locale, render_page_or_partial, wants_partial, zone
from notes.forms import PromiseForm
from notes.models import Promise
from notes.promises.forms import ChangeForm, HandOverForm, ListForm
from notes.promises.handing import Why, colleagues, hand_over
from notes.promises.promising import (
    Because,
    change_promise,
    history_of,
    keep_promise,
    make_promise,
    release_promise,
    reopen_promise,
)
from notes.promises.queries import PAGE, Wanted, longest_broken, matching, one, shown_for, shown_to, unattended
from notes.promises.teams import looked_after_by
from notes.promises.whereabouts import live_absences
from notes.views import told

bp = Blueprint("promises", __name__)

MOST_SHOWN = 40
FEW = 8
ACTS = {
    "keeping": (keep_promise, "Promise kept"),
    "release": (release_promise, "Promise released"),
    "reopening": (reopen_promise, "The promise is open again"),
}


@bp.app_template_filter()
def where_they_are(due_at: datetime, customer: Customer) -> str:
    """The moment by the customer's own clock, "Fri 27 Nov, 23:59"; empty when that is ours, or is not known."""
    name = customer.time_zone or ""
    if not is_time_zone(name) or due_at.astimezone(ZoneInfo(name)).utcoffset() == due_at.astimezone(zone()).utcoffset():
        return ""
    return str(format_datetime(due_at, "EEE d MMM, HH:mm", tzinfo=ZoneInfo(name), locale=locale()))


@bp.get("/promises")
@requires(Permission.SEE_CUSTOMER)
def index() -> ResponseReturnValue:
    form = ListForm(request.args, whose="mine" if may("WRITE_NOTE") else "all", state="open")
    status = 200 if form.validate() else 422
    promises, older = page_of(form, cursor_from(request.args.get("before"))) if status == 200 else ([], None)
    older_url = url_for(".index", whose=form.whose.data, state=form.state.data, before=str(older)) if older else ""
    context: dict[str, Any] = {"promises": promises, "older_url": older_url, "form": form, "hand_over": None}
    if allowed(current_user, Permission.SEE_TEAM) and form.state.data != "settled":
        context["hand_over"] = HandOverForm(formdata=None).offer(colleagues())
    return render_page_or_partial("notes/promise_list.html", "notes/_promise_rows.html", status, **context)


def page_of(form: ListForm, before: Cursor | None) -> tuple[list[Promise], Cursor | None]:
    wanted = Wanted(
        form.state.data,
        owner_id=current_user.id if form.whose.data == "mine" else None,
        team_id=(current_user.team_id or 0) if form.whose.data == "team" else None,
    )
    absences = list(db.session.scalars(live_absences())) if wanted.state == "nobody" else []
    rows = list(db.session.scalars(matching(wanted, utc_now(), absences, before).limit(PAGE + 1)))
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return rows[:PAGE], Cursor(last.due_at, last.id) if last else None


@bp.post("/promises/owners")
@requires(Permission.SEE_TEAM)
def hand_over_several() -> ResponseReturnValue:
    """Those that were ticked in the list go to one colleague; what cannot go is said, the others go."""
    form = HandOverForm().offer(colleagues())
    numbers = [int(text) for text in request.form.getlist("promise") if text.isdigit() and len(text) < 19]
    back = request.form.get("back", "")
    target = redirect(back if back.startswith("/promises") else url_for(".index"), code=303)
    if not numbers or not form.validate_on_submit():
        flash("Tick at least one promise." if not numbers else "Choose a colleague.", "bad")
        return target
    to, moved, refused = db.get_or_404(User, int(form.to.data)), 0, ""
    for promise in db.session.scalars(select(Promise).where(Promise.id.in_(numbers[:PAGE])).order_by(Promise.id)):
        try:
            hand_over(promise, to, Why(form.why.data), actor_id=current_user.id, now=utc_now())
            moved += 1
        except DomainError as refusal:  # nothing was written for this one
            refused = str(refusal)
    db.session.commit()
    if moved:
        flash(f"{moved} handed over to {to.name}.", "good")
    if refused:
        flash(refused, "warn")
    return target


@bp.get("/promises/mine")
@requires(Permission.WRITE_NOTE)
def mine() -> ResponseReturnValue:
    """What I still have to do, for my home page."""
    return show_mine() if wants_partial() else redirect(url_for(".index"))


def show_mine() -> Response:
    promises = db.session.scalars(shown_to(current_user.id, utc_now()).limit(MOST_SHOWN)).all()
    response = make_response(render_template("notes/_promises_mine.html", promises=promises))
    response.headers["Vary"] = "HX-Request"
    return response


@bp.get("/promises/team")
@requires(Permission.SEE_TEAM)
def of_team() -> ResponseReturnValue:
    """What is overdue, and what nobody is there for, for the home page of who looks after a team."""
    if not wants_partial():
        return redirect(url_for(".index", whose="team", state="broken"))
    now, teams = utc_now(), looked_after_by(current_user)
    response = make_response(
        render_template(
            "notes/_promises_team.html",
            broken=db.session.scalars(longest_broken(now, teams, FEW)).all(),
            nobodys=db.session.scalars(unattended(now, teams).limit(FEW)).all(),
        )
    )
    response.headers["Vary"] = "HX-Request"
    return response


@bp.get("/promises/<int:promise_id>")
@requires(Permission.SEE_CUSTOMER)
def show(promise_id: int) -> ResponseReturnValue:
    promise = promise_or_404(promise_id)
    return show_promise(promise, ChangeForm.of(promise, formdata=None), HandOverForm(formdata=None))


def show_promise(promise: Promise, change: ChangeForm, hand: HandOverForm, status: int = 200) -> Response:
    history = history_of(promise.id)
    names = names_of([event.data.get(key) for event, _ in history for key in ("from", "to")])
    page = render_template(
        "notes/promise.html",
        promise=promise,
        form=change,
        hand_over=hand.offer(colleagues([promise.owner_id] if promise.owner_id else [])),
        may_hand_over=may_hand_over(promise),
        history=history,
        names=names,
        moment=datetime.fromisoformat,
        reasons={one.value: one.label for one in (*Because, *Why)},
    )
    return make_response(page, status)


def names_of(ids: list[int | None]) -> dict[int, str]:
    rows = db.session.execute(select(User.id, User.name).where(User.id.in_({one for one in ids if one})))
    return {row[0]: row[1] for row in rows}


@bp.post("/promises/<int:promise_id>")
@requires(Permission.WRITE_NOTE)
def change(promise_id: int) -> ResponseReturnValue:
    promise = promise_or_404(promise_id)
    form = ChangeForm.of(promise)
    hand = HandOverForm(formdata=None)
    if not form.validate_on_submit():
        return show_promise(promise, form, hand, 422)
    # The time of a date that was left alone stays, to the second.
    due_at = promise.due_at if form.is_where_it_was() else form.due_at()
    try:
        change_promise(
            promise, form.promise_text.data, due_at, Because(form.because.data),
            seen=form.seen.data, actor_id=current_user.id, now=utc_now(),
        )  # fmt: skip
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        db.session.expire_all()
        promise = promise_or_404(promise_id)
        form.promise_text.errors = [str(refusal)]
        if isinstance(refusal, Stale):  # saving again replaces it knowingly
            form.seen.data = ChangeForm.of(promise, formdata=None).seen.data
            return show_promise(promise, form, hand, 409)
        return show_promise(promise, form, hand, 422)
    flash("The promise is changed.", "good")
    return redirect(url_for(".show", promise_id=promise_id), code=303)


@bp.post("/promises/<int:promise_id>/owner")
@requires(Permission.WRITE_NOTE)
def owner(promise_id: int) -> ResponseReturnValue:
    """Hand it over, by whoever has it, or gave it, or looks after the team."""
    promise = promise_or_404(promise_id)
    if not may_hand_over(promise):
        abort(403)
    form = HandOverForm().offer(colleagues())
    try:
        if not form.validate_on_submit():
            raise DomainError("Choose a colleague.")
        to = db.get_or_404(User, int(form.to.data))
        hand_over(promise, to, Why(form.why.data), actor_id=current_user.id, now=utc_now())
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        promise = promise_or_404(promise_id)
        form.to.errors = [str(refusal)]
        return show_promise(promise, ChangeForm.of(promise, formdata=None), form, 422)
    flash(f"Handed over to {to.name}.", "good")
    return redirect(url_for(".show", promise_id=promise_id), code=303)


def may_hand_over(promise: Promise) -> bool:
    if promise.state.is_settled or not allowed(current_user, Permission.WRITE_NOTE):
        return False
    return current_user.id in (promise.owner_id, promise.handed_from_id) or allowed(current_user, Permission.SEE_TEAM)


@bp.post("/promises/<int:promise_id>/<any(keeping, release, reopening):act>")
@requires(Permission.WRITE_NOTE)
def settle(promise_id: int, act: str) -> ResponseReturnValue:
    promise = db.get_or_404(Promise, promise_id)
    work, words = ACTS[act]
    try:
        work(promise, actor_id=current_user.id, now=utc_now())
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        return answer(promise, str(refusal), 422)
    return answer(promise, words)


def answer(promise: Promise, words: str, status: int = 200) -> ResponseReturnValue:
    """Where it was pressed: the home page's panel, a row of the list, the customer's panel, or a page."""
    if not wants_partial():
        flash(f"{words.rstrip('.')}.", "good" if status == 200 else "bad")
        if request.form.get("back") == "promise":
            return redirect(url_for(".show", promise_id=promise.id), code=303)
        return redirect(url_for("assist.workspace", customer_id=promise.customer_id), code=303)
    where = request.headers.get("HX-Target", "")
    if where == "my-promises":
        shown = show_mine()
    elif where.startswith("promise-"):
        db.session.expire_all()
        shown = make_response(render_template("notes/_promise_row.html", promise=promise_or_404(promise.id)))
    else:
        customer = db.get_or_404(Customer, promise.customer_id)
        refusal = words if status != 200 else ""
        shown = show_promises(customer, PromiseForm(formdata=None), status, refusal)
    if status == 200:
        return told(shown, words)
    shown.status_code = status
    return shown


@bp.get("/customers/<int:customer_id>/promises")
@requires(Permission.SEE_CUSTOMER)
def of_customer(customer_id: int) -> ResponseReturnValue:
    """What the customer still waits for: a panel, and a page by itself."""
    return show_promises(db.get_or_404(Customer, customer_id), PromiseForm(formdata=None))


@bp.post("/customers/<int:customer_id>/promises")
@requires(Permission.WRITE_NOTE)
def create(customer_id: int) -> ResponseReturnValue:
    customer = db.get_or_404(Customer, customer_id)
    form = PromiseForm()
    if not form.validate_on_submit():
        return show_promises(customer, form, 422)
    try:
        promise = make_promise(customer.id, current_user.id, form.promise_text.data, form.due_at(), now=utc_now())
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        form.promise_text.errors = [str(refusal)]
        return show_promises(db.get_or_404(Customer, customer_id), form, 422)
    words = "Promise noted"
    if promise.owner_id != current_user.id and (stand_in := db.session.get(User, promise.owner_id)):
        words = f"Promise noted. You are away then: {stand_in.name} has it"
    if wants_partial():
        return told(show_promises(customer, PromiseForm(formdata=None)), words)
    flash(f"{words}.", "good")
    return redirect(url_for("assist.workspace", customer_id=customer.id), code=303)


def show_promises(customer: Customer, form: PromiseForm, status: int = 200, refusal: str = "") -> Response:
    return render_page_or_partial(
        "notes/promises.html",
        "notes/_promises.html",
        status,
        customer=customer,
        promises=db.session.scalars(shown_for(customer.id, utc_now()).limit(MOST_SHOWN)).all(),
        form=form,
        refusal=refusal,
    )


def promise_or_404(promise_id: int) -> Promise:
    return db.session.scalars(one(promise_id).execution_options(populate_existing=True)).first() or abort(404)
