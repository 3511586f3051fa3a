"""How sure an answer must be: tried on last week's questions, saved, taken back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db import db, utc_now
from console.events import Event
from knowledge import thresholds
from knowledge.models import AskedIn, AskedQuestion, KnowledgeSetting
from knowledge.ranking import SURE_ENOUGH
from tests.conftest import HTMX
from tests.factories import add
from tests.factories_knowledge import make_article

SignIn = Callable[..., FlaskClient]
USUAL = thresholds.as_percent(SURE_ENOUGH)


def ask(session: Session, *confidences: float, days_ago: float = 1, text: str = "How sure") -> None:
    article = make_article(session, "The nearest")
    for number, confidence in enumerate(confidences):
        at = utc_now() - timedelta(days=days_ago, seconds=number)
        row = AskedQuestion(text=f"{text} {confidence}", asked_in=AskedIn.SEARCH, confidence=confidence, asked_at=at)
        row.best_article_id = article.id
        add(session, row)
    session.commit()


def figures(page: str) -> list[str]:
    return re.findall(r'<div class="n">([^<]+)</div>', page)


def test_the_preview_counts_last_week_at_any_value(sign_in: SignIn, session: Session) -> None:
    ask(session, 0.0, 0.1, 0.3, 0.62, 0.7, 0.999, 1.0)
    ask(session, 0.9, days_ago=8)
    client = sign_in("supervisor")
    for value, answered in [(5, 6), (30, 5), (31, 4), (62, 4), (63, 3), (70, 3), (71, 2), (95, 2)]:
        page = client.get(f"/knowledge/threshold?show_from={value}", headers=HTMX)
        assert figures(page.text) == ["7", str(answered), str(7 - answered)], value
        assert "<h1>" not in page.text


def test_examples_are_those_that_would_change(sign_in: SignIn, session: Session) -> None:
    session.add(KnowledgeSetting(show_from=0.5))
    ask(session, 0.2, 0.4, 0.6, 0.8)
    client = sign_in("supervisor")
    stricter = client.get("/knowledge/threshold?show_from=70", headers=HTMX).text
    assert "How sure 0.6" in stricter and "The nearest" in stricter
    assert "How sure 0.4" not in stricter and "How sure 0.8" not in stricter
    looser = client.get("/knowledge/threshold?show_from=30", headers=HTMX).text
    assert "How sure 0.4" in looser and "How sure 0.2" not in looser and "How sure 0.6" not in looser
    assert "closest calls" in client.get("/knowledge/threshold", headers=HTMX).text


def test_the_preview_takes_as_many_statements_for_a_thousand_questions(sign_in: SignIn, session: Session) -> None:
    client = sign_in("administrator")
    session.add(KnowledgeSetting(show_from=0.5))
    ask(session, 0.4)
    few = client.get("/knowledge/threshold?show_from=40").headers["X-Sql-Statements"]
    article = make_article(session)
    now = utc_now()
    session.add_all(
        AskedQuestion(text="x", asked_in=AskedIn.TALK, confidence=n / 1000, best_article_id=article.id, asked_at=now)
        for n in range(1000)
    )
    session.commit()
    page = client.get("/knowledge/threshold?show_from=40")
    assert page.headers["X-Sql-Statements"] == few
    assert figures(page.text)[:2] == ["1,001", "601"]


def test_before_anything_was_asked_the_page_says_so(sign_in: SignIn) -> None:
    page = sign_in("supervisor").get("/knowledge/threshold")
    assert page.status_code == 200 and "Nothing was asked in the last seven days" in page.text


def test_a_value_is_saved_noted_and_taken_back(sign_in: SignIn, session: Session) -> None:
    client = sign_in("supervisor")
    assert client.post("/knowledge/threshold", data={"show_from": "64", "seen": USUAL}).status_code == 303
    assert session.scalars(select(KnowledgeSetting.show_from)).all() == [0.64]
    assert client.post("/knowledge/threshold", data={"show_from": "66", "seen": 64}).status_code == 303
    assert "66 % sure" in client.get("/knowledge/threshold").text
    back = client.post("/knowledge/threshold", data={"show_from": "66", "default": "1", "seen": 66})
    assert back.status_code == 303
    assert session.scalars(select(KnowledgeSetting)).all() == []
    events = session.scalars(select(Event.data).where(Event.kind == "threshold.changed").order_by(Event.id)).all()
    assert events == [
        {"percent": 64, "before": USUAL},
        {"percent": 66, "before": 64},
        {"percent": USUAL, "before": 66},
    ]


@pytest.mark.parametrize("value", ["0", "100", "4", "96", "-5", "", "half", "9" * 400, "５０"])
def test_a_value_out_of_range_saves_nothing(sign_in: SignIn, session: Session, value: str) -> None:
    client = sign_in("supervisor")
    response = client.post("/knowledge/threshold", data={"show_from": value, "seen": USUAL})
    assert response.status_code == 422 and "Choose a value from 5 to 95 %." in response.text
    assert session.scalars(select(KnowledgeSetting)).all() == []
    assert client.get(f"/knowledge/threshold?show_from={value}").status_code == 200


def test_a_colleagues_value_is_not_overwritten_unseen(sign_in: SignIn, session: Session) -> None:
    session.add(KnowledgeSetting(show_from=0.3))
    session.commit()
    late = sign_in("supervisor").post("/knowledge/threshold", data={"show_from": "80", "seen": USUAL})
    assert late.status_code == 409 and 'value="80"' in late.text and "from 30 % sure" in late.text
    session.expire_all()
    assert session.scalars(select(KnowledgeSetting.show_from)).all() == [0.3]


def test_show_from_is_the_setting_or_the_default(in_app: None) -> None:
    assert thresholds.show_from() == SURE_ENOUGH
    db.session.add(KnowledgeSetting(show_from=0.71))
    db.session.commit()
    assert thresholds.show_from() == 0.71


def test_only_knowledge_owners_come_here(sign_in: SignIn) -> None:
    client = sign_in("agent")
    assert client.get("/knowledge/threshold").status_code == 403
    assert client.post("/knowledge/threshold", data={"show_from": "50"}).status_code == 403
