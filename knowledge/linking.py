"""An article was used in an interaction, or was not after all: what later says "used in 14 interactions"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from console.db import db
from console.events import Topic, record_event
from knowledge.feedback import Occasion, add, own, restand
from knowledge.models import Article, ArticleFeedback, ArticleLink, FeedbackKind
from knowledge.queries import INTERACTIONS


class NoSuchInteraction(LookupError):
    """There is no interaction of that id, or it is a colleague's."""


def link(
    article: Article, interaction_id: int, *, user_id: int, now: datetime, occasion: Occasion | None = None
) -> bool:
    """Write down that an article was used; False when that was known. Raises NoSuchInteraction.

    `occasion`: the question it answered, and where it stood among the answers.
    """
    customer_id = customer_of(interaction_id, user_id)
    if used_in(interaction_id, [article.id]):
        return False
    try:
        with db.session.begin_nested():
            db.session.add(
                ArticleLink(article_id=article.id, interaction_id=interaction_id, user_id=user_id, linked_at=now)
            )
    except IntegrityError:  # pressed twice, and the other press was faster
        return False
    occasion = occasion or Occasion()
    asked = Occasion(occasion.question_id, interaction_id, occasion.position)
    add(article, FeedbackKind.LINKED, own(asked, user_id), user_id=user_id, now=now)
    restand(article.id)
    about: dict[str, Any] = {"customer_id": customer_id, "data": {"interaction_id": interaction_id}}
    record_event("article.linked", Topic.TALK, subject=article, actor_id=user_id, at=now, **about)
    return True


def unlink(article: Article, interaction_id: int, *, user_id: int, now: datetime) -> bool:
    """Take back that an article was used; False when it was not. Raises NoSuchInteraction."""
    customer_id = customer_of(interaction_id, user_id)
    gone = db.session.execute(
        delete(ArticleLink).where(ArticleLink.article_id == article.id, ArticleLink.interaction_id == interaction_id)
    )
    if not gone.rowcount:  # type: ignore[attr-defined]
        return False
    db.session.execute(
        delete(ArticleFeedback).where(
            ArticleFeedback.article_id == article.id,
            ArticleFeedback.kind == FeedbackKind.LINKED,
            ArticleFeedback.user_id == user_id,
            ArticleFeedback.interaction_id == interaction_id,
        )
    )
    restand(article.id)
    about: dict[str, Any] = {"customer_id": customer_id, "data": {"interaction_id": interaction_id}}
    record_event("article.unlinked", Topic.TALK, subject=article, actor_id=user_id, at=now, **about)
    return True


def customer_of(interaction_id: int, user_id: int) -> int:
    """Whom this person talks to in it. Raises NoSuchInteraction."""
    mine = (INTERACTIONS.c.id == interaction_id, INTERACTIONS.c.agent_id == user_id)
    customer_id = db.session.scalar(select(INTERACTIONS.c.customer_id).where(*mine))
    if customer_id is None:
        raise NoSuchInteraction(interaction_id)
    return int(customer_id)


def used_in(interaction_id: int | None, article_ids: Sequence[int]) -> set[int]:
    """Which of the articles are linked to the interaction."""
    if interaction_id is None or not article_ids:
        return set()
    return set(
        db.session.scalars(
            select(ArticleLink.article_id).where(
                ArticleLink.interaction_id == interaction_id, ArticleLink.article_id.in_(article_ids)
            )
        )
    )
