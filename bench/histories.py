"""What happened to one invented customer: rows of every kind, and the events that tell of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from bench import words
from console.customers.models import (
    Boundary,
    Complaint,
    Customer,
    Delivery,
    Order,
    OrderLine,
    Preference,
    WebEvent,
)
from console.db import Base
from console.events import Event, Topic
from console.interactions.models import Interaction, Utterance
from notes.models import Note, NoteRevision, Promise

SOURCE = "bench"
DAY = 86_400
MOST_PREFERENCES = 12
MOST_BOUNDARIES = 2
SETTLED_AFTER = 20  # days, for complaints and promises

# In the order in which foreign keys want them written.
COLUMNS: dict[type[Base], tuple[str, ...]] = {
    Order: (
        "id", "customer_id", "source", "external_id", "number", "status", "placed_at", "total_minor",
        "total_currency", "is_demo",
    ),
    OrderLine: (
        "id", "order_id", "external_id", "product_id", "name", "quantity", "price_minor", "price_currency",
    ),
    Delivery: (
        "id", "order_id", "external_id", "carrier", "promised_on", "shipped_at", "delivered_at", "returned_at",
        "return_reason",
    ),
    Interaction: (
        "id", "customer_id", "agent_id", "source", "external_id", "order_id", "channel", "state", "subject",
        "started_at", "ended_at", "wrap_up_code", "resolved", "csat", "reason", "resolution", "result",
    ),
    Utterance: ("id", "interaction_id", "position", "speaker", "text", "said_at"),
    Note: (
        "id", "customer_id", "interaction_id", "author_id", "kind", "body", "quotable", "pinned", "follow_up_on",
        "written_at", "version",
    ),
    NoteRevision: ("id", "note_id", "version", "body", "kind", "quotable", "replaced_at", "replaced_by_id"),
    Promise: ("id", "customer_id", "note_id", "owner_id", "text", "due_at", "state", "created_at", "settled_at"),
    Preference: (
        "id", "customer_id", "text", "category", "provenance", "evidence", "created_at", "created_by_id",
        "confirmed_at",
    ),
    Boundary: (
        "id", "customer_id", "kind", "text", "evidence", "created_at", "created_by_id", "confirmed_at",
    ),
    Complaint: (
        "id", "customer_id", "interaction_id", "order_id", "text", "state", "opened_at", "settled_at", "settled_by_id",
    ),
    WebEvent: ("id", "customer_id", "source", "external_id", "kind", "at", "title", "data"),
    Event: (
        "id", "at", "recorded_at", "topic", "kind", "customer_id", "actor_id", "subject_type", "subject_id", "data",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """A product as an order line takes it down."""

    id: int
    name: str
    price_minor: int


@dataclass
class Book:
    """Where rows are collected, and the next id of each table."""

    random: Random
    now: datetime
    staff: Sequence[int]  # ids of users
    items: Sequence[Item]
    next_ids: dict[type[Base], int]
    rows: dict[type[Base], list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))

    def number(self, model: type[Base]) -> int:
        self.next_ids[model] += 1
        return self.next_ids[model] - 1

    def add(self, model: type[Base], *values: Any) -> int:
        """Keep a row of COLUMNS, without its id; return the id."""
        number = self.number(model)
        self.rows[model].append((number, *values))
        return number


class History:
    """Fills exactly `size` events. A customer with none has no rows at all."""

    def __init__(self, book: Book, customer_id: int, since: date, size: int) -> None:
        self.book = book
        self.random = book.random
        self.customer_id = customer_id
        self.left = size
        self.span = max((book.now.date() - since).days, 1) * DAY
        self.last_order: int | None = None
        self.preferences: list[int] = []
        self.boundaries = 0

    def write(self) -> None:
        first_seen = self.book.now - timedelta(seconds=self.span)
        self.tell("customer.created", Topic.PROFILE, first_seen, Customer, self.customer_id)
        episodes = (self.order, self.talk, self.look, self.note, self.like, self.refuse)
        weights = (22, 22, 30, 8, 6, 1)
        while self.left > 0:
            self.random.choices(episodes, weights)[0]()

    def tell(
        self,
        kind: str,
        topic: Topic,
        at: datetime,
        model: type[Base],
        subject_id: int,
        actor: int | None = None,
        /,
        **data: Any,
    ) -> None:
        """One event; beyond the size asked for, nothing."""
        if self.left > 0:
            self.left -= 1
            text = json.dumps(data) if data else "{}"
            where = (model.__tablename__, subject_id, text)
            self.book.add(Event, at, at, topic.value, kind, self.customer_id, actor, *where)

    def moment(self) -> datetime:
        """More often lately than long ago."""
        return self.book.now - timedelta(seconds=int(self.span * self.random.random() ** 1.4))

    def somebody(self) -> int:
        return self.random.choice(self.book.staff)

    def order(self) -> None:
        steps = self.random.choices(("delivered", "returned", "cancelled"), (91, 6, 3))[0]
        at = self.moment()
        days = (self.book.now - at).total_seconds() / DAY
        wanted = 1 if days < 2 else 2 if days < 5 else {"delivered": 3, "returned": 4, "cancelled": 2}[steps]
        if wanted > self.left:  # there is no room for all of it, so it is still under way
            wanted, steps = self.left, "delivered"
            at = self.book.now - timedelta(hours=self.random.randint(1, 40 if wanted == 1 else 96))
        status = ("processing", "shipped", "delivered", "returned")[min(wanted, 4) - 1]
        cancelled = steps == "cancelled" and wanted == 2
        order_id = self.last_order = self.placed(at, "cancelled" if cancelled else status)
        self.tell("order.placed", Topic.ORDER, at, Order, order_id)
        if cancelled:
            self.tell("order.cancelled", Topic.ORDER, at + timedelta(hours=5), Order, order_id)
        else:
            self.deliver(order_id, at, wanted)

    def placed(self, at: datetime, status: str) -> int:
        """An order with its lines."""
        random = self.random
        lines = [
            (random.choice(self.book.items), random.choices((1, 2, 3, 6), (80, 13, 4, 3))[0])
            for _ in range(random.choices((1, 2, 3, 5, 9), (50, 25, 14, 8, 3))[0])
        ]
        total = sum(item.price_minor * quantity for item, quantity in lines)
        number = self.book.next_ids[Order]
        order_id = self.book.add(
            Order, self.customer_id, SOURCE, f"o{number}", str(100_000 + number), status, at, total, "GBP", False
        )
        for place, (item, quantity) in enumerate(lines, 1):
            self.book.add(OrderLine, order_id, str(place), item.id, item.name, quantity, item.price_minor, "GBP")
        return order_id

    def deliver(self, order_id: int, at: datetime, steps: int) -> None:
        """A parcel: 1 step is placed, 2 shipped, 3 delivered, 4 sent back."""
        random = self.random
        shipped = at + timedelta(hours=random.randint(4, 40))
        took = 3 + (random.randint(1, 9) if random.random() < 0.08 else -random.randint(0, 2))
        promised = (at + timedelta(days=3)).date()
        delivered = min(at + timedelta(days=took), self.book.now)
        returned = min(delivered + timedelta(days=random.randint(2, 12)), self.book.now)
        delivery = self.book.add(
            Delivery, order_id, "1", random.choice(words.CARRIERS), promised,
            shipped if steps > 1 else None, delivered if steps > 2 else None, returned if steps > 3 else None,
            "Not as expected" if steps > 3 else None,
        )  # fmt: skip
        late = max((delivered.date() - promised).days, 0)
        if steps > 1:
            self.tell("order.shipped", Topic.ORDER, shipped, Order, order_id, delivery=delivery)
        if steps > 2:
            facts = {"late_days": late} if late else {}
            self.tell("order.delivered", Topic.ORDER, delivered, Order, order_id, delivery=delivery, **facts)
        if steps > 3:
            self.tell("order.returned", Topic.ORDER, returned, Order, order_id, delivery=delivery)

    def talk(self) -> None:
        random, at, agent = self.random, self.moment(), self.somebody()
        code, subject, resolution, result = random.choice(words.TALKS)
        channel = random.choices(("phone", "chat", "email", "visit"), (50, 28, 18, 4))[0]
        resolved = random.random() < 0.86
        end = min(at + timedelta(minutes=random.randint(2, 25)), self.book.now)
        csat = random.choices((1, 2, 3, 4, 5), (6, 6, 12, 30, 46))[0] if random.random() < 0.2 else None
        number = self.book.next_ids[Interaction]
        order_id = self.last_order if random.random() < 0.6 else None
        talk_id = self.book.add(
            Interaction, self.customer_id, agent, SOURCE, f"i{number}", order_id, channel, "closed", subject, at, end,
            code, resolved, csat, subject, resolution if resolved else "", result if resolved else "Not solved yet.",
        )  # fmt: skip
        self.tell(
            "interaction.closed", Topic.TALK, end, Interaction, talk_id, agent, resolved=resolved, channel=channel
        )
        if random.random() < 0.3:
            self.tell("interaction.opened", Topic.ACCESS, at, Interaction, talk_id, agent)
        if random.random() < 0.1:
            self.speak(talk_id, subject, at)
        if csat and self.left:
            self.tell("survey.answered", Topic.SIGNAL, end, Interaction, talk_id, score=csat)
        if random.random() < 0.12 and self.left:
            self.note(talk_id, end, agent)
        if random.random() < 0.04 and self.left:
            self.complain(talk_id, end, agent)

    def speak(self, talk_id: int, subject: str, at: datetime) -> None:
        turns = self.random.choice(words.CONVERSATIONS)
        for position, turn in enumerate(turns):
            speaker = "agent" if position % 2 else "customer"
            said = at + timedelta(seconds=20 * position)
            self.book.add(Utterance, talk_id, position, speaker, turn.format(subject=subject.lower()), said)

    def note(self, talk_id: int | None = None, at: datetime | None = None, author: int | None = None) -> None:
        random = self.random
        at, author = at or self.moment(), author or self.somebody()
        body, quotable = random.choice(words.NOTES), random.random() < 0.3
        kind = random.choice(("call", "visit", "preference", "follow_up", "other"))
        pinned = random.random() < 0.01
        due = (at + timedelta(days=random.randint(1, 30))).date() if kind == "follow_up" else None
        due = due if due and due > self.book.now.date() - timedelta(days=3) else None
        amended = random.random() < 0.06 and self.left > 1
        note_id = self.book.add(
            Note, self.customer_id, talk_id, author, kind, body, quotable, pinned, due, at, 2 if amended else 1
        )
        facts = {"kind": kind, "quotable": quotable, "pinned": pinned, "length": len(body)}
        self.tell("note.written", Topic.NOTE, at, Note, note_id, author, **facts)
        if amended:
            later = min(at + timedelta(hours=2), self.book.now)
            self.book.add(NoteRevision, note_id, 1, random.choice(words.NOTES), kind, quotable, later, author)
            facts = {"version": 2, "quotable": quotable, "length": len(body)}
            self.tell("note.amended", Topic.NOTE, later, Note, note_id, author, **facts)
        if random.random() < 0.2 and self.left:
            self.promise(note_id, at, author)

    def promise(self, note_id: int, at: datetime, owner: int) -> None:
        random = self.random
        due = at + timedelta(days=random.randint(1, 10))
        overdue = (self.book.now - due).total_seconds() / DAY
        settled = overdue > SETTLED_AFTER or (overdue > 0 and random.random() < 0.9)
        state = random.choices(("kept", "released"), (92, 8))[0] if settled and self.left > 1 else "open"
        if state == "open" and overdue > 0:  # there is no room to tell how it ended, so it has not ended
            due = self.book.now + timedelta(days=random.randint(1, 10))
        done = min(due + timedelta(hours=random.randint(-40, 10)), self.book.now) if state != "open" else None
        text = random.choice(words.PROMISES)
        promise_id = self.book.add(Promise, self.customer_id, note_id, owner, text, due, state, at, done)
        self.tell("promise.made", Topic.NOTE, at, Promise, promise_id, owner, due_at=due.isoformat())
        if done:
            self.tell(f"promise.{state}", Topic.NOTE, done, Promise, promise_id, owner, late=done > due)

    def complain(self, talk_id: int, at: datetime, agent: int) -> None:
        days = (self.book.now - at).total_seconds() / DAY
        settled = at + timedelta(days=self.random.randint(1, SETTLED_AFTER)) if days > SETTLED_AFTER else None
        if settled and self.left < 2:
            return
        complaint_id = self.book.add(
            Complaint, self.customer_id, talk_id, None, self.random.choice(words.COMPLAINTS),
            "settled" if settled else "open", at, settled, agent if settled else None,
        )  # fmt: skip
        self.tell("complaint.opened", Topic.TALK, at, Complaint, complaint_id, agent)
        if settled:
            self.tell("complaint.settled", Topic.TALK, settled, Complaint, complaint_id, agent)

    def look(self) -> None:
        kind = self.random.choices(("page_seen", "cart_abandoned", "review", "newsletter"), (60, 20, 12, 8))[0]
        at, item = self.moment(), self.random.choice(self.book.items)
        number = self.book.next_ids[WebEvent]
        seen = self.book.add(
            WebEvent, self.customer_id, SOURCE, f"w{number}", kind, at, item.name, f'{{"price": {item.price_minor}}}'
        )
        self.tell(f"web.{kind}", Topic.SIGNAL, at, WebEvent, seen)

    def like(self) -> None:
        at, agent = self.moment(), self.somebody()
        if len(self.preferences) >= MOST_PREFERENCES:
            known = self.random.choice(self.preferences)
            self.tell("preference.confirmed", Topic.PROFILE, at, Preference, known, agent)
            return
        category, text = self.random.choice(words.PREFERENCES)
        provenance = self.random.choices(("stated", "observed", "inferred"), (60, 25, 15))[0]
        known = self.book.add(Preference, self.customer_id, text, category, provenance, "{}", at, agent, at)
        self.preferences.append(known)
        self.tell("preference.added", Topic.PROFILE, at, Preference, known, agent)

    def refuse(self) -> None:
        if self.boundaries >= MOST_BOUNDARIES:
            return
        self.boundaries += 1
        at, agent = self.moment(), self.somebody()
        kind, text = self.random.choice((("no_gifts", ""), ("other", "Please write, do not call")))
        known = self.book.add(Boundary, self.customer_id, kind, text, "{}", at, agent, at)
        self.tell("boundary.added", Topic.PROFILE, at, Boundary, known, agent)
