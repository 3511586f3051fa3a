"""When something was promised for: "by Friday", "tomorrow 17:00", "end of the week", "before Christmas". Pure.

Read in the customer's time zone, from the moment it was written. What names no day that is still to come is none:
a person is asked then. Calendar words are read here, dates and spans that hold numbers by dateparser, which takes a
fifth of a second to import: it is imported when it is first needed.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

END_OF_DAY = time(23, 59)
FURTHEST = timedelta(days=730)
FRIDAY = 4
DAYS = {name: number for number, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
FEASTS = {"christmas": (12, 25), "xmas": (12, 25), "boxing day": (12, 26), "new year": (1, 1), "halloween": (10, 31),
          "valentine": (2, 14)}  # fmt: skip

DAY = r"(?P<day>mon|tue|wed|thu|fri|sat|sun)(?:s|rs|r|nes|ur)?(?:day)?\b\.?"
MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?:[a-z]*)\b\.?"
NUMBER = r"(?:\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fourteen|a couple of|a few)"
UNIT = r"(?:working |business |week ?)?(?:hours?|hrs?|days?|weeks?|wks?|months?|fortnight)"
WORDS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twelve": 12, "fourteen": 14, "a couple of": 2, "a few": 3,
}  # fmt: skip
AT = r"(?:at|by|before|until|till|around|about)"
CLOCK = re.compile(
    r"(?<![\d.,:/-])\b(?:"
    r"(?P<hour>[01]?\d|2[0-3])(?:[:h]|(?<=at \d)\.|(?<=at \d\d)\.|(?<=by \d)\.|(?<=by \d\d)\.)(?P<minute>[0-5]\d)"
    r"(?![\d.,:]\d)\s?(?P<half>[ap]\.?m\b)?"
    r"|(?P<hour2>1[0-2]|0?[1-9])\s?(?P<half2>[ap]\.?m\b)"
    rf"|{AT} (?P<hour3>[01]?\d|2[0-3])(?:\s?h\b|\s?o['’]?clock\b|(?=[\s,.;]*$))"
    rf"|{AT} (?P<word>one|two|three|four|five|six|seven|eight|nine|ten|eleven)"
    r"(?: o['’]?clock)?(?! (?:days?|weeks?|hours?|months?|people|pieces))\b"
    r"|(?P<name>noon|midday|lunch ?time|lunch|midnight|morning|afternoon))",
    re.IGNORECASE,
)
NAMED = {"noon": 12, "midday": 12, "lunch": 13, "morning": 12, "afternoon": 18}
HOURS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
PROMISING = re.compile(
    r"\b(?:i|we)['’]?(?:ll| will| shall| am| are|m|re)?\b|\bwill\b|\bto [a-z]+|\bpromised?\b|\bsend|\bcall|\bring", re.I
)
INTRODUCED = re.compile(r"\b(?:by|until|till|before|due|latest|no later than|within)(?: on| the)?\W*$", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """A day that a text names, and where; `moment` when it names a span of hours."""

    begins: int
    ends: int
    day: date | None
    moment: datetime | None = None


def due_in(text: str, written_at: datetime, zone: ZoneInfo, *, month_first: bool = False) -> datetime | None:
    """The moment, in UTC, by which a text says that something is done; None when it says none that is to come.

    `written_at` is aware. Without a time of day it is the day's end. `month_first`: 3/4 is the 4th of March.
    """
    now = written_at.astimezone(zone)
    text = text[:600]
    found = [one for one in days_in(text, now, month_first) if one.moment or one.day]
    at = clock_in(text)
    if not found:
        if at is None or not re.search(r"\b(?:at|by|before|around|until|till)\b|^\W*\d", text, re.IGNORECASE):
            return None
        found = [Found(0, 0, now.date())]
    chosen = best(text, found)
    if chosen.moment is not None:
        moment = chosen.moment
    else:
        moment = datetime.combine(chosen.day or now.date(), at or END_OF_DAY, zone)
    return moment.astimezone(UTC) if now < moment <= now + FURTHEST else None


def best(text: str, found: list[Found]) -> Found:
    """Of several days the one that is said to be a deadline; else the first that follows what is promised."""
    for one in found:
        if INTRODUCED.search(text[: one.begins]) or INTRODUCED.match(text[one.begins : one.ends].split(" ")[0]):
            return one
    promise = PROMISING.search(text)
    after = [one for one in found if promise and one.begins >= promise.start()]
    return (after or found)[0]


def days_in(text: str, now: datetime, month_first: bool) -> list[Found]:
    """The days named, in reading order; where rules overlap, the earlier rule of the list reads it."""
    taken: list[Found] = []
    for pattern, meant in RULES:
        for match in pattern.finditer(text):
            if any(match.start() < one.ends and one.begins < match.end() for one in taken):
                continue
            day = meant(match, now, month_first)
            if isinstance(day, datetime):
                taken.append(Found(match.start(), match.end(), None, day))
            elif day is not None:
                if match.groupdict().get("before"):
                    day = before(day, now.date())
                taken.append(Found(match.start(), match.end(), day))
    return sorted(taken, key=lambda one: one.begins)


def before(day: date, today: date) -> date:
    """Before Friday is Thursday, but never a day that is past."""
    return max(day - timedelta(days=1), today)


def clock_in(text: str) -> time | None:
    """The first time of day in a text. A bare hour up to six is in the afternoon: nobody is called at three."""
    for match in CLOCK.finditer(text):
        if name := match["name"]:
            if name.casefold() == "midnight":
                return END_OF_DAY
            return time(NAMED[name.casefold().removesuffix("time").strip()])
        if word := match["word"]:
            hour = HOURS.index(word.casefold()) + 1
        else:
            hour = int(match["hour"] or match["hour2"] or match["hour3"])
        half = (match["half"] or match["half2"] or "").casefold()[:1]
        if half == "p" and hour < 12:
            hour += 12
        elif half == "a" and hour == 12:
            hour = 0
        elif not half and not match["hour"] and 1 <= hour <= 6:
            hour += 12
        return time(hour, int(match["minute"] or 0))
    return None


def weekday(match: re.Match[str], now: datetime, month_first: bool) -> date:
    """The next day of that name after today; "next" is that day of the coming week, "Friday week" one week more."""
    today, wanted = now.date(), DAYS[match["day"].casefold()]
    how = (match["how"] or "").casefold()
    if "next" in how or match["later"]:
        monday = today - timedelta(days=today.weekday())
        return monday + timedelta(days=7 + wanted)
    ahead = (wanted - today.weekday()) % 7
    if ahead == 0 and "this" not in how:
        ahead = 7
    return today + timedelta(days=ahead + (7 if match["week"] else 0))


def near(match: re.Match[str], now: datetime, month_first: bool) -> date:
    word = match["near"].casefold()
    if "day after" in word:
        return now.date() + timedelta(days=2)
    return now.date() + timedelta(days=1 if word.startswith(("tom", "tmr", "2moro")) else 0)


def end_of(match: re.Match[str], now: datetime, month_first: bool) -> date:
    """The end of a week is its Friday; of a month, a quarter or a year its last day."""
    today, what = now.date(), match["what"].casefold()
    is_next = "next" in match[0].casefold()
    if what == "day":
        return today
    if what == "weekend":
        return today + timedelta(days=(6 - today.weekday()) % 7 + (7 if is_next else 0))
    if what == "year":
        return date(today.year + is_next, 12, 31)
    if what == "month":
        return last_of(today.year, today.month + is_next)
    friday = today + timedelta(days=FRIDAY - today.weekday())
    if friday < today:  # on a weekend people mean the week that begins
        friday += timedelta(days=7)
        is_next = False
    return friday + timedelta(days=7 if is_next else 0)


def after_weekend(match: re.Match[str], now: datetime, month_first: bool) -> date:
    return now.date() + timedelta(days=7 - now.weekday())


def on_the(match: re.Match[str], now: datetime, month_first: bool) -> date | None:
    """The 3rd: of this month, or of the next one that has such a day."""
    number = int(match["number"])
    for ahead in range(3):
        year, month = divmod(now.year * 12 + now.month - 1 + ahead, 12)
        if 1 <= number <= monthrange(year, month + 1)[1] and (day := date(year, month + 1, number)) > now.date():
            return day
    return None


def feast(match: re.Match[str], now: datetime, month_first: bool) -> date | None:
    name = match["feast"].casefold().removesuffix("s").rstrip("'’")
    name = {"christma": "christmas", "xma": "xmas"}.get(name, name)
    for year in (now.year, now.year + 1):
        if name == "easter":
            from dateutil.easter import easter

            day: date = easter(year)
        else:
            month, number = FEASTS[name]
            day = date(year, month, number)
        if day > now.date():
            return day
    return None


def in_month(match: re.Match[str], now: datetime, month_first: bool) -> date:
    """In May, by the end of May: its last day. By May: its first."""
    month = MONTHS.index(match["month"].casefold()) + 1
    year = now.year + (month < now.month)
    word = match[0].casefold()
    return date(year, month, 1) if word.startswith(("by ", "before ")) and "end" not in word else last_of(year, month)


def last_of(year: int, month: int) -> date:
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, monthrange(year, month)[1])


def span(match: re.Match[str], now: datetime, month_first: bool) -> date | datetime | None:
    """In two weeks, within 48 hours. Days that are worked are those from Monday to Friday."""
    words = match["number"].casefold()
    number = int(words) if words.isdecimal() else WORDS[words]
    unit = match["unit"].casefold()
    if "hour" in unit or "hr" in unit:
        return now + timedelta(hours=number) if number <= 240 else None
    if "fortnight" in unit:
        return now.date() + timedelta(days=14 * number)
    if "month" in unit:
        year, month = divmod(now.year * 12 + now.month - 1 + number, 12)
        return date(year, month + 1, min(now.day, monthrange(year, month + 1)[1]))
    if ("working" in unit or "business" in unit or re.match(r"week ?days", unit)) and "day" in unit:
        return working_days(now.date(), number)
    return now.date() + timedelta(days=number * (7 if "week" in unit or "wk" in unit else 1))


def working_days(day: date, number: int) -> date:
    for _ in range(min(number, 366)):
        day += timedelta(days=3 if day.weekday() == FRIDAY else 1)
        if day.weekday() > FRIDAY:
            day += timedelta(days=7 - day.weekday())
    return day


def written_out(match: re.Match[str], now: datetime, month_first: bool) -> date | None:
    """A date with its month: "3 December", "Dec 3rd", "3/12", "2026-12-03"; the next such day without a year."""
    import dateparser

    words = re.sub(r"\bof\b", "", match["date"]).rstrip(".").replace(".", "/")
    is_iso = re.match(r"\d{4}", words)
    settings = {
        "RELATIVE_BASE": now.replace(tzinfo=None),
        "PREFER_DATES_FROM": "future",
        "DATE_ORDER": "YMD" if is_iso else "MDY" if month_first else "DMY",
        "REQUIRE_PARTS": ["day", "month"],
        "PREFER_LOCALE_DATE_ORDER": False,
    }
    found: datetime | None = dateparser.parse(words, languages=["en"], settings=settings)
    return found.date() if found else None


def today(match: re.Match[str], now: datetime, month_first: bool) -> date:
    return now.date()


def this_week(match: re.Match[str], now: datetime, month_first: bool) -> date:
    return now.date() + timedelta(days=(FRIDAY - now.weekday()) % 7)


def this_month(match: re.Match[str], now: datetime, month_first: bool) -> date:
    return last_of(now.year, now.month)


def next_week_day(match: re.Match[str], now: datetime, month_first: bool) -> date:
    return now.date() + timedelta(days=7 - now.weekday() + DAYS[match["day"].casefold()])


NEAR = (
    r"(?P<near>(?:the )?day after tomorrow|tomorrow|tomorow|tommorow|tmrw|tmrrw|tmr|tomo|2moro|today|tonight"
    r"|this (?:afternoon|evening|morning))"
)
FEAST = r"(?P<feast>christmas|xmas|boxing day|new year['’]?s?|halloween|valentine['’]?s?|easter)"
BY = r"(?:on|by|until|till|(?P<before>before))"
NOT_A_DAY = r"(?! (?:floor|time|call|one|lamp|order|item|chair|birthday|of))"
EARLY = r"\b(?P<before>before )?(?:the )?"
YEAR = r"(?:,? 20\d\d\b)?"
Meant = Callable[[re.Match[str], datetime, bool], date | datetime | None]


def rules() -> Iterator[tuple[str, Meant]]:
    """Patterns and what they mean, the more particular ones first."""
    yield rf"{EARLY}(?P<date>20\d\d-[01]?\d-[0-3]?\d)\b", written_out
    yield rf"{EARLY}(?P<date>[0-3]?\d(?:st|nd|rd|th)?\.? (?:of )?{MONTH}{YEAR})", written_out
    yield rf"{EARLY}(?P<date>{MONTH} (?:the )?[0-3]?\d(?:st|nd|rd|th)?\b(?![:.]\d|\d){YEAR})", written_out
    yield rf"{EARLY}(?P<date>(?<![\d.,/])[0-3]?\d/[0-3]?\d(?:/(?:20)?\d\d)?)\b(?!/)", written_out
    # With points only where a day must follow: a price has points too.
    yield rf"\b(?:due|bis|am|vor|{BY}) (?P<date>[0-3]?\d\.[01]?\d\.(?:(?:20)?\d\d\b)?)", written_out
    yield r"\b(?:by |until |before )?(?:the )?end of (?:the |this |next )?(?P<what>day|week|month|year)\b", end_of
    yield (
        r"\b(?:close of business|close of play|eod|cob|eob)\b(?! (?:on |this |next )?(?:mon|tue|wed|thu|fri|tom))",
        today,
    )
    yield r"\b(?:by )?(?:eow|week['’]?s end)\b", this_week
    yield r"\b(?:by )?(?:eom|month['’]?s end)\b", this_month
    yield rf"\b(?:by |in |before )?(?:the )?end of {MONTH}", in_month
    yield rf"\bnext week (?:on )?{DAY}", next_week_day
    yield rf"{EARLY}(?P<how>this |next |coming )*{DAY}(?P<week> week\b)?(?P<later> (?:of )?next week\b)?", weekday
    yield rf"\b{NEAR}\b", near
    yield rf"\b(?:in|within|inside|over) (?:the next )?(?:about )?(?P<number>{NUMBER}) (?P<unit>{UNIT})\b(?! ago)", span
    yield rf"\b(?P<number>{NUMBER}) (?P<unit>{UNIT}) from (?:now|today)\b", span
    yield r"\bafter the weekend\b", after_weekend
    yield r"\b(?P<what>weekend)\b(?<!last weekend)", end_of
    yield r"\b(?:next|this|during the) (?P<what>week|month)\b", end_of
    yield rf"\b(?:by|until|till|for|in time for|at|over|(?P<before>before)) {FEAST}\b", feast
    yield rf"\b(?:{BY} )?the (?P<number>[0-3]?\d)(?:st|nd|rd|th)\b{NOT_A_DAY}", on_the
    yield rf"\b{BY} (?P<number>[0-3]?\d)(?:st|nd|rd|th)\b{NOT_A_DAY}", on_the
    yield rf"\b(?:in|during|by|until|(?P<before>before)) (?:early |late |mid )?{MONTH}(?! \d)", in_month


RULES = [(re.compile(pattern, re.IGNORECASE), meant) for pattern, meant in rules()]
