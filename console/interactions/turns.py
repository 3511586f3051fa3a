"""What is said: turns as they arrive, one or many, late, twice or corrected; and the reading of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, event, or_, select, tuple_, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from console.card_numbers import masked
from console.db import db
from console.errors import DomainError, Stale
from console.feed import tell
from console.interactions.models import Interaction, InteractionState, Speaker, Utterance

LONGEST_TURN = 20_000  # characters
MOST_TURNS = 1_000  # in one batch
EARLIEST = timedelta(days=1)  # before the talk began: what a chat's robot had heard
LATEST = 2**31 - 1  # milliseconds: what `position` takes, 24 days
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
PAGE = 60
MOST_CORRECTED = 400  # characters of ids told at once
WRITABLE = (InteractionState.WAITING, InteractionState.LIVE, InteractionState.WRAP_UP)

# Called with an interaction's id and those of its turns, once they are committed; must return at once. The console
# registers what listens: here nobody knows the knowledge base.
when_said: list[Callable[[int, set[int]], object]] = []


class Outcome(StrEnum):
    ADDED = "added"
    CORRECTED = "corrected"
    UNCHANGED = "unchanged"  # the same once more
    OUTDATED = "outdated"  # an earlier revision than the one that is here
    REFUSED = "refused"


@dataclass(frozen=True)
class Turn:
    """One turn as it arrives. `said_at` is aware; none is now."""

    speaker: Speaker
    text: str
    said_at: datetime | None = None
    external_id: str | None = None
    revision: int = 0
    whisper: bool = False
    by_id: int | None = None  # whose words; none: of whoever has the talk, or the customer's


@dataclass(frozen=True)
class Said:
    """What became of one turn. A refused one has a problem in place of its utterance."""

    outcome: Outcome
    utterance: Utterance | None = None
    problem: str = ""


@dataclass
class Report:
    """What became of each turn of a batch, in the order in which they came."""

    items: list[Said] = field(default_factory=list)

    def number(self, outcome: Outcome) -> int:
        return sum(item.outcome is outcome for item in self.items)

    @property
    def changed(self) -> list[Utterance]:
        new = (Outcome.ADDED, Outcome.CORRECTED)
        return [item.utterance for item in self.items if item.utterance and item.outcome in new]


def say(
    interaction: Interaction,
    speaker: Speaker,
    text: str,
    *,
    now: datetime,
    said_at: datetime | None = None,
    external_id: str | None = None,
    revision: int = 0,
    whisper: bool = False,
) -> Utterance:
    """Add or correct one turn, as `take_in` does. Raises DomainError when it is empty or too long."""
    return say_all(interaction, [Turn(speaker, text, said_at, external_id, revision, whisper)], now=now)[0]


def say_all(interaction: Interaction, turns: Sequence[Turn], *, now: datetime) -> list[Utterance]:
    """Add or correct all of these turns. Raises DomainError when one is empty or too long."""
    utterances = []
    for said in take_in(interaction, turns, now).items:
        if said.utterance is None:
            raise DomainError(said.problem)
        utterances.append(said.utterance)
    return utterances


def take_in(interaction: Interaction, turns: Sequence[Turn], now: datetime) -> Report:
    """Take what was said, in whatever order it arrives; a turn that cannot be taken stops none of the others.

    An external id that is known already corrects its words when the revision is a later one, and is ignored otherwise.
    Of a card number that was said the last four digits are kept. Raises Stale when the interaction is closed,
    DomainError for more than MOST_TURNS.
    """
    if len(turns) > MOST_TURNS:
        raise DomainError(f"Send at most {MOST_TURNS:,} turns at once; these are {len(turns):,}.")
    hold(interaction)
    known = known_as(interaction.id, {turn.external_id for turn in turns if turn.external_id})
    report = Report()
    for turn in turns:
        said = take(interaction, turn, known, now)
        if said.utterance and said.utterance.external_id:
            known[said.utterance.external_id] = said.utterance
        report.items.append(said)
    db.session.flush()
    tell_what_was_said(interaction, report.changed, now)
    return report


def take(interaction: Interaction, turn: Turn, known: dict[str, Utterance], now: datetime) -> Said:
    text = masked(cleaned(turn.text))
    if problem := problem_of(turn, text):
        return Said(Outcome.REFUSED, problem=problem)
    if turn.external_id and (utterance := known.get(turn.external_id)):
        if turn.revision <= utterance.revision:
            earlier = turn.revision < utterance.revision
            return Said(Outcome.OUTDATED if earlier else Outcome.UNCHANGED, utterance)
        utterance.text, utterance.revision, utterance.speaker = text, turn.revision, turn.speaker
        return Said(Outcome.CORRECTED, utterance)
    said_at = moment(turn.said_at, interaction.started_at, now)
    utterance = Utterance(
        interaction_id=interaction.id,
        external_id=turn.external_id,
        position=position(said_at, interaction.started_at),
        speaker=turn.speaker,
        text=text,
        said_at=said_at,
        revision=turn.revision,
        said_by_id=turn.by_id or (interaction.agent_id if turn.speaker is Speaker.AGENT else None),
        is_whisper=turn.whisper,
    )
    db.session.add(utterance)
    return Said(Outcome.ADDED, utterance)


def problem_of(turn: Turn, text: str) -> str:
    if not text:
        return "Write or paste what was said."
    if len(text) > LONGEST_TURN:
        return f"One turn takes at most {LONGEST_TURN:,} characters; this has {len(text):,}. Send it in parts."
    if turn.external_id is not None and (not turn.external_id or turn.external_id != cleaned(turn.external_id)[:120]):
        return "An external id has 1 to 120 visible characters."
    if not 0 <= turn.revision <= LATEST:
        return "A revision is a whole number from 0 up."
    return ""


def cleaned(text: str) -> str:
    """Without control characters, lone surrogates and what turns the direction of writing round; trimmed."""
    return CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def moment(said_at: datetime | None, began: datetime | None, now: datetime) -> datetime:
    """When it was said, between a day before the talk began and now: another system's clock may be wrong."""
    if said_at is None or said_at > now:
        return now
    return max(said_at.astimezone(UTC), (began or now) - EARLIEST)


def position(said_at: datetime, began: datetime | None) -> int:
    """Milliseconds since the talk began."""
    since = said_at - (began or said_at)
    return max(-LATEST, min(since // timedelta(milliseconds=1), LATEST))


def known_as(interaction_id: int, external_ids: set[str]) -> dict[str, Utterance]:
    if not external_ids:
        return {}
    rows = db.session.scalars(
        select(Utterance).where(Utterance.interaction_id == interaction_id, Utterance.external_id.in_(external_ids))
    )
    return {row.external_id: row for row in rows if row.external_id}


def tell_what_was_said(interaction: Interaction, changed: Sequence[Utterance], now: datetime) -> None:
    if not changed:
        return
    db.session.info.setdefault("said", {}).setdefault(interaction.id, set()).update(one.id for one in changed)
    by_customer = any(one.speaker is Speaker.CUSTOMER and not one.is_whisper for one in changed)
    last = max(one.id for one in changed)
    corrected = ",".join(str(one.id) for one in changed if one.revision)[:MOST_CORRECTED]
    tell(f"interaction:{interaction.id}", "utterances", customer=by_customer, last=last, corrected=corrected)
    if not by_customer:
        return
    db.session.execute(
        update(Interaction)
        .where(Interaction.id == interaction.id)
        .values(heard_at=now)
        .execution_options(synchronize_session=False)
    )
    set_committed_value(interaction, "heard_at", now)
    if interaction.agent_id is not None:
        tell(f"user:{interaction.agent_id}", "inbox")


@event.listens_for(db.session, "after_commit")
def pass_on(session: Session) -> None:
    if not session.in_nested_transaction():
        for interaction_id, ids in session.info.pop("said", {}).items():
            for listener in when_said:
                listener(interaction_id, ids)


@event.listens_for(db.session, "after_rollback")
def forget_what_was_said(session: Session) -> None:
    session.info.pop("said", None)


def say_whisper(interaction: Interaction, note: str, *, by_id: int, now: datetime) -> Utterance:
    """For colleagues alone, see whispers.py."""
    return say_all(interaction, [Turn(Speaker.AGENT, note, whisper=True, by_id=by_id)], now=now)[0]


def hold(interaction: Interaction) -> None:
    """Let nobody else write to it until the commit. Raises Stale when it is closed."""
    held = db.session.execute(
        update(Interaction)
        .where(Interaction.id == interaction.id, Interaction.state.in_(WRITABLE))
        .values(state=Interaction.state)
        .execution_options(synchronize_session=False)
    )
    if held.rowcount != 1:  # type: ignore[attr-defined]
        raise Stale("This talk was wrapped up meanwhile. Start a new one to go on.")


def last_turns(interaction_id: int, limit: int = PAGE, *which: ColumnElement[bool]) -> list[Utterance]:
    """The latest turns, in the order spoken. `which`: of those that somebody may read, see whispers.py."""
    return turns_before(interaction_id, None, limit, *which)


def turns_before(
    interaction_id: int, before: tuple[int, int] | None, limit: int = PAGE, *which: ColumnElement[bool]
) -> list[Utterance]:
    """The turns just before a (position, id), in the order spoken."""
    query = select(Utterance).where(Utterance.interaction_id == interaction_id, *which)
    if before is not None:
        query = query.where(tuple_(Utterance.position, Utterance.id) < before)
    newest = query.order_by(Utterance.position.desc(), Utterance.id.desc()).limit(limit)
    return list(db.session.scalars(newest))[::-1]


def turns_after(
    interaction_id: int, after: int, corrected: Sequence[int] = (), limit: int = PAGE, *which: ColumnElement[bool]
) -> list[Utterance]:
    """What arrived after the turn of id `after`, and those of the given ids, in the order of their arrival."""
    query = select(Utterance).where(
        Utterance.interaction_id == interaction_id, or_(Utterance.id > after, Utterance.id.in_(corrected)), *which
    )
    return list(db.session.scalars(query.order_by(Utterance.id).limit(limit)))
