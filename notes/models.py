"""Notes with their history, and promises."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, query_expression, relationship

from console.auth.models import User
from console.auth.permissions import Permission, allowed
from console.customers.models import Customer
from console.db import Base, BigKey, enum_column, utc_now


class NoteKind(StrEnum):
    CALL = "call"
    VISIT = "visit"
    PREFERENCE = "preference"
    FOLLOW_UP = "follow_up"
    EMAIL = "email"  # it came by mail
    OTHER = "other"

    @property
    def label(self) -> str:
        return "E-mail" if self is NoteKind.EMAIL else self.value.replace("_", " ").capitalize()


class Note(Base):
    """What somebody wrote down about a customer. Amended, never overwritten: see NoteRevision."""

    __tablename__ = "notes"
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        Index(None, "author_id", "client_key", unique=True),
        Index(None, "customer_id", "written_at"),
        Index(None, "author_id", "written_at"),
        Index(None, "written_at", "id"),  # everybody's notes, newest first
        Index(None, "follow_up_on"),
        # Few are pinned; found among a million without looking through them.
        Index(
            "ix_notes_pinned",
            "written_at",
            "id",
            sqlite_where=text("pinned IS 1"),
            postgresql_where=text("pinned IS true"),
        ),
    )

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interactions.id"))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    source: Mapped[str | None] = mapped_column(String(40))
    external_id: Mapped[str | None] = mapped_column(String(120))
    kind: Mapped[NoteKind] = mapped_column(enum_column(NoteKind), default=NoteKind.CALL)
    body: Mapped[str] = mapped_column(Text)
    quotable: Mapped[bool] = mapped_column(default=False)  # may be quoted to the customer
    pinned: Mapped[bool] = mapped_column(default=False)
    follow_up_on: Mapped[date | None]
    written_at: Mapped[datetime] = mapped_column(default=utc_now)
    version: Mapped[int] = mapped_column(default=1)  # optimistic lock; grows with each amendment
    client_key: Mapped[str | None] = mapped_column(String(40))  # the writer's device made it: sent twice, kept once
    is_repeat = False  # on this object alone: it was sent before, nothing more follows from it

    author: Mapped[User | None] = relationship(lazy="raise")
    customer: Mapped[Customer] = relationship(lazy="raise")
    revisions: Mapped[list[NoteRevision]] = relationship(
        lazy="raise", order_by="NoteRevision.version", cascade="all, delete-orphan"
    )

    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}  # noqa: RUF012

    def is_due(self, today: date) -> bool:
        return self.follow_up_on is not None and self.follow_up_on <= today

    def may_be_amended_by(self, user: User) -> bool:
        return user.id == self.author_id or allowed(user, Permission.AMEND_ANY_NOTE)


class NoteRevision(Base):
    """What a note said before it was amended."""

    __tablename__ = "note_revisions"
    __table_args__ = (UniqueConstraint("note_id", "version"),)

    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id", ondelete="CASCADE"))
    version: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    kind: Mapped[NoteKind] = mapped_column(enum_column(NoteKind))
    quotable: Mapped[bool]
    follow_up_on: Mapped[date | None]
    replaced_at: Mapped[datetime] = mapped_column(default=utc_now)
    replaced_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    replaced_by: Mapped[User | None] = relationship(lazy="raise")


REOPENED_WITHIN = timedelta(days=1)


class PromiseState(StrEnum):
    OPEN = "open"
    KEPT = "kept"
    BROKEN = "broken"
    RELEASED = "released"

    @property
    def is_settled(self) -> bool:
        return self in {PromiseState.KEPT, PromiseState.RELEASED}


class Promise(Base):
    """What was promised, by whom, by when. Past its time and still open, it is broken."""

    __tablename__ = "promises"
    __table_args__ = (
        Index(None, "customer_id", "state"),
        Index(None, "owner_id", "state", "due_at"),
        Index(None, "state", "due_at"),  # everybody's broken ones, oldest first
        # Few are with somebody who stands in; found without looking through all.
        Index(
            "ix_promises_handed_from",
            "handed_from_id",
            sqlite_where=text("handed_from_id IS NOT NULL"),
            postgresql_where=text("handed_from_id IS NOT NULL"),
        ),
    )

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    note_id: Mapped[int | None] = mapped_column(ForeignKey("notes.id"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str] = mapped_column(String(300))
    due_at: Mapped[datetime]
    state: Mapped[PromiseState] = mapped_column(enum_column(PromiseState), default=PromiseState.OPEN)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    settled_at: Mapped[datetime | None]
    # For whom the owner stands in, and since when: it goes back to them. None while it is the owner's own.
    handed_from_id: Mapped[int | None] = mapped_column(BigKey)
    handed_at: Mapped[datetime | None]

    owner: Mapped[User | None] = relationship(lazy="raise")
    handed_from: Mapped[User | None] = relationship(
        lazy="raise", primaryjoin="foreign(Promise.handed_from_id) == User.id", viewonly=True
    )
    customer: Mapped[Customer] = relationship(lazy="raise")

    # What the last change of its date recorded, when a query asks for it (see promises.queries.told).
    last_move: Mapped[dict[str, Any] | None] = query_expression()

    @property
    def giver_id(self) -> int | None:
        """Whose promise it is, though somebody may stand in for them."""
        return self.handed_from_id or self.owner_id

    @property
    def moved_from(self) -> datetime | None:
        """When it was due before its date was changed."""
        return datetime.fromisoformat(self.last_move["was_due_at"]) if self.last_move else None

    def may_be_reopened(self, now: datetime) -> bool:
        """It was settled a short while ago: later on a new promise says more."""
        return self.state.is_settled and self.settled_at is not None and now - self.settled_at < REOPENED_WITHIN

    def is_broken(self, now: datetime) -> bool:
        return self.state is PromiseState.BROKEN or (self.state is PromiseState.OPEN and self.due_at < now)
