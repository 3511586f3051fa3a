"""What is not saved yet, what colleagues hand in, and articles that say the same; on both engines."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.db import db
from console.interactions.models import Speaker, Utterance
from knowledge import duplicates
from knowledge.duplicates import WORDING, Held, close_pairs, vectors_of_articles
from knowledge.embedding import embed_missing, encoder
from knowledge.models import (
    Article,
    ArticleDraft,
    ArticleState,
    GapState,
    KnowledgeGap,
    Passage,
)
from knowledge.searching import Use, search
from knowledge.shingles import BINS, shared
from notes.models import Note
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_interaction
from tests.factories_knowledge import SENT, make_article
from tests.undoing import undone

SignIn = Callable[..., Any]
KEY = "0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)
NEW = {"title": "Half", "body": "Half a sentence", "state": "draft", "key": KEY, "revision": "0"}


@pytest.fixture
def with_model(app: Flask) -> Flask:
    app.config["EMBEDDING_MODEL"] = ""
    with app.app_context():
        assert encoder().load()
    return app


def count(session: Session, model: Any) -> int:
    session.expire_all()
    return session.scalar(select(func.count(model.id))) or 0


def keep(client: FlaskClient, fields: dict[str, str]) -> str:
    response = client.post("/knowledge/articles/drafts", data=fields, headers=HTMX)
    assert response.status_code == 200
    return response.text


def test_what_is_typed_is_kept_offered_again_and_gone_once_saved(session: Session, sign_in: SignIn) -> None:
    owner = sign_in("supervisor")
    assert "Kept at" in keep(owner, NEW)
    keep(owner, NEW | {"body": "A whole sentence.", "verify_by": "31 Febr"})
    draft = session.scalars(select(ArticleDraft)).one()
    assert "You have unsaved changes" in owner.get("/knowledge/articles/new").text
    page = html.unescape(owner.get(f"/knowledge/articles/new?draft={draft.id}").text)
    assert "A whole sentence." in page
    assert 'value="31 Febr"' in page
    assert KEY in page
    saved = NEW | SENT | {"body": "A whole sentence."}
    assert owner.post("/knowledge/articles", data=saved).status_code == 303
    assert count(session, ArticleDraft) == 0
    assert "Kept" not in keep(owner, NEW)  # sent before the save, arrived after it
    assert count(session, ArticleDraft) == 0


def test_a_draft_of_an_article_remembers_what_it_was_made_on(
    session: Session, sign_in: SignIn, article: Article
) -> None:
    owner = sign_in("supervisor")
    fields = {"title": "Gift cards", "body": "Six.", "revision": "1", "article_id": str(article.id)}
    keep(owner, fields)
    article.revision, article.body = 2, "Four."
    session.commit()
    page = owner.get("/knowledge/articles/gift-cards/editor").text
    assert "meanwhile the article is at 2" in page
    assert "\nFour.</textarea>" in page
    page = owner.get("/knowledge/articles/gift-cards/editor?draft=1").text
    assert "\nSix.</textarea>" in page
    assert re.search(r'name="revision"[^>]*value="1"', page)


def test_unsaved_words_are_ones_own_and_can_be_thrown_away(session: Session, sign_in: SignIn) -> None:
    owner, other = sign_in("supervisor"), sign_in("administrator")
    keep(owner, NEW)
    draft = session.scalars(select(ArticleDraft)).one()
    assert "unsaved changes" not in other.get("/knowledge/articles/new").text
    assert other.get(f"/knowledge/articles/new?draft={draft.id}").status_code == 404
    assert other.post(f"/knowledge/articles/drafts/{draft.id}/removal").status_code == 404
    assert owner.post(f"/knowledge/articles/drafts/{draft.id}/removal").status_code == 303
    assert count(session, ArticleDraft) == 0


def test_one_person_has_a_bounded_number_of_beginnings(session: Session, sign_in: SignIn) -> None:
    owner = sign_in("supervisor")
    for number in range(23):
        keep(owner, NEW | {"key": f"{number:032x}"})
    assert count(session, ArticleDraft) == 20
    assert "too long to be kept" in keep(owner, NEW | {"body": "x" * 300_001})
    assert count(session, ArticleDraft) == 20


def test_an_agent_hands_in_a_draft_that_only_they_and_owners_see_and_follows_it(
    session: Session, sign_in: SignIn
) -> None:
    agent, owner = sign_in("agent"), sign_in("supervisor")
    page = agent.get("/knowledge/articles/new").text
    assert "A knowledge owner reads it and publishes it." in page
    wanted = NEW | SENT | {"state": "published"}
    assert agent.post("/knowledge/articles", data=wanted).status_code == 422
    response = agent.post("/knowledge/articles", data=wanted | {"state": "draft"}, follow_redirects=True)
    assert "is with the knowledge owners" in response.text
    row = session.scalars(select(Article)).one()
    assert row.state is ArticleState.DRAFT
    assert sign_in("agent").get(f"/knowledge/articles/{row.slug}").status_code == 404
    assert "Half" in owner.get("/knowledge/articles?state=draft").text
    assert "You wrote it." in agent.get(f"/knowledge/articles/{row.slug}").text
    assert "waits for a knowledge owner" in agent.get("/knowledge/contributions").text
    checked = SENT | NEW | {"revision": "1", "body": "A whole one.", "comment": "Now it is whole"}
    assert owner.post(f"/knowledge/articles/{row.slug}/revisions", data=checked).status_code == 303
    assert "<b>Still a draft</b>: Now it is whole" in agent.get("/knowledge/contributions").text
    owner.post(f"/knowledge/articles/{row.slug}/state", data={"state": "archived", "revision": "2"})
    assert "Archived" in agent.get("/knowledge/contributions").text
    assert "Half" not in sign_in("agent").get("/knowledge/contributions").text


def test_an_article_starts_from_a_conversation_without_what_belongs_to_one_customer(
    session: Session, sign_in: SignIn
) -> None:
    agent = sign_in("agent")
    customer = make_customer(session, "Isla", "Mercer")
    talk = make_interaction(session, customer, agent.user, subject="Lamp flickers", resolution="Isla tightened it.")
    turns = [
        (Speaker.CUSTOMER, "This is Isla Mercer, my lamp from order LL-48213377 flickers."),
        (Speaker.AGENT, "Please tighten the bulb. Write to isla@mercer.example or 0161 496 0000."),
        (Speaker.SYSTEM, "queue 3"),
    ]
    for position, (speaker, text) in enumerate(turns):
        add(session, Utterance(interaction_id=talk.id, position=position, speaker=speaker, text=text))
    add(session, Note(customer_id=customer.id, interaction_id=talk.id, body="Bulb was loose.", written_at=NOW))
    session.commit()
    page = html.unescape(agent.get(f"/knowledge/articles/new?interaction_id={talk.id}").text)
    assert 'value="Lamp flickers"' in page
    for kept in ("> This is [name], my lamp", "- Please tighten the bulb", "Bulb was loose.", "[name] tightened it."):
        assert kept in page, kept
    editor = page[page.index("<textarea") : page.index("</textarea>")]
    for private in ("Isla", "Mercer", "48213377", "mercer.example", "0161", "queue 3"):
        assert private not in editor, private
    assert page.index("Is it one of these already?") < page.index("<textarea")
    assert "Write an article from it" in agent.get(f"/interactions/{talk.id}").text
    assert sign_in("agent").get(f"/knowledge/articles/new?interaction_id={talk.id}").status_code == 404
    assert sign_in("supervisor").get(f"/knowledge/articles/new?interaction_id={talk.id}").status_code == 200
    keep(agent, NEW | {"interaction_id": str(talk.id)})
    assert session.scalars(select(ArticleDraft)).one().interaction_id == talk.id


def test_an_article_starts_from_a_gap(session: Session, sign_in: SignIn) -> None:
    gap = add(session, KnowledgeGap(question="Do you plant trees for orders?", first_asked_at=NOW, last_asked_at=NOW))
    session.commit()
    owner = sign_in("supervisor")
    page = owner.get(f"/knowledge/articles/new?gap_id={gap.id}").text
    assert 'value="Do you plant trees for orders?"' in page
    assert owner.get("/knowledge/articles/new?gap_id=987654321").status_code == 404
    keep(owner, NEW | {"gap_id": str(gap.id)})
    assert session.scalars(select(ArticleDraft)).one().gap_id == gap.id
    response = owner.post("/knowledge/articles", data=NEW | SENT | {"gap_id": str(gap.id)})
    assert session.scalar(select(KnowledgeGap.state)) is GapState.OPEN  # a draft answers nobody
    page = sign_in("administrator").get(f"/knowledge/gaps/{gap.id}").text  # nor is it written twice
    assert "Go on with the draft" in page and "is written as a draft" in page and "Write the article" not in page
    owner.post(f"{response.location}/state", data={"state": "published", "revision": "1"})
    session.expire_all()
    assert session.scalar(select(KnowledgeGap.state)) is GapState.SOLVED
    assert gap.article_id == session.scalars(select(Article.id)).one()


def test_what_is_close_is_shown_by_words_while_meaning_is_off(
    session: Session, sign_in: SignIn, article: Article
) -> None:
    owner = sign_in("supervisor")
    page = owner.post("/knowledge/articles/nearest", data={"title": "Gift cards again"}, headers=HTMX).text
    assert "Gift cards" in page
    assert "Search by meaning is not ready" in page
    make_article(session, "Gift tags", "Tied on.", state=ArticleState.DRAFT)
    make_article(session, "Gift ribbons", "No longer.", state=ArticleState.ARCHIVED)
    session.commit()
    page = owner.post("/knowledge/articles/nearest", data={"title": "Gifts"}, headers=HTMX).text
    assert "Gift tags" in page and "· draft" in page and "Gift ribbons" not in page
    own = {"title": "Gift cards", "article_id": str(article.id)}
    assert "Gift cards" not in owner.post("/knowledge/articles/nearest", data=own, headers=HTMX).text
    for hostile in ("", "\0", '"', "😀", "x" * 5_000):
        answer = owner.post("/knowledge/articles/nearest", data={"title": hostile, "body": hostile}, headers=HTMX)
        assert answer.status_code == 200
    assert "Nothing to compare yet" in owner.get("/knowledge/articles/duplicates").text


def test_with_the_model_an_article_is_found_by_meaning_at_once_and_its_likes_are_shown(
    with_model: Flask, session: Session, sign_in: SignIn
) -> None:
    owner = sign_in("supervisor")
    body = "If the parcel arrives broken, ask for a photo and send a new one the same day."
    sent = SENT | NEW | {"title": "Damaged parcels", "body": body, "state": "published"}
    response = owner.post("/knowledge/articles", data=sent, follow_redirects=True)
    assert "Saved. It is found from now on." in response.text
    with with_model.app_context():
        answer = search("the box was smashed when it got here", use=Use.MEANING)
        assert [result.article.title for result in answer.results] == ["Damaged parcels"]
    title = {"title": "Broken deliveries", "body": "A photo first, then a replacement for the broken parcel."}
    page = owner.post("/knowledge/articles/nearest", data=title, headers=HTMX).text
    assert "Damaged parcels" in page
    assert "not ready" not in page
    far = {"title": "Holidays of the team", "body": "Ask your supervisor for days off."}
    assert "Nothing like it" in owner.post("/knowledge/articles/nearest", data=far, headers=HTMX).text


def test_the_report_names_pairs_until_they_are_told_apart_or_one_is_archived(
    with_model: Flask, session: Session, sign_in: SignIn
) -> None:
    text = "A gift card is valid for five years from the day it was bought. It cannot be paid out."
    first = make_article(session, "Gift cards: how long they are valid", text)
    second = make_article(
        session, "How long gift cards are valid", text + " Ask for the number.", state=ArticleState.DRAFT
    )
    third = make_article(session, "Gift cards: how long they are valid, in short", text)
    make_article(session, "Plants", "A plant that dies within thirty days is replaced.")
    make_article(session, "Cartes cadeaux", text, language="fr")
    session.commit()
    with with_model.app_context():
        embed_missing(encoder(), db.session.commit)
    owner = sign_in("supervisor")
    page = owner.get("/knowledge/articles/duplicates").text
    assert page.count("alike in meaning,") == 3
    assert "Plants" not in page
    assert "Cartes cadeaux" not in page
    pair = {"first": str(second.id), "second": str(first.id)}
    assert owner.post("/knowledge/articles/duplicates", data=pair).status_code == 303
    assert owner.get("/knowledge/articles/duplicates").text.count("alike in meaning,") == 2
    archived = {"state": "archived", "revision": "1", "back": "duplicates", "alike": "70"}
    owner.post(f"/knowledge/articles/{third.slug}/state", data=archived)
    page = owner.get("/knowledge/articles/duplicates").text
    assert page.count("alike in meaning,") == 0

    page = undone(owner, page)
    assert "Saved. It is found from now on." in page
    assert page.count("alike in meaning,") == 2
    for name in ("Archive this one", "Not a duplicate"):
        labels = re.findall(f'aria-label="{name}: ([^"]+)"', page)
        assert len(labels) == page.count(f"{name}</button>")
        assert all(third.title in label or second.title in label or first.title in label for label in labels)
    owner.post("/knowledge/articles/duplicates", data=pair)
    page = undone(owner, owner.get("/knowledge/articles/duplicates").text)
    assert "These two are shown again." in page
    assert page.count("alike in meaning,") == 3
    assert "Undo" not in page
    assert owner.post("/knowledge/articles/duplicates", data={"first": "7"}).status_code == 404
    assert session.scalar(select(func.count(Passage.id)).where(Passage.vector.is_(None))) == 0


def test_duplicates_share_wording_too_in_languages_that_the_model_does_not_speak(
    with_model: Flask, session: Session, sign_in: SignIn
) -> None:
    french = "Une carte cadeau est valable cinq ans à partir de la date d'achat. Elle ne peut pas être remboursée."
    other = "Une lampe abîmée est remplacée dans les trente jours. Demandez une photo avant d'envoyer la nouvelle."
    chinese = "礼品卡自购买之日起五年内有效。余额不能兑换成现金，也不能转给其他人使用。请客户提供卡上的号码。"
    texts = [
        ("fr", "Cartes cadeaux", french),
        ("fr", "Validité des cartes", french.replace("ne peut pas", "ne peut jamais")),
        ("fr", "Lampes abîmées", other),
        ("en", "Cartes, read as English", french),
        ("zh", "礼品卡", chinese),
        ("zh", "礼品卡的有效期", chinese.replace("请客户", "请让客户")),
        ("zh", "为什么我的帐户被锁？", "• 为什么我的帐户被停用？\n• 我如何删除自己的账户？"),
        ("zh", "我如何更改密码？", "• 如果我丢失了电话或个人密钥，如何登录账户？"),
    ]
    for language, title, text in texts:
        make_article(session, title, text, language=language)
    session.commit()
    with with_model.app_context():
        embed_missing(encoder(), db.session.commit)
        held = vectors_of_articles()
        links = held.vectors[np.argsort(held.ids)[-2:]]
        assert links[0] @ links[1] > 0.8  # two lists of links that are about different things
    page = sign_in("supervisor").get("/knowledge/articles/duplicates?alike=70").text
    assert page.count("alike in meaning,") == 2
    for _, title, _ in texts:
        assert (f">{title}</a>" in page) == (
            title in ("Cartes cadeaux", "Validité des cartes", "礼品卡", "礼品卡的有效期")
        )


def test_close_pairs_are_those_that_looking_at_every_pair_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((1_100, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    languages = rng.choice(["en", "fr"], 1_100)
    sketches = rng.integers(0, 3, (1_100, BINS)).astype(np.uint32)  # every two share a third, more or less
    held = Held(1, np.arange(1_100) + 7, languages, vectors, sketches, left_out=False)
    found = close_pairs(held, 0.93, most=10_000)
    wording = shared(np.repeat(sketches, 1_100, axis=0), np.tile(sketches, (1_100, 1))).reshape(1_100, 1_100)
    alike = (vectors @ vectors.T >= 0.93) & (languages[:, None] == languages) & (wording >= WORDING)
    assert {(a - 7, b - 7) for a, b, _, _ in found} == {
        (a, b) for a, b in zip(*np.nonzero(alike), strict=True) if a < b
    }
    assert [one[3] for one in found] == sorted((one[3] for one in found), reverse=True)
    monkeypatch.setattr(duplicates, "LOOKED_AT", 9)  # of each of three blocks, the closest in meaning
    few = close_pairs(held, 0.93, most=10_000)
    assert set(few) < set(found)
    assert len(few) <= 3 * 9
    assert max(found, key=lambda one: one[2]) in few
