"""When a limit's window began and when it ends: calendar windows in the policy's zone, rolling ones in whole days.

And the hours of the week in which a policy speaks at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

A_DAY = 24 * 60  # minutes


@dataclass(frozen=True)
class Hours:
    """A part of the week: from `opens` to before `closes`, minutes after midnight on the clock on the wall.

    Closing at or before opening means on the next day; then `days` are those on which it opens.
    """

    days: tuple[int, ...] = ()  # 0 is Monday; every day when empty
    opens: int = 0
    closes: int = A_DAY

    def include(self, now: datetime, zone: ZoneInfo) -> bool:
        there = now.astimezone(zone)
        minute, weekday = there.hour * 60 + there.minute, there.weekday()
        if self.opens < self.closes:
            return self.opens <= minute < self.closes and self.opens_on(weekday)
        return (minute >= self.opens and self.opens_on(weekday)) or (
            minute < self.closes and self.opens_on((weekday - 1) % 7)
        )

    def opens_on(self, weekday: int) -> bool:
        return not self.days or weekday in self.days


class Window(StrEnum):
    EACH = "each"  # one gesture by itself
    INTERACTION = "interaction"
    ROLLING = "rolling"  # (now - days, now]: exactly `days` ago is out
    DAY = "day"  # from local midnight to the next
    WEEK = "week"
    MONTH = "month"


def opened(window: Window, now: datetime, zone: ZoneInfo, *, days: int = 0, week_start: int = 0) -> datetime | None:
    """The moment (UTC) after which bookings count; None when the window is not one of time.

    A rolling window counts what is later than it, a calendar window what is at it or later: see `counts_from`.
    `week_start` is 0 for Monday.
    """
    if window is Window.ROLLING:
        return now - timedelta(days=days)
    if window in (Window.EACH, Window.INTERACTION):
        return None
    return midnight(first_day(window, now.astimezone(zone).date(), week_start), zone)


def closes(window: Window, now: datetime, zone: ZoneInfo, *, week_start: int = 0) -> datetime | None:
    """When a calendar window ends (UTC); None for the others. A day has 23 or 25 hours when the clocks change."""
    if window not in (Window.DAY, Window.WEEK, Window.MONTH):
        return None
    start = first_day(window, now.astimezone(zone).date(), week_start)
    if window is Window.MONTH:
        after = (start.replace(day=28) + timedelta(days=4)).replace(day=1)
    else:
        after = start + timedelta(days=1 if window is Window.DAY else 7)
    return midnight(after, zone)


def counts_from(window: Window, booked_at: datetime, start: datetime | None) -> bool:
    """Whether a booking lies inside a window that was `opened` at `start`."""
    if start is None:
        return True
    return booked_at > start if window is Window.ROLLING else booked_at >= start


def first_day(window: Window, today: date, week_start: int) -> date:
    if window is Window.WEEK:
        return today - timedelta(days=(today.weekday() - week_start) % 7)
    return today.replace(day=1) if window is Window.MONTH else today


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a local day, in UTC; where the clocks skip midnight, the moment they skip to."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)
