"""Articles as knowledge owners write them and look after them, on both engines."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.db import utc_now
from console.events import Event
from knowledge.models import (
    Article,
    ArticleRevision,
    ArticleSlug,
    ArticleState,
    Audience,
    Origin,
    Passage,
)
from knowledge.searching import search
from tests.conftest import HTMX
from tests.factories import add, make_user
from tests.factories_knowledge import make_article, today

SignIn = Callable[..., Any]
KEY = "0123456789abcdef0123456789abcdef"
WORDS = {
    "title": "Scratched lamps",
    "body": "Offer **20 %** back.\n\n1. Ask for a photo.\n2. Refund.",
    "labels": "lamps, Refunds,, refunds",
    "audience": "customer",
    "language": "en",
    "owner": "",
    "verify_by": "",
    "expires_on": "",
    "state": "published",
    "comment": "",
    "key": KEY,
    "revision": "0",
}


def fill(article: Article, **given: str) -> dict[str, str]:
    """The editor's form as it opens for an article, with some fields typed over."""
    form = {
        "title": article.title,
        "body": article.body,
        "labels": ", ".join(article.labels),
        "audience": article.audience.value,
        "language": article.language,
        "owner": str(article.owner_id or ""),
        "verify_by": article.verify_by.isoformat() if article.verify_by else "",
        "expires_on": article.expires_on.isoformat() if article.expires_on else "",
        "state": article.state.value,
        "revision": str(article.revision),
    }
    return form | given


@pytest.fixture
def article(session: Session) -> Article:
    row = make_article(session, "Gift cards", "Valid for five years.", slug="gift-cards")
    first = {"title": row.title, "body": row.body, "facts": {"labels": []}, "origin": Origin.INGESTED}
    add(session, ArticleRevision(article_id=row.id, number=1, **first))
    session.commit()
    return row


def kinds(session: Session) -> list[str]:
    return list(session.scalars(select(Event.kind).where(Event.kind.startswith("article.")).order_by(Event.id)))


def found(app: Flask, question: str) -> list[str]:
    with app.app_context():
        return [result.article.title for result in search(question).results]


def saved_article(session: Session, article_id: int) -> Article:
    session.expire_all()
    return session.get_one(Article, article_id)


def test_a_new_article_is_saved_found_and_written_down(app: Flask, session: Session, sign_in: SignIn) -> None:
    owner = sign_in("supervisor")
    response = owner.post("/knowledge/articles", data=WORDS)
    assert (response.status_code, response.location) == (303, "/knowledge/articles/scratched-lamps")
    row = session.scalars(select(Article)).one()
    assert (row.labels, row.audience, row.revision) == (["lamps", "refunds"], Audience.CUSTOMER, 1)
    assert row.verified_at is not None
    revision = session.scalars(select(ArticleRevision)).one()
    assert (revision.number, revision.body, revision.origin) == (1, row.body, Origin.EDITED)
    assert revision.editor_id == owner.user.id
    assert kinds(session) == ["article.created"]
    assert found(app, "scratched lamps photo") == ["Scratched lamps"]


def test_pressing_save_twice_makes_one_article(session: Session, sign_in: SignIn) -> None:
    owner = sign_in("supervisor")
    first, second = (owner.post("/knowledge/articles", data=WORDS) for _ in range(2))
    assert first.location == second.location
    assert session.scalar(select(func.count(Article.id))) == 1
    back = owner.post("/knowledge/articles", data=WORDS | {"body": "Sent again from the page before."})
    assert (back.status_code, "saved already" in back.text, "Sent again from" in back.text) == (409, True, True)


def test_articles_of_one_title_get_addresses_of_their_own(session: Session, sign_in: SignIn) -> None:
    owner = sign_in("supervisor")
    for number, title in enumerate(("New", "New!", "Äpfel & Birnen", "???")):
        owner.post("/knowledge/articles", data=WORDS | {"title": title, "key": f"{number:032x}"})
    slugs = set(session.scalars(select(Article.slug)))
    assert slugs == {"new-2", "new-3", "äpfel-birnen", "article"}
    for slug in slugs:
        assert owner.get(f"/knowledge/articles/{slug}").status_code == 200


BAD = {
    "no title": ({"title": "  "}, "Give it a title"),
    "a title of 301 letters": ({"title": "t" * 301}, "At most 300 characters"),
    "no body": ({"body": ""}, "there are no words in it yet"),
    "a body without words": ({"body": "## \n\n---\n\n![](x.png) <!-- nothing -->"}, "there are no words in it yet"),
    "a body of 5 MB": ({"body": "word " * 1_000_000}, "and 300,000 fit"),
    "no day": ({"verify_by": "31 February"}, "This is not a day"),
    "a day that is past": ({"expires_on": "2020-01-01"}, "This day is past"),
    "a day too far": ({"verify_by": "9999-12-31"}, "more than ten years away"),
    "an owner that is none": ({"owner": "987654321"}, "Choose one from the list"),
    "an owner that is no number": ({"owner": "x"}, "Choose one from the list"),
    "a language that is none": ({"language": "xx"}, "Choose one from the list"),
    "an audience that is none": ({"audience": "everybody"}, "Choose one from the list"),
    "a state that is none": ({"state": "live"}, "Choose one from the list"),
    "a label too long": ({"labels": "ok, " + "l" * 61}, "too long for a label"),
    "too many labels": ({"labels": ",".join(f"l{n}" for n in range(21))}, "These are 21 labels"),
    "a comment too long": ({"comment": "c" * 301}, "At most 300 characters"),
    "a revision that is none": ({"revision": "-3"}, "between"),
    "a key that is none": ({"key": "../../etc"}, "Reload the page"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_saved_is_told_and_kept_as_typed(session: Session, sign_in: SignIn, case: str) -> None:
    wrong, message = BAD[case]
    response = sign_in("supervisor").post("/knowledge/articles", data=WORDS | wrong)
    page = html.unescape(response.text)
    assert (response.status_code, message in page) == (422, True)
    for name, typed in (WORDS | wrong).items():
        if name in ("title", "body", "labels", "verify_by", "expires_on", "comment") and typed.strip():
            assert typed in page or " ".join(typed.split()) in page, name
    assert session.scalar(select(func.count(Article.id))) == 0


def test_nuls_and_foreign_line_ends_are_left_out(session: Session, sign_in: SignIn) -> None:
    typed = WORDS | {"title": "Scr\0atched", "body": "One\0.\r\n\r\nTwo.\r\n", "labels": "a\0b", "comment": "\0"}
    assert sign_in("supervisor").post("/knowledge/articles", data=typed).status_code == 303
    row = session.scalars(select(Article)).one()
    assert (row.title, row.body, row.labels) == ("Scratched", "One.\n\nTwo.", ["ab"])


def test_a_change_is_a_new_revision_and_only_its_passages_are_cut_anew(
    app: Flask, session: Session, sign_in: SignIn, article: Article
) -> None:
    owner = sign_in("supervisor")
    page = owner.get("/knowledge/articles/gift-cards/editor").text
    assert "Valid for five years." in page
    assert "Comes from “test”; your edit is kept when it is taken in again." in page
    body = "Valid for five years.\n\n## Lost\n\nA lost voucher is replaced."
    sent = fill(article, body=body, comment="Lost ones")
    response = owner.post("/knowledge/articles/gift-cards/revisions", data=sent)
    assert (response.status_code, response.location) == (303, "/knowledge/articles/gift-cards")
    row = saved_article(session, article.id)
    assert (row.revision, row.body) == (2, body)
    assert found(app, "lost voucher replaced") == ["Gift cards"]
    newest = session.scalars(select(ArticleRevision).order_by(ArticleRevision.number.desc())).first()
    assert newest is not None
    assert (newest.number, newest.comment, newest.facts["state"]) == (2, "Lost ones", "published")
    assert kinds(session) == ["article.edited"]
    assert session.scalar(select(func.count(Passage.id))) == 2


def test_saving_without_a_change_is_told(session: Session, sign_in: SignIn, article: Article) -> None:
    response = sign_in("supervisor").post("/knowledge/articles/gift-cards/revisions", data=fill(article))
    assert (response.status_code, "Nothing was changed" in response.text) == (422, True)
    assert saved_article(session, article.id).revision == 1


def test_two_who_save_at_once_both_see_both_and_nothing_is_lost(
    session: Session, sign_in: SignIn, article: Article
) -> None:
    mine = fill(article, body="Valid for SIX years.", title="Gift cards and vouchers")
    theirs = fill(article, body="Valid for TWO years.")
    assert sign_in("administrator").post("/knowledge/articles/gift-cards/revisions", data=theirs).status_code == 303
    owner = sign_in("supervisor")
    owner.post("/knowledge/articles/drafts", data=mine | {"article_id": str(article.id)})
    response = owner.post("/knowledge/articles/gift-cards/revisions", data=mine)
    assert response.status_code == 409
    assert "<del>TWO</del>" in response.text
    assert "<ins>SIX</ins>" in response.text
    assert "Save mine on top" in response.text
    assert "Take theirs" in response.text
    assert saved_article(session, article.id).body == "Valid for TWO years."
    again = re.search(r'name="revision"[^>]*value="(\d+)"', response.text)
    assert again is not None
    assert again[1] == "2"
    response = owner.post("/knowledge/articles/gift-cards/revisions", data=mine | {"revision": again[1]})
    assert response.status_code == 303
    row = saved_article(session, article.id)
    assert (row.body, row.title, row.revision) == ("Valid for SIX years.", "Gift cards and vouchers", 3)
    bodies = list(session.scalars(select(ArticleRevision.body).order_by(ArticleRevision.number)))
    assert bodies == ["Valid for five years.", "Valid for TWO years.", "Valid for SIX years."]


def test_an_earlier_revision_is_restored_as_a_new_one(session: Session, sign_in: SignIn, article: Article) -> None:
    owner = sign_in("supervisor")
    owner.post("/knowledge/articles/gift-cards/revisions", data=fill(article, body="Wrong.", labels="x"))
    page = owner.get("/knowledge/articles/gift-cards/revisions/2?against=1").text
    assert "<del>Valid for five years.</del>" in page
    assert "<ins>Wrong.</ins>" in page
    assert "Restore revision 1" in page
    stale = owner.post("/knowledge/articles/gift-cards/revisions/1/restoration", data={"revision": "1"})
    assert stale.status_code == 303
    assert saved_article(session, article.id).body == "Wrong."
    owner.post("/knowledge/articles/gift-cards/revisions/1/restoration", data={"revision": "2"})
    row = saved_article(session, article.id)
    assert (row.body, row.labels, row.revision) == ("Valid for five years.", [], 3)
    newest = session.scalars(select(ArticleRevision).where(ArticleRevision.number == 3)).one()
    assert (newest.origin, newest.comment) == (Origin.RESTORED, "As it was in revision 1")
    assert kinds(session) == ["article.edited", "article.restored"]
    assert owner.get("/knowledge/articles/gift-cards/revisions/7").status_code == 404
    assert owner.get("/knowledge/articles/gift-cards/revisions/1?against=8").status_code == 404


def test_states_decide_who_finds_it(app: Flask, session: Session, sign_in: SignIn, article: Article) -> None:
    owner, agent = sign_in("supervisor"), sign_in("agent")
    assert found(app, "gift cards") == ["Gift cards"]
    owner.post("/knowledge/articles/gift-cards/state", data={"state": "archived", "revision": "1"})
    assert found(app, "gift cards") == []
    assert "Archived" in agent.get("/knowledge/articles/gift-cards").text
    owner.post("/knowledge/articles/gift-cards/state", data={"state": "draft", "revision": "2"})
    assert agent.get("/knowledge/articles/gift-cards").status_code == 404
    stale = owner.post("/knowledge/articles/gift-cards/state", data={"state": "published", "revision": "1"})
    assert stale.status_code == 303
    assert saved_article(session, article.id).state is ArticleState.DRAFT
    owner.post("/knowledge/articles/gift-cards/state", data={"state": "published", "revision": "3"})
    assert found(app, "gift cards") == ["Gift cards"]
    assert kinds(session) == ["article.archived", "article.withdrawn", "article.published"]
    assert owner.post("/knowledge/articles/gift-cards/state", data={"state": "gone"}).status_code == 400


def test_still_right_in_one_click(session: Session, sign_in: SignIn, article: Article) -> None:
    article.verify_by = today() - timedelta(days=3)
    session.commit()
    owner = sign_in("supervisor")
    assert "Still right: Gift cards" in owner.get("/knowledge/articles?due=overdue").text
    response = owner.post("/knowledge/articles/gift-cards/verification", data={"days": "180", "back": "list"})
    assert response.location == "/knowledge/articles?due=overdue"
    row = saved_article(session, article.id)
    assert (row.verify_by, row.revision) == (today() + timedelta(days=180), 1)
    assert row.verified_at is not None
    assert "No article is like that" in owner.get("/knowledge/articles?due=overdue").text
    assert kinds(session) == ["article.verified"]
    assert owner.post("/knowledge/articles/gift-cards/verification", data={"days": "7"}).status_code == 400


def test_what_is_right_but_expired_is_said_to_be_found_by_nobody_and_comes_back_in_one_click(
    app: Flask, session: Session, sign_in: SignIn, article: Article
) -> None:
    article.expires_on, article.verify_by = today(), today() - timedelta(days=1)
    session.commit()
    owner = sign_in("supervisor")
    verified = {"days": "180", "back": "list"}
    page = owner.post("/knowledge/articles/gift-cards/verification", data=verified, follow_redirects=True).text
    assert "so nobody finds it" in page
    assert "To be checked again by" not in page
    assert found(app, "gift cards") == []
    button = re.search(r'action="(/knowledge/articles/gift-cards/expiry)">(.*?)</form>', page, re.DOTALL)
    assert button is not None
    assert "Take the day away" in button[2]
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', button[2]))
    assert owner.post(button[1], data=fields).location == "/knowledge/articles?due=overdue"
    row = saved_article(session, article.id)
    assert (row.expires_on, row.revision) == (None, 2)
    assert found(app, "gift cards") == ["Gift cards"]
    again = owner.post(button[1], data=fields, follow_redirects=True).text
    assert "Somebody else changed this article" in again
    assert kinds(session) == ["article.verified", "article.edited"]
    assert sign_in("agent").post(button[1], data=fields).status_code == 403


def test_an_old_address_leads_to_the_new_one(session: Session, sign_in: SignIn, article: Article) -> None:
    owner, agent = sign_in("supervisor"), sign_in("agent")
    other = make_article(session, "Vouchers", slug="vouchers")
    session.commit()
    url = "/knowledge/articles/gift-cards/address"
    for taken in ("vouchers", "new", "gift-cards", " ", "x" * 90):
        response = owner.post(url, data={"slug": taken})
        assert response.status_code == 422, taken
    assert owner.post(url, data={"slug": "Gift Vouchers!"}).location == "/knowledge/articles/gift-vouchers"
    moved = agent.get("/knowledge/articles/gift-cards?interaction_id=7")
    assert (moved.status_code, moved.location) == (302, "/knowledge/articles/gift-vouchers?interaction_id=7")
    assert agent.get(f"/knowledge/articles/{other.slug}").status_code == 200
    assert owner.post("/knowledge/articles/vouchers/address", data={"slug": "gift-cards"}).status_code == 422
    saved = owner.post("/knowledge/articles/gift-cards/revisions", data=fill(article, body="Six years."))
    assert saved.location == "/knowledge/articles/gift-vouchers"  # whoever had it open before may save it
    owner.post("/knowledge/articles/gift-vouchers/address", data={"slug": "gift-cards"})
    assert agent.get("/knowledge/articles/gift-cards").status_code == 200
    assert agent.get("/knowledge/articles/gift-vouchers").location == "/knowledge/articles/gift-cards"
    assert list(session.scalars(select(ArticleSlug.slug))) == ["gift-vouchers"]
    assert kinds(session) == ["article.renamed", "article.edited", "article.renamed"]


def test_the_list_is_narrowed_and_paged(session: Session, sign_in: SignIn) -> None:
    owner = sign_in("supervisor")
    for number in range(60):
        make_article(session, f"Article {number:02}", updated_at=utc_now() - timedelta(hours=number))
    make_article(session, "Mine", owner_id=owner.user.id, labels=["Größe"], state=ArticleState.DRAFT)
    make_article(session, "Expired", owner_id=make_user(session).id, expires_on=today())
    make_article(session, "Soon", owner_id=owner.user.id, expires_on=today() + timedelta(days=14))
    make_article(session, "Far", owner_id=owner.user.id, expires_on=today() + timedelta(days=15))
    make_article(session, "Late", verify_by=today() - timedelta(days=1))
    session.commit()
    first = owner.get("/knowledge/articles").text
    assert "Article 44" in first
    assert "Article 59" not in first
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older is not None
    second = owner.get(html.unescape(older[1])).text
    assert "Article 59" in second
    assert "Article 44" not in second
    shown = {
        "owner=me": {"Mine", "Soon", "Far"},
        "state=draft": {"Mine"},
        "label=Größe": {"Mine"},
        "due=overdue": {"Late", "Expired"},
        "due=expired": {"Expired"},
        "due=soon": {"Late", "Expired", "Soon"},
        "due=soon&owner=me": {"Soon"},
        "due=overdue&owner=me_or_nobody": {"Late"},
        "source=-": set(),
        "label=%25": set(),
        "state=draft&owner=me&label=x": set(),
    }
    for query, titles in shown.items():
        page = owner.get(f"/knowledge/articles?{query}", headers=HTMX).text
        assert {
            title for title in ("Mine", "Expired", "Late", "Soon", "Far", "Article 01") if f">{title}</a>" in page
        } == titles
    for hostile in ("before=x", "before=2026-01-01_1", "before=2026-01-01T00:00:00%2B00:00_" + "9" * 40, "state=%00"):
        assert owner.get(f"/knowledge/articles?{hostile}&label=%00&source=%00").status_code == 200


def test_the_list_costs_the_same_however_long_it_is(session: Session, sign_in: SignIn) -> None:
    owner = sign_in("supervisor")
    costs = set()
    for _ in range(3):
        for _ in range(4):
            make_article(session, owner_id=make_user(session).id)
        session.commit()
        owner.get("/knowledge/articles")  # brings the index up to date
        costs.add(int(owner.get("/knowledge/articles").headers["X-Sql-Statements"]))
    assert len(costs) == 1
    assert costs.pop() <= 7


def test_agents_neither_edit_nor_decide(sign_in: SignIn, article: Article) -> None:
    agent = sign_in("agent")
    for path in ("", "/duplicates", "/suggestions", "/gift-cards/editor", "/gift-cards/revisions"):
        assert agent.get(f"/knowledge/articles{path}").status_code == 403, path
    page = agent.get("/knowledge/articles/gift-cards").text
    assert "/editor" not in page
    assert "Archive" not in page


def test_an_article_that_is_not_there_is_404_everywhere(sign_in: SignIn) -> None:
    owner = sign_in("supervisor")
    for path in ("/editor", "/revisions", "/revisions/1", "/address", "/print", ""):
        assert owner.get(f"/knowledge/articles/no-such-article{path}").status_code == 404, path
