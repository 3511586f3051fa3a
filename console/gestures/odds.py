"""How likely a pattern is by chance alone: plain numbers in, probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, lgamma, log


def at_least(hits: int, cases: int, share: float) -> float:
    """The chance of `hits` or more among `cases`, each with probability `share`: the binomial's upper tail."""
    if hits <= 0:
        return 1.0
    if share <= 0 or hits > cases:
        return 0.0
    if share >= 1:
        return 1.0
    whole = lgamma(cases + 1)
    terms = (
        whole - lgamma(k + 1) - lgamma(cases - k + 1) + k * log(share) + (cases - k) * log(1 - share)
        for k in range(hits, cases + 1)
    )
    return min(sum(map(exp, terms)), 1.0)


def discoveries(chances: Sequence[float], rate: float) -> list[int]:
    """The places of those that stand out, when at most `rate` of them may be false alarms.

    Benjamini and Hochberg's procedure (Journal of the Royal Statistical Society B 57, 1995).
    """
    order = sorted(range(len(chances)), key=lambda place: chances[place])
    last = 0
    for rank, place in enumerate(order, start=1):
        if chances[place] <= rate * rank / len(chances):
            last = rank
    return sorted(order[:last])
