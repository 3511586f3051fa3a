"""Whether next products are guessed better than by what sells most, on the shop's own last weeks.

The past up to a day is all that is known; what people bought after it is to be guessed. The result is kept as an
event, and without a good one nothing is suggested.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice
from math import log2
from random import Random
from statistics import fmean
from typing import NamedTuple

from sqlalchemy import func, select

from console.customers.models import Order
from console.db import db
from console.events import Event, Topic, record_event
from console.gestures.baskets import bought_by, counts, most_ordered, range_of, together_with
from console.gestures.next_products import LENGTH, SEEDS, Range, is_settled, likely_next

KIND = "products.evaluated"
LEAST = 50  # customers below which nothing is shown
MOST = 2_000  # customers tried, drawn by lot
RESAMPLES = 1_000
LASTS = timedelta(days=100)  # how long a result is believed
WINDOWS = (30, 90)  # days of what sells most; the better of the two has to be beaten


class Score(NamedTuple):
    """Of one customer, or the mean of many: 0 to 1."""

    hit: float  # whether one of ten was bought
    recall: float  # how much of what was bought is among the ten
    ndcg: float  # the same, the first places counting more (Järvelin and Kekäläinen 2002)


@dataclass(frozen=True)
class Verdict:
    """`low` and `high` bound the gain in nDCG@10 over what sells most at 95 %, by bootstrap over customers."""

    customers: int
    days: int
    ours: Score
    popular: Score
    popular_days: int
    low: float
    high: float

    @property
    def wins(self) -> bool:
        return self.customers >= LEAST and self.low > 0


def evaluate(days: int, now: datetime, tick: Callable[[int], object] = lambda done: None) -> Verdict:
    """Hold the last `days` with orders out and guess them. Raises ValueError when nobody can be tried."""
    end = db.session.scalar(select(func.max(Order.placed_at)).where(counts(now)))
    if end is None:
        raise ValueError("there are no orders with a date")
    cut, until = end - timedelta(days=days), end + timedelta(seconds=1)
    known = db.session.scalars(select(Order.customer_id).where(counts(until), Order.placed_at >= cut).distinct()).all()
    tried = Random(1).sample(sorted(known), min(len(known), MOST))
    stock = range_of(cut)
    sellers = {window: most_ordered(cut - timedelta(days=window), cut, MOST) for window in WINDOWS}
    ours, popular = [], {window: list[Score]() for window in WINDOWS}
    for customer_id in tried:
        tick(1)
        bought = bought_by(customer_id, cut)
        wanted = later(customer_id, cut, until, bought, stock)
        if not bought or not wanted:
            continue
        ours.append(score(guess(customer_id, bought, stock, cut), wanted))
        for window, products in sellers.items():
            open_ones = (one for one in products if not is_settled(one, bought, stock, cut))
            popular[window].append(score(list(islice(open_ones, LENGTH)), wanted))
    if not ours:
        raise ValueError(f"nobody with a past bought anything new in the last {days} days")
    best = max(WINDOWS, key=lambda window: fmean(one.ndcg for one in popular[window]))
    low, high = interval([one.ndcg - other.ndcg for one, other in zip(ours, popular[best], strict=True)])
    return Verdict(len(ours), days, mean(ours), mean(popular[best]), best, low, high)


def guess(customer_id: int, bought: dict[int, datetime], stock: Range, cut: datetime) -> list[int]:
    together = together_with(list(bought)[:SEEDS], customer_id, cut)
    return [one.product_id for one in likely_next(bought, together, stock, cut)]


def later(
    customer_id: int, cut: datetime, until: datetime, bought: dict[int, datetime], stock: Range
) -> frozenset[int]:
    """What they bought from `cut` on, without what could not have been suggested."""
    after = bought_by(customer_id, until)
    return frozenset(one for one, at in after.items() if at >= cut and not is_settled(one, bought, stock, cut))


def score(guessed: Sequence[int], wanted: Collection[int]) -> Score:
    """`wanted` must not be empty."""
    places = [place for place, one in enumerate(guessed[:LENGTH]) if one in wanted]
    ideal = sum(1 / log2(place + 2) for place in range(min(LENGTH, len(wanted))))
    ndcg = sum(1 / log2(place + 2) for place in places) / ideal
    return Score(float(bool(places)), len(places) / len(wanted), ndcg)


def mean(scores: Sequence[Score]) -> Score:
    return Score(*(round(fmean(column), 4) for column in zip(*scores, strict=True)))


def interval(gains: Sequence[float], seed: int = 1) -> tuple[float, float]:
    """Of the mean, at 95 %."""
    chance = Random(seed)
    means = sorted(fmean(chance.choices(gains, k=len(gains))) for _ in range(RESAMPLES))
    return round(means[int(0.025 * RESAMPLES)], 4), round(means[int(0.975 * RESAMPLES) - 1], 4)


def keep(verdict: Verdict, *, actor_id: int | None, now: datetime) -> None:
    """Write the result down; until the next one it decides whether next products are shown."""
    data = asdict(verdict) | {"wins": verdict.wins}
    record_event(KIND, Topic.ACCESS, actor_id=actor_id, at=now, data=data)


def has_won(now: datetime) -> bool:
    """Whether the last result was good, and is not too old: one statement."""
    last = db.session.scalars(
        select(Event).where(Event.kind == KIND).order_by(Event.recorded_at.desc(), Event.id.desc()).limit(1)
    ).first()
    return last is not None and now - last.at < LASTS and last.data.get("wins") is True
