"""Word and PDF files as Markdown, read in a process of their own that can neither take long nor fill the memory.

A document may be built to harm its reader: a few kilobytes that unfold to gigabytes. Whatever happens to the
reading process, here it is one sentence.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.converting import Unreadable, to_markdown
from knowledge.unfolding import Refused, check_size

SECONDS = 50  # no text of help takes that long
MEMORY = 1_500_000_000  # bytes of address space
LARGEST_FILE = 50_000_000  # bytes
STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p > em:fresh
p[style-name='Heading 7'] => h6:fresh
p[style-name='Heading 8'] => h6:fresh
p[style-name='Heading 9'] => h6:fresh
p[style-name='Code'] => pre:separator('\\n')
p[style-name='HTML Preformatted'] => pre:separator('\\n')
p[style-name='Quote'] => blockquote:fresh
p[style-name='Intense Quote'] => blockquote:fresh
p[style-name='List Bullet 2'] => ul|ol > li > ul > li:fresh
p[style-name='List Bullet 3'] => ul|ol > li > ul|ol > li > ul > li:fresh
p[style-name='List Number 2'] => ul|ol > li > ol > li:fresh
p[style-name='List Number 3'] => ul|ol > li > ul|ol > li > ol > li:fresh
strike => s
"""


@dataclass(frozen=True)
class Document:
    """What a file says. `title` may be empty."""

    title: str
    body: str  # Markdown


def read_document(file: Path) -> Document:
    """The words of a .docx or .pdf file. Raises Unreadable with the reason."""
    if file.stat().st_size == 0:
        raise Unreadable("it is empty")
    if file.stat().st_size > LARGEST_FILE:
        raise Unreadable(f"it is larger than {LARGEST_FILE // 1_000_000} MB")
    command = [sys.executable, "-m", "knowledge.documents", file.suffix.lower()]
    try:
        with file.open("rb") as content:
            done = subprocess.run(
                command, stdin=content, capture_output=True, timeout=SECONDS, cwd=Path(__file__).parents[1], check=False
            )
    except subprocess.TimeoutExpired:
        raise Unreadable(f"reading it took longer than {SECONDS} seconds") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:  # killed, or out of memory while it said so
        raise Unreadable("it is damaged, or built so that it cannot be read") from None
    if "problem" in answer:
        raise Unreadable(answer["problem"])
    return Document(answer["title"], answer["body"])


def main(kind: str) -> None:
    """In the other process: the file comes in, JSON goes out."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    if sys.platform == "linux":  # elsewhere the limit is either refused or already passed at the start
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    readers: dict[str, Callable[[Any], Document]] = {".docx": read_docx, ".pdf": read_pdf}
    try:
        document = readers[kind](sys.stdin.buffer)
        answer = {"title": document.title, "body": document.body}
    except (Unreadable, Refused) as problem:
        answer = {"problem": str(problem)}
    except (MemoryError, RecursionError):
        answer = {"problem": "it is built so that it cannot be read"}
    except Exception:  # these libraries raise anything at a damaged file
        answer = {"problem": "it is damaged"}
    json.dump(answer, sys.stdout)


def read_docx(content: Any) -> Document:
    import mammoth

    head = content.peek(8)[:8]
    if head.startswith(b"\xd0\xcf\x11\xe0"):  # the old container: a password, or the format before 2007
        raise Unreadable("it is locked with a password, or an old .doc: save it as .docx without one")
    try:
        with zipfile.ZipFile(content) as archive:
            check_size(archive)
            if "word/document.xml" not in archive.namelist():
                raise Unreadable("it is not a Word document")
    except zipfile.BadZipFile:
        raise Unreadable("it is damaged") from None
    content.seek(0)
    pictures = mammoth.images.img_element(lambda image: {"src": ""})
    page = mammoth.convert_to_html(content, style_map=STYLES, convert_image=pictures).value
    return Document("", to_markdown(f"<body>{page}</body>")[1]) if page.strip() else Document("", "")


def read_pdf(content: Any) -> Document:
    from knowledge.pdf import read

    title, body = read(content)
    return Document(title, body)


if __name__ == "__main__":
    main(sys.argv[1])
