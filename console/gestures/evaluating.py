"""What another way of ordering suggestions would have brought, judged by what was logged: pure numbers.

A decision is which suggestion stood first where an outcome is known; `chance` is the probability with which it was put
there, `other` that with which the way judged would have put it there. Weights are clipped at 20.
(Horvitz and Thompson 1952; Swaminathan and Joachims 2015, self-normalised; Dudik et al. 2011, doubly robust; Kong
1992, effective sample size; Owen, Monte Carlo theory, methods and examples, 2013, 9.2: the variance of a ratio)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import sqrt
from random import Random

from console.empowerment.intervals import Z

CLIP = 20.0
LEAST = 200  # effective cases below which nothing is said
RESAMPLES = 1_000


@dataclass(frozen=True)
class Decision:
    """`reward` is 0 to 1. `others` are all suggestions that could have stood first, with the judged way's chances."""

    action: Hashable
    chance: float
    other: float
    reward: float
    others: tuple[tuple[Hashable, float], ...] = ()

    @property
    def weight(self) -> float:
        return min(self.other / self.chance, CLIP)


@dataclass(frozen=True)
class Estimate:
    """Mean rewards; `low` and `high` bound the self-normalised one at 95 %, by bootstrap."""

    cases: int
    effective: float
    logged: float  # what came of the lists as they were shown
    ips: float
    snips: float
    dr: float
    low: float
    high: float

    @property
    def is_enough(self) -> bool:
        return self.effective >= LEAST


def evaluate(decisions: Sequence[Decision], seed: int = 1) -> Estimate:
    """Raises ValueError without any decision."""
    if not decisions:
        raise ValueError("there is nothing to judge by: nothing that was suggested first was offered and answered yet")
    chance = Random(seed)
    samples = sorted(snips(chance.choices(decisions, k=len(decisions))) for _ in range(RESAMPLES))
    return Estimate(
        cases=len(decisions),
        effective=effective(decisions),
        logged=mean(decisions, lambda one: one.reward),
        ips=mean(decisions, lambda one: one.weight * one.reward),
        snips=snips(decisions),
        dr=doubly_robust(decisions),
        low=samples[int(0.025 * RESAMPLES)],
        high=samples[int(0.975 * RESAMPLES) - 1],
    )


def advantage(decisions: Sequence[Decision]) -> tuple[float, float] | None:
    """How much more reward the judged way would have brought in each decision than what was shown, at least and at
    most, at 95 %; None while there are too few effective cases. As `evaluate` says it, without resampling."""
    if effective(decisions) < LEAST:
        return None
    shown, judged = mean(decisions, lambda one: one.reward), snips(decisions)
    weight = mean(decisions, lambda one: one.weight)
    parts = (one.weight * (one.reward - judged) / weight - (one.reward - shown) for one in decisions)
    half = Z * sqrt(sum(part * part for part in parts)) / len(decisions)
    return judged - shown - half, judged - shown + half


def mean(decisions: Sequence[Decision], value: Callable[[Decision], float]) -> float:
    return sum(map(value, decisions)) / len(decisions)


def snips(decisions: Sequence[Decision]) -> float:
    weights = sum(one.weight for one in decisions)
    return sum(one.weight * one.reward for one in decisions) / weights if weights else 0.0


def effective(decisions: Sequence[Decision]) -> float:
    squares = sum(one.weight**2 for one in decisions)
    return sum(one.weight for one in decisions) ** 2 / squares if squares else 0.0


def doubly_robust(decisions: Sequence[Decision]) -> float:
    """The mean reward of each action as the model, corrected by what it misses where the action was taken."""
    rewards: dict[Hashable, list[float]] = defaultdict(list)
    for one in decisions:
        rewards[one.action].append(one.reward)
    overall = mean(decisions, lambda one: one.reward)
    model = {action: sum(own) / len(own) for action, own in rewards.items()}

    def value(one: Decision) -> float:
        others = one.others or ((one.action, one.other),)
        expected = sum(share * model.get(action, overall) for action, share in others)
        return expected + one.weight * (one.reward - model[one.action])

    return mean(decisions, value)
