"""Rows for tests: each function adds one to the session, flushed, and fills in what the test does not care about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.auth.models import Role, Team, User
from console.customers.models import Customer, Delivery, Email, Order, OrderLine, OrderStatus, Phone
from console.interactions.models import Channel, Interaction, InteractionState

Row = TypeVar("Row")
numbers = count(1)
NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)


def add(session: Session, row: Row) -> Row:
    session.add(row)
    session.flush()
    return row


def make_team(session: Session, name: str = "Front line") -> Team:
    return session.scalars(select(Team).where(Team.name == name)).first() or add(session, Team(name=name))


def make_user(session: Session, role: str = "agent", **given: Any) -> User:
    number = next(numbers)
    row = session.scalars(select(Role).where(Role.name == role)).first() or add(session, Role(name=role))
    given.setdefault("name", f"{role.title()} Number{number}")
    given.setdefault("email", f"{role}{number}@shop.example")
    given.setdefault("team", make_team(session))
    return add(session, User(roles=[row], **given))


def make_customer(
    session: Session,
    first_name: str = "Isla",
    last_name: str = "Mercer",
    emails: tuple[str, ...] = (),
    phones: tuple[str, ...] = (),
    **given: Any,
) -> Customer:
    return add(
        session,
        Customer(
            first_name=first_name,
            last_name=last_name,
            emails=[Email(address=address) for address in emails],
            phones=[Phone(number=number, reversed=number[:0:-1]) for number in phones],
            **given,
        ),
    )


def make_order(
    session: Session, customer: Customer, *, days_ago: float = 10, total_minor: int = 9500, **given: Any
) -> Order:
    number = str(next(numbers) + 40_000)
    given.setdefault("status", OrderStatus.DELIVERED)
    given.setdefault("placed_at", datetime.now(UTC) - timedelta(days=days_ago))
    given.setdefault("lines", [
        OrderLine(external_id="1", name="Beacon table lamp", quantity=1, price_minor=total_minor, price_currency="GBP")
    ])  # fmt: skip
    return add(
        session,
        Order(
            customer_id=customer.id,
            external_id=number,
            number=number,
            total_minor=total_minor,
            total_currency="GBP",
            **given,
        ),
    )


def make_delivery(session: Session, order: Order, **given: Any) -> Delivery:
    return add(session, Delivery(order_id=order.id, **given))


def make_interaction(session: Session, customer: Customer, agent: User | None = None, **given: Any) -> Interaction:
    given.setdefault("channel", Channel.PHONE)
    given.setdefault("state", InteractionState.LIVE)
    given.setdefault("started_at", datetime.now(UTC))
    return add(session, Interaction(customer_id=customer.id, agent_id=agent.id if agent else None, **given))
