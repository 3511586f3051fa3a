"""Tables with an article on each line: JSONL and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.decoding import NotText, decoded
from knowledge.drafts import LARGEST, Draft, Rejected, draft_from, first_of

TABLES = frozenset({".jsonl", ".ndjson", ".csv", ".tsv"})
SAMPLE = 65_536  # bytes from which a table's encoding and separator are told

UNCLOSED = "a quote opens here and is not closed where its column ends"

Row = dict[str, Any]


@dataclass(frozen=True)
class Unread(Rejected):
    """A table, or a line of it, that could not be read: nobody knows which articles stood there."""

    file: str = ""


class Lines:
    """The lines of a file, numbered from 1. Those that were taken too early can be put back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines, self.waiting = iter(lines), deque[str]()
        self.number = 0  # of the line that was taken last
        self.first = 0  # of the record that it belongs to

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.waiting.popleft() if self.waiting else next(self.lines)
        self.number += 1
        return line

    def put_back(self, taken: list[str]) -> None:
        self.waiting.extendleft(reversed(taken))
        self.number -= len(taken)


def read_table(file: Path, where: str, mapping: Mapping[str, str]) -> Iterator[Draft | Rejected]:
    try:
        rows = json_rows(file) if file.suffix.lower() in (".jsonl", ".ndjson") else csv_rows(file)
        if file.stat().st_size == 0:
            yield Unread(where, "it is empty", file=where)
        for number, row in rows:
            place = f"{where}, line {number}"
            if isinstance(row, str):
                yield Unread(place, row, file=where)
                continue
            renamed = {**row, **{ours: row[theirs] for ours, theirs in mapping.items() if theirs in row}}
            external_id = first_of(renamed, "external_id")
            if not external_id:
                yield Unread(place, "it has no id", file=where)
            else:
                yield draft_from(renamed, place, str(external_id), str(external_id))
    except NotText as problem:
        yield Unread(where, str(problem), file=where)
    except OSError as error:
        yield Unread(where, error.strerror or "it cannot be read", file=where)


def json_rows(file: Path) -> Iterator[tuple[int, Row | str]]:
    """Numbered rows; a string instead of a row says what is wrong with that line."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig"))
            except UnicodeDecodeError:
                yield number, "it is not UTF-8"
            except (ValueError, RecursionError):
                yield number, "it is not valid JSON"
            else:
                yield number, row if isinstance(row, dict) else "it is not a JSON object"


def csv_rows(file: Path) -> Iterator[tuple[int, Row | str]]:
    """Rows by the number of their first line. After one that cannot be read, the next is one with all its columns."""
    csv.field_size_limit(LARGEST)
    encoding, separator = form_of(file)
    with file.open(encoding=encoding, errors="replace", newline="") as text:
        lines = Lines(line.replace("\0", "") for line in text)
        names: list[str] = []
        broken, last, problem = 0, 0, ""  # the line that cannot be read, the last one that goes with it, why
        while (fields := next_record(lines, separator, len(names))) is not None:
            if broken and (isinstance(fields, str) or len(fields) == len(names)):
                yield broken, left_out(problem, broken, last)
                broken = 0
            if isinstance(fields, str):
                broken, problem = lines.number, fields
            elif not broken and not names:
                names = fields
            elif not broken and (row := {name: value for name, value in zip(names, fields, strict=False) if value}):
                yield lines.first, row
            last = lines.number
        if broken:
            yield broken, left_out(problem, broken, last)


def left_out(problem: str, first: int, last: int) -> str:
    return f"{problem}: lines {first} to {last} are left out" if last > first else f"{problem}: this line is left out"


def next_record(lines: Lines, separator: str, width: int) -> list[str] | str | None:
    """A record's fields; none at the end. A string says why it cannot be read: then it is its first line alone.

    So a quote that nobody closed swallows none of the rows below it. `width` is how many columns there are, if known.
    """
    lines.first, taken = lines.number + 1, list[str]()

    def take() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    try:
        fields = next(csv.reader(take(), delimiter=separator, strict=True), None)
        if not any(ends_in_next_row(field, separator) for field in fields or ()):
            return fields
        lines.put_back(taken[1:])
        return UNCLOSED
    except csv.Error:
        lines.put_back(taken[1:])
    alone = csv.reader([taken[0], ""], delimiter=separator)
    try:
        fields = next(alone)
    except csv.Error:
        return f"it is larger than {LARGEST // 1_000_000} MB"
    # A quote among words that changes no column is just a sign.
    return fields if alone.line_num == 1 and len(fields) == (width or len(fields)) else UNCLOSED


def ends_in_next_row(field: str, separator: str) -> bool:
    """Whether its quote seems to be closed by the one that opens a column of the next row: 2,Title,"."""
    before, _, line = field.rpartition("\n")
    return bool(before) and line.endswith(separator) and line.count(separator) > 1


def form_of(file: Path) -> tuple[str, str]:
    """A table's encoding and what stands between its columns. Raises NotText."""
    with file.open("rb") as start:
        sample = start.read(SAMPLE)
    if len(sample) == SAMPLE:  # it may end within a letter of several bytes
        sample = sample[: sample.rfind(b"\n") + 1] or sample[:-4]
    is_wide = sample.startswith((b"\xff\xfe", b"\xfe\xff"))
    encoding = "utf-16" if is_wide else decoded(sample).guessed or "utf-8-sig"
    header = next(iter(io.StringIO(sample.decode(encoding, errors="replace"))), "")
    return encoding, max(",;\t", key=header.count)
