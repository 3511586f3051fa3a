"""What the ledger holds, as arrays: its rows with what became of them, and requests that came to nothing.

The ledger belongs to console.gestures, which stands above this package: its tables are read by their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from console.empowerment.rule_arrays import Column
from console.empowerment.simulation_demand import DAY, NEVER, Ints, Offerable
from console.empowerment.simulation_matching import OCCASIONS
from console.empowerment.simulation_reading import NEVER_WAS, UNKNOWN, Reader

STATES = ("held", "granted", "fulfilled", "declined", "voided", "expired", "reversed")
TOLD = ("last_gesture_at", "gestures_90d", "gestures_12m")  # facts that the ledger tells, exact to the moment


def entries(reader: Reader, since: datetime, until: datetime, catalogue: Sequence[Offerable]) -> dict[str, Ints]:
    """The ledger's rows, each with its first event and the one that ended it; then requests that were not approved."""
    at_least = "booked_at >= ? AND booked_at < ?"
    found = reader.columns(
        "ledger_entries",
        {
            "id": ("number", "id"),
            "version": ("number", "gesture_version_id"),
            "policy": ("number", "policy_id"),
            "customer": ("number", "customer_id"),
            "interaction": ("number", "interaction_id"),
            "agent": ("number", "agent_id"),
            "team": ("number", "team_id"),
            "approved": ("number", "CASE WHEN approval_id IS NULL THEN 0 ELSE 1 END"),
            "occasion": ("number", reader.coded("occasion", list(OCCASIONS))),
            "state": ("number", reader.coded("state", list(STATES))),
            "cost": ("number", "cost_minor"),
            "face": ("number", "face_minor"),
            "at": ("moment", "booked_at"),
            "expires": ("moment", "expires_at"),
        },
        at_least,
        [since, until],
    )
    add_events(reader, found, since)
    asked = reader.columns(
        "approval_requests r LEFT JOIN users u ON u.id = r.requester_id",
        {
            "version": ("number", "r.gesture_version_id"),
            "customer": ("number", "r.customer_id"),
            "interaction": ("number", "r.interaction_id"),
            "agent": ("number", "r.requester_id"),
            "team": ("number", "u.team_id"),
            "occasion": ("number", reader.coded("r.occasion", list(OCCASIONS))),
            "cost": ("number", "r.cost_minor"),
            "face": ("number", "r.face_minor"),
            "at": ("moment", "r.requested_at"),
        },
        "r.requested_at >= ? AND r.requested_at < ? AND r.state <> 'approved'",
        [since, until],
    )
    count = len(asked["at"])
    nothing = {"id": UNKNOWN, "policy": 0, "approved": 0, "state": STATES.index("granted"), "expires": NEVER,
               "came": 0, "gone_at": NEVER, "gone_came": UNKNOWN, "granted_at": NEVER}  # fmt: skip
    asked |= {name: np.full(count, value) for name, value in nothing.items()}
    joined = {name: np.concatenate([found[name], asked[name]]) for name in found}
    places = {one.version_id: place for place, one in enumerate(catalogue)}
    joined["offer"] = np.array([places[one] for one in joined["version"].tolist()], np.int64)
    return joined


def add_events(reader: Reader, found: dict[str, Ints], since: datetime) -> None:
    """When each entry came, stopped counting and was granted. A hold stops by itself, whoever writes it down."""
    order = np.argsort(found["id"])
    for name in list(found):
        found[name] = found[name][order]
    events = reader.columns(
        "ledger_events",
        {"id": ("number", "id"), "entry": ("number", "entry_id"), "at": ("moment", "at"),
         "state": ("number", reader.coded("state", list(STATES)))},
        "at >= ?",
        [since],
    )  # fmt: skip
    place = np.searchsorted(found["id"], events["entry"])
    known = place < len(found["id"])
    known[known] = found["id"][place[known]] == events["entry"][known]
    count = len(found["id"])
    found["came"] = np.zeros(count, np.int64)
    found["granted_at"] = np.full(count, NEVER)
    state = found["state"]
    runs_out = np.isin(state, [STATES.index("held"), STATES.index("expired")])
    found["gone_at"] = np.where(runs_out, found["expires"], NEVER)
    found["gone_came"] = np.full(count, UNKNOWN)
    for name in ("held", "granted", "declined", "voided", "reversed"):
        mine = known & (events["state"] == STATES.index(name))
        if name == "held":
            found["came"][place[mine]] = events["id"][mine]
        elif name == "granted":
            found["granted_at"][place[mine]] = events["at"][mine]
        else:
            found["gone_at"][place[mine]] = events["at"][mine]
            found["gone_came"][place[mine]] = events["id"][mine]


def told_by_ledger(rows: dict[str, Ints], names: set[str]) -> dict[str, Column]:
    """Facts about gestures as the ledger told them at each booking: offered or given before it, and not ended since.

    What was declined, withdrawn or ran out counts no more; what was taken back does, as in `authority`.
    """
    if not names:
        return {}
    size = len(rows["at"])
    last, counted = np.full(size, NEVER_WAS), {days: np.zeros(size, np.int64) for days in (90, 365)}
    ended = np.isin(rows["state"], [STATES.index(name) for name in ("held", "declined", "voided", "expired")])
    by_customer: dict[int, list[tuple[int, int, int]]] = {}
    order = np.lexsort((rows["came"], rows["at"], rows["customer"]))
    columns = [rows[name][order].tolist() for name in ("id", "customer", "at", "came", "gone_at", "gone_came")]
    for place, id, customer, at, came, gone_at, gone_came, over in zip(
        order.tolist(), *columns, ended[order].tolist(), strict=True
    ):
        before = by_customer.setdefault(customer, [])
        # An end that was written down counts from its own event on, one that the clock brought from its moment on.
        active = [one for one in before if not (one[1] <= at or (one[2] != UNKNOWN and one[2] < (came or NEVER)))]
        if active:
            last[place] = max(one[0] for one in active)
        for days, numbers in counted.items():
            numbers[place] = sum(one[0] > at - days * DAY for one in active)
        if id != UNKNOWN:
            before.append((at, gone_at, gone_came) if over else (at, NEVER, UNKNOWN))
    found = {}
    if "last_gesture_at" in names:
        found["last_gesture_at"] = Column(last.view("datetime64[us]"))
    for name, days in (("gestures_90d", 90), ("gestures_12m", 365)):
        if name in names:
            found[name] = Column(counted[days])
    return found
