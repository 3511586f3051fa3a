"""Exact replay of many asks at once: what is refused uses nothing up, so that every decision hangs on earlier ones.

The asks are taken in spans of time. Within one, those not decided yet are bounded from both sides: who stays within
every cap even if everybody undecided before is allowed, is allowed; who exceeds one even if all of them are refused,
is refused, or comes down to the next gesture on its menu. Amounts are never negative and a booking never counts less
than nothing, so both bounds are safe, and the first undecided ask is always decided: the result is the one that
deciding one by one gives (tests/property).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from console.empowerment.simulation_demand import NEVER, Asks, Flags, Ints, World
from console.empowerment.simulation_matching import Law
from console.empowerment.simulation_menus import Menu, Rows
from console.empowerment.simulation_meters import Meter, Span, Track, bounds

UNDECIDED, ALLOWED, REFUSED = 0, 1, 2
NARROWED = 3  # how many times fewer asks have to be left before it pays to look at their own sums alone


@dataclass(frozen=True)
class Judged:
    """`allowed`, and the gesture that it is; and of those refused, or come down from what they asked for: the meters
    that were exceeded, a bit each, and whether one was final."""

    allowed: Flags
    offer: Ints
    over: Ints
    final: Flags


@dataclass
class Carried:
    """What the bookings of earlier spans come to, for the newest window of each subject."""

    total: Ints
    window: Ints
    has_windows: bool

    def base(self, one: Span) -> Ints:
        total = self.total[one.subject]
        return np.where(self.window[one.subject] == one.window, total, 0) if self.has_windows else total

    def keep(self, one: Span, weight: Ints, base: Ints) -> None:
        values = signed(one, weight)
        some = np.flatnonzero(values != 0)
        if not len(some):
            return
        parts = one.part[some]
        first = np.flatnonzero(np.concatenate([[True], parts[1:] != parts[:-1]]))
        parts = parts[first]
        subject, window = one.subject[parts], one.window[parts]
        sums = np.add.reduceat(values[some], first) + base[parts]
        newest = window >= self.window[subject]
        # Parts are sorted by window, so that of one subject the last one stays.
        self.total[subject[newest]] = sums[newest]
        self.window[subject[newest]] = window[newest]


def signed(one: Span, weight: Ints) -> Ints:
    values = weight[one.row]
    return values if one.sign is None else values * one.sign


def sums_before(one: Span, weight: Ints, base: Ints) -> Ints:
    """What counts before each row of the span, in the order of its rows; nothing of use for rows left out by narrow."""
    values = signed(one, weight)
    running = np.cumsum(values)
    running -= values
    running += (base - running[one.first])[one.part]
    if one.sums == 1:
        result = np.empty(one.size, np.int64)
        result[one.place] = running[one.asks]
    else:
        result = np.zeros(one.size, np.int64)
        np.add.at(result, one.place, running[one.asks])
    return result


def narrow(one: Span, base: Ints, rows: Ints) -> tuple[Span, Ints]:
    """Only the parts in which these rows stand."""
    is_asked = np.zeros(one.size, bool)
    is_asked[rows] = True
    has = np.zeros(len(one.first), bool)
    has[one.part[one.asks][is_asked[one.place]]] = True
    events = np.flatnonzero(has[one.part])
    part = (np.cumsum(has) - 1)[one.part[events]]
    asks, place = one.asks, one.place
    if isinstance(asks, slice):
        place = place[events]
    else:
        is_ask = np.zeros(len(one.row), bool)
        is_ask[asks] = True
        kept = is_ask[events]
        asks, place = np.flatnonzero(kept), place[(np.cumsum(is_ask) - 1)[events[kept]]]
    sign = None if one.sign is None else one.sign[events]
    first = np.searchsorted(part, np.arange(int(has.sum())))
    subject, window = one.subject[has], one.window[has]
    return Span(one.row[events], sign, part, first, subject, window, asks, place, one.sums, one.size), base[has]


@dataclass
class Gauge:
    """One meter in one replay. `most` and `least`: what each row comes to if all undecided asks are allowed, or none;
    `amounts` of each gesture of the catalogue, for asks with a menu."""

    number: int  # among the law's meters
    track: Track
    rows: Rows
    own: Ints  # what each ask comes to as it was asked
    amounts: Ints
    most: Ints
    least: Ints
    carried: Carried
    is_ample: int  # a sum to which any gesture may still be added
    best: Ints  # of each class of scenes: a sum beyond which none of those on the menu may be added
    bites: bool = False  # whether it lately left somebody nothing of the menu at all


@dataclass
class Bar:
    """What a gauge says of the asks of a span that are undecided. `room`: what a sum may come to before each."""

    gauge: Gauge
    span: Span
    base: Ints
    room: Ints
    asked: int  # how many asks there were when the span was last made narrower

    def used(self, weight: Ints, rows: Ints) -> Ints:
        return sums_before(self.span, weight, self.base)[rows]


class Court:
    """`tracks`: (number among the law's meters, track, rows) of all meters with a window. `hopeless` asks are refused
    whatever has been used."""

    def __init__(
        self,
        tracks: Sequence[tuple[int, Track, Rows]],
        law: Law,
        asks: Asks,
        hopeless: Flags,
        world: World,
        menu: Menu | None,
    ) -> None:
        self.asks, self.law, self.menu = asks, law, menu
        self.state = np.where(asks.forced, ALLOWED, np.where(hopeless, REFUSED, UNDECIDED)).astype(np.int8)
        self.offer = asks.offer if menu is None else asks.offer.copy()
        self.level = np.zeros(len(asks) if menu is not None else 0, np.int64)
        self.table = law.scene_class[asks.scene] * law.offers
        self.on_word = asks.approved.any()
        if menu is not None:
            self.menu_of_class = np.full(len(law.seen), len(menu.offers) - 1)
            self.menu_of_class[law.scene_class[asks.scene[~asks.forced]]] = menu.kind[~asks.forced]
        # Spans that hold nothing but what was booked before.
        forced = len(asks) if asks.forced.all() else int(asks.forced.argmin())
        self.begins = sum(high <= forced for _, high in bounds(len(asks)))
        self.gauges = [self.gauge(number, track, rows, world) for number, track, rows in tracks]

    def gauge(self, number: int, track: Track, rows: Rows, world: World) -> Gauge:
        own, amounts = amounts_of(track.meter, self.asks, world)
        size = len(own) if rows.start is None else int(rows.start[-1])
        least = np.zeros(size, np.int64)
        forced = np.flatnonzero(self.asks.forced)
        least[forced if rows.start is None else rows.start[forced]] = own[forced]
        most = np.where((self.state == REFUSED) | self.asks.probe, 0, own) if self.menu is None else least.copy()
        ample = int(self.law.caps[number].min(initial=NEVER)) - int(amounts.max(initial=0))
        best = self.best(number, amounts)
        return Gauge(number, track, rows, own, amounts, most, least, self.carried(track, least), ample, best)

    def best(self, number: int, amounts: Ints) -> Ints:
        if self.menu is None:
            return np.zeros(0, np.int64)
        on_menu = np.zeros((len(self.menu.offers), self.law.offers + 1), bool)
        np.put_along_axis(on_menu, self.menu.offers, True, axis=1)
        rooms = np.where(amounts == 0, NEVER, self.law.caps[number].reshape(-1, self.law.offers) - amounts)
        return np.asarray(np.where(on_menu[self.menu_of_class, :-1], rooms, -1).max(axis=1, initial=-1))

    def carried(self, track: Track, least: Ints) -> Carried:
        """What was booked before the first ask comes to: the same in every replay, so it is summed up once."""
        if self.begins not in track.booked:
            before = Carried(np.zeros(track.subjects, np.int64), np.zeros(track.subjects, np.int64), track.has_windows)
            for span in track.spans[: self.begins]:
                before.keep(span, least, before.base(span))
            track.booked[self.begins] = before.total, before.window
        total, window = track.booked[self.begins]
        return Carried(total.copy(), window.copy(), track.has_windows)

    def sit(self, why: bool) -> Judged:
        """Decide every ask. Without `why` only who is allowed is found."""
        over, final = np.zeros(len(self.asks), np.int64), np.zeros(len(self.asks), bool)
        for number, (low, high) in list(enumerate(bounds(len(self.asks))))[self.begins :]:
            spans = [one.track.spans[number] for one in self.gauges]
            bases = [one.carried.base(span) for one, span in zip(self.gauges, spans, strict=True)]
            self.settle(spans, bases, low, high)
            if why:
                self.explain(spans, bases, low, high, over, final)
            for one, span, base in zip(self.gauges, spans, bases, strict=True):
                one.carried.keep(span, one.least, base)
        return Judged(self.state == ALLOWED, self.offer, over, final)

    def settle(self, spans: Sequence[Span], bases: Sequence[Ints], low: int, high: int) -> None:
        asks = low + np.flatnonzero(self.state[low:high] == UNDECIDED)
        bars = [
            Bar(one, span, base, self.room(one, asks), len(asks))
            for one, span, base in zip(self.gauges, spans, bases, strict=True)
        ]
        if self.menu is not None:
            for one in self.gauges:
                one.rows.fill(one.most, asks, self.level[asks])
            asks = self.send_away(asks, bars, low)
        while len(asks):
            fits = np.ones(len(asks), bool)
            tight = []
            for bar in bars:
                used = bar.used(bar.gauge.most, self.rows(bar.gauge, asks, low))
                within = used <= bar.room
                fits &= within
                # Sums only get smaller from here, so that the others can stop nobody any more.
                if not within.all() or (self.menu is not None and used.max() > bar.gauge.is_ample):
                    tight.append(bar)
            bars = tight
            self.allow(asks[fits], bars)
            asks = self.remaining(asks, ~fits, bars, low)
            asks = self.turn_down(asks, bars, low)
        for one in self.gauges:
            mine = slice(low, high) if one.rows.start is None else slice(one.rows.start[low], one.rows.start[high])
            one.most[mine] = one.least[mine]

    def remaining(self, asks: Ints, which: Flags, bars: Sequence[Bar], low: int) -> Ints:
        asks = asks[which]
        for bar in bars:
            bar.room = bar.room[which]
            if bar.gauge.rows.start is None and 0 < NARROWED * len(asks) < bar.asked:
                bar.span, bar.base = narrow(bar.span, bar.base, asks - low)
                bar.asked = len(asks)
        return asks

    def allow(self, asks: Ints, bars: Sequence[Bar]) -> None:
        self.state[asks] = ALLOWED
        for one in self.gauges:
            rows = one.rows.of(asks, self.level[asks] if self.menu is not None else asks)
            one.least[rows] = one.amounts[self.offer[asks]] if self.menu is not None else one.most[asks]
        for bar in bars:
            if self.menu is not None:
                one = bar.gauge
                rows = one.rows.of(asks, self.level[asks])
                one.rows.fill(one.most, asks, None)
                one.most[rows] = one.least[rows]

    def turn_down(self, asks: Ints, bars: Sequence[Bar], low: int) -> Ints:
        """Refuse those that exceed a cap whatever becomes of the others, or let them come down; the undecided ones."""
        if not len(asks):
            return asks
        sums = [sums_before(bar.span, bar.gauge.least, bar.base) for bar in bars]
        used = [one[self.rows(bar.gauge, asks, low)] for bar, one in zip(bars, sums, strict=True)]
        over = np.zeros(len(asks), bool)
        at: Ints | slice = slice(None)
        if self.menu is not None:
            over = self.nothing_left(asks, bars, used)
            self.end(asks[over])
            at = np.flatnonzero(~over)
        while True:
            exceeds = np.zeros(len(asks[at]), bool)
            for bar, before in zip(bars, used, strict=True):
                exceeds |= before[at] > bar.room[at]
            at = np.flatnonzero(exceeds) if isinstance(at, slice) else at[exceeds]
            over[at] = True
            down = asks[at]
            if self.menu is None:
                self.state[down] = REFUSED
            if self.menu is None or not len(at):
                break
            self.level[down] += 1
            self.offer[down] = self.menu.offers[self.menu.kind[down], self.level[down]]
            is_there = self.offer[down] >= 0
            self.state[down[~is_there]] = REFUSED
            at, down = at[is_there], down[is_there]
            for bar, before, one in zip(bars, used, sums, strict=True):
                bar.room[at] = self.room(bar.gauge, down)
                if bar.gauge.rows.start is not None:
                    before[at] = one[self.rows(bar.gauge, down, low)]
        down = asks[over]
        for bar in bars:
            if self.menu is None:
                bar.gauge.most[down] = 0
            else:
                bar.gauge.rows.fill(bar.gauge.most, down, self.level[down])
        return self.remaining(asks, self.state[asks] == UNDECIDED, bars, low)

    def send_away(self, asks: Ints, bars: Sequence[Bar], low: int) -> Ints:
        """The others, when nothing on the menu is left for some before anything of the span is decided."""
        biting = [bar for bar in bars if bar.gauge.bites]
        over = self.nothing_left(asks, biting, [bar.used(bar.gauge.least, asks - low) for bar in biting])
        self.end(asks[over])
        for bar in bars:
            bar.gauge.rows.fill(bar.gauge.most, asks[over], self.level[asks[over]])
        return self.remaining(asks, ~over, bars, low)

    def nothing_left(self, asks: Ints, bars: Sequence[Bar], used: Sequence[Ints]) -> Flags:
        scenes = self.table[asks] // self.law.offers
        over = np.zeros(len(asks), bool)
        for bar, before in zip(bars, used, strict=True):
            if bar.gauge.rows.start is None:
                hit = before > bar.gauge.best[scenes]
                bar.gauge.bites = bool(hit.any())
                over |= hit
        return over

    def end(self, asks: Ints) -> None:
        self.state[asks] = REFUSED
        self.level[asks] = -1  # the last column of what may still come is empty

    def room(self, one: Gauge, asks: Ints) -> Ints:
        """With somebody's word for it, only what is final stands in the way."""
        place = self.table[asks] + self.offer[asks]
        cap: Ints = self.law.caps[one.number][place]
        if self.on_word:
            cap = np.where(self.asks.approved[asks], self.law.finals[one.number][place], cap)
        taken = one.own[asks] if self.menu is None else one.amounts[self.offer[asks]]
        return np.where(taken == 0, NEVER, cap - taken)  # what adds nothing exceeds nothing

    def rows(self, one: Gauge, asks: Ints, low: int) -> Ints:
        """Places in the span that begins with the ask `low`."""
        if one.rows.start is None:
            return asks - low
        return np.asarray(one.rows.of(asks, self.level[asks]) - one.rows.start[low])

    def explain(
        self, spans: Sequence[Span], bases: Sequence[Ints], low: int, high: int, over: Ints, final: Flags
    ) -> None:
        turned = self.state[low:high] == REFUSED
        if self.menu is not None:
            turned |= self.level[low:high] != 0
        asks = low + np.flatnonzero(turned)
        if not len(asks):
            return
        place = self.table[asks] + self.asks.offer[asks]
        for bit, (one, span, base) in enumerate(zip(self.gauges, spans, bases, strict=True)):
            rows = asks - low if one.rows.start is None else one.rows.start[asks] - one.rows.start[low]
            own = one.own[asks]
            needed = np.where(own == 0, 0, sums_before(span, one.least, base)[rows] + own)
            over[asks] |= (needed > self.law.caps[one.number][place]).astype(np.int64) << bit
            final[asks] |= needed > self.law.finals[one.number][place]


def amounts_of(meter: Meter, asks: Asks, world: World) -> tuple[Ints, Ints]:
    """What each ask comes to, and each gesture of the catalogue; nothing in another currency."""
    amounts = np.array([one.amount(meter.measure) for one in world.catalogue], np.int64)
    own = asks.amount(meter.measure)
    if meter.currency:
        counts = np.array([one.currency == meter.currency for one in world.catalogue], bool)
        amounts, own = np.where(counts, amounts, 0), np.where(counts[asks.offer], own, 0)
    return own, amounts
