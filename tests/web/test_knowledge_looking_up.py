"""A search's two threads: what one reads of the database while the other reads the question."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from console.db import db
from knowledge import held, keywords, looking_up
from knowledge.embedding import Encoder, embed_missing, encoder
from knowledge.held import now
from knowledge.models import Article, ArticleFeedback, ArticleState, AskedIn, AskedQuestion, FeedbackKind
from knowledge.searching import search
from tests.factories import add, make_user
from tests.factories_knowledge import make_article
from tests.listening import statements


@pytest.fixture
def with_model(app: Flask, session: Session) -> Iterator[Flask]:
    """The packaged model, and two articles that have its vectors."""
    app.config["EMBEDDING_MODEL"] = ""
    make_article(session, "Gift cards", "Gift cards are valid for five years.")
    make_article(session, "Opening hours", "The phone is answered Monday to Friday from 8 to 20.")
    session.commit()
    with app.app_context():
        assert encoder().load(), "the packaged model must load"
        embed_missing(encoder(), db.session.commit)
        yield app


def titles(question: str) -> list[str]:
    return [result.article.title for result in search(question, anyway=True).results]


def asked(question: str) -> int:
    """How many statements a search takes once all it needs is held."""
    titles(question)
    with statements() as seen:
        titles(question)
    return len(seen)


def dismiss(session: Session, title: str) -> None:
    article = session.query(Article).filter_by(title=title).one()
    user = make_user(session)
    question = add(session, AskedQuestion(text="x", asked_in=AskedIn.SEARCH, user_id=user.id))
    given = {"article_id": article.id, "question_id": question.id, "user_id": user.id}
    add(session, ArticleFeedback(kind=FeedbackKind.DISMISSED, **given))
    session.commit()


def test_dismissals_are_asked_for_only_of_articles_that_somebody_dismissed(
    with_model: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = asked("how long is a voucher good for")
    make_article(session, "Elsewhere", "Nothing of the kind.", state=ArticleState.ARCHIVED)
    session.commit()
    assert now().dismissed == frozenset()
    dismiss(session, "Elsewhere")  # which no search finds
    assert asked("how long is a voucher good for") == usual
    dismiss(session, "Gift cards")
    assert asked("how long is a voucher good for") == usual + 1
    ids = [article.id for article in session.query(Article).order_by(Article.id)]
    assert now().maybe_dismissed(ids) == [ids[0], ids[2]]
    monkeypatch.setattr(held, "MOST_DISMISSED", 1)
    assert now().dismissed is None
    assert now().maybe_dismissed(ids) == ids


@pytest.mark.parametrize("part", ["now", "find"])
def test_what_fails_in_the_other_thread_fails_here(
    with_model: Flask, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise RuntimeError("no database")

    with monkeypatch.context() as broken:
        broken.setattr(*((looking_up, "now", fail) if part == "now" else (keywords, "find", fail)))
        with pytest.raises(RuntimeError, match="no database"):
            search("gift cards")
    assert titles("gift cards")[0] == "Gift cards"


def test_when_the_question_cannot_be_read_the_session_comes_back_first(
    with_model: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []
    find = keywords.find

    def slow(*given: Any, **named: Any) -> Any:
        answer = find(*given, **named)
        done.append(True)
        return answer

    def fail(model: Encoder, text: str) -> np.ndarray:
        raise RuntimeError("no model")

    with monkeypatch.context() as broken:
        broken.setattr(keywords, "find", slow)
        broken.setattr(Encoder, "encode_question", fail)
        with pytest.raises(RuntimeError, match="no model"):
            search("gift cards")
        assert done == [True]
    assert titles("gift cards")[0] == "Gift cards"
