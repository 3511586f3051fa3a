"""Orders about to leave, and what has to be known to write a card for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal_column, or_, select, tuple_
from sqlalchemy.orm import joinedload, selectinload

from console.customers.models import (
    Boundary,
    BoundaryKind,
    Complaint,
    ComplaintState,
    Customer,
    Delivery,
    Order,
    OrderLine,
    OrderStatus,
)
from console.customers.timeline import Cursor
from console.db import db
from console.gestures.models import LedgerEntry
from notes.cards.gestures import waiting
from notes.cards.models import CardState, DeliveryCard
from notes.cards.turning import WORD
from notes.cards.words import middle_of
from notes.models import Note, Promise, PromiseState

PAGE = 30
ORDERS_SINCE = timedelta(days=60)  # what was placed longer ago and is said to wait still was forgotten by its source
NOTES_SINCE = timedelta(days=180)

# Written out, for a partial index is not used for a value that comes later.
IS_PROCESSING: ColumnElement[bool] = Order.status == literal_column(f"'{OrderStatus.PROCESSING.value}'")
HAS_SHIPPED = exists().where(Delivery.order_id == Order.id, Delivery.shipped_at.is_not(None))
MAY_BE_QUOTED = Customer.consents["quote_notes"].as_boolean().is_not(False)  # see may_be_quoted
OPEN_CARD = and_(DeliveryCard.order_id == Order.id, DeliveryCard.state != CardState.SKIPPED)


class Show(StrEnum):
    """Which orders are listed."""

    WITH_LINES = "lines"  # without a card, and with a note that may be quoted
    DRAFTS = "drafts"
    APPROVED = "approved"
    ALL = "all"

    @property
    def label(self) -> str:
        return {"lines": "To write", "drafts": "Drafts", "approved": "Approved", "all": "All"}[self.value]


def goods(order: Order) -> list[OrderLine]:
    """What lies in the parcel; a charge is no product."""
    return [line for line in order.lines if line.product_id is not None] or order.lines


@dataclass
class Leaving:
    """An order about to leave, in the list."""

    order: Order  # with its lines and deliveries
    customer: Customer
    card: DeliveryCard | None = None
    notes: int = 0  # that may be quoted
    silence: str = ""  # why not now
    given: bool = False  # a card was given to them as a gesture and waits for one

    @property
    def items(self) -> list[OrderLine]:
        return goods(self.order)

    @property
    def has_no_words(self) -> bool:
        """Only a greeting and a name stand on its card."""
        return self.card is not None and not WORD.search(middle_of(self.card.body, self.card.language))

    @property
    def leaves_on(self) -> date | None:
        days = [one.promised_on for one in self.order.deliveries if one.promised_on and one.shipped_at is None]
        return min(days, default=None)


def leaving(now: datetime, show: Show = Show.ALL, before: Cursor | None = None) -> Select[Order, Customer]:
    """Orders that still wait to be sent, each with its customer, the newest first."""
    query = (
        select(Order, Customer)
        .join(Customer, Customer.id == Order.customer_id)
        .where(IS_PROCESSING, Order.placed_at >= now - ORDERS_SINCE, ~HAS_SHIPPED)
        .options(selectinload(Order.lines), selectinload(Order.deliveries))
        .order_by(Order.placed_at.desc(), Order.id.desc())
    )
    if show is Show.WITH_LINES:
        query = query.where(MAY_BE_QUOTED, ~exists().where(OPEN_CARD), exists().where(quotable(Order.customer_id, now)))
    elif show is not Show.ALL:
        state = CardState.DRAFT if show is Show.DRAFTS else CardState.APPROVED
        query = query.where(exists().where(OPEN_CARD, DeliveryCard.state == state))
    if before is not None:
        query = query.where(tuple_(Order.placed_at, Order.id) < (before.at, before.id))
    return query


def quotable(customer_id: Any, now: datetime) -> ColumnElement[bool]:
    return and_(Note.customer_id == customer_id, Note.quotable.is_(True), Note.written_at >= now - NOTES_SINCE)


def page_of(now: datetime, show: Show, before: Cursor | None) -> tuple[list[Leaving], Cursor | None]:
    """One page, and where the next one begins."""
    found = db.session.execute(leaving(now, show, before).limit(PAGE + 1))
    rows = [Leaving(order, customer) for order, customer in found]
    older = None
    if len(rows) > PAGE:
        rows = rows[:PAGE]
        last = rows[-1].order
        older = Cursor(last.placed_at or now, last.id)
    complete(rows, now)
    return rows, older


def complete(rows: Sequence[Leaving], now: datetime) -> None:
    """What the list says about each order, in five statements however many they are."""
    customers = {row.customer.id for row in rows}
    cards = {card.order_id: card for card in db.session.scalars(open_cards(row.order.id for row in rows))}
    counted = select(Note.customer_id, func.count()).where(quotable(Note.customer_id, now))
    counted = counted.where(Note.customer_id.in_(customers)).group_by(Note.customer_id)
    counts: dict[int, int] = dict(db.session.execute(counted).all())
    silent = silences(customers, now)
    owed = waiting().with_only_columns(LedgerEntry.customer_id).where(LedgerEntry.customer_id.in_(customers))
    given = set(db.session.scalars(owed))
    for row in rows:
        row.card = cards.get(row.order.id)
        row.notes = counts.get(row.customer.id, 0) if may_be_quoted(row.customer) else 0
        row.silence = silent.get(row.customer.id, "")
        row.given = row.customer.id in given and row.card is None


def open_cards(order_ids: Iterable[int]) -> Select[DeliveryCard]:
    """The card of each order, unless it was skipped."""
    return (
        select(DeliveryCard)
        .where(DeliveryCard.order_id.in_(list(order_ids)), DeliveryCard.state != CardState.SKIPPED)
        .options(joinedload(DeliveryCard.approved_by))
    )


def silences(customer_ids: Collection[int], now: datetime) -> dict[int, str]:
    """Whom nothing friendly is sent to for now, and what has to be settled first. Complaints come before promises."""
    found: dict[int, str] = {}
    for promise in db.session.scalars(select(Promise).where(Promise.customer_id.in_(customer_ids), broken_by(now))):
        found[promise.customer_id] = f"promise broken: {promise.text}"
    is_open = Complaint.customer_id.in_(customer_ids), Complaint.state == ComplaintState.OPEN
    for complaint in db.session.scalars(select(Complaint).where(*is_open)):
        found[complaint.customer_id] = f"open complaint: {complaint.text}"
    return found


def broken_by(now: datetime) -> ColumnElement[bool]:
    past = and_(Promise.state == PromiseState.OPEN, Promise.due_at < now)
    return or_(Promise.state == PromiseState.BROKEN, past)


def may_be_quoted(customer: Customer) -> bool:
    return customer.consents.get("quote_notes") is not False


def refusals(boundaries: Iterable[Boundary]) -> tuple[bool, tuple[str, ...]]:
    """Whether they want no gifts, and what else they refused, in words. Calls are no matter of a card."""
    by_kind: dict[BoundaryKind, list[str]] = defaultdict(list)
    for boundary in boundaries:
        by_kind[boundary.kind].append(boundary.text)
    worded = (*by_kind[BoundaryKind.OTHER], *by_kind[BoundaryKind.NO_GIFTS])
    return bool(by_kind[BoundaryKind.NO_GIFTS]), tuple(text for text in worded if text)


def first_drafts(now: datetime, most: int) -> Select[DeliveryCard]:
    """Drafts for orders that still wait, in the list's order, each with its note."""
    return (
        select(DeliveryCard)
        .join(Order, Order.id == DeliveryCard.order_id)
        .where(
            DeliveryCard.state == CardState.DRAFT, IS_PROCESSING, Order.placed_at >= now - ORDERS_SINCE, ~HAS_SHIPPED
        )
        .options(joinedload(DeliveryCard.note))
        .order_by(Order.placed_at.desc(), Order.id.desc())
        .limit(most)
    )


def one(card_id: int) -> Select[DeliveryCard]:
    return (
        select(DeliveryCard)
        .where(DeliveryCard.id == card_id)
        .options(joinedload(DeliveryCard.approved_by), joinedload(DeliveryCard.note).joinedload(Note.author))
        .execution_options(populate_existing=True)
    )
