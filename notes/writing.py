"""What people do with notes: write, amend, pin, follow up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from console.db import db
from console.errors import DomainError, Stale
from console.events import Event, Topic, record_event
from notes.models import Note, NoteKind, NoteRevision
from notes.screening import fault_in_note

UNDONE_WITHIN = timedelta(days=1)  # something settled by mistake is taken back


@dataclass(frozen=True)
class Draft:
    """The words of a note as somebody wants them, tidied (see screening.tidy)."""

    body: str
    kind: NoteKind = NoteKind.CALL
    quotable: bool = False
    follow_up_on: date | None = None


def write_note(
    customer_id: int,
    author_id: int | None,
    draft: Draft,
    *,
    now: datetime,
    pinned: bool = False,
    interaction_id: int | None = None,
    client_key: str | None = None,
    written_at: datetime | None = None,
    message_id: str | None = None,
) -> Note:
    """Keep a note. Raises DomainError for words that cannot be kept.

    `client_key` makes a retry harmless: the same author's same key gives the first note again, with `is_repeat` set.
    `written_at` is when it was written, if that was before it arrived. `message_id` is that of the e-mail that it was;
    one that is kept already raises IntegrityError, and nothing is lost by it.
    """
    refuse(fault_in_note(draft.body))
    if first := already_kept(author_id, client_key):
        return first
    note = Note(
        customer_id=customer_id,
        author_id=author_id,
        interaction_id=interaction_id,
        body=draft.body,
        kind=draft.kind,
        quotable=draft.quotable,
        follow_up_on=draft.follow_up_on,
        pinned=pinned,
        client_key=client_key,
        written_at=written_at or now,
        source="email" if message_id else None,
        external_id=message_id,
    )
    try:
        with db.session.begin_nested():
            db.session.add(note)
    except IntegrityError:  # the same note came twice at once, and the other one was faster
        if first := already_kept(author_id, client_key):
            return first
        raise
    facts = {"kind": note.kind.value, "quotable": note.quotable, "pinned": pinned, "length": len(note.body)}
    record_event(
        "note.written",
        Topic.NOTE,
        subject=note,
        customer_id=customer_id,
        actor_id=author_id,
        at=note.written_at,
        data=facts,
    )
    return note


def already_kept(author_id: int | None, client_key: str | None) -> Note | None:
    if client_key is None:
        return None
    first = db.session.scalars(select(Note).where(Note.author_id == author_id, Note.client_key == client_key)).first()
    if first:
        first.is_repeat = True
    return first


def amend_note(note: Note, draft: Draft, *, seen_version: int, actor_id: int, now: datetime) -> bool:
    """Replace a note's words and keep the old ones as a revision. False when nothing is different.

    `seen_version` is the version that the person had before them. Raises Stale when there is a newer one,
    and DomainError for words that cannot be kept; after either the caller rolls back.
    """
    refuse(fault_in_note(draft.body))
    if note.version != seen_version:
        raise Stale("Somebody amended this note meanwhile. Both versions are below; nothing was saved.")
    if draft == Draft(note.body, note.kind, note.quotable, note.follow_up_on):
        return False
    db.session.add(
        NoteRevision(
            note_id=note.id,
            version=note.version,
            body=note.body,
            kind=note.kind,
            quotable=note.quotable,
            follow_up_on=note.follow_up_on,
            replaced_at=now,
            replaced_by_id=actor_id,
        )
    )
    note.body, note.kind = draft.body, draft.kind
    note.quotable, note.follow_up_on = draft.quotable, draft.follow_up_on
    note.version += 1
    try:
        db.session.flush()  # the update asks for the version it was loaded with
    except StaleDataError:
        raise Stale("Somebody amended this note meanwhile. Both versions are below; nothing was saved.") from None
    facts = {"version": note.version, "quotable": note.quotable, "length": len(note.body)}
    record_event(
        "note.amended", Topic.NOTE, subject=note, customer_id=note.customer_id, actor_id=actor_id, at=now, data=facts
    )
    return True


def pin_note(note: Note, pinned: bool, *, actor_id: int, now: datetime) -> None:
    """Stand a note above the history, or put it back. Doing it twice is harmless."""
    # Not through the note itself: a pin is no amendment and must not run into its version.
    changed = db.session.execute(
        update(Note).where(Note.id == note.id, Note.pinned.is_not(pinned)).values(pinned=pinned).returning(Note.id)
    ).first()
    if changed:
        kind = "note.pinned" if pinned else "note.unpinned"
        record_event(kind, Topic.NOTE, subject=note, customer_id=note.customer_id, actor_id=actor_id, at=now)


def follow_up_done(note: Note, *, actor_id: int, now: datetime) -> None:
    """Take the follow-up date away because it was done. Doing it twice is harmless."""
    due = note.follow_up_on
    changed = db.session.execute(
        update(Note)
        .where(Note.id == note.id, Note.follow_up_on.is_not(None))
        .values(follow_up_on=None)
        .returning(Note.id)
    ).first()
    if changed:
        facts = {"due": due.isoformat()} if due else {}
        record_event(
            "note.followed_up",
            Topic.NOTE,
            subject=note,
            customer_id=note.customer_id,
            actor_id=actor_id,
            at=now,
            data=facts,
        )


def follow_up_again(note_id: int, *, actor_id: int, now: datetime) -> None:
    """Put back the follow-up date that was last taken away. Raises DomainError when that cannot be done any more."""
    done = db.session.scalars(
        select(Event)
        .where(Event.subject_type == Note.__tablename__, Event.subject_id == note_id, Event.kind == "note.followed_up")
        .order_by(Event.id.desc())
        .limit(1)
    ).first()
    due = done.data.get("due") if done and now - done.recorded_at < UNDONE_WITHIN else None
    note = db.session.get(Note, note_id)
    put_back = (
        note
        and due
        and db.session.execute(
            update(Note)
            .where(Note.id == note_id, Note.follow_up_on.is_(None))
            .values(follow_up_on=date.fromisoformat(due))
            .returning(Note.id)
        ).first()
    )
    if not note or not put_back:
        raise DomainError("This can no longer be taken back. Amend the note and give it a follow-up date again.")
    record_event(
        "note.follow_up_again",
        Topic.NOTE,
        subject=note,
        customer_id=note.customer_id,
        actor_id=actor_id,
        at=now,
        data={"due": due},
    )


def refuse(fault: str | None) -> None:
    if fault:
        raise DomainError(fault)
