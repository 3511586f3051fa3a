"""A process killed at every step of the write path leaves nothing half done, and its retry books once."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from flask import Flask
from sqlalchemy.orm import Session

from tests.factories import NOW, make_customer, make_interaction, make_user
from tests.factories_gestures import caps, make_gesture, make_policy

# One process that imports everything once and has a child killed at each step, and one that gets through.
KILLED = """
import json, os, signal, sys
from datetime import datetime, timedelta
from sqlalchemy import event, func, select
from console.db import db
from console.empowerment.kinds import Occasion
from console.gestures import ledger
from console.gestures.ledger import Terms, offer
from console.gestures.models import EntryState, LedgerEntry, LedgerEvent
from tests.conftest import make_app

url, agent, customer, version, now = sys.argv[1:]
terms, now = Terms(int(agent), int(customer), int(version), Occasion.DELIGHT), datetime.fromisoformat(now)
app = make_app(url)


def child(step, act):
    # Killed at step `step`; gets through when there are fewer.
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    done = [0]
    with app.app_context():
        def count(*given):
            # Reading leaves nothing behind: the steps are the locks, every write, and the commit.
            if len(given) > 2 and given[2].split()[0] not in ("INSERT", "UPDATE"):
                return
            done[0] += 1
            if done[0] == step:
                os.kill(os.getpid(), signal.SIGKILL)
        event.listen(db.engine, "after_cursor_execute", count)
        event.listen(db.engine, "commit", count)
        act()
    os._exit(0)


def states(key):
    with app.app_context():
        rows = db.session.execute(
            select(LedgerEntry.state, func.count(LedgerEvent.id)).outerjoin(LedgerEvent)
            .where(LedgerEntry.idempotency_key == key).group_by(LedgerEntry.id)).all()
        db.session.remove()
        db.engine.dispose()
        return [[state.value, events] for state, events in rows]


def here(act):
    with app.app_context():
        entry = act()
        found = entry.id
        db.session.remove()
        db.engine.dispose()
        return found


with app.app_context():
    db.engine.dispose()
report = []
for act in ("offer", "grant"):
    step, killed = 0, True
    while killed:
        step += 1
        key = f"killed-{act}-{step:08}"
        take = lambda: offer(terms, key=key, now=now)
        if act != "offer":
            entry_id = here(take)
            take = lambda: ledger.grant(entry_id, actor_id=int(agent), now=now)
        before = states(key)
        killed = os.WIFSIGNALED(child(step, take))
        after = states(key)
        again = here(take)
        same = here(take) == again
        report.append([act, step, killed, before, after, states(key), same])
        if act == "offer":
            here(lambda: ledger.void(again, actor_id=int(agent), now=now))
print(json.dumps(report))
"""


def test_killed_at_any_step_nothing_is_half_done_and_the_retry_does_it_once(
    app: Flask, session: Session, database_url: str
) -> None:
    agent, customer = make_user(session), make_customer(session)
    make_interaction(session, customer, agent)
    make_policy(session, limits=caps(talk=10**6, customer=10**6, day=10**6))
    version = make_gesture(session, "One", 1)
    session.commit()
    ids = [str(row.id) for row in (agent, customer, version)]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, database_url, *ids, NOW.isoformat()],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": os.getcwd()},  # noqa: PTH109
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    ends = {"offer": ["held", 1], "grant": ["granted", 2]}
    for act, step, killed, before, after, retried, same in report:
        assert after in ([before] if killed else [[ends[act]]]), f"{act} killed at step {step}: {after}"
        assert retried == [ends[act]], f"{act}, retried after it was killed at step {step}"
        assert same
    assert all(sum(row[0] == act and row[2] for row in report) > 5 for act in ends), "hardly a step was met"
