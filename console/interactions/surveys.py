"""What the customer thought of it: a public page behind a signed link, a score from 1 to 5 and a few words.

The page shows nothing of the customer. A score that is low opens a follow-up.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from flask import abort, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm.attributes import set_committed_value

from console.auth.models import Role, User, user_roles
from console.auth.permissions import public
from console.db import db, utc_now
from console.errors import Stale
from console.events import Topic, record_event
from console.feed import tell
from console.interactions.blueprint import bp
from console.interactions.forms import SurveyForm
from console.interactions.live_models import FollowUp
from console.interactions.models import Interaction
from console.interactions.turns import cleaned
from console.web import csrf, limiter, today, zone

OPEN_FOR = timedelta(days=14)
LOW = 2  # a score up to this is come back to
COME_BACK_IN = timedelta(days=2)
TRIES = "30 per hour"  # of one address


class Expired(LookupError):
    """The link was good once."""


def survey_url(interaction_id: int) -> str:
    return url_for("interactions.survey", token=serializer().dumps(interaction_id), _external=True)


def serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="survey")


def interaction_of(token: str) -> Interaction | None:
    """None for a link that nobody here has made. Raises Expired."""
    try:
        interaction_id = serializer().loads(token, max_age=int(OPEN_FOR.total_seconds()))
    except SignatureExpired:
        raise Expired from None
    except BadSignature:
        return None
    return db.session.get(Interaction, interaction_id)


@bp.route("/survey/<token>", methods=["GET", "POST"])
@csrf.exempt  # the link itself is the token, and the customer's browser may keep no cookie
@public
@limiter.limit(TRIES, methods=["POST"])
def survey(token: str) -> ResponseReturnValue:
    try:
        interaction = interaction_of(token) or abort(404)
    except Expired:
        return show_survey(None, None, TOO_LATE), 410
    known = {"score": str(interaction.csat or ""), "words": interaction.csat_words}
    form = SurveyForm(data=known, meta={"csrf": False})
    if not form.validate_on_submit():
        status, asks = 422 if form.is_submitted() else 200, may_answer(interaction)
        return show_survey(form if asks else None, interaction, "" if asks else ANSWERED), status
    try:
        answer(interaction, int(form.score.data), form.words.data, now=utc_now())
    except Stale as problem:
        db.session.rollback()
        return show_survey(None, interaction, str(problem)), 409
    db.session.commit()
    flash("Thank you. You can change your answer until the end of today.", "good")
    return redirect(url_for(".survey", token=token), code=303)


TOO_LATE = "This link was good for two weeks, and they are over. Tell us the next time we talk."
ANSWERED = "This was answered already, and the answer stands. Tell us the rest the next time we talk."


def show_survey(form: SurveyForm | None, interaction: Interaction | None, problem: str) -> str:
    return render_template("interactions/survey.html", form=form, interaction=interaction, problem=problem)


def may_answer(interaction: Interaction) -> bool:
    """Once; and until the end of that day it may be changed."""
    if interaction.csat is None:
        return True
    return interaction.csat_at is not None and interaction.csat_at >= start_of_today()


def start_of_today() -> datetime:
    return datetime.combine(today(), time.min, zone())


def answer(interaction: Interaction, score: int, words: str, *, now: datetime) -> FollowUp | None:
    """Keep the score; a low one opens a follow-up. Raises Stale when it was answered on an earlier day."""
    values: dict[str, Any] = {"csat": score, "csat_words": cleaned(words), "csat_at": now}
    still_open = or_(
        Interaction.csat.is_(None), and_(Interaction.csat_at.is_not(None), Interaction.csat_at >= start_of_today())
    )
    changed = db.session.execute(
        update(Interaction)
        .where(Interaction.id == interaction.id, still_open)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise Stale(ANSWERED)
    for name, value in values.items():
        set_committed_value(interaction, name, value)
    about: dict[str, Any] = {"subject": interaction, "customer_id": interaction.customer_id, "at": now}
    record_event("survey.answered", Topic.SIGNAL, data={"score": score}, **about)
    return come_back(interaction, about, now) if score <= LOW else None


def come_back(interaction: Interaction, about: dict[str, Any], now: datetime) -> FollowUp | None:
    """Somebody of the agent's team has to; None when somebody has to already."""
    why = "low_score"
    known = select(FollowUp.id).where(FollowUp.interaction_id == interaction.id, FollowUp.why == why)
    if db.session.scalar(known.limit(1)) is not None:
        return None
    follow_up = FollowUp(
        interaction_id=interaction.id,
        customer_id=interaction.customer_id,
        owner_id=supervisor_of(interaction.agent_id),
        why=why,
        due_on=today() + COME_BACK_IN,
        opened_at=now,
    )
    db.session.add(follow_up)
    db.session.flush()
    record_event("follow_up.opened", Topic.SIGNAL, **(about | {"subject": follow_up}))
    if follow_up.owner_id is not None:
        tell(f"user:{follow_up.owner_id}", "inbox")
    return follow_up


def supervisor_of(agent_id: int | None) -> int | None:
    """The first supervisor of the agent's team; none when it has none."""
    team = select(User.team_id).where(User.id == agent_id).scalar_subquery()
    return db.session.scalar(
        select(User.id)
        .join(user_roles, user_roles.c.user_id == User.id)
        .join(Role, Role.id == user_roles.c.role_id)
        .where(User.active, Role.name == "supervisor", User.team_id == team)
        .order_by(User.id)
        .limit(1)
    )
