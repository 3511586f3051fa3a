"""What a policy meets where it is to be in force, gathered for checking.check; and all policies for the list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from console.auth.models import User
from console.db import db
from console.empowerment.checking import Finding, Surroundings, check
from console.empowerment.fields import CHANNELS
from console.empowerment.models import EmpowermentPolicy, PolicyState, PolicyVersion, Simulation, SimulationState
from console.empowerment.offerings import Giver, among, givers, names, offerings
from console.empowerment.policies import body_of, coming_policies, live_policies
from console.empowerment.policy import Body, Kind
from console.empowerment.publishing import begins, state_of
from console.empowerment.rules import EVERYBODY
from console.empowerment.segments import count_matching, customer_count
from console.empowerment.sentences import Names, Part, sentence
from console.web import zone

MOST = 300  # policies on the list


def survey(
    policy_id: int | None, body: Body, now: datetime, *, called: Names | None = None, count: bool = True
) -> Surroundings:
    """For a policy that may not be saved yet. `count`: also how many customers match now."""
    return Surroundings(
        offerings=offerings(now.astimezone(zone()).date()),
        others=[one for one in (*live_policies(now), *coming_policies(now)) if one.id != policy_id],
        givers=len(among(body.who, givers())),
        customers=matching(body, now) if count else None,
        channels=list(CHANNELS),
        names=called or names(),
    )


def matching(body: Body, now: datetime) -> int | None:
    """How many customers it is about now; None where that says nothing: for everybody, or before the first customer."""
    if body.customers == EVERYBODY:
        return None
    found = count_matching(body.customers, now)
    return found if customer_count() else None


def findings_of(kind: Kind, version: PolicyVersion, now: datetime, *, called: Names | None = None) -> list[Finding]:
    """What is wrong with a version as it is saved."""
    body = body_of(version)
    around = survey(version.policy_id, body, now, called=called)
    return check(kind, body, around, now=now, effective_to=version.effective_to)


@dataclass(frozen=True)
class Line:
    """A version on the list."""

    policy: EmpowermentPolicy
    version: PolicyVersion
    state: PolicyState
    body: Body
    parts: list[Part]
    people: list[Giver]  # who may give under it


@dataclass
class Shelf:
    """All policies. Grant policies in force come in the order in which they decide."""

    live: list[Line] = field(default_factory=list)
    guardrails: list[Line] = field(default_factory=list)
    scheduled: list[Line] = field(default_factory=list)
    drafts: list[Line] = field(default_factory=list)
    ended: list[Line] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.live or self.guardrails or self.scheduled or self.drafts or self.ended)


def shelf(now: datetime) -> Shelf:
    """Every policy once for each of its versions that somebody has to know of; a handful of statements."""
    rows = db.session.scalars(
        select(EmpowermentPolicy)
        .options(selectinload(EmpowermentPolicy.versions))
        .order_by(EmpowermentPolicy.name, EmpowermentPolicy.id)
        .limit(MOST)
    ).all()
    tried, called, people = hashes_tried(rows), names(), givers()
    found = Shelf()
    for policy in rows:
        lines = []
        for version in policy.versions:
            state = state_of(version, now, versions=policy.versions, tried=tried[policy.id])
            body = body_of(version)
            parts = sentence(policy.kind, body, called)
            lines.append(Line(policy, version, state, body, parts, among(body.who, people)))
        sort_in(found, policy, lines)
    found.live.sort(key=lambda line: (-line.body.priority, line.policy.id))
    found.scheduled.sort(key=lambda line: (begins(line.version), line.policy.id))
    return found


def sort_in(found: Shelf, policy: EmpowermentPolicy, lines: Sequence[Line]) -> None:
    open_ = (PolicyState.DRAFT, PolicyState.SIMULATED, PolicyState.IN_REVIEW)
    current = [line for line in lines if line.state is PolicyState.LIVE]
    (found.guardrails if policy.kind is Kind.GUARDRAIL else found.live).extend(current)
    found.scheduled += [line for line in lines if line.state is PolicyState.SCHEDULED]
    found.drafts += [line for line in lines if line.state in open_]
    if lines and all(line.state is PolicyState.RETIRED for line in lines):
        found.ended.append(lines[-1])


def hashes_tried(policies: Iterable[EmpowermentPolicy]) -> dict[int, set[str]]:
    """What was tried on the past, by policy: one statement."""
    ids = [policy.id for policy in policies]
    found: dict[int, set[str]] = defaultdict(set)
    for policy_id, hashed in db.session.execute(
        select(PolicyVersion.policy_id, Simulation.body_hash)
        .join(PolicyVersion, PolicyVersion.id == Simulation.policy_version_id)
        .where(PolicyVersion.policy_id.in_(ids), Simulation.state == SimulationState.DONE)
        .distinct()
    ):
        found[policy_id].add(hashed)
    return found


def history(policy_id: int) -> EmpowermentPolicy | None:
    """A policy with all its versions and who made them."""
    people = (PolicyVersion.created_by, PolicyVersion.changed_by, PolicyVersion.published_by)
    return db.session.scalars(
        select(EmpowermentPolicy)
        .where(EmpowermentPolicy.id == policy_id)
        .options(
            *(
                selectinload(EmpowermentPolicy.versions).joinedload(who).load_only(User.name).lazyload("*")
                for who in people
            ),
            joinedload(EmpowermentPolicy.owner).load_only(User.name).lazyload("*"),
        )
    ).one_or_none()


def simulations_of(version_ids: Sequence[int], limit: int = 10) -> Sequence[Simulation]:
    """The latest of these versions, newest first."""
    return db.session.scalars(
        select(Simulation)
        .where(Simulation.policy_version_id.in_(version_ids))
        .order_by(Simulation.started_at.desc(), Simulation.id.desc())
        .limit(limit)
    ).all()
