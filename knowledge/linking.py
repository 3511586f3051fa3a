"""An article was used in an interaction: the fact that later says "used in 14 interactions"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import column, select, table
from sqlalchemy.exc import IntegrityError

from console.db import db
from console.events import Topic, record_event
from knowledge.models import Article, ArticleLink

# All that the knowledge base may know of an interaction: that it is there, whose it is, on whose timeline it stands.
INTERACTIONS = table("interactions", column("id"), column("customer_id"), column("agent_id"))


class NoSuchInteraction(LookupError):
    """There is no interaction of that id, or it is a colleague's."""


def link(article: Article, interaction_id: int, *, user_id: int, now: datetime) -> bool:
    """Write down that an article was used; False when that was known. Raises NoSuchInteraction."""
    own = (INTERACTIONS.c.id == interaction_id, INTERACTIONS.c.agent_id == user_id)
    customer_id = db.session.scalar(select(INTERACTIONS.c.customer_id).where(*own))
    if customer_id is None:
        raise NoSuchInteraction(interaction_id)
    if used_in(interaction_id, [article.id]):
        return False
    try:
        with db.session.begin_nested():
            db.session.add(
                ArticleLink(article_id=article.id, interaction_id=interaction_id, user_id=user_id, linked_at=now)
            )
    except IntegrityError:  # pressed twice, and the other press was faster
        return False
    record_event(
        "article.linked",
        Topic.TALK,
        subject=article,
        customer_id=customer_id,
        actor_id=user_id,
        at=now,
        data={"interaction_id": interaction_id},
    )
    return True


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
