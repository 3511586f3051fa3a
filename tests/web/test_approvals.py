"""Asking for more than one's limit, and the answer, on both engines."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from console.auth.models import User
from console.db import db
from console.empowerment.models import PolicyVersion, Stage
from console.errors import DomainError
from console.gestures import approvals
from console.gestures.approval_models import ApprovalRequest, RequestState
from console.gestures.models import EntryState
from console.interactions.models import Interaction, InteractionState
from tests.conftest import HTMX
from tests.factories import (
    make_customer,
    make_interaction,
)
from tests.factories_approvals import (
    NO,
    OPEN,
    YES,
    SignIn,
    answer,
    approval_shop,
    ask,
    asked,
    change_policy,
    entries,
    kinds,
    later,
    latest,
)
from tests.factories_gestures import caps, make_gesture, make_policy


@pytest.fixture
def shop(session: Session, sign_in: SignIn) -> SimpleNamespace:
    return approval_shop(session, sign_in)


def test_a_refusal_leads_to_a_yes_in_two_screens(shop: SimpleNamespace) -> None:
    url = f"/customers/{shop.customer.id}/gestures"
    refused = shop.agent.post(url, data={"version": shop.big.id, "key": "0000-0000-0000-0001"}, headers=HTMX)
    assert refused.status_code == 422
    assert all(text in refused.text for text in ('data-key="a"', "Ask for approval", "What still fits"))

    waits = ask(shop)
    assert all(text in waits.text for text in ("Asked. An answer comes within", "every 3s", "What fits at once"))
    request = latest(shop)
    assert (request.state, request.interaction_id, request.cost_minor) == (OPEN, shop.talk.id, 1500)
    assert request.expires_at - request.requested_at == timedelta(minutes=5)
    assert "1</span>" in shop.boss.get("/approvals/badge").text
    inbox = shop.boss.get("/approvals").text
    assert all(text in inbox for text in ("Twice late", "£5.00 over £10 each", shop.agent.user.name, "Isla Mercer"))
    assert all(f'data-key="{key}"' in inbox for key in "yxc")

    done = answer(shop.boss, request)
    assert (done.status_code, "Approved and held" in done.headers["HX-Trigger"]) == (200, True)
    (entry,) = entries(shop)
    assert (entry.state, entry.approval_id, entry.agent_id) == (EntryState.HELD, request.id, shop.agent.user.id)
    assert kinds(shop) == ["approval.requested", "approval.approved"]
    news = shop.agent.get(f"/customers/{shop.customer.id}/approvals?seen={request.id}-pending-0", headers=HTMX)
    assert "Approved: it is held for you" in news.headers["HX-Trigger"]
    assert "What does" in news.text
    assert answer(shop.boss, request).status_code == 200  # a second click
    assert len(entries(shop)) == 1


def test_nothing_new_is_not_sent_again(shop: SimpleNamespace) -> None:
    request = asked(shop)
    mark = f"{request.id}-pending-0"
    assert shop.agent.get(f"/customers/{shop.customer.id}/approvals?seen={mark}", headers=HTMX).status_code == 204
    news = f"/approvals/news?open={request.id}&card={mark}&queue="
    assert shop.boss.get(news + mark, headers=HTMX).status_code == 204
    queue = shop.boss.get(news, headers=HTMX)  # another one came: what is being typed is left alone
    assert (queue.headers["HX-Retarget"], 'id="approval"' in queue.text) == ("#approvals-queue", False)


def test_one_press_is_one_request_and_it_can_be_withdrawn(shop: SimpleNamespace) -> None:
    first = asked(shop, key="0000-0000-0000-aaaa")
    assert asked(shop, key="0000-0000-0000-aaaa").id == first.id
    assert asked(shop).id == first.id  # the same from another tab
    assert ask(shop, shop.small, key="0000-0000-0000-aaaa").status_code == 422
    for other in ({"reason": "Thrice late"}, {"cost": "900"}):
        assert "on other terms" in ask(shop, key="0000-0000-0000-aaaa", **other).text
    assert shop.agent.get(f"/customers/{shop.customer.id}/approvals?seen=²-x.9-y", headers=HTMX).status_code == 200
    assert shop.agent.post(f"/approvals/{first.id}/withdrawal", headers=HTMX).status_code == 200
    assert latest(shop).state is RequestState.WITHDRAWN
    late = answer(shop.boss, first)
    assert (late.status_code, "It was withdrawn." in late.text, entries(shop)) == (422, True, [])


@pytest.mark.parametrize(
    ("approval", "cost", "said"),
    [
        ({"most_over_percent": 40}, 1500, "£14.00 at the most"),
        ({"roles": ("administrator",)}, 1500, "Nobody else is here"),
        ({"second_over_minor": 1500}, 1500, "Nobody else is here"),  # two would be needed
        ({}, 800, "inside your limits now"),
    ],
)
def test_what_nobody_could_allow_is_not_asked(
    shop: SimpleNamespace, approval: dict[str, Any], cost: int, said: str
) -> None:
    change_policy(shop, **approval)
    refused = ask(shop, shop.big if cost == 1500 else shop.small)
    assert refused.status_code == 422
    assert said in refused.text
    assert shop.session.scalars(select(ApprovalRequest)).all() == []


def test_a_reason_is_asked_for_and_the_form_stays(shop: SimpleNamespace) -> None:
    refused = ask(shop, reason=" ")
    assert (refused.status_code, "Say in a line why" in refused.text) == (422, True)
    assert f'name="version" value="{shop.big.id}"' in refused.text


def test_time_runs_out_by_the_clock_and_is_written_down_when_somebody_looks(shop: SimpleNamespace) -> None:
    request = asked(shop)
    later(shop, request, minutes=5)
    late = answer(shop.boss, request)
    assert (late.status_code, "so it ran out" in late.text, entries(shop)) == (422, True, [])
    assert latest(shop).state is RequestState.LAPSED
    assert kinds(shop) == ["approval.requested", "approval.lapsed"]
    assert "nobody answered in time" in shop.agent.get(f"/customers/{shop.customer.id}/gestures", headers=HTMX).text


def test_a_talk_that_ended_may_still_be_answered(shop: SimpleNamespace) -> None:
    request = asked(shop)
    ended = {"state": InteractionState.CLOSED, "ended_at": datetime.now(UTC) - timedelta(hours=1)}
    shop.session.execute(update(Interaction).values(**ended))
    shop.session.commit()
    assert answer(shop.boss, request).status_code == 200
    assert entries(shop)[0].interaction_id == shop.talk.id


def test_a_key_pressed_twice_does_not_answer_the_next_request_too(shop: SimpleNamespace) -> None:
    roomy = caps(each=1000, talk=9000, customer=9000, day=9000)
    make_policy(shop.session, replaces=shop.policy, limits=roomy)
    other = make_gesture(shop.session, "£12 credit", 1200, face_minor=1200)
    shop.session.commit()
    first, second = asked(shop), asked(shop, version=other)
    shown = answer(shop.boss, first)
    assert f"/approvals/{second.id}/approval" in shown.text
    since = re.search(r'name="since" value="([\d.]+)"', shown.text)
    assert since is not None
    bounced = shop.boss.post(
        f"/approvals/{second.id}/approval", data={"since": str(float(since[1]) + 3600)}, headers=HTMX
    )
    assert (bounced.status_code, "Read it, then decide" in bounced.text) == (422, True)
    assert 'name="since"' not in bounced.text
    assert answer(shop.boss, second).status_code == 200
    assert len(entries(shop)) == 2


def test_a_no_tells_why(shop: SimpleNamespace) -> None:
    request = asked(shop)
    assert answer(shop.boss, request, "rejection", reason="").status_code == 422
    assert answer(shop.boss, request, "rejection", reason="Too much for a scratch").status_code == 200
    assert latest(shop).state is NO
    panel = shop.agent.get(f"/customers/{shop.customer.id}/gestures", headers=HTMX).text
    assert "Too much for a scratch" in panel
    assert "£8 credit" in panel


@pytest.mark.parametrize(("cost", "approved"), [(800, False), (1200, True)])
def test_something_else_is_offered_and_taken(shop: SimpleNamespace, cost: int, approved: bool) -> None:
    """Inside the agent's own £10 it is their own; above it stands on the supervisor's yes."""
    other = shop.small if cost == 800 else make_gesture(shop.session, "£12 credit", 1200)
    shop.session.commit()
    request = asked(shop)
    assert answer(shop.boss, request, "counter-offer", choice=f"{other.id}-{cost}").status_code == 200
    assert (
        f"{shop.boss.user.name} offers this instead"
        in shop.agent.get(f"/customers/{shop.customer.id}/gestures", headers=HTMX).text
    )
    for _ in range(2):
        assert shop.agent.post(f"/approvals/{request.id}/acceptance", headers=HTMX).status_code == 200
    (entry,) = entries(shop)
    assert (entry.cost_minor, entry.approval_id) == (cost, request.id if approved else None)
    assert latest(shop).state is RequestState.TAKEN
    assert kinds(shop)[1:] == ["approval.countered", "approval.taken"]


def test_a_counter_offer_is_no_dearer_and_one_that_exists(shop: SimpleNamespace) -> None:
    dear = make_gesture(shop.session, "£16 credit", 1600)
    shop.session.commit()
    request = asked(shop)
    for choice in (
        f"{dear.id}-1600",
        f"{shop.big.id}-1500",
        f"{shop.small.id}-799",
        "987654321-1",
        "x",
        "9" * 30 + "-1",
    ):
        assert answer(shop.boss, request, "counter-offer", choice=choice).status_code == 422
    assert latest(shop).state is OPEN
    less = make_gesture(shop.session, "£12 credit", 1200)
    shop.session.commit()
    assert answer(shop.boss, request, "counter-offer", choice=f"{less.id}-1200").status_code == 200
    shop.session.execute(update(User).where(User.id == shop.boss.user.id).values(active=False))
    shop.session.commit()
    gone = shop.agent.post(f"/approvals/{request.id}/acceptance", headers=HTMX)
    assert (gone.status_code, "can allow it no longer" in gone.text, entries(shop)) == (422, True, [])


def test_the_inboxs_statements_do_not_grow(shop: SimpleNamespace) -> None:
    def statements() -> int:
        return int(shop.boss.get("/approvals").headers["X-Sql-Statements"])

    asked(shop)
    before = statements()
    for number in range(4):
        shop.customer = make_customer(shop.session, f"Anna{number}")
        make_interaction(shop.session, shop.customer, shop.agent.user)
        shop.session.commit()
        asked(shop)
    assert statements() <= before
    assert before < 60


def test_the_advisor_proposes_what_the_numbers_carry(shop: SimpleNamespace) -> None:
    request = asked(shop)
    assert answer(shop.boss, request).status_code == 200
    row = latest(shop)
    rows = {column.key: getattr(row, column.key) for column in ApprovalRequest.__table__.columns if column.key != "id"}
    for number in range(29):
        at = request.requested_at - timedelta(days=1, hours=2 * number if number > 8 else 0)
        copied = rows | {"idempotency_key": f"copy-{number}", "requested_at": at}
        shop.session.add(ApprovalRequest(**copied))
    shop.session.commit()
    page = shop.boss.get("/approvals/advice").text
    assert "Raise it to £15 each." in page
    assert "30 of 30 requests were approved" in page
    assert "9 requests within an hour" in page
    made = shop.boss.post("/approvals/advice/drafts", data={"policy": shop.policy.policy_id, "limit": 0})
    assert made.status_code == 303
    shop.session.expire_all()
    version = shop.session.scalars(select(PolicyVersion).where(PolicyVersion.stage == Stage.DRAFT)).one()
    assert (version.body["limits"][0]["cap"], "30 of 30" in version.note) == (1500, True)
    assert (
        shop.boss.post("/approvals/advice/drafts", data={"policy": shop.policy.policy_id, "limit": 1}).status_code
        == 422
    )


def test_of_answers_at_once_the_first_wins_and_time_may_too(shop: SimpleNamespace, sign_in: SignIn, app: Flask) -> None:
    second, now = sign_in("supervisor").user.id, datetime.now(UTC)
    request, first = asked(shop), shop.boss.user.id
    gate = Barrier(4)

    def act(what: Callable[..., Any], **given: Any) -> str:
        with app.app_context():
            gate.wait(30)
            try:
                what(**given)
                db.session.commit()
            except DomainError:
                return "second"
            return "first"

    with ThreadPoolExecutor(4) as pool:
        acts = [
            pool.submit(act, approvals.approve, request_id=request.id, approver_id=first, now=now),
            pool.submit(act, approvals.reject, request_id=request.id, reason="No", approver_id=second, now=now),
            pool.submit(act, approvals.approve, request_id=request.id, approver_id=second, now=now),
            pool.submit(act, approvals.lapse_due, now=request.expires_at),
        ]
        said = [one.result(60) for one in acts]
    ended = latest(shop).state
    assert (ended is YES, said.count("first") >= 1) == (len(entries(shop)) == 1, True)
    assert ended in {YES, NO, RequestState.LAPSED}
    assert len(kinds(shop)) == 2  # asked, and answered once
