"""Times in which the same was stopped, and as many of each gesture had been counted. Pure.

Moments are whole microseconds since 1970 (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from console.empowerment.deciding import Suspended

ALWAYS = np.iinfo(np.int64).min  # before any moment


@dataclass(frozen=True)
class Stop:
    """A kill switch that was pulled, and what it stopped; `ends` None: nobody has lifted it."""

    stopped: Suspended
    begins: int
    ends: int | None

    def is_on(self, moment: int) -> bool:
        return self.begins <= moment and (self.ends is None or moment < self.ends)


@dataclass(frozen=True)
class Count:
    """From `at` on there were so many of a gesture; None: as many as you like."""

    gesture: int
    at: int
    number: int | None


@dataclass(frozen=True)
class Era:
    """`stock`: of each gesture that is counted by the piece, how many there were when it was counted last."""

    stopped: Suspended = field(default_factory=Suspended)
    stock: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Eras:
    """`begins`: of each but the first, which had no beginning. `counted`: when each gesture was, by its id."""

    begins: Sequence[int] = ()
    eras: Sequence[Era] = (Era(),)
    counted: Mapping[int, Sequence[int]] = field(default_factory=dict)

    def places(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(np.array(self.begins, np.int64), at, side="right").astype(np.int64)

    @property
    def told(self) -> dict[str, int]:
        """How many policies, agents and gestures were stopped for a while, and how many gestures were counted."""
        stopped = [one.stopped for one in self.eras]
        return {
            "stops_of_policies": len({one for each in stopped for one in each.policies}),
            "stops_of_agents": len({one for each in stopped for one in each.agents}),
            "stops_of_gestures": len({one for each in stopped for one in each.gestures}),
            "counted": len({gesture for each in self.eras for gesture in each.stock}),
        }


def eras_of(stops: Sequence[Stop], counts: Sequence[Count]) -> Eras:
    """`counts` in the order of time."""
    moments = {one.begins for one in stops} | {one.ends for one in stops} | {one.at for one in counts}
    begins = sorted(one for one in moments - {ALWAYS} if one is not None)
    counted: dict[int, list[int]] = {}
    for one in counts:
        counted.setdefault(one.gesture, []).append(one.at)
    return Eras(begins, [era_at(begin, stops, counts) for begin in (ALWAYS, *begins)], counted)


def era_at(moment: int, stops: Sequence[Stop], counts: Sequence[Count]) -> Era:
    on = [one.stopped for one in stops if one.is_on(moment)]
    stopped = Suspended(
        frozenset().union(*(one.policies for one in on)),
        frozenset().union(*(one.agents for one in on)),
        frozenset().union(*(one.gestures for one in on)),
    )
    last = {one.gesture: one.number for one in counts if one.at <= moment}
    stock = {gesture: number for gesture, number in last.items() if number is not None}
    return Era(stopped, stock)
