"""The calendar that a person's own program reads at a secret address."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from icalendar import Calendar
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db import utc_now
from console.interactions.live_models import FollowUp
from console.web import today, zone
from notes.promises.away_models import CalendarFeed
from tests.factories import add, make_customer, make_interaction, make_user
from tests.factories_notes import make_note, make_promise

SignIn = Callable[..., FlaskClient]
DAY = timedelta(days=1)


def address(client: FlaskClient, **data: str) -> str:
    page = client.post("/calendar", data=data)
    assert page.status_code == 201
    found = re.search(r'value="http://localhost(/calendar/[\w-]+\.ics)"', page.text)
    assert found
    return found[1]


def events_in(body: bytes) -> dict[str, Any]:
    """By the part of their UID that is the same on every installation."""
    return {str(one["UID"]).partition("@")[0]: one for one in Calendar.from_ical(body).walk("VEVENT")}


def test_the_calendar_holds_what_is_to_do_and_no_more_of_the_customer_than_a_first_name(
    app: Flask, client: FlaskClient, sign_in: SignIn, session: Session
) -> None:
    maya, customer = make_user(session), make_customer(session, "Zoë, née; König", "Mercer")
    words = "Bring the fabric samples, the blue ones; and 🧵 – all of them, " * 3
    with app.app_context():
        first, shop = today(), zone()
    at_five = datetime.combine(first + DAY, time(17), shop)
    at_a_time = make_promise(session, customer, maya, text=words, due_at=at_five)
    given = {"due_at": datetime.combine(first + DAY, time(23, 59), shop), "created_at": utc_now() - DAY}
    all_day = make_promise(session, customer, maya, **given)
    make_promise(session, customer, make_user(session), text="Somebody else's")
    asked = {"follow_up_on": first + DAY, "written_at": utc_now() - DAY}
    note = make_note(session, customer, maya, body="About her kitchen", **asked)
    talk = make_interaction(session, customer, maya)
    mine = {"interaction_id": talk.id, "customer_id": customer.id, "owner_id": maya.id, "why": "asked"}
    come_back = add(session, FollowUp(**mine, due_on=first, opened_at=utc_now()))
    signed_in = sign_in(maya)
    url = address(signed_in)
    assert session.scalars(select(CalendarFeed.token_hash)).one() not in url

    answer = client.get(url)
    assert answer.mimetype == "text/calendar"
    assert max(len(line) for line in answer.data.split(b"\r\n")) <= 75  # folded
    events = events_in(answer.data)
    todo = (f"promise-{at_a_time.id}", f"promise-{all_day.id}", f"note-{note.id}", f"follow-up-{come_back.id}")
    assert set(events) == set(todo)
    timed, whole = events[f"promise-{at_a_time.id}"], events[f"promise-{all_day.id}"]
    assert (timed["DTEND"].dt, timed["SUMMARY"]) == (at_five, "Promise to Zoë, née; König")
    assert timed.to_ical().count(b"Z\r\n") >= 4  # all moments in UTC
    assert (whole["DTSTART"].dt, whole["DTEND"].dt) == (first + DAY, first + 2 * DAY)
    assert all(one["STATUS"] == "CONFIRMED" for one in events.values())
    text = answer.get_data(as_text=True).replace("\r\n ", "")
    assert not re.search("Mercer|fabric|kitchen|Somebody else", text)

    same = client.get(url, headers={"If-None-Match": answer.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    signed_in.post("/calendar/words", data={"with_words": "y"})
    signed_in.post(f"/promises/{all_day.id}/keeping")
    ticked = events[f"note-{note.id}"]
    signed_in.post(f"/notes/{note.id}/follow-up")
    later = client.get(url, headers={"If-None-Match": answer.headers["ETag"]})
    events = events_in(later.data)
    done = events[f"note-{note.id}"]  # no longer on its day, and not silently gone
    assert (done["STATUS"], done["UID"], done["DTSTART"].dt) == ("CANCELLED", ticked["UID"], first + DAY)
    assert done["SEQUENCE"] > ticked["SEQUENCE"]
    assert words.strip() in str(events[f"promise-{at_a_time.id}"]["SUMMARY"])
    kept = events[f"promise-{all_day.id}"]
    assert (kept["STATUS"], kept["UID"]) == ("CANCELLED", whole["UID"])
    assert kept["SEQUENCE"] > whole["SEQUENCE"]
    assert kept["LAST-MODIFIED"].dt > whole["LAST-MODIFIED"].dt


def test_an_address_opens_for_as_long_as_it_should(client: FlaskClient, sign_in: SignIn, session: Session) -> None:
    maya = make_user(session)
    signed_in = sign_in(maya)
    first = address(signed_in)
    assert client.get(first).status_code == 200
    assert "VEVENT" not in client.get(first).text
    second = address(signed_in)
    assert [client.get(one).status_code for one in (first, second)] == [404, 200]
    assert client.get("/calendar/guess.ics").status_code == 404
    assert client.get(f"/calendar/{'x' * 5000}.ics").status_code == 404
    roles = list(maya.roles)
    maya.roles = []
    session.commit()
    assert client.get(second).status_code == 404
    maya.roles, maya.active = roles, False
    session.commit()
    assert client.get(second).status_code == 404
    maya.active = True
    session.commit()
    assert client.get(second).status_code == 200
    signed_in.post("/calendar/removal")
    assert client.get(second).status_code == 404
    assert session.scalars(select(CalendarFeed)).all() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_address_is_not_read_without_end(
    app_with: Callable[..., Flask], sign_in: SignIn, database_url: str
) -> None:
    url = address(sign_in("agent"))
    client = app_with(RATELIMIT_ENABLED=True).test_client()
    statuses = [client.get(url).status_code for _ in range(61)]
    assert statuses[58:] == [200, 200, 429]
