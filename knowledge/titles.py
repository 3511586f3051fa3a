"""Articles by the words of their titles, for the palette and type-ahead."""

from __future__ import annotations

from sqlalchemy import select

from console.db import db
from knowledge.models import Article, ArticleState


def titles_like(q: str, limit: int = 5) -> list[Article]:
    """Published articles whose title holds every word of `q`. Looks through titles alone, thousands at most."""
    words = q.split()[:8]
    query = select(Article).where(Article.state == ArticleState.PUBLISHED)
    for word in words:
        query = query.where(Article.title.icontains(word, autoescape=True))
    return list(db.session.scalars(query.order_by(Article.title, Article.id).limit(limit))) if words else []
