"""How the database behaves for everybody: time zones, SQLite's write lock, migrations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError, StatementError
from sqlalchemy.orm import Session

from console.auth.models import Team, User
from console.db import db, utc_now
from console.events import Event, Topic
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_user
from tests.listening import heard


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


def test_replacing_an_event_is_refused_like_deleting_it(session: Session) -> None:
    event = add(session, Event(kind="a.b", topic=Topic.ACCESS, at=utc_now(), recorded_at=utc_now()))
    session.commit()
    if session.get_bind().dialect.name == "sqlite":
        replace = "INSERT OR REPLACE INTO events SELECT * FROM events WHERE id = :id"
        with pytest.raises(DatabaseError, match="never"):
            session.execute(text(replace), {"id": event.id})


def test_a_database_that_is_taken_says_so(app: Flask, sign_in: Callable[..., FlaskClient], session: Session) -> None:
    customer = make_customer(session)
    client = sign_in("agent")
    if session.get_bind().dialect.name != "sqlite":
        return
    session.execute(text("UPDATE customers SET city = 'York'"))  # holds the write lock
    with app.app_context():
        db.engine.dispose()
        with heard("connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=50")):
            response = client.post(f"/customers/{customer.id}/complaints", data={"text": "Late"}, headers=HTMX)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert "try again" in response.text
