"""Which pages are asked for: addresses of rows that are there, drawn as agents would come upon them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

from sqlalchemy import Connection, Engine, func, select

from bench.words import TALKS
from console.customers.models import Customer, Email, Order, Phone
from console.events import Event
from knowledge.models import Article

DRAWN = 300
MISSING = "Fill the database first: python -m bench.generate --customers 200000 --events 2000000 --database URL"


@dataclass(frozen=True)
class Page:
    """One line of the report: a name and the addresses asked for in turn."""

    name: str
    paths: Sequence[str]
    partial: bool = False  # as htmx asks
    who: str = "agent"


@dataclass(frozen=True)
class Sample:
    engine: str
    customers: int
    events: int
    articles: int
    busy: list[int]  # customers as events have them: who called more is drawn more
    fattest: int
    names: list[tuple[str, str]]
    addresses: list[str]
    numbers: list[str]
    orders: list[str]
    random: Random


def sample(engine: Engine, random: Random) -> Sample:
    with engine.connect() as connection:
        customers, last = connection.execute(select(func.count(Customer.id), func.max(Customer.id))).one()
        events, last_event = connection.execute(select(func.count(Event.id), func.max(Event.id))).one()
        if not customers or not events:
            raise SystemExit(MISSING)
        history = func.count().label("history")
        counted = select(Event.customer_id, history).where(Event.customer_id.is_not(None)).group_by(Event.customer_id)
        chosen = select(Event.customer_id).where(
            Event.id.in_(numbers(random, last_event)), Event.customer_id.is_not(None)
        )
        anybody = numbers(random, last)
        people = select(Customer.first_name, Customer.last_name).where(Customer.id.in_(anybody)).order_by(Customer.id)
        drawn = Sample(
            engine.dialect.name,
            customers,
            events,
            connection.scalar(select(func.count(Article.id))) or 0,
            [number for number in connection.scalars(chosen.order_by(Event.id)) if number],
            connection.execute(counted.order_by(history.desc()).limit(1)).one()[0] or 0,
            [(first, last) for first, last in connection.execute(people)],
            texts(connection, select(Email.address).where(Email.customer_id.in_(anybody)).order_by(Email.id)),
            texts(connection, select(Phone.number).where(Phone.customer_id.in_(anybody)).order_by(Phone.id)),
            texts(
                connection, select(Order.number).where(Order.customer_id.in_(anybody)).order_by(Order.id).limit(DRAWN)
            ),
            random,
        )
    for several in (drawn.busy, drawn.names, drawn.addresses, drawn.numbers, drawn.orders):
        random.shuffle(several)
    return drawn


def numbers(random: Random, last: int) -> list[int]:
    return [random.randint(1, last) for _ in range(DRAWN)]


def texts(connection: Connection, query: object) -> list[str]:
    return list(connection.scalars(query))  # type: ignore[call-overload]


def pages(drawn: Sample, second: list[str]) -> list[Page]:
    random = drawn.random
    whole = [f"{first} {last}" for first, last in drawn.names]
    spoken = [one.split("@")[0] for one in drawn.addresses]
    questions = [f"/knowledge?q={quote(subject)}" for _, subject, _, _ in TALKS] if drawn.articles else []
    return [
        Page("customer", [f"/customers/{number}" for number in drawn.busy]),
        Page("customer, the fattest", [f"/customers/{drawn.fattest}"]),
        Page("timeline, second page", second, partial=True),
        typeahead("name", whole),
        typeahead("last name", [last for _, last in drawn.names]),
        typeahead("name, being typed", [name[: random.randint(2, max(len(name) - 1, 2))] for name in whole]),
        typeahead("name with a typing error", [mistyped(name, random) for name in whole]),
        typeahead("end of a phone number", [number[-random.randint(4, 8) :] for number in drawn.numbers]),
        typeahead("part of an e-mail", [one[: random.randint(3, max(len(one), 4))] for one in spoken]),
        typeahead("order number", drawn.orders),
        typeahead("nobody", [f"{name}qzx" for name in whole]),
        Page("gestures panel", [f"/customers/{number}/gestures" for number in drawn.busy], partial=True),
        Page("knowledge search", questions, partial=True),
        Page("notes", ["/notes", "/notes?whose=all"]),
        Page("home, agent", ["/"]),
        Page("home, supervisor", ["/"], who="supervisor"),
    ]


def typeahead(name: str, typed: Sequence[str]) -> Page:
    return Page(f"type-ahead: {name}", [f"/customers/typeahead?q={quote(one)}" for one in typed], partial=True)


def mistyped(name: str, random: Random) -> str:
    """One letter left out, doubled, changed, or two of them swapped; never the first."""
    at = random.randrange(1, len(name) - 1)
    return random.choice(
        (
            name[:at] + name[at + 1 :],
            name[:at] + name[at] + name[at:],
            name[:at] + random.choice("aeioulnrst") + name[at + 1 :],
            name[:at] + name[at + 1] + name[at] + name[at + 2 :],
        )
    )
