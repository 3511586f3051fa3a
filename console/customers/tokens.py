"""Keeps the words by which customers are found: call it whenever a name or an e-mail address changes.

Three tables: each distinct word once, the word with each letter left out (for typing errors), and who
carries it. Every lookup is then by equality or by a range of an index, on both engines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any, cast

from sqlalchemy import Table, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from console.customers.models import Customer, CustomerToken, Email, NameToken, NameTokenTypo
from console.customers.names import shortened, tokens_of
from console.db import Base, db

AT_ONCE = 2_000  # well inside the number of parameters that either engine takes
REMEMBERED = 100_000

Known = dict[str, int]  # the ids of words already in the dictionary; a long import hands the same one in again


def index_customer(customer: Customer) -> None:
    """Bring one customer's words up to date. The customer and the e-mails must be flushed."""
    index_customers([customer.id])


def index_customers(ids: Sequence[int], known: Known | None = None) -> None:
    """Bring the words of many customers up to date. All must be flushed; a few statements per 2,000."""
    db.session.flush()
    known = {} if known is None else known
    for start in range(0, len(ids), AT_ONCE):
        index_some(ids[start : start + AT_ONCE], known)


def index_new(wanted: Mapping[int, Collection[str]], known: Known) -> None:
    """Write down the words of customers that have none yet, by customer id."""
    numbers = numbered({word for words in wanted.values() for word in words}, known)
    rows = [
        {"token_id": number, "customer_id": customer_id}
        for customer_id, words in wanted.items()
        for number in sorted(numbers[word] for word in words)
    ]
    insert_rows(CustomerToken, rows)


def prune() -> int:
    """Forget the words that nobody carries any more; return how many. For erasing people."""
    carried = exists().where(CustomerToken.token_id == NameToken.id)
    unused = select(NameToken.id).where(~carried)
    db.session.execute(delete(NameTokenTypo).where(NameTokenTypo.token_id.in_(unused)))
    return int(db.session.execute(delete(NameToken).where(~carried)).rowcount)  # type: ignore[attr-defined]


def index_some(ids: Sequence[int], known: Known) -> None:
    wanted = {customer_id: set(words) for customer_id, words in wanted_by(ids).items()}
    carried: dict[int, dict[str, int]] = defaultdict(dict)
    for customer_id, token, number in db.session.execute(
        select(CustomerToken.customer_id, NameToken.token, CustomerToken.id)
        .join(NameToken, NameToken.id == CustomerToken.token_id)
        .where(CustomerToken.customer_id.in_(ids))
    ):
        carried[customer_id][token] = number
    stale = [
        number
        for customer_id, tokens in carried.items()
        for token, number in tokens.items()
        if token not in wanted.get(customer_id, ())
    ]
    for start in range(0, len(stale), AT_ONCE):
        some = stale[start : start + AT_ONCE]
        db.session.execute(delete(table_of(CustomerToken)).where(CustomerToken.id.in_(some)))
    index_new({customer_id: words - carried[customer_id].keys() for customer_id, words in wanted.items()}, known)


def wanted_by(ids: Sequence[int]) -> dict[int, set[str]]:
    addresses: dict[int, list[str]] = defaultdict(list)
    for customer_id, address in db.session.execute(
        select(Email.customer_id, Email.address).where(Email.customer_id.in_(ids))
    ):
        addresses[customer_id].append(address)
    names = select(Customer.id, Customer.first_name, Customer.last_name).where(Customer.id.in_(ids))
    return {
        customer_id: tokens_of(first, last, addresses[customer_id])
        for customer_id, first, last in db.session.execute(names)
    }


def numbered(words: Collection[str], known: Known) -> Known:
    """The dictionary ids of `words`; those that are new are entered, with their shortened forms."""
    if len(known) > REMEMBERED:
        known.clear()
    missing = sorted(word for word in words if word not in known)
    for start in range(0, len(missing), AT_ONCE):
        some = missing[start : start + AT_ONCE]
        found = ids_of(some)
        if fresh := [word for word in some if word not in found]:
            enter(fresh)
            found |= ids_of(fresh)
        known.update(found)
    return known


def enter(words: Sequence[str]) -> None:
    # Sorted, and ignoring those that another process entered meanwhile: two imports cannot deadlock.
    insert_ignoring(NameToken, [{"token": word} for word in words])
    numbers = ids_of(words)
    typos = ({"typo": typo, "token_id": numbers[word]} for word in words for typo in sorted(shortened(word)))
    while some := list(islice(typos, AT_ONCE * 4)):
        insert_ignoring(NameTokenTypo, some)


def ids_of(words: Sequence[str]) -> Known:
    rows = db.session.execute(select(NameToken.token, NameToken.id).where(NameToken.token.in_(words)))
    return {row.token: row.id for row in rows}


def insert_ignoring(model: type[Base], rows: list[dict[str, Any]]) -> None:
    """Insert rows, leaving out those that a unique constraint says are there already."""
    insert_rows(model, rows, ignoring=True)


def insert_rows(model: type[Base], rows: list[dict[str, Any]], ignoring: bool = False) -> None:
    """Insert rows with the same columns, past the ORM.

    One prepared statement for all, on PostgreSQL in a pipeline: parsing one statement of a thousand rows takes longer.
    """
    if rows:
        make = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
        statement = make(table_of(model))
        db.session.execute(statement.on_conflict_do_nothing() if ignoring else statement, rows)


def table_of(model: type[Base]) -> Table:
    """The bare table: Core statements on it skip the ORM's bookkeeping, which costs more than the insert."""
    return cast(Table, model.__table__)
