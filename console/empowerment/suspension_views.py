"""The kill switches: what is stopped, stopping something, and letting it go on."""

from __future__ import annotations

from flask import abort, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import SelectField, StringField
from wtforms.validators import DataRequired, Length

from console.auth.permissions import Permission, requires
from console.db import db
from console.empowerment.blueprint import bp
from console.empowerment.models import EmpowermentPolicy, Suspension, SuspensionKind
from console.empowerment.offerings import givers, offerings, pairs
from console.empowerment.suspending import in_force, lift, suspend
from console.errors import DomainError
from console.web import render_page_or_partial, stripped, today

HEADINGS = {
    SuspensionKind.POLICY: "A policy",
    SuspensionKind.AGENT: "A person's giving",
    SuspensionKind.GESTURE: "A gesture",
}


class SuspensionForm(FlaskForm):
    """`what` is "policy:3", "agent:7" or "gesture:2"."""

    what = SelectField("What", [DataRequired("Choose what to stop")], validate_choice=False)
    reason = StringField(
        "Why", [DataRequired("Say why, in a few words"), Length(max=300, message="At most 300 characters")],
        filters=[stripped],
    )  # fmt: skip

    def subject(self) -> tuple[SuspensionKind, int] | None:
        """None for what is no such thing."""
        kind, _, number = str(self.what.data).partition(":")
        if kind not in set(SuspensionKind) or not number.isdecimal() or len(number) > 18:
            return None
        return SuspensionKind(kind), int(number)


@bp.get("/suspensions")
@requires(Permission.SUSPEND)
def suspensions() -> ResponseReturnValue:
    return show(SuspensionForm(formdata=None))


@bp.post("/suspensions")
@requires(Permission.SUSPEND)
def stop() -> ResponseReturnValue:
    form = SuspensionForm()
    subject = form.subject()
    if not form.validate_on_submit() or subject is None:
        if subject is None and not form.what.errors:
            form.what.errors = ["Choose what to stop"]
        return show(form, 422)
    try:
        suspend(*subject, form.reason.data or "", actor_id=current_user.id)
    except DomainError as problem:
        form.form_errors.append(str(problem))
        return show(form, 422)
    db.session.commit()
    flash("Stopped. The next offer already meets it.", "warn")
    return redirect(url_for("policies.suspensions"), code=303)


@bp.post("/suspensions/<int:suspension_id>/end")
@requires(Permission.SUSPEND)
def resume(suspension_id: int) -> ResponseReturnValue:
    row = db.session.get(Suspension, suspension_id) or abort(404)
    try:
        lift(row, actor_id=current_user.id)
    except DomainError as problem:
        db.session.rollback()
        flash(str(problem), "warn")
    else:
        db.session.commit()
        flash("It goes on, from the next offer on.", "good")
    return redirect(url_for("policies.suspensions"), code=303)


def show(form: SuspensionForm, status: int = 200) -> ResponseReturnValue:
    stopped = in_force()
    gone = {f"{one.suspension.kind}:{one.suspension.subject_id}" for one in stopped}
    there = {
        SuspensionKind.POLICY: pairs(select(EmpowermentPolicy.id, EmpowermentPolicy.name).order_by("name").limit(300)),
        SuspensionKind.AGENT: [(one.id, one.name) for one in givers()],
        SuspensionKind.GESTURE: [(one.id, one.name) for one in offerings(today())],
    }
    groups = {
        HEADINGS[kind]: {f"{kind}:{id_}": name for id_, name in rows if f"{kind}:{id_}" not in gone}
        for kind, rows in there.items()
    }
    form.what.choices = {"": "Choose …"} | {heading: rows for heading, rows in groups.items() if rows}
    return render_page_or_partial(
        "policies/suspensions.html", "policies/_suspensions.html", status, form=form, stopped=stopped
    )
