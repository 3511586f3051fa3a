"""Intervals for shares and means, so that a few cases are not taken for a finding. All at 95 %."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, variance

Z = 1.96
FEW = 30  # cases on either side below which nothing is said


def wilson(hits: int, cases: int) -> tuple[float, float]:
    """Wilson's score interval of a share; (0, 1) when there are no cases. (E. B. Wilson, JASA 22, 1927)"""
    if not cases:
        return 0.0, 1.0
    share, squared = hits / cases, Z * Z
    middle = (share + squared / (2 * cases)) / (1 + squared / cases)
    half = Z * sqrt(share * (1 - share) / cases + squared / (4 * cases * cases)) / (1 + squared / cases)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def share_difference(hits: int, cases: int, other_hits: int, other_cases: int) -> tuple[float, float]:
    """Newcombe's interval of the difference of two shares, first less other. (Statistics in Medicine 17, 1998)"""
    if not cases or not other_cases:
        return -1.0, 1.0
    one, two = hits / cases, other_hits / other_cases
    (low, high), (other_low, other_high) = wilson(hits, cases), wilson(other_hits, other_cases)
    below = sqrt((one - low) ** 2 + (other_high - two) ** 2)
    above = sqrt((high - one) ** 2 + (two - other_low) ** 2)
    return one - two - below, one - two + above


def mean_difference(values: Sequence[float], others: Sequence[float]) -> tuple[float, float] | None:
    """Welch's interval of the difference of two means, first less other; None below two values on a side.

    With the normal's quantile, which from 30 cases on a side is near enough. (B. L. Welch, Biometrika 34, 1947)
    """
    if min(len(values), len(others)) < 2:
        return None
    half = Z * sqrt(variance(values) / len(values) + variance(others) / len(others))
    middle = fmean(values) - fmean(others)
    return middle - half, middle + half
