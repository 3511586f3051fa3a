"""Templates: words a note may begin with. Some come with the software, others are somebody's own or shared by all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, case, delete, or_, select, update

from console.db import db
from console.errors import Stale
from console.events import Topic, record_event
from notes.beside.models import NoteTemplate
from notes.models import NoteKind

MOST = 300  # listed
OFFERED = 8  # while typing


@dataclass(frozen=True)
class Words:
    """What a template is called and says, and the kind of note it makes."""

    title: str
    body: str
    kind: NoteKind = NoteKind.CALL


SHIPPED = (Words("3R", "Reason: \nResolution: \nResult: "),)  # every console has them; nobody can lose them


def visible_to(user_id: int, typed: str = "") -> Select[NoteTemplate]:
    """Those with the letters in their title; the ones that begin so first, then their own, then everybody's."""
    begins = case((NoteTemplate.title.istartswith(typed, autoescape=True), 0), else_=1)
    shared = case((NoteTemplate.owner_id.is_(None), 1), else_=0)
    return (
        select(NoteTemplate)
        .where(or_(NoteTemplate.owner_id == user_id, NoteTemplate.owner_id.is_(None)))
        .where(NoteTemplate.title.icontains(typed, autoescape=True))
        .order_by(begins, shared, NoteTemplate.title, NoteTemplate.id)
        .limit(MOST)
    )


def offered(user_id: int, typed: str = "", limit: int = OFFERED) -> list[Words]:
    """What somebody may begin with: the shipped ones, then those of `visible_to`."""
    shipped = [words for words in SHIPPED if typed.casefold() in words.title.casefold()]
    rows = db.session.scalars(visible_to(user_id, typed).limit(limit - len(shipped)))
    return [*shipped, *(Words(row.title, row.body, row.kind) for row in rows)]


def write(words: Words, *, owner_id: int | None, actor_id: int, now: datetime) -> NoteTemplate:
    """A new one, of its owner or for all."""
    template = NoteTemplate(owner_id=owner_id, changed_at=now, **vars(words))
    db.session.add(template)
    db.session.flush()
    record("note_template.written", template, actor_id, now)
    return template


def change(template: NoteTemplate, words: Words, *, version: int, actor_id: int, now: datetime) -> None:
    """Raises Stale unless `version` is its newest."""
    changed = db.session.execute(
        update(NoteTemplate)
        .where(NoteTemplate.id == template.id, NoteTemplate.version == version)
        .values(**vars(words), version=version + 1, changed_at=now)
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise Stale("Somebody changed this template while you did. What it says now stands beside your words.")
    record("note_template.changed", template, actor_id, now)


def remove(template: NoteTemplate, *, actor_id: int, now: datetime) -> None:
    record("note_template.deleted", template, actor_id, now)
    db.session.execute(delete(NoteTemplate).where(NoteTemplate.id == template.id))


def record(kind: str, template: NoteTemplate, actor_id: int, now: datetime) -> None:
    shared = {"shared": template.owner_id is None}
    record_event(kind, Topic.ACCESS, subject=template, actor_id=actor_id, at=now, data=shared)
