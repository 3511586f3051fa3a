"""What an import did: counts, warnings, and every rejected row in a file of its own."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from console.card_numbers import IN_A_ROW, masked
from console.importing.saving import Outcome

LONGEST_RAW = 4000  # characters of a line that are repeated beside its reason
SHOWN = 5
SHOWN_SENSITIVE = 20
OURS = ("rejected_line", "rejected_because", "rejected_text")  # beside the row's own columns; no kind has any so called


@dataclass
class Report:
    """Rows by outcome, as the database answered, and what this source has in it afterwards."""

    kind: str
    source: str
    dry_run: bool
    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    skipped: int = 0  # rows that the mapping leaves out
    warnings: Mapping[str, int] = field(default_factory=dict)
    sensitive: Mapping[int, str] = field(default_factory=dict)  # line → topics that its words touch
    ignored: Sequence[str] = ()  # columns of the file that nothing was made of
    before: int = 0
    after: int = 0
    seconds: float = 0
    first_rejects: list[str] = field(default_factory=list)
    rejects: Path | None = None

    @property
    def is_exact(self) -> bool:
        """Whether the database holds as many more rows as were inserted. Another import meanwhile makes it false."""
        return self.after - self.before == self.counts[Outcome.INSERTED]

    def lines(self) -> list[str]:
        """The report as it is printed."""
        head = "Dry run, nothing was kept. Would have been: " if self.dry_run else ""
        counts = ", ".join(f"{self.counts[outcome]:,} {outcome}" for outcome in Outcome)
        told = [f"{head}{self.kind}: {counts}" + (f", {self.skipped:,} skipped by the mapping" if self.skipped else "")]
        would = "would then hold" if self.dry_run else "now holds"
        told.append(
            f"The database {would} {self.after:,} {self.kind} of the source {self.source!r} ({self.before:,} before)."
        )
        if not self.is_exact:
            told.append("That is not what was inserted: something else wrote rows of this source meanwhile.")
        told += [f"{number:,} times: {text}." for text, number in sorted(self.warnings.items())]
        told += self.sensitive_lines()
        if self.ignored:
            told.append(f"Columns that were not used: {', '.join(self.ignored)}.")
        told += self.first_rejects
        if (more := self.counts[Outcome.REJECTED] - len(self.first_rejects)) > 0:
            told.append(f"… and {more:,} more.")
        if self.rejects:
            told.append(f"Every rejected row, with its line and reason: {self.rejects}")
        told.append(f"{self.seconds:.1f} s")
        return told

    def sensitive_lines(self) -> list[str]:
        """Which lines to look at again; never their words, for a report is passed on."""
        if not self.sensitive:
            return []
        shown = [f"Line {line}: {what}." for line, what in sorted(self.sensitive.items())[:SHOWN_SENSITIVE]]
        more = len(self.sensitive) - len(shown)
        head = f"{len(self.sensitive):,} notes touch what is better not written down (customers may read it one day):"
        return [head, *shown, *([f"… and {more:,} more."] if more else [])]


class Rejects:
    """The file of rejected rows: its line, the reason, its own columns. Made when the first row is rejected."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.columns = path, list(columns)
        self.file: IO[str] | None = None
        self.written = 0

    def __enter__(self) -> Rejects:
        if is_ours(self.path):
            self.path.unlink()  # of an earlier run; left lying about it would seem to be of this one
        return self

    def add(self, line: int, reason: str, values: Mapping[str, Any], raw: str) -> None:
        if self.file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600)  # it holds customers' data
            self.file = self.path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
            self.writer = csv.writer(self.file)
            self.writer.writerow([*OURS[:2], *self.columns, OURS[2]])
        own = [cell(values.get(column)) for column in self.columns]
        row = [*own, "" if values and own else cell(raw)]
        if IN_A_ROW in reason:  # nor does it get onto the disk this way
            row = [masked(text) for text in row]
        self.writer.writerow([line, reason, *row])
        self.written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.file:
            self.file.close()


def is_ours(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(OURS[0])) == OURS[0].encode()


def cell(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return text.replace("\0", "␀")[:LONGEST_RAW]
