"""An entry's steps from state to state: which there are, what each changes for the limits, and how it is written down.

For the ledger alone, which holds the locks of all the entry's subjects while it takes a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm.attributes import set_committed_value

from console.db import db
from console.empowerment.policies import keep_policies, live_and_coming
from console.events import Topic, record_event
from console.gestures.households import Household
from console.gestures.locking import lock, stamp
from console.gestures.models import SPENT, EntryState, LedgerEntry, LedgerEvent
from console.gestures.parties import subjects_of
from console.gestures.refusals import NotOffered, WrongState

S = EntryState
STEPS: dict[EntryState | None, tuple[EntryState, ...]] = {
    None: (S.HELD,),
    S.HELD: (S.GRANTED, S.DECLINED, S.VOIDED, S.EXPIRED),
    S.GRANTED: (S.FULFILLED, S.REVERSED),
    S.FULFILLED: (S.REVERSED,),
}
KINDS = {S.HELD: "gesture.offered"} | {state: f"gesture.{state.value}" for state in S if state is not S.HELD}
EXPIRED_AT_ONCE = 200  # holds put to rest in one transaction


def counted(state: EntryState | None, cost_minor: int) -> int:
    """What an entry of this cost counts for in this state; a hold does until it expires."""
    return cost_minor if state in (S.HELD, *SPENT) else 0


def locked_entry(entry_id: int, now: datetime) -> tuple[LedgerEntry, datetime]:
    """The entry as it is now, with all its subjects held and stamped. Raises NotOffered if there is none."""
    now += keep_policies()
    found = db.session.get(LedgerEntry, entry_id, populate_existing=True)
    if found is None:
        raise NotOffered("There is no such gesture in the ledger. Go back to the customer and look again.")
    subjects = subjects_of(
        agent_id=found.agent_id,
        team_id=found.team_id,
        customer_id=found.customer_id,
        household=Household(found.household, found.address_key),
        gesture_id=found.gesture_id,
        policies=live_and_coming(now),
    )
    now = lock(subjects, now)
    talk = {f"interaction:{found.interaction_id}"}
    now = lock(talk, now)
    stamp(subjects | talk, now)
    entry = db.session.get_one(LedgerEntry, entry_id, populate_existing=True)
    return entry, now


def enter(entry: LedgerEntry, *, now: datetime) -> None:
    """Insert a held entry: its first step."""
    db.session.add(entry)
    db.session.flush()
    write_down(entry, None, actor_id=entry.agent_id, now=now)


def step(entry: LedgerEntry, state: EntryState, *, actor_id: int | None, now: datetime, reason: str = "") -> None:
    """Take the entry to `state`; being there already is no change. Raises WrongState where no step leads there."""
    before = entry.state
    if before is state:
        return
    if state not in STEPS.get(before, ()) or not set_state(entry, state):
        raise WrongState(f"This gesture has moved on meanwhile: it is {entry.state.label.lower()}. Reload the page.")
    write_down(entry, before, actor_id=actor_id, now=now, reason=reason)


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


def write_down(
    entry: LedgerEntry, before: EntryState | None, *, actor_id: int | None, now: datetime, reason: str = ""
) -> None:
    """The entry's own event and the record's, in the transaction of the act."""
    delta = counted(entry.state, entry.cost_minor) - counted(before, entry.cost_minor)
    db.session.add(
        LedgerEvent(entry_id=entry.id, state=entry.state, delta_minor=delta, at=now, actor_id=actor_id, reason=reason)
    )
    record_event(
        KINDS[entry.state],
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


def expire_among(now: datetime, agent_id: int, customer_id: int, household: Household, interaction_id: int) -> int:
    """Put holds to rest whose time is up and that share one of the subjects, all of which are locked."""
    shares = or_(
        LedgerEntry.agent_id == agent_id,
        LedgerEntry.customer_id == customer_id,
        household.entries,
        LedgerEntry.interaction_id == interaction_id,
    )
    due: ColumnElement[bool] = LedgerEntry.expires_at <= now
    rows = db.session.scalars(
        select(LedgerEntry)
        .where(LedgerEntry.state == S.HELD, due, shares)
        .order_by(LedgerEntry.id)  # the same order for everybody, so that nobody waits in a circle
        .limit(EXPIRED_AT_ONCE)
        .execution_options(populate_existing=True)
    ).all()
    return expire(rows, now)


def expire(rows: Sequence[LedgerEntry], now: datetime) -> int:
    """Those of them whose time is up; returns how many."""
    done = 0
    for entry in rows:
        if entry.is_held and entry.expires_at <= now and set_state(entry, S.EXPIRED):
            write_down(entry, S.HELD, actor_id=None, now=now)
            done += 1
    return done
