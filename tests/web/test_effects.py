"""What gestures did: counted right, compared with the hold-out, silent where there is too little to say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import isclose

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.auth.models import Team, User
from console.customers.facts import refresh
from console.customers.models import Customer
from console.db import utc_now
from console.empowerment.intervals import mean_difference, share_difference, wilson
from console.empowerment.kinds import Occasion
from console.empowerment.models import CustomerSegment
from console.gestures import ledger
from console.gestures.comparing import ALL, hold_out
from console.gestures.effects import effects
from console.gestures.learning_models import Suggestion
from console.gestures.models import GestureVersion
from console.interactions.models import Interaction
from tests.factories import add, make_customer, make_interaction, make_user, numbers
from tests.factories_gestures import make_gesture, make_policy, terms_of
from tests.listening import statements

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
def test_each_row_is_compared_with_the_hold_out_that_fits_it(
    app: Flask, session: Session, sign_in: SignIn, returning: float, clear: bool
) -> None:
    make_policy(session)
    team = add(session, Team(name="Phones"))
    agent, at = make_user(session, team=team), utc_now() - timedelta(days=40)
    candle, card = make_gesture(session, "A candle", 500), make_gesture(session, "A card", 90)
    for name, tier in (("Gold ones", "gold"), ("Silver ones", "silver")):
        add(session, CustomerSegment(name=name, rule={"field": "tier", "op": "in", "value": [tier]}))
    give(app, session, agent, candle, at)
    give(app, session, agent, card, at)
    for number in range(80):
        held_out, half = number % 2 == 0, number % 4 < 2
        customer = make_customer(session, tier="gold" if half else "silver")
        talk = make_interaction(session, customer, agent, started_at=at, csat=None)
        gestures = [candle.gesture_id, card.gesture_id] if half else [candle.gesture_id]
        shown = Suggestion(
            shown_at=at, customer_id=customer.id, interaction_id=talk.id, agent_id=agent.id, occasion=Occasion.DELIGHT,
            model="rules-1", items=[{"gesture": one} for one in gestures], held_out=held_out,
            silence="held_out" if held_out else "",
        )  # fmt: skip
        add(session, shown)
        if (number // 2) % 10 < 10 * (returning if held_out else 0.5):
            make_interaction(session, customer, None, started_at=at + timedelta(days=2))
    session.commit()
    with app.test_request_context():
        refresh(utc_now())
        with statements() as seen:
            found = effects(at - timedelta(days=1), at + timedelta(days=1), "GBP", utc_now())
        assert len(seen) == 8 + 2  # one for each segment
    rows = {"all": found.total} | {row.name: row for table in found.tables.values() for row in table}
    back = {name: next(one for one in row.comparisons if one.key == "came_back") for name, row in rows.items()}
    for name in ("all", "For no reason", "Phones", "A candle"):
        one = back[name]
        assert (one.cases, one.others, one.value, one.other, one.is_clear) == (40, 40, 0.5, returning, clear), name
    for name in ("Gold ones", "A card"):
        assert (back[name].cases, back[name].others, back[name].is_enough) == (20, 20, False), name
    assert found.surprised == 40 / found_talks(session, at)
    client = sign_in("supervisor")
    page = client.get("/gestures/effects").text
    assert ("<b>clear</b>" in page) is clear
    lines = client.get("/gestures/effects.csv").text.splitlines()
    (candles,) = (line for line in lines if line.startswith("gesture,A candle,"))
    low, high = back["A candle"].low, back["A candle"].high
    assert f",0.5,40,{returning},40,{round(low, 4)},{round(high, 4)}," in candles
    (cards,) = (line for line in lines if line.startswith("gesture,A card,"))
    assert ",20,,," in cards  # too few: no bounds


def found_talks(session: Session, at: datetime) -> int:
    """The conversations of the two days around."""
    nearby = Interaction.started_at.between(at - timedelta(days=1), at + timedelta(days=1))
    return session.scalars(select(func.count()).select_from(Interaction).where(nearby)).one()


def test_a_customer_counts_once_a_week_and_after_a_failure_nobody_is_held_out(app: Flask, session: Session) -> None:
    agent, at = make_user(session), datetime(2026, 5, 11, 10, tzinfo=UTC)  # a Monday
    customer = make_customer(session)
    for days in (0, 1, 6, 7):
        talk = make_interaction(session, customer, agent, state="closed", started_at=at + timedelta(days=days))
        given = {"shown_at": at + timedelta(days=days), "interaction_id": talk.id, "customer_id": customer.id}
        add(session, Suggestion(agent_id=agent.id, occasion=Occasion.DELIGHT, model="rules-1", items=[], **given))
    session.commit()
    with app.app_context():
        found = hold_out(at, at + timedelta(days=30), {}, at + timedelta(days=90))
    assert found.of(ALL)[1].cases == 2
    assert found.of(("occasion", Occasion.RECOVERY)) == ()
    assert found.of(("gesture", 7))[0].is_enough is False
