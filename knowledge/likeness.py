"""How much a question and a sentence share: whole words weighed by how rare they are, and parts of words.

Meaning alone takes "Can I change my flavour?" for "Can I change my address?". Words tell them apart, and parts of
words forgive typing errors. Plain texts and numbers in, numbers out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from knowledge.keywords import STOP_STEMS, TOKEN, rarity, stands_in, stem
from knowledge.ranking import likeness

COMMON_WORD = 0.15  # how much a word that says nothing weighs beside one that does
SHORTEST, LONGEST = 3, 5  # letters of a part of a word, its edges included
COMPARED = 12  # sentences nearest in meaning, whose words are compared
BITS = 50  # of a part's number: two of a sentence are the same by chance once in ten thousand million times
MOST_KEPT = 10_000  # sentences
DOUBT = 2.0  # so much rarity must be shared before "all words are there" says much

Parts = NDArray[np.int64]
Scores = NDArray[np.float64]
NO_PARTS, NO_COUNTS = np.zeros(0, np.int64), np.zeros(0)


@dataclass(frozen=True, eq=False)
class Rarity:
    """How rare words are among the passages. `holders` says how many of `passages` hold a stem."""

    passages: int
    holders: Mapping[str, int]
    wordings: dict[str, Wording] = field(default_factory=dict)  # of sentences, see kept_wordings
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


@dataclass(frozen=True, eq=False)
class Wording:
    """A text's words and parts of words, made once and compared often; about three kilobytes for a sentence."""

    weights: Mapping[str, float]  # of its stems
    length: float
    parts: Parts  # distinct and in order
    counts: Scores  # of each part; one that is there twice counts less than double
    parts_length: float

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


def wordings(texts: Sequence[str], rarity: Rarity) -> list[Wording]:
    """The wording of each of at most 4,096 texts (what BITS leave). Their parts are counted all at once."""
    tokens = [[token.casefold() for token in TOKEN.findall(text)] for text in texts]
    each = [np.concatenate([NO_PARTS, *map(parts_of, own)]) for own in tokens]
    marked = [parts + (place << BITS) for place, parts in enumerate(each)]
    parts, times = np.unique(np.concatenate([NO_PARTS, *marked]), return_counts=True)
    counts = 1 + np.log(times)
    ends = np.searchsorted(parts, np.arange(len(texts) + 1) << BITS).tolist()
    lengths = np.sqrt(np.bincount(parts >> BITS, counts * counts, len(texts))).tolist()
    made = []
    for place, (own, start, end) in enumerate(zip(tokens, ends, ends[1:], strict=False)):
        weights = {stemmed: rarity.weight(stemmed) for stemmed in set(map(stem, own))}
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        distinct = parts[start:end] - (place << BITS)
        made.append(Wording(weights, length, distinct, counts[start:end], lengths[place] or 1.0))
    return made


def kept_wordings(texts: Sequence[str], rarity: Rarity) -> list[Wording]:
    """The same of sentences that are likely to be compared again. Many threads may ask at once."""
    kept = rarity.wordings
    own = {text: made for text in texts if (made := kept.get(text))}
    missing = [text for text in texts if text not in own]
    own |= zip(missing, wordings(missing, rarity), strict=True)
    if len(kept) + len(missing) > MOST_KEPT:
        kept.clear()
    kept.update(own)
    return [own[text] for text in texts]


def alike(one: Wording, others: Sequence[Wording], cosines: Sequence[float]) -> Scores:
    """How alike a sentence and each of some others are, about 0 to 1.6, of shape (others,)."""
    words = np.array([one.shared_words(other) for other in others])
    return likeness(np.array(cosines), words, one.shared_parts(others))


@lru_cache(maxsize=20_000)
def parts_of(token: str) -> Parts:
    """Runs of letters in a word, its edges included, as numbers of BITS bits that are this process's own."""
    edged = f" {token} "
    runs = (
        edged[start : start + size] for size in range(SHORTEST, LONGEST + 1) for start in range(len(edged) - size + 1)
    )
    return np.fromiter(map(hash, runs), np.int64) & ((1 << BITS) - 1)


def told_by(stems: Iterable[str], rarity: Rarity) -> dict[str, float]:
    """Those of a question's stems that tell something, and how much."""
    return {word: rarity.of(word) for word in set(stems) if word not in STOP_STEMS}


def covered(told: Mapping[str, float], texts: Sequence[str]) -> float:
    """Which share of what a question tells is in any of some texts, 0 to 1. `texts` are case-folded."""
    found = sum(weight for word, weight in told.items() if any(stands_in(word, text) for text in texts))
    return found / (sum(told.values()) + DOUBT)
