"""What an owner answers to a colleague's suggestion: taken over as a new revision, or declined with a reason."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import contains_eager, joinedload

from console.auth.models import User
from console.db import db
from console.errors import DomainError, Stale
from console.events import Topic, record_event
from knowledge.models import Article, ArticleSuggestion, Origin, SuggestionState
from knowledge.writing import Content, change

PAGE = 20


def suggestions(*, state: SuggestionState, owner_id: int | None = None, before: int = 0) -> Select[ArticleSuggestion]:
    """A page of suggestions, newest first, each with its article and who made it, and one more row."""
    query = (
        select(ArticleSuggestion)
        .join(ArticleSuggestion.article)
        .where(ArticleSuggestion.state == state)
        .options(
            contains_eager(ArticleSuggestion.article),
            joinedload(ArticleSuggestion.suggested_by).load_only(User.name).lazyload("*"),
            joinedload(ArticleSuggestion.decided_by).load_only(User.name).lazyload("*"),
        )
        .order_by(ArticleSuggestion.id.desc())
        .limit(PAGE + 1)
    )
    if owner_id is not None:
        query = query.where(Article.owner_id == owner_id)
    return query.where(ArticleSuggestion.id < before) if before else query


def suggestion(suggestion_id: int) -> Select[ArticleSuggestion]:
    return (
        select(ArticleSuggestion)
        .where(ArticleSuggestion.id == suggestion_id)
        .options(
            joinedload(ArticleSuggestion.article),
            joinedload(ArticleSuggestion.suggested_by).load_only(User.name).lazyload("*"),
            joinedload(ArticleSuggestion.decided_by).load_only(User.name).lazyload("*"),
        )
    )


def count_open(owner_id: int | None = None) -> int:
    query = select(func.count(ArticleSuggestion.id)).where(ArticleSuggestion.state == SuggestionState.OPEN)
    if owner_id is not None:
        query = query.join(ArticleSuggestion.article).where(Article.owner_id == owner_id)
    return db.session.scalar(query) or 0


def accept(
    row: ArticleSuggestion, content: Content, *, based_on: int, actor_id: int, now: datetime, answer: str = ""
) -> None:
    """Take a suggestion over, perhaps with changes: `content` is what the article says from now on.

    Raises Stale when the article or the suggestion changed meanwhile; then nothing is saved.
    """
    decide(row, SuggestionState.ACCEPTED, answer, actor_id, now)
    change(
        row.article,
        content,
        based_on=based_on,
        actor_id=actor_id,
        now=now,
        comment=row.comment[:300],
        origin=Origin.SUGGESTED,
    )


def decline(row: ArticleSuggestion, answer: str, *, actor_id: int, now: datetime) -> None:
    """Leave the article as it is. Raises DomainError without an answer, Stale when somebody has decided already."""
    if not answer:
        raise DomainError("Say why not: whoever suggested it reads your answer.")
    decide(row, SuggestionState.DECLINED, answer, actor_id, now)


def decide(row: ArticleSuggestion, state: SuggestionState, answer: str, actor_id: int, now: datetime) -> None:
    decided = db.session.execute(
        update(ArticleSuggestion)
        .where(ArticleSuggestion.id == row.id, ArticleSuggestion.state == SuggestionState.OPEN)
        .values(state=state, answer=answer, decided_by_id=actor_id, decided_at=now)
        .execution_options(synchronize_session=False)
    )
    if decided.rowcount != 1:  # type: ignore[attr-defined]
        raise Stale("A colleague has decided this suggestion already.")
    kind = "article.suggestion_accepted" if state is SuggestionState.ACCEPTED else "article.suggestion_declined"
    data = {"article": row.article_id}
    record_event(kind, Topic.ACCESS, subject=row, actor_id=actor_id, at=now, data=data)
