"""The line that says what is often bought next: when it stands there, and when it keeps quiet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.customers.models import (
    Boundary,
    BoundaryKind,
    Complaint,
    Customer,
    OrderLine,
    OrderStatus,
    Preference,
    Product,
    Provenance,
)
from console.events import Event, Topic
from console.gestures import cli
from console.gestures.next_evaluating import KIND
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_order

SignIn = Callable[..., FlaskClient]


def order(session: Session, customer: Customer, *products: Product, days_ago: float = 10, **given: Any) -> None:
    lines = [
        OrderLine(
            external_id=str(place), product_id=one.id, name=one.name, quantity=1, price_minor=5, price_currency="GBP"
        )
        for place, one in enumerate(products)
    ]
    make_order(session, customer, days_ago=days_ago, lines=lines, **given)


def evaluated(session: Session, *, wins: bool, days_ago: int = 1) -> None:
    at = datetime.now(UTC) - timedelta(days=days_ago)
    add(session, Event(kind=KIND, topic=Topic.ACCESS, at=at, recorded_at=at, data={"wins": wins}))


@pytest.fixture
def goods(session: Session) -> list[Product]:
    names = ("Terracotta pot", "Saucer", "Beacon lamp", "Bulb")
    return [add(session, Product(sku=name, name=name, category="Things")) for name in names]


@pytest.fixture
def isla(session: Session, goods: list[Product]) -> Customer:
    """She bought a pot, and others bought saucers with theirs; the guessing was found to work."""
    pot, saucer, lamp, bulb = goods
    for _ in range(3):
        order(session, make_customer(session), pot, saucer)
    for _ in range(2):
        order(session, make_customer(session), pot, bulb)  # two customers say too little
    order(session, make_customer(session), pot, lamp, status=OrderStatus.RETURNED)
    isla = make_customer(session)
    order(session, isla, pot)
    evaluated(session, wins=True)
    session.commit()
    return isla


def line(client: FlaskClient, customer: Customer) -> str:
    answer = client.get(f"/customers/{customer.id}/next-products", headers=HTMX)
    assert answer.status_code == 200
    return " ".join(answer.text.replace("</a>", "").split()).partition(">Often")[2]


def test_it_says_what_and_because_of_what_in_few_statements(
    sign_in: SignIn, isla: Customer, session: Session, goods: list[Product]
) -> None:
    client = sign_in("agent")
    assert line(client, isla).endswith(">Saucer, because Isla bought Terracotta pot.</p> </div>")
    assert "next-products" in client.get(f"/customers/{isla.id}").text
    statements = client.get(f"/customers/{isla.id}/next-products").headers["X-Sql-Statements"]
    for days in range(30):
        order(session, isla, goods[2], days_ago=days)
        order(session, make_customer(session), *goods, days_ago=days)
    session.commit()
    assert client.get(f"/customers/{isla.id}/next-products").headers["X-Sql-Statements"] == statements
    assert int(statements) <= 14


def unwell(session: Session, isla: Customer, goods: list[Product], what: str) -> None:
    saucer = goods[1]
    if what == "complaint":
        add(session, Complaint(customer_id=isla.id, text="It broke"))
    elif what == "boundary":
        add(session, Boundary(customer_id=isla.id, kind=BoundaryKind.OTHER, text="Please do not sell me things"))
    elif what == "refused":
        add(session, Preference(customer_id=isla.id, text="No more saucers", provenance=Provenance.STATED))
    elif what == "consent":
        isla = session.merge(isla)
        isla.consents = {"marketing": False}
    elif what == "unavailable":
        session.merge(saucer).available = False
    elif what == "has it":
        order(session, isla, saucer, days_ago=300)
    elif what == "lost":
        evaluated(session, wins=False, days_ago=0)


@pytest.mark.parametrize("what", ["complaint", "boundary", "refused", "consent", "unavailable", "has it", "lost"])
def test_it_keeps_quiet(sign_in: SignIn, isla: Customer, session: Session, goods: list[Product], what: str) -> None:
    client = sign_in("agent")
    assert "Saucer" in line(client, isla)
    unwell(session, isla, goods, what)
    session.commit()
    assert line(client, isla) == ""


def test_an_hour_of_calls_forbids_nothing_and_a_stranger_sees_nothing(
    sign_in: SignIn, isla: Customer, session: Session
) -> None:
    add(session, Boundary(customer_id=isla.id, kind=BoundaryKind.NO_CALLS_AFTER, after=time(18), text="No sales calls"))
    session.commit()
    assert "Saucer" in line(sign_in("agent"), isla)
    later = make_customer(session)
    session.commit()
    assert line(sign_in("agent"), later) == ""  # nothing is known of what they bought


def test_the_command_says_who_wins_and_keeps_it(
    app: Flask, sign_in: SignIn, session: Session, goods: list[Product]
) -> None:
    """Sixty people buy a saucer after their pot, while everybody else buys other things."""
    pot, saucer, lamp, _ = goods
    fillers = [add(session, Product(sku=f"f{n}", name=f"Filler {n}")) for n in range(12)]
    for filler in fillers:
        for _ in range(12):
            order(session, make_customer(session), filler, lamp, days_ago=50)
    buyers = [make_customer(session) for _ in range(60)]
    for buyer in buyers:
        order(session, buyer, pot, days_ago=45)
        order(session, buyer, saucer, days_ago=5)
    for _ in range(4):
        order(session, make_customer(session), pot, saucer, days_ago=40)
    session.commit()
    runner = app.test_cli_runner()
    told = runner.invoke(cli.products_group, ["evaluate"])
    assert told.exit_code == 0, told.output
    assert "60 customers, the last 30 days held out" in told.output
    assert "It wins: agents see the next product." in told.output
    kept = session.scalars(select(Event).where(Event.kind == KIND)).one()
    assert (kept.data["wins"], kept.data["ours"][0], kept.data["popular"][0]) == (True, 1.0, 0.0)


def test_the_command_without_orders_says_so(app: Flask) -> None:
    told = app.test_cli_runner().invoke(cli.products_group, ["evaluate"])
    assert (told.exit_code, "there are no orders with a date" in told.output) == (1, True)
