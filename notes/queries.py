"""Named questions about notes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import joinedload

from console.auth.models import User
from console.customers.models import Customer
from console.customers.timeline import Cursor
from notes.models import Note, NoteKind, NoteRevision

PAGE = 30
REVISIONS_SHOWN = 20


@dataclass(frozen=True)
class Filters:
    """Which notes: every condition that is given must hold."""

    customer_id: int | None = None
    author_id: int | None = None
    team_id: int | None = None
    kind: NoteKind | None = None
    pinned: bool = False
    quotable: bool = False
    due_by: date | None = None  # follow-up on or before that day
    since: datetime | None = None


def matching(filters: Filters, before: Cursor | None = None) -> Select[Note]:
    """Notes newest first, each with its author and customer."""
    query = select(Note).options(joinedload(Note.author), joinedload(Note.customer)).order_by(*NEWEST)
    if filters.customer_id is not None:
        query = query.where(Note.customer_id == filters.customer_id)
    if filters.author_id is not None:
        query = query.where(Note.author_id == filters.author_id)
    if filters.team_id is not None:
        query = query.where(Note.author_id.in_(select(User.id).where(User.team_id == filters.team_id)))
    if filters.kind is not None:
        query = query.where(Note.kind == filters.kind)
    if filters.pinned:
        query = query.where(Note.pinned.is_(True))
    if filters.quotable:
        query = query.where(Note.quotable.is_(True))
    if filters.due_by is not None:
        query = query.where(Note.follow_up_on <= filters.due_by)
    if filters.since is not None:
        query = query.where(Note.written_at >= filters.since)
    if before is not None:
        query = query.where(tuple_(Note.written_at, Note.id) < (before.at, before.id))
    return query


NEWEST = (Note.written_at.desc(), Note.id.desc())


def for_customer(customer_id: int) -> Select[Note]:
    """A customer's notes, newest first, each with its author and customer."""
    return matching(Filters(customer_id=customer_id))


def pinned_for(customer_id: int) -> Select[Note]:
    """What stands above a customer's history, newest first."""
    return matching(Filters(customer_id=customer_id, pinned=True))


def one(note_id: int) -> Select[Note]:
    """One note with its author and customer."""
    return select(Note).where(Note.id == note_id).options(joinedload(Note.author), joinedload(Note.customer))


def revisions_of(note_id: int) -> Select[NoteRevision]:
    """What a note said before, newest first, each with who replaced it."""
    return (
        select(NoteRevision)
        .where(NoteRevision.note_id == note_id)
        .options(joinedload(NoteRevision.replaced_by))
        .order_by(NoteRevision.version.desc())
        .limit(REVISIONS_SHOWN)
    )


def follow_ups_of(author_id: int, today: date) -> Select[Note]:
    """Notes whose follow-up is due, oldest date first, each with its customer. The caller limits it."""
    return (
        select(Note)
        .where(Note.author_id == author_id, Note.follow_up_on <= today)
        .options(joinedload(Note.customer))
        .order_by(Note.follow_up_on, Note.id)
    )


def recent_customers(author_id: int, now: datetime, limit: int = 6) -> Select[Customer]:
    """Whom somebody wrote about in the last 30 days, the latest first."""
    latest = (
        select(Note.customer_id, func.max(Note.written_at).label("at"))
        .where(Note.author_id == author_id, Note.written_at >= now - timedelta(days=30))
        .group_by(Note.customer_id)
        .subquery()
    )
    return (
        select(Customer)
        .join(latest, latest.c.customer_id == Customer.id)
        .order_by(latest.c.at.desc(), Customer.id)
        .limit(limit)
    )
