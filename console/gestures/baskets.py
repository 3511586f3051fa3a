"""What was bought with what, read from the orders: each a single statement whose work does not grow with the shop.

Only orders before `until` count (aware), so that a past day can be asked about. Cancelled and returned orders, refunds
and orders without a date are left out.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, and_, case, func, literal, select, union_all

from console.customers.models import Order, OrderLine, OrderStatus
from console.db import db
from console.gestures.next_products import FEWEST_BUYERS, HALF_LIFE, USUAL, Range, Together

OWN_ORDERS = 300  # of the customer, the newest
BASKETS = 60  # that held a product, the newest
FEWEST = 3  # different customers who bought both
SAMPLE = 10_000  # orders, the newest, that say how common a product is
YEAR = timedelta(days=365)


def counts(until: datetime) -> ColumnElement[bool]:
    unwanted = OrderStatus.CANCELLED, OrderStatus.RETURNED
    return and_(Order.placed_at < until, Order.status.not_in(unwanted), Order.total_minor >= 0)


def bought_by(customer_id: int, until: datetime) -> dict[int, datetime]:
    """Each of their products and when they last bought it, the latest first."""
    own = (
        select(Order.id, Order.placed_at)
        .where(Order.customer_id == customer_id, counts(until))
        .order_by(Order.placed_at.desc(), Order.id.desc())
        .limit(OWN_ORDERS)
        .subquery()
    )
    rows = db.session.execute(
        select(OrderLine.product_id, func.max(own.c.placed_at).label("last"))
        .join(own, own.c.id == OrderLine.order_id)
        .where(OrderLine.product_id.is_not(None), OrderLine.quantity > 0)
        .group_by(OrderLine.product_id)
        .order_by(func.max(own.c.placed_at).desc(), OrderLine.product_id.desc())
    )
    return {product_id: last for product_id, last in rows if product_id is not None}


def together_with(seeds: Collection[int], customer_id: int, until: datetime) -> list[Together]:
    """What other customers ordered with each of these products."""
    if not seeds:
        return []
    baskets = union_all(*(baskets_with(seed, until) for seed in seeds)).subquery()
    rows = db.session.execute(
        select(baskets.c.seed, OrderLine.product_id, func.sum(newness(baskets.c.placed_at, until)))
        .join(OrderLine, OrderLine.order_id == baskets.c.order_id)
        .where(
            baskets.c.customer_id != customer_id,
            OrderLine.product_id.is_not(None),
            OrderLine.product_id != baskets.c.seed,
            OrderLine.quantity > 0,
        )
        .group_by(baskets.c.seed, OrderLine.product_id)
        .having(func.count(baskets.c.customer_id.distinct()) >= FEWEST)
    )
    return [Together(seed, product_id, float(weight)) for seed, product_id, weight in rows]


def baskets_with(seed: int, until: datetime) -> Any:
    """The newest orders that held it. Its own subselect, because SQLite takes no limit inside a union."""
    newest = (
        select(literal(seed).label("seed"), OrderLine.order_id, Order.customer_id, Order.placed_at)
        .join(Order, Order.id == OrderLine.order_id)
        .where(OrderLine.product_id == seed, OrderLine.quantity > 0, counts(until))
        .order_by(OrderLine.id.desc())
        .limit(BASKETS)
        .subquery()
    )
    return select(newest)


def newness(placed_at: ColumnElement[datetime], until: datetime) -> ColumnElement[float]:
    """1 for a basket of the last half-life, half of it for the one before, and so on down to a 64th."""
    steps = [(placed_at >= until - timedelta(days=HALF_LIFE * (n + 1)), literal(0.5**n, Float)) for n in range(6)]
    return case(*steps, else_=literal(0.5**6, Float))


def range_of(until: datetime) -> Range:
    """How common each product is, and whether people buy it again, in a sample of the year's orders."""
    sample = (
        select(Order.id, Order.customer_id)
        .where(counts(until), Order.placed_at >= until - YEAR)
        .order_by(Order.id.desc())
        .limit(SAMPLE)
        .subquery()
    )
    buyers = (
        select(OrderLine.product_id, sample.c.customer_id, func.count(sample.c.id.distinct()).label("times"))
        .join(sample, sample.c.id == OrderLine.order_id)
        .where(OrderLine.product_id.is_not(None), OrderLine.quantity > 0)
        .group_by(OrderLine.product_id, sample.c.customer_id)
        .subquery()
    )
    rows = db.session.execute(
        select(
            buyers.c.product_id,
            func.sum(buyers.c.times),
            func.count(),
            func.sum(case((buyers.c.times > 1, 1), else_=0)),
        ).group_by(buyers.c.product_id)
    ).all()
    again = (row[0] for row in rows if row[2] >= FEWEST_BUYERS and row[3] >= USUAL * row[2])
    return Range({row[0]: int(row[1]) for row in rows}, frozenset(again))


def most_ordered(since: datetime, until: datetime, limit: int) -> list[int]:
    """Products by how many orders held them, the most first."""
    times = func.count(Order.id.distinct())
    return list(
        db.session.scalars(
            select(OrderLine.product_id)
            .join(Order, Order.id == OrderLine.order_id)
            .where(counts(until), Order.placed_at >= since, OrderLine.product_id.is_not(None), OrderLine.quantity > 0)
            .group_by(OrderLine.product_id)
            .order_by(times.desc(), OrderLine.product_id)
            .limit(limit)
        )
    )
