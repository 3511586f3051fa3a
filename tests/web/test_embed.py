"""The help pane in another desk's page: off unless allowed, for one origin, with a token instead of a cookie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.api.models import ApiToken, KeptAnswer
from console.api.scopes import Scope
from console.auth.models import User
from console.config import BadSetting, origins
from console.db import utc_now
from console.interactions.models import Interaction, Speaker, Utterance
from knowledge.models import ArticleLink
from tests.factories import make_customer, make_interaction, make_user
from tests.factories_api import make_token
from tests.factories_knowledge import make_article

DESK = "https://desk.example"


@dataclass
class Embedding:
    client: FlaskClient
    agent: User
    talk: Interaction
    secret: str
    token: str

    def help(self, token: str = "", **given: Any) -> Any:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return self.client.get("/embed/help", query_string=given, headers=headers)


def ask_for(client: FlaskClient, secret: str, **body: object) -> Any:
    return client.post("/api/v1/embed-tokens", json=body, headers={"Authorization": f"Bearer {secret}"})


@pytest.fixture
def embedding(app: Flask, session: Session) -> Embedding:
    app.config["EMBED_ANCESTORS"] = (DESK,)
    agent = make_user(session)
    talk = make_interaction(session, make_customer(session), agent, source="desk", external_id="C-1")
    make_article(session, title="Gift cards", body="A gift card is valid for five years.", audience="customer")
    _, secret = make_token(session, agent, [Scope.KNOWLEDGE_SEARCH])
    said = Utterance(
        interaction_id=talk.id, position=1, speaker=Speaker.CUSTOMER, text="How long is my gift card valid?"
    )
    session.add(said)
    session.commit()
    client = app.test_client()
    return Embedding(client, agent, talk, secret, ask_for(client, secret, origin=DESK).json["token"])


def test_it_is_off_until_an_origin_is_named_and_then_framed_there_alone(client: FlaskClient, app: Flask) -> None:
    assert client.get("/embed").status_code == 404
    app.config["EMBED_ANCESTORS"] = (DESK, "http://localhost:9000")
    page = app.test_client().get("/embed")
    assert f"frame-ancestors {DESK} http://localhost:9000" in page.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in page.headers
    assert "Set-Cookie" not in page.headers
    other = client.get("/login")
    assert "frame-ancestors 'none'" in other.headers["Content-Security-Policy"]
    assert other.headers["X-Frame-Options"] == "DENY"


def test_it_shows_what_fits_the_talk_and_says_nothing_twice(embedding: Embedding) -> None:
    for asked in ({"interaction": embedding.talk.id}, {"external_id": "C-1", "source": "desk"}):
        found = embedding.help(**asked)
        assert found.json["origin"] == DESK
        assert 'data-text="A gift card is valid for five years."' in found.json["html"]
    assert embedding.help(interaction=embedding.talk.id, after=found.json["last"]).status_code == 204
    assert embedding.help(customer=embedding.talk.customer_id).json["interaction"] == embedding.talk.id
    assert "Nothing fits" in embedding.help(text="zebra crossing").json["html"]
    assert embedding.help(interaction=10**30).status_code == 404
    assert embedding.help(external_id="unknown\0").json["interaction"] is None


def test_a_use_is_written_down_for_the_tokens_agent_alone(embedding: Embedding, session: Session) -> None:
    article = embedding.help(interaction=embedding.talk.id).json["html"].split('data-article="')[1].split('"')[0]
    sent, headers = (
        {"article": article, "interaction": embedding.talk.id},
        {"Authorization": f"Bearer {embedding.token}"},
    )
    assert embedding.client.post("/embed/uses", data=sent, headers=headers).status_code == 204
    assert session.scalars(select(ArticleLink.user_id)).all() == [embedding.agent.id]
    embedding.talk.agent_id = make_user(session).id
    session.commit()
    assert embedding.client.post("/embed/uses", data=sent, headers=headers).status_code == 404


def test_a_token_ends_with_what_stands_behind_it(embedding: Embedding, app: Flask, session: Session) -> None:
    ask: Callable[[], int] = lambda: embedding.help(text="gift card").status_code  # noqa: E731
    assert ask() == 200
    assert embedding.help(token=embedding.token[:-3] + "abc", text="x").status_code == 401
    assert embedding.client.get("/embed/help?text=x").status_code == 401
    app.config["EMBED_ANCESTORS"] = ("https://elsewhere.example",)
    assert ask() == 401
    app.config["EMBED_ANCESTORS"] = (DESK,)
    behind = session.scalars(select(ApiToken)).one()
    behind.revoked_at = utc_now()
    session.commit()
    assert ask() == 401
    behind.revoked_at = None
    embedding.agent.active = False
    session.commit()
    assert ask() == 401


def test_tokens_are_for_named_origins_and_for_others_only_by_a_supervisor(
    embedding: Embedding, session: Session, app: Flask
) -> None:
    wrong = ask_for(embedding.client, embedding.secret, origin="https://evil.example")
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "origin")
    other = make_user(session)
    _, supervisor = make_token(session, make_user(session, "supervisor"), [Scope.KNOWLEDGE_SEARCH])
    _, no_scope = make_token(session, embedding.agent, [Scope.NOTES_READ])
    session.commit()
    assert ask_for(embedding.client, embedding.secret, origin=DESK, agent_id=other.id).status_code == 403
    headers = {"Authorization": f"Bearer {supervisor}", "Idempotency-Key": "k"}
    asked = {"origin": f"{DESK}/", "agent_id": other.id}
    assert embedding.client.post("/api/v1/embed-tokens", json=asked, headers=headers).status_code == 201
    assert session.scalars(select(KeptAnswer)).all() == []  # it would lie there in clear
    assert ask_for(embedding.client, supervisor, origin=DESK, agent_id=10**9).status_code == 422
    assert ask_for(embedding.client, no_scope, origin=DESK).status_code == 403
    app.config["EMBED_ANCESTORS"] = ()
    assert ask_for(embedding.client, supervisor, origin=DESK).status_code == 404


def test_origins_are_read_from_the_setting() -> None:
    assert origins(" https://Desk.example/, http://localhost:9000 ") == (DESK, "http://localhost:9000")
    for bad in (
        "desk.example",
        "https://desk.example/path",
        "https://*.example",
        "https://a;script-src",
        "javascript:x",
    ):
        with pytest.raises(BadSetting, match="EMBED_ANCESTORS"):
            origins(bad)
