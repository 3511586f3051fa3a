"""The ledger's list and one entry of it with its steps; a supervisor may take one back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import ColumnElement, Select, and_, not_, or_, select
from sqlalchemy.orm import joinedload

from console.auth.models import User
from console.auth.permissions import Permission, allowed, requires
from console.db import db, utc_now
from console.errors import DomainError
from console.gestures.blueprint import bp
from console.gestures.forms import LedgerFilter, ReversalForm
from console.gestures.ledger import reverse
from console.gestures.locking import Busy
from console.gestures.models import SPENT, EntryState, LedgerEntry, LedgerEvent
from console.gestures.panel_views import later
from console.web import LARGEST_ID, render_page_or_partial

PAGE = 30
PEOPLE = 500  # offered in the filter


@bp.get("/gestures/ledger")
@requires(Permission.SEE_GESTURES)
def ledger() -> ResponseReturnValue:
    """An agent sees their own entries, whoever looks after a team or the audit trail sees all."""
    form = LedgerFilter(request.args)
    if not form.validate():
        abort(404)
    sees_all = may_see_all()
    page = entries(form, None if sees_all else current_user.id)
    rows = list(db.session.scalars(page))
    more = rows[PAGE - 1].id if len(rows) > PAGE else None
    return render_page_or_partial(
        "gestures/ledger.html",
        "gestures/_ledger.html",
        entries=rows[:PAGE],
        form=form,
        sees_all=sees_all,
        people=givers() if sees_all else [],
        older=url_for("gestures.ledger", **narrowed(form), before=more) if more else None,
        is_first=form.before.data is None,
    )


def entries(form: LedgerFilter, agent_id: int | None) -> Select[LedgerEntry]:
    """A page, newest first, and one more row; each with its customer, agent and gesture."""
    page = select(LedgerEntry).options(
        joinedload(LedgerEntry.agent).load_only(User.name).lazyload("*"),
        joinedload(LedgerEntry.customer),
        joinedload(LedgerEntry.gesture_version),
    )
    if form.state.data:
        page = page.where(is_in(EntryState(form.state.data), utc_now()))
    if agent_id or form.agent.data:
        page = page.where(LedgerEntry.agent_id == (agent_id or form.agent.data))
    if form.customer.data:
        page = page.where(LedgerEntry.customer_id == form.customer.data)
    if form.before.data:
        page = page.where(LedgerEntry.id < form.before.data)
    return page.order_by(LedgerEntry.id.desc()).limit(PAGE + 1)


def is_in(state: EntryState, now: datetime) -> ColumnElement[bool]:
    """The same as `LedgerEntry.state_at`, asked of the database."""
    overdue = and_(LedgerEntry.state == EntryState.HELD, LedgerEntry.expires_at <= now)
    if state is EntryState.EXPIRED:
        return or_(LedgerEntry.state == state, overdue)
    return and_(LedgerEntry.state == state, not_(overdue))


def narrowed(form: LedgerFilter) -> dict[str, Any]:
    given = {"state": form.state.data, "agent": form.agent.data, "customer": form.customer.data}
    return {name: value for name, value in given.items() if value}


def givers() -> list[tuple[int, str]]:
    rows = db.session.execute(select(User.id, User.name).order_by(User.name, User.id).limit(PEOPLE))
    return [(row[0], row[1]) for row in rows]


@bp.get("/gestures/entries/<int:entry_id>")
@requires(Permission.SEE_GESTURES)
def entry(entry_id: int) -> ResponseReturnValue:
    return show_entry(entry_id, ReversalForm(formdata=None))


@bp.post("/gestures/entries/<int:entry_id>/reversal")
@requires(Permission.REVERSE_GESTURE)
def reversal(entry_id: int) -> ResponseReturnValue:
    form = ReversalForm()
    if not form.validate_on_submit():
        return show_entry(entry_id, form, 422)
    entry_or_404(entry_id)
    try:
        reverse(entry_id, form.reason.data, actor_id=current_user.id, now=utc_now())
    except Busy as busy:
        return later(busy)
    except DomainError as problem:
        form.form_errors.append(str(problem))
        return show_entry(entry_id, form, 422)
    flash("Taken back. Its cost no longer counts against the limits.", "good")
    return redirect(url_for("gestures.entry", entry_id=entry_id), code=303)


def show_entry(entry_id: int, form: ReversalForm, status: int = 200) -> Response:
    found = entry_or_404(entry_id)
    steps = db.session.execute(
        select(LedgerEvent, User.name)
        .outerjoin(User, User.id == LedgerEvent.actor_id)
        .where(LedgerEvent.entry_id == entry_id)
        .order_by(LedgerEvent.id)
        .limit(20)
    ).all()
    may_reverse = (
        found.state in SPENT and found.agent_id != current_user.id and allowed(current_user, Permission.REVERSE_GESTURE)
    )
    return render_page_or_partial(
        "gestures/entry.html",
        "gestures/_entry.html",
        status,
        entry=found,
        steps=steps,
        form=form,
        may_reverse=may_reverse or bool(form.form_errors),
    )


def entry_or_404(entry_id: int) -> LedgerEntry:
    if not 0 < entry_id <= LARGEST_ID:
        abort(404)
    found = db.session.scalars(
        select(LedgerEntry)
        .where(LedgerEntry.id == entry_id)
        .options(
            joinedload(LedgerEntry.agent).load_only(User.name).lazyload("*"),
            joinedload(LedgerEntry.customer),
            joinedload(LedgerEntry.gesture_version),
        )
        .execution_options(populate_existing=True)
    ).first()
    return found or abort(404)


def may_see_all() -> bool:
    return allowed(current_user, Permission.SEE_TEAM) or allowed(current_user, Permission.SEE_AUDIT)
