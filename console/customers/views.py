"""Finding and editing customers, their orders and their timeline."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

import console.customers.lines  # noqa: F401  tells the timeline how this domain's events read
from console.auth.permissions import Permission, requires
from console.customers.editing import already_known, change_customer, create_customer
from console.customers.forms import CustomerForm
from console.customers.models import Customer, Email, Order, Phone
from console.customers.profile import show_all_contacts, show_contact
from console.customers.queries import customer_with_contacts, hits_with_customers, recent_orders, recently_changed
from console.customers.searching import find
from console.customers.timeline import Cursor, timeline
from console.db import db, utc_now
from console.errors import Stale
from console.events import Topic
from console.web import id_argument, render_page_or_partial

bp = Blueprint("customers", __name__, url_prefix="/customers")

LISTED = 50
TOPICS = [
    (None, "All"),
    (Topic.TALK, "Talks"),
    (Topic.ORDER, "Orders"),
    (Topic.NOTE, "Notes"),
    (Topic.GESTURE, "Gestures"),
    (Topic.SIGNAL, "Signals"),
    (Topic.PROFILE, "Profile"),
]


@bp.get("")
@requires(Permission.SEE_CUSTOMER)
def index() -> ResponseReturnValue:
    before = id_argument("before")
    customers = list(db.session.scalars(recently_changed(before, LISTED + 1)).unique())
    older = customers[LISTED - 1].id if len(customers) > LISTED else None
    return render_template("customers/index.html", customers=customers[:LISTED], older=older, before=before)


@bp.get("/search")
@requires(Permission.SEE_CUSTOMER)
def search() -> ResponseReturnValue:
    """Who is on the line: one hit opens, several list, none offers to create."""
    q = request.args.get("q", "").replace("\0", "").strip()[:200]
    if not q:
        return redirect(url_for(".index"))
    hits = hits_with_customers(find(q, limit=25))
    if len(hits) == 1 and hits[0].hit.how != "maybe":
        return redirect(url_for("assist.workspace", customer_id=hits[0].customer.id))
    return render_template("customers/search.html", q=q, hits=hits)


@bp.get("/typeahead")
@requires(Permission.SEE_CUSTOMER)
def typeahead() -> ResponseReturnValue:
    q = request.args.get("q", "").replace("\0", "").strip()[:200]
    return render_template("customers/_typeahead.html", q=q, hits=hits_with_customers(find(q)) if q else [])


@bp.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT_CUSTOMER)
def create() -> ResponseReturnValue:
    form = CustomerForm(data=prefilled(request.args.get("q", ""))) if request.method == "GET" else CustomerForm()
    known: list[Customer] = []
    if form.validate_on_submit():
        known = [] if "anyway" in request.form else already_known(form.details())
        if not known:
            customer = create_customer(form.details(), actor_id=current_user.id, now=utc_now())
            db.session.commit()
            flash(f"{customer.name} is known from now on", "good")
            return redirect(url_for("assist.workspace", customer_id=customer.id), code=303)
    page = render_template("customers/form.html", form=form, customer=None, known=known)
    return make_response(page, 422 if form.is_submitted() else 200)


@bp.route("/<int:customer_id>/edit", methods=["GET", "POST"])
@requires(Permission.EDIT_CUSTOMER)
def edit(customer_id: int) -> ResponseReturnValue:
    customer = customer_with_contacts(customer_id) or abort(404)
    if request.method == "POST":
        form = CustomerForm()
    else:
        form = CustomerForm.of(customer)
        show_all_contacts(customer, actor_id=current_user.id, now=utc_now())
        db.session.commit()
    stale = None
    if form.validate_on_submit():
        try:
            change_customer(
                customer, form.details(), seen=seen(form.seen.data), actor_id=current_user.id, now=utc_now()
            )
        except Stale as error:
            stale = str(error)
            db.session.refresh(customer)
            form.seen.data = customer.updated_at.isoformat()
        else:
            db.session.commit()
            flash("Saved", "good")
            return redirect(url_for("assist.workspace", customer_id=customer.id), code=303)
    page = render_template("customers/form.html", form=form, customer=customer, stale=stale)
    return make_response(page, 422 if form.is_submitted() else 200)


@bp.post("/<int:customer_id>/<any(emails,phones):kind>/<int:detail_id>/disclosure")
@requires(Permission.SHOW_CONTACT_DETAILS)
def disclose(customer_id: int, kind: str, detail_id: int) -> ResponseReturnValue:
    """Show one address or number whole. That it was asked for stays on record."""
    detail = db.session.get(Email, detail_id) if kind == "emails" else db.session.get(Phone, detail_id)
    if detail is None or detail.customer_id != customer_id:
        abort(404)
    whole = show_contact(detail, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    return render_page_or_partial("customers/contact.html", "customers/_contact.html", kind=kind, whole=whole)


@bp.get("/<int:customer_id>/timeline")
@requires(Permission.SEE_CUSTOMER)
def timeline_page(customer_id: int) -> ResponseReturnValue:
    customer = db.get_or_404(Customer, customer_id)
    try:
        before = Cursor.parse(request.args["before"]) if "before" in request.args else None
        topic = Topic(request.args["topic"]) if request.args.get("topic") else None
    except ValueError:
        abort(404)
    if topic is Topic.ACCESS:
        abort(404)
    partial = "customers/_timeline_page.html" if before else "customers/_timeline.html"
    return render_page_or_partial(
        "customers/timeline.html",
        partial,
        customer=customer,
        page=timeline(customer_id, topic, before),
        topic=topic,
        topics=TOPICS,
    )


@bp.get("/<int:customer_id>/orders")
@requires(Permission.SEE_CUSTOMER)
def orders(customer_id: int) -> ResponseReturnValue:
    customer = db.get_or_404(Customer, customer_id)
    return render_page_or_partial(
        "customers/orders.html", "customers/_orders.html", customer=customer, orders=recent_orders(customer_id, 100)
    )


@bp.get("/<int:customer_id>/orders/<int:order_id>")
@requires(Permission.SEE_CUSTOMER)
def order(customer_id: int, order_id: int) -> ResponseReturnValue:
    found = db.session.scalars(
        select(Order)
        .where(Order.id == order_id, Order.customer_id == customer_id)
        .options(selectinload(Order.lines), selectinload(Order.deliveries))
    ).first()
    return render_page_or_partial(
        "customers/order.html",
        "customers/_order.html",
        order=found or abort(404),
        customer=db.get_or_404(Customer, customer_id, options=[joinedload(Customer.account)]),
    )


def prefilled(q: str) -> dict[str, str]:
    """What was searched for, put where it belongs."""
    q = q.strip()[:200]
    if "@" in q:
        return {"emails": q}
    if sum(character.isdigit() for character in q) >= 5:
        return {"phones": q}
    first, _, last = q.partition(" ")
    return {"first_name": first, "last_name": last}


def seen(text: str | None) -> datetime:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        abort(400)
    return moment if moment.tzinfo else abort(400)
