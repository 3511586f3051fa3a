"""Who lives or works together, and who is one of ours: nobody gives to their own, and a household has one allowance."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from sqlalchemy import ColumnElement, exists, or_, select

from console.auth.models import User
from console.customers.addresses import plain_address
from console.customers.models import Customer, Email, Phone
from console.db import db
from console.gestures.models import LedgerEntry
from console.gestures.review_models import StaffLink


class Household(NamedTuple):
    """Two keys of at most 30 letters. Who has one of them in common belongs together."""

    account: str  # "account:5"; who has none: the address, or else "customer:9"
    address: str  # "address:" and 16 hex digits; of whom none is known: the key above again

    @property
    def locks(self) -> set[str]:
        return {f"household:{key}" for key in self}

    @property
    def entries(self) -> ColumnElement[bool]:
        """What was given to anybody who belonged to it then."""
        return or_(LedgerEntry.household == self.account, LedgerEntry.address_key == self.address)

    def meets(self, other: Household) -> bool:
        return self.account == other.account or self.address == other.address


def household_of(customer: Customer) -> Household:
    address = address_key(customer.street, customer.postcode, customer.country)
    account = f"account:{customer.account_id}" if customer.account_id is not None else None
    alone = f"customer:{customer.id}"
    return Household(account or address or alone, address or account or alone)


def address_key(street: str | None, postcode: str | None, country: str | None) -> str | None:
    """Of an address whose street and postcode are known: the same however it is spelt in capitals, stops and spaces."""
    address = plain_address(street, postcode, country)
    if address is None:
        return None
    digest = hashlib.sha256("\n".join(address).encode()).hexdigest()
    return f"address:{digest[:16]}"


def is_one_of_ours(user_id: int, customer: Customer) -> bool:
    """Whether the customer is this colleague, lives with them, or is linked to them."""
    return bool(basis_of(user_id, customer))


def basis_of(user_id: int, customer: Customer) -> str:
    """What makes the customer this colleague's own: "linked", "email", "phone", "address", "household"; else empty."""
    user = db.session.get(User, user_id, populate_existing=True)
    if user is None:
        return ""
    addresses = [one.lower() for one in (user.email, user.private_email) if one]
    linked = select(Customer).join(StaffLink, StaffLink.customer_id == Customer.id).where(StaffLink.user_id == user_id)
    known = db.session.execute(
        select(
            exists().where(StaffLink.user_id == user_id, StaffLink.customer_id == customer.id).label("linked"),
            exists().where(Email.customer_id == customer.id, Email.address.in_(addresses)).label("email"),
            exists()
            .where(Phone.customer_id == customer.id, Phone.number == (user.private_phone or "-"))
            .label("phone"),
        )
    ).one()
    if found := next((name for name, holds in known._mapping.items() if holds), ""):
        return str(found)
    at_home = address_key(user.private_street, user.private_postcode, customer.country)
    here = address_key(customer.street, customer.postcode, customer.country)
    if at_home is not None and at_home == here:
        return "address"
    household = household_of(customer)
    is_shared = any(household_of(one).meets(household) for one in db.session.scalars(linked.limit(50)))
    return "household" if is_shared else ""
