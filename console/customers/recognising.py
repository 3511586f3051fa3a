"""Who is on the line, by what a telephone, a chat or another system knows of them: for the screen pop and the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import Select, false, func, select, update
from sqlalchemy.orm import joinedload, selectinload

from console.contacts import parse_email, parse_phone
from console.customers.editing import Details, create_customer
from console.customers.models import Customer, Email, ExternalId, Order, Phone
from console.db import db
from console.errors import DomainError

MOST = 20  # customers that one clue may point at
STARTING = 0x5EED  # PostgreSQL's advisory locks: the seed of theirs, so that they meet no others


class BadClue(DomainError):
    """A phone number or an address that cannot be read; `field` says which."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True)
class Clues:
    """What is known of somebody. Numbers and addresses as people write them; empty: not known."""

    phone: str = ""
    email: str = ""
    order: str = ""  # its number
    external_id: str = ""  # in the system called `source`, or in any
    source: str = ""
    name: str = ""  # recognises nobody: it is what a new customer is called

    def parsed(self) -> Clues:
        """The same as it is kept: E.164, lower case, no "#". Raises BadClue."""
        return Clues(
            phone=read("phone", self.phone),
            email=read("email", self.email),
            order=self.order.strip().lstrip("# ").upper(),
            external_id=self.external_id.strip(),
            source=self.source.strip(),
            name=" ".join(self.name.split()),
        )


@dataclass(frozen=True)
class Recognised:
    """The customers that the clues point at: one, several to choose from, or none.

    `is_guess`: some clue that was given points elsewhere or nowhere, so somebody should confirm who it is.
    """

    customers: list[Customer]
    is_guess: bool

    @property
    def only(self) -> Customer | None:
        return self.customers[0] if len(self.customers) == 1 else None


def recognise(clues: Clues) -> Recognised:
    """Whoever all clues agree on; failing that, whoever any of them points at. Raises BadClue.

    One statement for each clue that is given, and three for the customers with their contacts.
    """
    pointed = [set(db.session.scalars(query.limit(MOST))) for query in queries(clues.parsed())]
    found = [ids for ids in pointed if ids]
    if not found:
        return Recognised([], is_guess=False)
    agreed = set.intersection(*found)
    ids = agreed or set.union(*found)
    return Recognised(loaded(ids), is_guess=not agreed or len(found) < len(pointed))


def queries(clues: Clues) -> list[Select[Any]]:
    found: list[Select[Any]] = []
    if clues.external_id:
        known = select(ExternalId.customer_id).where(ExternalId.external_id == clues.external_id)
        found.append(known.where(ExternalId.source == clues.source) if clues.source else known)
    if clues.email:
        found.append(select(Email.customer_id).where(Email.address == clues.email))
    if clues.phone:
        found.append(select(Phone.customer_id).where(Phone.number == clues.phone))
    if clues.order:
        found.append(select(Order.customer_id).where(Order.number == clues.order))
    return [query.distinct() for query in found]


def loaded(ids: set[int]) -> list[Customer]:
    options = (
        joinedload(Customer.account),
        selectinload(Customer.emails),
        selectinload(Customer.phones),
        selectinload(Customer.external_ids),
    )
    query = select(Customer).where(Customer.id.in_(sorted(ids)[:MOST])).options(*options).order_by(Customer.id)
    return list(db.session.scalars(query))


def customer_called(source: str, external_id: str) -> Customer | None:
    """The customer whom another system calls so, with account, contacts and external ids."""
    wanted = select(ExternalId.customer_id).where(ExternalId.source == source, ExternalId.external_id == external_id)
    customer_id = db.session.scalar(wanted)
    return loaded({customer_id})[0] if customer_id else None


def wait_for_others(clues: Clues) -> None:
    """Until the commit nobody else, who asks too, starts a customer of the same number, address or key: look once more.

    There is no row yet that could be locked: SQLite lets one writer in at a time, PostgreSQL locks the words.
    """
    known = clues.parsed()
    if db.session.connection().dialect.name == "sqlite":
        db.session.execute(update(Customer).where(false()).values(updated_at=Customer.updated_at))
        return
    words = (known.phone, known.email, known.external_id and f"{known.source} {known.external_id}")
    for one in sorted(filter(None, words)):
        db.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(one, STARTING))))


def start_customer(clues: Clues, *, actor_id: int, now: datetime) -> Customer:
    """Somebody new, with what the clues say of them. Raises BadClue."""
    known = clues.parsed()
    first, _, last = known.name.rpartition(" ")
    customer = create_customer(
        Details(
            first_name=(first or last)[:120],
            last_name=(last if first else "")[:120],
            emails=[known.email] if known.email else [],
            phones=[known.phone] if known.phone else [],
        ),
        actor_id=actor_id,
        now=now,
    )
    if known.external_id and known.source:
        customer.external_ids.append(ExternalId(source=known.source, external_id=known.external_id))
        db.session.flush()
    return customer


def read(field: str, text: str) -> str:
    if not text.strip():
        return ""
    try:
        return parse_email(text) if field == "email" else parse_phone(text, current_app.config["DEFAULT_REGION"])
    except ValueError as problem:
        raise BadClue(field, f"{problem}.") from None
