"""The last days at the shop: cards for parcels about to leave, colleagues mentioned in notes, somebody away.

Rows of the past, so nobody is told of them; only the gesture that a card fulfils is tied as the console does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from console.customers.models import Boundary, BoundaryKind, OrderStatus
from console.db import db
from console.demo.days import END_OF_DAY, Days
from console.demo.diary import Diary
from console.demo.orders import Purchase
from console.demo.people import Person
from console.demo.reading import SOURCE, table
from console.demo.talks import Staff, tell_note
from console.events import Topic
from notes.beside.models import NoteMention, NoteTemplate
from notes.cards.gestures import tie_gesture
from notes.cards.models import CardState, DeliveryCard
from notes.cards.words import drafted
from notes.findings.models import FindingKind, NoteFinding
from notes.models import Note, NoteKind, Promise, PromiseState
from notes.promises.away_models import Absence

PACKER = "wes"
APPROVER = "dana"
SENT = "sent"  # of a card in cards.yaml: packed with a parcel that has left
# How long before now a step was taken, and after which other one; what is sent was packed before the parcel left.
STEPS: dict[str, tuple[tuple[str, timedelta], ...]] = {
    "draft": (),
    "approved": (("approved", timedelta(minutes=150)),),
    "written": (("approved", timedelta(minutes=160)), ("written", timedelta(minutes=70))),
    "packed": (
        ("approved", timedelta(minutes=170)), ("written", timedelta(minutes=95)), ("packed", timedelta(minutes=40))
    ),
    "skipped": (("approved", timedelta(minutes=165)), ("skipped", timedelta(minutes=55))),
}  # fmt: skip
STEPS[SENT] = STEPS["packed"]
DRAFTED = timedelta(minutes=200)


def open_the_bench(
    people: list[Person], told: dict[str, Purchase], history: dict[int, list[Purchase]], staff: Staff, days: Days,
    diary: Diary,
) -> None:  # fmt: skip
    """All of it, flushed. `told` are the orders of the stories by key, `history` everybody's by customer id."""
    templates(staff, days)
    by_tale = {person.tale["key"]: person for person in people if person.tale}
    news(by_tale, staff, days, diary)
    stand_in(by_tale, staff, days, diary)
    for purchase, line in matched([bought for orders in history.values() for bought in orders], days):
        note = quoted(line, purchase, staff, days, diary)
        card(purchase, line, note, staff, days, diary)
    given(told, staff, days, diary)


def templates(staff: Staff, days: Days) -> None:
    db.session.add_all(
        NoteTemplate(
            owner_id=staff[line["of"]].id if "of" in line else None,
            title=line["title"],
            body=line["body"],
            kind=NoteKind(line["kind"]),
            changed_at=days.at(45, "10:10"),
            is_demo=True,
        )
        for line in table("note_templates")
    )


def news(by_tale: dict[str, Person], staff: Staff, days: Days, diary: Diary) -> None:
    """Notes of the last days, with who is mentioned and what was found in them."""
    for line in table("cards")["notes"]:
        at = days.now - timedelta(hours=line["hours_ago"])
        note = write(
            line, line["text"], by_tale[line["customer"]], at, staff, diary, quotable=line.get("quotable", False)
        )
        for key in line.get("mentions", ()):
            db.session.add(NoteMention(note_id=note.id, user_id=staff[key].id, mentioned_at=at))
        for found in line.get("findings", ()):
            begins = note.body.index(found["sentence"])
            row = NoteFinding(note_id=note.id, note_version=note.version, kind=FindingKind(found["kind"]), found_at=at)
            row.begins, row.ends = begins, begins + len(found["sentence"])
            row.text, row.score = found["text"], found["score"]
            if "due_days" in found:
                row.due_at = days.on(days.day(-found["due_days"]), END_OF_DAY)
            db.session.add(row)


def write(
    line: dict[str, Any], text: str, person: Person, at: datetime, staff: Staff, diary: Diary, *, quotable: bool
) -> Note:
    note = Note(
        source=SOURCE,
        customer_id=person.customer.id,
        author_id=staff[line["author"]].id,
        kind=NoteKind(line["kind"]),
        body=text,
        quotable=quotable,
        written_at=at,
    )
    db.session.add(note)
    db.session.flush()
    tell_note(person, note, diary)
    return note


def stand_in(by_tale: dict[str, Person], staff: Staff, days: Days, diary: Diary) -> None:
    """Who is away, and their open promises with who stands in."""
    customers = {person.customer.id: person.customer for person in by_tale.values()}
    for line in table("staff")["absences"]:
        away, other = staff[line["who"]], staff[line["stand_in"]]
        at = days.past(days.at(line["since_days"], "08:05"))
        first, until = days.day(line["since_days"]), days.day(-line["days_more"])
        row = Absence(user_id=away.id, stand_in_id=other.id, first_on=first, until_on=until, entered_by_id=away.id)
        row.entered_at = days.past(days.at(line["since_days"] + 3, "16:40"))
        db.session.add(row)
        waiting = select(Promise).where(
            Promise.owner_id == away.id,
            Promise.state == PromiseState.OPEN,
            Promise.customer_id.in_(customers),
            Promise.due_at <= days.on(until, END_OF_DAY),
        )
        for promise in db.session.scalars(waiting.order_by(Promise.id)):
            handed = max(at, promise.created_at)
            promise.owner_id, promise.handed_from_id, promise.handed_at = other.id, away.id, handed
            facts = {"from": away.id, "to": other.id, "for": away.id, "reason": "away"}
            customer = customers[promise.customer_id]
            diary.add("promise.handed_over", Topic.NOTE, promise, customer, handed, None, facts)


def matched(purchases: Iterable[Purchase], days: Days) -> Iterator[tuple[Purchase, dict[str, Any]]]:
    """Each card with an order that it fits: one that waits, or for what was sent one that left in the last days.

    Customers of whom a note may be quoted already keep it for a card that is yet to be drafted.
    """
    quoted = set(db.session.scalars(select(Note.customer_id).where(Note.quotable)))
    quoted |= set(db.session.scalars(select(Boundary.customer_id).where(Boundary.kind == BoundaryKind.NO_GIFTS)))
    fitting = [
        bought
        for bought in sorted(purchases, key=lambda bought: (bought.placed_at, bought.order.id))
        if not bought.person.tale and not bought.person.is_trade and bought.delivery
        and bought.person.customer.language == "en" and bought.person.customer.consents.get("quote_notes")
        and bought.person.customer.id not in quoted
    ]  # fmt: skip
    taken: set[int] = set()
    lines: list[dict[str, Any]] = table("cards")["cards"]
    for has_left in (False, True):
        wanted = iter([line for line in lines if (line["state"] == SENT) is has_left])
        for bought in fitting:
            customer_id = bought.person.customer.id
            if customer_id in taken or not (just_left(bought, days) if has_left else waits(bought)):
                continue
            if (line := next(wanted, None)) is None:
                break
            taken.add(customer_id)
            yield bought, line


def waits(bought: Purchase) -> bool:
    return bought.order.status is OrderStatus.PROCESSING


def just_left(bought: Purchase, days: Days) -> bool:
    left = bought.delivery.shipped_at if bought.delivery else None
    return bought.order.status is OrderStatus.SHIPPED and left is not None and left > days.now - timedelta(days=4)


def quoted(line: dict[str, Any], bought: Purchase, staff: Staff, days: Days, diary: Diary) -> Note:
    """The note that the card's line is from: written before the order was placed, and after they became a customer."""
    person = bought.person
    since = (days.today - (person.customer.customer_since or days.today)).days
    at = days.past(days.at(min(line["days_ago"], since), "12:20"))
    return write(line, line["note"], person, at, staff, diary, quotable=True)


def card(bought: Purchase, line: dict[str, Any], note: Note, staff: Staff, days: Days, diary: Diary) -> DeliveryCard:
    """The card with its steps, each told. Of a parcel that has left, everything was done before it left."""
    customer, author, state = bought.person.customer, staff[line["author"]], line["state"]
    end = bought.delivery.shipped_at if state == SENT and bought.delivery and bought.delivery.shipped_at else days.now
    floor = max(bought.placed_at, note.written_at) + timedelta(minutes=1)
    row = DeliveryCard(
        order_id=bought.order.id,
        customer_id=customer.id,
        note_id=note.id,
        quote=line["quote"],
        body=drafted(customer.first_name, line["line"], author.name.split()[0], "en"),
        state=CardState.PACKED if state == SENT else CardState(state),
        skipped_because=line.get("because", ""),
        drafted_at=max(end - DRAFTED, floor),
        drafted_by_id=author.id,
    )
    db.session.add(row)
    db.session.flush()
    diary.add("card.drafted", Topic.NOTE, row, customer, row.drafted_at, author.id, {"note": note.id, "gesture": False})
    was, at = CardState.DRAFT, row.drafted_at
    for step, before in STEPS[state]:
        at = max(end - before, at)
        actor = staff[APPROVER if step == "approved" else PACKER]
        if step == "approved":
            row.approved_at, row.approved_by_id = at, actor.id
        elif step != "written":
            row.settled_at, row.settled_by_id = at, actor.id
        facts = {"was": was.value, "order": row.order_id}
        diary.add(f"card.{step}", Topic.NOTE, row, customer, at, actor.id, facts)
        was = CardState(step)
    return row


def given(told: dict[str, Purchase], staff: Staff, days: Days, diary: Diary) -> None:
    """The card that a granted gesture waits for, approved."""
    line = table("cards")["given"] | {"state": "approved"}
    words = select(Note).where(Note.source == SOURCE, Note.external_id == line["note"])
    note = db.session.scalars(words).one()
    tie_gesture(card(told[line["order"]], line, note, staff, days, diary))
