"""How a typed word resembles a name: folding, words, one typing error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.customers.names import (
    Likeness,
    fold,
    likeness,
    likeness_of_all,
    one_typo_apart,
    shortened,
    tokens_of,
    words,
)


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Zielińska", "zielinska"),
        ("ŁUKASZ", "lukasz"),
        ("Søren Ærø", "soren aero"),
        ("Groß", "gross"),
        ("ＡＮＮＡ", "anna"),  # full-width letters
        ("Ёлкин", "елкин"),
        ("김민준", "김민준"),
        ("李小明", "李小明"),
    ],
)
def test_accents_and_case_are_folded(written: str, folded: str) -> None:
    assert fold(written) == folded


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("O'Brien", ["obrien"]),
        ("O’Brien", ["obrien"]),
        ("Mary-Jane  van der Berg", ["mary", "jane", "van", "der", "berg"]),
        ("_ % ' -", []),
        ("", []),
    ],
)
def test_an_apostrophe_joins_and_a_hyphen_parts(written: str, parts: list[str]) -> None:
    assert words(written) == parts


def test_a_customer_is_found_by_names_written_apart_or_together_and_by_the_words_of_the_address() -> None:
    assert tokens_of("Sean", "O'Brien") == {"sean", "obrien", "brien"}
    assert tokens_of("", "van der Berg") == {"van", "der", "berg", "vanderberg"}
    assert tokens_of("Noah", "", ["n.brown7922@acme-corp.co"]) == {"noah", "brown", "acme", "corp"}
    assert tokens_of("", "", ["anna@gmail.com"]) == {"anna"}  # what everybody's address says is no word


@pytest.mark.parametrize(
    ("typed", "meant", "near"),
    [
        ("smiht", "smith", True),  # swapped
        ("smth", "smith", True),  # left out
        ("smiith", "smith", True),  # doubled
        ("smyth", "smith", True),  # changed
        ("smith", "smith", False),  # no error at all
        ("smtih", "smiht", False),  # two swaps
        ("abc", "acd", False),  # shares "ac", but two errors away
        ("jo", "jon", True),
        ("j", "jo", False),
        ("smithes", "smith", False),
    ],
)
def test_one_typing_error_is_forgiven_and_two_are_not(typed: str, meant: str, near: bool) -> None:
    assert one_typo_apart(typed, meant) is near
    assert one_typo_apart(meant, typed) is near


@given(st.text("abc", min_size=3, max_size=7), st.text("abc", min_size=3, max_size=7))
def test_words_one_error_apart_always_meet_in_the_dictionary(first: str, second: str) -> None:
    if one_typo_apart(first, second):
        assert ({first} | shortened(first)) & ({second} | shortened(second))


@pytest.mark.parametrize(
    ("typed", "token", "grade"),
    [
        ("anna", "anna", Likeness.EXACT),
        ("ann", "anna", Likeness.PREFIX),
        ("amna", "anna", Likeness.TYPO),
        ("x", "anna", None),
    ],
)
def test_likeness_of_a_word(typed: str, token: str, grade: Likeness | None) -> None:
    assert likeness(typed, token) is grade


def test_all_typed_words_must_fit_in_any_order() -> None:
    assert likeness_of_all(["smith", "jon"], ["jon", "smith"]) == (Likeness.EXACT, 0)
    assert likeness_of_all(["smi", "john"], ["jon", "smith"]) == (Likeness.TYPO, 3)
    assert likeness_of_all(["smith", "zoe"], ["jon", "smith"]) is None
    assert likeness_of_all([], ["jon"]) is None
