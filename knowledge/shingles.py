"""How much of their wording two texts share: by runs of characters, which every language has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LENGTH = 5  # characters of a run, spaces aside
BINS = 128  # figures that stand for a text: what is shared is known within some 4 %
EMPTY = np.uint32(0xFFFFFFFF)
# Any odd numbers with bits all over: they spread the runs evenly over the bins.
STEP, MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)

Sketches = NDArray[np.uint32]  # (n, BINS)


def sketch(text: str) -> Sketches:
    """The least hash in each bin among a text's runs: two texts hold the same one as often as they share runs."""
    signs = np.frombuffer(plain(text).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    runs = np.zeros(max(len(signs) - LENGTH + 1, 0), np.uint64)
    for place in range(LENGTH if len(runs) else 0):
        runs = runs * STEP + signs[place : place + len(runs)]
    runs = (runs ^ (runs >> np.uint64(29))) * MIX
    found = np.full(BINS, EMPTY)
    np.minimum.at(found, (runs >> np.uint64(57)).astype(np.intp), (runs >> np.uint64(20)).astype(np.uint32))
    return found


def shared(first: Sketches, second: Sketches) -> NDArray[np.float64]:
    """Row by row, the share of both texts' runs that is in both: shape (n,), 0 to 1."""
    filled = (first != EMPTY) | (second != EMPTY)
    same = np.count_nonzero((first == second) & filled, axis=1)
    return np.asarray(same / np.maximum(np.count_nonzero(filled, axis=1), 1), np.float64)


def most_in_common(first: Sequence[str], second: Sequence[str]) -> tuple[str, str]:
    """The two texts, one of each, that share the most runs: long ones that agree before short lists of links."""
    place = {run: number for number, text in enumerate(second) for run in runs_of(text)}
    common = Counter((number, place[run]) for number, text in enumerate(first) for run in runs_of(text) if run in place)
    if not common:
        return "", ""
    a, b = common.most_common(1)[0][0]
    return first[a], second[b]


def runs_of(text: str) -> set[str]:
    signs = plain(text)
    return {signs[start : start + LENGTH] for start in range(len(signs) - LENGTH + 1)}


def plain(text: str) -> str:
    return "".join(text.casefold().split())
