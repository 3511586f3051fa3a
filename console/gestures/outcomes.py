"""What came of suggestions, by the ledger, the surveys and the talks that followed; and how far to learn from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from flask import current_app
from sqlalchemy import select

from console.db import db
from console.empowerment.kinds import GestureKind, Occasion
from console.errors import DomainError
from console.events import Topic, record_event
from console.gestures.effects import came_back, talks_of
from console.gestures.evaluating import Decision
from console.gestures.learning import Beliefs, chances, reward, within
from console.gestures.learning_models import GestureSettings, Suggestion
from console.gestures.models import EntryState, Gesture, LedgerEntry
from console.gestures.situation import Candidate, Suggested
from console.gestures.weights import BAND, DEAREST
from console.interactions.models import Interaction
from console.money import Money

REMEMBERED = timedelta(days=395)  # 13 months
MOST = 50_000  # outcomes, the newest
LEARNT_EVERY = timedelta(minutes=30)
KNOWN = (EntryState.GRANTED, EntryState.FULFILLED, EntryState.REVERSED, EntryState.DECLINED)
SKIPPED = {
    "unsuitable": "It does not suit them",
    "rushed": "They are in a hurry",
    "settled": "It is settled already",
    "words": "Words are better here",
}


@dataclass(frozen=True)
class Outcome:
    """An offer picked from a list, and what is known of what followed."""

    gesture_id: int
    kind: GestureKind
    occasion: Occasion
    stage: str
    version_id: int
    value: float  # its reward, 0 to 1
    items: list[dict[str, Any]]  # the list


def gesture_settings() -> GestureSettings:
    """As they are, or as they are to begin with."""
    row = db.session.scalars(select(GestureSettings).order_by(GestureSettings.id).limit(1)).first()
    return row or GestureSettings(rules_only=True, hold_out_percent=5, review_percent=3)


def change_settings(
    *, rules_only: bool, hold_out_percent: int, review_percent: int, actor_id: int, now: datetime
) -> None:
    """Raises DomainError for shares that make no sense."""
    if not 0 <= hold_out_percent <= 50 or not 0 <= review_percent <= 100:
        raise DomainError("Choose a hold-out from 0 to 50 % and a sample from 0 to 100 %.")
    row = db.session.scalars(select(GestureSettings).order_by(GestureSettings.id).limit(1).with_for_update()).first()
    if row is None:
        row = GestureSettings()
        db.session.add(row)
    row.rules_only, row.hold_out_percent, row.review_percent = rules_only, hold_out_percent, review_percent
    row.changed_by_id, row.changed_at = actor_id, now
    db.session.flush()
    data = {"rules_only": rules_only, "hold_out": hold_out_percent, "review": review_percent}
    record_event("suggestions.set", Topic.ACCESS, subject=row, actor_id=actor_id, at=now, data=data)


def skip(suggestion_id: int, reason: str, *, agent_id: int, now: datetime) -> Suggestion:
    """The agent puts a list aside, and says why. It says something about the list, nothing about the customer."""
    row = db.session.get(Suggestion, suggestion_id)
    if row is None or row.agent_id != agent_id:
        raise DomainError("That list is gone. Reload the page.")
    if reason not in SKIPPED:
        raise DomainError("Choose one of the reasons.")
    row.skipped_at, row.skip_reason = now, reason
    return row


def outcomes(now: datetime) -> Iterator[Outcome]:
    """Of the last 13 months, two statements."""
    since = now - REMEMBERED
    rows = db.session.execute(
        select(
            LedgerEntry.gesture_id,
            LedgerEntry.gesture_version_id,
            Gesture.kind,
            LedgerEntry.occasion,
            LedgerEntry.state,
            LedgerEntry.customer_id,
            LedgerEntry.interaction_id,
            LedgerEntry.booked_at,
            Interaction.csat,
            Suggestion.features,
            Suggestion.items,
        )
        .join(Suggestion, Suggestion.id == LedgerEntry.suggestion_id)
        .join(Gesture, Gesture.id == LedgerEntry.gesture_id)
        .join(Interaction, Interaction.id == LedgerEntry.interaction_id)
        .where(LedgerEntry.booked_at > since, LedgerEntry.state.in_(KNOWN))
        .order_by(LedgerEntry.id.desc())
        .limit(MOST)
    ).all()
    talks = talks_of(LedgerEntry.customer_id, LedgerEntry.booked_at, since, now)
    for row in rows:
        back = came_back(talks.get(row.customer_id, ()), row.interaction_id, row.booked_at, now)
        accepted = row.state is not EntryState.DECLINED
        yield Outcome(
            row.gesture_id,
            row.kind,
            row.occasion,
            str(row.features.get("stage", "")),
            row.gesture_version_id,
            reward(accepted=accepted, score=row.csat, came_back=back),
            row.items,
        )


def beliefs(now: datetime) -> Beliefs:
    """What was learned, kept in the process for half an hour."""
    kept: tuple[datetime, Beliefs] | None = current_app.extensions.get("plusone_beliefs")
    if kept and timedelta(0) <= now - kept[0] < LEARNT_EVERY:
        return kept[1]
    found = Beliefs()
    for one in outcomes(now):
        found.learn(one.gesture_id, one.kind, one.occasion, one.stage, one.value)
    current_app.extensions["plusone_beliefs"] = (now, found)
    return found


def decisions(now: datetime, *, learned: bool) -> list[Decision]:
    """What stood first in each list with an outcome, with the chance that the judged way had put it there."""
    known = beliefs(now)
    found = []
    for one in outcomes(now):
        first = one.items[0] if one.items else None
        if first is None or first["gesture_version"] != one.version_id:
            continue  # the offer tells nothing of what stood first
        others = firsts(one, known) if learned else rules_first(one)
        chance = dict(others).get(one.version_id, 0.0)
        found.append(Decision(one.version_id, first["propensity"], chance, one.value, others))
    return found


def rules_first(one: Outcome) -> tuple[tuple[int, float], ...]:
    """By the rules alone the best score stands first, of those near it the cheapest; they leave nothing to chance."""
    bar = max(item["score"] for item in one.items) - 5
    near = [item for item in one.items if item["score"] >= bar and not item.get("needs_approval")]
    best = min(near or one.items, key=lambda item: (item.get("cost", 0), -item["score"], item["gesture_version"]))
    return tuple((item["gesture_version"], float(item is best)) for item in one.items)


def firsts(one: Outcome, known: Beliefs) -> tuple[tuple[int, float], ...]:
    """With learning: each item's chance to stand first."""
    by_rules = sorted(one.items, key=lambda item: -dict(rules_first(one))[item["gesture_version"]])
    items = [as_suggested(item) for item in by_rules]
    if not known.is_enough:
        return rules_first(one)
    bar, most = max(item.score for item in items) - BAND, items[0].candidate.cost.minor * DEAREST
    free = [place for place, item in enumerate(items) if item.score >= bar and within(item, most)]
    if len(free) < 2 or free[0] != 0:
        return rules_first(one)
    betas = {place: known.beta(items[place], one.occasion, one.stage) for place in free}
    found = chances(betas, Random(1))
    return tuple((item.candidate.version_id, found.get((0, place), 0.0)) for place, item in enumerate(items))


def as_suggested(item: dict[str, Any]) -> Suggested:
    money = Money(item.get("cost", 0), "XXX")
    kind = GestureKind(item["kind"])
    candidate = Candidate(item["gesture_version"], item["gesture"], kind, "", money, money, ())
    return Suggested(candidate, item["score"], (), needs_approval=bool(item.get("needs_approval")))
