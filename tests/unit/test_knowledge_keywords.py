"""Words in passages: where they stand, and how much that says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.keywords import TOKEN, counted, stands_in, stem, times_in

WORD = st.text("aeinrst", min_size=1, max_size=9)


@given(WORD, st.lists(WORD).map(" ".join))
def test_a_word_stands_where_one_of_its_forms_does(word: str, text: str) -> None:
    forms = [stem(token) for token in TOKEN.findall(text)]
    assert times_in(stem(word), text) == forms.count(stem(word))
    assert stands_in(stem(word), text) == (stem(word) in forms)


@pytest.mark.parametrize("text", ["a sunlamp", "lam p", "lampoon", "ümlamp", ""])
def test_a_part_of_another_word_is_not_the_word(text: str) -> None:
    assert not stands_in("lamp", text)


def test_often_counts_more_than_once_but_never_twice_as_much() -> None:
    once, twice = counted([("", "a lamp here"), ("", "lamp by lamp")], {"lamp": 3.0})
    assert once < twice < 2 * once


def test_in_a_head_it_counts_more_than_in_the_text_and_a_rare_word_more_than_a_frequent_one() -> None:
    in_text, in_head, rare, none = counted(
        [("", "a lamp is"), ("lamp", "this is it"), ("", "a pearl is"), ("", "this is it")], {"lamp": 1.0, "pearl": 2.0}
    )
    assert 0 == none < in_text < in_head < rare


def test_in_a_long_passage_it_says_less() -> None:
    short, long = counted([("", "a lamp"), ("", "a lamp among many other things that are sold")], {"lamp": 1.0})
    assert short > long


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=4), st.dictionaries(WORD, st.floats(0, 9)))
def test_any_text_can_be_counted(passages: list[tuple[str, str]], weights: dict[str, float]) -> None:
    assert (counted(passages, weights) >= 0).all()
