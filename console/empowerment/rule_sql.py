"""A rule as SQL: true for exactly the rows for which rules.holds is True, on SQLite and PostgreSQL alike.

SQL's AND, OR and NOT treat NULL as Kleene's logic treats the unknown, so a rule keeps its shape.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    and_,
    case,
    false,
    func,
    literal,
    not_,
    or_,
    true,
    type_coerce,
)

from console.db import UtcDateTime
from console.empowerment.rules import All, Any_, Condition, Not, Rule, Segment, Type, positive

Columns = Mapping[str, ColumnElement[Any]]  # by field name
Answer = ColumnElement[bool]


def compile_rule(rule: Rule, columns: Columns, now: datetime) -> Answer:
    """True where the rule holds, false where it does not or is not known. Raises KeyError for a fact without column.

    After WHERE, where NULL counts for false, `compile_answer` says the same in half the time.
    """
    return func.coalesce(compile_answer(rule, columns, now), false())


def compile_answer(rule: Rule, columns: Columns, now: datetime) -> Answer:
    """True, false, or NULL where it hangs on something that is not known."""
    match rule:
        case All(of):
            return and_(true(), *(compile_answer(one, columns, now) for one in of))
        case Any_(of):
            return or_(false(), *(compile_answer(one, columns, now) for one in of))
        case Not(inner):
            return not_(compile_answer(inner, columns, now))
        case Segment(_, inner):
            return compile_answer(inner, columns, now)
        case condition:
            return compile_condition(condition, columns[condition.field.name], now)


def compile_condition(condition: Condition, column: ColumnElement[Any], now: datetime) -> Answer:
    op, value = condition.op, condition.value
    if op in ("is_known", "is_unknown"):
        return column.is_not(None) if op == "is_known" else column.is_(None)
    match condition.field.type:
        case Type.FLAG:
            return column == (true() if op == "is_true" else false())
        case Type.CHOICE | Type.TEXT:
            # As plain text: an enum's column would look for members and their names.
            words = type_coerce(column, String)
            return words.in_(value) if op == "in" else words.not_in(value)
        case Type.DAYS_SINCE:
            return compile_age(op, value, column, now)
    if op == "between":
        return and_(column >= number(value[0]), column <= number(value[1]))
    compared: Answer = getattr(operator, op)(column, number(value))
    return compared


def compile_age(op: str, value: Any, column: ColumnElement[Any], now: datetime) -> Answer:
    """Whole days since a moment, by comparing the moment itself: n days or more are past when it is <= now - n days."""
    match op:
        case "ge":
            return column <= days_before(now, value)
        case "lt":
            return column > days_before(now, value)
        case "gt":
            return column <= days_before(now, value + 1)
        case "le":
            return column > days_before(now, value + 1)
        case "between":
            return and_(column <= days_before(now, value[0]), column > days_before(now, value[1] + 1))
        case "within":
            return and_(column.is_not(None), column > days_before(now, value))
        case _:  # not_within: never is not lately either
            return or_(column.is_(None), column <= days_before(now, value))


def days_before(now: datetime, days: int) -> ColumnElement[datetime]:
    return literal(now - timedelta(days=days), UtcDateTime)


def number(value: int) -> ColumnElement[int]:
    """As wide as a rule's numbers are, however narrow the column it is compared with."""
    return literal(value, BigInteger)


def compile_shortfall(rule: Rule, columns: Columns, now: datetime) -> ColumnElement[int]:
    """The number of conditions that rules.shortfall gives."""
    match positive(rule):
        case All(of) if of:
            return reduce(operator.add, (compile_shortfall(one, columns, now) for one in of))
        case Any_(of) if of:
            return reduce(smaller, (compile_shortfall(one, columns, now) for one in of))
        case Segment(_, inner):
            return compile_shortfall(inner, columns, now)
        case Not(Segment(_, inner)):
            return compile_shortfall(Not(inner), columns, now)
        case leaf:
            return case((compile_answer(leaf, columns, now), 0), else_=1)


def smaller(one: ColumnElement[int], other: ColumnElement[int]) -> ColumnElement[int]:
    return case((one < other, one), else_=other)
