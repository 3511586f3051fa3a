"""A result held against the goals that a supervisor set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Goals:
    budget_minor: int | None = None  # of cost a day, which 19 days of 20 should stay within
    dead_ends: float = 0.02  # of what is asked for
    approvals: float = 6.0  # an hour and approver, in a busy hour
    fairness: float = 0.8  # of the rate of the group that is offered most


def verdicts(result: dict[str, Any], goals: Goals) -> list[dict[str, Any]]:
    """One for each goal: pass, warn or fail, what was found and what was wanted.

    None that could not be judged; then there is no value, or nothing was wanted.
    """
    return [cost(result, goals), ends(result, goals), load(result, goals), fair(result, goals)]


def verdict(goal: str, level: str, value: float | None, wanted: float | None, **more: Any) -> dict[str, Any]:
    return {"goal": goal, "level": level, "value": value, "wanted": wanted, **more}


def cost(result: dict[str, Any], goals: Goals) -> dict[str, Any]:
    found = result["demands"]["likely"]["draft"]
    budget, value = goals.budget_minor, found["p95"]
    if not result["talks"]["number"]:
        return verdict("cost", "none", None, budget)
    if budget is None:
        return verdict("cost", "none", value, None)
    if value > budget:
        level = "fail"
    else:
        at_worst = max(found["p95_interval"][1], result["demands"]["recorded"]["draft"]["p95"])
        level = "warn" if at_worst > budget else "pass"
    return verdict("cost", level, value, budget)


def ends(result: dict[str, Any], goals: Goals) -> dict[str, Any]:
    found = result["dead_ends"]
    if not found["asked"]:
        return verdict("dead_ends", "none", None, goals.dead_ends)
    share = found["number"] / found["asked"]
    level = "pass" if share <= goals.dead_ends else "warn" if share <= 2 * goals.dead_ends else "fail"
    return verdict("dead_ends", level, round(share, 4), goals.dead_ends)


def load(result: dict[str, Any], goals: Goals) -> dict[str, Any]:
    found = result["approvals"]["draft"]
    if not result["dead_ends"]["asked"]:
        return verdict("approvals", "none", None, goals.approvals)
    if not found["people"]:
        level = "fail" if found["total"] else "pass"
        return verdict("approvals", level, found["busy_hour"], goals.approvals, nobody=True)
    level = "pass" if found["each"] <= goals.approvals else "warn" if found["each"] <= 1.5 * goals.approvals else "fail"
    return verdict("approvals", level, found["each"], goals.approvals)


def fair(result: dict[str, Any], goals: Goals) -> dict[str, Any]:
    """Differences that the policy itself asks for (by_design) are not judged; nor are small groups."""
    judged = [
        (one["ratio"], one["is_sure"], part["name"], one["name"])
        for part in result["fairness"]["dimensions"]
        if not part["by_design"] and part["name"] != "segment"
        for one in part["groups"]
        if not one["small"] and one["ratio"] is not None
    ]
    if not judged:
        return verdict("fairness", "none", None, goals.fairness)
    ratio, is_sure, dimension, group = min(judged)
    level = "pass" if ratio >= goals.fairness else "fail" if is_sure else "warn"
    return verdict("fairness", level, ratio, goals.fairness, dimension=dimension, group=group)
