"""Lists as they are shown: logged once, held out by lot, put aside, and picked from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from console.customers.models import Complaint, Customer
from console.db import utc_now
from console.empowerment.kinds import GestureKind, Occasion
from console.empowerment.models import PolicyVersion
from console.gestures import advising, ledger, outcomes
from console.gestures.learning_models import GestureSettings, Suggestion
from console.gestures.models import GestureVersion, LedgerEntry
from console.gestures.outcomes import Outcome
from console.gestures.weights import LEARNED
from console.interactions.models import Interaction
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
    row = lists(session)[-1]
    assert row.held_out
    assert [item["gesture"] for item in row.items] == [shop.card.gesture_id]  # what would have been suggested
    add(session, Complaint(customer_id=held.id, text="It came broken"))
    session.commit()
    assert 'data-key="g 1"' in shop.client.get(f"/customers/{held.id}/gestures", headers=HTMX).text


def test_for_no_reason_little_is_suggested_and_what_is_owed_always(
    shop: SimpleNamespace, session: Session, sign_in: SignIn
) -> None:
    """Three prospects a week, however few the talks; the fourth hears a thank-you, until a supervisor allows more."""
    now, boss = utc_now(), sign_in("supervisor")

    def caller() -> Customer:
        found = make_customer(session, birth_month=now.month, birth_day=now.day)
        make_interaction(session, found, shop.client.user, started_at=now)
        session.commit()
        return found

    def is_suggested(customer: Customer) -> bool:
        return 'data-key="g 1"' in shop.client.get(f"/customers/{customer.id}/gestures", headers=HTMX).text

    callers = [shop.customer, caller(), caller()]
    assert all(map(is_suggested, callers))
    fourth = caller()
    assert not is_suggested(fourth)
    row = lists(session)[-1]
    assert (row.silence, row.held_out) == ("rare", False)
    assert [item["gesture"] for item in row.items] == [shop.card.gesture_id]  # what would have been suggested
    assert all(map(is_suggested, callers))  # what was shown stays while they talk

    def allow(percent: int) -> None:
        data = {"surprise": percent, "hold_out_percent": 0, "review_percent": 3}
        assert boss.post("/gestures/settings", data=data).status_code == 303

    allow(60)
    assert not is_suggested(fourth)  # and what was kept back stays away
    assert not is_suggested(caller())  # four of five were more than 60 of 100
    add(session, Complaint(customer_id=fourth.id, text="It came broken"))
    session.commit()
    allow(0)
    assert is_suggested(fourth)
    assert not is_suggested(callers[0])
    allow(80)
    assert is_suggested(caller())  # three of the other five had one: what was kept back does not count


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
    assert 'data-key="g 1"' in page  # what only lacks a reason is suggested, and asks for it
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
        (decision,) = outcomes.decisions([outcome], outcomes.learn(now), learned=False)
        assert (decision.chance, decision.other, decision.reward) == (1, 1, 1.0)
    told = app.test_cli_runner().invoke(args=["gestures", "evaluate"]).output
    assert "the rules alone: 1 outcomes" in told
    assert "too few to judge" in told


def test_what_was_learned_is_read_anew_beside_the_requests(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    now, may_go_on, reads = utc_now(), threading.Event(), []

    def read(now: datetime) -> list[Outcome]:
        reads.append(now)
        assert may_go_on.wait(60)
        return []

    def finish() -> None:
        may_go_on.set()
        for thread in list(outcomes.THREADS):
            thread.join()
        may_go_on.clear()

    monkeypatch.setattr(outcomes, "outcomes", read)
    with app.app_context():
        assert [outcomes.beliefs(now) for _ in range(2)] == [None, None]  # not known yet, and read once
        finish()
        first = outcomes.beliefs(now)
        assert first is not None
        later = now + outcomes.LEARNT_EVERY
        assert all(outcomes.beliefs(later) is first for _ in range(2))  # while it is read anew
        finish()
        assert outcomes.beliefs(later) is not first
    assert reads == [now, later]


def test_a_learned_order_that_does_worse_gives_way_to_the_rules(
    app: Flask, session: Session, shop: SimpleNamespace, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card and a sample of nearly one score: three times in four the dearer stands first, and it brings nothing."""
    sample = make_gesture(session, "A sample", 100, kind="sample", perceived_minor=900)
    session.scalars(select(GestureSettings)).one().rules_only = False
    session.commit()
    now = utc_now()

    card = shop.card
    kinds = {card.id: GestureKind.HANDWRITTEN_CARD, sample.id: GestureKind.SAMPLE}

    def one_of(first: GestureVersion, share: float, value: bool) -> Outcome:
        """What came of a list that began with `first`, as it did with that chance."""
        items = [
            {"gesture_version": one.id, "gesture": one.gesture_id, "kind": kinds[one.id], "score": 60,
             "cost": one.cost_minor, "needs_approval": False, "propensity": share}
            for one in sorted((card, sample), key=lambda one: one is not first)
        ]  # fmt: skip
        return Outcome(first.gesture_id, kinds[first.id], Occasion.DELIGHT, "", first.id, "GBP",
                       float(value), LEARNED, now, items)  # fmt: skip

    def read(_: datetime, *, worse: GestureVersion | None) -> list[Outcome]:
        shown = [(card, 0.25), (sample, 0.75), (sample, 0.75), (sample, 0.75)]
        return [
            one_of(first, share, first is not worse if worse else number % 2 == 0)
            for first, share in shown
            for number in range(300)
        ]

    for worse, gives_way in ((sample, True), (card, False), (None, False)):
        monkeypatch.setattr(outcomes, "outcomes", partial(read, worse=worse))
        with app.app_context():
            assert outcomes.learn(now).is_worse is gives_way
        shop.client.get(shop.url, headers=HTMX)
        assert (lists(session)[-1].model == LEARNED) is not gives_way
    monkeypatch.setattr(outcomes, "outcomes", partial(read, worse=sample))
    with app.app_context():
        outcomes.learn(now)
    assert "The rules alone are used again" in sign_in("supervisor").get("/gestures/settings").text


def test_the_settings_are_kept_and_recorded(session: Session, sign_in: SignIn) -> None:
    client = sign_in("supervisor")
    assert "Below 300 nothing changes places" in client.get("/gestures/settings").text
    given = {"learning": "y", "hold_out_percent": "10", "review_percent": "4", "surprise": "12"}
    assert client.post("/gestures/settings", data=given | {"hold_out_percent": "60"}).status_code == 422
    assert client.post("/gestures/settings", data=given).status_code == 303
    row = session.scalars(select(GestureSettings)).one()
    assert (row.rules_only, row.hold_out_percent, row.review_percent) == (False, 10, 4)
    assert 'value="12"' in client.get("/gestures/settings").text
    assert sign_in("agent").get("/gestures/settings").status_code == 403


def test_a_policy_that_changes_while_they_talk_is_told_until_it_is_read(
    shop: SimpleNamespace, session: Session
) -> None:
    now = utc_now()
    session.execute(update(Interaction).values(started_at=now - timedelta(minutes=20)))
    session.commit()
    assert "Your policies changed" not in shop.client.get(shop.url, headers=HTMX).text
    more, less = caps(each=1500), now - timedelta(minutes=10)
    make_policy(session, replaces=shop.policy, limits=more, effective_from=less)
    make_policy(session, roles=("sales",), effective_from=less)  # not about this agent
    session.commit()
    page = shop.client.get(shop.url, headers=HTMX).text
    clock = less.astimezone(ZoneInfo("Europe/London")).strftime("%H:%M")
    assert f"Since {clock}, you may give any gesture up to £15 each (before: £10 each)." in page
    assert page.count("Since ") == 1
    read = shop.client.post(f"{shop.url}/policy-news/dismissal", data={"until": now.isoformat()}, headers=HTMX)
    assert (read.status_code, "Your policies changed" in read.text) == (200, False)
    mine = PolicyVersion.policy_id == shop.policy.policy_id
    session.execute(update(PolicyVersion).where(mine).values(effective_to=utc_now()))
    session.commit()
    assert "is not in force. It said: Agents may offer" in shop.client.get(shop.url, headers=HTMX).text
    assert shop.client.post(f"{shop.url}/policy-news/dismissal", data={"until": "soon"}).status_code == 400
