"""How near everyday sentences come to the articles by chance. An answer must come nearer in meaning than that.

In much prose nearly any sentence finds one that shares words with it: "Is it going to rain tomorrow?" and "Ordered by
four, it is going to be there tomorrow." There, words in common are no reason to show something whose meaning is far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge.likeness import COMPARED, Rarity, alike, wordings
from knowledge.nearby import Vectors

# Sentences that hardly any article answers; what a question is judged by must not depend on any one of them.
EVERYDAY = Path(__file__).with_name("everyday.txt").read_text(encoding="utf-8").splitlines()


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
    best = []
    for words, cosines in zip(EVERYDAY, centred @ sentences.T, strict=True):
        nearest = np.argsort(-cosines)[:COMPARED]
        own, *others = wordings([words, *(texts[at] for at in nearest)], rarity)
        best.append(alike(own, others, cosines[nearest]).max())
    return Chance(float(np.quantile(best, 0.85)), float(np.quantile(near, 0.95)))
