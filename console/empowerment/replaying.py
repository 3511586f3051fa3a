"""One simulation at a time, written down while it goes on, so that any worker can show it and begin it again.

As knowledge/ingestion_runs.py. It only reads, so one that died is simply begun anew; its inputs are in its row.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app
from sqlalchemy import exists, select, update
from sqlalchemy.orm import aliased, joinedload

from console.background import in_thread, signs_of_life
from console.customers.facts import refresh
from console.db import db, utc_now
from console.empowerment.models import PolicyVersion, Simulation, SimulationState
from console.empowerment.policies import as_policy, live_policies
from console.empowerment.simulation import Settings, simulate
from console.empowerment.simulation_queries import load
from console.empowerment.simulation_verdicts import Goals
from console.errors import DomainError
from console.events import Topic, record_event
from console.web import zone

SILENCE = timedelta(minutes=1)  # after which a run counts as dead
WAIT = 0.5  # seconds between two looks whether it is our turn
PERIODS = (30, 60, 90)  # days
ACTIVE = (SimulationState.WAITING, SimulationState.RUNNING)
BROKEN = "Something broke on our side; the server's log says what. Try it once more."
EMPTY = f"Nothing was recorded in these days, so there is nothing to try it on. Try it on {PERIODS[-1]} days."
NO_GESTURES = (
    "The catalogue holds no gesture yet, so nothing could be given. Add one under Gestures, then try it again."
)
THREADS: set[threading.Thread] = set()


class Ended(Exception):
    """Somebody cancelled the run, or went on with it elsewhere."""


def begin(version: PolicyVersion, settings: Settings, days: int, *, actor_id: int | None, now: datetime) -> Simulation:
    """A run that waits for its turn, of exactly what the version says now."""
    run = Simulation(
        policy_version_id=version.id,
        body_hash=version.body_hash,
        days=days,
        settings=asdict(settings),
        started_by_id=actor_id,
        started_at=now,
        seen_at=now,
    )
    db.session.add(run)
    db.session.flush()
    record_event("policy.tried", Topic.ACCESS, subject=run, actor_id=actor_id, at=now, data={"version": version.id})
    return run


def last_settings(policy_id: int) -> dict[str, Any]:
    """As somebody last tried this policy; nothing when nobody did."""
    return (
        db.session.scalar(
            select(Simulation.settings)
            .join(PolicyVersion, PolicyVersion.id == Simulation.policy_version_id)
            .where(PolicyVersion.policy_id == policy_id, Simulation.started_by_id.is_not(None))
            .order_by(Simulation.id.desc())
            .limit(1)
        )
        or {}
    )


def is_dead(run: Simulation, now: datetime) -> bool:
    return run.state in ACTIVE and run.seen_at < now - SILENCE


def resume(run: Simulation, now: datetime) -> None:
    """Begin a dead run anew. Raises DomainError for one that goes on or is over."""
    if not is_dead(run, now):
        raise DomainError("This is still going on, or it is finished: there is nothing to go on with.")
    run.state, run.seen_at, run.progress = SimulationState.WAITING, now, 0


def cancel(run: Simulation, now: datetime) -> None:
    """It stops at its next step. Raises DomainError for one that is over."""
    if run.state not in ACTIVE:
        raise DomainError("It is finished already. Reload the page to read what it found.")
    run.state, run.finished_at = SimulationState.CANCELLED, now


def claim(run_id: int, now: datetime) -> bool:
    """Whether it is this run's turn: no other is going on. Says in any case that we are still there."""
    # On PostgreSQL two that look at the same moment would both see nobody; so they look one after the other.
    db.session.execute(
        select(Simulation.id).where(Simulation.state.in_(ACTIVE)).order_by(Simulation.id).with_for_update()
    )
    other = aliased(Simulation)
    is_busy = exists().where(other.id != run_id, other.state == SimulationState.RUNNING, other.seen_at >= now - SILENCE)
    if changed(run_id, SimulationState.WAITING, ~is_busy, state=SimulationState.RUNNING, seen_at=now):
        return True
    changed(run_id, SimulationState.WAITING, seen_at=now)
    return False


def changed(run_id: int, was: SimulationState, /, *where: Any, **values: Any) -> bool:
    """Whether the run was in this state, and so was changed."""
    found: Any = db.session.execute(
        update(Simulation)
        .where(Simulation.id == run_id, Simulation.state == was, *where)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return bool(found.rowcount == 1)


def perform(run_id: int) -> None:
    """Wait for the turn, simulate, and write down how it ended. Commits. Raises what is a mistake of ours alone."""
    try:
        wait_for_turn(run_id)
        with signs_of_life(f"simulation-{run_id}", lambda: changed(run_id, SimulationState.RUNNING, seen_at=utc_now())):
            finish(run_id, work_on(run_id))
    except Ended:
        db.session.rollback()
    except BaseException as problem:
        db.session.rollback()
        told = str(problem) if isinstance(problem, DomainError) else BROKEN
        now = utc_now()
        changed(run_id, SimulationState.RUNNING, state=SimulationState.FAILED, problem=told[:500], finished_at=now)
        db.session.commit()
        if not isinstance(problem, DomainError):
            raise


def work_on(run_id: int) -> dict[str, Any]:
    run = db.session.execute(
        select(Simulation)
        .where(Simulation.id == run_id)
        .options(joinedload(Simulation.version).joinedload(PolicyVersion.policy))
        .execution_options(populate_existing=True)
    ).scalar_one()
    if run.version.body_hash != run.body_hash:
        raise DomainError("The draft was changed meanwhile. Try what it says now.")
    given = dict(run.settings)
    settings = Settings(seed=given["seed"], rate=given["rate"], goals=Goals(**given["goals"]))
    draft, live = as_policy(run.version), live_policies(run.started_at)
    currency = current_app.config["DEFAULT_CURRENCY"]

    def progress(percent: int) -> None:
        mine = changed(run_id, SimulationState.RUNNING, progress=percent, seen_at=utc_now())
        db.session.commit()
        if not mine:
            raise Ended

    progress(2)
    refresh(run.started_at)  # no fact may be older than what it is held against
    progress(5)
    past = load([*live, draft], run.days, run.started_at, zone(), currency)
    if not past.world.catalogue:
        raise DomainError(NO_GESTURES)
    # Over the longest period nothing is a result as well: a shop that has just begun must get its first policy.
    if not len(past.talks) and not len(past.recorded.asks) and run.days < PERIODS[-1]:
        raise DomainError(EMPTY)
    progress(15)
    return simulate(past, draft, live, settings, progress)


def finish(run_id: int, result: dict[str, Any]) -> None:
    run = db.session.get_one(Simulation, run_id)
    text = json.dumps([run.body_hash, result], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    now = utc_now()
    done = {"state": SimulationState.DONE, "progress": 100, "finished_at": now, "seen_at": now}
    if not changed(run_id, SimulationState.RUNNING, result=result, result_hash=digest, **done):
        raise Ended
    db.session.commit()


def wait_for_turn(run_id: int) -> None:
    pause = threading.Event()
    while not claim(run_id, utc_now()):
        db.session.commit()
        if db.session.scalar(select(Simulation.state).where(Simulation.id == run_id)) is not SimulationState.WAITING:
            raise Ended
        pause.wait(WAIT)
    db.session.commit()


def start(app: Flask, run_id: int) -> threading.Thread:
    """Simulate in a thread of its own, with its own session. It never raises: the run says all."""
    return in_thread(app, f"simulation-{run_id}", lambda: perform(run_id), THREADS)
