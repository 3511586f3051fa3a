"""What a process holds of the articles between two searches, so that the same is not read and taken apart again.

All of it is of one revision (see KnowledgeRevision): once articles change, what is held of them is forgotten, and the
places of all words; of articles everything is after ten minutes. It holds at most 10,000 passages and articles and the
places of some thousand words, 60 MB; when that is full it begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from flask import current_app
from sqlalchemy import Executable, and_, bindparam, func, select, text

from console.db import db
from knowledge.keywords import Places
from knowledge.models import Article, ArticleChange, ArticleLink, Audience, Passage
from knowledge.ranking import SURE_ENOUGH

MOST = 10_000  # passages, and articles
MOST_PLACES = 2_000_000
MOST_CHANGED = 1_000  # articles; after more it begins anew
KEPT = 600.0  # seconds: so old may be the number of interactions that an article was used in

Thing = TypeVar("Thing")

MOST_DISMISSED = 1_000  # articles that are listed
NOW = """SELECT
(SELECT value FROM knowledge_revisions WHERE id = 1), (SELECT show_from FROM knowledge_settings ORDER BY id LIMIT 1),
(SELECT {joined} FROM (
    SELECT DISTINCT article_id FROM article_feedback WHERE kind = 'dismissed' LIMIT :most) AS dismissed)"""
ON_SQLITE = text(NOW.format(joined="group_concat(article_id)"))
# The last: whether this transaction has written something, which may yet be taken back.
ON_POSTGRESQL = text(
    NOW.format(joined="string_agg(CAST(article_id AS text), ',')") + ", pg_current_xact_id_if_assigned() IS NOT NULL"
)
COLUMNS = (Passage.id, Passage.article_id, Passage.title, Passage.heading, Passage.text, Passage.sentence_vectors)
PASSAGES = select(*COLUMNS).where(Passage.id.in_(bindparam("ids", expanding=True)))
USED = select(func.count()).where(ArticleLink.article_id == Article.id).scalar_subquery()
LISTS = "\n" + Article.body
FOUND = select(
    Article.id,
    Article.slug,
    Article.title,
    Article.external_id,
    Article.verified_at,
    Article.verify_by,
    USED,
    Article.audience,
    and_(LISTS.contains("\n1. "), LISTS.contains("\n2. ")),
).where(Article.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True)
class Found:
    """An article as a list shows it."""

    id: int
    slug: str
    title: str
    external_id: str
    verified_at: datetime | None
    verify_by: date | None
    used: int  # in so many interactions
    audience: Audience = Audience.AGENT
    has_steps: bool = False  # a numbered list to be done one by one

    def is_overdue(self, today: date) -> bool:
        return self.verify_by is not None and self.verify_by < today


class ReadPassage(NamedTuple):
    """A passage as searches read it."""

    id: int
    article_id: int
    title: str
    heading: str
    text: str
    sentence_vectors: bytes | None  # one after the other, see knowledge.embedding.packed

    @property
    def head(self) -> str:
        return f"{self.title} {self.heading}"

    @property
    def whole(self) -> str:
        return f"{self.head} {self.text}"


class Held:
    """Of one revision. Used by many threads at once: every entry is right whoever put it there."""

    def __init__(self, revision: int = -1) -> None:
        self.revision = revision
        self._since = monotonic()
        self._passages: dict[int, ReadPassage] = {}
        self._articles: dict[int, Found] = {}
        self._places: dict[str, Places] = {}
        self._size = 0

    def is_of(self, revision: int) -> bool:
        return self.revision == revision and self._is_recent

    def at(self, revision: int) -> Held:
        """What of it is still right at a later revision. One statement."""
        later = Held(revision)
        if 0 <= self.revision <= revision:
            since = select(ArticleChange.article_id).where(ArticleChange.revision > self.revision)
            changed = set(db.session.scalars(since.limit(MOST_CHANGED + 1)))
            if len(changed) <= MOST_CHANGED:
                later._passages = {id: one for id, one in list(self._passages.items()) if one.article_id not in changed}
                if self._is_recent:
                    later._articles = {id: one for id, one in list(self._articles.items()) if id not in changed}
                    later._since = self._since
        return later

    @property
    def _is_recent(self) -> bool:
        return monotonic() - self._since < KEPT

    def passages(self, ids: Collection[int]) -> dict[int, ReadPassage]:
        """Some passages, those that are not held by one statement; left out what is not there."""
        return completed(self._passages, ids, PASSAGES, ReadPassage._make)

    def articles(self, ids: Collection[int]) -> dict[int, Found]:
        """The same of articles."""
        return completed(self._articles, ids, FOUND, lambda row: Found(*row))

    def places(self, term: str) -> Places | None:
        return self._places.get(term)

    def keep(self, term: str, places: Places) -> None:
        self._size += len(places.ids)
        if self._size > MOST_PLACES:
            self._places.clear()
            self._size = len(places.ids)
        self._places[term] = places


def completed(
    held: dict[int, Thing], ids: Collection[int], statement: Executable, made: Callable[[Any], Thing]
) -> dict[int, Thing]:
    """What is held of `ids`, and what was not until now: that is read, by one statement, and held."""
    found = {id: thing for id in ids if (thing := held.get(id)) is not None}
    missing = [id for id in ids if id not in found]
    if missing:
        rows = db.session.connection().execute(statement, {"ids": missing}).all()
        read = {row[0]: made(row) for row in rows}
        if len(held) + len(read) > MOST:
            held.clear()
        held.update(read)
        found |= read
    return found


@dataclass(frozen=True)
class Now:
    """What a search needs to know first."""

    held: Held
    show_from: float  # the confidence, 0 to 1, below which nothing is shown
    dismissed: frozenset[int] | None  # articles that somebody took away from some question; None for too many to list

    def maybe_dismissed(self, article_ids: Sequence[int]) -> Sequence[int]:
        """Which of some articles were taken away from a question, or may have been."""
        return article_ids if self.dismissed is None else [id for id in article_ids if id in self.dismissed]


def now() -> Now:
    """What is held of the articles as they are: nothing in a transaction that has written something. One statement."""
    connection, given = db.session.connection(), {"most": MOST_DISMISSED + 1}
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        (revision, chosen, listed), has_written = connection.execute(ON_SQLITE, given).one(), driver.in_transaction
    else:
        revision, chosen, listed, has_written = connection.execute(ON_POSTGRESQL, given).one()
    show_from = SURE_ENOUGH if chosen is None else chosen
    ids = frozenset(map(int, listed.split(","))) if listed else frozenset()
    dismissed = ids if len(ids) <= MOST_DISMISSED else None
    if has_written:
        return Now(Held(), show_from, dismissed)
    kept: Held | None = current_app.extensions.get("knowledge.held")
    if kept is None or not kept.is_of(revision or 0):
        kept = current_app.extensions["knowledge.held"] = (kept or Held()).at(revision or 0)
    return Now(kept, show_from, dismissed)
