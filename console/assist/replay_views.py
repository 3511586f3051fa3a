"""Recorded conversations played as live ones, while the demo shop is there."""

from __future__ import annotations

import threading
from functools import partial

from flask import abort, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy import exists, select
from wtforms import IntegerField, RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import NumberRange, Optional

from console.assist.blueprint import bp
from console.auth.models import User
from console.auth.permissions import Permission, requires
from console.background import in_thread
from console.db import db, utc_now
from console.demo import replaying
from console.errors import DomainError
from console.interactions.models import Interaction
from console.web import LARGEST_ID, render_page_or_partial

LISTED = 40
PLAYING: set[threading.Thread] = set()


class ReplayForm(FlaskForm):
    conversation = IntegerField("Conversation", [Optional(), NumberRange(min=1, max=LARGEST_ID)])
    several = IntegerField("How many", [Optional(), NumberRange(min=1, max=replaying.MOST_AT_ONCE)])
    speed = RadioField(
        "Pace",
        choices=[
            SelectChoice(str(one), f"{one:g} times as fast" if one != 1 else "As it was") for one in replaying.SPEEDS
        ],
        default="1.0",
    )


def is_demo_here() -> bool:
    return bool(db.session.scalar(select(exists().where(User.is_demo, User.active))))


@bp.get("/replays")
@requires(Permission.HANDLE_INTERACTION)
def replays() -> ResponseReturnValue:
    if not is_demo_here():
        abort(404)
    return show(ReplayForm(formdata=None))


@bp.post("/replays")
@requires(Permission.HANDLE_INTERACTION)
def replay() -> ResponseReturnValue:
    """Begin one conversation, or several at once, and go to the first of them."""
    if not is_demo_here():
        abort(404)
    form = ReplayForm()
    if not form.validate_on_submit():
        abort(400)
    try:
        if form.conversation.data:
            recorded = db.session.get(Interaction, form.conversation.data) or abort(404)
            chosen = [recorded]
        else:
            chosen = replaying.some(form.several.data or 1)
        begun = [(replaying.begin(one, current_user.id, now=utc_now()), one) for one in chosen]
    except DomainError as problem:
        db.session.rollback()
        flash(str(problem), "warn")
        return show(form, 422)
    db.session.commit()
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    for talk, recorded in begun:
        play = partial(replaying.play, talk.id, recorded.id, float(form.speed.data))
        in_thread(app, f"replay-{talk.id}", play, PLAYING)
    first = begun[0][0]
    return redirect(url_for("assist.workspace", customer_id=first.customer_id, interaction=first.id), code=303)


def show(form: ReplayForm, status: int = 200) -> ResponseReturnValue:
    sources = replaying.sources()
    source = next((one for one in sources if one == request.args.get("source")), "")
    recordings = db.session.scalars(replaying.recordings(source).limit(LISTED)).all()
    return render_page_or_partial(
        "assist/replays.html",
        "assist/_replays.html",
        status,
        form=form,
        recordings=recordings,
        sources=sources,
        source=source,
    )
