"""What stands beside a note: who is mentioned in it, what is attached to it, the templates it may begin with."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.auth.models import User
from console.db import Base, enum_column
from notes.models import Note, NoteKind


class NoteMention(Base):
    """A colleague named in a note as @name: told quietly, until seen."""

    __tablename__ = "note_mentions"
    __table_args__ = (UniqueConstraint("note_id", "user_id"), Index(None, "user_id", "seen_at", "id"))

    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    mentioned_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]

    note: Mapped[Note] = relationship(lazy="raise")
    user: Mapped[User] = relationship(lazy="raise")


class NoteAttachment(Base):
    """A file kept with a note, in the database, so that a backup holds it and erasing takes it away."""

    __tablename__ = "note_attachments"
    __table_args__ = (UniqueConstraint("note_id", "sha256"),)

    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))  # a bare file name
    media_type: Mapped[str] = mapped_column(String(100))  # by its content, never by what the sender said
    size: Mapped[int]  # bytes
    sha256: Mapped[str] = mapped_column(String(64))
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    added_at: Mapped[datetime]
    added_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    note: Mapped[Note] = relationship(lazy="raise")


class NoteTemplate(Base):
    """Words a note may begin with: somebody's own, or shared by all when it has no owner."""

    __tablename__ = "note_templates"
    __table_args__ = (Index(None, "owner_id", "title"),)

    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str] = mapped_column(String(80))
    body: Mapped[str] = mapped_column(Text)
    kind: Mapped[NoteKind] = mapped_column(enum_column(NoteKind), default=NoteKind.CALL)
    version: Mapped[int] = mapped_column(default=1)  # counts up with each change
    changed_at: Mapped[datetime]
    is_demo: Mapped[bool] = mapped_column(default=False)
