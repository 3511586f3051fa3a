"""A recorded conversation played as a live one: through the usual doors, at its own pace, and counted nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from console.assist import replay_views
from console.auth.models import User
from console.customers.facts import facts_of
from console.db import db, utc_now
from console.demo import clearing, replaying
from console.demo.replaying import pauses
from console.errors import DomainError
from console.interactions import handling
from console.interactions.handling import WrapUp
from console.interactions.models import Interaction, InteractionState, Speaker, Utterance, WrapUpCode
from tests.conftest import HTMX
from tests.factories import NOW, make_customer, make_interaction, make_user

SignIn = Callable[..., FlaskClient]
TURNS = [
    (Speaker.CUSTOMER, "Where is my lamp?"),
    (Speaker.AGENT, "Let me look."),
    (Speaker.SYSTEM, "Order 12: on its way."),
    (Speaker.CUSTOMER, "It should have been here yesterday."),
]


def record(agent: User, **given: Any) -> Interaction:
    times = {"started_at": NOW - timedelta(days=400), "ended_at": NOW - timedelta(days=400)}
    customer = make_customer(db.session(), **given)
    talk = make_interaction(
        db.session(), customer, agent, state=InteractionState.CLOSED, subject="A late lamp", **times
    )
    db.session.add_all(
        Utterance(interaction_id=talk.id, position=place, speaker=speaker, text=text)
        for place, (speaker, text) in enumerate(TURNS)
    )
    db.session.commit()
    return talk


def said_in(talk_id: int) -> list[tuple[Speaker, str]]:
    rows = db.session.scalars(
        select(Utterance).where(Utterance.interaction_id == talk_id).order_by(Utterance.position, Utterance.id)
    )
    return [(row.speaker, row.text) for row in rows]


def test_it_is_played_turn_by_turn_ends_in_wrap_up_and_counts_nowhere(app: Flask) -> None:
    with app.app_context():
        agent = make_user(db.session())
        recorded = record(agent)
        replay_id = replaying.begin(recorded, agent.id, now=utc_now()).id
        with pytest.raises(DomainError, match="going on already"):
            replaying.begin(recorded, agent.id, now=utc_now())
        db.session.commit()
        waited: list[float] = []
        assert replaying.play(replay_id, recorded.id, 2, wait=waited.append)
        assert said_in(replay_id) == TURNS
        assert len(waited) == 5
        assert sum(waited) < 8
        replay = db.session.get_one(Interaction, replay_id)
        assert (replay.state, replay.agent_id, replay.source) == (InteractionState.WRAP_UP, agent.id, "replay")
        how = WrapUp(WrapUpCode.OTHER, resolved=True, reason="A lamp", resolution="", result="")
        handling.wrap_up(replay, how, actor_id=agent.id, now=utc_now())
        db.session.commit()
        assert facts_of(replay.customer_id, utc_now() + timedelta(minutes=1))["interactions_90d"] == 0
        db.session.commit()
        assert clearing.clear().rows["interactions"] == 1
        assert db.session.scalars(select(Interaction.id)).all() == [recorded.id]


def test_one_without_an_agent_waits_in_the_queue_until_it_is_taken_and_stops_when_it_is_ended(app: Flask) -> None:
    with app.app_context():
        agent = make_user(db.session())
        recorded = record(agent)
        replay_id = replaying.begin(recorded, None, now=utc_now()).id
        db.session.commit()
        heard: list[int] = []

        def wait(seconds: float) -> None:
            heard.append(len(said_in(replay_id)))
            replay = db.session.get_one(Interaction, replay_id)
            if seconds == 1:
                handling.take(replay, agent.id, now=utc_now())
            elif len(heard) == 4:
                handling.end_talk(replay, actor_id=agent.id, now=utc_now())
            db.session.commit()

        assert not replaying.play(replay_id, recorded.id, 1, wait)
        assert heard == [0, 1, 1, 2]
        assert said_in(replay_id) == TURNS[:2]


def test_the_button_is_there_with_the_demo_shop_alone(sign_in: SignIn, app: Flask) -> None:
    client = sign_in("agent")
    assert "Replay a conversation" not in client.get("/").text
    assert client.get("/replays").status_code == 404
    with app.app_context():
        agent = make_user(db.session(), is_demo=True)
        recorded_id = record(agent, is_demo=True).id
    home = client.get("/").text
    assert "Replay a conversation" in home
    assert "autofocus" not in home  # its keys are keys, not letters of a search
    again = re.search(r'hx-get="(/queue[^"]*)"', home)
    assert again and "stand here" not in client.get(again[1], headers=HTMX).text  # as small as it was
    assert "A late lamp" in client.get("/replays").text
    answer = client.post("/replays", data={"conversation": recorded_id, "speed": "4.0"})
    with app.app_context():
        replay = db.session.scalars(select(Interaction).where(Interaction.source == "replay")).one()
        assert answer.location == f"/customers/{replay.customer_id}?interaction={replay.id}"
        handling.end_talk(replay, actor_id=None, now=utc_now())
        db.session.commit()
    for thread in list(replay_views.PLAYING):
        thread.join(timeout=30)
    answer = client.post("/replays", data={"conversation": recorded_id, "speed": "4.0"})
    assert answer.status_code == 422
    assert "Wrap it up to play it again" in answer.text
    assert client.post("/replays", data={"conversation": recorded_id, "speed": "9"}).status_code == 400


def test_a_long_silence_is_cut_to_what_saying_the_words_takes() -> None:
    def at(seconds: float) -> timedelta:
        return NOW + timedelta(seconds=seconds)  # type: ignore[return-value]

    said = [(at(0), "Hello"), (at(3), "one two"), (at(900), "one two three four five"), (None, "word " * 400)]
    assert pauses(said) == [0.8, 3.0, pytest.approx(3.2), 8.0]  # type: ignore[arg-type]
