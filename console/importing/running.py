"""One import from start to end: a stream of rows, written in batches, each batch whole or not at all."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError

from console.config import is_time_zone
from console.db import db, utc_now
from console.events import Topic, record_event
from console.importing.fields import Reading
from console.importing.mapping import FileMapping
from console.importing.problems import BadFile, BadRow
from console.importing.reading import Broken, CsvFile, JsonFile, Record, open_records
from console.importing.reporting import OURS, SHOWN, Rejects, Report
from console.importing.saving import Kind, Outcome, Result, Run, Values
from console.interactions.models import REPLAY

BATCH = 1_000  # rows between two commits
LOCK = 0x1B0B7  # any number; imports take turns batch by batch, so that no two insert the same key
LONGEST_SOURCE = 40
ROWS_WORTH_ANALYZING = 5_000

Progress = Callable[[int], None]  # bytes of the file read so far


@dataclass(frozen=True, slots=True)
class Pending:
    """A row that has been read and parsed, and waits for its batch."""

    line: int
    values: Values
    original: dict[str, Any]
    raw: str


@dataclass
class Import:
    """Where an import stands."""

    kind: Kind
    mapping: FileMapping
    run: Run
    report: Report
    rejects: Rejects
    batch: list[Pending] = field(default_factory=list)

    def reject(self, line: int, reason: str, values: dict[str, Any], raw: str) -> None:
        reason = reason[:1].upper() + reason[1:].rstrip(".") + "."
        self.report.counts[Outcome.REJECTED] += 1
        if len(self.report.first_rejects) < SHOWN:
            self.report.first_rejects.append(f"Line {line}: {reason}")
        self.rejects.add(line, reason, values, raw)


def import_file(
    kind: Kind,
    path: Path,
    *,
    mapping: FileMapping | None = None,
    source: str = "",
    dry_run: bool = False,
    rejects: Path,
    progress: Progress = lambda read: None,
) -> Report:
    """Read `path` into the database, committing batch by batch; a dry run does all of it and keeps nothing.

    Rows that cannot be taken go to the file `rejects`. Raises BadFile before anything is written when the
    file, its header or its mapping cannot be used. A dry run holds SQLite's one write lock until it ends.
    """
    mapping = mapping or FileMapping()
    source = checked_source(source or mapping.source or "import")
    with path.open("rb") as file:
        records = open_records(path, file, mapping.encoding, mapping.delimiter)
        check_header(kind, mapping, records)
        report = Report(kind.name, source, dry_run, ignored=ignored_columns(kind, mapping, records))
        run = Run(source, reading_of(mapping), mapping.customers or source, mapping.orders or source)
        started = time.monotonic()
        with Rejects(rejects, records.columns) as rejected:
            state = Import(kind, mapping, run, report, rejected)
            try:
                report.before = count(kind, source)
                read_all(state, records, progress, dry_run)
                report.after = count(kind, source)
            finally:
                db.session.rollback()
    report.warnings, report.sensitive = run.warnings, run.sensitive
    report.rejects = rejects if rejected.written else None
    report.seconds = time.monotonic() - started
    if not dry_run and report.counts[Outcome.INSERTED] >= ROWS_WORTH_ANALYZING:
        refresh_statistics()
    return report


def write_down(report: Report) -> None:
    """Into the record: what kind of rows, and how many of each outcome. Not of a dry run."""
    if report.dry_run:
        return
    counts = {outcome.value: number for outcome, number in report.counts.items() if number}
    record_event("file.imported", Topic.ACCESS, data={"rows": report.kind} | counts)
    db.session.commit()


def read_all(state: Import, records: CsvFile | JsonFile, progress: Progress, dry_run: bool) -> None:
    for record in records.records():
        if isinstance(record, Broken):
            state.reject(record.line, record.reason, {}, record.raw)
        else:
            for pending in pending_rows(state, record):
                state.batch.append(pending)
                if len(state.batch) >= BATCH:
                    finish_batch(state, dry_run)
                    progress(records.lines.position)
    finish_batch(state, dry_run)
    progress(records.lines.position)


def pending_rows(state: Import, record: Record) -> Iterator[Pending]:
    for row in state.mapping.rows(record.values, record.line):
        if row is None:
            state.report.skipped += 1
            continue
        try:
            if isinstance(row, BadRow):
                raise row
            values = state.kind.parsed(row, state.run.reading)
        except BadRow as problem:
            state.reject(record.line, str(problem), record.values, record.raw)
        else:
            yield Pending(record.line, values, record.values, record.raw)


def finish_batch(state: Import, dry_run: bool) -> None:
    """Write what is waiting. Rows of one key are written one after the other, so the last one wins."""
    if not state.batch:
        return
    with db.session.begin_nested():  # on SQLite this takes the write lock
        if db.engine.dialect.name == "postgresql":
            db.session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        for rows in turns(state.batch, state.kind.key):
            write_some(state, rows)
    if not dry_run:
        db.session.commit()
    state.batch.clear()


def turns(batch: Sequence[Pending], key: Sequence[str]) -> list[list[Pending]]:
    """The batch in rounds within which every key is distinct."""
    rounds: list[list[Pending]] = []
    seen: dict[tuple[Any, ...], int] = {}
    for pending in batch:
        name = tuple(pending.values.get(column) for column in key)
        place = seen[name] = seen.get(name, -1) + 1
        if place == len(rounds):
            rounds.append([])
        rounds[place].append(pending)
    return rounds


def write_some(state: Import, rows: Sequence[Pending]) -> None:
    """Write rows of one shape; when the database refuses them, halve them until the row at fault stands alone."""
    shapes: dict[frozenset[str], list[Pending]] = {}
    for pending in rows:
        shapes.setdefault(frozenset(pending.values), []).append(pending)
    for shape in shapes.values():
        write_halving(state, shape)


def write_halving(state: Import, rows: Sequence[Pending]) -> None:
    state.run.lines = {id(pending.values): pending.line for pending in rows}
    try:
        with db.session.begin_nested():
            results: list[Result] = state.kind.write([pending.values for pending in rows], state.run)
    except (IntegrityError, DataError, OverflowError) as error:
        state.run.words.clear()  # some of them may have been entered by what was just undone
        if len(rows) == 1:
            told(state, rows, [BadRow(f"the database refused it: {first_line(error)}")])
            return
        write_halving(state, rows[: len(rows) // 2])
        write_halving(state, rows[len(rows) // 2 :])
    else:
        told(state, rows, results)


def told(state: Import, rows: Sequence[Pending], results: Sequence[Result]) -> None:
    for pending, result in zip(rows, results, strict=True):
        if isinstance(result, BadRow):
            state.reject(pending.line, str(result), pending.original, pending.raw)
        else:
            state.report.counts[result] += 1


def first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).splitlines()[0]


def check_header(kind: Kind, mapping: FileMapping, records: CsvFile | JsonFile) -> None:
    """Raises BadFile when a column that is needed is not there."""
    if mapping.columns is not None:
        targets = set(mapping.columns)
        if isinstance(records, CsvFile) and (absent := mapping.needed - set(records.columns)):
            raise BadFile(
                f"The mapping names columns that the file does not have: {', '.join(sorted(absent))}. {has(records)}"
            )
    elif isinstance(records, JsonFile):
        return
    else:
        targets = set(records.columns)
    missing = {column.name for column in kind.columns if column.required} - targets
    if missing or (kind.one_of and not targets & set(kind.one_of)):
        wanted = ", ".join(sorted(missing) or [" or ".join(kind.one_of)])
        raise BadFile(f"The file has no column for: {wanted}. {has(records)}{guesses(missing, records.columns)}")


def has(records: CsvFile | JsonFile) -> str:
    return f"It has: {', '.join(records.columns) or 'nothing'}. Name the columns with --map; see docs/import.md."


def guesses(missing: set[str], columns: Sequence[str]) -> str:
    near = {name: difflib.get_close_matches(name, columns, 1, 0.7) for name in sorted(missing)}
    return "".join(f" Perhaps {found[0]} is {name}?" for name, found in near.items() if found)


def ignored_columns(kind: Kind, mapping: FileMapping, records: CsvFile | JsonFile) -> list[str]:
    used = set(mapping.needed) if mapping.columns is not None else {column.name for column in kind.columns}
    return [name for name in records.columns if name and name not in used | set(OURS)]


def checked_source(source: str) -> str:
    if len(source) > LONGEST_SOURCE or not source.isprintable():
        raise BadFile(f"The name of a source may have at most {LONGEST_SOURCE} printable characters.")
    if source == REPLAY:
        raise BadFile(f"The name {REPLAY!r} is kept for conversations that are played again. Choose another.")
    return source


def reading_of(mapping: FileMapping) -> Reading:
    config = current_app.config
    if mapping.time_zone and not is_time_zone(mapping.time_zone):
        raise BadFile(f"The mapping's time zone {mapping.time_zone!r} is not an IANA name such as Europe/London.")
    return Reading(
        zone=ZoneInfo(mapping.time_zone or config["TIME_ZONE"]),
        region=config["DEFAULT_REGION"],
        currency=config["DEFAULT_CURRENCY"],
        now=utc_now(),
    )


def count(kind: Kind, source: str) -> int:
    return db.session.scalars(kind.total(source)).one()


def refresh_statistics() -> None:
    """PostgreSQL plans by what it knows of the tables; after a big import that is out of date for a minute."""
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("ANALYZE"))
        db.session.commit()
