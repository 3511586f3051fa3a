"""What stands against a gesture besides limits: the catalogue, what has to be known, and what the customer refused."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, func, select

from console.customers.models import Customer, Order, OrderStatus
from console.customers.queries import boundaries_for, broken_promises, open_complaints, preferences_for
from console.db import db
from console.empowerment.kinds import Occasion
from console.gestures.catalogue import in_force
from console.gestures.households import address_key, is_one_of_ours
from console.gestures.models import Gesture, GestureVersion, LedgerEntry
from console.gestures.refusals import NotOffered, OneOfOurs
from console.gestures.situation import Refused
from console.gestures.suggesting import is_a_no, objection, words
from console.gestures.usage import is_active
from console.web import day, zone

# The words by which people refuse what a gesture is tagged with, beside the tag itself.
MEANT = {
    "alcohol": {"alcohol", "alcoholic", "wine", "beer", "spirit", "liquor", "champagne", "gin", "whisky"},
    "food": {"food", "sweet", "chocolate", "cake", "biscuit", "sugar"},
    "nuts": {"nut", "peanut", "almond", "hazelnut", "walnut", "cashew", "pistachio"},
    "health": {"health", "medicine", "supplement"},
    "religious": {"religiou", "religion", "christma", "easter", "church"},
    "scented": {"scent", "scented", "perfume", "perfumed", "fragrance", "fragranced", "smell", "candle"},
}


def version_on_offer(version_id: int, now: datetime) -> GestureVersion:
    """The version with its gesture, if it is the newest of one that is on offer today. Raises NotOffered otherwise."""
    version = db.session.scalars(
        in_force().where(GestureVersion.id == version_id).execution_options(populate_existing=True)
    ).first()
    if version is None:
        raise NotOffered("That gesture was changed a moment ago. Look at it again, then offer it.")
    if problem := unavailable(version, now):
        raise NotOffered(problem)
    return version


def unavailable(version: GestureVersion, now: datetime) -> str | None:
    """Why it is on offer for nobody now. One statement when it is counted in pieces, none otherwise."""
    on = now.astimezone(zone()).date()
    if not version.gesture.active:
        return "That gesture is no longer offered. Pick another one."
    if version.valid_from and on < version.valid_from:
        return f"{version.name} is offered from {day(version.valid_from)}. Pick another one until then."
    if version.valid_to and on > version.valid_to:
        return f"{version.name} was offered until {day(version.valid_to)}. Pick another one."
    if version.gesture.stock is not None and left_of(version.gesture, now) <= 0:
        return f"{version.name} has run out. Pick another one."
    return None


def left_of(gesture: Gesture, now: datetime) -> int:
    """Pieces in stock, less what is held, given or done since it was counted."""
    since = [LedgerEntry.booked_at >= gesture.stock_at] if gesture.stock_at else []
    given = db.session.scalar(
        select(func.count(LedgerEntry.id)).where(LedgerEntry.gesture_id == gesture.id, is_active(now), *since)
    )
    return (gesture.stock or 0) - (given or 0)


def respect_the_customer(
    agent_id: int, customer: Customer, version: GestureVersion, occasion: Occasion, now: datetime
) -> None:
    """Raises OneOfOurs, and NotOffered for what is not known yet, and for what they refused.

    Delight waits while a complaint is open or a promise is broken.
    """
    if is_one_of_ours(agent_id, customer):
        raise OneOfOurs("This one has to come from a colleague. Ask one of them to take over.")
    if problem := missing(version, customer):
        raise NotOffered(problem)
    boundaries = boundaries_for(customer.id)
    against = objection(
        version.gesture.kind,
        version.cost,
        version.occasions,
        refusals=[Refused(row.kind, row.title, row.after, row.id) for row in boundaries],
        is_recovery=occasion is Occasion.RECOVERY,
        has_complaint=bool(open_complaints(customer.id) or broken_promises(customer.id, now)),
    )
    if against is None and version.sensitive:
        said = [row.text for row in boundaries] + [row.text for row in preferences_for(customer.id)]
        against = refused_in_words(version, said)
    if against:
        raise NotOffered(against)


def missing(version: GestureVersion, customer: Customer) -> str | None:
    """What has to be known before it can be given."""
    if "address" in version.needs and address_key(customer.street, customer.postcode, customer.country) is None:
        return f"{version.name} needs an address. Ask for it, write it on the customer's page, then offer it again."
    if "consent" in version.needs and customer.consents.get("marketing") is not True:
        return f"{version.name} needs their consent to marketing. Ask, note the answer, then offer it again."
    if "order" in version.needs:
        bought = exists().where(Order.customer_id == customer.id, Order.status != OrderStatus.CANCELLED)
        if not db.session.scalar(select(bought)):
            return f"{version.name} goes with an order, and there is none. Pick another one."
    return None


def refused_in_words(version: GestureVersion, said: list[str]) -> str | None:
    """A sentence of theirs that says no to something this gesture is tagged with."""
    for text in said:
        for tag in version.sensitive:
            if is_a_no(text) and words(text) & (MEANT.get(tag, set()) | words(tag)):
                return f"This customer told us: “{text}”. That speaks against {version.name}; pick another one."
    return None
