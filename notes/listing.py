"""The list of notes: what its filters mean, and one page of it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import or_, select

from console.auth.models import User
from console.customers.timeline import Cursor
from console.db import db, utc_now
from console.web import today
from notes.forms import FilterForm
from notes.models import Note, NoteKind
from notes.queries import PAGE, Filters, matching

WORDS_WITHIN = timedelta(days=90)  # when words are looked for and no time was chosen
MOST_WRITERS = 200


def filters_from(form: FilterForm, user: User) -> Filters | None:
    """What a valid form asks for. None, with a sentence on the form, when it cannot be answered."""
    author_id = form.author.data or (user.id if form.whose.data == "mine" else None)
    since = utc_now() - timedelta(days=int(form.period.data)) if form.period.data else None
    if form.q.data and since is None and author_id is not None and not form.customer_id.data:
        form.period.data, since = str(WORDS_WITHIN.days), utc_now() - WORDS_WITHIN
    filters = Filters(
        customer_id=form.customer_id.data,
        author_id=author_id,
        team_id=(user.team_id or 0) if form.whose.data == "team" and not form.author.data else None,
        kind=NoteKind(form.kind.data) if form.kind.data else None,
        pinned=form.pinned.data,
        quotable=form.quotable.data,
        due_by=today() if form.due.data else None,
        since=since,
        text=form.q.data,
    )
    if filters.text and not filters.may_look_for_words:
        form.q.errors = ["Choose whose notes to look in: yours, one colleague's, or one customer's."]
        return None
    return filters


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
