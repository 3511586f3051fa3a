"""HTML into Markdown: headings, lists, tables, code, links and the words of images stay; scripts and menus go."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import html
from lxml.etree import ParserError
from lxml.html import HtmlElement

BLOCK_NAMES = """
address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4
h5 h6 header hr li main ol p pre section summary table tbody td tfoot th thead tr ul
"""
BLOCKS = frozenset(BLOCK_NAMES.split())
# Nothing in these is read by a person who came for the article.
UNREAD_NAMES = "script style noscript template iframe object embed svg math canvas head nav video audio"
UNREAD = frozenset(UNREAD_NAMES.split())
CONTENTS = {"toc", "table-of-contents"}
MARKS = {"strong": "**", "b": "**", "em": "*", "i": "*"}
SPECIAL = re.compile(r"([\\`*<\[\]]|(?<!\w)_|_(?!\w))")
LINE_START = re.compile(r"^(#{1,6}\s|[-+]\s|>|={3,}|-{3,}|\d{1,9}[.)]\s)", re.MULTILINE)
ADDRESS = re.compile(r"(https?://|mailto:|tel:)[^\s<>]+$", re.IGNORECASE)


class Unreadable(ValueError):
    """There is no text in it, or it is built so that it cannot be read; the message says which."""


def to_markdown(source: str) -> tuple[str, str]:
    """The title (empty when there is none) and the body of an HTML page or fragment. Raises Unreadable."""
    # A declared encoding contradicts text that is already decoded.
    source = re.sub(r"^\s*<\?xml[^>]*>", "", source).replace("\0", "")
    try:
        root = html.document_fromstring(source)
        title = " ".join(root.findtext(".//title", "").split())
        body = root.find("body")
        start = next((found for found in root.iter("main", "article")), None)
        if start is None:
            start = root if body is None else body
        text = "\n\n".join(blocks(start))
    except RecursionError:
        raise Unreadable("its elements are nested too deeply") from None
    except (ParserError, ValueError):
        raise Unreadable("there is no text in it") from None
    return title, re.sub(r"\n{3,}", "\n\n", text).strip()


def blocks(parent: HtmlElement) -> Iterator[str]:
    """The Markdown blocks of an element's children; loose words between blocks become paragraphs."""
    run = escaped(parent.text)
    for child in parent:
        if is_read(child):
            if child.tag in BLOCKS or any(inner.tag in BLOCKS for inner in child.iterdescendants()):
                yield from paragraph(run)
                yield from block(child)
                run = ""
            else:
                run += inline(child)
        run += escaped(child.tail)
    yield from paragraph(run)


def block(element: HtmlElement) -> Iterator[str]:
    match element.tag:
        case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
            if words := one_line(element):
                yield f"{'#' * int(element.tag[1])} {words}"
        case "ul" | "ol":
            if items := list(list_items(element)):
                yield "\n".join(items)
        case "table":
            if rows := list(table_rows(element)):
                yield "\n".join(rows)
        case "pre":
            yield f"```\n{str(element.text_content()).strip(chr(10))}\n```"
        case "blockquote":
            yield indented("\n\n".join(blocks(element)), "> ", "> ")
        case "hr":
            yield "---"
        case "dt" | "summary":
            if words := one_line(element):
                yield f"**{words}**"
        case _:
            yield from blocks(element)


def list_items(element: HtmlElement) -> Iterator[str]:
    start = element.get("start") or "1"
    number = int(start) if start.isascii() and start.isdigit() and len(start) < 6 else 1
    for child in element:
        if not is_read(child):
            continue
        marker = "- " if element.tag == "ul" else f"{number}. "
        if child.tag in ("ul", "ol"):  # a list directly inside a list, as editors write it
            marker = "  "
        if text := "\n\n".join(blocks(child) if child.tag not in ("ul", "ol") else block(child)):
            yield indented(text, marker, " " * len(marker))
            number += 1


def table_rows(table: HtmlElement) -> Iterator[str]:
    rows = [[cell for cell in row if cell.tag in ("td", "th")] for row in table.iter("tr")]
    widest = max((len(row) for row in rows), default=0)
    for position, row in enumerate(row for row in rows if row):
        cells = [one_line(cell).replace("|", "\\|") for cell in row]
        yield f"| {' | '.join(cells + [''] * (widest - len(cells)))} |"
        if position == 0:
            yield "|" + " --- |" * widest


def one_line(element: HtmlElement) -> str:
    """All of an element on one line, its blocks and breaks apart from each other."""
    words = escaped(element.text)
    for child in element:
        if is_read(child):
            words += f" {one_line(child)} " if child.tag in BLOCKS else " " if child.tag == "br" else inline(child)
        words += escaped(child.tail)
    return " ".join(words.replace("\\\n", " ").split())


def inline(element: HtmlElement) -> str:
    if element.tag == "br":
        return "\\\n"
    if element.tag == "img":
        words = escaped(element.get("alt")).strip()
        return f"![{words}]({image_address(element)})" if words else ""
    if element.tag == "code" and "`" not in (code := " ".join(str(element.text_content()).split())):
        return f"`{code}`" if code else ""
    words = escaped(element.text)
    for child in element:
        words += (inline(child) if is_read(child) else "") + escaped(child.tail)
    address = (element.get("href") or "").strip() if element.tag == "a" else ""
    if ADDRESS.match(address):
        return wrapped(words, "[", f"]({address.replace('(', '%28').replace(')', '%29')})")
    mark = MARKS.get(element.tag, "")
    return wrapped(words, mark, mark) if mark and not words.strip().startswith(mark) else words


def image_address(element: HtmlElement) -> str:
    address = (element.get("src") or "").strip()
    return address.replace("(", "%28").replace(")", "%29") if ADDRESS.match(address) else ""


def wrapped(words: str, before: str, after: str) -> str:
    """Marks stand at the words, not at the space around them: "a<b> c</b>" is "a **c**"."""
    core = words.strip()
    if not core:
        return words
    lead = words[: len(words) - len(words.lstrip())]
    return f"{lead}{before}{core}{after}{words[len(words.rstrip()) :]}"


def is_read(element: HtmlElement) -> bool:
    if not isinstance(element.tag, str) or element.tag in UNREAD:  # comments have no string for a tag
        return False
    return not ({element.get("id", ""), *element.get("class", "").split()} & CONTENTS)


def escaped(text: str | None) -> str:
    """Words as Markdown: spaces collapsed, what would be read as a mark escaped."""
    return SPECIAL.sub(r"\\\1", re.sub(r"\s+", " ", text)) if text else ""


def paragraph(run: str) -> Iterator[str]:
    """One paragraph of loose words, its breaks kept; nothing when there are no words."""
    lines = [re.sub(" {2,}", " ", line.strip()) for line in run.split("\\\n")]
    text = "\\\n".join(line for line in lines if line)
    if text:
        yield LINE_START.sub(unmarked, text)


def unmarked(match: re.Match[str]) -> str:
    """The beginning of a line that Markdown would take for a heading, a list or a quotation."""
    return re.sub(r"[.)]", r"\\\g<0>", match[0]) if match[0][0].isdigit() else "\\" + match[0]


def indented(text: str, first: str, rest: str) -> str:
    lines = text.split("\n")
    return "\n".join([first + lines[0], *((rest + line).rstrip() for line in lines[1:])])
