"""A demand held against a law: what would have been allowed, what refused and why."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from console.empowerment.policy import Scope
from console.empowerment.simulation_demand import Asks, Flags, Ints, Scenes, World, asks_at, together
from console.empowerment.simulation_matching import NO_OBSTACLE, Law
from console.empowerment.simulation_meters import Meter, Track, judge, prepare
from console.empowerment.windows import Window


@dataclass(frozen=True)
class Demand:
    """Asks with the scenes they belong to, and what has been sorted for them already."""

    name: str
    scenes: Scenes
    asks: Asks
    tracks: dict[tuple[Meter, int], tuple[Ints, Track]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Outcome:
    """Of each ask: arrays of shape (n,)."""

    allowed: Flags  # forced ones too
    granting: Ints  # place of the policy that authorises; -1: none
    obstacle: Ints  # place in matching.OBSTACLES; NO_OBSTACLE
    over: Ints  # the law's meters that were exceeded, a bit each
    needs_approval: Flags  # refused, but an approver could allow it


class Played(NamedTuple):
    """A demand, the law it was held against, and what came of it."""

    demand: Demand
    outcome: Outcome
    law: Law


def replay(demand: Demand, law: Law, world: World, *, why: bool = True) -> Outcome:
    """Without `why` only who is allowed is found out, which is quicker."""
    asks = demand.asks
    rows = law.place(asks.scene, asks.offer)
    granting = granting_of(demand, law)
    obstacle = law.obstacle[rows]
    hopeless = obstacle != NO_OBSTACLE
    over = np.zeros(len(asks), np.int64)
    final = np.zeros(len(asks), bool)
    running = []
    for number, meter in enumerate(law.meters):
        if meter.window is not Window.EACH:
            running.append(number)
            continue
        amount = asks.amount(meter.measure)
        above, beyond = amount > law.caps[number][rows], amount > law.finals[number][rows]
        over |= above.astype(np.int64) << number
        final |= beyond
        hopeless |= np.where(asks.approved, beyond, above)
    judged = judge(
        [track_of(demand, law, law.meters[number], granting, world) for number in running],
        [law.caps[number][rows] for number in running],
        [law.finals[number][rows] for number in running],
        asks,
        hopeless,
        why,
    )
    for bit, number in enumerate(running):
        over |= ((judged.over >> bit) & 1) << number
    may_ask = ~judged.allowed & (obstacle == NO_OBSTACLE) & ~final & ~judged.final
    return Outcome(judged.allowed, granting, obstacle, over, may_ask)


def granting_of(demand: Demand, law: Law) -> Ints:
    """The place of the policy that authorises each ask; what was booked before keeps its own."""
    asks = demand.asks
    found = law.granting[law.place(asks.scene, asks.offer)]
    return np.where(asks.forced, places_of(asks.booked_under, law), found) if asks.forced.any() else found


def sort_for(demand: Demand, law: Law, world: World, pool: Executor) -> None:
    """Prepare all meters of the law, several at a time."""
    granting = granting_of(demand, law)
    meters = [one for one in law.meters if one.window is not Window.EACH]
    list(pool.map(lambda meter: track_of(demand, law, meter, granting, world), meters))


def track_of(demand: Demand, law: Law, meter: Meter, granting: Ints, world: World) -> Track:
    """Sorted once for each demand; a pool, whose bookings depend on the policies, once for each law."""
    key = meter, id(law.granting) if meter.scope is Scope.POOL else 0
    if key not in demand.tracks:
        currencies = [one.currency for one in world.catalogue]
        # The law's own array is kept beside it, so that no other can ever have its id.
        demand.tracks[key] = law.granting, prepare(meter, demand.asks, world, currencies, granting)
    return demand.tracks[key][1]


def places_of(ids: Ints, law: Law) -> Ints:
    result = np.full(len(ids), -1)
    for place, policy in enumerate(law.policies):
        result[ids == policy.id] = place
    return result


def best_offers(law: Law, world: World, *, cheapest: bool) -> Ints:
    """For each class of scenes the dearest (or cheapest) gesture on offer that its limits ever allow; -1: none."""
    table = law.granting.reshape(len(law.seen), law.offers)
    stopped = law.obstacle.reshape(table.shape) != NO_OBSTACLE
    result = np.full(len(law.seen), -1)
    order = sorted(range(law.offers), key=lambda one: (world.catalogue[one].cost_minor, one), reverse=not cheapest)
    for offer in reversed(order):
        gift = world.catalogue[offer]
        fits = (table[:, offer] >= 0) & ~stopped[:, offer] & gift.is_on_offer
        for meter, caps in zip(law.meters, law.caps, strict=True):
            if not meter.currency or meter.currency == gift.currency:
                fits &= gift.amount(meter.measure) <= caps.reshape(table.shape)[:, offer]
        result[fits] = offer
    return result


def dead_ends(demand: Demand, law: Law, outcome: Outcome, world: World) -> Flags:
    """Asks that were refused when not even the cheapest gesture could be given in their place."""
    cheapest = best_offers(law, world, cheapest=True)[law.scene_class[demand.asks.scene]]
    refused = ~outcome.allowed
    result = refused & (cheapest < 0)
    places = np.flatnonzero(refused & (cheapest >= 0))
    if not len(places):
        return result
    kept = demand.asks.take(outcome.allowed)
    kept = replace(kept, forced=np.ones(len(kept), bool), booked_under=ids_of(outcome.granting[outcome.allowed], law))
    asked = demand.asks.take(places)
    other = asks_at(demand.scenes, asked.scene, cheapest[places], world)
    probes = replace(other, at=asked.at, came=asked.came, probe=np.ones(len(places), bool))
    joined = together([kept, probes])
    could = replay(Demand("probes", demand.scenes, joined), law, world)
    result[places] = ~could.allowed[joined.probe]
    return result


def ids_of(places: Ints, law: Law) -> Ints:
    return np.array([*(policy.id for policy in law.policies), 0], np.int64)[places]
