"""Rows for tests of limits and gestures."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from console.auth.models import User
from console.customers.models import Customer
from console.empowerment.models import LimitSet
from console.gestures.kinds import GestureKind, Occasion
from console.gestures.ledger import Terms
from console.gestures.models import Gesture, GestureVersion
from tests.factories import add, numbers

BOTH = [Occasion.RECOVERY.value, Occasion.DELIGHT.value]


def make_limits(session: Session, role: str = "agent", **given: Any) -> LimitSet:
    """£10 a gesture, £20 a conversation, £60 a customer in 90 days, £100 a day, unless told otherwise."""
    given = {
        "version": 1,
        "currency": "GBP",
        "per_gesture_minor": 1000,
        "per_interaction_minor": 2000,
        "per_customer_minor": 6000,
        "customer_days": 90,
        "per_agent_day_minor": 10_000,
        "hold_minutes": 15,
    } | given
    return add(session, LimitSet(role=role, **given))


def make_gesture(
    session: Session, name: str = "Express delivery", cost_minor: int = 520, is_demo: bool = False, **given: Any
) -> GestureVersion:
    """An active gesture and its first version."""
    kind = given.pop("kind", GestureKind.EXPEDITED_SHIPPING)
    gesture = add(session, Gesture(code=f"gesture-{next(numbers)}", kind=kind, is_demo=is_demo))
    return make_version(session, gesture, name=name, cost_minor=cost_minor, **given)


def make_version(session: Session, gesture: Gesture, **given: Any) -> GestureVersion:
    given = {
        "version": 1,
        "name": "Express delivery",
        "currency": "GBP",
        "cost_minor": 520,
        "face_minor": 795,
        "perceived_minor": 1000,
        "tax_minor": 433,
        "occasions": BOTH,
    } | given
    return add(session, GestureVersion(gesture=gesture, **given))


def terms_of(agent: User, customer: Customer, version: GestureVersion, **given: Any) -> Terms:
    given.setdefault("occasion", Occasion.DELIGHT)
    return Terms(agent_id=agent.id, customer_id=customer.id, gesture_version_id=version.id, **given)
