"""The vectors of all articles, held in this process and brought up to date before every search.

Triggers count every change of an article (see KnowledgeRevision); one look at that count tells what must be loaded
anew, so an article saved by any process is found by the next search of every other. What is held is a Snapshot.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from console.db import db
from knowledge.approximate import Approximate
from knowledge.models import Article, ArticleChange, KnowledgeRevision, Passage
from knowledge.nearby import Vectors, primary
from knowledge.snapshot import FACTS, SLOT, Codes, Snapshot

log = logging.getLogger(__name__)

BATCH = 400  # articles loaded by one statement
SPARE = 1.5  # how much larger a full buffer becomes
LARGE = 200_000  # rows from which on an approximate index is built …
GROWN = 0.1  # … and built anew when so large a share came after it
NEVER = date.max.toordinal()
REVISION = select(KnowledgeRevision.value)


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
