"""Articles by the words of their titles, for the palette and type-ahead."""

from __future__ import annotations

from sqlalchemy import case, or_, select
from sqlalchemy.orm import load_only

from console.db import db
from console.web import today
from knowledge.models import Article, ArticleState

MOST_WORDS = 8  # what has more is a question, and no title begins like it


def titles_like(q: str, limit: int = 5) -> list[Article]:
    """Published articles whose title holds every word of `q`, those that begin with it first; slug and title only.

    Looks through titles alone, thousands at most.
    """
    words = q.replace("\0", " ").split()
    if not 0 < len(words) <= MOST_WORDS:
        return []
    begins = case((Article.title.istartswith(" ".join(words), autoescape=True), 0), else_=1)
    query = (
        select(Article)
        .where(
            Article.state == ArticleState.PUBLISHED,
            or_(Article.expires_on.is_(None), Article.expires_on > today()),
            *(Article.title.icontains(word, autoescape=True) for word in words),
        )
        .options(load_only(Article.slug, Article.title))
        .order_by(begins, Article.title, Article.id)
        .limit(limit)
    )
    return list(db.session.scalars(query))
