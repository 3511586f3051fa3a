"""The day's stack on paper: what a printer and a browser are given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO

import pdfplumber
from flask.testing import FlaskClient
from pdfplumber.page import Page
from sqlalchemy.orm import Session

from console.customers.models import Boundary, BoundaryKind, OrderStatus
from console.db import utc_now
from notes.cards.handwriting import FORMATS
from notes.cards.models import CardState, DeliveryCard, Paper
from notes.cards.sheets import Layout, Written, key_to, pdf_of, sheets
from tests.factories import add, make_customer, make_order, make_user

SignIn = Callable[..., FlaskClient]
MM = 25.4 / 72


BODY = "Dear Łucja,\n\nYou told us: “zażółć oak”.\n\nWarmly,\nMaya"


def written(number: int, body: str = BODY, paper: Paper = Paper.A6) -> Written:
    return Written(number, f"W{number}", f"Name {number}", body, paper, "en")


def fonts(page: Page) -> set[str]:
    return {char["fontname"].split("+")[-1] for char in page.chars}


def test_five_small_and_one_large_card_fill_three_sheets_to_be_cut_through_the_middle() -> None:
    cards = [*(written(number) for number in range(5)), written(5, paper=Paper.A5), written(6, body="Dear مريم,")]
    pages = sheets(cards, Layout.A4)
    assert [(page.kind, len(page.places)) for page in pages] == [("a4-a6", 4), ("a4-a6", 1), ("a4-a5", 1)]
    assert [(entry.where, entry.number) for entry in key_to(pages)][3:5] == [
        ("Sheet 1, bottom right", "W3"),
        ("Sheet 2, top left", "W4"),
    ]
    data = pdf_of(pages, "Delivery cards", datetime(2026, 5, 14, tzinfo=UTC), with_key=True)
    assert data == pdf_of(pages, "Delivery cards", datetime(2026, 5, 14, tzinfo=UTC), with_key=True)
    assert b"/Lang (en)" in data and b"/PrintScaling /None" in data
    with pdfplumber.open(BytesIO(data)) as pdf:
        assert pdf.metadata["Title"] == "Delivery cards"
        assert [round(float(page.width) * MM) for page in pdf.pages] == [297, 297, 210, 210]
        first, key = pdf.pages[0], pdf.pages[-1]
        assert "zażółć oak" in first.extract_text() and "W3" not in first.extract_text()
        assert "W3" in key.extract_text() and "bottom right" in key.extract_text()
        assert fonts(first) == {"Caveat"} and fonts(key) == {"Helvetica", "Caveat"}
        assert {char["text"] for char in key.chars if "Caveat" in char["fontname"]} >= {"ż", "ó", "ł"}
        assert {round(char["size"]) for char in key.chars if char["fontname"] == "Helvetica"} == {14, 9}
        assert len(first.lines) == 6  # four ticks and a cross
        margin = FORMATS[Paper.A6].margin
        down, across = (0, 148.5, 297), (0, 105, 210)
        for char in first.chars:  # far from every cut, and from the sheet's own edges
            for place, cuts in ((char["x0"], down), (char["x1"], down), (char["bottom"], across)):
                assert min(abs(float(place) * MM - cut) for cut in cuts) > margin - 4


def test_a_card_by_itself_has_a_page_of_its_own_size_and_lines_where_the_screen_has_them() -> None:
    [page] = sheets([written(1)], Layout.SINGLE)
    with pdfplumber.open(BytesIO(pdf_of([page], "One", utc_now(), with_key=False))) as pdf:
        [only] = pdf.pages
        assert (round(float(only.width) * MM), round(float(only.height) * MM)) == (148, 105)
        words = [line["text"] for line in only.extract_text_lines()]
        assert words == [line.text for line in page.places[0].laid.lines]
        baseline = (float(only.height) - only.chars[0]["matrix"][5]) * MM
        assert abs(baseline - page.places[0].laid.lines[0].y) < 0.05


def test_the_stack_holds_approved_cards_that_can_still_go(sign_in: SignIn, session: Session) -> None:
    packer = sign_in(make_user(session, "delivery"))
    assert "No card is ready to print" in packer.get("/cards/sheets").text
    assert packer.get("/cards/sheets.pdf").status_code == 303
    for number in range(3):
        customer = make_customer(session, f"Isla{number}")
        order = make_order(session, customer, days_ago=1, status=OrderStatus.PROCESSING)
        state = CardState.DRAFT if number == 2 else CardState.APPROVED
        card = DeliveryCard(order_id=order.id, customer_id=customer.id, body=f"Dear Isla{number}, oak!", state=state)
        add(session, card)
    order.status = OrderStatus.CANCELLED
    add(session, Boundary(customer_id=customer.id, kind=BoundaryKind.NO_GIFTS))
    session.commit()
    last = make_order(session, customer := make_customer(session, "مريم"), days_ago=1, status=OrderStatus.PROCESSING)
    by_hand = DeliveryCard(order_id=last.id, customer_id=customer.id, body="Dear مريم, oak!", state=CardState.APPROVED)
    add(session, by_hand)
    session.commit()
    page = packer.get("/cards/sheets?layout=single").text
    assert "<h1>2 A6 cards to print" in page and f"Write the card for order {last.number} by hand" in page
    assert "Isla0" in page and "Isla1" in page and "Isla2" not in page and page.count('class="sheet a6"') == 2
    pdf = packer.get("/cards/sheets.pdf?layout=single")
    assert pdf.mimetype == "application/pdf" and "delivery-cards-" in pdf.headers["Content-Disposition"]
    assert len(pdfplumber.open(BytesIO(pdf.data)).pages) == 2
    assert packer.get(f"/cards/sheets?card={card.id}&card=nonsense&card=-1").status_code == 200
    assert packer.get("/cards/sheets?layout=a3").status_code == 404
    assert "No card is ready" in packer.get("/cards/sheets?paper=A5").text
    assert packer.get("/cards/sheets?paper=A7").status_code == 404
    assert packer.get("/cards").status_code == 403
