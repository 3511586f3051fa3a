"""Somebody who works here: on the customer's page and on the user's."""

from __future__ import annotations

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from console.auth.models import User
from console.auth.permissions import Permission, requires
from console.customers.models import Customer
from console.db import db, utc_now
from console.errors import DomainError
from console.gestures import links
from console.gestures.blueprint import bp
from console.gestures.review_models import StaffLink
from console.web import render_page_or_partial, wants_partial

COLLEAGUES = 200  # offered while typing


@bp.get("/customers/<int:customer_id>/staff-links")
@requires(Permission.LINK_STAFF)
def links_of_customer(customer_id: int) -> ResponseReturnValue:
    return show(db.get_or_404(Customer, customer_id))


@bp.post("/customers/<int:customer_id>/staff-links")
@requires(Permission.LINK_STAFF)
def add_link(customer_id: int) -> ResponseReturnValue:
    customer = db.get_or_404(Customer, customer_id)
    typed = request.form.get("email", "").replace("\0", "")[:255]
    try:
        links.declare(customer, typed, actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        db.session.rollback()
        return show(db.get_or_404(Customer, customer_id), 422, str(problem), typed)
    db.session.commit()
    return done(customer)


@bp.post("/customers/<int:customer_id>/staff-links/<int:link_id>/removal")
@requires(Permission.LINK_STAFF)
def remove_link(customer_id: int, link_id: int) -> ResponseReturnValue:
    link = db.session.get(StaffLink, link_id)
    if link is None or link.customer_id != customer_id:
        abort(404)
    customer = db.get_or_404(Customer, customer_id)
    try:
        links.remove(link, actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        return show(customer, 422, str(problem))
    db.session.commit()
    return done(customer)


@bp.get("/users/<int:user_id>/staff-links")
@requires(Permission.MANAGE_USERS)
def links_of_user(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    found = db.session.scalars(links.links_of_user(user_id)).all()
    return render_page_or_partial("gestures/user_links.html", "gestures/_user_links.html", user=user, links=found)


def done(customer: Customer) -> ResponseReturnValue:
    if not wants_partial():
        flash("Noted.", "good")
        return redirect(url_for("gestures.links_of_customer", customer_id=customer.id), code=303)
    return show(customer)


def show(customer: Customer, status: int = 200, problem: str = "", typed: str = "") -> Response:
    colleagues = select(User.name, User.email).where(User.active).order_by(User.name, User.id).limit(COLLEAGUES)
    template = "gestures/_customer_links.html"
    return render_page_or_partial(
        "customers/section.html",
        template,
        status,
        section=template,
        customer=customer,
        links=db.session.scalars(links.links_of_customer(customer.id)).all(),
        colleagues=db.session.execute(colleagues).all(),
        problem=problem,
        typed=typed,
    )
