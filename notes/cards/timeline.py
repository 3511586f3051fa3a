"""How delivery cards read on a customer's timeline: their words, and the note they come from."""

from __future__ import annotations

from flask import url_for
from sqlalchemy import select

from console.auth.models import User
from console.customers.models import Order
from console.customers.timeline import Line, describes
from console.events import Event
from notes.cards.models import DeliveryCard
from notes.models import Note
from notes.timeline import excerpt

NUMBER = select(Order.number).where(Order.id == DeliveryCard.order_id).correlate(DeliveryCard).scalar_subquery()
SOURCE = (
    select(User.name)
    .join(Note, Note.author_id == User.id)
    .where(Note.id == DeliveryCard.note_id)
    .correlate(DeliveryCard)
    .scalar_subquery()
)


@describes(DeliveryCard, NUMBER, SOURCE)
def card_line(event: Event, card: DeliveryCard, number: str | None, source: str | None) -> Line | None:
    """Approved, packed and skipped are told; what lies between stands in the audit trail alone."""
    order = f"order {number}" if number else "their order"
    note_url = url_for("notes.show", note_id=card.note_id) if card.note_id else None
    if event.kind == "card.skipped":
        return Line("package-x", f"Card left out of {order}", card.skipped_because, note_url, "note")
    if event.kind not in {"card.approved", "card.packed"}:
        return None
    facts = [f"card for {order} approved" if event.kind == "card.approved" else f"card packed with {order}"]
    if source:
        facts.append(f"from a note by {source}")
    elif card.quote:
        facts.append("from a note that is gone")
    icon = "signature" if event.kind == "card.approved" else "package-check"
    return Line(icon, excerpt(card.body), " · ".join(facts), note_url, "note", quote=True)
