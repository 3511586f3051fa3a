"""Snippets on screen: the list, writing and changing one, and what is offered while somebody types."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import IntegerField, RadioField, StringField, TextAreaField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length
from wtforms.widgets import HiddenInput

from console.auth.owning import may_change, own
from console.auth.permissions import Permission, allowed, requires
from console.customers.models import Customer, Delivery, Order
from console.db import db, utc_now
from console.errors import DomainError, Stale
from console.interactions import snippets
from console.interactions.live_models import Snippet
from console.interactions.models import Interaction
from console.web import LARGEST_ID, day, id_argument, render_page_or_partial, stripped, today
from notes.promises.queries import open_promises

bp = Blueprint("snippets", __name__, url_prefix="/snippets")

OWN, SHARED = "own", "shared"


class SnippetForm(FlaskForm):
    shortcut = StringField(
        "Shortcut",
        [DataRequired("Give it a shortcut, such as late-refund"), Length(max=40)],
        filters=[stripped, lambda text: (text or "").lstrip("/").lower()],
        description="Typed after a / while you write",
    )
    title = StringField("Title", [DataRequired("Say in a few words what it is for"), Length(max=120)], [stripped])
    body = TextAreaField("Words", [DataRequired("Write what is inserted"), Length(max=4000)], [stripped])
    whose = RadioField(
        "For whom", choices=[SelectChoice(OWN, "For me"), SelectChoice(SHARED, "For everybody")], default=OWN
    )
    version = IntegerField(widget=HiddenInput(), default=1)

    def validate_shortcut(self, field: StringField) -> None:
        if not snippets.SHORTCUT.fullmatch(field.data):
            raise ValidationError("Use small letters, digits and hyphens, such as late-refund")

    def validate_body(self, field: TextAreaField) -> None:
        if names := snippets.unknown(field.data):
            known = ", ".join(f"{{{name}}}" for name in snippets.PLACEHOLDERS)
            raise ValidationError(f"Nothing fills {{{names[0]}}}. What can be filled in: {known}")

    def words(self) -> snippets.Words:
        return snippets.Words(self.shortcut.data, self.title.data, self.body.data)


@bp.get("")
@requires(Permission.HANDLE_INTERACTION)
def index() -> ResponseReturnValue:
    q = request.args.get("q", "").replace("\0", "").strip()[:100]
    rows = db.session.scalars(snippets.matching(current_user.id, q)).all()
    return render_page_or_partial("snippets/index.html", "snippets/_list.html", rows=rows, q=q, may_change=may_change)


@bp.get("/new")
@requires(Permission.HANDLE_INTERACTION)
def new() -> ResponseReturnValue:
    return show(SnippetForm(formdata=None))


@bp.post("")
@requires(Permission.HANDLE_INTERACTION)
def create() -> ResponseReturnValue:
    form = SnippetForm()
    if not form.validate_on_submit():
        return show(form, status=422)
    is_shared = form.whose.data == SHARED
    if is_shared and not allowed(current_user, Permission.SHARE_SNIPPETS):
        abort(403)
    owner = None if is_shared else current_user.id
    try:
        snippets.write(form.words(), owner_id=owner, actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        db.session.rollback()
        form.shortcut.errors = [str(problem)]
        return show(form, status=422)
    db.session.commit()
    flash(f"/{form.shortcut.data} is kept. Type it while you write to a customer.", "good")
    return redirect(url_for(".index"), code=303)


@bp.get("/<int:snippet_id>")
@requires(Permission.HANDLE_INTERACTION)
def edit(snippet_id: int) -> ResponseReturnValue:
    snippet = own(Snippet, snippet_id)
    form = SnippetForm(formdata=None, obj=snippet, whose=SHARED if snippet.owner_id is None else OWN)
    return show(form, snippet)


@bp.post("/<int:snippet_id>")
@requires(Permission.HANDLE_INTERACTION)
def update(snippet_id: int) -> ResponseReturnValue:
    snippet, form = own(Snippet, snippet_id), SnippetForm()
    if not form.validate_on_submit():
        return show(form, snippet, status=422)
    try:
        words, version = form.words(), form.version.data or 0
        snippets.change(snippet, words, version=version, actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        db.session.rollback()
        snippet = own(Snippet, snippet_id)
        if isinstance(problem, Stale):
            form.version.data, form.version.raw_data = snippet.version, None
            return show(form, snippet, str(problem), status=409)
        form.shortcut.errors = [str(problem)]
        return show(form, snippet, status=422)
    db.session.commit()
    flash(f"/{form.shortcut.data} is changed.", "good")
    return redirect(url_for(".index"), code=303)


@bp.post("/<int:snippet_id>/removal")
@requires(Permission.HANDLE_INTERACTION)
def removal(snippet_id: int) -> ResponseReturnValue:
    snippet = own(Snippet, snippet_id)
    shortcut = snippet.shortcut
    snippets.remove(snippet, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    flash(f"/{shortcut} is deleted.", "good")
    return redirect(url_for(".index"), code=303)


@bp.get("/matches")
@requires(Permission.HANDLE_INTERACTION)
def matches() -> ResponseReturnValue:
    """Options for the letters typed after a /, their placeholders filled in for the customer on the line."""
    typed = request.args.get("q", "").replace("\0", "")[:40]
    rows = db.session.scalars(snippets.matching(current_user.id, typed, snippets.OFFERED)).all()
    values = values_for(id_argument("customer_id"), id_argument("interaction_id")) if rows else {}
    offered = [(row, snippets.fill(row.body, values)) for row in rows]
    return render_template("snippets/_matches.html", offered=offered, typed=typed, blanks=snippets.blanks)


@bp.post("/<int:snippet_id>/uses")
@requires(Permission.HANDLE_INTERACTION)
def uses(snippet_id: int) -> ResponseReturnValue:
    snippets.count_use(snippet_id, current_user.id)
    db.session.commit()
    return "", 204


def show(form: SnippetForm, snippet: Snippet | None = None, problem: str = "", status: int = 200) -> tuple[str, int]:
    return (
        render_template(
            "snippets/form.html", form=form, snippet=snippet, problem=problem, placeholders=snippets.PLACEHOLDERS
        ),
        status,
    )


def values_for(customer_id: int | None, interaction_id: int | None) -> dict[str, str]:
    """What the placeholders say for this customer; what is not known is left out. Four statements at most."""
    values = {"agent_name": current_user.name, "today": day(today())}
    if current_user.team:
        values["team"] = current_user.team.name
    customer = db.session.get(Customer, customer_id) if customer_id else None
    if customer is None:
        return values
    values |= {"customer_name": customer.name, "first_name": customer.called}
    about = select(Interaction.order_id).where(Interaction.id == (interaction_id or LARGEST_ID)).scalar_subquery()
    order = db.session.execute(
        select(Order.number, Delivery.promised_on)
        .outerjoin(Delivery, Delivery.order_id == Order.id)
        .where(Order.customer_id == customer.id)
        .order_by((Order.id == about).desc().nulls_last(), Order.placed_at.desc().nulls_last(), Order.id.desc())
        .limit(1)
    ).first()
    if order:
        values["order_number"] = order.number or ""
        values["delivery_date"] = day(order.promised_on) if order.promised_on else ""
    if promise := db.session.scalars(open_promises(customer.id).limit(1)).first():
        values["promised_date"] = day(promise.due_at)
    return values
