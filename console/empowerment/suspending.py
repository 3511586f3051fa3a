"""The kill switches: stop a policy, a person's giving or a gesture at once, and let it go on again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from console.auth.models import User
from console.db import db, utc_now
from console.empowerment.models import EmpowermentPolicy, Suspension, SuspensionKind
from console.empowerment.offerings import GESTURES, VERSIONS, pairs, tell_givers
from console.empowerment.policies import change_policies
from console.errors import DomainError
from console.events import Topic, record_event


@dataclass(frozen=True)
class Stopped:
    """A suspension in force, with the names that belong to it."""

    suspension: Suspension
    name: str  # of the policy, the person or the gesture
    by: str

    def is_about(self, kind: SuspensionKind, subject_id: int) -> bool:
        return (self.suspension.kind, self.suspension.subject_id) == (kind, subject_id)


Clock = Callable[[], datetime]


def suspend(kind: SuspensionKind, subject_id: int, reason: str, *, actor_id: int, clock: Clock = utc_now) -> Suspension:
    """Stop it from the next transaction on: what it speaks of is refused, and nothing else decides in its place.

    What was offered by a stopped policy or person, or is a stopped gesture, is withdrawn when the customer says yes.
    `clock` is read once no offer is under way any more, so that none seems to be made while it was stopped. Raises
    DomainError when there is no such thing, or it is stopped already.
    """
    if name_of(kind, subject_id) is None:
        raise DomainError(f"There is no such {kind.value}. It may have been removed; choose another.")
    change_policies()
    now = clock()
    row = Suspension(kind=kind, subject_id=subject_id, reason=reason, suspended_at=now, suspended_by_id=actor_id)
    db.session.add(row)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise DomainError(
            "It is stopped already. Nothing was changed; it stands on the page “Stop something”."
        ) from None
    record(STOPPED[kind], row, actor_id, now)
    return row


def lift(suspension: Suspension, *, actor_id: int, clock: Clock = utc_now) -> None:
    """Let it go on from the next transaction on. `clock` is read as by `suspend`.

    Raises DomainError when somebody else did so meanwhile, or for one's own giving.
    """
    if is_own(suspension, actor_id):
        raise DomainError("Nobody lets their own giving go on. Ask another supervisor or an administrator.")
    change_policies()
    now = clock()
    done = db.session.execute(
        update(Suspension)
        .where(Suspension.id == suspension.id, Suspension.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by_id=actor_id)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE has one
        raise DomainError("Somebody else let it go on already. Reload the page to see what is still stopped.")
    record(GOES_ON[suspension.kind], suspension, actor_id, now)


def is_own(suspension: Suspension, user_id: int) -> bool:
    """Whether it stops this person's own giving."""
    return (suspension.kind, suspension.subject_id) == (SuspensionKind.AGENT, user_id)


STOPPED = {
    SuspensionKind.POLICY: "policy.suspended",
    SuspensionKind.AGENT: "user.giving_suspended",
    SuspensionKind.GESTURE: "gesture.suspended",
}
GOES_ON = {
    SuspensionKind.POLICY: "policy.resumed",
    SuspensionKind.AGENT: "user.giving_resumed",
    SuspensionKind.GESTURE: "gesture.resumed",
}


def record(event: str, row: Suspension, actor_id: int, now: datetime) -> None:
    """The record names the person whose giving was stopped. Open pages show it at once."""
    tell_givers(row.subject_id if row.kind is SuspensionKind.AGENT else None)
    person = db.session.get(User, row.subject_id) if row.kind is SuspensionKind.AGENT else None
    data = {f"{row.kind.value}_id": row.subject_id, "suspension_id": row.id}
    record_event(event, Topic.GESTURE, subject=person or row, actor_id=actor_id, at=now, data=data)


def in_force(limit: int = 200) -> list[Stopped]:
    """What is stopped now, latest first; two statements for each kind at most."""
    rows = db.session.scalars(
        select(Suspension)
        .where(Suspension.lifted_at.is_(None))
        .order_by(Suspension.suspended_at.desc(), Suspension.id.desc())
        .limit(limit)
    ).all()
    called = {kind: names(kind, [row.subject_id for row in rows if row.kind is kind]) for kind in SuspensionKind}
    by = names(SuspensionKind.AGENT, [row.suspended_by_id for row in rows if row.suspended_by_id is not None])
    return [
        Stopped(row, called[row.kind].get(row.subject_id, "?"), by.get(row.suspended_by_id or 0, "somebody"))
        for row in rows
    ]


def name_of(kind: SuspensionKind, subject_id: int) -> str | None:
    return names(kind, [subject_id]).get(subject_id)


def names(kind: SuspensionKind, ids: Sequence[int]) -> dict[int, str]:
    """What these are called, as far as they exist."""
    if not ids:
        return {}
    match kind:
        case SuspensionKind.POLICY:
            query = select(EmpowermentPolicy.id, EmpowermentPolicy.name).where(EmpowermentPolicy.id.in_(ids))
        case SuspensionKind.AGENT:
            query = select(User.id, User.name).where(User.id.in_(ids))
        case SuspensionKind.GESTURE:
            query = (
                select(GESTURES.c.id, VERSIONS.c.name)
                .join(VERSIONS, VERSIONS.c.gesture_id == GESTURES.c.id)
                .where(GESTURES.c.id.in_(ids))
                .order_by(VERSIONS.c.version)
            )
    return dict(pairs(query))
