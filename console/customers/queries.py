"""Named questions about one customer. Each costs one statement and does not grow with the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload, selectinload

from console.auth.models import User
from console.customers.models import (
    Boundary,
    Complaint,
    ComplaintState,
    Customer,
    Delivery,
    Order,
    OrderStatus,
    Preference,
)
from console.customers.searching import Hit
from console.customers.signals import Arrival, Cart, Facts, Grievance, Pledge, Signal, Talk, signals
from console.db import db
from console.events import Event, Topic
from console.money import Money
from console.web import today, zone


def customer_with_contacts(customer_id: int) -> Customer | None:
    """A customer with account, e-mails, phones, external ids and open complaints, in one statement."""
    return (
        db.session.scalars(
            select(Customer)
            .where(Customer.id == customer_id)
            .options(
                joinedload(Customer.account),
                joinedload(Customer.emails),
                joinedload(Customer.phones),
                joinedload(Customer.external_ids),
                joinedload(Customer.open_complaints),
            )
        )
        .unique()
        .first()
    )


def preferences_for(customer_id: int) -> list[Preference]:
    """In force, stated before observed before inferred, then the latest confirmed."""
    rows = db.session.scalars(
        select(Preference).where(Preference.customer_id == customer_id, Preference.ended_at.is_(None)).limit(50)
    )
    rank = {"stated": 0, "observed": 1, "inferred": 2}
    return sorted(rows, key=lambda row: (rank[row.provenance], -(row.confirmed_at or row.created_at).timestamp()))


def boundaries_for(customer_id: int) -> list[Boundary]:
    """In force, the oldest first."""
    return list(
        db.session.scalars(
            select(Boundary)
            .where(Boundary.customer_id == customer_id, Boundary.ended_at.is_(None))
            .order_by(Boundary.created_at, Boundary.id)
            .limit(20)
        )
    )


def open_complaints(customer_id: int) -> list[Complaint]:
    return list(
        db.session.scalars(
            select(Complaint)
            .where(Complaint.customer_id == customer_id, Complaint.state == ComplaintState.OPEN)
            .order_by(Complaint.opened_at, Complaint.id)
            .limit(10)
        )
    )


def history_of(model: type[Preference] | type[Boundary], row_id: int) -> Select[*tuple[Any, ...]]:
    """A preference or boundary and everything it replaced, newest first."""
    chain = select(model.id, model.replaces_id).where(model.id == row_id).cte("chain", recursive=True)
    chain = chain.union_all(select(model.id, model.replaces_id).where(model.id == chain.c.replaces_id))
    query: Select[*tuple[Any, ...]] = select(model, User).outerjoin(User, User.id == model.created_by_id)
    return query.where(model.id.in_(select(chain.c.id))).order_by(model.id.desc())


@dataclass(frozen=True)
class Glance:
    """A customer's trade in numbers."""

    orders: int
    last_order_at: datetime | None
    spent: list[Money]  # in the last 12 months, by currency; cancelled orders left out


def glance(customer_id: int, now: datetime) -> Glance:
    """Orders that were not cancelled, refunds not counted as orders but taken off what was spent."""
    rows = db.session.execute(
        select(
            Order.total_currency,
            func.count(Order.id).filter(Order.total_minor > 0),
            func.max(Order.placed_at),
            func.sum(Order.total_minor).filter(Order.placed_at > now - timedelta(days=365)),
        )
        .where(Order.customer_id == customer_id, Order.status != OrderStatus.CANCELLED)
        .group_by(Order.total_currency)
        .order_by(Order.total_currency)
    ).all()
    return Glance(
        orders=sum(row[1] for row in rows),
        last_order_at=max((row[2] for row in rows if row[2]), default=None),
        spent=[Money(int(row[3]), row[0]) for row in rows if row[3]],
    )


def recent_orders(customer_id: int, limit: int = 20) -> list[Order]:
    """The newest orders with lines and deliveries: three statements."""
    return list(
        db.session.scalars(
            select(Order)
            .where(Order.customer_id == customer_id)
            .options(selectinload(Order.lines), selectinload(Order.deliveries))
            .order_by(Order.placed_at.desc().nulls_first(), Order.id.desc())
            .limit(limit)
        )
    )


WATCHED = ("interaction.closed", "web.cart_abandoned", "survey.answered")
PROMISES = ("promise.made", "promise.moved", "promise.reopened", "promise.kept", "promise.released")


def facts_for(
    customer: Customer, complaints: Sequence[Complaint], broken: Sequence[Pledge], trade: Glance, now: datetime
) -> Facts:
    """What signals are made of: two statements besides what is given."""
    events = db.session.scalars(
        select(Event)
        .where(
            Event.customer_id == customer.id,
            Event.topic.in_((Topic.TALK, Topic.SIGNAL)),
            Event.kind.in_(WATCHED),
            Event.at > now - timedelta(days=90),
        )
        .order_by(Event.at.desc(), Event.id.desc())
        .limit(100)
    ).all()
    deliveries = db.session.execute(
        select(Order.id, Order.number, Delivery.promised_on, Delivery.delivered_at)
        .join(Delivery, Delivery.order_id == Order.id)
        .where(
            Order.customer_id == customer.id,
            Order.placed_at > now - timedelta(days=120),
            Order.status.in_((OrderStatus.SHIPPED, OrderStatus.PROCESSING, OrderStatus.DELIVERED)),
            Delivery.promised_on.is_not(None),
        )
        .order_by(Order.placed_at.desc(), Order.id.desc())
        .limit(20)
    )
    return Facts(
        complaints=[Grievance(row.id, row.opened_at, row.text) for row in complaints],
        arrivals=[Arrival(row[0], row[1], row[2], local_day(row[3])) for row in deliveries if row[2]],
        talks=[Talk(e.subject_id or 0, e.at, e.data.get("resolved")) for e in events if is_talk(e)],
        carts=[Cart(e.subject_id or 0, e.at) for e in events if e.kind == "web.cart_abandoned"],
        promises=broken,
        order_count=trade.orders,
        last_order_at=trade.last_order_at,
        customer_since=customer.customer_since,
        birthday=(customer.birth_month, customer.birth_day) if customer.birth_month and customer.birth_day else None,
        last_score=next((e.data.get("score") for e in events if e.kind == "survey.answered"), None),
    )


def is_talk(event: Event) -> bool:
    """A talk that is over, and not a recorded one that was played again."""
    return event.kind == "interaction.closed" and not event.data.get("replay")


def broken_promises(customer_id: int, now: datetime) -> list[Pledge]:
    """Promises past their time that nobody kept or released, as the record tells: one statement."""
    events = db.session.scalars(
        select(Event)
        .where(Event.customer_id == customer_id, Event.topic == Topic.NOTE, Event.kind.in_(PROMISES))
        .order_by(Event.at.desc(), Event.id.desc())
        .limit(500)
    ).all()
    last: dict[int | None, Event] = {}  # of each promise: the newest says how it stands, and by when it is due
    for event in events:
        last.setdefault(event.subject_id, event)
    due = [(event, datetime.fromisoformat(event.data["due_at"])) for event in last.values() if event.data.get("due_at")]
    return [Pledge(event.subject_id or 0, moment) for event, moment in due if moment < now]


def signals_for(customer_id: int, now: datetime) -> list[Signal]:
    """The customer's signals, failures first: six statements. An unknown customer has none."""
    customer = db.session.get(Customer, customer_id)
    if customer is None:
        return []
    complaints, broken = open_complaints(customer_id), broken_promises(customer_id, now)
    facts = facts_for(customer, complaints, broken, glance(customer_id, now), now)
    return signals(facts, now=now, today=today())


def local_day(moment: datetime | None) -> date | None:
    return moment.astimezone(zone()).date() if moment else None


@dataclass(frozen=True)
class Found:
    hit: Hit
    customer: Customer


def hits_with_customers(hits: Sequence[Hit]) -> list[Found]:
    """Hits in their order, each with what tells two people of one name apart: one statement."""
    rows = db.session.scalars(
        select(Customer)
        .where(Customer.id.in_([hit.customer_id for hit in hits]))
        .options(joinedload(Customer.account), joinedload(Customer.emails), joinedload(Customer.phones))
    ).unique()
    by_id = {customer.id: customer for customer in rows}
    return [Found(hit, by_id[hit.customer_id]) for hit in hits if hit.customer_id in by_id]


def recently_changed(before: int | None, limit: int) -> Select[Customer]:
    """The customers who became known last, newest first."""
    query = select(Customer).options(joinedload(Customer.account), selectinload(Customer.emails))
    if before is not None:
        query = query.where(Customer.id < before)
    return query.order_by(Customer.id.desc()).limit(limit)
