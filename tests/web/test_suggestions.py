"""Lists as they are shown: logged once, held out by lot, put aside, and picked from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.customers.models import Complaint
from console.db import utc_now
from console.gestures import advising, ledger, outcomes
from console.gestures.learning_models import GestureSettings, Suggestion
from console.gestures.models import LedgerEntry
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_interaction
from tests.factories_gestures import caps, make_gesture, make_policy, terms_of

SignIn = Callable[..., FlaskClient]
KEY = "0000-0000-0000-0001"


@pytest.fixture
def shop(session: Session, sign_in: SignIn) -> Iterator[SimpleNamespace]:
    """An agent on the line with somebody whose birthday it is."""
    client = sign_in("agent")
    now = utc_now()
    policy = make_policy(session)
    customer = make_customer(session, birth_month=now.month, birth_day=now.day)
    make_interaction(session, customer, client.user, started_at=now)  # type: ignore[attr-defined]
    card = make_gesture(session, "A handwritten card", 90, kind="handwritten_card", perceived_minor=900)
    session.commit()
    yield SimpleNamespace(
        client=client, customer=customer, card=card, policy=policy, url=f"/customers/{customer.id}/gestures"
    )


def lists(session: Session) -> list[Suggestion]:
    session.expire_all()
    return list(session.scalars(select(Suggestion).order_by(Suggestion.id)))


def test_a_list_is_logged_once_with_parts_and_chances_and_the_offer_names_it(
    shop: SimpleNamespace, session: Session
) -> None:
    for _ in range(2):
        page = shop.client.get(shop.url, headers=HTMX).text
    (row,) = lists(session)
    assert f'name="suggestion" value="{row.id}"' in page
    (item,) = row.items
    assert item["propensity"] == 1
    assert sum(item["parts"].values()) == pytest.approx(item["score"], abs=1)
    data = {"version": shop.card.id, "key": KEY, "suggestion": row.id}
    assert shop.client.post(shop.url, data=data, headers=HTMX).status_code == 200
    assert session.scalars(select(LedgerEntry.suggestion_id)).one() == row.id


def test_a_list_of_somebody_else_is_not_believed(shop: SimpleNamespace, session: Session, sign_in: SignIn) -> None:
    other = sign_in("agent")
    other.get(shop.url, headers=HTMX)
    (row,) = lists(session)
    shop.client.post(shop.url, data={"version": shop.card.id, "key": KEY, "suggestion": row.id}, headers=HTMX)
    assert session.scalars(select(LedgerEntry.suggestion_id)).one() is None
    assert shop.client.post(f"/gestures/suggestions/{row.id}/skip", data={"reason": "words"}).status_code == 404


def test_a_list_put_aside_stays_away_and_says_why(shop: SimpleNamespace, session: Session) -> None:
    shop.client.get(shop.url, headers=HTMX)
    (row,) = lists(session)
    wrong = shop.client.post(f"/gestures/suggestions/{row.id}/skip", data={"reason": "boredom"}, headers=HTMX)
    assert wrong.status_code == 422
    page = shop.client.post(f"/gestures/suggestions/{row.id}/skip", data={"reason": "rushed"}, headers=HTMX).text
    assert "Put aside: they are in a hurry" in page
    assert 'data-key="g 1"' not in page
    assert lists(session)[0].skip_reason == "rushed"


def test_the_hold_out_silences_delight_and_never_what_follows_a_failure(
    shop: SimpleNamespace, session: Session
) -> None:
    session.scalars(select(GestureSettings)).one().hold_out_percent = 50
    session.commit()
    held = None
    for _ in range(60):
        now = utc_now()
        customer = make_customer(session, birth_month=now.month, birth_day=now.day)
        session.commit()
        with shop.client.application.app_context():
            if advising.held_out(customer.id, now, 50):
                held = customer
                break
    assert held
    page = shop.client.get(f"/customers/{held.id}/gestures", headers=HTMX).text
    assert "a sincere thank-you fits" in page
    assert 'data-key="g 1"' not in page
    assert lists(session)[-1].held_out
    add(session, Complaint(customer_id=held.id, text="It came broken"))
    session.commit()
    assert 'data-key="g 1"' in shop.client.get(f"/customers/{held.id}/gestures", headers=HTMX).text


def test_what_an_approver_could_allow_comes_after_what_fits(shop: SimpleNamespace, session: Session) -> None:
    make_gesture(session, "Furniture assembly", 2200, kind="upgrade", perceived_minor=6000)
    session.commit()
    page = shop.client.get(shop.url, headers=HTMX).text
    assert page.index("A handwritten card") < page.index("Furniture assembly") < page.index("Over your limits")
    assert [item["needs_approval"] for item in lists(session)[0].items] == [False, True]


def test_an_amount_and_a_reason_are_asked_for_where_they_are_needed(shop: SimpleNamespace, session: Session) -> None:
    credit = make_gesture(session, "Some credit", 1000, kind="credit", least_minor=200, step_minor=100)
    make_policy(session, replaces=shop.policy, reason_codes=("birthday",), note_over_minor=500, limits=caps())
    session.commit()
    page = shop.client.get(shop.url, headers=HTMX).text
    assert 'aria-label="Amount for Some credit"' in page
    assert 'aria-label="Reason for A handwritten card"' in page
    assert 'aria-label="A note for Some credit"' in page
    data = {"version": credit.id, "key": KEY, "cost": "3", "reason_code": "birthday"}
    assert shop.client.post(shop.url, data=data | {"cost": "3.50"}, headers=HTMX).status_code == 422
    assert shop.client.post(shop.url, data=data | {"reason_code": ""}, headers=HTMX).status_code == 422
    assert shop.client.post(shop.url, data=data, headers=HTMX).status_code == 200
    assert session.scalars(select(LedgerEntry.cost_minor)).one() == 300


def test_outcomes_are_learned_and_what_they_brought_is_judged(
    shop: SimpleNamespace, session: Session, app: Flask
) -> None:
    shop.client.get(shop.url, headers=HTMX)
    (row,) = lists(session)
    now = utc_now()
    with app.app_context():
        terms = terms_of(shop.client.user, shop.customer, shop.card, suggestion_id=row.id)
        entry = ledger.offer(terms, key=KEY, now=now)
        ledger.grant(entry.id, actor_id=shop.client.user.id, now=now)
        (outcome,) = outcomes.outcomes(now + timedelta(days=1))
        assert (outcome.gesture_id, outcome.value) == (shop.card.gesture_id, 1.0)
        (decision,) = outcomes.decisions([outcome], outcomes.beliefs(now), learned=False)
        assert (decision.chance, decision.other, decision.reward) == (1, 1, 1.0)
    told = app.test_cli_runner().invoke(args=["gestures", "evaluate"]).output
    assert "the rules alone: 1 outcomes" in told
    assert "too few to judge" in told


def test_the_settings_are_kept_and_recorded(session: Session, sign_in: SignIn) -> None:
    client = sign_in("supervisor")
    assert "Below 300 nothing changes places" in client.get("/gestures/settings").text
    given = {"learning": "y", "hold_out_percent": "10", "review_percent": "4"}
    assert client.post("/gestures/settings", data=given | {"hold_out_percent": "60"}).status_code == 422
    assert client.post("/gestures/settings", data=given).status_code == 303
    row = session.scalars(select(GestureSettings)).one()
    assert (row.rules_only, row.hold_out_percent, row.review_percent) == (False, 10, 4)
    assert sign_in("agent").get("/gestures/settings").status_code == 403
