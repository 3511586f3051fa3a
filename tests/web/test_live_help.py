"""The help pane of a talk: what it asks, pins, sends away; signals that are heard, waved off, edited."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.assist import listening
from console.assist.listening import Listener, Memory
from console.db import db, utc_now
from console.events import Event
from console.feed import FeedEntry
from console.interactions import hearing, turns
from console.interactions.live_models import Heard, HelpMark, TalkSignal
from console.interactions.models import Interaction, InteractionState, Speaker, Utterance
from console.interactions.talk_signals import Ear, shipped
from console.interactions.wrapping import Spoken, by_words
from knowledge.embedding import EncoderState
from knowledge.models import Article, ArticleFeedback, AskedQuestion, FeedbackKind
from notes.models import Note
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_interaction
from tests.factories_knowledge import make_article

SignIn = Callable[..., FlaskClient]


@pytest.fixture
def agent(sign_in: SignIn) -> FlaskClient:
    return sign_in("agent")


@pytest.fixture
def talk(session: Session, agent: Any) -> Interaction:
    row = make_interaction(session, make_customer(session), agent.user)
    row.state = InteractionState.LIVE
    session.commit()
    return row


def say(session: Session, talk: Interaction, *texts: str, speaker: Speaker = Speaker.CUSTOMER, **given: Any) -> None:
    first = len(session.scalars(select(Utterance).where(Utterance.interaction_id == talk.id)).all())
    for place, text in enumerate(texts, first):
        session.add(Utterance(interaction_id=talk.id, position=place, speaker=speaker, text=text, **given))
    session.commit()


def pane(client: FlaskClient, talk: Interaction, **given: Any) -> str:
    return client.get(f"/interactions/{talk.id}/help", query_string=given, headers=HTMX).text


def articles(session: Session) -> list[Article]:
    rows = [
        make_article(session, title="Gift cards", body="Gift cards are valid for two years."),
        make_article(session, title="Broken lamps", body="A broken lamp is replaced at no charge."),
    ]
    session.commit()
    return rows


def test_the_pane_asks_what_the_customer_said_and_never_a_whisper(
    agent: FlaskClient, session: Session, talk: Interaction
) -> None:
    cards, lamps = articles(session)
    assert "appears here with its answer" in pane(agent, talk)
    say(session, talk, "How long are gift cards valid?")
    say(session, talk, "broken lamp", is_whisper=True)
    say(session, talk, "broken lamp", speaker=Speaker.SYSTEM)
    page = pane(agent, talk)
    assert f'data-article="{cards.id}"' in page
    assert f'data-article="{lamps.id}"' not in page
    assert ">New<" not in page
    [asked] = session.scalars(select(AskedQuestion)).all()
    assert (asked.text, asked.interaction_id) == ("How long are gift cards valid?", talk.id)
    say(session, talk, "One moment", speaker=Speaker.AGENT)
    say(session, talk, "And my lamp is broken")
    page = pane(agent, talk, shown=str(cards.id))
    assert page.index(f'data-article="{cards.id}"') < page.index(f'data-article="{lamps.id}"')  # it keeps its place
    assert page.count(">New<") == 1
    for shown in ("", "x", "1,2,²", "9" * 400, ",".join(["1"] * 500)):
        assert agent.get(f"/interactions/{talk.id}/help", query_string={"shown": shown}).status_code == 200


def test_nothing_that_fits_is_said_plainly(agent: FlaskClient, session: Session, talk: Interaction) -> None:
    articles(session)
    say(session, talk, "Zebra crossings in Peru?")
    assert "Nothing fits well enough" in pane(agent, talk)


def test_what_fits_stays_while_a_turn_says_nothing_and_goes_when_the_talk_has_moved_on(
    agent: FlaskClient, session: Session, talk: Interaction
) -> None:
    cards, _ = articles(session)
    card = f'data-article="{cards.id}"'
    say(session, talk, "How long are gift cards valid?")
    pane(agent, talk)
    for chatter in (
        "One moment please, let me have a look.",
        "Great, I really appreciate it!",
        "My name is Isla Mercer",
    ):
        say(session, talk, "I see.", speaker=Speaker.AGENT)
        say(session, talk, chatter)
        assert "before" not in pane(agent, talk), chatter
    [asked] = session.scalars(select(AskedQuestion)).all()
    assert asked.text == "How long are gift cards valid?"
    shown = []
    for moved_on in ("Zebra crossings in Peru", "Llamas in Chile", "Condors in Ecuador", "Otters in Norway"):
        say(session, talk, "I see.", speaker=Speaker.AGENT)
        say(session, talk, moved_on)
        page = pane(agent, talk)
        shown.append((card in page, "Nothing fits the last words" in page, "Nothing fits well enough" in page))
    assert shown == [(True, False, False), (True, True, False), (True, True, False), (False, False, True)]
    questions = session.scalars(select(AskedQuestion).order_by(AskedQuestion.id)).all()
    assert [row.shown for row in questions] == [1, 0, 0, 0]  # what is missing is still known


def test_a_pinned_article_stays_on_top_and_one_sent_away_is_gone(
    agent: FlaskClient, session: Session, talk: Interaction
) -> None:
    cards, lamps = articles(session)
    say(session, talk, "How long are gift cards valid?")
    pane(agent, talk)
    address = f"/interactions/{talk.id}/help/{{}}".format
    assert agent.post(address(lamps.id), data={"mark": "pinned"}, headers=HTMX).status_code == 204
    page = pane(agent, talk)
    assert page.index(f'data-article="{lamps.id}"') < page.index(f'data-article="{cards.id}"')
    asked = session.scalars(select(AskedQuestion.id).order_by(AskedQuestion.id.desc())).first()
    sent = {"mark": "dismissed", "reason": "done", "interaction_id": talk.id, "question_id": asked}
    assert agent.post(address(cards.id), data=sent, headers=HTMX).status_code == 204
    page = pane(agent, talk)
    assert f'data-article="{cards.id}"' not in page
    assert f"Bring back “{cards.title}”" in page
    kinds = session.scalars(select(ArticleFeedback.kind).where(ArticleFeedback.article_id == cards.id)).all()
    assert FeedbackKind.DISMISSED in kinds
    assert {(row.mark, row.reason) for row in session.scalars(select(HelpMark))} == {
        ("pinned", ""),
        ("dismissed", "done"),
    }
    agent.post(address(cards.id), data={"mark": "none"}, headers=HTMX)
    assert f'data-article="{cards.id}"' in pane(agent, talk)
    assert "Bring back" not in pane(agent, talk)
    told = session.scalars(select(FeedEntry.topic).where(FeedEntry.kind == "help")).all()
    assert told == [f"interaction:{talk.id}"] * 3
    for data in ({}, {"mark": "x"}, {"mark": "dismissed", "reason": "x"}):
        assert agent.post(address(cards.id), data=data).status_code == 400
    assert agent.post(address(987_654_321), data={"mark": "pinned"}).status_code == 404


def test_somebody_elses_talk_is_not_marked(sign_in: SignIn, session: Session, talk: Interaction) -> None:
    cards, _ = articles(session)
    other = sign_in("agent")
    assert other.post(f"/interactions/{talk.id}/help/{cards.id}", data={"mark": "pinned"}).status_code == 404
    assert other.post(f"/interactions/{talk.id}/signals/promise").status_code == 404


class WordsAlone:
    """In place of the model: vectors by the words in common."""

    name, state = "words", EncoderState.READY

    def wait(self, seconds: float) -> bool:
        return True

    def encode(self, texts: Any) -> Any:
        return by_words(texts)

    encode_briefly = encode

    def encode_question(self, text: str) -> Any:
        return by_words([text])[0]


@pytest.fixture
def heard(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[Interaction], None]:
    """heard(talk): listen to all that was said in it, here and now."""
    monkeypatch.setattr(listening, "encoder", WordsAlone)
    monkeypatch.setattr(listening, "foresee", lambda question: None)

    def listen(talk: Interaction) -> None:
        with app.app_context():
            listening.listen(talk.id, [turn.id for turn in turns.last_turns(talk.id)], Listener())

    return listen


def test_signals_show_their_words_and_stay_away_once_waved_off(
    agent: FlaskClient, session: Session, talk: Interaction, heard: Callable[[Interaction], None]
) -> None:
    say(session, talk, "Hello. I want to cancel my subscription. My name is Isla.")
    say(session, talk, "I want to cancel my subscription.", is_whisper=True)
    heard(talk)
    heard(talk)  # the same once more
    [row] = session.scalars(select(Heard).where(Heard.code == "cancellation")).all()
    assert "Wants to leave" in pane(agent, talk)
    assert "I want to cancel my subscription." in pane(agent, talk)
    assert agent.post(f"/interactions/{talk.id}/signals/cancellation", headers=HTMX).status_code == 204
    heard(talk)
    session.expire_all()
    assert row.dismissed_at is not None
    assert "Wants to leave" not in pane(agent, talk)
    assert "help" in session.scalars(select(FeedEntry.kind)).all()
    event = session.scalars(select(Event).where(Event.kind == "talk_signal.dismissed")).one()
    assert event.data == {"code": "cancellation"}


def test_what_the_customer_told_us_before_is_found_when_the_agent_asks(
    agent: FlaskClient, session: Session, talk: Interaction, heard: Callable[[Interaction], None]
) -> None:
    add(session, Note(customer_id=talk.customer_id, body="The lamp stands in the hall. She was in hospital."))
    say(session, talk, "Hello")
    say(session, talk, "Sorry! The lamp stands in the hall?", speaker=Speaker.AGENT)
    heard(talk)
    page = pane(agent, talk)
    assert "told us" in page and "The lamp stands in the hall." in page and "hospital" not in page
    say(session, talk, *["Something else entirely"] * 9)
    assert "told us" not in pane(agent, talk)  # that was a while ago


def test_a_supervisor_edits_tries_and_takes_away_what_is_listened_for(
    sign_in: SignIn, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in("supervisor")
    assert "Wants to leave" in client.get("/talk-signals").text
    given = {
        "label": "Leaves",
        "is_on": "y",
        "examples": "I am off\n\nI am off\nBye for good",
        "counter_examples": "Bye",
    }
    assert client.post("/talk-signals/cancellation", data=given).status_code == 303
    row = session.scalars(select(TalkSignal)).one()
    assert (row.label, row.examples) == ("Leaves", ["I am off", "Bye for good"])
    stale = client.post("/talk-signals/cancellation", data=given)
    assert stale.status_code == 409 and "meanwhile" in stale.text
    for wrong in ({"examples": ""}, {"examples": "x" * 301}, {"examples": "Bye"}, {"label": " "}):
        assert client.post("/talk-signals/thanks", data=given | wrong).status_code == 422
    file = client.get("/talk-signals/file").text
    changed = file.replace("I am off", "I am leaving").replace("label: Leaves", "label: Goes")
    upload = client.post("/talk-signals/file", data={"file": (io.BytesIO(changed.encode()), "x.yaml")})
    assert upload.status_code == 303
    session.expire_all()
    assert (row.label, row.examples[0]) == ("Goes", "I am leaving")
    for raw in (b"", b"\xff\xfe", b"[", b"strange: {examples: [x]}", b"x" * 200_001):
        assert client.post("/talk-signals/file", data={"file": (io.BytesIO(raw), "x.yaml")}).status_code == 422
    assert client.post("/talk-signals/cancellation", data={"reset": "1"}).status_code == 303
    assert session.scalars(select(TalkSignal)).all() == []
    kinds = session.scalars(select(Event.kind).where(Event.kind.like("talk_signal.%")).order_by(Event.id)).all()
    assert kinds == ["talk_signal.changed", "talk_signal.changed", "talk_signal.reset"]
    assert client.get("/talk-signals/nothing").status_code == 404


def test_the_ear_is_made_anew_when_a_kind_was_changed(in_app: None) -> None:
    who, model = Listener(), WordsAlone()
    first = who.ear(model)  # type: ignore[arg-type]
    assert who.ear(model) is first  # type: ignore[arg-type]
    off = shipped()[0].__class__(**(shipped()[0].__dict__ | {"is_on": False}))
    hearing.keep(off, seen="", actor_id=make_user_id(), now=utc_now())
    db.session.commit()
    anew = who.ear(model)  # type: ignore[arg-type]
    assert isinstance(anew, Ear) and off.code not in {kind.code for kind in anew.kinds}


def test_a_worker_proposes_codes_for_talks_that_another_one_has_heard(
    in_app: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = WordsAlone()
    monkeypatch.setattr(listening, "encoder", lambda: model)
    assert listening.listener().coder(model) is None
    listening.be_ready()
    coder = listening.listener().coder(model)
    heard_elsewhere = [Spoken(1, True, "How do I return this? I would like to send it back. I need a return label.")]
    assert coder is not None
    assert (coder.likely(heard_elsewhere, {}, model.encode) or ("",))[0] == "return"


def make_user_id() -> int:
    from tests.factories import make_user

    return make_user(db.session()).id


def test_a_sentence_is_embedded_once() -> None:
    read: list[str] = []

    class Counting(WordsAlone):
        def encode_briefly(self, texts: Any) -> Any:
            read.extend(texts)
            return by_words(texts)

    memory = Memory()
    for _ in range(2):
        assert memory.vectors(["one", "two", "one"], Counting()).shape == (3, 1024)  # type: ignore[arg-type]
    assert sorted(read) == ["one", "two"]
