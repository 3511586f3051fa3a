"""Text of a file becomes a value, or a reason why not. Every parser takes any JSON value and raises BadRow."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
from babel.numbers import get_currency_precision, is_currency

from console.config import is_time_zone
from console.importing.problems import BadRow

EARLIEST = datetime(1900, 1, 2, tzinfo=UTC)
SKEW = timedelta(days=1)  # a clock may be wrong, or a time zone missing
LONGEST_JSON = 20_000  # characters
NOON = time(12)  # a day without a time: noon is that day in nearly every time zone

AMOUNT = re.compile(r"([+-]?)([0-9]{1,12})(?:\.([0-9]{0,12}))?", re.ASCII)
WHOLE = re.compile(r"[+-]?[0-9]{1,9}(\.0{1,6})?", re.ASCII)
ADDRESS = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]+\.[^@\s,;<>\".]+")
SURROGATE = re.compile("[\ud800-\udfff]")
WORD_KIND = re.compile(r"[a-z][a-z0-9_]{0,30}", re.ASCII)
YES = frozenset({"true", "yes", "y", "1", "t", "on"})
NO = frozenset({"false", "no", "n", "0", "f", "off"})


@dataclass(frozen=True)
class Reading:
    """What a bare value means: the time zone of a bare time, the region of a bare phone number …"""

    zone: ZoneInfo
    region: str
    currency: str
    now: datetime


Parse = Callable[[Any, Reading], Any]


def text(longest: int) -> Parse:
    def parse(value: Any, reading: Reading) -> str:
        return plain(value, longest)

    return parse


def plain(value: Any, longest: int) -> str:
    written = value if isinstance(value, str) else as_text(value)
    written = written.strip()
    if len(written) > longest:
        raise BadRow(f"is {len(written)} characters long; {longest} fit")
    if "\0" in written:
        raise BadRow("holds a NUL character")
    if not written.isascii() and SURROGATE.search(written):
        raise BadRow("holds half a character (a lone surrogate)")
    return written


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return format(value, "f").rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    raise BadRow(f"is a {'list' if isinstance(value, list) else 'object'}, not a text")


def choice(kind: type[StrEnum]) -> Parse:
    def parse(value: Any, reading: Reading) -> StrEnum:
        written = plain(value, 60)
        try:
            return kind(written.lower().replace(" ", "_").replace("-", "_"))
        except ValueError:
            raise BadRow(f"is {written!r}, but must be one of {', '.join(kind)}") from None

    return parse


def flag(value: Any, reading: Reading) -> bool:
    written = plain(value, 60).lower()
    if written not in YES | NO:
        raise BadRow(f"is {written!r}, but must be yes or no")
    return written in YES


def whole(low: int, high: int) -> Parse:
    def parse(value: Any, reading: Reading) -> int:
        written = plain(value, 60)
        if not WHOLE.fullmatch(written) or not low <= int(written.partition(".")[0]) <= high:
            raise BadRow(f"is {written!r}, but must be a whole number from {low} to {high}")
        return int(written.partition(".")[0])

    return parse


def decimal(value: Any, reading: Reading) -> str:
    """An amount as it stands; it becomes minor units (see `minor`) once its currency is known."""
    written = plain(value, 60)
    if not AMOUNT.fullmatch(written):
        raise BadRow(f"is {written!r}, but must be an amount such as 12.50")
    return written


def minor(written: str, currency: str) -> int:
    """Minor units of a decimal text. Raises BadRow when it is finer than a minor unit."""
    match = AMOUNT.fullmatch(written)
    if match is None:
        raise BadRow(f"{written!r} is not an amount")
    sign, units, part = match.groups(default="")
    digits = int(get_currency_precision(currency))
    if len(part.rstrip("0")) > digits:
        raise BadRow(f"{written} is finer than the smallest unit of {currency}")
    scale: int = 10**digits
    amount = int(units) * scale + int(part[:digits].ljust(digits, "0") or 0)
    return -amount if sign == "-" else amount


@lru_cache(maxsize=1000)
def known_currency(code: str) -> bool:
    return bool(is_currency(code))


def currency(value: Any, reading: Reading) -> str:
    code = plain(value, 60).upper()
    if not known_currency(code):
        raise BadRow(f"is {code!r}, but must be an ISO 4217 code such as GBP")
    return code


def moment(value: Any, reading: Reading) -> datetime:
    """ISO 8601, aware; a bare time is of the reading's zone, a bare day means its noon. Not in the future."""
    written = plain(value, 60)
    try:
        parsed = datetime.fromisoformat(written)
    except ValueError:
        raise BadRow(f"is {written!r}, but must be a time such as 2024-05-14 10:24") from None
    if len(written) <= 10:
        parsed = datetime.combine(parsed.date(), NOON)
    try:
        aware = (parsed if parsed.tzinfo else parsed.replace(tzinfo=reading.zone)).astimezone(UTC)
    except OverflowError:
        raise BadRow(f"is {written!r}, which no calendar holds") from None
    if not EARLIEST <= aware <= reading.now + SKEW:
        raise BadRow(f"is {written!r}, which is {'in the future' if aware > EARLIEST else 'before 1900'}")
    return aware


def day(value: Any, reading: Reading) -> date:
    written = plain(value, 60)
    try:
        parsed = datetime.fromisoformat(written)
    except ValueError:
        raise BadRow(f"is {written!r}, but must be a day such as 2024-05-14") from None
    if not 1900 <= parsed.year <= 2200:
        raise BadRow(f"is {written!r}, but the year must be from 1900 to 2200")
    return parsed.date()


def past_day(value: Any, reading: Reading) -> date:
    parsed = day(value, reading)
    if parsed > (reading.now + SKEW).date():
        raise BadRow(f"is {parsed}, which is in the future")
    return parsed


def birthday(value: Any, reading: Reading) -> tuple[int, int]:
    """Month and day of "05-14" or of a whole date, whose year is not kept."""
    written = plain(value, 60)
    try:
        parsed = date.fromisoformat(written if len(written) > 5 else f"2000-{written}")
    except ValueError:
        raise BadRow(f"is {written!r}, but must be a birthday such as 05-14") from None
    return parsed.month, parsed.day


def clock(value: Any, reading: Reading) -> time:
    written = plain(value, 60)
    try:
        return time.fromisoformat(written).replace(tzinfo=None)
    except ValueError:
        raise BadRow(f"is {written!r}, but must be a time of day such as 18:00") from None


def region(value: Any, reading: Reading) -> str:
    code = plain(value, 60).upper()
    if len(code) != 2 or not code.isascii() or not code.isalpha():
        raise BadRow(f"is {code!r}, but must be an ISO 3166 code of two letters such as GB")
    return code


def time_zone(value: Any, reading: Reading) -> str:
    name = plain(value, 64)
    if not known_time_zone(name):
        raise BadRow(f"is {name!r}, but must be an IANA name such as Europe/London")
    return name


@lru_cache(maxsize=1000)
def known_time_zone(name: str) -> bool:
    return is_time_zone(name)


def parts(value: Any) -> list[str]:
    """Several values of one cell: a JSON list, or a text with semicolons."""
    several = value if isinstance(value, list) else plain(value, 2000).split(";")
    return list(dict.fromkeys(written for one in several if (written := plain(one, 255))))


def addresses(value: Any, reading: Reading) -> list[str]:
    found = [written.lower() for written in parts(value)]
    for address in found:
        if not ADDRESS.fullmatch(address):
            raise BadRow(f"is {address!r}, which is not an e-mail address")
    return list(dict.fromkeys(found))


def phones(value: Any, reading: Reading) -> list[str]:
    return list(dict.fromkeys(e164(written, reading.region) for written in parts(value)))


def e164(written: str, default_region: str) -> str:
    try:
        number = phonenumbers.parse(written, default_region)
    except phonenumbers.NumberParseException:
        raise BadRow(f"is {written!r}, which is not a phone number") from None
    # Possible, not valid: numbers that are reserved for examples, or too new, are still numbers.
    if not phonenumbers.is_possible_number(number):
        raise BadRow(f"is {written!r}, which no phone number in {default_region} looks like")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def kind_of_event(value: Any, reading: Reading) -> str:
    written = plain(value, 60).lower().replace(" ", "_").replace("-", "_")
    if not WORD_KIND.fullmatch(written):
        raise BadRow(f"is {written!r}, but must be a short word such as cart_abandoned")
    return written


def json_data(value: Any, reading: Reading) -> dict[str, Any]:
    """A JSON object, or the text of one."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise BadRow("is not JSON") from None
    if not isinstance(value, dict):
        raise BadRow("is not a JSON object")
    try:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise BadRow("is JSON with a number that does not exist") from None
    if len(written) > LONGEST_JSON or "\\u0000" in written or SURROGATE.search(written):
        raise BadRow("is JSON that cannot be kept: too long, or with characters that do not exist")
    return value
