"""What is known of people beside their orders and talks: preferences, boundaries, notes, baskets, reviews."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from random import Random
from typing import Any

from sqlalchemy import select

from console.auth.models import User
from console.customers.models import Boundary, BoundaryKind, OrderStatus, Preference, Provenance, WebEvent
from console.db import db
from console.demo.days import Days
from console.demo.diary import Diary
from console.demo.orders import Purchase
from console.demo.people import SEED, Person
from console.demo.reading import SOURCE, table, wares
from console.demo.talks import Staff, Talk
from console.events import Event, Topic
from console.money import Money
from notes.models import Note, NoteKind

WOMEN, MEN = re.compile(r"\b(she|her|hers)\b", re.IGNORECASE), re.compile(r"\b(he|his|him)\b", re.IGNORECASE)
REVIEWED = 0.06  # share of delivered lines
STARS = {1: "one star", 2: "two stars", 3: "three stars", 4: "four stars", 5: "five stars"}


@dataclass
class Facts:
    """Rows with their person, and the talk they come from, if any."""

    preferences: list[tuple[Person, Preference, Talk | None]] = field(default_factory=list)
    boundaries: list[tuple[Person, Boundary, Talk | None]] = field(default_factory=list)
    notes: list[tuple[Person, Note]] = field(default_factory=list)
    carts: list[tuple[Person, datetime, list[str], str]] = field(default_factory=list)
    reviews: list[tuple[Person, datetime, str, int, str]] = field(default_factory=list)

    def add(self, other: Facts) -> None:
        for name, rows in vars(other).items():
            getattr(self, name).extend(rows)


def everyday(people: list[Person], history: dict[int, list[Purchase]], staff: Staff, days: Days) -> Facts:
    """The same for the people without a story of their own. `history` by customer id."""
    found = Facts()
    write_up(found, [person for person in people if not person.is_trade], staff, days)
    noticed(found, people, history, days)
    found.carts += left_baskets(people, history, days)
    found.reviews += reviews(history, days)
    return found


def write_up(found: Facts, people: list[Person], staff: Staff, days: Days) -> None:
    """Each note of shop/notes.yaml goes to somebody whom it fits, with what follows from it."""
    random = Random(f"{SEED}/notes")
    free = random.sample(people, len(people))
    for told in table("notes")["notes"]:
        wanted = {True} if WOMEN.search(told["text"]) else {False} if MEN.search(told["text"]) else {True, False}
        person = next((one for one in free if one.is_woman in wanted), None)
        if person is None:
            continue
        free.remove(person)
        since = (days.today - (person.customer.customer_since or days.today)).days
        ahead = told.get("follow_up")
        age = random.randint(1, 20) if ahead else min(random.randint(1, 420), since)
        desk = (
            ["dana", "luis", "imogen"]
            if told["kind"] == "visit"
            else ["maya", "daniel", "priya", "tom", "dana", "ruth"]
        )
        author = staff[random.choice(desk)]
        at = days.opening(random, days.day(min(age, since)))
        note = Note(
            source=SOURCE,
            author_id=author.id,
            kind=NoteKind(told["kind"]),
            body=told["text"],
            quotable=told["quotable"] and bool(person.customer.consents["quote_notes"]),
            pinned=random.random() < 0.12,
            follow_up_on=days.day(-ahead) if ahead else None,
            written_at=at,
        )
        found.notes.append((person, note))
        if "prefers" in told:
            text, category = told["prefers"]
            found.preferences.append((person, preference(text, category, Provenance.STATED, at, author), None))
        if "refuses" in told:
            found.boundaries.append((person, boundary(told["refuses"], at, author), None))


def preference(text: str, category: str, provenance: Provenance, at: datetime, author: User | None) -> Preference:
    values = {"text": text, "category": category, "provenance": provenance, "created_at": at, "confirmed_at": at}
    return Preference(**values, created_by_id=author.id if author else None)


def boundary(told: list[str], at: datetime, author: User) -> Boundary:
    kind, clock, text = told
    after = time.fromisoformat(clock) if clock else None
    values = {"kind": BoundaryKind(kind), "after": after, "text": text, "created_at": at, "confirmed_at": at}
    return Boundary(**values, created_by_id=author.id)


def noticed(found: Facts, people: list[Person], history: dict[int, list[Purchase]], days: Days) -> None:
    """Preferences that nobody wrote a note about. What is only inferred rests on two orders at least."""
    known = {person.number for person, _, _ in found.preferences}
    for person in people:
        random = person.random("noticed")
        orders = history.get(person.customer.id, [])
        if person.number in known or not orders or random.random() > 0.3:
            continue
        text, category, how = random.choice(table("notes")["seen"])
        if how == "inferred" and sum(bought.order.status is OrderStatus.DELIVERED for bought in orders) < 2:
            continue
        at = days.past(orders[-1].placed_at + timedelta(hours=random.randint(1, 30)))
        found.preferences.append((person, preference(text, category, Provenance(how), at, None), None))


def left_baskets(
    people: list[Person], history: dict[int, list[Purchase]], days: Days
) -> Iterator[tuple[Person, datetime, list[str], str]]:
    goods = [ware.sku for ware in wares().values() if ware.category not in {"Services", "Gift cards"}]
    for person in people:
        random = person.random("basket")
        if random.random() > 0.2:
            continue
        since = (days.today - (person.customer.customer_since or days.today)).days
        day = days.day(
            random.choice([random.randint(0, 13), random.randint(0, 90), random.randint(0, 400)]) % (since + 1)
        )
        step = random.choice(table("seasons")["cart_steps"])
        yield (
            person,
            days.some_time(random, day, "07:40", "23:10"),
            random.sample(goods, random.choice([1, 1, 2, 3])),
            step,
        )


def reviews(history: dict[int, list[Purchase]], days: Days) -> Iterator[tuple[Person, datetime, str, int, str]]:
    """Each text is used twice at most, on the newest order it fits."""
    random = Random(f"{SEED}/reviews")
    left = {sku: random.sample(texts, len(texts)) for sku, texts in table("reviews").items()}
    orders = [bought for purchases in history.values() for bought in purchases]
    for bought in random.sample(orders, len(orders)):
        parcel = bought.delivery
        if bought.order.status is not OrderStatus.DELIVERED or parcel is None or parcel.delivered_at is None:
            continue
        at = parcel.delivered_at + timedelta(days=random.randint(3, 40), hours=random.randint(1, 9))
        sku = random.choice(bought.wares).sku
        if left.get(sku) and at < days.now and random.random() < REVIEWED * 3:
            stars, text = left[sku].pop()
            yield bought.person, at, sku, stars, text


def write_facts(facts: Facts, diary: Diary) -> None:
    """Put everything down; the notes come first, because they are what the rest rests on."""
    for person, note in facts.notes:
        note.customer_id = person.customer.id
    db.session.add_all(note for _, note in facts.notes)
    db.session.flush()
    by_person = {person.number: note for person, note in facts.notes}
    kinds: list[tuple[str, list[tuple[Person, Any, Talk | None]]]] = [
        ("preference", list(facts.preferences)),
        ("boundary", list(facts.boundaries)),
    ]
    orders = arrivals([person for person, row, _ in facts.preferences if row.provenance is Provenance.INFERRED])
    for _, rows in kinds:
        for person, row, talk in rows:
            row.customer_id = person.customer.id
            row.evidence = evidence(row, talk, by_person.get(person.number), orders.get(person.customer.id, []))
            db.session.add(row)
    sites = [*basket_rows(facts), *review_rows(facts)]
    db.session.add_all(row for _, row in sites)
    db.session.flush()
    for person, note in facts.notes:
        tell = {"kind": note.kind.value, "quotable": note.quotable, "pinned": note.pinned, "length": len(note.body)}
        diary.add("note.written", Topic.NOTE, note, person.customer, note.written_at, note.author_id, tell)
    for kind, rows in kinds:
        for person, row, _ in rows:
            diary.add(f"{kind}.added", Topic.PROFILE, row, person.customer, row.created_at, row.created_by_id)
    for person, row in sites:
        diary.add(f"web.{row.kind}", Topic.SIGNAL, row, person.customer, row.at)


def arrivals(people: list[Person]) -> dict[int, list[int]]:
    """The ids of their delivery events, newest first: what a guess about them can rest on."""
    found: dict[int, list[int]] = {}
    ids = {person.customer.id for person in people}
    rows = select(Event.customer_id, Event.id).where(Event.customer_id.in_(ids), Event.kind == "order.delivered")
    for customer_id, event_id in db.session.execute(rows.order_by(Event.at.desc(), Event.id.desc())):
        found.setdefault(customer_id or 0, []).append(event_id)
    return found


def evidence(row: Preference | Boundary, talk: Talk | None, note: Note | None, arrived: list[int]) -> dict[str, Any]:
    if isinstance(row, Preference) and row.provenance is Provenance.INFERRED and len(arrived) > 1:
        return {"events": arrived[:2]}
    if talk and talk.notes:
        words = [one for one in talk.notes if one.kind is NoteKind.PREFERENCE] or talk.notes
        return {"note": words[0].id}
    if talk:
        return {"interaction": talk.interaction.id}
    return {"note": note.id} if note else {}


def basket_rows(facts: Facts) -> Iterator[tuple[Person, WebEvent]]:
    range_ = wares()
    for number, (person, at, skus, step) in enumerate(facts.carts, 1):
        total = Money(sum(range_[sku].price for sku in skus), "GBP")
        said = [range_[sku].said for sku in skus]
        title = " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
        data = {"detail": f"{total}, left at the {step} step", "skus": skus, "total_minor": total.minor, "step": step}
        yield person, site_row("cart_abandoned", f"basket-{number}", person, at, title, data)


def review_rows(facts: Facts) -> Iterator[tuple[Person, WebEvent]]:
    for number, (person, at, sku, stars, text) in enumerate(facts.reviews, 1):
        title = f"{wares()[sku].said}, {STARS[stars]}"
        yield (
            person,
            site_row("review", f"review-{number}", person, at, title, {"detail": text, "stars": stars, "sku": sku}),
        )


def site_row(kind: str, external_id: str, person: Person, at: datetime, title: str, data: dict[str, Any]) -> WebEvent:
    said = {"external_id": external_id, "kind": kind, "at": at, "title": title[0].upper() + title[1:], "data": data}
    return WebEvent(source=SOURCE, customer_id=person.customer.id, **said)
