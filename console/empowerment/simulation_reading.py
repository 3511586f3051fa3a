"""Whole columns of a table as arrays of whole numbers, a million rows in a second, on either engine.

Each column comes as one long value that the database itself puts together, so that no row is ever an object here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection

from console.empowerment.simulation_demand import DAY, SECOND, Ints

UNKNOWN = -1  # what stands for NULL
NO_MOMENT = "0001-01-01 00:00:00.000000"  # the same as a moment, on SQLite
TEXT_LENGTH = len(NO_MOMENT)
NEVER_WAS = np.iinfo(np.int64).min


class Reader:
    """Columns of `tables` (SQL after FROM), by kind: number, moment (microseconds) or day (since 1970)."""

    def __init__(self, connection: Connection) -> None:
        self.driver: Any = connection.connection.driver_connection
        self.is_sqlite = connection.dialect.name == "sqlite"

    def columns(
        self, tables: str, wanted: Mapping[str, tuple[str, str]], where: str = "", values: Sequence[Any] = ()
    ) -> dict[str, Ints]:
        """Arrays of one length by name, rows in no particular order. `wanted`: kind and SQL of each; ? in `where`."""
        expressions = [self.gathered(kind, sql) for kind, sql in wanted.values()]
        statement = f"SELECT {', '.join(expressions)} FROM {tables} {'WHERE ' + where if where else ''}"  # noqa: S608
        row = self.first(statement, [self.value(one) for one in values])
        return {name: self.read(kind, text) for (name, (kind, _)), text in zip(wanted.items(), row, strict=True)}

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        given = [self.value(one) for one in values]
        if self.is_sqlite:
            return list(self.driver.execute(statement, given))
        with self.driver.cursor() as cursor:
            return list(cursor.execute(statement.replace("?", "%s"), given))

    def first(self, statement: str, values: Sequence[Any]) -> Any:
        if self.is_sqlite:
            return self.driver.execute(statement, values).fetchone()
        with self.driver.cursor(binary=True) as cursor:
            return cursor.execute(statement.replace("?", "%s"), values).fetchone()

    def value(self, one: Any) -> Any:
        """As the engine keeps it."""
        if self.is_sqlite and isinstance(one, datetime):
            return one.isoformat(" ", "microseconds")[:TEXT_LENGTH]
        return one.isoformat() if self.is_sqlite and isinstance(one, date) else one

    def coded(self, sql: str, words: Sequence[str]) -> str:
        """SQL for the place of a text among `words`; -1 for any other."""
        if not words:
            return str(UNKNOWN)
        quoted = [word.replace("'", "''").replace("%", "%" if self.is_sqlite else "%%") for word in words]
        cases = " ".join(f"WHEN '{word}' THEN {place}" for place, word in enumerate(quoted))
        return f"CASE {sql} {cases} ELSE {UNKNOWN} END"

    def gathered(self, kind: str, sql: str) -> str:
        if self.is_sqlite:
            if kind == "moment":
                return f"group_concat(coalesce({sql}, '{NO_MOMENT}'), '')"
            number = f"CAST(julianday({sql}) - 2440587.5 AS INTEGER)" if kind == "day" else sql
            return f"group_concat(coalesce({number}, {UNKNOWN}))"
        number = {
            "moment": f"coalesce((extract(epoch FROM {sql}) * {SECOND})::bigint, {NEVER_WAS + 1})",
            "day": f"coalesce({sql} - DATE '1970-01-01', {UNKNOWN})::bigint",
            "number": f"coalesce(({sql})::bigint, {UNKNOWN})",
            "flag": f"coalesce(({sql})::int::bigint, {UNKNOWN})",
        }[kind]
        return f"string_agg(int8send({number}), ''::bytea)"

    def read(self, kind: str, text: Any) -> Ints:
        if not text:
            return np.zeros(0, np.int64)
        if not self.is_sqlite:
            return np.frombuffer(text, ">i8").astype(np.int64)
        return moments(text) if kind == "moment" else np.asarray(np.fromstring(text, np.int64, sep=","))


def moments(text: str) -> Ints:
    """Microseconds since 1970 of "2026-11-21 10:00:00.000000", one after the other."""
    digits = np.frombuffer(text.encode(), np.uint8).reshape(-1, TEXT_LENGTH)

    def number(*places: int) -> Ints:
        result = np.zeros(len(digits), np.int64)
        for place in places:
            result = result * 10 + (digits[:, place] - ord("0"))
        return result

    # Days are few, so each is worked out once.
    codes = number(0, 1, 2, 3) * 372 + (number(5, 6) - 1) * 31 + number(8, 9) - 1
    least = int(codes.min())
    known = np.flatnonzero(np.bincount(codes - least)) if codes.max() - least < 10_000_000 else np.unique(codes - least)
    starts = np.zeros(int(known[-1]) + 1, np.int64)
    for code in known.tolist():
        year, rest = divmod(code + least, 372)
        starts[code] = (date(year, rest // 31 + 1, rest % 31 + 1) - date(1970, 1, 1)).days * DAY
    seconds = (number(11, 12) * 60 + number(14, 15)) * 60 + number(17, 18)
    return np.asarray(starts[codes - least] + seconds * SECOND + number(20, 21, 22, 23, 24, 25))
