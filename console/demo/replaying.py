"""Plays recorded conversations as live ones, at their own pace, through the same doors as everything else.

A replay is an interaction of its own, of the source "replay", which no figure counts. It goes on only in the thread
that plays it: once the server stops, it stays as far as it came. Whoever ends or wraps up the talk stops it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import aliased, joinedload

from console.customers.models import Customer
from console.db import db, utc_now
from console.errors import DomainError, Stale
from console.interactions.handling import Origin, end_talk, enqueue, take
from console.interactions.models import IS_NO_REPLAY, REPLAY, Interaction, InteractionState, Speaker, Utterance
from console.interactions.turns import say

LONGEST_PAUSE = 8.0  # seconds; a longer silence is cut to what saying the next words takes
SHORTEST_PAUSE = 0.8
WORDS_A_SECOND = 2.5  # what people speak, and a fast typist writes
BREATH = 1.2  # seconds before anybody answers
FEWEST_TURNS = 4
MOST_TURNS = 500
MOST_AT_ONCE = 10
PATIENCE = 1_800  # seconds that one in the queue waits to be taken
SPEEDS = (1.0, 2.0, 4.0)
OPEN = (InteractionState.WAITING, InteractionState.LIVE, InteractionState.WRAP_UP)

Wait = Callable[[float], object]


@dataclass(frozen=True)
class Line:
    """One turn to come: after how many seconds, at speed 1, who says what."""

    pause: float
    speaker: Speaker
    text: str


def begin(recorded: Interaction, agent_id: int | None, *, now: datetime) -> Interaction:
    """A talk in which the recorded one will be played: the agent's own, or one that waits for anybody to take it.

    Raises DomainError when the agent has it going on already, or when there is too little to play.
    """
    if recorded.is_replay:
        raise DomainError("That is a replay itself. Choose the conversation that it was made from.")
    if len(lines_of(recorded.id)) < FEWEST_TURNS:
        raise DomainError(f"In that conversation fewer than {FEWEST_TURNS} turns were written down. Choose another.")
    played_as = f"{recorded.id}-{agent_id or 'queue'}-"
    earlier = select(Interaction).where(Interaction.source == REPLAY, Interaction.external_id.startswith(played_as))
    if db.session.scalar(select(earlier.where(Interaction.state.in_(OPEN)).exists())):
        raise DomainError("You have this one going on already. Wrap it up to play it again.")
    number = db.session.scalar(select(func.count()).select_from(earlier.subquery())) or 0
    origin = Origin(f"{played_as}{number + 1}", REPLAY)
    replay = enqueue(
        recorded.customer_id,
        None,
        recorded.channel,
        now=now,
        origin=origin,
        order_id=recorded.order_id,
        actor_id=agent_id,
    )
    return replay if agent_id is None else take(replay, agent_id, now=now)


def play(replay_id: int, recorded_id: int, speed: float, wait: Wait = time.sleep) -> bool:
    """Say one turn after the other, each in a transaction of its own; then the customer has gone, and the agent wraps
    up. False when somebody ended it before. No connection is held while it waits.
    """
    lines = lines_of(recorded_id)
    db.session.remove()
    is_first = True
    for number, line in enumerate(lines):
        if not (is_first and line.speaker is Speaker.CUSTOMER) and not taken(replay_id, wait):
            return False
        wait(line.pause / speed)
        is_first = False
        replay = db.session.get(Interaction, replay_id)
        if replay is None or not goes_on(replay):
            return False
        try:
            say(replay, line.speaker, line.text, now=utc_now(), external_id=str(number))
            db.session.commit()
        except Stale:
            return False
        finally:
            db.session.remove()
    wait(BREATH / speed)
    return stop(replay_id)


def stop(replay_id: int) -> bool:
    """The customer has gone. False when the talk was over already."""
    replay = db.session.get(Interaction, replay_id)
    if replay is None or not goes_on(replay):
        return False
    try:
        end_talk(replay, actor_id=None, now=utc_now())
        db.session.commit()
    except Stale:
        return False
    finally:
        db.session.remove()
    return True


def taken(replay_id: int, wait: Wait) -> bool:
    """Wait until somebody takes it. False when it is over, or nobody came."""
    for _ in range(PATIENCE):
        state = db.session.scalar(select(Interaction.state).where(Interaction.id == replay_id))
        db.session.remove()
        if state is not InteractionState.WAITING:
            return state is InteractionState.LIVE
        wait(1)
    stop(replay_id)
    return False


def goes_on(replay: Interaction) -> bool:
    return replay.state in (InteractionState.WAITING, InteractionState.LIVE)


def lines_of(recorded_id: int) -> list[Line]:
    turns = select(Utterance).where(Utterance.interaction_id == recorded_id, Utterance.is_whisper.is_(False))
    rows = db.session.scalars(turns.order_by(Utterance.position, Utterance.id).limit(MOST_TURNS)).all()
    said = [(row.said_at, row.text) for row in rows]
    return [Line(pause, row.speaker, row.text) for pause, row in zip(pauses(said), rows, strict=True)]


def pauses(said: Sequence[tuple[datetime | None, str]]) -> list[float]:
    """Seconds before each of the turns, given when each was said, if that is known, and its words."""
    found = [SHORTEST_PAUSE] if said else []
    for (before, _), (at, text) in pairwise(said):
        gap = (at - before).total_seconds() if at and before else 0.0
        if not 0 < gap <= LONGEST_PAUSE:
            gap = BREATH + len(text.split()) / WORDS_A_SECOND
        found.append(min(max(gap, SHORTEST_PAUSE), LONGEST_PAUSE))
    return found


def recordings(source: str = "") -> Select[Interaction]:
    """Conversations that can be played, the newest first, each with its customer: the demo shop's, or a source's."""
    number = select(func.count()).where(Utterance.interaction_id == Interaction.id).scalar_subquery()
    whose = Interaction.source == source if source else Interaction.customer.has(Customer.is_demo)
    return (
        select(Interaction)
        .options(joinedload(Interaction.customer))
        .where(
            whose,
            IS_NO_REPLAY,
            Interaction.state == InteractionState.CLOSED,
            number >= FEWEST_TURNS,
        )
        .order_by(Interaction.started_at.desc().nulls_last(), Interaction.id.desc())
    )


def some(number: int, source: str = "") -> list[Interaction]:
    """So many to play at once, of different customers, none of whom has one going on; drawn by lot.

    Raises DomainError when there is none at all.
    """
    other = aliased(Interaction)
    going_on = exists().where(other.customer_id == Interaction.customer_id, other.state != InteractionState.CLOSED)
    found = list(db.session.scalars(recordings(source).where(~going_on).limit(MOST_TURNS)))
    random.shuffle(found)
    chosen = list({one.customer_id: one for one in found}.values())[:number]
    if not chosen:
        raise DomainError("There is no conversation that could be played. Load the demo shop, or import transcripts.")
    return chosen


def sources() -> list[str]:
    """Imported sources in which something was said, by name."""
    said = exists().where(Utterance.interaction_id == Interaction.id)
    imported = (Interaction.source.not_in((REPLAY, "")), ~Interaction.customer.has(Customer.is_demo))
    names = db.session.scalars(select(Interaction.source).where(*imported, said).distinct().limit(MOST_AT_ONCE))
    return sorted(name for name in names if name)
