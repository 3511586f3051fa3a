"""What the ledger should do, told again from the reference and in other words: it imports nothing of the console.

Every entry is a plain dict. Windows are decided by comparing local dates, week numbers and seconds, never by computing
where a window begins; the active entries are found by looking at all of them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

HOLD = timedelta(minutes=15)
# policy -> its limits: (scope, measure, window, cap, days, overridable)
WIDE: tuple[tuple[Any, ...], ...] = (
    ("gesture", "cost", "each", 1000, 0, True),
    ("interaction", "cost", "interaction", 1700, 0, True),
    ("customer", "cost", "rolling", 2000, 2, True),
    ("agent", "cost", "day", 2200, 0, True),
    ("household", "count", "week", 5, 0, False),
    ("team", "count", "day", 5, 0, True),
    ("pool", "cost", "month", 3000, 0, False),
    ("gesture", "count", "day", 3, 0, True),
)
GOLD: tuple[tuple[Any, ...], ...] = (
    ("gesture", "cost", "each", 950, 0, True),
    ("customer", "cost", "rolling", 1200, 2, True),
)
GUARD: tuple[tuple[Any, ...], ...] = (
    ("customer", "count", "rolling", 4, 1, False),
    ("household", "face", "day", 2500, 0, False),
)
ZONES = {"wide": "Europe/London", "gold": "Europe/London", "guard": "America/New_York"}
SUNDAY = 6
WEEK_STARTS = {"wide": 0, "gold": 0, "guard": SUNDAY}
Failed = tuple[str, str, str, str]  # policy, scope, measure, window


class Reference:
    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.seen: dict[str, datetime] = {}
        self.versions: dict[str, list[tuple[datetime, int, float]]] = {}  # from when, number, how much of every cap
        self.stopped: set[tuple[str, Any]] = set()

    def moment(self, clock: datetime, subjects: list[str]) -> datetime:
        return max([clock, *(self.seen[subject] for subject in subjects if subject in self.seen)])

    def saw(self, subjects: list[str], now: datetime) -> None:
        for subject in subjects:
            self.seen[subject] = now

    def number(self, policy: str, now: datetime) -> tuple[int, float] | None:
        """The version that is in force, and its share of the caps."""
        begun = [(start, number, share) for start, number, share in self.versions[policy] if start <= now]
        if not begun:
            return None
        _, number, share = sorted(begun)[-1]
        return number, share

    def caps(self, policy: str, now: datetime) -> list[tuple[Any, ...]]:
        found = self.number(policy, now)
        limits = {"wide": WIDE, "gold": GOLD, "guard": GUARD}[policy]
        if found is None:
            return []
        return [(*limit[:3], int(limit[3] * found[1]), *limit[4:]) for limit in limits]

    def authority(self, ask: dict[str, Any], now: datetime) -> str | None:
        """Which policy authorises, unless it is stopped: no other steps in, and a stopped guardrail lets nothing by."""
        stopped = {"agent": {ask["agent"]}, "gesture": {ask["gesture"]}}
        policy = self.granting(ask, now)
        stopped["policy"] = {policy, "guard"} if ask["is_cash"] else {policy}
        is_stopped = any((kind, one) in self.stopped for kind, some in stopped.items() for one in some)
        return None if is_stopped else policy

    def granting(self, ask: dict[str, Any], now: datetime) -> str | None:
        """The one for gold customers and credits goes before the one for all."""
        if ask["role"] != "agent":
            return None
        if ask["kind"] == "credit" and ask["tier"] == "gold" and self.number("gold", now):
            return "gold"
        return "wide" if self.number("wide", now) else None

    def over(self, ask: dict[str, Any], policy: str, now: datetime) -> set[Failed]:
        """Every limit that this would break."""
        found: set[Failed] = set()
        names = ["guard", policy] if ask["is_cash"] else [policy]
        for name in names:
            for scope, measure, window, cap, days, _ in self.caps(name, now):
                asked = {"cost": ask["cost"], "face": ask["face"], "count": 1}[measure]
                if asked and self.used(ask, name, scope, measure, window, days, now) + asked > cap:
                    found.add((name, scope, measure, window))
        return found

    def used(
        self, ask: dict[str, Any], name: str, scope: str, measure: str, window: str, days: int, now: datetime
    ) -> int:
        if window == "each":
            return 0
        total = 0
        for row in self.rows:
            mine = {
                "gesture": row["gesture"] == ask["gesture"],
                "interaction": row["talk"] == ask["talk"],
                "customer": row["customer"] == ask["customer"],
                "household": is_of_one_household(row, ask) or row["customer"] == ask["customer"],
                "agent": row["agent"] == ask["agent"],
                "team": row["team"] == ask["team"],
                "pool": row["policy"] == name,
            }[scope]
            farmed = row["state"] == "reversed" and measure == "count" and scope in ("customer", "household")
            if mine and (is_active(row, now) or farmed) and is_inside(name, window, days, row["booked"], now):
                total += {"cost": row["cost"], "face": row["face"], "count": 1}[measure]
        return total

    def in_stock(self, gesture: int, stock: int | None, now: datetime) -> bool:
        if stock is None:
            return True
        return sum(1 for row in self.rows if row["gesture"] == gesture and is_active(row, now)) < stock

    def expire(self, ask: dict[str, Any], now: datetime) -> None:
        """Holds of the same agent, customer, household or talk that ran out are put to rest by an offer."""
        for row in self.rows:
            shares = any(row[name] == ask[name] for name in ("agent", "customer", "talk"))
            if (shares or is_of_one_household(row, ask)) and row["state"] == "held" and now >= row["booked"] + HOLD:
                row["state"] = "expired"


def is_of_one_household(row: dict[str, Any], ask: dict[str, Any]) -> bool:
    return any(ask[key] is not None and row[key] == ask[key] for key in ("account", "street"))


def is_active(row: dict[str, Any], now: datetime) -> bool:
    if row["state"] == "held":
        return bool(now < row["booked"] + HOLD)
    return row["state"] in ("granted", "fulfilled")


def is_inside(policy: str, window: str, days: int, booked: datetime, now: datetime) -> bool:
    if window == "interaction":
        return True
    if window == "rolling":
        return (now - booked).total_seconds() < days * 86_400
    zone = ZoneInfo(ZONES[policy])
    then, today = booked.astimezone(zone).date(), now.astimezone(zone).date()
    if window == "day":
        return then == today
    if window == "month":
        return (then.year, then.month) == (today.year, today.month)
    # Day 1 of the ordinals was a Monday.
    start = WEEK_STARTS[policy]
    return (then.toordinal() - 1 - start) // 7 == (today.toordinal() - 1 - start) // 7
