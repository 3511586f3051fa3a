"""A customer's own details: become known, and change, with e-mails and phones checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from console.customers.models import Customer, Email, Phone, Tier
from console.customers.profile import record_created
from console.customers.tokens import index_customer
from console.db import db
from console.errors import Stale
from console.events import Topic, record_event


@dataclass(frozen=True)
class Details:
    """What the form says of a customer; addresses lower case, numbers E.164."""

    first_name: str
    last_name: str
    emails: list[str]
    phones: list[str]
    tier: Tier
    language: str | None
    city: str | None
    postcode: str | None
    birth_month: int | None
    birth_day: int | None
    consents: dict[str, bool] = field(default_factory=dict)


def parse_email(text: str) -> str:
    """Lower case. Raises ValueError with a sentence."""
    try:
        # An agent types what the customer says; whether the domain receives mail is not asked of the network.
        return validate_email(text.strip(), check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError:
        raise ValueError(f"“{text[:80]}” is not an e-mail address") from None


def parse_phone(text: str, region: str) -> str:
    """E.164, read as a number of `region` when it has no country code. Raises ValueError with a sentence."""
    try:
        number = phonenumbers.parse(text[:40], region)
    except phonenumbers.NumberParseException:
        raise ValueError(f"“{text[:40]}” is not a phone number") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError(f"“{text[:40]}” has too many or too few digits for a phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def create_customer(details: Details, *, actor_id: int, now: datetime) -> Customer:
    customer = Customer(
        customer_since=now.date(), created_at=now, updated_at=now, emails=[], phones=[], external_ids=[]
    )
    db.session.add(customer)
    fill(customer, details)
    db.session.flush()
    index_customer(customer)
    record_created(customer, actor_id=actor_id, now=now)
    return customer


def change_customer(customer: Customer, details: Details, *, seen: datetime, actor_id: int, now: datetime) -> Customer:
    """Raises Stale when it was changed after `seen`, the time the form was filled from."""
    if customer.updated_at != seen:
        raise Stale("Somebody else changed this customer meanwhile. Compare with the values below, then save again.")
    fill(customer, details)
    customer.updated_at = now
    db.session.flush()
    index_customer(customer)
    record_event(
        "customer.changed", Topic.PROFILE, subject=customer, customer_id=customer.id, actor_id=actor_id, at=now
    )
    return customer


def fill(customer: Customer, details: Details) -> None:
    for name in ("first_name", "last_name", "tier", "language", "city", "postcode", "birth_month", "birth_day"):
        setattr(customer, name, getattr(details, name))
    customer.consents = {**customer.consents, **details.consents} if customer.consents else dict(details.consents)
    kept_emails = {email.address: email for email in customer.emails}
    customer.emails = [kept_emails.get(address) or Email(address=address) for address in details.emails]
    kept_phones = {phone.number: phone for phone in customer.phones}
    customer.phones = [
        kept_phones.get(number) or Phone(number=number, reversed=number[:0:-1]) for number in details.phones
    ]
