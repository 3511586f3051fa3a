"""Promises go to another person: by hand for good, or to who stands in while somebody is away, and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import or_, select, update

from console.auth.models import Role, User, user_roles
from console.auth.permissions import ROLES, Permission
from console.db import db
from console.errors import DomainError
from console.events import Topic, record_event
from console.feed import tell
from console.web import today
from notes.models import Promise, PromiseState
from notes.promises.away_models import Absence
from notes.promises.whereabouts import live_absences, whereabouts

UNSETTLED = (PromiseState.OPEN, PromiseState.BROKEN)
AT_ONCE = 5_000
MOST_COLLEAGUES = 500
ABSENCE = "away"  # the reason when nobody chose one: by the calendar alone


class Why(StrEnum):
    """Why somebody hands a promise over."""

    AWAY = "away"
    BUSY = "busy"
    KNOWS = "knows"
    LEFT = "left"
    OTHER = "other"

    @property
    def label(self) -> str:
        return {
            "away": "Is away",
            "busy": "Has too much to do",
            "knows": "The other knows more about it",
            "left": "No longer works here",
            "other": "Another reason",
        }[self.value]


def hand_over(promise: Promise, to: User, why: Why, *, actor_id: int, now: datetime) -> None:
    """Make it somebody else's own, for good. Raises DomainError when it is settled, or they are not there."""
    if promise.owner_id == to.id and promise.handed_from_id is None:
        raise DomainError(f"{to.name} has this promise already. Choose somebody else.")
    if not to.active:
        raise DomainError(f"{to.name} no longer works here. Choose somebody else.")
    there = whereabouts()
    day = there.day_of(promise.due_at)
    if any(one.user_id == to.id and one.covers(day) for one in there.aways):
        raise DomainError(f"{to.name} is away then. Choose somebody who is there.")
    if not give(promise.id, promise.owner_id, promise.handed_from_id, to.id, None, why.value, now, actor_id):
        raise DomainError("This promise was settled or handed over meanwhile. Reload the page to see by whom.")
    db.session.refresh(promise, ["owner_id", "handed_from_id", "handed_at"])


def place(promise: Promise, *, now: datetime) -> None:
    """Bring one promise to who has it on its day: the owner, or who stands in for them."""
    if promise.giver_id is None or promise.owner_id is None:
        return
    target = whereabouts().holder_of(promise.giver_id, promise.owner_id, promise.due_at)
    if move(promise.id, promise.giver_id, promise.owner_id, promise.handed_from_id, target, now):
        db.session.refresh(promise, ["owner_id", "handed_from_id", "handed_at"])


def place_all(now: datetime) -> int:
    """Bring every open promise to who has it today; absences that are over are ended. Returns how many went.

    Doing it again, or in two processes at once, changes nothing more.
    """
    absences = list(db.session.scalars(live_absences()))
    over = [row for row in absences if row.until_on < today()]
    if over:
        ids = [row.id for row in over]
        db.session.execute(update(Absence).where(Absence.id.in_(ids), Absence.ended_at.is_(None)).values(ended_at=now))
    there = whereabouts([row for row in absences if row not in over])
    away = {one.user_id for one in there.aways}
    rows = db.session.execute(
        select(Promise.id, Promise.owner_id, Promise.handed_from_id, Promise.due_at)
        .where(
            Promise.state.in_(UNSETTLED),
            or_(Promise.handed_from_id.is_not(None), Promise.owner_id.in_(away)),
        )
        .order_by(Promise.id)
        .limit(AT_ONCE)
    ).all()
    moved = 0
    for number, owner_id, from_id, due_at in rows:
        if owner_id is None:
            continue
        giver_id = from_id or owner_id
        moved += move(number, giver_id, owner_id, from_id, there.holder_of(giver_id, owner_id, due_at), now)
    return moved


def move(promise_id: int, giver_id: int, owner_id: int, from_id: int | None, target: int, now: datetime) -> bool:
    if target == owner_id:
        return False
    return give(promise_id, owner_id, from_id, target, giver_id if target != giver_id else None, ABSENCE, now, None)


def give(
    promise_id: int,
    owner_id: int | None,
    from_id: int | None,
    to_id: int,
    for_id: int | None,
    why: str,
    now: datetime,
    actor_id: int | None,
) -> bool:
    """Change the owner of a promise that is still open and as it was seen; `for_id`: for whom they stand in."""
    row = db.session.execute(
        update(Promise)
        .where(
            Promise.id == promise_id,
            Promise.state.in_(UNSETTLED),
            Promise.owner_id.is_not_distinct_from(owner_id),
            Promise.handed_from_id.is_not_distinct_from(from_id),
        )
        .values(owner_id=to_id, handed_from_id=for_id, handed_at=now if for_id else None)
        .returning(Promise.customer_id)
        .execution_options(synchronize_session=False)
    ).first()
    if row is None:
        return False
    record_event(
        "promise.handed_over",
        Topic.NOTE,
        subject=db.session.get_one(Promise, promise_id),
        customer_id=row.customer_id,
        actor_id=actor_id,
        at=now,
        data={"from": owner_id, "to": to_id, "for": for_id, "reason": why},
    )
    for one in {owner_id, to_id, from_id} - {None}:
        tell(f"user:{one}", "inbox")
    tell(f"customer:{row.customer_id}", "promises")
    return True


def colleagues(besides: Sequence[int] = ()) -> list[User]:
    """Who may have promises, by name: one statement."""
    roles = [name for name, permissions in ROLES.items() if Permission.WRITE_NOTE in permissions]
    may = select(user_roles.c.user_id).join(Role, Role.id == user_roles.c.role_id).where(Role.name.in_(roles))
    query = select(User).where(User.active.is_(True), User.id.in_(may), User.id.not_in(besides))
    return list(db.session.scalars(query.order_by(User.name, User.id).limit(MOST_COLLEAGUES)))
