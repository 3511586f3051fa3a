"""The customer's survey after a talk, and the follow-up that a bad score asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.events import Event
from console.interactions.live_models import FollowUp, FollowUpState
from console.interactions.models import Interaction, InteractionState
from console.interactions.surveys import serializer
from tests.factories import add, make_customer, make_interaction, make_team, make_user

SignIn = Callable[..., FlaskClient]
NOW = datetime.now(UTC)


@pytest.fixture
def surveyed(app: Flask, session: Session) -> tuple[str, Interaction]:
    maya = make_user(session, team=make_team(session, "Chat"))
    talk = make_interaction(
        session, make_customer(session, "Isla", "Mercer"), maya, state=InteractionState.CLOSED, ended_at=NOW
    )
    session.commit()
    with app.app_context():
        return f"/survey/{serializer().dumps(talk.id)}", talk


def test_a_customer_answers_once_and_may_change_it_that_day(
    client: FlaskClient, sign_in: SignIn, session: Session, surveyed: tuple[str, Interaction]
) -> None:
    link, talk = surveyed
    amara = make_user(session, "supervisor", team=make_team(session, "Chat"))
    session.commit()
    page = client.get(link)
    assert "How did we do?" in page.text
    assert not re.search("Isla|Mercer|data-live|Maya", page.text)
    assert client.post(link, data={"score": "7"}).status_code == 422
    assert client.post(link, data={"score": "2", "words": "Too <b>slow</b>\0"}).status_code == 303
    assert client.post(link, data={"score": "1", "words": "Far too slow"}).status_code == 303
    session.expire_all()
    assert (talk.csat, talk.csat_words) == (1, "Far too slow")
    [follow_up] = session.scalars(select(FollowUp)).all()
    assert (follow_up.why, follow_up.owner_id) == ("low_score", amara.id)
    assert session.scalar(select(func.count(Event.id)).where(Event.kind == "survey.answered")) == 2

    boss = sign_in(amara)
    assert "score 1 of 5" in boss.get("/").text
    read = [boss.get(url).text for url in (f"/customers/{talk.customer_id}/timeline", f"/interactions/{talk.id}")]
    assert [text.count("“Far too slow”") for text in read] == [1, 1]
    assert boss.get(f"/follow-ups/{follow_up.id}").text.count("Far too slow") == 1
    assert boss.post(f"/follow-ups/{follow_up.id}", data={"what_was_done": "Rang"}).status_code == 422
    how = {"root_cause": "waiting", "what_was_done": "Rang and said sorry"}
    assert sign_in("agent").post(f"/follow-ups/{follow_up.id}", data=how).status_code == 404
    assert boss.post(f"/follow-ups/{follow_up.id}", data=how).status_code == 303
    again = boss.post(f"/follow-ups/{follow_up.id}", data=how)
    assert again.status_code == 409
    assert "has closed this already" in again.text
    session.expire_all()
    assert session.get_one(FollowUp, follow_up.id).state is FollowUpState.CLOSED

    talk.csat_at = NOW - timedelta(days=2)
    session.commit()
    assert "was answered already" in client.get(link).text
    assert client.post(link, data={"score": "5"}).status_code == 409


def test_a_survey_link_that_is_not_ours_or_too_old_opens_nothing(
    app: Flask, client: FlaskClient, surveyed: tuple[str, Interaction], monkeypatch: pytest.MonkeyPatch
) -> None:
    link, _ = surveyed
    assert client.get(link[:-2]).status_code == 404
    assert client.get("/survey/1").status_code == 404
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: datetime.now(UTC).timestamp() + 15 * 86_400)
    gone = client.get(link)
    assert gone.status_code == 410
    assert "two weeks" in gone.text


def test_a_survey_needs_no_cookie_and_is_not_answered_a_thousand_times(
    app_with: Callable[..., Flask], surveyed: tuple[str, Interaction]
) -> None:
    client = app_with(RATELIMIT_ENABLED=True, WTF_CSRF_ENABLED=True).test_client(use_cookies=False)
    link, _ = surveyed
    statuses = [client.post(link, data={"score": "9"}).status_code for _ in range(31)]
    assert statuses[29:] == [422, 429]


def test_the_list_of_follow_ups_costs_the_same_however_long(sign_in: SignIn, session: Session) -> None:
    client = sign_in("supervisor")
    cost = []
    for number in (2, 40):
        for _ in range(number):
            talk = make_interaction(session, make_customer(session), state=InteractionState.CLOSED)
            add(
                session,
                FollowUp(
                    interaction_id=talk.id, customer_id=talk.customer_id, why="asked", due_on=NOW.date(), opened_at=NOW
                ),
            )
        session.commit()
        cost.append(int(client.get("/follow-ups").headers["X-Sql-Statements"]))
    assert cost[0] == cost[1] <= 4
    later = re.findall(r'href="(/follow-ups\?[^"]+)"', client.get("/follow-ups").text)[0]
    assert client.get(later.replace("&amp;", "&")).text.count('class="row"') == 12
