"""Days counted back from the day of loading."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from random import Random
from zoneinfo import ZoneInfo

import pytest

from console.demo.days import Days, spoken_time, working_days_after

LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Ring between half past two and half past three", time(15, 30)),
        ("Write before one o'clock, either way", time(13)),
        ("Ring at half past ten, with Janet there", time(10, 30)),
        ("By text before noon", time(12)),
        ("Table loaded first, in the slot from eight to twelve", None),
        ("Two sets of swatches", None),
    ],
)
def test_a_promise_names_its_time_in_words(text: str, said: time | None) -> None:
    assert spoken_time(text) == said


@pytest.mark.parametrize(
    ("start", "number", "saturdays", "day"),
    [
        (date(2026, 5, 14), 1, False, date(2026, 5, 15)),  # Thursday
        (date(2026, 5, 15), 1, False, date(2026, 5, 18)),  # over the weekend
        (date(2026, 5, 15), 1, True, date(2026, 5, 16)),
        (date(2026, 5, 16), 0, False, date(2026, 5, 18)),  # a Saturday is none
        (date(2026, 5, 17), 0, True, date(2026, 5, 18)),  # a Sunday is none
    ],
)
def test_working_days_leave_out_the_weekend(start: date, number: int, saturdays: bool, day: date) -> None:
    assert working_days_after(start, number, saturdays=saturdays) == day


@pytest.mark.parametrize("hour", [0, 3, 9, 23])
def test_a_moment_of_today_is_over_whenever_one_asks(hour: int) -> None:
    days = Days(datetime(2026, 5, 14, hour, 5, tzinfo=LONDON), LONDON)
    for seed in range(50):
        assert days.some_time(Random(seed), days.today, "09:05", "17:40") < days.now
        assert days.opening(Random(seed), days.today) < days.now


def test_the_day_is_the_shops_own_not_that_of_greenwich() -> None:
    days = Days(datetime(2026, 7, 1, 23, 30, tzinfo=UTC), LONDON)
    assert days.today == date(2026, 7, 2)
    assert days.day(1) == date(2026, 7, 1)


def test_phones_are_answered_in_opening_hours_alone() -> None:
    days = Days(datetime(2026, 5, 20, 12, 0, tzinfo=UTC), LONDON)
    for days_ago in range(1, 8):
        assert all(days.is_open(days.opening(Random(seed), days.day(days_ago))) for seed in range(20))
    assert not days.is_open(datetime(2026, 5, 17, 18, 0, tzinfo=LONDON))  # a Sunday evening
