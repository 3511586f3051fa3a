"""What somebody is likely to buy next, from what stood together in other people's baskets: plain values in and out.

Item-to-item co-occurrence (Linden, Smith and York, IEEE Internet Computing 7, 2003): how often a product was ordered
together with what this customer bought, newer baskets counting more, divided by how common both are anyway.
The figures below were chosen on three earlier months of the data in bench/RESULTS.md, not on the one reported there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

SEEDS = 24  # of the customer's latest products
HALF_LIFE = 60  # days, of a basket
OWN_HALF_LIFE = 90  # days, of what the customer bought
DAMPING = 0.25  # of how common a product is: 0 favours what everybody buys, 0.5 what nobody else does
PRIOR = 20  # orders added to each product's, so that two chance meetings of rare ones count little
JUST_BOUGHT = timedelta(days=30)
USUAL = 0.25  # of its buyers bought it again: repeat purchase is usual
FEWEST_BUYERS = 5  # below which nothing is said about repeat purchase
LENGTH = 10


@dataclass(frozen=True)
class Together:
    """Baskets of others that held `product_id` beside `seed_id`: how many, newer ones counting more."""

    seed_id: int
    product_id: int
    weight: float


@dataclass(frozen=True)
class Range:
    """How often each product was ordered lately, and which are usually bought again."""

    orders: Mapping[int, int] = field(default_factory=dict)
    bought_again: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Likely:
    """`because_id` is what they bought that speaks for it most."""

    product_id: int
    because_id: int
    score: float


def likely_next(
    bought: Mapping[int, datetime], together: Iterable[Together], stock: Range, now: datetime
) -> list[Likely]:
    """The best ten, best first. `bought` is product to when last, aware; an unknown past gives an empty list."""
    shares: dict[int, dict[int, float]] = defaultdict(dict)
    for one in together:
        if one.seed_id in bought and not is_settled(one.product_id, bought, stock, now):
            age = (now - bought[one.seed_id]).days / OWN_HALF_LIFE
            common = (prior(one.seed_id, stock) ** 0.5) * prior(one.product_id, stock) ** DAMPING
            shares[one.product_id][one.seed_id] = one.weight * 0.5**age / common
    found = [
        Likely(product_id, max(parts, key=lambda seed: (parts[seed], seed)), sum(parts.values()))
        for product_id, parts in shares.items()
    ]
    return sorted(found, key=lambda one: (-one.score, one.product_id))[:LENGTH]


def is_settled(product_id: int, bought: Mapping[int, datetime], stock: Range, now: datetime) -> bool:
    """They have it: bought lately, or once and for all."""
    last = bought.get(product_id)
    return last is not None and (product_id not in stock.bought_again or now - last < JUST_BOUGHT)


def prior(product_id: int, stock: Range) -> int:
    return stock.orders.get(product_id, 0) + PRIOR
