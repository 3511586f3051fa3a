"""Writing, amending and pinning notes, through the client."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from console.db import db, utc_now
from console.errors import Stale
from console.events import Event, Topic
from console.web import today
from notes.models import Note, NoteKind, NoteRevision, Promise
from notes.writing import Draft, amend_note
from tests.conftest import HTMX
from tests.factories import make_customer, make_interaction, make_user
from tests.factories_notes import make_note, make_promise

SignIn = Callable[..., FlaskClient]


def written(session: Session) -> list[Note]:
    session.rollback()
    session.expire_all()
    return list(session.scalars(select(Note).order_by(Note.id)))


def kinds(session: Session) -> list[str]:
    session.rollback()
    return list(session.scalars(select(Event.kind).order_by(Event.id)))


def test_a_note_from_the_workspace_is_kept_and_the_timeline_is_told(sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session)
    client = sign_in("agent")
    response = client.post(
        f"/customers/{customer.id}/notes",
        data={"body": " Likes green tea.\r\nHas a cat. ", "pinned": "y"},
        headers=HTMX,
    )
    assert response.status_code == 200
    assert json.loads(response.headers["HX-Trigger"])["noteSaved"]
    assert "Likes green tea" not in response.text  # a fresh box
    assert f'data-draft="note-{customer.id}"' in response.text
    (note,) = written(session)
    assert (note.body, note.pinned, note.quotable) == ("Likes green tea.\nHas a cat.", True, False)
    assert note.author_id == client.user.id  # type: ignore[attr-defined]
    (event,) = session.scalars(select(Event))
    assert (event.kind, event.topic, event.customer_id, event.subject_id) == (
        "note.written", Topic.NOTE, customer.id, note.id,
    )  # fmt: skip
    assert "tea" not in json.dumps(event.data)


def test_without_htmx_the_workspace_follows(sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session)
    client = sign_in("sales")
    response = client.post(f"/customers/{customer.id}/notes", data={"body": "Loves oak."})
    assert response.status_code == 303
    assert response.location == f"/customers/{customer.id}"


def test_a_note_belongs_to_the_conversation_that_is_going_on(sign_in: SignIn, session: Session) -> None:
    agent, customer = make_user(session), make_customer(session)
    interaction = make_interaction(session, customer, agent)
    sign_in(agent).post(f"/customers/{customer.id}/notes", data={"body": "Asked for a later slot."})
    assert written(session)[0].interaction_id == interaction.id


REFUSED_NOTES = [
    ({"body": "   "}, "Write the note first."),
    ({"body": "x" * 10_001}, "10,001 characters"),
    ({"body": "Card 4111 1111 1111 1111"}, "card number"),
    ({"body": "Fine", "follow_up_on": "soon"}, "This is not a day."),
    ({"body": "Fine", "follow_up_on": "2020-02-30"}, "This is not a day."),
    ({"body": "Fine", "follow_up_on": "0001-01-01"}, "This day is past."),
    ({"body": "Fine", "follow_up_on": "9999-12-31"}, "too far away"),
    ({"body": "Fine", "kind": "poem"}, "Choose one of the kinds"),
    ({"body": "Fine", "promise_text": "Samples"}, "Say by when"),
    ({"body": "Fine", "promise_on": "2099-01-01"}, "Say what was promised"),
    ({"body": "Fine", "promise_text": "Samples", "promise_on": "2001-01-01"}, "This day is past."),
    ({"body": "Fine", "promise_text": "Samples", "promise_on": "then"}, "This is not a day."),
    ({"body": "Fine", "promise_text": "4111 1111 1111 1111", "promise_on": "2099-01-01"}, "card number"),
]


def test_what_cannot_be_kept_is_told_and_nothing_is_saved(
    sign_in: SignIn, session: Session, subtests: pytest.Subtests
) -> None:
    customer = make_customer(session)
    client = sign_in("agent")
    for sent, sentence in REFUSED_NOTES:
        with subtests.test(sent=sent):
            response = client.post(f"/customers/{customer.id}/notes", data=sent, headers=HTMX)
            assert response.status_code == 422
            assert sentence in response.text
            assert sent["body"].strip() in response.text  # the form as it was typed
            assert written(session) == []
            assert session.scalars(select(Promise)).all() == []
            assert kinds(session) == []


def test_a_note_of_three_megabytes_is_refused_as_too_large(sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session)
    client = sign_in("agent")
    sent = {"body": "x" * 3_000_000, "customer_id": customer.id}
    for address in (f"/customers/{customer.id}/notes", "/notes/new", "/notes/waiting"):
        response = client.post(address, data=sent, headers=HTMX)
        assert response.status_code == 413
        assert "larger than this page takes" in response.text  # told beside the box, which keeps the words
    assert written(session) == []


def test_words_of_every_script_come_back_as_they_were_written(sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session, "ليلى", "חיים")
    client = sign_in("agent")
    body = "تحب الشاي 🍵 – <b>not bold</b> & “quoted”"
    client.post(f"/customers/{customer.id}/notes", data={"body": body + "\0"})
    (note,) = written(session)
    assert note.body == body
    page = client.get(f"/notes/{note.id}").text
    assert "تحب الشاي 🍵" in page
    assert "<b>not bold</b>" not in page


def test_a_note_with_a_promise_keeps_both_or_neither(sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session)
    client = sign_in("sales")
    day = (today_of(client) + timedelta(days=3)).isoformat()
    sent = {"body": "Wants to feel the fabric.", "promise_text": "Fabric samples", "promise_on": day}
    client.post(f"/customers/{customer.id}/notes", data=sent)
    (note,) = written(session)
    (promise,) = session.scalars(select(Promise))
    assert (promise.note_id, promise.text, promise.owner_id) == (note.id, "Fabric samples", note.author_id)
    assert kinds(session) == ["note.written", "promise.made"]


def today_of(client: FlaskClient) -> Any:
    with client.application.app_context():
        return today()


def test_an_amended_note_keeps_what_it_said_before(sign_in: SignIn, session: Session) -> None:
    author, customer = make_user(session, "agent", name="Maya Kerr"), make_customer(session)
    note = make_note(session, customer, author, body="Likes green tea.")
    client = sign_in(author)
    assert "Likes green tea." in client.get(f"/notes/{note.id}/amendment").text
    sent = {"body": "Likes black tea.", "kind": "visit", "quotable": "y", "version": "1"}
    response = client.post(f"/notes/{note.id}/amendment", data=sent)
    assert (response.status_code, response.location) == (303, f"/notes/{note.id}")
    (after,) = written(session)
    assert (after.body, after.kind, after.quotable, after.version) == ("Likes black tea.", NoteKind.VISIT, True, 2)
    (revision,) = session.scalars(select(NoteRevision))
    assert (revision.body, revision.version, revision.replaced_by_id) == ("Likes green tea.", 1, author.id)
    page = client.get(f"/notes/{note.id}").text
    assert "<del>green</del><ins>black</ins>" in page
    assert "Version 1, replaced by M. Kerr" in page
    assert kinds(session) == ["note.amended"]


def test_saving_without_a_change_makes_no_version(sign_in: SignIn, session: Session) -> None:
    author, customer = make_user(session), make_customer(session)
    note = make_note(session, customer, author, body="As it was.")
    sign_in(author).post(f"/notes/{note.id}/amendment", data={"body": "As it was.\r\n", "version": "1"})
    assert written(session)[0].version == 1
    assert kinds(session) == []


def test_somebody_who_was_slower_sees_both_versions_and_nothing_is_saved(sign_in: SignIn, session: Session) -> None:
    author, customer = make_user(session), make_customer(session)
    note = make_note(session, customer, author, body="Likes green tea.")
    client, supervisor = sign_in(author), sign_in("supervisor")
    supervisor.post(f"/notes/{note.id}/amendment", data={"body": "Likes oolong.", "version": "1"})
    response = client.post(f"/notes/{note.id}/amendment", data={"body": "Likes sencha.", "version": "1"})
    assert response.status_code == 409
    assert "Likes oolong." in response.text
    assert "Likes sencha." in response.text
    assert "nothing was saved" in response.text
    assert [note.body for note in written(session)] == ["Likes oolong."]
    # The page now carries the newer version: saving again replaces it knowingly.
    assert 'name="version" type="hidden" value="2"' in response.text
    client.post(f"/notes/{note.id}/amendment", data={"body": "Likes sencha.", "version": "2"})
    assert [(note.body, note.version) for note in written(session)] == [("Likes sencha.", 3)]


def test_a_version_that_never_was_overwrites_nothing(sign_in: SignIn, session: Session) -> None:
    author, customer = make_user(session), make_customer(session)
    note = make_note(session, customer, author, body="As it was.")
    client = sign_in(author)
    for version in ("", "0", "-1", "one", "9" * 40):
        response = client.post(f"/notes/{note.id}/amendment", data={"body": "New", "version": version})
        assert response.status_code in (409, 422), version
    assert written(session)[0].body == "As it was."


def test_an_amendment_that_lost_the_race_to_the_database_is_stale(app: Flask, session: Session) -> None:
    author, customer = make_user(session), make_customer(session)
    note_id, author_id = make_note(session, customer, author).id, author.id
    session.commit()
    with app.app_context():
        note = db.session.get_one(Note, note_id)
        db.session.rollback()  # holds no lock while the other one writes
        note.version  # noqa: B018  loaded again, at version 1
        session.execute(update(Note).values(body="Faster", version=2))
        session.commit()
        with pytest.raises(Stale):
            amend_note(note, Draft("Slower"), seen_version=1, actor_id=author_id, now=utc_now())
        db.session.rollback()
        assert db.session.get_one(Note, note_id).body == "Faster"


@pytest.mark.parametrize(
    ("role", "status"), [("agent", 403), ("sales", 403), ("supervisor", 200), ("administrator", 403)]
)
def test_only_the_author_and_supervisors_amend(sign_in: SignIn, session: Session, role: str, status: int) -> None:
    author, customer = make_user(session), make_customer(session)
    note = make_note(session, customer, author)
    client = sign_in(role)
    assert client.get(f"/notes/{note.id}").status_code == 200
    assert client.get(f"/notes/{note.id}/amendment").status_code == status


def test_pinning_twice_is_recorded_once(sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session)
    note = make_note(session, customer)
    client = sign_in("agent")
    for _ in range(2):
        response = client.post(f"/notes/{note.id}/pin", data={"pinned": "1"}, headers=HTMX)
        assert "Unpin" in response.text
    assert written(session)[0].pinned
    client.post(f"/notes/{note.id}/pin", data={"pinned": "0"})
    assert not written(session)[0].pinned
    assert written(session)[0].version == 1
    assert kinds(session) == ["note.pinned", "note.unpinned"]


def test_a_follow_up_is_ticked_off(sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session)
    note = make_note(session, customer, follow_up_on=utc_now().date())
    client = sign_in("sales")
    assert "Followed up" in client.get(f"/notes/{note.id}").text
    client.post(f"/notes/{note.id}/follow-up")
    client.post(f"/notes/{note.id}/follow-up")
    assert written(session)[0].follow_up_on is None
    assert kinds(session) == ["note.followed_up"]


NOT_THERE = [
    "/notes/77",
    "/notes/99999999999999999999",
    "/customers/77/notes/new",
    "/notes/new?customer_id=77",
    "/notes/new?customer_id=99999999999999999999",
    "/customers/77/promises",
]


def test_what_does_not_exist_is_not_found(sign_in: SignIn, subtests: pytest.Subtests) -> None:
    client = sign_in("agent")
    for address in NOT_THERE:
        with subtests.test(address=address):
            assert client.get(address).status_code == 404


def test_the_phone_page_finds_the_customer_and_keeps_the_note(sign_in: SignIn, session: Session) -> None:
    mei = make_customer(session, "Mei", "Gonzalez", phones=("+447700900123",))
    client = sign_in("sales")
    assert "About whom?" in client.get("/notes/new").text
    hits = client.get("/notes/new?q=07700+900123", headers=HTMX).text
    assert f"/notes/new?customer_id={mei.id}" in hits
    assert "<html" not in hits
    page = client.get(f"/notes/new?customer_id={mei.id}").text
    assert "Mei Gonzalez" in page
    assert "The customer may read this one day." in page
    sent = {"customer_id": mei.id, "body": "Ana starts school on Monday.", "kind": "visit", "quotable": "y"}
    response = client.post("/notes/new", data=sent, follow_redirects=True)
    assert "Saved to Mei Gonzalez." in response.text
    assert "You wrote about lately" in response.text  # the next note is one tap away
    assert [(note.customer_id, note.quotable) for note in written(session)] == [(mei.id, True)]


def test_a_phone_note_that_cannot_be_kept_stays_on_the_page(sign_in: SignIn, session: Session) -> None:
    mei = make_customer(session, "Mei", "Gonzalez")
    client = sign_in("sales")
    response = client.post("/notes/new", data={"customer_id": mei.id, "body": "Pays with 4111111111111111"})
    assert response.status_code == 422
    assert "4111111111111111" in response.text
    assert written(session) == []


def test_a_phone_note_about_nobody_is_kept_and_finds_its_customer(sign_in: SignIn, session: Session) -> None:
    mei = make_customer(session, "Mei", "Gonzalez", phones=("+447700900123",))
    client = sign_in("sales")
    typed = {"body": "Wants the blue one.", "kind": "visit", "promise_text": "Ring back"}
    response = client.post("/notes/new", data=typed)
    assert response.status_code == 422
    assert "Say whom the note is about" in response.text
    for words in ("Wants the blue one.", 'value="visit" checked', "Ring back"):
        assert words in response.text
    named = client.post("/notes/new", data=typed | {"about": "07700 900123"})
    assert named.status_code == 422
    assert f'name="customer_id" value="{mei.id}" checked' in named.text
    assert "Nobody is found by that" in client.post("/notes/new", data=typed | {"about": "zzzzzz"}).text
    assert written(session) == []
    client.post("/notes/new", data={"customer_id": mei.id, "body": "Wants the blue one."})
    assert [note.customer_id for note in written(session)] == [mei.id]


def test_a_promise_is_made_kept_and_gone_from_the_panel(sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session)
    client = sign_in("agent")
    day = (today_of(client) + timedelta(days=1)).isoformat()
    sent = {"promise_text": "Ring back", "promise_on": day, "promise_at": "17:00"}
    panel = client.post(f"/customers/{customer.id}/promises", data=sent, headers=HTMX)
    assert panel.status_code == 200
    assert "Ring back" in panel.text
    assert "noteSaved" in panel.headers["HX-Trigger"]
    promise = session.scalars(select(Promise)).one()
    panel = client.post(f"/promises/{promise.id}/keeping", headers=HTMX)
    assert "Nothing is owed" in panel.text
    again = client.post(f"/promises/{promise.id}/release", headers=HTMX)
    assert again.status_code == 422
    assert "already settled" in again.text
    assert kinds(session) == ["promise.made", "promise.kept"]


def test_a_promise_past_its_time_is_shown_as_broken_and_kept_late(sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session)
    promise = make_promise(session, customer, text="Samples", due_at=utc_now() - timedelta(hours=1))
    client = sign_in("agent")
    assert "broken, was due" in client.get(f"/customers/{customer.id}/promises", headers=HTMX).text
    client.post(f"/promises/{promise.id}/keeping")
    session.rollback()
    event = session.scalars(select(Event)).one()
    assert (event.kind, event.data) == ("promise.kept", {"late": True})


REFUSED_PROMISES = [
    ({"promise_text": "", "promise_on": "2099-01-01"}, "Say what was promised."),
    ({"promise_text": "Samples", "promise_on": ""}, "Say by when."),
    ({"promise_text": "Samples", "promise_on": "2001-01-01"}, "This day is past."),
    ({"promise_text": "x" * 301, "promise_on": "2099-01-01"}, "300 fit"),
    ({"promise_text": "Samples", "promise_on": "2099-01-01", "promise_at": "25:99"}, "This is not a time."),
]


def test_a_promise_that_cannot_be_kept_is_told(sign_in: SignIn, session: Session, subtests: pytest.Subtests) -> None:
    customer = make_customer(session)
    client = sign_in("agent")
    for sent, sentence in REFUSED_PROMISES:
        with subtests.test(sent=sent):
            response = client.post(f"/customers/{customer.id}/promises", data=sent, headers=HTMX)
            assert response.status_code == 422
            assert response.text.count(sentence) >= 1
            assert session.scalars(select(Promise)).all() == []


def test_notes_and_promises_stand_on_the_timeline(sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session)
    client = sign_in("agent")
    day = (today_of(client) + timedelta(days=1)).isoformat()
    sent = {"body": "Loves the lamp.", "promise_text": "Send a bulb", "promise_on": day}
    client.post(f"/customers/{customer.id}/notes", data=sent)
    page = client.get(f"/customers/{customer.id}/timeline", headers=HTMX).text
    assert "Loves the lamp." in page
    assert "Promised: Send a bulb" in page
    (note,) = written(session)
    assert f"/notes/{note.id}" in page
