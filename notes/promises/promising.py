"""What people do with promises: make, keep, release, take that back, change; and how one breaks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update

from console.auth.models import User
from console.db import db
from console.errors import DomainError, Stale
from console.events import Event, Topic, record_event
from console.feed import tell
from notes.models import Promise, PromiseState
from notes.promises.handing import UNSETTLED, place
from notes.screening import fault_in_promise

AT_ONCE = 500


class Because(StrEnum):
    """Why a promise was changed."""

    ASKED = "asked"
    NOT_READY = "not_ready"
    WAITING = "waiting"
    MISTAKE = "mistake"
    OTHER = "other"

    @property
    def label(self) -> str:
        return {
            "asked": "The customer asked for it",
            "not_ready": "It is not ready, and the customer knows",
            "waiting": "We wait for somebody else, and the customer knows",
            "mistake": "It was written down wrongly",
            "other": "Another reason",
        }[self.value]


def make_promise(
    customer_id: int, owner_id: int, text: str, due_at: datetime, *, now: datetime, note_id: int | None = None
) -> Promise:
    """Write down what was promised, by when. Raises DomainError for a moment that is past, or for bad words.

    Whoever promises for a day on which they are away has it handed to who stands in for them.
    """
    refuse(fault_in_promise(text), due_at, now)
    promise = Promise(
        customer_id=customer_id, owner_id=owner_id, text=text, due_at=due_at, note_id=note_id, created_at=now
    )
    db.session.add(promise)
    db.session.flush()
    record("promise.made", promise, owner_id, now, due_at=due_at.isoformat())
    place(promise, now=now)
    return promise


def keep_promise(promise: Promise, *, actor_id: int, now: datetime) -> None:
    """It was done, in time or late. Raises DomainError when the promise is already settled."""
    settle(promise, PromiseState.KEPT, actor_id, now)


def release_promise(promise: Promise, *, actor_id: int, now: datetime) -> None:
    """The customer no longer wants it. Raises DomainError when the promise is already settled."""
    settle(promise, PromiseState.RELEASED, actor_id, now)


def settle(promise: Promise, state: PromiseState, actor_id: int, now: datetime) -> None:
    late = promise.is_broken(now)
    settled = db.session.execute(
        update(Promise)
        .where(Promise.id == promise.id, Promise.state.in_(UNSETTLED))
        .values(state=state, settled_at=now)
        .returning(Promise.id)
    ).first()
    if settled is None:
        raise DomainError("This promise was already settled. Reload the page to see by whom.")
    record(f"promise.{state.value}", promise, actor_id, now, late=late)
    tell_pages(promise)


def reopen_promise(promise: Promise, *, actor_id: int, now: datetime) -> None:
    """Take back that it was kept or released. Raises DomainError when it is open, or settled for too long."""
    if not promise.may_be_reopened(now):
        raise DomainError("This can no longer be taken back. Note what you owe the customer as a new promise.")
    was_late = promise.settled_at is not None and promise.settled_at > promise.due_at
    reopened = db.session.execute(
        update(Promise)
        .where(Promise.id == promise.id, Promise.state == promise.state, Promise.settled_at == promise.settled_at)
        .values(state=PromiseState.BROKEN if was_late else PromiseState.OPEN, settled_at=None)
        .returning(Promise.id)
    ).first()
    if reopened is None:
        raise DomainError("Somebody changed this promise meanwhile. Reload the page to see how it stands.")
    db.session.refresh(promise, ["state", "settled_at"])
    record("promise.reopened", promise, actor_id, now, due_at=promise.due_at.isoformat())
    tell_pages(promise)
    place(promise, now=now)


def change_promise(
    promise: Promise, text: str, due_at: datetime, because: Because, *, seen: str, actor_id: int, now: datetime
) -> bool:
    """Give it another date or other words. False when nothing is different.

    `seen` is the mark (see mark_of) of what the person had before them. Raises Stale when it changed meanwhile, and
    DomainError when it is settled, for a new moment that is past, or for bad words; the caller rolls back.
    """
    was = db.session.execute(
        select(Promise.text, Promise.due_at, Promise.state).where(Promise.id == promise.id).with_for_update()
    ).one()
    if was.state.is_settled:
        raise DomainError("This promise was settled meanwhile. Take that back first if it is still open.")
    if mark_of(was.text, was.due_at) != seen:
        raise Stale("Somebody changed this promise meanwhile. It now reads as above; nothing of yours was saved.")
    if (text, due_at) == (was.text, was.due_at):
        return False
    is_moved = due_at != was.due_at
    refuse(fault_in_promise(text), due_at if is_moved else None, now)
    changed = db.session.execute(
        update(Promise)
        .where(
            Promise.id == promise.id,
            Promise.state == was.state,
            Promise.text == was.text,
            Promise.due_at == was.due_at,
        )
        .values(text=text, due_at=due_at, **({"state": PromiseState.OPEN} if is_moved else {}))
        .returning(Promise.id)
        .execution_options(synchronize_session=False)
    ).first()
    if changed is None:
        raise Stale("Somebody changed this promise meanwhile. Reload the page to see how it stands.")
    db.session.refresh(promise, ["text", "due_at", "state"])
    facts = {"due_at": due_at.isoformat(), "was_due_at": was.due_at.isoformat()} if is_moved else {}
    kind = "promise.moved" if is_moved else "promise.reworded"
    record(kind, promise, actor_id, now, reason=because.value, reworded=text != was.text, **facts)
    tell_pages(promise)
    place(promise, now=now)
    return True


def mark_of(text: str, due_at: datetime) -> str:
    """What a form sends back to say what it was filled in over."""
    return hashlib.sha256(f"{due_at.timestamp()} {text}".encode()).hexdigest()[:16]


def break_due(now: datetime) -> int:
    """Say of what is past its time that it is broken, at most AT_ONCE. Each is told once, whoever looks.

    The update claims its rows: of two workers at the same moment, each has others or none.
    """
    past = select(Promise.id).where(Promise.state == PromiseState.OPEN, Promise.due_at < now)
    past = past.order_by(Promise.due_at, Promise.id).limit(AT_ONCE).with_for_update(skip_locked=True)
    broken = (
        db.session.execute(
            update(Promise)
            .where(Promise.id.in_(past), Promise.state == PromiseState.OPEN, Promise.due_at < now)
            .values(state=PromiseState.BROKEN)
            .returning(Promise)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
        .scalars()
        .all()
    )
    for promise in broken:
        record("promise.broken", promise, None, promise.due_at, owner=promise.owner_id)
    tell_of(broken)
    return len(broken)


def tell_pages(promise: Promise) -> None:
    tell_of([promise])


def tell_of(promises: Sequence[Promise]) -> None:
    """The customers' pages, the owners' and those of their teams load afresh what they show of promises."""
    owners = {one.owner_id for one in promises if one.owner_id is not None}
    teams = set(db.session.scalars(select(User.team_id).where(User.id.in_(owners)))) if owners else set()
    topics = {f"customer:{one.customer_id}" for one in promises}
    topics |= {f"user:{owner}" for owner in owners} | {f"team:{team}" for team in teams if team is not None}
    for topic in sorted(topics):
        tell(topic, "promises")


def history_of(promise_id: int) -> list[tuple[Event, str | None]]:
    """What happened to a promise, the oldest first, each with who did it."""
    rows = db.session.execute(
        select(Event, User.name)
        .outerjoin(User, User.id == Event.actor_id)
        .where(Event.subject_type == Promise.__tablename__, Event.subject_id == promise_id)
        .order_by(Event.id)
        .limit(100)
    )
    return [(row[0], row[1]) for row in rows]


def record(kind: str, promise: Promise, actor_id: int | None, at: datetime, **facts: object) -> None:
    record_event(
        kind, Topic.NOTE, subject=promise, customer_id=promise.customer_id, actor_id=actor_id, at=at, data=facts
    )


def refuse(fault: str | None, due_at: datetime | None, now: datetime) -> None:
    if fault:
        raise DomainError(fault)
    if due_at is not None and due_at <= now:
        raise DomainError("That moment is past. Choose one that is still to come.")
