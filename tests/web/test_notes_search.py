"""Finding what was written, said, liked or refused: kept true by the database, found by words and by meaning."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from console.auth.models import Team
from console.customers.models import Boundary, BoundaryKind, Customer, Preference, Provenance
from console.db import db, utc_now
from console.interactions.models import REPLAY, Interaction, Speaker, Utterance
from knowledge.embedding import encoder
from knowledge.searching import Use
from notes.models import Note, NoteKind
from notes.searching import nearest, searching
from notes.searching import words as search_words
from notes.searching.embedding import claim, keep, put_back_others, read_all, unread
from notes.searching.models import Remembered, RememberedVector, SourceKind, Unread
from notes.searching.nearest import Held
from notes.searching.searching import Answer, Where, find
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_interaction, make_user
from tests.factories_notes import make_note

SignIn = Callable[..., FlaskClient]


def remembered(session: Session) -> list[str]:
    session.commit()
    return list(session.scalars(select(Remembered.body).order_by(Remembered.body)))


def bodies(answer: Answer) -> list[str]:
    return [found.row.body for found in answer.found]


def asked(question: str, **where: Any) -> list[str]:
    return bodies(find(question, Where(**where), now=utc_now()))


def say(
    session: Session, talk: Interaction, words: str, speaker: Speaker = Speaker.CUSTOMER, **given: Any
) -> Utterance:
    return add(session, Utterance(interaction_id=talk.id, position=0, speaker=speaker, text=words, **given))


def like(session: Session, customer: Customer, words: str) -> Preference:
    return add(session, Preference(customer_id=customer.id, text=words, provenance=Provenance.STATED))


def test_what_is_searched_follows_every_write_whoever_makes_it(session: Session) -> None:
    isla, omar = make_customer(session), make_customer(session, "Omar", "Khan")
    note = make_note(session, isla, body="Wants sage curtains")
    talk, replay = make_interaction(session, isla), make_interaction(session, isla, source=REPLAY, external_id="1-1")
    turn = say(session, talk, "My sister is called Ana")
    say(session, talk, "Thinks about leaving", Speaker.AGENT, is_whisper=True)
    say(session, talk, "Order found", Speaker.SYSTEM)
    say(session, replay, "Played again")
    preference = like(session, isla, "Prefers oak")
    add(session, Boundary(customer_id=isla.id, kind=BoundaryKind.NO_GIFTS, text="said so twice"))
    boundary = "No gifts. said so twice"
    assert remembered(session) == ["My sister is called Ana", boundary, "Prefers oak", "Wants sage curtains"]
    # Written past the domain's functions, as the importer and an erasure write.
    session.execute(update(Note).where(Note.id == note.id).values(body="Wants teal curtains", pinned=True))
    session.execute(update(Utterance).where(Utterance.id == turn.id).values(is_whisper=True))
    session.execute(update(Preference).where(Preference.id == preference.id).values(ended_at=utc_now()))
    assert remembered(session) == [boundary, "Wants teal curtains"]
    assert "pinned" in session.scalars(select(Remembered.marks).where(Remembered.kind == "note")).one()
    session.execute(update(Utterance).where(Utterance.id == turn.id).values(is_whisper=False))
    session.execute(update(Interaction).where(Interaction.id == talk.id).values(customer_id=omar.id))
    session.flush()
    owner = select(Remembered.customer_id).where(Remembered.kind == SourceKind.UTTERANCE)
    assert session.scalars(owner).all() == [omar.id]
    for table in (Note, Utterance, Boundary):
        session.execute(delete(table))
    assert remembered(session) == []
    assert session.scalars(select(Unread)).all() == []


def test_words_find_notes_of_one_customer_or_of_all(in_app: None, session: Session) -> None:
    isla, omar = make_customer(session), make_customer(session, "Omar", "Khan")
    make_note(session, isla, body="Collects blue jugs from the café in Porto.")
    make_note(session, omar, body="Asked about a blue lamp.")
    make_note(session, omar, body="Asked about a blue lamp!", written_at=utc_now() - timedelta(days=700))
    say(session, make_interaction(session, omar), "Do you have the jug in green?")
    session.commit()
    assert asked("JUG")[0] in {"Do you have the jug in green?", "Collects blue jugs from the café in Porto."}
    assert asked("jugs", customer_id=omar.id) == ["Do you have the jug in green?"]
    assert asked("blue jug", customer_id=isla.id) == ["Collects blue jugs from the café in Porto."]
    assert asked("blue jug")[0] == "Collects blue jugs from the café in Porto."  # the one that holds both stands first
    assert asked("blue lamp", customer_id=omar.id) == ["Asked about a blue lamp.", "Asked about a blue lamp!"]
    assert asked("cafe porto") == ["Collects blue jugs from the café in Porto."]
    assert bodies(find("blu", Where(), now=utc_now(), unfinished=True)) != []
    for nothing in ("", "   ", "the", "zebra", "\0", '"', "' OR 1=1 --", "marks : note", "!!! & | :*", "x" * 5_000):
        assert asked(nothing) == [], nothing


def test_a_common_word_costs_no_more_than_a_few_rows_and_hides_nothing(
    in_app: None, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_words, "MOST_OF_A_WORD", 3)
    customer = make_customer(session)
    make_note(session, customer, body="The green parcel was late.")
    for number in range(6):
        make_note(session, customer, body=f"Parcel number{number} came.")
        make_note(session, customer, body=f"Green was number{number}.")
    session.commit()
    # Among the newest three of neither word, and yet it holds both.
    assert asked("green parcel")[0] == "The green parcel was late."
    assert len(asked("parcel")) == 3


def test_every_filter_narrows_what_is_found(in_app: None, session: Session, subtests: pytest.Subtests) -> None:
    maya, dan = make_user(session, name="Maya Kerr"), make_user(session, team=add(session, Team(name="Studio")))
    customer, now = make_customer(session), utc_now()
    make_note(session, customer, maya, body="tea one", pinned=True, written_at=now - timedelta(days=40))
    make_note(session, customer, dan, body="tea two", quotable=True, kind=NoteKind.FOLLOW_UP, written_at=now)
    make_note(session, customer, dan, body="tea three", follow_up_on=now.date(), written_at=now)
    make_note(session, customer, dan, body="tea four", follow_up_on=now.date() + timedelta(days=9), written_at=now)
    like(session, customer, "tea five")
    session.commit()
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({"author_ids": (maya.id,)}, {"tea one"}),
        ({"author_ids": ()}, set()),
        ({"pinned": True}, {"tea one"}),
        ({"quotable": True}, {"tea two"}),
        ({"note_kind": NoteKind.FOLLOW_UP}, {"tea two"}),
        ({"kinds": (SourceKind.PREFERENCE,)}, {"tea five"}),
        ({"since": now - timedelta(days=2), "kinds": (SourceKind.NOTE,)}, {"tea two", "tea three", "tea four"}),
        ({"due_by": now.date()}, {"tea three"}),
    ]
    for where, expected in cases:
        with subtests.test(where=where):
            assert set(asked("tea", **where)) == expected


@pytest.fixture
def meaning(app: Flask) -> None:
    """The packaged model, loaded once in this process."""
    app.config["EMBEDDING_MODEL"] = ""
    with app.app_context():
        assert encoder().load()


def test_meaning_finds_what_no_word_does_and_follows_every_change(app: Flask, session: Session, meaning: None) -> None:
    isla = make_customer(session)
    night = make_note(session, isla, body="Works nights at the hospital. Her dog chews the rugs.")
    make_note(session, isla, body="The invoice goes to the company.")
    say(session, make_interaction(session, isla), "I would like something cheerful for the nursery")
    say(session, make_interaction(session, isla), "yes, the blue one")  # says nothing by itself: by words alone
    like(session, isla, "Takes piano lessons.")  # a little like a choir, but something else is so much nearer
    session.commit()
    with app.app_context():
        assert asked("pets at home") == []
        model = encoder()
        assert unread() == 4
        assert read_all(model) == 4
        other = Held(app, model.name)  # as another worker has it
        assert other.fresh() is not None
        for where in ({}, {"customer_id": isla.id}, {"kinds": (SourceKind.NOTE,)}):
            (found,) = find("pets at home", Where(**where), now=utc_now()).found
            assert found.row.subject_id == night.id
            assert [part.text for part in found.parts if part.marked] == ["Her dog chews the rugs."]
            assert found.reasons == ("Similar meaning",)
        tomorrow = utc_now() + timedelta(days=1)
        for narrower in (Where(isla.id, pinned=True), Where(isla.id, since=tomorrow)):
            assert find("pets at home", narrower, now=utc_now()).found == ()
        assert asked("decoration for the baby") == ["I would like something cheerful for the nursery"]

        session.execute(update(Note).where(Note.id == night.id).values(body="Sings in a choir on Wednesdays."))
        session.commit()
        assert asked("pets at home") == []
        assert read_all(model) == 1
        assert asked("rehearses with a chorus") == ["Sings in a choir on Wednesdays."]
        snapshot = other.fresh()
        assert snapshot is not None
        newest = db.session.scalar(
            select(Remembered.id).where(Remembered.subject_id == night.id, Remembered.kind == "note")
        )
        assert newest in snapshot.remembered[-1:]

        session.execute(update(RememberedVector).values(model="an older one"))
        session.commit()
        assert asked("rehearses with a chorus") == []
        assert put_back_others(model.name) > 0
        assert read_all(model) == 4
        assert asked("rehearses with a chorus") == ["Sings in a choir on Wednesdays."]


def test_a_lone_word_finds_what_lies_nearest_among_the_notes_of_one_customer(
    app: Flask, session: Session, meaning: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rosalind = make_customer(session)
    body = "Please, no more gifts, she said. Her daughter Ines starts at Leeds in September. Ring her back on Tuesday."
    make_note(session, rosalind, body=body)
    make_note(session, rosalind, body="The coal bunker is a good dry place for parcels.")
    say(session, make_interaction(session, rosalind), "You do that. Cheerio, Daniel.")
    session.commit()
    with app.app_context():
        read_all(encoder())
        nearest_one, *others = find("family", Where(customer_id=rosalind.id), now=utc_now()).found
        assert (nearest_one.row.body, nearest_one.reasons) == (body, ("Close in meaning",))
        assert {found.kind for found in others} <= {SourceKind.NOTE}
        assert asked("family") == []  # of all customers there is too much that is a little like it
        assert body not in asked("family football", customer_id=rosalind.id)
        assert find("family", Where(customer_id=rosalind.id), now=utc_now(), use=Use.KEYWORD).found == ()
        monkeypatch.setattr(
            searching, "by_meaning", lambda *given: None
        )  # still being read: words answer, and it is said
        answer = find("gifts", Where(), now=utc_now())
        assert (bodies(answer), answer.notice, answer.warming) == ([body], searching.PREPARING, True)


def test_many_vectors_are_packed_beside_the_requests(
    app: Flask, session: Session, meaning: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if db_is(app, "postgresql"):
        pytest.skip("PostgreSQL keeps the index itself")
    monkeypatch.setattr(nearest, "AT_ONCE", 5)
    monkeypatch.setattr(nearest, "LARGE", 50)
    customer = make_customer(session)
    for number in range(80):
        make_note(session, customer, body=f"Ordered {number} plates for the canteen.")
    make_note(session, customer, body="Her dog chews the rugs.")
    session.commit()
    with app.app_context():
        read_all(encoder())
        held = Held(app, encoder().name)
        assert held.fresh() is None  # words alone answer until it is there
        assert held._builder is not None
        held._builder.join()
        snapshot = held.fresh()
        assert snapshot is not None
        assert snapshot.approximate is not None
        dog = db.session.scalar(select(Remembered.id).where(Remembered.body.contains("dog")))
        assert dog in snapshot.nearest(encoder().encode_question("a pet"), 5)
        make_note(session, customer, body="The cat sleeps on the chair.")
        session.commit()
        read_all(encoder())
        cat = db.session.scalar(select(Remembered.id).where(Remembered.body.contains("cat ")))
        snapshot = held.fresh()
        assert snapshot is not None
        assert cat in snapshot.nearest(encoder().encode_question("a pet"), 5)


def db_is(app: Flask, name: str) -> bool:
    with app.app_context():
        return db.engine.dialect.name == name


class Slow:
    """A model in whose hands words are changed by somebody else."""

    name = "slow"

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self.meanwhile = meanwhile

    def encode_briefly(self, texts: list[str]) -> Any:
        import numpy as np

        self.meanwhile()
        return np.eye(len(texts), 384, dtype=np.float32)


def test_two_readers_share_the_work_and_changed_words_are_read_again(in_app: None, session: Session) -> None:
    customer = make_customer(session)
    first, second = (make_note(session, customer, body=body) for body in ("Likes tea.", "Likes coffee."))
    session.commit()
    ours, theirs = claim(1), claim(5)
    assert [row.body for row in (*ours, *theirs)] == ["Likes coffee.", "Likes tea."]  # the newest first
    assert claim(5) == []

    def meanwhile() -> None:
        session.execute(update(Note).where(Note.id == second.id).values(body="Likes cocoa."))
        session.commit()

    model: Any = Slow(meanwhile)
    assert keep(ours, model) == 0
    assert [row.body for row in claim(5)] == ["Likes cocoa."]
    # A reader that stopped: after a while its claim is free again.
    session.execute(update(Unread).values(claimed_at=utc_now() - timedelta(minutes=5)))
    session.commit()
    assert {row.body for row in claim(5)} == {"Likes tea.", "Likes cocoa."}
    assert first.id < second.id


def test_the_box_on_the_customers_page_leads_to_where_it_was_said(sign_in: SignIn, session: Session) -> None:
    isla = make_customer(session)
    note = make_note(session, isla, body="Loves <b>sage</b>. Nothing else matters here. Or there.")
    talk = make_interaction(session, isla)
    turn = say(session, talk, "The sage one, please")
    make_note(session, make_customer(session, "Omar", "Khan"), body="Sage for Omar")
    client = sign_in("agent")
    assert f'hx-get="/customers/{isla.id}/words?typing=1"' in client.get(f"/customers/{isla.id}").text
    panel = client.get(f"/customers/{isla.id}/words?q=sag&typing=1", headers=HTMX).text
    assert "<html" not in panel
    assert f"/notes/{note.id}" in panel
    assert f"/interactions/{talk.id}#turn-{turn.id}" in panel
    assert "<mark>Loves &lt;b&gt;sage&lt;/b&gt;.</mark>" in panel
    assert "Omar" not in panel
    assert "Nothing found" in client.get(f"/customers/{isla.id}/words?q=zebra").text
    empty = client.get(f"/customers/{isla.id}/words?q=", headers=HTMX).text
    assert "Nothing found" not in empty
    assert client.get("/customers/987654/words?q=sage").status_code == 404


def test_all_customers_are_looked_through_by_those_who_may(sign_in: SignIn, session: Session) -> None:
    agent, sales = sign_in("agent"), sign_in("sales")
    for number in range(35):
        customer = make_customer(session, f"Customer{number}")
        make_note(session, customer, agent.user, body=f"Sage curtains, room {number}")  # type: ignore[attr-defined]
    say(session, make_interaction(session, customer), "Is sage still there?")
    session.commit()
    refused = agent.get("/notes?whose=all&q=sage")
    assert refused.status_code == 403
    assert "Your role looks among your own notes" in refused.text
    assert "Sage curtains" not in refused.text
    assert "Sage curtains" in agent.get("/notes?whose=mine&q=sage").text
    assert "Sage curtains" in agent.get(f"/notes?whose=all&customer_id={customer.id}&q=sage").text
    page = sales.get("/notes?whose=all&q=sage")
    assert len(re.findall(r'<p class="excerpt"', page.text)) == 30
    assert "These 30 fit best" in page.text
    assert int(page.headers["X-Sql-Statements"]) <= 7
    assert "Is sage still there?" in sales.get("/notes?whose=all&among=said&q=sage").text
    assert "Nothing found" in sales.get("/notes?whose=all&among=likes&q=sage").text


def test_what_was_written_before_is_searched_after_the_migration(app: Flask, session: Session) -> None:
    isla = make_customer(session)
    note = make_note(session, isla, body="Wants sage curtains", written_at=utc_now(), follow_up_on=utc_now().date())
    say(session, make_interaction(session, isla), "My sister is called Ana", Speaker.AGENT)
    add(session, Boundary(customer_id=isla.id, kind=BoundaryKind.NO_CALLS_AFTER, after=time(18, 30)))
    session.commit()
    everything = select(Remembered.kind, Remembered.subject_id, Remembered.marks, Remembered.body, Remembered.at)
    before = set(session.execute(everything).all())
    session.close()
    with app.app_context():
        db.engine.dispose()
        flask_migrate.downgrade(revision="0010")
        flask_migrate.upgrade()
        assert set(db.session.execute(everything).all()) == before
        assert asked("curtain") == [note.body]
        assert asked("calls after 18:30") == ["No calls after 18:30."]
        assert unread() == 2  # not what the agent said
