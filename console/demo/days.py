"""Days counted back from the day of loading, and the hours of a shop."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

# When the phone is answered: weekdays 8 to 20, Saturdays 9 to 17, Sundays 10 to 16; a talk has to fit in.
WEEKDAY = ("08:05", "19:35")
PHONE = {5: ("09:05", "16:40"), 6: ("10:05", "15:40")}
END_OF_DAY = time(23, 59)
SPOKEN = re.compile(
    r"\b(half past )?(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|noon)\b( o'clock)?"
)
HOURS = dict(
    zip(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
        range(1, 13),
        strict=True,
    )
)


@dataclass(frozen=True)
class Days:
    """Today, as the shop sees it. `now` is aware; nothing that has happened may lie after it."""

    now: datetime
    zone: ZoneInfo

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def day(self, days_ago: int) -> date:
        return self.today - timedelta(days=days_ago)

    def at(self, days_ago: int, clock: str | time) -> datetime:
        """A clock time ("10:24") so many days ago; today's may lie ahead."""
        return self.on(self.day(days_ago), time.fromisoformat(clock) if isinstance(clock, str) else clock)

    def on(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, self.zone)

    def past(self, moment: datetime, minutes: int = 2) -> datetime:
        """The moment itself, or a little before now when it has not come yet."""
        return min(moment, self.now - timedelta(minutes=minutes))

    def awake(self, moment: datetime) -> datetime:
        """The same moment, or hours later when people sleep."""
        local = moment.astimezone(self.zone)
        return local + timedelta(hours=8) if local.hour < 7 else local

    def some_time(self, random: Random, day: date, first: str, last: str) -> datetime:
        """Some moment of a day between two clock times; today's is over by now."""
        start, end = (self.on(day, time.fromisoformat(clock)) for clock in (first, last))
        end = max(self.past(end), self.on(day, time(0, 1)))
        return start + (end - start) * random.random() if end > start else end

    def opening(self, random: Random, day: date) -> datetime:
        """Some moment of a day when the phone is answered."""
        return self.some_time(random, day, *PHONE.get(day.weekday(), WEEKDAY))

    def is_open(self, moment: datetime) -> bool:
        local = moment.astimezone(self.zone)
        first, last = PHONE.get(local.weekday(), WEEKDAY)
        return first <= f"{local:%H:%M}" <= last


def working_days_after(day: date, number: int, *, saturdays: bool = False) -> date:
    """The day so many working days later; 0 gives the day itself, or the next working one."""
    last = 5 if saturdays else 4
    while day.weekday() > last:
        day += timedelta(days=1)
    while number > 0:
        day += timedelta(days=1)
        number -= day.weekday() <= last
    return day


def spoken_time(text: str) -> time | None:
    """The last time of day that a sentence names: "before half past three" is 15:30, "noon" is 12:00.

    A bare number word is no time: "slot from eight to twelve" gives None.
    """
    found = None
    for half, word, oclock in SPOKEN.findall(text):
        if word == "noon":
            found = time(12)
        elif half or oclock:
            hour = HOURS[word]
            found = time(hour if hour >= 8 else hour + 12, 30 if half else 0)
    return found
