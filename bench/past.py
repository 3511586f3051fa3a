"""Ninety days of a large contact centre, for bench.simulation: customers, talks, a ledger, facts by day, policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import select, text

from bench.writing import finish, write_rows
from console.auth.models import Role, Team, User, user_roles
from console.customers.fact_models import CustomerFacts, CustomerFactsDay, FactChange
from console.customers.models import Customer
from console.db import Base, db
from console.empowerment.fields import CHANNELS, CUSTOMER, INTERACTION
from console.empowerment.kinds import GestureKind
from console.empowerment.models import EmpowermentPolicy, PolicyVersion, Stage
from console.empowerment.policy import (
    Approval,
    Body,
    Choice,
    Kind,
    Limit,
    Measure,
    Scope,
    Who,
    body_hash,
    body_json,
)
from console.empowerment.rules import read_rule
from console.empowerment.windows import Window
from console.gestures.approval_models import ApprovalRequest
from console.gestures.models import Gesture, GestureVersion, LedgerEntry, LedgerEvent
from console.interactions.models import Interaction

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ZONE = ZoneInfo("Europe/London")
DAYS, AGENTS, TEAMS, SUPERVISORS = 90, 500, 25, 20
OFFERED, REQUESTED = 0.17, 0.02  # of the conversations
AT_ONCE = 50_000
GESTURES = (
    ("credit", 1500, True), ("fee_waiver", 495, False), ("expedited_shipping", 520, False), ("addon", 640, False),
    ("sample", 180, False), ("handwritten_card", 90, False), ("upgrade", 1200, False), ("human_followup", 0, False),
)  # fmt: skip


def limit(scope: str, measure: str, window: str, cap: int, days: int = 0) -> Limit:
    return Limit(Scope(scope), Measure(measure), Window(window), cap, days)


BODIES: tuple[tuple[str, Kind, Body], ...] = (
    (
        "Agents after a failure", Kind.GRANT,
        Body(
            currency="GBP", zone="Europe/London", priority=200, who=Who(roles=("agent", "sales")),
            interaction=read_rule({"field": "occasion", "op": "in", "value": ["recovery"]}, INTERACTION),
            limits=(
                limit("gesture", "cost", "each", 1500), limit("interaction", "cost", "interaction", 2500),
                limit("customer", "cost", "rolling", 6000, 90), limit("agent", "cost", "day", 6000),
            ),
        ),
    ),
    (
        "Sales add-ons", Kind.GRANT,
        Body(
            currency="GBP", zone="Europe/London", priority=150, who=Who(roles=("agent", "sales")),
            customers=read_rule(
                {"all": [{"field": "tier", "op": "in", "value": ["silver", "gold"]},
                         {"any": [{"field": "last_gesture_at", "op": "is_unknown"},
                                  {"field": "last_gesture_at", "op": "ge", "value": 90}]}]}, CUSTOMER),
            gestures=Choice(kinds=("addon", "upgrade", "sample")),
            limits=(
                limit("gesture", "cost", "each", 1500), limit("agent", "cost", "day", 6000),
                limit("pool", "cost", "month", 2_500_000),
            ),
        ),
    ),
    (
        "A little delight", Kind.GRANT,
        Body(
            currency="GBP", zone="Europe/London", priority=50, who=Who(roles=("agent", "sales")),
            gestures=Choice(without=(1,)),
            limits=(limit("gesture", "cost", "each", 700), limit("agent", "cost", "day", 3000),
                    limit("team", "cost", "week", 250_000)),
        ),
    ),
    (
        "Not too often", Kind.GUARDRAIL,
        Body(currency="GBP", zone="Europe/London", limits=(limit("customer", "count", "rolling", 3, 30),)),
    ),
    (
        "Cash stays rare", Kind.GUARDRAIL,
        Body(currency="GBP", zone="Europe/London", gestures=Choice(cash_like=True),
             limits=(limit("customer", "face", "rolling", 5000, 365),)),
    ),
)  # fmt: skip


def fill(interactions: int) -> None:
    unguard()
    customers = max(interactions // 5, 100)
    rng = np.random.default_rng(1)
    agents = hire()
    versions = stock()
    policies = enact()
    write_customers(customers, rng)
    write_talks(interactions, customers, agents, versions, policies, rng)
    unguard()
    finish([Customer, CustomerFacts, CustomerFactsDay, Interaction, LedgerEntry, LedgerEvent, ApprovalRequest])


def unguard() -> None:
    """Rows come in bulk here, not through the ledger: its guards and the facts' triggers are off in this database."""
    if db.engine.dialect.name == "sqlite":
        db.session.execute(text("PRAGMA synchronous = OFF"))
        for name in db.session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            db.session.execute(text(f'DROP TRIGGER "{name}"'))
    else:
        db.session.execute(text("SET session_replication_role = replica"))


def add(row: Base) -> Any:
    db.session.add(row)
    db.session.flush()
    return row


def hire() -> list[User]:
    roles = {one.name: one for one in db.session.scalars(select(Role))}
    for name in ("agent", "sales", "supervisor"):
        roles.setdefault(name, add(Role(name=name)) if name not in roles else roles[name])
    teams = [add(Team(name=f"Team {number}")) for number in range(TEAMS)]
    people = [
        User(email=f"p{number}@example.com", name=f"Person {number}", team_id=teams[number % TEAMS].id)
        for number in range(AGENTS + SUPERVISORS)
    ]
    db.session.add_all(people)
    db.session.flush()
    held = [
        {"user_id": one.id, "role_id": roles["supervisor" if place >= AGENTS else "agent"].id}
        for place, one in enumerate(people)
    ]
    db.session.execute(user_roles.insert(), held)
    db.session.commit()
    return people[:AGENTS]


def stock() -> list[GestureVersion]:
    found = []
    for number, (kind, cost, cash_like) in enumerate(GESTURES):
        gesture = add(Gesture(code=f"gesture-{number}", kind=GestureKind(kind)))
        found.append(
            add(
                GestureVersion(
                    gesture_id=gesture.id, version=1, name=f"Gesture {number}", currency="GBP", cost_minor=cost,
                    face_minor=cost * 3 // 2, perceived_minor=cost * 2, tax_minor=cost, cash_like=cash_like,
                    occasions=["recovery", "delight"],
                )
            )
        )  # fmt: skip
    db.session.commit()
    return found


def enact() -> list[PolicyVersion]:
    found = []
    for name, kind, body in BODIES:
        policy = add(EmpowermentPolicy(name=name, kind=kind))
        content = body_json(replace(body, approval=Approval()))
        found.append(
            add(
                PolicyVersion(
                    policy_id=policy.id, number=1, stage=Stage.PUBLISHED, body=content, body_hash=body_hash(content),
                    effective_from=NOW - timedelta(days=200),
                )
            )
        )  # fmt: skip
    db.session.commit()
    return found


def pieces(count: int) -> Iterator[range]:
    for start in range(0, count, AT_ONCE):
        yield range(start, min(start + AT_ONCE, count))


def write_customers(count: int, rng: np.random.Generator) -> None:
    tiers = rng.choice(["standard", "silver", "gold"], count, p=[0.82, 0.13, 0.05]).tolist()
    languages = rng.choice(["en", "pl", "de", "cy"], count, p=[0.86, 0.06, 0.05, 0.03]).tolist()
    gifted = rng.integers(0, 400, count).tolist()
    names = (
        "id",
        "first_name",
        "last_name",
        "tier",
        "language",
        "country",
        "consents",
        "created_at",
        "updated_at",
        "is_demo",
    )
    plain = ("stage", "is_business", "no_gifts", "orders_all", "orders_12m", "orders_90d", "spent_12m", "spent_all",
             "returns_12m", "late_90d", "worst_delay_days", "open_complaints", "complaints_12m", "interactions_14d",
             "unresolved_14d", "interactions_90d", "broken_promises", "open_basket", "gestures_90d", "gestures_12m",
             "gesture_cost_12m", "gestures_declined_12m", "reversals_12m", "is_drifting")  # fmt: skip
    of_facts = ("customer_id", "tier", "language", "last_gesture_at", *plain)
    for piece in pieces(count):
        rows = [(n + 1, "Some", f"Body {n}", tiers[n], languages[n], "GB", "{}", NOW, NOW, False) for n in piece]
        write_rows(Customer, names, rows)
        facts = []
        days = []
        for n in piece:
            given = NOW - timedelta(days=gifted[n]) if gifted[n] < 300 else None
            numbers = ("loyal", False, n % 50 == 0, n % 9, n % 7, n % 4, 5000, 9000, 0, n % 3, n % 5, int(n % 30 == 0),
                       0, n % 4, 0, n % 6, 0, False, int(gifted[n] < 90), 1, 500, 0, 0, False)  # fmt: skip
            facts.append((n + 1, tiers[n], languages[n], given, *numbers, NOW))
            days += [
                (n + 1, tiers[n], languages[n], given, *numbers, (NOW - timedelta(days=back)).date())
                for back in (100, 60 - n % 30)[: 1 + n % 2]
            ]
        write_rows(CustomerFacts, (*of_facts, "as_of"), facts)
        write_rows(CustomerFactsDay, (*of_facts, "day"), days)
        db.session.commit()
    db.session.execute(text(f"DELETE FROM {FactChange.__tablename__}"))
    db.session.commit()


def write_talks(
    count: int,
    customers: int,
    agents: list[User],
    versions: list[GestureVersion],
    policies: list[PolicyVersion],
    rng: np.random.Generator,
) -> None:
    day = np.sort(rng.integers(0, DAYS, count))
    seconds = rng.integers(8 * 3600, 20 * 3600, count)
    moments = np.sort(day * 86_400 + seconds).tolist()
    start = (NOW - timedelta(days=DAYS)).replace(hour=0)
    of = (rng.pareto(1.2, count) * customers / 40).astype(np.int64) % customers + 1
    who = rng.integers(0, len(agents), count).tolist()
    channel = rng.choice(list(CHANNELS), count).tolist()
    code = rng.choice(
        ["late_delivery", "damaged", "other", "product_question"], count, p=[0.15, 0.1, 0.4, 0.35]
    ).tolist()
    fate = rng.random(count).tolist()
    gift = rng.integers(0, len(versions), count).tolist()
    owners = of.tolist()
    book = Ledger(agents, versions, policies)
    names = ("id", "customer_id", "agent_id", "channel", "state", "subject", "started_at", "ended_at", "wrap_up_code",
             "resolved", "reason", "resolution", "result")  # fmt: skip
    for piece in pieces(count):
        rows = []
        for n in piece:
            at = start + timedelta(seconds=moments[n])
            rows.append((n + 1, owners[n], agents[who[n]].id, channel[n], "closed", "About an order", at,
                         at + timedelta(minutes=9), code[n], True, "Where is it?", "Looked", "Fine"))  # fmt: skip
            if fate[n] < OFFERED + REQUESTED:
                occasion = "recovery" if code[n] in ("late_delivery", "damaged") else "delight"
                book.write(n + 1, owners[n], who[n], gift[n], occasion, at + timedelta(minutes=4), fate[n])
        write_rows(Interaction, names, rows)
        book.flush()
        db.session.commit()


class Ledger:
    """What was offered, and what came of it: 76 of 100 granted, 12 declined, 8 run out, 2 withdrawn, 2 reversed."""

    ENTRY = ("id", "gesture_version_id", "gesture_id", "policy_id", "policy_version_id", "guardrails", "customer_id",
             "household", "address_key", "interaction_id", "agent_id", "team_id", "occasion", "state", "currency",
             "cost_minor", "face_minor", "reason_code", "reason", "booked_at", "expires_at", "idempotency_key",
             "terms_hash")  # fmt: skip
    EVENT = ("id", "entry_id", "state", "delta_minor", "at", "reason")
    REQUEST = ("requester_id", "customer_id", "interaction_id", "gesture_version_id", "policy_id", "policy_version_id",
               "occasion", "currency", "cost_minor", "face_minor", "reason_code", "reason", "failures", "terms_hash",
               "idempotency_key", "state", "requested_at", "escalates_at", "expires_at", "approvals_needed", "answer",
               "decided_at")  # fmt: skip

    def __init__(self, agents: list[User], versions: list[GestureVersion], policies: list[PolicyVersion]) -> None:
        self.agents, self.versions, self.policies = agents, versions, policies
        self.entries: list[Sequence[Any]] = []
        self.events: list[Sequence[Any]] = []
        self.requests: list[Sequence[Any]] = []
        self.number = self.event = 0

    def write(self, talk: int, customer: int, who: int, gift: int, occasion: str, at: datetime, fate: float) -> None:
        agent, version = self.agents[who], self.versions[gift]
        policy = self.policies[0 if occasion == "recovery" else 2]
        if fate >= OFFERED:
            self.requests.append((
                agent.id, customer, talk, version.id, policy.policy_id, policy.id, occasion, "GBP", version.cost_minor,
                version.face_minor, "", "", "[]", "0", f"request-{talk}", "rejected", at, at,
                at + timedelta(minutes=5), 1,
                "", at + timedelta(minutes=2),
            ))  # fmt: skip
            return
        self.number += 1
        share = fate / OFFERED
        state = next(name for name, most in (("granted", 0.76), ("declined", 0.88), ("expired", 0.96), ("voided", 0.98),
                                             ("reversed", 1.1)) if share < most)  # fmt: skip
        self.entries.append((
            self.number, version.id, version.gesture_id, policy.policy_id, policy.id, "[]", customer,
            f"customer:{customer}", f"customer:{customer}", talk, agent.id, agent.team_id, occasion, state, "GBP",
            version.cost_minor, version.face_minor, "", "", at, at + timedelta(minutes=15), f"entry-{talk}", "0",
        ))  # fmt: skip
        steps = [("held", 0)]
        steps += {"expired": [("expired", 15)], "reversed": [("granted", 2), ("reversed", 600)]}.get(
            state, [(state, 2)]
        )
        for step, minutes in steps:
            self.event += 1
            self.events.append((self.event, self.number, step, 0, at + timedelta(minutes=minutes), ""))

    def flush(self) -> None:
        write_rows(LedgerEntry, self.ENTRY, self.entries)
        write_rows(LedgerEvent, self.EVENT, self.events)
        write_rows(ApprovalRequest, self.REQUEST, self.requests)
        self.entries.clear()
        self.events.clear()
        self.requests.clear()
