"""The vectors of all articles, held in this process and brought up to date before every search.

Exact products over one float32 matrix: 10,000 passages take 0.8 ms, 100,000 take 14 ms. Triggers count every
change of an article (see KnowledgeRevision); one look at that count tells what must be loaded anew, so an
article saved by any process is found by the next search of every other.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from flask import current_app
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from console.db import db
from knowledge.embedding import Vectors
from knowledge.models import Article, ArticleChange, ArticleState, Audience, KnowledgeRevision, Passage

BATCH = 400  # articles loaded by one statement
SPARE = 1.5  # how much larger a full buffer becomes

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Filters:
    """What a search may find; None and "" leave it open."""

    language: str = ""
    audience: Audience | None = None
    label: str = ""

    def __bool__(self) -> bool:
        return bool(self.language or self.audience or self.label)


@dataclass(frozen=True)
class Facts:
    """What filters ask about an article."""

    language: str
    audience: Audience
    labels: frozenset[str]

    def match(self, filters: Filters) -> bool:
        return (
            (not filters.language or self.language.partition("-")[0] == filters.language.partition("-")[0])
            and (filters.audience is None or self.audience is filters.audience)
            and (not filters.label or filters.label in self.labels)
        )


@dataclass(frozen=True)
class Snapshot:
    """The index at one moment; searches read it without a lock. Arrays are by slot or by row.

    An article is a slot; its passages are the consecutive rows from `starts[slot]` on. A changed article
    gets a new slot and the old one dies, so nothing that a search is reading ever moves.
    """

    revision: int = 0
    vectors: Vectors = field(default_factory=lambda: np.zeros((0, 0), np.float32))  # (rows, dimensions)
    passage_ids: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))  # (rows,)
    starts: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))  # (slots,)
    article_ids: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))  # (slots,)
    titles: Vectors = field(default_factory=lambda: np.zeros((0, 0), np.float32))  # (slots, dimensions)
    alive: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))  # (slots,)
    facts: tuple[Facts, ...] | list[Facts] = ()  # may be longer than slots: later ones are of later moments

    @property
    def slots(self) -> int:
        return len(self.article_ids)

    @property
    def dimensions(self) -> int:
        return int(self.vectors.shape[1])

    def allowed(self, filters: Filters) -> Flags:
        """Which slots a search may return, of shape (slots,)."""
        if not filters:
            return self.alive
        matches = (self.facts[slot].match(filters) for slot in range(self.slots))
        return self.alive & np.fromiter(matches, np.bool_, self.slots)

    def nearest(self, question: Vectors) -> tuple[Vectors, Vectors]:
        """For a unit vector: the cosine of every row, of shape (rows,), and each slot's best, of shape (slots,)."""
        cosines = self.vectors @ question
        return cosines, np.maximum.reduceat(cosines, self.starts)

    def best_row(self, scores: Vectors, slot: int) -> int:
        """The row of a slot's best passage by `scores`, of shape (rows,)."""
        start = int(self.starts[slot])
        end = int(self.starts[slot + 1]) if slot + 1 < self.slots else len(self.passage_ids)
        return start + int(np.argmax(scores[start:end]))

    @cached_property
    def slot_of_row(self) -> Numbers:
        lengths = np.diff(np.append(self.starts, len(self.passage_ids)))
        return np.repeat(np.arange(self.slots), lengths)

    @cached_property
    def _rows_by_passage(self) -> tuple[Numbers, Numbers]:
        rows = np.flatnonzero(self.alive[self.slot_of_row]) if self.slots else np.zeros(0, np.int64)
        order = rows[np.argsort(self.passage_ids[rows])]
        return self.passage_ids[order], order

    def rows_of(self, passage_ids: Numbers) -> Numbers:
        """The row of each passage, or -1 for one that is not (or no longer) in the index."""
        ids, rows = self._rows_by_passage
        if not len(ids):
            return np.full(len(passage_ids), -1)
        place = np.minimum(np.searchsorted(ids, passage_ids), len(ids) - 1)
        return np.where(ids[place] == passage_ids, rows[place], -1)

    @cached_property
    def languages(self) -> list[str]:
        """Of all articles that can be found, the most frequent first."""
        return [language for language, _ in Counter(facts.language for facts in self._living).most_common(40)]

    @cached_property
    def labels(self) -> list[str]:
        """Of all articles that can be found: the forty most frequent, by name."""
        counted = Counter(label for facts in self._living for label in facts.labels)
        return sorted((label for label, _ in counted.most_common(40)), key=str.casefold)

    @property
    def _living(self) -> Iterator[Facts]:
        return (self.facts[slot] for slot in np.flatnonzero(self.alive))

    def slot_of(self, article_id: int) -> int | None:
        found = np.flatnonzero((self.article_ids == article_id) & self.alive)
        return int(found[0]) if len(found) else None


class Index:
    """Keeps the newest snapshot for one database and one model."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.snapshot = Snapshot()
        self._lock = threading.Lock()
        self._facts: list[Facts] = []

    def fresh(self) -> Snapshot:
        """The snapshot with everything that is committed by now. One statement when nothing changed."""
        # A connection of its own: what this request has not committed yet must not get into the index.
        with db.engine.connect() as connection:
            revision = connection.scalar(select(KnowledgeRevision.value)) or 0
            if revision != self.snapshot.revision:
                with self._lock:
                    # Read again: another thread may have loaded something newer while this one waited.
                    revision = connection.scalar(select(KnowledgeRevision.value)) or 0
                    if revision < self.snapshot.revision:  # another database in its place, as after a restore
                        self.snapshot, self._facts = Snapshot(), []
                    if revision > self.snapshot.revision:
                        self._load(connection, revision)
        return self.snapshot

    def _load(self, connection: Connection, revision: int) -> None:
        changed = select(ArticleChange.article_id).where(ArticleChange.revision > self.snapshot.revision)
        ids = sorted(connection.scalars(changed))
        alive = self.snapshot.alive & ~np.isin(self.snapshot.article_ids, ids)
        passages: list[Any] = []
        articles: list[Any] = []
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            for article, rows in load_articles(connection, batch):
                articles.append(article)
                passages.append(rows)
        self.snapshot = self._extended(revision, alive, articles, passages)

    def _extended(self, revision: int, alive: Flags, articles: Sequence[Any], passages: Sequence[Any]) -> Snapshot:
        """The snapshot with new slots at its end, and the dead ones swept out once they are the majority."""
        old = self.snapshot
        lengths = [len(rows) for rows in passages]
        flat = [row for rows in passages for row in rows]
        vectors_of = (row.vector for row in (*flat, *articles) if is_of(row, self.model))
        dimensions = old.dimensions or len(next(vectors_of, b"")) // 4
        added = Snapshot(
            revision=revision,
            vectors=self._matrix(flat, dimensions),
            passage_ids=np.array([row.id for row in flat], np.int64),
            starts=np.cumsum([0, *lengths])[:-1].astype(np.int64) + len(old.passage_ids),
            article_ids=np.array([article.id for article in articles], np.int64),
            titles=self._matrix(articles, dimensions),
            alive=np.ones(len(articles), np.bool_),
        )
        self._facts.extend(Facts(a.language, Audience(a.audience), frozenset(a.labels)) for a in articles)
        vectors = old.vectors if old.dimensions else np.zeros((len(old.passage_ids), dimensions), np.float32)
        titles = old.titles if old.dimensions else np.zeros((old.slots, dimensions), np.float32)
        joined = Snapshot(
            revision,
            appended(vectors, added.vectors),
            appended(old.passage_ids, added.passage_ids),
            appended(old.starts, added.starts),
            appended(old.article_ids, added.article_ids),
            appended(titles, added.titles),
            np.append(alive, added.alive),
            self._facts,
        )
        return joined if 2 * int(joined.alive.sum()) + 1000 > joined.slots else self._swept(joined)

    def _swept(self, full: Snapshot) -> Snapshot:
        slots = np.flatnonzero(full.alive)
        rows = np.flatnonzero(full.alive[full.slot_of_row])
        lengths = np.diff(np.append(full.starts, len(full.passage_ids)))[slots]
        self._facts = [self._facts[slot] for slot in slots]
        return Snapshot(
            full.revision,
            full.vectors[rows],
            full.passage_ids[rows],
            (np.cumsum(lengths) - lengths).astype(np.int64),
            full.article_ids[slots],
            full.titles[slots],
            np.ones(len(slots), np.bool_),
            self._facts,
        )

    def _matrix(self, rows: Sequence[Any], dimensions: int) -> Vectors:
        """Vectors of shape (len(rows), dimensions); zeros, similar to nothing, where there is none yet."""
        matrix = np.zeros((len(rows), dimensions), np.float32)
        for number, row in enumerate(rows):
            if is_of(row, self.model) and len(row.vector) == 4 * dimensions:
                matrix[number] = np.frombuffer(row.vector, np.float32)
        return matrix


def is_of(row: Any, model: str) -> bool:
    return row.model == model and row.vector is not None


def load_articles(connection: Connection, ids: Sequence[int]) -> Iterator[tuple[Any, list[Any]]]:
    """Published articles of `ids`, each with its passages in order; one without passages is left out."""
    articles = connection.execute(
        select(Article.id, Article.language, Article.audience, Article.labels, Article.vector, Article.model).where(
            Article.id.in_(ids), Article.state == ArticleState.PUBLISHED
        )
    )
    by_id = {article.id: article for article in articles}
    passages = connection.execute(
        select(Passage.article_id, Passage.id, Passage.vector, Passage.model)
        .where(Passage.article_id.in_(list(by_id)))
        .order_by(Passage.article_id, Passage.position)
    )
    for article_id, rows in groupby(passages, key=lambda row: row.article_id):
        yield by_id[article_id], list(rows)


def appended(held: NDArray[Any], added: NDArray[Any]) -> NDArray[Any]:
    """`held` with `added` behind it. Written into spare room of the same buffer where there is some."""
    length = len(held) + len(added)
    buffer = held.base if isinstance(held.base, np.ndarray) and held.base.shape[1:] == held.shape[1:] else held
    if len(buffer) < length or buffer is held:
        buffer = np.empty((int(length * SPARE), *held.shape[1:]), held.dtype)
        buffer[: len(held)] = held
    buffer[len(held) : length] = added
    return buffer[:length]


def index_for(model: str) -> Index:
    """This process's index of the app's database."""
    indexes: dict[str, Index] = current_app.extensions.setdefault("knowledge.indexes", {})
    return indexes.setdefault(model, Index(model))
