"""Sixty colleagues over the roles and teams, two of whom can sign in; the policy and the catalogue they work with."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

from sqlalchemy import select

from bench.people import People
from bench.words import MAKES, THINGS
from console.auth.administration import ensure_roles, hashed
from console.auth.models import Team, User
from console.customers.models import Product
from console.db import db
from console.empowerment.kinds import GestureKind, Occasion
from console.empowerment.models import EmpowermentPolicy
from console.gestures.catalogue import Sheet, add_gesture
from console.gestures.models import Gesture
from console.money import Money
from tests.factories_gestures import caps, make_policy

AGENT = "bench@plusone.example"
SUPERVISOR = "bench-supervisor@plusone.example"
PASSWORD = "bench-only-password"  # noqa: S105  public, for throw-away databases
TEAMS = ("Phones", "Chat and mail", "Home delivery", "Trade", "Stores", "Evenings")
ROLES = ("agent",) * 7 + ("sales",) * 3 + ("supervisor",) * 2  # in turn
COLLEAGUES = 60
CATALOGUE = (  # name, cost, face, perceived; in minor units
    ("A call back from you", 0, 0, 800), ("A handwritten card", 90, 250, 900),
    ("Swatches, posted today", 120, 300, 400), ("Two more years of guarantee", 700, 2000, 1500),
    ("A small candle", 380, 900, 1100), ("A caddy of tea", 540, 1650, 1400), ("Express delivery", 520, 795, 1000),
    ("Delivery free", 495, 495, 600), ("£5 on the account", 500, 500, 500), ("£10 on the account", 1000, 1000, 1000),
    ("£25 on the account", 2500, 2500, 2500), ("Assembly at home", 3900, 6500, 5000),
)  # fmt: skip


def hire(random: Random, password: str, now: datetime) -> list[int]:
    """The ids of everybody; those who are there already are kept."""
    roles = ensure_roles()
    teams = [db.session.scalars(select(Team).where(Team.name == name)).first() or Team(name=name) for name in TEAMS]
    secret = hashed(password)
    people = People()
    known = {user.email: user for user in db.session.scalars(select(User)).unique()}
    for place in range(COLLEAGUES):
        email = (AGENT, SUPERVISOR)[place] if place < 2 else f"colleague{place}@plusone.example"
        role = ("agent", "supervisor")[place] if place < 2 else "administrator" if place > 56 else ROLES[place % 12]
        name = " ".join(people.name(random))
        if email not in known:
            user = User(
                email=email,
                name=name,
                password=secret if place < 2 else None,
                roles=[roles[role]],
                team=teams[place % len(TEAMS)],
                created_at=now,
                fs_uniquifier=f"{random.getrandbits(256):064x}",
            )
            db.session.add(user)
            known[email] = user
    db.session.flush()
    return sorted(user.id for user in known.values())


def furnish(actor_id: int, now: datetime) -> None:
    """A policy for every role that gives, and a catalogue; where there are some, they stay as they are."""
    if db.session.scalars(select(EmpowermentPolicy.id)).first() is None:
        session: Any = db.session
        make_policy(session, roles=("agent", "sales", "supervisor"), limits=caps(1000, 1500, 2500, 6000), name="Usual")
    if db.session.scalars(select(Gesture.id)).first() is None:
        kinds = list(GestureKind)
        for place, (name, *amounts) in enumerate(CATALOGUE):
            cost, face, perceived = (Money(minor, "GBP") for minor in amounts)
            sheet = Sheet(name, "", "", cost, face, perceived, cost, tuple(Occasion), ("delivery", "style"))
            add_gesture(kinds[place % len(kinds)], sheet, actor_id=actor_id, now=now)


def stock() -> list[Product]:
    """Four hundred products; made once."""
    known = list(db.session.scalars(select(Product).where(Product.source == "bench").order_by(Product.id)))
    if known:
        return known
    products = [
        Product(
            source="bench",
            sku=f"{make[:3].upper()}-{place:02}",
            name=f"{make} {name}",
            category=name,
            price_minor=price + 100 * shelf,
            price_currency="GBP",
        )
        for shelf, make in enumerate(MAKES)
        for place, (name, price) in enumerate(THINGS)
    ]
    db.session.add_all(products)
    db.session.flush()
    return products
