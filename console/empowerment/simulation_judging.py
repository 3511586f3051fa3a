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
        sums = running(one.row, one.sign, weight)
        ends = np.append(one.first[1:], len(one.row))
        now = base + sums[ends] - sums[one.first]
        if self.has_windows:
            is_newest = one.window >= self.window[one.subject]
            # Parts are sorted by window, so that of one subject the last one stays.
            self.total[one.subject[is_newest]] = now[is_newest]
            self.window[one.subject[is_newest]] = one.window[is_newest]
        else:
            self.total[one.subject] = now


def running(row: Ints, sign: Ints | None, weight: Ints) -> Ints:
    """What these events add up to before each of them, and in all."""
    values = weight.take(row)
    sums = np.empty(len(values) + 1, np.int64)
    sums[0] = 0
    np.cumsum(values if sign is None else values * sign, out=sums[1:])
    return sums


@dataclass(eq=False)
class Weight:
    """What asks come to in one measure: meters that count alike share it. `most` and `least`: each row if all undecided
    asks are allowed, or none; `amounts` of each gesture of the catalogue, for asks with a menu."""

    rows: Rows
    own: Ints  # what each ask comes to as it was asked
    amounts: Ints
    most: Ints
    least: Ints


@dataclass
class Gauge:
    """One meter in one replay."""

    number: int  # among the law's meters
    track: Track
    weight: Weight
    carried: Carried
    is_ample: int  # a sum to which any gesture may still be added
    rooms: Ints  # of each class of scenes and gesture: what a sum may come to before it is added
    best: Ints  # of each class of scenes: a sum beyond which none of those on the menu may be added
    bites: bool = False  # whether it lately left somebody nothing of the menu at all


Part = tuple[Gauge, Span, Ints]  # a gauge in one span, and of each part of it what earlier spans come to


@dataclass
class Bar:
    """What a gauge says of some asks of a span, a column for each.

    What counts before an ask is `fixed`, and the events from `start` to its own; (sums, asks) as in a span.
    """

    gauge: Gauge
    span: Span
    base: Ints  # of each part of the span, what earlier spans come to
    row: Ints  # of the events
    sign: Ints | None
    event: Ints
    start: Ints
    fixed: Ints
    room: Ints  # what may count before each ask

    @classmethod
    def of(cls, gauge: Gauge, span: Span, base: Ints, rows: Ints) -> Bar:
        """`rows`: of the span, one for each ask."""
        part = span.part.take(rows, axis=1)
        room = np.zeros(len(rows), np.int64)
        return cls(
            gauge,
            span,
            base,
            span.row,
            span.sign,
            span.event.take(rows, axis=1),
            span.first.take(part),
            base.take(part).sum(axis=0),
            room,
        )

    def sums(self, weight: Ints) -> Ints:
        return running(self.row, self.sign, weight)

    def used(self, sums: Ints) -> Ints:
        found = self.fixed
        for event, start in zip(self.event, self.start, strict=True):
            found = found + sums.take(event) - sums.take(start)
        return found

    def keep(self, which: Ints) -> None:
        self.event, self.start = self.event.take(which, axis=1), self.start.take(which, axis=1)
        self.fixed, self.room = self.fixed.take(which), self.room.take(which)

    def shorten(self, is_open: Flags, used: Ints) -> None:
        """Leave out what is decided. `is_open`: each event; `used`: what is decided comes to before each ask."""
        before = np.zeros(len(is_open) + 1, np.int64)
        np.cumsum(is_open, out=before[1:])
        self.event, self.start, self.fixed = before.take(self.event), before.take(self.start), used
        self.row, self.sign = self.row[is_open], self.sign if self.sign is None else self.sign[is_open]


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
        self.asks, self.law, self.menu, self.world = asks, law, menu, world
        self.state = np.where(asks.forced, ALLOWED, np.where(hopeless, REFUSED, UNDECIDED)).astype(np.int8)
        self.offer = asks.offer if menu is None else asks.offer.copy()
        self.level = np.zeros(len(asks), np.int64)
        self.scene_class = law.scene_class[asks.scene]
        self.on_word = asks.approved.any()
        if menu is not None:
            self.menu_of_class = np.full(len(law.seen), len(menu.offers) - 1)
            self.menu_of_class[self.scene_class[~asks.forced]] = menu.kind[~asks.forced]
            self.beyond = menu.offers.shape[1] - 1  # the level at which nothing is left
        # Spans that hold nothing but what was booked before.
        forced = len(asks) if asks.forced.all() else int(asks.forced.argmin())
        self.begins = sum(high <= forced for _, high in bounds(len(asks)))
        self.weights: dict[object, Weight] = {}
        self.gauges = [self.gauge(number, track, rows) for number, track, rows in tracks]

    def gauge(self, number: int, track: Track, rows: Rows) -> Gauge:
        meter = track.meter
        key = meter if rows.start is not None else (meter.measure, meter.currency)
        weight = self.weights[key] = self.weights.get(key) or self.weight(meter, rows)
        caps, amounts = self.law.caps[number], weight.amounts
        ample = int(caps.min(initial=NEVER)) - int(amounts.max(initial=0))
        rooms = np.where(amounts == 0, NEVER, caps.reshape(-1, self.law.offers) - amounts)
        return Gauge(
            number, track, weight, self.carried(track, weight.least), ample, rooms.reshape(-1), self.best(rooms)
        )

    def weight(self, meter: Meter, rows: Rows) -> Weight:
        own, amounts = amounts_of(meter, self.asks, self.world)
        least = np.zeros(len(own) if rows.start is None else int(rows.start[-1]), np.int64)
        forced = np.flatnonzero(self.asks.forced)
        least[forced if rows.start is None else rows.start[forced]] = own[forced]
        most = np.where((self.state == REFUSED) | self.asks.probe, 0, own) if self.menu is None else least.copy()
        return Weight(rows, own, amounts, most, least)

    def best(self, rooms: Ints) -> Ints:
        if self.menu is None:
            return np.zeros(0, np.int64)
        on_menu = np.zeros((len(self.menu.offers), self.law.offers + 1), bool)
        np.put_along_axis(on_menu, self.menu.offers, True, axis=1)
        return np.asarray(np.where(on_menu[self.menu_of_class, :-1], rooms, -1).max(axis=1, initial=-1))

    def carried(self, track: Track, least: Ints) -> Carried:
        """What was booked before the first ask comes to: the same in every replay, so it is summed up once."""
        if self.begins not in track.booked:
            start = Carried(np.zeros(track.subjects, np.int64), np.zeros(track.subjects, np.int64), track.has_windows)
            for span in track.spans[: self.begins]:
                start.keep(span, least, start.base(span))
            track.booked[self.begins] = start.total, start.window
        total, window = track.booked[self.begins]
        return Carried(total.copy(), window.copy(), track.has_windows)

    def sit(self, why: bool) -> Judged:
        """Decide every ask. Without `why` only who is allowed is found."""
        over, final = np.zeros(len(self.asks), np.int64), np.zeros(len(self.asks), bool)
        for number, (low, high) in list(enumerate(bounds(len(self.asks))))[self.begins :]:
            parts = [(one, span := one.track.spans[number], one.carried.base(span)) for one in self.gauges]
            self.settle(parts, low, high)
            if why:
                self.explain(parts, low, high, over, final)
            for one, span, base in parts:
                one.carried.keep(span, one.weight.least, base)
        return Judged(self.state == ALLOWED, self.offer, over, final)

    def settle(self, parts: Sequence[Part], low: int, high: int) -> None:
        asks = low + np.flatnonzero(self.state[low:high] == UNDECIDED)
        if self.menu is not None:
            asks = self.send_away(asks, parts, low)
            for one in self.weights.values():
                one.rows.fill(one.most, asks, self.level[asks])
        bars = [Bar.of(*part, self.rows(part[0], asks, low)) for part in parts]
        self.give_room(bars, asks)
        while len(asks):
            fits = np.ones(len(asks), bool)
            tight = []
            for bar in bars:
                used = bar.used(bar.sums(bar.gauge.weight.most))
                within = used <= bar.room
                fits &= within
                # Sums only get smaller from here, so that the others can stop nobody any more.
                if not within.all() or (self.menu is not None and used.max() > bar.gauge.is_ample):
                    tight.append(bar)
            bars = tight
            self.allow(asks[fits])
            left = np.flatnonzero(~fits)
            for bar in bars:
                bar.keep(left)
            asks = self.turn_down(asks[left], bars, low)
        for one in self.weights.values():
            mine = slice(low, high) if one.rows.start is None else slice(one.rows.start[low], one.rows.start[high])
            one.most[mine] = one.least[mine]

    def allow(self, asks: Ints) -> None:
        self.state[asks] = ALLOWED
        for one in self.weights.values():
            if self.menu is None:
                one.least[asks] = one.most[asks]
                continue
            rows = one.rows.of(asks, self.level[asks])
            one.rows.clear(one.most, asks)
            one.least[rows] = one.most[rows] = one.amounts[self.offer[asks]]

    def turn_down(self, asks: Ints, bars: Sequence[Bar], low: int) -> Ints:
        """Refuse those that exceed a cap whatever becomes of the others, or let them come down; the undecided ones."""
        if not len(asks):
            return asks
        sums = [bar.sums(bar.gauge.weight.least) for bar in bars]
        used = [bar.used(one) for bar, one in zip(bars, sums, strict=True)]
        exceeds, over = np.zeros(len(asks), bool), np.zeros(len(asks), bool)
        for bar, counted in zip(bars, used, strict=True):
            exceeds |= counted > bar.room
        if self.menu is not None:
            over = self.nothing_left(asks, bars, used)
            self.end(asks[over])
            exceeds &= ~over
        over |= exceeds
        at = np.flatnonzero(exceeds)
        if self.menu is None:
            self.state[asks[at]] = REFUSED
        else:
            self.come_down(self.menu, asks, at, bars, sums, used, low)
        down = asks[over]
        for weight in self.weights.values():
            if self.menu is None:
                weight.most[down] = 0
            else:
                weight.rows.fill(weight.most, down, self.level[down])
        left = np.flatnonzero(self.state[asks] == UNDECIDED)
        for bar, counted in zip(bars, used, strict=True):
            bar.keep(left)
            if bar.gauge.weight.rows.start is None:
                bar.shorten(self.state[bar.row] == UNDECIDED, counted[left])
        return asks[left]

    def come_down(
        self,
        menu: Menu,
        asks: Ints,
        at: Ints,
        bars: Sequence[Bar],
        sums: Sequence[Ints],
        used: Sequence[Ints],
        low: int,
    ) -> None:
        """Let those `at` these places have the next gesture of their menu that exceeds no cap for certain."""
        while len(at):
            down = asks[at]
            self.level[down] += 1
            self.offer[down] = menu.offers[menu.kind[down], self.level[down]]
            is_there = self.offer[down] >= 0
            self.state[down[~is_there]] = REFUSED
            at, down = at[is_there], down[is_there]
            self.give_room(bars, down, at)
            exceeds = np.zeros(len(at), bool)
            for bar, one, counted in zip(bars, sums, used, strict=True):
                if bar.gauge.weight.rows.start is not None:  # it becomes another's sum
                    other = Bar.of(bar.gauge, bar.span, bar.base, self.rows(bar.gauge, down, low))
                    bar.event[:, at], bar.start[:, at], bar.fixed[at] = other.event, other.start, other.fixed
                    counted[at] = other.used(one)
                exceeds |= counted[at] > bar.room[at]
            at = at[exceeds]

    def send_away(self, asks: Ints, parts: Sequence[Part], low: int) -> Ints:
        """The others, when nothing on the menu is left for some before anything of the span is decided."""
        biting = [Bar.of(*part, self.rows(part[0], asks, low)) for part in parts if part[0].bites]
        over = self.nothing_left(asks, biting, [bar.used(bar.sums(bar.gauge.weight.least)) for bar in biting])
        self.end(asks[over])
        return asks[~over]

    def nothing_left(self, asks: Ints, bars: Sequence[Bar], used: Sequence[Ints]) -> Flags:
        scenes = self.scene_class[asks]
        over = np.zeros(len(asks), bool)
        for bar, counted in zip(bars, used, strict=True):
            if bar.gauge.weight.rows.start is None:
                hit = counted > bar.gauge.best[scenes]
                bar.gauge.bites = bool(hit.any())
                over |= hit
        return over

    def end(self, asks: Ints) -> None:
        self.state[asks] = REFUSED
        self.level[asks] = self.beyond

    def give_room(self, bars: Sequence[Bar], asks: Ints, at: Ints | slice = slice(None)) -> None:
        """`at`: where these asks stand in the bars. With somebody's word for it, only what is final is in the way."""
        place = self.scene_class[asks] * self.law.offers + self.offer[asks]
        for bar in bars:
            one = bar.gauge
            if self.menu is not None:
                bar.room[at] = one.rooms[place]
                continue
            cap: Ints = self.law.caps[one.number][place]
            if self.on_word:
                cap = np.where(self.asks.approved[asks], self.law.finals[one.number][place], cap)
            own = one.weight.own[asks]
            bar.room[at] = np.where(own == 0, NEVER, cap - own)  # what adds nothing exceeds nothing

    def rows(self, one: Gauge, asks: Ints, low: int) -> Ints:
        """Places in the span that begins with the ask `low`."""
        rows = one.weight.rows
        if rows.start is None:
            return asks - low
        return np.asarray(rows.of(asks, self.level[asks]) - rows.start[low])

    def explain(self, parts: Sequence[Part], low: int, high: int, over: Ints, final: Flags) -> None:
        turned = self.state[low:high] == REFUSED
        if self.menu is not None:
            turned |= self.level[low:high] != 0
        asks = low + np.flatnonzero(turned)
        place = self.scene_class[asks] * self.law.offers + self.asks.offer[asks]
        for bit, (one, span, base) in enumerate(parts):
            start, own = one.weight.rows.start, one.weight.own[asks]
            rows = asks - low if start is None else start[asks] - start[low]
            used = Bar.of(one, span, base, rows).used(running(span.row, span.sign, one.weight.least))
            needed = np.where(own == 0, 0, used + own)
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
