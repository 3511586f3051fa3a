"""Whether groups of customers are offered alike: rates, their intervals, and the ratio to the group offered most."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from console.empowerment.intervals import Z, wilson
from console.empowerment.policy import Policy
from console.empowerment.rule_arrays import mask
from console.empowerment.rules import conditions
from console.empowerment.simulation_demand import Ints, Scenes, World
from console.empowerment.simulation_figures import bears, judged
from console.empowerment.simulation_replay import Demand, Outcome

ENOUGH = 100  # conversations of a group, below which it is shown but not judged
DIMENSIONS = ("tier", "language")
MOST_GROUPS = 12


def fairness(demand: Demand, outcome: Outcome, talks: Scenes, world: World, policy: Policy) -> list[dict[str, Any]]:
    named = {one.field.name for one in conditions(policy.body.customers)}
    found = []
    for name in DIMENSIONS:
        groups, of_talks, of_asks = by_fact(name, demand, talks, world)
        found.append(
            dimension(name, name in named, groups, of_talks, of_asks[demand.asks.scene], demand, outcome, world)
        )
    found.append(
        dimension(
            "channel", bool(policy.body.channels), list(world.channels), talks.channel,
            demand.scenes.channel[demand.asks.scene], demand, outcome, world,
        )
    )  # fmt: skip
    segments = segment_rows(demand, outcome, talks, world)
    if segments:
        found.append({"name": "segment", "by_design": False, "groups": rated(segments)})
    return [one for one in found if len(one["groups"]) > 1 or one["name"] == "segment"]


def by_fact(name: str, demand: Demand, talks: Scenes, world: World) -> tuple[list[str], Ints, Ints]:
    column, own = talks.fact(name, world), demand.scenes.fact(name, world)
    if column is None or own is None or column.words is None:
        return [], np.zeros(len(talks), np.int64), np.zeros(len(demand.scenes), np.int64)
    places = [np.where(one.known, one.values, -1) if one.known is not None else one.values for one in (column, own)]
    return list(column.words), places[0], places[1]


def dimension(
    name: str,
    by_design: bool,
    groups: list[str],
    of_talks: Ints,
    of_asks: Ints,
    demand: Demand,
    outcome: Outcome,
    world: World,
) -> dict[str, Any]:
    allowed = judged(demand) & outcome.allowed
    rows = []
    for place, group in enumerate(groups):
        mine = allowed & (of_asks == place)
        rows.append(row(group, int((of_talks == place).sum()), mine, demand, outcome, world))
    rows = sorted((one for one in rows if one["n"]), key=lambda one: -one["n"])[:MOST_GROUPS]
    return {"name": name, "by_design": by_design, "groups": rated(rows)}


def segment_rows(demand: Demand, outcome: Outcome, talks: Scenes, world: World) -> list[dict[str, Any]]:
    allowed, rows = judged(demand) & outcome.allowed, []
    for name, rule in world.segments.items():
        names = {one.field.name for one in conditions(rule)}
        inside = []
        for scenes in (talks, demand.scenes):
            columns = {one: column for one in names if (column := scenes.fact(one, world))}
            inside.append(mask(rule, columns, scenes.at.view("datetime64[us]"), len(scenes)))
        mine = allowed & inside[1][demand.asks.scene]
        rows.append(row(name, int(inside[0].sum()), mine, demand, outcome, world))
    return [one for one in rows if one["n"]]


def row(
    name: str, talks: int, mine: np.ndarray[Any, np.dtype[np.bool_]], demand: Demand, outcome: Outcome, world: World
) -> dict[str, Any]:
    offers = int(mine.sum())
    cost = demand.asks.cost[mine & bears(demand, outcome, world)]
    spread = Z * float(cost.std(ddof=1)) / math.sqrt(len(cost)) if len(cost) > 1 else 0.0
    mean = float(cost.mean()) if len(cost) else 0.0
    low, high = wilson(min(offers, talks), talks)
    return {
        "name": name, "n": talks, "offers": offers, "rate": round(min(offers / talks, 1.0), 4) if talks else 0.0,
        "low": round(low, 4), "high": round(high, 4), "mean": round(mean),
        "mean_interval": [round(max(mean - spread, 0)), round(mean + spread)], "small": talks < ENOUGH,
    }  # fmt: skip


def rated(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With the ratio to the highest rate; `is_sure` where even the intervals are that far apart."""
    best = max((one for one in rows if not one["small"]), key=lambda one: one["rate"], default=None)
    for one in rows:
        usable = best is not None and best["rate"] > 0
        one["ratio"] = round(one["rate"] / best["rate"], 3) if best is not None and usable else None
        one["is_sure"] = bool(best is not None and usable and one["high"] < 0.8 * best["low"])
    return rows
