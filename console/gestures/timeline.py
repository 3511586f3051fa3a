"""How a gesture reads on the customer's timeline."""

from __future__ import annotations

from flask import url_for
from sqlalchemy import select

from console.customers.timeline import Line, describes
from console.empowerment.kinds import Occasion
from console.events import Event
from console.gestures.models import GestureVersion, LedgerEntry
from console.web import money

NAME = (
    select(GestureVersion.name)
    .where(GestureVersion.id == LedgerEntry.gesture_version_id)
    .correlate(LedgerEntry)
    .scalar_subquery()
)
STEPS = {
    "gesture.offered": ("gift", "offered", "gesture"),
    "gesture.granted": ("gift", "given", "gesture"),
    "gesture.fulfilled": ("circle-check", "done", "gesture"),
    "gesture.declined": ("circle-x", "declined", ""),
    "gesture.voided": ("undo-2", "withdrawn", ""),
    "gesture.expired": ("clock", "offer ran out", ""),
    "gesture.reversed": ("undo-2", "taken back", ""),
}


@describes(LedgerEntry, NAME)
def gesture_line(event: Event, entry: LedgerEntry, name: str) -> Line:
    icon, step, tone = STEPS.get(event.kind, ("gift", event.kind.partition(".")[2], ""))
    why = "after a failure" if entry.occasion is Occasion.RECOVERY else "for no reason"
    cost = f"cost {money(entry.cost)}" if entry.cost_minor else "free"
    return Line(icon, f"{name}: {step}", f"{why} · {cost}", url_for("gestures.entry", entry_id=entry.id), tone)
