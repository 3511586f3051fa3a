"""Reads articles from files: Markdown with front matter, HTML, text; JSONL and CSV with an article on each line.

What cannot be read becomes a Rejected with its reason, never an exception: one bad file does not stop the others.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import yaml
from babel.core import Locale

from knowledge.converting import Unreadable, to_markdown
from knowledge.models import ArticleState, Audience

LARGEST = 5_000_000  # bytes of one article; longer texts are books, not answers
TEXT_FILES = frozenset({".md", ".markdown", ".html", ".htm", ".txt"})
TABLES = frozenset({".jsonl", ".ndjson", ".csv"})
LANGUAGES = frozenset(name for name in map(str, Locale("en").languages) if len(name) == 2)
# Under which names the sources we have met keep the same thing, best first.
NAMES: dict[str, tuple[str, ...]] = {
    "external_id": ("_id", "id", "external_id"),
    "title": ("title", "name"),
    "body": ("body", "text", "content", "markdown"),
    "html": ("html", "body_html"),
    "url": ("url", "permalink", "link"),
    "labels": ("labels", "tags", "categories", "category", "keywords"),
    "language": ("language", "lang", "locale"),
    "audience": ("audience",),
    "state": ("state", "status"),
    "owner": ("owner",),
    "updated_at": ("updated_at", "updated", "last_updated", "date", "ms.date"),
    "verified_at": ("verified_at", "verified"),
    "verify_by": ("verify_by", "review_by"),
}
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
FIRST_HEADING = re.compile(r"\A\s*#{1,2}[ \t]+(.+?)[ \t]*#*[ \t]*(?:\n|\Z)")
LANGUAGE_SUFFIX = re.compile(r"[._]([a-z]{2})(?:[-_][A-Za-z]{2,4})?$")
# What static-site generators write between the words: Liquid tags, kramdown attributes, DocFX notes and images.
DIALECTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\{%-?.*?-?%\}", re.DOTALL), ""),
    (re.compile(r"\{\{-?\s*(?:site|page)\.[^}]*\}\}"), ""),
    (re.compile(r"^[ \t]*\{:[^}\n]*\}[ \t]*$|(?<=\))\{:[^}\n]*\}", re.MULTILINE), ""),
    (re.compile(r"^([ \t>]*)\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\][ \t]*$", re.MULTILINE), r"\1**\2:**"),
    (re.compile(r":::image\b[^\n]*?alt-text=\"([^\"]*)\"[^\n]*?:::"), r"![\1]()"),
    (re.compile(r"^[ \t]*:::[^\n]*$", re.MULTILINE), ""),
    (re.compile(r"\[!INCLUDE\s*\[[^\]]*\]\([^)]*\)\]", re.IGNORECASE), ""),
)


@dataclass(frozen=True)
class Draft:
    """An article as its source has it. `meta` is whatever else the source said about it."""

    external_id: str
    title: str
    body: str  # Markdown
    language: str = "en"
    audience: Audience = Audience.AGENT
    state: ArticleState = ArticleState.PUBLISHED
    labels: tuple[str, ...] = ()
    owner: str = ""  # an e-mail address
    url: str | None = None
    updated_at: datetime | None = None
    verified_at: datetime | None = None
    verify_by: date | None = None
    meta: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def content_hash(self) -> str:
        """Changes with anything that the source says, so that the same source again changes nothing."""
        said = [value for name, value in vars(self).items() if name != "meta"]
        return hashlib.sha256(json.dumps(said, default=str, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Rejected:
    """What could not be taken in: a file, or a line of one, and why. Its article, when known, stays as it was."""

    where: str
    reason: str
    external_id: str | None = None


def count(path: Path) -> int:
    """How many articles `path` holds, roughly: what a progress bar needs to know."""
    total = 0
    for file in files(path):
        if file.suffix.lower() in TABLES:
            with file.open("rb") as lines:
                total += sum(1 for _ in lines)
        else:
            total += 1
    return total


def read(path: Path, mapping: Mapping[str, str] | None = None) -> Iterator[Draft | Rejected]:
    """Every article under a folder, or in one file. `mapping` names a table's columns: {"title": "Subject"}.

    Raises FileNotFoundError for a path that is not there.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is nothing at {path}.")
    root = path if path.is_dir() else path.parent
    for file in files(path):
        where = file.relative_to(root).as_posix()
        if not file.resolve().is_relative_to(root.resolve()):
            yield Rejected(where, "it is a link that leads out of the folder")
        elif file.suffix.lower() in TABLES:
            yield from read_table(file, where, mapping or {})
        else:
            yield read_file(file, where)


def files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = (file for file in path.rglob("*") if file.suffix.lower() in TEXT_FILES | TABLES)
    return sorted(file for file in found if file.is_file() and not hidden(file.relative_to(path)))


def hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def read_file(file: Path, where: str) -> Draft | Rejected:
    try:
        if file.stat().st_size > LARGEST:
            return Rejected(where, f"it is larger than {LARGEST // 1_000_000} MB", where)
        text = file.read_text(encoding="utf-8-sig").replace("\0", "")
    except UnicodeDecodeError as error:
        return Rejected(where, f"it is not UTF-8 (byte {error.start})", where)
    except OSError as error:
        return Rejected(where, error.strerror or "it cannot be read", where)
    kind = file.suffix.lower()
    if kind in (".html", ".htm"):
        return draft_from({"html": text}, where, where, file.stem)
    meta, body = split_front_matter(text) if kind != ".txt" else ({}, text)
    if meta is None:
        return Rejected(where, "its front matter is not valid YAML", where)
    for pattern, replacement in DIALECTS if kind != ".txt" else ():
        body = pattern.sub(replacement, body)
    return draft_from({**meta, "body": body, "_id": where}, where, where, file.stem)


def read_table(file: Path, where: str, mapping: Mapping[str, str]) -> Iterator[Draft | Rejected]:
    for number, row in csv_rows(file) if file.suffix.lower() == ".csv" else json_rows(file):
        place = f"{where}, line {number}"
        if isinstance(row, str):
            yield Rejected(place, row)
            continue
        renamed = {**row, **{ours: row[theirs] for ours, theirs in mapping.items() if theirs in row}}
        external_id = first_of(renamed, "external_id")
        if not external_id:
            yield Rejected(place, "it has no id")
        else:
            yield draft_from(renamed, place, str(external_id), str(external_id))


def json_rows(file: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Numbered rows; a string instead of a row says what is wrong with that line."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig"))
            except UnicodeDecodeError:
                yield number, "it is not UTF-8"
            except (ValueError, RecursionError):
                yield number, "it is not valid JSON"
            else:
                yield number, row if isinstance(row, dict) else "it is not a JSON object"


def csv_rows(file: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    csv.field_size_limit(LARGEST)
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        reader = csv.DictReader(line.replace("\0", "") for line in lines)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reader.line_num, f"it is not valid CSV ({error})"
                return
            yield reader.line_num, {name: value for name, value in row.items() if name is not None and value}


def draft_from(row: Mapping[str, Any], where: str, external_id: str, fallback_title: str) -> Draft | Rejected:
    """One article from named values; names are looked up as in NAMES."""
    title, body = as_text(first_of(row, "title")), as_text(first_of(row, "body"))
    try:
        if not body and (source := as_text(first_of(row, "html"))):
            page_title, body = to_markdown(source)
            title = title or page_title
    except Unreadable as problem:
        return Rejected(where, str(problem), external_id)
    if heading := FIRST_HEADING.match(body):
        title = title or heading[1].strip("*_ ")
        if heading[1].strip("*_ ").casefold() == title.casefold():
            body = body[heading.end() :]
    if not re.search(r"\w", body):
        return Rejected(where, "it is empty", external_id)
    if len(body) > LARGEST:
        return Rejected(where, f"it is larger than {LARGEST // 1_000_000} MB", external_id)
    if len(external_id) > 300:
        return Rejected(where, "its id is longer than 300 characters")
    return Draft(
        external_id=external_id,
        title=shortened(title or re.sub(r"[-_]+", " ", LANGUAGE_SUFFIX.sub("", fallback_title)), 300),
        body=body.strip(),
        language=language_of(row, external_id),
        audience=Audience.CUSTOMER if as_text(first_of(row, "audience")).lower() == "customer" else Audience.AGENT,
        state=state_of(row),
        labels=labels_of(first_of(row, "labels")),
        owner=as_text(first_of(row, "owner")),
        url=as_text(first_of(row, "url"))[:500] or None,
        updated_at=moment_of(first_of(row, "updated_at")),
        verified_at=moment_of(first_of(row, "verified_at")),
        verify_by=found.date() if (found := moment_of(first_of(row, "verify_by"))) else None,
        meta=row,
    )


def split_front_matter(text: str) -> tuple[dict[str, Any] | None, str]:
    """The YAML between --- lines at the top, and the rest. None when it is there but cannot be read."""
    text = text.replace("\r\n", "\n")
    match = FRONT_MATTER.match(text)
    if not match:
        return {}, text
    try:
        meta = yaml.safe_load(match[1])
    except (yaml.YAMLError, RecursionError, ValueError):
        return None, text
    return (meta if isinstance(meta, dict) else {}), text[match.end() :]


def first_of(row: Mapping[str, Any], name: str) -> Any:
    return next((row[key] for key in (name, *NAMES[name]) if row.get(key) not in (None, "")), None)


def as_text(value: Any) -> str:
    return "" if value is None else str(value).replace("\0", "").strip()


def shortened(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def language_of(row: Mapping[str, Any], external_id: str) -> str:
    """What the source says, else the end of the file's name (help._es.md), else English."""
    said = as_text(first_of(row, "language")).replace("_", "-")
    if said.partition("-")[0].lower() in LANGUAGES:
        return said[:16].lower()
    suffix = LANGUAGE_SUFFIX.search(external_id.rpartition("/")[2].rpartition(".")[0])
    return suffix[1] if suffix and suffix[1] in LANGUAGES else "en"


def state_of(row: Mapping[str, Any]) -> ArticleState:
    if row.get("draft") is True or row.get("published") is False:
        return ArticleState.DRAFT
    said = as_text(first_of(row, "state")).lower()
    return ArticleState(said) if said in set(ArticleState) else ArticleState.PUBLISHED


def labels_of(value: Any) -> tuple[str, ...]:
    found = value if isinstance(value, list) else re.split(r"[,;|]", as_text(value))
    return tuple(dict.fromkeys(shortened(as_text(label), 60) for label in found if as_text(label)))[:20]


def moment_of(value: Any) -> datetime | None:
    """An aware moment from a YAML or ISO date; a month-first date as Microsoft writes it; else None."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        text = as_text(value)
        american = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text)
        try:
            value = datetime.fromisoformat("{2}-{0:0>2}-{1:0>2}".format(*american.groups()) if american else text)
        except ValueError:
            return None
    moment: datetime = value if value.tzinfo else value.replace(tzinfo=UTC)
    return moment
