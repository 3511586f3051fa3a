"""Reports: the right articles in each list, plots by day and week, files that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert
from sqlalchemy.orm import Session

from console.db import utc_now
from console.web import harmless
from knowledge.models import (
    Article,
    ArticleFeedback,
    ArticleLink,
    ArticleState,
    AskedIn,
    AskedQuestion,
    FeedbackKind,
    GapState,
    KnowledgeGap,
)
from knowledge.reports import Kind
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_interaction, make_user
from tests.factories_knowledge import make_article

SignIn = Callable[..., FlaskClient]
F = FeedbackKind


def feel(session: Session, article: Article, *kinds: FeedbackKind, days_ago: float = 1) -> None:
    at = utc_now() - timedelta(days=days_ago)
    session.add_all(ArticleFeedback(article_id=article.id, kind=kind, at=at) for kind in kinds)
    session.commit()


def use(session: Session, article: Article, days_ago: float = 1) -> None:
    talk = make_interaction(session, make_customer(session), make_user(session))
    at = utc_now() - timedelta(days=days_ago)
    add(session, ArticleLink(article_id=article.id, interaction_id=talk.id, linked_at=at))
    session.commit()


def titles(client: FlaskClient, kind: str, query: str = "") -> list[str]:
    text = client.get(f"/knowledge/reports/{kind}?{query}").text
    return re.findall(r'<td><div><a href="/knowledge/articles/[^"]+">([^<]+)</a>', text)


def test_stale_articles_are_overdue_or_long_unchecked(sign_in: SignIn, session: Session) -> None:
    now = utc_now()
    long_ago = now - timedelta(days=400)
    make_article(session, "Overdue", verify_by=(now - timedelta(days=3)).date())
    make_article(session, "Due later", verify_by=(now + timedelta(days=3)).date())
    used = make_article(session, "Untouched and used", updated_at=long_ago)
    make_article(session, "Old, verified lately", updated_at=long_ago, verified_at=now)
    make_article(session, "Gone", updated_at=long_ago, state=ArticleState.ARCHIVED)
    feel(session, used, F.OPENED)
    assert titles(sign_in("supervisor"), "stale") == ["Untouched and used", "Overdue"]


def test_expired_articles_are_those_past_their_last_day(sign_in: SignIn, session: Session) -> None:
    today = utc_now().date()
    make_article(session, "Ended", expires_on=today - timedelta(days=3))
    used = make_article(session, "Ended and missed", expires_on=today - timedelta(days=2))
    make_article(session, "Going on", expires_on=today + timedelta(days=3))
    make_article(session, "Gone", expires_on=today - timedelta(days=3), state=ArticleState.ARCHIVED)
    feel(session, used, F.OPENED)
    client = sign_in("supervisor")
    assert titles(client, "expired") == ["Ended and missed", "Ended"]
    assert "Ended and missed" in client.get("/knowledge/reports").text
    rows = list(csv.DictReader(io.StringIO(client.get("/knowledge/reports/expired.csv").text)))
    assert [(row["title"], row["expires_on"]) for row in rows] == [
        ("Ended and missed", (today - timedelta(days=2)).isoformat()),
        ("Ended", (today - timedelta(days=3)).isoformat()),
    ]


def test_an_article_of_nobody_is_said_to_be_nobodys(sign_in: SignIn, session: Session) -> None:
    make_article(session, "Orphan", updated_at=utc_now() - timedelta(days=400))
    session.commit()
    page = sign_in("supervisor").get("/knowledge/reports/stale").text
    assert '<td data-label="Owner"><span class="quiet">nobody</span></td>' in page


def test_never_used_looks_at_the_period_alone(sign_in: SignIn, session: Session) -> None:
    old = utc_now() - timedelta(days=200)
    make_article(session, "Never", updated_at=old)
    before = make_article(session, "Shown two months ago", updated_at=old)
    linked = make_article(session, "Linked", updated_at=old)
    make_article(session, "Brand new")
    feel(session, before, F.DISPLAYED, days_ago=60)
    use(session, linked)
    client = sign_in("supervisor")
    assert titles(client, "unused", "days=30") == ["Never", "Shown two months ago"]
    assert titles(client, "unused", "days=90") == ["Never"]


def test_shown_and_never_opened(sign_in: SignIn, session: Session) -> None:
    passed, opened, linked, rare = (make_article(session, name) for name in ("Passed over", "Opened", "Linked", "Rare"))
    for article, times in ((passed, 6), (opened, 9), (linked, 9), (rare, 4)):
        feel(session, article, *[F.DISPLAYED] * times)
    feel(session, opened, F.OPENED)
    use(session, linked)
    assert titles(sign_in("supervisor"), "unopened") == ["Passed over"]


def test_often_opened_and_not_helpful(sign_in: SignIn, session: Session) -> None:
    bad, liked, once = (make_article(session, name) for name in ("Bad", "Liked", "One angry click"))
    feel(session, bad, *[F.OPENED] * 3, F.NOT_HELPFUL, F.DISMISSED, F.HELPFUL)
    feel(session, liked, *[F.OPENED] * 9, *[F.HELPFUL] * 3, *[F.NOT_HELPFUL] * 2)
    feel(session, once, *[F.OPENED] * 9, F.NOT_HELPFUL)
    assert titles(sign_in("supervisor"), "unhelpful") == ["Bad"]


def test_most_useful_first(sign_in: SignIn, session: Session) -> None:
    best, good, plain = (make_article(session, name) for name in ("Best", "Good", "Plain"))
    for _ in range(3):
        use(session, best)
    use(session, good)
    feel(session, good, F.HELPFUL)
    feel(session, plain, F.OPENED)
    assert titles(sign_in("supervisor"), "useful") == ["Best", "Good"]


def test_the_owner_filter_narrows_every_list(sign_in: SignIn, session: Session) -> None:
    owner = make_user(session, "supervisor", name="Amara Reid")
    mine, other = make_article(session, "Mine", owner_id=owner.id), make_article(session, "Somebody else's")
    feel(session, mine, F.HELPFUL)
    feel(session, other, F.HELPFUL)
    client = sign_in("administrator")
    assert titles(client, "useful", f"owner={owner.id}") == ["Mine"]
    page = client.get(f"/knowledge/reports?owner={owner.id}").text
    assert "Mine" in page and "Somebody else" not in page and "Amara Reid" in page
    assert client.get("/knowledge/reports?owner=99999999999999999999&days=x").status_code == 200


@pytest.fixture
def busy(session: Session) -> Iterator[int]:
    """150 articles, 3,000 questions, 6,000 acts, 100 gaps over a year."""
    now = utc_now()
    articles = [make_article(session, f"Article {number}") for number in range(150)]
    days = [timedelta(days=number * 364 / 3000, minutes=1) for number in range(3000)]
    session.execute(
        insert(AskedQuestion),
        [
            {"text": "q", "asked_in": AskedIn.SEARCH, "confidence": 0.5, "shown": number % 4, "asked_at": now - at}
            for number, at in enumerate(days)
        ],
    )
    kinds = list(FeedbackKind)
    session.execute(
        insert(ArticleFeedback),
        [
            {"article_id": articles[number % 140].id, "kind": kinds[number % 6], "at": now - days[number % 3000]}
            for number in range(6000)
        ],
    )
    session.execute(
        insert(KnowledgeGap),
        [
            {
                "question": "g",
                "state": GapState.SOLVED if number % 2 else GapState.OPEN,
                "first_asked_at": now - timedelta(days=number),
                "last_asked_at": now - timedelta(days=number),
                "decided_at": now - timedelta(days=number / 2) if number % 2 else None,
            }
            for number in range(70)
        ],
    )
    session.commit()
    yield len(articles)


def test_thousands_of_rows_take_no_more_statements(sign_in: SignIn, session: Session, busy: int) -> None:
    client = sign_in("supervisor")
    pages = [client.get(f"/knowledge/reports?days={days}") for days in (14, 30, 90, 365)]
    assert [page.status_code for page in pages] == [200] * 4
    costs = {page.headers["X-Sql-Statements"] for page in pages}
    assert len(costs) == 1 and int(costs.pop()) <= 13
    assert "3,000 questions, an answer shown for <b>75 %</b>" in pages[-1].text
    assert "70 asked for the first time, <b>35 solved</b>" in pages[0].text


def test_every_article_is_met_once_on_the_way_through_a_list(sign_in: SignIn, session: Session, busy: int) -> None:
    client = sign_in("supervisor")
    address: str | None = "/knowledge/reports/useful?days=365"
    met: list[str] = []
    while address:
        page = client.get(address).text
        met += re.findall(r'<td><div><a href="/knowledge/articles/[^"]+">([^<]+)</a>', page)
        more = re.search(r'href="([^"]+)" rel="next"', page)
        address = more[1].replace("&amp;", "&") if more else None
    assert len(met) == len(set(met)) > 50
    rows = list(csv.reader(io.StringIO(client.get("/knowledge/reports/useful.csv?days=365").text)))
    assert [row[1] for row in rows[1:]] == met
    for place in ("x", "1_x", "9" * 30 + "_1", "-1_1"):
        assert client.get(f"/knowledge/reports/useful?after={place}").status_code == 400


def test_the_plots_count_each_day_and_week(sign_in: SignIn, session: Session, busy: int) -> None:
    client = sign_in("supervisor")
    for name, days, length in (("questions", 30, 30), ("questions", 365, 53), ("gaps", 14, 12), ("gaps", 365, 53)):
        response = client.get(f"/knowledge/reports/{name}.csv?days={days}")
        rows = list(csv.reader(io.StringIO(response.text)))[1:]
        assert len(rows) == length and response.mimetype == "text/csv"
        if days == 365:
            assert sum(int(row[1]) for row in rows) == (3000 if name == "questions" else 70)


@pytest.mark.parametrize("kind", list(Kind))
def test_each_list_is_a_file_that_no_spreadsheet_runs(sign_in: SignIn, session: Session, kind: Kind) -> None:
    old = utc_now() - timedelta(days=400)
    article = make_article(session, '=HYPERLINK("x")', updated_at=old, verify_by=old.date())
    article.expires_on = old.date() if kind is Kind.EXPIRED else None
    session.commit()
    if kind is Kind.UNOPENED:
        feel(session, article, *[F.DISPLAYED] * 5)
    if kind is Kind.UNHELPFUL:
        feel(session, article, *[F.OPENED] * 3, *[F.NOT_HELPFUL] * 2)
    if kind is Kind.USEFUL:
        feel(session, article, F.HELPFUL)
    response = sign_in("supervisor").get(f"/knowledge/reports/{kind.value}.csv")
    header, row = csv.reader(io.StringIO(response.text))
    assert response.headers["Content-Disposition"].startswith(f'attachment; filename="articles-{kind.value}-')
    assert header[1] == "title" and row[1] == "'" + article.title == harmless(article.title)


def test_an_empty_knowledge_base_has_reports_too(sign_in: SignIn) -> None:
    client = sign_in("supervisor")
    page = client.get("/knowledge/reports").text
    assert "Nothing was asked in this time" in page and "No gap was opened or solved" in page
    assert "No article is like that" in client.get("/knowledge/reports/stale", headers=HTMX).text
    assert client.get("/knowledge/reports/weather").status_code == 404


def test_only_knowledge_owners_see_reports(sign_in: SignIn) -> None:
    client = sign_in("agent")
    for address in ("", "/stale", "/stale.csv", "/questions.csv", "/gaps.csv"):
        assert client.get(f"/knowledge/reports{address}").status_code == 403
