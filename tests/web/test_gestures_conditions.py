"""What the ledger refuses besides limits, in words that say what to do next; kill switches; who shares a limit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.customers.models import Account, Preference, Provenance
from console.db import db
from console.empowerment.fields import CUSTOMER
from console.empowerment.kinds import GestureKind, Occasion
from console.empowerment.models import Suspension, SuspensionKind
from console.empowerment.policies import POLICIES
from console.empowerment.policy import Approval, Choice, Kind, Limit, Measure, Scope
from console.empowerment.rules import read_rule
from console.empowerment.suspending import lift
from console.empowerment.suspending import suspend as pull
from console.empowerment.windows import Window
from console.gestures import ledger
from console.gestures.approving import what_instead
from console.gestures.households import address_key, household_of
from console.gestures.ledger import Approved, NotOffered, OverLimit, Terms, WrongState, offer
from console.gestures.locking import transaction
from console.gestures.models import EntryState, LedgerEntry
from console.gestures.review_models import StaffLink
from console.interactions.models import InteractionState
from tests.factories import NOW, add, make_customer, make_interaction, make_order, make_user
from tests.factories_gestures import USUAL, make_gesture, make_policy, make_request

keys = count(1)
HOME: dict[str, Any] = {"street": "4 Mill Lane", "postcode": "EH1 2AB", "country": "GB"}


@pytest.fixture
def shop(app: Flask, session: Session) -> Iterator[SimpleNamespace]:
    agent, customer = make_user(session), make_customer(session)
    talk = make_interaction(session, customer, agent, started_at=NOW)
    policy, version = make_policy(session), make_gesture(session)
    session.commit()
    with app.app_context():
        yield SimpleNamespace(
            session=session, agent=agent, customer=customer, talk=talk, policy=policy, version=version
        )


def give(shop: SimpleNamespace, version: Any = None, now: Any = NOW, **terms: Any) -> LedgerEntry:
    shop.session.commit()
    who = {"agent_id": shop.agent.id, "customer_id": shop.customer.id} | terms
    asked = Terms(gesture_version_id=(version or shop.version).id, **({"occasion": Occasion.DELIGHT} | who))
    return offer(asked, key=f"condition-{next(keys):06}", now=now)


def refused(shop: SimpleNamespace, *words: str, **given: Any) -> None:
    with pytest.raises(NotOffered) as refusal:
        give(shop, **given)
    assert all(word in str(refusal.value) for word in words), refusal.value
    db.session.rollback()


def suspend(shop: SimpleNamespace, kind: SuspensionKind, subject_id: int) -> Suspension:
    row = add(shop.session, Suspension(kind=kind, subject_id=subject_id, reason="Looks odd"))
    shop.session.commit()
    return row


def test_an_offer_needs_a_conversation_of_ones_own_that_goes_on_or_ended_just_now(shop: SimpleNamespace) -> None:
    shop.talk.state, shop.talk.ended_at = InteractionState.CLOSED, NOW
    assert give(shop, now=NOW + timedelta(minutes=14)).interaction_id == shop.talk.id
    refused(shop, "no conversation", "Start one", now=NOW + timedelta(minutes=15))
    refused(shop, "not yours", now=NOW + timedelta(minutes=15), interaction_id=shop.talk.id)
    colleague = make_user(shop.session)
    refused(shop, "no conversation", agent_id=colleague.id)


@pytest.mark.parametrize("link", ["e-mail", "work e-mail", "phone", "address", "declared", "lives with a relative"])
def test_nobody_gives_to_their_own_and_nobody_is_told_why(shop: SimpleNamespace, link: str) -> None:
    session, agent = shop.session, shop.agent
    given: dict[str, Any] = {"emails": ("sam@home.example",), "phones": ("+441632960123",)}
    shop.customer = make_customer(session, "Sam", "Kerr", **given, **HOME)
    make_interaction(session, shop.customer, agent)
    match link:
        case "e-mail":
            agent.private_email = "Sam@Home.example"
        case "work e-mail":
            agent.email = "sam@home.example"
        case "phone":
            agent.private_phone = "+441632960123"
        case "address":
            agent.private_street, agent.private_postcode = "4, Mill  lane", "eh12ab"
        case "declared":
            add(session, StaffLink(user_id=agent.id, customer_id=shop.customer.id))
        case _:
            relative = make_customer(session, "Alex", "Kerr", **HOME)
            add(session, StaffLink(user_id=agent.id, customer_id=relative.id))
    refused(shop, "This one has to come from a colleague.")


def test_what_must_be_known_is_asked_for(shop: SimpleNamespace) -> None:
    parcel = make_gesture(shop.session, "A parcel", needs=["address"])
    letter = make_gesture(shop.session, "A letter", needs=["consent"])
    extra = make_gesture(shop.session, "An extra", needs=["order"])
    refused(shop, "needs an address", "then offer it again", version=parcel)
    refused(shop, "consent", "then offer it again", version=letter)
    refused(shop, "goes with an order", version=extra)
    shop.customer.street, shop.customer.postcode = HOME["street"], HOME["postcode"]
    shop.customer.consents = {"marketing": True}
    make_order(shop.session, shop.customer)
    for version in (parcel, letter, extra):
        assert give(shop, version).is_held


def test_a_gesture_is_offered_in_its_season_and_while_there_are_some(shop: SimpleNamespace) -> None:
    today = NOW.date()
    later = make_gesture(shop.session, "Wreath", valid_from=today + timedelta(days=1))
    over = make_gesture(shop.session, "Egg", valid_to=today - timedelta(days=1))
    last = make_gesture(shop.session, "Bow", valid_from=today, valid_to=today)
    few = make_gesture(shop.session, "Candle")
    few.gesture.stock, few.gesture.stock_at = 1, NOW
    refused(shop, "is offered from", version=later)
    refused(shop, "was offered until", version=over)
    assert give(shop, last).is_held
    entry = give(shop, few)
    refused(shop, "has run out", version=few)
    ledger.void(entry.id, actor_id=shop.agent.id, now=NOW)
    assert give(shop, few).is_held


def test_what_somebody_said_no_to_is_not_offered(shop: SimpleNamespace) -> None:
    nuts = make_gesture(shop.session, "Nougat", sensitive=["nuts", "food"])
    for text in ("Loves hazelnuts", "Allergic to almonds"):
        refusing = text.startswith("Allergic")
        add(
            shop.session,
            Preference(customer_id=shop.customer.id, text=text, provenance=Provenance.STATED),
        )
        if refusing:
            refused(shop, "Allergic to almonds", "pick another one", version=nuts)
        else:
            assert give(shop, nuts).is_held


def test_an_amount_is_chosen_in_steps_and_its_face_value_follows(shop: SimpleNamespace) -> None:
    credit = make_gesture(shop.session, "Credit", 900, face_minor=1000, least_minor=300, step_minor=200)
    entry = give(shop, credit, cost_minor=500)
    assert (entry.cost_minor, entry.face_minor) == (500, 556)  # 1000 * 5 / 9, rounded up
    assert give(shop, credit, cost_minor=900).cost_minor == 900
    refused(shop, "Say how much Credit is to be, from £3.00 to £9.00", version=credit)
    for amount in (100, 600, 1100):
        refused(shop, "from £3.00 to £9.00, in steps of £2.00", version=credit, cost_minor=amount)
    refused(shop, "one amount", cost_minor=100)


@pytest.mark.parametrize("kind", list(SuspensionKind))
def test_a_kill_switch_stops_offers_and_takes_back_what_is_held(shop: SimpleNamespace, kind: SuspensionKind) -> None:
    held = give(shop)
    subject = {"agent": shop.agent.id, "gesture": shop.version.gesture_id, "policy": shop.policy.policy_id}[kind]
    row = suspend(shop, kind, subject)
    refused(shop, {"agent": "paused for you", "gesture": "paused for everybody", "policy": "is stopped just now"}[kind])
    with pytest.raises(WrongState, match="ask that it be honoured"):
        ledger.grant(held.id, actor_id=shop.agent.id, now=NOW)
    assert held.state is EntryState.VOIDED
    row.lifted_at = NOW
    assert ledger.grant(give(shop).id, actor_id=shop.agent.id, now=NOW).state is EntryState.GRANTED


def test_a_kill_switch_takes_its_moment_while_no_offer_can_be_under_way(shop: SimpleNamespace) -> None:
    """Or in a replay of the past what came first would be refused, and what waited would be given too soon."""
    boss, later = make_user(shop.session, "supervisor"), NOW + timedelta(seconds=20)
    shop.session.commit()
    taken: list[bool] = []

    def clock() -> datetime:
        taken.append(is_held_by_somebody_else())
        return later

    row = pull(SuspensionKind.AGENT, shop.agent.id, "Looks odd", actor_id=boss.id, clock=clock)
    db.session.commit()
    assert row.suspended_at == later
    refused(shop, "paused for you")
    lift(row, actor_id=boss.id, clock=clock)
    db.session.commit()
    assert taken == [True, True]
    assert give(shop, now=NOW).booked_at == later  # it was asked for before, and had to wait


def is_held_by_somebody_else() -> bool:
    """Whether an offer would have to wait for the policies now."""
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect() as other:
            return not other.scalar(select(func.pg_try_advisory_xact_lock_shared(POLICIES)))
    with closing(sqlite3.connect(str(db.engine.url.database), timeout=0, isolation_level=None)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


def test_what_was_offered_under_a_guardrail_is_kept_though_that_is_stopped(shop: SimpleNamespace) -> None:
    """It was within it; only what gives authority takes it back."""
    limits = (Limit(Scope.CUSTOMER, Measure.FACE, Window.ROLLING, 4000, days=30, overridable=False),)
    guardrail = make_policy(shop.session, roles=(), kind=Kind.GUARDRAIL, limits=limits)
    held = give(shop)
    suspend(shop, SuspensionKind.POLICY, guardrail.policy_id)
    refused(shop, "is stopped just now")
    assert ledger.grant(held.id, actor_id=shop.agent.id, now=NOW).state is EntryState.GRANTED


def test_a_policy_asks_for_a_reason_and_above_an_amount_for_a_sentence(shop: SimpleNamespace) -> None:
    make_policy(shop.session, replaces=shop.policy, limits=USUAL, reason_codes=("late", "broken"), note_over_minor=500)
    refused(shop, "choose one of the reasons", "Above £5.00")
    refused(shop, "Above £5.00", reason_code="late")
    assert give(shop, reason_code="late", reason="A week late").reason_code == "late"


NO_GIFT_IN_90_DAYS = {"field": "last_gesture_at", "op": "not_within", "value": 90}


def test_a_gift_that_is_only_offered_counts_for_who_may_be_given_one(shop: SimpleNamespace) -> None:
    """Or two agents could each give the one gift that a policy allows in 90 days."""
    make_policy(shop.session, replaces=shop.policy, customers=read_rule(NO_GIFT_IN_90_DAYS, CUSTOMER))
    boss = make_user(shop.session, "supervisor")
    first = give(shop)
    with pytest.raises(NotOffered):
        give(shop)
    ledger.decline(first.id, actor_id=shop.agent.id, now=NOW)
    second = give(shop)
    ledger.grant(second.id, actor_id=shop.agent.id, now=NOW)
    ledger.reverse(second.id, "By mistake", actor_id=boss.id, now=NOW)
    with pytest.raises(NotOffered):  # what was taken back stays counted
        give(shop)


ONE_A_WEEK = Limit(Scope.HOUSEHOLD, Measure.COUNT, Window.WEEK, 1, overridable=False)


@pytest.mark.parametrize("together", ["account", "address", "apart"])
def test_a_household_shares_a_limit(shop: SimpleNamespace, together: str) -> None:
    make_policy(shop.session, replaces=shop.policy, limits=(ONE_A_WEEK,))
    account = add(shop.session, Account(name="Saltmarsh"))
    here, there = make_customer(shop.session, account_id=account.id, **HOME), make_customer(shop.session, **HOME)
    if together == "account":
        there.account_id = account.id
    if together != "address":
        there.street = "5 Mill Lane"
    for one in (here, there):
        make_interaction(shop.session, one, shop.agent)
    entry = give(shop, customer_id=here.id)
    assert household_of(here).meets(household_of(there)) == (together != "apart")
    if together == "apart":
        assert give(shop, customer_id=there.id).is_held
        return
    with pytest.raises(OverLimit, match="This household has had 1 of 1 gesture this week, so none is left"):
        give(shop, customer_id=there.id)
    # Taking it back gives no second chance, or complaining would be worth it.
    ledger.grant(entry.id, actor_id=shop.agent.id, now=NOW)
    boss = make_user(shop.session, "supervisor")
    shop.session.commit()
    ledger.reverse(entry.id, "Wrong", actor_id=boss.id, now=NOW)
    with pytest.raises(OverLimit):
        give(shop, customer_id=there.id)


def test_an_address_is_the_same_however_it_is_spelt() -> None:
    assert address_key("4, Mill Lane", "EH1 2AB", "GB") == address_key("4 mill lane.", "eh12ab", "gb")
    assert address_key("4 Mill Lane", None, "GB") is None
    assert address_key("4 Mill Lane", "EH1 2AB", "GB") != address_key("4 Mill Lane", "EH1 2AB", "FR")


def test_what_was_approved_goes_over_that_limit_alone(shop: SimpleNamespace) -> None:
    """Guardrails, limits that nobody may exceed and those that nobody allowed bind an approved offer too."""
    session = shop.session
    dear = make_gesture(session, "Assembly", 2200, face_minor=2200, kind=GestureKind.UPGRADE)
    guard = Limit(Scope.CUSTOMER, Measure.FACE, Window.ROLLING, 4000, days=30, overridable=False)
    make_policy(session, roles=(), kind=Kind.GUARDRAIL, limits=(guard,), gestures=Choice(kinds=("upgrade",)))
    boss = make_user(session, "supervisor")
    session.commit()
    each, talk = USUAL[:2]

    def approve(*allowed: Limit) -> LedgerEntry:
        terms = Terms(shop.agent.id, shop.customer.id, dear.id, Occasion.DELIGHT, interaction_id=shop.talk.id)
        request = make_request(session, terms, shop.policy)
        session.commit()
        yes = Approved(request.id, boss.id, shop.policy.id, frozenset(allowed))
        with transaction():
            return ledger.hold_approved(terms, yes, key=f"approved-{next(keys):06}", now=NOW)

    with pytest.raises(OverLimit) as refusal:
        approve(each)
    assert [one.limit.scope for one in refusal.value.failures] == ["gesture", "interaction"]
    assert refusal.value.may_ask
    entry = approve(each, talk)
    assert (entry.is_held, entry.approval_id is not None, entry.agent_id) == (True, True, shop.agent.id)
    with pytest.raises(OverLimit) as refusal:
        approve(each, talk)
    assert not refusal.value.may_ask
    make_policy(session, replaces=shop.policy, limits=(replace(each, cap=100), talk), approval=Approval(minutes=9))
    with pytest.raises((OverLimit, WrongState)):
        approve(each, talk)


def test_a_refusal_for_ones_own_outlasts_the_evidence(shop: SimpleNamespace) -> None:
    shop.agent.private_street, shop.agent.private_postcode = HOME["street"], HOME["postcode"]
    shop.customer.street, shop.customer.postcode = HOME["street"], HOME["postcode"]
    refused(shop, "This one has to come from a colleague.")
    refused(shop, "This one has to come from a colleague.")
    shop.session.expire_all()
    link = shop.session.query(StaffLink).one()
    assert (link.user_id, link.customer_id, link.basis) == (shop.agent.id, shop.customer.id, "address")
    shop.customer.street, shop.agent.private_street = "1 Elsewhere", ""
    refused(shop, "This one has to come from a colleague.")


def test_where_gestures_are_counted_nothing_smaller_is_advised(shop: SimpleNamespace) -> None:
    once = Limit(Scope.CUSTOMER, Measure.COUNT, Window.ROLLING, 1, days=90, overridable=False)
    make_policy(shop.session, replaces=shop.policy, limits=(*USUAL, once))
    give(shop)
    with pytest.raises(OverLimit) as refusal:
        give(shop)
    assert refusal.value.advice.startswith("Nothing more can be given to this customer until ")
    assert refusal.value.advice.endswith(". A sincere word fits.")  # a call back counts as well
    assert what_instead(refusal.value.decision) == refusal.value.advice
    assert "smaller" not in str(refusal.value)


def test_what_a_policy_lacks_is_told_with_what_is_observed(shop: SimpleNamespace) -> None:
    silver = read_rule({"field": "tier", "op": "in", "value": ["silver", "gold"]}, CUSTOMER)
    second = make_policy(shop.session, replaces=shop.policy, limits=USUAL, customers=silver)
    refused(shop, "loyalty tier is standard, needs silver or gold", "Pick another one")
    make_policy(shop.session, replaces=second, limits=USUAL, channels=("visit", "email"))
    refused(shop, "is only for: visit or e-mail. Pick another one")
