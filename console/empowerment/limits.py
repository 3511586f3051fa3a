"""The limits in force, their history, and how they change: by a new version, never in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from console.auth.models import Role, User, user_roles
from console.auth.permissions import ROLES, Permission
from console.db import db
from console.empowerment.models import LimitSet
from console.empowerment.policy import Limits, contradictions, most_generous
from console.errors import DomainError, Stale
from console.events import Topic, record_event
from console.money import Money

HISTORY = 20  # versions of a role shown


class Contradiction(DomainError):
    """Limits that cannot all be meant; `fields` says what to change where."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = fields


def giving_roles() -> list[str]:
    """The roles that may offer gestures, and so need limits."""
    return [name for name, allowed in ROLES.items() if Permission.OFFER_GESTURE in allowed]


def change_limits(limits: Limits, note: str, *, actor_id: int, now: datetime) -> LimitSet:
    """Put a new version of a role's limits in force. `limits.version` is the one that it was made from, 0 for none.

    Raises Contradiction, and Stale when somebody else changed them meanwhile; nothing is saved then.
    """
    if wrong := contradictions(limits):
        raise Contradiction(wrong)
    latest = db.session.scalars(newest(limits.role)).first()
    if (latest.version if latest else 0) != limits.version:
        raise Stale("Somebody else changed these limits meanwhile. Nothing of yours was saved; both are shown below.")
    if latest and as_limits(latest) == replace(limits, id=latest.id):
        raise DomainError("Nothing was changed: these are the limits in force already.")
    row = as_row(limits, note, actor_id, now)
    db.session.add(row)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Stale("Somebody else changed these limits at this very moment. Nothing of yours was saved.") from None
    data = {"role": row.role, "version": row.version}
    record_event("limits.changed", Topic.GESTURE, subject=row, actor_id=actor_id, at=now, data=data)
    return row


def limits_of_agent(agent_id: int) -> Limits | None:
    """The most generous set among the agent's roles; None when no role of theirs has limits."""
    sets = db.session.scalars(
        in_force()
        .join(Role, Role.name == LimitSet.role)
        .join(user_roles, user_roles.c.role_id == Role.id)
        .where(user_roles.c.user_id == agent_id, LimitSet.role.in_(giving_roles()))
    )
    return most_generous(as_limits(row) for row in sets)


def in_force() -> Select[LimitSet]:
    """The newest version of every role."""
    versions = select(LimitSet.role, func.max(LimitSet.version).label("version")).group_by(LimitSet.role).subquery()
    return select(LimitSet).join(
        versions, (versions.c.role == LimitSet.role) & (versions.c.version == LimitSet.version)
    )


def newest(role: str) -> Select[LimitSet]:
    return select(LimitSet).where(LimitSet.role == role).order_by(LimitSet.version.desc()).limit(1)


def history(role: str) -> Sequence[LimitSet]:
    """The newest versions of a role, newest first, each with who made it."""
    who = joinedload(LimitSet.created_by).load_only(User.name).lazyload("*")
    return db.session.scalars(newest(role).options(who).limit(HISTORY + 1)).all()


def as_limits(row: LimitSet) -> Limits:
    return Limits(
        role=row.role,
        per_gesture=Money(row.per_gesture_minor, row.currency),
        per_interaction=Money(row.per_interaction_minor, row.currency),
        per_customer=Money(row.per_customer_minor, row.currency),
        customer_days=row.customer_days,
        per_agent_day=Money(row.per_agent_day_minor, row.currency),
        hold_minutes=row.hold_minutes,
        id=row.id,
        version=row.version,
    )


def as_row(limits: Limits, note: str, actor_id: int, now: datetime) -> LimitSet:
    """The version after `limits.version`."""
    return LimitSet(
        role=limits.role,
        version=limits.version + 1,
        currency=limits.currency,
        per_gesture_minor=limits.per_gesture.minor,
        per_interaction_minor=limits.per_interaction.minor,
        per_customer_minor=limits.per_customer.minor,
        customer_days=limits.customer_days,
        per_agent_day_minor=limits.per_agent_day.minor,
        hold_minutes=limits.hold_minutes,
        note=note,
        created_at=now,
        created_by_id=actor_id,
    )
