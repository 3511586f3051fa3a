"""Delivery cards: a line somebody remembered, written by hand, in the parcel."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.auth.models import User
from console.customers.models import Customer, Order
from console.db import Base, enum_column, utc_now
from notes.models import Note


class CardState(StrEnum):
    DRAFT = "draft"  # somebody still edits it
    APPROVED = "approved"  # may be written
    WRITTEN = "written"
    PACKED = "packed"  # lies in the parcel
    SKIPPED = "skipped"  # does not go; the order may get another one

    @property
    def is_open(self) -> bool:
        return self in {CardState.DRAFT, CardState.APPROVED, CardState.WRITTEN}


class Paper(StrEnum):
    A6 = "A6"
    A5 = "A5"


class DeliveryCard(Base):
    """One card for one order. At most one that was not skipped."""

    __tablename__ = "delivery_cards"
    __table_args__ = (
        Index(
            "ux_delivery_cards_order",
            "order_id",
            unique=True,
            sqlite_where=text("state <> 'skipped'"),
            postgresql_where=text("state <> 'skipped'"),
        ),
        Index(
            "ux_delivery_cards_entry",
            "entry_id",
            unique=True,
            sqlite_where=text("state <> 'skipped'"),
            postgresql_where=text("state <> 'skipped'"),
        ),
        Index(None, "state", "id"),
        Index(None, "customer_id"),
        Index(None, "note_id"),
    )

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    note_id: Mapped[int | None] = mapped_column(ForeignKey("notes.id", ondelete="SET NULL"))  # where the words are from
    quote: Mapped[str] = mapped_column(Text, default="")  # those words as they stood there
    # The gesture that this card fulfils, if it was given as one.
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_entries.id"))
    body: Mapped[str] = mapped_column(Text)  # the whole of what is written, from "Dear" to the name below
    language: Mapped[str] = mapped_column(String(16), default="en")
    paper: Mapped[Paper] = mapped_column(enum_column(Paper), default=Paper.A6)
    state: Mapped[CardState] = mapped_column(enum_column(CardState), default=CardState.DRAFT)
    skipped_because: Mapped[str] = mapped_column(String(200), default="")
    version: Mapped[int] = mapped_column(default=1)  # counts up with each change of the words
    drafted_at: Mapped[datetime] = mapped_column(default=utc_now)
    drafted_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    approved_at: Mapped[datetime | None]
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    settled_at: Mapped[datetime | None]  # packed, or skipped
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    customer: Mapped[Customer] = relationship(lazy="raise")
    order: Mapped[Order] = relationship(lazy="raise")
    note: Mapped[Note | None] = relationship(lazy="raise")
    approved_by: Mapped[User | None] = relationship(lazy="raise", foreign_keys=[approved_by_id])
