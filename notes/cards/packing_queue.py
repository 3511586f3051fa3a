"""What the delivery staff see: the cards to write and pack, what leaves first first, and what was done today.

A card shows what finds the parcel and what goes onto the paper, and nothing of the note behind it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select
from sqlalchemy.orm import aliased, joinedload

from console.auth.models import User
from console.customers.models import Boundary, BoundaryKind, Customer, Delivery, Order, OrderLine, OrderStatus
from console.db import db
from console.events import Event
from console.gestures.models import EntryState, LedgerEntry
from console.web import zone
from notes.cards.models import CardState, DeliveryCard
from notes.cards.queries import goods
from notes.screening import tidy

PAGE = 30
TO_DO = (CardState.APPROVED, CardState.WRITTEN)
DID = {f"card.{state.value}": state for state in (CardState.WRITTEN, CardState.PACKED, CardState.SKIPPED)}
LATEST = date(9999, 12, 31)  # for an order that nobody promised a day for


@dataclass(frozen=True)
class Slip:
    """A card as the delivery staff see it."""

    card: DeliveryCard  # with its order's lines
    name: str  # "Isla M."
    place: str  # "Sheffield, GB"
    leaves_on: date | None  # the promised day of what has not left yet
    hindrance: str  # why it cannot go, in a sentence; empty when it can
    alone: bool  # the customer wants no gifts, so nothing else may lie beside the card

    @property
    def items(self) -> list[OrderLine]:
        return goods(self.card.order)


@dataclass(frozen=True)
class Done:
    """A step of today that still stands."""

    event_id: int
    card_id: int
    state: CardState
    number: str  # the order's
    by: str | None
    at: datetime
    is_final: bool  # it was given as a gesture that the ledger has noted as done, so that it stays packed


UNSENT = (
    select(func.min(Delivery.promised_on))
    .where(Delivery.order_id == DeliveryCard.order_id, Delivery.shipped_at.is_(None))
    .correlate(DeliveryCard)
    .scalar_subquery()
)
LEAVES: ColumnElement[date] = func.coalesce(UNSENT, literal(LATEST))
HAS_LEFT = and_(
    exists().where(Delivery.order_id == DeliveryCard.order_id, Delivery.shipped_at.is_not(None)),
    ~exists().where(Delivery.order_id == DeliveryCard.order_id, Delivery.shipped_at.is_(None)),
)
WANTS_NOTHING = exists().where(
    Boundary.customer_id == DeliveryCard.customer_id,
    Boundary.kind == BoundaryKind.NO_GIFTS,
    Boundary.ended_at.is_(None),
)
GESTURE = (
    select(LedgerEntry.state).where(LedgerEntry.id == DeliveryCard.entry_id).correlate(DeliveryCard).scalar_subquery()
)
SLIP: Select[Any] = (
    select(
        DeliveryCard,
        Customer.first_name,
        Customer.last_name,
        Customer.city,
        Customer.country,
        LEAVES.label("leaves"),
        HAS_LEFT.label("has_left"),
        WANTS_NOTHING.label("refused"),
        GESTURE.label("gesture"),
    )
    .join(Customer, Customer.id == DeliveryCard.customer_id)
    .options(joinedload(DeliveryCard.order).selectinload(Order.lines))
    .execution_options(populate_existing=True)
)


def to_do(after: tuple[date, int] | None = None) -> list[Slip]:
    """A page and one more card to write and pack, what leaves first first; `after` is the last one's day and id."""
    query = SLIP.where(DeliveryCard.state.in_(TO_DO)).order_by(LEAVES, DeliveryCard.id).limit(PAGE + 1)
    if after:
        day, card_id = after
        query = query.where(or_(literal(day) < LEAVES, and_(literal(day) == LEAVES, DeliveryCard.id > card_id)))
    return [slip_of(row) for row in db.session.execute(query)]


def slips(card_ids: Collection[int]) -> dict[int, Slip]:
    """These cards by id, wherever they are; without drafts, which are not theirs yet."""
    query = SLIP.where(DeliveryCard.id.in_(card_ids), DeliveryCard.state != CardState.DRAFT)
    found = [slip_of(row) for row in db.session.execute(query)]
    return {slip.card.id: slip for slip in found}


def find(number: str) -> int | None:
    """The card for an order's number, typed or scanned; one that is still to do before others."""
    wanted = tidy(number).lstrip("# ").upper()[:120]
    return db.session.scalar(
        select(DeliveryCard.id)
        .join(Order, Order.id == DeliveryCard.order_id)
        .where(Order.number == wanted, DeliveryCard.state != CardState.DRAFT)
        .order_by(DeliveryCard.state.in_(TO_DO).desc(), DeliveryCard.id.desc())
        .limit(1)
    )


def waiting() -> int:
    return db.session.scalar(select(func.count()).where(DeliveryCard.state.in_(TO_DO))) or 0


def slip_of(row: Any) -> Slip:
    card, first, last, city, country, leaves, has_left, refused, gesture = row
    return Slip(
        card=card,
        name=f"{first} {last[0]}." if first and last else first or f"{last[:1]}.",
        place=", ".join(part for part in (city, country) if part),
        leaves_on=None if leaves == LATEST else leaves,
        hindrance=hindrance(card, has_left=has_left, refused=refused, gesture=gesture),
        alone=refused and card.entry_id is None,
    )


GONE = {
    OrderStatus.CANCELLED: "The order was cancelled, so there is no parcel for this card.",
    OrderStatus.SHIPPED: "The order has left already, without this card.",
    OrderStatus.DELIVERED: "The order has arrived already, without this card.",
    OrderStatus.RETURNED: "The order came back, so there is no parcel for this card.",
}


def hindrance(card: DeliveryCard, *, has_left: bool, refused: bool, gesture: EntryState | None) -> str:
    """Why the card cannot go any more; empty when it can, or when it is settled."""
    if card.state not in TO_DO:
        return ""
    if card.order.status in GONE:
        return GONE[card.order.status]
    if has_left:
        return GONE[OrderStatus.SHIPPED]
    if refused and card.entry_id is not None:
        return "This card was a gift, and the customer has since asked for none."
    if gesture is EntryState.REVERSED:
        return "What this card was given for has been taken back."
    return ""


def done_today(now: datetime, *, before: int | None = None, by: int | None = None, most: int = PAGE + 1) -> list[Done]:
    """Steps of today that still stand, newest first; `before` is the last event's id, `by` whose they are."""
    query = (
        standing(now)
        .add_columns(Event.id, Event.subject_id, Event.kind, Order.number, User.name, Event.at, GESTURE)
        .join(Order, Order.id == DeliveryCard.order_id)
        .outerjoin(User, User.id == Event.actor_id)
        .order_by(Event.id.desc())
        .limit(most)
    )
    if before:
        query = query.where(Event.id < before)
    if by:
        query = query.where(Event.actor_id == by)
    rows: Sequence[Any] = db.session.execute(query).all()
    return [
        Done(number, card_id, DID[kind], order, name, at, kind == "card.packed" and gesture is EntryState.FULFILLED)
        for number, card_id, kind, order, name, at, gesture in rows
    ]


def counts(now: datetime) -> dict[CardState, int]:
    """How many cards were written, packed and skipped today, each where it stands now."""
    query = standing(now).add_columns(Event.kind, func.count()).group_by(Event.kind)
    rows: Sequence[Any] = db.session.execute(query).all()
    return {DID[kind]: number for kind, number in rows}


def standing(now: datetime) -> Select[Any]:
    """Today's steps that brought a card where it stands: none that was undone, or followed by another.

    A draft that its writer left out is none of the delivery staff's. The caller adds the columns.
    """
    later = aliased(Event)
    again = exists().where(
        later.subject_type == DeliveryCard.__tablename__,
        later.subject_id == Event.subject_id,
        later.kind == Event.kind,
        later.id > Event.id,
    )
    is_there = or_(*(and_(Event.kind == kind, DeliveryCard.state == state) for kind, state in DID.items()))
    return (
        select()
        .select_from(Event)
        .join(DeliveryCard, DeliveryCard.id == Event.subject_id)
        .where(Event.kind.in_(DID), Event.recorded_at >= midnight(now), is_there, ~again)
        .where(Event.data["was"].as_string() != CardState.DRAFT.value)
    )


def midnight(now: datetime) -> datetime:
    """When this day began in the shop's zone."""
    return datetime.combine(now.astimezone(zone()).date(), time(), zone())
