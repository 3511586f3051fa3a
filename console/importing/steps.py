"""The steps of a mapping: each takes a value of the file and gives one back, or raises BadRow."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from console.importing.problems import BadRow

NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{0,30})?", re.ASCII)

Step = Callable[[Any], Any]


def match(pattern: str) -> Step:
    """The first place where the pattern fits, or its first group; nothing where it fits nowhere."""
    expression = re.compile(pattern)

    def step(value: Any) -> Any:
        found = expression.search(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        return found.group(1 if expression.groups else 0) if found else None

    return step


def strip(letters: str) -> Step:
    """Without these characters at either end."""
    return lambda value: written(value).strip().strip(str(letters))


def word(which: str) -> Step:
    """The first or the last word, or all but the first (rest): splits a full name."""
    part = {"first": slice(0, 1), "last": slice(-1, None), "rest": slice(1, None)}[which]
    return lambda value: " ".join(written(value).split()[part])


def values(table: dict[Any, Any]) -> Step:
    """Other words for the same things; what is not in the table stays. "*" stands for whatever is not in it."""
    known = {written(key): value for key, value in table.items()}

    def step(value: Any) -> Any:
        return known.get(written(value).strip(), known.get("*", value))

    return step


def decimal(mark: str) -> Step:
    """Amounts written with this decimal mark; the other marks group thousands."""
    if mark not in {",", "."}:
        raise ValueError("decimal must be ',' or '.'")
    other = "." if mark == "," else ","
    spaces = dict.fromkeys(map(ord, f" \u00a0\u202f'’{other}"))

    def step(value: Any) -> Any:
        return written(value).translate(spaces).replace(mark, ".") if isinstance(value, str) else value

    return step


def minor(digits: int) -> Step:
    """A whole number of minor units with so many digits: 1250 with 2 is 12.50."""
    scale = Decimal(1).scaleb(-int(digits))
    return lambda value: None if value in (None, "") else format(number(value) * scale, "f")


def rounded(digits: int) -> Step:
    """To so many digits, halves away from zero."""
    unit = Decimal(1).scaleb(-int(digits))
    return lambda value: None if value in (None, "") else format(number(value).quantize(unit, ROUND_HALF_UP), "f")


def plus(amount: int) -> Step:
    return lambda value: format(number(value) + int(amount), "f")


def date(form: str) -> Step:
    """A date or time in strptime's notation, such as %d/%m/%Y %H:%M."""
    has_time = any(mark in form for mark in ("%H", "%I", "%X", "%c"))

    def step(value: Any) -> Any:
        if not (text := written(value).strip()):
            return None
        try:
            parsed = datetime.strptime(text, form)  # noqa: DTZ007  the zone is added where the value is read
        except ValueError:
            raise BadRow(f"is {text[:60]!r}, which does not fit {form}") from None
        return parsed.isoformat() if has_time else parsed.date().isoformat()

    return step


def default(instead: Any) -> Step:
    return lambda value: instead if value is None or value == "" else value


def number(value: Any) -> Decimal:
    text = written(value).strip()
    if not NUMBER.fullmatch(text):
        raise BadRow(f"is {text[:60]!r}, which is not a number")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise BadRow(f"is {text[:60]!r}, which is not a number") from None


def written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        raise BadRow("is a list or an object where a text is wanted")
    return "" if value is None else str(value)


# In the order in which they are applied, whatever the order in the file.
STEPS: dict[str, Callable[[Any], Step]] = {
    "match": match,
    "strip": strip,
    "word": word,
    "values": values,
    "decimal": decimal,
    "minor": minor,
    "round": rounded,
    "plus": plus,
    "date": date,
    "default": default,
}
