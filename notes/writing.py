"""What people do with notes and promises: write, amend, pin, follow up; promise, keep, release."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import update
from sqlalchemy.orm.exc import StaleDataError

from console.db import db
from console.errors import DomainError, Stale
from console.events import Topic, record_event
from notes.models import Note, NoteKind, NoteRevision, Promise, PromiseState
from notes.screening import fault_in_note, fault_in_promise


@dataclass(frozen=True)
class Draft:
    """The words of a note as somebody wants them, tidied (see screening.tidy)."""

    body: str
    kind: NoteKind = NoteKind.CALL
    quotable: bool = False
    follow_up_on: date | None = None


def write_note(
    customer_id: int,
    author_id: int,
    draft: Draft,
    *,
    now: datetime,
    pinned: bool = False,
    interaction_id: int | None = None,
) -> Note:
    """Keep a note. Raises DomainError for words that cannot be kept."""
    refuse(fault_in_note(draft.body))
    note = Note(
        customer_id=customer_id,
        author_id=author_id,
        interaction_id=interaction_id,
        body=draft.body,
        kind=draft.kind,
        quotable=draft.quotable,
        follow_up_on=draft.follow_up_on,
        pinned=pinned,
        written_at=now,
    )
    db.session.add(note)
    db.session.flush()
    facts = {"kind": note.kind.value, "quotable": note.quotable, "pinned": pinned, "length": len(note.body)}
    record_event(
        "note.written", Topic.NOTE, subject=note, customer_id=customer_id, actor_id=author_id, at=now, data=facts
    )
    return note


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


def make_promise(
    customer_id: int, owner_id: int, text: str, due_at: datetime, *, now: datetime, note_id: int | None = None
) -> Promise:
    """Write down what was promised, by when. Raises DomainError for a moment that is past, or for bad words."""
    refuse(fault_in_promise(text))
    if due_at <= now:
        raise DomainError("That moment is past. Choose one that is still to come.")
    promise = Promise(
        customer_id=customer_id, owner_id=owner_id, text=text, due_at=due_at, note_id=note_id, created_at=now
    )
    db.session.add(promise)
    db.session.flush()
    facts = {"due_at": due_at.isoformat()}
    record_event(
        "promise.made", Topic.NOTE, subject=promise, customer_id=customer_id, actor_id=owner_id, at=now, data=facts
    )
    return promise


def keep_promise(promise: Promise, *, actor_id: int, now: datetime) -> None:
    """It was done, in time or late. Raises DomainError when the promise is already settled."""
    settle(promise, PromiseState.KEPT, actor_id, now)


def release_promise(promise: Promise, *, actor_id: int, now: datetime) -> None:
    """The customer no longer wants it. Raises DomainError when the promise is already settled."""
    settle(promise, PromiseState.RELEASED, actor_id, now)


def settle(promise: Promise, state: PromiseState, actor_id: int, now: datetime) -> None:
    late = promise.is_broken(now)
    settled = db.session.execute(
        update(Promise)
        .where(Promise.id == promise.id, Promise.state.in_([PromiseState.OPEN, PromiseState.BROKEN]))
        .values(state=state, settled_at=now)
        .returning(Promise.id)
    ).first()
    if settled is None:
        raise DomainError("This promise was already settled. Reload the page to see by whom.")
    record_event(
        f"promise.{state.value}",
        Topic.NOTE,
        subject=promise,
        customer_id=promise.customer_id,
        actor_id=actor_id,
        at=now,
        data={"late": late},
    )


def refuse(fault: str | None) -> None:
    if fault:
        raise DomainError(fault)
