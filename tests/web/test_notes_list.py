"""The list of notes: filters, pages, and what it costs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from console.auth.models import Team
from console.db import utc_now
from notes.models import NoteKind
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_user
from tests.factories_notes import make_note

SignIn = Callable[..., FlaskClient]


@pytest.fixture
def client(sign_in: SignIn, session: Session) -> FlaskClient:
    """Maya, of the front line, with a colleague, somebody of another team, and notes of all three."""
    maya = make_user(session, name="Maya Kerr")
    colleague = make_user(session, "sales", name="Dan Osei")
    stranger = make_user(session, name="Ivo Novak", team=add(session, Team(name="Studio")))
    isla, omar = make_customer(session), make_customer(session, "Omar", "Khan")
    now = utc_now()
    make_note(session, isla, maya, body="Maya on tea, 100% cotton", pinned=True, written_at=now - timedelta(days=1))
    make_note(session, isla, colleague, body="Dan on lamps", kind=NoteKind.VISIT, quotable=True)
    make_note(session, omar, stranger, body="Ivo on oak", follow_up_on=now.date() - timedelta(days=1))
    make_note(session, omar, maya, body="Maya of old, on tea", written_at=now - timedelta(days=200))
    make_note(session, omar, body="From the import", follow_up_on=now.date() + timedelta(days=9))
    return sign_in(maya)


def shown(client: FlaskClient, query: str) -> list[str]:
    response = client.get(f"/notes?{query}")
    assert response.status_code == 200, response.text
    return [re.sub("<.*?>", "", text) for text in re.findall(r'<p class="excerpt"[^>]*>(.*?)</p>', response.text)]


FILTERED = [
    ("", ["Maya on tea, 100% cotton", "Maya of old, on tea"]),
    ("whose=mine", ["Maya on tea, 100% cotton", "Maya of old, on tea"]),
    ("whose=team", ["Dan on lamps", "Maya on tea, 100% cotton", "Maya of old, on tea"]),
    ("whose=all&kind=visit", ["Dan on lamps"]),
    ("whose=all&pinned=y", ["Maya on tea, 100% cotton"]),
    ("whose=all&quotable=y", ["Dan on lamps"]),
    ("whose=all&due=y", ["Ivo on oak"]),
    ("whose=mine&period=30", ["Maya on tea, 100% cotton"]),
    ("whose=mine&q=TEA", ["Maya on tea, 100% cotton", "Maya of old, on tea"]),
    ("whose=mine&q=tea&period=90", ["Maya on tea, 100% cotton"]),
    ("whose=mine&q=100%25", ["Maya on tea, 100% cotton"]),
    ("whose=mine&q=1%25c", []),  # neither a pattern nor a part of a word
    ("whose=mine&q=_", []),
]


def test_each_filter_shows_its_notes_newest_first(client: FlaskClient, subtests: pytest.Subtests) -> None:
    for query, bodies in FILTERED:
        with subtests.test(query=query):
            assert shown(client, query) == bodies


def test_a_customer_and_an_author_narrow_the_list(client: FlaskClient, session: Session) -> None:
    omar = make_customer(session, "Omar", "Other")
    ivo = make_user(session, name="Ivo Second")
    make_note(session, omar, ivo, body="About another Omar")
    session.commit()
    assert shown(client, f"customer_id={omar.id}") == ["About another Omar"]
    assert shown(client, f"customer_id={omar.id}&q=another") == ["About another Omar"]
    assert shown(client, f"author={ivo.id}") == ["About another Omar"]


UNANSWERABLE = [
    ("whose=nobody", "Choose from the list."),
    ("author=x", "Not a valid integer"),
    ("author=99999999999999999999", "There is nobody of that number."),
    ("customer_id=-1", "There is nobody of that number."),
    ("q=" + "x" * 101, "at most 100 characters"),
]


def test_a_question_that_cannot_be_answered_is_told(client: FlaskClient, subtests: pytest.Subtests) -> None:
    for query, sentence in UNANSWERABLE:
        with subtests.test(query=query):
            response = client.get(f"/notes?{query}")
            assert response.status_code == 422
            assert sentence in response.text


def test_a_place_that_was_made_up_is_refused(client: FlaskClient) -> None:
    places = ["x", "1-", "1-99999999999999999999", "nan-1", "9" * 400 + "-1", "1--5"]
    assert [client.get(f"/notes?before={place}").status_code for place in places] == [400] * 6


def test_pages_follow_one_another_without_a_gap(sign_in: SignIn, session: Session) -> None:
    maya, customer, now = make_user(session), make_customer(session), utc_now()
    for number in range(65):
        # Written in the same moment by sevens: the id decides.
        make_note(session, customer, maya, body=f"number {number:02}", written_at=now - timedelta(minutes=number // 7))
    client = sign_in(maya)
    seen: list[str] = []
    address = "/notes?whose=mine"
    while address:
        page = client.get(address, headers=HTMX if "before" in address else {}).text
        seen += re.findall(r"number \d\d", page)
        more = re.search(r'hx-get="(/notes[^"]*before=[^"]*)"', page)
        address = more[1].replace("&amp;", "&") if more else ""
    assert len(seen) == 65
    assert set(seen) == {f"number {number:02}" for number in range(65)}
    assert [int(body[-2:]) // 7 for body in seen] == sorted(int(body[-2:]) // 7 for body in seen)


def test_the_list_costs_the_same_however_long_it_is(sign_in: SignIn, session: Session) -> None:
    maya = make_user(session)
    make_note(session, make_customer(session), maya)
    client = sign_in(maya)
    short = client.get("/notes").headers["X-Sql-Statements"]
    for number in range(40):
        make_note(session, make_customer(session, f"Customer{number}"), make_user(session), body="more")
        make_note(session, make_customer(session, f"Customer{number}"), maya, body="more")
    session.commit()
    assert client.get("/notes").headers["X-Sql-Statements"] == short
    assert int(short) <= 4


def test_an_empty_list_says_what_to_do(sign_in: SignIn) -> None:
    page = sign_in("sales").get("/notes").text
    assert "No notes here" in page
    assert "/notes/new" in page


def test_an_administrator_reads_everybodys_and_is_offered_no_pen(sign_in: SignIn, session: Session) -> None:
    make_note(session, make_customer(session), body="Readable")
    page = sign_in("administrator").get("/notes").text
    assert "Readable" in page
    assert "/notes/new" not in page
