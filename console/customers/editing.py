"""A customer's own details: become known, and change, with e-mails and phones checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.attributes import set_committed_value

from console.customers.models import Account, Customer, Email, Phone, Tier
from console.customers.profile import record_created
from console.customers.tokens import index_customer
from console.db import db
from console.errors import Stale
from console.events import Topic, record_event
from console.web import today

PLAIN = (
    "first_name",
    "last_name",
    "tier",
    "language",
    "time_zone",
    "street",
    "city",
    "postcode",
    "country",
    "customer_since",
    "birth_month",
    "birth_day",
)


@dataclass(frozen=True)
class Details:
    """What the form says of a customer; addresses lower case, numbers E.164."""

    first_name: str
    last_name: str
    emails: list[str]
    phones: list[str]
    tier: Tier = Tier.STANDARD
    account: str | None = None  # the company's name
    language: str | None = None
    time_zone: str | None = None
    street: str | None = None
    city: str | None = None
    postcode: str | None = None
    country: str | None = None
    customer_since: date | None = None
    birth_month: int | None = None
    birth_day: int | None = None
    consents: dict[str, bool] = field(default_factory=dict)


def create_customer(details: Details, *, actor_id: int, now: datetime) -> Customer:
    customer = Customer(created_at=now, updated_at=now, emails=[], phones=[], external_ids=[])
    db.session.add(customer)
    fill(customer, details)
    customer.customer_since = details.customer_since or today()
    db.session.flush()
    index_customer(customer)
    record_created(customer, actor_id=actor_id, now=now)
    return customer


def change_customer(customer: Customer, details: Details, *, seen: datetime, actor_id: int, now: datetime) -> Customer:
    """Raises Stale when it was changed after `seen`, the time the form was filled from."""
    swapped = db.session.execute(
        update(Customer)
        .where(Customer.id == customer.id, Customer.updated_at == seen)
        .values(updated_at=now)
        .execution_options(synchronize_session=False)
    )
    if swapped.rowcount != 1:  # type: ignore[attr-defined]
        raise Stale("Somebody else changed this customer meanwhile. Compare with the values below, then save again.")
    set_committed_value(customer, "updated_at", now)
    fill(customer, details)
    db.session.flush()
    index_customer(customer)
    record_event(
        "customer.changed", Topic.PROFILE, subject=customer, customer_id=customer.id, actor_id=actor_id, at=now
    )
    return customer


def fill(customer: Customer, details: Details) -> None:
    for name in PLAIN:
        setattr(customer, name, getattr(details, name))
    customer.account = account_called(details.account) if details.account else None
    customer.consents = {**customer.consents, **details.consents} if customer.consents else dict(details.consents)
    kept_emails = {email.address: email for email in customer.emails}
    customer.emails = [kept_emails.get(address) or Email(address=address) for address in details.emails]
    kept_phones = {phone.number: phone for phone in customer.phones}
    customer.phones = [
        kept_phones.get(number) or Phone(number=number, reversed=number[:0:-1]) for number in details.phones
    ]


def account_called(name: str) -> Account:
    """The company of that name, made known when it is new."""
    account = db.session.scalars(select(Account).where(Account.name == name)).first()
    if account is None:
        account = Account(name=name)
        db.session.add(account)
    return account


def already_known(details: Details, besides: int | None = None) -> list[Customer]:
    """Customers who have one of these addresses or numbers already; at most three."""
    mail = select(Email.customer_id).where(Email.address.in_(details.emails))
    phone = select(Phone.customer_id).where(Phone.number.in_(details.phones))
    query = select(Customer).where(or_(Customer.id.in_(mail), Customer.id.in_(phone)), Customer.id != (besides or 0))
    options = (joinedload(Customer.account), joinedload(Customer.emails), joinedload(Customer.phones))
    return list(db.session.scalars(query.options(*options).order_by(Customer.id)).unique())[:3]
