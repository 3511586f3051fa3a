"""An article as it is read: for whom, what a reader must know, on paper, and as its writer sees it beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from console.db import utc_now
from knowledge.models import ArticleState
from knowledge.rendering import PREVIEWED
from tests.conftest import HTMX
from tests.factories_knowledge import make_article

SignIn = Callable[..., Any]


@pytest.mark.parametrize("slug", ["%00", "x%00y", "no-such-article", "x" * 500])
def test_an_article_that_is_not_there_is_not_found(sign_in: SignIn, slug: str) -> None:
    assert sign_in("agent").get(f"/knowledge/articles/{slug}").status_code == 404


def test_an_article_shows_what_a_reader_must_know(session: Session, sign_in: SignIn) -> None:
    client = sign_in("agent")
    article = make_article(
        session, "Late parcels", "# Rule\n\nTwo days.\n\n<script>alert(1)</script>", labels=["delivery"],
        owner_id=client.user.id, verified_at=utc_now(), verify_by=utc_now().date().replace(year=2020),
    )  # fmt: skip
    session.commit()
    client.get("/knowledge")  # brings the index up to date
    page = client.get(f"/knowledge/articles/{article.slug}")
    assert "<h2>Rule</h2>" in page.text
    assert "alert(1)" not in page.text
    assert "This may be out of date" in page.text
    assert client.user.short_name in page.text
    assert "verified" in page.text
    assert int(page.headers["X-Sql-Statements"]) <= 6


def test_a_draft_is_there_only_for_those_who_may_edit(session: Session, sign_in: SignIn) -> None:
    draft = make_article(session, state=ArticleState.DRAFT)
    old = make_article(session, state=ArticleState.ARCHIVED)
    session.commit()
    assert sign_in("agent").get(f"/knowledge/articles/{draft.slug}").status_code == 404
    assert sign_in("supervisor").get(f"/knowledge/articles/{draft.slug}").status_code == 200
    archived = sign_in("agent").get(f"/knowledge/articles/{old.slug}")
    assert archived.status_code == 200
    assert "Nobody finds it any more" in archived.text
    assert sign_in("agent").get("/knowledge/articles/nothing-here").status_code == 404


def test_steps_have_boxes_and_the_printed_page_nothing_around_it(session: Session, sign_in: SignIn) -> None:
    body = "1. Ask.\n2. Refund.\n\n- a point\n\n<input name=x onfocus=alert(1)>"
    make_article(session, "Refunds", body, slug="refunds")
    session.commit()
    agent = sign_in("agent")
    page = agent.get("/knowledge/articles/refunds").text
    assert page.count('type="checkbox"') - page.count("data-single-keys") == 2
    assert 'aria-label="Step 2 done"' in page
    assert "onfocus" not in page.replace("&lt;input name=x onfocus", "")
    paper = agent.get("/knowledge/articles/refunds/print").text
    assert "Refund." in paper
    assert "<title>Refunds · Plus One</title>" in paper  # what a PDF of it is called
    assert 'class="bar"' not in paper


def test_the_preview_is_what_readers_will_see(sign_in: SignIn) -> None:
    page = sign_in("supervisor").post(
        "/knowledge/articles/preview", data={"body": "# Top\n\n**must** <script>alert(1)</script>\0"}, headers=HTMX
    )
    assert "<h2>Top</h2>" in page.text
    assert "<strong>must</strong>" in page.text
    assert "<script>" not in page.text


def test_of_a_very_long_text_the_beginning_is_shown_while_it_is_written(sign_in: SignIn) -> None:
    long = "## A heading\n\n" + "A line of words.\n\n" * 15_000
    page = sign_in("supervisor").post("/knowledge/articles/preview", data={"body": long}, headers=HTMX).text
    assert "<h2>A heading</h2>" in page and "This is the beginning" in page
    assert len(page) < 2 * PREVIEWED and "A line of words.</p>" in page[-400:]
