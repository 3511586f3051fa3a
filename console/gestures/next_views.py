"""The quiet line at the end of the help pane: what customers like this one often buy next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from console.auth.permissions import Permission, requires
from console.customers.models import BoundaryKind, Customer, Product
from console.customers.queries import boundaries_for, preferences_for, signals_for
from console.db import db, utc_now
from console.gestures.baskets import bought_by, range_of, together_with
from console.gestures.blueprint import bp
from console.gestures.next_evaluating import has_won
from console.gestures.next_products import SEEDS, Range, likely_next
from console.gestures.suggesting import is_a_no, words
from console.web import render_page_or_partial

SHOWN = 2
KEPT = timedelta(minutes=30)  # how common products are, in the process
ABOUT_SELLING = re.compile(
    r"\b(sell\w*|sales|upsell\w*|offers?|marketing|advert\w*|promotions?|recommend\w*|suggest\w*)\b"
)


@dataclass(frozen=True)
class NextProduct:
    product: Product
    because: Product


@bp.get("/customers/<int:customer_id>/next-products")
@requires(Permission.SEE_CUSTOMER)
def next_products(customer_id: int) -> ResponseReturnValue:
    customer = db.get_or_404(Customer, customer_id)
    found = next_for(customer, utc_now())
    template = "gestures/_next_products.html"
    return render_page_or_partial("customers/section.html", template, section=template, customer=customer, found=found)


def next_for(customer: Customer, now: datetime) -> list[NextProduct]:
    """At most two, or none: unless guessing was found to work here, nothing is wrong, and they did not refuse it."""
    if not has_won(now) or customer.consents.get("marketing") is False:
        return []
    refused = [row.text for row in boundaries_for(customer.id) if row.kind is BoundaryKind.OTHER]
    if any(ABOUT_SELLING.search(text.lower()) for text in refused):
        return []
    if any(signal.is_failure for signal in signals_for(customer.id, now)):
        return []
    bought = bought_by(customer.id, now)
    together = together_with(list(bought)[:SEEDS], customer.id, now)
    likely = likely_next(bought, together, common(now), now)
    ids = {one.product_id for one in likely} | {one.because_id for one in likely}
    products = {one.id: one for one in db.session.scalars(select(Product).where(Product.id.in_(ids)))}
    refused += [row.text for row in preferences_for(customer.id) if is_a_no(row.text)]
    unwanted = words(*refused)
    fitting = (
        NextProduct(products[one.product_id], products[one.because_id])
        for one in likely
        if products[one.product_id].available and not unwanted & words(named(products[one.product_id]))
    )
    return [one for one, _ in zip(fitting, range(SHOWN), strict=False)]


def named(product: Product) -> str:
    return f"{product.name} {product.category or ''}"


def common(now: datetime) -> Range:
    """Kept for half an hour: it is the same for everybody."""
    kept: tuple[datetime, Range] | None = current_app.extensions.get("plusone_range")
    if kept is None or not timedelta(0) <= now - kept[0] < KEPT:
        kept = current_app.extensions["plusone_range"] = now, range_of(now)
    return kept[1]
