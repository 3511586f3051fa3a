"""Notes on screen: the list, the phone's page, the note box, one note with its history."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

import notes.timeline  # noqa: F401 - says how notes read on the timeline
from console.auth.permissions import Permission, may, requires
from console.customers.models import Customer
from console.customers.timeline import Cursor, cursor_from
from console.db import db, utc_now
from console.errors import DomainError, Stale
from console.interactions.handling import live_with
from console.web import LARGEST_ID, render_page_or_partial, today, wants_partial
from notes import queries
from notes.beside.attachments import of_note
from notes.beside.mentions import people_named, see
from notes.beside.views import follow, remarks
from notes.comparing import compare
from notes.findings.pointing_out import points_out
from notes.forms import AmendmentForm, FilterForm, NewNoteForm
from notes.listing import filters_from, page_of, where_from, writers
from notes.models import Note
from notes.promises.promising import make_promise
from notes.promises.queries import promises_of_note
from notes.searching.searching import Answer, find
from notes.searching.views import link_to
from notes.writing import amend_note, follow_up_again, follow_up_done, pin_note, write_note

bp = Blueprint("notes", __name__)

AT_HOME = 8
SAVED = "noteSaved"  # the timeline and the promises listen for it


@bp.get("/notes")
@requires(Permission.SEE_CUSTOMER)
def index() -> ResponseReturnValue:
    mine = may("WRITE_NOTE") and not {"author", "customer_id"} & set(request.args)
    form = FilterForm(request.args, whose="mine" if mine else "all", kind="", period="")
    status = 200
    entries: list[Note] = []
    older: Cursor | None = None
    answer: Answer | None = None
    if not form.validate():
        status = 422
    elif not form.q.data:
        entries, older = page_of(filters_from(form, current_user), cursor_from(request.args.get("before")))
    elif where := where_from(form, current_user):
        answer = find(form.q.data, where, now=utc_now())
    else:
        status = 403
    context = {"entries": entries, "older_url": older_url(older), "form": form, "answer": answer, "link": link_to}
    if wants_partial() and "before" in request.args:
        return make_response(render_template("notes/_rows.html", **context), status)
    people = writers(form.author.data if status == 200 else None)
    customer = db.session.get(Customer, form.customer_id.data) if form.customer_id.data and status == 200 else None
    return render_page_or_partial(
        "notes/index.html", "notes/_list.html", status, people=people, customer=customer, **context
    )


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
        return told(show_composer(customer, NewNoteForm(formdata=None), saved=True), "Note saved", note_id=note.id)
    flash("Note saved.", "good")
    return redirect(url_for("assist.workspace", customer_id=customer.id), code=303)


def saved(customer: Customer, form: NewNoteForm) -> Note | None:
    """The note, and its promise, as the form has them; None when the form is not well filled in."""
    if not form.validate_on_submit() or points_out(form, f"{form.body.data}\n{form.promise_text.data}"):
        return None
    now = utc_now()
    interaction = live_with(customer.id, current_user.id)
    note = write_note(
        customer.id,
        current_user.id,
        form.draft(),
        pinned=form.pinned.data,
        interaction_id=interaction.id if interaction else None,
        client_key=form.key_about(customer.id),
        written_at=form.moment_written(now),
        now=now,
    )
    if note.is_repeat:
        return note
    if form.promise_text.data:
        make_promise(customer.id, current_user.id, form.promise_text.data, form.due_at(), note_id=note.id, now=now)
    try:
        follow(note)
    except DomainError as refusal:
        db.session.rollback()
        form.body.errors = [str(refusal)]
        return None
    db.session.commit()
    return note


def show_composer(customer: Customer, form: NewNoteForm, status: int = 200, *, saved: bool = False) -> Response:
    given: dict[str, Any] = {"customer": customer, "form": form, "saved": saved}
    return render_page_or_partial("notes/composer.html", "notes/_composer.html", status, **given)


@bp.get("/notes/<int:note_id>")
@requires(Permission.SEE_CUSTOMER)
def show(note_id: int) -> ResponseReturnValue:
    note = note_or_404(note_id)
    see(note_id, current_user.id, now=utc_now())
    db.session.commit()
    return show_note(note)


def show_note(note: Note) -> Response:
    revisions = db.session.scalars(queries.revisions_of(note.id)).all() if note.version > 1 else []
    promises = db.session.scalars(promises_of_note(note.id)).all()
    later, history = note.body, []
    for revision in revisions:
        history.append((revision, compare(revision.body, later)))
        later = revision.body
    return render_page_or_partial(
        "notes/show.html",
        "notes/_note.html",
        note=note,
        history=history,
        promises=promises,
        files=db.session.scalars(of_note(note.id)).all(),
        named=people_named(note.id) if "@" in note.body else [],
        here=note_url(note),
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
    if not form.validate() or points_out(form, form.body.data, before=note.body):
        return show_amendment(note, form, 422)
    try:
        amend_note(note, form.draft(), seen_version=form.seen_version(), actor_id=current_user.id, now=utc_now())
        follow(note)
        db.session.commit()
    except Stale as refusal:
        db.session.rollback()
        return show_both(note_id, form, str(refusal))
    except DomainError as refusal:
        db.session.rollback()
        form.body.errors = [str(refusal)]
        return show_amendment(note_or_404(note_id), form, 422)
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


@bp.post("/notes/<int:note_id>/follow-up-again")
@requires(Permission.WRITE_NOTE)
def follow_up_taken_back(note_id: int) -> ResponseReturnValue:
    """Take back that it was followed up."""
    note_or_404(note_id)
    try:
        follow_up_again(note_id, actor_id=current_user.id, now=utc_now())
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        flash(str(refusal), "bad")
        return redirect(url_for(".show", note_id=note_id), code=303)
    return note_again(note_id, "To be followed up again")


def note_again(note_id: int, words: str) -> ResponseReturnValue:
    if wants_partial():
        db.session.expire_all()
        note = note_or_404(note_id)
        at_home = request.headers.get("HX-Target") == "my-follow-ups"
        return told(show_follow_ups(note) if at_home else show_note(note), words, note_id=note_id)
    flash(f"{words}.", "good")
    return redirect(url_for(".show", note_id=note_id), code=303)


def show_follow_ups(note: Note) -> Response:
    """The home page's list, with a way back for the one that was just ticked off."""
    rows = db.session.scalars(queries.follow_ups_of(current_user.id, today()).limit(AT_HOME)).all()
    done = None if note.follow_up_on else note
    return make_response(render_template("notes/_follow_ups_mine.html", follow_ups=rows, done=done, today=today()))


def told(response: Response, title: str, **facts: int) -> Response:
    """Say to the page that something was saved, so that the panels it concerns load afresh."""
    toast = {"kind": "good", "title": title} | remarks()
    response.headers["HX-Trigger"] = json.dumps({SAVED: facts, "toast": toast})
    return response


def customer_or_404(customer_id: int) -> Customer:
    return db.get_or_404(Customer, customer_id) if 0 < customer_id <= LARGEST_ID else abort(404)


def note_or_404(note_id: int) -> Note:
    return db.session.scalars(queries.one(note_id)).first() or abort(404)


def note_url(note: Note) -> str:
    return url_for(".show", note_id=note.id)


def older_url(cursor: Cursor | None) -> str:
    if cursor is None:
        return ""
    kept: dict[str, Any] = {name: value for name, value in request.args.items() if name != "before"}
    return url_for(".index", **kept, before=str(cursor))
