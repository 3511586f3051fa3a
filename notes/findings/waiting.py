"""Notes that have still to be looked through: a row says so for each, in the transaction that keeps the note.

Whatever stops one worker, another takes the row up. What people wrote comes before what an import brought.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select

from console.db import db
from knowledge.embedding import EncoderState, encoder
from notes.findings.models import FindingKind, FindingState, NoteFinding
from notes.models import Note

RECENT = timedelta(days=30)  # of an import; what older notes say that is worth keeping is hardly new
MOST_IMPORTED = 5_000  # that wait at a time: a worker looks through some ten a second
WRITTEN, IMPORTED = 0.0, -1.0  # the score of a waiting row says how soon it is its turn
IS_WAITING = NoteFinding.state == FindingState.WAITING


def waiting_row(note_id: int, version: int, now: datetime, score: float = WRITTEN) -> dict[str, Any]:
    return {
        "note_id": note_id, "note_version": version, "kind": FindingKind.FACT, "begins": 0, "ends": 0, "text": "",
        "score": score, "state": FindingState.WAITING, "found_at": now,
    }  # fmt: skip


def await_looking(note: Note, *, now: datetime) -> None:
    """One row, however often the note is changed before its turn comes."""
    db.session.execute(delete(NoteFinding).where(NoteFinding.note_id == note.id, IS_WAITING))
    db.session.add(NoteFinding(**waiting_row(note.id, note.version, now)))
    db.session.flush()


def await_imported(note_ids: Collection[int], *, now: datetime) -> int:
    """Let the recent ones of these imported notes be looked through; returns how many found no room to wait."""
    if not note_ids or encoder().state is EncoderState.OFF:
        return 0
    is_recent = Note.id.in_(note_ids), Note.written_at > now - RECENT
    recent = db.session.execute(select(Note.id, Note.version).where(*is_recent).order_by(Note.written_at.desc())).all()
    if not recent:
        return 0
    db.session.execute(delete(NoteFinding).where(NoteFinding.note_id.in_([row.id for row in recent]), IS_WAITING))
    already = db.session.scalar(select(func.count()).select_from(NoteFinding).where(IS_WAITING)) or 0
    rows = [waiting_row(row.id, row.version, now, IMPORTED) for row in recent[: max(MOST_IMPORTED - already, 0)]]
    if rows:
        db.session.execute(insert(NoteFinding), rows)
    return len(recent) - len(rows)


def take_one() -> tuple[Note, float] | None:
    """A note that waits, no longer waiting as soon as the caller commits; to no other process meanwhile."""
    order = NoteFinding.score.desc(), NoteFinding.id
    first = select(NoteFinding.id).where(IS_WAITING).order_by(*order).limit(1).with_for_update(skip_locked=True)
    chosen = delete(NoteFinding).where(NoteFinding.id == first.scalar_subquery())
    taken = chosen.returning(NoteFinding.note_id, NoteFinding.score)
    row = db.session.execute(taken, execution_options={"synchronize_session": False}).first()
    note = db.session.get(Note, row.note_id) if row else None
    return (note, row.score) if row and note else None
