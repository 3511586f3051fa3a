"""Files kept with a note: few kinds, of bounded size, given back as downloads only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Protocol

from sqlalchemy import Select, select
from sqlalchemy.orm import undefer

from console.db import db
from console.events import Topic, record_event
from notes.beside.file_kinds import LARGEST, Unfit, clean_name, kind_of
from notes.beside.models import NoteAttachment
from notes.models import Note

MOST = 10  # files of a note
LARGEST_REQUEST = MOST * LARGEST + 2_000_000  # bytes, with the form around the files


class Sent(Protocol):
    """A file of a form."""

    filename: str | None
    stream: IO[bytes]


@dataclass(frozen=True)
class File:
    name: str  # as the sender calls it
    content: bytes


def sent_files(files: Iterable[Sent]) -> list[File]:
    """What a form's file field holds; a field left empty sends a file without a name. Too much is not read."""
    return [File(file.filename, file.stream.read(LARGEST + 1)) for file in files if file.filename]


def attach(note: Note, files: Iterable[File], *, actor_id: int | None, now: datetime) -> list[str]:
    """Keep what can be kept; returns a sentence for each file that was not. The same file again changes nothing."""
    held = set(db.session.scalars(select(NoteAttachment.sha256).where(NoteAttachment.note_id == note.id)))
    refused = []
    for file in files:
        try:
            kind = kind_of(file.content)
        except Unfit as reason:
            refused.append(f"{clean_name(file.name)} {reason}")
            continue
        digest = hashlib.sha256(file.content).hexdigest()
        if digest in held:
            continue
        if len(held) >= MOST:
            refused.append(f"{clean_name(file.name)} is one too many: a note holds {MOST} files.")
            continue
        held.add(digest)
        db.session.add(
            NoteAttachment(
                note_id=note.id,
                name=clean_name(file.name, kind),
                media_type=kind.media_type,
                size=len(file.content),
                sha256=digest,
                content=file.content,
                added_at=now,
                added_by_id=actor_id,
            )
        )
        tell_record("note.file_added", note, actor_id, now, media_type=kind.media_type, size=len(file.content))
    db.session.flush()
    return refused


def remove(attachment: NoteAttachment, note: Note, *, actor_id: int, now: datetime) -> None:
    db.session.delete(attachment)
    tell_record("note.file_removed", note, actor_id, now, media_type=attachment.media_type, size=attachment.size)
    db.session.flush()


def tell_record(kind: str, note: Note, actor_id: int | None, now: datetime, **facts: str | int) -> None:
    record_event(
        kind, Topic.NOTE, subject=note, customer_id=note.customer_id, actor_id=actor_id, at=now, data=dict(facts)
    )


def of_note(note_id: int) -> Select[NoteAttachment]:
    """A note's files in the order in which they came, without their content."""
    return select(NoteAttachment).where(NoteAttachment.note_id == note_id).order_by(NoteAttachment.id)


def one_of(note_id: int, attachment_id: int, *, with_content: bool = False) -> NoteAttachment | None:
    query = of_note(note_id).where(NoteAttachment.id == attachment_id)
    return db.session.scalars(query.options(undefer(NoteAttachment.content)) if with_content else query).first()
