"""The packing queue: the delivery staff's own first page, and a place where everybody else may help them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

import notes.cards.timeline  # noqa: F401 - says how cards read on the timeline
from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.errors import DomainError, Stale
from console.web import LARGEST_ID, clock, count, id_argument, render_page_or_partial
from notes.cards import packing, packing_queue
from notes.cards.gestures import fulfil_packed
from notes.cards.models import CardState
from notes.cards.packing_queue import PAGE, Done, Slip

bp = Blueprint("packing", __name__, url_prefix="/packing")

STEPS = {state.value: state for state in packing.FROM}
DONE = {CardState.WRITTEN: "written", CardState.PACKED: "packed", CardState.SKIPPED: "skipped"}


@bp.get("")
@requires(Permission.PACK_CARD)
def index() -> ResponseReturnValue:
    """What waits, with one card in hand: the one asked for, the one whose order was scanned, or the first."""
    number = request.args.get("order", "").strip()[:120]
    if not number:
        return show(id_argument("card"))
    card_id = packing_queue.find(number)
    slip = packing_queue.slips([card_id]).get(card_id) if card_id else None
    if slip is None:
        return show(problem=f"No card is ready for order {number}. Pack it as it is.", number=number)
    if slip.card.state in packing_queue.TO_DO:
        return show(slip.card.id, number=number)
    because = f": {slip.card.skipped_because}" if slip.card.skipped_because else ""
    when = f" at {clock(slip.card.settled_at)}" if slip.card.settled_at else ""
    return show(problem=f"The card for order {number} was {DONE[slip.card.state]}{when}{because}.", number=number)


@bp.get("/done")
@requires(Permission.PACK_CARD)
def done() -> ResponseReturnValue:
    """What was done today, newest first."""
    now = utc_now()
    rows = packing_queue.done_today(now, before=id_argument("before"))
    more = url_for(".done", before=rows[PAGE - 1].event_id) if len(rows) > PAGE else None
    context = {
        "rows": rows[:PAGE],
        "more": more,
        "waiting": packing_queue.waiting(),
        "numbers": packing_queue.counts(now),
    }
    return render_page_or_partial("cards/packing_done.html", "cards/_packing_done.html", **context)


@bp.post("/<int:card_id>/steps")
@requires(Permission.PACK_CARD)
def step(card_id: int) -> ResponseReturnValue:
    """One card is written, packed or skipped."""
    state = STEPS.get(request.form.get("state", "")) or abort(400)
    version = request.form.get("version", type=int) or 0
    because = request.form.get("own", "").strip() or request.form.get("because", "")
    slip_or_404(card_id)

    def take() -> str:
        packing.take_step(card_id, version, state, actor_id=current_user.id, now=utc_now(), because=because)
        return ""  # the page says what was done last, beside the way back

    return act(take, card_id, stay=state is CardState.WRITTEN)


@bp.post("/<int:card_id>/undoing")
@requires(Permission.PACK_CARD)
def undoing(card_id: int) -> ResponseReturnValue:
    number = slip_or_404(card_id).card.order.number

    def take_back() -> str:
        packing.undo(card_id, actor_id=current_user.id, now=utc_now())
        return f"Order {number}: taken back."

    return act(take_back, card_id, stay=True)


@bp.post("/steps")
@requires(Permission.PACK_CARD)
def stack() -> ResponseReturnValue:
    """A printed stack was written: the cards that were picked, or all of the page."""
    name = "shown" if "all" in request.form else "card"
    picked = [pair for text in request.form.getlist(name)[:PAGE] if (pair := pair_of(text))]
    if not picked:
        return show(status=422, problem="Pick the cards that are written, then say so once more.")
    number, refused = packing.written(picked, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    if number:
        flash(f"{count(number, 'card')} written.", "good")
    for why, orders in refused.items():
        flash(f"Not {', '.join(orders)}: {why}", "warn")
    return redirect(url_for(".index"), code=303)


def act(deed: Callable[[], str], card_id: int, *, stay: bool = False) -> ResponseReturnValue:
    """Do it and go on with the next card, or stay with this one; what cannot be done says why, beside the card."""
    try:
        told = deed()
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        return show(card_id, 409 if isinstance(refusal, Stale) else 422, problem=str(refusal))
    fulfil_packed(utc_now())
    if told:
        flash(told, "good")
    return redirect(url_for(".index", card=card_id if stay else None), code=303)


def show(card_id: int | None = None, status: int = 200, *, problem: str = "", number: str = "") -> Response:
    now = utc_now()
    rows = packing_queue.to_do(place())
    page = rows[:PAGE]
    last: list[Done] = packing_queue.done_today(now, by=current_user.id, most=1)
    more = None
    if len(rows) > PAGE:
        more = url_for(".index", day=(page[-1].leaves_on or packing_queue.LATEST).isoformat(), after=page[-1].card.id)
    context: dict[str, Any] = {
        "rows": page,
        "more": more,
        "hand": in_hand(card_id, page, status),
        "waiting": packing_queue.waiting(),
        "numbers": packing_queue.counts(now),
        "last": last[0] if last else None,
        "problem": problem,
        "number": number,
        "reasons": packing.REASONS,
        "longest_reason": packing.LONGEST_REASON,
        "typed": request.form,
    }
    return render_page_or_partial("cards/packing.html", "cards/_packing.html", status, **context)


def in_hand(card_id: int | None, page: list[Slip], status: int) -> Slip | None:
    """The card that was asked for while it waits, or the first of the queue."""
    if card_id is None:
        return page[0] if page else None
    known = next((slip for slip in page if slip.card.id == card_id), None)
    slip = known or packing_queue.slips([card_id]).get(card_id)
    if slip is None and status == 200:
        abort(404)
    return slip if slip and slip.card.state in packing_queue.TO_DO else page[0] if page else None


def slip_or_404(card_id: int) -> Slip:
    found = packing_queue.slips([card_id]).get(card_id) if 0 < card_id <= LARGEST_ID else None
    return found or abort(404)


def pair_of(text: str) -> tuple[int, int] | None:
    """ "12-3" is card 12 with the words of version 3."""
    card_id, _, version = text.partition("-")
    if not (card_id.isdecimal() and version.isdecimal() and len(text) < 30):
        return None
    return min(int(card_id), LARGEST_ID), min(int(version), LARGEST_ID)


def place() -> tuple[date, int] | None:
    """Where the page before ended, from the address."""
    after = id_argument("after")
    try:
        day = date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        return None
    return (day, after) if after else None
