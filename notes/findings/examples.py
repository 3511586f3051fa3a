"""The sentences that findings and sensitive topics are known by: the shipped ones, as a supervisor changed them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select

from console.db import db
from console.errors import Stale
from console.events import Topic, record_event
from console.interactions.talk_signals import Kept, Kind
from notes.findings import recognising as findings
from notes.findings import sensitive
from notes.findings.models import FindingExamples


def shipped() -> tuple[Kind, ...]:
    return (*findings.shipped(), *sensitive.shipped())


def examples() -> list[Kept]:
    """All kinds and topics as they are now."""
    rows = {row.kind: row for row in db.session.scalars(select(FindingExamples))}
    return [
        Kept(as_kind(row, kind), row.changed_at) if (row := rows.get(kind.code)) else Kept(kind) for kind in shipped()
    ]


def as_kind(row: FindingExamples, usual: Kind) -> Kind:
    return replace(usual, examples=tuple(row.examples), counter_examples=tuple(row.counter_examples), is_on=row.is_on)


def state() -> tuple[int, datetime | None]:
    """Differs when a kind was changed."""
    row = db.session.execute(
        select(func.count(), func.max(FindingExamples.changed_at)).select_from(FindingExamples)
    ).one()
    return row[0], row[1]


def keep(kind: Kind, *, seen: str | None, actor_id: int, now: datetime) -> None:
    """Keep a kind as it shall be. `seen`: what the page was made from, None for whatever is there. Raises Stale."""
    row = db.session.scalars(select(FindingExamples).where(FindingExamples.kind == kind.code)).first()
    if seen is not None and seen != Kept(kind, row.changed_at if row else None).seen:
        raise Stale("Somebody changed this meanwhile. Their version is below; save again to put yours in its place.")
    if row is None:
        row = FindingExamples(kind=kind.code)
        db.session.add(row)
    row.is_on, row.examples, row.counter_examples = kind.is_on, list(kind.examples), list(kind.counter_examples)
    row.changed_by_id, row.changed_at = actor_id, now
    db.session.flush()
    numbers = {"examples": len(kind.examples), "counter_examples": len(kind.counter_examples), "is_on": kind.is_on}
    record_event("finding_examples.changed", Topic.ACCESS, subject=row, actor_id=actor_id, at=now, data=numbers)


def reset(code: str, *, actor_id: int, now: datetime) -> None:
    """Back to what was shipped."""
    row = db.session.scalars(select(FindingExamples).where(FindingExamples.kind == code)).first()
    if row is not None:
        record_event("finding_examples.reset", Topic.ACCESS, subject=row, actor_id=actor_id, at=now)
        db.session.delete(row)
