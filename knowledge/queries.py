"""Named questions about articles."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, column, func, select, table
from sqlalchemy.orm import defer, joinedload

from console.db import db
from knowledge.models import Article, ArticleFeedback, ArticlePin, ArticleState, FeedbackKind

# All that the knowledge base may know of an interaction: that it is there, whose it is, on whose timeline it stands,
# how it was held; and, to start an article from it, what it was about.
KNOWN_OF_INTERACTIONS = ("id", "customer_id", "agent_id", "channel", "subject", "resolution")
INTERACTIONS = table("interactions", *(column(name) for name in KNOWN_OF_INTERACTIONS))

LOOKED_BACK = 200  # openings among which somebody's recent articles are looked for
PINS = 50  # that are listed


def by_slug(slug: str) -> Select[Article]:
    """One article, with its owner."""
    return select(Article).where(Article.slug == slug).options(joinedload(Article.owner))


def by_id(article_id: int) -> Select[Article]:
    return select(Article).where(Article.id == article_id).options(joinedload(Article.owner))


def latest(article_ids: Sequence[int], count: int = 20) -> Select[Article]:
    """The most recently updated of some articles, without their bodies."""
    return (
        select(Article)
        .where(Article.id.in_(article_ids))
        .options(defer(Article.body))
        .order_by(Article.updated_at.desc(), Article.id.desc())
        .limit(count)
    )


def opened_by(user_id: int, count: int = 6) -> Select[Article]:
    """What somebody opened last, newest first, without bodies; drafts stay out."""
    openings = (
        select(ArticleFeedback.article_id, ArticleFeedback.at)
        .where(ArticleFeedback.user_id == user_id, ArticleFeedback.kind == FeedbackKind.OPENED)
        .order_by(ArticleFeedback.at.desc(), ArticleFeedback.id.desc())
        .limit(LOOKED_BACK)
        .subquery()
    )
    last = select(openings.c.article_id, func.max(openings.c.at).label("at")).group_by(openings.c.article_id).subquery()
    return (
        select(Article)
        .join(last, last.c.article_id == Article.id)
        .where(Article.state != ArticleState.DRAFT)
        .options(defer(Article.body))
        .order_by(last.c.at.desc(), Article.id.desc())
        .limit(count)
    )


def pinned_by(user_id: int) -> Select[Article]:
    """What somebody keeps at hand, newest first, without bodies; drafts stay out."""
    return (
        select(Article)
        .join(ArticlePin, ArticlePin.article_id == Article.id)
        .where(ArticlePin.user_id == user_id, Article.state != ArticleState.DRAFT)
        .options(defer(Article.body))
        .order_by(ArticlePin.pinned_at.desc(), ArticlePin.id.desc())
        .limit(PINS)
    )


def in_order(ids: Sequence[int]) -> list[Article]:
    """Articles without their bodies, in the order of their ids as given."""
    query = select(Article).where(Article.id.in_(ids)).options(defer(Article.body))
    rows = {row.id: row for row in db.session.scalars(query)}
    return [rows[one] for one in ids if one in rows]
