"""People say when they are away and who stands in; their promises go there and come back."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import or_, select, update

from console.auth.models import User
from console.auth.permissions import Permission, allowed
from console.db import db
from console.errors import DomainError
from console.events import Topic, record_event
from console.feed import tell
from console.web import day
from notes.promises.away_models import Absence
from notes.promises.handing import colleagues, place_all
from notes.promises.standing_in import Away, holder, leads_back
from notes.promises.teams import is_in, looked_after_by, may_speak_for
from notes.promises.whereabouts import live_absences


def enter(
    user: User, stand_in: User | None, first_on: date, until_on: date, *, actor_id: int, now: datetime
) -> tuple[Absence, int]:
    """Somebody is away on these days, both included. Returns the absence, and how many promises went elsewhere.

    Raises DomainError, whereupon the caller rolls back: for days already entered, or when the stand-in cannot.
    """
    # One at a time for the same people, so that two absences entered at once cannot make a circle.
    both = sorted({user.id, stand_in.id} if stand_in else {user.id})
    db.session.execute(select(User.id).where(User.id.in_(both)).order_by(User.id).with_for_update())
    absence = Absence(
        user_id=user.id,
        stand_in_id=stand_in.id if stand_in else None,
        first_on=first_on,
        until_on=until_on,
        entered_at=now,
        entered_by_id=actor_id,
    )
    if stand_in is not None and stand_in.id == user.id:
        raise DomainError("Choose somebody else to stand in.")
    db.session.add(absence)
    db.session.flush()
    others = [row for row in db.session.scalars(live_absences()) if row.id != absence.id]
    refuse(user, stand_in, Away(user.id, absence.stand_in_id, first_on, until_on), others)
    days = (until_on - first_on).days + 1
    data = {"days": days, "stand_in": absence.stand_in_id}
    record_event("absence.entered", Topic.ACCESS, subject=user, actor_id=actor_id, at=now, data=data)
    for one in both:
        tell(f"user:{one}", "inbox")
    return absence, place_all(now)


def refuse(user: User, stand_in: User | None, new: Away, others: list[Absence]) -> None:
    for row in others:
        if row.user_id == user.id and Away(user.id, None, row.first_on, row.until_on).meets(new.first_on, new.until_on):
            raise DomainError(
                f"{user.name} is away from {day(row.first_on)} to {day(row.until_on)} already. Take that back first."
            )
    if stand_in is None:
        return
    aways = [Away(row.user_id, row.stand_in_id, row.first_on, row.until_on) for row in others]
    if leads_back(new, aways):
        raise DomainError(
            f"{stand_in.name} is away on some of these days too, and {user.name} would stand in. Choose somebody else."
        )
    if not stand_in.active or not allowed(stand_in, Permission.WRITE_NOTE):
        raise DomainError(f"{stand_in.name} cannot look after promises. Choose somebody else.")
    for number in range((new.until_on - new.first_on).days + 1):
        on = new.first_on + timedelta(days=number)
        if holder(stand_in.id, on, aways) is None or holder(user.id, on, [new, *aways]) is None:
            raise DomainError(
                f"{stand_in.name} is away on {day(on)}, with nobody in their place. Choose somebody else."
            )


def come_back(absence: Absence, *, actor_id: int, now: datetime) -> int:
    """The absence is over, or was never to be: what is not settled comes back. Returns how many promises did.

    Doing it twice is harmless.
    """
    ended = db.session.execute(
        update(Absence).where(Absence.id == absence.id, Absence.ended_at.is_(None)).values(ended_at=now)
        .returning(Absence.user_id)
    ).first()  # fmt: skip
    if ended is None:
        return 0
    user = db.session.get_one(User, absence.user_id)
    record_event("absence.ended", Topic.ACCESS, subject=user, actor_id=actor_id, at=now, data={"absence": absence.id})
    tell(f"user:{user.id}", "inbox")
    return place_all(now)


def shown_to(user: User) -> list[Absence]:
    """Absences not over that concern somebody: their own, those they stand in for, and their team's if they lead it."""
    query = live_absences()
    mine = or_(Absence.user_id == user.id, Absence.stand_in_id == user.id)
    teams = looked_after_by(user)
    if teams is None or teams:
        mine = or_(mine, Absence.user_id.in_(select(User.id).where(is_in(teams))))
    return list(db.session.scalars(query.where(mine)))


def members(user: User) -> list[User]:
    """For whom this person may enter an absence, themselves first."""
    teams = looked_after_by(user)
    return [user, *(one for one in colleagues([user.id]) if may_speak_for(user, one, teams))]
