"""Pages that follow what changes: nothing is lost, nothing is held, and nobody follows what they may not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from console.auth.models import User
from console.db import db, utc_now
from console.feed import FeedEntry
from console.interactions import sources, stream
from console.interactions.hub import LONGEST_QUEUE, Follower, Hub, tidy
from console.interactions.sources import Told
from tests.factories import add, make_customer, make_interaction

SignIn = Callable[..., FlaskClient]
ACCEPT = {"Accept": "text/event-stream"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that never comes fails a test in seconds."""
    monkeypatch.setattr(stream, "BEAT", 0.5)


@pytest.fixture
def hub(app: Flask) -> Hub:
    found: Hub = app.extensions["live"]
    return found


class Page:
    """An open page: its stream, read message by message."""

    def __init__(self, client: FlaskClient, query: str = "", **headers: str) -> None:
        self.response: TestResponse = client.get(f"/stream?{query}", headers=ACCEPT | headers)
        assert self.response.status_code == 200, self.response.text
        self.chunks = self.response.iter_encoded()
        assert b"retry:" in next(self.chunks)  # it has begun: the view and its session are done

    def next(self) -> dict[str, Any] | None:
        """The next message; None at the end of the stream."""
        for _ in range(20):
            chunk = next(self.chunks, None)
            if chunk is None:
                return None
            if chunk.startswith(b"id:"):
                found: dict[str, Any] = json.loads(chunk.partition(b"data: ")[2])
                return found
        raise AssertionError("no message came")

    def close(self) -> None:
        self.response.close()


def told(session: Session, topic: str, kind: str = "state", **data: Any) -> int:
    entry = add(session, FeedEntry(at=utc_now(), topic=topic, kind=kind, data=data))
    session.commit()
    return entry.id


def test_a_page_follows_its_own_topics_and_no_others(hub: Hub, sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session)
    interaction = make_interaction(session, customer)
    client = sign_in("agent")
    page = Page(client, f"interaction={interaction.id}&customer={customer.id}")
    user: User = client.user  # type: ignore[attr-defined]
    told(session, f"user:{user.id + 1}")
    told(session, "team:987654")
    mine = [
        told(session, topic, kind="utterances", customer=True, last=5)
        for topic in (
            f"user:{user.id}",
            f"team:{user.team_id}",
            f"interaction:{interaction.id}",
            f"customer:{customer.id}",
        )
    ]
    got = [page.next() for _ in mine]
    assert [one["id"] for one in got if one and one["kind"] != "presence"][:3] == mine[:3]
    assert got[2] == {
        "id": mine[2], "topic": f"interaction:{interaction.id}", "kind": "utterances", "customer": True, "last": 5
    }  # fmt: skip
    page.close()
    assert hub.followers() == []


def test_a_page_that_comes_back_misses_nothing(hub: Hub, sign_in: SignIn, session: Session) -> None:
    client = sign_in("agent")
    topic = f"user:{client.user.id}"  # type: ignore[attr-defined]
    page = Page(client)
    first = told(session, topic)
    assert (page.next() or {})["id"] == first
    page.close()
    away = [told(session, topic, "utterances", customer=number == 1, last=number) for number in (1, 2, 3)]
    for given in ({"Last-Event-ID": str(first)}, {}):
        back = Page(client, f"after={first}", **given)
        later = told(session, topic, "help")
        got: list[int] = []
        while later not in got:
            got.append((back.next() or {})["id"])
        # The customer's turn, and of the agent's two the last: a page loads once for both.
        assert got == [first, away[0], away[2], *got[3:-1], later]
        back.close()
    assert [one["id"] for one in client.get(f"/feed?after={away[2]}").json["entries"]][-1] == later  # type: ignore[index]


def test_what_happened_since_a_page_was_made_is_told_when_it_opens_its_stream(
    hub: Hub, sign_in: SignIn, session: Session
) -> None:
    client = sign_in("agent")
    made = client.get("/").text.partition('data-live-since="')[2].partition('"')[0]
    between = told(session, f"user:{client.user.id}")  # type: ignore[attr-defined]
    page = Page(client, f"since={made}")
    assert (page.next() or {})["id"] == between
    page.close()


def test_a_lower_id_that_is_committed_later_is_not_missed(hub: Hub, sign_in: SignIn, session: Session) -> None:
    client = sign_in("agent")
    topic = f"user:{client.user.id}"  # type: ignore[attr-defined]
    page = Page(client)
    lower = add(session, FeedEntry(at=utc_now(), topic=topic, kind="state", data={})).id
    if session.get_bind().dialect.name == "sqlite":  # has one writer at a time
        session.commit()
        assert (page.next() or {})["id"] == lower
    else:
        with Session(session.get_bind()) as other:
            higher = told(other, topic)
        assert (page.next() or {})["id"] == higher
        session.commit()
        assert (page.next() or {})["id"] == lower
        page.close()
        page = Page(client, f"after={higher}")
        assert (page.next() or {})["id"] in (lower, higher)  # both say the same: once is enough
    page.close()


def test_a_broken_connection_is_made_again_and_misses_nothing(hub: Hub, sign_in: SignIn, session: Session) -> None:
    if session.get_bind().dialect.name == "sqlite":
        return
    client = sign_in("agent")
    topic = f"user:{client.user.id}"  # type: ignore[attr-defined]
    page = Page(client)
    session.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'"))
    one, two = told(session, topic), told(session, topic)
    assert [(page.next() or {})["id"] for _ in range(2)] == [one, two]
    page.close()


def test_a_source_that_cannot_begin_leaves_no_connection_open(
    app: Flask, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = sources.source_for(app)
    monkeypatch.setattr(sources, "highest_id", lambda connection: 1 / 0)
    with pytest.raises(ZeroDivisionError), source:
        pass
    assert source._connection.closed


def test_an_open_stream_holds_no_database_connection(app: Flask, hub: Hub, sign_in: SignIn, session: Session) -> None:
    client = sign_in("agent")
    pages = [Page(client) for _ in range(5)]
    with app.app_context():
        pool: Any = db.engine.pool
    # The hub itself asks for a moment now and then who may still look.
    assert any(pool.checkedout() == 0 for _ in range(100) if not threading.Event().wait(0.02))
    for page in pages:
        page.close()


def test_two_workers_hear_each_other_and_know_who_looks(
    app_with: Callable[..., Flask], sign_in: SignIn, session: Session
) -> None:
    customer = make_customer(session)
    here, there = sign_in("agent"), sign_in("sales")
    cookie = there.get_cookie("session")
    other = app_with()
    there = other.test_client()
    there.set_cookie("session", cookie.value if cookie else "")
    watching = Page(here, f"customer={customer.id}")
    arriving = Page(there, f"customer={customer.id}")
    seen = {(watching.next() or {})["kind"] for _ in range(2)}
    assert seen == {"presence"}
    assert "Also looking: S. Number" in here.get(f"/customers/{customer.id}/presence").text
    assert "Also looking: A. Number" in there.get(f"/customers/{customer.id}/presence").text
    arriving.close()
    assert (watching.next() or {})["kind"] == "presence"
    assert "Also looking" not in here.get(f"/customers/{customer.id}/presence").text
    watching.close()
    for app in (here.application, other):
        app.extensions["live"].close()


def test_beyond_the_last_place_a_page_is_sent_away_to_ask_instead(hub: Hub, sign_in: SignIn) -> None:
    client = sign_in("agent")
    hub.room = 1
    page = Page(client)
    refused = client.get("/stream", headers=ACCEPT)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    assert client.get("/feed?since=1").status_code == 200
    page.close()
    Page(client).close()


HOSTILE = {
    404: ("customer=0", "customer=-1", "customer=1'--", "interaction=%00", f"customer={10**40}", "interaction=99999"),
    200: ("customer=", f"after={10**400}", "after=-5", "after=x", "after=987654321", f"since={10**30}", "since=-1",
          "after=%F0%9F%92%A9&since=%00"),
}  # fmt: skip


def test_hostile_parameters_are_refused_or_ignored(hub: Hub, sign_in: SignIn) -> None:
    client = sign_in("agent")
    for status, queries in HOSTILE.items():
        for query in queries:
            assert client.get(f"/feed?{query}").status_code == status, query
            answer = client.get(f"/stream?{query}", headers=ACCEPT | {"Last-Event-ID": "1; DROP TABLE feed"})
            assert answer.status_code == status, query
            answer.close()
    assert hub.followers() == []


def test_a_stream_is_given_only_to_who_asks_for_one(hub: Hub, sign_in: SignIn, client: FlaskClient) -> None:
    signed_in = sign_in("agent")
    assert signed_in.get("/stream").status_code == 406
    assert signed_in.head("/stream", headers=ACCEPT).status_code == 406
    assert client.get("/stream", headers=ACCEPT).status_code == 302
    assert hub.followers() == []


def test_an_unknown_position_means_load_everything_again(hub: Hub, sign_in: SignIn, session: Session) -> None:
    client = sign_in("agent")
    newest = told(session, "team:1")
    page = Page(client, "after=987654321")
    assert page.next() == {"id": newest, "topic": "", "kind": "reload"}
    page.close()


def test_signing_out_ends_the_streams(hub: Hub, sign_in: SignIn) -> None:
    client = sign_in("agent")
    page = Page(client)
    client.post("/logout")
    last = page.next()
    assert last is None or (last["kind"] == "signed_out" and page.next() is None)
    page.close()


def test_who_is_switched_off_is_sent_away(hub: Hub, sign_in: SignIn, session: Session) -> None:
    client, colleague = sign_in("agent"), sign_in("agent")
    page, other = Page(client), Page(colleague)
    session.get_one(User, client.user.id).active = False  # type: ignore[attr-defined]
    session.commit()
    hub._do(hub._check_rights)  # which it does every few seconds
    assert page.next() is None
    told(session, f"user:{colleague.user.id}")  # type: ignore[attr-defined]
    assert other.next() is not None
    page.close()
    other.close()


def test_a_stopping_worker_ends_its_streams_and_takes_no_more(hub: Hub, sign_in: SignIn) -> None:
    client = sign_in("agent")
    page = Page(client)
    hub.is_stopping = lambda: True
    assert page.next() is None
    page.close()
    assert client.get("/stream", headers=ACCEPT).status_code == 503


def test_old_rows_go_and_the_newest_stays(app: Flask, session: Session) -> None:
    long_ago = utc_now().replace(year=2020)
    session.add_all(FeedEntry(at=long_ago, topic="user:1", kind="state", data={}) for _ in range(3))
    session.commit()
    with app.app_context():
        tidy()
        db.session.commit()
    assert len(session.scalars(select(FeedEntry)).all()) == 1


def test_a_slow_page_gets_one_word_instead_of_all() -> None:
    follower = Follower(frozenset(), 1, "")
    for number in range(1, LONGEST_QUEUE + 50):
        follower.give(Told(number, "user:1", "state", {}))
    assert follower.messages.qsize() == LONGEST_QUEUE
    assert follower.wait(1) == Told(LONGEST_QUEUE, "", "reload", {})
    follower.give(Told(200, "user:1", "state", {}))
    assert follower.wait(1) == Told(200, "user:1", "state", {})
    assert follower.wait(0) is None
