"""Articles that somebody keeps at hand."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from console.db import db
from console.events import Topic, record_event
from knowledge.models import Article, ArticlePin
from knowledge.queries import PINS


def pin(article: Article, *, user_id: int, now: datetime) -> bool:
    """Keep an article at hand; False when it was."""
    if article.id in pinned(user_id):
        return False
    try:
        with db.session.begin_nested():
            db.session.add(ArticlePin(user_id=user_id, article_id=article.id, pinned_at=now))
    except IntegrityError:  # pressed twice, and the other press was faster
        return False
    record_event("article.pinned", Topic.ACCESS, subject=article, actor_id=user_id, at=now)
    return True


def unpin(article: Article, *, user_id: int, now: datetime) -> bool:
    """Let it go again; False when it was not pinned."""
    gone = delete(ArticlePin).where(ArticlePin.user_id == user_id, ArticlePin.article_id == article.id)
    if db.session.scalar(gone.returning(ArticlePin.id)) is None:
        return False
    record_event("article.unpinned", Topic.ACCESS, subject=article, actor_id=user_id, at=now)
    return True


def pinned(user_id: int) -> set[int]:
    """The ids of what somebody keeps at hand."""
    newest = select(ArticlePin.article_id).where(ArticlePin.user_id == user_id)
    return set(db.session.scalars(newest.order_by(ArticlePin.pinned_at.desc(), ArticlePin.id.desc()).limit(PINS)))
