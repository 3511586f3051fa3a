"""Text of a file becomes a value, or a reason why not."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.customers.models import OrderStatus
from console.importing import fields
from console.importing.fields import Parse, Reading
from console.importing.people import split_name
from console.importing.problems import BadRow

READING = Reading(ZoneInfo("Europe/London"), "GB", "GBP", datetime(2026, 5, 14, tzinfo=UTC))
PARSERS: list[Parse] = [
    fields.text(10),
    fields.choice(OrderStatus),
    fields.flag,
    fields.whole(0, 10),
    fields.decimal,
    fields.currency,
    fields.moment,
    fields.day,
    fields.past_day,
    fields.birthday,
    fields.clock,
    fields.region,
    fields.time_zone,
    fields.addresses,
    fields.phones,
    fields.kind_of_event,
    fields.json_data,
]


@pytest.mark.parametrize(
    ("parse", "given_", "value"),
    [
        (fields.text(5), "  abc ", "abc"),
        (fields.text(5), 12, "12"),
        (fields.text(5), 1.50, "1.5"),
        (fields.text(5), True, "true"),
        (fields.choice(OrderStatus), "Delivered", OrderStatus.DELIVERED),
        (fields.flag, "True", True),
        (fields.flag, "N", False),
        (fields.whole(-5, 5), "-5", -5),
        (fields.whole(-5, 5), "3.0", 3),
        (fields.moment, "2024-01-14 10:24", datetime(2024, 1, 14, 10, 24, tzinfo=UTC)),
        (fields.moment, "2024-07-14 10:24", datetime(2024, 7, 14, 9, 24, tzinfo=UTC)),  # summer time in London
        (fields.moment, "2024-07-14T10:24:00Z", datetime(2024, 7, 14, 10, 24, tzinfo=UTC)),
        (fields.moment, "2024-07-14", datetime(2024, 7, 14, 11, tzinfo=UTC)),  # a bare day is its noon
        (fields.day, "2024-07-14 23:59", date(2024, 7, 14)),
        (fields.birthday, "02-29", (2, 29)),
        (fields.birthday, "1980-05-14", (5, 14)),
        (fields.clock, "18:00", time(18)),
        (fields.region, "gb", "GB"),
        (fields.currency, "eur", "EUR"),
        (fields.addresses, "Anna@Shop.example; b@c.de;anna@shop.example", ["anna@shop.example", "b@c.de"]),
        (fields.phones, "07700 900123; +49 151 12345678", ["+447700900123", "+4915112345678"]),
        (fields.phones, ["(020) 7946-0958"], ["+442079460958"]),
        (fields.kind_of_event, "Cart abandoned", "cart_abandoned"),
        (fields.json_data, '{"size": "M"}', {"size": "M"}),
    ],
)
def test_what_is_meant_is_understood(parse: Parse, given_: Any, value: Any) -> None:
    assert parse(given_, READING) == value


@pytest.mark.parametrize(
    ("parse", "given_", "reason"),
    [
        (fields.text(5), "abcdef", "6 characters long; 5 fit"),
        (fields.text(5), "a\0b", "NUL"),
        (fields.text(5), "\ud800", "half a character"),
        (fields.text(5), ["a"], "is a list"),
        (fields.choice(OrderStatus), "lost", "must be one of processing, shipped"),
        (fields.flag, "perhaps", "yes or no"),
        (fields.whole(0, 5), "6", "from 0 to 5"),
        (fields.whole(0, 5), "1.5", "whole number"),
        (fields.whole(0, 5), "9" * 5000, "characters long"),
        (fields.decimal, "12,50", "such as 12.50"),
        (fields.decimal, "1e9", "such as 12.50"),
        (fields.decimal, "٣", "such as 12.50"),
        (fields.currency, "XXZ", "ISO 4217"),
        (fields.moment, "14/05/2024", "such as 2024-05-14 10:24"),
        (fields.moment, "2024-13-01", "such as"),
        (fields.moment, "2027-01-01", "in the future"),
        (fields.moment, "1066-10-14", "before 1900"),
        (fields.moment, "0001-01-01T00:00:00+14:00", "no calendar|before 1900"),
        (fields.day, "9999-01-01", "1900 to 2200"),
        (fields.birthday, "02-30", "such as 05-14"),
        (fields.clock, "25:00", "time of day"),
        (fields.region, "USA", "two letters"),
        (fields.time_zone, "Mars/Base", "IANA"),
        (fields.addresses, "anna", "not an e-mail"),
        (fields.phones, "n/a", "not a phone number"),
        (fields.phones, "12", "no phone number"),
        (fields.json_data, "[1]", "not a JSON object"),
        (fields.json_data, {"a": "\0"}, "cannot be kept"),
        (fields.json_data, {"a": float("inf")}, "does not exist"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_reason(parse: Parse, given_: Any, reason: str) -> None:
    with pytest.raises(BadRow, match=reason):
        parse(given_, READING)


@given(
    st.one_of(
        st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.text()), st.dictionaries(st.text(), st.text())
    )
)
def test_no_value_does_anything_but_parse_or_be_refused(value: Any) -> None:
    for parse in PARSERS:
        try:
            parse(value, READING)
        except BadRow as problem:
            assert str(problem)


@pytest.mark.parametrize(
    ("written", "currency", "amount"),
    [
        ("12.50", "GBP", 1250),
        ("-12.5", "GBP", -1250),
        ("+3", "GBP", 300),
        ("7", "JPY", 7),
        ("0.5000", "EUR", 50),
        ("1.", "GBP", 100),
    ],
)
def test_amounts_become_minor_units(written: str, currency: str, amount: int) -> None:
    assert fields.minor(written, currency) == amount


@pytest.mark.parametrize(("written", "currency"), [("0.001", "GBP"), ("1.5", "JPY"), ("abc", "GBP")])
def test_an_amount_finer_than_a_minor_unit_is_refused(written: str, currency: str) -> None:
    with pytest.raises(BadRow):
        fields.minor(written, currency)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Zofia Anna Zielińska", "Zofia Anna", "Zielińska"),
        ("Zielińska, Zofia Anna", "Zofia Anna", "Zielińska"),
        ("Cher", "Cher", ""),
    ],
)
def test_a_whole_name_is_split(name: str, first: str, last: str) -> None:
    assert split_name(name) == (first, last)
