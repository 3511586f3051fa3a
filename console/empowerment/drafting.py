"""Writing policies: a new one, its drafts, copies. What is published never changes; a change is the next version."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from console.db import db
from console.empowerment.models import EmpowermentPolicy, PolicyVersion, Stage
from console.empowerment.policies import body_of
from console.empowerment.policy import Body, Kind, body_hash, body_json
from console.errors import DomainError, Stale
from console.events import Event, Topic, record_event

DRAFTED, CHANGED = "policy.drafted", "policy.changed"  # who did either wrote the version, and cannot publish it
OPEN = (Stage.DRAFT, Stage.IN_REVIEW)


def version_of(policy_id: int, number: int) -> PolicyVersion | None:
    """A version with its policy."""
    return db.session.scalars(
        select(PolicyVersion)
        .where(PolicyVersion.policy_id == policy_id, PolicyVersion.number == number)
        .options(joinedload(PolicyVersion.policy))
    ).one_or_none()


def open_version(policy_id: int) -> PolicyVersion | None:
    """The draft of a policy, or what waits for review: there is one at most."""
    return db.session.scalars(
        select(PolicyVersion)
        .where(PolicyVersion.policy_id == policy_id, PolicyVersion.stage.in_(OPEN))
        .options(joinedload(PolicyVersion.policy))
        .order_by(PolicyVersion.number.desc())
    ).first()


def create(name: str, kind: Kind, body: Body, note: str = "", *, actor_id: int, now: datetime) -> PolicyVersion:
    """A policy with its first draft. Raises DomainError for a name that another policy has."""
    policy = EmpowermentPolicy(name=free_name(name), kind=kind, owner_id=actor_id, created_at=now)
    db.session.add(policy)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise DomainError(taken(name)) from None
    record_event("policy.created", Topic.GESTURE, subject=policy, actor_id=actor_id, at=now)
    return add_draft(policy, 1, body_json(body), note, actor_id=actor_id, now=now)


def save_draft(
    version: PolicyVersion,
    body: Body,
    note: str,
    *,
    name: str | None = None,
    based_on: int,
    actor_id: int,
    now: datetime,
    quietly: bool = False,
) -> bool:
    """Save what a draft says; False when it says so already. `version.policy` must be loaded.

    `based_on` is the revision that the writer saw. `quietly` is for what is kept while typing: it stands in the record
    once for each writer, not for each pause. Raises Stale when somebody else saved meanwhile, DomainError when it is no
    draft any more, the name is taken, or the policy was published under its name: no draft renames what is in force.
    """
    if version.stage is not Stage.DRAFT:
        raise DomainError("This version is no draft any more, so it stays as it is. Make a new draft of it.")
    data = body_json(body)
    hashed = body_hash(data)
    renamed = name is not None and name != version.policy.name
    if renamed:
        keep_published_name(version.policy)
        version.policy.name = free_name(name or "", but=version.policy_id)
    if (hashed, note) == (version.body_hash, version.note) and not renamed:
        return False
    claim(version, based_on)
    is_new_here = actor_id not in authors(version)
    version.body, version.body_hash, version.note = data, hashed, note
    version.changed_at, version.changed_by_id = now, actor_id
    db.session.flush()
    if not quietly or is_new_here:
        record_event(
            CHANGED, Topic.GESTURE, subject=version, actor_id=actor_id, at=now, data={"revision": version.revision}
        )
    return True


def claim(version: PolicyVersion, based_on: int) -> None:
    """Count the revision up, if it is the one that the writer saw and nobody else is about to. Raises Stale."""
    done = db.session.execute(
        update(PolicyVersion)
        .where(PolicyVersion.id == version.id, PolicyVersion.revision == based_on, PolicyVersion.stage == Stage.DRAFT)
        .values(revision=based_on + 1)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE has one
        raise Stale("Somebody else changed this draft meanwhile. Nothing of yours was saved; both are shown below.")
    db.session.refresh(version, ["revision"])


def redraft(source: PolicyVersion, *, actor_id: int, now: datetime) -> PolicyVersion:
    """The next version of the same policy, as a draft that says what `source` says. Raises DomainError for a second."""
    waiting = open_version(source.policy_id)
    if waiting is not None:
        what = "a draft" if waiting.stage is Stage.DRAFT else "a version in review"
        raise DomainError(
            f"There is {what} already, version {waiting.number}. Go on with that one, or withdraw it first."
        )
    last = db.session.scalar(select(func.max(PolicyVersion.number)).where(PolicyVersion.policy_id == source.policy_id))
    return add_draft(source.policy, (last or 0) + 1, source.body, "", actor_id=actor_id, now=now)


def copy(source: PolicyVersion, name: str, *, actor_id: int, now: datetime) -> PolicyVersion:
    """A policy of its own that begins with what `source` says. Its priority must be changed before it is published."""
    return create(name, source.policy.kind, body_of(source), actor_id=actor_id, now=now)


def add_draft(
    policy: EmpowermentPolicy, number: int, body: dict[str, object], note: str, *, actor_id: int, now: datetime
) -> PolicyVersion:
    version = PolicyVersion(
        policy=policy,
        number=number,
        stage=Stage.DRAFT,
        body=body,
        body_hash=body_hash(body),
        note=note,
        created_at=now,
        created_by_id=actor_id,
        changed_at=now,
        changed_by_id=actor_id,
    )
    db.session.add(version)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Stale("Somebody else made a draft of it at this very moment. Reload the page to see it.") from None
    record_event(DRAFTED, Topic.GESTURE, subject=version, actor_id=actor_id, at=now, data={"number": number})
    return version


def authors(version: PolicyVersion) -> set[int]:
    """Everybody who ever wrote at the version, by the record."""
    found = db.session.scalars(
        select(Event.actor_id).where(
            Event.subject_type == PolicyVersion.__tablename__,
            Event.subject_id == version.id,
            Event.kind.in_((DRAFTED, CHANGED)),
        )
    )
    known = {actor for actor in found if actor is not None}
    return known | {one for one in (version.created_by_id, version.changed_by_id) if one is not None}


def keep_published_name(policy: EmpowermentPolicy) -> None:
    """Raises DomainError when a version was published under its name."""
    published = select(PolicyVersion.id).where(
        PolicyVersion.policy_id == policy.id, PolicyVersion.published_at.is_not(None)
    )
    if db.session.scalar(published.limit(1)) is not None:
        raise DomainError(
            f"It was published as “{policy.name}”, and keeps that name. Put it back, or copy the policy under another."
        )


def free_name(name: str, but: int | None = None) -> str:
    """The name itself. Raises DomainError when another policy has it."""
    same = select(EmpowermentPolicy.id).where(func.lower(EmpowermentPolicy.name) == name.lower())
    if any(found != but for found in db.session.scalars(same)):
        raise DomainError(taken(name))
    return name


def taken(name: str) -> str:
    return f"There is a policy called “{name}” already. Give this one another name."
