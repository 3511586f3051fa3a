"""How sure an answer must be before it is shown: the setting, and what another value would have done last week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute

from console.auth.models import User
from console.db import db
from console.errors import DomainError, Stale
from console.events import Topic, record_event
from knowledge.models import Article, AskedQuestion, KnowledgeSetting
from knowledge.ranking import SURE_ENOUGH

LOWEST, HIGHEST = 5, 95  # percent; at 0 and 100 the setting would mean "always" and "never"
LOOKED_BACK = timedelta(days=7)
EXAMPLES = 6
CHANGED = "A colleague changed this meanwhile. Nothing of yours was saved; both values are below."

NEWEST = AskedQuestion.asked_at.desc()
SHOW_FROM = select(KnowledgeSetting.show_from).order_by(KnowledgeSetting.id).limit(1)


@dataclass(frozen=True)
class Example:
    """One question, and the article that was its best answer."""

    text: str
    percent: int
    title: str | None
    slug: str | None
    asked_at: datetime


@dataclass(frozen=True)
class Preview:
    """Last week's questions at a threshold. All values in whole percent."""

    value: int
    now: int  # the threshold in force
    at_least: tuple[int, ...]  # how many questions reach 0, 1, … 100 %
    hidden: Sequence[Example]  # answered now, and not any more
    shown: Sequence[Example]  # not answered now, but then

    @property
    def asked(self) -> int:
        return self.at_least[0]

    @property
    def answered(self) -> int:
        return self.at_least[self.value]

    @property
    def answered_now(self) -> int:
        return self.at_least[self.now]

    def share(self, percent: int) -> float:
        """The share of questions that get an answer at a threshold, 0 to 1."""
        return self.at_least[percent] / self.asked if self.asked else 0.0


def show_from() -> float:
    """The confidence, 0 to 1, below which nothing is shown. One statement."""
    chosen: float | None = db.session.connection().execute(SHOW_FROM).scalar()
    return SURE_ENOUGH if chosen is None else chosen


def setting() -> tuple[KnowledgeSetting, User | None] | None:
    """What was set, and by whom; None while the default holds."""
    row = db.session.execute(
        select(KnowledgeSetting, User)
        .outerjoin(User, User.id == KnowledgeSetting.changed_by_id)
        .order_by(KnowledgeSetting.id)
        .limit(1)
    ).first()
    return (row[0], row[1]) if row else None


def as_percent(confidence: float) -> int:
    return min(max(round(100 * confidence), 0), 100)


def change(percent: int | None, *, seen: int, actor_id: int, now: datetime) -> None:
    """Show answers from so many percent on; None goes back to the default. `seen`: the percentage that was shown.

    Raises DomainError for a value out of range, and Stale when somebody changed it meanwhile.
    """
    if percent is not None and not LOWEST <= percent <= HIGHEST:
        raise DomainError(f"Choose a value from {LOWEST} to {HIGHEST} %.")
    row = db.session.scalar(select(KnowledgeSetting).order_by(KnowledgeSetting.id).limit(1).with_for_update())
    if as_percent(row.show_from if row else SURE_ENOUGH) != seen:
        raise Stale(CHANGED)
    if percent is None:
        db.session.execute(delete(KnowledgeSetting))
    elif row is None:
        db.session.add(KnowledgeSetting(id=1, show_from=percent / 100, changed_by_id=actor_id, changed_at=now))
        try:
            db.session.flush()
        except IntegrityError:
            db.session.rollback()
            raise Stale(CHANGED) from None
    else:
        row.show_from, row.changed_by_id, row.changed_at = percent / 100, actor_id, now
    data = {"percent": as_percent(SURE_ENOUGH) if percent is None else percent, "before": seen}
    record_event("threshold.changed", Topic.ACCESS, actor_id=actor_id, at=now, data=data)


def preview(percent: int, in_force: int, now: datetime) -> Preview:
    """What a threshold would have made of last week. Two or three statements, however much was asked."""
    week = AskedQuestion.asked_at >= now - LOOKED_BACK
    hidden: Sequence[Example] = ()
    shown: Sequence[Example] = ()
    if percent > in_force:
        hidden = examples(week, in_force, percent)
    elif percent < in_force:
        shown = examples(week, percent, in_force)
    else:  # nothing would change; then the closest calls on either side are worth a look
        hidden = examples(week, in_force, 101, AskedQuestion.confidence)
        shown = examples(week, 0, in_force, AskedQuestion.confidence.desc())
    return Preview(percent, in_force, reached(week), hidden, shown)


def reached(week: ColumnElement[bool]) -> tuple[int, ...]:
    """How many questions reach 0, 1, … 100 %: 101 figures, falling."""
    steps = case(
        *((AskedQuestion.confidence < percent / 100, literal(percent - 1)) for percent in range(1, 101)),
        else_=literal(100),
    )
    stepped = select(steps.label("step")).where(week).subquery()
    counted = select(stepped.c.step, func.count()).group_by(stepped.c.step)
    found = {row[0]: row[1] for row in db.session.execute(counted)}
    return tuple(accumulate(found.get(step, 0) for step in range(100, -1, -1)))[::-1]


def examples(
    week: ColumnElement[bool], low: int, high: int, order: ColumnElement[Any] | InstrumentedAttribute[Any] = NEWEST
) -> Sequence[Example]:
    """Some of the questions whose confidence, in percent, is at least `low` and below `high`."""
    confidence = AskedQuestion.confidence
    rows = db.session.execute(
        select(AskedQuestion.text, confidence, Article.title, Article.slug, AskedQuestion.asked_at)
        .outerjoin(Article, Article.id == AskedQuestion.best_article_id)
        .where(week, confidence >= low / 100, confidence < high / 100)
        .order_by(order, AskedQuestion.id.desc())
        .limit(EXAMPLES)
    )
    return [Example(row.text, as_percent(row.confidence), row.title, row.slug, row.asked_at) for row in rows]
