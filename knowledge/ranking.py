"""How the signals of a search become one order and one confidence: plain numbers in, plain numbers out.

All weights of the search are here. What was tuned on what: bench/RESULTS.md, "Search quality".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Cosines = NDArray[np.float64]

BEST_FEW = 3  # passages that stand for the whole article
# Small, so that what people did with an article settles near-ties and never hides an answer.
STANDING = 0.03
VERIFIED = 0.01
DISMISSED = 0.15
FREQUENCY = 2.0  # how often words stand in the best passages, beside that they do: where words alone are known

# A question's length, in words: from SHORT on its whole article counts more, and at LONG it counts most.
SHORT, LONG = 8, 64


@dataclass(frozen=True)
class Weights:
    """What each signal counts. All but the keywords are cosines; these are their share of the best match's score."""

    passage: float  # the article's best passage
    title: float
    sentence: float  # the article's best sentence
    whole: float  # the mean of its BEST_FEW best passages
    keywords: float


OF_SHORT = Weights(passage=0.8, title=0.4, sentence=0.8, whole=0.0, keywords=0.22)
OF_LONG = Weights(passage=0.8, title=0.05, sentence=0.3, whole=0.9, keywords=0.18)


def weights_for(words: int) -> Weights:
    """A short question is a sentence that some article holds nearly so; a long one is a story with a topic."""
    doublings = math.log2(max(words, 1) / SHORT) / math.log2(LONG / SHORT)
    share = min(max(doublings, 0.0), 1.0)
    return Weights(
        *(
            short + share * (long - short)
            for short, long in zip(vars(OF_SHORT).values(), vars(OF_LONG).values(), strict=True)
        )
    )


def few_best(scores: Scores, places: NDArray[np.int64], articles: int) -> Scores:
    """The mean of each article's BEST_FEW highest scores, of shape (articles,).

    `scores` and `places`, the article that each belongs to, have shape (passages,); every article has one at least.
    """
    best = best_few(scores, places, articles)
    total = np.bincount(places[best], weights=scores[best], minlength=articles)
    return np.asarray(total / np.bincount(places[best], minlength=articles), dtype=np.float32)


def best_few(scores: Scores, places: NDArray[np.int64], articles: int) -> NDArray[np.int64]:
    """Where each article's BEST_FEW highest scores are, article by article and the best first."""
    order = np.lexsort((-scores, places))
    grouped = places[order]
    starts = np.searchsorted(grouped, np.arange(articles))
    return order[np.arange(len(order)) - starts[grouped] < BEST_FEW]


def shares(scores: Scores) -> Scores:
    """Scores from 0 up as shares of the highest; 0 for what was not found (-inf)."""
    found = np.where(np.isfinite(scores), scores, 0)
    highest = float(found.max(initial=0))
    return np.asarray(found / highest if highest > 0 else np.zeros_like(found), dtype=np.float32)


def best(scores: Scores, count: int) -> list[int]:
    """Where the highest finite scores are, best first; equal ones in order of place."""
    found = np.flatnonzero(np.isfinite(scores))
    if len(found) > count:
        found = found[np.argpartition(-scores[found], count - 1)[:count]]
    ranked: list[int] = found[np.lexsort((found, -scores[found]))].tolist()
    return ranked


def likeness(cosine: Cosines, shared_words: Cosines, shared_parts: Cosines) -> Cosines:
    """How alike questions and sentences are, about 0 to 1.6: meaning, words, and parts of words."""
    return cosine + 0.25 * shared_words + 0.35 * shared_parts


@dataclass(frozen=True)
class Evidence:
    """What speaks for the answer being here at all."""

    likeness: float  # of the question and the best sentence, see `likeness`
    cosine: float  # of the best passage
    lead: float  # how far the best article is before the next three
    covered: float  # the share of the question's words that the article holds
    expected: float  # how alike an answer and its best sentence are expected to be here, see Background
    by_chance: float = 0.0  # how alike most everyday sentences find one here, see knowledge.chance
    everyday: float = 0.0  # the cosine that nearly all everyday sentences stay below here


# From where an answer is as likely as not, and how fast it becomes certain from there.
EVEN, STEEPNESS = 0.318, 6.0
SURE_ENOUGH = 0.5  # the confidence from which an answer is shown, unless the knowledge owners set another
MOST_LEAD = 0.65
# Where everyday sentences are so alike to some sentence, words prove little: the meaning must be so much nearer.
# Articles to which they come nearer than MOST_EVERYDAY may answer them: that is no chance.
USUAL_CHANCE, NEARER, DOUBT = 0.47, 0.06, 22.0
MOST_EVERYDAY = 0.32


def confidence(evidence: Evidence) -> float:
    """How sure it is, from 0 to 1, that an article answers the question at all; 0.5 is as likely as not."""
    usual = min(evidence.everyday, MOST_EVERYDAY)
    score = (
        evidence.likeness
        + 0.36 * evidence.cosine
        + 0.59 * min(evidence.lead, MOST_LEAD)
        + 0.22 * evidence.covered
        - 0.93 * evidence.expected
        - DOUBT * max(evidence.by_chance - USUAL_CHANCE, 0.0) * max(usual + NEARER - evidence.cosine, 0.0)
    )
    return 1 / (1 + math.exp(-STEEPNESS * (score - EVEN)))
