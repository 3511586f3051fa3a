"""How long does it take to try a policy on the past?

    python -m bench.simulation --interactions 1000000 --json [--engine postgresql]

Ninety days of conversations with 200,000 customers (fewer for fewer conversations) by 500 agents, a ledger of what was
offered in nearly a fifth of them, and facts by day are made first, into a throw-away database; that time is told apart.
Then a draft is simulated from nothing loaded to the finished result: three demands, the draft and the live policies.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import flask_migrate

from bench.past import DAYS, NOW, ZONE, fill
from console.app import create_app
from console.config import Settings
from console.db import db
from console.empowerment.policies import live_policies
from console.empowerment.policy import Policy
from console.empowerment.simulation import Settings as Chosen
from console.empowerment.simulation import simulate
from console.empowerment.simulation_queries import load
from tests import postgres


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.simulation", description=__doc__)
    parser.add_argument("--interactions", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], action="append", help="both when not given")
    parser.add_argument("--repeat", type=int, default=3, help="simulations; each loads everything anew")
    parser.add_argument("--json", action="store_true", help="one JSON line for each engine")
    given = parser.parse_args()
    for engine in given.engine or ["sqlite", "postgresql"]:
        with database(engine) as url:
            found = run(engine, url, given.interactions, given.repeat)
        print(json.dumps(found) if given.json else found, flush=True)


@contextmanager
def database(engine: str) -> Iterator[str]:
    if engine == "postgresql":
        with postgres.throw_away() as port:
            yield postgres.create_database(port, "simulation")
        return
    folder = tempfile.mkdtemp(prefix="plusone-simulation-")
    try:
        yield f"sqlite:///{folder}/plusone.db"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(engine: str, url: str, interactions: int, repeat: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="plusone-bench-") as folder:
        app = create_app(
            Settings.from_environment({"DATABASE_URL": url, "DATA_DIR": folder, "SECRET_KEY": "for the bench alone"})
        )
        with app.app_context():
            flask_migrate.upgrade()
            began = time.perf_counter()
            fill(interactions)
            generated = time.perf_counter() - began
            times = [timed() for _ in range(repeat)]
            db.session.remove()
            db.engine.dispose()
    best = min(times, key=lambda one: one["seconds"])
    return {
        "engine": engine,
        "interactions": interactions,
        **best,
        "all_seconds": [one["seconds"] for one in times],
        "generated_seconds": round(generated, 1),
        "load_average": os.getloadavg()[0],
    }


def timed() -> dict[str, Any]:
    db.session.remove()
    db.engine.dispose()  # nothing is left of an earlier run but what the machine itself keeps
    began, worked = time.perf_counter(), time.process_time()
    live = live_policies(NOW)
    draft = drafted(live)
    past = load([*live, draft], DAYS, NOW, ZONE, "GBP")
    loaded = time.perf_counter()
    result = simulate(past, draft, live, Chosen())
    ended = time.perf_counter()
    asked = result["demands"]
    return {
        "seconds": round(ended - began, 2),
        "loading": round(loaded - began, 2),
        "simulating": round(ended - loaded, 2),
        "processor_seconds": round(time.process_time() - worked, 2),  # of both cores, and without the database's own
        "asks": {name: one["draft"]["asked"] for name, one in asked.items()},
        "offered": {name: one["draft"]["offered"] for name, one in asked.items()},
    }


def drafted(live: Sequence[Policy]) -> Policy:
    """The agents' policy with other caps, as a supervisor might try it."""
    policy = live[0]
    limits = tuple(replace(one, cap=one.cap * 3 // 2) for one in policy.body.limits)
    return replace(policy, version_id=policy.version_id + 1000, body=replace(policy.body, limits=limits))


if __name__ == "__main__":
    main()
