"""One key says that an article was used in a talk, and takes it back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.events import Event, Topic
from knowledge.models import Article, ArticleLink
from tests.conftest import HTMX
from tests.factories import make_customer, make_interaction, make_user
from tests.factories_knowledge import make_article

SignIn = Callable[..., FlaskClient]


@pytest.fixture
def card(session: Session) -> Article:
    made = make_article(session, "Gift cards", "Gift cards are valid for five years.", labels=["payment"])
    session.commit()
    return made


def test_linking_is_written_down_once_with_its_event(session: Session, card: Article, sign_in: SignIn) -> None:
    customer = make_customer(session)
    client = sign_in("agent")
    interaction = make_interaction(session, customer, client.user)  # type: ignore[attr-defined]
    session.commit()
    url, data = f"/knowledge/articles/{card.slug}/links", {"interaction_id": str(interaction.id)}
    first, second = (client.post(url, data=data, headers=HTMX) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert "Used" in first.text
    assert "toast" in first.headers["HX-Trigger"]
    session.rollback()
    (link,) = session.scalars(select(ArticleLink))
    assert (link.article_id, link.interaction_id, link.user_id) == (
        card.id, interaction.id, client.user.id,  # type: ignore[attr-defined]
    )  # fmt: skip
    (event,) = session.scalars(select(Event).where(Event.kind == "article.linked"))
    assert (event.topic, event.customer_id, event.subject_type, event.subject_id) == (
        Topic.TALK, customer.id, "articles", card.id,
    )  # fmt: skip
    assert client.post(url, data=data).status_code == 303
    pane = client.get(f"/knowledge/panel?q=gift+cards&interaction_id={interaction.id}", headers=HTMX).text
    assert "is-used" in pane
    assert "used in 1 interaction" in pane
    taken_back = client.post(url, data=data | {"used": "0", "position": "1", "keyed": "1"}, headers=HTMX)
    assert 'aria-pressed="false" data-key="1"' in taken_back.text
    assert client.post(url, data=data | {"used": "0"}).status_code == 303
    session.rollback()
    assert session.scalars(select(ArticleLink)).all() == []
    assert [row.customer_id for row in session.scalars(select(Event).where(Event.kind == "article.unlinked"))] == [
        customer.id
    ]
    timeline = client.get(f"/customers/{customer.id}/timeline", headers=HTMX).text
    assert "Article not used after all" in timeline


def test_an_article_is_not_linked_to_a_colleagues_conversation(
    session: Session, card: Article, sign_in: SignIn
) -> None:
    theirs = make_interaction(session, make_customer(session), make_user(session))
    client = sign_in("agent")
    url = f"/knowledge/articles/{card.slug}/links"
    assert client.post(url, data={"interaction_id": theirs.id}).status_code == 404
    assert session.scalars(select(ArticleLink)).all() == []


@pytest.mark.parametrize(("data", "status"), [
    ({"interaction_id": "999999"}, 404), ({"interaction_id": "x"}, 400), ({}, 400), ({"interaction_id": "9" * 30}, 400),
])  # fmt: skip
def test_linking_to_what_is_not_there_is_refused_and_writes_nothing(
    session: Session, card: Article, sign_in: SignIn, data: dict[str, str], status: int
) -> None:
    response = sign_in("agent").post(f"/knowledge/articles/{card.slug}/links", data=data, headers=HTMX)
    assert response.status_code == status
    session.rollback()
    assert session.scalars(select(ArticleLink)).all() == []
    assert session.scalars(select(Event).where(Event.kind == "article.linked")).all() == []


def test_an_administrator_reads_but_does_not_link(session: Session, card: Article, sign_in: SignIn) -> None:
    client = sign_in("administrator")
    url = f"/knowledge/articles/{card.slug}"
    assert client.get(url).status_code == 200
    assert client.post(f"{url}/links", data={"interaction_id": "1"}).status_code == 403
