"""Rows of delivery cards for tests."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy.orm import Session

from console.auth.models import User
from console.customers.models import Customer, Order, OrderStatus
from notes.cards.models import CardState, DeliveryCard
from tests.factories import add, make_customer, make_delivery, make_order, make_user


def make_card(
    session: Session,
    customer: Customer | None = None,
    *,
    by: User | None = None,
    promised_on: date | None = None,
    **given: Any,
) -> DeliveryCard:
    """An approved card for an order of its own that is about to leave."""
    customer = customer or make_customer(session, city="Sheffield", country="GB", emails=("isla@mail.example",))
    row = make_order(session, customer, status=OrderStatus.PROCESSING)
    if promised_on:
        make_delivery(session, row, promised_on=promised_on)
    by = by or make_user(session, "sales")
    now = datetime.now(UTC)
    given.setdefault("state", CardState.APPROVED)
    given.setdefault("body", "Dear Isla,\nmay the whippet like the rug.\nDana")
    given = {"approved_at": now, "approved_by_id": by.id, "drafted_at": now, "drafted_by_id": by.id} | given
    return add(session, DeliveryCard(order_id=row.id, customer_id=customer.id, **given))


def number_of(session: Session, card: DeliveryCard) -> str:
    return session.get_one(Order, card.order_id).number
