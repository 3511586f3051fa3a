"""What was, or might have been, asked for in a simulation: plain arrays, in the order of time.

Moments are whole microseconds since 1970 (UTC). People, customers and the like are numbered from 0; -1 is nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from console.empowerment.policy import Measure, Scope
from console.empowerment.rule_arrays import Column
from console.empowerment.rules import Rule
from console.empowerment.simulation_eras import Eras

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
States = NDArray[np.int8]
NEVER = np.iinfo(np.int64).max // 4
SECOND = 1_000_000
MINUTE, DAY = 60 * SECOND, 86_400 * SECOND


def rows_of(column: Column, places: Ints) -> Column:
    """The column at these rows; what is at -1 is not known."""
    if not len(column.values):
        return Column(np.zeros(len(places), column.values.dtype), np.zeros(len(places), bool), column.words)
    known = places >= 0 if column.known is None else column.known[places] & (places >= 0)
    return Column(column.values[places], known, column.words)


@dataclass(frozen=True)
class Offerable:
    """A version of a gesture, as it stood in the catalogue."""

    version_id: int
    gesture_id: int
    kind: str
    currency: str
    cost_minor: int
    face_minor: int
    cash_like: bool = False
    occasions: tuple[str, ...] = ()
    is_on_offer: bool = True  # the newest of an active gesture
    gesture: int = 0  # the gesture's own number, from 0

    def amount(self, measure: Measure) -> int:
        return {Measure.COST: self.cost_minor, Measure.FACE: self.face_minor, Measure.COUNT: 1}[measure]


@dataclass(frozen=True)
class Agent:
    """Somebody in one team. Only roles that may give count."""

    id: int
    roles: frozenset[str]
    team_id: int | None


@dataclass(frozen=True)
class Scenes:
    """Moments at which something might be given: arrays of shape (n,)."""

    at: Ints
    agent: Ints  # place among the agents
    customer: Ints
    talk: Ints  # the interaction, as its id less World.first_talk
    channel: Ints  # place in `channels`
    facts: Ints  # row of the facts as they were; -1: nothing is known
    started: Ints  # when the conversation began
    is_recovery: Flags
    era: Ints  # place among World.eras
    told: Mapping[str, Column] = field(default_factory=dict)  # facts that the ledger itself tells, exact to the moment

    def __len__(self) -> int:
        return len(self.at)

    def fact(self, name: str, world: World) -> Column | None:
        column = world.facts.get(name)
        return self.told.get(name) or (rows_of(column, self.facts) if column else None)


@dataclass(frozen=True)
class World:
    """What is the same for every demand."""

    agents: Sequence[Agent]  # one for each agent and team they were in
    teams: Ints  # team of each agent, numbered from 0
    people: Ints  # which agents are the same person, numbered from 0
    channels: Sequence[str]
    catalogue: Sequence[Offerable]
    currency: str
    facts: Mapping[str, Column]
    households: Ints  # of each customer: account and address, numbered from 0; shape (2, n)
    days: Ints  # when each day of the simulated time begins, and the moment at which the last one ends
    approvers: int = 1  # people who may answer a request
    answer_minutes: float = 2.0  # that an answer takes
    first_talk: int = 0
    segments: Mapping[str, Rule] = field(default_factory=dict)
    eras: Eras = field(default_factory=Eras)


@dataclass(frozen=True)
class Asks:
    """Gestures asked for: arrays of shape (n,), sorted by `at`, then as they came."""

    at: Ints
    came: Ints  # tells which of two at the same moment came first
    scene: Ints  # place among the scenes
    agent: Ints
    customer: Ints
    talk: Ints
    offer: Ints  # place in the catalogue
    cost: Ints
    face: Ints
    gone_at: Ints  # when it stops counting against limits; NEVER
    gone_came: Ints
    approved: Flags  # somebody allowed more than the limit
    forced: Flags  # booked before the time that is simulated: it counts, and is not judged
    taken_back: Flags  # reversed: what a customer was given stays counted
    spent: Flags  # if it is allowed, its cost is borne: the customer said yes and nobody took it back
    booked_under: Ints  # id of the policy under which it was booked in fact; 0: it was not
    probe: Flags  # only a question: nothing is used up by it

    def __len__(self) -> int:
        return len(self.at)

    def take(self, places: Ints | Flags) -> Asks:
        return Asks(**{one.name: getattr(self, one.name)[places] for one in fields(self)})

    def amount(self, measure: Measure) -> Ints:
        if measure is Measure.COUNT:
            return np.ones(len(self), np.int64)
        return self.cost if measure is Measure.COST else self.face


def how_many(numbers: Ints) -> int:
    """How many different ones."""
    if not len(numbers):
        return 0
    least, most = int(numbers.min()), int(numbers.max())
    if most - least < 50_000_000:
        return int(np.count_nonzero(np.bincount(numbers - least)))
    return len(np.unique(numbers))


def subjects(asks: Asks, world: World, scope: Scope, granting: Ints) -> list[tuple[Ints, int]]:
    """Whose bookings a limit of `scope` counts, numbered from 0, and with which sign.

    `granting`: place of the policy that authorises.
    """
    match scope:
        case Scope.INTERACTION:
            return [(asks.talk, 1)]
        case Scope.CUSTOMER:
            return [(asks.customer, 1)]
        case Scope.HOUSEHOLD:  # of the account or of the address, less what is of both
            account, address = world.households
            both = np.unique(account * (address.max(initial=0) + 1) + address, return_inverse=True)[1]
            return [(account[asks.customer], 1), (address[asks.customer], 1), (both[asks.customer], -1)]
        case Scope.AGENT:
            return [(world.people[asks.agent], 1)]
        case Scope.TEAM:
            return [(world.teams[asks.agent], 1)]
        case Scope.GESTURE:
            return [(np.array([one.gesture for one in world.catalogue], np.int64)[asks.offer], 1)]
        case Scope.POOL:
            return [(granting + 1, 1)]


def together(parts: Sequence[Asks]) -> Asks:
    """One demand of several."""
    asks = Asks(**{one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Asks)})
    return asks.take(np.lexsort((asks.came, asks.at)))


def asks_at(scenes: Scenes, places: Ints, offers: Ints, world: World) -> Asks:
    """The gestures `offers` (places in the catalogue) at scenes: given there and then, and accepted."""
    count = len(places)
    cost = np.array([one.cost_minor for one in world.catalogue], np.int64)
    face = np.array([one.face_minor for one in world.catalogue], np.int64)
    no, never = np.zeros(count, bool), np.full(count, NEVER)
    return Asks(
        at=scenes.at[places], came=np.arange(count), scene=places, agent=scenes.agent[places],
        customer=scenes.customer[places], talk=scenes.talk[places], offer=offers, cost=cost[offers], face=face[offers],
        gone_at=never, gone_came=never, approved=no, forced=no, taken_back=no, spent=np.ones(count, bool),
        booked_under=np.zeros(count, np.int64), probe=no,
    )  # fmt: skip
