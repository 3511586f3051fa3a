"""The plain values that suggestions are made from and of. Amounts are in one currency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from typing import Any

from console.customers.signals import Signal
from console.empowerment.kinds import GestureKind, Occasion
from console.money import Money


@dataclass(frozen=True)
class Candidate:
    """A gesture that could be offered: the version in force of an active one."""

    version_id: int
    gesture_id: int
    kind: GestureKind
    name: str
    cost: Money
    perceived: Money
    occasions: tuple[str, ...]  # Occasion values
    suits: tuple[str, ...] = ()  # words of preferences, kinds of signals


@dataclass(frozen=True)
class Liking:
    """A preference in force, or something bought. One that says "no" or "allergic" excludes what it names."""

    text: str
    provenance: str  # stated, observed, inferred, bought
    id: int = 0
    weight: float = 1.0  # of something bought: less, the longer ago


@dataclass(frozen=True)
class Refused:
    """A boundary in force: `kind` is no_gifts, no_calls_after (with `after`) or other (in its own words)."""

    kind: str
    text: str = ""
    after: time | None = None
    id: int = 0


@dataclass(frozen=True)
class Given:
    """A gesture of the past: what was held, granted or done, or declined by the customer."""

    gesture_id: int
    kind: GestureKind
    name: str
    at: datetime
    was_declined: bool = False
    id: int = 0


@dataclass(frozen=True)
class Situation:
    """Everything that is known about the moment. `local_time` is the customer's own clock."""

    called: str
    now: datetime
    local_time: time
    room: Money  # the dearest gesture that fits inside the limits now
    typical: Money  # what a gesture after a failure costs as a rule, which says what is much and what is little
    signals: Sequence[Signal] = ()
    likings: Sequence[Liking] = ()
    refusals: Sequence[Refused] = ()
    history: Sequence[Given] = ()
    scarcity: float = 0.0  # 0 to 1: how far the agent's day budget is ahead of the day
    is_overlooked: bool = False  # here for years, and never given anything

    @property
    def failures(self) -> list[Signal]:
        return [signal for signal in self.signals if signal.is_failure]

    @property
    def occasion(self) -> Occasion:
        return Occasion.RECOVERY if self.failures else Occasion.DELIGHT


@dataclass(frozen=True)
class Clause:
    """Part of a reason, with the ids of what it rests on."""

    text: str
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        return f"{self.text[0].upper()}{self.text[1:]}."


@dataclass(frozen=True)
class Suggested:
    candidate: Candidate
    score: int
    clauses: tuple[Clause, ...]
    propensity: float = 1.0  # the chance that it was shown in this place; rules alone leave nothing to chance
    parts: dict[str, float] = field(default_factory=dict)  # of the score, in points
    needs_approval: bool = False

    @property
    def why(self) -> str:
        """The clauses as sentences."""
        return " ".join(clause.sentence for clause in self.clauses)


class Silence(StrEnum):
    """Why there is nothing, or only a call back, to suggest."""

    NO_GIFTS = "no_gifts"
    NO_REASON = "no_reason"
    TIRED = "tired"
    NOTHING_FITS = "nothing_fits"
    HELD_OUT = "held_out"  # by lot, so that effects can be measured
    RARE = "rare"  # as many like them had something for no reason this week as a supervisor allows


KEPT_BACK = (Silence.HELD_OUT, Silence.RARE)  # there was something to suggest, and it was not shown


@dataclass(frozen=True)
class Advice:
    """What to show: suggestions best first, and when there are few or none, a sentence that says why."""

    occasion: Occasion
    items: tuple[Suggested, ...] = ()
    silence: Silence | None = None
    sentence: str = ""
    withheld: tuple[Suggested, ...] = ()  # what would be suggested, were it not kept back
