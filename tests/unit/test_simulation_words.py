"""What a simulation's result says in its first line."""

from __future__ import annotations

import pytest

from console.empowerment.simulation_words import Words

COSTS = {"mean": 200, "p50": 100, "p95": 300, "worst": 900}


def result_of(**levels):
    """Levels of goals; a goal of level none has nothing to judge on."""
    verdicts = [
        {"goal": goal, "level": level, "value": None if level == "none" else 1.0} for goal, level in levels.items()
    ]
    demands = {name: {"draft": COSTS, "live": COSTS} for name in ("likely", "worst")}
    demands["recorded"] = {"draft": {"offered": 3, "refused": 0}}
    notes = {"no_agent": 1, "stops_of_agents": 2, "counted": 1}
    talks = {"number": 40}
    return {"currency": "GBP", "verdicts": verdicts, "demands": demands, "notes": notes, "talks": talks}


@pytest.mark.parametrize(
    ("levels", "headline", "unjudged"),
    [
        ({"cost": "pass", "dead_ends": "pass"}, "Fits the goals you set", ""),
        ({"cost": "pass", "dead_ends": "none", "fairness": "none"}, "Fits what could be judged",
         "Dead ends and fairness could not be judged"),
        ({"cost": "fail", "fairness": "none"}, "Misses a goal", "Fairness could not be judged"),
        ({"cost": "none"}, "Nothing could be judged", "Cost could not be judged"),
    ],
)  # fmt: skip
def test_goals_that_could_not_be_judged_are_named(levels, headline, unjudged) -> None:
    words = Words(result_of(**levels), "en_GB")
    assert words.headline == headline
    assert unjudged in words.summary
    assert ("could not be judged" in words.summary) == bool(unjudged)


def test_what_is_left_out_is_said() -> None:
    said = " ".join(Words(result_of(cost="pass"), "en_GB").notes)
    assert "for no agent had them: 1 conversation." in said
    assert "refused here for as long: 2 agents." in said
    assert "Stock of 1 gesture is counted by the piece. Here too no more are given" in said
