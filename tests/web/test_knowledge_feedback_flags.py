"""Reporting an article, the owner's answer, and suggesting a better wording."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db import utc_now
from console.events import Event
from knowledge.flagging import PAGE, count_open_flags, open_flags_for
from knowledge.models import Article, ArticleFlag, ArticleSuggestion, FlagReason, FlagState
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_interaction, make_user
from tests.factories_knowledge import make_article

SignIn = Callable[..., FlaskClient]


@pytest.fixture
def gift(session: Session) -> Article:
    article = make_article(session, "Gift cards", "Gift cards are valid for five years.")
    session.commit()
    return article


def report(client: FlaskClient, article: Article, reason: str = "wrong", comment: str = "Four years", **given: object):
    data = {"reason": reason, "comment": comment, **given}
    return client.post(f"/knowledge/articles/{article.slug}/flags", data=data, headers=HTMX)


def flags(session: Session) -> list[ArticleFlag]:
    session.rollback()
    query = select(ArticleFlag).order_by(ArticleFlag.id).execution_options(populate_existing=True)
    return list(session.scalars(query))


def test_a_report_reaches_the_owner_and_its_answer_the_reporter(
    session: Session, gift: Article, sign_in: SignIn
) -> None:
    agent, owner = sign_in("agent"), sign_in("supervisor")
    gift.owner_id = owner.user.id  # type: ignore[attr-defined]
    session.commit()
    response = report(agent, gift)
    assert response.status_code == 200
    assert owner.user.short_name in response.text  # type: ignore[attr-defined]
    (flag,) = flags(session)
    listed = owner.get("/knowledge/flags").text
    assert "Four years" in listed
    page = owner.get(f"/knowledge/flags/{flag.id}").text
    assert "It is wrong" in page
    answered = owner.post(f"/knowledge/flags/{flag.id}", data={"state": "fixed", "answer": "Four it is. Thank you."})
    assert answered.status_code == 303
    mine = agent.get(f"/knowledge/articles/{gift.slug}/feedback", headers=HTMX).text
    assert "Put right" in mine
    assert "Four it is. Thank you." in mine
    theirs = sign_in("agent").get(f"/knowledge/articles/{gift.slug}/feedback", headers=HTMX).text
    assert "Four it is" not in theirs
    kinds = session.scalars(select(Event.kind).where(Event.kind.startswith("article.flag")).order_by(Event.id)).all()
    assert kinds == ["article.flagged", "article.flag_answered"]
    assert "Four" not in str([event.data for event in session.scalars(select(Event))])


def test_an_open_report_lowers_the_standing_until_it_is_answered(
    session: Session, gift: Article, sign_in: SignIn
) -> None:
    agent = sign_in("agent")
    for number in range(4):
        report(agent, gift, comment=f"Wrong, I said it {number} times")
    session.refresh(gift)
    lowered = gift.standing
    assert lowered == pytest.approx(-1 / 9, abs=0.001)
    owner = sign_in("supervisor")
    for flag in flags(session):
        owner.post(f"/knowledge/flags/{flag.id}", data={"state": "dismissed", "answer": "It is right."})
    session.refresh(gift)
    assert gift.standing == 0


def test_the_same_report_twice_is_one(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("sales")
    for _ in range(2):
        assert report(client, gift).status_code == 200
    assert len(flags(session)) == 1
    assert report(client, gift, reason="outdated").status_code == 200
    assert len(flags(session)) == 2


def test_a_report_names_the_conversation_only_when_it_is_mine(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("agent")
    mine = make_interaction(session, make_customer(session), client.user)  # type: ignore[attr-defined]
    theirs = make_interaction(session, make_customer(session), make_user(session))
    session.commit()
    for number, given in enumerate((mine.id, theirs.id, 987_654_321)):
        report(client, gift, comment=f"{number}", interaction_id=given)
    assert [flag.interaction_id for flag in flags(session)] == [mine.id, None, None]


@pytest.mark.parametrize(("data", "said"), [
    ({"reason": "nonsense", "comment": "x"}, "Not a valid choice"),
    ({"reason": "wrong", "comment": "x" * 501}, "At most 500 characters"),
])  # fmt: skip
def test_a_mistaken_report_keeps_what_was_typed(
    session: Session, gift: Article, sign_in: SignIn, data: dict[str, str], said: str
) -> None:
    response = sign_in("agent").post(f"/knowledge/articles/{gift.slug}/flags", data=data, headers=HTMX)
    assert response.status_code == 422
    assert said in response.text
    assert data["comment"] in response.text
    assert flags(session) == []


def test_sending_a_report_away_needs_a_word(session: Session, gift: Article, sign_in: SignIn) -> None:
    report(sign_in("agent"), gift)
    (flag,) = flags(session)
    refused = sign_in("supervisor").post(f"/knowledge/flags/{flag.id}", data={"state": "dismissed", "answer": "  "})
    assert refused.status_code == 422
    assert "Say why it is fine as it is" in refused.text
    assert flags(session)[0].state is FlagState.OPEN


def test_two_answers_at_once_are_told_apart(session: Session, gift: Article, sign_in: SignIn) -> None:
    report(sign_in("agent"), gift)
    (flag,) = flags(session)
    first, second = sign_in("supervisor"), sign_in("administrator")
    first.post(f"/knowledge/flags/{flag.id}", data={"state": "fixed", "answer": "Done by me"})
    late = second.post(f"/knowledge/flags/{flag.id}", data={"state": "dismissed", "answer": "Not by me"})
    assert late.status_code == 409
    assert "Done by me" in late.text
    assert "Not by me" in late.text
    assert flags(session)[0].answer == "Done by me"


def test_agents_report_but_do_not_answer(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("agent")
    report(client, gift)
    (flag,) = flags(session)
    assert client.get("/knowledge/flags").status_code == 403
    assert client.post(f"/knowledge/flags/{flag.id}", data={"state": "fixed"}).status_code == 403
    assert sign_in("supervisor").get("/knowledge/flags/987654321").status_code == 404


def test_the_list_of_reports_is_paged_and_costs_the_same(session: Session, sign_in: SignIn) -> None:
    client, reporter = sign_in("supervisor"), make_user(session)
    spent = []
    for _ in range(2):
        for number in range(PAGE):
            article = make_article(session, f"Article {number}")
            add(
                session,
                ArticleFlag(
                    article_id=article.id, reason=FlagReason.UNCLEAR, flagged_by_id=reporter.id, flagged_at=utc_now()
                ),
            )
        session.commit()
        spent.append(int(client.get("/knowledge/flags").headers["X-Sql-Statements"]))
    assert spent[0] == spent[1] <= 4
    page = client.get("/knowledge/flags").text
    assert page.count("/knowledge/flags/") == PAGE
    last = [flag.id for flag in flags(session)][PAGE - 1]
    assert f"after={last}" in page
    assert client.get(f"/knowledge/flags?after={last}").text.count("/knowledge/flags/") == PAGE


def test_open_reports_of_an_owner_and_of_nobody(in_app: None) -> None:
    from console.db import db

    session = db.session()
    owner, other, reporter = make_user(session), make_user(session), make_user(session)
    for owner_id in (owner.id, other.id, None):
        article = make_article(session, owner_id=owner_id)
        for state in FlagState:
            add(
                session,
                ArticleFlag(article_id=article.id, reason=FlagReason.WRONG, state=state, flagged_by_id=reporter.id),
            )
    assert len(session.scalars(open_flags_for(owner.id)).all()) == count_open_flags(owner.id) == 2
    assert len(session.scalars(open_flags_for()).all()) == count_open_flags() == 3


def test_anybody_suggests_a_better_wording(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("agent")
    form = client.get(f"/knowledge/articles/{gift.slug}/suggestions", headers=HTMX).text
    assert gift.body in form
    assert "<html" not in form
    sent = {"body": "Gift cards are valid for **four** years.", "comment": "The law changed", "revision": 1}
    assert client.post(f"/knowledge/articles/{gift.slug}/suggestions", data=sent).status_code == 303
    session.rollback()
    (row,) = session.scalars(select(ArticleSuggestion))
    assert (row.body, row.comment, row.base_revision) == (sent["body"], sent["comment"], 1)
    assert row.suggested_by_id == client.user.id  # type: ignore[attr-defined]
    session.refresh(gift)
    assert gift.body == "Gift cards are valid for five years."
    assert session.scalars(select(Event.kind).where(Event.subject_type == "articles")).all() == [
        "article.edit_suggested"
    ]


@pytest.mark.parametrize(("body", "said"), [
    ("", "Leave the article"),
    ("Gift cards are valid for five years.\r\n", "Nothing was changed"),
    ("x" * 300_001, "At most 300,000 characters"),
])  # fmt: skip
def test_a_suggestion_without_a_change_comes_back(
    session: Session, gift: Article, sign_in: SignIn, body: str, said: str
) -> None:
    response = sign_in("agent").post(
        f"/knowledge/articles/{gift.slug}/suggestions", data={"body": body, "comment": "Kept as typed", "revision": 1}
    )
    assert response.status_code == 422
    assert said in response.text
    assert "Kept as typed" in response.text
    session.rollback()
    assert session.scalars(select(ArticleSuggestion)).all() == []


def test_a_suggestion_about_an_older_text_shows_both(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("agent")
    gift.body, gift.revision = "Gift cards are valid for three years.", 2
    session.commit()
    url, mine = f"/knowledge/articles/{gift.slug}/suggestions", "Gift cards are valid for four years."
    late = client.post(url, data={"body": mine, "revision": 1})
    assert late.status_code == 409
    assert "three years" in late.text
    assert mine in late.text
    assert re.search(r'name="revision"[^>]* value="2"', late.text)
    assert client.post(url, data={"body": mine, "revision": 2}).status_code == 303


def test_what_is_reported_is_escaped(session: Session, gift: Article, sign_in: SignIn) -> None:
    client = sign_in("agent")
    report(client, gift, comment="<script>alert(1)</script>\0")
    assert "<script>alert" not in client.get(f"/knowledge/articles/{gift.slug}/feedback").text
    assert "<script>alert" not in sign_in("supervisor").get("/knowledge/flags").text
