"""How much a question and a sentence share: whole words weighed by how rare they are, and parts of words.

Meaning alone takes "Can I change my flavour?" for "Can I change my address?". Words tell them apart, and parts of
words forgive typing errors. Plain texts and numbers in, numbers out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from knowledge.keywords import STOP_STEMS, TOKEN, stem

COMMON_WORD = 0.15  # how much a word that says nothing weighs beside one that does
SHORTEST, LONGEST = 3, 5  # letters of a part of a word, its edges included
DOUBT = 2.0  # so much rarity must be shared before "all words are there" says much

Parts = Mapping[str, float]


@dataclass(frozen=True)
class Rarity:
    """How rare words are among the passages. `holders` says how many of `passages` hold a stem."""

    passages: int
    holders: Mapping[str, int]

    def share(self, stemmed: str) -> float:
        """Which share of the passages hold it, 0 to 1."""
        return self.holders.get(stemmed, 0) / self.passages if self.passages else 0.0

    def of(self, stemmed: str) -> float:
        """The weight of a word that tells something, as bm25 has it; the highest for one that is nowhere."""
        held = self.holders.get(stemmed, 0)
        return math.log(1 + (self.passages - held + 0.5) / (held + 0.5))

    def weight(self, stemmed: str) -> float:
        return self.of(stemmed) * (COMMON_WORD if stemmed in STOP_STEMS else 1.0)


class Wording:
    """A text's words and parts of words, made once and compared often."""

    def __init__(self, text: str, rarity: Rarity) -> None:
        tokens = [token.casefold() for token in TOKEN.findall(text)]
        self.weights = {stemmed: rarity.weight(stemmed) for stemmed in set(map(stem, tokens))}
        self.length = math.sqrt(sum(weight * weight for weight in self.weights.values())) or 1.0
        self.parts = parts_of(tokens)

    def shared_words(self, other: Wording) -> float:
        """The cosine of the two texts' weighed words, 0 to 1."""
        both = self.weights.keys() & other.weights.keys()
        return sum(self.weights[word] ** 2 for word in both) / (self.length * other.length)

    def shared_parts(self, other: Wording) -> float:
        """The cosine of the two texts' parts of words, 0 to 1."""
        few, many = sorted((self.parts, other.parts), key=len)
        return sum(weight * many.get(part, 0.0) for part, weight in few.items())


def parts_of(tokens: Iterable[str]) -> Parts:
    """Runs of letters in words, as a vector of unit length."""
    counts: Counter[str] = Counter()
    for token in tokens:
        edged = f" {token} "
        for size in range(SHORTEST, LONGEST + 1):
            counts.update(edged[start : start + size] for start in range(len(edged) - size + 1))
    weights = {part: 1 + math.log(count) for part, count in counts.items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {part: weight / length for part, weight in weights.items()}


def covered(question: Iterable[str], passages: Iterable[str], rarity: Rarity) -> float:
    """Which share of what a question's stems tell is in some passages' stems, 0 to 1."""
    held = set(passages)
    told = [word for word in set(question) if word not in STOP_STEMS]
    found = sum(rarity.of(word) for word in told if word in held)
    return found / (sum(rarity.of(word) for word in told) + DOUBT)
