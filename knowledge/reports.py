"""Reports for knowledge owners: which articles need care, which serve well, what was asked and answered.

Each list is one statement over figures that the database sums up; nothing is loaded but the rows shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, case, exists, func, or_, select

from console.auth.models import User
from console.db import db
from console.web import today
from knowledge.counting import between, midnights, stretch
from knowledge.models import (
    Article,
    ArticleFeedback,
    ArticleLink,
    ArticleState,
    AskedQuestion,
    FeedbackKind,
    GapState,
    KnowledgeGap,
)

PAGE = 50
STALE_AFTER = timedelta(days=365)  # without anybody having looked at it
SEEN_OFTEN = 5  # times shown: from here on it means something that nobody opened it
OPENED_OFTEN = 3
PERIODS = (14, 30, 90, 365)  # days
BY_DAY = 30  # longer periods are drawn by week
GAP_WEEKS = 12  # at least so many are drawn
ROWS_AT_ONCE = 1_000


class Kind(StrEnum):
    """The lists of articles."""

    EXPIRED = "expired"
    STALE = "stale"
    UNUSED = "unused"
    UNOPENED = "unopened"
    UNHELPFUL = "unhelpful"
    USEFUL = "useful"


@dataclass(frozen=True)
class Row:
    """An article and its figures in the period."""

    id: int
    slug: str
    title: str
    owner: str | None
    updated_at: datetime
    verified_at: datetime | None
    verify_by: date | None
    expires_on: date | None
    displayed: int
    opened: int
    linked: int
    helpful: int
    not_helpful: int
    weight: int  # what the list is sorted by

    @property
    def checked_at(self) -> datetime:
        return max(self.verified_at or self.updated_at, self.updated_at)


@dataclass(frozen=True)
class Stretch:
    """A day or a week of a plot."""

    on: date
    first: int  # asked, or gaps opened
    second: int  # of these answered, or gaps solved


FIGURES = {
    "displayed": (FeedbackKind.DISPLAYED,),
    "opened": (FeedbackKind.OPENED,),
    "copied": (FeedbackKind.COPIED,),
    "helpful": (FeedbackKind.HELPFUL,),
    "not_helpful": (FeedbackKind.NOT_HELPFUL, FeedbackKind.DISMISSED),
}


def articles(
    kind: Kind, since: datetime, owner_id: int | None, after: tuple[int, int] | None = None
) -> Select[Any, Any]:
    """The rows of a list, most important first, as columns of Row; without an end."""
    feedback, links = felt(since), used(since)
    sums = {name: func.coalesce(feedback.c[name], 0) for name in FIGURES}
    sums["linked"] = func.coalesce(links.c.linked, 0)
    chosen, weight = rule(kind, sums, since)
    columns = [sums[name].label(name) for name in ("displayed", "opened", "linked", "helpful", "not_helpful")]
    facts = Article.updated_at, Article.verified_at, Article.verify_by, Article.expires_on
    query = (
        select(
            Article.id, Article.slug, Article.title, User.name.label("owner"), *facts, *columns, weight.label("weight")
        )
        .outerjoin(User, User.id == Article.owner_id)
        .outerjoin(feedback, feedback.c.article_id == Article.id)
        .outerjoin(links, links.c.article_id == Article.id)
        .where(Article.state == ArticleState.PUBLISHED, chosen)
        .order_by(weight.desc(), Article.id)
    )
    if owner_id is not None:
        query = query.where(Article.owner_id == owner_id)
    if after is not None:
        query = query.where(or_(weight < after[0], and_(weight == after[0], Article.id > after[1])))
    return query


def felt(since: datetime) -> Any:
    """What was done with each article since then, by kind."""
    sums = [
        func.sum(case((ArticleFeedback.kind.in_(kinds), 1), else_=0)).label(name) for name, kinds in FIGURES.items()
    ]
    return (
        select(ArticleFeedback.article_id, *sums)
        .where(ArticleFeedback.at >= since)
        .group_by(ArticleFeedback.article_id)
        .subquery()
    )


def used(since: datetime) -> Any:
    return (
        select(ArticleLink.article_id, func.count().label("linked"))
        .where(ArticleLink.linked_at >= since)
        .group_by(ArticleLink.article_id)
        .subquery()
    )


def rule(kind: Kind, sums: dict[str, Any], since: datetime) -> tuple[Any, Any]:
    """Which articles a list holds, and the figure it is sorted by."""
    looked_at = sums["opened"] + sums["copied"] + sums["linked"]
    if kind is Kind.EXPIRED:
        return Article.expires_on <= today(), looked_at + sums["displayed"]
    if kind is Kind.STALE:
        long_ago = midnights(1)[-1] - STALE_AFTER
        checked = func.coalesce(Article.verified_at, Article.updated_at)
        untouched = and_(checked < long_ago, Article.updated_at < long_ago)
        return or_(Article.verify_by < today(), untouched), looked_at + sums["displayed"]
    if kind is Kind.UNUSED:
        never_shown = sums["displayed"] + looked_at == 0
        return and_(never_shown, Article.updated_at < since), sums["displayed"]
    if kind is Kind.UNOPENED:
        return and_(sums["displayed"] >= SEEN_OFTEN, looked_at == 0), sums["displayed"]
    if kind is Kind.UNHELPFUL:
        against = sums["not_helpful"]
        often = sums["opened"] + sums["copied"] >= OPENED_OFTEN
        return and_(often, against >= 2, against >= sums["helpful"]), against
    serves = sums["linked"] + sums["helpful"]
    return and_(serves > 0, sums["helpful"] >= sums["not_helpful"]), serves


def listed(
    kind: Kind, since: datetime, owner_id: int | None, limit: int, after: tuple[int, int] | None = None
) -> list[Row]:
    return [as_row(row) for row in db.session.execute(articles(kind, since, owner_id, after).limit(limit))]


def every_row(kind: Kind, since: datetime, owner_id: int | None) -> Iterator[Sequence[Row]]:
    """The whole list from one statement, some rows at a time."""
    rows = db.session.execute(articles(kind, since, owner_id), execution_options={"yield_per": ROWS_AT_ONCE})
    for some in rows.partitions():
        yield [as_row(row) for row in some]


def as_row(row: Any) -> Row:
    return Row(*row)


def article_owners() -> list[tuple[int, str]]:
    """Who looks after an article: at most 300 names."""
    owns = exists().where(Article.owner_id == User.id)
    rows = db.session.execute(select(User.id, User.name).where(owns).order_by(User.name, User.id).limit(300))
    return [(row[0], row[1]) for row in rows]


def asked_and_answered(days: int) -> list[Stretch]:
    """Questions on each day, or week of a long period, and for how many of them something was shown."""
    edges = midnights(days, 1 if days <= BY_DAY else 7)
    asked = (
        select(
            stretch(AskedQuestion.asked_at, edges).label("place"),
            case((AskedQuestion.shown > 0, 1), else_=0).label("got"),
        )
        .where(*between(AskedQuestion.asked_at, edges))
        .subquery()
    )
    counted = select(asked.c.place, func.count(), func.sum(asked.c.got)).group_by(asked.c.place)
    found = {row[0]: (row[1], row[2]) for row in db.session.execute(counted)}
    return [Stretch(edge.date(), *found.get(place, (0, 0))) for place, edge in enumerate(edges[:-1])]


def opened_and_solved(days: int) -> list[Stretch]:
    """Gaps of each week: how many were asked for the first time in it, and how many were solved in it."""
    edges = midnights(max(days, 7 * GAP_WEEKS), 7)
    opened = counted_by(KnowledgeGap.first_asked_at, edges)
    solved = counted_by(KnowledgeGap.decided_at, edges, KnowledgeGap.state == GapState.SOLVED)
    return [Stretch(edge.date(), opened.get(place, 0), solved.get(place, 0)) for place, edge in enumerate(edges[:-1])]


def counted_by(column: Any, edges: Sequence[datetime], *where: Any) -> dict[int, int]:
    gaps = select(stretch(column, edges).label("place")).where(*between(column, edges), *where).subquery()
    counted = select(gaps.c.place, func.count()).group_by(gaps.c.place)
    return {row[0]: row[1] for row in db.session.execute(counted)}
