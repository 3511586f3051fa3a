"""The one append-only record: by customer it is the timeline, whole it is the audit trail.

An event holds ids, kinds and numbers, never words that a person wrote: erasing those leaves it intact.
Database triggers (migrations) refuse every update and delete of a row.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from console.db import Base, db, enum_column, utc_now


class Topic(StrEnum):
    """What a timeline is filtered by. ACCESS stands in the audit trail alone."""

    TALK = "talk"
    ORDER = "order"
    NOTE = "note"
    GESTURE = "gesture"
    SIGNAL = "signal"
    PROFILE = "profile"
    ACCESS = "access"


class Event(Base):
    """Something that happened: what, when, to whom, by whom."""

    __tablename__ = "events"
    __table_args__ = (
        Index(None, "customer_id", "at", "id"),  # the timeline
        Index(None, "customer_id", "topic", "at", "id"),  # the timeline, filtered
        Index(None, "recorded_at", "id"),  # the audit trail
        Index(None, "topic", "recorded_at", "id"),
        Index(None, "kind", "recorded_at", "id"),
        Index(None, "actor_id", "recorded_at", "id"),
        Index(None, "subject_type", "subject_id"),
    )

    at: Mapped[datetime]  # when it happened; imported history keeps its own time
    recorded_at: Mapped[datetime]
    topic: Mapped[Topic] = mapped_column(enum_column(Topic))
    kind: Mapped[str] = mapped_column(String(40))  # "order.delivered", "gesture.offered"
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    subject_type: Mapped[str | None] = mapped_column(String(40))  # a table's name
    subject_id: Mapped[int | None] = mapped_column(BigInteger)
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)


def record_event(
    kind: str,
    topic: Topic,
    *,
    subject: Base | None = None,
    customer_id: int | None = None,
    actor_id: int | None = None,
    at: datetime | None = None,
    data: dict[str, Any] | None = None,
) -> Event:
    """Write down an act in the transaction of the act itself. `subject` must have its id (be flushed)."""
    now = utc_now()
    event = Event(
        at=at or now,
        recorded_at=now,
        topic=topic,
        kind=kind,
        customer_id=customer_id,
        actor_id=actor_id,
        subject_type=subject.__tablename__ if subject else None,
        subject_id=subject.id if subject else None,
        data=data or {},
    )
    db.session.add(event)
    return event
