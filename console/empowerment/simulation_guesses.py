"""Demand that never was: what agents would probably offer, and the worst that they could."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from console.empowerment.policy import Scope
from console.empowerment.simulation_demand import (
    MINUTE,
    NEVER,
    Asks,
    Ints,
    Scenes,
    World,
    asks_at,
    how_many,
    together,
)
from console.empowerment.simulation_matching import Law
from console.empowerment.simulation_menus import menu_of
from console.empowerment.simulation_meters import NO_CAP
from console.empowerment.simulation_replay import Demand, fitting
from console.empowerment.windows import Window

SURE_AFTER = 50  # conversations of a kind after which its own rate of offers weighs more than the overall one
USUAL_RATE = 0.05  # of conversations in which something is offered, where nothing was ever offered
MOST_AT_ONCE = 3  # gestures in one conversation, in the worst case
ANSWERED = 5 * MINUTE  # after which an offer that is declined stops counting


@dataclass(frozen=True)
class Habit:
    """How often something was offered in each kind of conversation, what, and how often it was accepted."""

    kinds: Ints  # of each conversation
    rates: np.ndarray[tuple[int], np.dtype[np.float64]]  # of each kind
    offers: Sequence[Ints]  # places in the catalogue, one for each offer of that kind
    accepted: float


def kinds_of(scenes: Scenes, world: World) -> Ints:
    """Occasion and tier as one number."""
    tier = scenes.fact("tier", world)
    codes = tier.values.astype(np.int64) + 1 if tier else np.zeros(len(scenes), np.int64)
    return codes * 2 + scenes.is_recovery


def habits(recorded: Demand, talks: Scenes, world: World, rate: float | None) -> Habit:
    """From what was recorded; `rate` (0 to 1) takes the place of how often."""
    kinds = kinds_of(talks, world)
    asks = recorded.asks.take(~recorded.asks.forced)
    asked = kinds_of(recorded.scenes, world)[asks.scene]
    size = int(max(kinds.max(initial=0), asked.max(initial=0))) + 1
    talked, offered = np.bincount(kinds, minlength=size), np.bincount(asked, minlength=size)
    overall = min(len(asks) / max(len(talks), 1), 1.0) if len(asks) else USUAL_RATE
    rates = np.minimum((offered + SURE_AFTER * overall) / (talked + SURE_AFTER), 1.0)
    if rate is not None:
        rates = np.full(size, rate)
    usual = np.array([place for place, one in enumerate(world.catalogue) if one.is_on_offer], np.int64)
    everything = asks.offer if len(asks) else usual
    offers = [asks.offer[asked == kind] if (asked == kind).any() else everything for kind in range(size)]
    return Habit(kinds, rates, offers, float(asks.spent.mean()) if len(asks) else 1.0)


def likely(habit: Habit, talks: Scenes, world: World, before: Asks, rng: np.random.Generator) -> Demand:
    """At most one offer in each conversation, as often and of the kinds that were usual."""
    places = np.flatnonzero(rng.random(len(talks)) < habit.rates[habit.kinds])
    kinds = habit.kinds[places]
    offers = np.zeros(len(places), np.int64)
    for kind, usual in enumerate(habit.offers):
        mine = np.flatnonzero(kinds == kind)
        if len(mine) and len(usual):
            offers[mine] = rng.choice(usual, len(mine))
    asks = asks_at(talks, places, offers, world)
    refused = rng.random(len(places)) >= habit.accepted
    gone = np.where(refused, asks.at + ANSWERED, NEVER)
    return Demand("likely", talks, together([before, replace(asks, gone_at=gone, spent=~refused)]))


def worst(law: Law, talks: Scenes, world: World, before: Asks) -> Demand:
    """In every conversation the dearest gesture that is allowed, or the next dearest when it does not fit any more;
    more than once where that is what would cost most. What costs nothing is left out: it would only use up counts."""
    offers = fitting(law, world)
    costs = np.array([*(one.cost_minor if one.currency == world.currency else 0 for one in world.catalogue), 0])
    offers = np.where(costs[offers] > 0, offers, -1)
    offers = np.take_along_axis(offers, np.argsort(offers < 0, axis=1, kind="stable"), axis=1)
    dearest = offers[law.scene_class, 0]
    places = np.flatnonzero(dearest >= 0)
    times = how_often(law, talks, world, places, dearest[places])
    places = np.repeat(places, times) if times.max(initial=0) > 1 else places
    asks = asks_at(talks, places, dearest[places], world)
    asks = together([before, asks]) if len(before) else asks
    return Demand("worst", talks, asks, menu_of(offers, law.scene_class, asks))


def how_often(law: Law, talks: Scenes, world: World, places: Ints, offers: Ints) -> Ints:
    """As often as the conversation's own limit lets, unless an agent's day is used up by one in each conversation."""
    rows = law.place(places, offers)
    in_talk, in_day = np.full(len(rows), NO_CAP), np.full(len(rows), NO_CAP)
    for meter, caps in zip(law.meters, law.caps, strict=True):
        amounts = np.array([max(one.amount(meter.measure), 1) for one in world.catalogue], np.int64)
        if meter.scope is Scope.INTERACTION:
            in_talk = np.minimum(in_talk, caps[rows] // amounts[offers])
        if meter.scope is Scope.AGENT and meter.window is Window.DAY:
            in_day = np.minimum(in_day, caps[rows] // amounts[offers])
    days = how_many(talks.agent[places] * len(world.days) + np.searchsorted(world.days, talks.at[places]))
    return np.where(in_day <= len(places) / max(days, 1), 1, np.clip(in_talk, 1, MOST_AT_ONCE))
