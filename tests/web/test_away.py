"""Somebody is away: their promises go to who stands in, and come back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

import notes.promises.whereabouts
from console.auth.models import User
from console.db import utc_now
from console.events import Event
from console.feed import FeedEntry
from console.web import today
from notes.models import Promise, PromiseState
from notes.promises.away_models import Absence
from notes.promises.tending import tend
from tests.conftest import HTMX
from tests.factories import make_customer, make_team, make_user
from tests.factories_notes import make_promise

SignIn = Callable[..., FlaskClient]
DAY = timedelta(days=1)


@pytest.fixture
def day(app: Flask) -> Callable[[int], str]:
    """A day from today, in the shop's zone."""
    with app.app_context():
        first = today()
    return lambda number: (first + number * DAY).isoformat()


def owners(session: Session) -> dict[str, int | None]:
    session.rollback()
    session.expire_all()
    return {row.text: row.owner_id for row in session.scalars(select(Promise))}


def goes(client: FlaskClient, first: str, until: str, stand_in: User | None, who: User | None = None) -> str:
    sent = {"first_on": first, "until_on": until, "stand_in_id": stand_in.id if stand_in else ""}
    sent["user_id"] = who.id if who else client.user.id  # type: ignore[attr-defined]
    answer = client.post("/absences", data=sent)
    said = re.search(r'class="error-summary".*?</ul>', answer.text, re.DOTALL)
    assert (answer.status_code, bool(said)) in ((303, False), (422, True))
    return said[0] if said else ""


def test_promises_go_to_who_stands_in_and_come_back(
    app: Flask, sign_in: SignIn, session: Session, day: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    maya, dana, ola = (make_user(session, name=name) for name in ("Maya Kerr", "Dana Osei", "Ola Berg"))
    customer, now = make_customer(session), utc_now()
    for text, days, given in (
        ("overdue", -1, {"state": PromiseState.BROKEN}), ("in it", 1, {}), ("after it", 20, {}),
        ("kept", 1, {"state": PromiseState.KEPT, "settled_at": now}),
    ):  # fmt: skip
        make_promise(session, customer, maya, text=text, due_at=now + days * DAY, **given)
    client = sign_in(maya)
    assert goes(client, day(0), day(5), dana) == ""
    assert owners(session) == {"overdue": dana.id, "in it": dana.id, "after it": maya.id, "kept": maya.id}
    assert {f"user:{maya.id}", f"user:{dana.id}"} <= set(
        session.scalars(select(FeedEntry.topic).where(FeedEntry.kind == "inbox"))
    )
    events = session.scalars(select(Event).where(Event.kind == "promise.handed_over")).all()
    assert [(one.data["from"], one.data["to"], one.data["for"]) for one in events] == [(maya.id, dana.id, maya.id)] * 2
    assert "you for M. Kerr" in sign_in(dana).get("/promises").text

    new = client.post(
        f"/customers/{customer.id}/promises", data={"promise_text": "new", "promise_on": day(3)}, headers=HTMX
    )
    assert "You are away then: Dana Osei has it" in new.headers["HX-Trigger"]
    assert owners(session)["new"] == dana.id

    assert goes(sign_in(dana), day(2), day(4), ola) == ""  # the stand-in has one too
    assert owners(session) == {
        "overdue": dana.id,
        "in it": dana.id,
        "after it": maya.id,
        "kept": maya.id,
        "new": ola.id,
    }
    number = session.scalars(select(Promise.id).where(Promise.text == "overdue")).one()
    sign_in(dana).post(f"/promises/{number}/keeping")
    with app.app_context():
        assert tend(utc_now()) == (0, 0)
        monkeypatch.setattr(notes.promises.whereabouts, "today", lambda: date.fromisoformat(day(6)))
        monkeypatch.setattr("notes.promises.handing.today", lambda: date.fromisoformat(day(6)))
        assert tend(utc_now()) == (0, 2)
    assert owners(session) == {
        "overdue": dana.id,
        "in it": maya.id,
        "after it": maya.id,
        "kept": maya.id,
        "new": maya.id,
    }
    assert session.scalars(select(Absence).where(Absence.ended_at.is_(None))).all() == []


def test_an_absence_that_cannot_be_is_told(sign_in: SignIn, session: Session, day: Callable[[int], str]) -> None:
    maya, dana, ola = (make_user(session, name=name) for name in ("Maya Kerr", "Dana Osei", "Ola Berg"))
    client, other = sign_in(maya), sign_in(dana)
    assert goes(client, day(1), day(4), dana) == ""
    assert "is away from" in goes(client, day(4), day(6), ola)
    assert "Dana Osei would stand in" in goes(other, day(2), day(3), maya)
    assert goes(other, day(5), day(6), maya) == ""
    assert goes(sign_in(ola), day(0), day(0), None) == ""
    assert "Ola Berg is away on" in goes(client, day(0), day(0), ola)
    assert "The last day comes before the first" in goes(client, day(9), day(8), dana)
    assert "This day is past" in goes(client, "2001-01-01", day(8), dana)
    assert "This is not a day" in goes(client, "then", day(8), dana)
    assert "Choose somebody else" in goes(client, day(8), day(9), maya)
    assert "Choose somebody of your team" in goes(client, day(8), day(9), ola, who=dana)  # for others: who leads them
    amara = make_user(session, "supervisor")
    elsewhere = make_user(session, "supervisor", team=make_team(session, "Sales"))
    number = session.scalars(select(Absence.id).where(Absence.user_id == maya.id)).one()
    assert sign_in(elsewhere).post(f"/absences/{number}/ending").status_code == 404
    assert goes(sign_in(amara), day(8), day(9), ola, who=maya) == ""
    assert sign_in(amara).post(f"/absences/{number}/ending").status_code == 303


def test_what_nobody_is_there_for_is_handed_over_by_the_supervisor(
    sign_in: SignIn, session: Session, day: Callable[[int], str]
) -> None:
    maya, dana, left = (make_user(session, name=name) for name in ("Maya Kerr", "Dana Osei", "Lee Gone"))
    customer, now = make_customer(session), utc_now()
    for text, owner, days in (("hers", maya, 1), ("his", left, 3), ("later", maya, 30), ("nobody's", None, 2)):
        make_promise(session, customer, owner, text=text, due_at=now + days * DAY)
    left.active = False
    client = sign_in(maya)
    assert goes(client, day(0), day(2), None) == ""
    amara = sign_in("supervisor")
    home = amara.get("/").text
    listed = amara.get("/promises?whose=all&state=nobody").text
    for page in (home, listed):
        assert [text in page for text in ("hers", "his", "nobody&#39;s", "later")] == [True, True, True, False]
    ids = {row.text: row.id for row in session.scalars(select(Promise))}
    several = {"promise": [ids["hers"], ids["his"]], "to": dana.id, "why": "left", "back": "/promises?whose=all"}
    assert sign_in(dana).post("/promises/owners", data=several).status_code == 403
    assert amara.post("/promises/owners", data=several).location == "/promises?whose=all"
    assert owners(session) == {"hers": dana.id, "his": dana.id, "later": maya.id, "nobody's": None}
    away = amara.post(f"/promises/{ids['hers']}/owner", data={"to": maya.id, "why": "knows"})
    assert (away.status_code, "Maya Kerr is away then" in away.text) == (422, True)
    stranger = sign_in("agent").post(f"/promises/{ids['later']}/owner", data={"to": dana.id, "why": "busy"})
    assert stranger.status_code == 403
    client.post(f"/absences/{session.scalars(select(Absence.id)).one()}/ending")
    assert owners(session)["hers"] == dana.id  # by hand is for good
