"""Two gaps that become one, and two again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db import utc_now
from knowledge.models import ArticleState, AskedQuestion, GapState, KnowledgeGap
from tests.conftest import HTMX
from tests.factories import add, make_user
from tests.factories_gaps import MODEL, at_once, make_gap, post, question, unit
from tests.factories_knowledge import make_article
from tests.undoing import undone

SignIn = Callable[..., FlaskClient]


def test_two_gaps_become_one(sign_in: SignIn, session: Session) -> None:
    client = sign_in("supervisor")
    first = make_gap(session, "Gift wrap?", days_ago=1, asked=3, vector=unit(1, 0), model=MODEL)
    second = make_gap(session, "Wrapped?", days_ago=8, asked=1, vector=unit(0.8, 0.6), model=MODEL)
    assert "Wrapped?" in client.get(f"/knowledge/gaps/{first.id}/nearby").text
    assert post(client, first, "merger", other_id=first.id).status_code == 422
    assert post(client, first, "merger", other_id=987_654_321).status_code == 404
    assert post(client, first, "merger", other_id=second.id).status_code == 303
    gone = second.id
    session.expunge(second)
    session.expire_all()
    assert session.get(KnowledgeGap, gone) is None
    kept = session.get_one(KnowledgeGap, first.id)
    assert (kept.question, kept.asked) == ("Gift wrap?", 4) and kept.last_asked_at - kept.first_asked_at > timedelta(6)
    asked = session.scalars(select(AskedQuestion.text).where(AskedQuestion.gap_id == first.id)).all()
    assert set(asked) == {"Gift wrap?", "Wrapped?"}


def test_a_gap_far_in_meaning_is_found_by_its_words_and_brings_its_draft_and_answerer_along(
    sign_in: SignIn, session: Session
) -> None:
    writer = make_user(session, "supervisor")
    draft = make_article(session, "Wheels", "We true wheels.", state=ArticleState.DRAFT)
    first = make_gap(session, "Do you mend bicycles?", vector=unit(1, 0), model=MODEL)
    second = make_gap(
        session, "Bicycle wheel truing 100%", vector=unit(0, 1), model=MODEL,
        article_id=draft.id, assigned_to_id=writer.id, state=GapState.ASSIGNED,
    )  # fmt: skip
    session.commit()
    client = sign_in("supervisor")
    assert "wheel truing" not in client.get(f"/knowledge/gaps/{first.id}/nearby").text
    found = client.get(f"/knowledge/gaps/{first.id}/nearby?q=wheel bicycle", headers=HTMX).text
    assert f'name="other_id" value="{second.id}"' in found
    assert "wheel truing" not in client.get(f"/knowledge/gaps/{first.id}/nearby?q=w%25g", headers=HTMX).text
    assert post(client, first, "merger", other_id=second.id).status_code == 303
    session.expunge_all()
    kept = session.get_one(KnowledgeGap, first.id)
    assert (kept.state, kept.article_id, kept.assigned_to_id) == (GapState.ASSIGNED, draft.id, writer.id)


def facts(session: Session, gap_id: int) -> dict[str, Any]:
    session.expire_all()
    row = session.scalars(select(KnowledgeGap).where(KnowledgeGap.id == gap_id)).one_or_none()
    names = [column.name for column in KnowledgeGap.__table__.columns if column.name != "vector"]
    found = {name: getattr(row, name) for name in names} if row else {}
    questions = select(AskedQuestion.text).where(AskedQuestion.gap_id == gap_id).order_by(AskedQuestion.id)
    return found | {"questions": session.scalars(questions).all()}


def test_a_merger_is_taken_back_with_all_that_each_gap_had(sign_in: SignIn, session: Session) -> None:
    client = sign_in("supervisor")
    article, decider = make_article(session, "Wrapping", "We gift wrap."), make_user(session)
    first = make_gap(session, "Gift wrap?", days_ago=1, asked=3, vector=unit(1, 0), model=MODEL)
    session.add(question("Gift wrap?", unit(1, 0), gap_id=first.id, asked_at=utc_now() - timedelta(days=3)))
    second = make_gap(
        session, "Is it “wrapped” & tied?", days_ago=8, asked=1, vector=unit(0, 1), model=MODEL,
        article_id=article.id, decided_by_id=decider.id, decided_at=utc_now(), state=GapState.SOLVED,
    )  # fmt: skip
    session.add(question("Wrapped?", unit(0, 1), gap_id=second.id))
    session.commit()
    ids = first.id, second.id
    before = [facts(session, one) for one in ids]
    post(client, first, "merger", other_id=second.id)
    assert facts(session, ids[1]) == {"questions": []}
    page = client.get(f"/knowledge/gaps/{ids[0]}").text
    assert "Now one gap, with the questions of both." in page
    assert "Two gaps again." in undone(client, page)
    session.expunge_all()
    assert [facts(session, one) for one in ids] == before
    middles = session.scalars(select(KnowledgeGap.vector).order_by(KnowledgeGap.id)).all()
    assert [np.frombuffer(one or b"", np.float32).round(3).tolist() for one in middles] == [[1, 0], [0, 1]]
    assert "can no longer be taken apart" in undone(client, page)


def test_what_was_asked_or_decided_since_a_merger_is_not_lost_when_it_is_taken_back(
    sign_in: SignIn, session: Session
) -> None:
    client, gone = sign_in("supervisor"), make_gap(session, "Wrapped?")
    kept = make_gap(session, "Gift wrap?", asked=2)
    ids = kept.id, gone.id
    post(client, kept, "merger", other_id=gone.id)
    page = client.get(f"/knowledge/gaps/{ids[0]}").text
    session.expire_all()
    add(session, question("And ribbons?", gap_id=ids[0]))
    kept.asked, kept.last_asked_at = kept.asked + 1, utc_now()
    latest = kept.last_asked_at
    session.commit()
    undone(client, page)
    session.expunge_all()
    now = facts(session, ids[0])
    assert (now["asked"], now["last_asked_at"], now["questions"]) == (3, latest, ["Gift wrap?", "And ribbons?"])
    post(client, session.get_one(KnowledgeGap, ids[0]), "merger", other_id=ids[1])
    page = client.get(f"/knowledge/gaps/{ids[0]}").text
    post(client, session.get_one(KnowledgeGap, ids[0]), "state", state="ignored")
    assert "A colleague changed this gap" in undone(client, page)
    assert facts(session, ids[1]) == {"questions": []}


def test_two_who_merge_the_same_gaps_crosswise_both_get_an_answer(sign_in: SignIn, session: Session) -> None:
    clients = [sign_in("supervisor"), sign_in("supervisor")]
    for _ in range(5):
        pair = make_gap(session, "Gift wrap?"), make_gap(session, "Wrapped?")
        both = [gap.id for gap in pair]
        acts = [
            partial(post, client, gap, "merger", other_id=other.id)
            for client, gap, other in zip(clients, pair, pair[::-1], strict=True)
        ]
        codes = [response.status_code for response in at_once(*acts)]
        assert sorted(codes) == [303, 404]
        session.expire_all()
        kept = session.scalars(select(KnowledgeGap).where(KnowledgeGap.id.in_(both))).all()
        assert [gap.asked for gap in kept] == [2]
        session.expunge_all()
