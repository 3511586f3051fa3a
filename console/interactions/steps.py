"""The steps of an article that were done in an interaction: ticked, unticked, and shown to whoever goes on with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from console.auth.models import User
from console.db import db
from console.events import Topic, record_event
from console.feed import tell
from console.interactions.live_models import StepDone
from console.interactions.models import Interaction
from console.interactions.turns import hold

MOST = 500


@dataclass(frozen=True)
class Ticked:
    """A step as it was done: by whom, when, of which revision of its article and in which words."""

    article_id: int
    number: int
    revision: int
    text: str
    by: str
    at: datetime


def tick(
    interaction: Interaction, article_id: int, revision: int, number: int, text: str, *, user_id: int, now: datetime
) -> bool:
    """Say that a step is done; False when it was. Raises Stale when the interaction is closed."""
    hold(interaction)
    done = StepDone(
        interaction_id=interaction.id,
        article_id=article_id,
        article_revision=revision,
        number=number,
        text=text,
        done_by_id=user_id,
        done_at=now,
    )
    try:
        with db.session.begin_nested():
            db.session.add(done)
    except IntegrityError:  # pressed twice, or by two people
        return False
    tell_about("interaction.step_done", interaction, article_id, number, user_id, now)
    return True


def untick(interaction: Interaction, article_id: int, number: int, *, user_id: int, now: datetime) -> bool:
    """It was not done after all; False when nobody had said so. Raises Stale when the interaction is closed."""
    hold(interaction)
    gone = db.session.execute(
        delete(StepDone).where(
            StepDone.interaction_id == interaction.id, StepDone.article_id == article_id, StepDone.number == number
        )
    )
    if not gone.rowcount:  # type: ignore[attr-defined]
        return False
    tell_about("interaction.step_undone", interaction, article_id, number, user_id, now)
    return True


def done_in(interaction_id: int) -> list[Ticked]:
    """What was ticked, in the order of the articles that were begun; one statement."""
    rows = db.session.execute(
        select(
            StepDone.article_id,
            StepDone.number,
            StepDone.article_revision,
            StepDone.text,
            User.name,
            StepDone.done_at,
        )
        .outerjoin(User, User.id == StepDone.done_by_id)
        .where(StepDone.interaction_id == interaction_id)
        .order_by(StepDone.id)
        .limit(MOST)
    )
    return [Ticked(row[0], row[1], row[2], row[3], row[4] or "", row[5]) for row in rows]


def tell_about(kind: str, interaction: Interaction, article_id: int, number: int, user_id: int, now: datetime) -> None:
    tell(f"interaction:{interaction.id}", "steps", article=article_id)
    about = {"article_id": article_id, "number": number}
    customer_id = interaction.customer_id
    record_event(kind, Topic.ACCESS, subject=interaction, customer_id=customer_id, actor_id=user_id, at=now, data=about)
