"""Who is away, read from the database; the rules stand in standing_in.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, and_, false, or_, select
from sqlalchemy.orm import joinedload

from console.auth.models import User
from console.db import db
from console.web import today, zone
from notes.models import Promise
from notes.promises.away_models import Absence
from notes.promises.standing_in import Away, placed

MOST = 2_000  # absences entered and not over


@dataclass(frozen=True)
class Whereabouts:
    """Who is away, and who no longer works here, as far as it matters to promises."""

    aways: tuple[Away, ...]
    gone: frozenset[int]
    today: date

    def holder_of(self, giver_id: int, owner_id: int, due_at: datetime) -> int:
        """With whom a promise belongs: by the day it is due, or by today once that is past."""
        return placed(giver_id, owner_id, self.day_of(due_at), self.aways, self.gone)

    def day_of(self, due_at: datetime) -> date:
        return max(due_at.astimezone(zone()).date(), self.today)


def live_absences() -> Select[Absence]:
    """Those not over, the first to begin first, each with who is away and who stands in."""
    return (
        select(Absence)
        .where(Absence.ended_at.is_(None))
        .options(joinedload(Absence.user), joinedload(Absence.stand_in))
        .order_by(Absence.first_on, Absence.id)
        .limit(MOST)
    )


def whereabouts(absences: list[Absence] | None = None) -> Whereabouts:
    """At most one statement."""
    rows = db.session.scalars(live_absences()).all() if absences is None else absences
    aways = tuple(Away(row.user_id, row.stand_in_id, row.first_on, row.until_on) for row in rows)
    people = [person for row in rows for person in (row.user, row.stand_in) if person is not None]
    return Whereabouts(aways, frozenset(one.id for one in people if not one.active), today())


def nobody_is_there(absences: list[Absence]) -> ColumnElement[bool]:
    """Of open promises: those whose owner is away on their day (a stand-in would own them), or left, or is nobody.

    The query has to join User, as the owner, with an outer join.
    """
    away = [
        and_(Promise.owner_id == row.user_id, Promise.due_at < begin_of(row.until_on, 1), *not_before(row.first_on))
        for row in absences
    ]
    return or_(Promise.owner_id.is_(None), User.active.is_(False), *(away or [false()]))


def not_before(first_on: date) -> list[ColumnElement[bool]]:
    return [Promise.due_at >= begin_of(first_on)] if first_on > today() else []


def begin_of(day: date, days_later: int = 0) -> datetime:
    """Midnight in the shop's time zone."""
    return datetime.combine(date.fromordinal(day.toordinal() + days_later), datetime.min.time(), zone())
