"""What knowledge owners do with articles: write, change, restore, publish, archive, verify, move to another address.

Every change of what an article says is a new ArticleRevision. A change names the revision that its author had
before them; when there is a newer one, Stale is raised and nothing is saved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from console.auth.models import User
from console.db import db
from console.errors import DomainError, Stale
from console.events import Topic, record_event
from knowledge import gaps
from knowledge.addresses import LONGEST, RESERVED, free_address, stem_of
from knowledge.embedding import embed_missing, encoder
from knowledge.feedback import restand
from knowledge.ingestion import write_passages
from knowledge.models import (
    Article,
    ArticleRevision,
    ArticleSlug,
    ArticleState,
    Audience,
    KnowledgeGap,
    Origin,
    Passage,
)
from knowledge.sourced import facts

AT_ONCE = 60  # passages that are embedded while the author waits: about a second
STALE = "Somebody else changed this article meanwhile. Nothing of yours is lost: both are shown below."
STATE_EVENTS = {
    ArticleState.PUBLISHED: "article.published",
    ArticleState.ARCHIVED: "article.archived",
    ArticleState.DRAFT: "article.withdrawn",
}


@dataclass(frozen=True)
class Content:
    """All that an author decides about an article."""

    title: str
    body: str  # Markdown
    labels: tuple[str, ...] = ()
    audience: Audience = Audience.AGENT
    language: str = "en"
    state: ArticleState = ArticleState.PUBLISHED
    owner_id: int | None = None
    verify_by: date | None = None
    expires_on: date | None = None


def content_of(article: Article) -> Content:
    return Content(
        title=article.title,
        body=article.body,
        labels=tuple(article.labels),
        audience=article.audience,
        language=article.language,
        state=article.state,
        owner_id=article.owner_id,
        verify_by=article.verify_by,
        expires_on=article.expires_on,
    )


def create(
    content: Content, *, key: str, actor_id: int, now: datetime, comment: str = "", gap_id: int | None = None
) -> Article:
    """A new article with its first revision; once it is published, the gap that it was written for is solved.

    The same `key` and content again return the first one: a second click is harmless. Raises Stale for another
    content.
    """
    if article := db.session.scalar(select(Article).where(Article.source == "", Article.external_id == key)):
        if content_of(article) != content:
            raise Stale(f"This was saved already, as “{article.title}”. Open that one to change it; yours is below.")
        return article
    article = Article(
        external_id=key,
        slug=free_address(content.title),
        content_hash="",
        updated_at=now,
        verified_at=now if content.state is ArticleState.PUBLISHED else None,
        revision=1,
        **columns(content),
    )
    db.session.add(article)
    try:
        db.session.flush()
    except IntegrityError:  # the other half of a double click, or another article of that title, was first
        db.session.rollback()
        raise Stale("Somebody saved an article of this title at this very moment. Save once more.") from None
    write_down(article, Origin.EDITED, comment, actor_id, now)
    record_change("article.created", article, actor_id, now, state=content.state.value)
    if gap_id is not None:
        waiting = update(KnowledgeGap).where(KnowledgeGap.id == gap_id, KnowledgeGap.state.in_(gaps.OPEN))
        db.session.execute(waiting.values(article_id=article.id))
        solve_gaps(article, actor_id, now)
    return article


def change(
    article: Article,
    content: Content,
    *,
    based_on: int,
    actor_id: int,
    now: datetime,
    comment: str = "",
    origin: Origin = Origin.EDITED,
) -> None:
    """Save what `content` says as a new revision.

    Raises Stale when `based_on` is no longer the newest, DomainError when nothing is different.
    """
    before = content_of(article)
    if article.revision == based_on and before == content:
        raise DomainError("Nothing was changed: this is what the article says already.")
    values = columns(content)
    if before.title != content.title:
        values |= {"vector": None, "model": None}  # the title's
    saved = db.session.execute(
        update(Article)
        .where(Article.id == article.id, Article.revision == based_on)
        .values(**values, updated_at=now, revision=based_on + 1)
        .execution_options(synchronize_session=False)
    )
    if saved.rowcount != 1:  # type: ignore[attr-defined]
        raise Stale(STALE)
    db.session.refresh(article)
    write_down(article, origin, comment, actor_id, now)
    if before.state is not content.state:
        record_change(STATE_EVENTS[content.state], article, actor_id, now)
        solve_gaps(article, actor_id, now)
    if replace(before, state=content.state) != content:
        kinds = {Origin.RESTORED: "article.restored"}
        record_change(kinds.get(origin, "article.edited"), article, actor_id, now, origin=origin.value)


def restore(article: Article, number: int, *, based_on: int, actor_id: int, now: datetime) -> None:
    """Let the article say again what an earlier revision said; who owns it and its state stay. Raises as `change`."""
    then = db.session.scalars(
        select(ArticleRevision).where(ArticleRevision.article_id == article.id, ArticleRevision.number == number)
    ).first()
    if then is None:
        raise DomainError("There is no such revision.")
    said = then.facts
    content = replace(
        content_of(article),
        title=then.title,
        body=then.body,
        labels=tuple(said.get("labels", article.labels)),
        audience=Audience(said.get("audience", article.audience)),
        language=said.get("language", article.language),
    )
    comment = f"As it was in revision {number}"
    change(article, content, based_on=based_on, actor_id=actor_id, now=now, comment=comment, origin=Origin.RESTORED)


def set_state(article: Article, state: ArticleState, *, based_on: int, actor_id: int, now: datetime) -> None:
    """Publish, archive or withdraw. Doing it twice is harmless. Raises Stale as `change`."""
    if article.state is not state:
        content = replace(content_of(article), state=state)
        change(article, content, based_on=based_on, actor_id=actor_id, now=now)


def verify(article: Article, days: int, *, actor_id: int, now: datetime, today: date) -> None:
    """Say that it is still right, and when to look again. No revision: what it says is the same."""
    article.verified_at, article.verify_by = now, today + timedelta(days=days)
    db.session.flush()
    record_change("article.verified", article, actor_id, now, days=days)


def move(article: Article, wanted: str, *, actor_id: int, now: datetime) -> None:
    """Give it another address; the old one leads on to it. Raises DomainError for one that is not free."""
    slug = stem_of(wanted)
    if not wanted.strip() or len(wanted) > LONGEST:
        raise DomainError(f"Write an address of at most {LONGEST} letters, digits and hyphens.")
    if slug == article.slug:
        raise DomainError("That is its address already.")
    holder = db.session.scalar(select(Article.id).where(Article.slug == slug))
    former = db.session.scalar(select(ArticleSlug.article_id).where(ArticleSlug.slug == slug))
    if slug in RESERVED or holder is not None or former not in (None, article.id):
        raise DomainError(f"“{slug}” is taken: another article has it, or had it once. Choose another address.")
    db.session.execute(delete(ArticleSlug).where(ArticleSlug.slug == slug))
    db.session.add(ArticleSlug(slug=article.slug, article_id=article.id))
    article.slug = slug
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise DomainError(f"“{slug}” was taken at this very moment. Choose another address.") from None
    record_change("article.renamed", article, actor_id, now)


def embed_now(article: Article, checkpoint: Callable[[], None]) -> bool:
    """Prepare a saved article for search by meaning at once. False when that must wait for `flask reindex`.

    Call it after the commit: nobody else should wait for the database while the model works.
    """
    model = encoder()
    count = db.session.scalar(select(func.count(Passage.id)).where(Passage.article_id == article.id)) or 0
    if not model.ready() or count > AT_ONCE:
        return False
    embed_missing(model, checkpoint, article_id=article.id)
    return True


def columns(content: Content) -> dict[str, Any]:
    return {**vars(content), "labels": list(content.labels)}


def write_down(article: Article, origin: Origin, comment: str, actor_id: int, now: datetime) -> None:
    """Keep the article as it is now as its newest revision, and cut its passages anew."""
    db.session.add(
        ArticleRevision(
            article_id=article.id,
            number=article.revision,
            title=article.title,
            body=article.body,
            facts=facts(columns(content_of(article))),
            origin=origin,
            comment=comment,
            editor_id=actor_id,
            made_at=now,
        )
    )
    db.session.flush()
    restand(article.id)  # a bad word about what it said before counts no more
    write_passages(article.id, article)


def record_change(kind: str, article: Article, actor_id: int, now: datetime, **data: Any) -> None:
    data = {"revision": article.revision, **data}
    record_event(kind, Topic.ACCESS, subject=article, actor_id=actor_id, at=now, data=data)


def solve_gaps(article: Article, actor_id: int, now: datetime) -> None:
    """What it was written for is answered as soon as everybody finds it."""
    if article.state is ArticleState.PUBLISHED:
        waiting = select(KnowledgeGap).where(KnowledgeGap.article_id == article.id, KnowledgeGap.state.in_(gaps.OPEN))
        for gap in db.session.scalars(waiting):
            gaps.solve(gap, article.id, actor_id=actor_id, now=now)


def colleagues() -> list[tuple[int, str]]:
    """Who may look after an article: everybody who can sign in, by name."""
    rows = db.session.execute(select(User.id, User.name).where(User.active).order_by(User.name, User.id).limit(500))
    return [(row.id, row.name) for row in rows]
