"""What limits add up, sorted for a replay: whose bookings, in which window, in the order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from console.empowerment.policy import Limit, Measure, Policy, Scope
from console.empowerment.simulation_demand import DAY, NEVER, Asks, Ints, World, subjects
from console.empowerment.windows import Window, closes, opened

SPAN = 16_000  # asks that are decided together: as much as a processor keeps close
NO_CAP = NEVER
DIGIT = 16  # bits by which numbers are sorted at a time


@dataclass(frozen=True)
class Meter:
    """A sum that limits are held against: everything about a limit but its cap."""

    scope: Scope
    measure: Measure
    window: Window | None  # None: since the gesture was counted last
    days: int
    zone: str
    week_start: int
    currency: str  # empty for counts: those of all currencies
    restores: bool  # what is taken back counts no more

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
            limit.restores,
        )


# What gestures/conditions.py holds against a gesture that is counted by the piece.
STOCK = Meter(Scope.GESTURE, Measure.COUNT, None, 0, "", 0, "", True)


@dataclass(frozen=True)
class Span:
    """The events of one meter in one span, by subject, window and time: asks, and bookings that stop counting."""

    row: Ints  # of what comes or goes
    sign: Ints | None  # -1 where it goes, the other way round in a sum that is taken off; None: all come
    event: Ints  # of each row of the span; shape (sums, rows): several sums may make up what the limit counts
    part: Ints  # to which subject and window that event belongs, from 0
    first: Ints  # the first event of each part
    subject: Ints  # of each part
    window: Ints


@dataclass(frozen=True)
class Track:
    """A row for each ask; where what it comes to decides whose sum it is, one for each of these (see menus.Rows)."""

    meter: Meter
    spans: Sequence[Span]
    subjects: int
    has_windows: bool
    booked: dict[int, tuple[Ints, Ints]] = field(default_factory=dict, repr=False)  # see judging.Court.carried


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


def since_counted(asks: Asks, world: World) -> Ints:
    """How often the gesture of each ask had been counted before."""
    result = np.zeros(len(asks), np.int64)
    gestures = np.array([one.gesture_id for one in world.catalogue], np.int64)[asks.offer]
    for gesture, moments in world.eras.counted.items():
        mine = gestures == gesture
        result[mine] = np.searchsorted(np.array(moments), asks.at[mine], side="right")
    return result


def as_datetime(moment: int) -> datetime:
    return EPOCH + timedelta(microseconds=moment)


def as_moment(when: datetime) -> int:
    return (when - EPOCH) // timedelta(microseconds=1)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def prepare(meter: Meter, asks: Asks, world: World, granting: Ints, edges: Sequence[tuple[int, int]]) -> Track:
    """Sort what the meter adds up. `granting` matters for pools alone; `edges`: the first and last row of each span."""
    window = since_counted(asks, world) if meter.window is None else windows_of(meter, asks.at)
    leaves, before = leavers(meter, asks)
    of_windows = int(window.max(initial=0)) + 1
    groups, of_subjects = [], 0
    for subject, sign in subjects(asks, world, meter.scope, granting):
        groups.append(((subject + of_subjects) * of_windows + window, sign))
        of_subjects += int(subject.max(initial=0)) + 1
    spans = []
    for low, high in edges:
        mine = slice(*np.searchsorted(before, [low, high]))
        spans.append(span(low, high, leaves[mine], before[mine], groups, of_windows))
    return Track(meter, spans, of_subjects, of_windows > 1)


def leavers(meter: Meter, asks: Asks) -> tuple[Ints, Ints]:
    """Asks that stop counting while others still come, and the place of the first that they no longer count for."""
    gone_at, came = asks.gone_at, asks.gone_came
    if not meter.restores:
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


def span(low: int, high: int, leaves: Ints, before: Ints, sums: Sequence[tuple[Ints, int]], of_windows: int) -> Span:
    """`sums`: the group of each row in each of them, and the sign with which it counts there."""
    count = high - low
    rows = np.arange(low, high)
    goes = None
    if len(leaves):
        # Where several meet, those that go come first.
        goes = np.zeros(count + len(leaves), bool)
        goes[before - low + np.arange(len(leaves))] = True
        both = np.empty(len(goes), np.int64)
        both[goes], both[~goes] = leaves, rows
        rows = both
    groups = np.concatenate([group[rows] for group, _ in sums])
    signs = np.repeat([sign for _, sign in sums], len(rows))
    order = in_groups(groups)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    event = place.reshape(len(sums), len(rows))
    sign: Ints | None = signs[order] if len(sums) > 1 else None
    if goes is not None:
        sign, event = np.where(np.tile(goes, len(sums)), -1, 1)[order] * signs[order], event[:, ~goes]
    groups = groups[order]
    is_first = np.empty(len(order), bool)
    is_first[:1] = True
    np.not_equal(groups[1:], groups[:-1], out=is_first[1:])
    first = np.flatnonzero(is_first)
    part = (np.cumsum(is_first) - 1)[event]
    parts = groups[first]
    return Span(np.tile(rows, len(sums))[order], sign, event, part, first, parts // of_windows, parts % of_windows)


def in_groups(groups: Ints) -> Ints:
    """The order that puts equal numbers together, each as they came. Digit by digit, which is ten times as quick."""
    order = np.argsort(digit(groups, 0), kind="stable")
    for place in range(1, -(-int(groups.max(initial=0)).bit_length() // DIGIT)):
        order = order[np.argsort(digit(groups[order], place), kind="stable")]
    return order


def digit(numbers: Ints, place: int) -> NDArray[np.uint16]:
    return (numbers >> (DIGIT * place)).astype(np.uint16)
