"""Snippets: one's own and everybody's, filled in for the customer on the line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.interactions.live_models import Snippet
from console.interactions.snippets import blanks, fill
from notes.models import Promise
from tests.factories import NOW, add, make_customer, make_interaction, make_order, make_user

SignIn = Callable[..., Any]  # a FlaskClient with its user
WORDS = {"shortcut": "late", "title": "A late parcel", "body": "Sorry, {first_name}: {order_number}", "version": 1}


def snippet_of(session: Session, shortcut: str = "late") -> Snippet:
    session.expire_all()
    return session.scalars(select(Snippet).where(Snippet.shortcut == shortcut)).one()


def test_somebodys_own_are_seen_and_changed_by_nobody_else(sign_in: SignIn, session: Session) -> None:
    mine, other = sign_in("agent"), sign_in("agent")
    assert mine.post("/snippets", data=WORDS).status_code == 303
    own = snippet_of(session)
    assert "A late parcel" in mine.get("/snippets").text
    assert "A late parcel" not in other.get("/snippets?q=late").text
    assert other.get(f"/snippets/{own.id}").status_code == 404
    assert other.post(f"/snippets/{own.id}/removal").status_code == 404
    other.post(f"/snippets/{own.id}/uses")
    mine.post(f"/snippets/{own.id}/uses")
    assert snippet_of(session).used == 1
    again = mine.post("/snippets", data=WORDS | {"title": "Another"})
    assert again.status_code == 422
    assert "There is a snippet /late already" in again.text
    assert mine.post(f"/snippets/{own.id}/removal").status_code == 303
    assert session.scalars(select(Snippet)).all() == []


def test_what_everybody_inserts_is_written_by_supervisors_alone(sign_in: SignIn, session: Session) -> None:
    agent, supervisor = sign_in("agent"), sign_in("supervisor")
    assert agent.post("/snippets", data=WORDS | {"whose": "shared"}).status_code == 403
    assert supervisor.post("/snippets", data=WORDS | {"whose": "shared"}).status_code == 303
    assert supervisor.post("/snippets", data=WORDS | {"whose": "shared"}).status_code == 422
    shared = snippet_of(session)
    assert "A late parcel" in agent.get("/snippets").text
    assert agent.post(f"/snippets/{shared.id}", data=WORDS).status_code == 403


def test_a_stale_change_shows_both_and_is_kept_when_sent_again(sign_in: SignIn, session: Session) -> None:
    client = sign_in("supervisor")
    client.post("/snippets", data=WORDS | {"whose": "shared"})
    url = f"/snippets/{snippet_of(session).id}"
    assert client.post(url, data=WORDS | {"body": "First"}).status_code == 303
    late = client.post(url, data=WORDS | {"body": "Second"})
    assert late.status_code == 409
    assert "First" in late.text
    assert "Second" in late.text
    assert 'name="version" type="hidden" value="2"' in late.text
    assert client.post(url, data=WORDS | {"body": "Second", "version": 2}).status_code == 303
    assert (snippet_of(session).body, snippet_of(session).version) == ("Second", 3)


@pytest.mark.parametrize("bad", [{"shortcut": "Two words"}, {"body": "Dear {frist_name}"}, {"title": " "}])
def test_a_mistake_is_said_and_what_was_typed_is_kept(sign_in: SignIn, session: Session, bad: dict[str, str]) -> None:
    answer = sign_in("agent").post("/snippets", data=WORDS | bad)
    assert answer.status_code == 422
    assert "A late parcel" in answer.text or bad["title"] == " "
    assert session.scalars(select(Snippet)).all() == []


def test_while_typing_they_are_offered_with_what_is_known_filled_in(sign_in: SignIn, session: Session) -> None:
    client = sign_in(make_user(session, name="Maya Klein"))
    customer = make_customer(session, "Isla", "Mercer")
    order = make_order(session, customer, days_ago=30)
    make_order(session, customer)  # a later one, which this talk is not about
    talk = make_interaction(session, customer, order_id=order.id)
    soon = NOW + timedelta(days=400)
    add(session, Promise(customer_id=customer.id, text="Call", due_at=soon, created_at=NOW, owner_id=client.user.id))
    body = "{customer_name} {first_name} {agent_name} {order_number} {promised_date} {delivery_date}"
    for shortcut, words in (("late", body), ("late-2", "<b>x</b>"), ("other", "Not lately")):
        session.add(Snippet(shortcut=shortcut, title="T", body=words, changed_at=NOW))
    number = order.number
    session.commit()
    page = client.get(f"/snippets/matches?q=late&customer_id={customer.id}&interaction_id={talk.id}")
    assert f'data-text="Isla Mercer Isla Maya Klein {number} 18 Jun 2027 {{delivery_date}}"' in page.text
    assert "1 to fill in" in page.text
    assert "&lt;b&gt;" in page.text
    assert page.text.index("/late-2") < page.text.index("/other")
    assert int(page.headers["X-Sql-Statements"]) <= 7
    assert "No snippet is like" in client.get("/snippets/matches?q=zzz").text


def test_what_is_not_known_stays_to_be_filled_in() -> None:
    assert (
        fill("{first_name}, {order_number} {}", {"first_name": "Isla", "order_number": ""}) == "Isla, {order_number} {}"
    )
    assert blanks("{order_number} {Not} {1}") == ["order_number"]
