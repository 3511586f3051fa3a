"""Cuts an article's Markdown into passages: 100 to 150 words, a small overlap, never across a heading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lxml import html
from lxml.etree import ParserError, strip_elements
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

LONGEST = 150  # words of a passage
OVERLAP = 25  # words at most that a passage repeats from the one before
PATH_SEPARATOR = " › "

PARSER = MarkdownIt("commonmark").enable("table")
UNREAD = ("script", "style", "template", "iframe", "object", "svg")  # nobody reads what stands in these
# A word; one character each in scripts that write no spaces.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]|[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]+")
# What begins with one set of letters is looked for four times as fast as three alternatives.
SENTENCE_END = re.compile(r"[.!?…。！？\n](?:(?<=[.!?…])[.!?…]*[\"”’')\]]*\s+|(?<=[。！？])[。！？]*|(?<=\n)\n*)")
CELL = " | "  # between a table's cells
# No sentence ends after these, nor after a list's number or an initial; it may after an hour.
ABBREVIATION = re.compile(
    r"(?:^|[\s(\"“])(?:e\.g|i\.e|mr|mrs|ms|dr|vs|no|nr|ca|approx|incl|[a-z]"
    r"|(?<!\bat )(?<!\bby )(?<!\bafter )(?<!\bbefore )(?<!\buntil )\d{1,2})\.$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Piece:
    """A passage before it is stored: the headings above it, and its plain text."""

    heading: str
    text: str


@dataclass(frozen=True)
class Unit:
    """A sentence, or part of a very long one. `opens` says that it begins a line."""

    text: str
    words: int
    opens: bool


def cut(title: str, body: str) -> list[Piece]:
    """Passages of Markdown `body`, in order. A heading that only repeats the title is left out of the path."""
    pieces: list[Piece] = []
    lines: list[str] = []
    above: tuple[str, ...] = ()
    for path, line in [*walk_lines(body), (None, "")]:
        if path != above and lines:
            heading = PATH_SEPARATOR.join(part for part in above if part.casefold() != title.casefold())[:500]
            pieces.extend(Piece(heading, text) for text in pack(lines))
            lines = []
        above = path if path is not None else ()
        lines.append(line)
    return pieces


def with_context(title: str, heading: str, text: str) -> str:
    """What is embedded for a passage: without title and headings in front, quality falls by a quarter."""
    return "\n".join(part for part in (title, heading, text) if part)


@lru_cache(maxsize=10_000)
def sentences(text: str) -> Sequence[tuple[int, int]]:
    """Where each sentence of a passage begins and ends, without the space around it."""
    spans = []
    start = 0
    for match in SENTENCE_END.finditer(text):
        if "\n" in match[0]:
            if is_table_head(text, text.index("\n", match.start())):
                continue
        elif ABBREVIATION.search(text[start : match.end()].rstrip()):
            continue
        spans.append((start, match.end()))
        start = match.end()
    spans.append((start, len(text)))
    trimmed = []
    for begin, end in spans:
        part = text[begin:end]
        if part.strip():
            trimmed.append((begin + len(part) - len(part.lstrip()), begin + len(part.rstrip())))
    return tuple(trimmed)


def is_table_head(text: str, end: int) -> bool:
    """Whether the line that ends there names a table's columns, which answers nothing without a row."""
    start = text.rfind("\n", 0, end) + 1
    above = text.rfind("\n", 0, max(start - 1, 0)) + 1
    below = text.find("\n", end + 1)
    return (
        text.find(CELL, start, end) >= 0
        and text.find(CELL, end, below if below >= 0 else len(text)) >= 0
        and text.find(CELL, above, start) < 0
    )


def walk_lines(body: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each line of text with the headings above it: a paragraph, a list item, a table row, a line of code."""
    path: list[tuple[int, str]] = []
    for node in SyntaxTreeNode(PARSER.parse(body)).children:
        if node.type == "heading":
            level = int(node.tag[1])
            path = [*(step for step in path if step[0] < level), (level, " ".join(unmarked(node).split()))]
        else:
            above = tuple(text for _, text in path)
            yield from ((above, line) for text in block_lines(node) for line in text.split("\n") if line.strip())


def block_lines(node: SyntaxTreeNode, marker: str = "") -> Iterator[str]:
    match node.type:
        case "paragraph" | "heading":
            yield marker + unmarked(node)
        case "bullet_list" | "ordered_list":
            first = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
            for number, item in enumerate(node.children):
                yield from item_lines(item, "• " if first is None else f"{first + number}. ")
        case "table":
            for part in node.children:
                for row in part.children:
                    yield CELL.join(unmarked(cell).replace("\n", " ") for cell in row.children)
        case "fence" | "code_block":
            yield node.content
        case "html_block":
            yield text_of_html(node.content)
        case _:
            for child in node.children:
                yield from block_lines(child)


def item_lines(item: SyntaxTreeNode, marker: str) -> Iterator[str]:
    for position, child in enumerate(item.children):
        yield from block_lines(child, marker if position == 0 else "")


def unmarked(node: SyntaxTreeNode) -> str:
    """The words of a block, without its marks."""
    return "".join(inline_text(token) for child in node.children for token in inline_tokens(child)).strip()


def inline_tokens(node: SyntaxTreeNode) -> list[Token]:
    return (node.token.children or []) if node.token and node.type == "inline" else []


def inline_text(token: Token) -> str:
    match token.type:
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case "html_inline":
            return "\n" if token.content.lower().startswith("<br") else ""
        case _:
            return token.content


def text_of_html(source: str) -> str:
    """The words that the article's page shows of it."""
    try:
        root = html.fragment_fromstring(source, create_parent="div")
        strip_elements(root, *UNREAD, with_tail=False)
        return str(root.text_content()).strip()
    except (ParserError, ValueError):
        return ""


def pack(lines: list[str]) -> list[str]:
    """Fill passages evenly: a section of 170 words becomes two of about 85, not one of 150 and a scrap."""
    units = [unit for line in lines for unit in line_units(line)]
    total = sum(unit.words for unit in units)
    goal = total if total <= LONGEST else total / -(-total // (LONGEST - OVERLAP))
    passages: list[list[Unit]] = []
    current: list[Unit] = []
    held = fresh = 0  # words of the passage; those that are not an overlap
    for unit in units:
        if fresh and (fresh >= goal or held + unit.words > LONGEST):
            passages.append(current)
            current = overlap(current, unit)
            held, fresh = sum(kept.words for kept in current), 0
        current.append(unit)
        held += unit.words
        fresh += unit.words
    if current:
        passages.append(current)
    return [joined(passage) for passage in passages]


def overlap(units: list[Unit], following: Unit) -> list[Unit]:
    """The last sentence again, when it is short: the next passage often leans on it."""
    last = units[-1]
    is_short = len(units) > 1 and last.words <= OVERLAP and last.words + following.words <= LONGEST
    return [last] if is_short else []


def joined(units: list[Unit]) -> str:
    return "".join(
        ("\n" if unit.opens and number else " " if number else "") + unit.text for number, unit in enumerate(units)
    )


def line_units(line: str) -> Iterator[Unit]:
    opens = True
    for begin, end in sentences(line):
        words = list(WORD.finditer(line, begin, end))
        for first in range(0, len(words), LONGEST - OVERLAP):
            part = words[first : first + LONGEST - OVERLAP]
            yield Unit(line[part[0].start() : part[-1].end()], len(part), opens)
            opens = False
