"""What changed between two versions of an article: line beside line, and within a line word by word. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from typing import Literal

WORDS = re.compile(r"\s+|\w+|[^\w\s]")
AROUND = 2  # unchanged lines shown on either side of a change
MOST_PAIRS = 250_000  # of lines and of words held against each other; at worst, where words repeat, two seconds
ALIKE = 0.4  # two lines that share fewer of their words are one taken and one added


@dataclass(frozen=True)
class Part:
    """A stretch of a line; `changed` when the other version has not got it."""

    text: str
    changed: bool = False


@dataclass(frozen=True)
class Row:
    """A line of each version beside the other. A side that has no such line is None."""

    kind: Literal["same", "changed", "taken", "added", "skipped"]
    before: tuple[Part, ...] | None = None
    after: tuple[Part, ...] | None = None
    skipped: int = 0  # how many unchanged lines this row stands for


def compare(before: str, after: str) -> list[Row]:
    """Rows in reading order, long unchanged stretches folded; empty when the two are the same."""
    return [] if before == after else folded(Comparison().rows(before.splitlines(), after.splitlines()))


class Comparison:
    """One comparison, which has only so much patience: what comes after is shown whole instead of word by word."""

    def __init__(self) -> None:
        self.left = MOST_PAIRS

    def rows(self, old: Sequence[str], new: Sequence[str]) -> list[Row]:
        rows: list[Row] = []
        for change, old_from, old_to, new_from, new_to in self.steps(old, new):
            if change == "equal":
                rows.extend(Row("same", (Part(line),), (Part(line),)) for line in old[old_from:old_to])
            else:
                for pair in zip_longest(old[old_from:old_to], new[new_from:new_to]):
                    rows.extend(self.beside(*pair))
        return rows

    def beside(self, old: str | None, new: str | None) -> list[Row]:
        """One row for two lines that resemble each other, otherwise one for each."""
        if old is not None and new is not None:
            if similarity(old, new) >= ALIKE:
                return [Row("changed", *self.by_word(WORDS.findall(old), WORDS.findall(new)))]
            return [*self.beside(old, None), *self.beside(None, new)]
        if old is not None:
            return [Row("taken", (Part(old, True),))] if old.strip() else []
        return [Row("added", None, (Part(new, True),))] if new and new.strip() else []

    def by_word(self, old: Sequence[str], new: Sequence[str]) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
        before: list[Part] = []
        after: list[Part] = []
        for change, old_from, old_to, new_from, new_to in self.steps(old, new):
            changed = change != "equal"
            if old_from < old_to:
                before.append(Part("".join(old[old_from:old_to]), changed))
            if new_from < new_to:
                after.append(Part("".join(new[new_from:new_to]), changed))
        return tuple(before), tuple(after)

    def steps(self, old: Sequence[str], new: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
        """difflib's opcodes; without patience, one replacement between what both begin and end with."""
        shorter = min(len(old), len(new))
        head = next((n for n in range(shorter) if old[n] != new[n]), shorter)
        tail = next((n for n in range(shorter - head) if old[-1 - n] != new[-1 - n]), shorter - head)
        inner_old, inner_new = old[head : len(old) - tail], new[head : len(new) - tail]
        pairs = len(inner_old) * len(inner_new)
        if pairs > self.left:
            inner = [("replace", 0, len(inner_old), 0, len(inner_new))]
        else:
            self.left -= pairs
            inner = list(SequenceMatcher(None, inner_old, inner_new, autojunk=False).get_opcodes())
        found = [("equal", 0, head, 0, head)] if head else []
        found += [(change, a + head, b + head, c + head, d + head) for change, a, b, c, d in inner]
        if tail:
            found.append(("equal", len(old) - tail, len(old), len(new) - tail, len(new)))
        return found


def similarity(old: str, new: str) -> float:
    """The share of their words that two lines have in common, 0 to 1."""
    ours, theirs = set(re.findall(r"\w+", old)), set(re.findall(r"\w+", new))
    return len(ours & theirs) / max(1, min(len(ours), len(theirs)))


def folded(rows: Sequence[Row]) -> list[Row]:
    """Unchanged lines far from any change become one row that counts them."""
    near = {place + step for place, row in enumerate(rows) if row.kind != "same" for step in range(-AROUND, AROUND + 1)}
    result: list[Row] = []
    for is_near, run in groupby(range(len(rows)), key=near.__contains__):
        stretch = [rows[place] for place in run]
        is_short = len(stretch) <= AROUND or not any(part.text for row in stretch for part in row.before or ())
        result.extend(stretch if is_near or is_short else [Row("skipped", skipped=len(stretch))])
    return result
