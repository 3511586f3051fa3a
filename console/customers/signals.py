"""Facts that call for attention: plain rows in, signals out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class SignalKind(StrEnum):
    OPEN_COMPLAINT = "open_complaint"
    LATE_DELIVERY = "late_delivery"
    REPEAT_INTERACTION = "repeat_interaction"  # within 14 days
    ABANDONED_CART = "abandoned_cart"
    MILESTONE_ORDER = "milestone_order"
    ANNIVERSARY = "anniversary"
    BIRTHDAY = "birthday"
    BROKEN_PROMISE = "broken_promise"


FAILURES = frozenset(
    {SignalKind.OPEN_COMPLAINT, SignalKind.LATE_DELIVERY, SignalKind.REPEAT_INTERACTION, SignalKind.BROKEN_PROMISE}
)


@dataclass(frozen=True)
class Signal:
    """One fact: `title` as the chip says it ("Delivery 4 days late"), `clause` as a reason says it
    ("order 48213 came 4 days late"), and the ids it rests on."""

    kind: SignalKind
    title: str
    clause: str
    at: datetime
    evidence: dict[str, Any] = field(default_factory=dict)  # {"order": 12}

    @property
    def is_failure(self) -> bool:
        return self.kind in FAILURES
