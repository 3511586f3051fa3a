"""How near everyday sentences come to the articles by chance. An answer must come nearer in meaning than that.

In much prose nearly any sentence finds one that shares words with it: "Is it going to rain tomorrow?" and "Ordered by
four, it is going to be there tomorrow." There, words in common are no reason to show something whose meaning is far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge.likeness import Rarity, Wording
from knowledge.nearby import Vectors
from knowledge.ranking import likeness

# Sentences that hardly any article answers; what a question is judged by must not depend on any one of them.
EVERYDAY = Path(__file__).with_name("everyday.txt").read_text(encoding="utf-8").splitlines()
COMPARED = 12  # nearest sentences whose words are compared, as in knowledge.judging


@dataclass(frozen=True)
class Chance:
    """`likeness` is what most everyday sentences stay below, and `cosine`, to a passage, what nearly all do."""

    likeness: float
    cosine: float


NOTHING = Chance(0.0, 0.0)


def measured(
    everyday: Vectors, passages: Vectors, sentences: Vectors, centred: Vectors, texts: Sequence[str], rarity: Rarity
) -> Chance:
    """`everyday`: the vectors of EVERYDAY, and `centred` the same centred as `sentences` are, which have `texts`."""
    if not len(passages) or not len(texts):
        return NOTHING
    near = (passages @ everyday.T).max(axis=0)
    alike = []
    for words, cosines in zip(EVERYDAY, centred @ sentences.T, strict=True):
        own = Wording(words, rarity)
        alike.append(max(alikeness(own, texts[at], float(cosines[at]), rarity) for at in nearest(cosines)))
    return Chance(float(np.quantile(alike, 0.85)), float(np.quantile(near, 0.95)))


def nearest(cosines: Vectors) -> list[int]:
    return [int(at) for at in np.argsort(-cosines)[:COMPARED]]


def alikeness(own: Wording, text: str, cosine: float, rarity: Rarity) -> float:
    other = Wording(text, rarity)
    return likeness(cosine, own.shared_words(other), own.shared_parts(other))
