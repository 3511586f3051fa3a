"""What was stopped and what had been counted in the simulated time, and which offers were honoured all the same.

The catalogue and the ledger belong to console.gestures, which stands above this package: their tables are read by their
names.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
from sqlalchemy import column, or_, select, table

from console.db import UtcDateTime, db
from console.empowerment.deciding import Suspended
from console.empowerment.models import Suspension, SuspensionKind
from console.empowerment.simulation_demand import Ints
from console.empowerment.simulation_eras import ALWAYS, Count, Eras, Stop, eras_of
from console.empowerment.simulation_meters import as_moment
from console.events import Event

GESTURES = table("gestures", column("id"), column("stock"), column("stock_at", UtcDateTime))
ENTRIES = table("ledger_entries", *map(column, ("id", "policy_id", "agent_id", "gesture_id", "approval_id")))
REQUESTS = table("approval_requests", column("id"), column("honours_id"))

STOPS = {SuspensionKind.POLICY: "policies", SuspensionKind.AGENT: "agents", SuspensionKind.GESTURE: "gestures"}


def stops(since: datetime, until: datetime) -> list[Stop]:
    rows = db.session.scalars(
        select(Suspension).where(
            Suspension.suspended_at < until, or_(Suspension.lifted_at.is_(None), Suspension.lifted_at > since)
        )
    )
    return [
        Stop(
            Suspended(**{STOPS[row.kind]: frozenset({row.subject_id})}),
            as_moment(row.suspended_at),
            as_moment(row.lifted_at) if row.lifted_at else None,
        )
        for row in rows
    ]


def counts(since: datetime) -> list[Count]:
    """Each gesture's last count before `since`, and all later ones."""
    said = db.session.execute(
        select(Event.subject_id, Event.at, Event.data)
        .where(Event.kind == "gesture.stocked")
        .order_by(Event.at, Event.id)
    )
    found = [Count(gesture, as_moment(at), data["stock"]) for gesture, at, data in said]
    known = {(one.gesture, one.at) for one in found}
    for gesture, stock, at in db.session.execute(select(GESTURES).where(GESTURES.c.stock.is_not(None))):
        moment = as_moment(at) if at else ALWAYS
        if (gesture, moment) not in known:  # nobody said so here: it came with the data
            found.append(Count(gesture, moment, stock))
    found.sort(key=lambda one: one.at)
    begin = as_moment(since)
    before = {one.gesture: one for one in found if one.at <= begin}
    return [*sorted(before.values(), key=lambda one: one.at), *(one for one in found if one.at > begin)]


def circumstances(since: datetime, until: datetime) -> Eras:
    return eras_of(stops(since, until), counts(since))


def eras_of_bookings(eras: Eras, ids: Ints, at: Ints) -> tuple[Ints, Eras]:
    """The era of each entry of the ledger. One that honours what a kill switch withdrew has its own, in which that
    switch stops nothing (gestures/authority.py)."""
    place, found = eras.places(at), list(eras.eras)
    new, old = ENTRIES, ENTRIES.alias()
    rows = db.session.execute(
        select(new.c.id, old.c.policy_id, old.c.agent_id, old.c.gesture_id)
        .join(REQUESTS, REQUESTS.c.id == new.c.approval_id)
        .join(old, old.c.id == REQUESTS.c.honours_id)
    )
    for entry, policy, agent, gesture in rows:
        for row in np.flatnonzero(ids == entry):
            era = found[place[row]]
            stopped = era.stopped.but(policy_id=policy, agent_id=agent, gesture_id=gesture)
            place[row] = len(found)
            found.append(replace(era, stopped=stopped))
    return place, replace(eras, eras=found)
