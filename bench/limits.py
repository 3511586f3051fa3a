"""Do the limits hold when many processes spend them at once, and is every refusal deserved?

    python -m bench.limits --processes 8 --attempts 10000 --json

On each engine real processes offer, grant, decline, withdraw and reverse gestures for few agents and customers, ask for
more and have it approved, while new versions of the policies are published; their clocks disagree and cross midnights.
Afterwards the ledger's events are replayed in plain Python that shares nothing with the code under test (replay.py):
what is above a cap in force is overspend, and a refusal that names a limit with room left is spurious.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flask_migrate
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from bench.replay import Refusal, replayed
from console.app import create_app
from console.auth.models import Team
from console.config import Settings
from console.customers.models import Account
from console.db import db
from console.empowerment.kinds import GestureKind, Occasion
from console.empowerment.models import PolicyVersion
from console.empowerment.policies import change_policies
from console.empowerment.policy import Approval, Choice, Kind, Limit, Measure, Scope
from console.empowerment.windows import Window
from console.errors import DomainError
from console.gestures import approvals, asking, ledger
from console.gestures.locking import Busy
from console.gestures.models import LedgerEntry, LedgerEvent
from console.gestures.sealing import seal, verify
from tests import postgres
from tests.factories import add, make_customer, make_interaction, make_user
from tests.factories_gestures import make_gesture, make_policy

AGENTS, CUSTOMERS, TEAMS = 8, 24, 2
COSTS = (0, 90, 380, 520, 700, 1000, 1001)
START = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)  # two days before the clocks go forward
SPAN = timedelta(days=6)  # what a run plays through
SKEW = 90  # seconds that a process's clock may be off
VERSIONS = 24  # published while a run goes on
C, F, N = Measure.COST, Measure.FACE, Measure.COUNT
LIMITS = (
    Limit(Scope.GESTURE, C, Window.EACH, 1000),
    Limit(Scope.INTERACTION, C, Window.INTERACTION, 9_000),
    Limit(Scope.CUSTOMER, C, Window.ROLLING, 60_000, days=3),
    Limit(Scope.HOUSEHOLD, N, Window.WEEK, 400, overridable=False),
    Limit(Scope.AGENT, C, Window.DAY, 60_000),
    Limit(Scope.TEAM, C, Window.DAY, 200_000),
    Limit(Scope.POOL, C, Window.WEEK, 1_400_000, overridable=False),
    Limit(Scope.GESTURE, N, Window.DAY, 220),
)
GUARDED = (Limit(Scope.CUSTOMER, F, Window.ROLLING, 40_000, days=1, overridable=False),)
BUDGET = 60_000  # what an approver may allow a day


@dataclass(frozen=True)
class World:
    agents: list[int]
    customers: list[int]
    talks: dict[tuple[int, int], int]
    versions: list[int]
    supervisors: dict[int, int]  # by agent, of the same team
    policy: int  # the agents'
    attempts: int


@dataclass(frozen=True)
class Result:
    engine: str
    processes: int
    attempts: int  # offers
    held: int
    grants: int
    over_limit: int
    approved: int
    published: int
    busy: int  # told to try again
    faults: int  # anything else that went wrong
    overspend_minor: int
    spurious: int  # refusals that named a limit with room left
    altered: int  # what seals and projection found wrong
    operations: int  # everything the processes did
    per_second: float  # operations
    p50_ms: float
    p95_ms: float


def main() -> int:
    parser = argparse.ArgumentParser(description="Do the limits hold when many processes spend them at once?")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--attempts", type=int, default=10_000, help="offers, by all processes together")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], action="append", help="both when not given")
    parser.add_argument("--json", action="store_true", help="one JSON line for each engine")
    given = parser.parse_args()
    failed = False
    for engine in given.engine or ["sqlite", "postgresql"]:
        with database(engine) as url:
            result = run(engine, url, given.processes, given.attempts)
        print(json.dumps(asdict(result)) if given.json else result, flush=True)
        failed = failed or any((result.overspend_minor, result.spurious, result.altered, result.faults))
    return int(failed)


@contextmanager
def database(engine: str) -> Iterator[str]:
    """An empty database that survives a power cut as in production; yields its address."""
    if engine == "postgresql":
        with postgres.throw_away(durable=True) as port:
            yield postgres.create_database(port, "limits")
        return
    folder = tempfile.mkdtemp(prefix="plusone-limits-")
    try:
        yield f"sqlite:///{folder}/plusone.db"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(engine: str, url: str, processes: int, attempts: int) -> Result:
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="plusone-bench-") as folder:
        app = make_app(url, folder)
        with app.app_context():
            flask_migrate.upgrade()
            world = populate(attempts)
            db.engine.dispose()
        shares = [attempts // processes + (number < attempts % processes) for number in range(processes)]
        barrier = context.Barrier(processes + 1)
        answers: Any = context.Queue()
        workers = [
            context.Process(target=work, args=(url, folder, world, share, number, barrier, answers), daemon=True)
            for number, share in enumerate(shares)
        ]
        for worker in workers:
            worker.start()
        barrier.wait(120)
        began = time.perf_counter()
        parts = [answers.get(timeout=3600) for _ in workers]
        seconds = time.perf_counter() - began
        for worker in workers:
            worker.join()
        refusals = [refusal for part in parts for refusal in part["refusals"]]
        with app.app_context():
            overspend, spurious = replayed(refusals)
            seal(START)
            altered = len(verify().problems)
            published = db.session.scalar(select(func.count(PolicyVersion.id))) or 0
            held = db.session.scalar(select(func.count(LedgerEntry.id))) or 0
            db.session.remove()
            db.engine.dispose()
    times = sorted(moment for part in parts for moment in part["times"])
    total = {name: sum(part[name] for part in parts) for name in ("grants", "approved", "busy", "faults")}
    return Result(
        engine=engine,
        processes=processes,
        attempts=attempts,
        held=held,
        over_limit=len(refusals),
        published=published - 3,
        overspend_minor=overspend,
        spurious=spurious,
        altered=altered,
        operations=len(times),
        per_second=round(len(times) / seconds, 1),
        p50_ms=round(times[len(times) // 2] * 1000, 2),
        p95_ms=round(times[int(len(times) * 0.95)] * 1000, 2),
        **total,
    )


def make_app(url: str, folder: str) -> Flask:
    environment = {"DATABASE_URL": url, "DATA_DIR": folder, "SECRET_KEY": "for the bench alone"}
    return create_app(Settings.from_environment(environment))


def shares_of(share: float, attempts: int) -> tuple[Limit, ...]:
    """The limits with part of their caps; what many share is scaled to the size of the run."""
    scale = share * attempts / 10_000
    return tuple(one if one.window is Window.EACH else replace(one, cap=max(int(one.cap * scale), 1)) for one in LIMITS)


def populate(attempts: int) -> World:
    session: Any = db.session
    teams = [add(session, Team(name=f"Team {number}")) for number in range(TEAMS)]
    agents = [make_user(session, team=teams[number % TEAMS]) for number in range(AGENTS)]
    bosses = [make_user(session, "supervisor", team=team) for team in teams]
    homes = [add(session, Account(name=f"Home {number}")) for number in range(CUSTOMERS // 4)]
    # Of four one has an account alone, one the account and an address, one the address alone, and one neither.
    customers = [
        make_customer(
            session,
            account_id=homes[number // 4].id if number % 4 < 2 else None,
            street=f"{number // 4} Mill Lane" if number % 4 in (1, 2) else None,
            postcode="EH1 2AB",
        )
        for number in range(CUSTOMERS)
    ]
    policy = make_policy(
        session, limits=shares_of(1.0, attempts), approval=Approval(most_over_percent=500, budget_minor=BUDGET)
    )
    make_policy(session, roles=("supervisor",), limits=(Limit(Scope.GESTURE, C, Window.EACH, 5000),))
    make_policy(session, roles=(), kind=Kind.GUARDRAIL, limits=GUARDED, gestures=Choice(cash_like=True))
    versions = [
        make_gesture(session, f"Costs {cost}", cost, kind=GestureKind.CREDIT, cash_like=cost == 700) for cost in COSTS
    ]
    talks = {(a.id, c.id): make_interaction(session, c, a).id for a in agents for c in customers}
    session.commit()
    return World(
        [row.id for row in agents],
        [row.id for row in customers],
        talks,
        [row.id for row in versions],
        {row.id: bosses[number % TEAMS].id for number, row in enumerate(agents)},
        policy.policy_id,
        attempts,
    )


def work(url: str, folder: str, world: World, attempts: int, number: int, barrier: Any, answers: Any) -> None:
    """One process: its share of the offers, and what becomes of those that were held. The first also publishes."""
    chance = random.Random(number)  # the same demand on every run
    found: dict[str, Any] = {"grants": 0, "approved": 0, "busy": 0, "faults": 0, "times": [], "refusals": []}
    every = max(attempts // VERSIONS, 1)
    watch(found)
    with make_app(url, folder).app_context():
        db.session.execute(select(1))
        barrier.wait(120)
        for attempt in range(attempts):
            now = START + SPAN * (attempt / attempts) + timedelta(seconds=chance.uniform(-SKEW, SKEW))
            if number == 0 and attempt % every == every // 2:
                timed(found, lambda: publish(world, chance))
            one_attempt(found, world, chance, f"{number}-{attempt}", now)
    answers.put(found)


def one_attempt(found: dict[str, Any], world: World, chance: random.Random, key: str, now: datetime) -> None:
    agent, customer = chance.choice(world.agents), chance.choice(world.customers)
    talk = world.talks[agent, customer]
    terms = ledger.Terms(agent, customer, chance.choice(world.versions), Occasion.DELIGHT, interaction_id=talk)
    refused = len(found["refusals"])
    wants_more = chance.random() < 0.3
    entry = timed(found, lambda: ledger.offer(terms, key=f"bench-limits-{key}", now=now))
    if entry is None and len(found["refusals"]) > refused and wants_more:
        entry = timed(found, lambda: approved(world, terms, key, now))
        found["approved"] += entry is not None
    if entry is not None:
        settle(found, world, chance, entry, now)


def approved(world: World, terms: ledger.Terms, key: str, now: datetime) -> LedgerEntry:
    """Ask a supervisor, who says yes."""
    request = asking.ask(replace(terms, reason="It was our fault"), key=f"bench-ask-{key}", now=now)
    request_id = request.id
    db.session.commit()
    approvals.approve(request_id, approver_id=world.supervisors[terms.agent_id], now=now + timedelta(seconds=20))
    return db.session.scalars(select(LedgerEntry).where(LedgerEntry.approval_id == request_id)).one()


def settle(found: dict[str, Any], world: World, chance: random.Random, entry: LedgerEntry, now: datetime) -> None:
    """Of ten offers six are taken, two declined, one withdrawn and one left to run out; some are taken back."""
    fate, later = chance.random(), now + timedelta(minutes=chance.uniform(0, 18))
    agent = entry.agent_id
    if fate < 0.6:
        granted = timed(found, lambda: ledger.grant(entry.id, actor_id=agent, now=later))
        found["grants"] += granted is not None
        if granted is not None and fate < 0.03:
            boss = world.supervisors[agent]
            timed(found, lambda: ledger.reverse(entry.id, "Bench", actor_id=boss, now=later))
    elif fate < 0.8:
        timed(found, lambda: ledger.decline(entry.id, actor_id=agent, now=later))
    elif fate < 0.9:
        timed(found, lambda: ledger.void(entry.id, actor_id=agent, now=later))


def publish(world: World, chance: random.Random) -> LedgerEntry | None:
    """The agents' policy with other caps, in force from this commit on: all begin together, and the last counts."""
    change_policies()
    newest = select(PolicyVersion).where(PolicyVersion.policy_id == world.policy).order_by(PolicyVersion.number.desc())
    before = db.session.scalars(newest.limit(1)).one()
    share = chance.choice((0.6, 0.8, 1.0, 1.2))
    approval = Approval(most_over_percent=500, budget_minor=BUDGET)
    session: Any = db.session
    make_policy(session, limits=shares_of(share, world.attempts), replaces=before, approval=approval)
    session.commit()
    return None


def timed(found: dict[str, Any], act: Any) -> LedgerEntry | None:
    began = time.perf_counter()
    entry: LedgerEntry | None = None
    try:
        entry = act()
    except Busy:
        found["busy"] += 1
    except DomainError:
        pass  # a refusal: watched below, or a hold that ran out
    except OperationalError as problem:  # outside the ledger a page would say so and ask to try again
        is_busy = "locked" in str(problem)
        found["busy" if is_busy else "faults"] += 1
    except Exception as fault:
        found["faults"] += 1
        print(repr(fault)[:500], file=sys.stderr, flush=True)
    found["times"].append(time.perf_counter() - began)
    db.session.remove()
    return entry


def watch(found: dict[str, Any]) -> None:
    """Write down every refusal for a limit as it happens: the moment, and the last event seen under the locks.

    Of the subjects that are locked everything up to that event is committed, and everything later comes after it.
    """
    gathering, deciding = getattr(ledger, "authority"), ledger.authorised  # noqa: B009
    seen: dict[str, Any] = {}

    def authority(agent: Any, customer: Any, talk: Any, occasion: Any, gestures: Any, now: Any, *rest: Any) -> Any:
        seen.update(agent=agent, talk=talk.id, now=now)
        return gathering(agent, customer, talk, occasion, gestures, now, *rest)

    def authorised(decision: Any, terms: Any, version: Any, *rest: Any) -> Any:
        try:
            return deciding(decision, terms, version, *rest)
        except ledger.OverLimit:
            refusal = Refusal(
                marker=db.session.scalar(select(func.max(LedgerEvent.id))) or 0,
                now=seen["now"],
                agent=terms.agent_id,
                team=seen["agent"].team_id,
                customer=terms.customer_id,
                talk=seen["talk"],
                gesture=version.gesture_id,
                cost=version.cost_minor,
                face=version.face_minor,
                named=tuple((one.standing.policy.version_id, key_of(one.limit)) for one in decision.failures),
            )
            found["refusals"].append(refusal)
            raise

    setattr(ledger, "authority", authority)  # noqa: B010
    setattr(ledger, "authorised", authorised)  # noqa: B010


def key_of(limit: Limit) -> tuple[str, str, str]:
    return limit.scope.value, limit.measure.value, limit.window.value


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    sys.exit(main())
