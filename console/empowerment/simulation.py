"""A policy tried on the past before anybody lives under it. Pure: plain values and arrays in, a result out.

Three demands, side by side: what was asked for, what would probably be, and the worst that could be. The policies in
force are replayed on the same, so that the difference is the draft's alone. Facts about customers are taken as they
stood before each conversation's day, those about gestures from the ledger, to the moment; what a simulated gesture
would have changed about its customer is not followed up. What was stopped in those days refuses here for as long, and
of gestures counted by the piece no more are given than there were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np

from console.empowerment.policy import Body, Limit, Policy, Scope
from console.empowerment.simulation_demand import Asks, Ints, Scenes, World, how_many
from console.empowerment.simulation_fairness import fairness
from console.empowerment.simulation_figures import (
    approvals,
    bears,
    burning,
    costs,
    counts,
    days_of,
    gaming,
    judged,
    name_of,
    percentile,
)
from console.empowerment.simulation_guesses import habits, likely, worst
from console.empowerment.simulation_matching import NO_OBSTACLE, OBSTACLES, Law, law_of, laws, meter_of
from console.empowerment.simulation_meters import Meter, as_datetime
from console.empowerment.simulation_replay import (
    Demand,
    Outcome,
    Played,
    dead_ends,
    fitting,
    ids_of,
    replay,
    settled,
)
from console.empowerment.simulation_verdicts import Goals, verdicts

FACTORS = (0.5, 0.75, 1.0, 1.5, 2.0)  # of each cap, to see what it does to the cost
CASES = 20
ENOUGH_ASKS = 200  # recorded ones, from which on groups are compared by what was asked for, not by what would be
SWEPT = 30  # days at the end of the simulated time that are replayed with other caps


@dataclass(frozen=True)
class Past:
    """Everything that happened: one scene for each talk, and one for each ask that was recorded."""

    world: World
    talks: Scenes  # of the simulated time
    recorded: Demand
    team_ids: dict[int, int | None]
    notes: dict[str, int]  # what was left out, by name


@dataclass(frozen=True)
class Settings:
    seed: int = 1
    rate: float | None = None  # of conversations with an offer, in the likely demand; None: as it was
    goals: Goals = field(default_factory=Goals)


Progress = Callable[[int], None]


def simulate(
    past: Past, draft: Policy, live: Sequence[Policy], settings: Settings, progress: Progress = lambda percent: None
) -> dict[str, Any]:
    """The result as plain JSON. `live` are the policies in force, the draft's own earlier version among them.

    `progress` gets per cent, and may raise to end it.
    """
    world, talks, recorded = past.world, past.talks, past.recorded
    rng = np.random.default_rng(settings.seed)
    sets = {"draft": [*(one for one in live if one.id != draft.id), draft], "live": list(live)}
    on_talks, on_asks = laws(sets, talks, world), laws(sets, recorded.scenes, world)
    progress(20)
    before = nowhere(recorded.asks.take(recorded.asks.forced), talks)
    guess = likely(habits(recorded, talks, world, settings.rate), talks, world, before, rng)

    # Whose budget ran out is asked of the draft alone.
    runs_out = any(one.scope in (Scope.TEAM, Scope.POOL) for one in draft.body.limits)

    played: dict[str, dict[str, Played]] = {
        "recorded": {name: Played(recorded, replay(recorded, one, world), one) for name, one in on_asks.items()},
        "likely": {name: Played(guess, replay(guess, one, world), one) for name, one in on_talks.items()},
    }
    progress(35)
    demands, played["worst"] = worst_of(on_talks, talks, world, before), {}
    for name, demand in demands.items():
        outcome = replay(demand, on_talks[name], world, why=runs_out and name == "draft")
        played["worst"][name] = settled(demand, outcome, on_talks[name], world)
        progress(60)
    swept = sweep(played["likely"]["draft"], draft, sets["draft"], world)
    progress(80)
    result = {
        "talks": about_talks(past, on_talks),
        "currency": world.currency,
        "first_day": date_of(world),
        "demands": {
            kind: {name: costs(one.demand, one.outcome, world, rng) | counts(*one) for name, one in both.items()}
            for kind, both in played.items()
        },
        "approvals": {
            name: approvals(one.demand, one.outcome, talks, world, draft) for name, one in played["recorded"].items()
        },
        "dead_ends": ending(played["recorded"]["draft"], world),
        "burning": burning({kind: both["draft"] for kind, both in played.items()}, draft, world, past.team_ids),
        "changes": changes(played["recorded"], on_talks, talks, world, rng),
        "fairness": fair(played, talks, world, draft),
        "gaming": {kind: gaming(*both["draft"], world) for kind, both in played.items() if kind != "worst"},
        "sweep": swept,
        "notes": past.notes,
        "likely_from": likely_from(recorded, settings),
    }
    result["verdicts"] = verdicts(result, settings.goals)
    progress(99)
    return result


def likely_from(recorded: Demand, settings: Settings) -> str:
    if settings.rate is not None:
        return "given"
    return "recorded" if judged(recorded).any() else "usual"


def worst_of(laws: dict[str, Law], talks: Scenes, world: World, before: Asks) -> dict[str, Demand]:
    """One and the same demand where both sets of policies lead to it, so that it is sorted once."""
    found = {name: worst(one, talks, world, before) for name, one in laws.items()}
    draft, live = found["draft"], found["live"]
    same = draft.menu and live.menu and draft.menu.is_like(live.menu)
    if same and np.array_equal(draft.asks.scene, live.asks.scene):
        found["live"] = draft
    return found


def date_of(world: World) -> str:
    """The first simulated day; its midnight may be the evening before in UTC."""
    return (as_datetime(int(world.days[0])) + timedelta(hours=12)).date().isoformat()


def ending(one: Played, world: World) -> dict[str, int]:
    ends = dead_ends(one.demand, one.law, one.outcome, world)
    return {"asked": int(judged(one.demand).sum()), "number": int((ends & judged(one.demand)).sum())}


def nowhere(before: Asks, talks: Scenes) -> Asks:
    """Bookings of before the simulated time, as part of a demand that has scenes of its own."""
    return replace(before, scene=np.zeros(len(before), np.int64)) if len(talks) else before.take(np.zeros(0, np.int64))


def values(law: Law, world: World) -> Ints:
    """The dearest gesture that each talk may get, in minor units; -1: none."""
    cost = np.array([*(one.cost_minor for one in world.catalogue), -1], np.int64)
    return cost[fitting(law, world)[:, 0]][law.scene_class]


def about_talks(past: Past, laws: dict[str, Law]) -> dict[str, Any]:
    found: dict[str, Any] = {"number": len(past.talks), "customers": how_many(past.talks.customer)}
    for name, one in laws.items():
        eligible = values(one, past.world) >= 0
        found[name] = {
            "eligible": int(eligible.sum()),
            "customers": how_many(past.talks.customer[eligible]),
        }
    return found


def changes(
    recorded: dict[str, Played],
    laws: dict[str, Law],
    talks: Scenes,
    world: World,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Who may get, or give, more than today, and who less; with real cases to read."""
    draft, live = values(laws["draft"], world), values(laws["live"], world)
    demand, after, now = recorded["draft"].demand, recorded["draft"].outcome, recorded["live"].outcome
    found: dict[str, Any] = {"cases": []}
    for way, differs, asks in (
        ("gains", draft > live, after.allowed & ~now.allowed),
        ("loses", draft < live, now.allowed & ~after.allowed),
    ):
        found[way] = {
            "talks": int(differs.sum()),
            "customers": how_many(talks.customer[differs]),
            "agents": how_many(world.people[talks.agent[differs]]),
            "asks": int((asks & judged(demand)).sum()),
        }
        asked = some(np.flatnonzero(asks & judged(demand)), CASES // 2, rng)
        found["cases"] += [case_of_ask(way, one, recorded, world) for one in asked]
        for place in some(np.flatnonzero(differs), CASES // 2 - len(asked), rng):
            found["cases"].append(
                {
                    "way": way, "talk": int(talks.talk[place]) + world.first_talk,
                    "day": int(days_of(talks.at[place : place + 1], world)[0]),
                    "may_get": {"draft": int(draft[place]), "live": int(live[place])},
                }
            )  # fmt: skip
    return found


def some(places: Ints, number: int, rng: np.random.Generator) -> list[int]:
    if number <= 0 or not len(places):
        return []
    return sorted(int(one) for one in rng.choice(places, min(number, len(places)), replace=False))


def case_of_ask(way: str, ask: int, both: dict[str, Played], world: World) -> dict[str, Any]:
    demand = both["draft"].demand
    asks = demand.asks
    return {
        "way": way,
        "talk": int(asks.talk[ask]) + world.first_talk,
        "day": int(days_of(asks.at[ask : ask + 1], world)[0]),
        "gesture_version": world.catalogue[int(asks.offer[ask])].version_id,
        "cost": int(asks.cost[ask]),
        "outcome": {name: said(outcome, law, ask) for name, (_, outcome, law) in both.items()},
    }


def said(outcome: Outcome, law: Law, ask: int) -> str:
    """allowed, approval (somebody has to allow it), an obstacle, or the limit that it exceeds."""
    if outcome.allowed[ask]:
        return "allowed"
    if outcome.obstacle[ask] != NO_OBSTACLE:
        return OBSTACLES[int(outcome.obstacle[ask])].value
    over = [name_of(meter) for bit, meter in enumerate(law.meters) if int(outcome.over[ask]) >> bit & 1]
    return over[0] if over else "allowed"


def fair(found: dict[str, dict[str, Played]], talks: Scenes, world: World, draft: Policy) -> dict[str, Any]:
    kind = "recorded" if judged(found["recorded"]["draft"].demand).sum() >= ENOUGH_ASKS else "likely"
    demand, outcome, _ = found[kind]["draft"]
    return {"demand": kind, "dimensions": fairness(demand, outcome, talks, world, draft)}


def sweep(of: Played, draft: Policy, rules: Sequence[Policy], world: World) -> list[dict[str, Any]]:
    """What each cap of the draft does to the likely cost: five caps, all others as they are.

    Only the last days are played again; what was given before them stays given.
    """
    demand, as_was, as_is = of
    days = min(SWEPT, len(world.days) - 1)
    late = judged(demand) & (demand.asks.at >= world.days[-1 - days])
    asks = demand.asks.take(late | as_was.allowed)
    start = replace(
        asks,
        forced=~late[late | as_was.allowed],
        booked_under=ids_of(as_was.granting, as_is)[late | as_was.allowed],
    )
    shortened = Demand("late", demand.scenes, start)

    def point(place: int, cap: int) -> dict[str, int]:
        others = [with_cap(one, place, cap) if one.id == draft.id else one for one in rules]
        other = replace(law_of(others, as_is.scene_class, as_is.seen, world), granting=as_is.granting)
        borne = bears(shortened, replay(shortened, other, world, why=False), world)
        on = np.clip(days_of(start.at[borne], world), 0, len(world.days) - 2)
        by_day = np.bincount(on, start.cost[borne], len(world.days) - 1)[-days:].astype(np.int64)
        return {"mean": round(float(by_day.mean())), "p95": percentile(by_day, 95)}

    found, as_it_is = [], None
    for place, limit in enumerate(draft.body.limits):
        as_it_is = as_it_is or point(place, limit.cap)
        bit = as_is.meters.index(meter_of(limit, draft))
        is_exceeded = bool(((as_was.over >> bit) & 1).any())
        points = []
        for factor in FACTORS:
            cap = round(limit.cap * factor)
            # A cap that nobody exceeds can be higher without anything coming of it.
            same = cap == limit.cap or (cap > limit.cap and not is_exceeded)
            points.append({"cap": cap} | (as_it_is if same else point(place, cap)))
        found.append({"meter": name_of(Meter.of(limit, draft)), "cap": limit.cap, "points": points})
    return found


def with_cap(policy: Policy, place: int, cap: int) -> Policy:
    limits: list[Limit] = list(policy.body.limits)
    limits[place] = replace(limits[place], cap=cap)
    body: Body = replace(policy.body, limits=tuple(limits))
    return replace(policy, body=body)
