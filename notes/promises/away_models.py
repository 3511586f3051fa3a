"""Who is away and who stands in; the address under which somebody's calendar program reads their promises."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.auth.models import User
from console.db import Base


class Absence(Base):
    """Somebody is away on these days, both included; what they promised is with who stands in meanwhile."""

    __tablename__ = "absences"
    __table_args__ = (
        Index(None, "user_id", "until_on"),
        CheckConstraint("first_on <= until_on", name="days"),
        CheckConstraint("stand_in_id IS NULL OR stand_in_id <> user_id", name="stand_in"),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    stand_in_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    first_on: Mapped[date]
    until_on: Mapped[date]
    entered_at: Mapped[datetime]
    entered_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    ended_at: Mapped[datetime | None]  # taken back, back early, or over

    user: Mapped[User] = relationship(lazy="raise", foreign_keys=[user_id])
    stand_in: Mapped[User | None] = relationship(lazy="raise", foreign_keys=[stand_in_id])


class CalendarFeed(Base):
    """A person's secret address for their calendar program; only its hash is kept."""

    __tablename__ = "calendar_feeds"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), unique=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    with_words: Mapped[bool] = mapped_column(default=False)  # what was promised, too
    made_at: Mapped[datetime]
    read_at: Mapped[datetime | None]  # when a calendar program last asked, to the hour
