"""How words come to stand on a card in the handwriting font: measured as they are drawn, on paper and on screen alike.

The font joins and varies its letters ("calt", kerning), so a line is as long as HarfBuzz shapes it, which is what both
the PDF and browsers do. Lengths are millimetres, font sizes points (1/72 inch).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from console.config import ROOT
from notes.cards.models import Paper

FONT = ROOT / "static" / "vendor" / "caveat" / "Caveat_400Regular.ttf"
POINT = 25.4 / 72
LEADING = 1.22  # from baseline to baseline, in font sizes
GAP = 0.55  # an empty line, in lines
ASCENT, DESCENT = 0.74, 0.26  # of what is written, above and below the baseline, in font sizes
RISE = 0.46  # the words stand a little above the middle, where the eye looks for them
STEP = 0.5
LONGEST = 2_000  # characters that are laid out at all


@dataclass(frozen=True)
class Format:
    """A card, lying: its size, the margin round the words, and the sizes they may have."""

    width: float
    height: float
    margin: float
    largest: float
    smallest: float  # Caveat's small letters are two fifths of its size: 17 pt reads as 14 pt of another font


FORMATS = {Paper.A6: Format(148, 105, 12, 25, 17), Paper.A5: Format(210, 148, 18, 32, 19)}


@dataclass(frozen=True)
class Line:
    """A line of words, by the left end of its baseline."""

    text: str
    x: float
    y: float


@dataclass(frozen=True)
class Laid:
    """The words of one card as they stand on it."""

    paper: Paper
    size: float
    lines: tuple[Line, ...]
    over: int  # lines that find no room, even in the smallest writing; they are the last ones

    @property
    def format(self) -> Format:
        return FORMATS[self.paper]

    @property
    def size_mm(self) -> float:
        return round(self.size * POINT, 3)


@lru_cache(maxsize=512)
def lay_out(text: str, paper: Paper) -> Laid:
    """Break the words into lines, in the largest writing in which all of them fit; else in the smallest."""
    card = FORMATS[paper]
    size = card.largest
    rows = broken(text, card.width - 2 * card.margin, size)
    while height_of(rows, size) > card.height - 2 * card.margin and size - STEP >= card.smallest:
        size -= STEP
        rows = broken(text, card.width - 2 * card.margin, size)
    return placed(rows, size, paper)


def placed(rows: list[str], size: float, paper: Paper) -> Laid:
    card = FORMATS[paper]
    spare = max(card.height - 2 * card.margin - height_of(rows, size), 0.0)
    y = card.margin + spare * RISE + size * POINT * ASCENT
    lines, over = [], 0
    for row in rows:
        if row:
            lines.append(Line(row, card.margin, round(y, 3)))
            over += y + size * POINT * DESCENT > card.height - card.margin + 0.01
        y += size * POINT * LEADING * (1 if row else GAP)
    return Laid(paper, size, tuple(lines), over)


def height_of(rows: list[str], size: float) -> float:
    """From the top of the first line to the foot of the last one."""
    steps = sum(1 if row else GAP for row in rows[:-1])
    return size * POINT * (steps * LEADING + ASCENT + DESCENT) if rows else 0.0


def broken(text: str, room: float, size: float) -> list[str]:
    """The lines of a text; an empty one stands for any number of blank lines."""
    rows: list[str] = []
    for line in text[:LONGEST].strip().splitlines():
        words = line.split()
        if words:
            rows.extend(filled(words, room, size))
        elif rows and rows[-1]:
            rows.append("")
    return rows


def filled(words: list[str], room: float, size: float) -> Iterator[str]:
    row = ""
    for word in words:
        longer = f"{row} {word}" if row else word
        if width(longer, size) <= room:
            row = longer
            continue
        if row:
            yield row
        row = word
        while width(row, size) > room:  # a word longer than a line
            fits = next(end for end in range(len(row) - 1, 0, -1) if end == 1 or width(row[:end], size) <= room)
            yield row[:fits]
            row = row[fits:]
    if row:
        yield row


def width(text: str, size: float) -> float:
    return advance(text) / 1000 * size * POINT


@lru_cache(maxsize=16_384)
def advance(text: str) -> int:
    """How far a line reaches, in thousandths of the font size."""
    import uharfbuzz

    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    uharfbuzz.shape(font(), buffer, {})
    return sum(glyph.x_advance for glyph in buffer.glyph_positions)


def lacking(text: str) -> list[str]:
    """The characters of a text that the font cannot write, each once; a blank is none."""
    have = letters()
    return list(
        dict.fromkeys(one for one in unicodedata.normalize("NFC", text) if not one.isspace() and ord(one) not in have)
    )


@cache
def letters() -> frozenset[int]:
    return frozenset(font().face.unicodes)


@cache
def font() -> Any:
    import uharfbuzz

    return uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(FONT))))
