"""What is likely bought next: plain values in and out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.gestures.next_evaluating import Score, Verdict, interval, score
from console.gestures.next_products import JUST_BOUGHT, LENGTH, Range, Together, likely_next
from tests.factories import NOW

POT, SAUCER, LAMP, BULB, COFFEE = range(1, 6)
LATELY = NOW - timedelta(days=3)


def guessed(bought: dict[int, int], together: list[Together], stock: Range | None = None) -> list[int]:
    """`bought` is product to days ago."""
    past = {product: NOW - timedelta(days=days) for product, days in bought.items()}
    return [one.product_id for one in likely_next(past, together, stock or Range(), NOW)]


def test_what_stood_in_more_baskets_comes_first_and_says_because_of_what() -> None:
    together = [Together(POT, SAUCER, 4.0), Together(POT, BULB, 3.0), Together(LAMP, BULB, 3.5)]
    found = likely_next({POT: LATELY, LAMP: LATELY}, together, Range(), NOW)
    assert [(one.product_id, one.because_id) for one in found] == [(BULB, LAMP), (SAUCER, POT)]


def test_what_everybody_buys_counts_less_and_so_does_what_was_bought_long_ago() -> None:
    together = [Together(POT, SAUCER, 3.0), Together(LAMP, BULB, 3.3)]
    assert guessed({POT: 3, LAMP: 3}, together) == [BULB, SAUCER]
    assert guessed({POT: 3, LAMP: 3}, together, Range({BULB: 900})) == [SAUCER, BULB]
    assert guessed({POT: 3, LAMP: 93}, together) == [SAUCER, BULB]


def test_what_they_have_is_left_out_unless_it_is_usually_bought_again() -> None:
    together = [Together(POT, LAMP, 5.0), Together(POT, COFFEE, 3.0)]
    stock = Range(bought_again=frozenset({COFFEE}))
    assert guessed({POT: 3, LAMP: 200, COFFEE: JUST_BOUGHT.days}, together, stock) == [COFFEE]
    assert guessed({POT: 3, LAMP: 200, COFFEE: JUST_BOUGHT.days - 1}, together, stock) == []


@given(
    st.dictionaries(st.integers(1, 9), st.integers(0, 400)),
    st.lists(st.builds(Together, st.integers(1, 9), st.integers(1, 30), st.floats(0.1, 60))),
)
def test_no_list_is_too_long_or_names_what_they_have(bought: dict[int, int], together: list[Together]) -> None:
    found = guessed(bought, together)
    assert len(found) == len(set(found)) <= LENGTH
    assert not set(found) & set(bought)


def test_the_figures_of_a_guess() -> None:
    assert score([7, 8, 9], {7, 8, 9}).ndcg == pytest.approx(1)
    found = score([7, 8, 9], {9, 5})
    assert (found.hit, found.recall) == (1, 0.5)
    assert found.ndcg == pytest.approx(0.5 / (1 + 0.6309), abs=1e-4)
    assert tuple(score([], {9})) == (0, 0, 0)


@pytest.mark.parametrize(("customers", "low", "wins"), [(50, 0.001, True), (49, 0.001, False), (500, 0.0, False)])
def test_it_wins_only_beyond_chance_and_with_enough_customers(customers: int, low: float, wins: bool) -> None:
    some = Score(0.1, 0.1, 0.1)
    assert Verdict(customers, 30, some, some, 90, low, 0.2).wins is wins
    assert interval([0.1] * 60) == (0.1, 0.1)
    assert interval([-1.0, 1.0] * 30)[0] < 0 < interval([-1.0, 1.0] * 30)[1]
