"""All articles at one moment, as arrays in this process: what a search compares its question with.

Exact products over one float32 matrix: 10,000 passages take 0.8 ms, 100,000 take 14 ms; beyond some 200,000 see
knowledge.approximate. How a snapshot follows the one before is in knowledge.matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from console.web import today
from knowledge.approximate import Approximate
from knowledge.models import ArticleState
from knowledge.nearby import LISTED, Filters, Flags, Nearby, Numbers, Vectors

GATHERED = 25  # comparing one row by itself takes as long as so many of them in one product
KEPT = 32  # masks of filters that a snapshot remembers

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
        self, vector: Vectors, filters: Filters, count: int, also: Callable[[], Numbers] | None = None
    ) -> Nearby:
        day = today()
        _, allowed = self.allowed(filters, day)
        compared = self._worth_comparing(vector, allowed, count)
        if compared is None:
            cosines = self.vectors @ vector
            rows = highest(np.where(allowed, cosines, np.float32(-np.inf)), count)
            found = cosines[rows]
        else:
            cosines = self.vectors[compared] @ vector
            best = highest(cosines, count)
            rows, found = compared[best], cosines[best]
        if also is not None:
            more = self._findable(also(), allowed)
            is_near = np.zeros(len(allowed), np.bool_)
            is_near[rows] = True
            more = more[~is_near[more]]
            rows = np.concatenate([rows, more])
            found = np.concatenate([found, cosines[more] if compared is None else self.vectors[more] @ vector])
        return self._nearby(rows, found, day, vector)

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
        day = today()
        _, allowed = self.allowed(filters, day)
        rows = self._findable(passage_ids, allowed)
        return self._nearby(rows, np.zeros(len(rows), np.float32), day)

    def _findable(self, passage_ids: Numbers, allowed: Flags) -> Numbers:
        rows = self.rows_of(passage_ids)
        rows = rows[rows >= 0]
        return rows[allowed[rows]]

    def articles(self, filters: Filters, count: int) -> list[int]:
        allowed, _ = self.allowed(filters, today())
        return [int(id) for id in self.facts["id"][np.flatnonzero(allowed)[: -count - 1 : -1]]]

    def _nearby(self, rows: Numbers, cosines: Vectors, day: date, vector: Vectors | None = None) -> Nearby:
        of_rows = self.slots[rows]
        place_of = np.zeros(len(self.facts), np.int64)
        place_of[of_rows] = 1
        slots = np.flatnonzero(place_of)
        place_of[slots] = np.arange(len(slots))
        places = place_of[of_rows]
        facts = self.facts[slots]
        return Nearby(
            passage_ids=self.passage_ids[rows],
            cosines=cosines,
            places=places,
            article_ids=facts["id"],
            titles=np.zeros(len(slots), np.float32) if vector is None else self.titles[slots] @ vector,
            standing=facts["standing"],
            verified=facts["verified_until"] >= day.toordinal(),
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
