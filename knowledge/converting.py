"""HTML into Markdown: headings, lists, tables, code, links and the words of images stay; scripts and menus go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lxml import html
from lxml.etree import ErrorTypes, ParserError
from lxml.html import HtmlElement

BLOCK_NAMES = """
address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4
h5 h6 header hr li main ol p pre section summary table tbody td tfoot th thead tr ul
"""
BLOCKS = frozenset(BLOCK_NAMES.split())
# Nothing in these is read by a person who came for the article.
UNREAD_NAMES = "script style noscript template object embed svg math canvas head nav source track"
UNREAD = frozenset(UNREAD_NAMES.split())
CONTENTS = {"toc", "table-of-contents"}
CHROME = {"navigation", "banner", "contentinfo", "search"}  # roles of what is around an article
MARKS = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~", "strike": "~~"}
PLAYED = {"iframe": "Video", "video": "Video", "audio": "Recording"}
LISTS = {"ul", "ol", "menu"}
SPECIAL = re.compile(r"([\\`*<\[\]]|(?<!\w)_|_(?!\w)|~(?=~))")
LINE_START = re.compile(r"^(#{1,6}\s|[-+]\s|>|={3,}|-{3,}|\d{1,9}[.)]\s)", re.MULTILINE)
GLUED_PICTURE = re.compile(r"(\w?)(!\[[^\[\]]*\]\([^()]*\))(?=([\w!]?))")
# A mark that ends in punctuation right before a word, as Chinese is written, is none to CommonMark.
MARKED = re.compile(r"\*\*([^\s*](?:[^*\n]*\w)?)([^\w*\n]*)\*\*(\w?)")
ADDRESS = re.compile(r"(https?://|mailto:|tel:)[^\s<>]+$", re.IGNORECASE)
RELATIVE = re.compile(r"(?![a-zA-Z][a-zA-Z0-9+.-]*:|//|#)[^\s<>\"]+$")
# What a picture's file is called: without spaces, as a camera or a screenshot calls it, or as a hash or UUID.
PICTURE_NAME = re.compile(
    r"(?:\S+|(?:screen ?shot|image|img|photo|picture)\b[^\n]*)\.(?:png|jpe?g|gif|svg|webp|bmp|tiff?|ico|heic|avif)"
    r"|(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{12,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    re.IGNORECASE,
)
APART = "<!-- -->"  # between two lists, which Markdown would read as one


class Unreadable(ValueError):
    """There is no text in it, or it is built so that it cannot be read; the message says which."""


def to_markdown(source: str) -> tuple[str, str]:
    """The title (empty when there is none) and the body of an HTML page or fragment. Raises Unreadable."""
    parser = html.HTMLParser()
    try:
        root = parsed(source, parser)
        if any(error.type == ErrorTypes.ERR_RESOURCE_LIMIT for error in parser.error_log):
            raise RecursionError  # lxml stops reading there, and says nothing
        title = " ".join(root.findtext(".//title", "").split())
        text = "\n\n".join(apart(blocks(article_in(root))))
    except RecursionError:
        raise Unreadable("its elements are nested too deeply") from None
    except (ParserError, ValueError):
        raise Unreadable("there is no text in it") from None
    return title, re.sub(r"\n{3,}", "\n\n", text).strip()


def page_facts(source: str) -> dict[str, str]:
    """What a whole page says of itself: language, its own address, keywords. Nothing for what cannot be read."""
    try:
        root = parsed(source, html.HTMLParser())
    except (ParserError, ValueError, RecursionError):
        return {}
    found = {
        "language": root.get("lang") or "",
        "url": next((link.get("href", "") for link in root.iter("link") if link.get("rel") == "canonical"), ""),
        "labels": next((meta.get("content", "") for meta in root.iter("meta") if meta.get("name") == "keywords"), ""),
    }
    return {name: value for name, value in found.items() if value}


def parsed(source: str, parser: html.HTMLParser) -> HtmlElement:
    # A declared encoding contradicts text that is already decoded.
    return html.document_fromstring(re.sub(r"^\s*<\?xml[^>]*>", "", source).replace("\0", ""), parser=parser)


def article_in(root: HtmlElement) -> HtmlElement:
    """The part that is the article: the only <main>, else the only <article>, else everything."""
    for name in ("main", "article"):
        found = list(root.iter(name))
        if len(found) == 1:
            return found[0]
    body = root.find("body")
    return root if body is None else body


def apart(found: Iterator[str]) -> Iterator[str]:
    """Two lists of one kind that follow each other stay two: the second begins at 1 again."""
    before = ""
    for text in found:
        if before and kind_of_list(before) == kind_of_list(text) != "":
            yield APART
        yield text
        before = text


def kind_of_list(text: str) -> str:
    return "-" if text.startswith("- ") else "1" if re.match(r"\d{1,6}\. ", text) else ""


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
        case "ul" | "ol" | "menu":
            if items := list(list_items(element)):
                yield "\n".join(items)
        case "table":
            yield from table(element)
        case "pre":
            if str(element.text_content()).strip():
                yield fenced(element)
        case "blockquote":
            if said := "\n\n".join(apart(blocks(element))):
                yield indented(said, "> ", "> ")
        case "hr":
            yield "---"
        case "dt" | "summary":
            yield from bold_line(element)
        case _:
            yield from blocks(element)


def bold_line(element: HtmlElement) -> Iterator[str]:
    """A term above its meaning. One that holds lists or tables, as some editors indent, is just its blocks."""
    if any(inner.tag in BLOCKS and inner.tag not in ("p", "div") for inner in element.iterdescendants()):
        yield from blocks(element)
    elif words := one_line(element):
        has_marks = words.startswith(("*", "!")) or not re.search(r"\w", words)
        yield words if has_marks else f"**{words}**"


def fenced(element: HtmlElement) -> str:
    for line_break in element.iter("br"):
        line_break.tail = "\n" + (line_break.tail or "")
    code = str(element.text_content()).strip("\n")
    inner = element.find("code")
    classes = f"{element.get('class', '')} {'' if inner is None else inner.get('class', '')}"
    kind = re.search(r"\b(?:language|lang)-([\w+#-]+)", classes)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", code)), default=0))
    return f"{fence}{kind[1] if kind else ''}\n{code}\n{fence}"


def list_items(element: HtmlElement) -> Iterator[str]:
    number = whole(element.get("start"), 1)
    marker = "- "
    if element.text and element.text.strip():
        yield f"{escaped(element.text).strip()}\n"
    for child in element:
        rest = " " * len(marker)
        if is_read(child):
            is_item = child.tag == "li"
            text = "\n\n".join(apart(blocks(child) if is_item or child.tag not in BLOCKS else block(child)))
            if is_item and text:
                number = whole(child.get("value"), number)
                marker = f"{number}. " if element.tag == "ol" else "- "
                yield indented(text, marker, " " * len(marker))
                number += 1
            elif text:  # what stands between the items, as editors write it, belongs to the one above
                yield indented(text, f"\n{rest}", rest)
        if child.tail and child.tail.strip():
            yield indented(escaped(child.tail).strip(), f"\n{rest}", rest)


def whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else otherwise


def table(element: HtmlElement) -> Iterator[str]:
    """A table of facts; one that only arranges the page (a single column, or headings inside) is just its blocks."""
    rows = [row for row in element.iter("tr") if nearest_table(row) is element]
    widest = max((len(cells_of(row)) for row in rows), default=0)
    arranging = any(inner.tag in ("h1", "h2", "h3", "table") for inner in element.iterdescendants())
    for caption in element.findall("caption"):
        yield from bold_line(caption)
    if widest < 2 or arranging:
        for row in rows:
            for cell in cells_of(row):
                yield from blocks(cell)
    else:
        yield table_lines(spread(rows))


def nearest_table(row: HtmlElement) -> HtmlElement | None:
    return next(row.iterancestors("table"), None)


def cells_of(row: HtmlElement) -> list[HtmlElement]:
    return [cell for cell in row if cell.tag in ("td", "th")]


def spread(rows: Sequence[HtmlElement]) -> list[list[str]]:
    """The cells' words in a grid; a cell over several rows is said in each of them, so that a row stands by itself."""
    grid: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}  # column: how many rows it still reaches into, words
    for row in rows:
        line: list[str] = []
        cells = iter(cells_of(row))
        while True:
            if below.get(len(line), (0, ""))[0]:
                left, words = below[len(line)]
                below[len(line)] = (left - 1, words)
                line.append(words)
                continue
            cell = next(cells, None)
            if cell is None:
                break
            words = cell_text(cell)
            for column in range(min(whole(cell.get("colspan"), 1), 50) or 1):
                below[len(line)] = (min(whole(cell.get("rowspan"), 1), 500) - 1, words)
                line.append("" if column else words)
        if any(line):
            grid.append(line)
    return grid


def table_lines(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table. Its first row is the head, as Markdown wants one."""
    widest = max((len(row) for row in rows), default=0)
    lines = [
        f"| {' | '.join([*(cell.replace('|', chr(92) + '|') for cell in row), *[''] * (widest - len(row))])} |"
        for row in rows
    ]
    return "\n".join([*lines[:1], "|" + " --- |" * widest, *lines[1:]]) if lines else ""


def cell_text(cell: HtmlElement) -> str:
    """A cell on one line: its paragraphs, the items of its lists and the lines of its code with breaks between."""
    if not any(inner.tag in BLOCKS for inner in cell.iterdescendants()):
        return one_line(cell, "<br>")
    parts: list[str] = []
    for item in blocks(cell):
        lines = item.split("\n")
        if item.startswith("```"):
            parts.extend(f"`{line.strip()}`" for line in lines[1:-1] if line.strip() and "`" not in line)
        else:
            lines = [re.sub(r"^(\s*)- ", r"\1• ", line).strip().removesuffix("\\") for line in lines if line != APART]
            parts.extend(line for line in lines if line)
    return "<br>".join(parts)


def one_line(element: HtmlElement, line_break: str = " ") -> str:
    """All of an element on one line, its blocks and breaks apart from each other."""
    words = escaped(element.text)
    for child in element:
        if is_read(child):
            words += f" {one_line(child)} " if child.tag in BLOCKS else inline(child)
        words += escaped(child.tail)
    return " ".join(unglued(words).strip().removesuffix("\\\n").replace("\\\n", line_break).split())


def inline(element: HtmlElement) -> str:
    if element.tag == "br":
        return "\\\n"
    if element.tag == "img":
        said = (element.get("alt"), element.get("title"))
        words = escaped(next((words for words in said if words and not is_only_a_name(words)), "")).strip()
        return f"![{words}]({image_address(element)})" if words else ""
    if element.tag in PLAYED:
        return played(element)
    if element.tag == "code" and "`" not in (code := str(element.text_content())):
        for line_break in element.iter("br"):
            line_break.tail = "\n" + (line_break.tail or "")
        code = str(element.text_content()) if element.find(".//br") is not None else " ".join(code.split())
        return "\\\n".join(f"`{' '.join(line.split())}`" for line in code.split("\n") if line.strip())
    words = variants(element)
    if element.tag in ("sup", "sub") and words.strip():
        return f"<{element.tag}>{words}</{element.tag}>"
    address = (element.get("href") or "").strip() if element.tag == "a" else ""
    if ADDRESS.match(address) or RELATIVE.match(address):
        return wrapped(words, "[", f"]({address.replace('(', '%28').replace(')', '%29')})")
    mark = MARKS.get(element.tag, "")
    return wrapped(words, mark, mark) if mark and not words.strip().startswith(mark) else words


def variants(element: HtmlElement) -> str:
    """The words inside. Wordings for different systems, of which a page would show one, stand apart and are named."""
    words = escaped(element.text)
    for child in element:
        if is_read(child):
            words += inline(child)
        words += escaped(child.tail)
    kind = element.get("data-for")
    if not kind or not words.strip():
        return words
    core = words.strip().removesuffix("\\").strip()  # of a break at the end
    return f" ({kind.replace(',', ', ')}: {core}) "


def played(element: HtmlElement) -> str:
    """A film cannot be shown here, but it can be opened."""
    sources = [element.get("src"), *(inner.get("src") for inner in element.iter("source"))]
    address = next((source for source in sources if source and ADDRESS.match(source)), "")
    words = escaped(element.get("title") or element.get("aria-label")).strip() or PLAYED[element.tag]
    return f" [{words}]({address.replace('(', '%28').replace(')', '%29')}) " if address else ""


def is_only_a_name(words: str) -> bool:
    """Whether a picture's words are just what its file is called, by a person or a machine."""
    return bool(PICTURE_NAME.fullmatch(words.strip().replace("\\", "")))


def image_address(element: HtmlElement) -> str:
    # A page that loads pictures when they come into sight has a placeholder for a source until then.
    sources = (element.get(name, "").strip() for name in ("data-original-src", "data-src", "src"))
    address = next((source for source in sources if ADDRESS.match(source)), "")
    return address.replace("(", "%28").replace(")", "%29")


def wrapped(words: str, before: str, after: str) -> str:
    """Marks stand at the words, not at the space around them: "a<b> c</b>" is "a **c**"."""
    core = words.strip().removeprefix("\\\n").removesuffix("\\\n")
    if not core.strip():
        return words
    begin = words.index(core)
    return f"{words[:begin]}{before}{core}{after}{words[begin + len(core) :]}"


def is_read(element: HtmlElement) -> bool:
    if not isinstance(element.tag, str) or element.tag in UNREAD:  # comments have no string for a tag
        return False
    return element.get("role") not in CHROME and not (
        {element.get("id", ""), *element.get("class", "").split()} & CONTENTS
    )


def escaped(text: str | None) -> str:
    """Words as Markdown: spaces collapsed, what would be read as a mark escaped."""
    return SPECIAL.sub(r"\\\1", re.sub(r"\s+", " ", text)) if text else ""


def paragraph(run: str) -> Iterator[str]:
    """One paragraph of loose words, its breaks kept; nothing when there are no words."""
    lines = [re.sub(" {2,}", " ", line.strip()) for line in unglued(run).split("\\\n")]
    text = "\\\n".join(line for line in lines if line)
    if text:
        yield LINE_START.sub(unmarked, text)


def unglued(words: str) -> str:
    """A picture's words stand apart from the words beside it, and a mark ends where Markdown sees it."""
    apart = GLUED_PICTURE.sub(
        lambda found: f"{found[1]}{' ' if found[1] else ''}{found[2]}{' ' if found[3] else ''}", words
    )
    return MARKED.sub(ended, apart)


def ended(mark: re.Match[str]) -> str:
    words, stop, after = mark.groups()
    return f"**{words}**{stop}{after}" if stop and after else mark[0]


def unmarked(match: re.Match[str]) -> str:
    """The beginning of a line that Markdown would take for a heading, a list or a quotation."""
    return re.sub(r"[.)]", r"\\\g<0>", match[0]) if match[0][0].isdigit() else "\\" + match[0]


def indented(text: str, first: str, rest: str) -> str:
    lines = text.split("\n")
    return "\n".join([first + lines[0], *((rest + line).rstrip() for line in lines[1:])])
