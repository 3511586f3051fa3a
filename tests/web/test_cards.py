"""Delivery cards before they are written: the list, the draft, editing, approving, and what stands in the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.customers.models import (
    Boundary,
    BoundaryKind,
    Complaint,
    ComplaintState,
    Customer,
    Order,
    OrderLine,
    OrderStatus,
    Preference,
    Product,
)
from console.db import utc_now
from console.events import Event
from console.interactions.models import REPLAY
from notes.cards import around, candidates
from notes.cards.models import CardState, DeliveryCard, Paper
from notes.findings import sensitive
from notes.findings.proposing import Reader
from notes.models import Note
from tests.factories import add, make_customer, make_delivery, make_interaction, make_order, make_user
from tests.factories_notes import ByWords, make_note, make_promise

SignIn = Callable[..., FlaskClient]
SAID = "Looking for a lamp to read by."


def leaving(session: Session, first_name: str = "Isla", body: str = SAID, **customer: object) -> Order:
    """An order about to leave, of somebody with a note that may be quoted."""
    person = make_customer(session, first_name, **customer)  # type: ignore[arg-type]
    if body:
        make_note(session, person, body=body, quotable=True)
    order = make_order(session, person, days_ago=1, status=OrderStatus.PROCESSING)
    make_delivery(session, order, promised_on=utc_now().date() + timedelta(days=2))
    return order


@pytest.fixture
def client(sign_in: SignIn, session: Session) -> FlaskClient:
    return sign_in(make_user(session, "sales", name="Dana Osei"))


def drafted(client: FlaskClient, session: Session, order: Order) -> DeliveryCard:
    session.commit()
    response = client.post(f"/orders/{order.id}/card")
    assert response.status_code == 303
    return card_of(session, order)


def card_of(session: Session, order: Order) -> DeliveryCard:
    session.expire_all()
    query = select(DeliveryCard).where(DeliveryCard.order_id == order.id).order_by(DeliveryCard.id.desc())
    return session.scalars(query).first() or pytest.fail("no card")


def sent(card: DeliveryCard, **other: object) -> dict[str, object]:
    return {"body": card.body, "paper": card.paper.value, "version": card.version} | other


def kinds(session: Session) -> list[str]:
    return list(session.scalars(select(Event.kind).where(Event.kind.startswith("card.")).order_by(Event.id)))


def test_a_line_they_said_becomes_an_approved_card(client: FlaskClient, session: Session) -> None:
    order = leaving(session)
    card = drafted(client, session, order)
    assert card.body.startswith("Dear Isla,\n\nYou told us you are looking for a lamp to read by.")
    assert card.body.endswith("Warmly,\nDana") and card.quote == SAID and card.note_id
    page = client.get(f"/cards/{card.id}").text
    assert "Its words are in order. It fits." in page and "<text" in page
    words = sent(card, body=card.body.replace("Warmly", "With love"), paper="A5")
    assert client.post(f"/cards/{card.id}/approval", data=words).status_code == 303
    card = card_of(session, order)
    assert (card.state, card.paper, card.version) == (CardState.APPROVED, Paper.A5, 2)
    assert "With love" in card.body and card.approved_by_id == client.user.id  # type: ignore[attr-defined]
    # Pressed once more: nothing happens.
    assert client.post(f"/cards/{card.id}/approval", data=words).status_code == 303
    assert client.post(f"/orders/{order.id}/card").status_code == 303
    assert kinds(session) == ["card.drafted", "card.edited", "card.approved"]
    assert client.post(f"/cards/{card.id}/draft").status_code == 303
    assert card_of(session, order).state is CardState.DRAFT


def test_the_list_shows_what_leaves_and_costs_the_same_however_long_it_is(
    client: FlaskClient, session: Session
) -> None:
    leaving(session, "Old", body="").placed_at = utc_now() - timedelta(days=200)
    gone = leaving(session, "Gone")
    gone.status = OrderStatus.SHIPPED
    leaving(session, "Mute", consents={"quote_notes": False})
    leaving(session, "Nothing", body="")
    session.commit()

    def statements() -> int:
        return int(client.get("/cards?show=all").headers["X-Sql-Statements"])

    few = statements()
    for number in range(32):
        leaving(session, f"Name{number}")
    session.commit()
    assert statements() == few <= 14
    first = client.get("/cards")
    assert first.text.count("leaving-row__state") == 30
    assert not any(f"{name} Mercer" in first.text for name in ("Gone", "Old", "Mute"))
    older = re.search(r'href="(/cards\?[^"]*before=[^"]*)"', first.text)
    assert older
    rest = client.get(older[1].replace("&amp;", "&")).text
    assert rest.count("leaving-row__state") == 2 and "Nothing Mercer" not in rest + first.text
    assert client.get("/cards?show=nonsense").status_code == 404


def test_two_people_editing_see_both_versions(client: FlaskClient, session: Session, sign_in: SignIn) -> None:
    order = leaving(session)
    card = drafted(client, session, order)
    mine, theirs = sent(card, body=f"{card.body}\nMine"), sent(card, body=f"{card.body}\nTheirs")
    assert sign_in("agent").post(f"/cards/{card.id}", data=theirs).status_code == 303
    clash = client.post(f"/cards/{card.id}", data=mine)
    assert clash.status_code == 409 and "Theirs" in clash.text and "Mine" in clash.text
    assert 'value="2"' in clash.text  # sent again, it replaces theirs knowingly
    assert "Mine" not in card_of(session, order).body


def test_another_line_takes_its_place_and_is_never_quoted_twice(client: FlaskClient, session: Session) -> None:
    order = leaving(session)
    customer_id = order.customer_id
    note = add(session, Note(customer_id=customer_id, body="She loves oak. It cost her £40.", quotable=True))
    add(session, Note(customer_id=customer_id, body="She loves secrets and pine.", quotable=False))
    card = drafted(client, session, order)
    page = client.get(f"/cards/{card.id}").text
    assert "secrets" not in page and "1 sentence too private" in page
    response = client.post(f"/cards/{card.id}", data=sent(card, line=f"{note.id}:0:14"))
    assert response.status_code == 303
    card = card_of(session, order)
    assert card.quote == "She loves oak." and "You told us you love oak." in card.body and "lamp" not in card.body
    assert client.post(f"/cards/{card.id}", data=sent(card, line=f"{note.id}:15:31")).status_code == 422
    again = make_order(session, session.get_one(Customer, customer_id), days_ago=0, status=OrderStatus.PROCESSING)
    second = drafted(client, session, again)
    assert second.quote == SAID


def complain(session: Session, order: Order) -> None:
    add(session, Complaint(customer_id=order.customer_id, text="Arrived scratched"))


def break_promise(session: Session, order: Order) -> None:
    customer = session.get_one(Customer, order.customer_id)
    make_promise(session, customer, due_at=utc_now() - timedelta(days=1))


def refuse_cards(session: Session, order: Order) -> None:
    add(session, Boundary(customer_id=order.customer_id, kind=BoundaryKind.OTHER, text="No handwritten notes please"))


def withdraw(session: Session, order: Order) -> None:
    session.scalars(select(Note).where(Note.customer_id == order.customer_id)).one().quotable = False


def ship(session: Session, order: Order) -> None:
    order.status = OrderStatus.SHIPPED


HINDERED = [
    (complain, "a complaint is open"),
    (break_promise, "a promise was broken"),
    (refuse_cards, "They asked us not to"),
    (withdraw, "may no longer be quoted"),
    (ship, "has left already"),
]


def test_what_is_over_or_was_a_rehearsal_counts_for_nothing(client: FlaskClient, session: Session) -> None:
    order = leaving(session)
    customer = session.get_one(Customer, order.customer_id)
    now = utc_now()
    refused = Boundary(customer_id=customer.id, kind=BoundaryKind.OTHER, text="No notes please", ended_at=now)
    add(session, refused), add(session, Complaint(customer_id=customer.id, text="Late", state=ComplaintState.SETTLED))
    replayed = make_interaction(session, customer, source=REPLAY)
    make_note(session, customer, body="Loves replayed pine.", quotable=True, interaction_id=replayed.id)
    other = make_customer(session, "Other")
    make_note(session, other, body="Loves somebody else's beech.", quotable=True)
    card = drafted(client, session, order)
    page = client.get(f"/cards/{card.id}").text
    assert card.quote == SAID and "pine" not in page and "beech" not in page
    assert client.post(f"/cards/{card.id}/absence", data={"because": "We ring"}).status_code == 303
    # What was left out was never read: another parcel may bring it.
    again = drafted(client, session, make_order(session, customer, days_ago=0, status=OrderStatus.PROCESSING))
    assert again.quote == SAID
    assert client.post(f"/cards/{again.id}/approval", data=sent(again)).status_code == 303


def test_of_each_customer_the_newest_notes_are_read_and_what_was_kept_from_one_comes_first(
    client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_two(first_name: str, *, ended: bool) -> Order:
        """A newer note, and an older one that a preference was kept from."""
        order = leaving(session, first_name, "")
        days = {"She loves oak.": 2, "She loves elm.": 6}
        notes = [
            make_note(session, session.get_one(Customer, order.customer_id), body=body, quotable=True,
                      written_at=utc_now() - timedelta(days=day)) for body, day in days.items()
        ]  # fmt: skip
        add(session, Preference(customer_id=order.customer_id, text="Elm", category="other", provenance="stated",
                                evidence={"note": notes[1].id}, ended_at=utc_now() if ended else None))  # fmt: skip
        return order

    kept, ended = of_two("Ana", ended=False), of_two("Bo", ended=True)
    assert [drafted(client, session, one).quote for one in (kept, ended)] == ["She loves elm.", "She loves oak."]
    monkeypatch.setattr(around, "MOST_NOTES", 1)
    few, other = of_two("Cy", ended=False), leaving(session, "Dee", "She loves ash.")
    session.scalars(select(Note).where(Note.customer_id == other.customer_id)).one().written_at -= timedelta(days=9)
    session.commit()
    client.post("/cards/drafts")
    assert [card_of(session, one).quote for one in (few, other)] == ["She loves oak.", "She loves ash."]


def test_a_charge_is_no_product_and_quoting_nothing_is_no_other_line(client: FlaskClient, session: Session) -> None:
    order = leaving(session)
    product = add(session, Product(sku="p1", name="Beacon"))
    order.lines[0].product_id = product.id
    add(session, OrderLine(order_id=order.id, external_id="2", name="Express charge", quantity=1, price_minor=500,
                           price_currency="GBP"))  # fmt: skip
    card = drafted(client, session, order)
    for page in (client.get("/cards?show=all").text, client.get(f"/cards/{card.id}").text):
        assert "Beacon table lamp" in page and "Express charge" not in page
    assert "Quote nothing" in page and "Other lines" not in page


def test_what_comes_between_is_said_and_hinders_the_approval(
    client: FlaskClient, session: Session, subtests: pytest.Subtests
) -> None:
    for change, reason in HINDERED:
        with subtests.test(reason=reason):
            order = leaving(session)
            card = drafted(client, session, order)
            change(session, order)
            session.commit()
            assert reason in client.get(f"/cards/{card.id}").text
            response = client.post(f"/cards/{card.id}/approval", data=sent(card, body=f"{card.body} Dana O."))
            assert response.status_code == 422 and response.text.count(reason) == 1 and "Dana O." in response.text
            assert card_of(session, order).state is CardState.DRAFT and "Dana O." not in card_of(session, order).body


class OneWord:
    """A finder that knows one meaning, by one word."""

    kinds = sensitive.shipped()[:1]

    def __init__(self, word: str, score: float) -> None:
        self.word, self.score = word, score

    def scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        return np.array([[self.score if self.word in text else -self.score] for text in texts])


@pytest.fixture
def meaning(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cards are looked at by their meaning: "insulin" is private, of a "bargain" nobody wants to read."""
    monkeypatch.setattr(candidates, "encoder", ByWords)
    reader = app.extensions["findings"] = Reader()
    reader.finders = (OneWord("", 0.9), OneWord("insulin", 0.9), OneWord("bargain", -0.9))  # type: ignore[assignment]


def test_what_nobody_read_is_approved_only_after_a_look_at_its_meaning(
    client: FlaskClient, session: Session, request: pytest.FixtureRequest
) -> None:
    fine, unfit = leaving(session, "Ana"), leaving(session, "Bo", "Loves a bargain.")
    private = leaving(session, "Cy")
    session.commit()
    client.post("/cards/drafts")
    card = card_of(session, private)
    client.post(f"/cards/{card.id}", data=sent(card, body=f"{card.body}\nYour insulin keeps cool in it."))
    first = min(card_of(session, order).id for order in (fine, unfit, private))
    page = client.get("/cards").text
    assert "Approve and print" not in page and "checked by their words alone" in page
    answer = client.post("/cards/approvals", follow_redirects=True)
    assert answer.request.path == f"/cards/{first}"
    assert "none is approved unread" in answer.text and "What it means is not checked just now" in answer.text
    assert set(session.scalars(select(DeliveryCard.state))) == {CardState.DRAFT}

    request.getfixturevalue("meaning")
    page = client.get("/cards").text
    assert "Approve and print" in page and "words alone" not in page
    assert "2 drafts still have to be looked at" in client.post("/cards/approvals", follow_redirects=True).text
    states = [card_of(session, order).state for order in (fine, unfit, private)]
    assert states == [CardState.APPROVED, CardState.DRAFT, CardState.DRAFT]
    assert "Would they like to read" in client.get(f"/cards/{card_of(session, unfit).id}").text
    assert "may be too private" in client.get(f"/cards/{card.id}").text


def test_drafts_are_made_and_approved_together_but_for_those_a_person_has_to_look_at(
    client: FlaskClient, session: Session, meaning: None
) -> None:
    orders = [leaving(session, name) for name in ("Ana", "Bo", "مريم")]
    complain(session, leaving(session, "Upset"))
    session.commit()
    assert client.post("/cards/drafts").status_code == 303
    assert session.scalars(select(DeliveryCard.state)).all() == [CardState.DRAFT] * 3
    response = client.post("/cards/approvals", follow_redirects=True)
    assert "1 draft still has to be looked at" in response.text and "2 A6 cards to print" in response.text
    assert card_of(session, orders[2]).state is CardState.DRAFT  # the font cannot write the name
    assert client.post(f"/cards/{card_of(session, orders[2]).id}/absence", data={"because": " "}).status_code == 422
    client.post(f"/cards/{card_of(session, orders[2]).id}/absence", data={"because": "We ring instead"})
    assert card_of(session, orders[2]).skipped_because == "We ring instead"


def test_approving_and_drafting_many_costs_hardly_more_than_one(
    client: FlaskClient, session: Session, meaning: None
) -> None:
    def pressed(url: str, number: int) -> int:
        for at in range(number):
            leaving(session, f"Name{chr(65 + at % 26)}")
        session.commit()
        if url == "/cards/approvals":
            assert client.post("/cards/drafts").status_code == 303
        response = client.post(url)
        assert response.status_code == 303
        return int(response.headers["X-Sql-Statements"])

    few, many = pressed("/cards/approvals", 2), pressed("/cards/approvals", 26)
    assert many - few <= 24 and few <= 16  # each card's event
    assert kinds(session).count("card.approved") == 28
    assert pressed("/cards/drafts", 25) - pressed("/cards/drafts", 1) <= 24 * 8


def test_a_preview_keeps_nothing_and_says_what_does_not_fit(client: FlaskClient, session: Session) -> None:
    order = leaving(session)
    card = drafted(client, session, order)
    data = sent(card, body=f"{card.body}\n\n" + "too long a line for such a card, surely. " * 30)
    preview = client.post(f"/cards/{card.id}/preview", data=data)
    assert preview.status_code == 200 and "too many for A6" in preview.text and 'class="over"' in preview.text
    assert card_of(session, order).version == 1
    assert client.post(f"/cards/{card.id}/preview", data={"body": "x" * 900_000}).status_code == 200
    assert client.post(f"/cards/{card.id}", data=sent(card, body="x" * 3_000)).status_code == 422
