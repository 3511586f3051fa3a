"""How suggestions behave and how much is looked at afterwards: one row, changed by people."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from console.db import db
from console.errors import DomainError
from console.events import Topic, record_event
from console.gestures.learning_models import GestureSettings
from console.gestures.weights import SURPRISE


def gesture_settings() -> GestureSettings:
    """As they are, or as they are to begin with."""
    row = db.session.scalars(select(GestureSettings).order_by(GestureSettings.id).limit(1)).first()
    return row or GestureSettings(rules_only=True, hold_out_percent=5, review_percent=3, surprise_percent=SURPRISE)


def change_settings(
    *, rules_only: bool, hold_out_percent: int, review_percent: int, surprise: int, actor_id: int, now: datetime
) -> None:
    """`surprise` is of a hundred conversations. Raises DomainError for shares that make no sense."""
    if not (0 <= hold_out_percent <= 50 and 0 <= review_percent <= 100 and 0 <= surprise <= 100):
        raise DomainError("Choose a hold-out from 0 to 50 %, and surprises and a sample from 0 to 100 %.")
    row = db.session.scalars(select(GestureSettings).order_by(GestureSettings.id).limit(1).with_for_update()).first()
    if row is None:
        row = GestureSettings()
        db.session.add(row)
    row.rules_only, row.hold_out_percent, row.review_percent = rules_only, hold_out_percent, review_percent
    row.surprise_percent, row.changed_by_id, row.changed_at = surprise, actor_id, now
    db.session.flush()
    data = {"rules_only": rules_only, "hold_out": hold_out_percent, "review": review_percent, "surprise": surprise}
    record_event("suggestions.set", Topic.ACCESS, subject=row, actor_id=actor_id, at=now, data=data)
