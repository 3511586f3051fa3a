"""Findings on screen: chips after a note was saved, each kept or dismissed with one key."""

from __future__ import annotations

import json

from flask import Blueprint, Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from console.auth.permissions import Permission, allowed, requires
from console.customers import profile_views
from console.customers.models import Customer
from console.db import db, utc_now
from console.errors import DomainError
from console.web import render_page_or_partial, wants_partial
from knowledge.embedding import EncoderState, encoder
from notes.findings import proposing as finding
from notes.findings.forms import FindingForm
from notes.findings.models import FindingKind, FindingState, NoteFinding
from notes.findings.sensitive import mark_of
from notes.models import Note
from notes.views import SAVED, note_or_404

bp = Blueprint("findings", __name__)
bp.add_app_template_filter(mark_of)


@bp.get("/notes/<int:note_id>/findings")
@requires(Permission.WRITE_NOTE)
def of_note(note_id: int) -> ResponseReturnValue:
    return show_note(note_or_404(note_id))


@bp.get("/customers/<int:customer_id>/findings")
@requires(Permission.WRITE_NOTE)
def of_customer(customer_id: int) -> ResponseReturnValue:
    """Of the customer's latest notes."""
    return show_customer(db.get_or_404(Customer, customer_id))


@bp.post("/findings/<int:finding_id>/keeping")
@requires(Permission.WRITE_NOTE)
def keeping(finding_id: int) -> ResponseReturnValue:
    one = finding_or_404(finding_id)
    if one.kind is not FindingKind.PROMISE and not allowed(current_user, Permission.EDIT_CUSTOMER):
        abort(403)
    form = FindingForm()
    if not form.validate_on_submit():
        problems = [text for field in form for text in field.errors]
        return refused(one, form, " ".join(dict.fromkeys(problems)))
    try:
        finding.keep(one, form.terms(), actor_id=current_user.id, now=utc_now())
        db.session.commit()
    except DomainError as problem:
        db.session.rollback()
        return refused(finding_or_404(finding_id), form, str(problem))
    return done(one)


@bp.post("/findings/<int:finding_id>/dismissal")
@requires(Permission.WRITE_NOTE)
def dismissal(finding_id: int) -> ResponseReturnValue:
    one = finding_or_404(finding_id)
    try:
        finding.dismiss(one, actor_id=current_user.id, now=utc_now())
        db.session.commit()
    except DomainError as problem:
        db.session.rollback()
        return refused(finding_or_404(finding_id), None, str(problem))
    return done(one)


@bp.post("/findings/<int:finding_id>/return")
@requires(Permission.WRITE_NOTE)
def take_back(finding_id: int) -> ResponseReturnValue:
    """Undo: it is proposed again."""
    one = finding_or_404(finding_id)
    finding.take_back(one, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    return done(one)


def refused(one: NoteFinding, form: FindingForm | None, problem: str) -> ResponseReturnValue:
    """The chips afresh, with what was typed in the one that could not be kept, and why."""
    db.session.expire_all()
    mine = {one.id: form} if form is not None and one.state is FindingState.PROPOSED else {}
    return show_again(one, 422, forms=mine, refused_id=one.id, problem=problem)


def done(one: NoteFinding) -> ResponseReturnValue:
    """The chips afresh; the panels that show what was kept load again."""
    if not wants_partial():
        return redirect(url_for("notes.show", note_id=one.note_id), code=303)
    db.session.expire_all()
    response = show_again(one, 200)
    if request.form.get("place") == "customer" and one.kind is not FindingKind.PROMISE:
        section = profile_views.boundaries if one.kind is FindingKind.BOUNDARY else profile_views.preferences
        response.set_data(response.get_data(as_text=True) + section(one.note.customer_id).get_data(as_text=True))
    response.headers["HX-Trigger"] = json.dumps({SAVED: {"note_id": one.note_id}})
    return response


def show_again(one: NoteFinding, status: int, **given: object) -> Response:
    note = note_or_404(one.note_id)
    if request.form.get("place") == "customer":
        return show_customer(note.customer, status, **given)
    return show_note(note, status, **given)


def show_note(note: Note, status: int = 200, **given: object) -> Response:
    rows = finding.of_note(note.id, current_user.id, utc_now())
    here = url_for(".of_note", note_id=note.id)
    return show(rows, status, place="note", here=here, customer=note.customer, note=note, **given)


def show_customer(customer: Customer, status: int = 200, **given: object) -> Response:
    rows = finding.of_customer(customer.id, current_user.id, utc_now())
    here = url_for(".of_customer", customer_id=customer.id)
    return show(rows, status, place="customer", here=here, customer=customer, **given)


def show(rows: list[NoteFinding], status: int, **given: object) -> Response:
    """`forms`: those that were typed in and could not be kept, by the id of the finding."""
    may_come = encoder().state not in (EncoderState.OFF, EncoderState.FAILED)
    waits = may_come and any(row.state is FindingState.WAITING for row in rows)
    if waits:
        finding.start()
    typed = given.pop("forms", None) or {}
    assert isinstance(typed, dict)  # noqa: S101 - for the type checker
    is_open = [row for row in rows if row.state is FindingState.PROPOSED]
    context = {
        "proposals": [(row, typed.get(row.id) or FindingForm.of(row)) for row in is_open],
        "settled": sorted((row for row in rows if row.settled_at), key=lambda row: str(row.settled_at)),
        "waits": waits,
        "looks": may_come,
    }
    return render_page_or_partial("notes/findings.html", "notes/_findings.html", status, **context, **given)


def finding_or_404(finding_id: int) -> NoteFinding:
    wanted = select(NoteFinding).where(NoteFinding.id == finding_id, NoteFinding.state != FindingState.WAITING)
    return db.session.scalars(wanted.options(joinedload(NoteFinding.note))).first() or abort(404)
