"""Interactions and their utterances."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.auth.models import User
from console.customers.models import Customer
from console.db import Base, enum_column, utc_now


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
    LIVE = "live"
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
        # One live talk of an agent with a customer, whatever is clicked twice.
        Index(
            "ux_interactions_live",
            "agent_id",
            "customer_id",
            unique=True,
            sqlite_where=text("state = 'live'"),
            postgresql_where=text("state = 'live'"),
        ),
        Index(None, "agent_id", "state", "id"),  # what an agent has going on, and had last
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

    agent: Mapped[User | None] = relationship(lazy="raise")
    customer: Mapped[Customer] = relationship(lazy="raise")
    utterances: Mapped[list[Utterance]] = relationship(
        lazy="raise", order_by="Utterance.position", cascade="all, delete-orphan"
    )


class Utterance(Base):
    """One turn or message."""

    __tablename__ = "utterances"
    __table_args__ = (UniqueConstraint("interaction_id", "external_id"), Index(None, "interaction_id", "position"))

    interaction_id: Mapped[int] = mapped_column(ForeignKey("interactions.id", ondelete="CASCADE"))
    external_id: Mapped[str | None] = mapped_column(String(120))
    position: Mapped[int]  # from 0, in the order spoken
    speaker: Mapped[Speaker] = mapped_column(enum_column(Speaker))
    text: Mapped[str] = mapped_column(Text)
    said_at: Mapped[datetime | None]
