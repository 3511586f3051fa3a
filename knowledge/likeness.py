"""How much a question and a sentence share: whole words weighed by how rare they are, and parts of words.

Meaning alone takes "Can I change my flavour?" for "Can I change my address?". Words tell them apart, and parts of
words forgive typing errors. Plain texts and numbers in, numbers out.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from knowledge.keywords import STOP_STEMS, TOKEN, rarity, stem
from knowledge.ranking import likeness

COMMON_WORD = 0.15  # how much a word that says nothing weighs beside one that does
SHORTEST, LONGEST = 3, 5  # letters of a part of a word, its edges included
COMPARED = 12  # sentences nearest in meaning, whose words are compared
DOUBT = 2.0  # so much rarity must be shared before "all words are there" says much

Parts = NDArray[np.int64]
Scores = NDArray[np.float64]
NO_PARTS, NO_COUNTS = np.zeros(0, np.int64), np.zeros(0)


@dataclass(frozen=True, eq=False)
class Rarity:
    """How rare words are among the passages. `holders` says how many of `passages` hold a stem."""

    passages: int
    holders: Mapping[str, int]
    _weights: dict[str, float] = field(default_factory=dict)  # of those that are among the passages

    def share(self, stemmed: str) -> float:
        """Which share of the passages hold it, 0 to 1."""
        return self.holders.get(stemmed, 0) / self.passages if self.passages else 0.0

    def of(self, stemmed: str) -> float:
        """The weight of a word that tells something, as bm25 has it; the highest for one that is nowhere."""
        weight = self._weights.get(stemmed)
        if weight is None:
            held = self.holders.get(stemmed, 0)
            weight = rarity(held, self.passages)
            if held:
                self._weights[stemmed] = weight
        return weight

    def weight(self, stemmed: str) -> float:
        return self.of(stemmed) * (COMMON_WORD if stemmed in STOP_STEMS else 1.0)


class Wording:
    """A text's words and parts of words, made once and compared often; about three kilobytes for a sentence."""

    def __init__(self, text: str, rarity: Rarity) -> None:
        tokens = [token.casefold() for token in TOKEN.findall(text)]
        self.weights = {stemmed: rarity.weight(stemmed) for stemmed in set(map(stem, tokens))}
        self.length = math.sqrt(sum(weight * weight for weight in self.weights.values())) or 1.0
        parts = np.concatenate([NO_PARTS, *map(parts_of, tokens)])
        self.parts, counts = np.unique(parts, return_counts=True)  # in order
        self.counts = 1 + np.log(counts)  # a part that is there twice counts less than double
        self.parts_length = float(np.linalg.norm(self.counts)) or 1.0

    def shared_words(self, other: Wording) -> float:
        """The cosine of the two texts' weighed words, 0 to 1."""
        both = self.weights.keys() & other.weights.keys()
        return sum(self.weights[word] ** 2 for word in both) / (self.length * other.length)

    def shared_parts(self, others: Sequence[Wording]) -> Scores:
        """The cosines of this text's parts of words and each other's, 0 to 1, of shape (others,)."""
        if not len(self.parts):
            return np.zeros(len(others))
        parts = np.concatenate([NO_PARTS, *(other.parts for other in others)])
        place = np.minimum(np.searchsorted(self.parts, parts), len(self.parts) - 1)
        shared = np.flatnonzero(self.parts[place] == parts)
        counts = np.concatenate([NO_COUNTS, *(other.counts for other in others)])
        products = self.counts[place[shared]] * counts[shared]
        owners = np.repeat(np.arange(len(others)), [len(other.parts) for other in others])[shared]
        lengths = np.array([other.parts_length for other in others])
        return np.bincount(owners, products, len(others)) / (self.parts_length * lengths)


@lru_cache(maxsize=10_000)
def wording(text: str, rarity: Rarity) -> Wording:
    """The wording of a sentence that is likely to be compared again."""
    return Wording(text, rarity)


def alike(one: Wording, others: Sequence[Wording], cosines: Sequence[float]) -> Scores:
    """How alike a sentence and each of some others are, about 0 to 1.6, of shape (others,)."""
    words = np.array([one.shared_words(other) for other in others])
    return likeness(np.array(cosines), words, one.shared_parts(others))


@lru_cache(maxsize=20_000)
def parts_of(token: str) -> Parts:
    """Runs of letters in a word, its edges included, as numbers that are this process's own."""
    edged = f" {token} "
    runs = (
        edged[start : start + size] for size in range(SHORTEST, LONGEST + 1) for start in range(len(edged) - size + 1)
    )
    return np.fromiter(map(hash, runs), np.int64)


def told_by(stems: Iterable[str], rarity: Rarity) -> dict[str, float]:
    """Those of a question's stems that tell something, and how much."""
    return {word: rarity.of(word) for word in set(stems) if word not in STOP_STEMS}


def covered(told: Mapping[str, float], held: Sequence[Container[str]]) -> float:
    """Which share of what a question tells is in any of some passages' stems, 0 to 1."""
    found = sum(weight for word, weight in told.items() if any(word in stems for stems in held))
    return found / (sum(told.values()) + DOUBT)
