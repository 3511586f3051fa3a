"""A shop in which somebody asks for more than their limit, and what tests of approvals do again and again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from console.auth.confirming import KEPT
from console.empowerment.policy import Approval
from console.events import Event
from console.gestures.approval_models import ApprovalRequest, RequestState
from console.gestures.models import LedgerEntry
from tests.conftest import HTMX
from tests.factories import (
    make_customer,
    make_delivery,
    make_interaction,
    make_order,
    numbers,
)
from tests.factories_gestures import caps, make_gesture, make_policy

SignIn = Callable[..., Any]
WIDE = caps(each=5000, talk=7500, customer=10_000, day=30_000)
OPEN, YES, NO, INSTEAD = RequestState.PENDING, RequestState.APPROVED, RequestState.REJECTED, RequestState.COUNTERED


def approval_shop(session: Session, sign_in: SignIn) -> SimpleNamespace:
    """An agent with £10 a gesture, a supervisor with £50, and a gesture of £15. Both are signed in."""
    customer = make_customer(session)
    day = datetime.now(UTC) - timedelta(days=5)
    make_delivery(session, make_order(session, customer), promised_on=day.date() - timedelta(days=4), delivered_at=day)
    policy = make_policy(session)
    make_policy(session, roles=("supervisor",), limits=WIDE)
    big = make_gesture(session, "£15 credit", 1500, face_minor=1500)
    small = make_gesture(session, "£8 credit", 800, face_minor=800)
    session.commit()
    agent, boss = sign_in("agent"), sign_in("supervisor")
    talk = make_interaction(session, customer, agent.user)
    session.commit()
    confirm(boss)
    return SimpleNamespace(
        session=session, customer=customer, policy=policy, big=big, small=small, agent=agent, boss=boss, talk=talk
    )


def confirm(client: Any) -> None:
    with client.session_transaction() as cookie:
        cookie[KEPT] = [client.user.id, int(datetime.now(UTC).timestamp())]


def ask(shop: SimpleNamespace, version: Any = None, client: Any = None, **data: Any) -> TestResponse:
    given = {"version": (version or shop.big).id, "key": f"0000-0000-0000-{next(numbers)}", "reason": "Twice late"}
    url = f"/customers/{shop.customer.id}/approvals"
    response: TestResponse = (client or shop.agent).post(url, data=given | data, headers=HTMX)
    return response


def asked(shop: SimpleNamespace, **data: Any) -> ApprovalRequest:
    assert ask(shop, **data).status_code == 200
    return latest(shop)


def latest(shop: SimpleNamespace) -> ApprovalRequest:
    shop.session.expire_all()
    found: ApprovalRequest = shop.session.scalars(select(ApprovalRequest).order_by(ApprovalRequest.id.desc())).first()
    return found


def answer(client: Any, request: ApprovalRequest, what: str = "approval", **data: Any) -> TestResponse:
    response: TestResponse = client.post(f"/approvals/{request.id}/{what}", data=data, headers=HTMX)
    return response


def entries(shop: SimpleNamespace) -> list[LedgerEntry]:
    shop.session.expire_all()
    return list(shop.session.scalars(select(LedgerEntry).order_by(LedgerEntry.id)))


def kinds(shop: SimpleNamespace) -> list[str]:
    found = select(Event.kind).where(Event.kind.startswith("approval.")).order_by(Event.id)
    return list(shop.session.scalars(found))


def change_policy(shop: SimpleNamespace, **approval: Any) -> None:
    make_policy(shop.session, replaces=shop.policy, approval=Approval(**approval))
    shop.session.commit()


def later(shop: SimpleNamespace, request: ApprovalRequest, minutes: float) -> None:
    """As if it had been asked so long ago."""
    gone = timedelta(minutes=minutes)
    moved = {name: getattr(request, name) - gone for name in ("requested_at", "escalates_at", "expires_at")}
    shop.session.execute(update(ApprovalRequest).where(ApprovalRequest.id == request.id).values(**moved))
    shop.session.commit()
