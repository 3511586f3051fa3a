"""What came of suggestions, by the ledger, the surveys and the talks that followed; and how far to learn from it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app
from sqlalchemy import func, select

from console.background import in_thread
from console.db import db
from console.empowerment.kinds import GestureKind, Occasion
from console.errors import DomainError
from console.gestures.evaluating import Decision, advantage
from console.gestures.following import came_back, talks_of
from console.gestures.learning import Beliefs, first_chances, reward
from console.gestures.learning_models import Suggestion
from console.gestures.models import EntryState, Gesture, LedgerEntry
from console.gestures.situation import KEPT_BACK, Candidate, Suggested
from console.gestures.weights import LEARNED, NEAR
from console.interactions.models import IS_NO_REPLAY, Interaction
from console.money import Money

log = logging.getLogger(__name__)

REMEMBERED = timedelta(days=395)  # 13 months
JUDGED = timedelta(days=90)  # of lists in a learned order, by which it has to hold its own against the rules
MOST = 50_000  # outcomes, the newest
LEARNT_EVERY = timedelta(minutes=30)
KEPT = "plusone_beliefs"  # in the app's extensions: when it was learned, and what
THREADS: set[threading.Thread] = set()  # learning now: one at most
STARTING = threading.Lock()
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
    currency: str
    value: float  # its reward, 0 to 1
    model: str  # that ordered the list
    at: datetime
    items: list[dict[str, Any]]  # the list as it was shown; empty where nothing was


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
            LedgerEntry.currency,
            LedgerEntry.occasion,
            LedgerEntry.state,
            LedgerEntry.customer_id,
            LedgerEntry.interaction_id,
            LedgerEntry.booked_at,
            Interaction.csat,
            Suggestion.features,
            Suggestion.model,
            Suggestion.silence,
            Suggestion.items,
        )
        .join(Suggestion, Suggestion.id == LedgerEntry.suggestion_id)
        .join(Gesture, Gesture.id == LedgerEntry.gesture_id)
        .join(Interaction, Interaction.id == LedgerEntry.interaction_id)
        .where(LedgerEntry.booked_at > since, LedgerEntry.state.in_(KNOWN), IS_NO_REPLAY)
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
            row.currency,
            reward(accepted=accepted, score=row.csat, came_back=back),
            row.model,
            row.booked_at,
            [] if row.silence in KEPT_BACK else row.items,
        )


def known(now: datetime) -> int:
    """How many outcomes there are to learn from."""
    rows = select(LedgerEntry.id).where(
        LedgerEntry.suggestion_id.is_not(None), LedgerEntry.booked_at > now - REMEMBERED, LedgerEntry.state.in_(KNOWN)
    )
    return db.session.scalar(select(func.count()).select_from(rows.limit(MOST).subquery())) or 0


def beliefs(now: datetime) -> Beliefs | None:
    """What this process learned last; when that is half an hour ago it is learned anew beside the request, and the old
    serves meanwhile. None until it is known for the first time."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    kept: tuple[datetime, Beliefs] | None = app.extensions.get(KEPT)
    if kept is None or not timedelta(0) <= now - kept[0] < LEARNT_EVERY:
        with STARTING:
            if not THREADS:
                in_thread(app, "beliefs", lambda: learn(now), THREADS)
    return kept[1] if kept else None


def learn(now: datetime) -> Beliefs:
    """Read all outcomes, judge the learned order by the latest of them, and keep what is found in the process."""
    found, lately = Beliefs(), []
    for one in outcomes(now):
        found.learn(one.gesture_id, one.kind, one.occasion, one.stage, one.value)
        if one.model == LEARNED and one.at > now - JUDGED:
            lately.append(one)
    left_to_chance = [one for one in decisions(lately, found, learned=False) if one.chance < 1]
    gain = advantage(left_to_chance)
    found.is_worse = gain is not None and gain[0] > 0
    if found.is_worse:
        log.warning("the learned order did worse than the rules, which are used alone now: %d outcomes", len(lately))
    current_app.extensions[KEPT] = (now, found)
    return found


def decisions(found: Sequence[Outcome], beliefs: Beliefs, *, learned: bool) -> list[Decision]:
    """What stood first in each list with an outcome, with the chance that the judged way had put it there."""
    judged = []
    for one in found:
        first = one.items[0] if one.items else None
        if first is None or first["gesture_version"] != one.version_id:
            continue  # the offer tells nothing of what stood first
        by_rules = sorted((as_suggested(item, one.currency) for item in one.items), key=place_by_rules(one.items))
        shares = first_chances(by_rules, beliefs if learned else Beliefs(), one.occasion, one.stage, 1)
        others = tuple((item.candidate.version_id, share) for item, share in zip(by_rules, shares, strict=True))
        judged.append(Decision(one.version_id, first["propensity"], dict(others)[one.version_id], one.value, others))
    return judged


def place_by_rules(items: Sequence[dict[str, Any]]) -> Callable[[Suggested], bool]:
    """Sorts the one first that the rules alone put first: of those near the best score the cheapest."""
    bar = max(item["score"] for item in items) - NEAR
    near = [item for item in items if item["score"] >= bar and not item["needs_approval"]]
    best = min(near or items, key=lambda item: (item["cost"], -item["score"], item["gesture_version"]))
    return lambda item: item.candidate.version_id != best["gesture_version"]


def as_suggested(item: dict[str, Any], currency: str) -> Suggested:
    """As much of a logged suggestion as its order hangs on."""
    cost = Money(item["cost"], currency)
    candidate = Candidate(item["gesture_version"], item["gesture"], GestureKind(item["kind"]), "", cost, cost, ())
    return Suggested(candidate, item["score"], (), needs_approval=item["needs_approval"])
