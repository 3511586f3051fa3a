"""The limits of each role as a sentence, their history, and the form that changes them."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.empowerment import limits as rules
from console.empowerment.forms import LimitsForm, currency_symbol
from console.empowerment.models import LimitSet
from console.empowerment.policy import Limits, most_generous
from console.errors import DomainError, Stale
from console.web import render_page_or_partial

bp = Blueprint("empowerment", __name__, url_prefix="/limits")

PEOPLE = {"agent": "Agents", "sales": "Sales staff", "supervisor": "Supervisors", "administrator": "Administrators"}


@bp.get("")
@requires(Permission.SEE_LIMITS)
def index() -> ResponseReturnValue:
    in_force = {row.role: rules.as_limits(row) for row in db.session.scalars(rules.in_force())}
    roles = [(role, PEOPLE.get(role, role.capitalize()), in_force.get(role)) for role in rules.giving_roles()]
    mine = most_generous(in_force[role] for role in current_user.role_names if role in in_force)
    return render_page_or_partial("empowerment/index.html", "empowerment/_roles.html", roles=roles, mine=mine)


@bp.get("/<role>")
@requires(Permission.SEE_LIMITS)
def history(role: str) -> ResponseReturnValue:
    """Who changed what, when and why, newest first."""
    rows = list(rules.history(known(role)))
    pairs = list(zip(rows, [*rows[1:], None], strict=False))[: rules.HISTORY]
    return render_page_or_partial(
        "empowerment/history.html",
        "empowerment/_history.html",
        role=role,
        people=PEOPLE.get(role, role),
        limits=rules.as_limits(rows[0]) if rows else None,
        changes=[(row, differences(row, before)) for row, before in pairs],
    )


@bp.get("/<role>/versions")
@requires(Permission.SET_LIMITS)
def edit(role: str) -> ResponseReturnValue:
    limits = in_force(known(role))
    return show_form(role, LimitsForm.showing(limits), limits)


@bp.post("/<role>/versions")
@requires(Permission.SET_LIMITS)
def change(role: str) -> ResponseReturnValue:
    form = LimitsForm()
    limits = in_force(known(role))
    if not form.validate_on_submit():
        return show_form(role, form, limits, 422)
    try:
        row = rules.change_limits(form.limits(role), form.note.data, actor_id=current_user.id, now=utc_now())
    except Stale as stale:
        return show_both(role, form, str(stale))
    except rules.Contradiction as contradiction:
        for name, sentence in contradiction.fields.items():
            form[name].errors = [*form[name].errors, sentence]
        return show_form(role, form, limits, 422)
    except DomainError as problem:
        form.form_errors.append(str(problem))
        return show_form(role, form, limits, 422)
    db.session.commit()
    flash(f"In force now, as version {row.version}. The next offer obeys it.", "good")
    return redirect(url_for("empowerment.history", role=role), code=303)


def show_both(role: str, form: LimitsForm, sentence: str) -> Response:
    """Theirs beside mine; sending the form again then replaces theirs knowingly."""
    theirs = in_force(role)
    form.form_errors.append(sentence)
    form.version.data, form.version.raw_data = (theirs.version if theirs else 0), None
    return show_form(role, form, theirs, 422, theirs=theirs)


def show_form(
    role: str, form: LimitsForm, limits: Limits | None, status: int = 200, theirs: Limits | None = None
) -> Response:
    return render_page_or_partial(
        "empowerment/form.html",
        "empowerment/_form.html",
        status,
        role=role,
        people=PEOPLE.get(role, role),
        form=form,
        limits=limits,
        theirs=theirs,
        symbol=currency_symbol(),
    )


def differences(row: LimitSet, before: LimitSet | None) -> list[tuple[str, object, object | None]]:
    """What a version changed: (name, now, before), amounts as Money."""
    now, then = rules.as_limits(row), rules.as_limits(before) if before else None
    fields = {
        "per_gesture": "A gesture",
        "per_interaction": "A conversation",
        "per_customer": "A customer",
        "customer_days": "Within days",
        "per_agent_day": "A day",
        "hold_minutes": "Minutes an offer is held",
    }
    return [
        (label, getattr(now, name), getattr(then, name) if then else None)
        for name, label in fields.items()
        if then is None or getattr(now, name) != getattr(then, name)
    ]


def in_force(role: str) -> Limits | None:
    row = db.session.scalars(rules.newest(role)).first()
    return rules.as_limits(row) if row else None


def known(role: str) -> str:
    return role if role in rules.giving_roles() else abort(404)
