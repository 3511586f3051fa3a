"""Takes articles in: the same source again updates what changed, archives what is gone, and reports."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, insert, select, update

from console.auth.models import User
from console.db import db
from console.errors import DomainError
from knowledge.chunking import cut
from knowledge.models import Article, ArticleState, Passage
from knowledge.reading import Draft, Rejected, read

BATCH = 100  # articles between two checkpoints


def nothing(*_: object) -> None:
    """For those who want neither checkpoints nor progress."""


@dataclass
class Report:
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    archived: int = 0
    passages: int = 0  # written anew
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def articles(self) -> int:
        return self.inserted + self.updated + self.unchanged


@dataclass(frozen=True)
class Known:
    """What the database has of an article."""

    id: int
    content_hash: str
    is_archived: bool


def ingest(
    path: Path,
    *,
    source: str,
    now: datetime,
    mapping: Mapping[str, str] | None = None,
    checkpoint: Callable[[], None] = nothing,
    progress: Callable[[int], object] = nothing,
) -> Report:
    """Take in a folder or a file. What this source held before and holds no longer is archived.

    `checkpoint` is called between batches and may commit; `progress` gets the number read since last time.
    Raises FileNotFoundError for a path that is not there, DomainError for one without any article.
    """
    report = take_in(read(path, mapping), source=source, now=now, checkpoint=checkpoint, progress=progress)
    if not report.articles and not report.rejected:
        raise DomainError("There is no article in it: no Markdown, HTML, text, JSONL or CSV file.")
    return report


def take_in(
    items: Iterable[Draft | Rejected],
    *,
    source: str,
    now: datetime,
    is_demo: bool = False,
    checkpoint: Callable[[], None] = nothing,
    progress: Callable[[int], object] = nothing,
) -> Report:
    """Insert, update or leave each article, then archive what `items` no longer names. See `ingest`."""
    report = Report()
    known = articles_of(source)
    slugs = set(db.session.scalars(select(Article.slug)))
    owners = {email.casefold(): user for email, user in db.session.execute(select(User.email, User.id))}
    seen: set[str] = set()
    for number, item in enumerate(items, 1):
        if item.external_id and item.external_id in seen and isinstance(item, Draft):
            item = Rejected(item.external_id, "the same id stands above", item.external_id)
        if isinstance(item, Rejected):
            report.rejected.append(item)
            seen.update({item.external_id} if item.external_id else ())
        else:
            seen.add(item.external_id)
            save(item, known.get(item.external_id), report, source, owners, slugs, now, is_demo)
        progress(1)
        if number % BATCH == 0:
            checkpoint()
    if seen:
        gone = (article for external_id, article in known.items() if external_id not in seen)
        report.archived = archive([article.id for article in gone if not article.is_archived])
    checkpoint()
    return report


def articles_of(source: str) -> dict[str, Known]:
    rows = db.session.execute(
        select(Article.external_id, Article.id, Article.content_hash, Article.state).where(Article.source == source)
    )
    return {row.external_id: Known(row.id, row.content_hash, row.state is ArticleState.ARCHIVED) for row in rows}


def save(
    draft: Draft,
    known: Known | None,
    report: Report,
    source: str,
    owners: Mapping[str, int],
    slugs: set[str],
    now: datetime,
    is_demo: bool,
) -> None:
    if (
        known
        and known.content_hash == draft.content_hash
        and known.is_archived == (draft.state is ArticleState.ARCHIVED)
    ):
        report.unchanged += 1
        return
    values = {
        "title": draft.title,
        "body": draft.body,
        "language": draft.language,
        "audience": draft.audience,
        "state": draft.state,
        "labels": list(draft.labels),
        "owner_id": owners.get(draft.owner.casefold()),
        "url": draft.url,
        "content_hash": draft.content_hash,
        "updated_at": draft.updated_at or now,
        "verified_at": draft.verified_at,
        "verify_by": draft.verify_by,
    }
    if known:
        db.session.execute(update(Article).where(Article.id == known.id).values(**values, vector=None, model=None))
        article_id = known.id
        report.updated += 1
    else:
        where = {"source": source, "external_id": draft.external_id, "slug": free_slug(draft.title, slugs)}
        statement = insert(Article).values(**where, **values, is_demo=is_demo).returning(Article.id)
        article_id = db.session.scalars(statement).one()
        report.inserted += 1
    report.passages += write_passages(article_id, draft)


def write_passages(article_id: int, draft: Draft) -> int:
    """Cut the article anew, keeping passages that did not change, and with them their vectors."""
    rows = db.session.execute(
        select(Passage.id, Passage.position, Passage.title, Passage.heading, Passage.text).where(
            Passage.article_id == article_id
        )
    )
    gone = {(row.position, row.title, row.heading, row.text): row.id for row in rows}
    fresh = []
    for position, piece in enumerate(cut(draft.title, draft.body)):
        if gone.pop((position, draft.title, piece.heading, piece.text), None) is None:
            values = {"article_id": article_id, "position": position, "title": draft.title}
            fresh.append({**values, "heading": piece.heading, "text": piece.text})
    if gone:
        db.session.execute(delete(Passage).where(Passage.id.in_(gone.values())))
    if fresh:
        db.session.execute(insert(Passage), fresh)
    return len(fresh)


def archive(ids: list[int]) -> int:
    """Take articles out of the search; they stay readable where they were used."""
    for start in range(0, len(ids), 500):
        db.session.execute(
            update(Article).where(Article.id.in_(ids[start : start + 500])).values(state=ArticleState.ARCHIVED)
        )
    return len(ids)


def free_slug(title: str, taken: set[str]) -> str:
    """A readable address that no article has yet; it is added to `taken`."""
    plain = unicodedata.normalize("NFKC", title).casefold()
    stem = re.sub(r"[\W_]+", "-", plain).strip("-")[:80].strip("-") or "article"
    slug, number = stem, 1
    while slug in taken:
        number += 1
        slug = f"{stem}-{number}"
    taken.add(slug)
    return slug
