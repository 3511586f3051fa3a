"""Reads articles from folders, zips and files: Markdown, HTML, text, Word, PDF; tables with an article on each line.

What cannot be read becomes a Rejected with its reason, never an exception: one bad file does not stop the others.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from os.path import realpath
from pathlib import Path, PurePosixPath
from typing import Any

from knowledge.archives import ARCHIVES, unpacked
from knowledge.converting import Unreadable, page_facts
from knowledge.decoding import Decoded, NotText, decoded
from knowledge.dialects import plain_markdown, split_front_matter
from knowledge.documents import read_document
from knowledge.drafts import ENCODING, LARGEST, Draft, Included, Item, Rejected, draft_from
from knowledge.models import ArticleState
from knowledge.tables import TABLES, Unread, read_table
from knowledge.unfolding import Refused, check_size

SNIPPETS = frozenset({"includes", "_includes"})  # folders of what others include
TEXT_FILES = frozenset({".md", ".markdown", ".html", ".htm", ".xhtml", ".txt"})
DOCUMENTS = frozenset({".docx", ".pdf"})
# Texts in a form that we cannot read: left out in silence, somebody would miss them.
UNREAD_NAMES = ".doc .rtf .odt .pages .epub .ppt .pptx .xls .xlsx .ods .rst .adoc .eml .msg .tex"
UNREAD = frozenset(UNREAD_NAMES.split())
READ = TEXT_FILES | DOCUMENTS | TABLES
WANTED = READ | UNREAD | ARCHIVES


def count(path: Path) -> int:
    """How many articles `path` holds, roughly: what a progress bar needs to know."""
    if path.suffix.lower() == ".zip" and path.is_file():
        try:
            with zipfile.ZipFile(path) as archive:
                check_size(archive)
                wanted = [one for one in archive.infolist() if not one.is_dir() and is_wanted(one.filename)]
                return sum(lines_of(partial(archive.open, one), one.filename) for one in wanted)
        except (zipfile.BadZipFile, OSError, ValueError):
            return 1
    return sum(lines_of(partial(open, file, "rb"), file.name) for file in files(path))


def lines_of(opened: Callable[[], Any], name: str) -> int:
    """How many articles a file may hold: 1, or the lines of a table; 1 too for one that cannot be read."""
    if not is_table(name):
        return 1
    try:
        with opened() as lines:
            return sum(1 for _ in lines)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError):
        return 1


def read(path: Path, mapping: Mapping[str, str] | None = None) -> Generator[Item]:
    """Every article under a folder, in a zip, or in one file. `mapping` names a table's columns: {"title": "Subject"}.

    Close it when you stop before the end: a zip is unpacked until then. Raises FileNotFoundError for a path that
    is not there.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is nothing at {path}.")
    if path.is_file() and path.suffix.lower() == ".zip":
        try:
            with unpacked(path, is_wanted) as (folder, rejected):
                yield from (as_unread(one) if is_table(one.where) else one for one in rejected)
                yield from read_files(folder, mapping or {})
        except Refused as problem:
            yield Rejected(path.name, str(problem))
    else:
        yield from read_files(path, mapping or {})


def read_files(path: Path, mapping: Mapping[str, str]) -> Iterator[Item]:
    """A snippet comes after all others: it is no article of its own where its words stand in theirs already."""
    root = path if path.is_dir() else path.parent
    parts: Counter[Path] = Counter()
    for file in sorted(files(path), key=lambda file: is_snippet(file.relative_to(root))):
        where = file.relative_to(root).as_posix()
        is_inside = Path(realpath(file)).is_relative_to(root.resolve())
        if not is_inside or not file.exists():
            reason = f"it is a link that leads {'nowhere' if is_inside else 'out of the folder'}"
            lost = Rejected(where, reason, where)
            yield as_unread(lost) if is_table(where) else lost
        elif is_table(where):
            yield from read_table(file, where, mapping)
        elif is_snippet(file.relative_to(root)) and (number := parts[Path(realpath(file))]):
            yield Included(where, number)
        else:
            included: set[Path] = set()
            item = read_file(file, where, root, included.add)
            if isinstance(item, Draft) and item.state is ArticleState.PUBLISHED and not is_snippet(Path(where)):
                parts.update(included)
            yield item


def is_table(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in TABLES


def as_unread(table: Rejected) -> Unread:
    """A table that could not be opened: which articles it holds, nobody knows."""
    return Unread(table.where, table.reason, file=table.where)


def is_snippet(path: Path) -> bool:
    return path.suffix.lower() in (".md", ".markdown") and any(part.lower() in SNIPPETS for part in path.parts[:-1])


def files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    wanted = (file for file in path.rglob("*") if is_wanted(file.relative_to(path).as_posix()))
    return sorted(file for file in wanted if file.is_file() or not file.exists())  # a link that leads nowhere is told


def is_wanted(name: str) -> bool:
    """Whether somebody would miss this file: not what is hidden, nor pictures and style sheets beside the texts."""
    path = PurePosixPath(name.replace("\\", "/"))
    is_hidden = any((part.startswith(".") and part.strip(".")) or part == "__MACOSX" for part in path.parts)
    return path.suffix.lower() in WANTED and not is_hidden and not path.name.startswith("~$")


def read_file(file: Path, where: str, root: Path, included: Callable[[Path], object]) -> Draft | Rejected:
    kind = file.suffix.lower()
    try:
        if kind in ARCHIVES:
            return Rejected(where, "it is an archive inside a folder: bring it in by itself, as a .zip")
        if kind not in READ:
            return Rejected(where, f"{kind or 'a file without an ending'} is not read: save it as .docx, .pdf or .md")
        if kind in DOCUMENTS:
            document = read_document(file)
            row = {"title": document.title, "body": document.body}
            return draft_from(row, where, where, file.stem)
        if file.stat().st_size > LARGEST:
            return Rejected(where, f"it is larger than {LARGEST // 1_000_000} MB", where)
        return read_text(file, where, root, decoded(file.read_bytes(), is_html="htm" in kind), included)
    except (Unreadable, NotText) as problem:
        return Rejected(where, str(problem), where)
    except OSError as error:
        return Rejected(where, error.strerror or "it cannot be read", where)


def read_text(
    file: Path, where: str, root: Path, found: Decoded, included: Callable[[Path], object]
) -> Draft | Rejected:
    kind = file.suffix.lower()
    said = {ENCODING: found.guessed}
    if "htm" in kind:
        return draft_from({"html": found.text, **page_facts(found.text), **said}, where, where, file.stem)
    if kind == ".txt":
        return draft_from({"body": as_typed(found.text), **said}, where, where, file.stem)
    meta, body = split_front_matter(found.text)
    if meta is None:
        return Rejected(where, "its front matter is not valid YAML", where)
    body = plain_markdown(body, meta, file, root, included)
    return draft_from({**meta, "body": body, "_id": where, **said}, where, where, file.stem)


def as_typed(text: str) -> str:
    """Plain text: a line that stands by itself stays one, where the lines are not just wrapped at a width."""
    paragraphs = re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "\n\n".join(
        "\\\n".join(paragraph.split("\n")) if is_list(paragraph) else paragraph for paragraph in paragraphs
    )


def is_list(paragraph: str) -> bool:
    """Short lines were broken on purpose: an address, opening hours."""
    lines = paragraph.strip().split("\n")
    return (
        len(lines) > 1
        and max(map(len, lines)) < 60
        and not any(re.match(r"\s*([-*+>#|]|\d+[.)])\s", line) for line in lines)
    )
