"""How two searches become one list: plain numbers in, plain numbers out. All weights of the search are here."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]

BEST_PASSAGE = 0.8  # an article's meaning: its best passage …
TITLE = 0.2  # … and its title
MEANING = 0.7  # the rest is keywords
DEPTH = 100  # each search counts with its best so many articles


def meaning_of(best_passage: Scores, title: Scores) -> Scores:
    """Cosines of articles' best passages and titles, each of shape (articles,), as one score."""
    return BEST_PASSAGE * best_passage + TITLE * title


def scaled(scores: Scores) -> Scores:
    """From 0, the last of the best DEPTH, to 1, the best. -inf stands for "not found" and becomes 0."""
    is_found = np.isfinite(scores)
    found = scores[is_found]
    if not len(found):
        return np.zeros_like(scores)
    if len(found) > DEPTH:
        found = np.partition(found, len(found) - DEPTH)[-DEPTH:]
    lowest, highest = found.min(), found.max()
    if highest <= lowest:
        return is_found.astype(np.float32)
    above = np.where(is_found, scores, lowest) - lowest
    return np.asarray(np.clip(above / (highest - lowest), 0, 1), dtype=np.float32)


def fused(meaning: Scores, keyword: Scores) -> Scores:
    """One score for each article, of shape (articles,), from 0 to 1; -inf where neither search found it.

    A search that did not run has found nothing: all -inf. Then the other one counts whole.
    """
    found_meaning, found_keyword = np.isfinite(meaning), np.isfinite(keyword)
    weight = MEANING if found_meaning.any() else 0.0
    if not found_keyword.any():
        weight = 1.0
    merged = weight * scaled(meaning) + (1 - weight) * scaled(keyword)
    return np.where(found_meaning | found_keyword, merged, -np.inf).astype(np.float32)


def best(scores: Scores, count: int) -> list[int]:
    """Where the highest finite scores are, best first; equal ones in order of place."""
    found = np.flatnonzero(np.isfinite(scores))
    if len(found) > count:
        found = found[np.argpartition(-scores[found], count - 1)[:count]]
    return [int(place) for place in sorted(found, key=lambda place: (-scores[place], place))]


def confidence(cosine: float, words: int, in_common: int) -> float:
    """How sure it is, from 0 to 1, that a passage is about the question at all; 0.5 is as likely as not.

    `cosine` of the passage; `words`: how many telling words the question has; `in_common`: how many of them the
    passage holds. A greeting or a number has no telling word, and then a weak likeness means nothing. Set by hand so
    that about 5 of 100 questions with an answer are hidden, and half of those without (bench/RESULTS.md).
    """
    overlap = 0.3 * in_common / words + (0.1 if in_common else 0.0) if words else -0.15
    return 1 / (1 + math.exp(-12 * (cosine + overlap - 0.275)))
