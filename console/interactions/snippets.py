"""Snippets: words to insert while talking, somebody's own or shared by all, with {placeholders} filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, case, delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from console.db import db
from console.errors import DomainError, Stale
from console.events import Topic, record_event
from console.interactions.live_models import Snippet

PLACEHOLDERS = {
    "customer_name": "the customer's whole name",
    "first_name": "what the customer is called",
    "agent_name": "your name",
    "team": "your team",
    "order_number": "of the order this is about, or the last one",
    "delivery_date": "when that order was promised to arrive",
    "promised_date": "when the next open promise to them is due",
    "today": "today's date",
}
PLACEHOLDER = re.compile(r"\{([a-z_]{1,40})\}")
SHORTCUT = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
MOST = 300  # listed
OFFERED = 6  # while typing


@dataclass(frozen=True)
class Words:
    """What a snippet says and how it is called."""

    shortcut: str
    title: str
    body: str
    language: str = "en"


def fill(body: str, values: Mapping[str, str]) -> str:
    """Put in what is known; a placeholder that is not stays as it is, to be filled in by hand."""
    return PLACEHOLDER.sub(lambda found: values.get(found[1]) or found[0], body)


def blanks(text: str) -> list[str]:
    """The placeholders that are left in it."""
    return PLACEHOLDER.findall(text)


def unknown(body: str) -> list[str]:
    """Placeholders that nothing will ever fill."""
    return [name for name in blanks(body) if name not in PLACEHOLDERS]


def visible_to(user_id: int) -> Select[Snippet]:
    """Their own and everybody's, by shortcut; of one shortcut their own first."""
    mine = case((Snippet.owner_id.is_(None), 1), else_=0)
    return (
        select(Snippet)
        .where(or_(Snippet.owner_id == user_id, Snippet.owner_id.is_(None)))
        .order_by(Snippet.shortcut, mine, Snippet.id)
    )


def matching(user_id: int, typed: str, limit: int = MOST) -> Select[Snippet]:
    """Those whose shortcut begins so, then those with the letters in their title or body; the much used ones first."""
    typed = typed.casefold().strip()
    begins = Snippet.shortcut.startswith(typed, autoescape=True)
    within = or_(Snippet.title.icontains(typed, autoescape=True), Snippet.body.icontains(typed, autoescape=True))
    query = visible_to(user_id).limit(limit)
    if not typed:
        return query.order_by(None).order_by(Snippet.used.desc(), Snippet.shortcut, Snippet.id)
    first = case((begins, 0), else_=1)
    return query.where(or_(begins, within)).order_by(None).order_by(first, Snippet.used.desc(), Snippet.id)


def write(words: Words, *, owner_id: int | None, actor_id: int, now: datetime) -> Snippet:
    """A new one, of its owner or for all. Raises DomainError when its shortcut is taken."""
    snippet = Snippet(owner_id=owner_id, changed_at=now, **vars(words))
    try:
        with db.session.begin_nested():
            db.session.add(snippet)
    except IntegrityError:
        raise DomainError(taken(words)) from None
    record_event("snippet.written", Topic.ACCESS, subject=snippet, actor_id=actor_id, at=now, data=shared(snippet))
    return snippet


def change(snippet: Snippet, words: Words, *, version: int, actor_id: int, now: datetime) -> None:
    """Raises Stale unless `version` is its newest, DomainError when the shortcut is taken."""
    try:
        with db.session.begin_nested():
            changed = db.session.execute(
                update(Snippet)
                .where(Snippet.id == snippet.id, Snippet.version == version)
                .values(**vars(words), version=version + 1, changed_at=now)
                .execution_options(synchronize_session=False)
            )
    except IntegrityError:
        raise DomainError(taken(words)) from None
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise Stale("Somebody changed this snippet while you did. What it says now stands beside your words.")
    record_event("snippet.changed", Topic.ACCESS, subject=snippet, actor_id=actor_id, at=now, data=shared(snippet))


def remove(snippet: Snippet, *, actor_id: int, now: datetime) -> None:
    record_event("snippet.deleted", Topic.ACCESS, subject=snippet, actor_id=actor_id, at=now, data=shared(snippet))
    db.session.execute(delete(Snippet).where(Snippet.id == snippet.id))


def count_use(snippet_id: int, user_id: int) -> None:
    """One that somebody may see was inserted."""
    seen = visible_to(user_id).order_by(None).with_only_columns(Snippet.id).where(Snippet.id == snippet_id)
    db.session.execute(
        update(Snippet)
        .where(Snippet.id.in_(seen.scalar_subquery()))
        .values(used=Snippet.used + 1)
        .execution_options(synchronize_session=False)
    )


def taken(words: Words) -> str:
    return f"There is a snippet /{words.shortcut} already. Choose another shortcut, or change that one."


def shared(snippet: Snippet) -> dict[str, bool]:
    return {"shared": snippet.owner_id is None}
