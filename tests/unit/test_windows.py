"""Where windows begin and end: a table over zones, days on which the clocks change, and week starts.

Chance hardly ever falls on a local midnight with a limit that is just full, so these edges are written out, as
wall-clock times that anybody can check against a calendar.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from console.empowerment.windows import Hours, Window, closes, counts_from, opened

DAY, WEEK, MONTH, ROLLING = Window.DAY, Window.WEEK, Window.MONTH, Window.ROLLING
MONDAY, SATURDAY, SUNDAY = 0, 5, 6
# zone, window, week start, now (local), begins (UTC), ends (UTC), hours
TABLE = [
    ("UTC", DAY, MONDAY, "2026-06-15 10:00", "2026-06-15 00:00", "2026-06-16 00:00", 24),
    ("Europe/London", DAY, MONDAY, "2026-06-15 00:00", "2026-06-14 23:00", "2026-06-15 23:00", 24),
    ("Europe/London", DAY, MONDAY, "2026-03-29 23:59", "2026-03-29 00:00", "2026-03-29 23:00", 23),
    ("Europe/London", DAY, MONDAY, "2026-10-25 00:00", "2026-10-24 23:00", "2026-10-26 00:00", 25),
    ("America/New_York", DAY, MONDAY, "2026-03-08 12:00", "2026-03-08 05:00", "2026-03-09 04:00", 23),
    ("America/New_York", DAY, MONDAY, "2026-11-01 23:00", "2026-11-01 04:00", "2026-11-02 05:00", 25),
    ("Asia/Kolkata", DAY, MONDAY, "2026-06-15 01:00", "2026-06-14 18:30", "2026-06-15 18:30", 24),
    ("Australia/Lord_Howe", DAY, MONDAY, "2026-10-04 12:00", "2026-10-03 13:30", "2026-10-04 13:00", 23.5),
    ("Pacific/Apia", DAY, MONDAY, "2011-12-29 12:00", "2011-12-29 10:00", "2011-12-30 10:00", 24),
    ("America/Sao_Paulo", DAY, MONDAY, "2018-11-04 12:00", "2018-11-04 03:00", "2018-11-05 02:00", 23),  # no midnight
    ("Africa/Cairo", DAY, MONDAY, "2026-04-24 12:00", "2026-04-23 22:00", "2026-04-24 21:00", 23),  # no midnight either
    ("Europe/London", WEEK, MONDAY, "2026-03-29 23:30", "2026-03-23 00:00", "2026-03-29 23:00", 167),
    ("Europe/London", WEEK, SUNDAY, "2026-03-29 00:30", "2026-03-29 00:00", "2026-04-04 23:00", 167),
    ("Europe/London", WEEK, SATURDAY, "2026-10-25 12:00", "2026-10-23 23:00", "2026-10-31 00:00", 169),
    ("America/New_York", WEEK, SUNDAY, "2026-01-01 00:00", "2025-12-28 05:00", "2026-01-04 05:00", 168),
    ("Europe/London", WEEK, MONDAY, "2026-06-15 00:00", "2026-06-14 23:00", "2026-06-21 23:00", 168),
    ("Europe/London", MONTH, MONDAY, "2026-03-31 23:59", "2026-03-01 00:00", "2026-03-31 23:00", 743),
    ("Europe/London", MONTH, MONDAY, "2026-10-01 00:00", "2026-09-30 23:00", "2026-11-01 00:00", 745),
    ("Europe/London", MONTH, MONDAY, "2028-02-29 12:00", "2028-02-01 00:00", "2028-03-01 00:00", 696),
    ("Asia/Tokyo", MONTH, MONDAY, "2026-12-31 23:59", "2026-11-30 15:00", "2026-12-31 15:00", 744),
]  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("zone", "window", "week_start", "now", "begins", "ends", "hours"), TABLE)
def test_a_calendar_window_begins_and_ends_at_local_midnights(
    zone: str, window: Window, week_start: int, now: str, begins: str, ends: str, hours: float
) -> None:
    place = ZoneInfo(zone)
    moment = datetime.fromisoformat(now).replace(tzinfo=place).astimezone(UTC)
    start = opened(window, moment, place, week_start=week_start)
    end = closes(window, moment, place, week_start=week_start)
    assert (start, end) == (utc(begins), utc(ends))
    assert start is not None and end is not None
    assert (end - start) == timedelta(hours=hours)
    second = timedelta(seconds=1)
    assert counts_from(window, start, start), "the first moment is inside"
    assert not counts_from(window, start - second, start)
    # One second before the end it is the same window still, and at the end it is the next.
    assert opened(window, end - second, place, week_start=week_start) == start
    assert opened(window, end, place, week_start=week_start) == end


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "America/New_York"])
@pytest.mark.parametrize("days", [1, 7, 90])
def test_rolling_days_are_whole_days_of_24_hours_and_the_edge_is_out(zone: str, days: int) -> None:
    now = utc("2026-03-29 12:00")
    start = opened(ROLLING, now, ZoneInfo(zone), days=days)
    assert start == now - timedelta(days=days)
    assert not counts_from(ROLLING, start, start)
    assert counts_from(ROLLING, start + timedelta(microseconds=1), start)
    assert closes(ROLLING, now, ZoneInfo(zone)) is None


@pytest.mark.parametrize("window", [Window.EACH, Window.INTERACTION])
def test_what_has_no_time_counts_whenever_it_was(window: Window) -> None:
    assert opened(window, utc("2026-06-15 12:00"), ZoneInfo("UTC")) is None
    assert closes(window, utc("2026-06-15 12:00"), ZoneInfo("UTC")) is None
    assert counts_from(window, utc("1999-01-01 00:00"), None)


@pytest.mark.parametrize(
    ("hours", "moment", "is_open"),
    [
        (Hours((), 540, 1080), "2026-06-15T07:59+00:00", False),  # 08:59 in London
        (Hours((), 540, 1080), "2026-06-15T08:00+00:00", True),
        (Hours((), 540, 1080), "2026-06-15T17:00+00:00", False),  # closes at 18:00
        (Hours((0,), 1320, 360), "2026-06-15T21:30+00:00", True),  # Monday 22:30
        (Hours((0,), 1320, 360), "2026-06-16T04:59+00:00", True),  # Tuesday 05:59, opened on Monday
        (Hours((0,), 1320, 360), "2026-06-15T04:00+00:00", False),  # Monday 05:00, opened on Sunday
        (Hours((6,)), "2026-06-14T23:30+00:00", False),  # Monday in London, Sunday elsewhere
        (Hours((), 540, 1080), "2026-10-25T08:30+00:00", False),  # the clocks went back that night
    ],
)
def test_hours_are_read_off_the_clock_on_the_wall(hours: Hours, moment: str, is_open: bool) -> None:
    assert hours.include(datetime.fromisoformat(moment), ZoneInfo("Europe/London")) is is_open
