"""How well notes are read: python -m bench.note_findings [FILE] [--json] [--part untouched] [--mistakes] [--sensitive]

FILE holds one sentence a line: {"text": …, "kinds": ["preference" | "boundary" | "promise" | "fact", …], "due": …}.
Without FILE it is bench/data/note_findings.jsonl, of which "part" "tuning" chose the numbers and "untouched" is what
counts. Prints precision, recall and support of each kind with the shipped examples and the shipped model, as the
server's workers read it, and of how many dues that are given the same day (and time, where one is given) is understood.
--sensitive reads for the sensitive topics instead (health, religion, politics, insult, secret), as a note's writer is
asked about them; without FILE then bench/data/sensitive_notes.jsonl, which is divided in the same way.
"due" is a day or a moment (ISO), read from "written" (ISO) of the line or of --written; or the words that say it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from console.config import ROOT
from knowledge.embedding import Encoder
from notes.findings import sensitive
from notes.findings.due_dates import due_in
from notes.findings.recognising import FROM, Finder, ordinary, shipped

LABELLED = ROOT / "bench" / "data" / "note_findings.jsonl"
SENSITIVE = ROOT / "bench" / "data" / "sensitive_notes.jsonl"
WRITTEN = "2026-11-18T10:00:00"  # the Wednesday that the labelled file was written for


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.note_findings", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--sensitive", action="store_true", help="the sensitive topics")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", help="only the lines whose “part” is this")
    parser.add_argument("--mistakes", action="store_true", help="also print each sentence that is read wrongly")
    parser.add_argument("--written", default="", help="when the sentences were written, ISO")
    parser.add_argument("--zone", default="Europe/London", help="the customers' time zone, IANA")
    options = parser.parse_args()
    usual = options.written or (datetime.now(UTC).isoformat() if options.file else WRITTEN)
    rows = lines_of(options.file or (SENSITIVE if options.sensitive else LABELLED), options.part)
    model = Encoder("", ROOT / "var")
    if not model.load():
        raise SystemExit("The embedding model cannot be loaded.")
    model.export()
    codes, found = (topics_in if options.sensitive else kinds_in)([row["text"] for row in rows], model)
    for line in [*measured(codes, rows, found), *dues(rows, usual, ZoneInfo(options.zone))]:
        print(json.dumps(line) if options.json else "  ".join(f"{name} {value}" for name, value in line.items()))
    for row, own in zip(rows, found, strict=True):
        if options.mistakes and own != set(row["kinds"]):
            print(json.dumps({"text": row["text"], "kinds": sorted(row["kinds"]), "found": sorted(own)}))


def kinds_in(texts: Sequence[str], model: Encoder) -> tuple[list[str], list[set[str]]]:
    """The codes of what is looked for, and those found in each text."""
    finder = Finder(shipped(), ordinary(), model.encode)
    codes = [kind.code for kind in finder.kinds]
    scores = finder.scores(texts).tolist()
    return codes, [{code for code, score in zip(codes, own, strict=True) if score >= FROM} for own in scores]


def topics_in(texts: Sequence[str], model: Encoder) -> tuple[list[str], list[set[str]]]:
    topics = sensitive.shipped()
    finder = Finder(topics, sensitive.ordinary(), model.encode, sensitive.wording_of(topics))
    codes = {topic.label: topic.code for topic in topics}
    found = [{codes.get(one.topic, one.topic) for one in sensitive.remarks_on(text, topics, finder)} for text in texts]
    return list(codes.values()), found


def lines_of(file: Path, part: str | None) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            row["kinds"] = [str(kind).casefold() for kind in row.get("kinds") or []]
            row["text"] = str(row["text"])
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise SystemExit(f"Line {number} of {file} is not of the form {{text, kinds, due?}}: {problem}") from None
        if part is None or row.get("part") == part:
            rows.append(row)
    if not rows:
        raise SystemExit("There are no such sentences in this file.")
    return rows


def measured(codes: Sequence[str], rows: Sequence[dict[str, Any]], found: Sequence[set[str]]) -> list[dict[str, Any]]:
    lines = []
    counts = [0, 0, 0]
    for code in codes:
        right = sum(code in own and code in row["kinds"] for row, own in zip(rows, found, strict=True))
        told, there = sum(code in own for own in found), sum(code in row["kinds"] for row in rows)
        counts = [total + one for total, one in zip(counts, (right, told, there), strict=True)]
        lines.append(line_of(code, right, told, there))
    return [*lines, line_of("all", *counts)]


def line_of(kind: str, right: int, told: int, there: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "precision": round(right / told, 3) if told else None,
        "recall": round(right / there, 3) if there else None,
        "support": there,
    }


def dues(rows: Sequence[dict[str, Any]], usual: str, zone: ZoneInfo) -> list[dict[str, Any]]:
    given = [row for row in rows if row.get("due")]
    if not given:
        return []
    right = sum(is_right(row, str(row.get("written") or usual), zone) for row in given)
    return [{"kind": "due", "accuracy": round(right / len(given), 3), "support": len(given)}]


def is_right(row: dict[str, Any], written: str, zone: ZoneInfo) -> bool:
    written_at = datetime.fromisoformat(written)
    written_at = written_at if written_at.tzinfo else written_at.replace(tzinfo=zone)
    found = due_in(row["text"], written_at, zone)
    if found is None:
        return False
    local, due = found.astimezone(zone), str(row["due"])
    try:
        if len(due) == 10:
            return local.date() == date.fromisoformat(due)
        wanted = datetime.fromisoformat(due)
    except ValueError:  # the words themselves
        return found == due_in(due, written_at, zone)
    wanted = wanted.astimezone(zone) if wanted.tzinfo else wanted.replace(tzinfo=zone)
    is_day = wanted.time() in (time(0), time(23, 59), time(23, 59, 59))
    return local.date() == wanted.date() if is_day else local.replace(second=0) == wanted.replace(second=0)


if __name__ == "__main__":
    main()
