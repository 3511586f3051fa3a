"""What a row names by another system's key, looked up for a whole batch at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, or_, select

from console.auth.models import User
from console.customers.models import Account, Email, ExternalId, Order, Product
from console.customers.tokens import insert_ignoring
from console.db import db
from console.importing.problems import BadRow
from console.importing.saving import Run, Values
from console.interactions.models import Interaction

Places = dict[int, int]  # a row's place in the batch to the id of what it names


def named(rows: Sequence[Values], column: str) -> list[Any]:
    return list({value for row in rows if (value := row.get(column)) is not None})


def customers(rows: Sequence[Values], run: Run) -> list[int | BadRow]:
    """The customer of each row, by external id or else by e-mail."""
    ids = named(rows, "customer")
    statement = select(ExternalId.external_id, ExternalId.customer_id).where(
        ExternalId.source == run.customers, ExternalId.external_id.in_(ids)
    )
    by_id = pairs(statement) if ids else {}
    by_address: dict[str, set[int]] = defaultdict(set)
    if addresses := [address for several in (row.get("customer_email") or () for row in rows) for address in several]:
        for address, customer_id in db.session.execute(
            select(Email.address, Email.customer_id).where(Email.address.in_(addresses))
        ):
            by_address[address].add(customer_id)
    return [customer_of(row, by_id, by_address, run) for row in rows]


def customer_of(row: Values, by_id: dict[str, int], by_address: dict[str, set[int]], run: Run) -> int | BadRow:
    if (key := row.get("customer")) is not None:
        if (known := by_id.get(key)) is not None:
            return known
        return BadRow(f"There is no customer {key!r} of the source {run.customers!r}.")
    people = {person for address in row.get("customer_email") or () for person in by_address.get(address, ())}
    if len(people) == 1:
        return people.pop()
    if not row.get("customer_email"):
        return BadRow("It names no customer.")
    return BadRow(f"{'Several customers have' if people else 'No customer has'} the e-mail address it names.")


def orders(rows: Sequence[Values], run: Run) -> dict[str, Any]:
    """Orders by the external id, or the number, that rows name them by."""
    keys = named(rows, "order")
    if not keys:
        return {}
    numbers = {key: key.lstrip("#").upper() for key in keys}
    columns = select(Order.id, Order.customer_id, Order.external_id, Order.number, Order.total_currency)
    by_key: dict[str, Any] = {}
    same = Order.source == run.orders
    for row in db.session.execute(
        columns.where(same, or_(Order.external_id.in_(keys), Order.number.in_(set(numbers.values()))))
    ):
        by_key.setdefault(f"#{row.number}", row)
        by_key[row.external_id] = row
    return {key: known for key in keys if (known := by_key.get(key) or by_key.get(f"#{numbers[key]}")) is not None}


def products(rows: Sequence[Values], run: Run) -> dict[str, int]:
    skus = named(rows, "sku")
    statement = select(Product.sku, Product.id).where(Product.source == run.source, Product.sku.in_(skus))
    return pairs(statement) if skus else {}


def interactions(rows: Sequence[Values], run: Run) -> dict[str, int]:
    keys = named(rows, "interaction")
    statement = select(Interaction.external_id, Interaction.id).where(
        Interaction.source == run.source, Interaction.external_id.in_(keys)
    )
    return pairs(statement) if keys else {}


def people(rows: Sequence[Values], column: str) -> dict[str, int]:
    """Users by e-mail address, in lower case."""
    addresses = [address.lower() for address in named(rows, column)]
    statement = select(func.lower(User.email), User.id).where(func.lower(User.email).in_(addresses))
    return pairs(statement) if addresses else {}


def user_of(row: Values, column: str, users: dict[str, int], run: Run) -> int | None:
    """The colleague a row names; one who has no sign-in here is left out, and that is reported."""
    if (address := row.get(column)) is None:
        return None
    if (user := users.get(address.lower())) is None:
        run.warn("a colleague named by e-mail has no sign-in here; the row was kept without")
    return user


def accounts(names: Sequence[str]) -> dict[str, int]:
    """Companies by name; those that are new are written down."""
    if not names:
        return {}
    statement = select(Account.name, Account.id).where(Account.name.in_(names))
    known = pairs(statement)
    if missing := sorted(set(names) - known.keys()):
        insert_ignoring(Account, [{"name": name} for name in missing])
        known = pairs(statement)
    return known


def pairs(statement: Select[Any, Any]) -> dict[Any, Any]:
    return {key: value for key, value in db.session.execute(statement)}  # noqa: C416  rows are not tuples to dict()
