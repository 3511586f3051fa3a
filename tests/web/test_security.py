"""Signing in and out, cookies, headers: what holds for every page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import itsdangerous
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_security.utils import hash_password
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from console.auth.models import User
from console.config import ROOT
from console.events import Event
from console.web import limiter
from tests.factories import make_user

AppWith = Callable[..., Flask]
PASSWORD = "larch and lantern"
SIGNED_IN = "/change"  # a page that anybody signed in may see


@pytest.fixture
def maya(app: Flask, session: Session) -> User:
    with app.app_context():
        user = make_user(session, name="Maya Kerr", email="maya@shop.example", password=hash_password(PASSWORD))
    session.commit()
    return user


def enter(
    client: FlaskClient, *, password: str = PASSWORD, email: str = "maya@shop.example", **more: str
) -> TestResponse:
    return client.post("/login", data={"email": email, "password": password} | more)


def is_in(client: FlaskClient) -> bool:
    return client.get(SIGNED_IN).status_code == 200


@pytest.mark.parametrize("address", ["/login", "/no/such/page", "/static/css/base.css", "/notes"])
def test_every_answer_carries_the_headers(app: Flask, client: FlaskClient, address: str) -> None:
    with client.get(address.replace("/static", app.static_url_path or "")) as response:
        headers = response.headers
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers  # plain HTTP on one machine
    assert ("no-store" in headers.get("Cache-Control", "")) == (not address.startswith("/static"))


def test_no_template_needs_what_the_policy_refuses() -> None:
    refused = re.compile(
        r"""\sstyle\s*=|<style|\son[a-z]+\s*=\s*["']|hx-on|hx-vals\s*=\s*["']js:|<script(?![^>]*\ssrc=)|javascript:"""
    )
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in sorted(Path(ROOT, "templates").rglob("*.html"))
        if (match := refused.search(re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)))
    ]
    assert found == []


def test_signing_in_leads_home_and_is_recorded(client: FlaskClient, session: Session, maya: User) -> None:
    response = enter(client, email="MAYA@shop.example")
    assert response.status_code == 302
    assert response.location in ("/", "http://localhost/")
    assert is_in(client)
    (event,) = session.scalars(select(Event))
    assert (event.kind, event.actor_id) == ("user.signed_in", maya.id)


def test_the_session_cookie_is_out_of_reach_of_scripts(client: FlaskClient, maya: User) -> None:
    cookie = enter(client).headers["Set-Cookie"]
    assert cookie.startswith("session=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_behind_https_cookies_are_secure(app_with: AppWith, maya: User) -> None:
    client = app_with(SECURE_COOKIES=True, SESSION_COOKIE_SECURE=True, REMEMBER_COOKIE_SECURE=True).test_client()
    response = enter(client, remember="y")
    cookies = response.headers.getlist("Set-Cookie")
    assert len(cookies) == 2
    assert all("Secure" in cookie and "HttpOnly" in cookie for cookie in cookies)
    assert "Strict-Transport-Security" in response.headers


def test_an_unknown_address_and_a_wrong_password_get_the_same_words(app: Flask, session: Session, maya: User) -> None:
    make_user(session, email="gone@shop.example", password=maya.password, active=False)
    session.commit()
    client = app.test_client()
    tries = [("maya@shop.example", "wrong"), ("nobody@shop.example", PASSWORD), ("gone@shop.example", PASSWORD)]
    answers = [enter(client, email=email, password=password) for email, password in tries]
    assert {answer.status_code for answer in answers} == {422}
    shown = {re.sub(r'value="[^"]*"|autofocus\w*', "", answer.text.partition("<form")[2]) for answer in answers}
    assert len(shown) == 1
    assert 'class="alert bad"' in shown.pop()
    assert not is_in(client)


def test_nonsense_does_not_sign_in(client: FlaskClient, maya: User, subtests: pytest.Subtests) -> None:
    for email, password in (
        ("", ""),
        ("x", "y"),
        ("maya@shop.example\0", "\0"),
        ("é@ü.example", "p" * 5000),
        ("a" * 5000, ""),
    ):
        with subtests.test(email=email[:20], password=password[:20]):
            assert enter(client, email=email, password=password).status_code in (400, 413, 422)
            assert not is_in(client)


def test_guessing_is_throttled_and_the_right_password_must_wait_too(app_with: AppWith, maya: User) -> None:
    app = app_with(RATELIMIT_ENABLED=True)
    with app.app_context():
        limiter.reset()
    client = app.test_client()
    for _ in range(app.config["SIGN_IN_ATTEMPTS"]):
        enter(client, password="")  # counts, and costs no hashing
    assert enter(client).status_code == 429
    assert not is_in(client)
    elsewhere = {"REMOTE_ADDR": "10.0.0.9"}  # another address is not punished
    sent = {"email": "maya@shop.example", "password": PASSWORD}
    assert client.post("/login", data=sent, environ_base=elsewhere).status_code == 302
    with app.app_context():
        limiter.reset()


def test_signing_out_takes_a_post(client: FlaskClient, maya: User) -> None:
    enter(client)
    assert client.get("/logout").status_code == 405
    assert is_in(client)
    assert client.post("/logout").location.endswith("/login")
    assert not is_in(client)


def test_a_cookie_from_before_the_sign_in_is_worth_nothing_after_it(app: Flask, maya: User) -> None:
    attacker, victim = app.test_client(), app.test_client()
    attacker.get("/login")
    planted = attacker.get_cookie("session")
    assert planted is not None
    victim.set_cookie("session", planted.value)
    enter(victim)
    assert is_in(victim)
    assert not is_in(attacker)


def test_a_cookie_that_was_tampered_with_is_ignored(client: FlaskClient, maya: User) -> None:
    enter(client)
    cookie = client.get_cookie("session")
    assert cookie is not None
    client.set_cookie("session", cookie.value[:-3] + "abc")
    assert not is_in(client)


def after(monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    """Let every signature made so far be `hours` old."""
    now = itsdangerous.TimestampSigner.get_timestamp
    monkeypatch.setattr(itsdangerous.TimestampSigner, "get_timestamp", lambda self: now(self) + int(hours * 3600))


@pytest.mark.parametrize(("late", "still_in"), [(-0.1, True), (0.1, False)])
def test_a_sign_in_ends_after_its_hours(
    client: FlaskClient, maya: User, monkeypatch: pytest.MonkeyPatch, late: float, still_in: bool
) -> None:
    enter(client)
    after(monkeypatch, client.application.config["SESSION_HOURS"] + late)
    assert is_in(client) == still_in


def test_remember_me_lasts_longer_than_the_session_until_signing_out(client: FlaskClient, maya: User) -> None:
    remembered = enter(client, remember="y").headers.getlist("Set-Cookie")
    (cookie,) = [cookie for cookie in remembered if cookie.startswith("remember_token=")]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    client.delete_cookie("session")
    assert client.get("/notes").status_code == 200
    client.post("/logout")
    client.delete_cookie("session")
    assert not is_in(client)


def test_without_remember_me_closing_the_browser_signs_out(client: FlaskClient, maya: User) -> None:
    enter(client)
    client.delete_cookie("session")
    assert not is_in(client)


ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "/%09/evil.example",
    "\t//evil.example",
    "javascript:alert(1)",
    "http://localhost@evil.example/",
    "http://localhost.evil.example/",
]


def test_signing_in_never_leads_to_another_site(app: Flask, maya: User, subtests: pytest.Subtests) -> None:
    for elsewhere in ELSEWHERE:
        with subtests.test(next=elsewhere):
            response = app.test_client().post(
                "/login", query_string={"next": elsewhere}, data={"email": "maya@shop.example", "password": PASSWORD}
            )
            # Signed in, and led to a page of ours. A browser reads a backslash as a slash.
            location = response.headers.get("Location", "").replace("\\", "/")
            assert response.status_code == 302
            assert urlsplit(urljoin("http://localhost/login", location)).netloc == "localhost"


def test_signing_in_leads_back_to_where_one_wanted(client: FlaskClient, maya: User) -> None:
    asked = client.get("/notes?whose=all")
    assert asked.status_code == 302
    response = client.post(asked.location, data={"email": "maya@shop.example", "password": PASSWORD})
    assert response.location.endswith("/notes?whose=all")


def test_a_changed_password_is_recorded_and_signs_out_elsewhere(
    app: Flask, client: FlaskClient, session: Session, maya: User
) -> None:
    elsewhere = app.test_client()
    enter(elsewhere)
    enter(client)
    new = "a new and longer one"
    sent = {"password": PASSWORD, "new_password": new, "new_password_confirm": new}
    assert client.post("/change", data=sent).status_code == 302
    assert not is_in(elsewhere)
    assert is_in(client)
    session.rollback()
    assert "user.password_changed" in session.scalars(select(Event.kind)).all()
    assert not enter(app.test_client()).location
    assert enter(app.test_client(), password=new).location


def test_no_page_tells_which_software_answers(client: FlaskClient) -> None:
    assert "X-Powered-By" not in client.get("/login").headers


def test_right_passwords_do_not_use_up_the_tries(app_with: AppWith, maya: User) -> None:
    app = app_with(RATELIMIT_ENABLED=True)
    for _ in range(12):
        assert enter(app.test_client()).status_code == 302
    for _ in range(10):
        assert enter(app.test_client(), password="wrong" * 3).status_code == 422
    refused = enter(app.test_client(), password="wrong" * 3)
    assert refused.status_code == 429
    assert 60 < int(refused.headers["Retry-After"]) <= 900


def test_the_old_password_cannot_be_guessed_for_ever(app_with: AppWith, maya: User) -> None:
    client = app_with(RATELIMIT_ENABLED=True).test_client()
    enter(client)
    guess = {
        "password": "wrong password",
        "new_password": "a new passphrase",
        "new_password_confirm": "a new passphrase",
    }
    assert {client.post("/change", data=guess).status_code for _ in range(10)} == {422}
    assert client.post("/change", data=guess).status_code == 429


def test_a_changed_secret_key_does_not_change_passwords(app_with: AppWith, maya: User) -> None:
    app = app_with(SECRET_KEY="another key altogether", SECURITY_PASSWORD_SALT="another key altogether")
    assert enter(app.test_client()).status_code == 302
