"""What a replay comes to: costs a day, refusals, approvals, budgets running down. Plain numbers for a page."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from console.empowerment.policy import Kind, Measure, Policy, Scope
from console.empowerment.simulation_demand import DAY, MINUTE, Flags, Ints, Scenes, World, how_many
from console.empowerment.simulation_matching import NO_OBSTACLE, OBSTACLES, Law
from console.empowerment.simulation_meters import Meter, windows_of
from console.empowerment.simulation_replay import Demand, Outcome, Played
from console.empowerment.windows import Window

RESAMPLED = 2_000  # times that the days are drawn again for an interval
HOUR = 60 * MINUTE
BUSY = 95  # the busiest twentieth of hours
NEAR_CAP = 0.9
BURNED = 4  # teams and pools that are drawn

Numbers = dict[str, Any]


def judged(demand: Demand) -> Flags:
    return ~demand.asks.forced


def bears(demand: Demand, outcome: Outcome, world: World) -> Flags:
    """Asks whose cost is borne, in the shop's currency."""
    ours = np.array([one.currency == world.currency for one in world.catalogue], bool)
    return np.asarray(outcome.allowed & demand.asks.spent & judged(demand) & ours[demand.asks.offer])


def days_of(at: Ints, world: World) -> Ints:
    """The day of the simulated time, from 0."""
    return np.searchsorted(world.days, at, side="right") - 1


def costs(demand: Demand, outcome: Outcome, world: World, rng: np.random.Generator) -> Numbers:
    asks, borne = demand.asks, bears(demand, outcome, world)
    days = len(world.days) - 1
    by_day = np.zeros(days, np.int64)
    on = days_of(asks.at[borne], world)
    np.add.at(by_day, np.clip(on, 0, days - 1), asks.cost[borne])
    drawn = np.sort(by_day[rng.integers(0, days, (RESAMPLED, days))], axis=1)
    p95s = drawn[:, min(int(0.95 * days), days - 1)]
    by_agent = np.zeros((int(world.people.max(initial=0)) + 1, days), np.int64)
    np.add.at(by_agent, (world.people[asks.agent[borne]], np.clip(on, 0, days - 1)), asks.cost[borne])
    busy = by_agent[by_agent > 0]
    return {
        "cost": int(by_day.sum()),
        "by_day": by_day.tolist(),
        "mean": round(float(by_day.mean())),
        "p50": percentile(by_day, 50),
        "p95": percentile(by_day, 95),
        "worst": int(by_day.max(initial=0)),
        "p95_interval": [int(np.percentile(p95s, 2.5)), int(np.percentile(p95s, 97.5))],
        "mean_interval": [round(float(one)) for one in np.percentile(drawn.mean(axis=1), [2.5, 97.5])],
        "agent_day": {"p50": percentile(busy, 50), "p95": percentile(busy, 95), "most": int(busy.max(initial=0))},
    }


def percentile(values: Ints, which: float) -> int:
    """A value that occurs: the smallest that so many per cent do not exceed; 0 of none."""
    return int(np.percentile(values, which, method="inverted_cdf")) if len(values) else 0


def counts(demand: Demand, outcome: Outcome, law: Law) -> Numbers:
    ours = judged(demand)
    refused = ours & ~outcome.allowed
    why: Counter[str] = Counter()
    stopped, times = np.unique(outcome.obstacle[refused], return_counts=True)
    for place, number in zip(stopped.tolist(), times.tolist(), strict=True):
        if place != NO_OBSTACLE:
            why[OBSTACLES[place].value] += number
    limited = refused & (outcome.obstacle == NO_OBSTACLE)
    for bit, meter in enumerate(law.meters):
        # Each refusal has one reason: the first limit that it exceeds.
        mine = limited & ((outcome.over >> bit) & 1).astype(bool)
        why[name_of(meter)] += int(mine.sum())
        limited &= ~mine
    return {
        "asked": int(ours.sum()),
        "offered": int((ours & outcome.allowed).sum()),
        "granted": int((ours & outcome.allowed & demand.asks.spent).sum()),
        "refused": int(refused.sum()),
        "why": {name: number for name, number in why.most_common() if number},
        "approvals": int((ours & outcome.needs_approval).sum()),
    }


def name_of(meter: Meter) -> str:
    window = meter.window.value if meter.window else "stock"
    return f"{meter.scope.value}:{meter.measure.value}:{window}:{meter.days}"


def approvals(demand: Demand, outcome: Outcome, talks: Scenes, world: World, policy: Policy) -> Numbers:
    """Requests an hour while anybody talks, and whether approvers keep up: an M/M/c queue (Erlang C).

    The rate is that of the busiest twentieth of hours. `lapsed` is the share that waits longer than a request lives:
    C * exp(-(c * mu - lambda) * t).
    """
    hours = np.unique(talks.at // HOUR)
    asked = (demand.asks.at // HOUR)[judged(demand) & outcome.needs_approval]
    by_hour = np.bincount(np.searchsorted(hours, asked).clip(0, max(len(hours) - 1, 0)), minlength=len(hours))
    busy = float(np.percentile(by_hour, BUSY)) if len(by_hour) else 0.0
    people, minutes = world.approvers, world.answer_minutes
    waits, lapsed = queue(busy / 60, people, minutes, policy.body.approval.minutes)
    return {
        "total": len(asked),
        "an_hour": round(len(asked) / max(len(hours), 1), 2),
        "busy_hour": round(busy, 2),
        "people": people,
        "each": round(busy / people, 2) if people else None,
        "answer_minutes": round(minutes, 1),
        "waits_minutes": None if waits is None else round(waits, 1),
        "lapsed": round(lapsed, 4),
    }


def queue(rate: float, people: int, minutes: float, patience: float) -> tuple[float | None, float]:
    """Mean wait in minutes (None: it grows without end) and the share waiting longer than `patience` minutes.

    Erlang C, as in any text on queues: a = rate * minutes, P(wait) from the recursion of Erlang B.
    """
    load = rate * minutes
    if not load:
        return 0.0, 0.0
    if load >= people:
        return None, 1.0
    blocked = 1.0
    for count in range(1, people + 1):
        blocked = load * blocked / (count + load * blocked)
    waiting = blocked / (1 - (load / people) * (1 - blocked))
    spare = (people - load) / minutes
    return waiting / spare, waiting * math.exp(-spare * patience)


def burning(demands: dict[str, Played], policy: Policy, world: World, names: dict[int, int | None]) -> list[Numbers]:
    """For each team's and pool's limit of the policy: what is left of it at the end of each day, in every demand.

    Of teams those that use most. `names`: the id of each numbered team.
    """
    found = []
    for limit in policy.body.limits:
        if limit.scope not in (Scope.TEAM, Scope.POOL) or limit.window is Window.EACH or policy.kind is Kind.GUARDRAIL:
            continue
        meter = Meter.of(limit, policy)
        for subject in busiest(demands["recorded"], meter, policy, world) if limit.scope is Scope.TEAM else [-1]:
            series, gone = {}, {}
            for name, (demand, outcome, law) in demands.items():
                mine = of_subject(demand, outcome, law, policy, subject, world)
                series[name] = left_by_day(demand, outcome, meter, limit.cap, mine, world)
                gone[name] = first_refused(demand, outcome, law, meter, policy, subject, world)
            found.append(
                {
                    "meter": name_of(meter), "scope": limit.scope.value, "measure": limit.measure.value,
                    "cap": limit.cap, "team": names.get(subject) if subject >= 0 else None,
                    "left": series, "gone": gone,
                }
            )  # fmt: skip
    return found[:BURNED]


def busiest(of: Played, meter: Meter, policy: Policy, world: World) -> list[int]:
    demand, outcome, _ = of
    mine = outcome.allowed & judged(demand)
    used = np.bincount(world.teams[demand.asks.agent[mine]], weights=demand.asks.amount(meter.measure)[mine])
    return [int(one) for one in np.argsort(-used)[:2]] or [0]


def of_subject(demand: Demand, outcome: Outcome, law: Law, policy: Policy, subject: int, world: World) -> Flags:
    if subject >= 0:
        return np.asarray(world.teams[demand.asks.agent] == subject)
    place = [one.id for one in law.policies].index(policy.id)
    return np.asarray(outcome.granting == place)


def left_by_day(demand: Demand, outcome: Outcome, meter: Meter, cap: int, mine: Flags, world: World) -> list[int]:
    asks = demand.asks
    kept = mine & outcome.allowed & asks.spent
    days = len(world.days) - 1
    on, amount = days_of(asks.at, world)[kept], asks.amount(meter.measure)[kept]
    if meter.window is Window.ROLLING:
        ends = world.days[1:]
        order = np.concatenate([[0], np.cumsum(amount)])
        at = asks.at[kept]
        used = order[np.searchsorted(at, ends)] - order[np.searchsorted(at, ends - meter.days * DAY)]
        return [max(cap - int(one), 0) for one in used]
    used = np.zeros(days, np.int64)
    inside = (on >= 0) & (on < days)
    np.add.at(used, on[inside], amount[inside])
    window = windows_of(meter, world.days[:-1])
    left, spent, current = [], 0, -1
    for day in range(days):
        spent, current = (spent if window[day] == current else 0) + int(used[day]), int(window[day])
        left.append(max(cap - spent, 0))
    return left


def first_refused(
    demand: Demand, outcome: Outcome, law: Law, meter: Meter, policy: Policy, subject: int, world: World
) -> int | None:
    """The day (from 0) on which the limit first turned somebody away."""
    bit = law.meters.index(meter)
    granted = outcome.granting == [one.id for one in law.policies].index(policy.id)
    mine = granted & judged(demand) & (((outcome.over >> bit) & 1) == 1)
    if subject >= 0:
        mine &= world.teams[demand.asks.agent] == subject
    first = demand.asks.at[mine]
    return int(days_of(first[:1], world)[0]) if len(first) else None


def gaming(demand: Demand, outcome: Outcome, law: Law, world: World) -> Numbers:
    """Signs that somebody collects, or divides, or empties a budget: for a person to look at."""
    asks, ours = demand.asks, judged(demand)
    at_customer = np.zeros(len(asks), bool)
    at_day = np.zeros(len(asks), bool)
    near = np.zeros(len(asks), bool)
    rows = law.place(asks.scene, asks.offer)
    for bit, meter in enumerate(law.meters):
        hit = ours & ((outcome.over >> bit) & 1).astype(bool)
        if meter.scope in (Scope.CUSTOMER, Scope.HOUSEHOLD):
            at_customer |= hit
        if meter.scope is Scope.AGENT and meter.window is Window.DAY:
            at_day |= hit
        if meter.window is Window.EACH and meter.measure is Measure.COST:
            near |= asks.cost >= NEAR_CAP * law.caps[bit][rows]
    customers, times = np.unique(asks.customer[at_customer], return_counts=True)
    given = ours & outcome.allowed
    agent_days = asks.agent * len(world.days) + np.maximum(days_of(asks.at, world), 0)
    return {
        "customers_at_cap": len(customers),
        "customers_again": int((times > 1).sum()),
        "near_cap": int((given & near).sum()),
        "given": int(given.sum()),
        "agent_days_at_cap": how_many(agent_days[at_day]),
        "agent_days": how_many(agent_days[ours]),
    }
