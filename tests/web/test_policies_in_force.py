"""Policies once they are published: what the clock, an end, a kill switch and the explanation make of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from console.db import utc_now
from console.empowerment.deciding import Suspended
from console.empowerment.fields import CUSTOMER
from console.empowerment.models import PolicyVersion, Stage, Suspension
from console.empowerment.policies import suspended
from console.empowerment.policy import Kind
from console.empowerment.rules import read_rule
from console.events import Event
from console.gestures.models import Gesture
from tests.factories import make_customer, make_interaction
from tests.factories_gestures import caps, make_policy
from tests.factories_policies import (
    FORM,
    SignIn,
    address,
    caps_at,
    in_review,
    plain,
    policy_shop,
    read,
    tried,
    versions,
)


@pytest.fixture
def shop(session: Session, sign_in: SignIn) -> Any:
    return policy_shop(session, sign_in)


def test_the_clock_puts_it_in_force_and_a_later_version_ends_it(shop: Any, session: Session, sign_in: SignIn) -> None:
    version, other = in_review(shop, session), sign_in("supervisor")
    day = (utc_now() + timedelta(days=3)).date().isoformat()
    past = other.post(f"{address(version)}/publication", data=read(version) | {"first_day": "2020-01-01"})
    assert (past.status_code, "cannot begin in the past" in past.text) == (422, True)
    assert other.post(f"{address(version)}/publication", data=read(version) | {"first_day": day}).status_code == 303

    now = utc_now()
    assert caps_at(shop, now) == []
    assert caps_at(shop, now + timedelta(days=4)) == [1500]
    assert "Scheduled" in shop.get("/policies").text

    answer = shop.post(f"/policies/{version.policy_id}/versions", data={"from": "1"})
    assert answer.status_code == 303
    assert shop.post(f"/policies/{version.policy_id}/versions", data={"from": "1"}).status_code == 422  # one at a time
    second = versions(session)[1]
    shop.post(address(second), data=FORM | {"revision": "1", "limits-0-cap": "20"})
    tried(session, versions(session)[1])
    shop.post(f"{address(second)}/review")
    page = other.get(f"/policies/{version.policy_id}").text
    assert "Up to £15 each → £20 each" in page
    later = (utc_now() + timedelta(days=6)).date().isoformat()
    last = (utc_now() + timedelta(days=9)).date().isoformat()
    dates = read(versions(session)[1]) | {"first_day": later, "last_day": last}
    assert other.post(f"{address(second)}/publication", data=dates).status_code == 303
    assert [caps_at(shop, now + timedelta(days=days)) for days in (5, 8, 12)] == [[1500], [2000], []]


def test_a_policy_is_ended_now_and_stays_what_it_was(shop: Any, session: Session) -> None:
    version = make_policy(session)
    session.commit()
    assert shop.post(f"{address(version)}/withdrawal").status_code == 303
    now = utc_now()
    assert (caps_at(shop, now), caps_at(shop, now - timedelta(days=1))) == ([], [1000])
    assert shop.post(f"{address(version)}/withdrawal").status_code == 422


def test_the_database_keeps_what_was_published(session: Session) -> None:
    version_id = make_policy(session).id
    session.commit()
    changes: list[dict[str, Any]] = [
        {"body_hash": "0" * 64},
        {"body": {"limits": []}},
        {"number": 7},
        {"stage": Stage.DRAFT},
        {"effective_from": utc_now()},
    ]
    for change in changes:
        with pytest.raises(DBAPIError, match="only a draft of a policy is changed"):
            session.execute(update(PolicyVersion).where(PolicyVersion.id == version_id).values(**change))
        session.rollback()


def test_a_kill_switch_holds_from_the_next_transaction_until_it_is_lifted(
    shop: Any, session: Session, sign_in: SignIn
) -> None:
    version, agent = make_policy(session), sign_in("agent").user
    session.commit()
    clay = session.scalars(select(Gesture.id)).one()
    for what in (f"policy:{version.policy_id}", f"agent:{agent.id}", f"gesture:{clay}"):
        shop.post("/policies/suspensions", data={"what": what, "reason": "It went wild"})
    with shop.application.app_context():
        stopped = suspended()
    assert (version.policy_id in stopped.policies, agent.id in stopped.agents, len(stopped.gestures)) == (True, True, 1)
    page = shop.get("/policies").text
    assert f"Stopped: {agent.name}, a person’s giving" in page
    twice = shop.post("/policies/suspensions", data={"what": f"agent:{agent.id}", "reason": "Again"})
    assert (twice.status_code, "stopped already" in twice.text) == (422, True)
    assert shop.post("/policies/suspensions", data={"what": "moon:1", "reason": "x"}).status_code == 422
    for row in session.scalars(select(Suspension)).all():
        assert shop.post(f"/policies/suspensions/{row.id}/end").status_code == 303
    with shop.application.app_context():
        assert suspended() == Suspended()
    kinds = set(session.scalars(select(Event.kind).where(Event.kind.like("%suspended%"))))
    assert kinds == {"policy.suspended", "user.giving_suspended", "gesture.suspended"}


def test_an_agent_reads_what_they_may_give_and_what_is_left(session: Session, sign_in: SignIn) -> None:
    make_policy(session, limits=caps(day=6000), name="Agents")
    make_policy(session, roles=("sales",), name="Studio")
    session.commit()
    agent = sign_in("agent")
    assert agent.get("/policies").location == "/policies/mine"
    page = plain(agent.get("/policies/mine").text)
    assert "Agents may offer any gesture up to £10 each" in page
    assert "£60 left" in page
    assert "Studio" not in page
    assert agent.get("/policies/1").status_code == 403


def test_the_explanation_names_the_policy_the_clause_and_what_is_left(
    shop: Any, session: Session, sign_in: SignIn
) -> None:
    agent, customer = sign_in("agent").user, make_customer(session, "Omar", "Khan")
    make_policy(session, name="Agents")
    make_policy(
        session,
        name="Gold only",
        priority=200,
        customers=read_rule({"all": [{"field": "tier", "op": "in", "value": ["gold"]}]}, CUSTOMER),
    )
    make_interaction(session, customer, agent)
    session.commit()
    page = plain(shop.get(f"/policies/explain?agent={agent.id}&customer={customer.id}").text)
    assert "“Agents” decides." in page
    assert "It is not for this customer: loyalty tier is standard, needs gold." in page
    assert "£100 a day" in page
    assert "A clay pot" in page


def test_a_stopped_policy_refuses_and_every_screen_says_so(shop: Any, session: Session, sign_in: SignIn) -> None:
    agent, customer = sign_in("agent"), make_customer(session, "Omar", "Khan")
    make_policy(session, name="Wider")
    version = make_policy(session, name="Narrow", priority=200)
    guardrail = make_policy(session, name="Ceiling", kind=Kind.GUARDRAIL)
    make_interaction(session, customer, agent.user)
    session.commit()
    said = {}
    for one in (version, guardrail):
        said[one] = shop.get(f"/policies/{one.policy_id}").text
    assert "no other policy decides in its place" in said[version]
    assert "everything that it speaks of is refused" in said[guardrail]
    shop.post("/policies/suspensions", data={"what": f"policy:{version.policy_id}", "reason": "Too much"})
    page = plain(shop.get(f"/policies/explain?agent={agent.user.id}&customer={customer.id}").text)
    assert "It is stopped: what it is about is refused" in page
    assert "“Wider” decides." not in page
    assert "Until it goes on, what it is about is refused." in agent.get("/policies/mine").text


def test_the_list_asks_the_same_few_questions_for_many_policies(shop: Any, session: Session) -> None:
    make_policy(session)
    session.commit()
    few = int(shop.get("/policies").headers["X-Sql-Statements"])
    for number in range(8):
        make_policy(session, priority=200 + number)
    session.commit()
    assert int(shop.get("/policies").headers["X-Sql-Statements"]) == few <= 12


def test_whoever_put_a_guardrail_up_does_not_end_it_alone(shop: Any, session: Session, sign_in: SignIn) -> None:
    guardrail = {"kind": "guardrail", "name": "Ceiling", "limits-1-per": "customer:week"}
    version, publisher = in_review(shop, session, **guardrail), sign_in("supervisor")
    assert publisher.post(f"{address(version)}/publication", data=read(version)).status_code == 303
    for client in (shop, publisher):
        refused = client.post(f"{address(version)}/withdrawal")
        assert refused.status_code == 422
        assert "ask a supervisor or an administrator who did neither" in refused.text
        assert "End this guardrail?" not in refused.text
    assert len(caps_at(shop, utc_now())) == 1
    third = sign_in("administrator")
    page = third.get(f"/policies/{version.policy_id}").text
    assert "End this guardrail?" in page
    assert "it no longer holds back anybody" in page
    ended = third.post(f"{address(version)}/withdrawal", follow_redirects=True)
    assert "It no longer holds back anybody." in ended.text
    assert caps_at(shop, utc_now()) == []


def test_nobody_lets_their_own_giving_go_on(shop: Any, session: Session, sign_in: SignIn) -> None:
    other = sign_in("supervisor")
    other.post("/policies/suspensions", data={"what": f"agent:{shop.user.id}", "reason": "Too much"})
    row = session.scalars(select(Suspension)).one()
    refused = shop.post(f"/policies/suspensions/{row.id}/end", follow_redirects=True)
    assert "Ask another supervisor or an administrator." in refused.text
    assert "Let it go on" not in refused.text
    session.expire_all()
    assert row.lifted_at is None
    assert other.post(f"/policies/suspensions/{row.id}/end").status_code == 303
    session.expire_all()
    assert row.lifted_at is not None
