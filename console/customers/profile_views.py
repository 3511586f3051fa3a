"""The parts of a customer's profile that an agent changes: each is a section that answers with itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from console.auth.permissions import Permission, requires
from console.customers import profile
from console.customers.forms import BoundaryForm, ComplaintForm, PreferenceForm, with_ids
from console.customers.models import Boundary, BoundaryKind, Complaint, Customer, Preference, Provenance
from console.customers.queries import boundaries_for, history_of, open_complaints, preferences_for
from console.db import db, utc_now
from console.errors import DomainError
from console.web import render_page_or_partial, wants_partial

bp = Blueprint("profile", __name__, url_prefix="/customers/<int:customer_id>")


def answer(partial: str, customer_id: int, status: int = 200, **given: Any) -> Response:
    """The section afresh for htmx, the workspace for a plain form. A mistake keeps the form as typed."""
    if not wants_partial() and status == 200:
        return make_response(redirect(url_for("assist.workspace", customer_id=customer_id), code=303))
    page = "customers/section.html" if not wants_partial() else f"customers/_{partial}.html"
    customer = db.session.get(Customer, customer_id) or abort(404)
    response = make_response(
        render_template(page, section=f"customers/_{partial}.html", customer=customer, **given), status
    )
    response.headers["Vary"] = "HX-Request"
    if status == 200:
        response.headers["HX-Trigger"] = "profileChanged"
    return response


def preferences(customer_id: int, status: int = 200, **given: Any) -> Response:
    form = given.pop("form", None) or PreferenceForm(formdata=None)
    given["preference_form"] = with_ids(form, "preference")
    return answer("preferences", customer_id, status, preferences=preferences_for(customer_id), **given)


def boundaries(customer_id: int, status: int = 200, **given: Any) -> Response:
    form = given.pop("form", None) or BoundaryForm(formdata=None)
    given["boundary_form"] = with_ids(form, "boundary")
    return answer("boundaries", customer_id, status, boundaries=boundaries_for(customer_id), **given)


def complaints(customer_id: int, status: int = 200, **given: Any) -> Response:
    form = given.pop("form", None) or ComplaintForm(formdata=None)
    given["complaint_form"] = with_ids(form, "complaint")
    return answer("complaints", customer_id, status, complaints=open_complaints(customer_id), **given)


@bp.post("/preferences")
@requires(Permission.EDIT_CUSTOMER)
def add_preference(customer_id: int) -> ResponseReturnValue:
    db.get_or_404(Customer, customer_id)
    form = PreferenceForm()
    if not form.validate_on_submit():
        return preferences(customer_id, 422, form=form)
    profile.add_preference(
        customer_id,
        form.text.data,
        form.category.data,
        Provenance(form.provenance.data),
        actor_id=current_user.id,
        now=utc_now(),
    )
    db.session.commit()
    return preferences(customer_id)


@bp.post("/boundaries")
@requires(Permission.EDIT_CUSTOMER)
def add_boundary(customer_id: int) -> ResponseReturnValue:
    db.get_or_404(Customer, customer_id)
    form = BoundaryForm()
    if not form.validate_on_submit():
        return boundaries(customer_id, 422, form=form)
    profile.add_boundary(
        customer_id,
        BoundaryKind(form.kind.data),
        form.text.data,
        form.after.data,
        actor_id=current_user.id,
        now=utc_now(),
    )
    db.session.commit()
    return boundaries(customer_id)


SECTIONS: dict[str, tuple[type[Preference] | type[Boundary], Callable[..., Response]]] = {
    "preferences": (Preference, preferences),
    "boundaries": (Boundary, boundaries),
}
ACTS: dict[str, Callable[..., Any]] = {
    "confirmation": profile.confirm,
    "removal": profile.remove,
    "restoration": profile.restore,
}


@bp.post("/<any(preferences,boundaries):section>/<int:known_id>/<any(confirmation,removal,restoration):act>")
@requires(Permission.EDIT_CUSTOMER)
def change(customer_id: int, section: str, known_id: int, act: str) -> ResponseReturnValue:
    """Confirm, remove, or undo a removal."""
    known, show = one_of(customer_id, section, known_id)
    try:
        ACTS[act](known, actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        return show(customer_id, 422, problem=str(problem))
    db.session.commit()
    return show(customer_id, removed=known if act == "removal" else None)


@bp.post("/preferences/<int:known_id>/correction")
@requires(Permission.EDIT_CUSTOMER)
def correct_preference(customer_id: int, known_id: int) -> ResponseReturnValue:
    known, show = one_of(customer_id, "preferences", known_id)
    form = PreferenceForm()
    if not form.validate_on_submit():
        return show(customer_id, 422, correcting=known.id, correction_form=with_ids(form, "correct"))
    try:
        profile.correct_preference(known, form.text.data, form.category.data, actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        return show(customer_id, 422, problem=f"{problem} You wrote: “{form.text.data}”")
    db.session.commit()
    return show(customer_id)


@bp.post("/boundaries/<int:known_id>/correction")
@requires(Permission.EDIT_CUSTOMER)
def correct_boundary(customer_id: int, known_id: int) -> ResponseReturnValue:
    known, show = one_of(customer_id, "boundaries", known_id)
    form = BoundaryForm()
    if not form.validate_on_submit():
        return show(customer_id, 422, correcting=known.id, correction_form=with_ids(form, "correct"))
    try:
        profile.correct_boundary(
            known,
            BoundaryKind(form.kind.data),
            form.text.data,
            form.after.data,
            actor_id=current_user.id,
            now=utc_now(),
        )
    except DomainError as problem:
        return show(customer_id, 422, problem=f"{problem} You wrote: “{form.text.data}”")
    db.session.commit()
    return show(customer_id)


@bp.get("/<any(preferences,boundaries):section>/<int:known_id>/correction")
@requires(Permission.EDIT_CUSTOMER)
def correction(customer_id: int, section: str, known_id: int) -> ResponseReturnValue:
    """The section with one row open for correction."""
    known, show = one_of(customer_id, section, known_id)
    form = PreferenceForm if isinstance(known, Preference) else BoundaryForm
    response = show(
        customer_id, correcting=known.id, correction_form=with_ids(form(formdata=None, obj=known), "correct")
    )
    response.headers.pop("HX-Trigger", None)
    return response


@bp.get("/<any(preferences,boundaries):section>/<int:known_id>/history")
@requires(Permission.SEE_CUSTOMER)
def history(customer_id: int, section: str, known_id: int) -> ResponseReturnValue:
    known, _ = one_of(customer_id, section, known_id)
    versions = db.session.execute(history_of(type(known), known.id)).all()
    return render_page_or_partial(
        "customers/section.html",
        "customers/_history.html",
        section="customers/_history.html",
        customer=db.session.get(Customer, customer_id),
        versions=versions,
    )


@bp.post("/complaints")
@requires(Permission.EDIT_CUSTOMER)
def add_complaint(customer_id: int) -> ResponseReturnValue:
    db.get_or_404(Customer, customer_id)
    form = ComplaintForm()
    if not form.validate_on_submit():
        return complaints(customer_id, 422, form=form)
    profile.open_complaint(customer_id, form.text.data, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    return complaints(customer_id)


@bp.post("/complaints/<int:complaint_id>/settlement")
@requires(Permission.EDIT_CUSTOMER)
def settle_complaint(customer_id: int, complaint_id: int) -> ResponseReturnValue:
    complaint = db.session.scalars(
        select(Complaint).where(Complaint.id == complaint_id, Complaint.customer_id == customer_id)
    ).first() or abort(404)
    profile.settle_complaint(complaint, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    return complaints(customer_id)


def one_of(customer_id: int, section: str, known_id: int) -> tuple[Any, Callable[..., Response]]:
    model, show = SECTIONS[section]
    known = db.session.scalars(select(model).where(model.id == known_id, model.customer_id == customer_id)).first()
    return known or abort(404), show
