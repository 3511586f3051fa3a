"""What use says of an article, when two texts are one question, and which labels speak of a product: pure rules."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.assist.owned import labels_for
from knowledge.asking import continues
from knowledge.feedback import Counts, standing

PEOPLE = st.floats(0, 10_000, allow_nan=False)
COUNTS = st.builds(Counts, uses=st.integers(0, 100_000), helpful=PEOPLE, not_helpful=PEOPLE, flags=st.integers(0, 500))


@given(COUNTS)
def test_a_standing_is_never_beyond_its_bounds(counts: Counts) -> None:
    assert -1 < standing(counts) < 1


@given(COUNTS)
def test_more_praise_never_lowers_and_more_blame_never_lifts(counts: Counts) -> None:
    now = standing(counts)
    assert standing(replace(counts, uses=counts.uses + 1)) >= now
    assert standing(replace(counts, helpful=counts.helpful + 1)) >= now
    assert standing(replace(counts, not_helpful=counts.not_helpful + 1)) <= now
    assert standing(replace(counts, flags=counts.flags + 1)) <= now


@given(COUNTS)
def test_one_angry_person_moves_an_article_by_no_more_than_a_fifth(counts: Counts) -> None:
    """A person is one voice and one flag, however often they press."""
    angry = replace(counts, not_helpful=counts.not_helpful + 1, flags=counts.flags + 1)
    assert standing(counts) - standing(angry) <= 0.21


@given(st.integers(20, 10_000))
def test_a_handful_of_angry_people_does_not_bury_what_colleagues_use(uses: int) -> None:
    assert standing(Counts(uses=uses, not_helpful=5, flags=2)) > 0


def test_nobody_said_anything() -> None:
    assert standing(Counts()) == 0


@pytest.mark.parametrize(("before", "now", "same"), [
    ("gift", "gift card", True),
    ("gift card", "gift", True),
    ("Gift  Card", "gift card valid", True),
    ("gift card", "gift card", True),
    ("gift", "where is my parcel", False),
    ("gift card", "gift cart", False),
])  # fmt: skip
def test_a_text_that_goes_on_or_back_is_the_same_question(before: str, now: str, same: bool) -> None:
    assert continues(before, now) is same


@given(st.text(), st.text())
def test_going_on_works_both_ways(one: str, other: str) -> None:
    assert continues(one, other) == continues(other, one)
    assert continues(one, f"{one}{other}")


@pytest.mark.parametrize(("name", "category", "meant", "not_meant"), [
    ("Beacon table lamp, brass", "Lighting", {"lighting", "lamp", "lamps", "table lamp", "beacon"}, {"brass", "table"}),
    ("Gift card", "Gift cards", {"gift cards", "gift card"}, {"gifts cards"}),
    ("Wren linen duvet set, king", None, {"wren linen duvet set", "duvet sets"}, {"king", "linen"}),
    ("", "Garden/Tools", {"garden", "tools", "garden/tools"}, set()),
    ("!!!", None, set(), {""}),
])  # fmt: skip
def test_labels_that_speak_of_a_product(name: str, category: str | None, meant: set[str], not_meant: set[str]) -> None:
    found = set(labels_for(name, category))
    assert meant <= found
    assert not found & not_meant
