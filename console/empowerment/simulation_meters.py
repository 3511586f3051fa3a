"""Exact replay of many asks at once: what is refused uses nothing up, so that every decision hangs on earlier ones.

The asks are taken in spans of time. Within one, those not decided yet are bounded from both sides: who stays within
every cap even if everybody undecided before is allowed, is allowed; who exceeds one even if all of them are refused,
is refused. Amounts are never negative and a booking never counts less than nothing, so both bounds are safe, and the
first undecided ask is always decided: the result is the one that deciding one by one gives (tests/property).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np

from console.empowerment.policy import Limit, Measure, Policy, Scope
from console.empowerment.simulation_demand import DAY, NEVER, Asks, Flags, Ints, States, World, subjects
from console.empowerment.windows import Window, closes, opened

SPAN = 16_000  # asks that are decided together: as much as a processor keeps close
NO_CAP = NEVER
STAYS_COUNTED = (Scope.CUSTOMER, Scope.HOUSEHOLD)  # see console/gestures/usage.py
UNDECIDED, ALLOWED, REFUSED = 0, 1, 2


@dataclass(frozen=True)
class Meter:
    """A sum that limits are held against: everything about a limit but its cap."""

    scope: Scope
    measure: Measure
    window: Window
    days: int
    zone: str
    week_start: int
    currency: str  # empty for counts: those of all currencies

    @classmethod
    def of(cls, limit: Limit, policy: Policy) -> Meter:
        body = policy.body
        is_calendar = limit.window in (Window.DAY, Window.WEEK, Window.MONTH)
        return cls(
            limit.scope,
            limit.measure,
            limit.window,
            limit.days if limit.window is Window.ROLLING else 0,
            body.zone if is_calendar else "",
            body.week_start if limit.window is Window.WEEK else 0,
            "" if limit.measure is Measure.COUNT else body.currency,
        )


@dataclass(frozen=True)
class Span:
    """The events of one meter in one span, by subject, window and time: asks, and bookings that stop counting."""

    row: Ints  # the ask that comes or goes, place among all
    signed: Ints  # its amount, negative when it goes
    part: Ints  # to which subject and window each event belongs, from 0
    first: Ints  # the first event of each part
    subject: Ints  # of each part
    window: Ints
    asks: Ints | slice  # which events are asks
    place: Ints  # of those asks in the span


@dataclass(frozen=True)
class Track:
    meter: Meter
    amount: Ints  # of each ask
    spans: Sequence[Span]
    subjects: int


def bounds(count: int) -> list[tuple[int, int]]:
    return [(start, min(start + SPAN, count)) for start in range(0, count, SPAN)]


def windows_of(meter: Meter, at: Ints) -> Ints:
    """The number of the calendar window that each moment lies in; 0 for windows of other kinds."""
    if meter.window not in (Window.DAY, Window.WEEK, Window.MONTH) or not len(at):
        return np.zeros(len(at), np.int64)
    zone, starts = ZoneInfo(meter.zone), []
    moment, last = as_datetime(int(at.min())), as_datetime(int(at.max()))
    begins = cast(datetime, opened(meter.window, moment, zone, week_start=meter.week_start))
    while begins <= last:
        starts.append(as_moment(begins))
        begins = cast(datetime, closes(meter.window, begins, zone, week_start=meter.week_start))
    return np.searchsorted(np.array(starts), at, side="right").astype(np.int64)


def as_datetime(moment: int) -> datetime:
    return EPOCH + timedelta(microseconds=moment)


def as_moment(when: datetime) -> int:
    return (when - EPOCH) // timedelta(microseconds=1)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def prepare(meter: Meter, asks: Asks, world: World, currencies: Sequence[str], granting: Ints) -> Track:
    """Sort what the meter adds up. `currencies`: of each catalogue entry; `granting` matters for pools alone."""
    amount = asks.amount(meter.measure)
    if meter.currency:
        amount = np.where(np.array([one == meter.currency for one in currencies])[asks.offer], amount, 0)
    subject = subjects(asks, world, meter.scope, granting)
    window = windows_of(meter, asks.at)
    leaves, before = leavers(meter, asks)
    of_windows = int(window.max(initial=0)) + 1
    group = subject * of_windows + window
    weight = np.where(asks.probe, 0, amount)
    spans = []
    for low, high in bounds(len(asks)):
        mine = slice(*np.searchsorted(before, [low, high]))
        spans.append(span(low, high, leaves[mine], before[mine], group, weight, of_windows))
    return Track(meter, amount, spans, int(subject.max(initial=0)) + 1)


def leavers(meter: Meter, asks: Asks) -> tuple[Ints, Ints]:
    """Asks that stop counting while others still come, and the place of the first that they no longer count for."""
    gone_at, came = asks.gone_at, asks.gone_came
    if meter.measure is Measure.COUNT and meter.scope in STAYS_COUNTED:
        gone_at = np.where(asks.taken_back, NEVER, gone_at)
    if meter.window is Window.ROLLING:
        out = asks.at + meter.days * DAY
        came, gone_at = np.where(out <= gone_at, -1, came), np.minimum(gone_at, out)
    last = asks.at[-1] if len(asks) else 0
    rows = np.flatnonzero(gone_at <= last)
    place = np.searchsorted(asks.at, gone_at[rows], side="left")
    while True:  # past those of the same moment that came before it went
        clipped = np.minimum(place, len(asks) - 1)
        behind = (place < len(asks)) & (asks.at[clipped] == gone_at[rows]) & (asks.came[clipped] < came[rows])
        if not behind.any():
            break
        place = place + behind
    order = np.argsort(place, kind="stable")
    return rows[order], place[order]


def span(low: int, high: int, leaves: Ints, before: Ints, group: Ints, weight: Ints, of_windows: int) -> Span:
    count = high - low
    came = np.arange(low, high)
    rows = np.concatenate([leaves, came]) if len(leaves) else came
    groups = group[rows]
    # Where several meet, those that go come first.
    places = np.concatenate([2 * (before - low), 2 * np.arange(count) + 1]) if len(leaves) else np.arange(count)
    order = np.argsort(groups * (2 * count + 2) + places)
    rows, groups = rows[order], groups[order]
    is_first = np.empty(len(rows), bool)
    is_first[:1] = True
    np.not_equal(groups[1:], groups[:-1], out=is_first[1:])
    first = np.flatnonzero(is_first)
    signed = weight[rows]
    is_ask: Ints | slice = slice(None)
    if len(leaves):
        goes = order < len(leaves)
        signed = np.where(goes, -signed, signed)
        is_ask = np.flatnonzero(~goes)
    parts = groups[first]
    return Span(
        rows,
        signed,
        np.cumsum(is_first) - 1,
        first,
        parts // of_windows,
        parts % of_windows,
        is_ask,
        rows[is_ask] - low,
    )


@dataclass
class Carried:
    """What the bookings of earlier spans come to, for the newest window of each subject."""

    total: Ints
    window: Ints

    def base(self, one: Span) -> Ints:
        return np.where(self.window[one.subject] == one.window, self.total[one.subject], 0)

    def keep(self, one: Span, sums: Ints, base: Ints) -> None:
        newest = one.window >= self.window[one.subject]
        # Parts are sorted by window, so that of one subject the last one stays.
        self.total[one.subject[newest]] = (sums + base)[newest]
        self.window[one.subject[newest]] = one.window[newest]


def sums_before(one: Span, counted: Flags, base: Ints) -> Ints:
    """What counts when each ask of the span is made, in the order in which the asks stand there."""
    values = one.signed * counted[one.row]
    running = np.cumsum(values) - values
    used = running + (base - running[one.first])[one.part]
    result = np.empty(len(one.place), np.int64)
    result[one.place] = used[one.asks]
    return result


@dataclass(frozen=True)
class Judged:
    """`allowed`; and of those refused: the meters that were exceeded, a bit each, and whether one was final."""

    allowed: Flags
    over: Ints
    final: Flags


def judge(
    tracks: Sequence[Track], caps: Sequence[Ints], finals: Sequence[Ints], asks: Asks, hopeless: Flags, why: bool = True
) -> Judged:
    """Decide every ask. `caps` of each track: what a sum may come to with each ask; `finals`: beyond which not even an
    approver may go. `hopeless` asks are refused whatever has been used. Without `why` only who is allowed is found."""
    state = np.where(asks.forced, ALLOWED, np.where(hopeless, REFUSED, UNDECIDED)).astype(np.int8)
    over = np.zeros(len(asks), np.int64)
    final = np.zeros(len(asks), bool)
    carried = [Carried(np.zeros(one.subjects, np.int64), np.zeros(one.subjects, np.int64)) for one in tracks]
    # With somebody's word for it, only what is final stands in the way. What is over is over by its own amount.
    rooms = [
        np.where(asks.approved, last, cap) - one.amount for one, cap, last in zip(tracks, caps, finals, strict=True)
    ]
    for number, (low, high) in enumerate(bounds(len(asks))):
        spans = [track.spans[number] for track in tracks]
        bases = [one.base(part) for one, part in zip(carried, spans, strict=True)]
        settle(state, spans, bases, rooms, low, high)
        counted = state == ALLOWED
        refused = low + np.flatnonzero(state[low:high] == REFUSED)
        for place, (track, part, base) in enumerate(zip(tracks, spans, bases, strict=True)):
            if why and len(refused):
                needed = sums_before(part, counted, base)[refused - low] + track.amount[refused]
                over[refused] |= (needed > caps[place][refused]).astype(np.int64) << place
                final[refused] |= needed > finals[place][refused]
            carried[place].keep(part, np.add.reduceat(part.signed * counted[part.row], part.first), base)
    return Judged(state == ALLOWED, over, final)


def settle(
    state: States, spans: Sequence[Span], bases: Sequence[Ints], rooms: Sequence[Ints], low: int, high: int
) -> None:
    open_ = low + np.flatnonzero(state[low:high] == UNDECIDED)
    meters = list(zip(spans, bases, rooms, strict=True))
    while len(open_):
        fits = np.ones(len(open_), bool)
        at_most = state != REFUSED
        tight = []
        for part, base, room in meters:
            within = sums_before(part, at_most, base)[open_ - low] <= room[open_]
            fits &= within
            if not within.all():
                tight.append((part, base, room))
        meters = tight  # the others can stop nobody any more, for sums only get smaller from here
        state[open_[fits]] = ALLOWED
        open_ = open_[~fits]
        if not len(open_):
            return
        exceeds = np.zeros(len(open_), bool)
        at_least = state == ALLOWED
        for part, base, room in meters:
            exceeds |= sums_before(part, at_least, base)[open_ - low] > room[open_]
        state[open_[exceeds]] = REFUSED
        open_ = open_[~exceeds]
