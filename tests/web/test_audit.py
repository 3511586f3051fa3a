"""The record as a whole: readable, filtered, paged, taken out as a file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.audit.phrases import PHRASES, Part, sentence
from console.auth.models import User
from console.config import ROOT
from console.customers.models import Customer
from console.events import Event, Topic
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_user

SignIn = Callable[..., FlaskClient]
NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)


def make_event(
    session: Session, kind: str, topic: Topic = Topic.ACCESS, *, minutes: float = 0, **given: object
) -> Event:
    moment = NOW + timedelta(minutes=minutes)
    return add(session, Event(kind=kind, topic=topic, at=moment, recorded_at=moment, **given))


@pytest.fixture
def maya(session: Session) -> User:
    return make_user(session, name="Maya Kerr")


@pytest.fixture
def isla(session: Session) -> Customer:
    return make_customer(session, "Isla", "Mercer", phones=("+447700900123",))


def rows(page: str) -> list[str]:
    """Each row's sentence, without its tags."""
    found = re.findall(r'<article class="audit-row">.*?<div>(.*?)<span', page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", "", row).split()) for row in found]


def test_each_act_reads_as_a_sentence(sign_in: SignIn, session: Session, maya: User, isla: Customer) -> None:
    make_event(session, "contact.phone_shown", customer_id=isla.id, actor_id=maya.id)
    make_event(session, "user.deactivated", actor_id=maya.id, subject_type="users", subject_id=maya.id, minutes=1)
    make_event(session, "order.delivered", Topic.ORDER, customer_id=isla.id, minutes=2)
    page = sign_in("supervisor").get("/audit").text
    assert rows(page) == [
        "The system order delivered, Isla Mercer",
        "Maya Kerr deactivated the user Maya Kerr",
        "Maya Kerr showed a phone number of Isla Mercer",
    ]


FILTERED = [
    ("", [3, 2, 1, 0]),
    ("topic=note", [3, 1]),
    ("kind=contact.phone_shown", [0]),
    ("actor={maya}", [1, 0]),
    ("customer_id={isla}", [2, 0]),
    ("customer_id={isla}&topic=gesture", [2]),
    ("customer=07700+900123", [2, 0]),
    ("first=2026-05-14&last=2026-05-14", [3, 2, 1, 0]),
    ("last=2026-05-13", []),
    ("first=2026-05-15", []),
]


def test_the_filters_narrow_the_record(
    sign_in: SignIn, session: Session, maya: User, isla: Customer, subtests: pytest.Subtests
) -> None:
    make_event(session, "contact.phone_shown", customer_id=isla.id, actor_id=maya.id)
    make_event(session, "note.written", Topic.NOTE, actor_id=maya.id, minutes=1)
    make_event(session, "gesture.offered", Topic.GESTURE, customer_id=isla.id, minutes=2)
    make_event(session, "note.pinned", Topic.NOTE, minutes=3)
    client = sign_in("administrator")
    for query, minutes in FILTERED:
        with subtests.test(query=query):
            response = client.get("/audit?" + query.format(maya=maya.id, isla=isla.id))
            assert response.status_code == 200, response.text
            times = re.findall(r'<time class="tiny num" datetime="([^"]+)"', response.text)
            assert [(datetime.fromisoformat(time) - NOW) / timedelta(minutes=1) for time in times] == minutes


UNANSWERABLE = [
    ("customer=Nobody+Atall", "Nobody is found"),
    ("first=2026-05-14&last=2026-05-13", "The last day is before the first."),
    ("first=yesterday", "This is not a day."),
    ("first=0001-01-01", "after the year 2000"),
    ("last=9999-12-31", "after the year 2000"),
    ("actor=99999999999999999999", "There is nobody of that number."),
    ("topic=weather", "Choose from the list."),
    ("kind=user.danced", "Choose from the list."),
]


def test_a_filter_that_cannot_be_answered_is_told(sign_in: SignIn, subtests: pytest.Subtests) -> None:
    client = sign_in("supervisor")
    for query, words in UNANSWERABLE:
        with subtests.test(query=query):
            response = client.get(f"/audit?{query}")
            assert response.status_code == 422
            assert words in response.text
            assert client.get(f"/audit/record.csv?{query}").status_code == 400


def test_a_place_that_was_made_up_is_refused(sign_in: SignIn) -> None:
    client = sign_in("supervisor")
    places = ["x", "1-", "1-99999999999999999999", "1--5"]
    assert [client.get(f"/audit?before={place}").status_code for place in places] == [400] * 4


def test_pages_follow_one_another_without_a_gap_at_the_same_cost(
    sign_in: SignIn, session: Session, maya: User, isla: Customer
) -> None:
    client = sign_in("supervisor")
    empty = int(client.get("/audit").headers["X-Sql-Statements"])
    for number in range(120):  # written in the same moment by threes
        actor = make_user(session) if number % 5 == 0 else maya
        customer = make_customer(session) if number % 7 == 0 else isla
        make_event(session, "note.written", Topic.NOTE, minutes=number // 3, actor_id=actor.id, customer_id=customer.id)
    session.commit()
    address, seen, costs = "/audit", list[str](), set[int]()
    while address:
        response = client.get(address, headers=HTMX if "before" in address else {})
        costs.add(int(response.headers["X-Sql-Statements"]))
        seen += re.findall(r'datetime="([^"]+)"', response.text)
        more = re.search(r'hx-get="(/audit[^"]*before=[^"]*)"', response.text)
        address = more[1].replace("&amp;", "&") if more else ""
    assert len(seen) == 120
    assert seen == sorted(seen, reverse=True)
    assert max(costs) <= empty <= 4


def test_the_file_holds_the_record_and_taking_it_is_recorded(
    sign_in: SignIn, session: Session, maya: User, isla: Customer
) -> None:
    evil = make_customer(session, '=HYPERLINK("http://evil")', "")
    make_event(session, "contact.phone_shown", customer_id=isla.id, actor_id=maya.id, data={"phone": 7})
    make_event(session, "customer.changed", Topic.PROFILE, customer_id=evil.id, minutes=1)
    response = sign_in("supervisor").get("/audit/record.csv?topic=access&first=2026-05-01&last=2026-05-31")
    assert response.mimetype == "text/csv"
    assert "attachment" in response.headers["Content-Disposition"]
    (row,) = csv.DictReader(io.StringIO(response.text))
    assert (row["actor"], row["customer"], row["kind"]) == ("Maya Kerr", "Isla Mercer", "contact.phone_shown")
    assert (row["written_at"], row["data"]) == (NOW.isoformat(), '{"phone": 7}')
    session.rollback()
    assert "record.exported" in session.scalars(select(Event.kind)).all()
    whole = list(csv.DictReader(io.StringIO(sign_in("administrator").get("/audit/record.csv").text)))
    assert [entry["customer"] for entry in whole if entry["kind"] == "customer.changed"] == [
        '\'=HYPERLINK("http://evil")'
    ]


def test_a_name_is_escaped(sign_in: SignIn, session: Session) -> None:
    make_event(session, "customer.created", Topic.PROFILE, customer_id=make_customer(session, "<script>alert(1)").id)
    assert "<script>alert(1)" not in sign_in("supervisor").get("/audit").text


def test_an_act_without_a_phrase_is_spelled_out() -> None:
    assert sentence("web.cart_abandoned", "Isla Mercer", None) == [
        Part("web cart abandoned, "), Part("Isla Mercer", "customer"),
    ]  # fmt: skip
    assert sentence("limits.drawn_up", None, None) == [Part("limits drawn up")]


def test_every_act_that_the_code_records_has_a_phrase() -> None:
    found: set[str] = set()
    for package in ("console", "notes", "knowledge"):
        for path in Path(ROOT, package).rglob("*.py"):
            if not {"importing", "demo"} & set(path.parts):
                found |= set(re.findall(r'record_event\(\s*"([a-z_]+\.[a-z_]+)"', path.read_text()))
    assert len(found) > 15
    assert found - set(PHRASES) == set(), "add a phrase for these to console/audit/phrases.py"
