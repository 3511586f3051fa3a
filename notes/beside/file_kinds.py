"""What may be kept with a note: by its content alone, whatever it is called, and under what name."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass

from console.card_numbers import holds_card_as_printed, holds_card_number, masked
from notes.beside.pdf_words import Unread, words_of_pdf

LARGEST = 5_000_000  # bytes of a file
LARGEST_TEXT = 100_000  # bytes; text is looked through for card numbers
LONGEST_NAME = 120  # characters
MOST_PARTS = 5_000  # of an Office file
UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
# Line ends, directions and signs without a width: they make a name read otherwise than it is.
HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
FORBIDDEN = re.compile(r'[/\\:*?"<>|]')
MARKUP = re.compile(rb"\s*(?:<|#!|%PDF|MZ|\{\\rtf|MIME-Version:)", re.IGNORECASE)
ACTIVE = re.compile(rb"<\s*(?:script|html|svg|iframe|object)\b", re.IGNORECASE)
WORDS_IN = ("word/document.xml", "xl/sharedStrings.xml")  # the parts that are looked through for card numbers
LARGEST_XML = 2_000_000  # bytes of such a part that are looked at
ENDS_A_LINE = re.compile(r"</(?:w:p|w:tc|si)>|<w:(?:br|tab)\b")
TAG = re.compile(r"<[^<>]*>")
WITH_CARD_NUMBER = "seems to hold a card number. It is never stored: take it out and add the file again."
OFFICE = "application/vnd.openxmlformats-officedocument."


@dataclass(frozen=True)
class Kind:
    label: str
    media_type: str
    endings: tuple[str, ...]  # the first is put behind a name that has none of them


PNG = Kind("PNG picture", "image/png", (".png",))
JPEG = Kind("JPEG picture", "image/jpeg", (".jpg", ".jpeg"))
WEBP = Kind("WebP picture", "image/webp", (".webp",))
PDF = Kind("PDF", "application/pdf", (".pdf",))
TEXT = Kind("Text", "text/plain", (".txt",))
DOCX = Kind("Word document", f"{OFFICE}wordprocessingml.document", (".docx",))
XLSX = Kind("Excel sheet", f"{OFFICE}spreadsheetml.sheet", (".xlsx",))
KINDS = (PNG, JPEG, WEBP, PDF, TEXT, DOCX, XLSX)
BY_MEDIA_TYPE = {kind.media_type: kind for kind in KINDS}
ACCEPT = ",".join(ending for kind in KINDS for ending in kind.endings)
TAKEN = "Pictures (PNG, JPEG, WebP), PDF, plain text, Word and Excel files without macros can be kept"


class Unfit(ValueError):
    """A file that is not kept; the message says why, as the rest of a sentence that begins with its name."""


def kind_of(content: bytes) -> Kind:
    """Raises Unfit for what may not be kept."""
    if not content:
        raise Unfit("is empty.")
    if len(content) > LARGEST:
        raise Unfit(f"is larger than {LARGEST / 1e6:g} MB. Make it smaller and add it again.")
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if content.startswith(b"\xff\xd8\xff"):
        return JPEG
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return WEBP
    if content.startswith(b"%PDF-"):
        return pdf_kind(content)
    if content.startswith(b"PK\x03\x04"):
        return office_kind(content)
    return text_kind(content)


def pdf_kind(content: bytes) -> Kind:
    """A PDF that can be opened and whose words, where it has any, hold no card number."""
    try:
        words = words_of_pdf(content)
    except Unread as reason:
        raise Unfit(str(reason)) from None
    if holds_card_as_printed(words):
        raise Unfit(WITH_CARD_NUMBER)
    return PDF


def office_kind(content: bytes) -> Kind:
    """A Word or Excel file, by what its own list of parts says; any other archive, or one with code in it, is unfit."""
    strange = Unfit(f"is an archive or a file of another kind. {TAKEN}.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name.lower() for name in archive.namelist()]
            if len(names) > MOST_PARTS:
                raise strange
            with archive.open("[Content_Types].xml") as part:
                types = part.read(LARGEST_TEXT).decode("utf-8", "replace").lower()
            words = "\n".join(words_in(archive, part) for part in WORDS_IN if part.lower() in names)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, OSError, ValueError, zlib.error):
        raise strange from None
    code = "macroenabled" in types or "vbaproject" in types or "activex" in types
    if code or any(name.endswith((".bin", ".exe", ".js", ".vbs")) and "printersettings" not in name for name in names):
        raise Unfit("has macros or programs in it. Save it without them, or as a PDF, and add it again.")
    if holds_card_number(words):
        raise Unfit(WITH_CARD_NUMBER)
    for kind in (DOCX, XLSX):
        if f"{kind.media_type}.main+xml" in types:
            return kind
    raise strange


def words_in(archive: zipfile.ZipFile, name: str) -> str:
    """A part's text, a paragraph or a cell a line."""
    with archive.open(name) as part:
        xml = part.read(LARGEST_XML).decode("utf-8", "replace")
    return TAG.sub("", ENDS_A_LINE.sub("\n", xml))


def text_kind(content: bytes) -> Kind:
    strange = Unfit(f"is of a kind that is not kept. {TAKEN}.")
    if MARKUP.match(content.removeprefix(b"\xef\xbb\xbf")) or ACTIVE.search(content[:LARGEST_TEXT]):
        raise strange
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise strange from None
    if UNREADABLE.search(text):
        raise strange
    if len(content) > LARGEST_TEXT:
        raise Unfit(f"is longer than {LARGEST_TEXT // 1000} kB of text. Add it in parts.")
    if holds_card_number(text):
        raise Unfit(WITH_CARD_NUMBER)
    return TEXT


def clean_name(name: str, kind: Kind | None = None) -> str:
    """The bare name of a file, as its kind ends: no folder, no hidden sign, no card number, at most LONGEST_NAME."""
    bare = masked(HIDDEN.sub("", name.encode("utf-8", "replace").decode())).replace("\\", "/").rpartition("/")[2]
    bare = " ".join(FORBIDDEN.sub("_", bare).split()).strip(". ")
    ending = kind.endings[0] if kind else ""
    for one in kind.endings if kind else ():
        if bare.lower().endswith(one):
            bare, ending = bare[: -len(one)].rstrip(". "), one
    return (bare[: LONGEST_NAME - len(ending)].rstrip(". ") or "file") + ending
