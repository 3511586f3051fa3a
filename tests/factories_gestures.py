"""Rows for tests of policies and gestures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.auth.models import User
from console.customers.models import Customer
from console.empowerment.kinds import GestureKind, Occasion
from console.empowerment.models import EmpowermentPolicy, PolicyVersion, Stage
from console.empowerment.policy import Body, Kind, Limit, Measure, Scope, Who, body_hash, body_json
from console.empowerment.windows import Window
from console.gestures.approval_models import ApprovalRequest
from console.gestures.learning_models import GestureSettings
from console.gestures.ledger import Terms
from console.gestures.models import Gesture, GestureVersion
from tests.factories import NOW, add, numbers

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
BOTH = [Occasion.RECOVERY.value, Occasion.DELIGHT.value]


EACH = Limit(Scope.GESTURE, Measure.COST, Window.EACH, 1000)
TALK = Limit(Scope.INTERACTION, Measure.COST, Window.INTERACTION, 2000)
CUSTOMER = Limit(Scope.CUSTOMER, Measure.COST, Window.ROLLING, 6000, days=90)
DAY = Limit(Scope.AGENT, Measure.COST, Window.DAY, 10_000)
USUAL = (EACH, TALK, CUSTOMER, DAY)


def caps(
    each: int = 1000, talk: int = 2000, customer: int = 6000, day: int = 10_000, days: int = 90
) -> tuple[Limit, ...]:
    """The four usual limits of cost (minor units) with other caps."""
    return (
        replace(EACH, cap=each),
        replace(TALK, cap=talk),
        replace(CUSTOMER, cap=customer, days=days),
        replace(DAY, cap=day),
    )


def without_lot(session: Session) -> None:
    """No hold-out, or a test would fail in the week in which the lot falls on its customer."""
    if session.scalar(select(GestureSettings.id).limit(1)) is None:
        add(session, GestureSettings(hold_out_percent=0))


def make_policy(
    session: Session,
    *,
    roles: tuple[str, ...] = ("agent",),
    limits: Sequence[Limit] = USUAL,
    kind: Kind = Kind.GRANT,
    name: str = "",
    is_demo: bool = False,
    effective_from: datetime = LONG_AGO,
    replaces: PolicyVersion | None = None,
    **body: Any,
) -> PolicyVersion:
    """A published version, of a new policy or after `replaces`: £10 a gesture, £20 a conversation, £60 a customer in
    90 days, £100 a day, unless told otherwise. `body` is what policy.Body takes."""
    without_lot(session)
    given: dict[str, Any] = {"currency": "GBP", "zone": "Europe/London", "limits": tuple(limits)}
    content = body_json(Body(**(given | {"who": Who(roles=roles)} | body)))
    if replaces:
        policy_id, number = replaces.policy_id, replaces.number + 1
    else:
        title = name or f"Policy {next(numbers)}"
        policy = add(session, EmpowermentPolicy(name=title, kind=kind, is_demo=is_demo, created_at=effective_from))
        policy_id, number = policy.id, 1
    return add(
        session,
        PolicyVersion(
            policy_id=policy_id,
            number=number,
            stage=Stage.PUBLISHED,
            body=content,
            body_hash=body_hash(content),
            created_at=effective_from,
            changed_at=effective_from,
            published_at=effective_from,
            effective_from=effective_from,
        ),
    )


def make_gesture(
    session: Session, name: str = "Express delivery", cost_minor: int = 520, is_demo: bool = False, **given: Any
) -> GestureVersion:
    """An active gesture and its first version."""
    kind = given.pop("kind", GestureKind.EXPEDITED_SHIPPING)
    gesture = add(session, Gesture(code=f"gesture-{next(numbers)}", kind=kind, is_demo=is_demo))
    return make_version(session, gesture, name=name, cost_minor=cost_minor, **given)


def make_version(session: Session, gesture: Gesture, **given: Any) -> GestureVersion:
    given = {
        "version": 1,
        "name": "Express delivery",
        "currency": "GBP",
        "cost_minor": 520,
        "face_minor": 795,
        "perceived_minor": 1000,
        "tax_minor": 433,
        "occasions": BOTH,
    } | given
    return add(session, GestureVersion(gesture=gesture, **given))


def terms_of(agent: User, customer: Customer, version: GestureVersion, **given: Any) -> Terms:
    given.setdefault("occasion", Occasion.DELIGHT)
    return Terms(agent_id=agent.id, customer_id=customer.id, gesture_version_id=version.id, **given)


def make_request(session: Session, terms: Terms, policy: PolicyVersion, **given: Any) -> ApprovalRequest:
    """A request for more, pending for five minutes. `terms.interaction_id` must be set."""
    given = {
        "currency": "GBP",
        "cost_minor": 0,
        "face_minor": 0,
        "failures": [],
        "requested_at": NOW,
        "escalates_at": NOW + timedelta(minutes=2),
        "expires_at": NOW + timedelta(minutes=5),
        "idempotency_key": f"request-{next(numbers):012}",
    } | given
    return add(
        session,
        ApprovalRequest(
            requester_id=terms.agent_id,
            customer_id=terms.customer_id,
            interaction_id=terms.interaction_id,
            gesture_version_id=terms.gesture_version_id,
            policy_id=policy.policy_id,
            policy_version_id=policy.id,
            occasion=terms.occasion,
            terms_hash=terms.digest,
            **given,
        ),
    )
