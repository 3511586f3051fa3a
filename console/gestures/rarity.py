"""A gesture for no reason is suggested seldom, so that it stays a surprise and nobody comes to expect it.

Of a hundred conversations at most so many have one, counted over seven days and for each stage in a customer's life by
itself, so that no group takes them all. What follows a failure is owed: it is never counted and never kept back. A
conversation counts once gestures were looked at in it, which the help pane does by itself.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, distinct, func, select

from console.db import db
from console.empowerment.kinds import Occasion
from console.gestures.learning_models import Suggestion
from console.gestures.situation import Silence
from console.gestures.weights import ALWAYS, SURPRISED
from console.interactions.models import IS_NO_REPLAY, Interaction

MOST = 5_000  # lists counted: 11 ms on SQLite


def may_surprise(customer_id: int, interaction_id: int | None, stage: str, now: datetime, percent: int) -> bool:
    """Whether something may be suggested for no reason: a few in seven days always, more while they stay within
    `percent`. What was shown in this conversation stays, and what was kept back stays away. At most two statements.

    Two lists made at the same moment may both be the last that fits: this is no limit of the ledger's.
    """
    if percent in (0, 100):
        return percent == 100
    if interaction_id and (decided := last_word(customer_id, interaction_id)) is not None:
        return decided == ""
    talks, surprised = week(stage, now)
    return surprised < ALWAYS or (surprised + 1) * 100 <= percent * (talks + 1)


def last_word(customer_id: int, interaction_id: int) -> str | None:
    """The silence of the last list for no reason in this conversation, empty when it was shown; None without one."""
    return db.session.scalar(
        select(Suggestion.silence)
        .where(
            Suggestion.customer_id == customer_id,
            Suggestion.interaction_id == interaction_id,
            Suggestion.occasion == Occasion.DELIGHT,
            Suggestion.silence.in_(("", Silence.RARE)),
        )
        .order_by(Suggestion.shown_at.desc(), Suggestion.id.desc())
        .limit(1)
    )


def week(stage: str, now: datetime) -> tuple[int, int]:
    """The conversations of the last seven days with customers of this stage, and those of them with a surprise; by the
    newest lists where there are very many."""
    recent = (
        select(
            Suggestion.interaction_id,
            and_(Suggestion.occasion == Occasion.DELIGHT, Suggestion.silence == "").label("is_surprise"),
            Suggestion.features["stage"].as_string().label("stage"),
        )
        .where(Suggestion.shown_at > now - SURPRISED, Suggestion.interaction_id.is_not(None))
        .order_by(Suggestion.shown_at.desc())
        .limit(MOST)
        .subquery()
    )
    talk = distinct(recent.c.interaction_id)
    talks, surprised = db.session.execute(
        select(func.count(talk), func.count(talk).filter(recent.c.is_surprise))
        .join(Interaction, Interaction.id == recent.c.interaction_id)
        .where(IS_NO_REPLAY, recent.c.stage == stage)
    ).one()
    return talks, surprised
