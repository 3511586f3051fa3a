"""What they bought: two years of orders with their lines, deliveries and returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from console.customers.models import Delivery, Order, OrderLine, OrderStatus, Product, Tier
from console.db import db
from console.demo.days import Days, working_days_after
from console.demo.diary import Diary
from console.demo.people import Person
from console.demo.reading import SOURCE, Ware, table, wares
from console.events import Topic

YEARS = 730  # days of history
FIRST_NUMBER = 38_211
# How many orders people have: (share of people, fewest, most). A few have very many.
LOYALTY = [(4, 0, 0), (33, 1, 1), (20, 2, 2), (18, 3, 4), (13, 5, 8), (8, 9, 15), (3, 16, 24), (1, 25, 40)]
LATE = 0.08
CANCELLED = 0.025
RETURNED = 0.07
DELIVERY, EXPRESS, VAN = 395, 795, 2900  # pence; free from £60, never, from £500


@dataclass
class Purchase:
    """An order with its person; `key` is what a story calls it."""

    person: Person
    order: Order
    wares: list[Ware]
    key: str = ""

    @property
    def placed_at(self) -> datetime:
        assert self.order.placed_at is not None  # noqa: S101  every demo order has a time
        return self.order.placed_at

    @property
    def delivery(self) -> Delivery | None:
        return self.order.deliveries[0] if self.order.deliveries else None


class Counter:
    """Sells: puts orders together from the range."""

    def __init__(self, days: Days, products: dict[str, Product]) -> None:
        self.days = days
        self.products = products
        self.range = wares()
        self.seasons = table("seasons")

    def purchase(
        self,
        person: Person,
        placed_at: datetime,
        basket: Sequence[tuple[str, int]],
        *,
        express: bool = False,
        key: str = "",
    ) -> Purchase:
        """An order without its fate: processing, no delivery yet."""
        order = Order(source=SOURCE, placed_at=placed_at, status=OrderStatus.PROCESSING, is_demo=True)
        order.lines, order.deliveries = [], []
        chosen = [self.range[sku] for sku, _ in basket]
        share = 0.88 if person.is_trade else 1.0
        for place, (sku, quantity) in enumerate(basket, 1):
            ware = self.range[sku]
            order.lines.append(line(str(place), ware.name, quantity, round(ware.price * share), self.products[sku].id))
        goods = sum(row.quantity * row.price_minor for row in order.lines)
        if charge := charge_for(chosen, goods, express and person.customer.tier is not Tier.GOLD):
            name = "Express delivery" if charge == EXPRESS else "Delivery"
            order.lines.append(line("delivery", name, 1, charge, None))
        order.total_minor = sum(row.quantity * row.price_minor for row in order.lines)
        order.total_currency = "GBP"
        return Purchase(person, order, chosen, key)

    def history_of(self, person: Person) -> list[Purchase]:
        """All orders of a generated customer, oldest first."""
        random = person.random("orders")
        _, fewest, most = random.choices(LOYALTY, [row[0] for row in LOYALTY])[0]
        number = random.randint(8, 26) if person.is_trade else random.randint(fewest, most)
        since = (self.days.today - (person.customer.customer_since or self.days.today)).days
        span = min(since, YEARS)
        taste = random.sample([name for name in self.seasons["categories"] if name != "Gift cards"], 3)
        moments = sorted(self.moments(random, number, span, is_new=since <= YEARS))
        if person.number % 45 == 0:  # so that the warehouse has something to do on the day of loading
            moments.append(self.days.now - timedelta(minutes=random.randrange(12, 300)))
        return [self.sold(random, person, moment, taste) for moment in moments]

    def moments(self, random: Random, number: int, span: int, *, is_new: bool) -> list[datetime]:
        """When they ordered. A new customer's first order is why they are known."""
        found: list[datetime] = []
        weights = self.seasons["months"]
        while len(found) < number:
            days_ago = span if is_new and not found else random.randint(0, span)
            day = self.days.day(days_ago)
            if (is_new and not found) or random.random() * max(weights) < weights[day.month - 1]:
                found.append(self.days.some_time(random, day, "07:30", random.choice(["13:30", "22:50"])))
        return found

    def sold(self, random: Random, person: Person, placed_at: datetime, taste: list[str]) -> Purchase:
        basket = self.basket(random, placed_at, taste, is_trade=person.is_trade)
        can_hurry = not person.is_far and not any(self.range[sku].goes_by_van for sku, _ in basket)
        hurry = can_hurry and random.random() < 0.08
        bought = self.purchase(person, placed_at, basket, express=hurry)
        settle_fate(random, bought, self.days, hurry=hurry)
        return bought

    def basket(self, random: Random, moment: datetime, taste: list[str], *, is_trade: bool) -> list[tuple[str, int]]:
        month = moment.astimezone(self.days.zone).month - 1
        categories, popularity = self.seasons["categories"], self.seasons["popularity"]
        offered = [ware for ware in self.range.values() if not ware.is_service]
        weights = [
            categories[ware.category]["weight"]
            * categories[ware.category]["months"][month]
            * popularity.get(ware.sku, 1.0)
            * (3.5 if ware.category in taste else 1.0)
            for ware in offered
        ]
        basket: dict[str, int] = {}
        for ware in random.choices(offered, weights, k=random.choice([1, 1, 1, 2, 2, 3])):
            basket.setdefault(ware.sku, quantity_of(random, ware, is_trade=is_trade))
            for chance, sku in self.seasons["companions"].get(ware.sku, []):
                if random.random() < chance:
                    basket.setdefault(sku, basket[ware.sku] if sku == "PL-POTS" else 1)
        return list(basket.items())


def line(external_id: str, name: str, quantity: int, price: int, product_id: int | None) -> OrderLine:
    return OrderLine(
        external_id=external_id,
        product_id=product_id,
        name=name,
        quantity=quantity,
        price_minor=price,
        price_currency="GBP",
    )


def quantity_of(random: Random, ware: Ware, *, is_trade: bool) -> int:
    if is_trade and ware.price < 20_000:
        return random.choice([2, 4, 4, 6, 8, 12])
    if ware.category in {"Candles", "Gift cards", "Plants"} or ware.sku in {"LI-BULB", "KI-TEAC", "FU-PERC"}:
        return random.choice([1, 1, 1, 2, 2, 3])
    return 2 if random.random() < 0.12 and ware.price < 15_000 else 1


def charge_for(chosen: list[Ware], goods: int, express: bool) -> int:
    if all(ware.category == "Gift cards" or ware.sku == "FU-SWAT" for ware in chosen):
        return 0
    if any(ware.goes_by_van for ware in chosen):
        return VAN if goods < 50_000 else 0
    if express:
        return EXPRESS
    return DELIVERY if goods < 6_000 else 0


def settle_fate(random: Random, bought: Purchase, days: Days, *, hurry: bool) -> None:
    """Cancelled, on its way, delivered in time or late, returned: whatever has happened by now."""
    order, placed = bought.order, bought.placed_at
    if random.random() < CANCELLED and days.now - placed > timedelta(days=1):
        order.status = OrderStatus.CANCELLED
        return
    day = placed.astimezone(days.zone).date()
    by_van = any(ware.goes_by_van for ware in bought.wares)
    usual = random.randint(7, 15) if by_van else 1 if hurry else random.choice([3, 4, 4])
    promised = working_days_after(day, usual + (2 if bought.person.is_far else 0), saturdays=not by_van)
    late = random.choices([0, random.choice([1, 1, 2, 2, 3, 4, 6])], [1 - LATE, LATE])[0]
    arrives = working_days_after(promised, late, saturdays=not by_van) if late else promised
    if not late and not by_van and random.random() < 0.25:
        arrives = max(promised - timedelta(days=1), day + timedelta(days=1))
    carrier = random.choice(table("seasons")["carriers"])
    if by_van:
        carrier = "Northpost Home" if bought.person.is_abroad else "Own van"
    leaves = arrives if by_van else max(working_days_after(day, 0 if hurry else 1, saturdays=True), day)
    shipped = days.on(leaves, time(6, 40)) if by_van else days.on(leaves, time(16, random.randrange(60)))
    shipped = max(shipped, placed + timedelta(minutes=50))
    arrived = max(days.some_time(random, arrives, "09:05", "17:40"), shipped + timedelta(hours=2))
    deliver(bought, days, carrier, promised, shipped, arrived)
    if order.status is OrderStatus.DELIVERED and random.random() < RETURNED:
        give_back(random, bought, days)


def deliver(
    bought: Purchase, days: Days, carrier: str, promised: date, shipped: datetime | None, arrived: datetime | None
) -> None:
    """One delivery, as far as it has come by now."""
    order = bought.order
    parcel = Delivery(carrier=carrier, promised_on=promised)
    order.deliveries.append(parcel)
    if shipped and shipped < days.now:
        order.status, parcel.shipped_at = OrderStatus.SHIPPED, shipped
    if arrived and arrived < days.now:
        order.status, parcel.delivered_at = OrderStatus.DELIVERED, arrived


def give_back(random: Random, bought: Purchase, days: Days) -> None:
    reasons = table("seasons")["returns"].get(bought.wares[0].category)
    parcel = bought.delivery
    if not reasons or parcel is None or parcel.delivered_at is None:
        return
    back = parcel.delivered_at + timedelta(days=random.randint(6, 38), hours=random.randint(0, 4))
    if back < days.now:
        bought.order.status = OrderStatus.RETURNED
        parcel.returned_at, parcel.return_reason = back, random.choice(reasons)


def write_orders(purchases: list[Purchase], days: Days, diary: Diary) -> None:
    """Number them in the order they were placed, put them into the session and tell the diary."""
    purchases.sort(key=lambda bought: bought.placed_at)
    random = Random("order numbers")
    number = FIRST_NUMBER
    for bought in purchases:
        number += random.randint(1, 4)  # other customers' orders lie between them
        bought.order.number = bought.order.external_id = str(number)
        bought.order.customer_id = bought.person.customer.id
    db.session.add_all(bought.order for bought in purchases)
    db.session.flush()
    for bought in purchases:
        record(bought, days, diary)


def record(bought: Purchase, days: Days, diary: Diary) -> None:
    order, customer = bought.order, bought.person.customer

    def add(step: str, at: datetime, data: dict[str, Any] | None = None) -> None:
        diary.add(f"order.{step}", Topic.ORDER, order, customer, at, data=data)

    add("placed", bought.placed_at)
    parcel = bought.delivery
    if parcel and parcel.shipped_at:
        add("shipped", parcel.shipped_at)
    if parcel and parcel.delivered_at:
        add("delivered", parcel.delivered_at, {"late_days": parcel.days_late(days.today)})
    if parcel and parcel.returned_at:
        add("returned", parcel.returned_at)
    if order.status is OrderStatus.CANCELLED:
        add("cancelled", days.past(bought.placed_at + timedelta(hours=random_hours(order))))


def random_hours(order: Order) -> int:
    return 1 + int(order.number) % 18


def tier_for(purchases: list[Purchase], days: Days) -> Tier:
    """By what they spent in twelve months, as the shop's rules have it: silver from £300, gold from £800."""
    year = days.now - timedelta(days=365)
    spent = sum(
        bought.order.total_minor
        for bought in purchases
        if bought.placed_at > year and bought.order.status is not OrderStatus.CANCELLED
    )
    return Tier.GOLD if spent >= 80_000 else Tier.SILVER if spent >= 30_000 else Tier.STANDARD
