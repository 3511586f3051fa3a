"""Named questions about articles."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import defer, joinedload

from knowledge.models import Article


def by_slug(slug: str) -> Select[Article]:
    """One article, with its owner."""
    return select(Article).where(Article.slug == slug).options(joinedload(Article.owner))


def latest(article_ids: Sequence[int], count: int = 20) -> Select[Article]:
    """The most recently updated of some articles, without their bodies."""
    return (
        select(Article)
        .where(Article.id.in_(article_ids))
        .options(defer(Article.body))
        .order_by(Article.updated_at.desc(), Article.id.desc())
        .limit(count)
    )
