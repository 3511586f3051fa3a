"""A chain of digests over the ledger's events: whether anybody changed the ledger behind its back.

Each event's digest is sha256 over the digest before it and the event's own numbers, with those of its entry. No word
that a person wrote is in it, so erasing a customer leaves the chain whole. A database's administrator could recompute
all of it; the newest digest, kept somewhere else, shows that too. Demo customers, who come and go, are left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError

from console.customers.models import Customer
from console.db import db
from console.empowerment.policies import change_policies
from console.gestures.models import EntryState, LedgerEntry, LedgerEvent, LedgerSeal
from console.gestures.steps import STEPS, counted

FIRST = "0" * 64  # what the first event follows
AT_ONCE = 1000  # rows fetched together


@dataclass(frozen=True)
class Verified:
    """What a check found: `problems` are sentences, none when the ledger is as it was written."""

    seals: int
    events: int  # sealed
    unsealed: int
    entries: int
    digest: str  # of the newest seal: worth keeping elsewhere
    problems: tuple[str, ...]


def seal(now: datetime) -> LedgerSeal | None:
    """Seal what was written since the last time and commit; None when nothing was, or somebody else just sealed.

    Nobody waits while it is hashed; two who hash at once are told apart at the end.
    """
    newest, upto = select(LedgerSeal).order_by(LedgerSeal.last_event_id.desc()).limit(1), settled()
    last = db.session.scalars(newest).first()
    before, digest, after = (last.id, last.digest, last.last_event_id) if last else (None, FIRST, 0)
    count = 0
    for event, entry in rows(after=after, upto=upto):
        digest, count, after = chained(digest, event, entry), count + 1, event.id
    if not count:
        db.session.commit()
        return None
    row = LedgerSeal(last_event_id=after, events=count, digest=digest, sealed_at=now)
    change_policies()  # one at a time
    db.session.add(row)
    try:
        db.session.flush()
        is_first = db.session.scalar(newest.with_only_columns(LedgerSeal.id).where(LedgerSeal.id != row.id)) == before
    except IntegrityError:
        is_first = False
    if not is_first:
        db.session.rollback()
        return None
    db.session.commit()
    return row


def settled() -> int:
    """The last event before which none comes any more.

    Waits for the acts under way, because an event may be numbered before another and committed after it.
    """
    change_policies()
    last = db.session.scalar(select(func.max(LedgerEvent.id))) or 0
    db.session.commit()
    return last


def verify() -> Verified:
    """Recompute the whole chain, and hold every entry against its events."""
    seals = db.session.scalars(select(LedgerSeal).order_by(LedgerSeal.last_event_id)).all()
    problems, digest, after, events = [], FIRST, 0, 0
    for one in seals:
        found, count = digest, 0
        for event, entry in rows(after=after, upto=one.last_event_id):
            found, count = chained(found, event, entry), count + 1
        if count != one.events:
            problems.append(f"Seal {one.id} covers {one.events:,} events, and {count:,} are there.")
        elif found != one.digest:
            problems.append(f"Of the {count:,} events of seal {one.id} at least one was changed.")
        digest, after, events = one.digest, one.last_event_id, events + count
    unsealed = db.session.scalar(select(func.count()).select_from(events_of_people(after=after).subquery())) or 0
    entries, wrong = projected()
    return Verified(len(seals), events, unsealed, entries, digest, (*problems, *wrong))


def events_of_people(*, after: int, upto: int | None = None) -> Select[LedgerEvent, LedgerEntry]:
    found = (
        select(LedgerEvent, LedgerEntry)
        .join(LedgerEntry, LedgerEntry.id == LedgerEvent.entry_id)
        .join(Customer, Customer.id == LedgerEntry.customer_id)
        .where(LedgerEvent.id > after, Customer.is_demo.is_(False))
    )
    return found.where(LedgerEvent.id <= upto) if upto is not None else found


def rows(*, after: int, upto: int | None = None) -> Iterator[tuple[LedgerEvent, LedgerEntry]]:
    """In the order of their numbers, fetched piece by piece."""
    while True:
        part = events_of_people(after=after, upto=upto).order_by(LedgerEvent.id).limit(AT_ONCE)
        some = [(row[0], row[1]) for row in db.session.execute(part.execution_options(populate_existing=True))]
        yield from some
        if len(some) < AT_ONCE:
            return
        after = some[-1][0].id
        db.session.expunge_all()


def chained(digest: str, event: LedgerEvent, entry: LedgerEntry) -> str:
    numbers = [
        event.id,
        event.entry_id,
        event.state.value,
        event.delta_minor,
        written(event.at),
        event.actor_id,
        entry.gesture_version_id,
        entry.policy_version_id,
        entry.customer_id,
        entry.interaction_id,
        entry.agent_id,
        entry.currency,
        entry.cost_minor,
        entry.face_minor,
        written(entry.booked_at),
        written(entry.expires_at),
    ]
    return hashlib.sha256(f"{digest}{json.dumps(numbers, separators=(',', ':'))}".encode()).hexdigest()


def written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def projected() -> tuple[int, list[str]]:
    """How many entries there are, and a sentence for each that its events do not lead to."""
    problems: list[str] = []
    entries, after = 0, 0
    while True:
        some = db.session.execute(
            select(LedgerEntry.id, LedgerEntry.state, LedgerEntry.cost_minor)
            .where(LedgerEntry.id > after)
            .order_by(LedgerEntry.id)
            .limit(AT_ONCE)
        ).all()
        if not some:
            return entries, problems
        steps: dict[int, list[tuple[EntryState, int]]] = {row.id: [] for row in some}
        found = select(LedgerEvent.entry_id, LedgerEvent.state, LedgerEvent.delta_minor)
        for entry_id, state, delta in db.session.execute(
            found.where(LedgerEvent.entry_id.in_(list(steps))).order_by(LedgerEvent.id)
        ):
            steps[entry_id].append((state, delta))
        problems += [
            f"Entry {row.id} is not what its events say."
            for row in some
            if not leads_to(steps[row.id], row.state, row.cost_minor)
        ]
        entries, after = entries + len(some), some[-1].id


def leads_to(steps: list[tuple[EntryState, int]], state: EntryState, cost_minor: int) -> bool:
    """Whether the events are legal steps to `state`, and what they add up to is what it counts for."""
    before: EntryState | None = None
    for after, _ in steps:
        if after not in STEPS.get(before, ()):
            return False
        before = after
    return before is state and sum(delta for _, delta in steps) == counted(state, cost_minor)
