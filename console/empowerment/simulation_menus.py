"""Asks that come down to something cheaper when the dearest does not fit any more, as in the worst case."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from console.empowerment.policy import Scope
from console.empowerment.simulation_demand import Asks, Ints, World
from console.empowerment.simulation_matching import Law
from console.empowerment.simulation_meters import Meter


@dataclass(frozen=True, eq=False)
class Menu:
    """What each ask may come to, dearest first. What was booked before has none: its kind is the last one."""

    kind: Ints  # of each ask
    offers: Ints  # (kinds, longest + 1): places in the catalogue, -1 from where there is no more

    def is_like(self, other: Menu) -> bool:
        return np.array_equal(self.kind, other.kind) and np.array_equal(self.offers, other.offers)


@dataclass(frozen=True)
class Rows:
    """Where a meter keeps what each ask comes to: one row for each of the subjects that it may come to be of."""

    start: Ints | None = None  # the first row of each ask, and how many there are; None: one row each
    kind: Ints | None = None  # of each ask
    slot: Ints | None = None  # (kinds, levels): which of an ask's rows a gesture on the menu belongs to
    many: Ints | None = None  # (kinds,): how many rows
    most: Ints | None = None  # (kinds, levels, slots): the most that it may still come to there, from a level on

    def of(self, asks: Ints, level: Ints) -> Ints:
        if self.start is None or self.kind is None or self.slot is None:
            return asks
        return np.asarray(self.start[asks] + self.slot[self.kind[asks], level])

    def fill(self, weight: Ints, asks: Ints, level: Ints) -> None:
        """With the most that these asks may still come to."""
        if self.kind is None or self.most is None or self.many is None:
            return
        kind, levels = self.kind.take(asks), self.most.shape[1]
        if self.start is None:
            weight[asks] = self.most.reshape(-1).take(kind * levels + level)
            return
        for slot in range(self.most.shape[2]):
            has = self.many[kind] > slot
            weight[self.start[asks[has]] + slot] = self.most[kind[has], level[has], slot]

    def clear(self, weight: Ints, asks: Ints) -> None:
        """Where each has several rows."""
        if self.start is None or self.kind is None or self.many is None:
            return
        many = self.many[self.kind[asks]]
        for slot in range(int(many.max(initial=0))):
            weight[self.start[asks[many > slot]] + slot] = 0


def menu_of(offers: Ints, scene_class: Ints, asks: Asks) -> Menu:
    """`offers`: what may be given in scenes of each class (classes, gestures), dearest first, then -1."""
    kinds, of_class = np.unique(offers, axis=0, return_inverse=True)
    longest = int((kinds >= 0).sum(axis=1).max(initial=0))
    none = np.full((1, longest + 1), -1)
    padded = np.concatenate([np.pad(kinds, ((0, 0), (0, 1)), constant_values=-1)[:, : longest + 1], none])
    return Menu(np.where(asks.forced, len(kinds), of_class.reshape(-1)[scene_class[asks.scene]]), padded)


def rows_of(meter: Meter, menu: Menu, law: Law, asks: Asks, world: World, amounts: Ints) -> tuple[Rows, Asks]:
    """The meter's rows, and an ask that stands for each of them. `amounts` of each gesture of the catalogue."""
    kind, offers = menu.kind, menu.offers
    if meter.scope is Scope.POOL:  # whose pool it is depends on more than the menu
        kind = np.where(asks.forced, len(law.seen), law.scene_class[asks.scene])
        one_of = np.zeros(len(law.seen) + 1, np.int64)
        one_of[kind] = menu.kind
        offers = offers[one_of]
        offers[-1] = -1
        subject = np.concatenate([law.granting, np.full(law.offers, -1)]).reshape(len(offers), law.offers)
    else:
        is_gesture = meter.scope is Scope.GESTURE
        numbers = [one.gesture if is_gesture else 0 for one in world.catalogue]
        subject = np.broadcast_to(np.array(numbers, np.int64), (len(offers), law.offers))
    slot, first = slots(offers, subject)
    most = np.zeros((*offers.shape, first.shape[1]), np.int64)
    for level in range(offers.shape[1] - 2, -1, -1):
        most[:, level] = most[:, level + 1]
        there = np.flatnonzero(offers[:, level] >= 0)
        place = there, level, slot[there, level]
        most[place] = np.maximum(most[place], amounts[offers[there, level]])
    many = np.maximum((first >= 0).sum(axis=1), 1)
    if first.shape[1] == 1:
        return Rows(None, kind, slot, many, most), asks
    start = np.concatenate([[0], np.cumsum(many[kind])])
    owner = np.repeat(np.arange(len(asks)), many[kind])
    offer = offers[kind[owner], np.maximum(first[kind[owner], np.arange(len(owner)) - start[owner]], 0)]
    each = replace(asks.take(owner), offer=np.where(asks.forced[owner], asks.offer[owner], offer))
    return Rows(start, kind, slot, many, most), each


def slots(offers: Ints, subject: Ints) -> tuple[Ints, Ints]:
    """Which of its subjects each gesture on a menu belongs to, numbered from 0; and the first gesture of each."""
    slot = np.zeros(offers.shape, np.int64)
    firsts: list[list[int]] = []
    for kind, menu in enumerate(offers.tolist()):
        seen: dict[int, int] = {}
        first = []
        for level, offer in enumerate(menu):
            if offer < 0:
                break
            whose = int(subject[kind, offer])
            if whose not in seen:
                seen[whose] = len(seen)
                first.append(level)
            slot[kind, level] = seen[whose]
        firsts.append(first)
    longest = max([1, *map(len, firsts)])
    return slot, np.array([[*first, *[-1] * (longest - len(first))] for first in firsts], np.int64)
