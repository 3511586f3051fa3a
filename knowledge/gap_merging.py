"""Two gaps made into one, and taken apart again. None of it commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import delete, select, update
from sqlalchemy.orm import undefer

from console.db import db
from console.errors import DomainError
from console.events import Event
from knowledge.gaps import CONSIDERED, LONGEST, OPEN, NoSuchGap, mean, record_work
from knowledge.models import Article, ArticleDraft, AskedQuestion, GapState, KnowledgeGap
from knowledge.nearby import Vectors
from knowledge.shortening import shortened

MERGED = "gap.merged"
BEGUN = ("state", "assigned_to_id", "article_id")
DATES = ("first_asked_at", "last_asked_at")


def merge(gap: KnowledgeGap, other_id: int, *, actor_id: int, now: datetime) -> str:
    """Take in another gap: its questions and drafts and, where this one has none, who answers it. Returns its wording.

    Raises NoSuchGap, and DomainError for the gap itself.
    """
    if other_id == gap.id:
        raise DomainError("Choose another gap: this is the same one.")
    other = db.session.scalar(
        select(KnowledgeGap).where(KnowledgeGap.id == other_id).options(undefer(KnowledgeGap.vector)).with_for_update()
    )
    if other is None:
        raise NoSuchGap(other_id)
    moved = {
        table.__tablename__: db.session.scalars(select(table.id).where(table.gap_id == other_id)).all()
        for table in (AskedQuestion, ArticleDraft)
    }
    before, question = as_it_was(gap), other.question
    record_work(MERGED, gap, actor_id, now, gap_id=other_id, before=before, other=as_it_was(other), **moved)
    held = db.session.scalar(select(KnowledgeGap.vector).where(KnowledgeGap.id == gap.id))
    if held and other.vector and gap.model == other.model:
        first, second = np.frombuffer(held, np.float32), np.frombuffer(other.vector, np.float32)
        gap.vector = mean(first, gap.asked, second, other.asked).tobytes()
    if gap.state in OPEN and other.state in OPEN:  # what was begun about the other, and who was to answer it
        gap.article_id = gap.article_id or other.article_id
        gap.assigned_to_id = gap.assigned_to_id or other.assigned_to_id
        gap.state = GapState.ASSIGNED if gap.assigned_to_id else GapState.OPEN
    gap.asked += other.asked
    gap.first_asked_at = min(gap.first_asked_at, other.first_asked_at)
    gap.last_asked_at = max(gap.last_asked_at, other.last_asked_at)
    for table in (AskedQuestion, ArticleDraft):
        db.session.execute(update(table).where(table.gap_id == other_id).values(gap_id=gap.id))
    db.session.execute(delete(KnowledgeGap).where(KnowledgeGap.id == other_id))
    return question


def take_apart(gap: KnowledgeGap, other_id: int, question: str, *, actor_id: int, now: datetime) -> None:
    """Undo the last merger: the other gap has its number, its questions and drafts again, and `question` as wording.

    What was asked since stays with this one. Raises DomainError when there is nothing to undo.
    """
    newest = select(Event.data).where(
        Event.kind == MERGED, Event.subject_type == KnowledgeGap.__tablename__, Event.subject_id == gap.id
    )
    data = db.session.scalar(newest.order_by(Event.id.desc()).limit(1)) or {}
    if data.get("gap_id") != other_id or "other" not in data or db.session.get(KnowledgeGap, other_id):
        raise DomainError("These two can no longer be taken apart.")
    other = KnowledgeGap(id=other_id, question=shortened(question, LONGEST) or gap.question, **told(data["other"]))
    db.session.add(other)
    db.session.flush()
    for table in (AskedQuestion, ArticleDraft):
        ids: Sequence[int] = data[table.__tablename__]
        for start in range(0, len(ids), 500):
            theirs = table.id.in_(ids[start : start + 500]), table.gap_id == gap.id
            db.session.execute(update(table).where(*theirs).values(gap_id=other_id))
    before = told(data["before"])
    gap.asked = max(gap.asked - other.asked, before["asked"])
    for name in (*BEGUN, "first_asked_at"):
        setattr(gap, name, before[name])
    if gap.last_asked_at == max(before["last_asked_at"], other.last_asked_at):
        gap.last_asked_at = before["last_asked_at"]
    for one in (gap, other):
        one.vector = middle_of(one)
    record_work("gap.parted", gap, actor_id, now, gap_id=other_id)


def as_it_was(gap: KnowledgeGap) -> dict[str, Any]:
    """What a merger overwrites or deletes, but for the words."""
    kept = {name: getattr(gap, name) for name in (*BEGUN, "asked", "decided_by_id", "model")}
    dates = {name: getattr(gap, name) for name in (*DATES, "decided_at")}
    return kept | {name: at and at.isoformat() for name, at in dates.items()}


def told(facts: dict[str, Any]) -> dict[str, Any]:
    """The same as a gap holds it, without what is deleted meanwhile."""
    dates = {name: facts[name] and datetime.fromisoformat(facts[name]) for name in (*DATES, "decided_at")}
    article = facts["article_id"] and db.session.get(Article, facts["article_id"])
    return facts | dates | {"state": GapState(facts["state"]), "article_id": article.id if article else None}


def middle_of(gap: KnowledgeGap) -> bytes | None:
    """The mean of its questions, the newest ones."""
    held = db.session.scalars(
        select(AskedQuestion.vector)
        .where(AskedQuestion.gap_id == gap.id, AskedQuestion.model == gap.model, AskedQuestion.vector.is_not(None))
        .order_by(AskedQuestion.asked_at.desc(), AskedQuestion.id.desc())
        .limit(CONSIDERED)
    ).all()
    if not held:
        return None
    middle: Vectors = np.mean([np.frombuffer(vector or b"", np.float32) for vector in held], axis=0)
    return (middle / max(float(np.linalg.norm(middle)), 1e-9)).astype(np.float32).tobytes()
