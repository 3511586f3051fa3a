"""Products, orders with their deliveries, and order lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select

from console.customers.models import Delivery, Order, OrderLine, OrderStatus, Product
from console.events import Topic
from console.importing import fields, references
from console.importing.fields import minor
from console.importing.problems import BadRow
from console.importing.saving import (
    Column,
    Happened,
    Kind,
    Outcome,
    Result,
    Run,
    Saved,
    Values,
    found,
    save,
    write_history,
)

DELIVERY = ("carrier", "promised_on", "shipped_at", "delivered_at", "returned_at", "return_reason")


def write_products(rows: Sequence[Values], run: Run) -> list[Result]:
    own = ("sku", "name", "category", "options", "available")
    wanted: list[Values] = []
    results: list[Result | None] = []
    for row in rows:
        values = {name: row[name] for name in own if name in row} | {"source": run.source}
        try:
            if "price" in row:
                code = row.get("currency") or run.reading.currency
                values["price_minor"] = minor(row["price"], code) if row["price"] is not None else None
                values["price_currency"] = code if row["price"] is not None else None
        except BadRow as problem:
            results.append(problem)
            continue
        results.append(None)
        wanted.append(values)
    known = found(Product, ("source", "sku"), [(run.source, values["sku"]) for values in wanted])
    saved = iter(save(Product, wanted, [known.get((run.source, values["sku"])) for values in wanted]))
    return [result or next(saved).outcome for result in results]


def write_orders(rows: Sequence[Values], run: Run) -> list[Result]:
    results: list[Result | None] = []
    taken: list[Values] = []
    wanted: list[Values] = []
    for row, customer in zip(rows, references.customers(rows, run), strict=True):
        try:
            wanted.append(order_columns(row, customer, run))
        except BadRow as problem:
            results.append(problem)
        else:
            results.append(None)
            taken.append(row)
    known = found(Order, ("source", "external_id"), [(run.source, values["external_id"]) for values in wanted])
    saved = save(Order, wanted, [known.get((run.source, values["external_id"])) for values in wanted])
    outcomes = iter(write_deliveries(taken, wanted, saved, run))
    return [result or next(outcomes) for result in results]


def order_columns(row: Values, customer: int | BadRow, run: Run) -> Values:
    if isinstance(customer, BadRow):
        raise customer
    code = row.get("currency") or run.reading.currency
    values = {
        "source": run.source,
        "external_id": row["external_id"],
        "customer_id": customer,
        "number": (row.get("number") or row["external_id"]).lstrip("#").upper(),
        "status": row["status"],
        "total_minor": minor(row["total"], code),
        "total_currency": code,
    }
    return values | ({"placed_at": row["placed_at"]} if "placed_at" in row else {})


def write_deliveries(
    rows: Sequence[Values], wanted: Sequence[Values], saved: Sequence[Saved], run: Run
) -> list[Outcome]:
    """Deliveries named in the orders' own rows, and what happened to orders and deliveries, with its own time."""
    places = [place for place, row in enumerate(rows) if any(row.get(name) is not None for name in DELIVERY)]
    parcels = [
        {name: rows[place][name] for name in DELIVERY if name in rows[place]}
        | {"order_id": saved[place].id, "external_id": rows[place].get("delivery") or "1"}
        for place in places
    ]
    key = ("order_id", "external_id")
    keys = [(parcel["order_id"], parcel["external_id"]) for parcel in parcels]
    known = found(Delivery, key, keys)
    delivered = dict(zip(places, save(Delivery, parcels, [known.get(key) for key in keys]), strict=True))
    events: list[Happened] = []
    outcomes: list[Outcome] = []
    for place, (row, values, order) in enumerate(zip(rows, wanted, saved, strict=True)):
        parcel = delivered.get(place)
        changed = parcel is not None and parcel.outcome is not Outcome.UNCHANGED
        outcome = Outcome.UPDATED if order.outcome is Outcome.UNCHANGED and changed else order.outcome
        if outcome is not Outcome.UNCHANGED:
            events += order_history(row, values, order, parcel, run)
        outcomes.append(outcome)
    fresh = {order.id for order in saved if order.outcome is Outcome.INSERTED}
    write_history(Order, events, fresh, run.reading.now)
    return outcomes


def order_history(row: Values, values: Values, order: Saved, parcel: Saved | None, run: Run) -> list[Happened]:
    """What a row says has happened. An order without a date has no place on a timeline, so it gets no event."""
    events = []

    def add(kind: str, at: Any, **data: Any) -> None:
        if at is not None:
            events.append(Happened(f"order.{kind}", Topic.ORDER, at, values["customer_id"], order.id, data=data))

    # An export writes a refund as an invoice below zero.
    add("placed" if values["total_minor"] >= 0 else "refunded", values.get("placed_at"))
    if parcel is not None:
        late = late_days(row, run)
        add("shipped", row.get("shipped_at"), delivery=parcel.id)
        add("delivered", row.get("delivered_at"), delivery=parcel.id, **({"late_days": late} if late else {}))
        add("returned", row.get("returned_at"), delivery=parcel.id)
    return events


def late_days(row: Values, run: Run) -> int:
    promised, delivered = row.get("promised_on"), row.get("delivered_at")
    if promised is None or delivered is None:
        return 0
    return int(max((delivered.astimezone(run.reading.zone).date() - promised).days, 0))


def write_lines(rows: Sequence[Values], run: Run) -> list[Result]:
    orders = references.orders(rows, run)
    products = references.products(rows, run)
    results: list[Result | None] = []
    wanted: list[Values] = []
    for row in rows:
        try:
            wanted.append(line_columns(row, orders, products, run))
            results.append(None)
        except BadRow as problem:
            results.append(problem)
    key = ("order_id", "external_id")
    keys = [(values["order_id"], values["external_id"]) for values in wanted]
    known = found(OrderLine, key, keys)
    saved = iter(save(OrderLine, wanted, [known.get(key) for key in keys]))
    return [result or next(saved).outcome for result in results]


def line_columns(row: Values, orders: dict[str, Any], products: dict[str, int], run: Run) -> Values:
    order = orders.get(row["order"])
    if order is None:
        raise BadRow(f"There is no order {row['order']!r} of the source {run.orders!r}.")
    code = row.get("currency") or order.total_currency
    sku = row.get("sku")
    if sku is not None and sku not in products:
        run.warn("a product is not known; the line was kept with its name alone")
    name = row.get("name") or sku
    if name is None:
        raise BadRow("name is missing")
    return {
        "order_id": order.id,
        "external_id": row["line"],
        "product_id": products.get(sku) if sku is not None else None,
        "name": name,
        "quantity": 1 if row.get("quantity") is None else row["quantity"],
        "price_minor": minor(row["price"], code),
        "price_currency": code,
    }


def total_of(model: Any) -> Any:
    def total(source: str) -> Select[int]:
        return select(func.count()).select_from(model).where(model.source == source)

    return total


def total_lines(source: str) -> Select[int]:
    return (
        select(func.count())
        .select_from(OrderLine)
        .join(Order, Order.id == OrderLine.order_id)
        .where(Order.source == source)
    )


PRODUCTS = Kind(
    "products",
    (
        Column("sku", fields.text(120), "the article number, of one variant", required=True),
        Column("name", fields.text(300), "", required=True),
        Column("category", fields.text(120), ""),
        Column("price", fields.decimal, "such as 12.50"),
        Column("currency", fields.currency, "such as GBP; DEFAULT_CURRENCY when there is none"),
        Column("options", fields.json_data, 'a JSON object, such as {"size": "M"}'),
        Column("available", fields.flag, "yes or no"),
    ),
    key=("sku",),
    write=write_products,
    total=total_of(Product),
)
CUSTOMER = (
    Column("customer", fields.text(120), "the customer's external id"),
    Column("customer_email", fields.addresses, "instead of it, where just one customer has the address"),
)
ORDERS = Kind(
    "orders",
    (
        Column("external_id", fields.text(120), "the order's key in the other system", required=True),
        *CUSTOMER,
        Column("number", fields.text(120), "as people say it; the external id when there is none"),
        Column("status", fields.choice(OrderStatus), ", ".join(OrderStatus), required=True),
        Column("total", fields.decimal, "such as 12.50; below zero for a refund", required=True),
        Column("currency", fields.currency, "such as GBP; DEFAULT_CURRENCY when there is none"),
        Column("placed_at", fields.moment, "a time, or a day; an order without one is kept, off the timeline"),
        Column("delivery", fields.text(120), "the parcel's key where an order has several rows; 1 when there is none"),
        Column("carrier", fields.text(80), ""),
        Column("promised_on", fields.day, "a day"),
        Column("shipped_at", fields.moment, "a time, or a day"),
        Column("delivered_at", fields.moment, "a time, or a day"),
        Column("returned_at", fields.moment, "a time, or a day"),
        Column("return_reason", fields.text(300), ""),
    ),
    key=("external_id",),
    write=write_orders,
    total=total_of(Order),
    one_of=("customer", "customer_email"),
)
ORDER_LINES = Kind(
    "order-lines",
    (
        Column("order", fields.text(120), "the order's external id, or its number", required=True),
        Column("line", fields.text(120), "the line's number or key within its order", required=True),
        Column("sku", fields.text(120), "the product; one that is not known leaves the line with its name alone"),
        Column("name", fields.text(300), "what it was called then; the sku when there is none"),
        Column("quantity", fields.whole(-10_000_000, 10_000_000), "1 when there is none; below zero for a return"),
        Column("price", fields.decimal, "of one piece", required=True),
        Column("currency", fields.currency, "the order's when there is none"),
    ),
    key=("order", "line"),
    write=write_lines,
    total=total_lines,
)
