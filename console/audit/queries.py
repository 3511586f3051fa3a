"""The record, newest first, each event with the names it needs: one statement a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, select, tuple_
from sqlalchemy.orm import aliased

from console.auth.models import User
from console.customers.models import Customer
from console.customers.timeline import Cursor
from console.events import Event, Topic

PAGE = 50
Actor = aliased(User, name="actor")
Subject = aliased(User, name="subject")


@dataclass(frozen=True)
class Filters:
    """Which events: every condition that is given must hold. Times are when an event was written down."""

    topic: Topic | None = None
    kind: str | None = None
    actor_id: int | None = None
    customer_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None  # not included


def record(
    filters: Filters, before: Cursor | None = None, *, what: Sequence[Any] = (Event,)
) -> Select[*tuple[Any, ...]]:
    """Rows of `what`, the actor's name, the customer's first and last name, the name of the user it was done to."""
    conditions = {
        Event.topic: filters.topic,
        Event.kind: filters.kind,
        Event.actor_id: filters.actor_id,
        Event.customer_id: filters.customer_id,
    }
    query = (
        select(*what, Actor.name, Customer.first_name, Customer.last_name, Subject.name)
        .outerjoin(Actor, Actor.id == Event.actor_id)
        .outerjoin(Customer, Customer.id == Event.customer_id)
        .outerjoin(Subject, and_(Event.subject_type == "users", Subject.id == Event.subject_id))
        .where(*(column == value for column, value in conditions.items() if value is not None))
        .order_by(Event.recorded_at.desc(), Event.id.desc())
    )
    if filters.since is not None:
        query = query.where(Event.recorded_at >= filters.since)
    if filters.until is not None:
        query = query.where(Event.recorded_at < filters.until)
    if before is not None:
        query = query.where(tuple_(Event.recorded_at, Event.id) < (before.at, before.id))
    return query
