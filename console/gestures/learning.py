"""How what came of gestures changes their order: pure, seeded, and never outside what the rules allow.

Each gesture, in each occasion and life-cycle stage, has a Beta belief about its reward. At first it is the rules'
score; outcomes of its kind move it, then its own (partial pooling). Thompson sampling orders those within a band of
points of the best; a small share of lists is left to chance, so that every order keeps a chance that can be divided by.
(Thompson 1933; Russo et al., A Tutorial on Thompson Sampling, 2018)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from console.empowerment.kinds import GestureKind, Occasion
from console.gestures import weights
from console.gestures.situation import Suggested


def reward(*, accepted: bool, score: int | None, came_back: bool | None) -> float:
    """What an outcome is worth, 0 to 1. An agent who skips says nothing about the customer: that is no outcome."""
    parts = [(weights.ACCEPTED, float(accepted))]
    if score is not None:
        parts.append((weights.SATISFIED, float(score == 5)))
    if came_back is not None:
        parts.append((weights.SETTLED, float(not came_back)))
    return sum(weight * value for weight, value in parts) / sum(weight for weight, _ in parts)


@dataclass
class Tally:
    outcomes: int = 0
    total: float = 0.0

    def add(self, value: float) -> None:
        self.outcomes += 1
        self.total += value


KindKey = tuple[GestureKind, Occasion, str]
GestureKey = tuple[int, Occasion, str]


@dataclass
class Beliefs:
    """What came of gestures so far, by kind and by gesture."""

    kinds: dict[KindKey, Tally] = field(default_factory=dict)
    gestures: dict[GestureKey, Tally] = field(default_factory=dict)
    outcomes: int = 0
    is_worse: bool = False  # the order learned from them brought less, of late, than the rules alone would have

    def learn(self, gesture_id: int, kind: GestureKind, occasion: Occasion, stage: str, value: float) -> None:
        self.kinds.setdefault((kind, occasion, stage), Tally()).add(value)
        self.gestures.setdefault((gesture_id, occasion, stage), Tally()).add(value)
        self.outcomes += 1

    @property
    def is_enough(self) -> bool:
        return self.outcomes >= weights.ENOUGH

    def beta(self, item: Suggested, occasion: Occasion, stage: str) -> tuple[float, float]:
        """The belief about one suggestion, as Beta's two parameters."""
        prior = min(max(item.score / 100, 0.05), 0.95)
        of_kind = self.kinds.get((item.candidate.kind, occasion, stage), Tally())
        middle = (weights.STRENGTH * prior + of_kind.total) / (weights.STRENGTH + of_kind.outcomes)
        own = self.gestures.get((item.candidate.gesture_id, occasion, stage), Tally())
        return (
            weights.STRENGTH * middle + own.total,
            weights.STRENGTH * (1 - middle) + own.outcomes - own.total,
        )


def reordered(
    items: Sequence[Suggested], beliefs: Beliefs, occasion: Occasion, stage: str, seed: int
) -> tuple[Suggested, ...]:
    """The same suggestions, those within the band in a learned order, each with the chance of its place."""
    betas = movable(items, beliefs, occasion, stage)
    if not betas:
        return tuple(items)
    counts = chances(betas, Random(seed + 1))
    order = dict(zip(betas, draw(betas, Random(seed)), strict=True))
    return tuple(
        replace(items[order[place]], propensity=counts[place, order[place]]) if place in order else item
        for place, item in enumerate(items)
    )


def first_chances(
    items: Sequence[Suggested], beliefs: Beliefs, occasion: Occasion, stage: str, seed: int
) -> list[float]:
    """For each suggestion, in the order of the rules, the chance that `reordered` puts it first."""
    betas = movable(items, beliefs, occasion, stage)
    if 0 not in betas:
        return [float(place == 0) for place in range(len(items))]
    counts = chances(betas, Random(seed))
    return [counts.get((0, place), 0.0) for place in range(len(items))]


def movable(
    items: Sequence[Suggested], beliefs: Beliefs, occasion: Occasion, stage: str
) -> dict[int, tuple[float, float]]:
    """The places that may be exchanged, each with the belief about what stands there; none while little is known."""
    if len(items) < 2 or not beliefs.is_enough:
        return {}
    bar = max(item.score for item in items) - weights.BAND
    most = items[0].candidate.cost.minor * weights.DEAREST
    free = [
        place
        for place, item in enumerate(items)
        if item.score >= bar and not item.needs_approval and item.candidate.cost.minor <= most
    ]
    return {place: beliefs.beta(items[place], occasion, stage) for place in free} if len(free) > 1 else {}


def draw(betas: Mapping[int, tuple[float, float]], chance: Random) -> list[int]:
    """One order of the places: by lot now and then, by a sample of each belief otherwise."""
    places = list(betas)
    if chance.random() < weights.FLOOR:
        chance.shuffle(places)
        return places
    sample = {place: chance.betavariate(*betas[place]) for place in places}
    return sorted(places, key=lambda place: (-sample[place], place))


def chances(betas: Mapping[int, tuple[float, float]], chance: Random) -> dict[tuple[int, int], float]:
    """For each place and each suggestion the chance that it stands there, by simulation; never below the floor's."""
    places = list(betas)
    counts = dict.fromkeys(((at, which) for at in places for which in places), 0)
    for _ in range(weights.DRAWS):
        for at, which in zip(places, draw(betas, chance), strict=True):
            counts[at, which] += 1
    least = weights.FLOOR / len(places)
    return {key: max(count / weights.DRAWS, least) for key, count in counts.items()}
