"""What a process holds of the articles between two searches, so that the same is not read and taken apart again.

All of it is of one revision (see KnowledgeRevision): once any article changes, what is held is forgotten whole. It
holds at most 10,000 passages and the places of some thousand words, 60 MB; when that is full it begins anew.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flask import current_app
from numpy.typing import NDArray
from sqlalchemy import bindparam, select, text

from console.db import db
from knowledge.keywords import TOKEN, Places, stem, words_in_common
from knowledge.models import Passage
from knowledge.ranking import SURE_ENOUGH

MOST_PASSAGES = 10_000
MOST_PLACES = 2_000_000

NOW = """SELECT
(SELECT value FROM knowledge_revisions WHERE id = 1), (SELECT show_from FROM knowledge_settings ORDER BY id LIMIT 1)"""
ON_SQLITE = text(NOW)
# The third: whether this transaction has written something, which may yet be taken back.
ON_POSTGRESQL = text(f"{NOW}, pg_current_xact_id_if_assigned() IS NOT NULL")
COLUMNS = (Passage.id, Passage.title, Passage.heading, Passage.text, Passage.sentence_vectors)
PASSAGES = select(*COLUMNS).where(Passage.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, eq=False)
class ReadPassage:
    """A passage as searches read it."""

    id: int
    title: str
    heading: str
    text: str
    sentence_vectors: NDArray[np.int8]  # one after the other, see knowledge.embedding.packed

    @property
    def whole(self) -> str:
        return f"{self.title} {self.heading} {self.text}"

    @cached_property
    def stems(self) -> frozenset[str]:
        return frozenset(map(stem, set(TOKEN.findall(self.whole))))

    def words_in_common(self, words: Collection[str], beginning: str = "") -> list[str]:
        """Which of a question's words it holds, in the question's order."""
        if beginning:
            return words_in_common(list(words), self.whole, beginning=beginning)
        return [word for word in words if stem(word) in self.stems]


class Held:
    """Of one revision. Used by many threads at once: every entry is right whoever put it there."""

    def __init__(self, revision: int = -1) -> None:
        self.revision = revision
        self._passages: dict[int, ReadPassage] = {}
        self._places: dict[str, Places] = {}
        self._size = 0

    def passages(self, ids: Collection[int]) -> dict[int, ReadPassage]:
        """Some passages, those that are not held by one statement; left out what is not there."""
        found = {id: held for id in ids if (held := self._passages.get(id))}
        missing = [id for id in ids if id not in found]
        if missing:
            rows = db.session.connection().execute(PASSAGES, {"ids": missing})
            read = {row[0]: ReadPassage(*row[:4], np.frombuffer(row[4] or b"", np.int8)) for row in rows}
            if len(self._passages) + len(read) > MOST_PASSAGES:
                self._passages.clear()
            self._passages.update(read)
            found |= read
        return found

    def places(self, term: str) -> Places | None:
        return self._places.get(term)

    def keep(self, term: str, places: Places) -> None:
        self._size += len(places.ids)
        if self._size > MOST_PLACES:
            self._places.clear()
            self._size = len(places.ids)
        self._places[term] = places


@dataclass(frozen=True)
class Now:
    """What a search needs to know first."""

    held: Held
    show_from: float  # the confidence, 0 to 1, below which nothing is shown


def now() -> Now:
    """What is held of the articles as they are: nothing in a transaction that has written something. One statement."""
    connection = db.session.connection()
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        (revision, chosen), has_written = connection.execute(ON_SQLITE).one(), driver.in_transaction
    else:
        revision, chosen, has_written = connection.execute(ON_POSTGRESQL).one()
    show_from = SURE_ENOUGH if chosen is None else chosen
    if has_written:
        return Now(Held(), show_from)
    kept: Held | None = current_app.extensions.get("knowledge.held")
    if kept is None or kept.revision != (revision or 0):
        kept = current_app.extensions["knowledge.held"] = Held(revision or 0)
    return Now(kept, show_from)
