"""Fill a database: python -m bench.generate --customers N --events M [--database URL] [--seed S]

Realistic and skewed, the same on every run of one day and seed: names as common as real ones, histories from one
event to one in a hundred of all (the fattest customer), orders, talks, notes and the rest with every event telling
of a row that is there. The database is migrated first; one that holds customers is refused, but for --append.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import click
import flask_migrate
import numpy as np
from flask import Flask
from sqlalchemy import insert, select, text

from bench import staff
from bench.histories import COLUMNS, SOURCE, Book, History, Item
from bench.people import TOWNS, People
from bench.writing import finish, next_id, write_rows
from console.app import create_app
from console.config import Settings
from console.customers.models import Account, Customer, Email, ExternalId, Phone
from console.customers.names import fold, tokens_of
from console.customers.tokens import Known, index_new, table_of
from console.db import db, utc_now
from console.events import Event

AT_ONCE = 500  # customers between two commits
EVERYBODY = (
    "id", "first_name", "last_name", "account_id", "tier", "language", "time_zone", "city", "country", "customer_since",
    "birth_month", "birth_day", "consents", "created_at", "updated_at", "is_demo",
)  # fmt: skip
SHAPE = 1.1  # of the Pareto distribution of histories: the busiest fifth has four fifths of the events
BUSIEST = 2_000  # times the least busy, but for one: the fattest customer
FATTEST_SHARE = 0.01


def main() -> None:
    options = arguments()
    with application(options.database) as app, app.app_context():
        with contextlib.redirect_stdout(sys.stderr):
            flask_migrate.upgrade()
        if not options.append and db.session.scalars(select(Customer.id).limit(1)).first():
            sys.exit("That database holds customers already. Give an empty one, or say --append.")
        started = time.perf_counter()
        made = fill(options.customers, options.events, options.seed, options.password, today(), progress=True)
        seconds = time.perf_counter() - started
        line = {"engine": db.engine.dialect.name, "customers": made.customers, "events": made.events}
        print(json.dumps(line | {"rows": made.rows, "seconds": round(seconds, 1)}))
        print(f"Sign-ins: {staff.AGENT} and {staff.SUPERVISOR}, password {options.password}", file=sys.stderr)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.generate", description=__doc__)
    parser.add_argument("--customers", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--database", metavar="URL", help="otherwise DATABASE_URL, as the console reads it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--password", default=staff.PASSWORD, help="of the two sign-ins")
    parser.add_argument("--append", action="store_true", help="add to the customers that are there")
    return parser.parse_args()


@contextlib.contextmanager
def application(url: str | None) -> Iterator[Flask]:
    """The console over `url`; over its own database when none is given. Its secret key is the console's own, because
    passwords are kept with it."""
    app = create_app(Settings.from_environment(os.environ | ({"DATABASE_URL": url} if url else {})))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def today() -> datetime:
    return utc_now().replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass
class Made:
    customers: int = 0
    events: int = 0
    rows: int = 0


def fill(customers: int, events: int, seed: int, password: str, now: datetime, *, progress: bool = False) -> Made:
    """Add customers with their histories; commits as it goes. `now` is where every history ends."""
    if db.engine.dialect.name == "sqlite":
        db.session.execute(text("PRAGMA synchronous = OFF"))
        db.session.execute(text("PRAGMA cache_size = -524288"))
    first = next_id(Customer)
    random = Random(f"{seed} {first}")
    crowd = Crowd(random, now)
    colleagues = staff.hire(random, password, now)
    staff.furnish(colleagues[0], now)
    items = [Item(one.id, one.name, one.price_minor or 0) for one in staff.stock()]
    book = Book(random, now, colleagues, items, {model: next_id(model) for model in COLUMNS})
    made = Made()
    known: Known = {}
    db.session.commit()
    with click.progressbar(length=customers, label="Customers", file=sys.stderr, hidden=not progress) as bar:
        for sizes in shares(customers, events, seed):
            people = crowd.arrive(first + made.customers, sizes)
            made.rows += settle(people, known)
            for person, size in zip(people, sizes, strict=True):
                if size:
                    History(book, person.id, person.since.date(), size).write()
            made.customers += len(sizes)
            made.events += len(book.rows[Event])
            for model, names in COLUMNS.items():
                made.rows += len(book.rows[model])
                write_rows(model, names, book.rows[model])
            book.rows.clear()
            db.session.commit()
            bar.update(len(sizes))
    finish([Customer, *COLUMNS])
    return made


def shares(customers: int, events: int, seed: int) -> Iterator[list[int]]:
    """How many events each customer has, some customers at a time; `events` in all, as Pareto has it."""
    fattest = int(events * FATTEST_SHARE)
    fat_one = customers // 2

    def weights(start: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        count = min(AT_ONCE, customers - start)
        return np.minimum(1 + np.random.default_rng([seed, start]).pareto(SHAPE, count), BUSIEST)

    total = sum(float(weights(start).sum()) for start in range(0, customers, AT_ONCE))
    before = 0.0
    given = 0
    for start in range(0, customers, AT_ONCE):
        sums = before + weights(start).cumsum()
        bounds = np.round(sums / total * (events - fattest)).astype(np.int64).tolist()
        before = float(sums[-1])
        if start + len(bounds) == customers:
            bounds[-1] = events - fattest
        sizes = [bound - other for bound, other in zip(bounds, [given, *bounds], strict=False)]
        given = bounds[-1]
        if start <= fat_one < start + len(sizes):
            sizes[fat_one - start] += fattest
        yield sizes


@dataclass(frozen=True)
class Person:
    id: int
    first: str
    last: str
    since: datetime
    account: int | None
    addresses: tuple[str, ...]
    numbers: tuple[str, ...]


class Crowd:
    """People who come in one after the other."""

    def __init__(self, random: Random, now: datetime) -> None:
        self.random, self.now = random, now
        self.people = People()
        self.accounts = [self.account(place) for place in range(300)]

    def account(self, place: int) -> int:
        name = f"{self.people.last.ones[place]} & Co {place}"
        known = db.session.scalars(select(Account.id).where(Account.name == name)).first()
        if known is None:
            known = db.session.scalars(insert(Account).values(name=name, is_demo=False).returning(Account.id)).one()
        return known

    def arrive(self, first_id: int, sizes: list[int]) -> list[Person]:
        return [self.person(number, size) for number, size in enumerate(sizes, first_id)]

    def person(self, number: int, size: int) -> Person:
        random = self.random
        first, last = self.people.name(random)
        addresses = [self.people.address(random, first, last, number)] if random.random() < 0.92 else []
        if random.random() < 0.03:
            addresses.append(f"post@{fold(last).replace(' ', '')}{number}.example")
        # Whoever did much with us has been here long.
        days = random.randint(20, 1200) if size < 200 else random.randint(900, 2500)
        return Person(
            number,
            first,
            last,
            self.now - timedelta(days=days),
            random.choice(self.accounts) if random.random() < 0.06 else None,
            tuple(addresses),
            tuple({self.people.phone(random): 0 for _ in range(random.choices((0, 1, 2), (12, 75, 13))[0])}),
        )


def settle(people: list[Person], known: Known) -> int:
    """Write customers with their keys and the words they are found by; return the number of rows."""
    write_rows(Customer, EVERYBODY, [customer_row(person) for person in people])
    # Through SQLAlchemy: two columns of these are worked out by the models.
    emails = [{"customer_id": one.id, "address": address} for one in people for address in one.addresses]
    phones = [{"customer_id": one.id, "number": number} for one in people for number in one.numbers]
    ids = [{"customer_id": one.id, "source": SOURCE, "external_id": f"C{one.id:07}"} for one in people]
    for model, rows in ((Email, emails), (Phone, phones), (ExternalId, ids)):
        if rows:
            db.session.execute(insert(table_of(model)), rows)
    words = {one.id: tokens_of(one.first, one.last, one.addresses) for one in people}
    index_new(words, known)
    return len(people) + len(emails) + len(phones) + len(ids) + sum(map(len, words.values()))


def customer_row(person: Person) -> tuple[object, ...]:
    mix = Random(person.id)
    abroad = mix.random() < 0.06
    birthday = (mix.randint(1, 12), mix.randint(1, 28)) if mix.random() < 0.3 else (None, None)
    return (
        person.id, person.first, person.last, person.account,
        mix.choices(("standard", "silver", "gold"), (85, 11, 4))[0],
        "pl" if abroad else "en", "Europe/Warsaw" if abroad else "Europe/London", mix.choice(TOWNS),
        "PL" if abroad else "GB", person.since.date(), *birthday,
        '{"marketing": true}' if mix.random() < 0.5 else "{}", person.since, person.since, False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
