"""What was granted comes about: at once, by a person, or by another system that is told until it says yes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db import db, utc_now
from console.errors import DomainError
from console.gestures import ledger, outbox
from console.gestures.fulfilment import NO_CODES, add_codes, codes_left
from console.gestures.fulfilment_models import Fulfilment, FulfilmentState, StoreCredit
from console.gestures.models import EntryState, Fulfilling, Gesture, GestureVersion, LedgerEntry
from tests.factories import make_customer, make_interaction, make_user, numbers
from tests.factories_gestures import make_gesture, make_policy, terms_of

SignIn = Callable[..., FlaskClient]
ADDRESS = "https://shop.example/gestures"


@pytest.fixture
def shop(app: Flask, session: Session) -> SimpleNamespace:
    """`granted(version)` gives a gesture to a new customer; `sheet(way)` is one that comes about that way."""
    agent, supervisor = make_user(session), make_user(session, "supervisor")
    make_policy(session)
    session.commit()

    def sheet(way: Fulfilling) -> int:
        version = make_gesture(session, f"By {way}", 500, face_minor=800, fulfilment=way)
        session.commit()
        return version.id

    def granted(version_id: int) -> LedgerEntry:
        customer = make_customer(session)
        make_interaction(session, customer, agent)
        session.commit()
        with app.app_context():
            version = db.session.get_one(GestureVersion, version_id)
            entry = ledger.offer(terms_of(agent, customer, version), key=f"fulfil-{next(numbers)}", now=utc_now())
            return ledger.grant(entry.id, actor_id=agent.id, now=utc_now())

    return SimpleNamespace(agent=agent, supervisor=supervisor, sheet=sheet, granted=granted)


def fulfilment_of(session: Session, entry: LedgerEntry) -> Fulfilment:
    session.expire_all()
    return session.scalars(select(Fulfilment).where(Fulfilment.entry_id == entry.id)).one()


def test_what_is_done_by_giving_it_is_done(shop: SimpleNamespace, app: Flask) -> None:
    entry = shop.granted(shop.sheet(Fulfilling.NONE))
    assert entry.state is EntryState.FULFILLED
    with app.app_context():  # a retry of the yes changes nothing
        assert ledger.grant(entry.id, actor_id=shop.agent.id, now=utc_now()).state is EntryState.FULFILLED


def test_store_credit_is_there_at_once_with_its_face_value(shop: SimpleNamespace, session: Session) -> None:
    entry = shop.granted(shop.sheet(Fulfilling.STORE_CREDIT))
    assert entry.state is EntryState.FULFILLED
    credit = session.scalars(select(StoreCredit)).one()
    assert (credit.customer_id, credit.amount_minor, credit.currency) == (entry.customer_id, 800, "GBP")


def test_every_voucher_code_is_given_once_and_then_people_wait(
    shop: SimpleNamespace, session: Session, app: Flask
) -> None:
    version = shop.sheet(Fulfilling.VOUCHER)
    gesture = session.scalars(select(Gesture)).one()
    with app.app_context():
        assert add_codes(gesture.id, "ONE\n\n two \nONE", actor_id=shop.supervisor.id, now=utc_now()) == 2
        db.session.commit()
    first, second, third = (shop.granted(version) for _ in range(3))
    assert [fulfilment_of(session, entry).data for entry in (first, second)] == [{"code": "ONE"}, {"code": "two"}]
    assert third.state is EntryState.GRANTED
    assert fulfilment_of(session, third).problem == NO_CODES
    with app.app_context():
        with pytest.raises(DomainError, match="No voucher codes"):
            ledger.try_again(third.id, actor_id=shop.agent.id, now=utc_now())
        with pytest.raises(DomainError, match="ONE is known already"):
            add_codes(gesture.id, "THREE\nONE", actor_id=shop.supervisor.id, now=utc_now())
        assert codes_left(gesture.id) == 0
        add_codes(gesture.id, "THREE", actor_id=shop.supervisor.id, now=utc_now())
        db.session.commit()
        assert ledger.try_again(third.id, actor_id=shop.agent.id, now=utc_now()).state is EntryState.FULFILLED


def test_what_a_person_does_waits_in_the_queue_until_it_is_ticked_off(
    shop: SimpleNamespace, session: Session, sign_in: SignIn
) -> None:
    entry = shop.granted(shop.sheet(Fulfilling.MANUAL))
    row = fulfilment_of(session, entry)
    client = sign_in("sales")
    assert "By manual" in client.get("/fulfilments").text
    assert client.post(f"/fulfilments/{row.id}/completion").status_code == 303
    row = fulfilment_of(session, entry)
    assert (row.state, row.done_by_id) == (FulfilmentState.DONE, client.user.id)  # type: ignore[attr-defined]
    assert session.get_one(LedgerEntry, entry.id).state is EntryState.FULFILLED
    assert "Everything promised is done" in client.get("/fulfilments").text
    assert "By manual" in client.get("/fulfilments?state=done").text
    assert client.get("/fulfilments?state=nonsense").status_code == 404
    assert client.post("/fulfilments/999999/completion").status_code == 404


def test_what_was_taken_back_is_not_done_any_more(shop: SimpleNamespace, session: Session, sign_in: SignIn) -> None:
    entry = shop.granted(shop.sheet(Fulfilling.MANUAL))
    row = fulfilment_of(session, entry)
    client = sign_in(shop.supervisor)
    client.post(f"/gestures/entries/{entry.id}/reversal", data={"reason": "By mistake"})
    assert fulfilment_of(session, entry).state is FulfilmentState.CANCELLED
    answer = client.post(f"/fulfilments/{row.id}/completion")
    assert answer.status_code == 422
    assert "taken back" in answer.text


def test_another_system_is_told_until_it_says_yes_always_under_the_same_key(
    shop: SimpleNamespace, session: Session, app: Flask
) -> None:
    app.config["FULFILMENT_WEBHOOK_URL"] = ADDRESS
    entry = shop.granted(shop.sheet(Fulfilling.WEBHOOK))
    told: list[tuple[str, dict[str, str]]] = []
    answers: Iterator[int | OSError] = iter([503, OSError("no route"), 204])

    def post(address: str, body: bytes, headers: dict[str, str]) -> int:
        told.append((json.loads(body)["entry"], headers))
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    now = utc_now()
    with app.app_context():
        assert outbox.deliver_due(now, post) == 0
        assert outbox.deliver_due(now + timedelta(seconds=30), post) == 0  # it waits a minute first
        assert outbox.deliver_due(now + timedelta(seconds=61), post) == 0
        assert "no route" in fulfilment_of(session, entry).problem
        assert outbox.deliver_due(now + timedelta(minutes=5), post) == 1
    assert {headers["Idempotency-Key"] for _, headers in told} == {f"gesture-{entry.id}"}
    assert len(told) == 3
    assert session.get_one(LedgerEntry, entry.id).state is EntryState.FULFILLED


def test_after_eight_refusals_a_person_decides(shop: SimpleNamespace, session: Session, app: Flask) -> None:
    app.config["FULFILMENT_WEBHOOK_URL"] = ADDRESS
    entry = shop.granted(shop.sheet(Fulfilling.WEBHOOK))
    with app.app_context():
        for day in range(outbox.ATTEMPTS + 2):
            outbox.deliver_due(utc_now() + timedelta(days=day), lambda *_: 500)
    row = fulfilment_of(session, entry)
    assert (row.state, row.attempts) == (FulfilmentState.FAILED, outbox.ATTEMPTS)
    with app.app_context():
        ledger.try_again(entry.id, actor_id=shop.agent.id, now=utc_now())
        assert outbox.deliver_due(utc_now(), lambda *_: 200) == 1


def test_without_an_address_nothing_is_sent(shop: SimpleNamespace, app: Flask) -> None:
    shop.granted(shop.sheet(Fulfilling.WEBHOOK))
    with app.app_context():
        assert outbox.deliver_due(utc_now(), lambda *_: 1 // 0) == 0


def test_the_catalogue_takes_all_that_a_sheet_says(session: Session, sign_in: SignIn) -> None:
    client = sign_in("supervisor")
    sheet = {
        "kind": "credit", "name": "Some credit", "cost": "10", "face": "10", "perceived": "12", "tax": "8",
        "occasions": ["delight"], "fulfilment": "voucher", "cash_like": "y", "needs": ["order"], "sensitive": ["food"],
        "least": "2", "step": "0.50", "valid_from": "2026-01-01", "valid_to": "2031-12-31",
    }  # fmt: skip
    answer = client.post("/gestures", data=sheet)
    assert answer.status_code == 303
    page = client.get(answer.location).text
    for told in (
        "A voucher code, 0 codes left",
        "The agent chooses, up to £10.00",
        "as good as money",
        "31 Dec 2031",
    ):
        assert told in page
    assert client.post("/gestures", data=sheet | {"step": ""}).status_code == 422
    assert "larger than the cost" in client.post("/gestures", data=sheet | {"least": "11"}).text
    assert client.post(f"{answer.location}/stock", data={"stock": "-1"}).status_code == 422
    assert client.post(f"{answer.location}/stock", data={"stock": "40"}).status_code == 303
    assert session.scalars(select(Gesture.stock)).one() == 40
    assert client.post(f"{answer.location}/codes", data={"codes": "A\0\nB"}).status_code == 303
    assert "2 codes left" in client.get(answer.location).text
