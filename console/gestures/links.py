"""Which customers work here, or live with somebody who does: declared by a person, for the ledger to go by.

What the ledger sees by itself (the same e-mail, phone or address as in the user's form) needs no declaring; once it
refused somebody by that, it keeps a link.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from console.auth.models import User
from console.customers.models import Customer
from console.db import db
from console.errors import DomainError
from console.events import Topic, record_event
from console.gestures.households import basis_of
from console.gestures.locking import transaction
from console.gestures.review_models import StaffLink

MOST = 100  # shown on a page


def links_of_customer(customer_id: int) -> Select[StaffLink]:
    """Each with the colleague."""
    query = select(StaffLink).where(StaffLink.customer_id == customer_id).options(joinedload(StaffLink.user))
    return query.order_by(StaffLink.id).limit(MOST)


def links_of_user(user_id: int) -> Select[StaffLink]:
    """Each with the customer."""
    query = select(StaffLink).where(StaffLink.user_id == user_id).options(joinedload(StaffLink.customer))
    return query.order_by(StaffLink.id).limit(MOST)


def declare(customer: Customer, email: str, *, actor_id: int, now: datetime) -> StaffLink:
    """Link a customer with the colleague who signs in as `email`. Raises DomainError for nobody, or a second time."""
    user = db.session.scalars(select(User).where(func.lower(User.email) == email.strip().lower())).first()
    if user is None:
        raise DomainError("Nobody signs in with that address. Choose one from the list, or ask an administrator.")
    link = StaffLink(user_id=user.id, customer_id=customer.id, created_at=now, created_by_id=actor_id)
    try:
        with db.session.begin_nested():
            db.session.add(link)
    except IntegrityError:
        raise DomainError(f"{user.name} is noted here already. Nothing more is needed.") from None
    record_event("staff_link.added", Topic.ACCESS, subject=user, customer_id=customer.id, actor_id=actor_id, at=now)
    return link


def remember(user_id: int, customer_id: int, now: datetime) -> None:
    """Keep what a refusal was seen by, so that it stays when the e-mail, phone or address is edited away.

    Commits a transaction of its own: call it when the refused one was rolled back. Nothing is written twice.
    """
    with transaction():
        customer = db.session.get(Customer, customer_id)
        basis = basis_of(user_id, customer) if customer else ""
        if basis in ("", "linked"):
            return
        try:
            with db.session.begin_nested():
                db.session.add(StaffLink(user_id=user_id, customer_id=customer_id, basis=basis, created_at=now))
        except IntegrityError:
            return  # somebody else noted it meanwhile
        user = db.session.get(User, user_id)
        record_event("staff_link.found", Topic.ACCESS, subject=user, customer_id=customer_id, actor_id=None, at=now)


def remove(link: StaffLink, *, actor_id: int, now: datetime) -> None:
    """Raises DomainError for one's own: who could take it away could then give to themselves."""
    if link.user_id == actor_id:
        raise DomainError("This is about you. Ask a colleague to remove it.")
    user = db.session.get(User, link.user_id)
    record_event(
        "staff_link.removed", Topic.ACCESS, subject=user, customer_id=link.customer_id, actor_id=actor_id, at=now
    )
    db.session.delete(link)
    db.session.flush()
