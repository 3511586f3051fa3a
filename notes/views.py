"""Notes and promises on screen: the list, the phone's page, the note box, one note with its history."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

import notes.timeline  # noqa: F401 - says how notes read on the timeline
from console.auth.permissions import Permission, may, requires
from console.customers.models import Customer
from console.customers.searching import Hit, find
from console.customers.timeline import Cursor
from console.db import db, utc_now
from console.errors import DomainError, Stale
from console.interactions.handling import live_with
from console.web import LARGEST_ID, render_page_or_partial, wants_partial
from notes import queries
from notes.comparing import compare
from notes.forms import AmendmentForm, FilterForm, NewNoteForm, PromiseForm
from notes.listing import filters_from, page_of, writers
from notes.models import Note, Promise
from notes.writing import (
    amend_note,
    follow_up_done,
    keep_promise,
    make_promise,
    pin_note,
    release_promise,
    write_note,
)

bp = Blueprint("notes", __name__)

SAVED = "noteSaved"  # the timeline and the promises listen for it


@bp.get("/notes")
@requires(Permission.SEE_CUSTOMER)
def index() -> ResponseReturnValue:
    mine = may("WRITE_NOTE") and not {"author", "customer_id"} & set(request.args)
    form = FilterForm(request.args, whose="mine" if mine else "all", kind="", period="")
    status = 200
    entries: list[Note] = []
    older: Cursor | None = None
    if form.validate() and (filters := filters_from(form, current_user)):
        entries, older = page_of(filters, cursor_from(request.args.get("before")))
    else:
        status = 422
    context = {"entries": entries, "older_url": older_url(older), "form": form}
    if wants_partial() and "before" in request.args:
        return make_response(render_template("notes/_rows.html", **context), status)
    people = writers(form.author.data if status == 200 else None)
    customer = db.session.get(Customer, form.customer_id.data) if form.customer_id.data and status == 200 else None
    return render_page_or_partial(
        "notes/index.html", "notes/_list.html", status, people=people, customer=customer, **context
    )


@bp.get("/notes/new")
@requires(Permission.WRITE_NOTE)
def capture() -> ResponseReturnValue:
    """The phone's page: choose the customer, then write."""
    if customer_id := request.args.get("customer_id", type=int):
        return show_capture(customer_or_404(customer_id), NewNoteForm(formdata=None))
    words = request.args.get("q", "").strip()[:100]
    context: dict[str, Any] = {"words": words, "hits": found(words)}
    if wants_partial():
        return render_page_or_partial("notes/choose.html", "notes/_hits.html", **context)
    recent = db.session.scalars(queries.recent_customers(current_user.id, utc_now())).all()
    return render_page_or_partial("notes/choose.html", "notes/_hits.html", recent=recent, **context)


def found(words: str) -> list[tuple[Customer, Hit]]:
    hits = find(words) if words else []
    rows = select(Customer).where(Customer.id.in_([hit.customer_id for hit in hits]))
    customers = {customer.id: customer for customer in db.session.scalars(rows)} if hits else {}
    return [(customers[hit.customer_id], hit) for hit in hits if hit.customer_id in customers]


@bp.post("/notes/new")
@requires(Permission.WRITE_NOTE)
def save_capture() -> ResponseReturnValue:
    customer_id = request.form.get("customer_id", type=int)
    form = NewNoteForm()
    if not customer_id:
        return ask_whom(form, request.form.get("about", "").strip()[:100])
    customer = customer_or_404(customer_id)
    if saved(customer, form):
        flash(f"Saved to {customer.name}.", "good")
        return redirect(url_for(".capture"), code=303)
    return show_capture(customer, form, 422)


def ask_whom(form: NewNoteForm, words: str) -> Response:
    """The note as it was typed, and the question that is open; `words` are what was answered to it."""
    form.validate()
    form.form_errors.append("Say whom the note is about; it is not saved yet.")
    return make_response(render_template("notes/capture.html", form=form, words=words, hits=found(words)), 422)


def show_capture(customer: Customer, form: NewNoteForm, status: int = 200) -> Response:
    earlier = db.session.scalars(queries.for_customer(customer.id).limit(3)).all()
    return make_response(render_template("notes/capture.html", customer=customer, form=form, earlier=earlier), status)


@bp.get("/customers/<int:customer_id>/notes/new")
@requires(Permission.WRITE_NOTE)
def composer(customer_id: int) -> ResponseReturnValue:
    """The note box of the workspace."""
    return show_composer(db.get_or_404(Customer, customer_id), NewNoteForm(formdata=None))


@bp.post("/customers/<int:customer_id>/notes")
@requires(Permission.WRITE_NOTE)
def create(customer_id: int) -> ResponseReturnValue:
    customer = db.get_or_404(Customer, customer_id)
    form = NewNoteForm()
    if (note := saved(customer, form)) is None:
        return show_composer(customer, form, 422)
    if wants_partial():
        return told(show_composer(customer, NewNoteForm(formdata=None)), "Note saved", note_id=note.id)
    flash("Note saved.", "good")
    return redirect(url_for("assist.workspace", customer_id=customer.id), code=303)


def saved(customer: Customer, form: NewNoteForm) -> Note | None:
    """The note, and its promise, as the form has them; None when the form is not well filled in."""
    if not form.validate_on_submit():
        return None
    now = utc_now()
    interaction = live_with(customer.id, current_user.id)
    note = write_note(
        customer.id,
        current_user.id,
        form.draft(),
        pinned=form.pinned.data,
        interaction_id=interaction.id if interaction else None,
        now=now,
    )
    if form.promise_text.data:
        make_promise(customer.id, current_user.id, form.promise_text.data, form.due_at(), note_id=note.id, now=now)
    db.session.commit()
    return note


def show_composer(customer: Customer, form: NewNoteForm, status: int = 200) -> Response:
    return render_page_or_partial("notes/composer.html", "notes/_composer.html", status, customer=customer, form=form)


@bp.get("/notes/<int:note_id>")
@requires(Permission.SEE_CUSTOMER)
def show(note_id: int) -> ResponseReturnValue:
    return show_note(note_or_404(note_id))


def show_note(note: Note) -> Response:
    revisions = db.session.scalars(queries.revisions_of(note.id)).all() if note.version > 1 else []
    promises = db.session.scalars(queries.promises_of_note(note.id)).all()
    later, history = note.body, []
    for revision in revisions:
        history.append((revision, compare(revision.body, later)))
        later = revision.body
    return render_page_or_partial(
        "notes/show.html", "notes/_note.html", note=note, history=history, promises=promises, here=note_url(note)
    )


@bp.route("/notes/<int:note_id>/amendment", methods=["GET", "POST"])
@requires(Permission.WRITE_NOTE)
def amendment(note_id: int) -> ResponseReturnValue:
    note = note_or_404(note_id)
    if not note.may_be_amended_by(current_user):
        abort(403)
    form = AmendmentForm.of(note)
    if not form.is_submitted():
        return show_amendment(note, form)
    if not form.validate():
        return show_amendment(note, form, 422)
    try:
        amend_note(note, form.draft(), seen_version=form.seen_version(), actor_id=current_user.id, now=utc_now())
        db.session.commit()
    except Stale as refusal:
        db.session.rollback()
        return show_both(note_id, form, str(refusal))
    return redirect(note_url(note), code=303)


def show_both(note_id: int, form: AmendmentForm, refusal: str) -> Response:
    """The version that was saved meanwhile beside the words that were not; saving again replaces it knowingly."""
    db.session.expire_all()
    theirs = note_or_404(note_id)
    latest = db.session.scalars(queries.revisions_of(note_id).limit(1)).first()
    form.version.data = theirs.version
    changes = compare(theirs.body, form.body.data)
    return show_amendment(theirs, form, 409, refusal=refusal, latest=latest, changes=changes)


def show_amendment(note: Note, form: AmendmentForm, status: int = 200, **context: object) -> Response:
    return make_response(render_template("notes/amendment.html", note=note, form=form, **context), status)


@bp.post("/notes/<int:note_id>/pin")
@requires(Permission.WRITE_NOTE)
def pin(note_id: int) -> ResponseReturnValue:
    note = note_or_404(note_id)
    pinned = request.form.get("pinned") == "1"
    pin_note(note, pinned, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    return note_again(note_id, "Pinned above the history" if pinned else "No longer pinned")


@bp.post("/notes/<int:note_id>/follow-up")
@requires(Permission.WRITE_NOTE)
def follow_up(note_id: int) -> ResponseReturnValue:
    follow_up_done(note_or_404(note_id), actor_id=current_user.id, now=utc_now())
    db.session.commit()
    return note_again(note_id, "Followed up")


def note_again(note_id: int, words: str) -> ResponseReturnValue:
    if wants_partial():
        db.session.expire_all()
        return told(show_note(note_or_404(note_id)), words, note_id=note_id)
    flash(f"{words}.", "good")
    return redirect(url_for(".show", note_id=note_id), code=303)


@bp.get("/customers/<int:customer_id>/promises")
@requires(Permission.SEE_CUSTOMER)
def promises(customer_id: int) -> ResponseReturnValue:
    """What the customer still waits for: a panel, and a page by itself."""
    return show_promises(db.get_or_404(Customer, customer_id), PromiseForm(formdata=None))


@bp.post("/customers/<int:customer_id>/promises")
@requires(Permission.WRITE_NOTE)
def promise(customer_id: int) -> ResponseReturnValue:
    customer = db.get_or_404(Customer, customer_id)
    form = PromiseForm()
    if not form.validate_on_submit():
        return show_promises(customer, form, 422)
    make_promise(customer.id, current_user.id, form.promise_text.data, form.due_at(), now=utc_now())
    db.session.commit()
    return promises_again(customer, "Promise noted")


@bp.post("/promises/<int:promise_id>/keeping")
@requires(Permission.WRITE_NOTE)
def keeping(promise_id: int) -> ResponseReturnValue:
    return settled(promise_id, kept=True)


@bp.post("/promises/<int:promise_id>/release")
@requires(Permission.WRITE_NOTE)
def release(promise_id: int) -> ResponseReturnValue:
    return settled(promise_id, kept=False)


def settled(promise_id: int, kept: bool) -> ResponseReturnValue:
    promise = db.get_or_404(Promise, promise_id)
    customer = db.get_or_404(Customer, promise.customer_id)
    try:
        (keep_promise if kept else release_promise)(promise, actor_id=current_user.id, now=utc_now())
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        return show_promises(customer, PromiseForm(formdata=None), 422, refusal=str(refusal))
    return promises_again(customer, "Promise kept" if kept else "Promise released")


def promises_again(customer: Customer, words: str) -> ResponseReturnValue:
    if wants_partial():
        return told(show_promises(customer, PromiseForm(formdata=None)), words)
    flash(f"{words}.", "good")
    return redirect(url_for("assist.workspace", customer_id=customer.id), code=303)


def show_promises(customer: Customer, form: PromiseForm, status: int = 200, refusal: str = "") -> Response:
    waiting = db.session.scalars(queries.open_promises(customer.id).limit(30)).all()
    return render_page_or_partial(
        "notes/promises.html",
        "notes/_promises.html",
        status,
        customer=customer,
        promises=waiting,
        form=form,
        refusal=refusal,
    )


def told(response: Response, title: str, **facts: int) -> Response:
    """Say to the page that something was saved, so that the panels it concerns load afresh."""
    response.headers["HX-Trigger"] = json.dumps({SAVED: facts, "toast": {"kind": "good", "title": title}})
    return response


def customer_or_404(customer_id: int) -> Customer:
    return db.get_or_404(Customer, customer_id) if 0 < customer_id <= LARGEST_ID else abort(404)


def note_or_404(note_id: int) -> Note:
    return db.session.scalars(queries.one(note_id)).first() or abort(404)


def note_url(note: Note) -> str:
    return url_for(".show", note_id=note.id)


def cursor_from(text: str | None) -> Cursor | None:
    if not text:
        return None
    try:
        cursor = Cursor.parse(text)
    except ValueError:
        abort(400)
    return cursor if 0 < cursor.id <= LARGEST_ID else abort(400)


def older_url(cursor: Cursor | None) -> str:
    if cursor is None:
        return ""
    kept: dict[str, Any] = {name: value for name, value in request.args.items() if name != "before"}
    return url_for(".index", **kept, before=str(cursor))
