"""Chips after a note was saved: found, edited, kept, dismissed, taken back. Through the client."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.customers.models import Boundary, Customer, Preference
from console.db import db, utc_now
from console.events import Event
from console.interactions.talk_signals import Kind
from console.interactions.wrapping import by_words
from knowledge.embedding import EncoderState
from notes.findings import pointing_out, sensitive, waiting
from notes.findings import proposing as finding
from notes.findings import views as finding_views
from notes.findings.models import FindingState, NoteFinding
from notes.findings.recognising import Finder
from notes.models import Note, Promise, PromiseState
from tests.conftest import HTMX
from tests.factories import make_customer, make_user
from tests.factories_api import ApiClient, make_token
from tests.factories_import import csv_file, run_import
from tests.factories_notes import ByWords, make_note

SignIn = Callable[..., FlaskClient]
KINDS = [
    Kind("preference", "", "", "", ("Prefers evening deliveries.",)),
    Kind("boundary", "", "", "", ("No calls after six.",)),
    Kind("promise", "", "", "", ("I'll send the samples by Friday.", "Will call back.")),
    Kind("fact", "", "", "", ("Daughter starts school in May.",)),
]
WORDS = "Prefers evening deliveries. No calls after six. I'll send the samples by Friday. Parcel came. Will call back."


@pytest.fixture
def reader(app: Flask, monkeypatch: pytest.MonkeyPatch) -> finding.Reader:
    model = ByWords()
    for module in (finding, finding_views, pointing_out):
        monkeypatch.setattr(module, "encoder", lambda: model)
    found = app.extensions["findings"] = finding.Reader()
    topics = sensitive.shipped()
    found.finders = (
        Finder(KINDS, ["Parcel came."], by_words),
        Finder(topics, sensitive.ordinary(), by_words, sensitive.wording_of(topics)),
        Finder([], [], by_words),
    )
    found.made_for = (model.name, 0, None)
    monkeypatch.setattr(finding.Reader, "prepared", lambda self, model: found.finders[0])
    return found


def rows(session: Session) -> Sequence[NoteFinding]:
    session.rollback()
    return session.scalars(select(NoteFinding).order_by(NoteFinding.id)).all()


def by_kind(session: Session) -> dict[str, NoteFinding]:
    return {one.kind.value: one for one in rows(session)}


def write(client: FlaskClient, customer_id: int, body: str, **given: str) -> Any:
    return client.post(f"/customers/{customer_id}/notes", data={"body": body, "kind": "call", **given}, headers=HTMX)


def test_what_a_note_says_is_proposed_and_kept_by_a_person(
    sign_in: SignIn, session: Session, reader: finding.Reader
) -> None:
    customer, client = make_customer(session), sign_in("agent")
    assert write(client, customer.id, WORDS).status_code == 200
    found = by_kind(session)
    assert set(found) == {"preference", "boundary", "promise"}
    assert session.scalars(select(Preference)).all() == []
    panel = client.get(f"/customers/{customer.id}/findings", headers=HTMX).text
    assert "\nPrefers evening deliveries.</textarea>" in panel
    assert "\nSend the samples</textarea>" in panel  # its day stands beside
    assert 'value="18:00"' in panel
    assert panel.count('data-key="k"') == panel.count('data-key="x"') == 1

    liked = {"text": "Evenings, after 7", "category": "delivery", "place": "customer"}
    answer = client.post(f"/findings/{found['preference'].id}/keeping", data=liked, headers=HTMX)
    assert answer.status_code == 200
    assert "Kept: Prefers evening deliveries." in answer.text
    assert "noteSaved" in json.loads(answer.headers["HX-Trigger"])
    kept = session.scalars(select(Preference)).one()
    note = session.scalars(select(Note)).one()
    assert (kept.text, kept.evidence, kept.provenance) == ("Evenings, after 7", {"note": note.id}, "stated")

    refuses = {"text": "No calls after six.", "boundary": "no_calls_after", "after": "18:00"}
    client.post(f"/findings/{found['boundary'].id}/keeping", data=refuses, headers=HTMX)
    assert session.scalars(select(Boundary)).one().title == "No calls after 18:00"
    undated = next(one for one in rows(session) if one.text == "Will call back.")
    asked = client.post(f"/findings/{undated.id}/keeping", data={"text": "Will call back."}, headers=HTMX)
    assert asked.status_code == 422
    assert "Say by when it was promised." in asked.text
    dated = next(one for one in rows(session) if one.due_at)
    day = dated.due_at.astimezone(ZoneInfo("Europe/London")).date()  # type: ignore[union-attr]
    client.post(f"/findings/{dated.id}/keeping", data={"text": dated.text, "due_on": day.isoformat()}, headers=HTMX)
    promise = session.scalars(select(Promise)).one()
    assert (promise.owner_id, promise.note_id, promise.due_at) == (note.author_id, note.id, dated.due_at)
    kinds = session.scalars(select(Event.kind).where(Event.kind.like("note.finding%"))).all()
    assert kinds == ["note.finding_kept"] * 3


def test_a_day_is_the_customers_own_and_both_clocks_are_shown(
    sign_in: SignIn, session: Session, reader: finding.Reader
) -> None:
    customer, client = make_customer(session, time_zone="America/New_York"), sign_in("agent")
    write(client, customer.id, "I'll send the samples by Friday.")
    found = rows(session)[0]
    here = found.due_at.astimezone(ZoneInfo("Europe/London"))  # type: ignore[union-attr]
    assert f"{here:%a}" == "Sat"  # past midnight, when it is still Friday there
    day, time = f"{here:%Y-%m-%d}", f"{here:%H:%M}"
    panel = client.get(f"/customers/{customer.id}/findings", headers=HTMX).text
    assert f'value="{day}"' in panel and f'value="{time}"' in panel
    assert re.search(r"Fri [^<]*, 23:59 where they are", panel)
    kept = {"text": "Send the samples", "due_on": day, "due_at": time}
    client.post(f"/findings/{found.id}/keeping", data=kept, headers=HTMX)
    assert re.search(r"\(Fri [^<]*, 23:59 where they are\)", client.get(f"/customers/{customer.id}/promises").text)
    customer.time_zone = "Europe/London"
    session.commit()
    assert "where they are" not in client.get(f"/customers/{customer.id}/promises").text


def test_undo_takes_back_what_became_of_it_and_two_who_keep_at_once_keep_it_once(
    sign_in: SignIn, session: Session, reader: finding.Reader
) -> None:
    customer, client, other = make_customer(session), sign_in("agent"), sign_in("sales")
    write(client, customer.id, WORDS)
    found = next(one for one in rows(session) if one.due_at)
    sent = {"text": found.text, "due_on": found.due_at.date().isoformat()}  # type: ignore[union-attr]
    assert client.post(f"/findings/{found.id}/keeping", data=sent, headers=HTMX).status_code == 200
    late = other.post(f"/findings/{found.id}/keeping", data=sent, headers=HTMX)
    assert late.status_code == 422
    assert "Somebody settled this meanwhile." in late.text
    assert len(session.scalars(select(Promise)).all()) == 1
    assert client.post(f"/findings/{found.id}/return", headers=HTMX).status_code == 200
    session.rollback()
    assert session.scalars(select(Promise)).one().state is PromiseState.RELEASED
    assert rows(session)[0].state is FindingState.PROPOSED
    fact = by_kind(session)["preference"]
    assert client.post(f"/findings/{fact.id}/dismissal").status_code == 303  # without scripts
    assert by_kind(session)["preference"].state is FindingState.DISMISSED
    card = {"text": "4111 1111 1111 1111", "category": "other"}
    client.post(f"/findings/{fact.id}/return")
    assert client.post(f"/findings/{fact.id}/keeping", data=card, headers=HTMX).status_code == 422
    assert session.scalars(select(Preference)).all() == []


def test_amending_takes_away_what_is_gone_and_proposes_nothing_twice(
    sign_in: SignIn, session: Session, reader: finding.Reader
) -> None:
    customer, client = make_customer(session), sign_in("agent")
    write(client, customer.id, WORDS)
    first = by_kind(session)
    client.post(f"/findings/{first['boundary'].id}/keeping", data={"text": "x", "boundary": "other"}, headers=HTMX)
    note = session.scalars(select(Note)).one()
    body = "Daughter starts school in May. Prefers evening deliveries. No calls after six."
    where = f"/notes/{note.id}/amendment"
    assert client.post(where, data={"body": body, "kind": "call", "version": 1}).status_code == 303
    left = {(one.kind.value, one.state.value) for one in rows(session)}
    assert left == {("preference", "proposed"), ("boundary", "kept"), ("fact", "proposed")}
    client.post(f"/findings/{first['preference'].id}/keeping", data={"text": first["preference"].text}, headers=HTMX)
    write(client, customer.id, "Again: prefers evening deliveries!")
    assert len(rows(session)) == 3  # known already


def test_a_note_waits_while_nothing_can_be_read_and_is_never_lost(
    app: Flask, sign_in: SignIn, session: Session, reader: finding.Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "start", lambda: None)
    customer, client = make_customer(session), sign_in("agent")
    reader.made_for = None  # as after a restart, or when examples were changed
    assert write(client, customer.id, WORDS).status_code == 200
    note = session.scalars(select(Note)).one()
    again = {"body": f"{WORDS} Rang again.", "kind": "call", "version": 1}
    assert client.post(f"/notes/{note.id}/amendment", data=again).status_code == 303
    assert [(one.state, one.note_version) for one in rows(session)] == [(FindingState.WAITING, 2)]
    page = client.get(f"/customers/{customer.id}/findings", headers=HTMX).text
    assert "Looking through the note" in page
    assert "load delay" in page
    with app.app_context():
        assert finding.look_through(utc_now()) == 1
        assert finding.look_through(utc_now()) == 0
    assert {one.state for one in rows(session)} == {FindingState.PROPOSED}


def test_imported_notes_of_late_are_looked_through_after_what_people_wrote(
    app: Flask, session: Session, reader: finding.Reader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(waiting, "encoder", ByWords)
    monkeypatch.setattr(waiting, "MOST_IMPORTED", 2)
    with app.app_context():
        run_import("customers", csv_file(tmp_path, "c.csv", ["external_id", "name"], ["c1", "Isla Mercer"]))
        customer = session.scalars(select(Customer)).one()
        days = ["2019-05-01", *[f"{utc_now() - timedelta(days=day):%Y-%m-%d}" for day in (3, 2, 1)]]
        bodies = [
            "Prefers evening deliveries.",
            "Parcel came.",
            "Has diabetes. Prefers evening deliveries.",
            "Will call back.",
        ]
        given = [[f"n{at}", "c1", body, day] for at, (body, day) in enumerate(zip(bodies, days, strict=True))]
        path = csv_file(tmp_path, "n.csv", ["external_id", "customer", "body", "written_at"], *given)
        said = "\n".join(run_import("notes", path).lines())
        assert "Line 4: Health." in said and "diabetes" not in said
        assert "1 times: a note of the last 30 days is not looked through" in said
        assert [one.score for one in rows(session)] == [waiting.IMPORTED] * 2
        mine = make_note(session, customer, make_user(session), body="No calls after six.")
        session.commit()
        waiting.await_looking(mine, now=utc_now())
        db.session.commit()
        taken = waiting.take_one()
        assert taken and taken[0].id == mine.id
        db.session.rollback()
        assert finding.look_through(utc_now()) == 3  # whatever stopped the one before
        assert {one.kind.value for one in rows(session)} == {"preference", "boundary", "promise"}
        run_import("notes", path)  # once more: nothing changed, nothing waits
        monkeypatch.setattr(waiting, "encoder", lambda: SimpleNamespace(state=EncoderState.OFF))
        waiting.await_imported([mine.id], now=utc_now())  # for nobody, where nothing is ever looked through
        db.session.commit()
        assert FindingState.WAITING not in {one.state for one in rows(session)}


def test_sensitive_content_is_pointed_out_before_it_is_stored(sign_in: SignIn, session: Session) -> None:
    customer, client = make_customer(session), sign_in("agent")
    answer = write(client, customer.id, "Her mother has cancer.")
    assert answer.status_code == 422
    assert 'Health: <mark dir="auto">cancer</mark>' in answer.text
    assert "Her mother has cancer." in answer.text
    assert session.scalars(select(Note)).all() == []
    mark = answer.text.split('name="anyway" value="')[1].split('"')[0]
    again = write(client, customer.id, "Her mother has cancer, he is a moron.", anyway=mark)
    assert again.status_code == 422  # something else was added
    assert write(client, customer.id, "Her mother has cancer.", anyway=mark).status_code == 200
    note = session.scalars(select(Note)).one()
    where = f"/notes/{note.id}/amendment"
    more = client.post(where, data={"body": "Her mother has cancer. Was told.", "kind": "call", "version": 1})
    assert more.status_code == 303  # that stood there already
    worse = client.post(where, data={"body": "Her mother has cancer. He has HIV.", "kind": "call", "version": 2})
    assert worse.status_code == 422
    phone = client.post("/notes/new", data={"customer_id": customer.id, "body": "IBAN GB82WEST12345698765432"})
    assert phone.status_code == 422
    assert "An account number" in phone.text


def test_another_system_is_warned_and_cards_are_refused_everywhere(
    app: Flask, sign_in: SignIn, session: Session
) -> None:
    customer, user = make_customer(session), make_user(session)
    api = ApiClient(app, make_token(session, user)[1], user)
    session.commit()
    answer = api.post(f"/customers/{customer.id}/notes", {"body": "He has diabetes."})
    assert answer.status_code == 201
    assert answer.json["sensitive"] == ["Health: “diabetes”"]
    assert api.post(f"/customers/{customer.id}/notes", {"body": "4111 1111 1111 1111"}).status_code == 422
    agent = sign_in("agent")
    liked = {"text": "Pays with 4111 1111 1111 1111", "category": "other", "provenance": "stated"}
    assert agent.post(f"/customers/{customer.id}/preferences", data=liked).status_code == 422
    assert session.scalars(select(Preference)).all() == []


def test_a_supervisor_edits_what_notes_are_looked_through_for(sign_in: SignIn, session: Session) -> None:
    assert sign_in("agent").get("/note-findings").status_code == 403
    customer, client = make_customer(session), sign_in("supervisor")
    page = client.get("/note-findings").text
    assert "Somebody else&#39;s secret" in page
    form = {"examples": "gout\nHe has gout.", "counter_examples": "", "is_on": "y", "seen": ""}
    assert client.post("/note-findings/health", data=form).status_code == 303
    assert write(client, customer.id, "Suffers from gout.").status_code == 422
    assert write(client, customer.id, "Her mother has cancer.").status_code == 200
    assert client.post("/note-findings/health", data=form).status_code == 409  # somebody else's page is older
    assert client.post("/note-findings/health", data={"reset": "1"}).status_code == 303
    assert write(client, customer.id, "Her mother has cancer.").status_code == 422
