"""What people say of articles: every kind kept apart, one voice for each person, and what ranking may learn from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.db import db, utc_now
from console.events import Event
from console.interactions.models import InteractionState
from knowledge.feedback import Counts, counts_of, dismissals, restand
from knowledge.models import (
    Article,
    ArticleFeedback,
    ArticleLink,
    ArticlePin,
    ArticleRevision,
    AskedIn,
    AskedQuestion,
    FeedbackKind,
    Origin,
)
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_interaction, make_user
from tests.factories_knowledge import make_article

SignIn = Callable[..., FlaskClient]
KINDS = FeedbackKind


@pytest.fixture
def gift(session: Session) -> Article:
    article = make_article(session, "Gift cards", "Gift cards are valid for five years.")
    session.commit()
    return article


def ask(client: FlaskClient, words: str = "gift cards", **given: object) -> int:
    """Ask on the search page; the number of the question as the page links it."""
    page = client.get("/knowledge", query_string={"q": words, **given}, headers=HTMX).text
    found = re.search(r"question_id=(\d+)", page)
    assert found, page
    return int(found[1])


def say(client: FlaskClient, article: Article, kind: str, **given: object) -> str:
    response = client.post(f"/knowledge/articles/{article.slug}/feedback", data={"kind": kind, **given}, headers=HTMX)
    assert response.status_code in (200, 204), response.text
    return response.text


def rows(session: Session, *kinds: FeedbackKind) -> list[ArticleFeedback]:
    session.rollback()
    query = select(ArticleFeedback).where(ArticleFeedback.kind.in_(kinds or list(KINDS))).order_by(ArticleFeedback.id)
    return list(session.scalars(query))


def standing_of(session: Session, article: Article) -> float:
    session.rollback()
    return session.scalars(select(Article.standing).where(Article.id == article.id)).one()


def test_what_is_shown_is_written_down_once_with_its_place(session: Session, gift: Article, sign_in: SignIn) -> None:
    make_article(session, "Gift wrapping", "Gift wrapping costs three pounds. Cards too.")
    client = sign_in("agent")
    first = ask(client)
    assert ask(client) == first
    shown = rows(session, KINDS.DISPLAYED)
    assert [(row.position, row.question_id) for row in shown] == [(1, first), (2, first)]
    assert {row.user_id for row in shown} == {client.user.id}  # type: ignore[attr-defined]


def test_what_stood_there_between_two_letters_was_not_displayed(
    session: Session, gift: Article, sign_in: SignIn
) -> None:
    make_article(session, "Cardigans", "Knitted in Leeds.")
    session.commit()
    client = sign_in("agent")
    typed = {text: ask(client, text) for text in ("card", "cards", "card", "cards valid")}
    assert len(set(typed.values())) == 1, "one question is typed"
    assert [(row.article_id, row.position) for row in rows(session, KINDS.DISPLAYED)] == [(gift.id, 1)]
    say(client, gift, "helpful", question_id=typed["card"])
    assert ask(client, "card") != typed["card"], "something came of it: this is another question"
    assert len(rows(session, KINDS.DISPLAYED)) == 3


def test_opening_a_result_is_written_down_with_its_question(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("agent")
    question = ask(client)
    for _ in range(2):
        assert client.get(f"/knowledge/articles/{gift.slug}?question_id={question}").status_code == 200
    (row,) = rows(session, KINDS.OPENED)
    assert (row.article_id, row.question_id, row.user_id) == (gift.id, question, client.user.id)  # type: ignore[attr-defined]
    client.get(f"/knowledge/articles/{gift.slug}")
    assert len(rows(session, KINDS.OPENED)) == 1, "opened twice within minutes is opened once"


@pytest.mark.parametrize("question", ["999999", "x", "9" * 30, "-1"])
def test_a_question_that_is_not_mine_is_not_named(
    session: Session, gift: Article, sign_in: SignIn, question: str
) -> None:
    theirs = ask(sign_in("agent"))
    client = sign_in("agent")
    for given in (question, str(theirs)):
        client.get(f"/knowledge/articles/{gift.slug}?question_id={given}&interaction_id={given}")
        say(client, gift, "copied", question_id=given, interaction_id=given, position=given)
    mine = [row for row in rows(session, KINDS.OPENED, KINDS.COPIED) if row.user_id == client.user.id]  # type: ignore[attr-defined]
    assert {(row.question_id, row.interaction_id) for row in mine} == {(None, None)}


def test_copying_says_nothing_of_an_articles_worth(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("agent")
    question = ask(client)
    assert say(client, gift, "copied", question_id=question, position=1) == ""
    (row,) = rows(session, KINDS.COPIED)
    assert (row.question_id, row.position) == (question, 1)
    assert standing_of(session, gift) == 0
    assert session.scalars(select(Event).where(Event.kind.startswith("article."))).all() == []


def test_the_last_word_of_one_person_counts(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("agent")
    question = ask(client)
    assert 'value="none" aria-pressed="true"' in say(client, gift, "not_helpful", question_id=question)
    assert standing_of(session, gift) < 0
    say(client, gift, "helpful", question_id=question)
    assert [row.kind for row in rows(session, KINDS.HELPFUL, KINDS.NOT_HELPFUL)] == [KINDS.HELPFUL]
    assert standing_of(session, gift) > 0
    assert 'aria-pressed="true"' in client.get(
        f"/knowledge/articles/{gift.slug}/feedback?question_id={question}", headers=HTMX
    ).text  # fmt: skip
    say(client, gift, "none", question_id=question)
    assert rows(session, KINDS.HELPFUL, KINDS.NOT_HELPFUL) == []
    assert standing_of(session, gift) == 0
    events = session.scalars(select(Event).where(Event.kind == "article.rated").order_by(Event.id)).all()
    assert [event.data["verdict"] for event in events] == ["not_helpful", "helpful", "none"]
    assert all(event.customer_id is None for event in events)


def test_many_clicks_of_one_person_are_one_voice(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("agent")
    say(client, gift, "not_helpful")
    once = standing_of(session, gift)
    for number in range(6):
        say(client, gift, "not_helpful", question_id=ask(client, f"gift cards number {number}"))
    assert standing_of(session, gift) == once
    say(sign_in("agent"), gift, "not_helpful")
    assert standing_of(session, gift) < once


def test_who_is_of_two_minds_counts_in_part_on_each_side(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("agent")
    say(client, gift, "helpful", question_id=ask(client, "gift cards"))
    say(client, gift, "not_helpful", question_id=ask(client, "cards as a gift for a friend"))
    assert standing_of(session, gift) == 0


def test_a_bad_word_about_what_was_changed_since_counts_no_more(in_app: None) -> None:
    now, session = utc_now(), db.session()
    article, user = make_article(session), make_user(session)
    for kind in (KINDS.HELPFUL, KINDS.NOT_HELPFUL):
        add(
            session,
            ArticleFeedback(article_id=article.id, kind=kind, user_id=make_user(session).id, at=now - timedelta(1)),
        )
    assert counts_of(article.id) == Counts(helpful=1, not_helpful=1)
    add(
        session,
        ArticleRevision(
            article_id=article.id, number=2, title="", body="", origin=Origin.EDITED, editor_id=user.id, made_at=now
        ),
    )
    assert counts_of(article.id) == Counts(helpful=1)


def test_of_one_person_only_so_many_uses_count(in_app: None) -> None:
    session = db.session()
    article, one, other, customer = (
        make_article(session), make_user(session), make_user(session), make_customer(session),
    )  # fmt: skip
    for user in [one] * 9 + [other] * 2:
        talk = make_interaction(session, customer, user, state=InteractionState.CLOSED)
        add(session, ArticleLink(article_id=article.id, interaction_id=talk.id, user_id=user.id))
    assert counts_of(article.id) == Counts(uses=7)
    restand(article.id)
    assert session.scalar(select(Article.standing).where(Article.id == article.id)) == pytest.approx(0.304)


def test_using_an_article_lifts_it_and_names_its_question(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("agent")
    talk = make_interaction(session, make_customer(session), client.user)  # type: ignore[attr-defined]
    session.commit()
    question = ask(client, interaction_id=talk.id)
    sent = {"interaction_id": talk.id, "question_id": question, "position": 1}
    for _ in range(2):
        client.post(f"/knowledge/articles/{gift.slug}/links", data=sent, headers=HTMX)
    (row,) = rows(session, KINDS.LINKED)
    assert (row.question_id, row.interaction_id, row.position) == (question, talk.id, 1)
    assert standing_of(session, gift) > 0
    client.post(f"/knowledge/articles/{gift.slug}/links", data=sent | {"used": 0}, headers=HTMX)
    assert rows(session, KINDS.LINKED) == [] and standing_of(session, gift) == 0


def test_a_dismissed_card_makes_room_and_can_be_brought_back(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("agent")
    question = ask(client)
    instead = say(client, gift, "dismissed", question_id=question, position=1)
    assert "Taken away: Gift cards" in instead
    assert "Undo" in instead
    assert len(rows(session, KINDS.DISMISSED)) == 1
    assert standing_of(session, gift) == 0, "it may fit other questions"
    assert say(client, gift, "fits", question_id=question) == ""
    assert rows(session, KINDS.DISMISSED) == []


def test_what_was_dismissed_stays_away_from_that_conversation(session: Session, gift: Article, sign_in: SignIn) -> None:
    make_article(session, "Gift wrapping", "Gift wrapping costs three pounds. Cards too.")
    client = sign_in("agent")
    talk = make_interaction(session, make_customer(session), client.user)  # type: ignore[attr-defined]
    session.commit()
    pane = {"q": "gift cards", "interaction_id": talk.id, "asked_in": "talk"}
    first = client.get("/knowledge/panel", query_string=pane, headers=HTMX).text
    assert "Gift cards</a>" in first
    question = re.search(r"question_id=(\d+)", first)
    assert question
    say(client, gift, "dismissed", question_id=question[1], interaction_id=talk.id)
    again = client.get("/knowledge/panel", query_string=pane | {"q": "gift cards please"}, headers=HTMX).text
    assert "Gift cards</a>" not in again
    assert "Gift wrapping</a>" in again
    session.rollback()
    assert {row.asked_in for row in session.scalars(select(AskedQuestion))} == {AskedIn.TALK}


def unit(*numbers: float) -> np.ndarray:
    vector = np.array(numbers, np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def test_dismissals_count_by_people_and_on_similar_questions_only(in_app: None) -> None:
    session = db.session()
    article, other = make_article(session), make_article(session)

    def dismissed(vector: np.ndarray | None, user_id: int, model: str = "m") -> None:
        stored = None if vector is None else vector.tobytes()
        question = add(
            session, AskedQuestion(text="x", asked_in=AskedIn.SEARCH, vector=stored, model=model, user_id=user_id)
        )
        add(
            session,
            ArticleFeedback(article_id=article.id, kind=KINDS.DISMISSED, question_id=question.id, user_id=user_id),
        )

    asked = unit(1, 0, 0)
    angry, calm = make_user(session).id, make_user(session).id
    for _ in range(30):
        dismissed(unit(1, 0.1, 0), angry)
    both = [article.id, other.id]
    assert dismissals(both, asked, "m") == {article.id: pytest.approx(1 / 3)}
    dismissed(unit(1, 0, 0.2), calm)
    assert dismissals(both, asked, "m") == {article.id: pytest.approx(1 / 2)}
    assert dismissals(both, unit(0, 1, 0), "m") == {}, "nobody said so of such questions"
    dismissed(unit(0, 1, 0), calm, model="another")
    dismissed(None, calm)
    assert dismissals(both, unit(0, 1, 0), "m") == {}
    assert dismissals([], asked, "m") == dismissals(both, None, "m") == {}


def test_ranking_learns_from_what_the_product_itself_records(
    app: Flask, session: Session, gift: Article, sign_in: SignIn
) -> None:
    client = sign_in("agent")
    question = ask(client)
    say(client, gift, "dismissed", question_id=question)
    vector = unit(*range(1, 9))
    session.rollback()
    row = session.get_one(AskedQuestion, question)
    row.vector, row.model = vector.tobytes(), "m"
    session.commit()
    with app.app_context():
        assert dismissals([gift.id], vector, "m") == {gift.id: pytest.approx(1 / 3)}


@pytest.mark.parametrize("kind", ["", "displayed", "linked", "opened", "\0", "HELPFUL"])
def test_a_kind_that_nobody_may_send_is_refused(session: Session, gift: Article, sign_in: SignIn, kind: str) -> None:
    response = sign_in("agent").post(f"/knowledge/articles/{gift.slug}/feedback", data={"kind": kind})
    assert response.status_code == 400
    assert rows(session) == []


@pytest.mark.parametrize("kind", ["helpful", "copied", "dismissed", "fits", "none"])
def test_without_scripts_the_page_comes_back(gift: Article, sign_in: SignIn, kind: str) -> None:
    client = sign_in("sales")
    response = client.post(f"/knowledge/articles/{gift.slug}/feedback", data={"kind": kind})
    assert response.status_code == 303
    assert client.get(response.location).status_code == 200


def test_pinning_and_letting_go(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("agent")
    url = f"/knowledge/articles/{gift.slug}/pin"
    for _ in range(2):
        pressed = client.post(url, data={"pinned": "1", "look": "menu"}, headers=HTMX)
        assert "Keep at hand no longer" in pressed.text
    session.rollback()
    assert session.scalar(select(func.count(ArticlePin.id))) == 1
    for _ in range(2):
        assert client.post(url, data={"pinned": "0"}).status_code == 303
    session.rollback()
    assert session.scalar(select(func.count(ArticlePin.id))) == 0
    kinds = session.scalars(select(Event.kind).where(Event.kind.startswith("article.")).order_by(Event.id)).all()
    assert kinds == ["article.pinned", "article.unpinned"]


def test_the_feedback_panel_costs_few_statements(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("agent")
    response = client.get(f"/knowledge/articles/{gift.slug}/feedback", headers=HTMX)
    assert int(response.headers["X-Sql-Statements"]) <= 7
    assert "<html" not in response.text
    assert "<html" in client.get(f"/knowledge/articles/{gift.slug}/feedback").text
