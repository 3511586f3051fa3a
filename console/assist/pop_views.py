"""The screen pop: a telephone, a chat or another system opens the customer's page and the talk with them.

GET /pop only looks. What it may create, an interaction and perhaps a customer, is created by a POST that the page it
answers with sends: by itself when the address was opened by the person or by this console, by a press when another
site led there, and never while a browser only fetches ahead (see static/js/pop.js).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from console.assist.blueprint import bp
from console.assist.pop_forms import PopForm
from console.auth.permissions import Permission, allowed, requires
from console.customers.models import Customer, Order
from console.customers.queries import hits_with_customers
from console.customers.recognising import (
    BadClue,
    Clues,
    Recognised,
    loaded,
    recognise,
    start_customer,
    wait_for_others,
)
from console.customers.searching import find
from console.db import db, utc_now
from console.errors import DomainError
from console.interactions.blueprint import own
from console.interactions.handling import confirm_customer as confirm
from console.interactions.handling import move_to_customer, open_interaction, opened_as
from console.interactions.models import Channel, Interaction, InteractionState
from console.web import LARGEST_ID, id_in, render_page_or_partial, stripped

KNOWN = ("phone", "email", "order", "customer", "name")


@dataclass(frozen=True)
class Found:
    """Whom the clues point at, and what of them could not be read."""

    recognised: Recognised
    clues: Clues
    unread: str = ""


@bp.get("/pop")
@requires(Permission.SEE_CUSTOMER)
def pop() -> ResponseReturnValue:
    form, left_out = PopForm.of_address(request.args)
    if (origin := form.origin()) and (known := opened_as(origin)):
        return to_talk(known, 302)
    looked = look(form, left_out)
    if not allowed(current_user, Permission.HANDLE_INTERACTION):
        return see_customer(looked)
    return show_pop(form, looked)


@bp.post("/pop")
@requires(Permission.HANDLE_INTERACTION)
def ring() -> ResponseReturnValue:
    """Open what the page of the pop stands for. The same external id opens the same interaction."""
    form = PopForm()
    if not form.validate_on_submit():
        return show_pop(form, look(form), 422)
    looked = look(form)
    customer, is_guess = looked.recognised.only, looked.recognised.is_guess
    if chosen := id_in(request.form, "chosen"):
        customer, is_guess = db.session.get(Customer, chosen) or abort(404), False
    elif "new" in request.form:
        if not allowed(current_user, Permission.EDIT_CUSTOMER):
            abort(403)
        wait_for_others(looked.clues)
        if request.form["new"] != "anyway" and (by_now := recognise(looked.clues)).customers:
            return show_pop(form, replace(looked, recognised=by_now), 409)
        try:
            customer, is_guess = start_customer(looked.clues, actor_id=current_user.id, now=utc_now()), False
        except DomainError as problem:
            form.name.errors = [str(problem)]
    if customer is None:
        return show_pop(form, looked, 422)
    interaction = open_interaction(
        customer.id,
        current_user.id,
        Channel(form.channel.data),
        now=utc_now(),
        origin=form.origin(),
        is_guess=is_guess,
        order_id=order_of(customer.id, looked.clues.order),
    )
    db.session.commit()
    return to_talk(interaction, 303)


def to_talk(interaction: Interaction, code: int) -> ResponseReturnValue:
    if interaction.state is InteractionState.CLOSED:
        flash("That talk was wrapped up before. Start a new one to go on.", "warn")
    here = url_for(".workspace", customer_id=interaction.customer_id, interaction=interaction.id)
    return redirect(here, code=code)


def look(form: PopForm, unread: str = "") -> Found:
    """Whoever the clues point at; a clue that cannot be read, such as a withheld number, is left out."""
    clues = form.clues()
    if customer := customer_called(form.customer.data):
        return Found(Recognised([customer], is_guess=False), clues, unread)
    for _ in range(3):
        try:
            return Found(recognise(clues), clues.parsed(), unread)
        except BadClue as bad:
            unread, clues = " · ".join(filter(None, (unread, str(bad)))), replace(clues, **{bad.field: ""})
    return Found(Recognised([], is_guess=False), Clues(name=clues.name), unread)


def customer_called(number: str) -> Customer | None:
    """By the number that a customer has here."""
    if not (number.isascii() and number.isdigit() and 0 < int(number[:20]) <= LARGEST_ID):
        return None
    found = loaded({int(number)})
    return found[0] if found else None


def order_of(customer_id: int, number: str) -> int | None:
    if not number:
        return None
    return db.session.scalar(
        select(Order.id).where(Order.number == number, Order.customer_id == customer_id).order_by(Order.id).limit(1)
    )


def see_customer(looked: Found) -> ResponseReturnValue:
    """For who may look but not talk: the page, or the search."""
    if only := looked.recognised.only:
        return redirect(url_for(".workspace", customer_id=only.id))
    known = (looked.clues.phone, looked.clues.email, looked.clues.order, looked.clues.name)
    return redirect(url_for("customers.search", q=next((one for one in known if one), "")))


def show_pop(form: PopForm, looked: Found, status: int = 200) -> ResponseReturnValue:
    """One: it opens by itself. Several: which? None: somebody new, or a search."""
    people = looked.recognised.customers
    by_itself = request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin") and request.method == "GET"
    alike = [] if people else hits_with_customers(find(looked.clues.name, limit=5)) if looked.clues.name else []
    return render_page_or_partial(
        "assist/pop.html",
        "assist/pop.html",
        status,
        form=form,
        people=people[:9],
        more=len(people) > 9,
        alike=alike,
        is_guess=looked.recognised.is_guess,
        clues=looked.clues,
        unread=looked.unread,
        by_itself=by_itself,
        is_late=status == 409,  # somebody else has started them meanwhile
    )


@bp.post("/interactions/<int:interaction_id>/confirmation")
@requires(Permission.HANDLE_INTERACTION)
def confirm_customer(interaction_id: int) -> ResponseReturnValue:
    """It is whom it was guessed to be."""
    interaction = own(interaction_id)
    confirm(interaction, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    return back_to(interaction)


@bp.route("/interactions/<int:interaction_id>/customer", methods=["GET", "POST"])
@requires(Permission.HANDLE_INTERACTION)
def whose(interaction_id: int) -> ResponseReturnValue:
    """It is somebody else: find them, and the interaction is theirs."""
    interaction = own(interaction_id)
    if chosen := id_in(request.form, "chosen"):
        customer: Any = db.session.get(Customer, chosen) or abort(404)
        try:
            move_to_customer(interaction, customer.id, actor_id=current_user.id, now=utc_now())
        except DomainError as problem:
            db.session.rollback()
            flash(str(problem), "warn")
        else:
            db.session.commit()
            flash(f"This talk is with {customer.name}. What was said came along; gifts and notes did not.", "good")
        return back_to(interaction)
    q = stripped(request.values.get("q"))[:200]
    return render_page_or_partial(
        "assist/whose.html",
        "assist/_whose.html",
        422 if request.method == "POST" else 200,
        interaction=interaction,
        q=q,
        hits=[one for one in hits_with_customers(find(q)) if one.customer.id != interaction.customer_id] if q else [],
    )


def back_to(interaction: Interaction) -> ResponseReturnValue:
    here = url_for(".workspace", customer_id=interaction.customer_id, interaction=interaction.id)
    return redirect(here, code=303)
