"""Who may decide a request, and how far, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from flask_security.utils import hash_password
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from console.auth.confirming import KEPT
from console.auth.models import User
from console.customers.models import Email
from console.empowerment.fields import CUSTOMER
from console.empowerment.policy import Approval, Kind, Limit, Measure, Scope, Who
from console.empowerment.rules import read_rule
from console.empowerment.windows import Window
from console.gestures.approval_models import ApprovalRequest
from console.gestures.models import EntryState, LedgerEntry
from console.gestures.review_models import StaffLink
from tests.conftest import HTMX
from tests.factories import (
    add,
    make_customer,
    make_interaction,
    make_team,
    make_user,
)
from tests.factories_approvals import (
    OPEN,
    YES,
    SignIn,
    answer,
    approval_shop,
    ask,
    asked,
    change_policy,
    confirm,
    entries,
    kinds,
    later,
    latest,
)
from tests.factories_gestures import caps, make_gesture, make_policy


@pytest.fixture
def shop(session: Session, sign_in: SignIn) -> SimpleNamespace:
    return approval_shop(session, sign_in)


def test_four_eyes(shop: SimpleNamespace, sign_in: SignIn) -> None:
    """Neither who asked, nor who is linked to the customer, nor who has another role, nor nobody."""
    own = shop.boss.user
    dear = make_gesture(shop.session, "£80 credit", 8000)
    shop.session.commit()
    request = asked(shop)
    add(shop.session, Email(customer_id=shop.customer.id, address=own.email))
    shop.session.commit()
    refused = answer(shop.boss, request)
    assert (refused.status_code, "decided by a colleague" in refused.text) == (422, True)
    assert shop.session.scalars(select(StaffLink.basis)).one() == "email"  # kept, should the e-mail be edited away
    assert "badge" not in shop.boss.get("/approvals/badge").text
    assert answer(shop.agent, request).status_code == 403

    second = sign_in("supervisor")
    confirm(second)
    make_interaction(shop.session, shop.customer, second.user)
    make_policy(shop.session, who=Who(agents=(own.id,)), limits=caps(each=8000, talk=8000, customer=8000), priority=200)
    shop.session.commit()
    assert answer(second, asked(shop, version=dear, client=second)).text.count("You asked this yourself") == 1


def test_a_subordinate_does_not_decide_for_a_supervisor(shop: SimpleNamespace, in_app: None) -> None:
    from console.empowerment.policy import Body
    from console.gestures.approving import NotYours, may_decide

    request = ApprovalRequest(requester_id=shop.boss.user.id, requester=shop.boss.user, customer=shop.customer)
    body = Body("GBP", "Europe/London", approval=Approval(roles=("agent", "supervisor")))
    with pytest.raises(NotYours):
        may_decide(shop.agent.user, request, body, datetime.now(UTC))


def test_the_own_team_is_asked_first_and_everybody_from_half_time_on(shop: SimpleNamespace, sign_in: SignIn) -> None:
    other = sign_in(make_user(shop.session, "supervisor", team=make_team(shop.session, "Studio")))
    confirm(other)
    request = asked(shop)
    assert request.escalates_at - request.requested_at == timedelta(minutes=2.5)
    assert "Their own team is asked first" in answer(other, request).text
    assert "badge" not in other.get("/approvals/badge").text
    later(shop, request, minutes=3)
    assert "badge" in other.get("/approvals/badge").text
    assert answer(other, request).status_code == 200
    assert latest(shop).state is YES


def test_nobody_allows_what_they_could_not_give(shop: SimpleNamespace) -> None:
    request = asked(shop)
    make_policy(shop.session, roles=("supervisor",), limits=caps(each=1200), priority=200)
    shop.session.commit()
    assert "more than your own limit of £12 each" in shop.boss.get(f"/approvals/{request.id}").text
    refused = answer(shop.boss, request)
    assert (refused.status_code, entries(shop), latest(shop).state) == (422, [], OPEN)
    assert shop.agent.post(f"/approvals/{request.id}/withdrawal", headers=HTMX).status_code == 200
    assert "Nobody else is here who may allow it. Pick something smaller." in ask(shop).text  # rather than wait in vain


def test_the_budget_of_a_day_counts_what_was_allowed(shop: SimpleNamespace) -> None:
    change_policy(shop, budget_minor=2500)
    assert answer(shop.boss, asked(shop)).status_code == 200
    shop.session.execute(update(LedgerEntry).values(state=EntryState.HELD))
    other = make_customer(shop.session, "Omar", "Khan")
    make_interaction(shop.session, other, shop.agent.user)
    shop.session.commit()
    shop.customer = other
    request = asked(shop)
    refused = answer(shop.boss, request)
    assert (refused.status_code, "£25.00 a day and have £10.00 of it left" in refused.text) == (422, True)
    assert (len(entries(shop)), latest(shop).state) == (1, OPEN)


def test_two_have_to_agree_to_what_is_large(shop: SimpleNamespace, sign_in: SignIn) -> None:
    """Where the own team has only one of them, the second is asked at once as well."""
    second = sign_in(make_user(shop.session, "supervisor", team=make_team(shop.session, "Studio")))
    confirm(second)
    change_policy(shop, second_over_minor=1500)
    request = asked(shop)
    assert answer(shop.boss, request).status_code == 200
    assert (latest(shop).state, entries(shop)) == (OPEN, [])
    assert "You agreed already" in answer(shop.boss, request).text
    assert answer(second, request).status_code == 200
    assert (latest(shop).state, len(entries(shop))) == (YES, 1)
    assert kinds(shop) == ["approval.requested", "approval.agreed", "approval.approved"]


def test_everything_is_decided_afresh(shop: SimpleNamespace) -> None:
    """A limit that failed only since, terms that were tampered with, and a policy that was replaced."""
    request = asked(shop)
    failures = [request.failures[0] | {"cap": 1400}]
    shop.session.execute(update(ApprovalRequest).values(failures=failures))
    shop.session.commit()
    assert "not what was asked" in answer(shop.boss, request).text
    shop.session.execute(update(ApprovalRequest).values(failures=request.failures))
    make_policy(shop.session, replaces=shop.policy, limits=caps(talk=1400))
    shop.session.commit()
    assert answer(shop.boss, request).status_code == 422
    assert (entries(shop), latest(shop).state) == ([], OPEN)


def test_a_decision_takes_a_password_entered_just_now(shop: SimpleNamespace, app: Flask) -> None:
    request = asked(shop)
    with app.app_context():
        word = hash_password("a good long one")
    shop.session.execute(update(User).where(User.id == shop.boss.user.id).values(password=word))
    shop.session.commit()
    with shop.boss.session_transaction() as cookie:
        cookie[KEPT] = [shop.boss.user.id, int(datetime.now(UTC).timestamp()) - 901]
    refused = answer(shop.boss, request)
    assert (refused.status_code, "Your password, before you decide" in refused.text) == (422, True)
    send = lambda word: shop.boss.post("/approvals/confirmation", data={"password": word, "open": request.id})  # noqa: E731
    assert (send("wrong").status_code, send("x" * 9000).status_code) == (422, 422)
    assert (latest(shop).state, entries(shop)) == (OPEN, [])
    assert send("a good long one").status_code == 303
    assert answer(shop.boss, request).status_code == 200
    fresh = app.test_client()
    fresh.post("/login", data={"email": shop.boss.user.email, "password": "a good long one"})
    with fresh.session_transaction() as cookie:
        assert cookie[KEPT][0] == shop.boss.user.id  # signing in is entering it
    with shop.boss.session_transaction() as cookie:
        cookie[KEPT] = [shop.agent.user.id, cookie[KEPT][1]]  # somebody else's does not count
    assert answer(shop.boss, asked(shop, version=shop.big)).status_code == 422


def test_guessing_the_password_here_is_throttled_too(shop: SimpleNamespace, app_with: Callable[..., Flask]) -> None:
    client = app_with(RATELIMIT_ENABLED=True, SIGN_IN_ATTEMPTS=2).test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = shop.boss.user.fs_uniquifier, True
    codes = [client.post("/approvals/confirmation", data={"password": "guess"}).status_code for _ in range(3)]
    assert codes == [422, 422, 429]


def test_forged_ids_are_not_found_and_others_requests_are_not_mine(shop: SimpleNamespace, sign_in: SignIn) -> None:
    request, other = asked(shop), sign_in("agent")
    for what in ("withdrawal", "acceptance"):
        assert other.post(f"/approvals/{request.id}/{what}").status_code == 404
    for number in (987_654_321, 2**63 - 1, 2**63, 10**30):
        assert shop.boss.post(f"/approvals/{number}/approval").status_code == 404
    assert shop.boss.get(f"/approvals?open={10**30}").status_code == 200
    assert shop.agent.get(f"/customers/{shop.customer.id}/approvals?seen={10**30}-x.y").status_code == 200


def test_where_no_policy_speaks_an_approver_lends_their_own_authority(shop: SimpleNamespace) -> None:
    """Their policy authorises, their own limits count what they lend, and guardrails bind as ever."""
    session, url = shop.session, f"/customers/{shop.customer.id}/gestures"
    gold = read_rule({"field": "tier", "op": "in", "value": ["gold"]}, CUSTOMER)
    make_policy(session, replaces=shop.policy, customers=gold)
    bosses = make_policy(session, roles=("supervisor",), limits=caps(each=5000, talk=7500, day=2500), priority=200)
    session.commit()
    page = shop.agent.get(url, headers=HTMX).text
    assert all(text in page for text in ("You may not give anything here yourself", "Not yours to give: ask for it"))
    refused = shop.agent.post(url, data={"version": shop.big.id, "key": "0000-0000-0000-0001"}, headers=HTMX)
    assert (refused.status_code, "needs gold" in refused.text, 'data-key="a"' in refused.text) == (422, True, True)

    request = asked(shop)
    assert (request.is_beyond_policies, request.expires_at - request.requested_at) == (True, timedelta(minutes=5))
    assert "No policy lets them give it; yours would" in shop.boss.get("/approvals").text
    assert answer(shop.boss, request, "counter-offer", choice=f"{shop.small.id}-800").status_code == 200
    assert shop.agent.post(f"/approvals/{request.id}/acceptance", headers=HTMX).status_code == 200
    assert answer(shop.boss, asked(shop)).status_code == 200
    lent = [(one.cost_minor, one.agent_id, one.policy_version_id) for one in entries(shop)]
    assert lent == [(800, shop.agent.user.id, bosses.id), (1500, shop.agent.user.id, bosses.id)]

    third = asked(shop, version=shop.small)
    assert "more than your own limit of £25 a day" in answer(shop.boss, third).text
    assert len(entries(shop)) == 2
    none = Limit(Scope.GESTURE, Measure.COUNT, Window.EACH, 0)
    make_policy(session, kind=Kind.GUARDRAIL, roles=(), limits=(none,), name="A hard rule")
    session.commit()
    assert answer(shop.boss, third).status_code == 422
    over = shop.agent.post(url, data={"version": shop.big.id, "key": "0000-0000-0000-0002"}, headers=HTMX).text
    assert "asking-reason" not in over
    add(session, Email(customer_id=shop.customer.id, address=shop.agent.user.email))
    session.commit()
    assert "has to come from a colleague" in ask(shop).text
