"""Finding, adding and changing customers, as an agent does."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.customers.models import Customer, Email, Phone, Product
from console.db import utc_now
from console.events import Event
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_order

SignIn = Callable[..., FlaskClient]
OMAR = {"first_name": "Omar", "last_name": "Khan", "tier": "standard"}


@pytest.fixture
def agent(sign_in: SignIn) -> FlaskClient:
    return sign_in("agent")


def stored(session: Session) -> list[Customer]:
    session.expire_all()
    return list(session.scalars(select(Customer).order_by(Customer.id)))


def test_a_customer_who_was_added_is_found_by_everything_known(agent: FlaskClient, session: Session) -> None:
    data = OMAR | {"emails": "Omar.Khan@Mailbox.example\n", "phones": "07700 900 123", "city": "York"}
    response = agent.post("/customers/new", data=data)
    customer = stored(session)[0]
    assert (response.status_code, response.location) == (303, f"/customers/{customer.id}")
    for words in ("omar khan", "khan omar", "Omer Khan", "07700900123", "+44 7700 900123", "900123", "omar.kh"):
        found = agent.get("/customers/typeahead", query_string={"q": words}, headers=HTMX).text
        assert "Omar Khan" in found, words
        assert "omar.khan@mailbox.example" not in found  # masked here too


def test_one_hit_opens_several_list_and_none_offers_to_add(agent: FlaskClient, session: Session) -> None:
    omar = make_customer(session, "Omar", "Khan")
    order = make_order(session, omar)
    session.commit()
    agent.post("/customers/new", data=OMAR | {"first_name": "Ann", "last_name": "Lee"})
    agent.post("/customers/new", data=OMAR | {"first_name": "Ann", "last_name": "Leigh", "city": "Leeds"})
    one = agent.get("/customers/search", query_string={"q": f"#{order.number}"})
    assert one.location == f"/customers/{omar.id}"
    several = agent.get("/customers/search?q=ann").text
    assert "Ann Lee" in several
    assert "Leeds" in several
    none = agent.get("/customers/search?q=Zebedee+Quark").text
    assert "We do not know" in none
    assert "/customers/new?q=Zebedee" in none


def test_somebody_new_starts_with_what_was_searched_for(agent: FlaskClient) -> None:
    assert 'value="Zebedee"' in agent.get("/customers/new?q=Zebedee+Quark").text
    assert "07700 900555" in agent.get("/customers/new?q=07700+900555").text
    assert "z@q.example" in agent.get("/customers/new?q=z@q.example").text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"first_name": "", "last_name": " "}, "first or a last name"),
        ({"emails": "not an address"}, "is not an e-mail address"),
        ({"phones": "12"}, "too many or too few digits"),
        ({"phones": "call me"}, "is not a phone number"),
        ({"first_name": "x" * 121}, "longer than 120"),
        ({"birth_day": "31", "birth_month": "2"}, "does not exist"),
        ({"birth_day": "5"}, "both the day and the month"),
        ({"tier": "platinum"}, "Not a valid choice"),
    ],
)
def test_a_mistake_keeps_the_form_as_typed_and_stores_nothing(
    agent: FlaskClient, session: Session, wrong: dict[str, str], message: str
) -> None:
    response = agent.post("/customers/new", data=OMAR | {"city": "Whitby"} | wrong)
    assert response.status_code == 422
    assert message in response.text
    assert "Whitby" in response.text
    assert stored(session) == []


def test_two_people_editing_one_customer_are_told(agent: FlaskClient, session: Session) -> None:
    customer = make_customer(session, "Omar", "Khan")
    session.commit()
    seen = customer.updated_at.isoformat()
    customer.updated_at = utc_now() + timedelta(seconds=1)
    customer.city = "Leeds"
    session.commit()
    response = agent.post(f"/customers/{customer.id}/edit", data=OMAR | {"city": "York", "seen": seen})
    assert response.status_code == 422
    assert "Somebody else changed" in response.text
    assert "York" in response.text  # what was typed
    assert "Leeds" in response.text  # what is stored
    assert stored(session)[0].city == "Leeds"


def test_an_edit_keeps_what_it_does_not_touch_and_is_recorded(agent: FlaskClient, session: Session) -> None:
    customer = make_customer(session, "Omar", "Khan", emails=("a@mailbox.example", "b@mailbox.example"))
    session.commit()
    kept = customer.emails[1].id
    data = OMAR | {"first_name": "Umar", "emails": "b@mailbox.example", "seen": customer.updated_at.isoformat()}
    assert agent.post(f"/customers/{customer.id}/edit", data=data).status_code == 303
    assert [(email.id, email.address) for email in session.scalars(select(Email))] == [(kept, "b@mailbox.example")]
    assert session.scalars(select(Event.kind)).all() == ["customer.changed"]
    assert "Umar Khan" in agent.get("/customers/typeahead?q=umar", headers=HTMX).text


@pytest.mark.parametrize("q", ["", "%", "_", "'", '"', "a" * 5000, "\0", "🦊", "((((", "-", "+", "#", "@", "שלום"])
def test_no_words_break_the_search(agent: FlaskClient, q: str) -> None:
    assert agent.get("/customers/typeahead", query_string={"q": q}).status_code == 200
    assert agent.get("/customers/search", query_string={"q": q}).status_code in (200, 302)
    assert agent.get("/palette", query_string={"q": q}).status_code == 200


def test_the_list_is_paged_and_costs_the_same_for_every_page(agent: FlaskClient, session: Session) -> None:
    for number in range(60):
        make_customer(session, f"Name{number}", "Khan", emails=(f"n{number}@mailbox.example",))
    session.commit()
    first = agent.get("/customers")
    assert first.text.count("<tr>") == 51
    older = first.text.split("/customers?before=")[1].split('"')[0]
    second = agent.get(f"/customers?before={older}")
    assert second.text.count("<tr>") == 11
    assert first.headers["X-Sql-Statements"] == second.headers["X-Sql-Statements"]


def test_an_order_of_somebody_else_is_not_found(agent: FlaskClient, session: Session) -> None:
    omar, isla = make_customer(session, "Omar", "Khan"), make_customer(session)
    order = make_order(session, omar)
    session.commit()
    assert agent.get(f"/customers/{omar.id}/orders/{order.id}").status_code == 200
    assert agent.get(f"/customers/{isla.id}/orders/{order.id}").status_code == 404


def test_what_the_edit_form_shows_can_be_saved_as_it_is(agent: FlaskClient, session: Session) -> None:
    customer = make_customer(session, "Omar", "Khan", emails=("a@mailbox.example",), phones=("+447700900123",))
    session.commit()
    page = agent.get(f"/customers/{customer.id}/edit").text
    fields = dict(re.findall(r'<input[^>]*?name="(\w+)"[^>]*?value="([^"]*)"', page))
    fields |= dict(re.findall(r'<textarea[^>]*?name="(\w+)"[^>]*>\r?\n?([^<]*)</textarea>', page))
    assert fields["emails"].strip() == "a@mailbox.example"
    assert agent.post(f"/customers/{customer.id}/edit", data=fields | {"tier": "standard"}).status_code == 303
    assert session.scalars(select(Phone.number)).all() == ["+447700900123"]
    kinds = session.scalars(select(Event.kind).order_by(Event.id)).all()
    assert kinds == ["contact.all_shown", "customer.changed"]


def test_somebody_with_a_known_phone_is_asked_about_first(agent: FlaskClient, session: Session) -> None:
    make_customer(session, "Omar", "Khan", phones=("+447700900123",))
    session.commit()
    data = {"first_name": "Umar", "tier": "standard", "phones": "07700 900123"}
    asked = agent.post("/customers/new", data=data)
    assert asked.status_code == 422
    assert "Omar Khan" in asked.text
    assert len(stored(session)) == 1
    assert agent.post("/customers/new", data=data | {"anyway": "1"}).status_code == 303
    assert len(stored(session)) == 2


@pytest.mark.parametrize(
    "path", ["/customers?before={n}", "/customers?before=-{n}", "/customers/1/timeline?before=0-{n}"]
)
def test_numbers_that_no_database_takes_find_nothing(agent: FlaskClient, session: Session, path: str) -> None:
    make_customer(session)
    session.commit()
    assert agent.get(path.format(n="9" * 30)).status_code in (200, 404)


def test_a_birthday_of_many_digits_is_a_mistake_like_any_other(agent: FlaskClient) -> None:
    data = OMAR | {"birth_day": "9" * 30, "birth_month": "5"}
    assert agent.post("/customers/new", data=data).status_code == 422


def test_products_are_listed_found_and_paged(agent: FlaskClient, session: Session) -> None:
    for number in range(60):
        add(session, Product(sku=f"LI-{number:02}", name=f"Lamp {number:02}", price_minor=9500, price_currency="GBP"))
    add(session, Product(sku="100%", name="Percent_sheet", options={"size": "king"}, available=False))
    session.commit()
    first = agent.get("/products")
    assert first.text.count("<tr>") == 51
    rest = agent.get(f"/products?after={first.text.split('after=')[1].split(chr(34))[0]}")
    assert rest.text.count("<tr>") == 12
    for q, hits in (("lamp 07", 1), ("li-0", 10), ("100%", 1), ("_", 1), ("%", 0), ("nothing", 0)):
        assert agent.get("/products", query_string={"q": q}).text.count("<tr>") == (hits + 1 if hits else 0), q
    product = session.scalars(select(Product).where(Product.sku == "100%")).one()
    page = agent.get(f"/products/{product.id}").text
    assert "king" in page
    assert "not known" in page
