"""What followed where something was suggested for no reason, against where, by lot, nothing was (the hold-out).

All to whom something was suggested count, whether it was offered or not, so that nobody's choice colours it. The lot
is drawn for a customer and a week, so that is what is counted: the first list of each. A gesture is compared with the
held out to whom it would have been suggested, a team with its own, a segment with its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from statistics import fmean
from typing import Any, NamedTuple

from sqlalchemy import func, select

from console.auth.models import User
from console.db import db
from console.empowerment.intervals import FEW, mean_difference, share_difference
from console.empowerment.kinds import Occasion
from console.gestures.following import came_back, ordered_again, orders_of, scores_of, talks_of
from console.gestures.learning_models import Suggestion
from console.gestures.lots import week_of
from console.gestures.weights import SHOWN
from console.interactions.models import IS_NO_REPLAY, Interaction

MOST = 50_000  # lists looked at, the newest
Key = tuple[str, Any]  # of a row: ("team", 4), ("gesture", 12), ("segment", "Gold ones"), ("occasion", ...)
ALL: Key = ("all", None)


@dataclass(frozen=True)
class Comparison:
    """One thing that may follow, with and without a suggestion. `low` and `high` bound the difference, at 95 %: of
    shares by Newcombe's method, of means by Welch's (see intervals.py)."""

    key: str  # came_back, ordered or score
    name: str
    cases: int
    others: int  # of the hold-out
    value: float
    other: float
    low: float
    high: float
    is_share: bool = True

    @property
    def is_enough(self) -> bool:
        return min(self.cases, self.others) >= FEW

    @property
    def is_clear(self) -> bool:
        """The interval leaves no difference out."""
        return self.is_enough and not self.low <= 0 <= self.high

    @property
    def difference(self) -> float:
        return self.value - self.other


class Followed(NamedTuple):
    """What followed in one case; None where it is not known, or not yet."""

    score: int | None
    came_back: bool | None
    ordered: bool | None


@dataclass
class Arms:
    suggested: list[Followed] = field(default_factory=list)
    held_out: list[Followed] = field(default_factory=list)

    def comparisons(self) -> tuple[Comparison, ...]:
        scores, back, ordered = (
            [known(self.suggested, name), known(self.held_out, name)] for name in ("score", "came_back", "ordered")
        )
        return (
            of_means("score", "Score of the survey, 1 to 5", *scores),
            of_shares("came_back", "Talked to us again within 14 days", *back),
            of_shares("ordered", "Ordered again within 30 days", *ordered),
        )


@dataclass(frozen=True)
class HoldOut:
    arms: Mapping[Key, Arms]
    talks: int  # conversations in this time
    surprised: int  # of them, those with something suggested for no reason
    is_cut: bool

    def of(self, key: Key) -> tuple[Comparison, ...]:
        """For one row; none after a failure, where nobody is ever held out."""
        if key == ("occasion", Occasion.RECOVERY):
            return ()
        return self.arms.get(key, Arms()).comparisons()


def hold_out(first: datetime, last: datetime, segments: Mapping[int, Sequence[str]], now: datetime) -> HoldOut:
    """Every row's cases, from `first` until `last`, by the segments of each customer. Five statements."""
    rows = lists(first, last)
    talks = talks_of(Suggestion.customer_id, Suggestion.shown_at, first, last)
    orders = orders_of(Suggestion.customer_id, Suggestion.shown_at, first, last)
    scores = scores_of(Suggestion.interaction_id, Suggestion.shown_at, first, last)
    arms: dict[Key, Arms] = defaultdict(Arms)
    drawn = {(row.customer_id, week_of(row.shown_at)): row for row in rows}  # the rows go back in time: the first stays
    for row in drawn.values():
        case = Followed(
            scores.get(row.interaction_id),
            came_back(talks.get(row.customer_id, ()), row.interaction_id, row.shown_at, now),
            ordered_again(orders.get(row.customer_id, ()), row.shown_at, now),
        )
        for key in keys_of(row, segments.get(row.customer_id, ())):
            (arms[key].held_out if row.held_out else arms[key].suggested).append(case)
    surprised = len({row.interaction_id for row in rows if not row.held_out})
    return HoldOut(arms, talks_between(first, last), surprised, is_cut=len(rows) == MOST)


def lists(first: datetime, last: datetime) -> Sequence[Any]:
    """Those shown, and those held back, for no reason; the newest first. `places` are the ids of their gestures."""
    places = [Suggestion.items[place]["gesture"].as_integer().label(f"place_{place}") for place in range(SHOWN)]
    return db.session.execute(
        select(
            Suggestion.held_out,
            Suggestion.customer_id,
            Suggestion.interaction_id,
            Suggestion.shown_at,
            User.team_id,
            *places,
        )
        .join(User, User.id == Suggestion.agent_id)
        .join(Interaction, Interaction.id == Suggestion.interaction_id)
        .where(
            IS_NO_REPLAY,
            Suggestion.shown_at >= first,
            Suggestion.shown_at < last,
            Suggestion.occasion == Occasion.DELIGHT,
            Suggestion.interaction_id.is_not(None),
            Suggestion.silence.in_(("", "held_out")),
        )
        .order_by(Suggestion.shown_at.desc(), Suggestion.id.desc())
        .limit(MOST)
    ).all()


def keys_of(row: Any, segments: Iterable[str]) -> Iterable[Key]:
    yield ALL
    yield "occasion", Occasion.DELIGHT
    yield "team", row.team_id
    for name in segments:
        yield "segment", name
    for gesture_id in row[-SHOWN:]:
        if gesture_id is not None:
            yield "gesture", gesture_id


def known(cases: Sequence[Followed], name: str) -> list[Any]:
    return [value for value in map(attrgetter(name), cases) if value is not None]


def talks_between(first: datetime, last: datetime) -> int:
    talks = select(func.count()).where(Interaction.started_at >= first, Interaction.started_at < last, IS_NO_REPLAY)
    return db.session.scalar(talks) or 0


def of_shares(key: str, name: str, hits: Sequence[bool], others: Sequence[bool]) -> Comparison:
    low, high = share_difference(sum(hits), len(hits), sum(others), len(others))
    value, other = (sum(arm) / len(arm) if arm else 0.0 for arm in (hits, others))
    return Comparison(key, name, len(hits), len(others), value, other, low, high)


def of_means(key: str, name: str, values: Sequence[int], others: Sequence[int]) -> Comparison:
    low, high = mean_difference(values, others) or (-4.0, 4.0)
    value, other = (fmean(arm) if arm else 0.0 for arm in (values, others))
    return Comparison(key, name, len(values), len(others), value, other, low, high, is_share=False)
