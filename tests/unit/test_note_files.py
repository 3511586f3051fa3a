"""Which files may be kept with a note, and under what name."""

from __future__ import annotations

import io
import zipfile

import pytest

from notes.beside.file_kinds import (
    DOCX,
    JPEG,
    LARGEST,
    LONGEST_NAME,
    PDF,
    PNG,
    TEXT,
    WEBP,
    XLSX,
    Unfit,
    clean_name,
    kind_of,
)
from tests.factories_notes import office, pdf

WORD, SHEET = "wordprocessingml.document", "spreadsheetml.sheet"


def archive() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as plain:
        plain.writestr("evil.exe", "MZ")
    return data.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", PNG),
        (b"\xff\xd8\xff\xe0\0", JPEG),
        (b"RIFF\0\0\0\0WEBPVP8 ", WEBP),
        (pdf("Plan of the kitchen, 2 x 4500 3200 1200 1100", "GB29 NWBK 6016 1331 9268 19"), PDF),  # figures
        ("Größe 42, كتان 🍵\n".encode(), TEXT),
        (b"\xef\xbb\xbfplain", TEXT),
        (office(WORD, "word/document.xml"), DOCX),
        (office(SHEET, "xl/workbook.xml", "xl/printerSettings/printerSettings1.bin"), XLSX),
        (office(WORD, **{"word/document.xml": "<w:p>4111 1111</w:p><w:p>1111 1111</w:p>"}), DOCX),  # two numbers
    ],
)
def test_a_file_is_what_its_content_says(content: bytes, kind: object) -> None:
    assert kind_of(content) is kind


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * LARGEST, "larger than 5 MB"),
        (b"<svg onload=alert(1)>", "not kept"),
        (b"\xef\xbb\xbf \n<!doctype html>", "not kept"),
        (b"hello <script>alert(1)</script>", "not kept"),
        (b"GIF89a\x01", "not kept"),
        (b"MZ\x90\0", "not kept"),
        (b"\x7fELF", "not kept"),
        (b"#!/bin/sh\nrm", "not kept"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "not kept"),  # the old Office files, which hide macros
        (archive(), "an archive"),
        (b"PK\x03\x04 broken", "an archive"),
        (office(WORD, "word/vbaProject.bin"), "macros"),
        (office("x.macroEnabled"), "macros"),
        (
            office(
                WORD,
                types="<Override PartName='/word/activeX1.xml' ContentType='application/vnd.ms-office.activeX+xml'/>",
            ),
            "macros",
        ),
        (b"My card: 4111 1111 1111 1111", "card number"),
        (pdf("Plan", "Paid with 4111 1111 1111 1111, thanks"), "card number"),
        (pdf("3782 822463 10005"), "card number"),
        (pdf("Plan", title="4111111111111111"), "card number"),
        (pdf("Plan", remark="4111-1111-1111-1111"), "card number"),
        (pdf("Plan", password="secret"), "locked with a password"),
        (b"%PDF-1.7 nonsense", "damaged"),
        (office(SHEET, **{"xl/sharedStrings.xml": "<si><t>4111111111111111</t></si>"}), "card number"),
        (b"a" * 100_001, "longer than 100 kB"),
    ],
)
def test_what_may_run_or_hide_something_is_refused_with_the_reason(content: bytes, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        kind_of(content)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("photo.JPG", "photo.jpg"),
        ("../../etc/passwd", "passwd.jpg"),
        ("C:\\Users\\maya\\beleg.jpeg", "beleg.jpeg"),
        ("evil\u202egpj.exe", "evilgpj.exe.jpg"),
        ("a\r\nSet-Cookie: x=1.jpg", "aSet-Cookie_ x=1.jpg"),
        ("page.html", "page.html.jpg"),
        ("...", "file.jpg"),
        ("card 4111-1111-1111-1111.jpg", "card xxxx-xxxx-xxxx-1111.jpg"),
        ("41111111\u200b11111111", "xxxxxxxxxxxx1111.jpg"),
        ("صورة.jpg", "صورة.jpg"),
        ("\udce4.jpg", "_.jpg"),
    ],
)
def test_a_name_is_bare_and_ends_as_the_content_does(sent: str, kept: str) -> None:
    assert clean_name(sent, JPEG) == kept
    assert len(clean_name("x" * 5000 + ".jpg", JPEG)) == LONGEST_NAME
