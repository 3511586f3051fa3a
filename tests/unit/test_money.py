from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.money import Money


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "GBP", 1250),
        ("12.5", "GBP", 1250),
        (" 12 ", "GBP", 1200),
        ("0", "GBP", 0),
        ("1250", "JPY", 1250),
        ("1250.00", "JPY", 1250),
        ("1.234", "KWD", 1234),
    ],
)
def test_an_amount_is_read_in_the_units_of_its_currency(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    "text", ["", "-1", "1e5", "1,50", "12.345", "£5", "٣", "1_000", "1.", ".5", "9" * 10, "1e400000", "0x10"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|finer"):
        Money.parse(text, "GBP")


def test_currencies_do_not_mix() -> None:
    for mix in (lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a < b):
        with pytest.raises(ValueError, match="cannot combine"):
            mix(Money(1, "GBP"), Money(1, "EUR"))


@given(st.integers(0, 999_999_999), st.sampled_from(["GBP", "JPY", "KWD"]))
def test_what_a_form_shows_reads_back_as_the_same_amount(minor: int, currency: str) -> None:
    amount = Money(minor, currency)
    assert Money.parse(amount.plain(), currency) == amount


def test_people_read_their_own_notation() -> None:
    assert Money(123450, "GBP").format("en_GB") == "£1,234.50"
    assert Money(1250, "JPY").format("en_GB") == "JP¥1,250"
