"""Delivery cards on screen: orders about to leave, the editor, the day's stack for the printer."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.permissions import Permission, requires
from console.customers.timeline import cursor_from
from console.db import db, utc_now
from console.errors import DomainError, Stale
from console.web import LARGEST_ID, count, render_page_or_partial, today, wants_partial
from console.web import day as day_words
from notes.cards import drafting as cards
from notes.cards import queries as card_queries
from notes.cards.candidates import reads_meaning
from notes.cards.drafting import Words, writer_of
from notes.cards.forms import CardForm, ReasonForm
from notes.cards.handwriting import LONGEST, lay_out
from notes.cards.models import CardState, DeliveryCard, Paper
from notes.cards.printing import AT_ONCE, Stack, stack
from notes.cards.queries import Show
from notes.cards.sheets import Layout, key_to
from notes.comparing import compare

bp = Blueprint("cards", __name__)


@bp.get("/cards")
@requires(Permission.WRITE_CARD)
def index() -> ResponseReturnValue:
    """Orders about to leave, and how far the card of each is."""
    show = request.args.get("show", Show.WITH_LINES.value)
    chosen = Show(show) if show in list(Show) else abort(404)
    rows, older = card_queries.page_of(utc_now(), chosen, cursor_from(request.args.get("before")))
    older_url = url_for(".index", show=chosen.value, before=str(older)) if older else ""
    shown = {"chosen": chosen, "shows": list(Show), "reads_meaning": reads_meaning()}
    context = {"rows": rows, "older_url": older_url} | shown
    if wants_partial() and "before" in request.args:
        return make_response(render_template("cards/_rows.html", **context))
    return render_page_or_partial("cards/index.html", "cards/_list.html", **context)


@bp.post("/orders/<int:order_id>/card")
@requires(Permission.WRITE_CARD)
def draft(order_id: int) -> ResponseReturnValue:
    """Begin an order's card, or come back to the one it has."""
    try:
        card = cards.draft_card(order_id, request.form.get("line", "")[:80], current_user, utc_now())
        db.session.commit()
    except LookupError:
        abort(404)
    except DomainError as refusal:
        db.session.rollback()
        flash(str(refusal), "warn")
        return redirect(url_for(".index"), code=303)
    return redirect(url_for(".show", card_id=card.id), code=303)


@bp.post("/cards/drafts")
@requires(Permission.WRITE_CARD)
def drafts() -> ResponseReturnValue:
    """A draft for each order of the first page that has something to quote and nothing against it."""
    now = utc_now()
    rows, _ = card_queries.page_of(now, Show.WITH_LINES, None)
    made = cards.draft_all([row.order.id for row in rows if row.notes and not row.silence], current_user, now)
    db.session.commit()
    if not made:
        flash("There is nothing to draft: no order waits that has a line to quote.", "info")
        return redirect(url_for(".index"), code=303)
    flash(f"{count(len(made), 'card')} drafted. Look at each, then approve it.", "good")
    return redirect(url_for(".show", card_id=made[0].id), code=303)


@bp.get("/cards/<int:card_id>")
@requires(Permission.WRITE_CARD)
def show(card_id: int) -> ResponseReturnValue:
    card = card_or_404(card_id)
    return show_card(card, CardForm(formdata=None, **fields_of(card)))


@bp.post("/cards/<int:card_id>")
@requires(Permission.WRITE_CARD)
def edit(card_id: int) -> ResponseReturnValue:
    """Keep the words; with "line", quote that one in place of the other."""
    card, form, now = card_or_404(card_id), CardForm(), utc_now()
    line = request.form.get("line", "")[:80]
    if not form.validate():
        return show_card(card, form, 422)
    try:
        given = {"actor_id": current_user.id, "now": now}
        if line:
            cards.take_line(cards.desk(card, now), line, form.words(), form.seen_version(), **given)
        else:
            cards.edit_card(card, form.words(), form.seen_version(), **given)
        db.session.commit()
    except DomainError as refusal:
        return refused(card_id, form, refusal)
    if not line:
        flash("Saved.", "good")
    return redirect(url_for(".show", card_id=card_id, _anchor="card-body" if line else None), code=303)


@bp.post("/cards/<int:card_id>/preview")
@requires(Permission.WRITE_CARD)
def preview(card_id: int) -> ResponseReturnValue:
    """The words as they would stand on the card, and what speaks against them; nothing is kept."""
    card = card_or_404(card_id)
    return make_response(render_template("cards/_preview.html", **preview_of(card, CardForm().words())))


@bp.post("/cards/<int:card_id>/approval")
@requires(Permission.WRITE_CARD)
def approval(card_id: int) -> ResponseReturnValue:
    """Keep the words and let them be written; then the next draft."""
    card, form, now = card_or_404(card_id), CardForm(), utc_now()
    if not form.validate():
        return show_card(card, form, 422)
    try:
        cards.approve_card(cards.desk(card, now), form.words(), form.seen_version(), actor=current_user, now=now)
        db.session.commit()
    except DomainError as refusal:
        return refused(card_id, form, refusal)
    following = db.session.scalars(card_queries.first_drafts(now, 1)).first()
    flash("Approved." if following else "Approved. That was the last draft.", "good")
    if following:
        return redirect(url_for(".show", card_id=following.id), code=303)
    return redirect(url_for(".index", show=Show.APPROVED.value), code=303)


@bp.post("/cards/<int:card_id>/draft")
@requires(Permission.WRITE_CARD)
def take_back(card_id: int) -> ResponseReturnValue:
    """No longer approved: a draft again."""
    card = card_or_404(card_id)
    try:
        cards.take_back(card, actor_id=current_user.id, now=utc_now())
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        flash(str(refusal), "warn")
    return redirect(url_for(".show", card_id=card_id), code=303)


@bp.post("/cards/<int:card_id>/absence")
@requires(Permission.WRITE_CARD)
def leave_out(card_id: int) -> ResponseReturnValue:
    """No card goes with the order."""
    card, form = card_or_404(card_id), ReasonForm()
    try:
        cards.leave_out(card, form.because.data, actor_id=current_user.id, now=utc_now())
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        card = card_or_404(card_id)
        words = CardForm(formdata=None, **fields_of(card))
        return show_card(card, words, 409 if isinstance(refusal, Stale) else 422, reason_refused=str(refusal))
    flash("Left out. The order can have another card.", "good")
    return redirect(url_for(".index"), code=303)


@bp.post("/cards/approvals")
@requires(Permission.WRITE_CARD)
def approvals() -> ResponseReturnValue:
    """Approve every draft that nothing speaks against, and go to the printer with the stack."""
    now = utc_now()
    waiting = db.session.scalars(card_queries.first_drafts(now, AT_ONCE)).all()
    try:
        approved, left = cards.approve_ready(waiting, actor=current_user, now=now)
        db.session.commit()
    except cards.Unread as reason:
        db.session.rollback()
        flash(str(reason), "warn")
        return redirect(url_for(".show", card_id=waiting[0].id), code=303)
    except Stale:
        db.session.rollback()
        flash("Somebody changed one of these cards at this moment. Nothing was approved; press once more.", "warn")
        return redirect(url_for(".index", show=Show.DRAFTS.value), code=303)
    if left:
        flash(f"{count(left, 'draft')} still has to be looked at." if left == 1 else
              f"{count(left, 'draft')} still have to be looked at.", "warn")  # fmt: skip
    if not approved and left:
        return redirect(url_for(".index", show=Show.DRAFTS.value), code=303)
    return redirect(url_for(".sheets"), code=303)


@bp.get("/cards/sheets")
@requires(Permission.PACK_CARD)
def sheets() -> ResponseReturnValue:
    """The stack as the browser prints it."""
    whole, layout, paper = asked_for()
    pile = whole.only(paper)
    pages = pile.pages(layout)
    context: dict[str, Any] = {"pile": pile, "pages": pages, "key": key_to(pages), "most": AT_ONCE}
    chosen = {"layout": layout, "layouts": list(Layout), "paper": paper, "papers": whole.papers}
    asked = {"card": request.args.getlist("card")}
    return make_response(render_template("cards/sheets.html", asked=asked, **context, **chosen))


@bp.get("/cards/sheets.pdf")
@requires(Permission.PACK_CARD)
def sheets_pdf() -> ResponseReturnValue:
    """The stack as a file for the printer."""
    whole, layout, paper = asked_for()
    pile = whole.only(paper)
    if not pile.pages(layout):
        flash("There is no card to print.", "info")
        return redirect(url_for(".sheets", layout=layout.value), code=303)
    response = make_response(pile.pdf(layout, f"Delivery cards, {day_words(today())}"))
    response.headers["Content-Type"] = "application/pdf"
    response.headers["Content-Disposition"] = (
        f'inline; filename="delivery-cards-{paper.value.lower()}-{today().isoformat()}.pdf"'
    )
    return response


def asked_for() -> tuple[Stack, Layout, Paper]:
    """The stack, how it comes onto paper, and which size of card; without a choice the first there is."""
    layout, paper = request.args.get("layout", Layout.A4.value), request.args.get("paper", "")
    if layout not in list(Layout) or paper not in ["", *Paper]:
        abort(404)
    ids = [number for number in request.args.getlist("card", type=int) if 0 < number <= LARGEST_ID]
    pile = stack(ids)
    return pile, Layout(layout), Paper(paper) if paper else next(iter(pile.papers), Paper.A6)


def refused(card_id: int, form: CardForm, refusal: DomainError) -> Response:
    db.session.rollback()
    db.session.expire_all()
    card = card_or_404(card_id)
    if not isinstance(refusal, Stale):
        return show_card(card, form, 422, refusal=str(refusal))
    form.version.data = card.version  # saving again replaces theirs knowingly
    changes = compare(card.body, form.body.data)
    return show_card(card, form, 409, refusal=str(refusal), theirs=card, changes=changes)


def show_card(card: DeliveryCard, form: CardForm, status: int = 200, **context: Any) -> Response:
    now = utc_now()
    desk = cards.desk(card, now)
    lines, left_out = cards.offered(desk, now) if card.state is CardState.DRAFT else ([], 0)
    beside = {"lines": lines, "left_out": left_out, "form": form, "is_draft": card.state is CardState.DRAFT}
    known = preview_of(card, form.words(), desk)
    return make_response(render_template("cards/show.html", **beside, **known, **context), status)


def preview_of(card: DeliveryCard, words: Words, desk: cards.Desk | None = None) -> dict[str, Any]:
    desk = desk or cards.desk(card, utc_now())
    found = cards.checks(desk, words, writer_of(current_user)) if card.state is CardState.DRAFT else []
    laid = lay_out(words.body[:LONGEST], words.paper)
    return {"card": card, "desk": desk, "laid": laid, "checks": found, "reads_meaning": reads_meaning()}


def fields_of(card: DeliveryCard) -> dict[str, Any]:
    return {"body": card.body, "paper": card.paper.value, "version": card.version}


def card_or_404(card_id: int) -> DeliveryCard:
    return db.session.scalars(card_queries.one(card_id)).first() or abort(404)
