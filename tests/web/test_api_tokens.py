"""Tokens on screen and on the command line; the document, its page, and the commands of docs/api.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.api.models import ApiToken
from console.api.tokens import PREFIX, hashed
from console.events import Event
from tests.factories import make_user
from tests.factories_api import ApiClient, make_token

FORM = {"name": "Telephony", "scopes": ["interactions:read"], "days": "30"}


def test_a_token_is_shown_once_kept_as_a_hash_and_revoked(
    app: Flask, sign_in: Callable[..., Any], session: Session
) -> None:
    agent = make_user(session)
    administrator = sign_in("administrator")
    shown = administrator.post("/api-tokens", data=FORM | {"user_id": agent.id})
    assert shown.status_code == 201
    (secret,) = re.findall(rf"{PREFIX}[\w-]{{43}}", shown.text)
    row = session.scalars(select(ApiToken)).one()
    assert (row.hash, row.user_id, row.created_by_id) == (hashed(secret), agent.id, administrator.user.id)
    assert secret not in administrator.get("/api-tokens").text
    api = ApiClient(app, secret, agent)
    assert api.get("/interactions").status_code == 200
    for _ in range(2):
        assert administrator.post(f"/api-tokens/{row.id}/revocation").status_code == 303
    assert api.get("/interactions").status_code == 401
    kinds = session.scalars(select(Event.kind).where(Event.kind.startswith("token")).order_by(Event.id)).all()
    assert kinds == ["token.created", "token.revoked"]
    assert secret[12:] not in str(session.scalars(select(Event.data)).all())


def test_no_token_is_made_for_what_its_user_may_not_do(sign_in: Callable[..., Any], session: Session) -> None:
    administrator = sign_in("administrator")
    for changed, words in (
        ({"scopes": ["gestures:write"]}, "role does not allow gestures:write"),
        ({"scopes": []}, "Choose at least one thing"),
        ({"name": " "}, "Say which system"),
        ({"user_id": "987"}, "Not a valid choice"),
    ):
        refused = administrator.post("/api-tokens", data=FORM | {"user_id": administrator.user.id} | changed)
        assert refused.status_code == 422
        assert words in refused.text.replace("&#39;", "'")
    assert session.scalars(select(ApiToken)).all() == []


def test_the_list_of_tokens_costs_the_same_however_many_there_are(
    sign_in: Callable[..., Any], session: Session
) -> None:
    administrator = sign_in("administrator")
    statements = []
    for _ in range(2):
        for _ in range(30):
            make_token(session, make_user(session))
        session.commit()
        statements.append(int(administrator.get("/api-tokens").headers["X-Sql-Statements"]))
    assert statements[0] == statements[1] <= 4
    assert "Show older" in administrator.get("/api-tokens").text


def test_tokens_are_made_and_ended_on_the_command_line(app: Flask, session: Session) -> None:
    agent = make_user(session)
    session.commit()
    runner = app.test_cli_runner()
    made = runner.invoke(
        args=["api-token", "create", "Chat", "--user", agent.email, "--scope", "notes:write", "--days", "3"]
    )
    assert made.output.startswith(PREFIX)
    listed = runner.invoke(args=["api-token", "list"]).output
    assert listed.split("\t")[2:] == ["Chat", agent.email, "notes:write", "Valid\n"]
    assert "refused from now on" in runner.invoke(args=["api-token", "revoke", listed.split("\t")[0]]).output
    assert "revoked" in runner.invoke(args=["api-token", "list"]).output
    assert runner.invoke(args=["api-token", "revoke", "987"]).exit_code == 1
    assert runner.invoke(
        args=["api-token", "create", "X", "--user", "no@x.example", "--scope", "notes:write"]
    ).exit_code
    document = json.loads(runner.invoke(args=["openapi"]).output)
    assert document["openapi"] == "3.1.0"


def test_the_document_and_its_page_are_there_for_anybody(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").json or {}
    page = client.get("/api/docs").text
    handbook = Path("docs/api.md").read_text()
    assert len(document["paths"]) > 15
    for path, methods in document["paths"].items():
        assert f"/api/v1{path}" in page
        for method, one in methods.items():
            assert f'id="{one["operationId"]}"' in page
            assert f"`{method.upper()} {path}`" in handbook
    for name in re.findall(r'href="#([\w-]+)"', page):
        assert f'id="{name}"' in page


def test_the_commands_of_the_handbook_work(app: Flask, session: Session) -> None:
    boss = make_user(session, "supervisor")
    _, secret = make_token(session, boss)
    session.commit()
    api = ApiClient(app, secret, boss)
    made: dict[str, Any] = {}
    words = Path("docs/api.md").read_text().replace("\\\n", "")
    commands = re.findall(r"^curl -s \"\$PLUSONE/api/v1(\S+)\"(.*)$", words, re.MULTILINE)
    assert len(commands) >= 6
    for path, rest in commands:
        body = re.search(r"--json '(.*)'", rest)
        sent = json.loads(body[1]) if body else None
        if sent and "agent_id" in sent:
            sent["agent_id"] = boss.id
        path = path.replace("$TALK", str(made.get("id")))
        answer = api.get(path) if "?" in path else api.post(path, sent)
        assert answer.status_code in (200, 201), (path, answer.text)
        made = made or answer.json
