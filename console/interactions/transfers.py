"""What waits and who has what: the tabs in the bar, the queue, taking and handing over."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from console.auth.models import Role, Team, User, user_roles
from console.auth.permissions import ROLES, Permission, requires
from console.db import db, utc_now
from console.errors import DomainError
from console.interactions.blueprint import bp, found, own
from console.interactions.forms import HandOverForm
from console.interactions.handling import hand_over, take
from console.interactions.models import Interaction
from console.interactions.queues import live_of, unread, waiting_for
from console.web import id_argument, render_page_or_partial

MOST_COLLEAGUES = 500


@bp.get("/interactions/open")
@requires(Permission.HANDLE_INTERACTION)
def tabs() -> ResponseReturnValue:
    """What the agent has going on, for the bar; `here` is the one that the page shows."""
    live = live_of(current_user.id)
    return render_template("interactions/_tabs.html", live=live, unread=unread(live), here=id_argument("here"))


@bp.get("/queue")
@requires(Permission.HANDLE_INTERACTION)
def queue() -> ResponseReturnValue:
    return render_page_or_partial(
        "interactions/queue.html", "interactions/_queue.html", waiting=waiting_for(current_user)
    )


@bp.get("/queue/badge")
@requires(Permission.HANDLE_INTERACTION)
def queue_badge() -> ResponseReturnValue:
    return render_template("interactions/_badge.html", number=len(waiting_for(current_user)))


@bp.post("/interactions/<int:interaction_id>/assignment")
@requires(Permission.HANDLE_INTERACTION)
def assign(interaction_id: int) -> ResponseReturnValue:
    """Take what waits. Whoever may talk to customers may take any of it: nobody waits because a colleague is away."""
    interaction = found(interaction_id)
    try:
        take(interaction, current_user.id, now=utc_now())
    except DomainError as problem:
        db.session.rollback()
        flash(str(problem), "warn")
        return redirect(url_for(".queue"), code=303)
    db.session.commit()
    here = url_for("assist.workspace", customer_id=interaction.customer_id, interaction=interaction.id)
    return redirect(here, code=303)


@bp.route("/interactions/<int:interaction_id>/transfer", methods=["GET", "POST"])
@requires(Permission.HANDLE_INTERACTION)
def transfer(interaction_id: int) -> ResponseReturnValue:
    interaction = own(interaction_id)
    form = HandOverForm()
    form.to.choices = receivers(interaction)
    if not form.validate_on_submit():
        return show_transfer(interaction, form, 422 if form.is_submitted() else 200)
    try:
        hand_over(interaction, current_user.id, **form.receiver(), note=form.note.data, now=utc_now())
    except DomainError as problem:
        db.session.rollback()
        form.to.errors = [str(problem)]
        return show_transfer(own(interaction_id), form, 422)
    db.session.commit()
    flash(
        f"Handed over. It waits until it is taken; you can take {interaction.customer.called} back in the queue.",
        "good",
    )
    return redirect(url_for("assist.home"), code=303)


def show_transfer(interaction: Interaction, form: HandOverForm, status: int) -> ResponseReturnValue:
    return render_page_or_partial(
        "interactions/transfer.html", "interactions/_transfer.html", status, interaction=interaction, form=form
    )


def receivers(interaction: Interaction) -> dict[str, list[tuple[str, str]]]:
    """Teams, and colleagues who may talk to customers: two statements."""
    roles = [name for name, permissions in ROLES.items() if Permission.HANDLE_INTERACTION in permissions]
    colleagues = db.session.execute(
        select(User.id, User.name, Team.name)
        .join(user_roles, user_roles.c.user_id == User.id)
        .join(Role, Role.id == user_roles.c.role_id)
        .outerjoin(Team, Team.id == User.team_id)
        .where(User.active, Role.name.in_(roles), User.id != (interaction.agent_id or 0))
        .distinct()
        .order_by(User.name, User.id)
        .limit(MOST_COLLEAGUES)
    ).all()
    teams = db.session.execute(select(Team.id, Team.name).order_by(Team.name, Team.id)).all()
    return {
        "": [("", "Choose a colleague or a team")],
        "Teams": [(f"team-{row.id}", row.name) for row in teams],
        "Colleagues": [(f"user-{row[0]}", f"{row[1]}{f', {row[2]}' if row[2] else ''}") for row in colleagues],
    }
