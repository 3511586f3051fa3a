"""The API as another system meets it: who is let in, how errors read, what a repeated request does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.api.models import ApiToken, KeptAnswer
from console.api.scopes import Scope
from console.customers.models import Customer
from console.db import utc_now
from console.interactions.models import Interaction
from tests.factories import make_customer, make_interaction, make_user
from tests.factories_api import ApiClient, make_token

CALL = {"channel": "phone", "source": "tel", "external_id": "call-1", "customer": {"phone": "07700 900123"}}


@pytest.fixture
def api(app: Flask, session: Session) -> ApiClient:
    """A token for everything that a supervisor may do."""
    user = make_user(session, "supervisor")
    _, secret = make_token(session, user)
    session.commit()
    return ApiClient(app, secret, user)


def counted(session: Session, model: Any) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(model)) or 0


def refused(response: Any, status: int) -> dict[str, Any]:
    """The problem, which every refusal is."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    body: dict[str, Any] = response.json
    assert body["status"] == status
    assert {"type", "title", "detail", "errors"} <= set(body)
    assert body["detail"]
    return body


def test_a_token_that_is_unknown_revoked_expired_or_of_somebody_deactivated_is_refused(
    app: Flask, session: Session
) -> None:
    now, agent = utc_now(), make_user(session)
    gone = make_user(session, active=False)
    _, revoked = make_token(session, agent, revoked_at=now)
    _, expired = make_token(session, agent, expires_at=now - timedelta(seconds=1))
    _, orphan = make_token(session, gone)
    session.commit()
    for secret, words in (("", "known"), ("plusone_x", "known"), (revoked, "revoked"), (expired, "expired"),
                          (orphan, "deactivated")):  # fmt: skip
        response = ApiClient(app, secret, agent).get("/interactions")
        assert words in refused(response, 401)["detail"]
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_neither_a_cookie_nor_a_token_in_the_address_opens_the_api(sign_in: Callable[..., Any]) -> None:
    assert sign_in("supervisor").get("/api/v1/interactions?token=plusone_x").status_code == 401


def test_a_token_does_what_its_scopes_and_the_role_of_its_user_both_allow(app: Flask, session: Session) -> None:
    administrator = make_user(session, "administrator")
    _, reader = make_token(session, administrator, [Scope.INTERACTIONS_READ])
    _, writer = make_token(session, administrator, [Scope.INTERACTIONS_WRITE])
    session.commit()
    assert ApiClient(app, reader, administrator).get("/interactions").status_code == 200
    body = refused(ApiClient(app, reader, administrator).post("/interactions", CALL), 403)
    assert (body["scope"], body["type"]) == ("interactions:write", "/api/docs#scope")
    assert "role" in refused(ApiClient(app, writer, administrator).post("/interactions", CALL), 403)["detail"]


def test_when_a_token_was_used_is_noted_to_the_minute(api: ApiClient, session: Session) -> None:
    api.get("/interactions")
    token = session.scalars(select(ApiToken)).one()
    session.refresh(token)
    assert token.used_at is not None
    assert (token.used_at.second, token.used_at.microsecond) == (0, 0)
    statements = [int(api.get("/interactions").headers["X-Sql-Statements"]) for _ in range(2)]
    assert statements[0] == statements[1] <= 4


UNREADABLE: list[tuple[bytes, int, str]] = [
    (b"", 400, "not JSON"),
    (b"{", 400, "not JSON"),
    (b'{"channel": "phone\xff"}', 400, "UTF-8"),
    (b'{"channel": "phone", "channel": "chat", "customer": {}}', 400, "“channel” twice"),
    (b"[" * 60_000, 400, ""),
    (b'{"channel": ' + b"9" * 5000 + b"}", 400, "a number is too long"),
    (b"[1]", 422, "body"),
    (b'{"channel": "pigeon", "customer": {}}', 422, "channel"),
    (b'{"channel": "phone", "customer": {"name": "a\\u0000b"}}', 422, "customer.name"),
    (b'{"channel": "phone", "customer": {"name": "\\ud800"}}', 400, "not JSON"),
    (b'{"\\ud800": 1, "\\ud800": 2}', 400, "twice"),
    (b'{"channel": "phone", "customer": {"phone": "banana"}}', 422, "phone"),
    (b'{"channel": "phone", "customer": {}}', 422, "customer"),
    (b'{"channel": "phone", "customer": {"name": "A"}, "colour": "red"}', 422, "colour"),
    (b'{"channel": "phone", "customer": {"name": "A"}, "team_id": 9223372036854775808}', 422, "team_id"),
]


def test_what_cannot_be_read_is_named_and_nothing_is_saved(api: ApiClient, session: Session) -> None:
    for data, status, words in UNREADABLE:
        assert words in refused(api.post("/interactions", data), status)["detail"], data[:80]
    assert counted(session, Interaction) == counted(session, Customer) == 0


def test_every_other_error_is_a_problem_as_well(api: ApiClient, app: Flask) -> None:
    refused(api.get("/nothing-here"), 404)
    refused(api.get("/interactions/987654321"), 404)
    refused(api.get("/interactions/99999999999999999999999"), 404)
    assert "POST" in api.send("PUT", "/interactions").headers["Allow"]
    refused(api.send("PUT", "/interactions"), 405)
    refused(api.send("POST", "/interactions", data="a=b"), 415)
    refused(api.post("/interactions", b'{"channel": "' + b"x" * 70_000 + b'"}'), 413)
    refused(api.get("/interactions?limit=1&limit=2"), 422)
    refused(api.get("/interactions?cursor=rubbish"), 422)
    refused(api.get("/interactions?cursor=ZmVlZDoxOjI6Mw"), 422)  # a cursor of another list
    refused(api.get("/events?since=0001-01-01T00:00:00%2B14:00"), 422)  # before the first moment there is
    unnamed = {"wsgi.input": BytesIO(b" " * 3_000_000), "wsgi.input_terminated": True}  # a body that names no length
    chunked = {"content_type": "application/json", "environ_overrides": unnamed}
    refused(api.send("POST", "/interactions/1/utterances", **chunked), 413)


def test_a_fault_of_ours_is_a_problem_with_a_reference(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.interactions.listing.matching", lambda *_: 1 / 0)
    assert len(refused(api.get("/interactions"), 500)["reference"]) == 8


def test_too_many_requests_are_told_when_to_go_on(app_with: Callable[..., Flask], session: Session) -> None:
    app = app_with(RATELIMIT_ENABLED=True, API_REQUESTS=2)
    user = make_user(session)
    (_, one), (_, other) = make_token(session, user), make_token(session, user)
    session.commit()
    api = ApiClient(app, one, user)
    assert [api.get("/interactions").status_code for _ in range(2)] == [200, 200]
    response = api.get("/interactions")
    refused(response, 429)
    assert 0 < int(response.headers["Retry-After"]) <= 61
    assert (response.headers["RateLimit-Limit"], response.headers["RateLimit-Remaining"]) == ("2", "0")
    assert ApiClient(app, other, user).get("/interactions").status_code == 200


def test_a_repeated_request_gets_the_same_answer_and_does_nothing_twice(api: ApiClient, session: Session) -> None:
    body = CALL | {"external_id": None}
    first, again = api.post("/interactions", body, key="a"), api.post("/interactions", body, key="a")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert first.headers["Location"] == again.headers["Location"] == f"/api/v1/interactions/{first.json['id']}"
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert counted(session, Interaction) == 1
    other = refused(api.post("/interactions", body | {"channel": "chat"}, key="a"), 422)
    assert other["type"] == "/api/docs#key-reused"
    assert api.post("/interactions", body, key="b").json["id"] != first.json["id"]
    refused(api.post("/interactions", body, key="a b"), 422)


def test_what_was_refused_may_be_mended_under_the_same_key(api: ApiClient, session: Session) -> None:
    refused(api.post("/interactions", CALL | {"channel": "pigeon"}, key="a"), 422)
    refused(api.post("/interactions", CALL | {"agent_id": 987}, key="a"), 422)
    assert counted(session, KeptAnswer) == 0
    assert api.post("/interactions", CALL, key="a").status_code == 201


def test_kept_answers_are_swept_after_a_day(api: ApiClient, session: Session) -> None:
    api.post("/interactions", CALL, key="a")
    row, token = session.scalars(select(KeptAnswer)).one(), session.scalars(select(ApiToken)).one()
    row.kept_at = utc_now() - timedelta(days=1, minutes=1)
    token.used_at = None
    session.commit()
    api.get("/interactions")
    assert counted(session, KeptAnswer) == 0


@pytest.mark.parametrize("key", ["one-key", None])
def test_of_the_same_call_told_by_many_at_once_one_interaction_comes(
    api: ApiClient, session: Session, key: str | None
) -> None:
    gate, answers = threading.Barrier(6), []

    def tell() -> None:
        gate.wait()
        answers.append(api.post("/interactions", CALL, key=key))

    threads = [threading.Thread(target=tell) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {200, 201}, [answer.text for answer in answers]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert counted(session, Interaction) == 1
    assert counted(session, Customer) == 1
    if key:
        assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 5


def test_lists_are_walked_by_cursor_and_cost_the_same_however_long_they_are(api: ApiClient, session: Session) -> None:
    customer, agent = make_customer(session), make_user(session)
    statements = []
    for _ in range(2):
        for _ in range(6):
            make_interaction(session, customer, state="closed")
        make_interaction(session, make_customer(session), agent)
        session.commit()
        api.get("/interactions")
        statements.append(int(api.get("/interactions?limit=3").headers["X-Sql-Statements"]))
    assert statements[0] == statements[1] <= 4
    seen: list[int] = []
    more: str | None = ""
    while more is not None:
        page = api.get(f"/interactions?limit=3&state=closed&customer_id={customer.id}{more}").json
        seen += [one["id"] for one in page["items"]]
        more = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(seen) == 12
    assert len(api.get(f"/interactions?state=live&agent_id={agent.id}").json["items"]) == 2
