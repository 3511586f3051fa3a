"""What came of gestures changes their order within a band, and what that brings is judged honestly."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.empowerment.kinds import GestureKind, Occasion
from console.gestures import weights
from console.gestures.evaluating import Decision, advantage, evaluate
from console.gestures.learning import Beliefs, reordered, reward
from console.gestures.situation import Candidate, Suggested
from console.money import Money

K, DELIGHT = GestureKind, Occasion.DELIGHT


def suggested(number: int, kind: GestureKind, cost: int, score: int) -> Suggested:
    money = Money(cost, "GBP")
    return Suggested(Candidate(number, number, kind, f"Gesture {number}", money, money, ("delight",)), score, ())


CARD, SAMPLE, UPGRADE = (
    suggested(1, K.HANDWRITTEN_CARD, 90, 70),
    suggested(2, K.SAMPLE, 100, 66),
    suggested(3, K.UPGRADE, 2000, 65),
)
FAR = suggested(4, K.CREDIT, 90, 40)


def believing(good: int, bad: int, outcomes: int = weights.ENOUGH) -> Beliefs:
    beliefs = Beliefs()
    kinds = {1: K.HANDWRITTEN_CARD, 2: K.SAMPLE, 3: K.UPGRADE, 4: K.CREDIT}
    for _ in range(outcomes // 2):
        beliefs.learn(good, kinds[good], DELIGHT, "loyal", 1.0)
        beliefs.learn(bad, kinds[bad], DELIGHT, "loyal", 0.0)
    return beliefs


def order(*items: Suggested, beliefs: Beliefs, seed: int = 7) -> list[int]:
    return [item.candidate.version_id for item in reordered(items, beliefs, DELIGHT, "loyal", seed)]


def test_too_few_outcomes_change_nothing() -> None:
    assert order(CARD, SAMPLE, beliefs=believing(2, 1, weights.ENOUGH - 2)) == [1, 2]
    assert reordered([CARD, SAMPLE], Beliefs(), DELIGHT, "loyal", 1)[0].propensity == 1.0


def test_what_went_well_moves_up_within_the_band_and_never_out_of_it() -> None:
    assert order(CARD, SAMPLE, FAR, beliefs=believing(2, 1)) == [2, 1, 4]
    assert order(CARD, SAMPLE, FAR, beliefs=believing(4, 1))[2] == 4  # 30 points behind


def test_nothing_much_dearer_is_lifted_to_the_top() -> None:
    assert order(CARD, SAMPLE, UPGRADE, beliefs=believing(3, 1))[2] == 3


def test_what_needs_approval_stays_where_it_is() -> None:
    assert order(CARD, replace(SAMPLE, needs_approval=True), beliefs=believing(2, 1)) == [1, 2]


def test_the_same_seed_gives_the_same_list_and_chances_that_add_up() -> None:
    beliefs = believing(2, 1, 400)
    first, again = (reordered([CARD, SAMPLE, FAR], beliefs, DELIGHT, "loyal", 5) for _ in range(2))
    assert first == again
    assert all(0 < item.propensity <= 1 for item in first)


def test_a_share_of_lists_is_left_to_chance() -> None:
    beliefs = believing(2, 1, 4000)
    firsts = [order(CARD, SAMPLE, beliefs=beliefs, seed=seed)[0] for seed in range(600)]
    assert 0.005 < firsts.count(1) / 600 < 0.06  # half of the floor


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(36, 100)), min_size=1, max_size=5), st.integers(0, 99))
def test_reordering_loses_and_invents_nothing(drawn: list[tuple[int, int]], seed: int) -> None:
    kinds = list(K)
    items = [suggested(number, kinds[number], cost, score) for number, (cost, score) in enumerate(drawn)]
    found = reordered(items, believing(2, 1), DELIGHT, "loyal", seed)
    assert sorted(item.candidate.version_id for item in found) == list(range(len(items)))


def test_an_outcome_is_worth_what_is_known_of_it() -> None:
    assert reward(accepted=True, score=5, came_back=False) == pytest.approx(1.0)
    assert reward(accepted=True, score=None, came_back=None) == 1.0
    assert reward(accepted=True, score=3, came_back=None) == pytest.approx(0.5)
    assert reward(accepted=False, score=None, came_back=True) == 0.0


def test_estimates_find_the_truth_behind_logged_lists() -> None:
    """Two actions worth .2 and .6, logged evenly; the way judged takes the better one nine times in ten: .56."""
    chance, decisions = Random(3), []
    for _ in range(6_000):
        action = chance.choice("ab")
        others = (("a", 0.1), ("b", 0.9))
        got = float(chance.random() < {"a": 0.2, "b": 0.6}[action])
        decisions.append(Decision(action, 0.5, dict(others)[action], got, others))
    found = evaluate(decisions)
    assert found.logged == pytest.approx(0.4, abs=0.02)
    for estimate in (found.ips, found.snips, found.dr):
        assert estimate == pytest.approx(0.56, abs=0.025)
    assert found.low < 0.56 < found.high
    assert found.is_enough
    assert 3_000 < found.effective < 4_000
    gain = advantage(decisions)
    assert gain is not None
    assert gain[0] < 0.16 < gain[1]
    assert gain[1] - gain[0] == pytest.approx(found.high - found.low, rel=0.5)  # as resampling has it


def test_few_effective_cases_are_not_enough_to_judge() -> None:
    few = [Decision("a", 1.0, 1.0, 1.0)] * 150
    assert not evaluate(few).is_enough
    assert advantage(few) is None
    with pytest.raises(ValueError, match="nothing to judge"):
        evaluate([])
