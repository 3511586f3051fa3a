"""What search looks through: notes, what was said, preferences and boundaries, each as one row of words.

Triggers keep `remembered` true to its sources in their own transactions (migration 0011), so no import, API call or
erasure gets past it. Beside it, by hand: FTS5's `remembered_fts` on SQLite; on PostgreSQL the column `terms`, and where
pgvector is there the table `remembered_halves` (notes.searching.pgvector_schema).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from console.db import Base, BigKey, enum_column


class SourceKind(StrEnum):
    NOTE = "note"
    UTTERANCE = "utterance"
    PREFERENCE = "preference"
    BOUNDARY = "boundary"


class Remembered(Base):
    """One note, turn, preference or boundary. Neither whispers, replays nor what was ended or taken back.

    `marks` are what filters ask for, as words that the keyword index holds too: c12 (customer), a7 (author), its kind,
    m202611 (month, UTC), of a note also kcall (its own kind), pinned, quotable, follow (up on a day); of a turn
    bycustomer or byagent.
    """

    __tablename__ = "remembered"
    __table_args__ = (UniqueConstraint("kind", "subject_id"), Index(None, "customer_id", "id"))

    kind: Mapped[SourceKind] = mapped_column(enum_column(SourceKind, 16))
    subject_id: Mapped[int] = mapped_column(BigKey)
    customer_id: Mapped[int] = mapped_column(BigKey)
    author_id: Mapped[int | None] = mapped_column(BigKey)  # none: not known, or the customer
    at: Mapped[datetime | None]  # some sources do not know
    marks: Mapped[str] = mapped_column(String(160))
    body: Mapped[str] = mapped_column(Text)


class Unread(Base):
    """The id of a Remembered that the embedding model has yet to read, and when a process took it on."""

    __tablename__ = "remembered_unread"

    id: Mapped[int] = mapped_column(ForeignKey("remembered.id", ondelete="CASCADE"), primary_key=True)
    claimed_at: Mapped[datetime | None]


class RememberedVector(Base):
    """The meaning of a Remembered. New words get a new row of a higher id: by that, processes see what is new."""

    __tablename__ = "remembered_vectors"
    __table_args__ = ({"sqlite_autoincrement": True},)

    remembered_id: Mapped[int] = mapped_column(ForeignKey("remembered.id", ondelete="CASCADE"), unique=True)
    model: Mapped[str] = mapped_column(String(120))
    vector: Mapped[bytes] = mapped_column(LargeBinary)  # float16, of unit length
    sentences: Mapped[bytes | None] = mapped_column(
        LargeBinary
    )  # one after the other as knowledge.embedding.packed has
