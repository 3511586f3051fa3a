"""Do the limits hold when many processes spend them at once?

    python -m bench.limits --processes 8 --attempts 10000 --json

On each engine real processes offer, grant, decline, withdraw and reverse gestures for few agents and customers, on
clocks that disagree and cross midnights. Afterwards the ledger's events are replayed in plain Python that shares
nothing with the code under test, and every limit is summed afresh at every offer: what is above a cap is overspend.
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
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import flask_migrate
from flask import Flask
from sqlalchemy import select

from console.app import create_app
from console.config import Settings
from console.db import db
from console.errors import DomainError
from console.gestures import ledger
from console.gestures.kinds import GestureKind, Occasion
from console.gestures.locking import Busy
from console.gestures.models import LedgerEntry, LedgerEvent
from tests import postgres
from tests.factories import make_customer, make_interaction, make_user
from tests.factories_gestures import make_gesture, make_limits

AGENTS, CUSTOMERS = 8, 24
CAPS = {"gesture": 1000, "interaction": 9_000, "customer": 60_000, "day": 40_000}
DAYS = 7  # the customer's rolling window
COSTS = (0, 90, 380, 520, 700, 1000, 1001)
HOLD = timedelta(minutes=15)
ZONE = ZoneInfo("Europe/London")
START = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)  # two days before the clocks go forward
SPAN = timedelta(days=6)  # what a run plays through
SKEW = 90  # seconds that a process's clock may be off


@dataclass(frozen=True)
class World:
    agents: list[int]
    customers: list[int]
    talks: dict[tuple[int, int], int]
    versions: list[int]
    supervisor: int


@dataclass(frozen=True)
class Result:
    engine: str
    processes: int
    attempts: int  # offers
    grants: int
    refused: int
    busy: int  # told to try again
    overspend_minor: int
    operations: int  # offers, grants, declines, withdrawals and reversals
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
    overspent = False
    for engine in given.engine or ["sqlite", "postgresql"]:
        with database(engine) as url:
            result = run(engine, url, given.processes, given.attempts)
        print(json.dumps(asdict(result)) if given.json else result, flush=True)
        overspent = overspent or result.overspend_minor > 0
    return int(overspent)


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
            world = populate()
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
        with app.app_context():
            overspend = replayed()
            db.session.remove()
            db.engine.dispose()
    times = sorted(moment for part in parts for moment in part["times"])
    total = {name: sum(part[name] for part in parts) for name in ("grants", "refused", "busy")}
    return Result(
        engine=engine,
        processes=processes,
        attempts=attempts,
        overspend_minor=overspend,
        operations=len(times),
        per_second=round(len(times) / seconds, 1),
        p50_ms=round(times[len(times) // 2] * 1000, 2),
        p95_ms=round(times[int(len(times) * 0.95)] * 1000, 2),
        **total,
    )


def make_app(url: str, folder: str) -> Flask:
    environment = {"DATABASE_URL": url, "DATA_DIR": folder, "SECRET_KEY": "for the bench alone"}
    return create_app(Settings.from_environment(environment))


def populate() -> World:
    session: Any = db.session
    agents = [make_user(session) for _ in range(AGENTS)]
    customers = [make_customer(session) for _ in range(CUSTOMERS)]
    make_limits(
        session,
        per_gesture_minor=CAPS["gesture"],
        per_interaction_minor=CAPS["interaction"],
        per_customer_minor=CAPS["customer"],
        customer_days=DAYS,
        per_agent_day_minor=CAPS["day"],
    )
    versions = [make_gesture(session, f"Costs {cost}", cost, kind=GestureKind.CREDIT) for cost in COSTS]
    talks = {(a.id, c.id): make_interaction(session, c, a).id for a in agents for c in customers}
    supervisor = make_user(session, "supervisor")
    session.commit()
    return World(
        [row.id for row in agents], [row.id for row in customers], talks, [row.id for row in versions], supervisor.id
    )


def work(url: str, folder: str, world: World, attempts: int, number: int, barrier: Any, answers: Any) -> None:
    """One process: its share of the offers, and what becomes of those that were held."""
    chance = random.Random(number)  # the same demand on every run
    found: dict[str, Any] = {"grants": 0, "refused": 0, "busy": 0, "times": []}
    with make_app(url, folder).app_context():
        db.session.execute(select(1))
        barrier.wait(120)
        for attempt in range(attempts):
            now = START + SPAN * (attempt / attempts) + timedelta(seconds=chance.uniform(-SKEW, SKEW))
            entry = timed(found, lambda now=now, attempt=attempt: offered(world, chance, f"{number}-{attempt}", now))
            if entry is not None:
                settle(found, world, chance, entry, now)
    answers.put(found)


def offered(world: World, chance: random.Random, key: str, now: datetime) -> LedgerEntry:
    agent, customer = chance.choice(world.agents), chance.choice(world.customers)
    terms = ledger.Terms(agent, customer, chance.choice(world.versions), Occasion.DELIGHT, world.talks[agent, customer])
    return ledger.offer(terms, key=f"bench-limits-{key}", now=now)


def settle(found: dict[str, Any], world: World, chance: random.Random, entry: LedgerEntry, now: datetime) -> None:
    """Of ten offers six are taken, two declined, one withdrawn and one left to run out; some are taken back."""
    fate, later = chance.random(), now + timedelta(minutes=chance.uniform(0, 18))
    agent = entry.agent_id
    if fate < 0.6:
        granted = timed(found, lambda: ledger.grant(entry.id, actor_id=agent, now=later))
        found["grants"] += granted is not None
        if granted is not None and fate < 0.03:
            timed(found, lambda: ledger.reverse(entry.id, "Bench", actor_id=world.supervisor, now=later))
    elif fate < 0.8:
        timed(found, lambda: ledger.decline(entry.id, actor_id=agent, now=later))
    elif fate < 0.9:
        timed(found, lambda: ledger.void(entry.id, actor_id=agent, now=later))


def timed(found: dict[str, Any], act: Any) -> LedgerEntry | None:
    began = time.perf_counter()
    try:
        entry: LedgerEntry | None = act()
    except Busy:
        found["busy"] += 1
        entry = None
    except DomainError:
        found["refused"] += 1
        entry = None
    found["times"].append(time.perf_counter() - began)
    db.session.remove()
    return entry


def replayed() -> int:
    """The largest sum above any cap at any offer, in minor units, from the events alone.

    Events of one subject were numbered under its lock, so their order is the order in which they happened.
    """
    entries = {row.id: row for row in db.session.scalars(select(LedgerEntry))}
    active: dict[str, dict[int, tuple[datetime, int]]] = defaultdict(dict)
    worst = 0
    for event in db.session.scalars(select(LedgerEvent).order_by(LedgerEvent.id)):
        entry = entries[event.entry_id]
        subjects = [f"agent {entry.agent_id}", f"customer {entry.customer_id}", f"talk {entry.interaction_id}"]
        if event.state.value in ("declined", "voided", "expired", "reversed"):
            for subject in subjects:
                active[subject].pop(entry.id, None)
        if event.state.value != "held":
            continue
        for subject in subjects:
            active[subject][entry.id] = (entry.booked_at, entry.cost_minor)
        worst = max(worst, excess(active, subjects, entry.booked_at, entry.cost_minor))
    return worst


def excess(active: dict[str, dict[int, tuple[datetime, int]]], subjects: list[str], now: datetime, cost: int) -> int:
    agent, customer, talk = (active[subject].values() for subject in subjects)
    today = now.astimezone(ZONE).date()
    return max(
        cost - CAPS["gesture"],
        sum(minor for at, minor in agent if at.astimezone(ZONE).date() == today) - CAPS["day"],
        sum(minor for at, minor in customer if (now - at).total_seconds() < DAYS * 86_400) - CAPS["customer"],
        sum(minor for _, minor in talk) - CAPS["interaction"],
        0,
    )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    sys.exit(main())
