"""How suggestions behave: by rules alone or learning, how seldom, the hold-out, how much is looked at afterwards."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField
from wtforms.validators import InputRequired, NumberRange

from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.gestures import outcomes
from console.gestures import settings as stored
from console.gestures.blueprint import bp
from console.gestures.weights import ENOUGH
from console.web import render_page_or_partial


class SettingsForm(FlaskForm):
    learning = BooleanField("Learn from what came of gestures")
    surprise = IntegerField(
        "Conversations with something suggested for no reason, at most, in 100",
        [InputRequired("Enter a whole number"), NumberRange(0, 100, "Enter a whole number from 0 to 100")],
    )
    hold_out_percent = IntegerField(
        "Customers for whom nothing is suggested, in 100",
        [InputRequired("Enter a whole number"), NumberRange(0, 50, "Enter a whole number from 0 to 50")],
    )
    review_percent = IntegerField(
        "Gestures drawn for somebody to look at, in 100",
        [InputRequired("Enter a whole number"), NumberRange(0, 100, "Enter a whole number from 0 to 100")],
    )


@bp.get("/gestures/settings")
@requires(Permission.REVIEW_GESTURES)
def settings() -> ResponseReturnValue:
    row = stored.gesture_settings()
    form = SettingsForm(
        formdata=None,
        learning=not row.rules_only,
        surprise=row.surprise_percent,
        hold_out_percent=row.hold_out_percent,
        review_percent=row.review_percent,
    )
    return show(form)


@bp.post("/gestures/settings")
@requires(Permission.REVIEW_GESTURES)
def change_settings() -> ResponseReturnValue:
    form = SettingsForm()
    if not form.validate_on_submit():
        return show(form, 422)
    stored.change_settings(
        rules_only=not form.learning.data,
        surprise=form.surprise.data or 0,
        hold_out_percent=form.hold_out_percent.data or 0,
        review_percent=form.review_percent.data or 0,
        actor_id=current_user.id,
        now=utc_now(),
    )
    db.session.commit()
    flash("Saved. The next suggestion goes by it.", "good")
    return redirect(url_for("gestures.settings"), code=303)


def show(form: SettingsForm, status: int = 200) -> ResponseReturnValue:
    now = utc_now()
    learned = None if stored.gesture_settings().rules_only else outcomes.beliefs(now)
    return render_page_or_partial(
        "gestures/settings.html",
        "gestures/_settings.html",
        status,
        form=form,
        known=outcomes.known(now),
        enough=ENOUGH,
        is_worse=learned is not None and learned.is_worse,
        days=outcomes.JUDGED.days,
    )
