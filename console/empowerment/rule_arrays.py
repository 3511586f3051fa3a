"""A rule over numpy arrays: as rules.holds for each customer or conversation, for a million of them at once."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from console.empowerment.rules import All, Any_, Condition, Not, Rule, Segment, Type

Mask = NDArray[np.bool_]
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Column:
    """One fact of n rows; all arrays have the shape (n,).

    `values` are integers for numbers and money, booleans (or 0 and 1) for flags, datetime64[us] in UTC for moments, and
    for choices and texts either words or, much faster, positions in `words`. Where `known` is False (NaT is never
    known) the value says nothing.
    """

    values: NDArray[Any]
    known: Mask | None = None  # everywhere when None
    words: tuple[str, ...] | None = None


def mask(rule: Rule, columns: Mapping[str, Column], now: datetime | NDArray[np.datetime64], size: int) -> Mask:
    """Where the rule holds, of shape (size,). `now` is aware, or UTC moments of shape (size,). A fact without a column
    is not known."""
    moments = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us") if isinstance(now, datetime) else now
    return answer(rule, columns, moments, size)[0]


def answer(rule: Rule, columns: Mapping[str, Column], now: Any, size: int) -> tuple[Mask, Mask]:
    """Where it is true, and where it is false; neither where it is not known."""
    match rule:
        case All(of):
            holds, fails = np.ones(size, bool), np.zeros(size, bool)
            for one in of:
                yes, no = answer(one, columns, now, size)
                holds &= yes
                fails |= no
            return holds, fails
        case Any_(of):
            fails, holds = answer(All(tuple(Not(one) for one in of)), columns, now, size)
            return holds, fails
        case Not(inner):
            yes, no = answer(inner, columns, now, size)
            return no, yes
        case Segment(_, inner):
            return answer(inner, columns, now, size)
        case condition:
            column = columns.get(condition.field.name)
            return condition_answer(condition, column or Column(np.zeros(size, int), np.zeros(size, bool)), now)


def condition_answer(condition: Condition, column: Column, now: Any) -> tuple[Mask, Mask]:
    op = condition.op
    is_moment = column.values.dtype.kind == "M"
    known = np.ones(len(column.values), bool) if column.known is None else column.known
    if is_moment:
        known = known & ~np.isnat(column.values)
    match op:
        case "is_known":
            return known, ~known
        case "is_unknown":
            return ~known, known
    found = compare(condition, column, now) if known.any() else np.zeros(len(known), bool)
    match op:
        case "within":
            return found & known, ~(found & known)
        case "not_within":
            return found | ~known, ~found & known
    return found & known, ~found & known


def compare(condition: Condition, column: Column, now: Any) -> Mask:
    """What the condition says of each value, known or not."""
    op, value, found = condition.op, condition.value, column.values
    match condition.field.type:
        case Type.FLAG:
            return np.asarray(found.astype(bool) == (op == "is_true"))
        case Type.CHOICE | Type.TEXT:
            inside = among(column, value)
            return inside if op == "in" else ~inside
        case Type.DAYS_SINCE:
            return compare_age(op, value, found, now)
    if op == "between":
        return np.asarray((found >= value[0]) & (found <= value[1]))
    return np.asarray(getattr(operator, op)(found, value))


def among(column: Column, words: tuple[str, ...]) -> Mask:
    if column.words is None:
        return np.isin(column.values, list(words))
    # One more place, for the position -1: none of them.
    inside: Mask = np.array([*(word in words for word in column.words), False])[column.values]
    return inside


def compare_age(op: str, value: Any, found: NDArray[Any], now: Any) -> Mask:
    """As rule_sql.compile_age: n days or more are past when the moment is <= now - n days. NaT compares as False."""

    def past(days: int) -> Mask:
        old: Mask = found <= now - days * DAY
        return old

    match op:
        case "ge" | "not_within":
            return past(value)
        case "lt" | "within":
            return ~past(value)
        case "gt":
            return past(value + 1)
        case "le":
            return ~past(value + 1)
        case _:
            return past(value[0]) & ~past(value[1] + 1)
