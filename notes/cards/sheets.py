"""Cards on paper: which card lies where on which sheet, and the sheets as a PDF. Lengths are millimetres.

A card has no colour up to its edge, so nothing has to bleed; its words keep 12 mm (A6) or 18 mm (A5) from the cut, far
more than the 3 mm that a cutter may be off. Four A6 or two A5 fill A4 to its edges: it is cut once or twice through the
middle, and nothing of the sheet lies outside the cards. What the packer has to know therefore stands on a page of its
own behind the sheets, and in the PDF's outline.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from notes.cards.handwriting import FONT, FORMATS, POINT, Laid, lacking, lay_out
from notes.cards.models import Paper

if TYPE_CHECKING:
    from fpdf import FPDF

INK = (29, 42, 74)
MARK = (120, 120, 120)
HAIRLINE = 0.1
EDGE, TICK, CROSS = 3.0, 9.0, 3.0  # where a mark begins and ends from the sheet's edge; half a cross in its middle


class Layout(StrEnum):
    """How cards come onto paper."""

    A4 = "a4"  # several to a page, to be cut
    SINGLE = "single"  # one to a page of its own size

    @property
    def label(self) -> str:
        return {"a4": "A4, to cut", "single": "One card a page"}[self.value]


@dataclass(frozen=True)
class Written:
    """One card to print."""

    card_id: int
    number: str  # the order's
    name: str  # "Isla M."
    body: str
    paper: Paper
    language: str


@dataclass(frozen=True)
class Place:
    """A card on a sheet, by its upper left corner."""

    x: float
    y: float
    where: str  # "top left"; empty when it is alone
    written: Written
    laid: Laid


@dataclass(frozen=True)
class Sheet:
    """One page."""

    kind: str  # of its paper: "a4-a6", "a4-a5", "a6", "a5"
    width: float
    height: float
    places: tuple[Place, ...]
    marks: tuple[tuple[float, float, float, float], ...] = ()  # lines, from (x, y) to (x, y)


A4 = {
    Paper.A6: (297, 210, ((0.25, 0, "top left"), (148.75, 0, "top right"), (0.25, 105, "bottom left"),
                          (148.75, 105, "bottom right"))),
    Paper.A5: (210, 297, ((0, 0.25, "top"), (0, 148.75, "bottom"))),
}  # fmt: skip


def sheets(cards: Sequence[Written], layout: Layout) -> list[Sheet]:
    """The pages, A6 before A5; cards that the font cannot write are left out, see `by_hand`."""
    made: list[Sheet] = []
    for paper in Paper:
        mine = [card for card in cards if card.paper is paper and not lacking(card.body)]
        made.extend(on_a4(mine, paper) if layout is Layout.A4 else alone(mine, paper))
    return made


def by_hand(cards: Sequence[Written]) -> list[Written]:
    """Those with a letter that the font does not have."""
    return [card for card in cards if lacking(card.body)]


def alone(cards: Sequence[Written], paper: Paper) -> Iterator[Sheet]:
    size = FORMATS[paper]
    for card in cards:
        place = Place(0, 0, "", card, lay_out(card.body, paper))
        yield Sheet(paper.value.lower(), size.width, size.height, (place,))


def on_a4(cards: Sequence[Written], paper: Paper) -> Iterator[Sheet]:
    width, height, corners = A4[paper]
    for start in range(0, len(cards), len(corners)):
        some = cards[start : start + len(corners)]
        places = tuple(
            Place(x, y, where, card, lay_out(card.body, paper))
            for (x, y, where), card in zip(corners, some, strict=False)
        )
        yield Sheet(f"a4-{paper.value.lower()}", width, height, places, marks(width, height, both=paper is Paper.A6))


def marks(width: float, height: float, *, both: bool) -> tuple[tuple[float, float, float, float], ...]:
    """Where to cut: through the middle across, and down too when there are four cards."""
    x, y = width / 2, height / 2
    across = ((EDGE, y, TICK, y), (width - TICK, y, width - EDGE, y))
    if not both:
        return across
    down = ((x, EDGE, x, TICK), (x, height - TICK, x, height - EDGE))
    return across + down + ((x - CROSS, y, x + CROSS, y), (x, y - CROSS, x, y + CROSS))


@dataclass(frozen=True)
class Entry:
    """Which order a card is for, for whoever packs it."""

    where: str  # "Sheet 2, top left"
    number: str
    name: str
    words: str  # how the card begins after its greeting


def key_to(pages: Sequence[Sheet]) -> list[Entry]:
    return [
        Entry(
            f"{'Sheet' if place.where else 'Page'} {number}{', ' if place.where else ''}{place.where}",
            place.written.number,
            place.written.name,
            beginning(place.written.body),
        )
        for number, page in enumerate(pages, 1)
        for place in page.places
    ]


def beginning(body: str) -> str:
    lines = [line for line in body.splitlines() if line.strip()]
    return " ".join(" ".join(lines[1:2] or lines[:1]).split()[:7])


def pdf_of(pages: Sequence[Sheet], title: str, made_at: datetime, *, with_key: bool) -> bytes:
    """The pages as a PDF, the same bytes for the same cards: words as text with the font embedded, lines as lines."""
    from fpdf import FPDF, ViewerPreferences

    pdf = FPDF(unit="mm")
    pdf.set_auto_page_break(False)
    pdf.c_margin = 0
    pdf.set_creation_date(made_at.astimezone(UTC))
    pdf.set_title(title)
    pdf.set_producer("Plus One")
    pdf.core_fonts_encoding = KEY_LETTERS
    pdf.set_lang(next((place.written.language for page in pages for place in page.places), "en"))
    pdf.viewer_preferences = ViewerPreferences(print_scaling="None", display_doc_title=True)
    pdf.add_font("hand", fname=FONT)
    pdf.set_font("hand", size=20)
    pdf.set_text_shaping(True)  # joined and varied as browsers do it, and as it was measured
    for page in pages:
        draw(pdf, page)
    if with_key and pages:
        draw_key(pdf, key_to(pages))
    return bytes(pdf.output())


def draw(pdf: FPDF, page: Sheet) -> None:
    pdf.add_page(format=(min(page.width, page.height), max(page.width, page.height)),
                 orientation="L" if page.width > page.height else "P")  # fmt: skip
    pdf.set_draw_color(*MARK)
    pdf.set_line_width(HAIRLINE)
    for mark in page.marks:
        pdf.line(*mark)
    pdf.set_text_color(*INK)
    for place in page.places:
        pdf.start_section(f"{place.written.number} · {place.written.name}")
        pdf.set_font_size(place.laid.size)
        for line in place.laid.lines:
            write(pdf, line.text, place.x + line.x, place.y + line.y, place.laid.size)


def write(pdf: FPDF, text: str, x: float, baseline: float, size: float) -> None:
    pdf.set_xy(x, baseline - 0.3 * size * POINT)  # a cell without height writes three tenths of the size below it
    pdf.cell(text=text, h=0)


KEY_FONT, KEY_SIZE, KEY_STEP, KEY_ROWS = "Helvetica", 9, 7.5, 32
BY_HAND_IS = 1.5  # times as large to be as legible
KEY_LETTERS = "cp1252"  # what the PDF's own fonts have


def draw_key(pdf: FPDF, entries: Sequence[Entry]) -> None:
    pdf.set_text_color(0, 0, 0)
    for start in range(0, len(entries), KEY_ROWS):
        rows = entries[start : start + KEY_ROWS]
        pdf.add_page(format="A4", orientation="P")
        plain(pdf, "For the packer: which card is for which order", 20, 25, 14)
        for place, entry in enumerate(rows):
            y = 38 + place * KEY_STEP
            for x, text in ((20, entry.where), (60, entry.number), (85, entry.name), (122, f"{entry.words} …")):
                plain(pdf, text, x, y, KEY_SIZE)


def plain(pdf: FPDF, text: str, x: float, baseline: float, size: float) -> None:
    """Print, and not handwriting; in that only what the PDF's own font has no letters for."""
    by_hand = not has_letters(text)
    size *= BY_HAND_IS if by_hand else 1
    pdf.set_font("hand" if by_hand else KEY_FONT, size=size)
    pdf.set_text_shaping(by_hand)
    write(pdf, writable(text) if by_hand else text, x, baseline, size)


def has_letters(text: str) -> bool:
    try:
        text.encode(KEY_LETTERS)
    except UnicodeEncodeError:
        return False
    return True


def writable(text: str) -> str:
    missing = set(lacking(text))
    return "".join("·" if letter in missing else letter for letter in text)
