"""Writing many rows at once: what is there is compared, what is new is inserted, what differs is updated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ARRAY, Row, Select, Table, and_, bindparam, func, select, tuple_, update

from console.customers.tokens import Known, insert_rows, table_of
from console.db import Base, db
from console.events import Event, Topic
from console.importing.fields import Parse, Reading
from console.importing.problems import BadRow

Values = dict[str, Any]  # a row's parsed values, by our column names; only the columns that the file has


class Outcome(StrEnum):
    INSERTED = "inserted"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


Result = Outcome | BadRow


@dataclass(frozen=True)
class Column:
    """One of our columns of a kind of file."""

    name: str
    parse: Parse
    help: str
    required: bool = False


@dataclass
class Run:
    """What all batches of one import share."""

    source: str
    reading: Reading
    customers: str  # the source whose customer ids the file names
    orders: str
    words: Known = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lines: dict[int, int] = field(default_factory=dict)  # of the rows at hand: id(values) → the line in the file
    sensitive: dict[int, str] = field(default_factory=dict)  # line → what somebody should look at again

    def warn(self, text: str, times: int = 1) -> None:
        self.warnings[text] += times

    def point_out(self, row: Values, what: str) -> None:
        self.sensitive[self.lines.get(id(row), 0)] = what


@dataclass(frozen=True)
class Kind:
    """A kind of file: its columns, the key by which a row is known again, and how a batch is written.

    `write` gets rows of distinct keys and answers for each, in order; it may raise what the database raises.
    `total` counts what this source has in the database.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    write: Callable[[Sequence[Values], Run], list[Result]]
    total: Callable[[str], Select[int]]
    one_of: tuple[str, ...] = ()  # at least one of these columns must be there

    def parsed(self, given: Mapping[str, Any], reading: Reading) -> Values:
        """Values of one row. An empty cell is None. Raises BadRow naming the column."""
        row: Values = {}
        for column in self.columns:
            if column.name in given:
                value = given[column.name]
                try:
                    empty = value is None or value == [] or (isinstance(value, str) and not value.strip())
                    row[column.name] = None if empty else column.parse(value, reading)
                except BadRow as problem:
                    raise BadRow(f"{column.name} {problem}") from None
            if column.required and row.get(column.name) is None:
                raise BadRow(f"{column.name} is missing")
        return row


@dataclass(frozen=True)
class Saved:
    id: int
    outcome: Outcome


def found(model: type[Base], key: Sequence[str], keys: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], Row[Any]]:
    """The rows there are for these keys."""
    table = table_of(model)
    columns = [table.c[name] for name in key]
    wanted = list(dict.fromkeys(keys))
    if not wanted:
        return {}
    if db.engine.dialect.name == "postgresql":
        # There a long list of pairs is planned as as many conditions with OR between; arrays are joined.
        arrays = [
            bindparam(None, list(values), ARRAY(column.type))
            for column, values in zip(columns, zip(*wanted, strict=True), strict=True)
        ]
        asked = func.unnest(*arrays).table_valued(*key, name="asked").render_derived()
        statement = select(table).join(asked, and_(*(table.c[name] == asked.c[name] for name in key)))
    else:
        statement = select(table).where(tuple_(*columns).in_(wanted))
    return {tuple(row._mapping[name] for name in key): row for row in db.session.execute(statement)}


def save(
    model: type[Base], rows: Sequence[Values], known: Sequence[Row[Any] | None], only_new: Values | None = None
) -> list[Saved]:
    """Insert the rows that are not known, update those that differ; only the columns in a row are looked at.

    None for a column that must have a value leaves it as it is. `only_new` is added to inserted rows.
    """
    table = table_of(model)
    results: list[Saved | None] = [None] * len(rows)
    inserts: dict[tuple[str, ...], list[tuple[int, Values]]] = defaultdict(list)
    updates: dict[tuple[str, ...], list[Values]] = defaultdict(list)
    for place, (row, before) in enumerate(zip(rows, known, strict=True)):
        values = {name: value for name, value in row.items() if value is not None or table.c[name].nullable}
        if before is None:
            values = {**(only_new or {}), **values}
            inserts[tuple(sorted(values))].append((place, values))
            continue
        changed = {name: value for name, value in values.items() if before._mapping[name] != value}
        if changed:
            updates[tuple(sorted(changed))].append({"at_id": before.id} | changed)
        results[place] = Saved(before.id, Outcome.UPDATED if changed else Outcome.UNCHANGED)
    for group in inserts.values():
        ids = reserved(table, len(group))
        insert_rows(model, [values | {"id": number} for number, (_, values) in zip(ids, group, strict=True)])
        for (place, _), number in zip(group, ids, strict=True):
            results[place] = Saved(number, Outcome.INSERTED)
    for some in updates.values():
        change(table, some)
    return [result for result in results if result is not None]


def reserved(table: Table, many: int) -> Sequence[int]:
    """Ids for rows to come: asking for them first is several times faster than RETURNING them in order.

    On SQLite the batch holds the write lock, so nobody else can take them.
    """
    if db.engine.dialect.name == "postgresql":
        sequence = func.nextval(func.pg_get_serial_sequence(table.name, "id"))
        return db.session.scalars(select(sequence).select_from(func.generate_series(1, many))).all()
    last: int = db.session.scalars(select(func.max(table.c.id))).one() or 0
    return range(last + 1, last + 1 + many)


def change(table: Table, rows: list[Values]) -> None:
    names = [name for name in rows[0] if name != "at_id"]
    # Bound under other names: an UPDATE reserves those of its columns.
    statement = (
        update(table).where(table.c.id == bindparam("at_id")).values({name: bindparam(f"to_{name}") for name in names})
    )
    db.session.connection().execute(
        statement, [{"at_id": row["at_id"]} | {f"to_{name}": row[name] for name in names} for row in rows]
    )


@dataclass(frozen=True)
class Happened:
    """An event of the past, to be written once."""

    kind: str
    topic: Topic
    at: datetime
    customer_id: int
    subject_id: int
    actor_id: int | None = None
    data: Values = field(default_factory=dict)

    @property
    def key(self) -> tuple[int, str, Any]:
        return self.subject_id, self.kind, self.data.get("delivery")


def write_history(model: type[Base], events: Sequence[Happened], fresh: set[int], now: datetime) -> None:
    """Write events with their own time, leaving out those that their subject has already.

    `fresh` are the subjects inserted just now, which cannot have any.
    """
    old = {event.subject_id for event in events} - fresh
    written: set[tuple[int, str, Any]] = set()
    if old:
        rows = db.session.execute(
            select(Event.subject_id, Event.kind, Event.data).where(
                Event.subject_type == model.__tablename__, Event.subject_id.in_(old)
            )
        )
        written = {(row.subject_id, row.kind, row.data.get("delivery")) for row in rows}
    rows_to_write = [
        {
            "at": event.at,
            "recorded_at": now,
            "topic": event.topic,
            "kind": event.kind,
            "customer_id": event.customer_id,
            "actor_id": event.actor_id,
            "subject_type": model.__tablename__,
            "subject_id": event.subject_id,
            "data": event.data,
        }
        for event in events
        if event.key not in written
    ]
    insert_rows(Event, rows_to_write)
