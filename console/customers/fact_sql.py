"""What the statement of facts is written with: moments and windows of time on both engines, and whose rows to look at.

SQLite knows neither time zones nor intervals, so moments are compared as they are, and reckoned with in seconds since
1970. All moments that a statement asks about stand in one row, CLOCK, which everything joins: they are bound once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    Dialect,
    FromClause,
    String,
    Text,
    TypeDecorator,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from console.db import UtcDateTime

DAY = 86_400  # seconds
YEAR = 365  # days
NEW_DAYS = 60  # with one order
QUIET_DAYS = 180  # without an order
WINDOWS = (14, NEW_DAYS, 90, QUIET_DAYS, YEAR)
FAR = datetime(9999, 1, 1, tzinfo=UTC)  # for "never", because SQLite's min() of several takes no null
FAR_SECONDS = int(FAR.timestamp())


class Ids(TypeDecorator[Sequence[int]]):
    """A list of ids in one parameter, so that the statement stays the same however many there are."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(BigInteger))

    def process_bind_param(self, value: Sequence[int] | None, dialect: Dialect) -> Any:
        return json.dumps(list(value or ())) if dialect.name == "sqlite" else list(value or ())


class seconds(FunctionElement[int]):
    """Whole seconds since 1970 of a moment or a day, rounded down."""

    type = BigInteger()
    inherit_cache = True


class moment(FunctionElement[datetime]):
    """The moment of whole seconds since 1970."""

    type = UtcDateTime()
    inherit_cache = True


class smallest(FunctionElement[Any]):
    """The least of its arguments, none of which may be null."""

    inherit_cache = True

    def __init__(self, *of: ColumnElement[Any]) -> None:
        super().__init__(*of)
        self.type = of[0].type


class among(FunctionElement[bool]):
    """Whether a column is in a list of Ids."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> among:
        return self  # else SQLite is asked whether this equals 1, and uses no index


@compiles(seconds, "sqlite")
def seconds_sqlite(element: seconds, compiler: Any, **given: Any) -> str:
    return f"CAST(strftime('%s', {compiler.process(element.clauses, **given)}) AS INTEGER)"


@compiles(seconds, "postgresql")
def seconds_postgresql(element: seconds, compiler: Any, **given: Any) -> str:
    return f"CAST(floor(extract(epoch FROM {compiler.process(element.clauses, **given)})) AS BIGINT)"


@compiles(moment, "sqlite")
def moment_sqlite(element: moment, compiler: Any, **given: Any) -> str:
    return f"strftime('%Y-%m-%d %H:%M:%S.000000', {compiler.process(element.clauses, **given)}, 'unixepoch')"


@compiles(moment, "postgresql")
def moment_postgresql(element: moment, compiler: Any, **given: Any) -> str:
    return f"to_timestamp({compiler.process(element.clauses, **given)})"


@compiles(smallest, "sqlite")
def smallest_sqlite(element: smallest, compiler: Any, **given: Any) -> str:
    return f"min({compiler.process(element.clauses, **given)})"


@compiles(smallest, "postgresql")
def smallest_postgresql(element: smallest, compiler: Any, **given: Any) -> str:
    return f"least({compiler.process(element.clauses, **given)})"


@compiles(among, "sqlite")
def among_sqlite(element: among, compiler: Any, **given: Any) -> str:
    column, ids = (compiler.process(one, **given) for one in element.clauses)
    return f"{column} IN (SELECT CAST(value AS INTEGER) FROM json_each({ids}))"  # noqa: S608


@compiles(among, "postgresql")
def among_postgresql(element: among, compiler: Any, **given: Any) -> str:
    column, ids = (compiler.process(one, **given) for one in element.clauses)
    return f"{column} = ANY ({ids})"


Which = Callable[[ColumnElement[Any]], ColumnElement[bool]]


def one_of(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """The customers in the parameter `ids`."""
    return among(column, bindparam("ids", type_=Ids))


def between(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """The customers from the parameter `first` to `last`."""
    return column.between(bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger))


def clock() -> CTE:
    moments = ("as_of", "change_1", "change_2", "far", *(f"since_{days}" for days in WINDOWS))
    numbers = ("as_of_seconds", "today", "midnight", "clock_0", "clock_1", "clock_2")
    return select(
        *(bindparam(name, type_=UtcDateTime).label(name) for name in moments),
        *(bindparam(name, type_=BigInteger).label(name) for name in numbers),
        bindparam("promised_since", type_=Date).label("promised_since"),
        bindparam("currency", type_=String).label("currency"),
    ).cte("clock")


CLOCK = clock()
AS_OF = CLOCK.c.as_of
NOW_SECONDS = CLOCK.c.as_of_seconds
TODAY = CLOCK.c.today  # days since 1970 of the shop's local day
MIDNIGHT = CLOCK.c.midnight  # the next local one, in seconds
CURRENCY = CLOCK.c.currency


def parameters(as_of: datetime, zone: ZoneInfo, currency: str) -> dict[str, Any]:
    """What the statement takes besides the customers. `as_of` is aware."""
    today = as_of.astimezone(zone).date()
    return {
        "as_of": as_of,
        "as_of_seconds": int(as_of.timestamp()),
        "far": FAR,
        "today": (today - date(1970, 1, 1)).days,
        "promised_since": today - timedelta(days=90),
        "midnight": int(midnight(today + timedelta(days=1), zone).timestamp()),
        "currency": currency,
        **{f"since_{days}": as_of - timedelta(days=days) for days in WINDOWS},
        **clock_changes(today, zone),
    }


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a local day, in UTC."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


@lru_cache(maxsize=512)
def clock_changes(today: date, zone: ZoneInfo) -> dict[str, Any]:
    """How far the zone was ahead of UTC in the last hundred days: before, between and after its latest two changes."""
    begun = midnight(today - timedelta(days=100), zone)
    changes = [(begun, ahead_of_utc(begun, zone))]
    for days in range(1, 102):
        high = begun + timedelta(days=days)
        if ahead_of_utc(high, zone) != changes[-1][1]:
            low = high - timedelta(days=1)
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                low, high = (middle, high) if ahead_of_utc(middle, zone) == changes[-1][1] else (low, middle)
            changes.append((high.replace(microsecond=0), ahead_of_utc(high, zone)))
    before, first, second = (changes[:1] * 2 + changes)[-3:]
    return {
        "clock_0": before[1],
        "change_1": first[0],
        "clock_1": first[1],
        "change_2": second[0],
        "clock_2": second[1],
    }


def ahead_of_utc(at: datetime, zone: ZoneInfo) -> int:
    return int((at.astimezone(zone).utcoffset() or timedelta()).total_seconds())


def local_day(at: ColumnElement[Any]) -> ColumnElement[int]:
    """Days since 1970 of a moment's local day, for moments of the last hundred days."""
    row = CLOCK.c
    ahead = case((at >= row.change_2, row.clock_2), (at >= row.change_1, row.clock_1), else_=row.clock_0)
    return (seconds(at) + ahead) // DAY


def since(days: int) -> ColumnElement[datetime]:
    return CLOCK.c[f"since_{days}"]


def known(at: ColumnElement[Any]) -> ColumnElement[bool]:
    return at <= AS_OF


def within(at: ColumnElement[Any], days: int) -> ColumnElement[bool]:
    return and_(at > since(days), at <= AS_OF)


def ageing(at: ColumnElement[Any], days: int) -> ColumnElement[int]:
    """When it becomes `days` old, in seconds, if it is younger."""
    return case((at > since(days), seconds(at) + days * DAY), else_=FAR_SECONDS)


def earliest(at: ColumnElement[Any], where: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.coalesce(func.min(at).filter(where), func.min(CLOCK.c.far))


def coming(*moments: ColumnElement[Any]) -> ColumnElement[Any]:
    """The first of these that lies after the moment asked about."""
    firsts = [earliest(one, one > AS_OF) for one in moments]
    return smallest(*firsts) if len(firsts) > 1 else firsts[0]


def or_never(at: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(at, CLOCK.c.far)


def total(amount: ColumnElement[Any], where: ColumnElement[bool]) -> ColumnElement[int]:
    # The sum of BIGINTs is NUMERIC on PostgreSQL.
    return func.coalesce(cast(func.sum(amount).filter(where), BigInteger), 0)


def count(where: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(where)


def nought(number: ColumnElement[Any]) -> ColumnElement[int]:
    return func.coalesce(number, 0)


def flag(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Unknown is no."""
    return case((condition, true()), else_=false())


def timed(rows: FromClause) -> FromClause:
    """The rows, each beside the clock."""
    return rows.join(CLOCK, true())
