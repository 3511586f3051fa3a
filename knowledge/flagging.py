"""Somebody says what is the matter with an article, or how to say it better; its owner answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.orm import defer, joinedload

from console.auth.models import User
from console.db import db
from console.errors import DomainError, Stale
from console.events import Topic, record_event
from knowledge.feedback import Occasion, restand
from knowledge.models import Article, ArticleFlag, ArticleSuggestion, FlagReason, FlagState

REASONS = {
    FlagReason.WRONG: "It is wrong",
    FlagReason.OUTDATED: "It is out of date",
    FlagReason.UNCLEAR: "It is hard to understand",
    FlagReason.INCOMPLETE: "Something is missing",
    FlagReason.DUPLICATE: "Another article says the same",
}
ANSWERS = {FlagState.FIXED: "Put right", FlagState.DISMISSED: "Fine as it is"}
PAGE = 20
SHOWN = 5  # of one person's flags on an article
SAME_TEXT = "Nothing was changed: this is what the article says already."
CHANGED = "The article was changed while you wrote. Nothing of yours is lost: compare the two, then send it again."
ANSWERED = "Somebody answered this meanwhile. Their answer stands below; yours was not saved."


def flag(
    article: Article, reason: FlagReason, comment: str, occasion: Occasion, *, user_id: int, now: datetime
) -> ArticleFlag:
    """Report an article to its owner. The same report again while the first one is open returns that."""
    mine = (
        ArticleFlag.article_id == article.id,
        ArticleFlag.flagged_by_id == user_id,
        ArticleFlag.state == FlagState.OPEN,
        ArticleFlag.reason == reason,
        ArticleFlag.comment == comment,
    )
    if known := db.session.scalars(select(ArticleFlag).where(*mine).limit(1)).first():
        return known
    row = ArticleFlag(
        article_id=article.id,
        reason=reason,
        comment=comment,
        interaction_id=occasion.interaction_id,
        flagged_by_id=user_id,
        flagged_at=now,
    )
    db.session.add(row)
    db.session.flush()
    restand(article.id)
    record_report("article.flagged", article, user_id, now, flag_id=row.id, reason=reason.value)
    return row


def answer(row: ArticleFlag, state: FlagState, words: str, *, user_id: int, now: datetime) -> None:
    """Say what became of a flag. `row` has its article loaded.

    Raises DomainError for one that is sent away without a word, Stale when somebody answered meanwhile.
    """
    if state not in ANSWERS:
        raise ValueError(f"{state} is no answer")
    if state is FlagState.DISMISSED and not words:
        raise DomainError("Say why it is fine as it is: whoever reported it reads this.")
    decided = db.session.execute(
        update(ArticleFlag)
        .where(ArticleFlag.id == row.id, ArticleFlag.state == FlagState.OPEN)
        .values(state=state, answer=words, decided_by_id=user_id, decided_at=now)
        .execution_options(synchronize_session=False)
    )
    if decided.rowcount != 1:  # type: ignore[attr-defined]
        raise Stale(ANSWERED)
    restand(row.article_id)
    record_report("article.flag_answered", row.article, user_id, now, flag_id=row.id, state=state.value)


def suggest(
    article: Article, body: str, comment: str, *, based_on: int, user_id: int, now: datetime
) -> ArticleSuggestion:
    """Propose a better text to the article's owner.

    Raises DomainError when it says what the article says, Stale when there is a newer revision than `based_on`.
    """
    if based_on != article.revision:
        raise Stale(CHANGED)
    if body.strip() == article.body.strip():
        raise DomainError(SAME_TEXT)
    row = ArticleSuggestion(
        article_id=article.id,
        base_revision=based_on,
        body=body,
        comment=comment,
        suggested_by_id=user_id,
        suggested_at=now,
    )
    db.session.add(row)
    db.session.flush()
    record_report("article.edit_suggested", article, user_id, now, suggestion_id=row.id)
    return row


def record_report(kind: str, article: Article, user_id: int, now: datetime, **data: Any) -> None:
    record_event(kind, Topic.ACCESS, subject=article, actor_id=user_id, at=now, data=data)


def open_flags_for(owner_id: int | None = None, *, after: int = 0) -> Select[ArticleFlag]:
    """Open flags, the oldest first: a page and one more row, each with its article (no body) and who raised it.

    `owner_id`: on the articles of this owner, and on those that nobody owns; None for all.
    """
    query = (
        with_people(select(ArticleFlag).join(ArticleFlag.article))
        .where(ArticleFlag.state == FlagState.OPEN, ArticleFlag.id > after)
        .order_by(ArticleFlag.id)
        .limit(PAGE + 1)
    )
    return query if owner_id is None else query.where(cared_for_by(owner_id))


def count_open_flags(owner_id: int | None = None) -> int:
    """How many open flags `open_flags_for` would list on all its pages."""
    query = select(func.count(ArticleFlag.id)).join(ArticleFlag.article).where(ArticleFlag.state == FlagState.OPEN)
    return db.session.scalar(query if owner_id is None else query.where(cared_for_by(owner_id))) or 0


def cared_for_by(owner_id: int) -> Any:
    return or_(Article.owner_id == owner_id, Article.owner_id.is_(None))


def flags_of(article_id: int, user_id: int) -> Select[ArticleFlag]:
    """One person's last flags on an article, newest first, with who answered."""
    return (
        with_people(select(ArticleFlag))
        .where(ArticleFlag.article_id == article_id, ArticleFlag.flagged_by_id == user_id)
        .order_by(ArticleFlag.id.desc())
        .limit(SHOWN)
    )


def suggestions_of(article_id: int, user_id: int) -> Select[ArticleSuggestion]:
    """One person's last suggestions for an article, newest first, with who answered."""
    return (
        select(ArticleSuggestion)
        .where(ArticleSuggestion.article_id == article_id, ArticleSuggestion.suggested_by_id == user_id)
        .options(joinedload(ArticleSuggestion.decided_by), defer(ArticleSuggestion.body))
        .order_by(ArticleSuggestion.id.desc())
        .limit(SHOWN)
    )


def flag_by_id(flag_id: int) -> Select[ArticleFlag]:
    return with_people(select(ArticleFlag)).where(ArticleFlag.id == flag_id)


def with_people(query: Select[ArticleFlag]) -> Select[ArticleFlag]:
    """Each with its article, and with the names of who raised and who answered it."""
    return query.options(
        joinedload(ArticleFlag.article).options(
            defer(Article.body), joinedload(Article.owner).load_only(User.name).lazyload("*")
        ),
        joinedload(ArticleFlag.flagged_by).load_only(User.name).lazyload("*"),
        joinedload(ArticleFlag.decided_by).load_only(User.name).lazyload("*"),
    )
