"""How the database behaves for everybody: time zones, SQLite's write lock, migrations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from console.auth.models import Team, User
from tests.factories import add, make_user


def test_times_come_back_as_utc(session: Session) -> None:
    user = make_user(session)
    user.created_at = datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=5)))
    session.commit()
    session.expire_all()
    stored = session.get_one(User, user.id).created_at
    assert stored == datetime(2026, 3, 1, 7, 0, tzinfo=UTC)
    assert stored.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(session: Session) -> None:
    user = make_user(session)
    user.created_at = datetime(2026, 3, 1)  # noqa: DTZ001  the very mistake
    with pytest.raises(StatementError, match="no time zone"):
        session.flush()


def test_a_reader_can_begin_to_write_after_somebody_else_committed(app: object, session: Session) -> None:
    with Session(session.get_bind()) as other:
        assert other.scalar(select(func.count(Team.id))) == 0
        add(session, Team(name="First"))
        session.commit()
        add(other, Team(name="Second"))  # a stale snapshot would answer "database is locked"
        other.commit()
    assert session.scalar(select(func.count(Team.id))) == 2
