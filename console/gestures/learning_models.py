"""What was suggested and what came of it, and how far suggestions may learn."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from console.db import Base, Json, enum_column, utc_now
from console.empowerment.kinds import Occasion
from console.gestures.weights import SURPRISE


class Suggestion(Base):
    """A list of gestures as it was shown, with the chance each had, so that it can be learned from."""

    __tablename__ = "suggestions"
    __table_args__ = (Index(None, "customer_id", "shown_at"), Index(None, "shown_at"))

    shown_at: Mapped[datetime] = mapped_column(default=utc_now)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interactions.id"))
    agent_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    occasion: Mapped[Occasion] = mapped_column(enum_column(Occasion))
    model: Mapped[str] = mapped_column(String(40))  # which rules ranked it
    silence: Mapped[str] = mapped_column(String(40), default="")  # why nothing, or less, was suggested
    items: Mapped[list[dict[str, Any]]] = mapped_column(Json)  # [{"gesture_version": 3, "score": 81, "propensity": 1}]
    considered: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)  # all that were eligible, likewise
    features: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # what the scores were made of
    seed: Mapped[int] = mapped_column(default=0)
    held_out: Mapped[bool] = mapped_column(
        default=False
    )  # nothing of `items` was shown, so that effects can be measured
    skipped_at: Mapped[datetime | None]
    skip_reason: Mapped[str] = mapped_column(String(40), default="")


class GestureSettings(Base):
    """One row: how suggestions behave, and how much is looked at afterwards."""

    __tablename__ = "gesture_settings"
    __table_args__ = (
        CheckConstraint("hold_out_percent BETWEEN 0 AND 50", name="hold_out"),
        CheckConstraint("review_percent BETWEEN 0 AND 100", name="review"),
    )

    rules_only: Mapped[bool] = mapped_column(default=True)  # no re-ordering by what was learned
    hold_out_percent: Mapped[int] = mapped_column(default=5)  # of delight
    review_percent: Mapped[int] = mapped_column(default=3)
    surprise_percent: Mapped[int] = mapped_column(default=SURPRISE, server_default=str(SURPRISE))  # of conversations
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
