"""What follows from the words of a note once it is kept."""

from __future__ import annotations

from datetime import datetime

from notes.beside.mentions import Mentioned, note_mentions
from notes.findings.proposing import look_for
from notes.models import Note


def after_saving(note: Note, *, actor_id: int | None, now: datetime) -> Mentioned:
    """Before the commit of a note that was written or amended, by whatever way it came.

    Returns what its writer is told. Raises DomainError for somebody named who may not see customers; the caller
    rolls back.
    """
    look_for(note, now=now)
    return note_mentions(note, actor_id=actor_id, now=now)
