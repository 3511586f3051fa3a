"""What the database has of the articles of one source, and what people did to them since they were taken in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select

from console.db import db
from knowledge.models import Article, ArticleRevision, ArticleState, Origin

# All but title and body that a person decides: see `facts`.
DECIDED = (
    Article.state,
    Article.labels,
    Article.audience,
    Article.language,
    Article.owner_id,
    Article.verify_by,
    Article.expires_on,
)
SOURCE = "source"  # in a revision's facts: what the source said otherwise


@dataclass(frozen=True)
class Known:
    """What the database has of an article."""

    id: int
    slug: str
    content_hash: str
    revision: int
    is_archived: bool
    is_edited: bool  # its title or text, here, since the source was last taken in
    standing: float
    set_here: Mapping[str, Any] = field(default_factory=dict)  # facts that somebody decided since, as they are now
    taken_in_at: datetime | None = None  # as it was taken in last …
    is_new: bool = False  # … which was the first time


def articles_of(source: str) -> dict[str, Known]:
    """By their ids in the source. What was restored or typed to what the source says is not edited."""
    last = (
        select(ArticleRevision.article_id, func.max(ArticleRevision.number).label("number"))
        .join(Article, Article.id == ArticleRevision.article_id)
        .where(Article.source == source, ArticleRevision.origin == Origin.INGESTED)
        .group_by(ArticleRevision.article_id)
        .subquery()
    )
    taken_in = and_(ArticleRevision.article_id == last.c.article_id, ArticleRevision.number == last.c.number)
    is_edited = or_(ArticleRevision.title != Article.title, ArticleRevision.body != Article.body)
    taken = ArticleRevision.made_at, ArticleRevision.number
    columns = (Article.external_id, Article.id, Article.slug, Article.content_hash, Article.revision, Article.standing)
    rows = db.session.execute(
        select(*columns, *DECIDED, is_edited.label("is_edited"), ArticleRevision.facts.label("then"), *taken)
        .outerjoin(last, last.c.article_id == Article.id)
        .outerjoin(ArticleRevision, taken_in)
        .where(Article.source == source)
    )
    return {
        row.external_id: Known(
            row.id,
            row.slug,
            row.content_hash,
            row.revision,
            is_archived=row.state is ArticleState.ARCHIVED,
            is_edited=bool(row.is_edited),
            standing=row.standing,
            set_here=changed(row.then or {}, facts(row._mapping)),
            taken_in_at=row.made_at,
            is_new=row.number == 1,
        )
        for row in rows
    }


def changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Those of today's facts that are no longer what the source said when it was last taken in."""
    said = {**then, **then.get(SOURCE, {})}
    return {name: value for name, value in now.items() if name in said and said[name] != value}


def facts(values: Mapping[Any, Any]) -> dict[str, Any]:
    """All but title and body that a person decides, as plain JSON: what a revision keeps."""
    return {
        "state": values["state"].value,
        "labels": list(values["labels"]),
        "audience": values["audience"].value,
        "language": values["language"],
        "owner_id": values["owner_id"],
        "verify_by": values["verify_by"].isoformat() if values["verify_by"] else None,
        "expires_on": values["expires_on"].isoformat() if values["expires_on"] else None,
    }
