"""What a person should look at: the lot, the patterns and their arithmetic, and judging."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from math import comb, isclose
from types import SimpleNamespace

from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.auth.models import User
from console.customers.models import Customer
from console.db import utc_now
from console.gestures import ledger
from console.gestures.learning_models import GestureSettings
from console.gestures.odds import at_least, discoveries
from console.gestures.review_models import GestureReview, ReviewKind, ReviewOutcome
from console.gestures.reviews import pairs
from tests.factories import make_customer, make_interaction, make_user, numbers
from tests.factories_gestures import make_gesture, make_policy, terms_of

SignIn = Callable[..., FlaskClient]


@settings(max_examples=50)
@given(st.integers(1, 60), st.integers(0, 60), st.floats(0.01, 0.99))
def test_the_tail_is_the_sum_of_its_terms(cases: int, hits: int, share: float) -> None:
    terms = (comb(cases, k) * share**k * (1 - share) ** (cases - k) for k in range(hits, cases + 1))
    assert isclose(at_least(hits, cases, share), sum(terms) if hits else 1.0, rel_tol=1e-6, abs_tol=1e-12)


def test_discoveries_follow_benjamini_and_hochberg() -> None:
    assert discoveries([0.01, 0.04, 0.03, 0.2], 0.05) == [0]
    assert discoveries([0.001, 0.012, 0.03, 0.2], 0.05) == [0, 1, 2]
    assert discoveries([], 0.05) == []


def gift(agent: int, customer: int) -> SimpleNamespace:
    return SimpleNamespace(team_id=1, agent_id=agent, customer_id=customer)


def test_a_pair_that_chance_hardly_makes_is_far_out_and_an_ordinary_one_is_not() -> None:
    ordinary = [gift(agent, customer) for agent in range(5) for customer in range(100, 120)]
    odd = [gift(0, 900) for _ in range(8)]
    chances = {one.subject: one.chance for one in pairs(ordinary + odd, "2026-11")}
    assert list(chances) == ["pair:0:900:2026-11"]  # the others have too few together
    assert chances["pair:0:900:2026-11"] < 1e-4


def give(app: Flask, session: Session, agent: User, customer: Customer, at: datetime) -> None:
    version = make_gesture(session, "A candle", 500)
    make_interaction(session, customer, agent, started_at=at)
    session.commit()
    with app.app_context():
        entry = ledger.offer(terms_of(agent, customer, version), key=f"review-{next(numbers)}", now=at)
        ledger.grant(entry.id, actor_id=agent.id, now=at)


def test_what_the_lot_draws_is_found_once_and_judged_by_somebody_else(
    app: Flask, session: Session, sign_in: SignIn
) -> None:
    make_policy(session, roles=("agent", "supervisor"))
    agent, customer = make_user(session, "supervisor"), make_customer(session)
    session.scalars(select(GestureSettings)).one().review_percent = 100
    give(app, session, agent, customer, utc_now() - timedelta(days=2))
    other = sign_in("supervisor")
    assert "look for new ones" in other.get("/").text
    assert "A candle" in other.get("/gestures/reviews").text  # the first visit of a day draws
    assert other.post("/gestures/reviews").status_code == 303  # and nothing twice
    assert "1 to look at" in other.get("/").text
    row = session.scalars(select(GestureReview)).one()
    assert row.kind is ReviewKind.SAMPLE
    give(app, session, agent, make_customer(session), utc_now() - timedelta(days=1))
    other.get("/gestures/reviews")
    assert session.scalars(select(func.count(GestureReview.id))).one() == 1  # tomorrow
    assert other.post(f"/gestures/reviews/{row.id}", data={}).status_code == 422
    own = sign_in(agent)
    answer = own.post(f"/gestures/reviews/{row.id}", data={"outcome": "fine"})
    assert "about you" in answer.text
    assert (
        other.post(f"/gestures/reviews/{row.id}", data={"outcome": "talk", "comment": "A good one"}).status_code == 303
    )
    session.expire_all()
    assert session.get_one(GestureReview, row.id).outcome is ReviewOutcome.TALK
    assert "judged this meanwhile" in other.post(f"/gestures/reviews/{row.id}", data={"outcome": "fine"}).text
    assert "A good one" in other.get("/gestures/reviews?show=done").text
    assert "Nothing to look at" in other.get("/gestures/reviews").text
    assert other.post("/gestures/reviews/99999", data={"outcome": "fine"}).status_code == 404
    assert sign_in("agent").get("/gestures/reviews").status_code == 403
