"""What the delivery staff do with approved cards: written, packed, or skipped for a reason; each undone within its day.

Who is faster wins: a step names the state and the words that somebody had before them; the other is told who it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import IntegrityError

from console.auth.models import User
from console.db import db
from console.errors import DomainError, Stale
from console.events import Event, Topic, record_event
from console.feed import tell
from console.gestures.models import EntryState, LedgerEntry
from console.web import clock
from notes.cards.models import CardState, DeliveryCard
from notes.cards.packing_queue import DID, TO_DO, Slip, midnight, slips
from notes.screening import fault_in, tidy

LONGEST_REASON = 200
REASONS = (
    "The parcel left without it",
    "A name or a word looks wrong",
    "The words do not fit this order",
    "No cards of that size are left",
)
FROM = {CardState.WRITTEN: (CardState.APPROVED,), CardState.PACKED: TO_DO, CardState.SKIPPED: TO_DO}
EDITED = "This card is being edited, so it waits. It comes back once it is approved."
NOTED_AS_DONE = (
    "This card was given as a gesture, which is noted as done since it was packed, so it stays packed. If it is not in"
    " the parcel, put it in; if it cannot go, ask a supervisor to take the gesture back, then undo it."
)
MOVED_ON = "There is nothing to undo: the card has moved on meanwhile."


def take_step(
    card_id: int, version: int, state: CardState, *, actor_id: int, now: datetime, because: str = ""
) -> DeliveryCard:
    """Written, packed or skipped. The same step once more by the same person changes nothing.

    `version` is that of the words somebody had before them. Raises Stale when somebody else was faster (it says who) or
    the words were changed; DomainError when the card cannot go, or is skipped without a reason.
    """
    return step_on(slips([card_id]).get(card_id), version, state, actor_id=actor_id, now=now, because=because)


def written(picked: Iterable[tuple[int, int]], *, actor_id: int, now: datetime) -> tuple[int, dict[str, list[str]]]:
    """A printed stack was written: (card, version) each. Returns how many were, and why which orders' were not."""
    versions = dict(picked)
    found = slips(versions)
    done, refused = 0, dict[str, list[str]]()
    for card_id, slip in sorted(found.items()):  # the same order for everybody, so that nobody waits in a circle
        try:
            step_on(slip, versions[card_id], CardState.WRITTEN, actor_id=actor_id, now=now)
            done += 1
        except DomainError as problem:
            refused.setdefault(str(problem), []).append(slip.card.order.number)
    return done, refused


def step_on(
    slip: Slip | None, version: int, state: CardState, *, actor_id: int, now: datetime, because: str = ""
) -> DeliveryCard:
    if slip is None:
        raise Stale(EDITED)
    card, was = slip.card, slip.card.state
    if state is CardState.SKIPPED:
        because = reason(because)
        refuse_if_done(card)
    elif slip.hindrance:
        raise DomainError(f"{slip.hindrance} Skip the card.")
    settled: dict[str, Any] = {} if state is CardState.WRITTEN else {"settled_at": now, "settled_by_id": actor_id}
    mine = DeliveryCard.id == card.id, DeliveryCard.state == was, DeliveryCard.version == version
    if was not in FROM[state] or not swap(mine, state=state, skipped_because=because, **settled):
        return settled_before(card.id, version, state, actor_id)
    write_down(f"card.{state.value}", card, actor_id, now)
    return card


def undo(card_id: int, *, actor_id: int, now: datetime) -> DeliveryCard:
    """Take back the last step, if it was today's. Raises DomainError otherwise, Stale when somebody was faster.

    Packed, a card given as a gesture stays packed while the ledger says that it was done: that is final there, so that
    card and ledger would say different things. Once a supervisor has taken the gesture back, it may be undone.
    """
    card = db.session.get(DeliveryCard, card_id, populate_existing=True)
    step = step_to(card) if card else None
    if card is None or step is None:
        raise Stale(MOVED_ON)
    if step.recorded_at < midnight(now):
        raise DomainError("That was not done today, so it stands. Ask whoever approved the card for a new one.")
    was = CardState(step.data["was"])
    if card.state is CardState.PACKED and is_noted_as_done(card):
        raise DomainError(NOTED_AS_DONE)
    if was is CardState.DRAFT:
        raise DomainError("It was left out before it was approved. Whoever writes cards can take it up again.")
    back = {"state": was, "settled_at": None, "settled_by_id": None, "skipped_because": ""}
    try:
        with db.session.begin_nested():
            done = swap((DeliveryCard.id == card_id, DeliveryCard.state == card.state), **back)
    except IntegrityError:
        raise DomainError("Another card was made for this order or gesture meanwhile, so this one stays out.") from None
    if not done:
        raise Stale(MOVED_ON)
    write_down("card.undone", card, actor_id, now)
    return card


def swap(which: tuple[ColumnElement[bool], ...], **values: Any) -> bool:
    """Compare and set: False when somebody else was first."""
    change = update(DeliveryCard).where(*which).values(**values).execution_options(synchronize_session=False)
    result: Any = db.session.execute(change)
    return bool(result.rowcount == 1)


def write_down(kind: str, card: DeliveryCard, actor_id: int, now: datetime) -> None:
    """`card` is as it was before the step."""
    record_event(
        kind,
        Topic.NOTE,
        subject=card,
        customer_id=card.customer_id,
        actor_id=actor_id,
        at=now,
        data={"was": card.state.value, "order": card.order_id},
    )
    tell("cards", "cards")


def reason(text: str) -> str:
    """Why a card is skipped, as it is kept. Raises DomainError without one."""
    because = " ".join(tidy(text).split())
    if fault := fault_in(
        because, LONGEST_REASON, "Say why you skip it; whoever wrote the words reads that.", "The reason"
    ):
        raise DomainError(fault)
    return because


def refuse_if_done(card: DeliveryCard) -> None:
    """A gesture that is noted as done would otherwise never reach the customer."""
    if card.state in TO_DO and is_noted_as_done(card):
        raise DomainError(
            "This card was promised as a gesture, which is noted as done. Pack it, or ask a supervisor to take the"
            " gesture back first."
        )


def is_noted_as_done(card: DeliveryCard) -> bool:
    if card.entry_id is None:
        return False
    state = db.session.scalar(select(LedgerEntry.state).where(LedgerEntry.id == card.entry_id))
    return state is EntryState.FULFILLED


def settled_before(card_id: int, version: int, state: CardState, actor_id: int) -> DeliveryCard:
    """The card, if this very person did this very thing before. Raises Stale saying who did what."""
    card = db.session.get_one(DeliveryCard, card_id, populate_existing=True)
    step = step_to(card)
    if card.state in TO_DO and card.version != version:
        raise Stale("The words were changed a moment ago. Read the card again before you go on.")
    if step is None:
        raise Stale(EDITED)
    if step.actor_id == actor_id and card.state is state:
        return card
    name = db.session.scalar(select(User.name).where(User.id == step.actor_id)) or "Somebody"
    raise Stale(f"{name} was faster: {card.state.value} at {clock(step.at)}.")


def step_to(card: DeliveryCard) -> Event | None:
    """The step that brought the card where it is; none when it waits for the first one."""
    kind = f"card.{card.state.value}"
    if kind not in DID:
        return None
    mine = Event.subject_type == DeliveryCard.__tablename__, Event.subject_id == card.id, Event.kind == kind
    return db.session.scalars(select(Event).where(*mine).order_by(Event.id.desc()).limit(1)).first()
