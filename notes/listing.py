"""The list of notes: what its filters mean, and one page of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, select

from console.auth.models import User
from console.auth.permissions import Permission, allowed
from console.customers.timeline import Cursor
from console.db import db, utc_now
from console.web import today
from notes.forms import FilterForm
from notes.models import Note, NoteKind
from notes.queries import PAGE, Filters, matching
from notes.searching.models import SourceKind
from notes.searching.searching import Where, colleagues

MOST_WRITERS = 200
KINDS = {
    "notes": (SourceKind.NOTE,),
    "said": (SourceKind.UTTERANCE,),
    "likes": (SourceKind.PREFERENCE, SourceKind.BOUNDARY),
    "all": tuple(SourceKind),
}
NOT_ALL = "Your role looks among your own notes, or among one customer's: open the customer's page and press f there."


def filters_from(form: FilterForm, user: User) -> Filters:
    """What a valid form asks for when it holds no words."""
    return Filters(
        customer_id=form.customer_id.data,
        author_id=form.author.data or (user.id if form.whose.data == "mine" else None),
        team_id=(user.team_id or 0) if form.whose.data == "team" and not form.author.data else None,
        kind=NoteKind(form.kind.data) if form.kind.data else None,
        pinned=form.pinned.data,
        quotable=form.quotable.data,
        due_by=today() if form.due.data else None,
        since=since(form),
    )


def where_from(form: FilterForm, user: User) -> Where | None:
    """Where a valid form's words are looked for. None, with a sentence on the form, when this user may not."""
    filters = filters_from(form, user)
    authors = colleagues(user.team_id) if filters.team_id is not None else None
    if filters.author_id is not None:
        authors = (filters.author_id,)
    if filters.customer_id is None and authors != (user.id,) and not allowed(user, Permission.FIND_IN_ALL_NOTES):
        form.q.errors = [NOT_ALL]
        return None
    of_notes = (
        filters.kind or filters.pinned or filters.quotable or filters.due_by
    )  # turns and likes have none of these
    return Where(
        customer_id=filters.customer_id,
        kinds=KINDS["notes" if of_notes else form.among.data],
        author_ids=authors,
        since=filters.since,
        note_kind=filters.kind,
        pinned=filters.pinned,
        quotable=filters.quotable,
        due_by=filters.due_by,
    )


def since(form: FilterForm) -> datetime | None:
    return utc_now() - timedelta(days=int(form.period.data)) if form.period.data else None


def page_of(filters: Filters, before: Cursor | None) -> tuple[list[Note], Cursor | None]:
    """One page, newest first, and where the next one begins."""
    rows = list(db.session.scalars(matching(filters, before).limit(PAGE + 1)))
    if len(rows) <= PAGE:
        return rows, None
    last = rows[PAGE - 1]
    return rows[:PAGE], Cursor(last.written_at, last.id)


def writers(chosen: int | None) -> list[User]:
    """Colleagues to choose from, by name; the one already chosen is among them."""
    query = select(User).where(or_(User.active.is_(True), User.id == chosen)).order_by(User.name, User.id)
    return list(db.session.scalars(query.limit(MOST_WRITERS)))
