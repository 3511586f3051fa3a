"""Who is away, on screen: entered by themselves or by who looks after the team, taken back when they return."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.models import User
from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.errors import DomainError
from console.web import count, today
from notes.promises.away import come_back, enter, members, shown_to
from notes.promises.away_models import Absence
from notes.promises.forms import AbsenceForm
from notes.promises.handing import colleagues
from notes.promises.teams import looked_after_by, may_speak_for

bp = Blueprint("away", __name__, url_prefix="/absences")


@bp.get("")
@requires(Permission.WRITE_NOTE)
def index() -> ResponseReturnValue:
    return show(AbsenceForm(formdata=None, user_id=str(current_user.id)))


@bp.post("")
@requires(Permission.WRITE_NOTE)
def create() -> ResponseReturnValue:
    form = offered(AbsenceForm(user_id=str(current_user.id)))
    if not form.validate_on_submit():
        return show(form, 422)
    user = db.get_or_404(User, int(form.user_id.data))
    stand_in = db.get_or_404(User, int(form.stand_in_id.data)) if form.stand_in_id.data else None
    try:
        _, moved = enter(
            user, stand_in, form.first_on.data, form.until_on.data, actor_id=current_user.id, now=utc_now()
        )
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        (form.first_on if "already" in str(refusal) else form.stand_in_id).errors = [str(refusal)]
        return show(form, 422)
    flash(f"Entered. {handed(moved)} with {stand_in.name}." if stand_in and moved else "Entered.", "good")
    return redirect(url_for(".index"), code=303)


def handed(number: int) -> str:
    return f"{count(number, 'promise')} {'is' if number == 1 else 'are'} now"


@bp.post("/<int:absence_id>/ending")
@requires(Permission.WRITE_NOTE)
def ending(absence_id: int) -> ResponseReturnValue:
    """Back again, or never away."""
    absence = db.get_or_404(Absence, absence_id)
    teams = looked_after_by(current_user)
    if not may_speak_for(current_user, db.get_or_404(User, absence.user_id), teams):
        abort(404)
    moved = come_back(absence, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    flash(f"No longer away. {count(moved, 'promise')} came back." if moved else "No longer away.", "good")
    return redirect(url_for(".index"), code=303)


def offered(form: AbsenceForm) -> AbsenceForm:
    people = colleagues()
    return form.offer(members(current_user), people)


def show(form: AbsenceForm, status: int = 200) -> Response:
    page = render_template(
        "notes/absences.html",
        form=offered(form),
        absences=shown_to(current_user),
        mine={one.id for one in members(current_user)},
        today_is=today(),
    )
    return make_response(page, status)
