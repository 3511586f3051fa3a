"""The talk going on: begin, write down what is said, read it as it is said, end it; and any past talk, read again."""

from __future__ import annotations

import json

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

import console.interactions.lines  # noqa: F401  tells the timeline how interactions read
from console.auth.permissions import Permission, requires
from console.customers.models import Customer
from console.db import db, utc_now
from console.errors import DomainError
from console.interactions import follow_ups, surveys, transfers  # noqa: F401  their routes are of this blueprint
from console.interactions.blueprint import bp as bp
from console.interactions.blueprint import found, is_mine, own
from console.interactions.forms import OpenForm, UtteranceForm
from console.interactions.handling import end_talk, open_interaction, resume
from console.interactions.models import Channel, Interaction, InteractionState, Speaker, Utterance
from console.interactions.pasting import dialogue
from console.interactions.queues import see
from console.interactions.turns import PAGE, Turn, last_turns, say_all, turns_after, turns_before
from console.interactions.whispers import readable_by
from console.web import LARGEST_ID, id_argument, render_page_or_partial, wants_partial

TURNS = 500


def workspace_of(interaction: Interaction) -> str:
    return url_for("assist.workspace", customer_id=interaction.customer_id, interaction=interaction.id)


@bp.post("/customers/<int:customer_id>/interactions")
@requires(Permission.HANDLE_INTERACTION)
def begin(customer_id: int) -> ResponseReturnValue:
    customer = db.get_or_404(Customer, customer_id)
    form = OpenForm()
    if not form.validate_on_submit():
        abort(400)
    open_interaction(customer.id, current_user.id, Channel(form.channel.data), now=utc_now())
    db.session.commit()
    return redirect(url_for("assist.workspace", customer_id=customer.id), code=303)


@bp.get("/interactions/<int:interaction_id>")
@requires(Permission.SEE_CUSTOMER)
def show(interaction_id: int) -> ResponseReturnValue:
    interaction = found(interaction_id)
    turns = last_turns(interaction.id, TURNS, readable_by(interaction, current_user))
    return render_page_or_partial(
        "interactions/show.html", "interactions/_transcript.html", interaction=interaction, turns=turns
    )


@bp.get("/customers/<int:customer_id>/undated-interactions")
@requires(Permission.SEE_CUSTOMER)
def undated(customer_id: int) -> ResponseReturnValue:
    """Talks whose source knew no day: they have no place on the timeline."""
    talks = db.session.scalars(
        select(Interaction)
        .where(Interaction.customer_id == customer_id, Interaction.started_at.is_(None))
        .order_by(Interaction.id.desc())
        .limit(50)
    ).all()
    return render_page_or_partial(
        "interactions/undated.html",
        "interactions/_undated.html",
        talks=talks,
        customer=db.get_or_404(Customer, customer_id),
    )


@bp.get("/interactions/<int:interaction_id>/card")
@requires(Permission.SEE_CUSTOMER)
def card(interaction_id: int) -> ResponseReturnValue:
    """The card of a talk that is going on, as it is now."""
    interaction = found(interaction_id)
    seen_by_its_agent(interaction)
    turns = last_turns(interaction.id, PAGE, readable_by(interaction, current_user))
    return render_page_or_partial(
        "interactions/live.html",
        "interactions/_live.html",
        interaction=interaction,
        turns=turns,
        utterance_form=UtteranceForm(formdata=None),
    )


@bp.get("/interactions/<int:interaction_id>/utterances")
@requires(Permission.SEE_CUSTOMER)
def utterances(interaction_id: int) -> ResponseReturnValue:
    """What arrived `after` an id, with those of `corrected`; or the turns that stand before `position` and `id`."""
    interaction = found(interaction_id)
    theirs = readable_by(interaction, current_user)
    after = request.args.get("after", type=int)
    position, before = request.args.get("position", type=int), id_argument("before")
    if after is not None and 0 <= after <= LARGEST_ID:
        turns = turns_after(interaction.id, after, corrected_ids(), PAGE, theirs)
        seen_by_its_agent(interaction)
        return turns_of(interaction, turns, "interactions/_turns.html")
    place = (position, before) if before and position is not None and abs(position) < 2**31 else None
    return turns_of(interaction, turns_before(interaction.id, place, PAGE, theirs), "interactions/_earlier.html")


def corrected_ids() -> list[int]:
    ids = request.args.get("corrected", "").split(",")[:PAGE]
    return [int(one) for one in ids if one.isascii() and one.isdigit() and len(one) < 19]


def turns_of(interaction: Interaction, turns: list[Utterance], partial: str) -> Response:
    return render_page_or_partial(
        "interactions/show.html", partial, interaction=interaction, turns=turns, mine=is_mine(interaction)
    )


def seen_by_its_agent(interaction: Interaction) -> None:
    """What its own agent's page has loaded counts as read. It is all that a GET here changes."""
    if is_mine(interaction) and see(interaction, now=utc_now()):
        db.session.commit()


@bp.post("/interactions/<int:interaction_id>/utterances")
@requires(Permission.HANDLE_INTERACTION)
def utter(interaction_id: int) -> ResponseReturnValue:
    interaction = own(interaction_id)
    form = UtteranceForm()
    if not form.validate_on_submit():
        return said(interaction, form, 422)
    speaker, whisper = form.heard()
    pasted = [] if whisper else dialogue(form.text.data, *names_in(interaction))
    try:
        one_turn = Turn(speaker, form.text.data, whisper=whisper, by_id=current_user.id if whisper else None)
        turns = [Turn(one, text) for one, text in pasted] or [one_turn]
        utterances = say_all(interaction, turns, now=utc_now())
    except DomainError as problem:
        db.session.rollback()
        form.text.errors = [str(problem)]
        return said(own(interaction_id), form, 422)
    db.session.commit()
    if not wants_partial():
        return redirect(workspace_of(interaction), code=303)
    response = said(interaction, UtteranceForm(formdata=None, speaker=form.speaker.data))
    response.headers["HX-Trigger"] = json.dumps(
        {"talk:said": {"interaction": interaction.id, "last": utterances[-1].id}}
    )
    if any(one.speaker is Speaker.CUSTOMER for one in turns):
        # After the swap: what the help pane asks stands in this form.
        response.headers["HX-Trigger-After-Swap"] = "customerSaid"
    return response


def names_in(interaction: Interaction) -> tuple[set[str], set[str]]:
    """What the customer and whoever writes it down may be called in a pasted conversation."""
    customer, mine = interaction.customer, current_user.name
    return {customer.name, customer.called}, {mine, mine.partition(" ")[0]}


def said(interaction: Interaction, form: UtteranceForm, status: int = 200) -> Response:
    """The line to write in, by itself or on its page."""
    turns = last_turns(interaction.id, PAGE, readable_by(interaction, current_user))
    return render_page_or_partial(
        "interactions/live.html",
        "interactions/_say.html",
        status,
        interaction=interaction,
        turns=turns,
        utterance_form=form,
    )


@bp.post("/interactions/<int:interaction_id>/ending")
@requires(Permission.HANDLE_INTERACTION)
def end(interaction_id: int) -> ResponseReturnValue:
    """The customer has gone; what remains is to wrap up."""
    interaction = own(interaction_id)
    waits = interaction.state is InteractionState.WAITING
    try:
        end_talk(interaction, actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        db.session.rollback()
        interaction = own(interaction_id)
        if interaction.state is not InteractionState.WRAP_UP:  # the customer was faster: that is what was meant
            return refused(interaction, problem)
    db.session.commit()
    if waits:
        return redirect(url_for("assist.home"), code=303)
    return redirect(url_for("assist.wrap_up", interaction_id=interaction.id), code=303)


@bp.post("/interactions/<int:interaction_id>/resumption")
@requires(Permission.HANDLE_INTERACTION)
def go_on(interaction_id: int) -> ResponseReturnValue:
    """The talk goes on after all."""
    interaction = own(interaction_id)
    try:
        resume(interaction, interaction.agent_id or current_user.id, now=utc_now())
    except DomainError as problem:
        return refused(interaction, problem)
    db.session.commit()
    return redirect(workspace_of(interaction), code=303)


def refused(interaction: Interaction, problem: DomainError) -> ResponseReturnValue:
    """Nothing was changed; the page behind says how things stand now."""
    db.session.rollback()
    flash(str(problem), "warn")
    return redirect(url_for("assist.workspace", customer_id=interaction.customer_id), code=303)
