"""A demand held against a law: what would have been allowed, what refused and why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from console.empowerment.deciding import ORDER
from console.empowerment.policy import Scope
from console.empowerment.simulation_demand import Asks, Flags, Ints, Scenes, World
from console.empowerment.simulation_judging import Court, amounts_of
from console.empowerment.simulation_matching import NO_OBSTACLE, Law
from console.empowerment.simulation_menus import Menu, Rows, rows_of
from console.empowerment.simulation_meters import Meter, Track, bounds, prepare
from console.empowerment.windows import Window


@dataclass(frozen=True)
class Demand:
    """Asks with the scenes they belong to, and what has been sorted for them already."""

    name: str
    scenes: Scenes
    asks: Asks
    menu: Menu | None = None  # what each ask may come down to
    tracks: dict[tuple[Meter, int], tuple[Ints, Track, Rows]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Outcome:
    """Of each ask: arrays of shape (n,)."""

    allowed: Flags  # forced ones too
    granting: Ints  # place of the policy that authorises; -1: none
    obstacle: Ints  # place in matching.OBSTACLES; NO_OBSTACLE
    over: Ints  # the law's meters that were exceeded, a bit each
    needs_approval: Flags  # over a limit beyond which an approver could go; what is beyond all policies is refused
    offer: Ints  # place in the catalogue: what it came down to, when it had a menu


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
    # Where no policy speaks somebody lent their own authority; guardrails bind as ever.
    hopeless = (obstacle != NO_OBSTACLE) & ~(asks.approved & (obstacle < len(ORDER)))
    over = np.zeros(len(asks), np.int64)
    final = np.zeros(len(asks), bool)
    running = []
    for number, meter in enumerate(law.meters):
        if meter.window is not Window.EACH:
            running.append(number)
        elif demand.menu is None:  # a menu has nothing that is too much for once
            amount = asks.amount(meter.measure)
            above, beyond = amount > law.caps[number][rows], amount > law.finals[number][rows]
            over |= above.astype(np.int64) << number
            final |= beyond
            hopeless |= np.where(asks.approved, beyond, above)
    tracks = [(number, *track_of(demand, law, law.meters[number], granting, world)) for number in running]
    judged = Court(tracks, law, asks, hopeless, world, demand.menu).sit(why)
    for bit, number in enumerate(running):
        over |= ((judged.over >> bit) & 1) << number
    may_ask = ~judged.allowed & (obstacle == NO_OBSTACLE) & ~final & ~judged.final
    return Outcome(judged.allowed, granting, obstacle, over, may_ask, judged.offer)


def settled(demand: Demand, outcome: Outcome, law: Law, world: World) -> Played:
    """With every ask for what it came down to."""
    if demand.menu is None:
        return Played(demand, outcome, law)
    asks, last = demand.asks, outcome.allowed & ~demand.asks.forced
    cost, face = (
        np.array([getattr(one, name) for one in world.catalogue], np.int64)[outcome.offer]
        for name in ("cost_minor", "face_minor")
    )
    taken = replace(
        asks,
        offer=np.where(last, outcome.offer, asks.offer),
        cost=np.where(last, cost, asks.cost),
        face=np.where(last, face, asks.face),
    )
    found = Demand(demand.name, demand.scenes, taken)
    return Played(found, replace(outcome, granting=granting_of(found, law), offer=taken.offer), law)


def granting_of(demand: Demand, law: Law) -> Ints:
    """The place of the policy that authorises each ask; what was booked before, or beyond them all, keeps its own."""
    asks = demand.asks
    found = law.granting[law.place(asks.scene, asks.offer)]
    kept = asks.forced | (asks.approved & (found < 0))
    return np.where(kept, places_of(asks.booked_under, law), found) if kept.any() else found


def track_of(demand: Demand, law: Law, meter: Meter, granting: Ints, world: World) -> tuple[Track, Rows]:
    """Sorted once for each demand; a pool, whose bookings depend on the policies, once for each law."""
    key = meter, id(law.granting) if meter.scope is Scope.POOL else 0
    if key not in demand.tracks:
        asks, rows, edges = demand.asks, Rows(), bounds(len(demand.asks))
        if demand.menu is not None:
            rows, asks = rows_of(meter, demand.menu, law, asks, world, amounts_of(meter, asks, world)[1])
            if rows.start is not None:
                edges = [(int(rows.start[low]), int(rows.start[high])) for low, high in edges]
                granting = granting_of(replace(demand, asks=asks), law)
        # The law's own array is kept beside it, so that no other can ever have its id.
        demand.tracks[key] = law.granting, prepare(meter, asks, world, granting, edges), rows
    return demand.tracks[key][1:]


def places_of(ids: Ints, law: Law) -> Ints:
    result = np.full(len(ids), -1)
    for place, policy in enumerate(law.policies):
        result[ids == policy.id] = place
    return result


def fitting(law: Law, world: World, *, endless_last: bool = False) -> Ints:
    """For each class of scenes the gestures on offer that its limits ever allow, dearest first; then -1.

    `endless_last`: all that are counted by the piece before all that are not.
    """
    counted = world.eras.counted if endless_last else {}
    table = law.granting.reshape(len(law.seen), law.offers)
    stopped = law.obstacle.reshape(table.shape) != NO_OBSTACLE
    gifts = world.catalogue
    order = sorted(
        range(law.offers), key=lambda one: (gifts[one].gesture_id not in counted, -gifts[one].cost_minor, one)
    )
    result = np.full((len(law.seen), law.offers + 1), -1)
    number = np.zeros(len(law.seen), np.int64)
    for offer in order:
        gift = gifts[offer]
        fits = (table[:, offer] >= 0) & ~stopped[:, offer] & gift.is_on_offer
        for meter, caps in zip(law.meters, law.caps, strict=True):
            if not meter.currency or meter.currency == gift.currency:
                fits &= gift.amount(meter.measure) <= caps.reshape(table.shape)[:, offer]
        result[fits, number[fits]] = offer
        number += fits
    return result


def cheapest(offers: Ints) -> Ints:
    """The last of each row of `fitting`; -1: none."""
    last = (offers >= 0).sum(axis=1) - 1
    return np.where(last >= 0, offers[np.arange(len(offers)), np.maximum(last, 0)], -1)


def dead_ends(demand: Demand, law: Law, outcome: Outcome, world: World) -> Flags:
    """Asks that were refused when not even the cheapest gesture could be given in their place: of those that never run
    out, where there are any."""
    least = cheapest(fitting(law, world, endless_last=True))[law.scene_class[demand.asks.scene]]
    asks, refused = demand.asks, ~outcome.allowed
    there = refused & (least >= 0)
    cost, face = (
        np.array([getattr(one, name) for one in world.catalogue], np.int64) for name in ("cost_minor", "face_minor")
    )
    others = replace(
        asks,
        offer=np.where(there, least, asks.offer),
        cost=np.where(there, cost[least], asks.cost),
        face=np.where(there, face[least], asks.face),
        approved=asks.approved & ~refused,
        forced=~refused,
        booked_under=ids_of(outcome.granting, law),
        probe=refused,
    )
    # Whose sums they are is as it was, but for what hangs on the gesture.
    tracks = {key: one for key, one in demand.tracks.items() if key[0].scope not in (Scope.GESTURE, Scope.POOL)}
    could = replay(Demand("probes", demand.scenes, others, tracks=tracks), law, world)
    return np.asarray(refused & ~(there & could.allowed))


def ids_of(places: Ints, law: Law) -> Ints:
    return np.array([*(policy.id for policy in law.policies), 0], np.int64)[places]
