"""Questions without an answer: grouped as they are asked, listed with their trend, worked on, asked again."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from console.db import db, utc_now
from console.events import Event
from knowledge import gap_queries
from knowledge.embedding import encoder
from knowledge.gaps import note_gap, says_something, stamp
from knowledge.models import ArticleState, AskedQuestion, GapState, KnowledgeGap
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_interaction, make_user
from tests.factories_gaps import MODEL, at_once, filed, make_gap, post, question, unit
from tests.factories_knowledge import make_article
from tests.listening import statements

SignIn = Callable[..., FlaskClient]


def state_of(session: Session, gap: KnowledgeGap) -> GapState:
    session.expire_all()
    return session.get_one(KnowledgeGap, gap.id).state


SAID = [
    ("Do you gift wrap?", True), ("refund", True), ("wo ist mein Paket", True), ("क्या आप गिफ्ट रैप करते हैं", True),
    ("COD available?", True), ("Can I Get My Order Tomorrow please", True), ("Gift card zero", True),
    ("Hello, good morning!", False), ("ok thanks", False), ("70216 45199", False), ("W4923227", False), ("", False),
    ("Isla Mercer", False), ("This is Isla Mercer.", False), ("😀 ???", False), ("yes", False),
]  # fmt: skip


@pytest.mark.parametrize(("text", "counts"), SAID)
def test_small_talk_numbers_and_names_are_no_gaps(text: str, counts: bool) -> None:
    assert says_something(text) is counts


def test_questions_of_one_meaning_become_one_gap(in_app: None) -> None:
    first = filed("Do you gift wrap?", unit(1, 0, 0))
    assert filed("Could you wrap it as a present?", unit(0.9, 0.3, 0)) == first
    assert filed("Where do I park?", unit(0, 1, 0)) != first
    gap = db.session.get_one(KnowledgeGap, first)
    held = db.session.scalars(select(KnowledgeGap.vector).where(KnowledgeGap.id == first)).one()
    mean = np.frombuffer(held or b"", np.float32)
    assert (gap.question, gap.asked) == ("Do you gift wrap?", 2)
    assert mean[1] > 0.1 and np.linalg.norm(mean) == pytest.approx(1)


def test_without_vectors_the_same_words_become_one_gap(in_app: None) -> None:
    first = filed("Do you gift wrap?")
    assert filed("gift wraps, do you?") == first
    assert filed("Do you wrap sandwiches?") != first
    assert filed("GIFT WRAP", unit(1, 0)) == first, "once there is a model, words still lead to it"
    assert filed("wrapped as a present", unit(0.95, 0.2)) == first, "and it has a meaning from then on"


def test_a_question_can_be_filed_in_a_transaction_of_its_own(in_app: None) -> None:
    asked = [question("Do you gift wrap?", unit(1, 0)), question("Gift wrapping?", unit(0.9, 0.1))]
    with db.engine.begin() as connection:
        ids = {note_gap(row, utc_now(), connection) for row in asked}
    assert db.session.get_one(KnowledgeGap, ids.pop()).asked == 2 and not ids


def test_a_gap_of_another_model_is_not_compared_by_meaning(in_app: None) -> None:
    first = filed("Do you gift wrap?", unit(1, 0))
    db.session.get_one(KnowledgeGap, first).model = "an older one"
    db.session.commit()
    assert filed("Is it wrapped?", unit(1, 0)) != first


def test_a_conversation_that_asks_again_counts_once(in_app: None) -> None:
    talk = make_interaction(db.session(), make_customer(db.session()), make_user(db.session()))
    db.session.commit()
    ids = {filed("Do you gift wrap?", unit(1, 0), interaction_id=talk.id) for _ in range(3)}
    assert db.session.get_one(KnowledgeGap, ids.pop(), populate_existing=True).asked == 1 and not ids


def test_a_solved_gap_opens_again_and_an_ignored_one_does_not(in_app: None) -> None:
    gap_id = filed("Do you gift wrap?", unit(1, 0))
    for before, after in [(GapState.SOLVED, GapState.OPEN), (GapState.IGNORED, GapState.IGNORED)]:
        db.session.get_one(KnowledgeGap, gap_id, populate_existing=True).state = before
        db.session.commit()
        assert filed("Do you gift wrap?", unit(1, 0)) == gap_id
        assert db.session.get_one(KnowledgeGap, gap_id, populate_existing=True).state is after


def test_filing_takes_few_statements_however_many_gaps_there_are(in_app: None) -> None:
    now = utc_now()
    for number in range(300):
        vector = unit(number + 1, 300 - number, number % 7)
        db.session.add(
            KnowledgeGap(question=f"w{number}", vector=vector, model=MODEL, first_asked_at=now, last_asked_at=now)
        )
    db.session.commit()
    with statements() as seen:
        note_gap(question("Do you gift wrap?", unit(1, -5, 0)), now)
    assert len(seen) <= 4, seen


def test_the_list_is_sorted_by_count_by_rise_and_by_time(sign_in: SignIn, session: Session) -> None:
    often = make_gap(session, "Often asked", days_ago=9, asked=40)
    make_gap(session, "Asked just now", days_ago=0, asked=3)
    make_gap(session, "Asked long ago", days_ago=30, asked=5)
    for _ in range(3):
        add(session, question("Often asked", gap_id=often.id, asked_at=utc_now() - timedelta(days=10)))
    session.commit()
    client = sign_in("supervisor")

    def order(sort: str) -> list[str]:
        return re.findall(r'<a href="/knowledge/gaps/\d+">([^<]+)</a>', client.get(f"/knowledge/gaps?sort={sort}").text)

    assert order("asked") == ["Often asked", "Asked long ago", "Asked just now"]
    assert order("rising") == ["Asked just now", "Asked long ago", "Often asked"]
    assert order("latest") == ["Asked just now", "Often asked", "Asked long ago"]


@pytest.mark.parametrize("sort", ["asked", "rising", "latest"])
def test_every_gap_is_met_once_on_the_way_through_the_pages(sign_in: SignIn, session: Session, sort: str) -> None:
    for number in range(60):
        make_gap(session, f"Question {number}", days_ago=number % 5, asked=number % 4)
    client = sign_in("administrator")
    address: str | None = f"/knowledge/gaps?sort={sort}"
    met: list[str] = []
    costs = set()
    while address:
        response = client.get(address)
        costs.add(response.headers["X-Sql-Statements"])
        met += re.findall(r'<a href="/knowledge/gaps/\d+">([^<]+)</a>', response.text)
        more = re.search(r'href="([^"]+)" rel="next"', response.text)
        address = more[1].replace("&amp;", "&") if more else None
    assert len(met) == len(set(met)) == 60
    assert len(costs) == 1, "as many statements for the first page as for the last"


def test_the_list_shows_states_and_finds_words(sign_in: SignIn, session: Session) -> None:
    client = sign_in("supervisor")
    make_gap(session, "Gift wrapping?")
    mine = make_gap(session, "Old armchair?", state=GapState.ASSIGNED, assigned_to_id=client.user.id)  # type: ignore[attr-defined]
    make_gap(session, "Toaster?", state=GapState.IGNORED)
    add(session, question("take my sofa away", gap_id=mine.id))
    session.commit()
    assert "Toaster?" not in client.get("/knowledge/gaps").text
    assert "Toaster?" in client.get("/knowledge/gaps?show=ignored").text
    own = client.get("/knowledge/gaps?show=mine").text
    assert "Old armchair?" in own and "Gift wrapping?" not in own
    found = client.get("/knowledge/gaps?q=sofa").text
    assert "Old armchair?" in found and "Gift wrapping?" not in found
    assert "No gap with these words" in client.get("/knowledge/gaps?q=100%25").text
    assert "Old armchair?" in client.get("/").text, "what is given to somebody stands in their home"


def test_a_place_that_was_made_up_is_refused(sign_in: SignIn, session: Session) -> None:
    client = sign_in("supervisor")
    gap = make_gap(session)
    for place in ("x", "1", f"{10**30}_1", f"1_{10**30}", f"{2**62}_1", "-9000000000000000000_1"):
        assert client.get(f"/knowledge/gaps?sort=latest&after={place}").status_code == 400
        assert client.get(f"/knowledge/gaps/{gap.id}?after={place}").status_code == 400
    assert client.get("/knowledge/gaps/987654321").status_code == 404


def test_a_gap_shows_the_words_and_the_conversation_behind_them(sign_in: SignIn, session: Session) -> None:
    talk = make_interaction(session, make_customer(session, "Isla", "Mercer"), make_user(session, name="Maya Kerr"))
    gap = make_gap(session)
    add(session, question("Wrapped, <b>please</b>", gap_id=gap.id, interaction_id=talk.id, user_id=talk.agent_id))
    session.commit()
    page = sign_in("supervisor").get(f"/knowledge/gaps/{gap.id}").text
    assert "Wrapped, &lt;b&gt;please" in page and f'href="/interactions/{talk.id}"' in page and "Maya Kerr" in page
    assert "Mercer" not in page, "whose words they are stands in the conversation"


def test_a_gap_is_given_to_an_owner(sign_in: SignIn, session: Session) -> None:
    client, gap = sign_in("supervisor"), make_gap(session)
    agent = make_user(session, "agent")
    session.commit()
    refused = post(client, gap, "assignment", user_id=agent.id)
    assert refused.status_code == 422 and "may write articles" in refused.text
    assert post(client, gap, "assignment", user_id=client.user.id).status_code == 303  # type: ignore[attr-defined]
    assert state_of(session, gap) is GapState.ASSIGNED
    assert "It is yours now." in client.get(f"/knowledge/gaps/{gap.id}").text
    colleague = make_user(session, "supervisor", name="Ines O’Hara")
    session.commit()
    post(client, session.get_one(KnowledgeGap, gap.id), "assignment", user_id=colleague.id)
    session.expire_all()
    assert "Given to Ines O’Hara." in client.get(f"/knowledge/gaps/{gap.id}").text
    assert post(client, session.get_one(KnowledgeGap, gap.id), "assignment", user_id="").status_code == 303
    assert state_of(session, gap) is GapState.OPEN
    kinds = session.scalars(select(Event.kind).where(Event.subject_type == "knowledge_gaps")).all()
    assert kinds == ["gap.assigned"] * 3


def test_only_a_published_article_solves_a_gap(sign_in: SignIn, session: Session) -> None:
    client, gap = sign_in("supervisor"), make_gap(session)
    draft = make_article(session, "Wrapping", state=ArticleState.DRAFT)
    real = make_article(session, "Gift wrapping", "We gift wrap for £3.")
    session.commit()
    for refused in (post(client, gap, "solution", article_id=draft.id), post(client, gap, "solution")):
        assert refused.status_code == 422
    assert post(client, gap, "solution", article_id=real.id).status_code == 303
    session.expire_all()
    gap = session.get_one(KnowledgeGap, gap.id)
    assert (gap.state, gap.article_id) == (GapState.SOLVED, real.id) and gap.decided_at is not None
    again = client.get(f"/knowledge/gaps/{gap.id}/answers").text
    assert "1 of 1 question now finds it" in again and "finds it first" in again


def test_a_solved_gap_says_which_questions_still_find_nothing(sign_in: SignIn, session: Session) -> None:
    article = make_article(session, "Gift wrapping", "We gift wrap for £3.")
    make_article(session, "Parking", "Parking is behind the showroom.")
    gap = make_gap(session, state=GapState.SOLVED, article_id=article.id, decided_at=utc_now())
    add(session, question("where is the parking", gap_id=gap.id))
    add(session, question("xylophone lessons", gap_id=gap.id))
    session.commit()
    text = sign_in("supervisor").get(f"/knowledge/gaps/{gap.id}/answers", headers=HTMX).text
    assert "1 of 3 questions now find it" in text
    assert "finds “Parking” instead" in text and "still finds nothing" in text


def test_putting_aside_can_be_undone_on_the_spot(sign_in: SignIn, session: Session) -> None:
    client, gap = sign_in("supervisor"), make_gap(session)
    data = {"state": "ignored", "seen": stamp(gap)}
    row = client.post(f"/knowledge/gaps/{gap.id}/state", data=data, headers=HTMX)
    assert row.status_code == 200 and "Undo" in row.text and state_of(session, gap) is GapState.IGNORED
    seen = stamp(session.get_one(KnowledgeGap, gap.id))
    client.post(f"/knowledge/gaps/{gap.id}/state", data={"state": "open", "seen": seen}, headers=HTMX)
    assert state_of(session, gap) is GapState.OPEN
    assert post(client, session.get_one(KnowledgeGap, gap.id), "state", state="ignored").status_code == 303
    assert "Put aside" in client.get(f"/knowledge/gaps/{gap.id}").text
    assert post(client, gap, "state", state="burnt").status_code == 400


def test_a_change_by_a_colleague_is_not_overwritten(sign_in: SignIn, session: Session) -> None:
    client, gap = sign_in("supervisor"), make_gap(session)
    old = stamp(gap)
    assert post(client, gap, "wording", question="Can it be wrapped?").status_code == 303
    late = post(client, gap, "wording", question="My wording", seen=old)
    assert late.status_code == 409 and "My wording" in late.text and "Can it be wrapped?" in late.text
    row = client.post(f"/knowledge/gaps/{gap.id}/state", data={"state": "ignored", "seen": old}, headers=HTMX)
    assert row.status_code == 409 and state_of(session, gap) is GapState.OPEN


def test_a_wording_must_say_something(sign_in: SignIn, session: Session) -> None:
    client, gap = sign_in("supervisor"), make_gap(session)
    assert post(client, gap, "wording", question=" \0 ").status_code == 422
    session.expire_all()
    assert session.get_one(KnowledgeGap, gap.id).question == "Do you gift wrap?"


def test_the_same_question_asked_twice_at_one_moment_opens_one_gap(app: Flask, session: Session) -> None:
    def ask() -> None:
        with app.app_context():
            filed("Do you gift wrap?", unit(1, 0))

    for _ in range(5):
        at_once(ask, ask, ask)
        session.expire_all()
        assert [gap.asked for gap in session.scalars(select(KnowledgeGap))] == [3]
        for table in (AskedQuestion, KnowledgeGap):
            session.execute(delete(table))
        session.commit()


def test_an_article_is_chosen_by_its_words_or_its_title(sign_in: SignIn, session: Session) -> None:
    gap = make_gap(session)
    make_article(session, "Presents", "We gift wrap for three pounds.")
    make_article(session, "Zeppelin rides", "Nothing else in here.")
    session.commit()
    client = sign_in("supervisor")
    near = client.get(f"/knowledge/gaps/{gap.id}/nearby").text
    assert "Presents" in near and "% sure" in near
    assert "Zeppelin rides" in client.get(f"/knowledge/gaps/{gap.id}/nearby?q=zepp", headers=HTMX).text
    assert "Nothing is called that" in client.get(f"/knowledge/gaps/{gap.id}/nearby?q=qqq", headers=HTMX).text


def test_the_list_is_a_file_that_no_spreadsheet_runs(
    sign_in: SignIn, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gap_queries, "AT_ONCE", 2)
    client = sign_in("supervisor")
    article = make_article(session, "@Wrapping")
    for number in range(4):
        make_gap(session, f"Question {number}?", asked=10 - number)
    owner = make_user(session, name="-Olga")
    make_gap(session, '=HYPERLINK("x")', days_ago=9, asked=30, assigned_to_id=owner.id, state=GapState.ASSIGNED)
    make_gap(session, "+44?", asked=1, state=GapState.SOLVED, article_id=article.id)
    link = re.search(r'href="([^"]+)" download aria-label="These gaps as CSV"', client.get("/knowledge/gaps").text)
    assert link is not None
    response = client.get(html.unescape(link[1]))
    assert re.fullmatch(r'attachment; filename="gaps-[0-9-]+.csv"', response.headers["Content-Disposition"])
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["question"] for row in rows] == ['\'=HYPERLINK("x")', *[f"Question {number}?" for number in range(4)]]
    assert [rows[0][name] for name in ("assigned_to", "asked", "this_week", "week_before")] == [
        "'-Olga",
        "30",
        "0",
        "1",
    ]
    solved = client.get("/knowledge/gaps/list.csv?show=solved").text
    assert "'+44?" in solved and "'@Wrapping" in solved and "Question" not in solved
    assert "Question 3?" in client.get("/knowledge/gaps/list.csv?q=question 3").text
    assert "HYPERLINK" not in client.get("/knowledge/gaps/list.csv?q=question 3").text
    assert sign_in("agent").get("/knowledge/gaps/list.csv").status_code == 403


def test_older_questions_come_when_asked_for(sign_in: SignIn, session: Session) -> None:
    gap = make_gap(session, days_ago=40)
    now = utc_now()
    for number in range(30):
        add(session, question(f"number-{number} wrap", gap_id=gap.id, asked_at=now - timedelta(hours=number)))
    session.commit()
    client = sign_in("supervisor")
    first = client.get(f"/knowledge/gaps/{gap.id}")
    more = re.search(r'hx-get="([^"]+after=[^"]+)"', first.text)
    assert more is not None and "number-19 " in first.text and "number-20 " not in first.text
    rest = client.get(more[1], headers=HTMX)
    assert "number-20 " in rest.text and "<h1>" not in rest.text
    assert int(first.headers["X-Sql-Statements"]) <= 10


def test_an_agent_does_not_come_here(sign_in: SignIn, session: Session) -> None:
    gap = make_gap(session)
    client = sign_in("agent")
    assert client.get("/knowledge/gaps").status_code == client.get(f"/knowledge/gaps/{gap.id}").status_code == 403
    assert post(client, gap, "state", state="ignored").status_code == 403


def test_with_the_real_model_paraphrases_meet(app: Flask) -> None:
    app.config["EMBEDDING_MODEL"] = ""
    with app.app_context():
        model = encoder()
        assert model.load()

        def asked(text: str) -> int | None:
            row = question(text, model.encode_question(text).tobytes())
            row.model = model.name
            note_gap(row, datetime.now(utc_now().tzinfo))
            db.session.add(row)
            db.session.commit()
            return row.gap_id

        wrap = asked("do you gift wrap parcels")
        assert asked("can you gift wrap it for me") == wrap
        assert asked("do you take the old armchair away") != wrap
