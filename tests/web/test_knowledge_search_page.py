"""The search page: one row for each real question, type-ahead, filters, what is at hand, what a customer owns."""

from __future__ import annotations

import html
import re
import sqlite3
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from console.customers.models import Order, OrderLine, OrderStatus, Product
from console.db import utc_now
from knowledge.models import Article, ArticleFeedback, ArticleState, AskedQuestion, Audience, FeedbackKind, KnowledgeGap
from tests.conftest import HTMX
from tests.factories import make_customer, make_interaction, make_user
from tests.factories_knowledge import make_article

SignIn = Callable[..., FlaskClient]


@pytest.fixture
def articles(session: Session) -> dict[str, Article]:
    made = {
        "gift": make_article(session, "Gift cards", "Gift cards are valid for five years.", labels=["Payment"]),
        "lamp": make_article(session, "A lamp flickers", "Try another bulb in the lamp first.", labels=["Lighting"]),
        "sofa": make_article(session, "A sofa sags", "Turn the cushions of the sofa.", labels=["Furniture"]),
        "draft": make_article(session, "Gift wrapping", "Gift wrapping will cost £3.", state=ArticleState.DRAFT),
    }
    session.commit()
    return made


def questions(session: Session) -> list[str]:
    session.rollback()
    return list(session.scalars(select(AskedQuestion.text).order_by(AskedQuestion.id)))


def type_in(client: FlaskClient, *texts: str, **given: object) -> None:
    for text in texts:
        assert client.get("/knowledge", query_string={"q": text, **given}, headers=HTMX).status_code == 200


def test_a_word_that_was_entered_is_mended_and_one_being_typed_is_not(
    articles: dict[str, Article], sign_in: SignIn
) -> None:
    client = sign_in("agent")
    for address in ("/knowledge", "/knowledge/panel"):
        typed = client.get(address, query_string={"q": "cushoins"}, headers=HTMX).text
        entered = client.get(address, query_string={"q": "cushoins", "whole": 1}, headers=HTMX).text
        assert ("A sofa sags" in typed, "A sofa sags" in entered) == (False, True)


@pytest.mark.parametrize("address", ["/knowledge", "/knowledge/panel"])
def test_of_a_very_long_question_it_is_said_that_its_beginning_was_read(
    articles: dict[str, Article], sign_in: SignIn, address: str
) -> None:
    client, said = sign_in("agent"), "only its beginning was read"
    for asked, is_cut in (("gift", False), ("gift " * 2_000, True)):
        assert (said in client.get(address, query_string={"q": asked}, headers=HTMX).text) == is_cut
    assert said in client.get(address, query_string={"q": "gift", "cut": 1}, headers=HTMX).text  # cut by the browser


def test_a_talks_answers_lead_to_the_search_with_filters(
    session: Session, articles: dict[str, Article], sign_in: SignIn
) -> None:
    customer = make_customer(session)
    session.commit()
    client = sign_in("agent")
    pane = client.get(f"/knowledge/panel?q=gift+cards&customer_id={customer.id}", headers=HTMX).text
    link = re.search(r'href="([^"]+)">More, with filters', pane)
    assert link is not None
    page = client.get(html.unescape(link[1])).text
    assert "Only what this customer owns" in page and 'value="gift cards"' in page
    long = client.get("/knowledge/panel", query_string={"q": "न" * 900}, headers=HTMX).text
    link = re.search(r'href="([^"]+)">More, with filters', long)
    assert link is not None and len(link[1]) < 8_000  # gunicorn takes no more of an address


def test_one_row_for_each_question_not_for_each_key(
    session: Session, articles: dict[str, Article], sign_in: SignIn
) -> None:
    client = sign_in("agent")
    type_in(client, "g", "gi", "gif", "gift", "gift ca", "gift cards", "gift card")
    assert questions(session) == ["gift card"]
    type_in(client, "sofa", "sofa sags")
    assert questions(session) == ["gift card", "sofa sags"]
    type_in(sign_in("agent"), "sofa sags at once")
    assert len(questions(session)) == 3, "somebody else's question is another one"


def test_what_something_came_of_stays_as_it_was_asked(
    session: Session, articles: dict[str, Article], sign_in: SignIn
) -> None:
    client = sign_in("agent")
    type_in(client, "gift")
    number = session.scalars(select(AskedQuestion.id)).one()
    client.get(f"/knowledge/articles/{articles['gift'].slug}?question_id={number}")
    type_in(client, "gift")
    assert questions(session) == ["gift"], "asked again after going back"
    type_in(client, "gift cards")
    assert questions(session) == ["gift", "gift cards"]


def test_a_question_of_a_minute_ago_is_another_one(
    session: Session, articles: dict[str, Article], sign_in: SignIn
) -> None:
    client = sign_in("agent")
    type_in(client, "gift")
    session.execute(update(AskedQuestion).values(asked_at=utc_now() - timedelta(minutes=1)))
    session.commit()
    type_in(client, "gift cards")
    assert questions(session) == ["gift", "gift cards"]


def test_a_question_keeps_what_was_answered(session: Session, articles: dict[str, Article], sign_in: SignIn) -> None:
    client = sign_in("agent")
    talk = make_interaction(session, make_customer(session), client.user)  # type: ignore[attr-defined]
    theirs = make_interaction(session, make_customer(session), make_user(session))
    session.commit()
    type_in(client, "gift cards", language="en", interaction_id=talk.id)
    type_in(client, "a lamp that flickers", interaction_id=theirs.id)
    type_in(client, "xyzzy plugh")
    session.rollback()
    first, second, third = session.scalars(select(AskedQuestion).order_by(AskedQuestion.id))
    assert (first.best_article_id, first.shown, first.language) == (articles["gift"].id, 1, "en")
    assert (first.interaction_id, second.interaction_id) == (talk.id, None)
    assert first.confidence > 0.5
    assert (third.best_article_id, third.shown, third.confidence) == (None, 0, 0.0)


def gaps(session: Session) -> list[tuple[str, int]]:
    session.rollback()
    rows = session.execute(select(KnowledgeGap.question, KnowledgeGap.asked).order_by(KnowledgeGap.id))
    return [(row.question, row.asked) for row in rows]


def test_what_finds_nothing_becomes_a_gap_once_it_is_whole(
    session: Session, articles: dict[str, Article], sign_in: SignIn
) -> None:
    client = sign_in("agent")
    type_in(client, "bicycle", "bicycle rep", "bicycle repair")
    assert gaps(session) == [], "somebody is typing"
    type_in(client, "bicycle repair")  # Enter
    assert gaps(session) == [("bicycle repair", 1)]
    type_in(client, "bicycle repair")
    assert gaps(session) == [("bicycle repair", 1)], "the same question of the same person"
    type_in(client, "tandem", "tandem saddles", "gift cards")
    assert gaps(session) == [("bicycle repair", 1), ("tandem saddles", 1)], "followed by another one"
    type_in(sign_in("agent"), "repair bicycle", "repair bicycle")
    assert gaps(session)[0] == ("bicycle repair", 2)
    assert len(questions(session)) == 4


def test_what_a_customer_says_is_whole_at_once(session: Session, articles: dict[str, Article], sign_in: SignIn) -> None:
    client = sign_in("agent")
    talk = make_interaction(session, make_customer(session), client.user)  # type: ignore[attr-defined]
    session.commit()
    for words in ("my bicycle squeaks", "my bicycle squeaks loudly", "hello"):
        pane = {"q": words, "asked_in": "talk", "interaction_id": talk.id}
        client.get("/knowledge/panel", query_string=pane, headers=HTMX)
    assert gaps(session)[0][0] == "my bicycle squeaks"
    assert "hello" not in str(gaps(session))


def test_what_filters_leave_out_is_no_gap(session: Session, articles: dict[str, Article], sign_in: SignIn) -> None:
    type_in(sign_in("agent"), "bicycle repair", "bicycle repair", label="Payment")
    assert gaps(session) == []
    assert questions(session) == []


def test_a_pane_that_nobody_talks_on_asks_nothing(
    session: Session, articles: dict[str, Article], sign_in: SignIn
) -> None:
    client = sign_in("agent")
    assert "Gift cards" in client.get("/knowledge/panel?q=gift+cards&asked_in=talk&customer_id=1", headers=HTMX).text
    assert questions(session) == []
    client.get("/knowledge/panel?q=gift+cards&customer_id=1", headers=HTMX)
    assert questions(session) == ["gift cards"]


def test_a_search_answers_while_the_database_is_taken(
    app: Flask, session: Session, articles: dict[str, Article], sign_in: SignIn, database_url: str
) -> None:
    if not database_url.startswith("sqlite"):
        pytest.skip("only SQLite has one writer at a time")
    client = sign_in("agent")
    with sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        response = client.get("/knowledge?q=gift+cards")
        assert response.status_code == 200
        assert "Gift cards are valid" in response.text
        assert client.get(f"/knowledge/articles/{articles['gift'].slug}").status_code == 200
        other.execute("ROLLBACK")
    other.close()
    assert questions(session) == []
    type_in(client, "gift cards")
    assert questions(session) == ["gift cards"]


@pytest.mark.parametrize(("typed", "found"), [
    ("gift", ["Gift cards"]),
    ("CARDS gi", ["Gift cards"]),
    ("a", ["A lamp flickers", "A sofa sags", "Gift cards"]),
    ("%", []),
    ("\0", []),
    ("", []),
    ("how long is a gift card valid for my aunt", []),
])  # fmt: skip
def test_titles_are_offered_while_typing(
    articles: dict[str, Article], sign_in: SignIn, typed: str, found: list[str]
) -> None:
    page = sign_in("agent").get("/knowledge/titles", query_string={"q": typed, "interaction_id": 7}).text
    offered = [title for title in ("A lamp flickers", "A sofa sags", "Gift cards", "Gift wrapping") if title in page]
    assert offered == found
    assert page.count('role="option"') == len(found)
    assert page.count("interaction_id=7") == len(found)


def test_a_title_that_begins_so_comes_first(session: Session, sign_in: SignIn) -> None:
    make_article(session, "All about cards")
    make_article(session, "Cards for gifts")
    session.commit()
    page = sign_in("agent").get("/knowledge/titles?q=cards").text
    assert page.index("Cards for gifts") < page.index("All about cards")


def test_states_and_owners_are_filters_of_knowledge_owners_alone(
    session: Session, articles: dict[str, Article], sign_in: SignIn
) -> None:
    agent, owner = sign_in("agent"), sign_in("supervisor")
    articles["sofa"].owner_id = owner.user.id  # type: ignore[attr-defined]
    session.commit()
    for query in ("state=draft", "q=gift+wrapping&state=draft", "state=any"):
        assert "Gift wrapping</a>" not in agent.get(f"/knowledge?{query}").text
        assert "Gift wrapping</a>" in owner.get(f"/knowledge?{query}").text
    assert 'name="state"' not in agent.get("/knowledge").text
    page = owner.get(f"/knowledge?owner={owner.user.id}").text  # type: ignore[attr-defined]
    assert 'name="state"' in page
    assert owner.user.name in page  # type: ignore[attr-defined]
    assert "A sofa sags</a>" in page
    assert "Gift cards</a>" not in page
    assert "Clear filters" in page


@pytest.mark.parametrize("query", [
    "state=nonsense", "owner=x", "owner=" + "9" * 30, "audience=x", "label=%00", "language=%00", "owned=1",
    "owned=1&customer_id=999999", "customer_id=-1", "interaction_id=1e9",
])  # fmt: skip
def test_filters_that_make_no_sense_do_no_harm(articles: dict[str, Article], sign_in: SignIn, query: str) -> None:
    client = sign_in("supervisor")
    assert client.get(f"/knowledge?{query}").status_code == 200
    assert client.get(f"/knowledge?q=gift&{query}", headers=HTMX).status_code == 200


def test_filters_that_leave_nothing_say_so_and_can_be_cleared(
    session: Session, articles: dict[str, Article], sign_in: SignIn
) -> None:
    articles["gift"].audience = Audience.CUSTOMER
    session.commit()
    client = sign_in("agent")
    assert "No article fits these filters" in client.get("/knowledge?label=Payment&audience=agent").text
    page = client.get("/knowledge?q=gift+cards&audience=agent").text
    assert "Only some articles were looked at" in page
    assert "/knowledge?q=gift+cards" in page


def test_what_is_kept_at_hand_and_opened_lately_comes_first_with_keys(
    session: Session, articles: dict[str, Article], sign_in: SignIn
) -> None:
    client = sign_in("agent")
    assert "At hand" not in client.get("/knowledge").text
    client.post(f"/knowledge/articles/{articles['sofa'].slug}/pin", data={"pinned": "1"})
    for name in ("lamp", "gift", "sofa"):
        client.get(f"/knowledge/articles/{articles[name].slug}")
    page = client.get("/knowledge").text
    at_hand, recent, changed = (page.index(words) for words in ("At hand", "Opened by you lately", "Changed lately"))
    assert at_hand < page.index(">A sofa sags</a>") < recent
    assert recent < page.index(">Gift cards</a>") < page.index(">A lamp flickers</a>") < changed
    assert page.index('data-key="1"') < page.index('data-key="2"') < page.index('data-key="3"')
    assert "At hand" not in sign_in("agent").get("/knowledge").text, "somebody else's"
    assert "At hand" not in client.get("/knowledge?label=Payment").text


def test_what_is_at_hand_costs_the_same_however_much_it_is(session: Session, sign_in: SignIn) -> None:
    client, spent = sign_in("agent"), []
    for _ in range(2):
        for number in range(8):
            article = make_article(session, f"Article {number}")
            session.commit()
            client.post(f"/knowledge/articles/{article.slug}/pin", data={"pinned": "1"})
            client.get(f"/knowledge/articles/{article.slug}")
        client.get("/knowledge")  # brings the index up to date
        spent.append(int(client.get("/knowledge").headers["X-Sql-Statements"]))
    assert spent[0] == spent[1] <= 7


def bought(session: Session, name: str, category: str | None, status: OrderStatus) -> int:
    customer = make_customer(session)
    product = Product(sku=name, name=name, category=category)
    session.add(product)
    session.flush()
    line = OrderLine(
        external_id="1", name=name, product_id=product.id, quantity=1, price_minor=100, price_currency="GBP"
    )
    session.add(
        Order(
            customer_id=customer.id, external_id=name, number=name, status=status, placed_at=utc_now(),
            total_minor=100, total_currency="GBP", lines=[line],
        )
    )  # fmt: skip
    session.commit()
    return customer.id


@pytest.mark.parametrize(("name", "category", "status", "found"), [
    ("Beacon table lamp, brass", "Lighting", OrderStatus.DELIVERED, ["A lamp flickers"]),
    ("Big blue thing", "furniture", OrderStatus.SHIPPED, ["A sofa sags"]),
    ("Big blue thing", None, OrderStatus.DELIVERED, []),
    ("Beacon table lamp, brass", "Lighting", OrderStatus.CANCELLED, []),
])  # fmt: skip
def test_only_what_this_customer_owns(
    session: Session, articles: dict[str, Article], sign_in: SignIn, name: str, category: str | None,
    status: OrderStatus, found: list[str],
) -> None:  # fmt: skip
    customer_id = bought(session, name, category, status)
    client = sign_in("agent")
    assert "Only what this customer owns" not in client.get("/knowledge").text
    everything = client.get(f"/knowledge?customer_id={customer_id}").text
    assert "Only what this customer owns" in everything
    page = client.get(f"/knowledge?customer_id={customer_id}&owned=1", headers=HTMX).text
    assert [title for title in ("A lamp flickers", "A sofa sags", "Gift cards") if title in page] == found
    if not found:
        assert "Nothing is written about what this customer owns" in page
    asked = client.get(f"/knowledge?customer_id={customer_id}&owned=1&q=lamp+bulb", headers=HTMX).text
    assert ("Try another bulb" in asked) == ("A lamp flickers" in found)


def test_a_question_that_is_too_long_is_read_in_part_and_says_so(
    session: Session, articles: dict[str, Article], sign_in: SignIn
) -> None:
    page = sign_in("agent").get("/knowledge", query_string={"q": "gift cards " * 1_000}, headers=HTMX).text
    assert "only its beginning was read" in page
    assert len(questions(session)[0]) <= 8_000
    cut_by_the_page = sign_in("agent").get("/knowledge?q=gift+cards&cut=1", headers=HTMX).text
    assert "only its beginning was read" in cut_by_the_page


def test_what_was_shown_is_there_for_reports(session: Session, articles: dict[str, Article], sign_in: SignIn) -> None:
    type_in(sign_in("agent"), "gift", "gift cards", "gift card")
    session.rollback()
    shown = session.scalars(select(ArticleFeedback)).all()
    assert [(row.kind, row.article_id, row.position) for row in shown] == [
        (FeedbackKind.DISPLAYED, articles["gift"].id, 1)
    ]
