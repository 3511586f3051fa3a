"""A PDF's pages as Markdown. A PDF knows letters and places only, so what is what is told from size and place:

larger letters are headings, bullets and numbers begin list items, ruled boxes are tables; what stands on every page
at the same edge is no part of the text; a word cut at a line's end is one word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pdfplumber
from pdfminer.layout import LTChar, LTTextContainer, LTTextLine
from pdfminer.pdfdocument import PDFPasswordIncorrect
from pdfplumber.utils.exceptions import PdfminerException

from knowledge.converting import LINE_START, Unreadable, escaped, table_lines, unmarked

PAGES = 1_000
EDGE = 0.12  # of the page's height, above and below, where running titles stand
BULLET = re.compile(r"^(?:[•●▪◦‣·∙○■□➢➤–—-]|\\\*)\s+|^[\uf0b7\uf0a7\u2022\u2023\u25cf]\s*")
MARKER = re.compile(r"^(?:[•●▪◦‣·∙○■□➢➤–—\uf0b7\uf0a7-]|\(cid:\d+\)|(\d{1,3})[.)]?)$")
REACH = 60  # points between a marker and its words at most
LEADERS = re.compile(r"(?:\.\s?){6,}\s*\d+\s*$")  # "Returns . . . . . . 12": a table of contents
NUMBER = re.compile(r"^(\d{1,3})[.)]\s+")
HYPHEN = re.compile(r"(?<=[a-zà-öø-ÿ])[-\u00ad\u2010]$")
BY_ITSELF = re.compile(
    r"\(?(untitled|anonymous|unspecified)\b|microsoft word - |.*\.(docx?|pdf|indd|tex|odt)$", re.IGNORECASE
)
NO_TEXT = "there is no text in it: it looks scanned"


@dataclass
class Line:
    """A line of text. Places are in points from the page's lower left corner."""

    text: str
    size: float
    bold: bool
    is_code: bool  # in letters of one width
    left: float
    bottom: float
    right: float
    top: float
    page: int
    height: float  # of its page
    box: int  # lines of one box belong together
    table: str = ""  # a whole table in place of a line

    @property
    def is_at_edge(self) -> bool:
        return self.top > self.height * (1 - EDGE) or self.bottom < self.height * EDGE


def read(content: Any) -> tuple[str, str]:
    """The title, when the file names one, and the body. Raises Unreadable."""
    try:
        with pdfplumber.open(content, laparams={}) as document:
            if len(document.pages) > PAGES:
                raise Unreadable(f"it has more than {PAGES:,} pages")
            title = plain_title(document.metadata.get("Title"))
            lines: list[Line] = []
            for page in document.pages:
                lines.extend(with_markers(list(page_lines(page))))
                page.close()
    except PdfminerException as problem:
        locked = problem.args and isinstance(problem.args[0], PDFPasswordIncorrect)
        raise Unreadable("it is locked with a password" if locked else "it is damaged") from None
    if not any(re.search(r"\w", line.text) for line in lines):
        raise Unreadable(NO_TEXT)
    return title, "\n\n".join(blocks(without_running_titles(lines)))


def plain_title(value: Any) -> str:
    """What programs write there by themselves is no title."""
    text = " ".join(str(value or "").split())
    return "" if BY_ITSELF.match(text) else text


def page_lines(page: Any) -> Iterator[Line]:
    tables = [(table.bbox, table_text(table.extract())) for table in page.find_tables()]
    tables = [(place, text) for place, text in tables if text]
    links = [(link["x0"], link["top"], link["x1"], link["bottom"], link["uri"]) for link in page.hyperlinks]
    # A font may not say which letter its bullet is; nor is it part of any line then.
    bullets = [(mark["x1"], mark["bottom"]) for mark in page.chars if mark["text"].startswith("(cid:")]
    shown: set[int] = set()
    height = float(page.height)
    for box, element in enumerate(page.layout):
        for found in element if isinstance(element, LTTextContainer) else ():
            if not isinstance(found, LTTextLine) or not found.get_text().strip() or LEADERS.search(found.get_text()):
                continue
            line = make_line(found, page.page_number * 10_000 + box, page.page_number, height, links)
            if any(0 <= line.left - x < 20 and abs(height - line.bottom - y) < line.size / 2 for x, y in bullets):
                line.text = f"• {line.text}"
            within = next((number for number, (place, _) in enumerate(tables) if is_within(line, place)), None)
            if within is None:
                yield line
            elif within not in shown:
                shown.add(within)
                line.table = tables[within][1]
                yield line


def is_within(line: Line, place: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = place  # from the page's upper edge
    middle = line.height - (line.top + line.bottom) / 2
    return left - 2 <= (line.left + line.right) / 2 <= right + 2 and top - 2 <= middle <= bottom + 2


def with_markers(lines: list[Line]) -> list[Line]:
    """A bullet or a number drawn by itself goes in front of the words on its right."""
    kept = []
    markers = [line for line in lines if MARKER.match(line.text) and not line.table]
    for marker in markers:
        beside = [
            line
            for line in lines
            if 0 <= line.left - marker.right < REACH and abs(line.bottom - marker.bottom) < 0.6 * max(line.size, 1)
        ]
        if words := min(
            (line for line in beside if not MARKER.match(line.text)), key=lambda line: line.left, default=None
        ):
            number = MARKER.match(marker.text)
            words.text = f"{number[1]}. {words.text}" if number and number[1] else f"• {words.text}"
            kept.append(marker)
    return [line for line in lines if line not in kept]


def make_line(found: LTTextLine, box: int, page: int, height: float, links: Sequence[tuple[Any, ...]]) -> Line:
    letters = [letter for letter in found if isinstance(letter, LTChar)]
    sizes = Counter(round(letter.size, 1) for letter in letters if letter.get_text().strip())
    is_code = sum(bool(re.search(r"mono|courier|consol|cmtt", letter.fontname, re.IGNORECASE)) for letter in letters)
    heavy = sum(1 for letter in letters if re.search(r"bold|black|heavy|semibold", letter.fontname, re.IGNORECASE))
    size = sizes.most_common(1)[0][0] if sizes else 0.0
    text = linked(found, height, links)
    return Line(
        text=re.sub(r"^(\d{1,3}) ", r"\1. ", text) if stands_apart(letters, size) else text,
        size=size,
        bold=heavy > 0.8 * len(letters),
        is_code=is_code > 0.9 * len(letters),
        left=found.x0,
        bottom=found.y0,
        right=found.x1,
        top=found.y1,
        page=page,
        height=height,
        box=box,
    )


def stands_apart(letters: Sequence[LTChar], size: float) -> bool:
    """Whether a number begins the line and a gap wider than between words follows: "1   Open the order"."""
    words = [letter for letter in letters if letter.get_text().strip()]
    digits = next((place for place, letter in enumerate(words) if not letter.get_text().isdigit()), 0)
    return 0 < digits < 4 and words[digits].x0 - words[digits - 1].x1 > 0.8 * size


def linked(found: LTTextLine, height: float, links: Sequence[tuple[Any, ...]]) -> str:
    """The line's words as Markdown, with the links that lie over them."""
    text, run, address = "", "", ""
    for letter in found:
        over = address_over(letter, height, links) if isinstance(letter, LTChar) else address
        if over != address:
            text, run, address = text + as_link(run, address), "", over
        run += str(letter.get_text())
    return " ".join(re.sub(r"\(cid:\d+\)", "", text + as_link(run, address)).split())


def address_over(letter: LTChar, height: float, links: Sequence[tuple[Any, ...]]) -> str:
    x, y = (letter.x0 + letter.x1) / 2, height - (letter.y0 + letter.y1) / 2
    return next((str(uri) for left, top, right, low, uri in links if left <= x <= right and top <= y <= low), "")


def as_link(words: str, address: str) -> str:
    plain = escaped(words)
    if not address.startswith(("http://", "https://", "mailto:", "tel:")) or not words.strip():
        return plain
    tail = " " if words[-1:].isspace() else ""
    target = address.replace("(", "%28").replace(")", "%29").replace(" ", "%20")
    return f"[{plain.strip()}]({target}){tail}"


def table_text(rows: Sequence[Sequence[str | None]]) -> str:
    """A Markdown table; nothing for a box with a single cell, which is a frame around text."""
    cells = [[escaped((cell or "").replace("\n", " ")).strip() for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    if not cells or max(len([cell for cell in row if cell]) for row in cells) < 2:
        return ""
    return table_lines(cells)


def without_running_titles(lines: list[Line]) -> list[Line]:
    """Leave out what stands at the edge of at least half of the pages (and three), numbers aside; and page numbers."""
    pages = len({line.page for line in lines})
    normal = usual_size(lines)
    often = Counter(words for _, words in {(line.page, edge_words(line, normal)) for line in lines if line.is_at_edge})
    least = max(3, pages / 2) if pages > 3 else 2
    return [
        line
        for line in lines
        if not line.is_at_edge
        or line.table
        or (often[edge_words(line, normal)] < least and not is_page_number(line, pages))
    ]


def edge_words(line: Line, normal: float) -> str:
    """What repeats: "Page 3 of 9" does. A heading that happens to begin a page does not, if its number changes."""
    return line.text if line.size > normal * 1.1 else re.sub(r"\d+", "0", line.text)


def usual_size(lines: list[Line]) -> float:
    """The size in points that most letters have."""
    letters: Counter[float] = Counter()
    for line in lines:
        letters[line.size] += len(line.text)
    return letters.most_common(1)[0][0]


def is_page_number(line: Line, pages: int) -> bool:
    return pages > 1 and re.fullmatch(r"\W*(page\s+)?\d{1,4}(\s*(/|of)\s*\d{1,4})?\W*", line.text, re.I) is not None


def blocks(lines: list[Line]) -> Iterator[str]:
    if not lines:
        return
    normal = usual_size(lines)
    levels = {size: min(level, 4) for level, size in enumerate(heading_sizes(lines, normal), 1)}
    for group in grouped(lines, normal, levels):
        first = group[0]
        text = joined(group)
        if first.table:
            yield first.table
        elif first.is_code:
            yield as_code(group)
        elif level := level_of(first, normal, levels):
            yield f"{'#' * level} {text}"
        elif BULLET.match(first.text):
            yield "- " + BULLET.sub("", text)
        elif NUMBER.match(first.text):
            yield text
        else:
            yield LINE_START.sub(unmarked, text)


def heading_sizes(lines: list[Line], normal: float) -> list[float]:
    """Sizes clearly above the text's, largest first; those of long runs are a leading paragraph's."""
    sizes: Counter[float] = Counter()
    for line in lines:
        if line.size >= normal * 1.12 and not line.table:
            sizes[line.size] += 1
    return sorted(sizes, reverse=True)


def level_of(line: Line, normal: float, levels: dict[float, int]) -> int:
    if line.table or line.is_code or len(line.text) > 150:
        return 0
    if line.size in levels:
        return levels[line.size]
    is_title = (
        line.bold and line.size >= normal * 0.98 and len(line.text) < 90 and not line.text.endswith((".", ":", ","))
    )
    return min(len(levels) + 1, 5) if is_title and not BULLET.match(line.text) and not NUMBER.match(line.text) else 0


def grouped(lines: list[Line], normal: float, levels: dict[float, int]) -> Iterator[list[Line]]:
    """Lines that make one heading, one list item or one paragraph, also across pages."""
    group: list[Line] = []
    for line in lines:
        if group and not continues(group[-1], line, normal, levels):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def continues(before: Line, line: Line, normal: float, levels: dict[float, int]) -> bool:
    if before.is_code or line.is_code:
        gap = before.bottom - line.top
        return before.is_code and line.is_code and before.page == line.page and gap < 1.5 * line.size
    if before.table or line.table or BULLET.match(line.text) or NUMBER.match(line.text):
        return False
    level = level_of(line, normal, levels)
    if level != level_of(before, normal, levels):
        return False
    if before.page != line.page:
        return not level and not re.search(r"[.!?:。！？]\W*$", before.text) and line.text[:1].islower()
    gap = before.bottom - line.top
    is_next = -line.size < gap < 0.6 * line.size  # the usual space between two lines
    if level:
        return is_next and gap < 0.4 * line.size
    return is_next or (before.box == line.box and gap < 0.9 * line.size)


def as_code(group: list[Line]) -> str:
    """Lines below each other, indented as they stand on the page."""
    width = max(group[0].size, 1) * 0.6  # of a letter
    left = min(line.left for line in group)
    lines = [" " * round((line.left - left) / width) + re.sub(r"\\(.)", r"\1", line.text) for line in group]
    return "```\n{}\n```".format("\n".join(lines))


def joined(group: list[Line]) -> str:
    text = group[0].text
    for line in group[1:]:
        if HYPHEN.search(text) and line.text[:1].islower():
            text = HYPHEN.sub("", text) + line.text
        else:
            text += " " + line.text
    return text.replace("\u00ad", "")
