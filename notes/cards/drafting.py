"""What people do with delivery cards before they are written: draft, edit, approve, take back, leave out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import tuple_, update
from sqlalchemy.exc import IntegrityError

from console.auth.models import User
from console.customers.models import Order
from console.db import db
from console.errors import DomainError, Stale
from console.events import Topic, record_event
from console.feed import tell
from console.web import locale
from notes.cards.around import Around, around, arounds
from notes.cards.candidates import Candidate, candidates, private, reads_meaning, situation_of
from notes.cards.checks import Check, Find, check_card
from notes.cards.gestures import tie_gesture
from notes.cards.models import CardState, DeliveryCard, Paper
from notes.cards.packing_queue import GONE
from notes.cards.queries import one, open_cards
from notes.cards.words import drafted, exchanged, language_of, line_to_them
from notes.screening import fault_in, tidy

LONGEST_BODY = 2_000
LONGEST_REASON = 200
AT_ONCE = 200  # cards that are approved or printed together
ONE_BY_ONE = (
    "Cards are checked by their words alone just now, not by their meaning, so none is approved unread. Read this one "
    "and approve it; the next follows."
)
FASTER = "Somebody changed this card meanwhile. Both versions are below; nothing was saved."
NOT_A_DRAFT = {
    CardState.APPROVED: "This card is approved. Take the approval back before you change it.",
    CardState.WRITTEN: "This card is written already, so its words stand.",
    CardState.PACKED: "This card lies in the parcel already, so its words stand.",
    CardState.SKIPPED: "This card was left out. Draft another one for the order.",
}


class Unread(DomainError):
    """Nobody has read them, and nothing here could in a person's place."""


@dataclass(frozen=True)
class Words:
    """A card as somebody wants it."""

    body: str
    paper: Paper = Paper.A6


@dataclass(frozen=True)
class Desk:
    """A card with everything beside it."""

    card: DeliveryCard
    around: Around
    gone: str  # why the order no longer waits for a card


def writer_of(user: User) -> str:
    """Who signs."""
    return user.name.split()[0] if user.name.strip() else ""


def gone(order: Order) -> str:
    """Why the order no longer waits for a card, as a sentence; empty while it does."""
    if any(delivery.shipped_at for delivery in order.deliveries) and order.status not in GONE:
        return "A part of this order has left already, without this card."
    return GONE.get(order.status, "")


def desk(card: DeliveryCard, now: datetime) -> Desk:
    """Raises LookupError when the order is gone from the database."""
    if (known := around(card.order_id, now)) is None:
        raise LookupError(card.order_id)
    return Desk(card, known, gone(known.order))


def offered(desk: Desk, now: datetime) -> tuple[list[Candidate], int]:
    """The lines to choose from, and how many sentences no card may say."""
    return candidates(desk.around, desk.card.language, now)


def checks(desk: Desk, words: Words, us: str, find: Find | None = None) -> list[Check]:
    """What speaks against these words on this card; `find` when it is made already, for many cards."""
    card = desk.card
    known = situation_of(
        desk.around,
        words.body,
        card.quote,
        card.note,
        as_gesture=card.entry_id is not None,
        gone=desk.gone,
        language=card.language,
        us=us,
    )
    return check_card(words.body, words.paper, known, find or private())


def draft_all(order_ids: Sequence[int], writer: User, now: datetime) -> list[DeliveryCard]:
    """Begin the cards of orders without one, what is known of all of them read at once."""
    found = arounds(order_ids, now)
    return [draft_known(found[order_id], "", writer, now) for order_id in order_ids]


def draft_card(order_id: int, key: str, writer: User, now: datetime) -> DeliveryCard:
    """Begin the card for an order, from the candidate of that key, or from the best one, first of those with a line.

    An order that has a card keeps it: drafting twice is harmless. Raises DomainError for an order that has left, or for
    a line that may not be taken any more, and LookupError for no order.
    """
    if card := db.session.scalars(open_cards([order_id])).first():
        return card
    if (known := around(order_id, now)) is None:
        raise LookupError(order_id)
    return draft_known(known, key, writer, now)


def draft_known(known: Around, key: str, writer: User, now: datetime) -> DeliveryCard:
    order_id = known.order.id
    if reason := gone(known.order):
        raise DomainError(reason)
    language = language_of(known.customer.language, locale())
    lines, _ = candidates(known, language, now)
    taken = choice(lines, key) if key else max(lines, key=lambda one: bool(one.line), default=None)
    card = DeliveryCard(
        order_id=order_id,
        customer_id=known.customer.id,
        note_id=taken.note.id if taken else None,
        quote=taken.text if taken else "",
        body=drafted(known.customer.first_name, taken.line if taken else "", writer_of(writer), language),
        language=language,
        drafted_at=now,
        drafted_by_id=writer.id,
    )
    try:
        with db.session.begin_nested():
            db.session.add(card)
    except IntegrityError:  # somebody was as fast
        return db.session.scalars(open_cards([order_id])).one()
    tie_gesture(card)
    write_down("card.drafted", card, writer.id, now, {"note": card.note_id, "gesture": card.entry_id is not None})
    return card


def choice(lines: Sequence[Candidate], key: str) -> Candidate:
    found = next((one for one in lines if one.key == key), None)
    if found is None:
        raise DomainError("That line may no longer be taken. Choose another one, or write your own.")
    return found


def edit_card(
    card: DeliveryCard, words: Words, seen_version: int, *, actor_id: int, now: datetime, **source: Any
) -> bool:
    """Change a draft's words; False when nothing is different. `source`: note_id and quote when another line was taken.

    Raises Stale when there is a newer version, and DomainError when it is no draft or the words cannot be kept.
    """
    refuse_words(words)
    if card.state is not CardState.DRAFT:
        raise DomainError(NOT_A_DRAFT[card.state])
    if card.version != seen_version:
        raise Stale(FASTER)
    wanted = {"body": words.body, "paper": words.paper, **source}
    if all(getattr(card, name) == value for name, value in wanted.items()):
        return False
    swap(card, CardState.DRAFT, **wanted, version=card.version + 1)
    write_down("card.edited", card, actor_id, now, {"version": seen_version + 1, "length": len(words.body)})
    return True


def take_line(desk: Desk, key: str, words: Words, seen_version: int, *, actor_id: int, now: datetime) -> None:
    """Quote another sentence: its line stands where the other one stood; "none" quotes nothing. Raises as edit_card."""
    card = desk.card
    names = (desk.around.customer.first_name, desk.around.customer.name)
    before = line_to_them(card.quote, card.language, names) if card.quote else ""
    taken = choice(offered(desk, now)[0], key) if key != "none" else None
    body = exchanged(words.body, before, taken.line if taken else "")
    source = {"note_id": taken.note.id if taken else None, "quote": taken.text if taken else ""}
    edit_card(card, Words(body, words.paper), seen_version, actor_id=actor_id, now=now, **source)


def approve_card(desk: Desk, words: Words, seen_version: int, *, actor: User, now: datetime) -> bool:
    """These words may be written. False when they already were approved: pressing twice is harmless.

    Raises Stale when there is a newer version, DomainError with the first reason against it.
    """
    card = desk.card
    if card.state is CardState.APPROVED and words == Words(card.body, card.paper):
        return False
    edit_card(card, words, seen_version, actor_id=actor.id, now=now)
    against = [check for check in checks(desk, words, writer_of(actor)) if check.blocks]
    if against:
        raise DomainError(against[0].text)
    swap(card, CardState.DRAFT, state=CardState.APPROVED, approved_at=now, approved_by_id=actor.id)
    write_down("card.approved", card, actor.id, now, {"note": card.note_id, "version": card.version})
    return True


def approve_ready(cards: Sequence[DeliveryCard], *, actor: User, now: datetime) -> tuple[list[int], int]:
    """Approve the drafts that nothing speaks against; returns their ids, and how many a person has to look at.

    The same few statements for one and for all. Raises Unread while nothing looks at their meaning, and Stale when
    somebody changed one of them at this moment.
    """
    if cards and not reads_meaning():
        raise Unread(ONE_BY_ONE)
    known = arounds([card.order_id for card in cards], now, to_write=False)
    find, us = private(), writer_of(actor)
    desks = [Desk(card, known[card.order_id], gone(known[card.order_id].order)) for card in cards]
    ready = [each.card for each in desks if not checks(each, Words(each.card.body, each.card.paper), us, find)]
    ids = [card.id for card in ready]
    if ready:
        seen = tuple_(DeliveryCard.id, DeliveryCard.version).in_([(card.id, card.version) for card in ready])
        change = update(DeliveryCard).where(seen, DeliveryCard.state == CardState.DRAFT)
        change = change.values(state=CardState.APPROVED, approved_at=now, approved_by_id=actor.id)
        result: Any = db.session.execute(change.execution_options(synchronize_session=False))
        if result.rowcount != len(ready):
            raise Stale(FASTER)
        for card in ready:
            record("card.approved", card, actor.id, now, {"note": card.note_id, "version": card.version})
            db.session.expire(card)
        tell("cards", "cards")
    return ids, len(cards) - len(ready)


def take_back(card: DeliveryCard, *, actor_id: int, now: datetime) -> bool:
    """An approved card is a draft again. False when it is one; DomainError once it is written."""
    if card.state is CardState.DRAFT:
        return False
    if card.state is not CardState.APPROVED:
        raise DomainError(NOT_A_DRAFT[card.state])
    swap(card, CardState.APPROVED, state=CardState.DRAFT, approved_at=None, approved_by_id=None)
    write_down("card.taken_back", card, actor_id, now)
    return True


def leave_out(card: DeliveryCard, because: str, *, actor_id: int, now: datetime) -> bool:
    """No card goes with this order, or another one. False when it was left out already.

    Raises DomainError without a reason, or once the card is written.
    """
    if card.state is CardState.SKIPPED:
        return False
    because = " ".join(tidy(because).split())
    if fault := fault_in(because, LONGEST_REASON, "Say why it is left out.", "The reason"):
        raise DomainError(fault)
    if card.state not in (CardState.DRAFT, CardState.APPROVED):
        raise DomainError(NOT_A_DRAFT[card.state])
    facts: dict[str, Any] = {"was": card.state.value, "order": card.order_id}
    changes = {"skipped_because": because, "settled_at": now, "settled_by_id": actor_id}
    swap(card, card.state, state=CardState.SKIPPED, **changes)
    write_down("card.skipped", card, actor_id, now, facts)
    return True


def swap(card: DeliveryCard, was: CardState, **values: Any) -> None:
    """Compare and set by state and version. Raises Stale when somebody else was first."""
    changed = db.session.execute(
        update(DeliveryCard)
        .where(DeliveryCard.id == card.id, DeliveryCard.state == was, DeliveryCard.version == card.version)
        .values(**values)
        .returning(DeliveryCard.id)
        .execution_options(synchronize_session=False)
    ).first()
    if changed is None:
        raise Stale(FASTER)
    db.session.expire(card)
    db.session.scalars(one(card.id)).one()


def refuse_words(words: Words) -> None:
    if fault := fault_in(words.body, LONGEST_BODY, "Write the card first.", "The card"):
        raise DomainError(fault)


def write_down(
    kind: str, card: DeliveryCard, actor_id: int, now: datetime, facts: dict[str, Any] | None = None
) -> None:
    record(kind, card, actor_id, now, facts or {})
    tell("cards", "cards")


def record(kind: str, card: DeliveryCard, actor_id: int, now: datetime, facts: dict[str, Any]) -> None:
    record_event(kind, Topic.NOTE, subject=card, customer_id=card.customer_id, actor_id=actor_id, at=now, data=facts)
