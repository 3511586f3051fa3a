"""A rule in words: as a part of a sentence about customers, and what keeps somebody from it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from babel.core import Locale, UnknownLocaleError
from babel.numbers import format_decimal, get_currency_precision

from console.empowerment.rules import All, Any_, Blame, Condition, Field, Not, Rule, Segment, Type, Value, positive
from console.money import Money

MOST_WORDS = 8  # of a list; a longer one ends in "12 others"
NONE_OF_IT = {("eq", 0), ("lt", 1), ("le", 0)}
ANY_OF_IT = {("ge", 1), ("gt", 0), ("ne", 0)}
AMOUNTS = {"eq": "exactly {}", "ne": "other than {}", "le": "at most {}", "gt": "more than {}", "ge": "at least {}"}


@dataclass(frozen=True)
class Manner:
    """How amounts, countries and languages are written."""

    currency: str = "GBP"
    locale: str = "en_GB"


def phrase(rule: Rule, currency: str = "GBP", locale: str = "en_GB") -> str:
    """What may stand after "customers": "with tier silver or gold and without a gesture in 90 days".

    Empty for everybody. Of a rule about the conversation: what may stand after "when".
    """
    return words(positive(rule), Manner(currency, locale))


def whom(rule: Rule, currency: str = "GBP", locale: str = "en_GB") -> str:
    """The same with its noun: "silver or gold customers without a gesture in 90 days"."""
    settled = positive(rule)
    parts = flat(All, settled) if isinstance(settled, All) else [settled]
    tier = next((one for one in parts if is_about(one, "tier", "in")), None)
    business = next((one for one in parts if is_about(one, "is_business", "is_true")), None)
    rest = All(tuple(one for one in parts if one is not tier and one is not business))
    before = [chosen(tier, Manner(currency, locale))] if isinstance(tier, Condition) else []
    after = [words(rest, Manner(currency, locale))] if rest.of else []
    noun = "customers" if before or business or after else "all customers"
    return " ".join([*before, *(["business"] if business else []), noun, *after])


def is_about(rule: Rule, name: str, op: str) -> bool:
    return isinstance(rule, Condition) and rule.field.name == name and rule.op == op


def words(rule: Rule, manner: Manner) -> str:
    """Of a rule whose every "not" stands before a condition or a segment."""
    match rule:
        case All() | Any_():
            parts = flat(type(rule), rule)
            if len(parts) < 2:
                return "".join(words(one, manner) for one in parts)
            simple = [one for one in parts if not is_group(one)]
            groups = [words(one, manner) for one in parts if is_group(one)]
            # "a and either b or c" is clear at the end; more than one such group needs brackets.
            if isinstance(rule, Any_) or len(groups) > 1:
                groups = [f"({one})" for one in groups]
            given = [*(words(one, manner) for one in simple), *groups]
            return listed(given, "and") if isinstance(rule, All) else f"either {listed(given, 'or')}"
        case Segment(name, _):
            return f"in the segment “{name}”"
        case Not(Segment(name, _)):
            return f"not in the segment “{name}”"
        case Not(Condition() as condition):
            return condition_words(condition, manner, "not ")
        case Condition():
            return condition_words(rule, manner)
        case _:
            return f"not ({words(rule.rule, manner)})"


def flat(kind: type[All] | type[Any_], rule: Rule) -> list[Rule]:
    """The parts of a group, those of inner groups of its own kind and of groups of one among them."""
    if isinstance(rule, kind) or (isinstance(rule, All | Any_) and len(rule.of) == 1):
        return [part for one in rule.of for part in flat(kind, one)]
    return [rule]


def is_group(rule: Rule) -> bool:
    return isinstance(rule, All | Any_)


def condition_words(condition: Condition, manner: Manner, negation: str = "") -> str:
    field, op, value = condition.field, condition.op, condition.value
    match op:
        case "is_known":
            return f"who have had {a(field.one)}" if field.happens else f"with a known {field.label}"
        case "is_unknown":
            return f"who never had {a(field.one)}" if field.happens else f"without a known {field.label}"
        case "is_true":
            return field.says
        case "is_false":
            return field.no
        case "in":
            return field.says.format(chosen(condition, manner))
        case "not_in":
            return field.no.format(chosen(condition, manner))
        case "within":
            return f"with {a(field.one)} in the last {days(value)}"
        case "not_within":
            return f"without {a(field.one)} in {days(value)}"
    if field.type is Type.NUMBER and (op, value) in NONE_OF_IT and (field.one or field.no):
        return field.no or f"without {a(field.one)}"
    if field.one and field.type is Type.NUMBER:
        if (op, value) in ANY_OF_IT:
            return f"with {a(field.one)}"
        if value == 1:
            return f"with {quantity(condition, manner)} {field.one}"
    return field.says.format(negation + quantity(condition, manner))


def quantity(condition: Condition, manner: Manner) -> str:
    """ "at least 3", "less than £20", "30 to 90 days"."""
    field, op, value = condition.field, condition.op, condition.value
    if op == "between":
        low, high = amount(field, value[0], manner), amount(field, value[1], manner)
        first = low.removesuffix(f" {field.unit}") if field.unit and high.endswith(field.unit) else low
        return f"{first} to {high}"
    least = "fewer than {}" if field.one and not field.happens else "less than {}"
    op = {"within": "lt", "not_within": "ge"}.get(op, op)
    return (AMOUNTS | {"lt": least})[op].format(amount(field, value, manner))


def amount(field: Field, value: int, manner: Manner) -> str:
    """ "£20", "90 days", "4.25 of 5"; a plain number where the label names what is counted."""
    if field.type is Type.MONEY:
        return short_money(value, manner)
    if field.type is Type.DAYS_SINCE:
        return days(value)
    number = str(format_decimal(value / 10**field.decimals if field.decimals else value, locale=manner.locale))
    if field.one or not field.unit:
        return number
    return f"{number} {field.unit[:-1] if value == 1 and field.unit.endswith('s') else field.unit}"


def short_money(minor: int, manner: Manner) -> str:
    """£20, but £12.50."""
    written = Money(minor, manner.currency).format(manner.locale)
    digits = get_currency_precision(manner.currency)
    whole = digits and minor % 10**digits == 0
    return re.sub(rf"[.,]0{{{digits}}}(?=\D*$)", "", written) if whole else written


def days(number: int) -> str:
    return f"{number:,} day{'' if number == 1 else 's'}"


def chosen(condition: Condition, manner: Manner) -> str:
    """The words of a condition, as people read them: "silver or gold"."""
    names = [called(condition.field, one, manner.locale) for one in condition.value]
    if len(names) > MOST_WORDS:
        names = [*names[: MOST_WORDS - 1], f"{len(names) - MOST_WORDS + 1} others"]
    return listed(names, "or")


def called(field: Field, value: str, locale: str = "en_GB") -> str:
    """What a person calls a stored value: GB is the United Kingdom, pl is Polish."""
    if field.choices and value in field.choices:
        return field.choices[value]
    if field.name == "country":
        return str(territories(locale).get(value.upper(), value))
    if field.name == "language":
        try:
            return str(Locale.parse(value, sep="-").get_display_name(locale) or value)
        except (UnknownLocaleError, ValueError):
            return value
    return value


@lru_cache
def territories(locale: str) -> dict[str, str]:
    return dict(Locale.parse(locale).territories)


def listed(parts: Sequence[str], last: str) -> str:
    """a; a and b; a, b and c."""
    return f" {last} ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def why_not(blames: Iterable[Blame], now: datetime, currency: str = "GBP", locale: str = "en_GB") -> list[str]:
    """What stands in the way, with what was observed: "the last gesture was 12 days ago, needs at least 90 days"."""
    return [reason(one, now, Manner(currency, locale)) for one in blames]


def reason(blame: Blame, now: datetime, manner: Manner) -> str:
    field = blame.condition.field
    if field.is_sensitive:
        return "something about them that is not shown"
    settled = blame.condition if blame.wanted else positive(Not(blame.condition))
    condition = settled if isinstance(settled, Condition) else blame.condition  # nothing is opposite to "between"
    negation = "" if isinstance(settled, Condition) else "not "
    if condition.op in ("is_known", "is_unknown"):
        return knowing(field, blame.observed, manner, now)
    if blame.observed is None and field.type is Type.FLAG:
        return f"we do not know whether they {field.says.removeprefix('who ')}"
    if blame.observed is None and not field.happens:
        return f"we do not know their {field.label}"
    if field.type is Type.FLAG:
        return (field.says if blame.observed else field.no).replace("who ", "they ", 1)
    return f"{observed(field, blame.observed, now, manner)}, needs {needed(condition, negation, manner)}"


def knowing(field: Field, value: Value, manner: Manner, now: datetime) -> str:
    if value is None:
        return f"they never had {a(field.one)}" if field.happens else f"we do not know their {field.label}"
    if field.happens:
        return observed(field, value, now, manner)
    return f"their {field.label} is known"


def needed(condition: Condition, negation: str, manner: Manner) -> str:
    if condition.op in ("in", "not_in"):
        return ("" if condition.op == "in" else "anything but ") + chosen(condition, manner)
    if condition.field.one and (condition.op, condition.value) in NONE_OF_IT:
        return "none"
    return negation + quantity(condition, manner)


def observed(field: Field, value: Value, now: datetime, manner: Manner) -> str:
    """ "2 orders in 12 months", "the last gesture was 12 days ago", "loyalty tier is standard"."""
    if value is None:
        return f"they never had {a(field.one)}"
    if isinstance(value, datetime):
        past = days(max((now - value) // timedelta(days=1), 0))
        return f"the {field.label} was {past} ago" if field.happens else f"{field.label} is {past}"
    if isinstance(value, str):
        return f"{field.label} is {called(field, value, manner.locale)}"
    if field.one:
        return f"no {field.label}" if value == 0 else f"{value:,} {field.one if value == 1 else field.label}"
    return f"{field.label} is {amount(field, value, manner)}"
