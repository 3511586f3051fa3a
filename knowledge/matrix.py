"""The vectors of all articles, held in this process and brought up to date before every search.

Exact products over one float32 matrix: 10,000 passages take 0.8 ms, 100,000 take 14 ms; beyond LARGE see
knowledge.approximate. Triggers count every change of an article (see KnowledgeRevision); one look at that count
tells what must be loaded anew, so an article saved by any process is found by the next search of every other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from console.db import db
from console.web import today
from knowledge.approximate import Approximate
from knowledge.models import Article, ArticleChange, ArticleState, KnowledgeRevision, Passage
from knowledge.nearby import LISTED, NONE, Filters, Flags, Nearby, Numbers, Scan, Vectors, primary

log = logging.getLogger(__name__)

BATCH = 400  # articles loaded by one statement
SPARE = 1.5  # how much larger a full buffer becomes
LARGE = 200_000  # rows from which on an approximate index is built …
GROWN = 0.1  # … and built anew when so large a share came after it
GATHERED = 25  # comparing one row by itself takes as long as so many of them in one product
KEPT = 32  # masks of filters that a snapshot remembers
NEVER = date.max.toordinal()
REVISION = select(KnowledgeRevision.value)

Places = NDArray[np.int32]
FACTS = np.dtype(
    [
        ("id", np.int64),
        ("owner", np.int64),  # 0: nobody
        ("language", np.int32),  # texts by their code, see Codes
        ("audience", np.int32),
        ("state", np.int32),
        ("expires", np.int32),  # days, as date.toordinal counts
        ("verified_until", np.int32),  # the same; 0: not verified
        ("standing", np.float32),
    ]
)
SLOT, SHOWN, FOLDED = range(3)  # of a label: its article's slot, its code as written and in lower case


class Codes:
    """A number for every distinct text, from 0; they never change."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def add(self, text: str) -> int:
        if text not in self._numbers:
            self.texts.append(text)
            self._numbers[text] = len(self._numbers)
        return self._numbers[text]

    def of(self, text: str) -> int:
        """-1 for a text that no article has."""
        return self._numbers.get(text, -1)


@dataclass(frozen=True)
class Snapshot:
    """The index at one moment; searches read it without a lock. Arrays are by slot or by row.

    An article is a slot, a passage is a row. A changed article gets a new slot and the old one dies, so nothing
    that a search is reading ever moves.
    """

    revision: int = 0
    sweeps: int = 0  # how often rows were given new numbers
    codes: Codes = field(default_factory=Codes)  # may know more texts than this moment needs
    vectors: Vectors = field(default_factory=lambda: np.zeros((0, 0), np.float32))  # (rows, dimensions)
    passage_ids: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))  # (rows,)
    slots: Places = field(default_factory=lambda: np.zeros(0, np.int32))  # (rows,) of which slot
    facts: NDArray[Any] = field(default_factory=lambda: np.zeros(0, FACTS))  # (slots,)
    titles: Vectors = field(default_factory=lambda: np.zeros((0, 0), np.float32))  # (slots, dimensions)
    alive: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))  # (slots,)
    labels_of: Places = field(default_factory=lambda: np.zeros((0, 3), np.int32))  # (labels, 3): SLOT, SHOWN, FOLDED
    approximate: Approximate | None = None  # over the first rows
    _masks: dict[tuple[Filters, date], tuple[Flags, Flags]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not self.alive.any()

    @property
    def dimensions(self) -> int:
        return int(self.vectors.shape[1])

    def nearest(
        self, vector: Vectors, filters: Filters, count: int, also: Numbers = NONE, scan: Scan | None = None
    ) -> Nearby:
        rows, cosines = scan or self.scan(vector, filters, count)
        _, allowed = self.allowed(filters, today())
        more = self._among(also, allowed)
        more = more[~np.isin(more, rows)] if len(more) else more
        cosines = np.concatenate([cosines, self.vectors[more] @ vector])
        return self._nearby(np.concatenate([rows, more]), cosines, vector)

    def scan(self, vector: Vectors, filters: Filters, count: int) -> Scan:
        _, allowed = self.allowed(filters, today())
        compared = self._worth_comparing(vector, allowed, count)
        if compared is None:
            cosines = self.vectors @ vector
            rows = highest(np.where(allowed, cosines, np.float32(-np.inf)), count)
            return rows, cosines[rows]
        cosines = self.vectors[compared] @ vector
        best = highest(cosines, count)
        return compared[best], cosines[best]

    def _worth_comparing(self, vector: Vectors, allowed: Flags, count: int) -> Numbers | None:
        """The rows to compare one by one; None for all of them, by one product."""
        few = np.count_nonzero(allowed)
        if few * GATHERED < len(allowed):
            return np.flatnonzero(allowed)
        if self.approximate is None:
            return None
        known = self.approximate.rows
        added = known + np.flatnonzero(allowed[known:])
        return np.concatenate([self.approximate.nearest(vector, allowed, count), added])

    def of_passages(self, passage_ids: Numbers, filters: Filters) -> Nearby:
        _, allowed = self.allowed(filters, today())
        rows = self._among(passage_ids, allowed)
        return self._nearby(rows, np.zeros(len(rows), np.float32), None)

    def _among(self, passage_ids: Numbers, allowed: Flags) -> Numbers:
        """The rows of those passages that are there and allowed."""
        rows = self.rows_of(passage_ids)
        rows = rows[rows >= 0]
        return rows[allowed[rows]]

    def articles(self, filters: Filters, count: int) -> list[int]:
        allowed, _ = self.allowed(filters, today())
        return [int(id) for id in self.facts["id"][np.flatnonzero(allowed)[: -count - 1 : -1]]]

    def _nearby(self, rows: Numbers, cosines: Vectors, vector: Vectors | None) -> Nearby:
        slots, places = np.unique(self.slots[rows], return_inverse=True)  # an article's passages share its title
        facts = self.facts[slots]
        titles = np.zeros(len(slots), np.float32) if vector is None else self.titles[slots] @ vector
        return Nearby(
            passage_ids=self.passage_ids[rows],
            article_ids=facts["id"][places],
            cosines=cosines,
            titles=titles[places],
            standing=facts["standing"][places],
            verified=(facts["verified_until"] >= today().toordinal())[places],
        )

    def allowed(self, filters: Filters, day: date) -> tuple[Flags, Flags]:
        """Which slots, of shape (slots,), and which rows, of shape (rows,), a search may find on that day."""
        masks = self._masks.get((filters, day))
        if masks is None:
            slots = self._matching(filters, day)
            masks = slots, slots[self.slots]
            if len(self._masks) >= KEPT:
                self._masks.clear()
            self._masks[filters, day] = masks
        return masks

    def _matching(self, filters: Filters, day: date) -> Flags:
        mask = self.alive.copy()
        if filters.state is not None:
            mask &= self.facts["state"] == self.codes.of(filters.state)
        if filters.state is ArticleState.PUBLISHED:
            mask &= self.facts["expires"] > day.toordinal()
        if filters.language:
            mask &= self.facts["language"] == self.codes.of(filters.primary_language)
        if filters.audience is not None:
            mask &= self.facts["audience"] == self.codes.of(filters.audience)
        if filters.owner_id is not None:
            mask &= self.facts["owner"] == filters.owner_id
        if filters.label:
            mask &= self._labelled([filters.label])
        if filters.labels_any is not None:
            mask &= self._labelled(filters.labels_any)
        return mask

    def _labelled(self, labels: Sequence[str] | frozenset[str]) -> Flags:
        codes = [self.codes.of(label.casefold()) for label in labels]
        mask = np.zeros(len(self.facts), np.bool_)
        mask[self.labels_of[np.isin(self.labels_of[:, FOLDED], codes), SLOT]] = True
        return mask

    def rows_of(self, passage_ids: Numbers) -> Numbers:
        """The row of each passage, or -1 for one that is not (or no longer) in the index."""
        ids, rows = self._by_passage
        if not len(ids):
            return np.full(len(passage_ids), -1)
        place = np.minimum(np.searchsorted(ids, passage_ids), len(ids) - 1)
        return np.where(ids[place] == passage_ids, rows[place], -1)

    @cached_property
    def _by_passage(self) -> tuple[Numbers, Numbers]:
        rows = np.flatnonzero(self.alive[self.slots])
        order = rows[np.argsort(self.passage_ids[rows], kind="stable")]  # quick, for they are nearly in order
        return self.passage_ids[order], order

    @cached_property
    def languages(self) -> list[str]:
        return [self.codes.texts[code] for code in most_frequent(self.facts["language"][self._published])]

    @cached_property
    def labels(self) -> list[str]:
        shown = self.labels_of[self._published[self.labels_of[:, SLOT]], SHOWN]
        return sorted((self.codes.texts[code] for code in most_frequent(shown)), key=str.casefold)

    @cached_property
    def owners(self) -> list[int]:
        return [owner for owner in most_frequent(self.facts["owner"][self.alive]) if owner]

    @property
    def _published(self) -> Flags:
        return np.asarray(self.alive & (self.facts["state"] == self.codes.of(ArticleState.PUBLISHED)))


class MatrixIndex:
    """Keeps the newest snapshot for one database and one model."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.snapshot = Snapshot()
        self._lock = threading.Lock()
        self._builder: threading.Thread | None = None

    def fresh(self, seen: int | None = None) -> Snapshot:
        """The snapshot with everything that is committed by now. One statement at most when nothing changed."""
        if seen == self.snapshot.revision:
            return self.snapshot
        # A connection of its own: what this request has not committed yet must not get into the index.
        with db.engine.connect() as connection:
            revision = connection.scalar(REVISION) or 0
            if revision != self.snapshot.revision:
                with self._lock:
                    # Read again: another thread may have loaded something newer while this one waited.
                    revision = connection.scalar(REVISION) or 0
                    if revision < self.snapshot.revision:  # another database in its place, as after a restore
                        self.snapshot = Snapshot(sweeps=self.snapshot.sweeps + 1)
                    if revision > self.snapshot.revision:
                        self.snapshot = self._loaded(connection, revision)
                        self._build_beside()
        return self.snapshot

    def _build_beside(self) -> None:
        """Begin an approximate index in a thread of its own where one is due; until then the exact one serves."""
        rows, held = len(self.snapshot.slots), self.snapshot.approximate
        is_due = rows > LARGE and (held is None or rows - held.rows > GROWN * rows)
        if is_due and (self._builder is None or not self._builder.is_alive()):
            given = self.snapshot.vectors, self.snapshot.sweeps
            self._builder = threading.Thread(target=self._build, args=given, name="index", daemon=True)
            self._builder.start()

    def _build(self, vectors: Vectors, sweeps: int) -> None:
        try:
            built = Approximate(vectors)
        except Exception:
            log.exception("the approximate index cannot be built; every search compares all passages")
            return
        with self._lock:
            # Swept meanwhile, rows have other numbers: then the next change begins anew.
            if self.snapshot.sweeps == sweeps:
                self.snapshot = replace(self.snapshot, approximate=built)

    def _loaded(self, connection: Connection, revision: int) -> Snapshot:
        """The snapshot with new slots at its end, and the dead ones swept out once they are the majority."""
        old = self.snapshot
        changed = select(ArticleChange.article_id).where(ArticleChange.revision > old.revision)
        ids = sorted(connection.scalars(changed))
        old = replace(old, revision=revision, alive=old.alive & ~np.isin(old.facts["id"], ids), _masks={})
        parts = [old]
        for start in range(0, len(ids), BATCH):
            parts.append(self._read(connection, ids[start : start + BATCH], parts[-1]))
        joined = together(parts)
        return joined if 2 * int(joined.alive.sum()) + 1000 > len(joined.facts) else swept(joined)

    def _read(self, connection: Connection, ids: Sequence[int], before: Snapshot) -> Snapshot:
        """Some articles by themselves, their slots counted from 0."""
        codes = before.codes
        articles, passages = load_articles(connection, ids)
        slot_of = {article.id: slot for slot, article in enumerate(articles)}
        written = (row.vector for row in (*passages, *articles) if is_of(row, self.model))
        dimensions = before.dimensions or len(next(written, b"")) // 4
        labels = [
            (slot, codes.add(label), codes.add(label.casefold()))
            for slot, article in enumerate(articles)
            for label in dict.fromkeys(article.labels)
        ]
        return replace(
            before,
            vectors=self._matrix(passages, dimensions),
            passage_ids=np.array([row.id for row in passages], np.int64),
            slots=np.array([slot_of[row.article_id] for row in passages], np.int32),
            facts=np.array([facts_of(article, codes) for article in articles], FACTS),
            titles=self._matrix(articles, dimensions),
            alive=np.ones(len(articles), np.bool_),
            labels_of=np.array(labels, np.int32).reshape(-1, 3),
        )

    def _matrix(self, rows: Sequence[Any], dimensions: int) -> Vectors:
        """Vectors of shape (len(rows), dimensions); zeros, similar to nothing, where there is none yet."""
        size = 4 * dimensions
        stored = [row.vector if is_of(row, self.model) and len(row.vector) == size else bytes(size) for row in rows]
        return np.frombuffer(b"".join(stored), np.float32).reshape(len(rows), dimensions)


def is_of(row: Any, model: str) -> bool:
    return row.model == model and row.vector is not None


def load_articles(connection: Connection, ids: Sequence[int]) -> tuple[Sequence[Any], Sequence[Any]]:
    """The articles of `ids` that still are, and their passages, in order."""
    table = Article.__table__.c
    columns = ("id", "language", "audience", "state", "labels", "owner_id", "expires_on", "verified_at", "verify_by")
    articles = connection.execute(
        select(*(table[name] for name in (*columns, "standing", "vector", "model"))).where(Article.id.in_(ids))
    ).all()
    passages = connection.execute(
        select(Passage.article_id, Passage.id, Passage.vector, Passage.model)
        .where(Passage.article_id.in_([article.id for article in articles]))
        .order_by(Passage.article_id, Passage.position)
    ).all()
    return articles, passages


def facts_of(article: Any, codes: Codes) -> tuple[Any, ...]:
    """One article as a row of FACTS."""
    verified_until = (article.verify_by.toordinal() if article.verify_by else NEVER) if article.verified_at else 0
    return (
        article.id,
        article.owner_id or 0,
        codes.add(primary(article.language)),
        codes.add(article.audience),
        codes.add(article.state),
        article.expires_on.toordinal() if article.expires_on else NEVER,
        verified_until,
        article.standing,
    )


def together(parts: Sequence[Snapshot]) -> Snapshot:
    """The first one with the others behind it."""
    old, added = parts[0], parts[1:]
    dimensions = parts[-1].dimensions
    first_slots = np.cumsum([len(part.facts) for part in parts])
    slots = [part.slots + np.int32(start) for part, start in zip(added, first_slots, strict=False)]
    labels = [
        part.labels_of + np.array([start, 0, 0], np.int32) for part, start in zip(added, first_slots, strict=False)
    ]
    return replace(
        old,
        vectors=appended(wide(old.vectors, dimensions), [wide(part.vectors, dimensions) for part in added]),
        passage_ids=appended(old.passage_ids, [part.passage_ids for part in added]),
        slots=appended(old.slots, slots),
        facts=appended(old.facts, [part.facts for part in added]),
        titles=appended(wide(old.titles, dimensions), [wide(part.titles, dimensions) for part in added]),
        alive=np.concatenate([part.alive for part in parts]),
        labels_of=appended(old.labels_of, labels),
    )


def swept(full: Snapshot) -> Snapshot:
    """Without its dead slots."""
    slots = np.flatnonzero(full.alive)
    rows = np.flatnonzero(full.alive[full.slots])
    labels = full.labels_of[full.alive[full.labels_of[:, SLOT]]].copy()
    moved = np.cumsum(full.alive, dtype=np.int32) - 1
    labels[:, SLOT] = moved[labels[:, SLOT]]
    return replace(
        full,
        sweeps=full.sweeps + 1,
        approximate=None,
        vectors=full.vectors[rows],
        passage_ids=full.passage_ids[rows],
        slots=moved[full.slots[rows]],
        facts=full.facts[slots],
        titles=full.titles[slots],
        alive=np.ones(len(slots), np.bool_),
        labels_of=labels,
    )


def wide(vectors: Vectors, dimensions: int) -> Vectors:
    return vectors if vectors.shape[1] == dimensions else np.zeros((len(vectors), dimensions), np.float32)


def appended(held: NDArray[Any], added: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """`held` with `added` behind it. Written into spare room of the same buffer where there is some."""
    length = len(held) + sum(map(len, added))
    if length == len(held):
        return held
    buffer = held.base if isinstance(held.base, np.ndarray) and held.base.shape[1:] == held.shape[1:] else held
    if len(buffer) < length or buffer is held or buffer.dtype != held.dtype or not buffer.flags.writeable:
        buffer = np.empty((int(length * SPARE) if len(held) else length, *held.shape[1:]), held.dtype)
        buffer[: len(held)] = held
    start = len(held)
    for rows in added:
        buffer[start : start + len(rows)] = rows
        start += len(rows)
    return buffer[:length]


def highest(scores: Vectors, count: int) -> Numbers:
    """Where the `count` highest finite scores are, best first; equal ones in order of place."""
    if len(scores) > count:
        rows = np.sort(np.argpartition(scores, len(scores) - count)[len(scores) - count :])
    else:
        rows = np.arange(len(scores))
    rows = rows[np.isfinite(scores[rows])]
    return rows[np.argsort(-scores[rows], kind="stable")]


def most_frequent(codes: NDArray[Any]) -> list[int]:
    """The LISTED most frequent numbers, the most frequent first."""
    values, counts = np.unique(codes, return_counts=True)
    return [int(value) for value in values[np.argsort(-counts, kind="stable")][:LISTED]]
