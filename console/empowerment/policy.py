"""What a policy says: who may give what to whom, up to which limits. Plain values, read from JSON and hashed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from console.empowerment.rules import EVERYBODY, Field, Rule, as_json, read_rule
from console.empowerment.windows import Hours, Window


class Kind(StrEnum):
    GRANT = "grant"  # gives authority
    GUARDRAIL = "guardrail"  # takes it away, whatever else is allowed, and for everybody


class Scope(StrEnum):
    """Whose bookings a limit counts."""

    GESTURE = "gesture"
    INTERACTION = "interaction"
    CUSTOMER = "customer"
    HOUSEHOLD = "household"  # the same account or address
    AGENT = "agent"
    TEAM = "team"
    POOL = "pool"  # everything given under this policy


class Measure(StrEnum):
    COST = "cost"
    FACE = "face"
    COUNT = "count"


# Which windows make sense for which scope.
WINDOWS: dict[Scope, tuple[Window, ...]] = {
    Scope.GESTURE: (Window.EACH, Window.DAY, Window.WEEK, Window.MONTH, Window.ROLLING),
    Scope.INTERACTION: (Window.INTERACTION,),
    **dict.fromkeys(
        (Scope.CUSTOMER, Scope.HOUSEHOLD, Scope.AGENT, Scope.TEAM, Scope.POOL),
        (Window.DAY, Window.WEEK, Window.MONTH, Window.ROLLING),
    ),
}


# What a customer was given stays counted when it is taken back, so that nobody collects gestures by complaining.
STAYS_COUNTED = (Scope.CUSTOMER, Scope.HOUSEHOLD)
WARN_AT = 80  # percent of a cap


@dataclass(frozen=True)
class Limit:
    """One cap, inclusive. `cap` is minor units of the policy's currency, or a number of gestures."""

    scope: Scope
    measure: Measure
    window: Window
    cap: int
    days: int = 0  # of a rolling window
    overridable: bool = True  # an approver may allow more
    reversal_restores: bool | None = None  # whether what is taken back frees it; None: as is usual, see `restores`
    warn_at: int = field(default=WARN_AT, compare=False)  # the percentage used from which it shows as nearly used up

    @property
    def restores(self) -> bool:
        """Whether what is taken back counts no more: by itself money does not, a number per customer does."""
        if self.reversal_restores is None:
            return self.measure is not Measure.COUNT or self.scope not in STAYS_COUNTED
        return self.reversal_restores


@dataclass(frozen=True)
class Who:
    """Who has one of the roles and is in one of the teams (as far as any are named), or is named; not the excepted."""

    roles: tuple[str, ...] = ()
    teams: tuple[int, ...] = ()
    agents: tuple[int, ...] = ()
    except_agents: tuple[int, ...] = ()

    def includes(self, agent_id: int, roles: frozenset[str], team_id: int | None) -> bool:
        if agent_id in self.except_agents:
            return False
        if agent_id in self.agents:
            return True
        if not self.roles and not self.teams:
            return not self.agents
        return (not self.roles or bool(roles & set(self.roles))) and (not self.teams or team_id in self.teams)


@dataclass(frozen=True)
class Choice:
    """Which gestures: of these kinds, or these themselves; all when neither is named; never those left out."""

    kinds: tuple[str, ...] = ()
    gestures: tuple[int, ...] = ()
    without: tuple[int, ...] = ()
    cash_like: bool | None = None  # only those that are as good as money, or only the others

    def includes(self, gesture_id: int, kind: str, *, cash_like: bool) -> bool:
        if gesture_id in self.without or (self.cash_like is not None and self.cash_like != cash_like):
            return False
        return (not self.kinds and not self.gestures) or kind in self.kinds or gesture_id in self.gestures


@dataclass(frozen=True)
class Approval:
    """Who may allow more, and how far."""

    roles: tuple[str, ...] = ("supervisor",)
    minutes: int = 5  # a request lives
    most_over_percent: int = 100  # of the limit that is exceeded
    second_over_minor: int | None = None  # from this cost on two people must agree
    budget_minor: int | None = None  # what one approver may allow a day, of cost


@dataclass(frozen=True)
class Body:
    """The content of a policy version; its hash is what was simulated and what is published."""

    currency: str
    zone: str  # IANA: where calendar windows begin
    week_start: int = 0  # 0 is Monday
    priority: int = 100  # the highest of the matching grant policies authorises
    who: Who = Who()
    channels: tuple[str, ...] = ()  # any when empty
    hours: Hours | None = None  # on the clock of `zone`; always when None
    customers: Rule = EVERYBODY
    interaction: Rule = EVERYBODY
    gestures: Choice = Choice()
    limits: tuple[Limit, ...] = ()
    approval: Approval = Approval()
    hold_minutes: int = 15
    reason_codes: tuple[str, ...] = ()  # one must be named when there are any
    note_over_minor: int | None = None  # above this cost a note says why

    @property
    def zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def is_open(self, now: datetime) -> bool:
        return self.hours is None or self.hours.include(now, self.zone_info)


@dataclass(frozen=True)
class Policy:
    """A version as it is in force."""

    id: int
    version_id: int
    kind: Kind
    name: str
    body: Body = field(repr=False)


def body_json(body: Body) -> dict[str, Any]:
    """As it is stored, sent and compared. What came later stands there only if it says something: hashes stay."""
    hours = body.hours
    later = {"hours": {"days": list(hours.days), "opens": hours.opens, "closes": hours.closes}} if hours else {}
    return later | {
        "currency": body.currency,
        "zone": body.zone,
        "week_start": body.week_start,
        "priority": body.priority,
        "who": {name: list(getattr(body.who, name)) for name in ("roles", "teams", "agents", "except_agents")},
        "channels": list(body.channels),
        "customers": as_json(body.customers),
        "interaction": as_json(body.interaction),
        "gestures": {
            "kinds": list(body.gestures.kinds),
            "gestures": list(body.gestures.gestures),
            "without": list(body.gestures.without),
            "cash_like": body.gestures.cash_like,
        },
        "limits": [limit_json(limit) for limit in body.limits],
        "approval": {
            "roles": list(body.approval.roles),
            "minutes": body.approval.minutes,
            "most_over_percent": body.approval.most_over_percent,
            "second_over_minor": body.approval.second_over_minor,
            "budget_minor": body.approval.budget_minor,
        },
        "hold_minutes": body.hold_minutes,
        "reason_codes": list(body.reason_codes),
        "note_over_minor": body.note_over_minor,
    }


def limit_json(limit: Limit) -> dict[str, Any]:
    later: dict[str, Any] = {}
    if limit.warn_at != WARN_AT:
        later["warn_at"] = limit.warn_at
    if limit.reversal_restores is not None:
        later["reversal_restores"] = limit.reversal_restores
    return later | {
        "scope": limit.scope.value,
        "measure": limit.measure.value,
        "window": limit.window.value,
        "cap": limit.cap,
        "days": limit.days,
        "overridable": limit.overridable,
    }


def body_hash(data: Mapping[str, Any]) -> str:
    """Of `body_json`: sha256 over canonical JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_body(data: Mapping[str, Any], customer: Mapping[str, Field], interaction: Mapping[str, Field]) -> Body:
    """A body from stored JSON. Raises RuleError, KeyError or ValueError for what `body_json` never wrote."""
    who, choice, approval, hours = data["who"], data["gestures"], data["approval"], data.get("hours")
    return Body(
        currency=data["currency"],
        zone=data["zone"],
        week_start=data["week_start"],
        priority=data["priority"],
        who=Who(tuple(who["roles"]), tuple(who["teams"]), tuple(who["agents"]), tuple(who["except_agents"])),
        channels=tuple(data["channels"]),
        hours=Hours(tuple(hours["days"]), hours["opens"], hours["closes"]) if hours else None,
        customers=read_rule(data["customers"], customer),
        interaction=read_rule(data["interaction"], interaction),
        gestures=Choice(
            tuple(choice["kinds"]), tuple(choice["gestures"]), tuple(choice["without"]), choice["cash_like"]
        ),
        limits=tuple(map(read_limit, data["limits"])),
        approval=Approval(
            tuple(approval["roles"]),
            approval["minutes"],
            approval["most_over_percent"],
            approval["second_over_minor"],
            approval["budget_minor"],
        ),
        hold_minutes=data["hold_minutes"],
        reason_codes=tuple(data["reason_codes"]),
        note_over_minor=data["note_over_minor"],
    )


def read_limit(data: Mapping[str, Any]) -> Limit:
    """A limit as `body_json` and requests for more keep it."""
    return Limit(
        Scope(data["scope"]),
        Measure(data["measure"]),
        Window(data["window"]),
        data["cap"],
        data["days"],
        data.get("overridable", True),
        data.get("reversal_restores"),
        data.get("warn_at", WARN_AT),
    )
