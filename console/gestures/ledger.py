"""The ledger of value given: the only code that inserts or changes an entry.

An offer holds its cost until the customer says yes (grant) or no (decline), the agent takes it back (void), or
time runs out (expire); a supervisor may reverse what was granted. Each is one transaction of its own that holds
the locks of the agent, the customer and the interaction from before usage is read until the commit. Unlike all
other domain functions these commit: the lock and the commit belong together.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import set_committed_value

from console.customers.queries import boundaries_for, broken_promises, open_complaints
from console.db import db
from console.empowerment.limits import limits_of_agent
from console.empowerment.policy import Failure, Limits, decide
from console.errors import DomainError
from console.events import Topic, record_event
from console.gestures.catalogue import in_force
from console.gestures.kinds import Occasion
from console.gestures.locking import lock, stamp, transaction
from console.gestures.models import EntryState, GestureVersion, LedgerEntry, LedgerEvent
from console.gestures.situation import Refused
from console.gestures.suggesting import objection
from console.gestures.usage import usage_of
from console.interactions.handling import open_interaction
from console.interactions.models import Channel, Interaction, InteractionState
from console.money import Money
from console.web import zone

EXPIRED_AT_ONCE = 200  # holds put to rest in one transaction


@dataclass(frozen=True)
class Terms:
    """What is asked for. Without an interaction it is the one going on with the customer, or a new one."""

    agent_id: int
    customer_id: int
    gesture_version_id: int
    occasion: Occasion  # found, not asked: it is no part of the digest
    interaction_id: int | None = None
    channel: Channel = Channel.PHONE
    reason: str = ""

    @property
    def digest(self) -> str:
        asked = [self.agent_id, self.customer_id, self.gesture_version_id, self.interaction_id, self.reason]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


class NotOffered(DomainError):
    """The offer is refused for another reason than a limit; the text says which."""


class OverLimit(DomainError):
    """The offer would break limits: `failures` has every one, `cost` what was asked for, `limits` whose they are."""

    def __init__(self, failures: tuple[Failure, ...], cost: Money, limits: Limits) -> None:
        super().__init__(f"{cost} is more than is left of the limit for: " + ", ".join(f.scope for f in failures) + ".")
        self.failures = failures
        self.cost = cost
        self.limits = limits


class KeyConflict(DomainError):
    """The same idempotency key came with other terms."""


class WrongState(DomainError):
    """The entry has moved on meanwhile; the text says where to."""


def offer(terms: Terms, *, key: str, now: datetime) -> LedgerEntry:
    """Hold a gesture for a customer if every limit allows it.

    `key` (at most 64 characters) makes a retry harmless: the same key and terms return the first entry, other
    terms raise KeyConflict. `now` is aware UTC. Raises OverLimit with every limit that failed, NotOffered when
    the gesture or the customer's own boundaries forbid it, Busy when the database gave no lock in time.
    """
    try:
        with transaction():
            return hold(terms, key, now)
    except IntegrityError:
        # Another subject's offer took the key between our look and our insert.
        if entry := booked_before(terms, key):
            return entry
        raise


def hold(terms: Terms, key: str, now: datetime) -> LedgerEntry:
    subjects = {f"agent:{terms.agent_id}", f"customer:{terms.customer_id}"}
    now = lock(subjects, now)
    if entry := booked_before(terms, key):
        return entry
    interaction = interaction_for(terms, now)
    talk = {f"interaction:{interaction.id}"}
    now = lock(talk, now)
    subjects |= talk
    stamp(subjects, now)
    expire_among(now, agent_id=terms.agent_id, customer_id=terms.customer_id, interaction_id=interaction.id)
    version = version_on_offer(terms.gesture_version_id)
    respect_the_customer(terms, version, now)
    limits = limits_for(terms, version, interaction.id, now)
    return book(terms, key, version, limits, interaction.id, now)


def booked_before(terms: Terms, key: str) -> LedgerEntry | None:
    """The entry that this key made. Raises KeyConflict when it was made on other terms."""
    entry = db.session.scalars(
        select(LedgerEntry).where(LedgerEntry.idempotency_key == key).execution_options(populate_existing=True)
    ).first()
    if entry and entry.terms_hash != terms.digest:
        raise KeyConflict("This offer was already made on other terms. Reload the page and offer it afresh.")
    return entry


def interaction_for(terms: Terms, now: datetime) -> Interaction:
    """The one named, if it is the agent's own, live and with this customer; else the one going on, or a new one."""
    if terms.interaction_id is None:
        return open_interaction(terms.customer_id, terms.agent_id, terms.channel, now=now)
    interaction = db.session.get(Interaction, terms.interaction_id, populate_existing=True)
    if (
        interaction is None
        or interaction.agent_id != terms.agent_id
        or interaction.customer_id != terms.customer_id
        or interaction.state is not InteractionState.LIVE
    ):
        raise NotOffered("That conversation is over, or not yours with this customer. Open a new one and offer again.")
    return interaction


def version_on_offer(version_id: int) -> GestureVersion:
    """The version with its gesture, if it is the newest of an active one. Raises NotOffered otherwise."""
    version = db.session.scalars(
        in_force().where(GestureVersion.id == version_id).execution_options(populate_existing=True)
    ).first()
    if version is None:
        raise NotOffered("That gesture was changed a moment ago. Look at it again, then offer it.")
    if not version.gesture.active:
        raise NotOffered("That gesture is no longer offered. Pick another one.")
    return version


def respect_the_customer(terms: Terms, version: GestureVersion, now: datetime) -> None:
    """Raises NotOffered for what they refused, and for delight while a complaint is open or a promise is broken."""
    refusals = [Refused(row.kind, row.title, row.after, row.id) for row in boundaries_for(terms.customer_id)]
    against = objection(
        version.gesture.kind,
        version.cost,
        version.occasions,
        refusals=refusals,
        is_recovery=terms.occasion is Occasion.RECOVERY,
        has_complaint=bool(open_complaints(terms.customer_id) or broken_promises(terms.customer_id, now)),
    )
    if against:
        raise NotOffered(against)


def limits_for(terms: Terms, version: GestureVersion, interaction_id: int, now: datetime) -> Limits:
    """The agent's limits, which allow it. Raises OverLimit; NotOffered when there are none, or in another currency."""
    limits = limits_of_agent(terms.agent_id)
    if limits is None:
        raise NotOffered("Nobody has set limits for your role yet. A supervisor can do it under Limits.")
    if version.currency != limits.currency:
        raise NotOffered(f"This gesture is priced in {version.currency}, your limits are in {limits.currency}.")
    usage = usage_of(
        limits, agent_id=terms.agent_id, customer_id=terms.customer_id, interaction_id=interaction_id, now=now
    )
    decision = decide(version.cost, limits, usage, now=now, zone=zone())
    if decision.failures:
        raise OverLimit(decision.failures, version.cost, limits)
    return limits


def book(
    terms: Terms, key: str, version: GestureVersion, limits: Limits, interaction_id: int, now: datetime
) -> LedgerEntry:
    entry = LedgerEntry(
        gesture_version_id=version.id,
        limit_set_id=limits.id,
        customer_id=terms.customer_id,
        interaction_id=interaction_id,
        agent_id=terms.agent_id,
        occasion=terms.occasion,
        state=EntryState.HELD,
        currency=version.currency,
        cost_minor=version.cost_minor,
        face_minor=version.face_minor,
        reason=terms.reason,
        booked_at=now,
        expires_at=now + timedelta(minutes=limits.hold_minutes),
        idempotency_key=key,
        terms_hash=terms.digest,
    )
    db.session.add(entry)
    db.session.flush()
    write_down(entry, EntryState.HELD, entry.cost_minor, actor_id=terms.agent_id, now=now)
    return entry


def grant(entry_id: int, *, actor_id: int, now: datetime) -> LedgerEntry:
    """The customer said yes: within the hold's time, and under the version it was held by. A retry changes nothing.

    Raises WrongState when it is no longer held; a hold whose time is up expires instead.
    """
    with transaction():
        entry, now = locked_entry(entry_id, now)
        ran_out = entry.state is EntryState.HELD and entry.expires_at <= now
        if ran_out:
            move(entry, EntryState.EXPIRED, (EntryState.HELD,), -entry.cost_minor, actor_id=None, now=now)
        else:
            move(entry, EntryState.GRANTED, (EntryState.HELD,), 0, actor_id=actor_id, now=now)
    if ran_out:
        raise WrongState("The offer ran out before the customer said yes. Offer it again.")
    return entry


def decline(entry_id: int, *, actor_id: int, now: datetime) -> LedgerEntry:
    """The customer said no."""
    return release(entry_id, EntryState.DECLINED, actor_id=actor_id, now=now)


def void(entry_id: int, *, actor_id: int, now: datetime) -> LedgerEntry:
    """The agent takes the offer back."""
    return release(entry_id, EntryState.VOIDED, actor_id=actor_id, now=now)


def release(entry_id: int, state: EntryState, *, actor_id: int, now: datetime) -> LedgerEntry:
    with transaction():
        entry, now = locked_entry(entry_id, now)
        move(entry, state, (EntryState.HELD,), -entry.cost_minor, actor_id=actor_id, now=now)
    return entry


def reverse(entry_id: int, reason: str, *, actor_id: int, now: datetime) -> LedgerEntry:
    """Take back what was granted; its cost no longer counts. Never by who granted it."""
    with transaction():
        entry, now = locked_entry(entry_id, now)
        granted_by = db.session.scalars(
            select(LedgerEvent.actor_id).where(
                LedgerEvent.entry_id == entry_id, LedgerEvent.state == EntryState.GRANTED
            )
        ).all()
        if actor_id in {entry.agent_id, *granted_by}:
            raise NotOffered("You gave this one yourself, so somebody else has to take it back.")
        allowed = (EntryState.GRANTED, EntryState.FULFILLED)
        move(entry, EntryState.REVERSED, allowed, -entry.cost_minor, actor_id=actor_id, now=now, reason=reason)
    return entry


def expire_due(*, now: datetime, customer_id: int | None = None) -> int:
    """Put holds to rest whose time is up, all or one customer's; returns how many. Offers do so for their subjects."""
    due = select(LedgerEntry.id).where(LedgerEntry.state == EntryState.HELD, LedgerEntry.expires_at <= now)
    if customer_id is not None:
        due = due.where(LedgerEntry.customer_id == customer_id)
    ids = db.session.scalars(due.order_by(LedgerEntry.id).limit(EXPIRED_AT_ONCE)).all()
    done = 0
    for entry_id in ids:
        with transaction():
            entry, moment = locked_entry(entry_id, now)
            done += expire_rows([entry], moment)
    return done


def expire_among(now: datetime, *, agent_id: int, customer_id: int, interaction_id: int) -> int:
    """The same for everything that shares one of the subjects, all of which are locked."""
    shares = or_(
        LedgerEntry.agent_id == agent_id,
        LedgerEntry.customer_id == customer_id,
        LedgerEntry.interaction_id == interaction_id,
    )
    due: ColumnElement[bool] = LedgerEntry.expires_at <= now
    rows = db.session.scalars(
        select(LedgerEntry)
        .where(LedgerEntry.state == EntryState.HELD, due, shares)
        .order_by(LedgerEntry.id)  # the same order for everybody, so that nobody waits in a circle
        .limit(EXPIRED_AT_ONCE)
        .execution_options(populate_existing=True)
    ).all()
    return expire_rows(list(rows), now)


def expire_rows(rows: list[LedgerEntry], now: datetime) -> int:
    done = 0
    for entry in rows:
        if entry.state is EntryState.HELD and entry.expires_at <= now and set_state(entry, EntryState.EXPIRED):
            write_down(entry, EntryState.EXPIRED, -entry.cost_minor, actor_id=None, now=now)
            done += 1
    return done


def locked_entry(entry_id: int, now: datetime) -> tuple[LedgerEntry, datetime]:
    """The entry as it is now, with its three subjects held and stamped. Raises NotOffered if there is none."""
    ids = select(LedgerEntry.agent_id, LedgerEntry.customer_id, LedgerEntry.interaction_id)
    found = db.session.execute(ids.where(LedgerEntry.id == entry_id)).first()
    if found is None:
        raise NotOffered("There is no such gesture in the ledger.")
    # What was read is let go, so that on SQLite the lock begins the transaction.
    db.session.commit()
    subjects = {f"agent:{found[0]}", f"customer:{found[1]}", f"interaction:{found[2]}"}
    now = lock(subjects, now)
    stamp(subjects, now)
    entry = db.session.get_one(LedgerEntry, entry_id, populate_existing=True)
    return entry, now


def move(
    entry: LedgerEntry,
    state: EntryState,
    allowed: tuple[EntryState, ...],
    delta_minor: int,
    *,
    actor_id: int | None,
    now: datetime,
    reason: str = "",
) -> None:
    """Take the entry to `state` from one of `allowed`; being there already is no change. Raises WrongState."""
    if entry.state is state:
        return
    if entry.state not in allowed or not set_state(entry, state):
        raise WrongState(f"This gesture has moved on meanwhile: it is {entry.state.label.lower()}.")
    write_down(entry, state, delta_minor, actor_id=actor_id, now=now, reason=reason)


def set_state(entry: LedgerEntry, state: EntryState) -> bool:
    """Compare and swap: False when somebody else was first."""
    swapped: Any = db.session.execute(
        update(LedgerEntry)
        .where(LedgerEntry.id == entry.id, LedgerEntry.state == entry.state)
        .values(state=state)
        .execution_options(synchronize_session=False)
    )
    if swapped.rowcount != 1:
        return False
    set_committed_value(entry, "state", state)
    return True


KINDS = {EntryState.HELD: "gesture.offered"} | {
    state: f"gesture.{state.value}" for state in EntryState if state is not EntryState.HELD
}


def write_down(
    entry: LedgerEntry, state: EntryState, delta_minor: int, *, actor_id: int | None, now: datetime, reason: str = ""
) -> None:
    """The entry's own event and the record's, in the transaction of the act."""
    db.session.add(
        LedgerEvent(entry_id=entry.id, state=state, delta_minor=delta_minor, at=now, actor_id=actor_id, reason=reason)
    )
    record_event(
        KINDS[state],
        Topic.GESTURE,
        subject=entry,
        customer_id=entry.customer_id,
        actor_id=actor_id,
        at=now,
        data={
            "cost_minor": entry.cost_minor,
            "currency": entry.currency,
            "gesture_version": entry.gesture_version_id,
            "interaction": entry.interaction_id,
            "occasion": entry.occasion.value,
        },
    )
