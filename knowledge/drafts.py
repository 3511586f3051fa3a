"""An article as its source has it, from named values: the names under which sources keep the same thing."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from babel.core import Locale

from knowledge.converting import Unreadable, to_markdown
from knowledge.models import ArticleState, Audience
from knowledge.shortening import shortened

LARGEST = 5_000_000  # bytes of one article; longer texts are books, not answers
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
    "expires_on": ("expires_on", "expires", "expiry", "expiry_date", "valid_until"),
}
ENCODING = "read as"  # in `meta`: which encoding was guessed
DAYS = ("updated_at", "verified_at", "verify_by", "expires_on")
LONGEST_HEADLINE = 80  # letters of a first sentence that must serve as a title
FIRST_HEADING = re.compile(r"\A\s*#{1,2}[ \t]+(.+?)[ \t]*#*[ \t]*(?:\n|\Z)")
LANGUAGE_SUFFIX = re.compile(r"[._]([a-z]{2})(?:[-_][A-Za-z]{2,4})?$")


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
    expires_on: date | None = None
    where: str = field(default="", compare=False)  # file, or file and line
    meta: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def content_hash(self) -> str:
        """Changes with anything that the source says, so that the same source again changes nothing."""
        said = [value for name, value in vars(self).items() if name not in ("where", "meta")]
        return hashlib.sha256(json.dumps(said, default=str, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Rejected:
    """What could not be taken in: a file, or a line of one, and why. Its article, when known, stays as it was."""

    where: str
    reason: str
    external_id: str | None = None


@dataclass(frozen=True)
class Included:
    """A snippet whose words stand in `number` other articles of the source: nothing of it is lost."""

    where: str
    number: int


Item = Draft | Rejected | Included


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
        words = heading[1].strip("*_ ")
        # A page's <title> is often "Returns | Acme Help"; its own heading says it better.
        title = words if not title or title.casefold().startswith(words.casefold()) else title
        if words.casefold() == title.casefold():
            body = body[heading.end() :]
    if not re.search(r"\w", body):
        return Rejected(where, "it is empty", external_id)
    if len(body) > LARGEST:
        return Rejected(where, f"it is larger than {LARGEST // 1_000_000} MB", external_id)
    if len(external_id) > 300:
        return Rejected(where, "its id is longer than 300 characters")
    return Draft(
        external_id=external_id,
        title=shortened(title or title_from(fallback_title, body), 300),
        body=body.strip(),
        language=language_of(row, external_id),
        audience=Audience.CUSTOMER if as_text(first_of(row, "audience")).lower() == "customer" else Audience.AGENT,
        state=state_of(row),
        labels=labels_of(first_of(row, "labels")),
        owner=as_text(first_of(row, "owner")),
        url=as_text(first_of(row, "url"))[:500] or None,
        updated_at=moment_of(first_of(row, "updated_at")),
        verified_at=moment_of(first_of(row, "verified_at")),
        verify_by=day_of(first_of(row, "verify_by")),
        expires_on=day_of(first_of(row, "expires_on")),
        where=where,
        meta=row,
    )


def not_understood(row: Mapping[str, Any]) -> list[str]:
    """What a source says that means nothing here, as it says it: verify_by “soon”."""
    said = {name: first_of(row, name) for name in (*DAYS, "audience", "state")}
    unknown = [name for name in DAYS if said[name] is not None and moment_of(said[name]) is None]
    for name, known in (("audience", Audience), ("state", ArticleState)):
        if said[name] is not None and as_text(said[name]).lower() not in set(known):
            unknown.append(name)
    return [f"{name} “{shortened(as_text(said[name]), 40)}”" for name in unknown]


def title_from(name: str, body: str) -> str:
    """The name of a file or a row as words; where it is only a number, the words that the text begins with."""
    words = re.sub(r"[-_]+", " ", LANGUAGE_SUFFIX.sub("", name))
    if re.search(r"[^\W\d_]", words):
        return words
    return shortened(" ".join(re.findall(r"[^\s#*_>|`]+", body[:400])), LONGEST_HEADLINE) or words


def first_of(row: Mapping[str, Any], name: str) -> Any:
    return next((row[key] for key in (name, *NAMES[name]) if row.get(key) not in (None, "")), None)


def as_text(value: Any) -> str:
    return "" if value is None else str(value).replace("\0", "").strip()


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


def day_of(value: Any) -> date | None:
    found = moment_of(value)
    return found.date() if found else None


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
