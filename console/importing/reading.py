"""Files as a stream of records, each with its line number. Whatever is wrong with one line stays with that line."""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from console.importing.problems import BadFile, BadRow

LONGEST_LINE = 4 * 1024 * 1024  # bytes
LONGEST_FIELD = 131_072  # characters; a quote that is never closed would else swallow the file
BYTE_ORDER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Record:
    """A line that could be read: column or key to value. `line` is where it begins, counted from 1."""

    line: int
    values: dict[str, Any]
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that could not."""

    line: int
    reason: str
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    text: str
    problem: str = ""


class Lines:
    """The physical lines of a file. Undecodable bytes, NULs and endless lines are marked, not raised."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self.file, self.encoding = file, encoding
        self.position = 0  # bytes read, for the progress bar
        self.number = 0

    def read(self) -> Line | None:
        raw = self.file.readline(LONGEST_LINE)
        if not raw:
            return None
        self.number += 1
        self.position += len(raw)
        if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
            self.skip_rest()
            return Line(self.number, "", f"The line is longer than {LONGEST_LINE // 1024 // 1024} MB.")
        if b"\0" in raw:
            return Line(self.number, raw.decode(self.encoding, "replace").replace("\0", "␀"), "It holds a NUL byte.")
        try:
            return Line(self.number, raw.decode(self.encoding))
        except UnicodeDecodeError as error:
            reason = f"It is not {self.encoding.upper()}: byte 0x{raw[error.start]:02X} at place {error.start + 1}."
            return Line(self.number, raw.decode(self.encoding, "replace"), reason)

    def skip_rest(self) -> None:
        while raw := self.file.readline(LONGEST_LINE):
            self.position += len(raw)
            if raw.endswith(b"\n"):
                return


@dataclass
class CsvFile:
    """Records of a CSV file. After an unclosed quote it goes on with the next line, not at the end of the file."""

    lines: Lines
    delimiter: str = ""
    columns: list[str] = field(default_factory=list)
    waiting: deque[Line] = field(default_factory=deque)  # read ahead by a record that came to nothing
    taken: list[Line] = field(default_factory=list)  # by the record being read

    def __post_init__(self) -> None:
        first = self.lines.read()
        if first is None:
            raise BadFile("The file is empty.")
        if first.problem:
            raise BadFile(f"The header cannot be read. {first.problem} Save the file as UTF-8, or name its encoding.")
        self.delimiter = self.delimiter or max(DELIMITERS, key=first.text.count)
        self.waiting.append(first)
        csv.field_size_limit(LONGEST_FIELD)  # the process has one limit, and articles may be longer
        self.parser = csv.reader(self, delimiter=self.delimiter, strict=True)
        header = next(iter(self.parsed()))
        if isinstance(header, Broken):
            raise BadFile(f"The header cannot be read: {header.reason}")
        self.columns = [name.strip() for name in header[1]]
        names = [name for name in self.columns if name]
        if twice := {name for name in names if names.count(name) > 1}:
            raise BadFile(f"The header names a column twice: {', '.join(sorted(twice))}.")

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """The parser's next physical line."""
        line = self.waiting.popleft() if self.waiting else self.lines.read()
        if line is None:
            raise StopIteration
        self.taken.append(line)
        return line.text

    def records(self) -> Iterator[Record | Broken]:
        for row in self.parsed():
            if isinstance(row, Broken):
                yield row
                continue
            line, fields = row
            if len(fields) != len(self.columns):
                reason = f"It has {len(fields)} fields where the header has {len(self.columns)}."
                yield Broken(line, reason, self.delimiter.join(fields))
            else:
                yield Record(line, dict(zip(self.columns, fields, strict=True)))

    def parsed(self) -> Iterator[tuple[int, list[str]] | Broken]:
        while True:
            self.taken.clear()
            try:
                fields = next(self.parser)
            except StopIteration:
                return
            except csv.Error as error:
                # Perhaps a quote that is never closed: only its first line is lost, the rest is read again.
                first, *rest = self.taken
                self.waiting.extendleft(reversed(rest))
                yield Broken(first.number, first.problem or csv_reason(error, bool(rest)), first.text)
                continue
            first = self.taken[0]
            if problem := next((line.problem for line in self.taken if line.problem), ""):
                yield Broken(first.number, problem, "".join(line.text for line in self.taken))
            elif fields:
                yield first.number, fields


@dataclass
class JsonFile:
    """Records of a file with one JSON object on each line."""

    lines: Lines
    columns: list[str] = field(default_factory=list)  # none are known beforehand

    def records(self) -> Iterator[Record | Broken]:
        while line := self.lines.read():
            if line.problem:
                yield Broken(line.number, line.problem, line.text)
            elif line.text.strip():
                try:
                    yield Record(line.number, json_object(line.text), line.text)
                except BadRow as problem:
                    yield Broken(line.number, str(problem), line.text)


def open_records(path: Path, file: BinaryIO, encoding: str, delimiter: str) -> CsvFile | JsonFile:
    """The reader for this file, its header read. Raises BadFile when it can be no table at all."""
    start = file.read(4)
    for mark, name in BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            raise BadFile(f"The file is {name}. Save it as UTF-8 and try again.")
    file.seek(3 if start.startswith(b"\xef\xbb\xbf") else 0)
    lines = Lines(file, encoding)
    if path.suffix.lower() not in {".jsonl", ".ndjson", ".json"}:
        return CsvFile(lines, delimiter)
    first = file.readline(LONGEST_LINE).strip()
    if not first.startswith(b"{"):
        raise BadFile("The first line is not a JSON object. One object on each line is wanted (JSONL).")
    file.seek(3 if start.startswith(b"\xef\xbb\xbf") else 0)
    return JsonFile(lines)


def json_object(text: str) -> dict[str, Any]:
    """Raises BadRow for anything but a JSON object."""
    try:
        value = json.loads(text, parse_constant=no_number)
    except RecursionError:
        raise BadRow("It is nested too deeply.") from None
    except ValueError as error:
        raise BadRow(f"It is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise BadRow("It is not a JSON object.")
    return value


def no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def csv_reason(error: csv.Error, went_on: bool) -> str:
    text = str(error)
    if went_on or "unexpected end of data" in text or "field larger" in text:
        return "A quote is opened and never closed."
    if "expected after" in text:
        return "Something follows a closing quote: a quote inside a field must be doubled."
    return f"It is not CSV: {text}."
