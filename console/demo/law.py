"""The shop's policies: in force by versions with dates of the past, and one that is still being written."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import exists, or_, select

from console.auth.models import User
from console.db import db
from console.demo.days import Days
from console.demo.reading import table
from console.empowerment import replaying
from console.empowerment.fields import ASKABLE
from console.empowerment.models import EmpowermentPolicy, PolicyVersion, Stage
from console.empowerment.policies import live_policies
from console.empowerment.policy import Approval, Body, Choice, Kind, Limit, Measure, Scope, Who, body_hash, body_json
from console.empowerment.rules import EVERYBODY, read_rule
from console.empowerment.simulation import Settings
from console.empowerment.windows import Window
from console.web import zone


def policies(people: dict[str, User], days: Days) -> None:
    """All of them, unless somebody has written policies of their own: a demo must not widen what they allow."""
    if db.session.scalar(select(exists().where(EmpowermentPolicy.is_demo.is_(False)))):
        return
    known = set(db.session.scalars(select(EmpowermentPolicy.name)))
    told = table("policies")
    for line in told["policies"]:
        if line["name"] not in known:
            db.session.add(policy(line, told["currency"], people, days))
    db.session.flush()


def try_out(now: datetime) -> None:
    """Replay the last 90 days under the shop's draft and under each policy in force, so that there are results to look
    at. Commits."""
    in_force = [one.version_id for one in live_policies(now)]
    for version in db.session.scalars(
        select(PolicyVersion)
        .join(PolicyVersion.policy)
        .where(EmpowermentPolicy.is_demo, or_(PolicyVersion.stage == Stage.DRAFT, PolicyVersion.id.in_(in_force)))
        .order_by(PolicyVersion.stage != Stage.DRAFT, PolicyVersion.id)
    ).all():
        run = replaying.begin(version, Settings(), 90, actor_id=version.created_by_id, now=now)
        db.session.commit()
        replaying.perform(run.id)


def policy(line: dict[str, Any], currency: str, people: dict[str, User], days: Days) -> EmpowermentPolicy:
    author = people[line["written_by"]]
    publisher = people.get(line.get("published_by", ""))
    row = EmpowermentPolicy(
        name=line["name"], kind=Kind(line.get("kind", Kind.GRANT)), owner_id=author.id, is_demo=True
    )
    for number, told in enumerate(line["versions"], start=1):
        data = body_json(body_of(line, told, currency))
        begins = days.at(told["days_ago"], "16:05") if "days_ago" in told else None
        written = days.past(begins or days.at(1, "15:20"))
        version = PolicyVersion(number=number, body=data, body_hash=body_hash(data), note=told["note"])
        version.created_at = version.changed_at = written
        version.created_by_id = version.changed_by_id = author.id
        if begins is not None:
            publish(version, publisher, begins)
        row.versions.append(version)
    row.created_at = row.versions[0].created_at
    return row


def publish(version: PolicyVersion, by: User | None, at: datetime) -> None:
    version.stage = Stage.PUBLISHED
    version.submitted_at = version.published_at = version.effective_from = at
    version.published_by_id = by.id if by else None


def body_of(line: dict[str, Any], told: dict[str, Any], currency: str) -> Body:
    who, gestures = line.get("who", {}), line.get("gestures", {})
    return Body(
        currency=currency,
        zone=zone().key,
        priority=line.get("priority", 100),
        who=Who(roles=tuple(who.get("roles", ()))),
        customers=read_rule(line["customers"], ASKABLE) if "customers" in line else EVERYBODY,
        gestures=Choice(kinds=tuple(gestures.get("kinds", ()))),
        limits=tuple(limit(one, line) for one in told["limits"]),
        approval=Approval(**told.get("approval", {})),
    )


def limit(told: dict[str, Any], line: dict[str, Any]) -> Limit:
    return Limit(
        Scope(told["scope"]),
        Measure(told.get("measure", Measure.COST)),
        Window(told["window"]),
        told["cap"],
        days=told.get("days", 0),
        overridable=line.get("kind") != Kind.GUARDRAIL,
    )
