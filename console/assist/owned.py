"""Which labels of the knowledge base speak of what a customer owns; the knowledge base itself knows of no customers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy import func, select

import knowledge.views
from console.customers.models import Order, OrderLine, OrderStatus, Product
from console.db import db

MOST_LINES = 300  # of the newest orders
WORD = re.compile(r"[^\W_]+")


def labels_owned_by(customer_id: int) -> set[str]:
    """Lower-case labels that name something the customer has bought: its category, its name, or what kind it is."""
    rows = db.session.execute(
        select(func.coalesce(Product.name, OrderLine.name), Product.category)
        .join_from(OrderLine, Order, Order.id == OrderLine.order_id)
        .outerjoin(Product, Product.id == OrderLine.product_id)
        .where(Order.customer_id == customer_id, Order.status != OrderStatus.CANCELLED)
        .order_by(Order.placed_at.desc(), OrderLine.id.desc())
        .limit(MOST_LINES)
    )
    return {label for name, category in rows for label in labels_for(name, category)}


def labels_for(name: str, category: str | None) -> Iterator[str]:
    """A "Beacon table lamp, brass" of Lighting: lighting, beacon, lamp, table lamp, beacon table lamp; plurals too.

    A product's name ends in what it is and begins with what it is called; what follows a comma only describes it.
    """
    if category:
        yield from (category.casefold(), *(part.strip() for part in category.casefold().split("/")))
    words = WORD.findall(name.partition(",")[0].casefold())
    kinds = {" ".join(words[start:]) for start in range(len(words))} | set(words[:1])
    for kind in kinds:
        yield from (kind, kind.removesuffix("s"), f"{kind}s", f"{kind}es")


knowledge.views.owned_labels = labels_owned_by
