"""What was found in a note, proposed until a person keeps or dismisses it; and what it is found by."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.db import Base, BigKey, Json, enum_column
from notes.models import Note


class FindingKind(StrEnum):
    PREFERENCE = "preference"
    BOUNDARY = "boundary"
    PROMISE = "promise"
    FACT = "fact"  # personal, worth remembering: "her daughter starts school in May"


class FindingState(StrEnum):
    PROPOSED = "proposed"
    KEPT = "kept"
    DISMISSED = "dismissed"
    WAITING = "waiting"  # no finding: its note has still to be looked through, see notes.findings.proposing


class NoteFinding(Base):
    """A sentence of a note that seems to say something to keep. Nothing is kept without a person."""

    __tablename__ = "note_findings"
    __table_args__ = (Index(None, "note_id"), Index(None, "state", "id"))

    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id", ondelete="CASCADE"))
    note_version: Mapped[int]
    kind: Mapped[FindingKind] = mapped_column(enum_column(FindingKind))
    begins: Mapped[int]  # the sentence, as a slice of the note's body at that version
    ends: Mapped[int]
    text: Mapped[str] = mapped_column(String(300))  # that sentence; what was kept may be worded otherwise
    due_at: Mapped[datetime | None]  # of a promise, when a date was understood
    score: Mapped[float]  # 0 to 1
    state: Mapped[FindingState] = mapped_column(enum_column(FindingState), default=FindingState.PROPOSED)
    found_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    kept_as_id: Mapped[int | None] = mapped_column(BigKey)  # the preference, boundary or promise that it became

    note: Mapped[Note] = relationship(lazy="raise")


class FindingExamples(Base):
    """The sentences one kind is found by, as a supervisor changed them; without a row the shipped ones hold."""

    __tablename__ = "finding_examples"

    kind: Mapped[str] = mapped_column(String(40), unique=True)  # a FindingKind, or a sensitive topic: "health" …
    examples: Mapped[list[str]] = mapped_column(Json, default=list)
    counter_examples: Mapped[list[str]] = mapped_column(Json, default=list)  # alike, and not it
    is_on: Mapped[bool] = mapped_column(default=True)
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime]
