"""The shop itself: teams, people who work there, the range and the catalogue of gestures.

Each row that is there already is used as it is, whoever made it: a real team called "Front line" stays real.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask_security.utils import hash_password
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from console.auth.administration import ensure_roles
from console.auth.models import Team, User
from console.customers.models import Product
from console.db import db
from console.demo.days import Days
from console.demo.people import Person
from console.demo.reading import DOMAIN, SOURCE, table, wares
from console.gestures.catalogue import is_newest
from console.gestures.models import Fulfilling, Gesture, GestureKind, GestureVersion
from console.gestures.review_models import StaffLink
from console.interactions.live_models import Snippet

PASSWORD = "lantern-demo-1"  # noqa: S105  public: printed at the start, and for the demo shop alone
SHOWN = ("maya", "dana", "amara", "sofia", "wes")  # one for each role


def address(key: str) -> str:
    return f"{key}@{DOMAIN}"


def staff(days: Days) -> dict[str, User]:
    """The people who work there, by key, flushed. Somebody left over from an earlier load may sign in again."""
    told = table("staff")
    roles = ensure_roles()
    teams = {team.name: team for team in db.session.scalars(select(Team))}
    for name in told["teams"]:
        teams.setdefault(name, Team(name=name, is_demo=True))
    addresses = [address(key) for key in told["people"]]
    query = select(User).where(User.email.in_(addresses)).options(selectinload(User.roles), selectinload(User.team))
    known = {user.email: user for user in db.session.scalars(query)}
    password = hash_password(PASSWORD)  # one for all: each takes a good part of a second
    found = {}
    for place, (key, (name, role, team)) in enumerate(told["people"].items()):
        user = known.get(address(key)) or User(email=address(key), is_demo=True, roles=[roles[role]])
        user.name, user.team, user.password, user.active = name, teams[team], password, True
        user.created_at = days.at(900 - place * 41, "09:00")
        db.session.add(user)
        found[key] = user
    db.session.flush()
    return found


def snippets(staff: dict[str, User], days: Days) -> None:
    db.session.add_all(
        Snippet(
            owner_id=staff[row["of"]].id if "of" in row else None,
            shortcut=row["shortcut"],
            title=row["title"],
            body=row["body"],
            changed_at=days.at(60, "11:00"),
            is_demo=True,
        )
        for row in table("snippets")
    )


def customers_of_their_own(staff: dict[str, User], people: Iterable[Person], days: Days) -> None:
    """Who works here and buys here is linked with themselves, as an administrator would."""
    by_tale = {person.tale["key"]: person.customer for person in people if person.tale}
    for key, tale in table("staff")["customers"].items():
        user, customer = staff[key], by_tale[tale]
        user.private_email, user.private_phone = customer.emails[0].address, customer.phones[0].number
        link = StaffLink(user_id=user.id, customer_id=customer.id, created_by_id=staff["sofia"].id)
        link.created_at = days.at(70, "11:20")
        db.session.add(link)
    db.session.flush()


def products() -> dict[str, Product]:
    """The range, by SKU."""
    found = {row.sku: row for row in db.session.scalars(select(Product).where(Product.source == SOURCE))}
    for ware in wares().values():
        if ware.sku not in found:
            row = Product(source=SOURCE, sku=ware.sku, name=ware.name, category=ware.category, is_demo=True)
            row.price_minor, row.price_currency = ware.price, "GBP"
            found[ware.sku] = row
            db.session.add(row)
    db.session.flush()
    return found


def catalogue(author: User, at: datetime) -> dict[str, GestureVersion]:
    """The version in force of each of the shop's gestures, by code."""
    known = {row.code: row for row in db.session.scalars(select(Gesture))}
    found = {}
    for line in table("gestures"):
        code = line["code"]
        if code in known and not known[code].is_demo:
            code = f"{code}-demo"
        gesture = known.get(code) or Gesture(code=code, kind=GestureKind(line["kind"]), is_demo=True)
        gesture.active = True
        db.session.add(gesture)
        db.session.flush()
        versions = select(GestureVersion).where(GestureVersion.gesture_id == gesture.id, is_newest())
        version = db.session.scalars(versions).first()
        found[line["code"]] = version or add_version(gesture, line, author, at)
    db.session.flush()
    return found


def add_version(gesture: Gesture, line: dict[str, Any], author: User, at: datetime) -> GestureVersion:
    cost, face, perceived, tax = line["amounts"]
    texts = {name: line[name] for name in ("name", "blurb", "wording", "occasions", "suits")}
    version = GestureVersion(
        gesture_id=gesture.id,
        version=1,
        currency="GBP",
        cost_minor=cost,
        face_minor=face,
        perceived_minor=perceived,
        tax_minor=tax,
        created_at=at,
        created_by_id=author.id,
        fulfilment=Fulfilling(line["fulfilment"]),
        cash_like=line.get("cash_like", False),
        sensitive=line.get("sensitive", []),
        **texts,
    )
    db.session.add(version)
    return version


def sign_ins() -> list[tuple[str, str, str]]:
    """Role, address and password of one person for each role, as long as they may sign in."""
    query = select(User.email).where(User.is_demo, User.active, User.email.in_([address(key) for key in SHOWN]))
    there = set(db.session.scalars(query))
    people = table("staff")["people"]
    return [(people[key][1], address(key), PASSWORD) for key in SHOWN if address(key) in there]
