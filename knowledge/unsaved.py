"""What somebody is writing and has not saved: kept every few seconds, offered again, thrown away once it is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, select

from console.db import db
from knowledge.models import Article, ArticleDraft

KEPT = 20  # new articles that one person may have in the making


def keep(
    user_id: int,
    article: Article | None,
    fields: Mapping[str, str],
    *,
    base_revision: int,
    now: datetime,
    gap_id: int | None = None,
    interaction_id: int | None = None,
) -> bool:
    """Keep what is typed by now, over what was kept before. False for something that has been saved meanwhile.

    A new article is told from the person's other ones by `fields["key"]`, which the form was made with.
    """
    key = fields.get("key", "")
    if article is None and db.session.scalar(
        select(Article.id).where(Article.source == "", Article.external_id == key)
    ):
        return False  # an answer that came late: the article is there
    if article is not None and article.revision != base_revision and is_said(article, fields):
        return False
    draft = of_article(user_id, article.id) if article else of_key(user_id, key)
    if draft is None:
        draft = ArticleDraft(user_id=user_id, article_id=article.id if article else None)
        draft.gap_id, draft.interaction_id = gap_id, interaction_id
        db.session.add(draft)
    draft.fields, draft.base_revision, draft.saved_at = dict(fields), base_revision, now
    db.session.flush()
    if article is None:
        forget([old.id for old in of_user(user_id)[KEPT:]])
    return True


def of_article(user_id: int, article_id: int) -> ArticleDraft | None:
    """What this person has not saved of an article."""
    return db.session.scalars(
        select(ArticleDraft)
        .where(ArticleDraft.user_id == user_id, ArticleDraft.article_id == article_id)
        .order_by(ArticleDraft.id)
    ).first()


def of_user(user_id: int) -> Sequence[ArticleDraft]:
    """The new articles that this person has in the making, latest first."""
    return db.session.scalars(
        select(ArticleDraft)
        .where(ArticleDraft.user_id == user_id, ArticleDraft.article_id.is_(None))
        .order_by(ArticleDraft.saved_at.desc(), ArticleDraft.id.desc())
        .limit(KEPT + 5)
    ).all()


def of_key(user_id: int, key: str) -> ArticleDraft | None:
    return db.session.scalars(
        select(ArticleDraft)
        .where(
            ArticleDraft.user_id == user_id,
            ArticleDraft.article_id.is_(None),
            ArticleDraft.fields["key"].as_string() == key,
        )
        .order_by(ArticleDraft.id)
        .limit(1)
    ).first()


def by_id(user_id: int, draft_id: int) -> ArticleDraft | None:
    """A draft of this person's own."""
    return db.session.scalars(
        select(ArticleDraft).where(ArticleDraft.id == draft_id, ArticleDraft.user_id == user_id)
    ).first()


def forget(ids: Sequence[int]) -> None:
    if ids:
        db.session.execute(delete(ArticleDraft).where(ArticleDraft.id.in_(ids)))


def forget_saved(user_id: int, article_id: int, key: str) -> None:
    """The words are saved: nobody needs to be asked about them again."""
    draft = of_key(user_id, key) if key else None
    kept = of_article(user_id, article_id)
    forget([one.id for one in (draft, kept) if one])


def is_said(article: Article, fields: Mapping[str, str]) -> bool:
    """Whether the article says already what the draft says."""
    return (
        " ".join(fields.get("title", "").split()) == article.title
        and fields.get("body", "").replace("\r\n", "\n").strip() == article.body.strip()
    )
