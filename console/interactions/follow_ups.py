"""Customers to come back to: after a bad score, or because the agent wanted it. Closing one needs a root cause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import Select, select, tuple_, update
from sqlalchemy.orm import joinedload

from console.auth.models import User
from console.auth.permissions import Permission, allowed, requires
from console.db import db, utc_now
from console.errors import Stale
from console.events import Topic, record_event
from console.interactions.blueprint import bp
from console.interactions.forms import FollowUpForm
from console.interactions.live_models import FollowUp, FollowUpState, RootCause
from console.interactions.models import Interaction
from console.web import id_argument, render_page_or_partial

PAGE = 30


def visible_to(user: User) -> Select[FollowUp]:
    """The open ones that this person has to see, due first: their own, and for who looks after a team everybody's."""
    query = (
        select(FollowUp)
        .where(FollowUp.state == FollowUpState.OPEN)
        .options(joinedload(FollowUp.customer), joinedload(FollowUp.owner), joinedload(FollowUp.interaction))
        .order_by(FollowUp.due_on, FollowUp.id)
    )
    return query if allowed(user, Permission.SEE_TEAM) else query.where(FollowUp.owner_id == user.id)


@bp.get("/follow-ups")
@requires(Permission.HANDLE_INTERACTION)
def follow_ups() -> ResponseReturnValue:
    query = visible_to(current_user)
    if place := after():
        query = query.where(tuple_(FollowUp.due_on, FollowUp.id) > place)
    rows = db.session.scalars(query.limit(PAGE + 1)).all()
    return render_page_or_partial(
        "interactions/follow_ups.html",
        "interactions/_follow_ups.html",
        follow_ups=rows[:PAGE],
        more=rows[PAGE - 1] if len(rows) > PAGE else None,
    )


def after() -> tuple[date, int] | None:
    try:
        day = date.fromisoformat(request.args.get("due", ""))
    except ValueError:
        return None
    number = id_argument("after")
    return (day, number) if number else None


@bp.route("/follow-ups/<int:follow_up_id>", methods=["GET", "POST"])
@requires(Permission.HANDLE_INTERACTION)
def follow_up(follow_up_id: int) -> ResponseReturnValue:
    row = db.session.scalars(
        select(FollowUp)
        .where(FollowUp.id == follow_up_id)
        .options(
            joinedload(FollowUp.customer),
            joinedload(FollowUp.owner),
            joinedload(FollowUp.interaction).joinedload(Interaction.agent),
        )
    ).first()
    if row is None or not (row.owner_id == current_user.id or allowed(current_user, Permission.SEE_TEAM)):
        abort(404)
    form = FollowUpForm()
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            close(
                row, RootCause(form.root_cause.data), form.what_was_done.data, actor_id=current_user.id, now=utc_now()
            )
        except Stale as problem:
            form.what_was_done.errors, status = [str(problem)], 409
        else:
            db.session.commit()
            flash(f"Closed. {row.customer.name} has been come back to.", "good")
            return redirect(url_for(".follow_ups"), code=303)
    return render_page_or_partial(
        "interactions/follow_up.html", "interactions/follow_up.html", status, follow_up=row, form=form
    )


def close(row: FollowUp, cause: RootCause, done: str, *, actor_id: int, now: datetime) -> FollowUp:
    """The loop is closed: why it happened, and what was done. Raises Stale when somebody closed it meanwhile."""
    values: dict[str, Any] = {
        "state": FollowUpState.CLOSED,
        "root_cause": cause,
        "what_was_done": done,
        "closed_at": now,
        "closed_by_id": actor_id,
    }
    closed = db.session.execute(
        update(FollowUp)
        .where(FollowUp.id == row.id, FollowUp.state == FollowUpState.OPEN)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if closed.rowcount != 1:  # type: ignore[attr-defined]
        db.session.rollback()
        by = db.session.execute(
            select(User.name, FollowUp.what_was_done)
            .join_from(FollowUp, User, User.id == FollowUp.closed_by_id)
            .where(FollowUp.id == row.id)
        ).first()
        raise Stale(f"{by.name if by else 'Somebody'} has closed this already: “{by.what_was_done if by else ''}”")
    record_event(
        "follow_up.closed",
        Topic.SIGNAL,
        subject=row,
        customer_id=row.customer_id,
        actor_id=actor_id,
        at=now,
        data={"root_cause": cause.value, "why": row.why},
    )
    return row


def due_for(user: User, limit: int) -> Sequence[FollowUp]:
    """The first of them, for somebody's home."""
    return db.session.scalars(visible_to(user).limit(limit)).all()
