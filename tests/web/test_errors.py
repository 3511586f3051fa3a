"""What goes wrong is told as a page, and as a message for htmx."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from console.auth.models import Team
from console.auth.permissions import public
from console.db import db
from console.web import limiter
from tests.conftest import HTMX
from tests.factories import make_customer

SignIn = Callable[..., FlaskClient]
AppWith = Callable[..., Flask]
EITHER = pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])


def check(response: TestResponse, code: int, words: str, headers: dict[str, str]) -> None:
    """The words are there, in a whole page or in one element, and a cache keeps the two apart."""
    assert response.status_code == code
    text = response.text
    assert words in text
    assert ("<html" in text) == (not headers)
    assert ('role="alert"' in text) == bool(headers)
    assert "HX-Request" in response.headers["Vary"]


@EITHER
def test_what_is_not_there_is_not_found(sign_in: SignIn, client: FlaskClient, headers: dict[str, str]) -> None:
    check(sign_in("agent").get("/no/such/page", headers=headers), 404, "nothing here that you can see", headers)
    check(client.get("/no/such/page", headers=headers), 404, "nothing here that you can see", headers)


@EITHER
def test_what_a_role_may_not_is_said_plainly(sign_in: SignIn, headers: dict[str, str]) -> None:
    check(sign_in("agent").get("/users", headers=headers), 403, "Your role does not allow it", headers)


@EITHER
def test_a_wrong_method_is_told(sign_in: SignIn, headers: dict[str, str]) -> None:
    check(sign_in("agent").get("/logout", headers=headers), 405, "takes no such request", headers)


@EITHER
def test_what_is_too_large_is_told(sign_in: SignIn, session: Session, headers: dict[str, str]) -> None:
    customer = make_customer(session)
    client = sign_in("agent")
    response = client.post(f"/customers/{customer.id}/notes", data={"body": "x" * 2_500_000}, headers=headers)
    check(response, 413, "nothing was saved", headers)


def test_a_mistake_on_a_form_comes_back_with_the_form(sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session)
    client = sign_in("agent")
    sent = {"body": "Kept as typed", "follow_up_on": "soon"}
    for headers in ({}, HTMX):
        response = client.post(f"/customers/{customer.id}/notes", data=sent, headers=headers)
        assert response.status_code == 422
        assert "Kept as typed" in response.text
        assert "This is not a day." in response.text
        assert ("<html" in response.text) == (not headers)


@EITHER
def test_a_form_without_its_token_is_out_of_date(app_with: AppWith, headers: dict[str, str]) -> None:
    client = app_with(WTF_CSRF_ENABLED=True).test_client()
    response = client.post("/login", data={"email": "maya@shop.example"}, headers=headers)
    check(response, 400, "This page is out of date", headers)


@pytest.fixture
def throttled(app_with: AppWith) -> Iterator[FlaskClient]:
    app = app_with(RATELIMIT_ENABLED=True)
    with app.app_context():
        limiter.reset()
    yield app.test_client()
    with app.app_context():
        limiter.reset()


@EITHER
def test_too_many_tries_are_told_when_to_come_back(throttled: FlaskClient, headers: dict[str, str]) -> None:
    attempts = throttled.application.config["SIGN_IN_ATTEMPTS"]
    for _ in range(attempts):
        assert throttled.post("/login").status_code == 422
    response = throttled.post("/login", headers=headers)
    check(response, 429, "Wait a little, then try again", headers)
    assert int(response.headers["Retry-After"]) >= 1
    assert throttled.get("/login").status_code == 200  # the page itself can be seen


@EITHER
def test_a_fault_of_ours_gets_a_number_that_stands_in_the_log_and_saves_nothing(
    app: Flask,
    session: Session,
    sign_in: SignIn,
    headers: dict[str, str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @public
    def broken() -> str:
        db.session.add(Team(name="Half-saved"))
        db.session.flush()
        raise RuntimeError("the secret cause")

    monkeypatch.setitem(app.view_functions, "assist.home", broken)
    response = sign_in("agent").get("/", headers=headers)
    check(response, 500, "Something broke on our side", headers)
    reference = response.headers["X-Reference"]
    assert reference in response.text
    assert f"reference {reference}" in caplog.text
    assert "the secret cause" in caplog.text
    assert "the secret cause" not in response.text
    assert session.scalars(select(Team).where(Team.name == "Half-saved")).first() is None


def test_the_page_about_a_fault_does_not_ask_the_database(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    @public
    def broken() -> str:
        raise RuntimeError

    monkeypatch.setitem(app.view_functions, "assist.home", broken)
    response = client.get("/")
    assert response.headers["X-Sql-Statements"] == "0"
    assert "Who is on the line" not in response.text


@pytest.mark.parametrize(
    "address",
    ["/notes/99999999999999999999", "/users/99999999999999999999", "/customers/99999999999999999999/promises"],
)
def test_a_number_larger_than_any_row_is_not_found(sign_in: SignIn, address: str) -> None:
    assert sign_in("administrator").get(address).status_code == 404
