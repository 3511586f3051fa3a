"""The facts of one customer in plain Python, from rows as dictionaries: what the SQL is compared with.

It shares nothing with the code but the names of stages.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from console.customers.fact_models import LifeCycle

History = dict[str, list[dict[str, Any]]]
LONDON = ZoneInfo("Europe/London")
DAY = timedelta(days=1)


def facts(customer: dict[str, Any], history: History, now: datetime) -> dict[str, Any]:
    def recent(moment: datetime | None, days: int) -> bool:
        return moment is not None and now - days * DAY < moment <= now

    def past(moment: datetime | None) -> bool:
        return moment is not None and moment <= now

    today = now.astimezone(LONDON).date()
    return {
        "tier": customer["tier"],
        "country": customer.get("country"),
        "language": customer.get("language"),
        "is_business": customer.get("account_id") is not None,
        "marketing_consent": customer.get("consents", {}).get("marketing"),
        **from_orders(customer, history["orders"], recent, past, now, today),
        **from_parcels(history["orders"], history["deliveries"], recent, past, today),
        **from_words(history, recent, past, now),
        **from_ledger(history["entries"], recent, past),
    }


def from_orders(
    customer: dict[str, Any],
    orders: list[dict[str, Any]],
    recent: Callable[..., bool],
    past: Callable[..., bool],
    now: datetime,
    today: date,
) -> dict[str, Any]:
    seen = [o for o in orders if o["status"] != "cancelled" and (o["placed_at"] is None or past(o["placed_at"]))]
    bought = [o for o in seen if o["total_minor"] > 0]
    dated = sorted(o["placed_at"] for o in bought if o["placed_at"])
    pounds = [o for o in seen if o["total_currency"] == "GBP"]
    paid = [o["total_minor"] for o in bought if o["total_currency"] == "GBP"]
    year = sum(recent(at, 365) for at in dated)
    spent = sum(o["total_minor"] for o in pounds if recent(o["placed_at"], 365))
    gaps = sorted(int((b - a).total_seconds()) for a, b in pairwise(dated))
    middle = gaps[(len(gaps) - 1) // 2 : len(gaps) // 2 + 1]
    drifting = False
    if len(dated) >= 3:
        median = max(sum(middle) // len(middle), 86_400)
        drifting = int((now - dated[-1]).total_seconds()) > 5 * median // 2
    back = any(recent(b, 90) and b - a >= 365 * DAY for a, b in pairwise(dated))
    since = customer.get("customer_since")
    came = datetime.combine(since, time.min, UTC) if since and since <= today else None
    return {
        "customer_since": came or (dated[0] if dated else None),
        "first_order_at": dated[0] if dated else None,
        "last_order_at": dated[-1] if dated else None,
        "orders_all": len(bought),
        "orders_12m": year,
        "orders_90d": sum(recent(at, 90) for at in dated),
        "spent_12m": spent,
        "spent_all": sum(o["total_minor"] for o in pounds),
        "average_order": sum(paid) // len(paid) if paid else None,
        "is_drifting": drifting,
        "stage": the_stage(len(bought), dated, year, back, drifting, now),
        "value_band": band(spent, customer["tier"]) if bought else None,
    }


def the_stage(bought: int, dated: list[datetime], year: int, back: bool, drifting: bool, now: datetime) -> LifeCycle:
    """Each stage by what it is, and not by what comes before it: exactly one must hold."""
    days = (now - dated[-1]) / DAY if dated else None
    old = (now - dated[0]) / DAY if dated else None
    lapsed = bought > 0 and days is not None and days >= 365
    active = bought > 0 and not lapsed
    won = active and back
    new = active and not won and bought == 1 and old is not None and old < 60
    at_risk = active and not won and not new and (drifting or (days is not None and days >= 180))
    steady = active and not won and not new and not at_risk
    holding = {
        LifeCycle.PROSPECT: bought == 0,
        LifeCycle.LAPSED: lapsed,
        LifeCycle.WON_BACK: won,
        LifeCycle.NEW: new,
        LifeCycle.AT_RISK: at_risk,
        LifeCycle.CHAMPION: steady and year >= 6,
        LifeCycle.LOYAL: steady and 3 <= year < 6,
        LifeCycle.DEVELOPING: steady and year < 3,
    }
    found = [stage for stage, holds in holding.items() if holds]
    assert len(found) == 1, found
    return found[0]


def band(spent: int, tier: str) -> str:
    margin = spent * 40 * {"standard": 45, "silver": 65, "gold": 80}[tier] / 10_000
    return "top" if margin >= 40_000 else "high" if margin >= 15_000 else "middle" if margin >= 4_000 else "low"


def from_parcels(
    orders: list[dict[str, Any]],
    deliveries: list[dict[str, Any]],
    recent: Callable[..., bool],
    past: Callable[..., bool],
    today: date,
) -> dict[str, Any]:
    by_id = {o["id"]: o for o in orders if o["status"] != "cancelled" and (not o["placed_at"] or past(o["placed_at"]))}
    parcels = [d for d in deliveries if d["order_id"] in by_id]
    delays = []
    for parcel in parcels:
        promised, came = parcel["promised_on"], parcel["delivered_at"]
        if promised is None or promised <= today - 90 * DAY:
            continue
        if past(came):
            delays.append((came.astimezone(LONDON).date() - promised).days)
        elif not past(parcel["returned_at"]) and (
            came is not None or by_id[parcel["order_id"]]["status"] in ("processing", "shipped")
        ):
            delays.append((today - promised).days)
    late = [days for days in delays if days > 0]
    sent_back = {parcel["order_id"] for parcel in parcels if recent(parcel["returned_at"], 365)}
    told = {parcel["order_id"] for parcel in deliveries if parcel["returned_at"]}
    untold = [o for o in orders if o["status"] == "returned" and recent(o["placed_at"], 365) and o["id"] not in told]
    return {
        "returns_12m": len(sent_back) + len(untold),
        "late_90d": len(late),
        "worst_delay_days": max(late, default=0),
    }


def from_words(
    history: History, recent: Callable[..., bool], past: Callable[..., bool], now: datetime
) -> dict[str, Any]:
    opened = [c["opened_at"] for c in history["complaints"] if past(c["opened_at"])]
    talks = [
        (t["ended_at"] or t["started_at"], t)
        for t in history["interactions"]
        if t["state"] == "closed" and past(t["ended_at"] or t["started_at"])
    ]
    scored = sorted(
        ((int(at.timestamp()), talk["csat"]) for at, talk in talks if talk["csat"] is not None), reverse=True
    )
    waiting = [
        p
        for p in history["promises"]
        if past(p["created_at"]) and (p["state"] == "open" or not past(p["settled_at"])) and p["due_at"] < now
    ]
    carts = [w["at"] for w in history["web_events"] if w["kind"] == "cart_abandoned" and recent(w["at"], 14)]
    orders = [
        o["placed_at"]
        for o in history["orders"]
        if o["status"] != "cancelled" and o["total_minor"] > 0 and past(o["placed_at"])
    ]
    return {
        "no_gifts": any(
            b["kind"] == "no_gifts" and past(b["created_at"]) and not past(b["ended_at"]) for b in history["boundaries"]
        ),
        "open_complaints": sum(
            past(c["opened_at"]) and (c["state"] == "open" or not past(c["settled_at"])) for c in history["complaints"]
        ),
        "complaints_12m": sum(recent(at, 365) for at in opened),
        "last_complaint_at": max(opened, default=None),
        "interactions_14d": sum(recent(at, 14) for at, _ in talks),
        "unresolved_14d": sum(recent(at, 14) and talk["resolved"] is False for at, talk in talks),
        "interactions_90d": sum(recent(at, 90) for at, _ in talks),
        "last_interaction_at": max((at for at, _ in talks), default=None),
        "csat_last": scored[0][1] if scored else None,
        "csat_average": sum(one for _, one in scored) * 100 // len(scored) if scored else None,
        "broken_promises": len(waiting),
        "open_basket": bool(carts) and (not orders or max(orders) < max(carts)),
    }


def from_ledger(
    entries: list[dict[str, Any]], recent: Callable[..., bool], past: Callable[..., bool]
) -> dict[str, Any]:
    """An entry: booked_at, cost_minor, currency, and `steps`, a list of (state, at)."""
    given, declined, taken_back = [], 0, 0
    for entry in entries:
        states = {state for state, at in entry["steps"] if past(at)}
        if "granted" in states and "reversed" not in states:
            given.append(entry)
        declined += "declined" in states and recent(entry["booked_at"], 365)
        taken_back += any(state == "reversed" and recent(at, 365) for state, at in entry["steps"])
    year = [entry for entry in given if recent(entry["booked_at"], 365)]
    return {
        "last_gesture_at": max((entry["booked_at"] for entry in given), default=None),
        "gestures_90d": sum(recent(entry["booked_at"], 90) for entry in given),
        "gestures_12m": len(year),
        "gesture_cost_12m": sum(entry["cost_minor"] for entry in year if entry["currency"] == "GBP"),
        "gestures_declined_12m": declined,
        "reversals_12m": taken_back,
    }
