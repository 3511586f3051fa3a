"""An interaction's states and turns: whoever is faster wins, and nothing that was said is lost or told twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.assist.listening import asked_by
from console.db import db
from console.errors import DomainError, Stale
from console.feed import FeedEntry
from console.interactions import handling, queues, turns
from console.interactions.handling import Origin, WrapUp
from console.interactions.live_models import Transfer
from console.interactions.models import Channel, Interaction, InteractionState, Speaker, Utterance, WrapUpCode
from console.interactions.turns import LONGEST_TURN, Outcome, Turn, turns_after, turns_before
from tests.conftest import HTMX
from tests.factories import make_customer, make_interaction, make_team, make_user

NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)

SignIn = Callable[..., FlaskClient]
C, A = Speaker.CUSTOMER, Speaker.AGENT
HOW = WrapUp(WrapUpCode.DAMAGED, True, "A scratched lamp", "", "")


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def talk(in_app: None) -> Interaction:
    return make_interaction(
        db.session(), make_customer(db.session()), make_user(db.session()), channel=Channel.CHAT, started_at=NOW
    )


def words(talk: Interaction) -> list[str]:
    db.session.flush()
    return [turn.text for turn in turns.last_turns(talk.id)]


def test_turns_stand_where_they_were_said_however_they_arrive(talk: Interaction) -> None:
    report = turns.take_in(
        talk,
        [
            Turn(C, "and it hums", at(9), "c3"),
            Turn(C, "My lamp flickers", at(1), "c1"),
            Turn(C, "My lamp flickers", at(1), "c1"),  # once more
            Turn(A, "", at(2), "a1"),
            Turn(A, "Since when?", at(5), "a1"),
        ],
        at(20),
    )
    assert [item.outcome for item in report.items] == ["added", "added", "unchanged", "refused", "added"]
    assert report.items[3].problem == "Write or paste what was said."
    assert words(talk) == ["My lamp flickers", "Since when?", "and it hums"]

    corrected = turns.say(talk, C, "My lamp flickers at night", now=at(21), external_id="c1", revision=2)
    assert (corrected.position, corrected.revision) == (1000, 2)
    earlier = turns.take_in(talk, [Turn(C, "My clamp", at(1), "c1", 1)], at(22)).items[0]
    assert (earlier.outcome, earlier.utterance) == (Outcome.OUTDATED, corrected)
    assert words(talk)[0] == "My lamp flickers at night"

    told = db.session.scalars(select(FeedEntry).where(FeedEntry.kind == "utterances").order_by(FeedEntry.id)).all()
    assert [entry.data["customer"] for entry in told] == [True, True]  # nothing is told of what changed nothing
    assert told[1].data["corrected"] == str(corrected.id)
    assert talk.heard_at == at(21)


def test_another_systems_clock_may_be_wrong(talk: Interaction) -> None:
    early = turns.say(talk, C, "long ago", now=at(5), said_at=NOW - timedelta(days=4000))
    late = turns.say(talk, C, "tomorrow", now=at(5), said_at=at(86_400))
    before = turns.say(talk, C, "to the robot", now=at(6), said_at=NOW - timedelta(minutes=1))
    assert (early.position, late.position, late.said_at) == (-86_400_000, 5_000, at(5))
    assert words(talk) == ["long ago", "to the robot", "tomorrow"]
    assert before.position == -60_000


def test_words_are_cleaned_and_what_is_too_long_is_refused(talk: Interaction) -> None:
    said = turns.say(talk, C, "\0 <b>Hi</b>\r\n\x1b[31mred\ud800\u202e there \x07", now=NOW)
    assert said.text == "<b>Hi</b>\n[31mred there"
    with pytest.raises(DomainError, match=f"at most {LONGEST_TURN:,} characters; this has 1,000,000"):
        turns.say(talk, C, "x" * 1_000_000, now=NOW)
    with pytest.raises(DomainError, match="Write or paste"):
        turns.say(talk, C, " \0\x08 ", now=NOW)
    with pytest.raises(DomainError, match="external id"):
        turns.say(talk, C, "hello", now=NOW, external_id="x" * 121)
    with pytest.raises(DomainError, match="at most 1,000 turns"):
        turns.take_in(talk, [Turn(C, "x")] * 1001, NOW)
    assert words(talk) == [said.text]


def test_ten_thousand_turns_are_paged_by_their_place(talk: Interaction) -> None:
    for batch in range(10):
        thousand = [Turn(C if n % 2 else A, f"turn {batch * 1000 + n}", at(batch * 1000 + n)) for n in range(1000)]
        turns.take_in(talk, thousand, at(20_000))
    page = turns.last_turns(talk.id)
    seen = [turn.text for turn in page]
    for _ in range(3):
        page = turns_before(talk.id, (page[0].position, page[0].id))
        seen = [turn.text for turn in page] + seen
    assert seen == [f"turn {n}" for n in range(9760, 10_000)]
    first_id = page[0].id
    late = turns.say(talk, C, "late", now=at(20_001), said_at=at(0.5))
    assert [turn.id for turn in turns_after(talk.id, late.id - 1, [first_id])] == [first_id, late.id]


MOVES: dict[str, tuple[Callable[[Interaction, int], object], set[str], str]] = {
    "take": (lambda talk, me: handling.take(talk, me, now=NOW), {"waiting"}, "live"),
    "hand over": (lambda talk, me: handling.hand_over(talk, me, to_user_id=me + 1, now=NOW), {"live"}, "waiting"),
    "end": (lambda talk, me: handling.end_talk(talk, actor_id=me, now=NOW), {"waiting", "live"}, ""),
    "resume": (lambda talk, me: handling.resume(talk, me, now=NOW), {"wrap_up"}, "live"),
    "wrap up": (lambda talk, me: handling.wrap_up(talk, HOW, actor_id=me, now=NOW), {"live", "wrap_up"}, "closed"),
    "say": (lambda talk, me: turns.say(talk, C, "hello", now=NOW), {"waiting", "live", "wrap_up"}, "same"),
}


@pytest.mark.parametrize("move", MOVES)
def test_only_legal_moves_are_made(in_app: None, move: str) -> None:
    me, _colleague = make_user(db.session()), make_user(db.session())
    act, legal, becomes = MOVES[move]
    for state in InteractionState:
        talk = make_interaction(
            db.session(), make_customer(db.session()), None if state == "waiting" else me, state=state
        )
        if state not in legal:
            with pytest.raises(Stale):
                act(talk, me.id)
            assert talk.state is state
            continue
        act(talk, me.id)
        expected = {"": "closed" if state == "waiting" else "wrap_up", "same": state}.get(becomes, becomes)
        db.session.refresh(talk)
        assert talk.state == expected


def test_a_hand_over_whispers_to_colleagues_alone(talk: Interaction) -> None:
    session = db.session()
    team, dana = make_team(session, "Studio"), make_user(session, "sales", team=make_team(session, "Studio"))
    turns.say(talk, C, "I want a bigger table", now=at(1))
    transfer = handling.hand_over(
        talk, talk.agent_id or 0, to_team_id=team.id, note="She is\0 cross, be kind", now=at(2)
    )
    last = turns.last_turns(talk.id)
    assert [(turn.text, turn.is_whisper) for turn in last][1] == ("She is cross, be kind", True)
    assert asked_by(last) == "I want a bigger table"

    [waiting] = queues.waiting_for(dana)
    assert (waiting.interaction.id, waiting.note, waiting.team) == (talk.id, "She is cross, be kind", "Studio")
    assert queues.waiting_for(make_user(session)) == []  # another team's
    handling.take(talk, dana.id, now=at(5))
    assert (talk.agent_id, talk.state) == (dana.id, "live")
    assert turns.say(talk, A, "Dana here", now=at(6)).said_by_id == dana.id
    assert session.get_one(Transfer, transfer.id, populate_existing=True).taken_by_id == dana.id
    told = {(entry.topic, entry.kind) for entry in session.scalars(select(FeedEntry))}
    assert {(f"team:{team.id}", "queue"), (f"user:{dana.id}", "inbox"), (f"interaction:{talk.id}", "state")} <= told


def test_what_the_customer_says_meanwhile_is_unread_until_it_is_seen(talk: Interaction) -> None:
    assert queues.unread([talk]) == {}
    for second in (1, 2, 3):
        turns.say(talk, C, "Hello?", now=at(second))
    turns.say(talk, A, "One moment", now=at(4))
    assert queues.unread([talk]) == {talk.id: 3}
    assert queues.see(talk, now=at(5))
    assert not queues.see(talk, now=at(6))
    turns.say(talk, C, "late, from before", now=at(7), said_at=at(2))
    assert queues.unread([talk]) == {talk.id: 1}


def at_once(app: Flask, acts: list[Callable[[], object]]) -> list[object]:
    """What each of them gave, or the refusal it got."""

    def run(act: Callable[[], object]) -> object:
        with app.app_context():
            try:
                given = act()
                db.session.commit()
            except DomainError as problem:
                db.session.rollback()
                return problem
            finally:
                db.session.remove()
            return given

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_of_two_who_take_or_close_at_once_one_wins_and_the_other_is_told_by_whom(app: Flask, session: Session) -> None:
    customer = make_customer(session)
    maya, dana = make_user(session, name="Maya Kerr"), make_user(session, name="Dana Osei")
    session.commit()
    with app.app_context():
        talk_id = handling.enqueue(customer.id, None, Channel.CHAT, now=NOW).id
        db.session.commit()

    def fresh() -> Interaction:
        return db.session.get_one(Interaction, talk_id)

    taken = at_once(app, [lambda who=who: handling.take(fresh(), who.id, now=NOW) for who in (maya, dana)])  # type: ignore[misc]
    [winner] = [one.agent_id for one in taken if isinstance(one, Interaction)]
    [refusal] = [str(one) for one in taken if isinstance(one, Stale)]
    assert refusal == f"{'Maya Kerr' if winner == maya.id else 'Dana Osei'} has taken this."

    closed = at_once(
        app,
        [lambda who=who: handling.wrap_up(fresh(), HOW, actor_id=who.id, now=NOW) for who in (maya, dana)],  # type: ignore[misc]
    )
    [refusal] = [str(one) for one in closed if isinstance(one, Stale)]
    assert "has wrapped this up already" in refusal


def test_one_external_id_is_one_interaction_even_at_once(app: Flask, session: Session) -> None:
    customer, maya = make_customer(session), make_user(session)
    session.commit()

    def ring() -> int:
        return handling.open_interaction(
            customer.id, maya.id, Channel.PHONE, now=NOW, origin=Origin("call-7", "pbx")
        ).id

    assert len(set(at_once(app, [ring] * 4))) == 1
    with app.app_context():
        other = handling.open_interaction(customer.id, maya.id, Channel.PHONE, now=NOW, origin=Origin("call-8", "pbx"))
        by_hand = handling.open_interaction(customer.id, maya.id, Channel.PHONE, now=NOW)
        assert by_hand is other  # carried on, not begun a third time
        assert db.session.scalar(select(func.count(Interaction.id))) == 2
        assert db.session.scalar(select(func.count(Utterance.id))) == 0


def test_a_pasted_conversation_becomes_its_turns_all_or_none(sign_in: SignIn, session: Session) -> None:
    maya = make_user(session, name="Maya Chen")
    talk = make_interaction(session, make_customer(session), maya)
    client, turns = sign_in(maya), f"/interactions/{talk.id}/utterances"
    pasted = {"speaker": "customer", "text": "Customer: It broke.\nMaya: I am sorry.\nCustomer: Now what?"}
    assert "customerSaid" in client.post(turns, data=pasted, headers=HTMX).headers["HX-Trigger-After-Swap"]
    written = select(Utterance).where(Utterance.interaction_id == talk.id).order_by(Utterance.position, Utterance.id)
    assert [(row.speaker, row.text) for row in session.scalars(written)] == [
        (C, "It broke."),
        (A, "I am sorry."),
        (C, "Now what?"),
    ]
    refused = client.post(turns, data={**pasted, "text": f"Customer: Hi\nMaya: {'x' * 20_001}"}, headers=HTMX)
    assert refused.status_code == 422 and "Customer: Hi" in refused.text
    session.rollback()
    assert len(session.scalars(written).all()) == 3
