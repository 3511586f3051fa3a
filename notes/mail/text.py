"""The words of an e-mail: from HTML to plain text, and where what was said before begins."""

from __future__ import annotations

import re

from lxml import html
from lxml.etree import LxmlError
from lxml.html import HtmlElement

from notes.screening import LONGEST_NOTE, tidy

LINE_END = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/blockquote|/table|/ul|/ol|hr)\b[^<>]*>", re.IGNORECASE)
LIST_ITEM = re.compile(r"<li\b[^<>]*>", re.IGNORECASE)
MARK = "\ue000"  # stands for a line end while the file's own ones are made blanks
# "On 3 May 2026, Isla Mercer wrote:", perhaps over two lines, in the languages that mail programs write it most.
WROTE = re.compile(
    r"^(?:On|Am|Le|El|Op|Il|W dniu|Den|Em)\b[^\n]{4,200}(?:\n[^\n]{0,120})?"
    r"(?:wrote|schrieb|a écrit|escribió|schreef|ha scritto|pisze|napisał\(a\)|skrev|escreveu)[^\n]{0,120}:[ \t]*$",
    re.MULTILINE,
)
ORIGINAL = re.compile(
    r"^(?:-{3,} ?(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original) ?-{3,}"
    r"|_{20,}\n\s*(?:From|Von|De|Da|Van|Od): [^\n]+)[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
SIGNATURE = re.compile(r"^-- ?$", re.MULTILINE)
QUOTED_TO_THE_END = re.compile(r"^(?:>[^\n]*\n?|[ \t]*\n)+\Z", re.MULTILINE)
FORWARDED_SUBJECT = re.compile(r"(?:fwd?|wg|tr|rv|enc|i|doorst) ?:", re.IGNORECASE)


def text_of_html(source: str) -> str:
    """What a person reads in it, a line for a line."""
    flat = " ".join(source.replace(MARK, "").replace("\0", "").split())
    marked = LIST_ITEM.sub(lambda item: f"{item[0]}- ", LINE_END.sub(lambda end: f"{end[0]}{MARK}", flat))
    try:
        root: HtmlElement = html.document_fromstring(marked, html.HTMLParser(huge_tree=True))
    except LxmlError:  # there is nothing in it
        return ""
    for unread in list(root.iter("script", "style", "title")):
        unread.drop_tree()
    lines = [" ".join(line.split()) for line in str(root.text_content()).split(MARK)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def folded(body: str) -> tuple[str, str]:
    """What was said now, and what it answers or is signed with, which may be empty.

    Careful: whatever might be an answer between quoted lines is not put away, nor is what was forwarded.
    """
    if FORWARDED_SUBJECT.match(body):
        return body, ""
    begins = [found.start() for pattern in (WROTE, ORIGINAL, SIGNATURE) if (found := pattern.search(body))]
    if quoted := QUOTED_TO_THE_END.search(body):
        begins.append(quoted.start())
    for begin in sorted(begins):
        now, before = body[:begin].rstrip(), body[begin:].strip()
        if "\n" in now.strip() and before and not has_answers(before):
            return now, before
    return body, ""


def has_answers(before: str) -> bool:
    """Whether somebody wrote between or below quoted lines."""
    lines = SIGNATURE.split(before, maxsplit=1)[0].splitlines() if not SIGNATURE.match(before) else []
    first = next((number for number, line in enumerate(lines) if line.startswith(">")), None)
    return first is not None and any(line.strip() and not line.startswith(">") for line in lines[first:])


def note_of(subject: str, text: str) -> str:
    """The note that a mail becomes: its subject above its words, all of them as far as a note holds them."""
    body = tidy("\n\n".join(part for part in (subject.strip(), text.strip()) if part))
    if len(body) <= LONGEST_NOTE:
        return body
    rest = "\n\n[The e-mail was longer: {:,} more characters did not fit.]"
    kept = body[: LONGEST_NOTE - len(rest) - 10].rstrip()
    return kept + rest.format(len(body) - len(kept))
