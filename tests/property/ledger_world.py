"""The shop of the ledger's state machine, and what its reference expects there."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from console.auth.models import Role, Team
from console.customers.models import Account, Tier
from console.db import db
from console.empowerment.fields import CUSTOMER as FIELDS
from console.empowerment.kinds import GestureKind, Occasion
from console.empowerment.models import PolicyVersion, Stage, Suspension, SuspensionKind
from console.empowerment.policy import Choice, Kind, Limit, Measure, Scope
from console.empowerment.rules import read_rule
from console.empowerment.windows import Window
from console.gestures.ledger import Terms
from tests.factories import add, make_customer, make_interaction, make_user
from tests.factories_gestures import make_gesture, make_policy
from tests.property.ledger_reference import GOLD, GUARD, HOLD, WEEK_STARTS, WIDE, ZONES, Reference

LONDON = ZoneInfo("Europe/London")
START = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)  # the evening before a day of 23 hours, a Saturday
AGENTS, CUSTOMERS = 3, 3
# name: cost, face, kind, cash-like, least, step, stock
SHELF: tuple[tuple[Any, ...], ...] = (
    ("card", 0, 100, "handwritten_card", False, None, None, None),
    ("four", 400, 800, "credit", True, None, None, None),
    ("five", 500, 500, "addon", False, None, None, None),
    ("ten", 1000, 1300, "credit", True, None, None, None),
    ("over", 1001, 1001, "upgrade", False, None, None, None),
    ("range", 900, 1000, "discount", True, 300, 200, None),
    ("few", 100, 200, "sample", False, None, None, 1),
)
SHARES = (1.0, 0.6, 1.4)
STREETS = ("Mill Lane", "Harbour Road")
keys = count(1)


def midnight(clock: datetime, zone: str, days: int = 1) -> datetime:
    day = (clock.astimezone(ZoneInfo(zone)) + timedelta(days=days)).date()
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def ticked(clock: datetime, tick: str) -> datetime:
    second = timedelta(seconds=1)
    moments = {
        "stay": clock,
        "second": clock + second,
        "hold": clock + HOLD,
        "rolling": clock + timedelta(days=2),
        "midnight": midnight(clock, "Europe/London"),
        "new york": midnight(clock, "America/New_York"),
        "monday": midnight(clock, "Europe/London", 7 - clock.astimezone(LONDON).weekday()),
        "back": clock - timedelta(hours=2),
        "month": clock + timedelta(days=31),
    }
    name, sign, _ = tick.partition(" - ") if " - " in tick else tick.partition(" + ")
    return moments[name] + {" - ": -second, " + ": second, "": timedelta(0)}[sign]


def limits_of(spec: tuple[tuple[Any, ...], ...], share: float) -> tuple[Limit, ...]:
    return tuple(
        Limit(Scope(scope), Measure(measure), Window(window), int(cap * share), days, overridable)
        for scope, measure, window, cap, days, overridable in spec
    )


class World:
    session: Session  # set by the test, as is the application context

    def __init__(self) -> None:
        super().__init__()
        session = self.session
        session.execute(
            update(PolicyVersion).where(PolicyVersion.stage == Stage.PUBLISHED).values(stage=Stage.WITHDRAWN)
        )
        session.execute(delete(Suspension))
        number = next(keys)
        self.reference, self.clock = Reference(), START
        self.met: Counter[Any] = Counter()  # outcomes, and limits that stood in the way
        self.teams = [add(session, Team(name=f"Team {number} {side}")) for side in "ab"]
        self.agents = [make_user(session, team=self.teams[place % 2]) for place in range(AGENTS)]
        self.roles = dict.fromkeys(range(AGENTS), "agent")
        self.account = add(session, Account(name=f"Account {number}"))
        self.streets = [f"{number} {street}" for street in STREETS]
        # The first shares an account with the second, an address with the third, and they share nothing.
        self.customers = [
            make_customer(
                session,
                tier=Tier.GOLD if place == 0 else Tier.STANDARD,
                account_id=self.account.id if place < 2 else None,
                street=None if place == 1 else self.streets[0],
                postcode="EH1 2AB",
            )
            for place in range(CUSTOMERS)
        ]
        self.talks = {
            (a, c): make_interaction(session, self.customers[c], self.agents[a]).id
            for a in range(AGENTS)
            for c in range(CUSTOMERS)
        }
        self.versions = [self.shelved(*spec) for spec in SHELF]
        self.supervisor = make_user(session, "supervisor")
        self.policies: dict[str, PolicyVersion] = {}
        for name in ("wide", "gold", "guard"):
            self.put_in_force(name, 1.0, START - timedelta(days=365))
        session.commit()

    def shelved(self, name: str, cost: int, face: int, kind: str, cash: bool, *rest: Any) -> Any:
        least, step, stock = rest
        version = make_gesture(
            self.session,
            name,
            cost,
            face_minor=face,
            kind=GestureKind(kind),
            cash_like=cash,
            least_minor=least,
            step_minor=step,
        )
        version.gesture.stock = stock
        return version

    def put_in_force(self, name: str, share: float, start: datetime) -> None:
        before = self.policies.get(name)
        spec = {"wide": WIDE, "gold": GOLD, "guard": GUARD}[name]
        bodies: dict[str, dict[str, Any]] = {
            "wide": {"priority": 10},
            "gold": {
                "priority": 20,
                "customers": read_rule({"field": "tier", "op": "in", "value": ["gold"]}, FIELDS),
                "gestures": Choice(kinds=("credit",)),
            },
            "guard": {"gestures": Choice(cash_like=True), "roles": ()},
        }
        version = make_policy(
            self.session,
            limits=limits_of(spec, share),
            kind=Kind.GUARDRAIL if name == "guard" else Kind.GRANT,
            effective_from=start,
            replaces=before,
            zone=ZONES[name],
            week_start=WEEK_STARTS[name],
            **bodies[name],
        )
        self.policies[name] = version
        self.reference.versions.setdefault(name, []).append((start, version.number, share))

    def subjects(self, row: dict[str, Any]) -> list[str]:
        names = ("agent", "team", "customer", "account", "street", "gesture", "talk")
        return [f"{name} {row[name]}" for name in names if row[name] is not None] + ["pool"]

    def ask(self, a: int, c: int, g: int, cost: int | None = None) -> dict[str, Any]:
        _, dearest, face, kind, is_cash, _, _, _ = SHELF[g]
        paid = dearest if cost is None else cost
        customer = self.customers[c]
        return {
            "agent": self.agents[a].id,
            "role": self.roles[a],
            "team": self.agents[a].team_id,
            "customer": customer.id,
            "tier": customer.tier.value,
            "account": customer.account_id,
            "street": customer.street,
            "talk": self.talks[a, c],
            "gesture": self.versions[g].gesture_id,
            "kind": kind,
            "is_cash": is_cash,
            "cost": paid,
            "face": face if paid == dearest else -(-face * paid // dearest),
        }

    def expected(self, ask: dict[str, Any], g: int, now: datetime) -> tuple[str, set[Any], str | None]:
        """("held" | "no stock" | "no authority" | "over", the limits broken, the policy)"""
        reference = self.reference
        if not reference.in_stock(ask["gesture"], SHELF[g][7], now):
            return "no stock", set(), None
        policy = reference.authority(ask, now)
        if policy is None:
            return "no authority", set(), None
        over = reference.over(ask, policy, now)
        return ("over" if over else "held"), over, policy

    def terms(self, ask: dict[str, Any], g: int, cost: int | None) -> Terms:
        return Terms(
            ask["agent"],
            ask["customer"],
            self.versions[g].id,
            Occasion.DELIGHT,
            interaction_id=ask["talk"],
            cost_minor=cost,
        )

    def version_id(self, policy: str | None, now: datetime) -> int | None:
        found = self.reference.number(policy, now) if policy else None
        return db.session.scalar(
            select(PolicyVersion.id).where(
                PolicyVersion.policy_id == self.policies[policy or "wide"].policy_id,
                PolicyVersion.number == (found or (0,))[0],
            )
        )

    def is_overridable(self, failed: Any) -> bool:
        name, scope, measure, window = failed
        spec = {"wide": WIDE, "gold": GOLD, "guard": GUARD}[name]
        return name != "guard" and any(one[5] for one in spec if one[:3] == (scope, measure, window))

    def is_stopped(self, row: dict[str, Any]) -> bool:
        named = {("agent", row["agent"]), ("gesture", row["gesture"]), ("policy", row["policy"])}
        return bool(named & self.reference.stopped)

    def restore(self) -> None:
        self.session.execute(update(Suspension).values(lifted_at=START))
        self.reference.stopped.clear()
        for place, agent in enumerate(self.agents):
            if self.roles[place] != "agent":
                self.roles[place] = "agent"
                agent.roles = [self.session.scalars(select(Role).where(Role.name == "agent")).one()]

    def pull(self, kind: str, pick: int) -> None:
        """A kill switch."""
        name = ("wide", "gold", "guard")[pick % 3]
        gesture, agent = self.versions[pick % len(SHELF)].gesture_id, self.agents[pick % AGENTS].id
        known, row_id = {"agent": (agent, agent), "gesture": (gesture, gesture)}.get(
            kind, (name, self.policies[name].policy_id)
        )
        self.reference.stopped.add((kind, known))
        add(self.session, Suspension(kind=SuspensionKind(kind), subject_id=row_id, reason="Looks odd"))

    def change(self, what: str, agent: Any, pick: int) -> None:
        customer = self.customers[pick % CUSTOMERS]
        if what == "team":
            agent.team = self.teams[0] if agent.team_id == self.teams[1].id else self.teams[1]
        elif what == "account":
            customer.account_id = None if customer.account_id else self.account.id
        elif what == "house":
            customer.street = {None: self.streets[0], self.streets[0]: self.streets[1]}.get(customer.street)
        else:
            self.roles[pick % AGENTS] = "sales"
            agent.roles = [self.session.scalars(select(Role).where(Role.name == "sales")).first() or Role(name="sales")]
