"""Gestures that come about by a delivery card: granted, one waits for the next card, and is done once that is packed.

The ledger owns its transaction, so a card is packed and committed first and its gesture fulfilled after it. Whatever
a crash leaves between the two is found by the state of both, and finished with the next card that is packed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import set_committed_value

from console.customers.models import Order
from console.db import db
from console.errors import DomainError
from console.gestures.fulfilment import tells_how_far
from console.gestures.fulfilment_models import Fulfilment, FulfilmentState
from console.gestures.ledger import fulfil
from console.gestures.models import EntryState, Fulfilling, LedgerEntry
from notes.cards.models import CardState, DeliveryCard

AT_ONCE = 20
HOW_FAR = {
    CardState.DRAFT: "being drafted",
    CardState.APPROVED: "approved, still to be written",
    CardState.WRITTEN: "written, still to be packed",
    CardState.PACKED: "packed",
}


def tie_gesture(card: DeliveryCard) -> int | None:
    """Let this card fulfil the oldest granted gesture of its customer that waits for one; returns the entry's id.

    Call it when a card is drafted, once it is flushed (it needs its id). Of two drafts at the same moment one gets the
    gesture and the other none. Without a waiting gesture nothing changes. A skipped card leaves its gesture waiting,
    so the next draft ties it again.
    """
    has_a_card = exists().where(DeliveryCard.entry_id == LedgerEntry.id, DeliveryCard.state != CardState.SKIPPED)
    entry_id: int | None = db.session.scalar(
        waiting()
        .where(LedgerEntry.customer_id == card.customer_id, ~has_a_card)
        .order_by(LedgerEntry.booked_at, LedgerEntry.id)
        .limit(1)
    )
    if entry_id is None:
        return None
    tied = update(DeliveryCard).where(DeliveryCard.id == card.id).values(entry_id=entry_id)
    try:
        with db.session.begin_nested():
            db.session.execute(tied.execution_options(synchronize_session=False))
    except IntegrityError:
        return None  # another draft was faster
    set_committed_value(card, "entry_id", entry_id)
    return entry_id


def waiting() -> Select[Any]:
    """Entries that were granted and wait for a card."""
    return (
        select(LedgerEntry.id)
        .join(Fulfilment, Fulfilment.entry_id == LedgerEntry.id)
        .where(
            Fulfilment.state == FulfilmentState.WAITING,
            Fulfilment.way == Fulfilling.CARD,
            LedgerEntry.state == EntryState.GRANTED,
        )
    )


def fulfil_packed(now: datetime) -> int:
    """Fulfil what packed cards were given for, as who packed them; returns how many. Commits, so commit the card first.

    A gesture that moved on meanwhile, or whose lock is taken, is left to the next call.
    """
    packed = (
        waiting()
        .join(DeliveryCard, DeliveryCard.entry_id == LedgerEntry.id)
        .where(DeliveryCard.state == CardState.PACKED)
        .add_columns(DeliveryCard.settled_by_id)
        .order_by(LedgerEntry.id)
        .limit(AT_ONCE)
    )
    done = 0
    for entry_id, packer_id in db.session.execute(packed).all():
        with suppress(DomainError):
            fulfil(entry_id, actor_id=packer_id, now=now)
            done += 1
    return done


@tells_how_far(Fulfilling.CARD)
def how_far(entry_ids: Sequence[int]) -> dict[int, str]:
    """Where the card of each gesture is, in words; by entry."""
    said = dict.fromkeys(entry_ids, "waits for their next order")
    rows: Sequence[Any] = db.session.execute(
        select(DeliveryCard.entry_id, DeliveryCard.state, DeliveryCard.skipped_because, Order.number)
        .join(Order, Order.id == DeliveryCard.order_id)
        .where(DeliveryCard.entry_id.in_(entry_ids))
        .order_by(DeliveryCard.id)
    ).all()
    for entry_id, state, because, number in rows:
        if state is CardState.SKIPPED:
            said[entry_id] = f"left out of order {number} ({because}), waits for the next one"
        else:
            said[entry_id] = f"card for order {number}: {HOW_FAR[state]}"
    return said
