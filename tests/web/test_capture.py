"""The phone's page and what a device keeps for it: choosing, sending once, the worker."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.customers import tokens
from console.customers.models import Customer
from console.db import db, utc_now
from console.events import Event
from notes.forms import NewNoteForm
from notes.models import Note, Promise
from notes.writing import Draft, write_note
from tests.conftest import HTMX
from tests.factories import make_customer, make_user
from tests.factories_notes import make_note

SignIn = Callable[..., FlaskClient]


def written(session: Session) -> list[Note]:
    session.rollback()
    session.expire_all()
    return list(session.scalars(select(Note).order_by(Note.id)))


def waiting(customer: Customer, **more: str) -> dict[str, Any]:
    """A note as a device sends it that had no connection."""
    return {"client_key": str(uuid4()), "customer_id": customer.id, "body": "Likes oak.", "kind": "visit"} | more


def test_a_note_that_waited_is_kept_once_however_often_it_is_sent(sign_in: SignIn, session: Session) -> None:
    mei = make_customer(session, "Mei", "Gonzalez")
    client = sign_in("sales")
    day = (utc_now() + timedelta(days=9)).date().isoformat()
    at = (utc_now() - timedelta(hours=5)).replace(microsecond=0)
    sent = waiting(mei, promise_text="Send samples", promise_on=day, written_at=at.isoformat().replace("+00:00", "Z"))
    for _ in range(3):
        response = client.post("/notes/waiting", data=sent)
        assert (response.status_code, response.json) == (201, {"name": "Mei Gonzalez"})
    client.post("/notes/new", data=sent)  # the same form, sent by hand
    (note,) = written(session)
    assert (note.written_at, note.kind.value) == (at, "visit")
    assert len(session.scalars(select(Promise)).all()) == 1
    assert session.scalars(select(Event.kind)).all().count("note.written") == 1
    client.post("/notes/waiting", data=sent | {"body": "Likes ash."})  # the browser showed an old form again
    sign_in("sales").post("/notes/waiting", data=sent)  # nobody else's key is in the way
    assert [note.body for note in written(session)] == ["Likes oak.", "Likes ash.", "Likes oak."]


@pytest.mark.parametrize("at", ["soon", "2020-01-01T00:00:00", "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"])
def test_a_device_with_a_wrong_clock_writes_now(app: Flask, at: str) -> None:
    with app.test_request_context():
        now = utc_now()
        assert NewNoteForm(formdata=None, written_at=at).moment_written(now) == now
        assert NewNoteForm(formdata=None, client_key="no uuid").key_about(1) is None


def test_two_that_arrive_at_once_are_one_note(app: Flask, session: Session) -> None:
    author, mei = make_user(session), make_customer(session)
    session.commit()
    together, found = threading.Barrier(2), []

    def write() -> None:
        with app.app_context():
            together.wait()
            note = write_note(mei.id, author.id, Draft("Likes oak."), now=utc_now(), client_key="one")
            db.session.commit()
            found.append((note.id, note.is_repeat))

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    (note,) = written(session)
    assert sorted(found) == [(note.id, False), (note.id, True)]


def test_what_is_refused_is_said_beside_the_note(sign_in: SignIn, client: FlaskClient, session: Session) -> None:
    mei = make_customer(session)
    phone = sign_in("sales")
    card = phone.post("/notes/waiting", data=waiting(mei, body="Pays with 4111111111111111", follow_up_on="then"))
    assert card.status_code == 422
    problems = card.get_json()["problems"]
    assert any("card number" in sentence for sentence in problems)
    assert any("not a day" in sentence for sentence in problems)
    gone = phone.post("/notes/waiting", data=waiting(mei, customer_id="77"))
    assert (gone.status_code, "no longer here" in gone.get_json()["problems"][0]) == (422, True)
    # Not signed in any more: the device is told so, and keeps the note.
    assert client.get("/notes/waiting", headers=HTMX).status_code == 401
    assert written(session) == []


def test_a_device_learns_who_is_signed_in_and_names_alone(app_with: Callable[..., Flask], session: Session) -> None:
    app = app_with(WTF_CSRF_ENABLED=True)
    dana, mei = make_user(session, "sales"), make_customer(session, "Mei", "Gonzalez")
    make_note(session, mei, dana, written_at=utc_now())
    session.commit()
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = dana.fs_uniquifier, True
    device = client.get("/notes/waiting").get_json()
    assert (device["user"], device["customers"]) == (dana.id, [{"id": mei.id, "name": "Mei Gonzalez"}])
    # The token that the page once had may be of another session; this one is good now.
    assert client.post("/notes/waiting", data=waiting(mei), headers={"X-CSRFToken": "old"}).status_code == 400
    response = client.post("/notes/waiting", data=waiting(mei), headers={"X-CSRFToken": device["token"]})
    assert response.status_code == 201


def test_the_worker_keeps_the_empty_page_and_its_files_alone(app: Flask, client: FlaskClient) -> None:
    script = client.get("/notes/worker.js")
    assert script.mimetype == "text/javascript"
    assert script.headers["Cache-Control"] == "no-cache"  # another version is noticed at once
    kept = json.loads(re.search(r"KEPT = (\{.*\});", script.text)[1])  # type: ignore[index]
    assert set(kept) == {"version", "page", "files"}
    assert all(address.startswith(f"{app.static_url_path}/") for address in kept["files"])
    page = client.get(kept["page"])
    assert page.status_code == 200
    assert "Set-Cookie" not in page.headers
    assert "csrf" not in page.text
    for address in re.findall(r'(?:src|href)="(/static[^"#]+)', page.text):
        assert address in kept["files"]
    assert client.get("/notes/worker.js").text == script.text


def test_letters_find_first_whom_one_wrote_about_lately(app: Flask, sign_in: SignIn, session: Session) -> None:
    client = sign_in("sales")
    author = client.user  # type: ignore[attr-defined]
    others = [make_customer(session, "Rosa", f"Ahlberg{letter}") for letter in "abcdefgh"]
    lately = make_customer(session, "Rosalind", "Zoë")
    make_note(session, lately, author, written_at=utc_now())
    session.commit()
    with app.app_context():
        tokens.index_customers([lately.id, *(other.id for other in others)])
        db.session.commit()
    hits = client.get("/notes/new?q=ros", headers=HTMX).text
    ids = [int(number) for number in re.findall(r"customer_id=(\d+)", hits)]
    assert ids[0] == lately.id
    assert len(ids) == len(set(ids)) == 8
    assert set(ids[1:]) < {other.id for other in others}
    assert re.findall(r"customer_id=(\d+)", client.get("/notes/new?q=zoe+r", headers=HTMX).text) == [str(lately.id)]


def test_choosing_costs_a_bounded_number_of_statements(sign_in: SignIn, session: Session) -> None:
    client = sign_in("sales")
    for number in range(40):
        customer = make_customer(session, "Rosa", f"Ahlberg{number}")
        make_note(session, customer, client.user, written_at=utc_now())  # type: ignore[attr-defined]
    session.commit()
    assert int(client.get("/notes/new").headers["X-Sql-Statements"]) <= 8
    assert int(client.get("/notes/new?q=ros", headers=HTMX).headers["X-Sql-Statements"]) <= 14
