"""What belongs to an interaction while it goes on and just after: who looks, hands over, what was heard and done."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.auth.models import User
from console.customers.models import Customer
from console.db import Base, Json, enum_column
from console.interactions.models import Interaction, Utterance


class Presence(Base):
    """Somebody has a customer's page open. Whoever was not seen for two minutes has gone."""

    __tablename__ = "presences"
    __table_args__ = (UniqueConstraint("user_id", "customer_id"), Index(None, "customer_id", "seen_at"))

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    seen_at: Mapped[datetime]

    user: Mapped[User] = relationship(lazy="raise")


class Transfer(Base):
    """An interaction handed to a colleague or a team, with a whispered note. Open until somebody took it."""

    __tablename__ = "transfers"
    __table_args__ = (Index(None, "interaction_id", "id"),)

    interaction_id: Mapped[int] = mapped_column(ForeignKey("interactions.id", ondelete="CASCADE"))
    from_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    to_user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    to_team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    note: Mapped[str] = mapped_column(Text, default="")
    asked_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]
    taken_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class Handled(StrEnum):
    """What an agent did with something the help pane showed for one interaction."""

    PINNED = "pinned"
    DISMISSED = "dismissed"


class HelpMark(Base):
    """An article that was pinned to an interaction, or sent away from it."""

    __tablename__ = "help_marks"
    __table_args__ = (UniqueConstraint("interaction_id", "article_id"),)

    interaction_id: Mapped[int] = mapped_column(ForeignKey("interactions.id", ondelete="CASCADE"))
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    mark: Mapped[Handled] = mapped_column(enum_column(Handled))
    reason: Mapped[str] = mapped_column(String(200), default="")
    marked_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    marked_at: Mapped[datetime]


class StepDone(Base):
    """A numbered step of an article that was done in an interaction. The words are those of then."""

    __tablename__ = "steps_done"
    __table_args__ = (UniqueConstraint("interaction_id", "article_id", "number"),)

    interaction_id: Mapped[int] = mapped_column(ForeignKey("interactions.id", ondelete="CASCADE"))
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    article_revision: Mapped[int]
    number: Mapped[int]  # from 1
    text: Mapped[str] = mapped_column(String(500))
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    done_at: Mapped[datetime]


class TalkSignal(Base):
    """A kind of thing that customers say, recognised by examples. Supervisors switch it and edit its examples."""

    __tablename__ = "talk_signals"

    code: Mapped[str] = mapped_column(String(40), unique=True)  # "cancellation", "promise" …
    label: Mapped[str] = mapped_column(String(80))
    icon: Mapped[str] = mapped_column(String(40))  # its Lucide name
    tone: Mapped[str] = mapped_column(String(10), default="")  # of its chip: "", good, warn, bad
    examples: Mapped[list[str]] = mapped_column(Json, default=list)  # a sentence each
    counter_examples: Mapped[list[str]] = mapped_column(Json, default=list)  # alike, and not it
    is_on: Mapped[bool] = mapped_column(default=True)
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime]


class Heard(Base):
    """A signal found in what a customer said: in which words, and how sure."""

    __tablename__ = "heard_signals"
    __table_args__ = (UniqueConstraint("utterance_id", "code"), Index(None, "interaction_id", "id"))

    interaction_id: Mapped[int] = mapped_column(ForeignKey("interactions.id", ondelete="CASCADE"))
    utterance_id: Mapped[int] = mapped_column(ForeignKey("utterances.id", ondelete="CASCADE"))
    code: Mapped[str] = mapped_column(String(40))  # of a TalkSignal, or "repeats" and "asked_before"
    begins: Mapped[int]  # the words that caused it, as a slice of the utterance's text
    ends: Mapped[int]
    score: Mapped[float]  # 0 to 1
    about: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what it repeats: ids
    heard_at: Mapped[datetime]
    dismissed_at: Mapped[datetime | None]

    utterance: Mapped[Utterance] = relationship(lazy="raise")


class Snippet(Base):
    """Words to insert: somebody's own, or shared by all when it has no owner. {placeholders} are filled in."""

    __tablename__ = "snippets"
    __table_args__ = (
        UniqueConstraint("owner_id", "shortcut"),
        # A unique constraint lets nulls be many.
        Index(
            "ux_snippets_shared",
            "shortcut",
            unique=True,
            sqlite_where=text("owner_id IS NULL"),
            postgresql_where=text("owner_id IS NULL"),
        ),
    )

    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    shortcut: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(120))
    body: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(16), default="en")
    used: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)  # counts up with each change
    changed_at: Mapped[datetime]
    is_demo: Mapped[bool] = mapped_column(default=False)


class FollowUpState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class RootCause(StrEnum):
    PRODUCT = "product"
    DELIVERY = "delivery"
    WAITING = "waiting"
    KNOWLEDGE = "knowledge"
    POLICY = "policy"
    MANNER = "manner"
    SYSTEM = "system"
    OTHER = "other"

    @property
    def label(self) -> str:
        return {
            "product": "The product",
            "delivery": "The delivery",
            "waiting": "Waiting too long",
            "knowledge": "We did not know the answer",
            "policy": "Our own rule",
            "manner": "How we spoke",
            "system": "A system of ours",
            "other": "Something else",
        }[self.value]


class FollowUp(Base):
    """A customer to come back to, as after a bad score. Closing it needs the root cause and what was done."""

    __tablename__ = "follow_ups"
    __table_args__ = (Index(None, "state", "due_on"), Index(None, "owner_id", "state", "due_on"))

    interaction_id: Mapped[int] = mapped_column(ForeignKey("interactions.id", ondelete="CASCADE"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    why: Mapped[str] = mapped_column(String(40))  # "low_score", or "asked" by the agent at wrap-up
    due_on: Mapped[date]
    state: Mapped[FollowUpState] = mapped_column(enum_column(FollowUpState), default=FollowUpState.OPEN)
    words: Mapped[str] = mapped_column(Text, default="")
    root_cause: Mapped[RootCause | None] = mapped_column(enum_column(RootCause))
    what_was_done: Mapped[str] = mapped_column(Text, default="")
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    interaction: Mapped[Interaction] = relationship(lazy="raise")
    customer: Mapped[Customer] = relationship(lazy="raise")
    owner: Mapped[User | None] = relationship(lazy="raise", foreign_keys=[owner_id])
