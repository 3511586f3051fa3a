"""What has to be done for a granted gesture: an outbox, written in the transaction of the grant."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.db import Base, Json, enum_column, utc_now
from console.gestures.models import Fulfilling, LedgerEntry


class FulfilmentState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"  # given up after several attempts; a person decides
    CANCELLED = "cancelled"  # the gesture was taken back


class Fulfilment(Base):
    """One granted gesture on its way. Other systems know it by the entry's id, so that a repeat does nothing twice."""

    __tablename__ = "fulfilments"
    __table_args__ = (Index(None, "state", "next_at"),)

    entry_id: Mapped[int] = mapped_column(ForeignKey("ledger_entries.id"), unique=True)
    way: Mapped[Fulfilling] = mapped_column(enum_column(Fulfilling))
    state: Mapped[FulfilmentState] = mapped_column(enum_column(FulfilmentState), default=FulfilmentState.WAITING)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    next_at: Mapped[datetime | None]  # when it is tried (again); none: a person does it
    attempts: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(String(300), default="")
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # a voucher's code, the other system's number
    done_at: Mapped[datetime | None]
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    entry: Mapped[LedgerEntry] = relationship(lazy="raise")


class VoucherCode(Base):
    """A code that was brought in and may be given once."""

    __tablename__ = "voucher_codes"
    __table_args__ = (Index(None, "gesture_id", "fulfilment_id"),)

    gesture_id: Mapped[int] = mapped_column(ForeignKey("gestures.id"))
    code: Mapped[str] = mapped_column(String(80), unique=True)
    fulfilment_id: Mapped[int | None] = mapped_column(ForeignKey("fulfilments.id"), unique=True)
    added_at: Mapped[datetime] = mapped_column(default=utc_now)


class StoreCredit(Base):
    """An amount on a customer's account; what is left of it is what the shop's own system says."""

    __tablename__ = "store_credits"
    __table_args__ = (Index(None, "customer_id"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    fulfilment_id: Mapped[int] = mapped_column(ForeignKey("fulfilments.id"), unique=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    credited_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_on: Mapped[date | None]
