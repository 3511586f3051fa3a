"""The catalogue: gestures with the version of each that is in force, and how they change."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased, contains_eager, joinedload

from console.auth.models import User
from console.db import db
from console.empowerment.kinds import GestureKind, Occasion
from console.errors import DomainError, Stale
from console.events import Topic, record_event
from console.gestures.models import Fulfilling, Gesture, GestureVersion
from console.money import LARGEST, Money

PAGE = 50
# What must be known to give it, and what makes somebody refuse it.
NEEDS = {"order": "An order", "address": "An address", "consent": "Their consent to marketing"}
SENSITIVE = {
    "alcohol": "Alcohol",
    "food": "Food",
    "nuts": "Nuts",
    "scented": "Scented",
    "health": "About health",
    "religious": "Religious",
}
OFFERABLE = 200  # more than a person can choose from
HISTORY = 50


@dataclass(frozen=True)
class Sheet:
    """What a version says. The four amounts are in one currency."""

    name: str
    blurb: str
    wording: str
    cost: Money
    face: Money
    perceived: Money
    tax: Money
    occasions: tuple[Occasion, ...]
    suits: tuple[str, ...]
    fulfilment: Fulfilling = Fulfilling.MANUAL
    cash_like: bool = False
    needs: tuple[str, ...] = ()  # of NEEDS
    sensitive: tuple[str, ...] = ()  # of SENSITIVE
    least: Money | None = None  # the agent chooses an amount from here up to the cost, in steps
    step: Money | None = None
    valid_from: date | None = None
    valid_to: date | None = None  # the last day


def is_newest() -> ColumnElement[bool]:
    newer = aliased(GestureVersion)
    return ~exists().where(newer.gesture_id == GestureVersion.gesture_id, newer.version > GestureVersion.version)


def in_force() -> Select[GestureVersion]:
    """The newest version of each gesture, with its gesture, by the order they were added."""
    return (
        select(GestureVersion)
        .join(GestureVersion.gesture)
        .where(is_newest())
        .options(contains_eager(GestureVersion.gesture))
        .order_by(Gesture.id)
    )


def on_offer(currency: str) -> Select[GestureVersion]:
    """What may be offered at all: active, and priced in the currency of the limits."""
    return in_force().where(Gesture.active, GestureVersion.currency == currency).limit(OFFERABLE)


def page(after: int = 0, *, active: bool = True) -> Select[GestureVersion]:
    """A page of the catalogue and one more row, which tells whether there is another page."""
    return in_force().where(Gesture.id > after, Gesture.active == active).limit(PAGE + 1)


def versions_of(gesture_id: int) -> Select[GestureVersion]:
    """All versions of a gesture, newest first, each with who made it."""
    who = joinedload(GestureVersion.created_by).load_only(User.name).lazyload("*")
    return (
        select(GestureVersion)
        .where(GestureVersion.gesture_id == gesture_id)
        .options(who, joinedload(GestureVersion.gesture))
        .order_by(GestureVersion.version.desc())
        .limit(HISTORY)
    )


def add_gesture(kind: GestureKind, sheet: Sheet, *, actor_id: int, now: datetime) -> Gesture:
    """A new catalogue entry with its first version. Raises DomainError for an amount that cannot be meant."""
    check(sheet)
    gesture = Gesture(code=free_code(sheet.name), kind=kind)
    db.session.add(gesture)
    db.session.flush()
    add_version(gesture.id, 1, sheet, actor_id, now)
    return gesture


def change_gesture(gesture_id: int, sheet: Sheet, *, based_on: int, actor_id: int, now: datetime) -> GestureVersion:
    """A new version. Raises Stale when `based_on` is no longer the newest, DomainError when nothing is different."""
    check(sheet)
    latest = db.session.scalars(versions_of(gesture_id).limit(1)).one()
    if latest.version != based_on:
        raise Stale("Somebody else changed this gesture meanwhile. Nothing of yours was saved; both are shown below.")
    if as_sheet(latest) == sheet:
        raise DomainError("Nothing was changed: this is how the gesture is already. Change something, or go back.")
    return add_version(gesture_id, based_on + 1, sheet, actor_id, now)


def set_active(gesture_id: int, active: bool, *, actor_id: int, now: datetime) -> None:
    """Offer it, or stop offering it. What is held already is honoured."""
    gesture = db.session.get_one(Gesture, gesture_id)
    if gesture.active == active:
        return
    gesture.active = active
    kind = "gesture.activated" if active else "gesture.deactivated"
    record_event(kind, Topic.GESTURE, subject=gesture, actor_id=actor_id, at=now)


def set_stock(gesture_id: int, stock: int | None, *, actor_id: int, now: datetime) -> None:
    """How many there are from now on; None: as many as you like. What is held or granted later counts against it."""
    gesture = db.session.get_one(Gesture, gesture_id)
    gesture.stock, gesture.stock_at = stock, now if stock is not None else None
    data = {"stock": stock}
    record_event("gesture.stocked", Topic.GESTURE, subject=gesture, actor_id=actor_id, at=now, data=data)


def add_version(gesture_id: int, number: int, sheet: Sheet, actor_id: int, now: datetime) -> GestureVersion:
    version = GestureVersion(
        gesture_id=gesture_id,
        version=number,
        name=sheet.name,
        blurb=sheet.blurb,
        wording=sheet.wording,
        currency=sheet.cost.currency,
        cost_minor=sheet.cost.minor,
        face_minor=sheet.face.minor,
        perceived_minor=sheet.perceived.minor,
        tax_minor=sheet.tax.minor,
        occasions=[occasion.value for occasion in sheet.occasions],
        suits=list(sheet.suits),
        fulfilment=sheet.fulfilment,
        cash_like=sheet.cash_like,
        needs=list(sheet.needs),
        sensitive=list(sheet.sensitive),
        least_minor=sheet.least.minor if sheet.least else None,
        step_minor=sheet.step.minor if sheet.step else None,
        valid_from=sheet.valid_from,
        valid_to=sheet.valid_to,
        created_at=now,
        created_by_id=actor_id,
    )
    db.session.add(version)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Stale(
            "Somebody else changed this gesture at this very moment. Nothing was saved; save once more."
        ) from None
    data = {"gesture": gesture_id, "version": number}
    record_event("gesture.changed", Topic.GESTURE, subject=version, actor_id=actor_id, at=now, data=data)
    return version


def as_sheet(version: GestureVersion) -> Sheet:
    return Sheet(
        name=version.name,
        blurb=version.blurb,
        wording=version.wording,
        cost=version.cost,
        face=version.face,
        perceived=version.perceived,
        tax=version.tax,
        occasions=tuple(Occasion(value) for value in version.occasions),
        suits=tuple(version.suits),
        fulfilment=version.fulfilment,
        cash_like=version.cash_like,
        needs=tuple(version.needs),
        sensitive=tuple(version.sensitive),
        least=None if version.least_minor is None else Money(version.least_minor, version.currency),
        step=None if version.step_minor is None else Money(version.step_minor, version.currency),
        valid_from=version.valid_from,
        valid_to=version.valid_to,
    )


def check(sheet: Sheet) -> None:
    if any(amount.minor > LARGEST for amount in (sheet.cost, sheet.face, sheet.perceived, sheet.tax)):
        raise DomainError("An amount is too large to be meant. Check the number of digits.")
    if sheet.least is not None and sheet.least > sheet.cost:
        raise DomainError("The smallest amount is larger than the cost, so nothing could be chosen. Lower it.")
    if sheet.least is not None and not sheet.step:
        raise DomainError("Say in which steps the amount may be chosen, for instance 1.00.")
    if sheet.valid_from and sheet.valid_to and sheet.valid_from > sheet.valid_to:
        raise DomainError("The first day is after the last one. Change one of them.")


def free_code(name: str) -> str:
    """A short name for exports and imports: "express-delivery-on-us", with a number when it is taken."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", folded).strip("-")[:34] or "gesture"
    alike = select(Gesture.code).where(Gesture.code.startswith(stem, autoescape=True)).limit(1000)
    taken = set(db.session.scalars(alike))
    return stem if stem not in taken else next(c for n in range(2, 1002) if (c := f"{stem}-{n}") not in taken)
