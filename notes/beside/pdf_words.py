"""The words of a PDF, read in a process of its own that can neither take long nor fill the memory.

A PDF may be built to harm its reader, and PDFium is no part of Python: whatever happens to it happens over there.
Words of its pages, of filled-in forms, of remarks and of its properties; what is in a picture is not read.
"""

from __future__ import annotations

import ctypes
import resource
import subprocess
import sys
from typing import Any

SECONDS = 10
MEMORY = 1_500_000_000  # bytes of address space
PAGES = 500  # that are looked at
LONGEST = 5_000_000  # characters
LONGEST_REMARK = 5_000
UNREAD, LOCKED = 1, 2  # what the other process ends with
NO_PASSWORD = 4  # PDFium's FPDF_ERR_PASSWORD


class Unread(ValueError):
    """It cannot be read; the message says why, as the rest of a sentence that begins with its name."""


def words_of_pdf(content: bytes) -> str:
    """What the first pages say, a line of the page a line. Raises Unread."""
    command = [sys.executable, "-I", __file__]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Unread(f"takes longer than {SECONDS} seconds to look through. Print it to a new PDF, add that.") from None
    if done.returncode == LOCKED:
        raise Unread("is locked with a password. Save it without one and add it again.")
    if done.returncode:
        raise Unread("is damaged and cannot be opened. Save it again and add that.")
    return done.stdout.decode()


def main() -> None:
    """In the other process: the file comes in, its words go out."""
    import pypdfium2

    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    if sys.platform == "linux":  # elsewhere the limit is either refused or already passed at the start
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        document = pypdfium2.PdfDocument(sys.stdin.buffer.read())
        document.init_forms()
        said = [*document.get_metadata_dict().values(), *(words_of_page(document, at) for at in pages_of(document))]
    except pypdfium2.PdfiumError as problem:
        sys.exit(LOCKED if problem.err_code == NO_PASSWORD else UNREAD)
    sys.stdout.buffer.write("\n".join(said)[:LONGEST].encode("utf-8", "replace"))


def pages_of(document: Any) -> range:
    return range(min(len(document), PAGES))


def words_of_page(document: Any, number: int) -> str:
    from pypdfium2 import raw

    page = document[number]
    remarks = [remark(raw, page, at) for at in range(raw.FPDFPage_GetAnnotCount(page))]
    raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)  # forms become part of the page, once it is loaded again
    return "\n".join([*remarks, document[number].get_textpage().get_text_range()])


def remark(raw: Any, page: Any, at: int) -> str:
    letters = (ctypes.c_ushort * LONGEST_REMARK)()
    annotation = raw.FPDFPage_GetAnnot(page, at)
    size = raw.FPDFAnnot_GetStringValue(annotation, b"Contents", letters, ctypes.sizeof(letters))
    raw.FPDFPage_CloseAnnot(annotation)
    return bytes(letters)[:size].decode("utf-16-le", "replace").rstrip("\0") if size <= ctypes.sizeof(letters) else ""


if __name__ == "__main__":
    main()
