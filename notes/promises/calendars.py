"""A person's promises and follow-ups as a calendar, at a secret address that their calendar program reads.

Each is an event (VEVENT), not a to-do: most calendar programs show subscribed to-dos nowhere. Times are UTC, so that
every program shows them right wherever it is. A calendar syncs to other companies' servers: it names customers by their
first name alone, and what was promised only if the person wants that.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import current_app, url_for
from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import joinedload

from console.auth.models import User
from console.auth.permissions import Permission, allowed
from console.db import db
from console.events import Event as Recorded
from console.events import Topic, record_event
from console.interactions.live_models import FollowUp, FollowUpState
from console.web import zone
from notes.forms import END_OF_DAY
from notes.models import Note, NoteRevision, Promise
from notes.promises.away_models import CalendarFeed

if TYPE_CHECKING:
    from icalendar import Event

LOOK_BACK = timedelta(days=90)  # of what is due
STAYS_CANCELLED = timedelta(days=30)  # so that every program that asks hears that something is settled
BEFORE = timedelta(minutes=30)  # an event ends when its promise is due
MOST = 500  # of each kind


def make_feed(user: User, *, with_words: bool, now: datetime) -> str:
    """A new secret, which nobody can read again; one made before no longer opens anything."""
    secret = secrets.token_urlsafe(32)
    feed = feed_of(user.id) or CalendarFeed(user_id=user.id)
    feed.token_hash, feed.with_words, feed.made_at, feed.read_at = hashed(secret), with_words, now, None
    db.session.add(feed)
    db.session.flush()
    record_event("calendar.made", Topic.ACCESS, subject=feed, actor_id=user.id, at=now, data={"words": with_words})
    return secret


def set_words(user: User, with_words: bool, *, now: datetime) -> None:
    """Show what was promised, or no longer. Without an address there is nothing to set."""
    feed = feed_of(user.id)
    if feed is not None and feed.with_words is not with_words:
        feed.with_words = with_words
        data = {"words": with_words}
        record_event("calendar.changed", Topic.ACCESS, subject=feed, actor_id=user.id, at=now, data=data)


def remove_feed(user: User, *, now: datetime) -> None:
    """The address opens nothing any more. Doing it twice is harmless."""
    if (feed := feed_of(user.id)) is not None:
        record_event("calendar.removed", Topic.ACCESS, subject=feed, actor_id=user.id, at=now)
        db.session.delete(feed)


def feed_of(user_id: int) -> CalendarFeed | None:
    return db.session.scalars(select(CalendarFeed).where(CalendarFeed.user_id == user_id)).first()


def opened_by(secret: str) -> tuple[CalendarFeed, User] | None:
    """The feed with this secret and whose it is; none when it is not known, or they may no longer see customers."""
    row = db.session.execute(
        select(CalendarFeed, User)
        .join(User, User.id == CalendarFeed.user_id)
        .where(CalendarFeed.token_hash == hashed(secret))
    ).first()
    if row is None or not row[1].active or not allowed(row[1], Permission.SEE_CUSTOMER):
        return None
    return row[0], row[1]


def note_reading(feed: CalendarFeed, now: datetime) -> bool:
    """Remember when a program last asked, once an hour. Says whether there is something to commit."""
    if feed.read_at is not None and now - feed.read_at < timedelta(hours=1):
        return False
    hour = now.replace(minute=0, second=0, microsecond=0)
    db.session.execute(update(CalendarFeed).where(CalendarFeed.id == feed.id).values(read_at=hour))
    return True


def hashed(secret: str) -> str:
    """The secret is 256 random bits, so that a plain hash is as good as a slow one."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True)
class Entry:
    """One thing to do: on a day, or up to a moment."""

    uid: str  # never another one for the same thing
    title: str
    due: datetime | date
    changed_at: datetime
    url: str
    text: str = ""
    is_settled: bool = False


def calendar(entries: list[Entry], name: str) -> bytes:
    """RFC 5545. The same entries give the same bytes, so that an answer can be told from the one before."""
    from icalendar import Calendar  # eighty modules, which most workers never need

    whole = Calendar()
    whole.add("prodid", "-//Plus One//Promises//EN")
    whole.add("version", "2.0")
    whole.add("method", "PUBLISH")
    whole.add("x-wr-calname", name)
    whole.add("refresh-interval", timedelta(minutes=30), parameters={"VALUE": "DURATION"})
    whole.add("x-published-ttl", "PT30M")
    for entry in entries:
        whole.add_component(event_of(entry))
    return bytes(whole.to_ical())


def event_of(entry: Entry) -> Event:
    from icalendar import Event

    event = Event()
    event.add("uid", entry.uid)
    event.add("dtstamp", entry.changed_at)
    event.add("last-modified", entry.changed_at)
    event.add("sequence", max(int(entry.changed_at.timestamp()) - 1_600_000_000, 0))  # grows with each change
    event.add("summary", entry.title)
    if entry.text:
        event.add("description", entry.text)
    if isinstance(entry.due, datetime):
        event.add("dtstart", entry.due - BEFORE)
        event.add("dtend", entry.due)
    else:
        event.add("dtstart", entry.due)
        event.add("dtend", entry.due + timedelta(days=1))
    event.add("transp", "TRANSPARENT")  # it takes nobody's time away
    event.add("class", "PRIVATE")
    event.add("status", "CANCELLED" if entry.is_settled else "CONFIRMED")
    event.add("url", entry.url)
    return event


def entries_of(user_id: int, with_words: bool, now: datetime) -> list[Entry]:
    """What is in somebody's calendar: six statements."""
    since = now - LOOK_BACK
    entries = [
        *promises_of(user_id, with_words, since, now),
        *notes_of(user_id, with_words, since.date(), now),
        *follow_ups_of(user_id, since.date(), now),
    ]
    return sorted(entries, key=lambda entry: entry.uid)


def promises_of(user_id: int, with_words: bool, since: datetime, now: datetime) -> Iterator[Entry]:
    settled_lately = Promise.settled_at > now - STAYS_CANCELLED
    rows = db.session.execute(
        select(Promise, last_change(Promise))
        .where(
            Promise.owner_id == user_id,
            Promise.due_at > since,
            or_(Promise.settled_at.is_(None), settled_lately),
        )
        .options(joinedload(Promise.customer))
        .order_by(Promise.due_at, Promise.id)
        .limit(MOST)
    )
    for promise, changed_at in rows:
        local = promise.due_at.astimezone(zone())
        all_day = (local.hour, local.minute) == (END_OF_DAY.hour, END_OF_DAY.minute)
        name = promise.customer.called
        yield Entry(
            uid_of("promise", promise.id),
            f"Promise to {name}: {promise.text}" if with_words else f"Promise to {name}",
            local.date() if all_day else promise.due_at,
            changed_at or promise.settled_at or promise.created_at,
            url_for("promises.show", promise_id=promise.id, _external=True),
            is_settled=promise.state.is_settled,
        )


def notes_of(user_id: int, with_words: bool, since: date, now: datetime) -> Iterator[Entry]:
    """Follow-ups of notes, and of those whose date was ticked off or taken away lately, that they are cancelled."""
    rows = db.session.execute(
        select(Note, last_change(Note))
        .where(Note.author_id == user_id, Note.follow_up_on > since)
        .options(joinedload(Note.customer))
        .order_by(Note.follow_up_on, Note.id)
        .limit(MOST)
    )
    for note, changed_at in rows:
        yield Entry(
            uid_of("note", note.id),
            f"Follow up with {note.customer.called}",
            note.follow_up_on,
            changed_at or note.written_at,
            url_for("notes.show", note_id=note.id, _external=True),
            text=note.body[:500] if with_words else "",
        )
    for note, due, settled_at in settled_notes(user_id, now):
        if due > since:
            url = url_for("notes.show", note_id=note.id, _external=True)
            name = note.customer.called
            yield Entry(uid_of("note", note.id), f"Follow up with {name}", due, settled_at, url, is_settled=True)


def settled_notes(user_id: int, now: datetime) -> list[tuple[Note, date, datetime]]:
    """Somebody's notes without a date that had one: which, and when it was taken away. Three statements."""
    mine = Note.author_id == user_id, Note.follow_up_on.is_(None)
    ticked = (
        select(Note.id, Recorded.data["due"].as_string(), Recorded.recorded_at)
        .join(Recorded, and_(Recorded.subject_type == Note.__tablename__, Recorded.subject_id == Note.id))
        .where(*mine, Recorded.kind == "note.followed_up", Recorded.recorded_at > now - STAYS_CANCELLED)
        .order_by(Recorded.recorded_at.desc(), Recorded.id.desc())
        .limit(MOST)
    )
    amended = (
        select(Note.id, NoteRevision.follow_up_on, NoteRevision.replaced_at)
        .join(NoteRevision, NoteRevision.note_id == Note.id)
        .where(*mine, NoteRevision.follow_up_on.is_not(None), NoteRevision.replaced_at > now - STAYS_CANCELLED)
        .order_by(NoteRevision.replaced_at.desc(), NoteRevision.id.desc())
        .limit(MOST)
    )
    lately: dict[int, tuple[date, datetime]] = {}
    for query in (ticked, amended):
        for note_id, due, at in db.session.execute(query):
            day = due if isinstance(due, date) else date.fromisoformat(due) if due else None
            if day and (note_id not in lately or lately[note_id][1] < at):
                lately[note_id] = day, at
    if not lately:
        return []
    rows = db.session.scalars(select(Note).where(Note.id.in_(lately)).options(joinedload(Note.customer)))
    return [(note, *lately[note.id]) for note in rows]


def follow_ups_of(user_id: int, since: date, now: datetime) -> Iterator[Entry]:
    rows = db.session.scalars(
        select(FollowUp)
        .where(
            FollowUp.owner_id == user_id,
            FollowUp.due_on > since,
            or_(FollowUp.state == FollowUpState.OPEN, FollowUp.closed_at > now - STAYS_CANCELLED),
        )
        .options(joinedload(FollowUp.customer))
        .order_by(FollowUp.due_on, FollowUp.id)
        .limit(MOST)
    )
    for row in rows:
        yield Entry(
            uid_of("follow-up", row.id),
            f"Come back to {row.customer.called}",
            row.due_on,
            row.closed_at or row.opened_at,
            url_for("interactions.follow_up", follow_up_id=row.id, _external=True),
            is_settled=row.state is FollowUpState.CLOSED,
        )


def last_change(model: type[Promise] | type[Note]) -> Any:
    """When something was last done with a row."""
    return (
        select(func.max(Recorded.recorded_at))
        .where(Recorded.subject_type == model.__tablename__, Recorded.subject_id == model.id)
        .correlate(model)
        .scalar_subquery()
    )


def uid_of(kind: str, number: int) -> str:
    """Its own for each installation, whatever address it is reached by."""
    installation = hashlib.sha256(b"calendar" + str(current_app.config["SECRET_KEY"]).encode()).hexdigest()[:12]
    return f"{kind}-{number}@{installation}.plus-one"
