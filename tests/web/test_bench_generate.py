"""What the generator fills a database with: valid rows that every page can show, whatever the engine."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bench import staff
from bench.asking import pages, sample
from bench.generate import application, fill, today
from bench.histories import COLUMNS
from console.auth.models import User
from console.customers.models import Customer, Email, Order, Phone, Product
from console.customers.searching import find
from console.customers.timeline import timeline
from console.db import Base, db, utc_now
from console.events import Event, Topic
from notes.models import Note

CUSTOMERS, EVENTS = 40, 900
PASSWORD = "long enough to sign in"


@pytest.fixture
def filled(app):
    """A small generated shop. The fattest customer is number 21."""
    with app.app_context():
        fill(CUSTOMERS, EVENTS, 1, PASSWORD, today())
    return app


def test_what_was_asked_for_is_there(filled, session):
    assert session.scalar(select(func.count(Customer.id))) == CUSTOMERS
    assert session.scalar(select(func.count(Event.id)).where(Event.customer_id.is_not(None))) == EVENTS
    assert session.scalar(select(func.count(User.id))) == staff.COLLEAGUES
    assert session.scalar(select(func.count(Order.id))) > 20
    assert session.scalar(select(func.count(Note.id))) > 5


def test_every_event_tells_of_a_row_that_is_there(filled, session):
    tables = Base.metadata.tables
    for table in session.scalars(select(Event.subject_type).distinct()).all():
        known = select(tables[table].c.id)
        lost = select(func.count(Event.id)).where(Event.subject_type == table, Event.subject_id.not_in(known))
        assert session.scalar(lost) == 0, table


def test_every_reference_holds(filled, session):
    if session.get_bind().dialect.name == "sqlite":
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []


def test_every_event_of_a_customer_has_its_line_on_the_timeline(filled):
    with filled.test_request_context():
        for number in db.session.scalars(select(Customer.id)).all():
            told = select(func.count(Event.id)).where(Event.customer_id == number, Event.topic != Topic.ACCESS)
            assert len(timeline(number, size=EVENTS).entries) == db.session.scalar(told)


def test_customers_are_found_by_all_that_is_known_of_them(filled):
    with filled.app_context():
        for customer in db.session.scalars(select(Customer).order_by(Customer.id).limit(10)).all():
            assert customer.id in {hit.customer_id for hit in find(customer.name)}
        for model, column in ((Email, Email.address), (Phone, Phone.number)):
            for number, known in db.session.execute(select(model.customer_id, column).limit(10)):
                assert number in {hit.customer_id for hit in find(known)}


def test_new_rows_come_after_the_generated_ones(filled, session):
    session.add(Customer(first_name="Isla", last_name="Mercer"))
    session.add(Event(at=utc_now(), recorded_at=utc_now(), topic=Topic.PROFILE, kind="customer.created", data={}))
    session.commit()
    assert session.scalar(select(func.max(Customer.id))) == CUSTOMERS + 1


def test_appending_adds_customers_and_keeps_the_staff(filled, session):
    with filled.app_context():
        fill(15, 100, 1, PASSWORD, today())
    assert session.scalar(select(func.count(Customer.id))) == CUSTOMERS + 15
    assert session.scalar(select(func.count(User.id))) == staff.COLLEAGUES
    assert session.scalar(select(func.count(Product.id))) == 400


def test_pages_of_a_generated_shop_are_shown_and_do_not_grow_with_history(filled, session, sign_in):
    agent = sign_in(session.scalars(select(User).where(User.email == staff.AGENT)).unique().one())
    supervisor = sign_in(session.scalars(select(User).where(User.email == staff.SUPERVISOR)).unique().one())
    statements = {}
    for page in pages(sample(session.get_bind(), Random(1)), []):
        client = supervisor if page.who == "supervisor" else agent
        for path in page.paths[:3]:
            response = client.get(path, headers={"HX-Request": "true"} if page.partial else {})
            assert response.status_code == 200, path
            statements[page.name] = int(response.headers["X-Sql-Statements"])
    assert statements["customer, the fattest"] == statements["customer"] <= 12


def test_a_seed_fills_two_databases_alike(sqlite_template, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))

    def contents(name: str, seed: int) -> list[list[tuple[object, ...]]]:
        copy = tmp_path / name
        copy.write_bytes(sqlite_template.read_bytes())
        with application(f"sqlite:///{copy}") as app, app.app_context(), Session(db.engine) as session:
            fill(12, 200, seed, PASSWORD, today() - timedelta(days=1))
            models: list[type[Base]] = [Customer, Email, Phone, *COLUMNS]
            tables = [Base.metadata.tables[model.__tablename__] for model in models]
            # Limits and catalogue are set up today, and recorded so.
            columns = [[column for column in table.c if column.name != "recorded_at"] for table in tables]
            return [list(map(tuple, session.execute(select(*some).order_by(some[0])))) for some in columns]

    first = contents("first.db", 3)
    assert first == contents("second.db", 3)
    assert first != contents("third.db", 4)
