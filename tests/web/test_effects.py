"""What gestures did: counted right, compared with the hold-out, silent where there is too little to say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from math import isclose

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from console.auth.models import User
from console.customers.models import Customer
from console.db import utc_now
from console.empowerment.intervals import mean_difference, share_difference, wilson
from console.empowerment.kinds import Occasion
from console.empowerment.models import CustomerSegment
from console.gestures import ledger
from console.gestures.effects import effects
from console.gestures.learning_models import Suggestion
from console.gestures.models import GestureVersion
from tests.factories import add, make_customer, make_interaction, make_user, numbers
from tests.factories_gestures import make_gesture, make_policy, terms_of

SignIn = Callable[..., FlaskClient]


def test_wilsons_interval_is_the_published_one() -> None:
    low, high = wilson(81, 263)  # Newcombe 1998, table I: .2553 to .3662
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 0) == (0, 1)
    assert wilson(0, 10)[0] == 0


def test_newcombes_interval_is_the_published_one() -> None:
    low, high = share_difference(56, 70, 48, 80)  # Newcombe 1998, table II, method 10: .0524 to .3339
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
    assert share_difference(0, 0, 1, 2) == (-1, 1)


def test_two_like_means_differ_by_nothing() -> None:
    found = mean_difference([4, 5, 3], [4, 5, 3])
    assert found is not None
    assert isclose(found[0], -found[1])
    assert mean_difference([4], [4, 5]) is None


def give(
    app: Flask, session: Session, agent: User, version: GestureVersion, at: datetime, *, csat: int = 5, yes: bool = True
) -> Customer:
    customer = make_customer(session, tier="gold")
    make_interaction(session, customer, agent, started_at=at - timedelta(minutes=5), csat=csat)
    session.commit()
    with app.app_context():
        key = f"effects-{next(numbers)}"
        entry = ledger.offer(terms_of(agent, customer, version, occasion=Occasion.DELIGHT), key=key, now=at)
        (ledger.grant if yes else ledger.decline)(entry.id, actor_id=agent.id, now=at)
    return customer


def test_what_was_given_is_counted_by_gesture_occasion_team_and_segment(
    app: Flask, session: Session, sign_in: SignIn
) -> None:
    make_policy(session)
    agent, version = make_user(session), make_gesture(session, "A candle", 500)
    gold = {"field": "tier", "op": "in", "value": ["gold"]}
    add(session, CustomerSegment(name="Gold ones", rule=gold))
    session.commit()
    at = utc_now() - timedelta(days=20)
    again = give(app, session, agent, version, at)
    make_interaction(session, again, None, started_at=at + timedelta(days=3))
    give(app, session, agent, version, at + timedelta(hours=1))
    give(app, session, agent, version, at + timedelta(hours=2), yes=False)
    session.commit()
    with app.test_request_context():
        found = effects(at - timedelta(days=1), at + timedelta(days=1), "GBP", utc_now())
        assert effects(at - timedelta(days=9), at - timedelta(days=8), "GBP", utc_now()).total.offered == 0
    total = found.total
    assert (total.offered, total.accepted, total.declined, total.cost_minor) == (3, 2, 1, 1000)
    assert (total.watched, total.came_back) == (2, 1)
    assert total.share_back is None  # too few to say
    assert [tally.name for tally in found.tables["gesture"]] == ["A candle"]
    assert [tally.name for tally in found.tables["occasion"]] == ["For no reason"]
    assert sum(day.delight for day in found.days) == 1000
    client = sign_in("supervisor")
    page = client.get("/gestures/effects").text
    for told in ("A candle", "Too few to say", "£10.00"):
        assert told in page
    assert agent.name not in page
    assert "A candle,3,2,1,10.00,GBP" in client.get("/gestures/effects.csv").text
    assert "Nothing was offered" in client.get("/gestures/effects?from=2001-01-01&to=2001-02-01").text
    for asked in ("from=nonsense&to=9999-99-99", "from=0001-01-01&to=0001-01-02", "to=0002-01-01"):
        assert client.get(f"/gestures/effects?{asked}").status_code == 200
        assert client.get(f"/gestures/effects.csv?{asked}").status_code == 200


@pytest.mark.parametrize(("returning", "clear"), [(0.9, True), (0.5, False)])
def test_the_hold_out_shows_what_would_have_happened_anyway(
    app: Flask, session: Session, returning: float, clear: bool
) -> None:
    agent, at = make_user(session), utc_now() - timedelta(days=40)
    for number in range(80):
        held_out = number % 2 == 0
        customer = make_customer(session)
        talk = make_interaction(session, customer, agent, started_at=at, csat=None)
        shown = Suggestion(
            shown_at=at, customer_id=customer.id, interaction_id=talk.id, agent_id=agent.id, occasion=Occasion.DELIGHT,
            model="rules-1", items=[], held_out=held_out, silence="held_out" if held_out else "",
        )  # fmt: skip
        add(session, shown)
        if (number // 2) % 10 < 10 * (returning if held_out else 0.5):
            make_interaction(session, customer, None, started_at=at + timedelta(days=2))
    session.commit()
    with app.test_request_context():
        back = effects(at - timedelta(days=1), at + timedelta(days=1), "GBP", utc_now()).comparisons[0]
    assert (back.cases, back.others, back.is_enough) == (40, 40, True)
    assert (back.value, back.other) == (0.5, returning)
    assert back.is_clear is clear
