"""Which policy speaks of which ask, for many at once: as deciding.authority, deciding.binds and deciding.nearest say.

Scenes that every policy sees alike are one class; what each gesture then meets is looked up in a table of classes by
gestures. That a reason or a note is missing stops nobody here: agents would give one where a policy asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

import numpy as np

from console.empowerment.deciding import ORDER, Obstacle, caps_money
from console.empowerment.policy import Kind, Limit, Policy, Scope
from console.empowerment.rule_arrays import Column, answer
from console.empowerment.rules import EVERYBODY, Rule, conditions
from console.empowerment.simulation_demand import DAY, MINUTE, Flags, Ints, Scenes, World
from console.empowerment.simulation_meters import NO_CAP, STOCK, Meter, as_datetime
from console.empowerment.windows import A_DAY, Window

OCCASIONS = ("recovery", "delight")
# How far a grant policy gets with a scene, whatever the gesture; MATCHES is all the way.
FAR = (
    Obstacle.NOT_FOR_YOU,
    Obstacle.NOT_THIS_CHANNEL,
    Obstacle.NOT_NOW,
    Obstacle.NOT_THIS_CUSTOMER,
    Obstacle.NOT_THIS_INTERACTION,
)
MATCHES = len(FAR)
NO_OBSTACLE = -1
MICROSECOND = timedelta(microseconds=1)
THURSDAY = 3  # the first of January 1970
STOPS = Obstacle.AGENT_SUSPENDED, Obstacle.GESTURE_SUSPENDED, Obstacle.POLICY_SUSPENDED
OBSTACLES = (*ORDER, Obstacle.OTHER_CURRENCY, *STOPS)


@dataclass(frozen=True)
class Law:
    """What a set of policies makes of every scene and gesture. A table's row is `place(scene class, offer)`."""

    policies: Sequence[Policy]
    offers: int
    scene_class: Ints  # of each scene
    seen: Sequence[tuple[int, ...]]  # of each class, what its scenes have in common
    granting: Ints  # place of the policy that authorises; -1: none
    obstacle: Ints  # place in OBSTACLES; NO_OBSTACLE
    meters: Sequence[Meter]
    caps: Sequence[Ints]  # of each meter
    finals: Sequence[Ints]  # likewise, what not even an approver may exceed
    applied: Mapping[tuple[int, Meter], Limit]  # the limit of a policy (by place) that a meter stands for

    def place(self, scenes: Ints, offers: Ints) -> Ints:
        return self.scene_class[scenes] * self.offers + offers


def columns_for(rules: Sequence[Rule], scenes: Scenes, world: World) -> dict[str, Column]:
    """The customers' facts that the rules ask for, one row for each scene."""
    names = {condition.field.name for rule in rules for condition in conditions(rule)}
    return {name: column for name in sorted(names) if (column := scenes.fact(name, world))}


def talk_columns(rules: Sequence[Rule], scenes: Scenes, world: World) -> dict[str, Column]:
    """What rules may ask about the conversation (console/gestures/authority.py: moment)."""
    names = {condition.field.name for rule in rules for condition in conditions(rule)}
    found = {}
    if "occasion" in names:
        found["occasion"] = Column(np.where(scenes.is_recovery, 0, 1), words=OCCASIONS)
    if "minutes" in names:
        found["minutes"] = Column(np.maximum((scenes.at - scenes.started) // MINUTE, 0))
    if "worst_delay_days" in names and (late := scenes.fact("worst_delay_days", world)):
        found["worst_delay_days"] = late
    if "talks_14d" in names and (before := scenes.fact("interactions_14d", world)):
        found["talks_14d"] = Column(before.values + 1, before.known)
    return found


def reach(
    policy: Policy, scenes: Scenes, world: World, facts: Mapping[str, Column], talk: Mapping[str, Column]
) -> Ints:
    """How far the policy gets with each scene: a place in FAR, or MATCHES; of a guardrail only whether it binds (1)."""
    body, size = policy.body, len(scenes)
    now = scenes.at.view("datetime64[us]")
    included = [body.who.includes(one.id, one.roles, one.team_id) for one in world.agents]
    who = np.array(included, bool)[scenes.agent]
    channel = np.array([not body.channels or one in body.channels for one in world.channels], bool)[scenes.channel]
    is_open = in_hours(scenes.at, policy)
    masks = []
    for rule, columns in ((body.customers, facts), (body.interaction, talk)):
        if rule == EVERYBODY:
            masks.append(np.ones(size, bool))
            continue
        holds, fails = answer(rule, columns, now, size)
        masks.append(holds if policy.kind is Kind.GRANT else ~fails)
    if policy.kind is Kind.GUARDRAIL:
        return np.asarray(who & channel & is_open & masks[0] & masks[1], np.int64)
    return stages((who, channel, is_open, *masks))


def in_hours(at: Ints, policy: Policy) -> Flags:
    """windows.Hours.include, for many moments: the clock is looked at once for every quarter of an hour."""
    hours = policy.body.hours
    if hours is None:
        return np.ones(len(at), bool)
    quarters, which = np.unique(at // (15 * MINUTE), return_inverse=True)
    zone = policy.body.zone_info
    moments = (as_datetime(quarter * 15 * MINUTE) for quarter in quarters.tolist())
    ahead = np.array([(zone.utcoffset(one.astimezone(zone)) or timedelta()) // MICROSECOND for one in moments])
    there = at + ahead[which]
    minute, weekday = there // MINUTE % A_DAY, (there // DAY + THURSDAY) % 7
    opens = np.array([hours.opens_on(day) for day in range(7)])
    after, before = minute >= hours.opens, minute < hours.closes
    if hours.opens < hours.closes:
        return np.asarray(after & before & opens[weekday])
    return np.asarray((after & opens[weekday]) | (before & opens[(weekday - 1) % 7]))


def stages(passed: Sequence[np.ndarray[tuple[int], np.dtype[np.bool_]]]) -> Ints:
    """How many were passed before the first that was not."""
    result = np.zeros(len(passed[0]), np.int64)
    so_far = np.ones(len(passed[0]), bool)
    for one in passed:
        so_far = so_far & one
        result += so_far
    return result


def classes(policies: Sequence[Policy], scenes: Scenes, world: World) -> tuple[Ints, list[tuple[int, ...]]]:
    """The class of each scene; and of each class the era, whether its agents are stopped, how far each policy gets."""
    facts = columns_for([one.body.customers for one in policies], scenes, world)
    talk = talk_columns([one.body.interaction for one in policies], scenes, world)
    eras = world.eras.eras
    is_stopped = np.array([[one.id in era.stopped.agents for one in world.agents] for era in eras], np.int64)
    found = scenes.era
    seen: list[tuple[int, ...]] = [(place,) for place in range(len(eras))]
    for values, most in chain(
        [(is_stopped[scenes.era, scenes.agent], 1)],
        ((reach(policy, scenes, world, facts, talk), MATCHES) for policy in policies),
    ):
        found = found * (most + 1) + values
        is_there = np.bincount(found, minlength=len(seen) * (most + 1)) > 0
        found = (np.cumsum(is_there) - 1)[found]
        seen = [(*seen[one // (most + 1)], one % (most + 1)) for one in np.flatnonzero(is_there).tolist()]
    return found, seen


def law(policies: Sequence[Policy], scenes: Scenes, world: World) -> Law:
    return laws({"": policies}, scenes, world)[""]


def laws(sets: Mapping[str, Sequence[Policy]], scenes: Scenes, world: World) -> dict[str, Law]:
    """One for each set of policies, all over the same classes: what several of them say is looked at once."""
    policies = list({id(one): one for rules in sets.values() for one in rules}.values())
    scene_class, seen = classes(policies, scenes, world)
    found = {}
    for name, rules in sets.items():
        places = [0, 1, *(2 + index for one in rules for index, other in enumerate(policies) if other is one)]
        found[name] = law_of(rules, scene_class, [tuple(far[place] for place in places) for far in seen], world)
    return found


def law_of(policies: Sequence[Policy], scene_class: Ints, seen: Sequence[tuple[int, ...]], world: World) -> Law:
    speaks = [
        [one.body.gestures.includes(gift.gesture_id, gift.kind, cash_like=gift.cash_like) for gift in world.catalogue]
        for one in policies
    ]
    meters = list(dict.fromkeys(meter_of(limit, policy) for policy in policies for limit in policy.body.limits))
    if world.eras.counted:
        meters.insert(0, STOCK)
    size = len(seen) * len(world.catalogue)
    granting, obstacle = np.full(size, -1), np.full(size, NO_OBSTACLE)
    caps, finals = np.full((len(meters), size), NO_CAP), np.full((len(meters), size), NO_CAP)
    known: dict[tuple[int, ...], tuple[Ints, Ints]] = {}
    row = 0
    for place_of_era, is_stopped, *far in seen:
        era = world.eras.eras[place_of_era]
        for offer, gift in enumerate(world.catalogue):
            one, stop = authority(policies, far, [spoken[offer] for spoken in speaks])
            guards = [
                place
                for place, policy in enumerate(policies)
                if policy.kind is Kind.GUARDRAIL and far[place] and speaks[place][offer]
            ]
            in_force = (*guards, one) if one >= 0 else tuple(guards)
            binding = [policies[place] for place in in_force]
            if is_stopped:
                stop = OBSTACLES.index(Obstacle.AGENT_SUSPENDED)
            elif gift.gesture_id in era.stopped.gestures:
                stop = OBSTACLES.index(Obstacle.GESTURE_SUSPENDED)
            elif any(policy.id in era.stopped.policies for policy in binding):
                stop = OBSTACLES.index(Obstacle.POLICY_SUSPENDED)
            elif any(policy.body.currency != gift.currency and caps_money(policy) for policy in binding):
                stop = OBSTACLES.index(Obstacle.OTHER_CURRENCY)
            granting[row], obstacle[row] = one, stop
            if in_force not in known:
                known[in_force] = caps_of(binding, meters)
            caps[:, row], finals[:, row] = known[in_force]
            if world.eras.counted:
                caps[0, row] = finals[0, row] = era.stock.get(gift.gesture_id, NO_CAP)
            row += 1
    applied = {
        (place, meter_of(limit, policy)): limit
        for place, policy in enumerate(policies)
        for limit in sorted(policy.body.limits, key=lambda one: -one.cap)  # of two alike the smaller one stays
    }
    return Law(
        policies, len(world.catalogue), scene_class, seen, granting, obstacle, meters, list(caps), list(finals), applied
    )


def meter_of(limit: Limit, policy: Policy) -> Meter:
    meter = Meter.of(limit, policy)
    # Nothing is ever given under a guardrail, so its pool holds this one alone.
    if policy.kind is Kind.GUARDRAIL and limit.scope is Scope.POOL:
        return Meter(limit.scope, limit.measure, Window.EACH, 0, "", 0, meter.currency, meter.restores)
    return meter


def authority(policies: Sequence[Policy], far: Sequence[int], speaks: Sequence[bool]) -> tuple[int, int]:
    """The place of the grant policy that authorises, and NO_OBSTACLE; or -1 and the obstacle of the nearest."""
    best, nearest = -1, OBSTACLES.index(Obstacle.NOT_FOR_YOU)
    for place, policy in enumerate(policies):
        if policy.kind is not Kind.GRANT:
            continue
        if far[place] == MATCHES and speaks[place]:
            if best < 0 or rank(policy) > rank(policies[best]):
                best = place
        elif far[place] > 0 and not speaks[place]:
            nearest = max(nearest, OBSTACLES.index(Obstacle.NOT_THIS_GESTURE))
        elif far[place] < MATCHES:
            nearest = max(nearest, OBSTACLES.index(FAR[far[place]]))
    return (best, NO_OBSTACLE) if best >= 0 else (-1, nearest)


def rank(policy: Policy) -> tuple[int, int]:
    return policy.body.priority, -policy.id


def caps_of(policies: Sequence[Policy], meters: Sequence[Meter]) -> tuple[Ints, Ints]:
    """The smallest cap of each meter, of all limits and of those that are final."""
    caps, finals = np.full(len(meters), NO_CAP), np.full(len(meters), NO_CAP)
    for policy in policies:
        for limit in policy.body.limits:
            place = meters.index(meter_of(limit, policy))
            caps[place] = min(caps[place], limit.cap)
            is_final = policy.kind is Kind.GUARDRAIL or not limit.overridable
            more = 0 if is_final else policy.body.approval.most_over_percent
            finals[place] = min(finals[place], limit.cap * (100 + more) // 100)
    return caps, finals
