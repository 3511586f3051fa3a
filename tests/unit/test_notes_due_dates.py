"""When something was promised for, as people write it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notes.findings.due_dates import FURTHEST, due_in

LONDON = ZoneInfo("Europe/London")
WRITTEN = datetime(2026, 11, 18, 10, 0, tzinfo=LONDON)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("I'll send the fabric samples by Friday", "2026-11-20 23:59"),
        ("by Fri", "2026-11-20 23:59"),
        ("Will ring thurs", "2026-11-19 23:59"),
        ("I'll call on Wednesday", "2026-11-25 23:59"),  # today would be called today
        ("this Wednesday at noon", "2026-11-18 12:00"),
        ("next Monday", "2026-11-23 23:59"),
        ("next Friday", "2026-11-27 23:59"),
        ("Thursday of next week", "2026-11-26 23:59"),
        ("next week on Tuesday", "2026-11-24 23:59"),
        ("Friday week", "2026-11-27 23:59"),
        ("before Friday", "2026-11-19 23:59"),
        ("before Thursday", "2026-11-18 23:59"),
        ("tomorrow 17:00", "2026-11-19 17:00"),
        ("tmrw at 5pm", "2026-11-19 17:00"),
        ("tomorrow at three", "2026-11-19 15:00"),
        ("tomorrow at 10", "2026-11-19 10:00"),
        ("tomorrow morning", "2026-11-19 12:00"),
        ("by noon tomorrow", "2026-11-19 12:00"),
        ("today at 17.30", "2026-11-18 17:30"),
        ("by 5 pm", "2026-11-18 17:00"),
        ("tonight", "2026-11-18 23:59"),
        ("the day after tomorrow", "2026-11-20 23:59"),
        ("by EOD", "2026-11-18 23:59"),
        ("by close of business Thursday", "2026-11-19 23:59"),
        ("by the end of the week", "2026-11-20 23:59"),
        ("by the end of next week", "2026-11-27 23:59"),
        ("this week", "2026-11-20 23:59"),
        ("next week", "2026-11-27 23:59"),
        ("at the weekend", "2026-11-22 23:59"),
        ("after the weekend", "2026-11-23 23:59"),
        ("by the end of the month", "2026-11-30 23:59"),
        ("by the end of January", "2027-01-31 23:59"),
        ("in two weeks", "2026-12-02 23:59"),
        ("within 3 working days", "2026-11-23 23:59"),
        ("within 48 hours", "2026-11-20 10:00"),
        ("in a fortnight", "2026-12-02 23:59"),
        ("on the 3rd", "2026-12-03 23:59"),
        ("by the 25th", "2026-11-25 23:59"),
        ("on the 31st", "2026-12-31 23:59"),
        ("by 27 Nov", "2026-11-27 23:59"),
        ("on the 3rd of December at 9:30", "2026-12-03 09:30"),
        ("by December 3rd", "2026-12-03 23:59"),
        ("by 2 Feb", "2027-02-02 23:59"),
        ("by 3/12", "2026-12-03 23:59"),
        ("bis 3.12. fertig", "2026-12-03 23:59"),
        ("due 2026-12-03", "2026-12-03 23:59"),
        ("before 1 December", "2026-11-30 23:59"),
        ("before Christmas", "2026-12-24 23:59"),
        ("by Easter", "2027-03-28 23:59"),
        ("Her boy turns six on 20 December, I'll get the desk to her by the 18th", "2026-12-18 23:59"),
        ("Her party is on Saturday so I'll ring her tomorrow", "2026-11-19 23:59"),
    ],
)
def test_a_day_is_understood(text: str, due: str) -> None:
    found = due_in(text, WRITTEN, LONDON)
    assert found is not None
    assert found.astimezone(LONDON).strftime("%Y-%m-%d %H:%M") == due


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "when it is in", "by 45 December", "on 31/31", "by the 99th", "yesterday", "at 9", "in 2019",
        "two people", "order 4471", "size 12.5", "a discount of 10", "by 3 Dec 2031", "three times", "May I send it?",
        "on the 3rd floor", "🎂🎂🎂", "في يوم الجمعة", "12.000.000", "\N{RIGHT-TO-LEFT OVERRIDE}yadirF yb",
    ],
)  # fmt: skip
def test_no_day_is_made_up(text: str) -> None:
    assert due_in(text, WRITTEN, LONDON) is None


def test_it_is_the_customers_day_and_clock() -> None:
    late = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)  # already Thursday in Tokyo
    assert due_in("tomorrow at 9:00", late, ZoneInfo("Asia/Tokyo")) == datetime(2026, 11, 20, 0, 0, tzinfo=UTC)
    assert due_in("tomorrow", late, ZoneInfo("America/New_York")) == datetime(2026, 11, 20, 4, 59, tzinfo=UTC)


def test_american_dates_begin_with_the_month() -> None:
    found = due_in("by 12/3", WRITTEN, LONDON, month_first=True)
    assert found is not None
    assert (found.month, found.day) == (12, 3)


WORDS = [
    "by",
    "on",
    "before",
    "the",
    "3rd",
    "31",
    "Feb",
    "Friday",
    "week",
    "next",
    "end",
    "of",
    "month",
    "tomorrow",
    "in",
]
WORDS += ["25:99", "noon", "17:00", "two", "-3", "days", "1/0", "99/99", "é"]


@given(
    st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join) | st.text(max_size=80),
    st.datetimes(datetime(2024, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(["Europe/London", "Pacific/Auckland", "America/Los_Angeles"]),
)
def test_whatever_is_written_it_is_never_past_and_never_breaks(text: str, written_at: datetime, zone: str) -> None:
    found = due_in(text, written_at, ZoneInfo(zone))
    assert found is None or written_at < found <= written_at + FURTHEST


def test_dateparser_is_not_imported_at_start() -> None:
    code = "import notes.findings.due_dates, sys; assert 'dateparser' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
