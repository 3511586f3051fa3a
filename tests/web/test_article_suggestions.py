"""What colleagues suggest, hand in and report reaches whoever looks after articles, and the answer comes back."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.auth.models import User
from console.events import Event
from knowledge.models import (
    Article,
    ArticleRevision,
    ArticleState,
    ArticleSuggestion,
    Origin,
    SuggestionState,
)
from tests.factories import add, make_user
from tests.factories_knowledge import SENT, make_article

SignIn = Callable[..., Any]


@pytest.fixture
def suggestion(session: Session, article: Article) -> ArticleSuggestion:
    row = ArticleSuggestion(
        article_id=article.id,
        base_revision=1,
        body="Valid for **two** years.",
        comment="New rule",
        suggested_by_id=make_user(session).id,
    )
    add(session, row)
    session.commit()
    return row


def test_a_suggestion_is_taken_over_as_a_revision(
    session: Session, sign_in: SignIn, article: Article, suggestion: ArticleSuggestion
) -> None:
    owner = sign_in("supervisor")
    page = owner.get("/knowledge/articles/suggestions").text
    assert "<del>five</del>" in page
    assert "New rule" in page
    url = f"/knowledge/articles/suggestions/{suggestion.id}/acceptance"
    assert owner.post(url, data={"revision": "1", "answer": "Thank you"}).status_code == 303
    session.expire_all()
    assert (article.body, article.revision) == ("Valid for **two** years.", 2)
    revision = session.scalars(select(ArticleRevision)).one()
    assert (revision.origin, revision.comment, revision.editor_id) == (Origin.SUGGESTED, "New rule", owner.user.id)
    assert (suggestion.state, suggestion.answer) == (SuggestionState.ACCEPTED, "Thank you")
    assert suggestion.decided_by_id == owner.user.id
    kinds = session.scalars(select(Event.kind).order_by(Event.id)).all()
    assert kinds == ["article.suggestion_accepted", "article.edited"]
    again = owner.post(url, data={"revision": "2"})
    assert (again.status_code, "decided this suggestion already" in again.text) == (409, True)


def test_a_suggestion_is_not_taken_over_an_article_that_moved_on_unseen(
    session: Session, sign_in: SignIn, article: Article, suggestion: ArticleSuggestion
) -> None:
    article.body, article.revision = "Valid for nine years.", 2
    session.commit()
    owner = sign_in("supervisor")
    url = f"/knowledge/articles/suggestions/{suggestion.id}/acceptance"
    response = owner.post(url, data={"revision": "1"})
    assert response.status_code == 409
    assert "<del>nine</del>" in response.text
    session.expire_all()
    assert (article.revision, suggestion.state) == (2, SuggestionState.OPEN)
    assert owner.post(url, data={"revision": "2"}).status_code == 303


def test_a_suggestion_is_declined_with_an_answer(
    session: Session, sign_in: SignIn, article: Article, suggestion: ArticleSuggestion
) -> None:
    owner = sign_in("supervisor")
    url = f"/knowledge/articles/suggestions/{suggestion.id}/refusal"
    assert "Say why not" in owner.post(url, data={"answer": " "}).text
    assert owner.post(url, data={"answer": "x" * 501}).status_code == 422
    assert owner.post(url, data={"answer": "Five is right"}).status_code == 303
    session.expire_all()
    assert (suggestion.state, suggestion.answer, article.revision) == (SuggestionState.DECLINED, "Five is right", 1)
    assert "Five is right" in owner.get("/knowledge/articles/suggestions?state=declined").text
    assert "No open suggestions" in owner.get("/knowledge/articles/suggestions?owner=me").text
    author = session.get(User, suggestion.suggested_by_id)
    assert "Five is right" in sign_in(author).get(f"/knowledge/articles/{article.slug}/feedback").text
    assert "Five is right" not in sign_in("agent").get(f"/knowledge/articles/{article.slug}/feedback").text
    owner.post(f"/knowledge/articles/{article.slug}/state", data={"state": "draft", "revision": "1"})
    client, own = sign_in(author), f"/knowledge/contributions/{suggestion.id}"
    assert client.get(f"/knowledge/articles/{article.slug}").status_code == 404
    assert "<b>Not taken over</b>: Five is right" in client.get("/knowledge/contributions?kind=suggestions").text
    page = client.get(own).text
    assert "Five is right" in page and "<strong>two</strong>" in page and "is a draft just now" in page
    assert sign_in("agent").get(own).status_code == 404


def test_ones_own_list_costs_the_same_however_long(session: Session, sign_in: SignIn, article: Article) -> None:
    agent = sign_in("agent")
    costs = []
    for number in (2, 25):
        for _ in range(number):
            mine = {"suggested_by_id": agent.user.id, "base_revision": 1}
            add(session, ArticleSuggestion(article_id=article.id, body="Other words.", **mine))
            written = make_article(session, "Mine", state=ArticleState.DRAFT)
            written.source = ""
            first = {"article_id": written.id, "number": 1, "title": "Mine", "body": "x", "origin": Origin.EDITED}
            add(session, ArticleRevision(**first, editor_id=agent.user.id))
        session.commit()
        pages = [agent.get(f"/knowledge/contributions?kind={kind}") for kind in ("articles", "suggestions")]
        costs.append([page.headers["X-Sql-Statements"] for page in pages])
    assert costs[0] == costs[1]
    for page, shown in zip(pages, ("Mine</a>", "Gift cards</a>"), strict=True):
        assert page.text.count(shown) == 20
        older = re.search(r'href="([^"]+)" rel="next"', page.text)
        assert older and agent.get(html.unescape(older[1])).text.count(shown) == 7


def test_a_suggestion_is_taken_over_with_changes(
    session: Session, sign_in: SignIn, article: Article, suggestion: ArticleSuggestion
) -> None:
    owner = sign_in("supervisor")
    page = owner.get(f"/knowledge/articles/gift-cards/editor?suggestion={suggestion.id}").text
    assert "Valid for **two** years." in page
    sent = SENT | {"title": "Gift cards", "body": "Two years.", "state": "published", "revision": "1"}
    response = owner.post("/knowledge/articles/gift-cards/revisions", data=sent | {"suggestion": str(suggestion.id)})
    assert response.status_code == 303
    session.expire_all()
    assert (article.body, suggestion.state) == ("Two years.", SuggestionState.ACCEPTED)
    assert session.scalars(select(ArticleRevision.origin)).one() is Origin.SUGGESTED


def test_changing_a_suggestion_shows_what_was_edited_since(
    session: Session, sign_in: SignIn, article: Article, suggestion: ArticleSuggestion
) -> None:
    article.body, article.revision = "Valid for nine years.", 2
    session.commit()
    owner = sign_in("supervisor")
    page = owner.get(f"/knowledge/articles/gift-cards/editor?suggestion={suggestion.id}").text
    revision = re.search(r'name="revision"[^>]*value="(\d+)"', page)
    assert revision is not None
    sent = SENT | {"title": "Gift cards", "body": "Two years.", "state": "published", "revision": revision[1]}
    response = owner.post("/knowledge/articles/gift-cards/revisions", data=sent | {"suggestion": str(suggestion.id)})
    assert response.status_code == 409 and "nine" in response.text and "Save mine on top" in response.text
    assert 'hx-trigger="load, input' in response.text  # kept at once, should they leave
    session.expire_all()
    assert (article.body, suggestion.state) == ("Valid for nine years.", SuggestionState.OPEN)


def test_lists_of_suggestions_cost_the_same_however_long(
    session: Session, sign_in: SignIn, suggestion: ArticleSuggestion
) -> None:
    owner = sign_in("supervisor")
    short = owner.get("/knowledge/articles/suggestions").headers["X-Sql-Statements"]
    for number in range(25):
        given = {"base_revision": 1, "body": f"Text {number}.", "suggested_by_id": make_user(session).id}
        add(session, ArticleSuggestion(article_id=make_article(session, f"A {number}").id, **given))
    session.commit()
    first = owner.get("/knowledge/articles/suggestions")
    assert first.headers["X-Sql-Statements"] == short
    older = re.search(r'href="([^"]+)" rel="next"', first.text)
    assert older is not None
    assert "New rule" in owner.get(html.unescape(older[1])).text


def test_what_a_colleague_handed_in_and_reports_on_what_is_nobodys_wait_for_every_owner(
    session: Session, sign_in: SignIn
) -> None:
    agent, owner, other = sign_in("agent"), sign_in("supervisor"), sign_in("administrator")
    stray = make_article(session, "Nobody's own")
    session.commit()
    agent.post(f"/knowledge/articles/{stray.slug}/flags", data={"reason": "wrong", "comment": "It is five"})
    sent = SENT | {"title": "Handed in by an agent", "body": "Words.", "state": "draft"}
    assert agent.post("/knowledge/articles", data=sent).status_code == 303
    for client in (owner, other):
        page = client.get("/").text
        assert "Handed in by an agent</a>: a colleague handed it in" in page and "It is five" in page
    assert "To check again" not in agent.get("/").text
    slug = session.scalars(select(Article.slug).where(Article.title == "Handed in by an agent")).one()
    published = sent | {"state": "published", "revision": "1"}
    assert owner.post(f"/knowledge/articles/{slug}/revisions", data=published).status_code == 303
    assert "handed it in" not in owner.get("/").text
