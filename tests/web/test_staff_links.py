"""Nobody gives to their own: what an administrator enters leads to the ledger's refusal, in neutral words."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.auth.models import User
from console.customers.models import Customer
from console.events import Event
from console.gestures.models import GestureVersion, LedgerEntry
from console.gestures.review_models import StaffLink
from tests.conftest import HTMX
from tests.factories import make_customer, make_interaction, make_user
from tests.factories_gestures import make_gesture, make_policy

SignIn = Callable[..., FlaskClient]
NEUTRAL = "This one has to come from a colleague."


@pytest.fixture
def customer(session: Session) -> Customer:
    found = make_customer(
        session,
        emails=("tom@mailbox.example",),
        phones=("+447700900123",),
        street="12 Hill Road",
        postcode="S11 8TF",
        country="GB",
    )
    session.commit()
    return found


@pytest.fixture
def version(session: Session) -> GestureVersion:
    make_policy(session)
    found = make_gesture(session)
    session.commit()
    return found


def offered(client: FlaskClient, customer: Customer, version: GestureVersion) -> str:
    """What the agent is told when they offer this customer something."""
    data = {"version": version.id, "key": str(uuid4())}
    return client.post(f"/customers/{customer.id}/gestures", data=data, headers=HTMX).text


def talking(session: Session, client: FlaskClient, customer: Customer) -> None:
    make_interaction(session, customer, client.user)  # type: ignore[attr-defined]
    session.commit()


@pytest.mark.parametrize(
    "private",
    [
        {"private_email": " Tom@Mailbox.Example "},
        {"private_phone": "07700 900 123"},
        {"private_street": "12, hill road", "private_postcode": "s118tf"},
    ],
)
def test_what_the_users_form_holds_is_refused_in_neutral_words(
    sign_in: SignIn, session: Session, customer: Customer, version: GestureVersion, private: dict[str, str]
) -> None:
    agent = make_user(session, "agent", name="Tom Hale")
    session.commit()
    saved = sign_in("administrator").post(
        f"/users/{agent.id}", data={"name": "Tom Hale", "roles": "agent", "team_id": 0} | private
    )
    assert saved.status_code == 303
    client = sign_in(agent)
    talking(session, client, customer)
    told = offered(client, customer, version)
    assert NEUTRAL in told
    assert not any(value in told for value in ("mailbox", "900123", "hill road"))
    assert session.scalars(select(LedgerEntry)).all() == []
    event = session.scalars(select(Event).where(Event.kind == "user.changed")).one()
    assert event.data["private"] == list(private)
    assert not any(value in str(event.data) for value in private.values())


def test_a_mistake_keeps_the_form_and_only_administrators_see_it(sign_in: SignIn, session: Session) -> None:
    agent = make_user(session, "agent", private_email="tom@mailbox.example")
    session.commit()
    boss = sign_in("administrator")
    page = boss.get(f"/users/{agent.id}").text
    assert "tom@mailbox.example" in page
    assert page.count(" checked ") == 1  # the role they have
    data = {"name": "Tom", "roles": "agent", "team_id": 0, "private_phone": "12", "private_email": "tom@"}
    wrong = boss.post(f"/users/{agent.id}", data=data)
    assert (wrong.status_code, 'value="tom@"' in wrong.text) == (422, True)
    assert "too many or too few digits" in wrong.text
    assert "is not an e-mail address" in wrong.text
    assert sign_in("supervisor").get(f"/users/{agent.id}").status_code == 403


def test_a_declared_link_is_refused_until_it_is_removed(
    sign_in: SignIn, session: Session, customer: Customer, version: GestureVersion
) -> None:
    agent, boss, here = sign_in("agent"), sign_in("supervisor"), f"/customers/{customer.id}/staff-links"
    user: User = agent.user  # type: ignore[attr-defined]
    talking(session, agent, customer)
    nobody = boss.post(here, data={"email": "nobody@shop.example"}, headers=HTMX)
    assert (nobody.status_code, 'value="nobody@shop.example"' in nobody.text) == (422, True)
    assert user.name in boss.post(here, data={"email": user.email.upper()}, headers=HTMX).text
    assert "is noted here already" in boss.post(here, data={"email": user.email}, headers=HTMX).text
    assert NEUTRAL in offered(agent, customer, version)
    assert customer.name in sign_in("administrator").get(f"/users/{user.id}/staff-links").text
    assert agent.get(here).status_code == 403

    link = session.scalars(select(StaffLink)).one()
    assert boss.post(f"/customers/{customer.id + 1}/staff-links/{link.id}/removal").status_code == 404
    assert boss.post(f"{here}/{link.id}/removal").status_code == 303
    assert NEUTRAL not in offered(agent, customer, version)
    record = boss.get("/audit").text
    assert "belongs to somebody who works here" in " ".join(record.split())
    assert "staff_link" not in agent.get(f"/customers/{customer.id}/timeline").text


def test_nobody_removes_their_own(sign_in: SignIn, session: Session, customer: Customer) -> None:
    boss = sign_in("supervisor")
    here = f"/customers/{customer.id}/staff-links"
    boss.post(here, data={"email": boss.user.email})  # type: ignore[attr-defined]
    link = session.scalars(select(StaffLink)).one()
    refused = boss.post(f"{here}/{link.id}/removal", headers=HTMX)
    assert (refused.status_code, "Ask a colleague to remove it" in refused.text) == (422, True)
    session.rollback()
    assert session.scalars(select(StaffLink)).one().user_id == boss.user.id  # type: ignore[attr-defined]
