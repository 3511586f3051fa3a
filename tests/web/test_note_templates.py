"""Note templates: shipped, one's own and everybody's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.events import Event
from notes.beside.models import NoteTemplate
from tests.conftest import HTMX

SignIn = Callable[..., Any]  # a FlaskClient with its user
WORDS = {"title": "Visit", "body": "Room:\nColours:", "kind": "visit", "version": 1}


def template_of(session: Session) -> NoteTemplate:
    session.expire_all()
    return session.scalars(select(NoteTemplate)).one()


def test_the_three_r_stands_in_every_console_and_own_ones_beside_it(sign_in: SignIn, session: Session) -> None:
    mine, other = sign_in("sales"), sign_in("sales")
    assert "Reason: \nResolution: \nResult: " in mine.get("/notes/templates/offered?q=3", headers=HTMX).text
    assert mine.post("/notes/templates", data=WORDS).status_code == 303
    own = template_of(session)
    assert 'data-kind="visit"' in mine.get("/notes/templates/offered?q=vi", headers=HTMX).text
    menu = mine.get("/notes/templates/offered", headers=HTMX).text
    assert menu.index("3R") < menu.index("Visit")
    assert "Visit" in mine.get("/notes/templates").text
    assert "Visit" not in other.get("/notes/templates").text
    assert "No template is like" in other.get("/notes/templates/offered?q=vi", headers=HTMX).text
    assert other.get(f"/notes/templates/{own.id}").status_code == 404
    assert other.post(f"/notes/templates/{own.id}/removal").status_code == 404
    assert mine.post(f"/notes/templates/{own.id}/removal").status_code == 303
    assert session.scalars(select(Event.kind).order_by(Event.id)).all() == [
        "note_template.written", "note_template.deleted",
    ]  # fmt: skip


def test_everybodys_templates_are_written_by_supervisors_alone(sign_in: SignIn, session: Session) -> None:
    agent, supervisor = sign_in("agent"), sign_in("supervisor")
    shared = WORDS | {"whose": "shared"}
    assert agent.post("/notes/templates", data=shared).status_code == 403
    assert supervisor.post("/notes/templates", data=shared).status_code == 303
    url = f"/notes/templates/{template_of(session).id}"
    assert "Visit" in agent.get("/notes/templates").text
    assert agent.post(url, data=WORDS).status_code == 403
    # Two change it: the later one sees both, and may put theirs in its place.
    assert supervisor.post(url, data=WORDS | {"body": "First"}).status_code == 303
    late = supervisor.post(url, data=WORDS | {"body": "Second"})
    assert late.status_code == 409
    assert "First" in late.text
    assert "Second" in late.text
    assert supervisor.post(url, data=WORDS | {"body": "Second", "version": 2}).status_code == 303
    assert template_of(session).body == "Second"


def test_a_template_that_cannot_be_kept_is_told(sign_in: SignIn, session: Session) -> None:
    client = sign_in("sales")
    wrong = [
        ({"title": ""}, "short title"),
        ({"body": " "}, "Write what the note begins with"),
        ({"body": "4111 1111 1111 1111"}, "card number"),
        ({"kind": "poem"}, "Choose one of the kinds"),
    ]
    for sent, sentence in wrong:
        response = client.post("/notes/templates", data=WORDS | sent)
        assert (response.status_code, sentence in response.text) == (422, True), sent
    assert session.scalars(select(NoteTemplate)).all() == []
