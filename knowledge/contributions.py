"""What one person gave to the knowledge base, and what became of it: articles handed in, better wordings suggested."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import aliased, defer, joinedload

from console.auth.models import User
from console.db import db
from knowledge.models import Article, ArticleRevision, ArticleState, ArticleSuggestion

PAGE = 20


class Kind(StrEnum):
    ARTICLES = "articles"
    SUGGESTIONS = "suggestions"


@dataclass(frozen=True)
class HandedIn:
    """An article that this person wrote first."""

    id: int  # of its first revision: what lists are paged by
    article: Article  # without its body
    newest: ArticleRevision  # without its body, with who made it; perhaps still their own

    @property
    def waits(self) -> bool:
        """Nobody has touched it since."""
        return self.article.state is ArticleState.DRAFT and self.newest.id == self.id


def handed_in(user_id: int, before: int = 0) -> list[HandedIn]:
    """The articles that somebody wrote here, newest first: a page and one more. One statement."""
    newest = aliased(ArticleRevision)
    query = (
        select(ArticleRevision.id, Article, newest)
        .join(Article, Article.id == ArticleRevision.article_id)
        .join(newest, and_(newest.article_id == Article.id, newest.number == Article.revision))
        .where(Article.source == "", ArticleRevision.number == 1, ArticleRevision.editor_id == user_id)
        .options(defer(Article.body), defer(newest.body), joinedload(newest.editor).load_only(User.name).lazyload("*"))
        .order_by(ArticleRevision.id.desc())
        .limit(PAGE + 1)
    )
    if before:
        query = query.where(ArticleRevision.id < before)
    return [HandedIn(*row) for row in db.session.execute(query)]


def suggested(user_id: int, before: int = 0) -> list[ArticleSuggestion]:
    """What somebody suggested, newest first, each with its article and who answered: a page and one more."""
    query = (
        select(ArticleSuggestion)
        .where(ArticleSuggestion.suggested_by_id == user_id)
        .options(
            defer(ArticleSuggestion.body),
            joinedload(ArticleSuggestion.article).defer(Article.body),
            joinedload(ArticleSuggestion.decided_by).load_only(User.name).lazyload("*"),
        )
        .order_by(ArticleSuggestion.id.desc())
        .limit(PAGE + 1)
    )
    return list(db.session.scalars(query.where(ArticleSuggestion.id < before) if before else query))


def suggestion_by(user_id: int, suggestion_id: int) -> ArticleSuggestion | None:
    """One of this person's own, with its article and who answered."""
    return db.session.scalars(
        select(ArticleSuggestion)
        .where(ArticleSuggestion.id == suggestion_id, ArticleSuggestion.suggested_by_id == user_id)
        .options(
            joinedload(ArticleSuggestion.article).defer(Article.body),
            joinedload(ArticleSuggestion.decided_by).load_only(User.name).lazyload("*"),
        )
    ).first()


def is_author(article_id: int, user_id: int) -> bool:
    """Whether this person wrote its first revision."""
    first = exists().where(
        ArticleRevision.article_id == article_id, ArticleRevision.number == 1, ArticleRevision.editor_id == user_id
    )
    return bool(db.session.scalar(select(first)))
