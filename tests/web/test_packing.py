"""The packing queue: what leaves first, no more than is needed, and nothing packed twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from console.auth.permissions import ROLES, Permission
from console.customers.models import Boundary, BoundaryKind, Order, OrderStatus
from console.db import db, utc_now
from console.errors import DomainError
from console.events import Event, Topic
from console.feed import FeedEntry
from console.gestures import ledger
from console.gestures.fulfilment_models import Fulfilment, FulfilmentState
from console.gestures.models import EntryState, Fulfilling, GestureVersion, LedgerEntry
from notes.cards import packing
from notes.cards.gestures import fulfil_packed, tie_gesture
from notes.cards.models import CardState, DeliveryCard
from tests.factories import make_customer, make_interaction, make_user, numbers
from tests.factories_cards import make_card, number_of
from tests.factories_gestures import make_gesture, make_policy, terms_of
from tests.factories_notes import make_note

SignIn = Callable[..., FlaskClient]
SOON = date(2026, 12, 1)


def send(client: FlaskClient, card: DeliveryCard, state: str, **form: str) -> tuple[int, str]:
    sent = {"state": state, "version": str(card.version)} | form
    answer = client.post(f"/packing/{card.id}/steps", data=sent)
    return answer.status_code, answer.text


def state_of(session: Session, card: DeliveryCard) -> CardState:
    session.expire_all()
    return session.get_one(DeliveryCard, card.id).state


def test_the_delivery_role_packs_and_does_nothing_else() -> None:
    assert ROLES["delivery"] == {Permission.COME_IN, Permission.PACK_CARD}


def test_the_queue_shows_what_leaves_first_and_no_more_than_is_needed(session: Session, sign_in: SignIn) -> None:
    isla = make_customer(
        session, "Isla", "Mercer", emails=("isla@mail.example",), phones=("+447700900123",),
        city="Sheffield", postcode="S11 8TF", street="4 Elm Row", country="GB",
    )  # fmt: skip
    note = make_note(session, isla, make_user(session), body="Her whippet is ill again.", quotable=True)
    late = make_card(session, isla, promised_on=SOON + timedelta(days=3), note_id=note.id, quote="Her whippet")
    first = make_card(session, promised_on=SOON)
    drafted = make_card(session, state=CardState.DRAFT)
    session.commit()
    client = sign_in("delivery")
    assert client.get("/").location == "/packing"
    page = client.get(f"/packing?card={late.id}").text
    assert page.index(f"<b>{number_of(session, first)}</b>") < page.index(f"<b>{number_of(session, late)}</b>")
    for shown in ("Isla M.", "Sheffield, GB", "Beacon table lamp", "may the whippet like the rug", "A6", "4 Dec"):
        assert shown in page
    for kept in ("Mercer", "isla@", "900123", "S11", "Elm Row", "95.00", "ill again", number_of(session, drafted)):
        assert kept not in page
    assert client.get(f"/packing?card={drafted.id}").status_code == 404


def test_every_link_and_request_of_the_shell_works_for_the_delivery_staff(session: Session, sign_in: SignIn) -> None:
    make_card(session)
    session.commit()
    client = sign_in("delivery")
    seen, ahead = set[str](), ["/packing", "/packing/done", "/change"]
    while ahead:
        address = ahead.pop()
        seen.add(address)
        answer = client.get(address, follow_redirects=True)
        assert answer.status_code == 200, address
        asked = re.findall(r'(?:<a [^>]*?href|hx-get|data-live-feed)="(/[^"#]*)"', answer.data.decode(errors="replace"))
        ahead += [one.replace("&amp;", "&") for one in asked if one.replace("&amp;", "&") not in {*seen, *ahead}]
    assert len(seen) >= 6
    refused = ("/palette?q=isla", "/customers/typeahead?q=isla", "/search?q=isla", "/knowledge", "/notes", "/cards")
    assert {client.get(address).status_code for address in refused} <= {403, 404}


def test_the_delivery_staff_hear_of_cards_alone(session: Session, sign_in: SignIn, app: Flask) -> None:
    card = make_card(session)
    session.commit()
    client = sign_in("delivery")
    for topic in ("cards", f"customer:{card.customer_id}", f"team:{client.user.team_id}"):  # type: ignore[attr-defined]
        session.add(FeedEntry(at=utc_now(), topic=topic, kind="cards", data={}))
    session.commit()
    told = client.get(f"/feed?cards=1&customer={card.customer_id}&since={utc_now().timestamp() * 1000:.0f}").json
    assert told is not None
    assert [entry["topic"] for entry in told["entries"]] == ["cards"]


def test_a_card_is_written_packed_and_taken_back_within_the_day(session: Session, sign_in: SignIn) -> None:
    card = make_card(session)
    session.commit()
    client = sign_in("delivery")
    assert send(client, card, "written")[0] == 303
    assert send(client, card, "written")[0] == 303  # a second press changes nothing
    assert send(client, card, "packed")[0] == 303
    row = session.get_one(DeliveryCard, card.id, populate_existing=True)
    assert (row.state, row.settled_by_id) == (CardState.PACKED, client.user.id)  # type: ignore[attr-defined]
    assert "No cards wait" in client.get("/packing").text
    for left in (CardState.WRITTEN, CardState.APPROVED):
        assert "Undo" in client.get("/packing/done").text
        assert client.post(f"/packing/{card.id}/undoing").status_code == 303
        assert state_of(session, card) is left
    assert client.post(f"/packing/{card.id}/undoing").status_code == 409
    assert "Nothing yet today" in client.get("/packing/done").text
    kinds = session.scalars(select(Event.kind).where(Event.subject_type == "delivery_cards").order_by(Event.id)).all()
    assert kinds == ["card.written", "card.packed", "card.undone", "card.undone"]
    assert len(session.scalars(select(FeedEntry).where(FeedEntry.topic == "cards")).all()) == 4
    send(sign_in(make_user(session, "delivery", name="Wes Ogden")), card, "packed")
    page = client.get("/packing/done").text
    assert (page.count('class="slip-row"'), "Wes Ogden" in page) == (1, True)  # and not who packed it before
    tomorrow = utc_now() + timedelta(days=1)
    with client.application.app_context(), pytest.raises(DomainError, match="not done today"):
        packing.undo(card.id, actor_id=client.user.id, now=tomorrow)  # type: ignore[attr-defined]


def test_of_two_packers_the_slower_one_is_told_who_was_faster(session: Session, sign_in: SignIn) -> None:
    card, other = make_card(session), make_card(session)
    wes = make_user(session, "delivery", name="Wes Ogden")
    session.commit()
    assert send(sign_in(wes), card, "packed")[0] == 303
    slower = sign_in("delivery")
    status, page = send(slower, card, "packed")
    assert status == 409
    assert "Wes Ogden was faster: packed at" in page
    assert f"Order {number_of(session, other)}" in page  # and goes on with the next
    assert send(slower, card, "skipped", because="Looks wrong")[0] == 409
    session.execute(update(DeliveryCard).where(DeliveryCard.id == other.id).values(version=2))
    session.commit()
    status, page = send(slower, other, "packed", version="1")
    assert (status, "words were changed" in page) == (409, True)
    assert state_of(session, other) is CardState.APPROVED


@pytest.mark.parametrize("status", [OrderStatus.CANCELLED, OrderStatus.SHIPPED, OrderStatus.RETURNED])
def test_a_card_whose_parcel_is_gone_is_marked_and_only_skipped(
    session: Session, sign_in: SignIn, status: OrderStatus
) -> None:
    card = make_card(session)
    session.commit()
    client = sign_in("delivery")
    session.execute(update(Order).where(Order.id == card.order_id).values(status=status))
    session.commit()
    assert "cannot be packed" in client.get("/packing").text
    assert send(client, card, "packed")[0] == send(client, card, "written")[0] == 422
    assert send(client, card, "skipped", because="The parcel left without it")[0] == 303
    assert state_of(session, card) is CardState.SKIPPED


def test_skipping_needs_a_reason_and_keeps_what_was_typed(session: Session, sign_in: SignIn) -> None:
    card = make_card(session)
    session.commit()
    client = sign_in("delivery")
    status, page = send(client, card, "skipped", own="4111 1111 1111 1111")
    assert (status, "card number" in page, 'value="4111' in page) == (422, True, True)
    assert send(client, card, "skipped")[0] == send(client, card, "skipped", own="x" * 201)[0] == 422
    assert send(client, card, "lost")[0] == 400
    assert send(client, card, "skipped", because="Looks wrong", own=" Ink ran \0 in the rain ")[0] == 303
    session.expire_all()
    assert session.get_one(DeliveryCard, card.id).skipped_because == "Ink ran in the rain"
    again = make_card(session)
    session.execute(update(DeliveryCard).where(DeliveryCard.id == again.id).values(order_id=card.order_id))
    session.commit()
    assert "Another card was made" in client.post(f"/packing/{card.id}/undoing").text


def test_a_scanned_number_brings_its_card_to_hand(session: Session, sign_in: SignIn) -> None:
    make_card(session, promised_on=SOON)
    wanted = make_card(session)
    session.execute(update(Order).where(Order.id == wanted.order_id).values(number="W4923227"))
    session.commit()
    client = sign_in("delivery")
    assert "<h2>Order W4923227</h2>" in client.get("/packing?order=%23w4923227 ").text
    assert "No card is ready for order 77" in client.get("/packing?order=77%00").text
    send(client, wanted, "packed")
    assert "The card for order W4923227 was packed at" in client.get("/packing?order=W4923227").text


def test_a_printed_stack_is_written_at_once_and_what_cannot_be_is_named(session: Session, sign_in: SignIn) -> None:
    cards = [make_card(session) for _ in range(3)]
    session.commit()
    client = sign_in("delivery")
    page = client.get("/packing").text
    session.execute(update(Order).where(Order.id == cards[2].order_id).values(status=OrderStatus.CANCELLED))
    session.commit()
    shown = re.findall(r'name="shown" value="([0-9-]+)"', page)
    told = client.post("/packing/steps", data={"all": "1", "shown": [*shown, "x-1", "9" * 40]}, follow_redirects=True)
    assert "2 cards written" in told.text
    assert f"Not {number_of(session, cards[2])}: The order was cancelled" in told.text
    assert [state_of(session, card).value for card in cards] == ["written", "written", "approved"]
    assert client.post("/packing/steps", data={"card": "nonsense"}).status_code == 422


def test_the_queue_pages_and_costs_the_same_however_long_it_is(session: Session, sign_in: SignIn) -> None:
    user = make_user(session, "sales")
    make_card(session, by=user)
    session.commit()
    client = sign_in("delivery")
    few = int(client.get("/packing").headers["X-Sql-Statements"])
    for place in range(34):
        make_card(session, by=user, promised_on=SOON + timedelta(days=place // 20))
    session.commit()
    page = client.get("/packing")
    assert int(page.headers["X-Sql-Statements"]) <= few <= 9
    numbers_of = re.compile(r'name="shown" value="([0-9]+)-')
    first = numbers_of.findall(page.text)
    more = re.search(r'href="(/packing\?day=[^"]+)" rel="next"', page.text)
    assert more is not None
    rest = numbers_of.findall(client.get(more[1].replace("&amp;", "&")).text)
    assert (len(first), len(rest), len({*first, *rest})) == (30, 5, 35)


@pytest.fixture
def given(app: Flask, session: Session) -> SimpleNamespace:
    """`given.entry()` is one more granted handwritten card of one customer."""
    agent, customer = make_user(session), make_customer(session)
    make_policy(session)
    version = make_gesture(session, "A handwritten card", 90, fulfilment=Fulfilling.CARD)
    make_interaction(session, customer, agent)
    session.commit()

    def entry() -> int:
        with app.app_context():
            sheet = db.session.get_one(GestureVersion, version.id)
            row = ledger.offer(terms_of(agent, customer, sheet), key=f"card-{next(numbers)}", now=utc_now())
            return ledger.grant(row.id, actor_id=agent.id, now=utc_now()).id

    def card() -> DeliveryCard:
        """A new card, tied to what waits."""
        row = make_card(session, customer, by=agent)
        session.commit()
        with app.app_context():
            tie_gesture(db.session.get_one(DeliveryCard, row.id))
            db.session.commit()
        session.refresh(row)
        return row

    return SimpleNamespace(agent=agent, customer=customer, entry=entry, card=card)


def fulfilled(session: Session, entry_id: int) -> tuple[EntryState, FulfilmentState]:
    session.expire_all()
    row = session.scalars(select(Fulfilment).where(Fulfilment.entry_id == entry_id)).one()
    return session.get_one(LedgerEntry, entry_id).state, row.state


def test_a_granted_card_is_fulfilled_by_the_next_card_that_is_packed(
    given: SimpleNamespace, session: Session, sign_in: SignIn, app: Flask
) -> None:
    older, newer = given.entry(), given.entry()
    supervisor, client = sign_in("supervisor"), sign_in("delivery")
    assert "waits for their next order" in supervisor.get("/fulfilments").text
    skipped, second = given.card(), given.card()
    assert (skipped.entry_id, second.entry_id, given.card().entry_id) == (older, newer, None)
    send(client, skipped, "skipped", because="Ink ran")
    assert "(Ink ran), waits for the next one" in supervisor.get("/fulfilments").text
    again = given.card()
    assert again.entry_id == older
    assert send(client, again, "packed")[0] == 303
    assert fulfilled(session, older) == (EntryState.FULFILLED, FulfilmentState.DONE)
    # Done is final in the ledger, so the card stays packed, until a supervisor takes the gesture back.
    assert "Gesture done, so it stays" in client.get("/packing/done").text
    assert "ask a supervisor" in client.post(f"/packing/{again.id}/undoing", follow_redirects=True).text
    assert state_of(session, again) is CardState.PACKED
    supervisor.post(f"/gestures/entries/{older}/reversal", data={"reason": "Not in the parcel"})
    assert "Undo" in client.get("/packing/done").text
    assert client.post(f"/packing/{again.id}/undoing").status_code == 303
    assert send(client, again, "skipped", because="Taken back")[0] == 303
    # The power fails between the packing and the ledger: whoever packs next finishes it.
    with app.app_context():
        packing.take_step(second.id, 1, CardState.PACKED, actor_id=client.user.id, now=utc_now())  # type: ignore[attr-defined]
        db.session.commit()
        assert fulfilled(session, newer)[0] is EntryState.GRANTED
        assert (fulfil_packed(utc_now()), fulfil_packed(utc_now())) == (1, 0)
    assert fulfilled(session, newer) == (EntryState.FULFILLED, FulfilmentState.DONE)


def test_a_gift_refused_or_taken_back_meanwhile_is_not_packed(
    given: SimpleNamespace, session: Session, sign_in: SignIn
) -> None:
    entry = given.entry()
    card, plain, client = given.card(), make_card(session, given.customer), sign_in("delivery")
    session.add(Boundary(customer_id=given.customer.id, kind=BoundaryKind.NO_GIFTS))
    session.commit()
    assert "has since asked for none" in send(client, card, "packed")[1]
    assert "Put nothing else in" in client.get(f"/packing?card={plain.id}").text
    assert send(client, plain, "packed")[0] == 303
    session.execute(update(Boundary).values(ended_at=utc_now()))
    session.commit()
    sign_in("supervisor").post(f"/gestures/entries/{entry}/reversal", data={"reason": "By mistake"})
    assert "has been taken back" in send(client, card, "packed")[1]
    assert send(client, card, "skipped", because="Taken back")[0] == 303


def test_the_timeline_tells_the_words_of_a_card_and_where_they_come_from(session: Session, sign_in: SignIn) -> None:
    customer, dana = make_customer(session), make_user(session, "sales", name="Dana Whitcombe")
    note = make_note(session, customer, dana, quotable=True)
    card = make_card(session, customer, note_id=note.id, quote="whippet")
    for kind in ("card.drafted", "card.approved"):
        row = Event(
            at=utc_now(), recorded_at=utc_now(), topic=Topic.NOTE, kind=kind, customer_id=customer.id,
            actor_id=dana.id, subject_type="delivery_cards", subject_id=card.id, data={},
        )  # fmt: skip
        session.add(row)
    session.commit()
    client = sign_in("delivery")
    send(client, card, "packed")
    page = sign_in("agent").get(f"/customers/{customer.id}/timeline").text
    assert page.count("may the whippet like the rug") == 2
    assert f"card packed with order {number_of(session, card)} · from a note by Dana Whitcombe" in page
    assert f"/notes/{note.id}" in page
    assert client.get(f"/customers/{customer.id}/timeline").status_code == 403
