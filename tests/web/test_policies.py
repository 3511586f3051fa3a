"""Policies from the form to the moment they are in force, by two people; kill switches; and the explanation."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db import utc_now
from console.empowerment.models import EmpowermentPolicy, Stage
from console.empowerment.policy import Kind, Limit, Measure, Scope
from console.empowerment.windows import Window
from tests.conftest import HTMX
from tests.factories_gestures import make_policy
from tests.factories_policies import (
    FORM,
    SENTENCE,
    SignIn,
    acts,
    address,
    caps_at,
    in_review,
    plain,
    policy_shop,
    read,
    tried,
    versions,
    written,
)


@pytest.fixture
def shop(session: Session, sign_in: SignIn) -> Any:
    return policy_shop(session, sign_in)


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
    assert "You worked on this version, so somebody else has to publish it" in own.text
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
        ({"opens": "25:00"}, "Enter a time, such as 09:00"),
        ({"opens": "09:00", "closes": "09:00"}, "another time than it opens"),
        ({"zone": "Nowhere/Land"}, "Enter a time zone"),
        ({"limits-0-warn_at": "101"}, "From 1 to 100 percent"),
    ):
        answer = shop.post("/policies", data=FORM | wrong)
        assert answer.status_code == 422
        assert sentence in answer.text
        assert 'value="So that nobody has to ask"' in answer.text
        summary = answer.text.partition('class="error-summary"')[2].partition("</div></div>")[0]
        assert "{" not in summary
    assert versions(session) == []


def test_a_name_is_given_once(shop: Any, session: Session) -> None:
    written(shop, session)
    assert "is a policy called “Sales add-ons” already" in shop.post("/policies", data=FORM).text


def test_limits_are_added_and_removed_without_losing_what_is_typed(shop: Any) -> None:
    typed = FORM | {"limits-1-warn_at": "45", "limits-1-restores": "no"}
    more = shop.post("/policies/form/limits", data=typed | {"add": ""}, headers=HTMX).text
    assert more.count('role="group" aria-label="Limit') == 3
    assert all(text in more for text in ('value="60"', 'value="45"', 'selected value="no"'))
    fewer = shop.post("/policies/form/limits", data=FORM | {"remove": "0"}, headers=HTMX).text
    assert (fewer.count('role="group" aria-label="Limit'), 'value="15"' in fewer) == (1, False)


def test_hours_and_the_zone_are_written_read_back_and_kept(shop: Any, session: Session) -> None:
    hours = {"open_days": ["0", "1", "2", "3", "4"], "opens": "09:00", "closes": "18:00", "zone": "Europe/Paris"}
    version = written(shop, session, **hours, **{"limits-1-warn_at": "50", "limits-1-restores": "no"})
    assert (version.body["hours"], version.body["zone"]) == (
        {"days": [0, 1, 2, 3, 4], "opens": 540, "closes": 1080},
        "Europe/Paris",
    )
    page = plain(shop.get(f"/policies/{version.policy_id}").text)
    assert "on Monday to Friday from 09:00 to 18:00." in page
    assert "on the clock of Paris" in page
    editor = shop.get(f"{address(version)}/editor").text
    assert all(text in editor for text in ('value="09:00"', 'value="18:00"', 'value="Europe/Paris"', 'value="50"'))
    plainly = shop.post(address(version), data=FORM | {"revision": "1"})
    assert (plainly.status_code, "hours" in versions(session)[-1].body) == (303, False)


def test_errors_of_the_checks_keep_it_from_review(shop: Any, session: Session) -> None:
    make_policy(session, roles=("agent",), name="Agents", priority=120)
    session.commit()
    version = written(shop, session)
    tried(session, version)
    refused = shop.post(f"{address(version)}/review")
    assert refused.status_code == 422
    assert "“Agents” has the priority 120 as well" in refused.text


@pytest.mark.parametrize(
    ("pot", "said"),
    [
        ({"limits-0-cap": "4"}, "“A clay pot” costs more than £4 each and can never be given."),  # £8 at the most
        ({"limits-0-cap": "4.20"}, "“A clay pot” costs more than £4.20 each and can be given only with approval."),
        ({"limits-0-cap": "4", "most_over": "110"}, "and can be given only with approval."),
        ({"limits-0-cap": "4.20", "approval_roles": ""}, "and can never be given."),
    ],
)
def test_what_no_approver_may_allow_can_never_be_given(shop: Any, pot: dict[str, str], said: str) -> None:
    assert said in plain(shop.post("/policies/form/sentence", data=FORM | pot, headers=HTMX).text)


def test_a_reviewer_sends_it_back_with_a_comment(shop: Any, session: Session, sign_in: SignIn) -> None:
    version, other = in_review(shop, session), sign_in("supervisor")
    assert shop.post(address(version), data=FORM | {"revision": "1"}).status_code == 422  # nobody changes it now
    assert other.post(f"{address(version)}/comment", data={"comment": ""}).status_code == 422
    assert other.post(f"{address(version)}/comment", data={"comment": "£15 is a lot"}).status_code == 303
    assert "£15 is a lot" in shop.get(f"/policies/{version.policy_id}").text
    assert versions(session)[0].stage is Stage.DRAFT


def test_a_copy_is_a_policy_of_its_own(shop: Any, session: Session) -> None:
    version = written(shop, session)
    assert shop.post(f"{address(version)}/copies", data={"name": "Sales add-ons"}).status_code == 422
    assert shop.post(f"{address(version)}/copies", data={"name": "Another"}).status_code == 303
    assert [one.body_hash for one in versions(session)] == [version.body_hash] * 2
    assert {one.policy_id for one in versions(session)} == {version.policy_id, version.policy_id + 1}


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
    assert (full.text.count('role="group" aria-label="Limit'), "12 limits at most" in full.text) == (12, True)
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
