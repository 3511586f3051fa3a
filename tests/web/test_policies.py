"""Policies from the form to the moment they are in force, by two people; kill switches; and the explanation."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from console.db import utc_now
from console.empowerment.deciding import Suspended
from console.empowerment.fields import CUSTOMER
from console.empowerment.kinds import GestureKind
from console.empowerment.models import EmpowermentPolicy, PolicyVersion, Simulation, SimulationState, Stage, Suspension
from console.empowerment.policies import live_policies, suspended
from console.empowerment.policy import Kind, Limit, Measure, Scope
from console.empowerment.rules import read_rule
from console.empowerment.windows import Window
from console.events import Event
from console.gestures.models import Gesture
from tests.conftest import HTMX
from tests.factories import make_customer, make_interaction
from tests.factories_gestures import caps, make_gesture, make_policy

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


@pytest.fixture
def shop(session: Session, sign_in: SignIn) -> Any:
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


def test_from_the_form_to_a_policy_in_force_by_two_people(shop: Any, session: Session, sign_in: SignIn) -> None:
    said = plain(shop.post("/policies/form/sentence", data=FORM, headers=HTMX).text)
    assert SENTENCE in said
    version = written(shop, session)
    page = plain(shop.get(f"/policies/{version.policy_id}").text)
    assert SENTENCE in page
    assert "What it says now was not tried on the past yet. Try it on the past first." in page
    refused = shop.post(f"{address(version)}/review")
    assert (refused.status_code, versions(session)[0].stage) == (422, Stage.DRAFT)

    tried(session, version)
    assert shop.post(f"{address(version)}/review").status_code == 303
    own = shop.post(f"{address(version)}/publication", data=read(version))
    assert own.status_code == 422
    assert "You wrote at this version, so somebody else has to publish it" in own.text
    other = sign_in("supervisor")
    assert other.post(f"{address(version)}/publication", data=read(version)).status_code == 303
    assert caps_at(other, utc_now()) == [1500]
    assert acts(session) == ["policy.created", "policy.drafted", "policy.submitted", "policy.published"]
    assert SENTENCE in plain(other.get("/policies").text)


def test_what_changed_after_the_simulation_has_to_be_tried_again(shop: Any, session: Session) -> None:
    version = written(shop, session)
    tried(session, version)
    change = FORM | {"revision": "1", "limits-0-cap": "20"}
    assert shop.post(address(version), data=change).status_code == 303
    refused = shop.post(f"{address(version)}/review")
    assert "not tried on the past yet" in refused.text
    assert refused.status_code == 422


def test_a_simulation_of_eight_days_ago_is_too_old(shop: Any, session: Session) -> None:
    version = written(shop, session)
    tried(session, version, days_ago=8)
    assert "more than 7 days ago. Try it on the past again." in shop.post(f"{address(version)}/review").text


def test_whoever_changed_the_draft_is_an_author(shop: Any, session: Session, sign_in: SignIn) -> None:
    version, second = written(shop, session), sign_in("administrator")
    kept = second.post(f"{address(version)}/kept", data=FORM | {"revision": "1", "limits-0-cap": "20"}, headers=HTMX)
    assert "Kept at" in kept.text
    assert shop.post(address(version), data=FORM | {"revision": "2"}).status_code == 303
    tried(session, versions(session)[0])
    shop.post(f"{address(version)}/review")
    assert second.post(f"{address(version)}/publication", data=read(version)).status_code == 422
    assert sign_in("supervisor").post(f"{address(version)}/publication", data=read(version)).status_code == 303


def test_the_second_of_two_writers_is_shown_both(shop: Any, session: Session) -> None:
    version = written(shop, session)
    assert shop.post(address(version), data=FORM | {"revision": "1", "limits-0-cap": "20"}).status_code == 303
    late = shop.post(address(version), data=FORM | {"revision": "1", "limits-0-cap": "25"})
    assert late.status_code == 409
    assert "Up to £20 each → £25 each" in late.text
    assert versions(session)[0].body["limits"][0]["cap"] == 2000
    assert shop.post(address(version), data=FORM | {"revision": "2", "limits-0-cap": "25"}).status_code == 303


def test_a_mistake_keeps_the_form_as_typed(shop: Any, session: Session) -> None:
    for wrong, sentence in (
        ({"name": ""}, "Give it a name"),
        ({"limits-0-cap": "much"}, "Enter an amount, such as 15 or 12.50"),
        ({"limits-0-per": "customer:rolling"}, "Say how many days"),
        ({"customers-1-low": "soon"}, "whole number"),
    ):
        answer = shop.post("/policies", data=FORM | wrong)
        assert answer.status_code == 422
        assert sentence in answer.text
        assert 'value="So that nobody has to ask"' in answer.text
    assert versions(session) == []


def test_a_name_is_given_once(shop: Any, session: Session) -> None:
    written(shop, session)
    assert "is a policy called “Sales add-ons” already" in shop.post("/policies", data=FORM).text


def test_limits_are_added_and_removed_without_losing_what_is_typed(shop: Any) -> None:
    more = shop.post("/policies/form/limits", data=FORM | {"add": ""}, headers=HTMX).text
    assert more.count('class="limit"') == 3
    assert 'value="60"' in more
    fewer = shop.post("/policies/form/limits", data=FORM | {"remove": "0"}, headers=HTMX).text
    assert (fewer.count('class="limit"'), 'value="15"' in fewer) == (1, False)


def test_errors_of_the_checks_keep_it_from_review(shop: Any, session: Session) -> None:
    make_policy(session, roles=("agent",), name="Agents", priority=120)
    session.commit()
    version = written(shop, session)
    tried(session, version)
    refused = shop.post(f"{address(version)}/review")
    assert refused.status_code == 422
    assert "“Agents” has the priority 120 as well" in refused.text


def test_a_reviewer_sends_it_back_with_a_comment(shop: Any, session: Session, sign_in: SignIn) -> None:
    version, other = in_review(shop, session), sign_in("supervisor")
    assert shop.post(address(version), data=FORM | {"revision": "1"}).status_code == 422  # nobody changes it now
    assert other.post(f"{address(version)}/comment", data={"comment": ""}).status_code == 422
    assert other.post(f"{address(version)}/comment", data={"comment": "£15 is a lot"}).status_code == 303
    assert "£15 is a lot" in shop.get(f"/policies/{version.policy_id}").text
    assert versions(session)[0].stage is Stage.DRAFT


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


def test_a_copy_is_a_policy_of_its_own(shop: Any, session: Session) -> None:
    version = written(shop, session)
    assert shop.post(f"{address(version)}/copies", data={"name": "Sales add-ons"}).status_code == 422
    assert shop.post(f"{address(version)}/copies", data={"name": "Another"}).status_code == 303
    assert [one.body_hash for one in versions(session)] == [version.body_hash] * 2
    assert {one.policy_id for one in versions(session)} == {version.policy_id, version.policy_id + 1}


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


def test_only_what_the_publisher_read_is_published(shop: Any, session: Session, sign_in: SignIn) -> None:
    version, other = in_review(shop, session), sign_in("supervisor")
    was = read(version)
    assert was["body_hash"] in other.get(f"/policies/{version.policy_id}").text
    sign_in("administrator").post(f"{address(version)}/comment", data={"comment": "More"})
    assert shop.post(address(version), data=FORM | {"revision": "1", "limits-0-cap": "50"}).status_code == 303
    tried(session, versions(session)[0])
    assert shop.post(f"{address(version)}/review").status_code == 303
    for data in (was, {"body_hash": "", "body": "[[["}):
        late = other.post(f"{address(version)}/publication", data=data)
        assert late.status_code == 409
        assert "It was changed since you read it" in late.text
        assert ("Up to £15 each → £50 each" in late.text) == (data is was)
    assert caps_at(shop, utc_now()) == []
    assert other.post(f"{address(version)}/publication", data=read(versions(session)[0])).status_code == 303


@pytest.mark.parametrize("slip", ["0026-12-01", "1999-12-31", "9999-12-31", "2226-12-01"])
def test_a_slip_of_the_year_is_neither_now_nor_for_good(
    slip: str, shop: Any, session: Session, sign_in: SignIn
) -> None:
    version, other = in_review(shop, session), sign_in("supervisor")
    for field in ("first_day", "last_day"):
        refused = other.post(f"{address(version)}/publication", data=read(version) | {field: slip})
        assert (refused.status_code, "Check the year" in refused.text) == (422, True)
    assert versions(session)[0].stage is Stage.IN_REVIEW


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


def test_nonsense_is_refused_and_breaks_nothing(shop: Any, session: Session) -> None:
    version, huge = written(shop, session), "1" + "0" * 30
    assert '<input id="revision" name="revision" type="hidden" value="0">' in shop.get("/policies/new").text
    at = address(version)
    for wrong in (
        {"revision": huge},
        {"limits-0-per": "moon:each"},
        {"limits-0-per": "gesture:moon"},
        {"limits-0-measure": "moons"},
        {"agents": "999999"},
        {"gestures": huge},
        {"roles": "moon"},
        {"priority": huge},
        {"week_start": "99"},
    ):
        sent = FORM | {"revision": "1"} | wrong
        assert shop.post(at, data=sent).status_code == 422
        assert "Not kept yet" in shop.post(f"{at}/kept", data=sent, headers=HTMX).text
        assert shop.post("/policies/form/sentence", data=sent, headers=HTMX).status_code == 200
    bogus = FORM | {
        "roles": ["sales", "moon"],
        "kinds": ["addon", "moon"],
        "channels": "moon",
        "approval_roles": "moon",
    }
    for ids in ({"policy_id": huge, "number": huge}, {"policy_id": "1", "number": "-1"}):
        assert SENTENCE in plain(shop.post("/policies/form/sentence", data=bogus | ids, headers=HTMX).text)
    assert shop.post(f"/policies/{version.policy_id}/versions", data={"from": huge}).status_code == 404
    rows = {
        f"limits-{n}-{k}": v for n in range(12) for k, v in (("cap", "5"), ("per", "agent:day"), ("measure", "cost"))
    }
    assert shop.post("/policies/form/sentence", data=FORM | {"limits-²-cap": "5"}, headers=HTMX).status_code == 200
    full = shop.post("/policies/form/limits", data=rows | {"kind": "grant", "add": ""}, headers=HTMX)
    assert (full.text.count('class="limit"'), "12 limits at most" in full.text) == (12, True)
    assert versions(session)[0].revision == 1


def test_a_guardrail_is_not_limited_by_a_pool(shop: Any, session: Session) -> None:
    assert "pool:month" in shop.get("/policies/new").text
    assert "pool:" not in shop.get("/policies/new?kind=guardrail").text
    pool = FORM | {"kind": "guardrail", "limits-1-per": "pool:month"}
    checked = shop.post("/policies", data=pool, follow_redirects=True)
    assert "A guardrail has no pool of its own." in checked.text
    version = make_policy(session, kind=Kind.GUARDRAIL, limits=[Limit(Scope.POOL, Measure.COST, Window.MONTH, 100)])
    session.commit()
    shop.post(f"/policies/{version.policy_id}/versions", data={"from": "1"})
    again = shop.get(f"/policies/{version.policy_id}/versions/2/editor").text
    assert 'selected value="pool:month"' in again


def test_a_draft_does_not_rename_what_was_published(shop: Any, session: Session) -> None:
    first = written(shop, session)
    assert shop.post(address(first), data=FORM | {"revision": "1", "name": "Renamed"}).status_code == 303
    version = make_policy(session, name="In force")
    session.commit()
    shop.post(f"/policies/{version.policy_id}/versions", data={"from": "1"})
    refused = shop.post(f"/policies/{version.policy_id}/versions/2", data=FORM | {"revision": "1", "name": "Harmless"})
    assert refused.status_code == 422
    assert "It was published as “In force”, and keeps that name." in refused.text
    session.expire_all()
    assert set(session.scalars(select(EmpowermentPolicy.name))) == {"Renamed", "In force"}
