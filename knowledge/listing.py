"""The owners' list of articles: narrowed, paged, without the bodies; and what of it waits for one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, case, cast, func, literal, or_, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import contains_eager, defer, joinedload

from console.auth.models import User
from console.db import db
from knowledge.flagging import cared_for_by
from knowledge.models import (
    Article,
    ArticleFlag,
    ArticleRevision,
    ArticleState,
    ArticleSuggestion,
    FlagState,
    SuggestionState,
)

PAGE = 50
SOON = timedelta(days=14)
SHOWN = 8


class Due(StrEnum):
    """Which of the published articles want their owner's look."""

    SOON = "soon"  # within two weeks, or overdue
    OVERDUE = "overdue"  # to be checked again, or expired
    EXPIRED = "expired"

    def rule(self, today: date) -> Any:
        until = today + SOON if self is Due.SOON else today
        expires = Article.expires_on <= until
        check = Article.verify_by <= until if self is Due.SOON else Article.verify_by < until
        return and_(Article.state == ArticleState.PUBLISHED, expires if self is Due.EXPIRED else or_(check, expires))


@dataclass(frozen=True)
class Narrowing:
    """What the list shows; None and "" leave it open."""

    state: ArticleState | None = None
    owner_id: int | None = None
    or_nobody: bool = False  # beside what is the owner's
    label: str = ""
    source: str | None = None  # "" is what was written here
    due: Due | None = None

    def __bool__(self) -> bool:
        return self != Narrowing()


def page(narrowing: Narrowing, today: date, before: tuple[datetime, int] | None = None) -> Select[Article]:
    """A page of articles, changed last first, each with its owner, and one more row."""
    query = (
        select(Article)
        .options(defer(Article.body), joinedload(Article.owner).load_only(User.name).lazyload("*"))
        .order_by(Article.updated_at.desc(), Article.id.desc())
        .limit(PAGE + 1)
    )
    if narrowing.state is not None:
        query = query.where(Article.state == narrowing.state)
    if narrowing.owner_id is not None:
        own = Article.owner_id == narrowing.owner_id
        query = query.where(cared_for_by(narrowing.owner_id) if narrowing.or_nobody else own)
    if narrowing.source is not None:
        query = query.where(Article.source == narrowing.source)
    if narrowing.label:
        query = query.where(has_label(narrowing.label))
    if narrowing.due is not None:
        query = query.where(narrowing.due.rule(today))
    if before is not None:
        moment, row_id = before
        query = query.where(
            tuple_(Article.updated_at, Article.id) < tuple_(literal(moment, Article.updated_at.type), literal(row_id))
        )
    return query


def has_label(label: str) -> Any:
    if db.engine.dialect.name == "postgresql":
        return cast(Article.labels, JSONB).contains([label])
    each = func.json_each(Article.labels).table_valued("value")
    return select(literal(1)).select_from(each).where(each.c.value == label).exists()


def sources() -> list[str]:
    """Where articles came from, "" for here."""
    return list(db.session.scalars(select(Article.source).distinct().order_by(Article.source).limit(100)))


@dataclass(frozen=True)
class ToCheck:
    """What waits for the owner of articles."""

    articles: Sequence[Article]  # overdue, or due within two weeks; one's own first, then the longest overdue
    flags: Sequence[ArticleFlag]  # open, each with its article
    suggestions: Sequence[ArticleSuggestion]  # open, each with its article
    handed_in: Sequence[Article]  # drafts that a colleague wrote and nobody has touched since; without bodies

    def __bool__(self) -> bool:
        return bool(self.articles or self.flags or self.suggestions or self.handed_in)


def due_on() -> Any:
    """The earlier of the two days that an article may have."""
    expires_first = or_(Article.verify_by.is_(None), Article.expires_on <= Article.verify_by)
    return case((expires_first, Article.expires_on), else_=Article.verify_by)


def to_check(user_id: int, today: date, *, is_editor: bool) -> ToCheck:
    """At most four statements of eight rows. What belongs to nobody waits for every editor."""
    mine = cared_for_by(user_id) if is_editor else Article.owner_id == user_id
    due = (
        select(Article)
        .where(mine, Due.SOON.rule(today))
        .options(defer(Article.body))
        .order_by(Article.owner_id.is_(None), due_on(), Article.id)
        .limit(SHOWN)
    )
    flags = (
        select(ArticleFlag)
        .join(ArticleFlag.article)
        .where(mine, ArticleFlag.state == FlagState.OPEN)
        .options(contains_eager(ArticleFlag.article).defer(Article.body))
        .order_by(ArticleFlag.id)
        .limit(SHOWN)
    )
    proposals = (
        select(ArticleSuggestion)
        .join(ArticleSuggestion.article)
        .where(mine, ArticleSuggestion.state == SuggestionState.OPEN)
        .options(contains_eager(ArticleSuggestion.article).defer(Article.body))
        .order_by(ArticleSuggestion.id)
        .limit(SHOWN)
    )
    drafts = (
        select(Article)
        .join(ArticleRevision, and_(ArticleRevision.article_id == Article.id, ArticleRevision.number == 1))
        .where(mine, Article.state == ArticleState.DRAFT, Article.source == "", Article.revision == 1)
        .where(ArticleRevision.editor_id != user_id)
        .options(defer(Article.body))
        .order_by(Article.id)
        .limit(SHOWN)
    )
    return ToCheck(
        db.session.scalars(due).all(),
        db.session.scalars(flags).all(),
        db.session.scalars(proposals).all(),
        db.session.scalars(drafts).all() if is_editor else [],
    )
