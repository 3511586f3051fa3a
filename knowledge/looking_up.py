"""What a search reads of the database before it knows what the question means: in another thread, meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from knowledge import keywords
from knowledge.background import Background
from knowledge.beside import beside
from knowledge.embedding import Encoder
from knowledge.held import Now, now
from knowledge.index import Filters, Moment, index_for
from knowledge.likeness import Wording, wordings
from knowledge.nearby import NONE, Numbers, Vectors

DEEP = 600  # passages that the keyword search hands over
DEEPEST = 20_000  # the same when a filter will drop most of them


@dataclass(frozen=True)
class Asked:
    """A question as the search takes it."""

    text: str
    words: Sequence[str]  # those that say what it is about
    looked_for: Sequence[str]  # those of them that the keyword search takes
    background: Background
    encoder: Encoder
    by_meaning: bool = True  # whether the search by meaning takes part
    by_words: bool = True  # whether the keyword search does
    beginning: str = ""  # of a word that is still being typed

    @cached_property
    def vector(self) -> Vectors | None:
        """Of shape (dimensions,); None when the meaning is not to be known. It takes milliseconds, the first time."""
        return self.encoder.encode_question(self.text) if self.by_meaning else None

    @cached_property
    def wording(self) -> Wording:
        """What its best sentences are compared with, word by word."""
        return wordings([self.text], self.background.rarity)[0]

    @property
    def length(self) -> int:
        return len(self.text.split())


@dataclass(frozen=True)
class Ground:
    """Where a search looks."""

    at_hand: Now
    moment: Moment
    is_empty: bool
    is_prepared: bool  # it holds vectors as the encoder makes them


class LookUp:
    """The thread has this one's session until `words` has answered, or the block ends: leave it alone until then.

    Meanwhile this one reads the question and compares its vector, both without Python's lock.
    """

    def __init__(self, asked: Asked, filters: Filters) -> None:
        self._asked = asked
        self._filters = filters
        self._ground: Future[Ground] = Future()

    def __enter__(self) -> Self:
        self._words = beside(self._look)
        return self

    def __exit__(self, *problem: object) -> None:
        self._words.exception()  # waits

    def ground(self) -> Ground:
        """Waits for it."""
        return self._ground.result()

    def words(self) -> tuple[Numbers, Vectors]:
        """The passages that the keyword search finds, in order of their ids, and their scores. Waits for them."""
        return self._words.result()

    def _look(self) -> tuple[Numbers, Vectors]:
        try:
            ground = self._read()
        except BaseException as problem:
            self._ground.set_exception(problem)
            raise
        self._ground.set_result(ground)
        found = self._find(ground) if self._asked.by_words else (NONE, np.zeros(0, np.float32))
        if self._asked.by_meaning:
            _ = self._asked.wording  # while the other thread still reads
        return found

    def _find(self, ground: Ground) -> tuple[Numbers, Vectors]:
        ids, scores = keywords.find(
            self._asked.looked_for,
            DEEPEST if self._filters else DEEP,
            self._asked.background.size,
            beginning=self._asked.beginning,
            kept=ground.at_hand.held,
            alone=not (self._asked.by_meaning and ground.is_prepared),
        )
        order = np.argsort(ids)
        return ids[order], scores[order]

    def _read(self) -> Ground:
        at_hand, model = now(), self._asked.encoder
        moment = index_for(model.name).fresh(at_hand.held.revision)
        is_prepared = model.dimensions == moment.dimensions
        return Ground(at_hand, moment, moment.is_empty, is_prepared)
