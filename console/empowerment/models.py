"""Who may give how much: one immutable set of limits per role and version; the newest is in force."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.auth.models import User
from console.db import Base, utc_now


class LimitSet(Base):
    """The limits of one role, all of cost, all inclusive. Never changed: a change is the next version."""

    __tablename__ = "limit_sets"
    __table_args__ = (
        UniqueConstraint("role", "version"),
        CheckConstraint("customer_days BETWEEN 1 AND 3650", name="customer_days"),
        CheckConstraint("hold_minutes BETWEEN 1 AND 1440", name="hold_minutes"),
    )

    role: Mapped[str] = mapped_column(String(40))  # a name in permissions.ROLES
    version: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    per_gesture_minor: Mapped[int] = mapped_column(BigInteger)
    per_interaction_minor: Mapped[int] = mapped_column(BigInteger)
    per_customer_minor: Mapped[int] = mapped_column(BigInteger)  # within customer_days, by all agents
    customer_days: Mapped[int]  # rolling
    per_agent_day_minor: Mapped[int] = mapped_column(BigInteger)  # from midnight in TIME_ZONE
    hold_minutes: Mapped[int] = mapped_column(default=15)
    note: Mapped[str] = mapped_column(String(300), default="")  # why it was changed
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    is_demo: Mapped[bool] = mapped_column(default=False)

    created_by: Mapped[User | None] = relationship(lazy="raise")
