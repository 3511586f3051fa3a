"""What was promised before a kill switch withdrew it is kept by a supervisor's yes, once, within every limit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db import db, utc_now
from console.empowerment.kinds import Occasion
from console.empowerment.models import Suspension, SuspensionKind
from console.empowerment.policies import suspended
from console.errors import DomainError
from console.gestures import approvals, ledger
from console.gestures.approval_models import ApprovalRequest
from console.gestures.approving import NotYours
from console.gestures.honouring import ask_to_honour
from console.gestures.ledger import NotOffered, OverLimit, Terms, WrongState
from console.gestures.models import EntryState, LedgerEntry
from console.interactions.models import InteractionState
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_interaction, make_user
from tests.factories_gestures import caps, make_gesture, make_policy


@pytest.fixture
def shop(app: Flask, session: Session) -> SimpleNamespace:
    """An offer of £5.20 of the £6 that may be given in a conversation, withdrawn by a kill switch at the yes."""
    now = utc_now()
    agent, customer = make_user(session), make_customer(session)
    talk = make_interaction(session, customer, agent, started_at=now)
    policy, version = make_policy(session, limits=caps(talk=600)), make_gesture(session)
    cheap = make_gesture(session, "A sample", 100)
    boss = make_user(session, "supervisor")
    session.commit()
    with app.app_context():
        terms = Terms(agent.id, customer.id, version.id, Occasion.DELIGHT, talk.id)
        held = ledger.offer(terms, key="promised", now=now).id
    return SimpleNamespace(
        now=now, agent=agent, customer=customer, talk=talk, policy=policy, version=version, cheap=cheap, boss=boss,
        held=held, session=session,
    )  # fmt: skip


def stop(shop: SimpleNamespace, kind: SuspensionKind) -> None:
    subject = {"agent": shop.agent.id, "gesture": shop.version.gesture_id, "policy": shop.policy.policy_id}[kind]
    add(shop.session, Suspension(kind=kind, subject_id=subject, reason="Looks odd"))
    shop.session.commit()
    with pytest.raises(WrongState):
        ledger.grant(shop.held, actor_id=shop.agent.id, now=shop.now)


def asked(shop: SimpleNamespace, now: datetime | None = None) -> ApprovalRequest:
    entry = db.session.get_one(LedgerEntry, shop.held)
    request = ask_to_honour(entry, suspended(), key=f"honour-{now or shop.now}", now=now or shop.now)
    db.session.commit()
    return request


@pytest.mark.usefixtures("in_app")
@pytest.mark.parametrize("kind", list(SuspensionKind))
def test_a_supervisors_yes_keeps_the_one_promise_and_the_pause_stays(shop: SimpleNamespace, kind: str) -> None:
    stop(shop, SuspensionKind(kind))
    request = asked(shop)
    for person, refusal in ((shop.agent, "yourself"), (make_user(shop.session), "Your role")):
        shop.session.commit()
        with pytest.raises(NotYours, match=refusal):
            approvals.approve(request.id, approver_id=person.id, now=shop.now)
    approvals.approve(request.id, approver_id=shop.boss.id, now=shop.now)
    approvals.approve(request.id, approver_id=shop.boss.id, now=shop.now)
    entries = db.session.scalars(select(LedgerEntry).order_by(LedgerEntry.id)).all()
    assert [one.state for one in entries] == [EntryState.VOIDED, EntryState.GRANTED]
    kept = entries[1]
    assert (kept.approval_id, kept.policy_version_id, kept.cost_minor) == (request.id, shop.policy.id, 520)
    with pytest.raises(DomainError, match="no longer be asked"):
        asked(shop, shop.now + timedelta(minutes=1))
    terms = Terms(shop.agent.id, shop.customer.id, shop.version.id, Occasion.DELIGHT, shop.talk.id)
    with pytest.raises(NotOffered):
        ledger.offer(terms, key="another", now=shop.now)


@pytest.mark.usefixtures("in_app")
def test_no_promise_is_kept_beyond_a_limit_that_was_spent_meanwhile_or_twice(shop: SimpleNamespace) -> None:
    stop(shop, SuspensionKind.GESTURE)
    request = asked(shop)
    terms = Terms(shop.agent.id, shop.customer.id, shop.cheap.id, Occasion.DELIGHT, shop.talk.id)
    spent = ledger.offer(terms, key="meanwhile", now=shop.now)
    with pytest.raises(OverLimit):
        approvals.approve(request.id, approver_id=shop.boss.id, now=shop.now)
    ledger.void(spent.id, actor_id=shop.agent.id, now=shop.now)
    later = shop.now + timedelta(minutes=6)  # the first request has lapsed
    again = asked(shop, later)
    approvals.approve(again.id, approver_id=shop.boss.id, now=later)
    copy = ApprovalRequest(**{
        column.key: getattr(request, column.key) for column in ApprovalRequest.__table__.columns if column.key != "id"
    } | {"idempotency_key": "copy", "expires_at": later + timedelta(minutes=5)})  # fmt: skip
    db.session.add(copy)
    db.session.commit()
    approvals.approve(copy.id, approver_id=shop.boss.id, now=later)
    given = db.session.scalars(select(LedgerEntry).where(LedgerEntry.state == EntryState.GRANTED)).all()
    assert len(given) == 1


def test_one_press_asks_and_the_supervisor_reads_what_it_is(
    shop: SimpleNamespace, sign_in: Callable[..., FlaskClient], app: Flask
) -> None:
    agent = sign_in(shop.agent)
    panel = f"/customers/{shop.customer.id}/gestures"
    assert "honoured" not in agent.get(panel, headers=HTMX).text
    with app.app_context():
        stop(shop, SuspensionKind.AGENT)
    assert "Ask that it be honoured" in agent.get(panel, headers=HTMX).text
    press = f"/gestures/entries/{shop.held}/honouring"
    assert sign_in("agent").post(press, data={"key": "mine"}).status_code == 404
    page = agent.post(press, data={"key": "my-key"}, headers=HTMX)
    assert page.status_code == 200 and "Ask that it be honoured" not in page.text
    request = shop.session.scalars(select(ApprovalRequest)).one()
    assert "Promised before it was paused" in sign_in(shop.boss).get(f"/approvals?open={request.id}").text
    shop.talk.state = InteractionState.CLOSED  # a promise outlives the talk
    shop.session.commit()
    with app.app_context():
        approvals.approve(request.id, approver_id=shop.boss.id, now=utc_now())
    seen = agent.get(f"/customers/{shop.customer.id}/approvals?seen={request.id}-pending-0", headers=HTMX)
    assert "Honoured: it is given" in seen.headers["HX-Trigger"]
