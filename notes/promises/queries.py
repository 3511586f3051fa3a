"""Named questions about promises."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, or_, select, tuple_
from sqlalchemy.orm import joinedload, with_expression

from console.auth.models import User
from console.customers.timeline import Cursor
from console.db import db
from console.events import Event
from console.web import today
from notes.models import Promise, PromiseState
from notes.promises.away_models import Absence
from notes.promises.handing import UNSETTLED
from notes.promises.teams import is_in
from notes.promises.whereabouts import begin_of, live_absences, nobody_is_there

PAGE = 30
SOON = timedelta(days=7)
MOMENT_AGO = timedelta(minutes=15)
SETTLED = (PromiseState.KEPT, PromiseState.RELEASED)
DUE_FIRST = (Promise.due_at, Promise.id)


def told() -> Select[Promise]:
    """Promises with all that a line about one says: customer, owner, for whom they stand in, from when it was moved."""
    move = (
        select(Event.data)
        .where(
            Event.subject_type == Promise.__tablename__,
            Event.subject_id == Promise.id,
            Event.kind == "promise.moved",
        )
        .order_by(Event.id.desc())
        .limit(1)
        .correlate(Promise)
        .scalar_subquery()
    )
    return select(Promise).options(
        joinedload(Promise.owner),
        joinedload(Promise.customer),
        joinedload(Promise.handed_from),
        with_expression(Promise.last_move, move),
    )


def one(promise_id: int) -> Select[Promise]:
    return told().where(Promise.id == promise_id)


def promises_of_note(note_id: int) -> Select[Promise]:
    return told().where(Promise.note_id == note_id).order_by(*DUE_FIRST)


def open_promises(customer_id: int) -> Select[Promise]:
    """What a customer still waits for, due first. The broken ones are among them."""
    return told().where(Promise.customer_id == customer_id, Promise.state.in_(UNSETTLED)).order_by(*DUE_FIRST)


def shown_for(customer_id: int, now: datetime) -> Select[Promise]:
    """The same, and what was settled a moment ago, so that it can be taken back."""
    mine = Promise.customer_id == customer_id
    return told().where(mine, or_(Promise.state.in_(UNSETTLED), just_settled(now))).order_by(*DUE_FIRST)


def shown_to(owner_id: int, now: datetime) -> Select[Promise]:
    """What somebody still has to do, due first, and what they settled a moment ago. The caller limits it."""
    mine = Promise.owner_id == owner_id
    return told().where(mine, or_(Promise.state.in_(UNSETTLED), just_settled(now))).order_by(*DUE_FIRST)


def just_settled(now: datetime) -> ColumnElement[bool]:
    return and_(
        Promise.state.in_(SETTLED), Promise.settled_at > now - MOMENT_AGO, Promise.due_at > now - timedelta(days=90)
    )


@dataclass(frozen=True)
class Wanted:
    """Which promises: whose, and how they stand."""

    state: str = "open"  # open, due, broken, settled, nobody
    owner_id: int | None = None
    team_id: int | None = None


def matching(wanted: Wanted, now: datetime, absences: list[Absence], before: Cursor | None = None) -> Select[Promise]:
    """Open ones due first, settled ones the latest made first; `before` is the last row of the page before."""
    query = told().outerjoin(User, User.id == Promise.owner_id)
    if wanted.owner_id is not None:
        query = query.where(Promise.owner_id == wanted.owner_id)
    if wanted.team_id is not None:
        query = query.where(User.team_id == wanted.team_id)
    if wanted.state == "settled":
        if before is not None:
            query = query.where(Promise.id < before.id)
        return query.where(Promise.state.in_(SETTLED)).order_by(Promise.id.desc())
    query = query.where(Promise.state.in_(UNSETTLED))
    if wanted.state == "broken":
        query = query.where(Promise.due_at < now)
    elif wanted.state == "due":
        query = query.where(Promise.due_at < begin_of(today() + SOON))
    elif wanted.state == "nobody":
        query = query.where(nobody_is_there(absences))
    if before is not None:
        query = query.where(tuple_(Promise.due_at, Promise.id) > (before.at, before.id))
    return query.order_by(*DUE_FIRST)


def longest_broken(now: datetime, teams: Collection[int] | None, limit: int) -> Select[Promise]:
    """The first of what is past its time, the oldest first: of these teams, or of everybody.

    The few first, then their people: PostgreSQL would join all that are broken to all customers.
    """
    first = select(Promise.id).where(Promise.state.in_(UNSETTLED), Promise.due_at < now)
    if teams is not None:
        first = first.outerjoin(User, User.id == Promise.owner_id).where(is_in(teams))
    return told().where(Promise.id.in_(first.order_by(*DUE_FIRST).limit(limit))).order_by(*DUE_FIRST)


def unattended(now: datetime, teams: Collection[int] | None) -> Select[Promise]:
    """Open promises with nobody there for them: of these teams and of nobody, or all. Reads who is away."""
    absences = list(db.session.scalars(live_absences()))
    return matching(Wanted("nobody"), now, absences).where(is_in(teams))
