"""The policies in force, and what has been suspended. How they change: drafting.py and publishing.py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from time import monotonic
from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, false, func, or_, select, update
from sqlalchemy.orm import aliased, contains_eager

from console.db import UtcDateTime, db
from console.empowerment.deciding import Suspended
from console.empowerment.fields import CUSTOMER, INTERACTION
from console.empowerment.models import EmpowermentPolicy, PolicyVersion, Stage, Suspension, SuspensionKind
from console.empowerment.policy import Body, Policy, read_body


def live_versions(now: datetime) -> Select[PolicyVersion]:
    """The version of each policy that is in force at `now`, with its policy: read off the clock, one statement.

    A version is in force from its `effective_from` until its `effective_to`, or until a later version takes effect.
    """
    return published(now).where(PolicyVersion.effective_from <= now)


def published(moment: Any) -> Select[PolicyVersion]:
    """What is in force at a moment, or begins after it; `moment` may be a parameter."""
    later = aliased(PolicyVersion)
    superseded = exists().where(
        later.policy_id == PolicyVersion.policy_id,
        later.stage == Stage.PUBLISHED,
        later.effective_from <= moment,
        or_(
            later.effective_from > PolicyVersion.effective_from,
            and_(later.effective_from == PolicyVersion.effective_from, later.number > PolicyVersion.number),
        ),
    )
    return (
        select(PolicyVersion)
        .join(PolicyVersion.policy)
        .where(
            PolicyVersion.stage == Stage.PUBLISHED,
            or_(PolicyVersion.effective_to.is_(None), PolicyVersion.effective_to > moment),
            ~superseded,
        )
        .options(contains_eager(PolicyVersion.policy))
        .order_by(EmpowermentPolicy.id, PolicyVersion.number)
    )


@cache
def known_statement(*, begun: bool) -> Select[PolicyVersion]:
    """Put together once, because every offer asks it several times."""
    moment = bindparam("moment", type_=UtcDateTime())
    statement = published(moment)
    return statement.where(PolicyVersion.effective_from <= moment) if begun else statement


def live_policies(now: datetime) -> list[Policy]:
    """What `deciding.decide` takes; suspended ones included, which `suspended` names."""
    return [as_policy(row) for row in db.session.scalars(known_statement(begun=True), {"moment": now})]


def live_and_coming(now: datetime) -> list[Policy]:
    """And those that begin later: their limits need the ledger's locks already, so that nobody slips through beside."""
    return [as_policy(row) for row in db.session.scalars(known_statement(begun=False), {"moment": now})]


def coming_policies(now: datetime) -> list[Policy]:
    """Published to begin later."""
    rows = db.session.scalars(known_statement(begun=False), {"moment": now})
    return [as_policy(row) for row in rows if row.effective_from and row.effective_from > now]


POLICIES = 7_460_001  # the number by which PostgreSQL knows this lock


def keep_policies() -> timedelta:
    """From here to the commit nobody publishes, ends or suspends anything: what is read of them stays true.

    Returns how long it had to wait for whoever did, by which a moment that was taken before is too old.
    """
    if db.session.connection().dialect.name == "sqlite":  # which has one writer at a time anyway
        return timedelta(0)
    if db.session.scalar(select(func.pg_try_advisory_xact_lock_shared(POLICIES))):
        return timedelta(0)
    began = monotonic()
    db.session.execute(select(func.pg_advisory_xact_lock_shared(POLICIES)))
    return timedelta(seconds=monotonic() - began)


def change_policies() -> None:
    """Before publishing, ending or suspending: wait for offers under way, and let later ones wait for the commit.

    Whatever moment is written down is taken after this, or an offer of before could seem to come after it.
    """
    if db.session.connection().dialect.name == "sqlite":
        nothing = update(Suspension).where(false()).values(reason="")  # the first write takes the lock
        db.session.execute(nothing, execution_options={"synchronize_session": False})
    else:
        db.session.execute(select(func.pg_advisory_xact_lock(POLICIES)))


def as_policy(row: PolicyVersion) -> Policy:
    """`row.policy` must be loaded."""
    return Policy(row.policy_id, row.id, row.policy.kind, row.policy.name, body_of(row))


def body_of(row: PolicyVersion) -> Body:
    """Read once per content: hashes name it."""
    if row.body_hash not in bodies:
        if len(bodies) >= MOST_BODIES:
            bodies.clear()
        bodies[row.body_hash] = read_body(row.body, CUSTOMER, INTERACTION)
    return bodies[row.body_hash]


MOST_BODIES = 500
bodies: dict[str, Body] = {}


def suspended() -> Suspended:
    """Everything a kill switch has stopped and nobody has lifted: one statement."""
    found: dict[SuspensionKind, set[int]] = defaultdict(set)
    rows: Sequence[tuple[SuspensionKind, int]] = [
        (kind, subject)
        for kind, subject in db.session.execute(
            select(Suspension.kind, Suspension.subject_id).where(Suspension.lifted_at.is_(None))
        )
    ]
    for kind, subject in rows:
        found[kind].add(subject)
    return Suspended(
        policies=frozenset(found[SuspensionKind.POLICY]),
        agents=frozenset(found[SuspensionKind.AGENT]),
        gestures=frozenset(found[SuspensionKind.GESTURE]),
    )
