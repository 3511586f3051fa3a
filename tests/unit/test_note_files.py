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
    OFFICE,
    PDF,
    PNG,
    TEXT,
    WEBP,
    XLSX,
    Unfit,
    clean_name,
    kind_of,
)

WORD, SHEET = f"{OFFICE}wordprocessingml.document", f"{OFFICE}spreadsheetml.sheet"


def office(content_type: str, *more: str, types: str = "") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in more:
            archive.writestr(name, "x")
        archive.writestr(
            "[Content_Types].xml", f'<Types><Override ContentType="{content_type}.main+xml"/>{types}</Types>'
        )
    return data.getvalue()


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
        (b"%PDF-1.7\n", PDF),
        ("Größe 42, كتان 🍵\n".encode(), TEXT),
        (b"\xef\xbb\xbfplain", TEXT),
        (office(WORD, "word/document.xml"), DOCX),
        (office(SHEET, "xl/workbook.xml", "xl/printerSettings/printerSettings1.bin"), XLSX),
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
        (office(f"{OFFICE}x.macroEnabled"), "macros"),
        (
            office(
                WORD,
                types="<Override PartName='/word/activeX1.xml' ContentType='application/vnd.ms-office.activeX+xml'/>",
            ),
            "macros",
        ),
        (b"My card: 4111 1111 1111 1111", "card number"),
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
        ("صورة.jpg", "صورة.jpg"),
        ("\udce4.jpg", "_.jpg"),
    ],
)
def test_a_name_is_bare_and_ends_as_the_content_does(sent: str, kept: str) -> None:
    assert clean_name(sent, JPEG) == kept
    assert len(clean_name("x" * 5000 + ".jpg", JPEG)) == LONGEST_NAME
