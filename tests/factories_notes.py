"""Rows of notes and promises for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from console.auth.models import User
from console.customers.models import Customer
from notes.models import Note, Promise
from tests.factories import add


def make_note(session: Session, customer: Customer, author: User | None = None, **given: Any) -> Note:
    given.setdefault("body", "Prefers the morning slot.")
    return add(session, Note(customer_id=customer.id, author_id=author.id if author else None, **given))


def make_promise(session: Session, customer: Customer, owner: User | None = None, **given: Any) -> Promise:
    given.setdefault("text", "Send the fabric samples")
    given.setdefault("due_at", datetime.now(UTC) + timedelta(days=2))
    return add(session, Promise(customer_id=customer.id, owner_id=owner.id if owner else None, **given))
