"""How much a question and a sentence share: whole words weighed by how rare they are, and parts of words.

Meaning alone takes "Can I change my flavour?" for "Can I change my address?". Words tell them apart, and parts of
words forgive typing errors. Plain texts and numbers in, numbers out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain

from knowledge.keywords import STOP_STEMS, TOKEN, rarity, stem
from knowledge.ranking import likeness

COMMON_WORD = 0.15  # how much a word that says nothing weighs beside one that does
SHORTEST, LONGEST = 3, 5  # letters of a part of a word, its edges included
COMPARED = 12  # sentences nearest in meaning, whose words are compared
DOUBT = 2.0  # so much rarity must be shared before "all words are there" says much


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
    """A text's words and parts of words, made once and compared often; about a kilobyte for a sentence."""

    def __init__(self, text: str, rarity: Rarity) -> None:
        self.tokens = [token.casefold() for token in TOKEN.findall(text)]
        self.weights = {stemmed: rarity.weight(stemmed) for stemmed in set(map(stem, self.tokens))}
        self.length = math.sqrt(sum(weight * weight for weight in self.weights.values())) or 1.0
        counts = Counter(Counter(chain.from_iterable(map(parts_of, self.tokens))).values())
        self.parts_length = math.sqrt(sum(many * damped(count) ** 2 for count, many in counts.items())) or 1.0
        self._own: dict[str, Sequence[str]] = {}  # of words met, which of their parts are parts of this text

    @cached_property
    def parts(self) -> Mapping[str, float]:
        """What each of them counts."""
        return {part: damped(count) for part, count in Counter(chain.from_iterable(map(parts_of, self.tokens))).items()}

    def shared_words(self, other: Wording) -> float:
        """The cosine of the two texts' weighed words, 0 to 1."""
        both = self.weights.keys() & other.weights.keys()
        return sum(self.weights[word] ** 2 for word in both) / (self.length * other.length)

    def shared_parts(self, other: Wording) -> float:
        """The cosine of the two texts' parts of words, 0 to 1. A part that is there twice counts less than double.

        Ask it of the one that is compared with many: only its parts are kept.
        """
        counts: dict[str, int] = {}
        for token in other.tokens:
            for part in self._own_parts(token):
                counts[part] = counts.get(part, 0) + 1
        product = sum(self.parts[part] * (1.0 if count == 1 else damped(count)) for part, count in counts.items())
        return product / (self.parts_length * other.parts_length)

    def _own_parts(self, token: str) -> Sequence[str]:
        own = self._own.get(token)
        if own is None:
            parts = parts_of(token)
            shortest = parts[: len(token) + 3 - SHORTEST]
            # Without one of the shortest in common there is no longer one.
            shared = any(part in self.parts for part in shortest)
            own = self._own[token] = [part for part in parts if part in self.parts] if shared else ()
        return own


@lru_cache(maxsize=10_000)
def wording(text: str, rarity: Rarity) -> Wording:
    """The wording of a sentence that is likely to be compared again."""
    return Wording(text, rarity)


def alike(one: Wording, other: Wording, cosine: float) -> float:
    """How alike two sentences are, about 0 to 1.6. `one` is what many are compared with."""
    return likeness(cosine, one.shared_words(other), one.shared_parts(other))


def damped(count: int) -> float:
    return 1.0 if count == 1 else 1 + math.log(count)


@lru_cache(maxsize=20_000)
def parts_of(token: str) -> Sequence[str]:
    """Runs of letters in a word, its edges included."""
    edged = f" {token} "
    return tuple(
        edged[start : start + size] for size in range(SHORTEST, LONGEST + 1) for start in range(len(edged) - size + 1)
    )


def told_by(stems: Iterable[str], rarity: Rarity) -> dict[str, float]:
    """Those of a question's stems that tell something, and how much."""
    return {word: rarity.of(word) for word in set(stems) if word not in STOP_STEMS}


def covered(told: Mapping[str, float], held: Sequence[Container[str]]) -> float:
    """Which share of what a question tells is in any of some passages' stems, 0 to 1."""
    found = sum(weight for word, weight in told.items() if any(word in stems for stems in held))
    return found / (sum(told.values()) + DOUBT)
