"""What a person should look at, and what came of looking."""

from __future__ import annotations

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.errors import DomainError
from console.gestures import reviews
from console.gestures.blueprint import bp
from console.gestures.review_models import GestureReview, ReviewOutcome
from console.gestures.settings import gesture_settings
from console.web import LARGEST_ID, id_argument, render_page_or_partial, stripped

OUTCOMES = {
    ReviewOutcome.FINE: "It is fine",
    ReviewOutcome.TALK: "We talked about it",
    ReviewOutcome.CONCERN: "A concern",
}


class JudgementForm(FlaskForm):
    outcome = RadioField(
        "What came of it",
        [DataRequired("Choose what came of it")],
        choices=[SelectChoice(one.value, text) for one, text in OUTCOMES.items()],
    )
    comment = StringField("In a few words", [Length(max=300, message="Say it in at most 300 characters")])


@bp.get("/gestures/reviews")
@requires(Permission.REVIEW_GESTURES)
def review_page() -> ResponseReturnValue:
    """The first visit of a day draws the sample."""
    now = utc_now()
    if reviews.is_due(now):
        reviews.look(now)
        db.session.commit()
    return show(JudgementForm(formdata=None))


@bp.post("/gestures/reviews")
@requires(Permission.REVIEW_GESTURES)
def look() -> ResponseReturnValue:
    """Draw the sample and look for patterns now."""
    new = reviews.look(utc_now(), current_user.id)
    db.session.commit()
    flash(f"New to look at: {new:,}." if new else "Nothing new to look at.", "good")
    return redirect(url_for("gestures.review_page"), code=303)


@bp.post("/gestures/reviews/<int:review_id>")
@requires(Permission.REVIEW_GESTURES)
def judgement(review_id: int) -> ResponseReturnValue:
    if not 0 < review_id <= LARGEST_ID or db.session.get(GestureReview, review_id) is None:
        abort(404)
    form = JudgementForm()
    if not form.validate_on_submit():
        return show(form, 422, review_id)
    try:
        reviews.judge(
            review_id,
            ReviewOutcome(form.outcome.data),
            stripped(form.comment.data),
            actor_id=current_user.id,
            now=utc_now(),
        )
    except DomainError as problem:
        db.session.rollback()
        form.form_errors.append(str(problem))
        return show(form, 422, review_id)
    db.session.commit()
    flash("Noted.", "good")
    return redirect(url_for("gestures.review_page"), code=303)


def show(form: JudgementForm, status: int = 200, wrong_id: int = 0) -> Response:
    judged = request.args.get("show") == "done"
    rows = list(db.session.scalars(reviews.page(judged=judged, before=id_argument("before") or 0)))
    more = rows[reviews.PAGE - 1].id if len(rows) > reviews.PAGE else None
    return render_page_or_partial(
        "gestures/reviews.html",
        "gestures/_reviews.html",
        status,
        rows=rows[: reviews.PAGE],
        judged=judged,
        form=form,
        wrong_id=wrong_id,
        outcomes=OUTCOMES,
        percent=gesture_settings().review_percent,
        older=url_for("gestures.review_page", show="done" if judged else None, before=more) if more else None,
    )
