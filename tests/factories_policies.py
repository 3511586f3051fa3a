"""A policy form as a supervisor fills it in, and what tests of policies do again and again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db import utc_now
from console.empowerment.kinds import GestureKind
from console.empowerment.models import PolicyVersion, Simulation, SimulationState
from console.empowerment.policies import live_policies
from console.events import Event
from tests.factories import make_customer
from tests.factories_gestures import make_gesture

SignIn = Callable[..., Any]  # a FlaskClient that also has its `user`
FORM = {
    "revision": "0",
    "kind": "grant",
    "name": "Sales add-ons",
    "roles": "sales",
    "kinds": "addon",
    "cash_like": "",
    "limits-0-cap": "15",
    "limits-0-measure": "cost",
    "limits-0-per": "gesture:each",
    "limits-0-overridable": "y",
    "limits-1-cap": "60",
    "limits-1-measure": "cost",
    "limits-1-per": "agent:day",
    "limits-1-overridable": "y",
    "customers-kind": "all",
    "customers-0-field": "tier",
    "customers-0-op": "in",
    "customers-0-chosen": ["silver", "gold"],
    "customers-1-field": "last_gesture_at",
    "customers-1-op": "not_within",
    "customers-1-low": "90",
    "interaction-kind": "all",
    "approval_roles": "supervisor",
    "approval_minutes": "5",
    "most_over": "100",
    "hold_minutes": "15",
    "priority": "120",
    "week_start": "0",
    "note": "So that nobody has to ask",
}
WHOM = "silver or gold customers without a gesture in 90 days"
SENTENCE = f"Sales staff may offer add-ons up to £15 each and £60 a day to {WHOM}."


def policy_shop(session: Session, sign_in: SignIn) -> Any:
    """An add-on in the catalogue, somebody in sales, a gold customer, and a supervisor signed in."""
    make_gesture(session, "A clay pot", 840, kind=GestureKind.ADDON)
    sign_in("sales")
    make_customer(session, "Isla", "Mercer", tier="gold")
    return sign_in("supervisor")


def plain(html: str) -> str:
    return html.replace("<b>", "").replace("</b>", "")


def versions(session: Session) -> list[PolicyVersion]:
    session.expire_all()
    return list(session.scalars(select(PolicyVersion).order_by(PolicyVersion.id)))


def tried(session: Session, version: PolicyVersion, days_ago: int = 0) -> None:
    """As if the version had been simulated."""
    at = utc_now() - timedelta(days=days_ago)
    session.add(
        Simulation(
            policy_version_id=version.id,
            body_hash=version.body_hash,
            state=SimulationState.DONE,
            started_at=at,
            finished_at=at,
        )
    )
    session.commit()


def written(client: Any, session: Session, **changed: Any) -> PolicyVersion:
    answer = client.post("/policies", data=FORM | changed)
    assert answer.status_code == 303, answer.text
    return versions(session)[-1]


def in_review(client: Any, session: Session, **changed: Any) -> PolicyVersion:
    version = written(client, session, **changed)
    tried(session, version)
    assert client.post(f"{address(version)}/review").status_code == 303
    return version


def address(version: PolicyVersion) -> str:
    return f"/policies/{version.policy_id}/versions/{version.number}"


def read(version: PolicyVersion) -> dict[str, str]:
    """What the page that publishes it was about."""
    return {"body_hash": version.body_hash, "body": json.dumps(version.body)}


def caps_at(client: Any, moment: datetime) -> list[int]:
    """The first cap of each policy in force."""
    with client.application.app_context():
        return [policy.body.limits[0].cap for policy in live_policies(moment)]


def acts(session: Session) -> list[str]:
    query = select(Event.kind).where(Event.kind.startswith("policy.")).order_by(Event.id)
    return list(session.scalars(query))
