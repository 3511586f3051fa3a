"""Whether the next product is guessed better than by what sells most:

python -m bench.next_products FOLDER [--days N] [--before N] [--json]

FOLDER holds the orders of UCI Online Retail II as order_lines.csv (CustomerID, Invoice, InvoiceDate, StockCode,
Description, Quantity, Price, is_cancellation, is_admin). They go into an empty database of their own, thrown away
afterwards, and what is run is what `flask products evaluate` runs. --before leaves the last N days out altogether: for
choosing figures on other weeks than those reported.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flask_migrate
from sqlalchemy import insert

from bench.generate import application
from console.customers.models import Customer, Order, OrderLine, OrderStatus, Product, Tier
from console.db import db
from console.gestures.next_evaluating import Verdict, evaluate

NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.next_products", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=int, default=30, help="that are guessed")
    parser.add_argument("--before", type=int, default=0, metavar="N", help="leave the last N days out")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, application(f"sqlite:///{folder}/bench.db") as app, app.app_context():
        with contextlib.redirect_stdout(sys.stderr):
            flask_migrate.upgrade()
        last = fill(options.folder / "order_lines.csv")
        started = time.perf_counter()
        found = evaluate(options.days, last - timedelta(days=options.before) + timedelta(seconds=1))
        seconds = time.perf_counter() - started
    show(found, seconds, as_json=options.json)


def show(found: Verdict, seconds: float, *, as_json: bool) -> None:
    each = round(1000 * seconds / found.customers, 1)
    if as_json:
        scores = {"ours": found.ours._asdict(), "popular": found.popular._asdict()}
        print(json.dumps(asdict(found) | scores | {"wins": found.wins, "ms_per_customer": each}))
        return
    print(f"{found.customers} customers, {each} ms each; nDCG@10 better by {found.low:+.4f} to {found.high:+.4f}")
    for name, one in (("baskets", found.ours), (f"popular, {found.popular_days} days", found.popular)):
        print(f"{name}: hit@10 {one.hit:.3f}, recall@10 {one.recall:.4f}, nDCG@10 {one.ndcg:.4f}")


def fill(path: Path) -> datetime:
    """Write customers, products, orders and lines; returns when the last order was placed."""
    customers: dict[str, int] = {}
    products: dict[str, int] = {}
    orders: dict[str, dict[str, Any]] = {}
    lines, names = [], {}
    for number, row in enumerate(sold(path), 1):
        customer = customers.setdefault(row["CustomerID"], len(customers) + 1)
        product = products.setdefault(row["StockCode"], len(products) + 1)
        names[product] = row["Description"]
        order = orders.setdefault(row["Invoice"], an_order(len(orders) + 1, customer, row))
        lines.append(a_line(number, order["id"], product, row))
    db.session.execute(insert(Customer), [a_customer(row_id) for row_id in customers.values()])
    db.session.execute(
        insert(Product), [{"id": row_id, "sku": sku, "name": names[row_id]} for sku, row_id in products.items()]
    )
    db.session.execute(insert(Order), list(orders.values()))
    db.session.execute(insert(OrderLine), lines)
    db.session.commit()
    last: datetime = max(order["placed_at"] for order in orders.values())
    return last


def sold(path: Path) -> Iterator[dict[str, str]]:
    """Lines of goods that were really sold, the oldest first."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["InvoiceDate"])
    unwanted = "is_cancellation", "is_admin"
    return (row for row in rows if int(row["Quantity"]) > 0 and all(row[name] == "False" for name in unwanted))


def a_customer(row_id: int) -> dict[str, Any]:
    return {"id": row_id, "tier": Tier.STANDARD, "consents": {}, "created_at": NO_TIME, "updated_at": NO_TIME}


def an_order(row_id: int, customer_id: int, row: dict[str, str]) -> dict[str, Any]:
    return {
        "id": row_id,
        "customer_id": customer_id,
        "external_id": row["Invoice"],
        "number": row["Invoice"],
        "status": OrderStatus.DELIVERED,
        "placed_at": datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=UTC),
        "total_minor": 0,
        "total_currency": "GBP",
    }


def a_line(row_id: int, order_id: int, product_id: int, row: dict[str, str]) -> dict[str, Any]:
    return {
        "id": row_id,
        "order_id": order_id,
        "external_id": str(row_id),
        "product_id": product_id,
        "name": row["Description"],
        "quantity": int(row["Quantity"]),
        "price_minor": round(float(row["Price"]) * 100),
        "price_currency": "GBP",
    }


if __name__ == "__main__":
    main()
