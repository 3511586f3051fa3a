"""What a person should look at: links between staff and customers, flags with their arithmetic, a random sample."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.auth.models import User
from console.customers.models import Customer
from console.db import Base, Json, enum_column, utc_now
from console.gestures.models import LedgerEntry


class StaffLink(Base):
    """A customer who is, or lives with, somebody who works here. Nobody gives to their own."""

    __tablename__ = "staff_links"
    __table_args__ = (UniqueConstraint("user_id", "customer_id"), Index(None, "customer_id"))

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    basis: Mapped[str] = mapped_column(String(40), default="declared")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    user: Mapped[User] = relationship(lazy="raise", foreign_keys=user_id)
    customer: Mapped[Customer] = relationship(lazy="raise")


class ReviewKind(StrEnum):
    SAMPLE = "sample"  # drawn at random
    PAIR = "pair"  # one agent and one customer unusually often
    AT_THE_CAP = "at_the_cap"  # many gestures just under a limit
    CUSTOMER = "customer"  # unusually many gestures for their talks
    APPROVAL = "approval"  # one approver, one requester, always yes within seconds


class ReviewOutcome(StrEnum):
    FINE = "fine"
    TALK = "talk"  # talked about it
    CONCERN = "concern"


class GestureReview(Base):
    """Something for a person to judge. Nothing follows from it by itself."""

    __tablename__ = "gesture_reviews"
    __table_args__ = (UniqueConstraint("kind", "subject"), Index(None, "outcome", "found_at"))

    kind: Mapped[ReviewKind] = mapped_column(enum_column(ReviewKind))
    subject: Mapped[str] = mapped_column(String(80))  # "entry:12", "pair:7:903:2026-11": found once
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_entries.id"))
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    arithmetic: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # the numbers it rests on
    found_at: Mapped[datetime] = mapped_column(default=utc_now)
    outcome: Mapped[ReviewOutcome | None] = mapped_column(enum_column(ReviewOutcome))
    reviewed_at: Mapped[datetime | None]
    reviewed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    comment: Mapped[str] = mapped_column(String(300), default="")

    entry: Mapped[LedgerEntry | None] = relationship(lazy="raise")
    agent: Mapped[User | None] = relationship(lazy="raise", foreign_keys=agent_id)
    customer: Mapped[Customer | None] = relationship(lazy="raise")
