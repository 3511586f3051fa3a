"""The readable address of an article: how it is made from words, and which ones are free."""

from __future__ import annotations

import re
import unicodedata

from sqlalchemy import select

from console.db import db
from knowledge.models import Article, ArticleSlug

LONGEST = 80
# These lead to pages of their own below /knowledge/articles.
RESERVED = frozenset({"new", "drafts", "preview", "nearest", "duplicates", "suggestions"})


def stem_of(text: str) -> str:
    """Letters and digits with hyphens between; "article" for a text that has none."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\W_]+", "-", plain).strip("-")[:LONGEST].strip("-") or "article"


def free_address(title: str) -> str:
    """An address that no article has or had."""
    stem = stem_of(title)
    taken = set(RESERVED)
    for column in (Article.slug, ArticleSlug.slug):
        taken.update(db.session.scalars(select(column).where(column.startswith(stem, autoescape=True)).limit(10_000)))
    return free_slug(title, taken)


def free_slug(title: str, taken: set[str]) -> str:
    """An address that is not among `taken`, and is from now on."""
    stem = stem_of(title)
    slug, number = stem, 1
    while slug in taken:
        number += 1
        slug = f"{stem}-{number}"
    taken.add(slug)
    return slug


def article_at(slug: str) -> int | None:
    """The id of the article that has this address, or had it once."""
    slug = slug.replace("\0", "")
    now = db.session.scalar(select(Article.id).where(Article.slug == slug))
    return now or db.session.scalar(select(ArticleSlug.article_id).where(ArticleSlug.slug == slug))
