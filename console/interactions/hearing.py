"""Talk signals as they are kept: a supervisor's examples, what was heard in a talk, and what was waved away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import joinedload

from console.db import db
from console.errors import Stale
from console.events import Topic, record_event
from console.feed import tell
from console.interactions.live_models import Heard, TalkSignal
from console.interactions.models import Interaction
from console.interactions.talk_signals import Kept, Kind, shipped

ASKED_BEFORE = "asked_before"
MOST_CHIPS = 6


def kept() -> list[Kept]:
    """All kinds: the shipped ones, as changed, then those that came with a file."""
    rows = {row.code: row for row in db.session.scalars(select(TalkSignal).order_by(TalkSignal.id))}
    found = [
        Kept(as_kind(rows.pop(kind.code), kind), row.changed_at) if (row := rows.get(kind.code)) else Kept(kind)
        for kind in shipped()
    ]
    return found + [Kept(as_kind(row), row.changed_at) for row in rows.values()]


def as_kind(row: TalkSignal, usual: Kind | None = None) -> Kind:
    return Kind(
        code=row.code,
        label=row.label,
        icon=row.icon,
        tone=row.tone,
        examples=tuple(row.examples),
        counter_examples=tuple(row.counter_examples),
        is_on=row.is_on,
    )


def state() -> tuple[int, datetime | None]:
    """Differs when a kind was changed."""
    row = db.session.execute(select(func.count(), func.max(TalkSignal.changed_at))).one()
    return row[0], row[1]


def keep(kind: Kind, *, seen: str | None, actor_id: int, now: datetime) -> None:
    """Keep a kind as it shall be. `seen`: what the page was made from, None for whatever is there. Raises Stale."""
    row = db.session.scalars(select(TalkSignal).where(TalkSignal.code == kind.code)).first()
    if seen is not None and seen != Kept(kind, row.changed_at if row else None).seen:
        raise Stale(
            "Somebody changed this signal meanwhile. Their version is below; save again to put yours in its place."
        )
    if row is None:
        row = TalkSignal(code=kind.code)
        db.session.add(row)
    row.label, row.icon, row.tone, row.is_on = kind.label, kind.icon, kind.tone, kind.is_on
    row.examples, row.counter_examples = list(kind.examples), list(kind.counter_examples)
    row.changed_by_id, row.changed_at = actor_id, now
    db.session.flush()
    numbers = {"examples": len(kind.examples), "counter_examples": len(kind.counter_examples), "is_on": kind.is_on}
    record_event("talk_signal.changed", Topic.ACCESS, subject=row, actor_id=actor_id, at=now, data=numbers)


def reset(code: str, *, actor_id: int, now: datetime) -> None:
    """Back to what was shipped."""
    row = db.session.scalars(select(TalkSignal).where(TalkSignal.code == code)).first()
    if row is not None:
        record_event("talk_signal.reset", Topic.ACCESS, subject=row, actor_id=actor_id, at=now)
        db.session.delete(row)


def write_down(
    interaction_id: int, utterance_ids: Sequence[int], found: Sequence[dict[str, Any]], now: datetime
) -> bool:
    """Keep what was heard in some turns in place of what was heard in them before; whether anything is new.

    What an agent waved away stays away. `found`: utterance_id, code, begins, ends, score, about.
    """
    db.session.execute(delete(Heard).where(Heard.utterance_id.in_(utterance_ids), Heard.dismissed_at.is_(None)))
    rows = db.session.execute(select(Heard.utterance_id, Heard.code).where(Heard.utterance_id.in_(utterance_ids)))
    there = {(row.utterance_id, row.code) for row in rows}
    new = [one for one in found if (one["utterance_id"], one["code"]) not in there]
    db.session.add_all(Heard(interaction_id=interaction_id, heard_at=now, **one) for one in new)
    if new:
        tell(f"interaction:{interaction_id}", "help")
    return bool(new)


def heard_in(interaction_id: int) -> list[Heard]:
    """What was heard and not waved away, the latest of each kind first, with its turn."""
    rows = db.session.scalars(
        select(Heard)
        .where(Heard.interaction_id == interaction_id, Heard.dismissed_at.is_(None))
        .options(joinedload(Heard.utterance))
        .order_by(Heard.id.desc())
        .limit(100)
    )
    latest: dict[str, Heard] = {}
    for row in rows:
        latest.setdefault(row.code, row)
    return list(latest.values())[: MOST_CHIPS + 1]


def wave_away(interaction: Interaction, code: str, *, now: datetime) -> None:
    """Take a kind's chip off this talk, with all that stood behind it; what is said later may bring it back."""
    rows = db.session.scalars(
        select(Heard).where(Heard.interaction_id == interaction.id, Heard.code == code, Heard.dismissed_at.is_(None))
    )
    for row in rows:
        row.dismissed_at = now
    tell(f"interaction:{interaction.id}", "help")
