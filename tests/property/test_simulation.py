"""Many asks decided at once are decided as `deciding.decide` would, one after the other."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.empowerment import simulation_meters
from console.empowerment.deciding import ORDER, Ask, Obstacle, Suspended, decide
from console.empowerment.fields import CUSTOMER, INTERACTION
from console.empowerment.policy import WINDOWS, Approval, Body, Choice, Kind, Limit, Measure, Policy, Scope, Who
from console.empowerment.rule_arrays import Column
from console.empowerment.rules import EVERYBODY, read_rule
from console.empowerment.simulation_demand import NEVER, Agent, Asks, Offerable, Scenes, World
from console.empowerment.simulation_eras import ALWAYS, Count, Stop, eras_of
from console.empowerment.simulation_matching import NO_OBSTACLE, OBSTACLES, law
from console.empowerment.simulation_menus import menu_of
from console.empowerment.simulation_queries import Facts
from console.empowerment.simulation_replay import Demand, cheapest, dead_ends, fitting, replay
from console.empowerment.windows import Hours, Window

START = datetime(2026, 3, 27, 22, 0, tzinfo=UTC)  # two days before the clocks go forward
AGENTS = [
    Agent(7, frozenset({"agent"}), 1),
    Agent(8, frozenset({"agent", "sales"}), 1),
    Agent(9, frozenset({"sales"}), 2),
    Agent(10, frozenset({"agent"}), None),
]
CATALOGUE = [
    Offerable(1, 11, "credit", "GBP", 1000, 1000, cash_like=True, gesture=0),
    Offerable(2, 12, "addon", "GBP", 300, 700, gesture=1),
    Offerable(3, 12, "addon", "GBP", 450, 900, gesture=1),
    Offerable(4, 13, "human_followup", "GBP", 0, 0, gesture=2),
    Offerable(5, 14, "sample", "EUR", 200, 250, gesture=3),
]
TIERS, CHANNELS = ("standard", "silver", "gold"), ("phone", "chat")
FACTS = [
    ("gold", 3, 1),
    ("silver", None, 40),
    (None, 9, None),
    ("standard", 0, 91),
]  # tier, orders, days since a gesture


def rule(fields, data):
    return read_rule(data, fields)


CUSTOMERS = [
    EVERYBODY,
    rule(CUSTOMER, {"field": "tier", "op": "in", "value": ["gold", "silver"]}),
    rule(CUSTOMER, {"not": {"field": "orders_90d", "op": "lt", "value": 5}}),
    rule(CUSTOMER, {"any": [{"field": "last_gesture_at", "op": "is_unknown"},
                            {"field": "last_gesture_at", "op": "ge", "value": 41}]}),
]  # fmt: skip
TALKS = [
    EVERYBODY,
    rule(INTERACTION, {"field": "occasion", "op": "in", "value": ["recovery"]}),
    rule(INTERACTION, {"field": "minutes", "op": "ge", "value": 3}),
]


@st.composite
def limits(draw):
    scope = draw(st.sampled_from(list(Scope)))
    window = draw(st.sampled_from(WINDOWS[scope]))
    measure = draw(st.sampled_from(list(Measure)))
    cap = draw(
        st.integers(0, 6) if measure is Measure.COUNT else st.sampled_from([0, 300, 750, 1000, 1900, 3000, 6000])
    )
    days = draw(st.sampled_from([1, 2, 7])) if window is Window.ROLLING else 0
    return Limit(
        scope, measure, window, cap, days, draw(st.booleans()), draw(st.sampled_from([None, None, True, False]))
    )


@st.composite
def policies(draw, number):
    return Policy(
        number,
        100 + number,
        Kind.GUARDRAIL if number > 1 and draw(st.integers(0, 3)) == 0 else Kind.GRANT,  # 1: what was booked before
        f"Policy {number}",
        Body(
            currency=draw(st.sampled_from(["GBP", "GBP", "GBP", "EUR"])),
            zone=draw(st.sampled_from(["Europe/London", "UTC", "Pacific/Auckland"])),
            week_start=draw(st.integers(0, 6)),
            priority=draw(st.integers(1, 3)),
            who=draw(st.sampled_from([Who(), Who(roles=("sales",)), Who(teams=(1,)), Who(except_agents=(7,))])),
            channels=draw(st.sampled_from([(), (), ("phone",)])),
            hours=draw(st.sampled_from([None, None, Hours((), 540, 1080), Hours((0, 4, 6), 1320, 360)])),
            customers=draw(st.sampled_from(CUSTOMERS)),
            interaction=draw(st.sampled_from(TALKS)),
            gestures=draw(st.sampled_from([Choice(), Choice(), Choice(kinds=("addon",)), Choice(cash_like=False)])),
            limits=tuple(draw(st.lists(limits(), max_size=4))),
            approval=Approval(most_over_percent=draw(st.sampled_from([0, 50, 100, 400]))),
        ),
    )


@dataclass
class Wanted:
    """One ask in words that this test understands by itself."""

    at: datetime
    agent: int
    customer: int
    talk: int
    offer: int
    minutes: int
    recovery: bool
    channel: int
    approved: bool
    forced: bool
    stays: int  # minutes until it is gone; 0: for good
    is_reversal: bool


@st.composite
def histories(draw):
    now, found = START, []
    for _ in range(draw(st.integers(1, 25))):
        now += timedelta(minutes=draw(st.sampled_from([0, 0, 1, 7, 120, 600, 1440])))
        found.append(
            Wanted(
                now, draw(st.integers(0, 3)), draw(st.integers(0, 3)), draw(st.integers(0, 5)), draw(st.integers(0, 4)),
                draw(st.integers(0, 6)), draw(st.booleans()), draw(st.integers(0, 1)), draw(st.integers(0, 5)) == 0,
                False, draw(st.sampled_from([0, 0, 0, 1, 7, 1440, 4000])), draw(st.booleans()),
            )
        )  # fmt: skip
    for one in found[: draw(st.integers(0, 2))]:
        one.forced = True
    return found


@st.composite
def interventions(draw):
    """Kill switches, and gestures counted by the piece, at moments of a history."""
    moment = st.sampled_from([ALWAYS, *(moments(START + timedelta(minutes=one)) for one in (0, 1, 8, 120, 601, 2040))])
    stops = []
    subjects = [Suspended(agents=frozenset({7})), Suspended(gestures=frozenset({12})),
                Suspended(policies=frozenset({1})), Suspended(policies=frozenset({2}))]  # fmt: skip
    for stopped in draw(st.lists(st.sampled_from(subjects), max_size=2)):
        ends = draw(st.sampled_from([None, 60, 3000]))
        stops.append(Stop(stopped, draw(moment), ends and moments(START + timedelta(minutes=ends))))
    gestures = draw(st.lists(st.sampled_from([11, 12, 12, 14]), max_size=3))
    counts = [Count(gesture, draw(moment), draw(st.sampled_from([None, 0, 1, 2]))) for gesture in gestures]
    return eras_of(stops, sorted(counts, key=lambda one: one.at))


def moments(when):
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def world_of(wanted, eras):
    at = np.array([moments(one.at) for one in wanted])
    count = np.arange(len(wanted))
    ints = lambda name: np.array([int(getattr(one, name)) for one in wanted])  # noqa: E731
    flags = lambda name: ints(name).astype(bool)  # noqa: E731
    scenes = Scenes(
        at, ints("agent"), ints("customer"), ints("talk"), ints("channel"), ints("customer"),
        at - ints("minutes") * 60_000_000 - 1, flags("recovery"), eras.places(at),
    )  # fmt: skip
    offers = [CATALOGUE[one.offer] for one in wanted]
    gone = np.array([moments(one.at + timedelta(minutes=one.stays)) if one.stays else NEVER for one in wanted])
    asks = Asks(
        at=at, came=count, scene=count, agent=ints("agent"), customer=ints("customer"), talk=ints("talk"),
        offer=ints("offer"), cost=np.array([one.cost_minor for one in offers]),
        face=np.array([one.face_minor for one in offers]), gone_at=gone, gone_came=np.full(len(wanted), -1),
        approved=flags("approved"), forced=flags("forced"), taken_back=flags("is_reversal"),
        spent=np.ones(len(wanted), bool), booked_under=np.where(flags("forced"), 1, 0),
        probe=np.zeros(len(wanted), bool),
    )  # fmt: skip
    columns = list(zip(*FACTS, strict=True))
    gestured = np.array([np.datetime64("NaT") if one is None else day(one) for one in columns[2]], "M8[us]")
    facts = {
        "tier": Column(np.array([-1 if one is None else TIERS.index(one) for one in columns[0]]),
                       np.array([one is not None for one in columns[0]]), TIERS),
        "orders_90d": Column(np.array([one or 0 for one in columns[1]]), 
                             np.array([one is not None for one in columns[1]])),
        "last_gesture_at": Column(gestured),
    }  # fmt: skip
    world = World(
        agents=AGENTS, teams=np.array([0, 0, 1, 2]), people=np.arange(4), channels=CHANNELS, catalogue=CATALOGUE,
        currency="GBP", facts=facts, households=np.array([[0, 0, 1, 2], [0, 1, 1, 3]]), days=np.array([0, NEVER]),
        eras=eras,
    )  # fmt: skip
    return world, Demand("recorded", scenes, asks)


def day(days):
    return np.datetime64((START - timedelta(days=days)).replace(tzinfo=None), "us")


class Kept:
    """The bookings so far, summed up in the plainest way: an Usage."""

    def __init__(self, booked, place, one):
        self.booked, self.place, self.one = booked, place, one

    def used(self, limit, policy, since):
        return sum(self.amounts(limit, policy, since)), 0

    def bookings(self, limit, policy, since):
        return []

    def amounts(self, limit, policy, since):
        accounts, addresses, teams = [0, 0, 1, 2], [0, 1, 1, 3], [1, 1, 2, None]
        for under, other in self.booked:
            gone = bool(other.stays) and other.at + timedelta(minutes=other.stays) <= self.one.at
            stays_counted = limit.measure is Measure.COUNT and limit.scope in (Scope.CUSTOMER, Scope.HOUSEHOLD)
            if limit.reversal_restores is not None:
                stays_counted = not limit.reversal_restores
            if gone and not (stays_counted and other.is_reversal):
                continue
            if since and (other.at <= since if limit.window is Window.ROLLING else other.at < since):
                continue
            same = {
                Scope.GESTURE: CATALOGUE[other.offer].gesture_id == CATALOGUE[self.one.offer].gesture_id,
                Scope.INTERACTION: other.talk == self.one.talk,
                Scope.CUSTOMER: other.customer == self.one.customer,
                Scope.HOUSEHOLD: accounts[other.customer] == accounts[self.one.customer]
                or addresses[other.customer] == addresses[self.one.customer],
                Scope.AGENT: other.agent == self.one.agent,
                Scope.TEAM: teams[other.agent] == teams[self.one.agent],
                Scope.POOL: under == policy.id,
            }[limit.scope]
            gift = CATALOGUE[other.offer]
            if same and (limit.measure is Measure.COUNT or gift.currency == policy.body.currency):
                yield {Measure.COUNT: 1, Measure.COST: gift.cost_minor, Measure.FACE: gift.face_minor}[limit.measure]


def era_of(one, eras):
    return eras.eras[sum(begin <= moments(one.at) for begin in eras.begins)]


def has_run_out(one, booked, eras):
    """gestures/conditions.py: as many as were counted are held, given or done since."""
    gesture, now = CATALOGUE[one.offer].gesture_id, moments(one.at)
    stock = era_of(one, eras).stock.get(gesture)
    since = max((moment for moment in eras.counted.get(gesture, ()) if moment <= now), default=ALWAYS)
    given = sum(
        CATALOGUE[other.offer].gesture_id == gesture
        and moments(other.at) >= since
        and not (other.stays and other.at + timedelta(minutes=other.stays) <= one.at)
        for _, other in booked
    )
    return stock is not None and given >= stock


def decision_on(one, rules, usage, eras):
    gift, agent = CATALOGUE[one.offer], AGENTS[one.agent]
    tier, orders, days = FACTS[one.customer]
    ask = Ask(
        now=one.at, agent_id=agent.id, roles=agent.roles, team_id=agent.team_id, channel=CHANNELS[one.channel],
        customer={"tier": tier, "orders_90d": orders,
                  "last_gesture_at": None if days is None else START - timedelta(days=days)},
        interaction={"occasion": "recovery" if one.recovery else "delight", "minutes": one.minutes},
        gesture_id=gift.gesture_id, kind=gift.kind, currency=gift.currency, cost_minor=gift.cost_minor,
        face_minor=gift.face_minor, cash_like=gift.cash_like,
    )  # fmt: skip
    return decide(ask, rules, usage, era_of(one, eras).stopped)


def one_by_one(wanted, rules, eras, least):
    """Whether each is allowed, the first obstacle, whether an approval would do, and whether it is a dead end: refused,
    and so would be the gesture `least` in its place (-1: there is none)."""
    booked: list[tuple[int, Wanted]] = []
    found: list[tuple[bool, Obstacle | None, bool, bool]] = []
    for place, one in enumerate(wanted):
        if one.forced:
            booked.append((1, one))
            found.append((True, None, False, False))
            continue
        decision = decision_on(one, rules, Kept(booked, place, one), eras)
        # What somebody lent their own authority to stays given, whoever could lend it under these policies.
        lent = decision.policy is None and not decision.failures and decision.obstacles[0] in ORDER
        far = any(100 * (over.standing.used + over.amount - over.limit.cap) >
                  over.limit.cap * over.standing.policy.body.approval.most_over_percent
                  for over in decision.failures)  # fmt: skip
        is_left = not has_run_out(one, booked, eras)
        may_ask = decision.may_ask and not far and is_left
        allowed = is_left and (decision.is_allowed or (one.approved and (lent or may_ask)))
        other = replace(one, offer=least[place])
        could = least[place] >= 0 and decision_on(other, rules, Kept(booked, place, other), eras).is_allowed
        is_end = not allowed and (not could or has_run_out(other, booked, eras))
        if allowed:
            booked.append((decision.policy.id if decision.policy else 0, one))
        over = may_ask and decision.policy is not None
        found.append((allowed, decision.obstacles[0] if decision.obstacles else None, over and not allowed, is_end))
    return found


def dearest_that_fits(wanted, rules, eras):
    """What each gets who asks for the dearest gesture, then for the next, until one is allowed; -1: none."""
    booked, found = [], []
    dearest_first = sorted(range(len(CATALOGUE)), key=lambda one: -CATALOGUE[one].cost_minor)
    for place, one in enumerate(wanted):
        if one.forced:
            booked.append((1, one))
            found.append(one.offer)
            continue
        for offer in dearest_first:
            asked = replace(one, offer=offer)
            decision = decision_on(asked, rules, Kept(booked, place, asked), eras)
            is_allowed = decision.is_allowed and not has_run_out(asked, booked, eras)
            if is_allowed:
                booked.append((decision.policy.id, asked))
                break
        found.append(offer if is_allowed else -1)
    return found


RULES = st.lists(st.integers(0), min_size=1, max_size=4).flatmap(
    lambda few: st.tuples(*(policies(number + 1) for number in range(len(few))))
)


@settings(max_examples=80, deadline=None)
@given(RULES, histories(), st.sampled_from([1, 3, 16_000]), interventions())
def test_who_asks_for_the_dearest_comes_down_to_what_fits(rules, wanted, span, eras):
    world, demand = world_of(wanted, eras)
    found = law(rules, demand.scenes, world)
    offers = fitting(found, world)
    asks, dearest = demand.asks, offers[found.scene_class, 0]
    asks = replace(asks, approved=asks.probe, offer=np.where(asks.forced, asks.offer, dearest))
    some = asks.take(asks.forced | (dearest >= 0))
    usual, simulation_meters.SPAN = simulation_meters.SPAN, span
    try:
        outcome = replay(Demand("worst", demand.scenes, some, menu_of(offers, found.scene_class, some)), found, world)
    finally:
        simulation_meters.SPAN = usual
    got = np.full(len(wanted), -1)
    got[some.scene] = np.where(outcome.allowed, outcome.offer, -1)
    assert got.tolist() == dearest_that_fits(wanted, rules, eras)


@settings(max_examples=80, deadline=None)
@given(RULES, histories(), st.sampled_from([1, 3, 16_000]), interventions())
def test_deciding_many_at_once_is_deciding_them_one_by_one(rules, wanted, span, eras):
    world, demand = world_of(wanted, eras)
    usual, simulation_meters.SPAN = simulation_meters.SPAN, span
    try:
        rule_of_law = law(rules, demand.scenes, world)
        outcome = replay(demand, rule_of_law, world)
        ends = dead_ends(demand, rule_of_law, outcome, world)
    finally:
        simulation_meters.SPAN = usual
    got = [
        (bool(allowed), None if stop == NO_OBSTACLE else OBSTACLES[stop], bool(ask), bool(end))
        for allowed, stop, ask, end in zip(outcome.allowed, outcome.obstacle, outcome.needs_approval, ends, strict=True)
    ]
    least = cheapest(fitting(rule_of_law, world, endless_last=True))[rule_of_law.scene_class].tolist()
    wanted_ones = one_by_one(wanted, rules, eras, least)
    judged = [number for number, one in enumerate(wanted) if not one.forced]
    assert [got[number] for number in judged] == [wanted_ones[number] for number in judged]


@pytest.mark.parametrize("seed", range(4))
def test_many_asks_that_hang_on_each_other_are_decided_one_by_one(seed):
    chance = random.Random(seed)
    wanted = [
        Wanted(START + timedelta(minutes=2 * number), chance.randrange(4), chance.randrange(4), chance.randrange(6),
               chance.choice([0, 1, 1, 2, 2]), 4, True, 0, False, False, chance.choice([0, 0, 0, 60]), False)
        for number in range(100)
    ]  # fmt: skip
    caps = (
        Limit(Scope.AGENT, Measure.COST, Window.DAY, 4300),
        Limit(Scope.CUSTOMER, Measure.COST, Window.ROLLING, 4700, 1),
        Limit(Scope.TEAM, Measure.COST, Window.DAY, 7100),
        Limit(Scope.GESTURE, Measure.COUNT, Window.DAY, 13),
    )
    rules = [Policy(1, 101, Kind.GRANT, "Policy", Body(currency="GBP", zone="UTC", limits=caps))]
    world, demand = world_of(wanted, eras_of([], []))
    outcome = replay(demand, law(rules, demand.scenes, world), world)
    one_after_the_other = [found[0] for found in one_by_one(wanted, rules, world.eras, [-1] * len(wanted))]
    assert outcome.allowed.tolist() == one_after_the_other


ROWS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5)), max_size=30, unique=True).map(sorted)


@given(ROWS, st.lists(st.tuples(st.integers(0, 8), st.integers(-1, 6)), max_size=20))
def test_facts_are_those_that_stood_before_the_day_or_else_the_earliest_known(
    rows: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    owners = np.array([customer for customer, _ in rows], np.int64)
    facts = Facts({}, np.array([day for _, day in rows], np.int64), np.append(0, np.cumsum(np.bincount(owners))))
    found, later, none = facts.rows_at(*np.array(asked, np.int64).reshape(-1, 2).T)
    own = [[place for place, (owner, _) in enumerate(rows) if owner == customer] for customer, _ in asked]
    before = [[place for place in mine if rows[place][1] < day] for mine, (_, day) in zip(own, asked, strict=True)]
    assert found.tolist() == [
        stood[-1] if stood else mine[0] if mine else -1 for stood, mine in zip(before, own, strict=True)
    ]
    assert later == sum(bool(mine) and not stood for stood, mine in zip(before, own, strict=True))
    assert none == sum(not mine for mine in own)
