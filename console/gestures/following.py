"""What customers did afterwards: talked to us again, ordered again, answered the survey. A statement each."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from console.customers.models import Order, OrderStatus
from console.db import db
from console.interactions.models import IS_NO_REPLAY, Interaction

COMES_BACK = timedelta(days=14)
BUYS_AGAIN = timedelta(days=30)
Talks = Mapping[int, Sequence[tuple[datetime, int]]]  # by customer: when, which; oldest first


def talks_of(customer: Any, moment: Any, first: datetime, last: datetime) -> Talks:
    """The conversations, until a fortnight after `last`, of those customers whom `customer` names between the two."""
    rows = db.session.execute(
        select(Interaction.customer_id, Interaction.started_at, Interaction.id)
        .where(
            Interaction.customer_id.in_(select(customer).where(moment >= first, moment < last)),
            Interaction.started_at >= first,
            Interaction.started_at < last + COMES_BACK,
            IS_NO_REPLAY,
        )
        .order_by(Interaction.started_at)
    )
    found: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for customer_id, at, interaction_id in rows:
        assert at is not None  # noqa: S101  it is asked for above
        found[customer_id].append((at, interaction_id))
    return found


def came_back(
    talks: Sequence[tuple[datetime, int]], interaction_id: int | None, at: datetime, now: datetime
) -> bool | None:
    """Whether another conversation began within a fortnight; None while that is not over."""
    if at + COMES_BACK > now:
        return None
    start = bisect_right(talks, (at, 2**63))
    return any(when <= at + COMES_BACK and talk != interaction_id for when, talk in talks[start : start + 5])


def orders_of(customer: Any, moment: Any, first: datetime, last: datetime) -> dict[int, list[datetime]]:
    """When those customers ordered, until 30 days after `last`."""
    rows = db.session.execute(
        select(Order.customer_id, Order.placed_at).where(
            Order.customer_id.in_(select(customer).where(moment >= first, moment < last)),
            Order.placed_at >= first,
            Order.placed_at < last + BUYS_AGAIN,
            Order.status != OrderStatus.CANCELLED,
        )
    )
    found: dict[int, list[datetime]] = defaultdict(list)
    for customer_id, at in rows:
        assert at is not None  # noqa: S101  it is asked for above
        found[customer_id].append(at)
    return found


def ordered_again(orders: Sequence[datetime], at: datetime, now: datetime) -> bool | None:
    """Whether they ordered within 30 days; None while those are not over."""
    return any(at < when <= at + BUYS_AGAIN for when in orders) if at + BUYS_AGAIN <= now else None


def scores_of(interaction: Any, moment: Any, first: datetime, last: datetime) -> dict[int, int]:
    """The survey's score, 1 to 5, of each conversation that `interaction` names between the two."""
    where = select(interaction).where(moment >= first, moment < last)
    rows = db.session.execute(
        select(Interaction.id, Interaction.csat).where(Interaction.id.in_(where), Interaction.csat.is_not(None))
    )
    return {interaction_id: score for interaction_id, score in rows if score is not None}
