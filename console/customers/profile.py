"""What people do with what is known of a customer: add, confirm, correct, remove; complaints; contact details."""

from __future__ import annotations

from datetime import datetime, time
from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm.attributes import set_committed_value

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
NO_CALLS_AFTER = BoundaryKind.NO_CALLS_AFTER
GONE = "Somebody changed or removed this meanwhile. Look at the list again; nothing was saved."


def add_preference(
    customer_id: int, text: str, category: str, provenance: Provenance, *, actor_id: int, now: datetime
) -> Preference:
    """What the customer likes. Said a second time, it counts as confirmed instead."""
    hold(customer_id)
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
    """What the customer refused. Kept and obeyed from this moment; said a second time, it counts as confirmed."""
    hold(customer_id)
    for known in db.session.scalars(
        select(Boundary).where(Boundary.customer_id == customer_id, Boundary.kind == kind, Boundary.ended_at.is_(None))
    ):
        if (known.text.casefold(), known.after) == (text.casefold(), after if kind is NO_CALLS_AFTER else None):
            return confirm(known, actor_id=actor_id, now=now)
    boundary = Boundary(
        customer_id=customer_id,
        kind=kind,
        text=text,
        after=after if kind is NO_CALLS_AFTER else None,
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
    end(old, now)
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
    end(old, now)
    new = Boundary(
        customer_id=old.customer_id,
        kind=kind,
        text=text,
        after=after if kind is NO_CALLS_AFTER else None,
        evidence=old.evidence,
        created_at=now,
        confirmed_at=now,
        created_by_id=actor_id,
        replaces_id=old.id,
    )
    return _added(new, actor_id, now, "corrected")


def remove(known: Known, *, actor_id: int, now: datetime) -> Known:
    end(known, now)
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
        raise Stale(GONE)


def end(known: Preference | Boundary, now: datetime) -> None:
    """Compare and swap: of two people who change one row at once, the second is told."""
    model = type(known)
    ended = db.session.execute(
        update(model)
        .where(model.id == known.id, model.ended_at.is_(None))
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )
    if ended.rowcount != 1:  # type: ignore[attr-defined]
        raise Stale(GONE)
    set_committed_value(known, "ended_at", now)


def hold(customer_id: int) -> None:
    """Let nobody else write about this customer until the commit, so that a double click adds one row."""
    db.session.execute(
        update(Customer)
        .where(Customer.id == customer_id)
        .values(updated_at=Customer.updated_at)
        .execution_options(synchronize_session=False)
    )


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
    """Write a complaint down, once. From now on it stands above everything and silences delight."""
    hold(customer_id)
    still_open = (Complaint.customer_id == customer_id, Complaint.state == ComplaintState.OPEN)
    for complaint in db.session.scalars(select(Complaint).where(*still_open)):
        if complaint.text.casefold() == text.casefold():
            return complaint
    complaint = Complaint(customer_id=customer_id, text=text, opened_at=now)
    db.session.add(complaint)
    db.session.flush()
    record_event("complaint.opened", Topic.TALK, subject=complaint, customer_id=customer_id, actor_id=actor_id, at=now)
    return complaint


def settle_complaint(complaint: Complaint, *, actor_id: int, now: datetime) -> Complaint:
    """Settled is settled: of two people who say so at once, one is recorded."""
    settled = db.session.execute(
        update(Complaint)
        .where(Complaint.id == complaint.id, Complaint.state == ComplaintState.OPEN)
        .values(state=ComplaintState.SETTLED, settled_at=now, settled_by_id=actor_id)
    )
    if settled.rowcount == 1:  # type: ignore[attr-defined]
        record_event(
            "complaint.settled",
            Topic.TALK,
            subject=complaint,
            customer_id=complaint.customer_id,
            actor_id=actor_id,
            at=now,
        )
    return complaint


def show_all_contacts(customer: Customer, *, actor_id: int, now: datetime) -> None:
    """The form for editing shows every address and number: that it was opened is on record."""
    record_event(
        "contact.all_shown", Topic.ACCESS, subject=customer, customer_id=customer.id, actor_id=actor_id, at=now
    )


def show_contact(detail: Email | Phone, *, actor_id: int, now: datetime) -> str:
    """The whole address or number, and a record of who asked for it."""
    kind = "contact.email_shown" if isinstance(detail, Email) else "contact.phone_shown"
    record_event(kind, Topic.ACCESS, subject=detail, customer_id=detail.customer_id, actor_id=actor_id, at=now)
    return detail.address if isinstance(detail, Email) else detail.number


def record_created(customer: Customer, *, actor_id: int | None, now: datetime) -> None:
    record_event(
        "customer.created", Topic.PROFILE, subject=customer, customer_id=customer.id, actor_id=actor_id, at=now
    )
