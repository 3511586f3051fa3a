"""What the ledger holds, as arrays: its rows with what became of them, and requests that came to nothing.

The ledger belongs to console.gestures, which stands above this package: its tables are read by their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from console.empowerment.rule_arrays import Column
from console.empowerment.simulation_demand import DAY, NEVER, Flags, Ints, Offerable
from console.empowerment.simulation_matching import OCCASIONS
from console.empowerment.simulation_reading import NEVER_WAS, UNKNOWN, Reader

STATES = ("held", "granted", "fulfilled", "declined", "voided", "expired", "reversed")
TOLD = (  # facts that the ledger tells, exact to the moment
    "last_gesture_at", "gestures_90d", "gestures_12m", "gesture_cost_12m", "gestures_declined_12m", "reversals_12m",
)  # fmt: skip


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


def told_by_ledger(rows: dict[str, Ints], names: set[str], ours: Flags) -> dict[str, Column]:
    """Facts about gestures as the ledger told them at each booking: console/gestures/authority.py (gestures_so_far).

    What was declined, withdrawn or ran out counts no more; what was taken back does, but not its cost. `ours`: which
    rows are in the shop's currency. Each row is held against the one before it of the same customer, then against the
    one before that, and so on.
    """
    if not names:
        return {}
    is_booked = rows["id"] != UNKNOWN
    order = np.lexsort((rows["came"], rows["at"], rows["customer"]))
    is_booked, ours = is_booked[order], ours[order]
    at, came, gone_at, gone_came, state, cost, customer = (
        rows[name][order] for name in ("at", "came", "gone_at", "gone_came", "state", "cost", "customer")
    )
    undone = np.isin(state, [STATES.index(name) for name in ("held", "declined", "voided", "expired")])
    declined, reversed_ = state == STATES.index("declined"), state == STATES.index("reversed")
    size = len(order)
    last = np.full(size, NEVER_WAS)
    sums = {name: np.zeros(size, np.int64) for name in TOLD if name != "last_gesture_at"}
    earlier = np.arange(size) - np.searchsorted(customer, customer)  # how many before it are of the same customer
    back, now = 1, np.flatnonzero(earlier)
    while len(now):
        then = now - back
        is_gone = (gone_at[then] < at[now]) | ((gone_at[then] == at[now]) & (gone_came[then] < came[now]))
        counts = is_booked[then] & ~(is_gone & undone[then])
        quarter, year = (at[then] > at[now] - days * DAY for days in (90, 365))
        last[now] = np.maximum(last[now], np.where(counts, at[then], NEVER_WAS))
        sums["gestures_90d"][now] += counts & quarter
        sums["gestures_12m"][now] += counts & year
        sums["gesture_cost_12m"][now] += np.where(counts & year & ours[then] & ~is_gone, cost[then], 0)
        sums["gestures_declined_12m"][now] += is_gone & declined[then] & year
        sums["reversals_12m"][now] += is_gone & reversed_[then] & (gone_at[then] > at[now] - 365 * DAY)
        back += 1
        now = now[earlier[now] >= back]
    place = np.empty(size, np.int64)
    place[order] = np.arange(size)
    columns = {name: Column(values[place]) for name, values in sums.items()}
    columns["last_gesture_at"] = Column(last[place].view("datetime64[us]"))
    return {name: columns[name] for name in names & columns.keys()}
