"""What a card is written and judged by: the order, its customer, what may be quoted, and what speaks against it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Label, Select, exists, func, select
from sqlalchemy.orm import joinedload, selectinload

from console.customers.models import Boundary, Complaint, ComplaintState, Customer, Order, OrderLine, Preference
from console.db import db
from console.interactions.models import REPLAY, Interaction
from notes.cards.models import CardState, DeliveryCard
from notes.cards.queries import broken_by, goods, may_be_quoted, quotable
from notes.models import Note, Promise

Row = TypeVar("Row", Promise, Complaint, Boundary, DeliveryCard, Note)
MOST_NOTES = 30  # of one customer
MOST_EARLIER = 100  # cards of one customer
MOST_BOUNDARIES = 20
MOST_KEPT = 50


@dataclass(frozen=True)
class Around:
    """Everything that a card for one order is written and judged by."""

    order: Order  # with its lines and deliveries
    customer: Customer
    notes: Sequence[Note]  # recent ones that may be quoted, the newest first, each with its author
    earlier: Sequence[DeliveryCard]  # to this customer, for other orders, not skipped
    boundaries: Sequence[Boundary]
    complaint: str = ""
    broken_promise: str = ""
    kept: frozenset[int] = frozenset()  # notes that a preference was kept from

    @property
    def items(self) -> list[OrderLine]:
        return goods(self.order)


def around(order_id: int, now: datetime) -> Around | None:
    """None when there is no such order."""
    return arounds([order_id], now).get(order_id)


def arounds(order_ids: Collection[int], now: datetime, *, to_write: bool = True) -> dict[int, Around]:
    """By order, in ten statements however many they are; `to_write`: with the notes, which nobody needs to judge."""
    rows = db.session.execute(
        select(Order, Customer)
        .join(Customer, Customer.id == Order.customer_id)
        .where(Order.id.in_(order_ids))
        .options(
            selectinload(Order.lines).load_only(OrderLine.name, OrderLine.product_id), selectinload(Order.deliveries)
        )
    ).all()
    people = {customer.id: customer for _, customer in rows}
    is_broken = Promise.customer_id.in_(people), broken_by(now)
    is_open = Complaint.customer_id.in_(people), Complaint.state == ComplaintState.OPEN
    is_theirs = Boundary.customer_id.in_(people), Boundary.ended_at.is_(None)
    promises = by_customer(db.session.scalars(select(Promise).where(*is_broken).order_by(Promise.due_at)))
    complaints = by_customer(db.session.scalars(select(Complaint).where(*is_open).order_by(Complaint.opened_at)))
    boundaries = by_customer(db.session.scalars(select(Boundary).where(*is_theirs).order_by(Boundary.id)))
    earlier = by_customer(db.session.scalars(earlier_cards(people)))
    willing = [number for number, customer in people.items() if may_be_quoted(customer)]
    notes = by_customer(db.session.scalars(notes_to_quote(willing, now)) if to_write else ())
    kept = notes_kept_from(people) if to_write else {}
    return {
        order.id: Around(
            order=order,
            customer=customer,
            notes=notes[customer.id],
            earlier=[card for card in earlier[customer.id] if card.order_id != order.id][:MOST_EARLIER],
            boundaries=boundaries[customer.id][:MOST_BOUNDARIES],
            complaint=next((one.text for one in complaints[customer.id]), ""),
            broken_promise=next((one.text for one in promises[customer.id]), ""),
            kept=kept.get(customer.id, frozenset()),
        )
        for order, customer in rows
    }


def by_customer(rows: Iterable[Row]) -> Mapping[int, list[Row]]:
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.customer_id].append(row)
    return found


def notes_kept_from(customer_ids: Collection[int]) -> dict[int, frozenset[int]]:
    is_theirs = Preference.customer_id.in_(customer_ids), Preference.ended_at.is_(None)
    found: dict[int, list[int]] = {}
    query = select(Preference.customer_id, Preference.evidence).where(*is_theirs).order_by(Preference.id.desc())
    for customer_id, evidence in db.session.execute(query):
        if isinstance(note := evidence.get("note"), int):
            found.setdefault(customer_id, []).append(note)
    return {customer_id: frozenset(ids[:MOST_KEPT]) for customer_id, ids in found.items()}


def notes_to_quote(customer_ids: Collection[int], now: datetime) -> Select[Note]:
    """Recent notes that may be quoted, the newest first, so many of each customer; none from a rehearsal."""
    rehearsed = exists().where(Interaction.id == Note.interaction_id, Interaction.source == REPLAY)
    theirs = Note.customer_id.in_(customer_ids), quotable(Note.customer_id, now), ~rehearsed
    newest = select(Note.id, place_of(Note.customer_id, Note.written_at.desc(), Note.id.desc())).where(*theirs)
    return (
        select(Note)
        .where(Note.id.in_(first_of(newest, MOST_NOTES)))
        .options(joinedload(Note.author))
        .order_by(Note.written_at.desc(), Note.id.desc())
    )


def earlier_cards(customer_ids: Collection[int]) -> Select[DeliveryCard]:
    """Cards that were not skipped, the newest first, so many of each customer; the card at hand may be one more."""
    theirs = DeliveryCard.customer_id.in_(customer_ids), DeliveryCard.state != CardState.SKIPPED
    newest = select(DeliveryCard.id, place_of(DeliveryCard.customer_id, DeliveryCard.id.desc())).where(*theirs)
    kept = DeliveryCard.id.in_(first_of(newest, MOST_EARLIER + 1))
    return select(DeliveryCard).where(kept).order_by(DeliveryCard.id.desc())


def place_of(owner: Any, *order: Any) -> Label[int]:
    return func.row_number().over(partition_by=owner, order_by=order).label("place")


def first_of(placed: Any, most: int) -> Select[int]:
    rows = placed.subquery()
    return select(rows.c.id).where(rows.c.place <= most)
