"""From a draft to a policy in force, by two people: one writes and sends it for review, another publishes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update

from console.db import db, utc_now
from console.empowerment.checking import Finding, errors
from console.empowerment.drafting import authors
from console.empowerment.models import PolicyState, PolicyVersion, Simulation, SimulationState, Stage
from console.empowerment.offerings import tell_givers
from console.empowerment.policies import change_policies
from console.empowerment.policy import Kind
from console.errors import DomainError, Stale
from console.events import Topic, record_event

FRESH = timedelta(days=7)  # a simulation's data may be as old as that when its version is published
NO_DRAFT = "Only a draft is sent for review. Make a new draft of it on this page, and send that."
LABELS = {
    PolicyState.DRAFT: "Draft",
    PolicyState.SIMULATED: "Draft, tried out",
    PolicyState.IN_REVIEW: "In review",
    PolicyState.SCHEDULED: "Scheduled",
    PolicyState.LIVE: "In force",
    PolicyState.RETIRED: "No longer in force",
}


class NotPublished(DomainError):
    """It may not be published, or not even reviewed, yet; `reasons` are whole sentences."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = list(reasons)


def state_of(
    version: PolicyVersion, now: datetime, *, versions: Iterable[PolicyVersion], tried: Iterable[str] = ()
) -> PolicyState:
    """What a version is at `now`. `versions` are all of its policy, `tried` the hashes that were simulated."""
    match version.stage:
        case Stage.DRAFT:
            return PolicyState.SIMULATED if version.body_hash in set(tried) else PolicyState.DRAFT
        case Stage.IN_REVIEW:
            return PolicyState.IN_REVIEW
        case Stage.WITHDRAWN:
            return PolicyState.RETIRED
    if begins(version) > now:
        return PolicyState.SCHEDULED
    started = [one for one in versions if one.stage is Stage.PUBLISHED and begins(one) <= now]
    is_last = max(started, key=lambda one: (begins(one), one.number)).id == version.id
    over = version.effective_to is not None and version.effective_to <= now
    return PolicyState.LIVE if is_last and not over else PolicyState.RETIRED


def begins(version: PolicyVersion) -> datetime:
    """Of a published version."""
    assert version.effective_from is not None  # noqa: S101  a CHECK of the table
    return version.effective_from


def last_simulation(version: PolicyVersion) -> Simulation | None:
    """The latest finished one of exactly what the version says."""
    return db.session.scalars(
        select(Simulation)
        .where(
            Simulation.policy_version_id == version.id,
            Simulation.body_hash == version.body_hash,
            Simulation.state == SimulationState.DONE,
        )
        .order_by(Simulation.started_at.desc(), Simulation.id.desc())
        .limit(1)
    ).first()


def obstacles_to_review(version: PolicyVersion, findings: Iterable[Finding], *, now: datetime) -> list[str]:
    """Why it cannot be sent for review yet, in sentences; nothing when it can."""
    said = [] if version.stage is Stage.DRAFT else [NO_DRAFT]
    said += [finding.sentence for finding in errors(findings)]
    simulation = last_simulation(version)
    if simulation is None:
        said.append("What it says now was not tried on the past yet. Try it on the past first.")
    elif simulation.started_at < now - FRESH:
        said.append("It was last tried on the past more than 7 days ago. Try it on the past again.")
    return said


def obstacles_to_publishing(
    version: PolicyVersion, findings: Iterable[Finding], *, actor_id: int, now: datetime
) -> list[str]:
    """Why this person cannot publish it now, in sentences; nothing when they can."""
    if version.stage is Stage.DRAFT:
        return ["It has to be sent for review first."]
    if version.stage is not Stage.IN_REVIEW:
        return ["It is not in review any more. Make a new draft of it on this page, and send that for review."]
    said = [line for line in obstacles_to_review(version, findings, now=now) if line != NO_DRAFT]
    if actor_id in authors(version):
        said.append(
            "You worked on this version, so somebody else has to publish it: another supervisor or an administrator."
        )
    return said


def submit(version: PolicyVersion, findings: Iterable[Finding], *, actor_id: int, now: datetime) -> None:
    """Send a draft for review; it cannot be changed from here on. Raises NotPublished."""
    refuse(obstacles_to_review(version, findings, now=now))
    step(version, Stage.DRAFT, Stage.IN_REVIEW)
    version.submitted_at, version.comment = now, ""
    record_event("policy.submitted", Topic.GESTURE, subject=version, actor_id=actor_id, at=now, data=numbers(version))


def send_back(version: PolicyVersion, comment: str, *, actor_id: int, now: datetime) -> None:
    """Make it a draft again, and say why. Raises DomainError when it is not in review any more."""
    step(version, Stage.IN_REVIEW, Stage.DRAFT)
    version.submitted_at, version.comment = None, comment
    record_event("policy.sent_back", Topic.GESTURE, subject=version, actor_id=actor_id, at=now, data=numbers(version))


def publish(
    version: PolicyVersion,
    findings: Iterable[Finding],
    *,
    actor_id: int,
    read_hash: str,
    now: datetime,
    effective_from: datetime | None = None,
    effective_to: datetime | None = None,
) -> None:
    """Put it in force now, or from a date on: by the clock, so that no missed job can delay it.

    `read_hash` is the hash of what the publisher read. Raises Stale when it says something else by now, NotPublished
    when a simulation, a check or a second person is missing, DomainError for dates that cannot be.
    """
    if version.stage is Stage.IN_REVIEW and version.body_hash != read_hash:
        raise Stale("It was changed since you read it. Nothing was published; read it again, then publish it.")
    refuse(obstacles_to_publishing(version, findings, actor_id=actor_id, now=now))
    change_policies()
    start = effective_from or max(now, utc_now())  # not before an offer that was under way until just now
    if start < now:
        raise DomainError("It cannot begin in the past. Choose a later day, or leave it out to begin now.")
    if effective_to is not None and effective_to <= start:
        raise DomainError("It would end before it begins. Choose a later last day, or none.")
    step(version, Stage.IN_REVIEW, Stage.PUBLISHED, says=read_hash, effective_from=start, effective_to=effective_to)
    version.published_at, version.published_by_id = now, actor_id
    tell_givers()
    record_event("policy.published", Topic.GESTURE, subject=version, actor_id=actor_id, at=now, data=numbers(version))


def obstacle_to_ending(kind: Kind, version: PolicyVersion, *, actor_id: int) -> str:
    """Why this person cannot end it, in a sentence; empty when they can. Nobody ends a guardrail that they put up."""
    if kind is not Kind.GUARDRAIL or version.stage is not Stage.PUBLISHED:
        return ""
    if actor_id not in authors(version) | {version.published_by_id}:
        return ""
    return (
        "You wrote or published this guardrail, so somebody else has to end it:"
        " ask a supervisor or an administrator who did neither."
    )


def withdraw(version: PolicyVersion, *, actor_id: int, now: datetime) -> None:
    """Give up a draft, what is in review or scheduled; end what is in force. `version.policy` must be loaded.

    Raises DomainError when it is over already, or a guardrail that this person may not end.
    """
    if problem := obstacle_to_ending(version.policy.kind, version, actor_id=actor_id):
        raise DomainError(problem)
    change_policies()
    now = max(now, utc_now())  # not before an offer that was under way until just now
    if version.stage is Stage.PUBLISHED and begins(version) < now:
        if version.effective_to is not None and version.effective_to <= now:
            raise DomainError("It is not in force any more. Nothing was changed; reload the page to see how it stands.")
        version.effective_to = now  # stays published: what it was in force for does not change
        tell_givers()
        kind = "policy.retired"
    else:
        if version.stage is Stage.WITHDRAWN:
            raise DomainError("It was withdrawn already. Nothing was changed; make a new draft of it to go on with it.")
        step(version, version.stage, Stage.WITHDRAWN)
        kind = "policy.withdrawn"
    record_event(kind, Topic.GESTURE, subject=version, actor_id=actor_id, at=now, data=numbers(version))


def step(
    version: PolicyVersion, before: Stage, after: Stage, *, says: str | None = None, **given: datetime | None
) -> None:
    """Change the stage, if nobody else did and it still says what has the hash `says`. Raises DomainError."""
    done = db.session.execute(
        update(PolicyVersion)
        .where(
            PolicyVersion.id == version.id,
            PolicyVersion.stage == before,
            PolicyVersion.body_hash == (says or version.body_hash),
        )
        .values(stage=after, **given)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE has one
        raise DomainError("Somebody else moved it on meanwhile. Reload the page to see how it stands.")
    db.session.refresh(version, ["stage", *given])


def refuse(reasons: Sequence[str]) -> None:
    if reasons:
        raise NotPublished(reasons)


def numbers(version: PolicyVersion) -> dict[str, int]:
    return {"policy_id": version.policy_id, "number": version.number}
