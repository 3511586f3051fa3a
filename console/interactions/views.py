"""The talk going on: begin, write down what is said, wrap up; and any past talk, read again."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import joinedload

import console.interactions.lines  # noqa: F401  tells the timeline how interactions read
from console.auth.permissions import Permission, requires
from console.customers.models import Customer
from console.db import db, utc_now
from console.errors import Stale
from console.interactions.forms import OpenForm, UtteranceForm, WrapUpForm
from console.interactions.handling import last_turns, latest_words, open_interaction, say, wrap_up
from console.interactions.models import Channel, Interaction, Speaker
from console.web import render_page_or_partial, wants_partial

bp = Blueprint("interactions", __name__)

TURNS = 500


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
    interaction = db.session.scalars(
        select(Interaction)
        .where(Interaction.id == interaction_id)
        .options(joinedload(Interaction.agent), joinedload(Interaction.customer))
    ).first() or abort(404)
    turns = last_turns(interaction.id, TURNS)
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


@bp.post("/interactions/<int:interaction_id>/utterances")
@requires(Permission.HANDLE_INTERACTION)
def utter(interaction_id: int) -> ResponseReturnValue:
    interaction = own(interaction_id)
    form = UtteranceForm()
    if not form.validate_on_submit():
        return live_card(interaction, form, 422)
    try:
        say(interaction, Speaker(form.speaker.data), form.text.data, now=utc_now())
    except Stale as problem:
        form.text.errors = [str(problem)]
        return live_card(interaction, form, 422)
    db.session.commit()
    if not wants_partial():
        return redirect(url_for("assist.workspace", customer_id=interaction.customer_id), code=303)
    return live_card(interaction, UtteranceForm(formdata=None, speaker=form.speaker.data))


def live_card(interaction: Interaction, form: UtteranceForm, status: int = 200) -> Response:
    turns = last_turns(interaction.id)
    response = render_page_or_partial(
        "interactions/live.html",
        "interactions/_live.html",
        status,
        interaction=interaction,
        turns=turns,
        utterance_form=form,
        words=latest_words(turns),
    )
    if status == 200 and form.speaker.data == Speaker.CUSTOMER:
        # After the swap: what the help pane asks stands in this card.
        response.headers["HX-Trigger-After-Swap"] = "customerSaid"
    return response


@bp.route("/interactions/<int:interaction_id>/wrap-up", methods=["GET", "POST"])
@requires(Permission.HANDLE_INTERACTION)
def close(interaction_id: int) -> ResponseReturnValue:
    interaction = own(interaction_id)
    form = WrapUpForm()
    if form.validate_on_submit():
        try:
            wrap_up(interaction, form.wrap_up(), actor_id=current_user.id, now=utc_now())
        except Stale as problem:
            form.reason.errors = [str(problem)]
        else:
            db.session.commit()
            flash(f"Wrapped up the talk with {interaction.customer.name}", "good")
            return redirect(url_for("assist.home"), code=303)
    page = render_template(
        "interactions/wrap_up.html", interaction=interaction, form=form, turns=last_turns(interaction.id)
    )
    return make_response(page, 422 if request.method == "POST" else 200)


def own(interaction_id: int) -> Interaction:
    """The signed-in agent's own interaction; somebody else's is not to be found."""
    return db.session.scalars(
        select(Interaction)
        .where(Interaction.id == interaction_id, Interaction.agent_id == current_user.id)
        .options(joinedload(Interaction.customer), joinedload(Interaction.agent))
    ).first() or abort(404)
