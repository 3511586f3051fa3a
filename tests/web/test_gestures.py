"""Catalogue, panel and ledger as people see them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from console.customers.models import Boundary, BoundaryKind, Complaint
from console.empowerment.kinds import GestureKind
from console.empowerment.models import EmpowermentPolicy
from console.feed import FeedEntry
from console.gestures.learning_models import Suggestion
from console.gestures.models import EntryState, GestureVersion, LedgerEntry, LedgerEvent
from console.gestures.weights import MODEL
from tests.conftest import HTMX
from tests.factories import make_customer, make_delivery, make_interaction, make_order, make_user
from tests.factories_gestures import caps, make_gesture, make_policy

SignIn = Callable[..., Any]  # a FlaskClient that also has its `user`


@pytest.fixture
def shop(session: Session, sign_in: SignIn) -> SimpleNamespace:
    """An agent signed in, a customer whose parcel came late, limits and a small catalogue."""
    customer = make_customer(session)
    today = datetime.now(UTC)
    order = make_order(session, customer, days_ago=12)
    make_delivery(
        session, order, promised_on=(today - timedelta(days=9)).date(), delivered_at=today - timedelta(days=5)
    )
    policy = make_policy(session)
    express = make_gesture(session, occasions=["recovery"])
    call = make_gesture(session, "A call back from you", 0, kind=GestureKind.HUMAN_FOLLOWUP, occasions=["recovery"])
    credit = make_gesture(session, "£5 credit", 500, kind=GestureKind.CREDIT)
    candle = make_gesture(session, "A candle", 380, kind=GestureKind.SAMPLE, occasions=["delight"])
    assembly = make_gesture(session, "Furniture assembly", 2200, kind=GestureKind.UPGRADE)
    session.commit()
    agent = sign_in("agent")
    make_interaction(session, customer, agent.user)
    session.commit()
    return SimpleNamespace(
        session=session,
        customer=customer,
        url=f"/customers/{customer.id}/gestures",
        agent=agent,
        policy=policy,
        express=express,
        call=call,
        credit=credit,
        candle=candle,
        assembly=assembly,
    )


def offer(
    shop: SimpleNamespace,
    version: GestureVersion,
    key: str = "0000-0000-0000-0001",
    client: FlaskClient | None = None,
) -> TestResponse:
    return (client or shop.agent).post(shop.url, data={"version": version.id, "key": key}, headers=HTMX)


def entries(shop: SimpleNamespace) -> list[LedgerEntry]:
    shop.session.expire_all()
    return list(shop.session.scalars(select(LedgerEntry).order_by(LedgerEntry.id)))


def test_the_panel_shows_authority_and_three_reasoned_gestures(shop: SimpleNamespace) -> None:
    page = shop.agent.get(shop.url, headers=HTMX).text
    assert 'role="meter"' in page
    assert "<b>£100.00</b> of £100.00 left" in page
    assert re.search(r"Order \d+ came 4 days late\.", page)
    assert all(f'data-key="g {n}"' in page for n in (1, 2, 3))
    assert "A candle" in page.split("Other gestures")[1]


def test_every_list_that_is_shown_is_written_down(shop: SimpleNamespace) -> None:
    shop.agent.get(shop.url)
    (shown,) = shop.session.scalars(select(Suggestion)).all()
    assert (shown.customer_id, shown.agent_id, shown.model) == (shop.customer.id, shop.agent.user.id, MODEL)
    assert [item["propensity"] for item in shown.items] == [1.0, 1.0, 1.0]
    assert shown.items[0]["gesture_version"] == shop.express.id


def test_the_panels_statements_do_not_grow_with_the_history(shop: SimpleNamespace) -> None:
    few = int(shop.agent.get(shop.url).headers["X-Sql-Statements"])
    for n in range(3):
        offer(shop, shop.call, key=f"0000-0000-0000-001{n}")
    many = int(shop.agent.get(shop.url).headers["X-Sql-Statements"])
    assert many <= few + 2  # the live conversation, and what it had
    assert many <= 25


def test_an_offer_is_held_then_granted_on_a_yes(shop: SimpleNamespace) -> None:
    answer = offer(shop, shop.express)
    assert answer.status_code == 200
    assert "timelineChanged" in answer.headers["HX-Trigger"]
    assert "data-until=" in answer.text
    assert "<b>£94.80</b> of £100.00 left" in answer.text
    assert "£5.20 of it is held in offers" in answer.text
    (entry,) = entries(shop)
    yes = shop.agent.post(f"/gestures/entries/{entry.id}/grant", headers=HTMX)
    assert yes.status_code == 200
    assert "data-until=" not in yes.text
    assert entries(shop)[0].state is EntryState.GRANTED


def test_without_htmx_an_offer_answers_with_a_redirect(shop: SimpleNamespace) -> None:
    answer = shop.agent.post(shop.url, data={"version": shop.express.id, "key": "0000-0000-0000-0002"})
    assert (answer.status_code, answer.location) == (303, shop.url)
    assert "Plus one for Isla Mercer" in shop.agent.get(answer.location).text


def test_a_double_click_is_one_offer(shop: SimpleNamespace) -> None:
    assert [offer(shop, shop.express).status_code for _ in range(2)] == [200, 200]
    assert len(entries(shop)) == 1


def test_two_tabs_with_keys_of_their_own_share_one_limit(shop: SimpleNamespace) -> None:
    answers = [offer(shop, shop.credit, key=f"0000-0000-0000-010{n}").status_code for n in range(5)]
    assert answers == [200, 200, 200, 200, 422]
    assert sum(entry.cost_minor for entry in entries(shop)) == 2000


def test_yes_in_two_tabs_is_one_grant(shop: SimpleNamespace) -> None:
    offer(shop, shop.express)
    url = f"/gestures/entries/{entries(shop)[0].id}/grant"
    assert [shop.agent.post(url, headers=HTMX).status_code for _ in range(2)] == [200, 200]
    assert shop.session.scalar(select(func.count()).select_from(LedgerEvent)) == 2


def test_no_after_yes_says_what_happened_meanwhile(shop: SimpleNamespace) -> None:
    offer(shop, shop.express)
    entry = entries(shop)[0]
    shop.agent.post(f"/gestures/entries/{entry.id}/grant", headers=HTMX)
    answer = shop.agent.post(f"/gestures/entries/{entry.id}/decline", headers=HTMX)
    assert answer.status_code == 422
    assert "it is given" in answer.text


def test_a_screen_with_an_open_offer_is_told_at_once_when_the_policy_is_stopped(
    shop: SimpleNamespace, sign_in: SignIn
) -> None:
    offer(shop, shop.express)
    policy_id = shop.session.scalars(select(EmpowermentPolicy.id)).one()
    boss, assembly = sign_in("supervisor"), shop.assembly
    boss.post("/policies/suspensions", data={"what": f"gesture:{assembly.gesture_id}", "reason": "Too much"})
    panel = shop.agent.get(shop.url, headers=HTMX).text
    assert "paused for everybody" in panel and f'name="version" value="{assembly.id}"' not in panel
    boss.post("/policies/suspensions", data={"what": f"policy:{policy_id}", "reason": "Too much"})
    told = shop.session.scalars(select(FeedEntry.topic).where(FeedEntry.kind == "authority")).all()
    assert f"team:{shop.agent.user.team_id}" in told
    panel = shop.agent.get(shop.url, headers=HTMX).text
    assert "The policy was paused since: at a yes it is withdrawn" in panel
    assert "is stopped, so nothing can be given just now" in panel and "Ask a supervisor when it goes on" in panel
    assert "Your authority today" not in panel and "Other gestures" not in panel


@pytest.mark.parametrize(("act", "state"), [("decline", EntryState.DECLINED), ("void", EntryState.VOIDED)])
def test_no_and_withdraw_give_the_authority_back(shop: SimpleNamespace, act: str, state: EntryState) -> None:
    offer(shop, shop.express)
    answer = shop.agent.post(f"/gestures/entries/{entries(shop)[0].id}/{act}", headers=HTMX)
    assert "<b>£100.00</b> of £100.00 left" in answer.text
    assert entries(shop)[0].state is state


def test_a_refusal_names_the_limit_and_offers_the_best_that_still_fits(shop: SimpleNamespace) -> None:
    answer = offer(shop, shop.assembly)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "£22.00 is more than the £10.00 that you may give as one gesture." in answer.text
    assert "£22.00 is more than the £20.00 for one conversation." in answer.text
    assert "What still fits: <b>Express delivery</b>" in answer.text
    assert entries(shop) == []
    field = r'name="{}" value="([0-9a-f-]+)"'
    instead = re.search(
        field.format("version") + "><[^>]*" + field.format("key") + "><[^>]*><button[^>]*>Offer that instead",
        answer.text,
    )
    assert instead
    taken = shop.agent.post(shop.url, data={"version": instead[1], "key": instead[2]}, headers=HTMX)
    assert taken.status_code == 200
    assert [entry.gesture_version_id for entry in entries(shop)] == [shop.express.id]


def test_a_refusal_for_the_conversation_says_what_is_left(shop: SimpleNamespace) -> None:
    for n in range(4):
        offer(shop, shop.credit, key=f"0000-0000-0000-030{n}")
    answer = offer(shop, shop.express, key="0000-0000-0000-0309")
    assert "£20.00 of £20.00 for this conversation is used, so nothing is left. It fits in a later" in answer.text
    assert "What still fits: <b>A call back from you</b>, free." in answer.text


def test_a_refusal_for_the_day_says_that_it_frees_up_at_midnight(shop: SimpleNamespace) -> None:
    make_policy(shop.session, replaces=shop.policy, limits=caps(day=800))
    shop.session.commit()
    offer(shop, shop.express)
    answer = offer(shop, shop.credit, key="0000-0000-0000-0009")
    assert "You have given £5.20 of £8.00 today, so £2.80 is left. Your day starts afresh at midnight." in answer.text
    assert "£5.20 of it is only offered so far" in answer.text


def test_a_refusal_for_the_customer_says_the_day_it_frees_up(shop: SimpleNamespace) -> None:
    make_policy(shop.session, replaces=shop.policy, limits=caps(talk=800, customer=800))
    shop.session.commit()
    offer(shop, shop.express)
    answer = offer(shop, shop.credit, key="0000-0000-0000-0009")
    assert "Isla has had £5.20 of £8.00 in 90 days, so £2.80 is left. It fits again from" in answer.text


def test_no_gifts_silences_the_panel_and_refuses_the_offer(shop: SimpleNamespace) -> None:
    shop.session.add(Boundary(customer_id=shop.customer.id, kind=BoundaryKind.NO_GIFTS))
    shop.session.commit()
    page = shop.agent.get(shop.url, headers=HTMX).text
    assert "Isla asked for no gifts; a sincere thank-you fits." in page
    assert page.split("Other gestures")[0].count("<article") == 1  # the call back: her parcel was late
    answer = offer(shop, shop.express)
    assert answer.status_code == 422
    assert "asked for no gifts" in answer.text
    assert entries(shop) == []


def test_an_open_complaint_leaves_only_recovery(shop: SimpleNamespace) -> None:
    shop.session.add(Complaint(customer_id=shop.customer.id, text="Scratched lamp"))
    shop.session.commit()
    page = shop.agent.get(shop.url, headers=HTMX).text
    assert "for a failure" in page
    assert "A candle" not in page.split("Other gestures")[0]
    answer = offer(shop, shop.candle)
    assert answer.status_code == 422
    assert "Put that right first" in answer.text


def test_nothing_happened_means_a_thank_you(shop: SimpleNamespace) -> None:
    calm = make_customer(shop.session, "Tom")
    shop.session.commit()
    page = shop.agent.get(f"/customers/{calm.id}/gestures", headers=HTMX).text
    assert "No gesture needed; a sincere thank-you fits." in page
    assert "g 1" not in page


@pytest.mark.parametrize("data", [{}, {"version": "x", "key": "0000-0000-0000-0001"}, {"version": "1", "key": "short"}])
def test_a_broken_form_is_told_and_books_nothing(shop: SimpleNamespace, data: dict[str, str]) -> None:
    assert shop.agent.post(shop.url, data=data, headers=HTMX).status_code == 422
    assert entries(shop) == []


def test_other_peoples_entries_and_unknown_customers_are_not_found(shop: SimpleNamespace, sign_in: SignIn) -> None:
    offer(shop, shop.express)
    colleague = sign_in("agent")
    for act in ("grant", "decline", "void"):
        assert colleague.post(f"/gestures/entries/{entries(shop)[0].id}/{act}").status_code == 404
    for nothing in ("/customers/999999/gestures", f"/customers/{2**70}/gestures", f"/gestures/entries/{2**70}"):
        assert shop.agent.get(nothing).status_code == 404
    assert shop.agent.post(f"/gestures/entries/{2**70}/grant").status_code == 404


def test_an_administrator_sees_the_panel_but_cannot_offer(shop: SimpleNamespace, sign_in: SignIn) -> None:
    administrator = sign_in("administrator")
    assert "not give" in administrator.get(shop.url).text
    assert offer(shop, shop.express, client=administrator).status_code == 403


def test_an_agent_without_a_policy_is_told_so(shop: SimpleNamespace, sign_in: SignIn) -> None:
    sales = sign_in("sales")
    make_interaction(shop.session, shop.customer, sales.user)
    shop.session.commit()
    assert "No policy lets you give here" in sales.get(shop.url).text
    answer = offer(shop, shop.express, client=sales)
    assert answer.status_code == 422
    assert "Ask a supervisor, who can change that." in answer.text


def test_a_supervisor_takes_back_what_an_agent_gave_and_says_why(shop: SimpleNamespace, sign_in: SignIn) -> None:
    offer(shop, shop.express)
    entry = entries(shop)[0]
    shop.agent.post(f"/gestures/entries/{entry.id}/grant")
    supervisor = sign_in("supervisor")
    url = f"/gestures/entries/{entry.id}"
    assert "Take it back" in supervisor.get(url).text
    assert "Take it back" not in shop.agent.get(url).text
    assert shop.agent.post(f"{url}/reversal", data={"reason": "Mine"}).status_code == 403
    assert supervisor.post(f"{url}/reversal", data={"reason": " "}).status_code == 422
    assert supervisor.post(f"{url}/reversal", data={"reason": "Sent twice"}).status_code == 303
    page = supervisor.get(url).text
    assert "Taken back" in page
    assert "Sent twice" in page
    assert entries(shop)[0].state is EntryState.REVERSED


def test_the_ledger_shows_agents_their_own_and_supervisors_all(shop: SimpleNamespace, sign_in: SignIn) -> None:
    offer(shop, shop.express)
    colleague, supervisor = sign_in("agent"), sign_in("supervisor")
    assert "Express delivery" in shop.agent.get("/gestures/ledger").text
    assert "Nothing given yet" in colleague.get("/gestures/ledger").text
    everything = supervisor.get("/gestures/ledger").text
    assert "Express delivery" in everything
    assert shop.agent.user.name in everything
    agent_id = shop.agent.user.id
    assert "Express delivery" in supervisor.get(f"/gestures/ledger?agent={agent_id}&state=held").text
    assert "Nothing of that kind" in supervisor.get("/gestures/ledger?state=granted").text
    # Asking for somebody else's does not help an agent.
    assert "Express delivery" not in colleague.get(f"/gestures/ledger?agent={agent_id}").text
    assert supervisor.get("/gestures/ledger?state=nonsense").status_code == 404


def test_an_offer_whose_time_is_up_is_shown_so_before_and_after_the_command(
    shop: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(shop, shop.express)
    entry = entries(shop)[0]
    later = entry.expires_at + timedelta(seconds=1)
    with monkeypatch.context() as clock:
        clock.setattr("console.gestures.ledger_views.utc_now", lambda: later)
        assert "Express delivery" in shop.agent.get("/gestures/ledger?state=expired").text
        assert "Nothing of that kind" in shop.agent.get("/gestures/ledger?state=held").text
    assert (entry.state_at(later), entry.state_at(entry.booked_at)) == (EntryState.EXPIRED, EntryState.HELD)
    assert "Nothing of that kind" in shop.agent.get("/gestures/ledger?state=expired").text
    command = shop.agent.application.test_cli_runner()
    assert "out: 0." in command.invoke(args=["gestures", "expire"]).output
    monkeypatch.setattr("console.gestures.cli.utc_now", lambda: later)
    assert "out: 1." in command.invoke(args=["gestures", "expire"]).output
    assert entries(shop)[0].state is EntryState.EXPIRED
    again = offer(shop, shop.express)  # the same key, long after its answer was lost
    assert again.status_code == 422 and "ran out before the customer said yes. Offer it again." in again.text


def test_the_ledger_is_paged_and_its_statements_do_not_grow(shop: SimpleNamespace, sign_in: SignIn) -> None:
    offer(shop, shop.call, key="0000-0000-0000-1000")
    few = shop.agent.get("/gestures/ledger")
    for n in range(31):
        offer(shop, shop.call, key=f"0000-0000-0000-2{n:03}")
    many = shop.agent.get("/gestures/ledger")
    assert many.headers["X-Sql-Statements"] == few.headers["X-Sql-Statements"]
    older = re.search(r'href="(/gestures/ledger\?before=\d+)"', many.text)
    assert older
    assert many.text.count("<tr>") == 31  # thirty and the head
    assert shop.agent.get(older[1]).text.count("<tr>") == 3


def test_a_gesture_stands_on_the_customers_timeline(shop: SimpleNamespace) -> None:
    offer(shop, shop.express)
    page = shop.agent.get(f"/customers/{shop.customer.id}/timeline").text
    assert "Express delivery: offered" in page
    assert "after a failure · cost £5.20" in page


def test_names_are_escaped(shop: SimpleNamespace) -> None:
    make_gesture(shop.session, "<script>alert(1)</script>")
    make_user(shop.session)
    shop.session.commit()
    for page in ("/gestures", shop.url):
        assert "<script>alert" not in shop.agent.get(page).text
