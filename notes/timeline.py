"""How notes and promises read on a customer's timeline."""

from __future__ import annotations

from datetime import datetime

from flask import url_for
from sqlalchemy import select

from console.auth.models import User
from console.customers.timeline import Line, describes
from console.db import utc_now
from console.events import Event
from console.web import clock, day
from notes.forms import END_OF_DAY
from notes.models import Note, Promise, PromiseState

EXCERPT = 220  # characters
PROMISE_ENDS = {"promise.kept": "Promise kept", "promise.released": "Promise released"}
PROMISE_TURNS = {  # icon, title
    "promise.broken": ("triangle-alert", "Promise broken"),
    "promise.moved": ("calendar-clock", "Promise moved"),
    "promise.reopened": ("undo-2", "Promise open again"),
    "promise.handed_over": ("users", "Promise handed over"),
}
OWNER = select(User.name).where(User.id == Promise.owner_id).correlate(Promise).scalar_subquery()


@describes(Note)
def note_line(event: Event, note: Note) -> Line | None:
    """Writing and amending are told; pins and follow-ups stand in the audit trail alone."""
    more_url = url_for("notes.show", note_id=note.id)
    if event.kind == "note.amended":
        return Line("pencil", "Note amended", f"version {event.data.get('version', note.version)}", more_url, "note")
    if event.kind != "note.written":
        return None
    facts = [note.kind.label]
    if note.quotable:
        facts.append("may be quoted")
    if note.follow_up_on:
        facts.append(f"follow up {day(note.follow_up_on)}")
    return Line("notebook-pen", excerpt(note.body), " · ".join(facts), more_url, "note", quote=True)


@describes(Promise, OWNER)
def promise_line(event: Event, promise: Promise, owner: str | None) -> Line | None:
    if event.kind in PROMISE_ENDS:
        late = event.kind == "promise.kept" and event.data.get("late")
        title = PROMISE_ENDS[event.kind] + (" late" if late else "")
        return Line("calendar-check", title, promise.text, tone="promise" if late else "good")
    if event.kind in PROMISE_TURNS:
        icon, title = PROMISE_TURNS[event.kind]
        if event.kind == "promise.moved":
            was, new = (datetime.fromisoformat(event.data[key]) for key in ("was_due_at", "due_at"))
            title += f" from {day(was)} to {day(new)}"
        return Line(icon, title, promise.text, tone="broken" if event.kind == "promise.broken" else "promise")
    if event.kind != "promise.made":
        return None
    detail = f"by {due_words(promise.due_at)}"
    if owner and promise.owner_id != event.actor_id:
        detail += f", {owner}"
    if promise.state is PromiseState.OPEN and promise.is_broken(utc_now()):  # nobody's job has noticed yet
        return Line("triangle-alert", f"Promise broken: {promise.text}", detail, tone="broken")
    settled = promise.state.is_settled
    return Line("calendar-clock", f"Promised: {promise.text}", detail, tone="good" if settled else "promise")


def due_words(due_at: datetime) -> str:
    """24 Nov, or 24 Nov 17:30 when it is due at a time."""
    time = clock(due_at)
    return day(due_at) if time == f"{END_OF_DAY:%H:%M}" else f"{day(due_at)} {time}"


def excerpt(body: str) -> str:
    words = " ".join(body.split())
    return words if len(words) <= EXCERPT else f"{words[: EXCERPT - 1].rsplit(' ', 1)[0]}…"
