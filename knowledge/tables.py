"""Tables with an article on each line: JSONL and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from knowledge.decoding import NotText, decoded
from knowledge.drafts import LARGEST, Draft, Rejected, draft_from, first_of

TABLES = frozenset({".jsonl", ".ndjson", ".csv", ".tsv"})
SAMPLE = 65_536  # bytes from which a table's encoding and separator are told

Row = dict[str, Any]


def read_table(file: Path, where: str, mapping: Mapping[str, str]) -> Iterator[Draft | Rejected]:
    try:
        rows = json_rows(file) if file.suffix.lower() in (".jsonl", ".ndjson") else csv_rows(file)
        if file.stat().st_size == 0:
            yield Rejected(where, "it is empty")
        for number, row in rows:
            place = f"{where}, line {number}"
            if isinstance(row, str):
                yield Rejected(place, row)
                continue
            renamed = {**row, **{ours: row[theirs] for ours, theirs in mapping.items() if theirs in row}}
            external_id = first_of(renamed, "external_id")
            if not external_id:
                yield Rejected(place, "it has no id")
            else:
                yield draft_from(renamed, place, str(external_id), str(external_id))
    except NotText as problem:
        yield Rejected(where, str(problem))
    except OSError as error:
        yield Rejected(where, error.strerror or "it cannot be read")


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
    csv.field_size_limit(LARGEST)
    encoding, separator = form_of(file)
    with file.open(encoding=encoding, errors="replace", newline="") as lines:
        reader = csv.DictReader((line.replace("\0", "") for line in lines), delimiter=separator)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reader.line_num, f"it is not valid CSV ({error})"
                return
            yield reader.line_num, {name: value for name, value in row.items() if name is not None and value}


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
