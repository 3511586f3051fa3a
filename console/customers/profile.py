"""What people do with what is known of a customer: add, confirm, correct, remove; complaints; contact details."""

from __future__ import annotations

from datetime import datetime, time
from typing import TypeVar

from sqlalchemy import select

from console.customers.models import (
    Boundary,
    BoundaryKind,
    Complaint,
    ComplaintState,
    Customer,
    Email,
    Phone,
    Preference,
    Provenance,
)
from console.db import db
from console.errors import Stale
from console.events import Topic, record_event

Known = TypeVar("Known", Preference, Boundary)


def add_preference(
    customer_id: int, text: str, category: str, provenance: Provenance, *, actor_id: int, now: datetime
) -> Preference:
    """What the customer likes. Said a second time, it counts as confirmed instead."""
    for known in db.session.scalars(
        select(Preference).where(Preference.customer_id == customer_id, Preference.ended_at.is_(None))
    ):
        if known.text.casefold() == text.casefold():
            return confirm(known, actor_id=actor_id, now=now)
    preference = Preference(
        customer_id=customer_id,
        text=text,
        category=category,
        provenance=provenance,
        created_at=now,
        confirmed_at=now,
        created_by_id=actor_id,
    )
    return _added(preference, actor_id, now)


def add_boundary(
    customer_id: int, kind: BoundaryKind, text: str, after: time | None, *, actor_id: int, now: datetime
) -> Boundary:
    """What the customer refused. Kept and obeyed from this moment."""
    boundary = Boundary(
        customer_id=customer_id,
        kind=kind,
        text=text,
        after=after if kind is BoundaryKind.NO_CALLS_AFTER else None,
        created_at=now,
        confirmed_at=now,
        created_by_id=actor_id,
    )
    return _added(boundary, actor_id, now)


def confirm(known: Known, *, actor_id: int, now: datetime) -> Known:
    in_force(known)
    known.confirmed_at = now
    _record("confirmed", known, actor_id, now)
    return known


def correct_preference(old: Preference, text: str, category: str, *, actor_id: int, now: datetime) -> Preference:
    """A new row that names the old one. Raises Stale when somebody changed it meanwhile."""
    in_force(old)
    old.ended_at = now
    new = Preference(
        customer_id=old.customer_id,
        text=text,
        category=category,
        provenance=Provenance.STATED,
        evidence=old.evidence,
        created_at=now,
        confirmed_at=now,
        created_by_id=actor_id,
        replaces_id=old.id,
    )
    return _added(new, actor_id, now, "corrected")


def correct_boundary(
    old: Boundary, kind: BoundaryKind, text: str, after: time | None, *, actor_id: int, now: datetime
) -> Boundary:
    """A new row that names the old one. Raises Stale when somebody changed it meanwhile."""
    in_force(old)
    old.ended_at = now
    new = Boundary(
        customer_id=old.customer_id,
        kind=kind,
        text=text,
        after=after if kind is BoundaryKind.NO_CALLS_AFTER else None,
        evidence=old.evidence,
        created_at=now,
        confirmed_at=now,
        created_by_id=actor_id,
        replaces_id=old.id,
    )
    return _added(new, actor_id, now, "corrected")


def remove(known: Known, *, actor_id: int, now: datetime) -> Known:
    in_force(known)
    known.ended_at = now
    _record("removed", known, actor_id, now)
    return known


def restore(known: Known, *, actor_id: int, now: datetime) -> Known:
    """Undo a removal. Raises Stale when it was replaced by a correction, which then stands."""
    model = type(known)
    if db.session.scalars(select(model.id).where(model.replaces_id == known.id)).first():
        raise Stale("It was corrected meanwhile; the newer wording stands.")
    if known.ended_at is not None:
        known.ended_at = None
        _record("added", known, actor_id, now)
    return known


def in_force(known: Preference | Boundary) -> None:
    if known.ended_at is not None:
        raise Stale("Somebody changed or removed this meanwhile. Look at the list again; nothing was saved.")


def _added(known: Known, actor_id: int, now: datetime, change: str = "added") -> Known:
    db.session.add(known)
    db.session.flush()
    _record(change, known, actor_id, now)
    return known


def _record(change: str, known: Preference | Boundary, actor_id: int, now: datetime) -> None:
    kind = "preference" if isinstance(known, Preference) else "boundary"
    record_event(
        f"{kind}.{change}", Topic.PROFILE, subject=known, customer_id=known.customer_id, actor_id=actor_id, at=now
    )


def open_complaint(customer_id: int, text: str, *, actor_id: int, now: datetime) -> Complaint:
    """Write a complaint down. From now on it stands above everything and silences delight."""
    complaint = Complaint(customer_id=customer_id, text=text, opened_at=now)
    db.session.add(complaint)
    db.session.flush()
    record_event("complaint.opened", Topic.TALK, subject=complaint, customer_id=customer_id, actor_id=actor_id, at=now)
    return complaint


def settle_complaint(complaint: Complaint, *, actor_id: int, now: datetime) -> Complaint:
    if complaint.state is ComplaintState.OPEN:
        complaint.state, complaint.settled_at, complaint.settled_by_id = ComplaintState.SETTLED, now, actor_id
        record_event(
            "complaint.settled",
            Topic.TALK,
            subject=complaint,
            customer_id=complaint.customer_id,
            actor_id=actor_id,
            at=now,
        )
    return complaint


def show_contact(detail: Email | Phone, *, actor_id: int, now: datetime) -> str:
    """The whole address or number, and a record of who asked for it."""
    kind = "contact.email_shown" if isinstance(detail, Email) else "contact.phone_shown"
    record_event(kind, Topic.ACCESS, subject=detail, customer_id=detail.customer_id, actor_id=actor_id, at=now)
    return detail.address if isinstance(detail, Email) else detail.number


def record_created(customer: Customer, *, actor_id: int | None, now: datetime) -> None:
    record_event(
        "customer.created", Topic.PROFILE, subject=customer, customer_id=customer.id, actor_id=actor_id, at=now
    )
