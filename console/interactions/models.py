"""Interactions and their utterances."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.auth.models import User
from console.customers.models import Customer
from console.db import Base, BigKey, enum_column, utc_now

REPLAY = "replay"  # the source of a recorded talk that is played again: nothing counts it


class Channel(StrEnum):
    PHONE = "phone"
    CHAT = "chat"
    EMAIL = "email"
    VISIT = "visit"
    WEB = "web"

    @property
    def label(self) -> str:
        return {"email": "E-mail"}.get(self.value, self.value.capitalize())

    @property
    def icon(self) -> str:
        """Its Lucide name."""
        icons = {"phone": "phone", "chat": "message-circle", "email": "mail", "visit": "store", "web": "globe"}
        return icons[self.value]


class InteractionState(StrEnum):
    WAITING = "waiting"  # for somebody to take it
    LIVE = "live"
    WRAP_UP = "wrap_up"  # the talk is over, its agent writes down how it ended
    CLOSED = "closed"


class WrapUpCode(StrEnum):
    DAMAGED = "damaged"
    LATE_DELIVERY = "late_delivery"
    MISSING_PARCEL = "missing_parcel"
    RETURN = "return"
    REFUND = "refund"
    PRODUCT_QUESTION = "product_question"
    ORDER_CHANGE = "order_change"
    PAYMENT = "payment"
    ACCOUNT = "account"
    COMPLAINT = "complaint"
    COMPLIMENT = "compliment"
    TRADE = "trade"
    OTHER = "other"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()


class Speaker(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    SYSTEM = "system"  # what a system answered while they talked


class Interaction(Base):
    """One handled call, chat, e-mail or visit."""

    __tablename__ = "interactions"
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        Index(None, "customer_id", "started_at"),
        # One live talk of an agent with a customer, whatever is clicked twice; another system may tell of several.
        Index(
            "ux_interactions_live",
            "agent_id",
            "customer_id",
            unique=True,
            sqlite_where=text("state = 'live' AND external_id IS NULL"),
            postgresql_where=text("state = 'live' AND external_id IS NULL"),
        ),
        Index(None, "agent_id", "state", "id"),  # what an agent has going on, and had last
        Index(
            "ix_interactions_waiting",
            "team_id",
            "id",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index(
            "ix_interactions_open",
            "state",
            "id",
            sqlite_where=text("state <> 'closed'"),
            postgresql_where=text("state <> 'closed'"),
        ),
        Index(
            "ix_interactions_wrapped_up_at",  # the team's after-call work
            "wrapped_up_at",
            sqlite_where=text("wrapped_up_at IS NOT NULL"),
            postgresql_where=text("wrapped_up_at IS NOT NULL"),
        ),
    )

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    source: Mapped[str | None] = mapped_column(String(40))
    external_id: Mapped[str | None] = mapped_column(String(120))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    channel: Mapped[Channel] = mapped_column(enum_column(Channel))
    state: Mapped[InteractionState] = mapped_column(enum_column(InteractionState), default=InteractionState.LIVE)
    subject: Mapped[str] = mapped_column(String(300), default="")
    started_at: Mapped[datetime | None] = mapped_column(default=utc_now)  # some sources do not know
    ended_at: Mapped[datetime | None]
    wrap_up_code: Mapped[WrapUpCode | None] = mapped_column(enum_column(WrapUpCode))
    resolved: Mapped[bool | None]
    csat: Mapped[int | None]  # 1 to 5
    # The 3R note.
    reason: Mapped[str] = mapped_column(Text, default="")
    resolution: Mapped[str] = mapped_column(Text, default="")
    result: Mapped[str] = mapped_column(Text, default="")

    team_id: Mapped[int | None] = mapped_column(BigKey)  # whose queue it waits in; none: everybody's
    is_guess: Mapped[bool] = mapped_column(default=False)  # the customer was guessed, and nobody has confirmed it
    heard_at: Mapped[datetime | None]  # when the customer last said something …
    seen_at: Mapped[datetime | None]  # … and up to when the agent has seen it: unread when that is earlier
    wrapped_up_at: Mapped[datetime | None]  # after-call work lasts from ended_at until then
    csat_words: Mapped[str] = mapped_column(Text, default="")  # what the customer wrote beside the score
    csat_at: Mapped[datetime | None]

    agent: Mapped[User | None] = relationship(lazy="raise")
    customer: Mapped[Customer] = relationship(lazy="raise")
    utterances: Mapped[list[Utterance]] = relationship(
        lazy="raise", order_by="Utterance.position", cascade="all, delete-orphan"
    )

    @property
    def is_replay(self) -> bool:
        return self.source == REPLAY

    @property
    def recorded_id(self) -> int:
        """Of a replay, the interaction that is played again; else 0."""
        number = (self.external_id or "").partition("-")[0]
        return int(number) if self.is_replay and number.isdecimal() else 0


IS_NO_REPLAY = Interaction.source.is_distinct_from(REPLAY)  # whoever counts conversations asks for it


class Utterance(Base):
    """One turn or message.

    `position` orders the turns of an interaction, and turns of one position their ids. Of an imported talk it counts
    from 0; of a live one it is the milliseconds since the talk began, so that a turn which arrives late stands where it
    was said.
    """

    __tablename__ = "utterances"
    __table_args__ = (UniqueConstraint("interaction_id", "external_id"), Index(None, "interaction_id", "position"))

    interaction_id: Mapped[int] = mapped_column(ForeignKey("interactions.id", ondelete="CASCADE"))
    external_id: Mapped[str | None] = mapped_column(String(120))
    position: Mapped[int]
    speaker: Mapped[Speaker] = mapped_column(enum_column(Speaker))
    text: Mapped[str] = mapped_column(Text)
    said_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(default=0)  # a later one of the same external id corrects the words
    said_by_id: Mapped[int | None] = mapped_column(BigKey)  # who had the talk then; none: the customer, or unknown
    is_whisper: Mapped[bool] = mapped_column(default=False)  # for colleagues: the customer never hears or reads it
