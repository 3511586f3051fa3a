"""What is wrong with a policy, or odd about it, before anybody lives under it. Pure: plain values in, sentences out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import combinations

from console.empowerment.policy import Body, Choice, Kind, Limit, Measure, Policy, Scope, Who
from console.empowerment.rule_words import listed
from console.empowerment.rules import EVERYBODY, All, Condition, Rule, Segment
from console.empowerment.sentences import Names, forbids, limit_words, number, what_words, who_words
from console.empowerment.windows import Window

DAYS = {Window.DAY: 1, Window.WEEK: 7, Window.MONTH: 31}
# Whose limit has room for all of another's: what one customer gets is part of what the household gets.
WIDER: dict[Scope, tuple[Scope, ...]] = {
    Scope.INTERACTION: (Scope.CUSTOMER, Scope.HOUSEHOLD),
    Scope.CUSTOMER: (Scope.HOUSEHOLD, Scope.POOL),
    Scope.HOUSEHOLD: (Scope.POOL,),
    Scope.AGENT: (Scope.TEAM, Scope.POOL),
    Scope.TEAM: (Scope.POOL,),
}


class Level(StrEnum):
    ERROR = "error"  # cannot be published
    WARNING = "warning"  # can, knowingly
    NOTE = "note"  # worth knowing


@dataclass(frozen=True)
class Finding:
    level: Level
    sentence: str
    part: str = ""  # of the form: who, gestures, limits, customers, priority, …


@dataclass(frozen=True)
class Offering:
    """A gesture of the catalogue as it is given now. Amounts are minor units."""

    id: int
    kind: str
    name: str
    currency: str
    cost_minor: int
    face_minor: int
    cash_like: bool = False

    def amount(self, measure: Measure) -> int:
        return {Measure.COST: self.cost_minor, Measure.FACE: self.face_minor, Measure.COUNT: 1}[measure]


@dataclass(frozen=True)
class Surroundings:
    """What a policy meets: the catalogue, the other policies that are live or scheduled, how many it is about."""

    offerings: Sequence[Offering] = ()
    others: Sequence[Policy] = ()  # of other policies than the one that is checked
    givers: int | None = None  # people who match; None: not counted
    customers: int | None = None  # customers who match now
    channels: Sequence[str] = ()
    names: Names = field(default_factory=Names)


def check(
    kind: Kind, body: Body, around: Surroundings, *, now: datetime, effective_to: datetime | None = None
) -> list[Finding]:
    """Everything found, errors first."""
    found = [
        *missing(kind, body, around),
        *doubles(body, around.names),
        *contradictions(body, around.names),
        *pools(body, around),
        *unreachable(kind, body, around),
        *nobody(body, around),
        *(conflicts(body, around) if kind is Kind.GRANT else ()),
    ]
    if effective_to is not None and effective_to <= now:
        found.append(Finding(Level.ERROR, "Its last day is over already. Choose a later one, or none.", "dates"))
    return sorted(found, key=lambda one: list(Level).index(one.level))


def errors(findings: Iterable[Finding]) -> list[Finding]:
    return [one for one in findings if one.level is Level.ERROR]


def missing(kind: Kind, body: Body, around: Surroundings) -> Iterator[Finding]:
    if not body.limits:
        yield Finding(Level.ERROR, "It sets no limit yet. Add at least one, such as £15 each.", "limits")
    if kind is Kind.GUARDRAIL:
        if any(limit.scope is Scope.POOL for limit in body.limits):
            yield Finding(
                Level.ERROR,
                "A guardrail has no pool of its own. Limit the team, the gesture or the customer instead.",
                "limits",
            )
        return
    costly = any(one.cost_minor for one in chosen(body.gestures, around.offerings))
    if body.limits and costly and all(limit.measure is Measure.COUNT for limit in body.limits):
        yield Finding(
            Level.WARNING, "It counts gestures but sets no limit to what they cost. Add one of cost.", "limits"
        )
    if body.who == Who():
        yield Finding(
            Level.WARNING,
            "Nobody is named, so it is for everybody who may give gestures. Name a role or a team.",
            "who",
        )


def doubles(body: Body, names: Names) -> Iterator[Finding]:
    seen: dict[tuple[object, ...], Limit] = {}
    for limit in body.limits:
        key = (limit.scope, limit.measure, limit.window, limit.days)
        if key in seen:
            one, other = (limit_words(each, body.currency, names) for each in (seen[key], limit))
            same = "is there twice" if one == other else f"and “{other}” say the same thing differently"
            yield Finding(Level.ERROR, f"“{one}” {same}. Remove one of them.", "limits")
        seen[key] = limit


def contradictions(body: Body, names: Names) -> Iterator[Finding]:
    """A narrower cap above a wider one can never be used up: one of the two is a slip."""
    for one, other in combinations(body.limits, 2):
        if one.measure is not other.measure or forbids(one) or forbids(other):
            continue
        for narrow, wide in ((one, other), (other, one)):
            if fits_into(narrow, wide) and narrow.cap > wide.cap:
                small, large = (limit_words(each, body.currency, names) for each in (narrow, wide))
                yield Finding(
                    Level.ERROR,
                    f"“{small}” can never be used up, because only “{large}” is allowed."
                    " Lower the first or raise the second.",
                    "limits",
                )


def fits_into(narrow: Limit, wide: Limit) -> bool:
    """Whether everything that `narrow` counts is also counted by `wide`, so that its cap cannot sensibly be higher."""
    if narrow.window is Window.EACH:
        return wide.window is not Window.EACH
    if wide.window is Window.EACH:
        return False
    if narrow.scope is Scope.INTERACTION:  # a conversation is shorter than any window
        return wide.scope in WIDER[Scope.INTERACTION]
    if wide.scope is Scope.INTERACTION:
        return False
    if narrow.scope is wide.scope:
        return days_of(narrow) < days_of(wide)
    return wide.scope in WIDER.get(narrow.scope, ()) and days_of(narrow) <= days_of(wide)


def days_of(limit: Limit) -> int:
    return limit.days if limit.window is Window.ROLLING else DAYS[limit.window]


def pools(body: Body, around: Surroundings) -> Iterator[Finding]:
    """Together the people could use a pool up: allowed, but then it is first come, first served."""
    if not around.givers:
        return
    for own in (limit for limit in body.limits if limit.scope is Scope.AGENT):
        for pool in (limit for limit in body.limits if limit.scope is Scope.POOL):
            same = (own.measure, own.window, own.days) == (pool.measure, pool.window, pool.days)
            if same and own.cap * around.givers > pool.cap:
                each, all_ = (limit_words(limit, body.currency, around.names) for limit in (own, pool))
                yield Finding(
                    Level.WARNING,
                    f"{number(around.givers, 'person')} with {each} could give more than “{all_}”:"
                    " it is then first come, first served.".replace("persons", "people"),
                    "limits",
                )


def chosen(choice: Choice, offerings: Iterable[Offering]) -> list[Offering]:
    return [one for one in offerings if choice.includes(one.id, one.kind, cash_like=one.cash_like)]


def unreachable(kind: Kind, body: Body, around: Surroundings) -> Iterator[Finding]:
    """Gestures that nobody could ever give under it."""
    there = {one.id: one for one in around.offerings}
    for gone in (one for one in body.gestures.gestures if one not in there):
        name = around.names.gestures.get(gone, "A gesture")
        yield Finding(
            Level.ERROR, f"“{name}” is not in the catalogue any more. Leave it out, or put it back there.", "gestures"
        )
    mine = chosen(body.gestures, around.offerings)
    if not there:
        yield Finding(Level.ERROR, "The catalogue is empty. Add a gesture under Gestures first.", "gestures")
        return
    if not mine:
        what = what_words(body.gestures, around.names)
        yield Finding(
            Level.ERROR, f"The catalogue holds nothing that this is about ({what}). Choose other gestures.", "gestures"
        )
        return
    money = [limit for limit in body.limits if limit.measure is not Measure.COUNT]
    foreign = [one for one in mine if one.currency != body.currency]
    if money and foreign:
        names = listed([f"“{one.name}”" for one in foreign[:3]], "and")
        level = Level.ERROR if len(foreign) == len(mine) else Level.WARNING
        yield Finding(
            level,
            f"{names} is priced in {foreign[0].currency}, but the limits are in {body.currency},"
            " so it can never be given. Price it in the same currency, or leave it out.",
            "gestures",
        )
    if kind is Kind.GRANT:
        yield from too_dear([one for one in mine if one.currency == body.currency], body, around.names)


def too_dear(mine: Sequence[Offering], body: Body, names: Names) -> Iterator[Finding]:
    """What costs more than a limit allows at once: not without approval, or never."""
    exceeded = {one: [limit for limit in body.limits if one.amount(limit.measure) > limit.cap] for one in mine}
    dear = {one: limits for one, limits in exceeded.items() if limits}
    if not dear:
        return
    beyond = {
        one: [each for each in limits if one.amount(each.measure) > reach(each, body)] for one, limits in dear.items()
    }
    never = {one: limits for one, limits in beyond.items() if limits}
    askable = {one: limits for one, limits in dear.items() if one not in never}
    last = all(one in dear for one in mine)
    tail = " That is everything this is about: raise the limit, or choose other gestures."
    if never and askable:
        tail = " Nothing that this is about can be given without approval: raise the limit, or choose other gestures."
    for group, how in (
        (never, "can never be given"),
        (askable, "can be given only with approval"),
    ):
        if not group:
            continue
        said = listed([f"“{one.name}”" for one in group], "and") if len(group) <= 3 else number(len(group), "gesture")
        limit = min((each for limits in group.values() for each in limits), key=lambda one: one.cap)
        yield Finding(
            Level.ERROR if last else Level.NOTE,
            f"{said} {'costs' if len(group) == 1 else 'cost'} more than {limit_words(limit, body.currency, names)}"
            f" and {how}.{tail if last else ''}",
            "limits",
        )


def reach(limit: Limit, body: Body) -> int:
    """How far over a limit an approver may go; only to the limit itself where nobody may allow more."""
    if not limit.overridable or not body.approval.roles:
        return limit.cap
    return limit.cap * (100 + body.approval.most_over_percent) // 100


def nobody(body: Body, around: Surroundings) -> Iterator[Finding]:
    if around.givers == 0:
        who = who_words(body.who, around.names)
        yield Finding(Level.ERROR, f"Nobody who may give gestures is among {who}. Choose other people.", "who")
    if around.customers == 0:
        yield Finding(Level.ERROR, "No customer is like that now. Take a condition away, or loosen one.", "customers")
    unknown = [one for one in body.channels if around.channels and one not in around.channels]
    if unknown:
        yield Finding(Level.ERROR, f"There is no channel “{unknown[0]}”. Choose others.", "channels")


def conflicts(body: Body, around: Surroundings) -> Iterator[Finding]:
    """The same priority twice; and other policies that speak of the same people, gestures and customers."""
    for other in (one for one in around.others if one.kind is Kind.GRANT):
        if other.body.priority == body.priority:
            yield Finding(
                Level.ERROR,
                f"“{other.name}” has the priority {body.priority} as well, and the order must be plain."
                f" Take another number, such as {free_priority(body.priority, around.others)}.",
                "priority",
            )
            continue
        if not overlap(body, other.body, around.offerings):
            continue
        if other.body.priority > body.priority:
            if covers(other.body, body, around.offerings):
                yield Finding(
                    Level.ERROR,
                    f"This never decides anything: “{other.name}” covers all of it and has the higher priority"
                    f" ({other.body.priority}). Give this one a higher number than that.",
                    "priority",
                )
            else:
                yield Finding(
                    Level.NOTE,
                    f"Where both fit, “{other.name}” decides instead of this: its priority is higher"
                    f" ({other.body.priority}).",
                    "priority",
                )
        elif covers(body, other.body, around.offerings):
            yield Finding(
                Level.WARNING,
                f"“{other.name}” would never decide anything any more: this covers all of it with a higher priority.",
                "priority",
            )
        else:
            yield Finding(
                Level.NOTE,
                f"Where both fit, this decides instead of “{other.name}”: its priority is higher.",
                "priority",
            )


def free_priority(near: int, others: Iterable[Policy]) -> int:
    """The next number that no other policy has."""
    taken = {one.body.priority for one in others}
    while near in taken:
        near += 1
    return near


def overlap(one: Body, other: Body, offerings: Sequence[Offering]) -> bool:
    """Whether both could speak of the same ask. In doubt, yes."""
    return (
        people_meet(one.who, other.who)
        and bool(set(chosen(one.gestures, offerings)) & set(chosen(other.gestures, offerings)))
        and (not one.channels or not other.channels or bool(set(one.channels) & set(other.channels)))
        and not exclude(one.customers, other.customers)
        and not exclude(one.interaction, other.interaction)
    )


def covers(wide: Body, narrow: Body, offerings: Sequence[Offering]) -> bool:
    """Whether `wide` speaks of everything that `narrow` speaks of. In doubt, no."""
    return (
        everyone_in(narrow.who, wide.who)
        and set(chosen(narrow.gestures, offerings)) <= set(chosen(wide.gestures, offerings))
        and (not wide.channels or (bool(narrow.channels) and set(narrow.channels) <= set(wide.channels)))
        and (wide.hours is None or (wide.hours, wide.zone) == (narrow.hours, narrow.zone))
        and (wide.customers in (EVERYBODY, narrow.customers))
        and (wide.interaction in (EVERYBODY, narrow.interaction))
    )


def people_meet(one: Who, other: Who) -> bool:
    """In doubt, yes: somebody may have two roles, and any role may be in any team."""
    if one.agents and not one.roles and not one.teams and other.agents and not other.roles and not other.teams:
        return bool(set(one.agents) & set(other.agents))
    if one.agents or other.agents:
        return True
    roles = not one.roles or not other.roles or bool(set(one.roles) & set(other.roles))
    return roles and (not one.teams or not other.teams or bool(set(one.teams) & set(other.teams)))


def everyone_in(narrow: Who, wide: Who) -> bool:
    if wide.except_agents and not set(wide.except_agents) <= set(narrow.except_agents):
        return False
    if not (wide.roles or wide.teams or wide.agents):
        return True
    named = bool(narrow.roles or narrow.teams)
    if not named:
        return bool(narrow.agents) and set(narrow.agents) <= set(wide.agents)
    if not set(narrow.agents) <= set(wide.agents) or not (wide.roles or wide.teams):
        return False
    roles = not wide.roles or (bool(narrow.roles) and set(narrow.roles) <= set(wide.roles))
    return roles and (not wide.teams or (bool(narrow.teams) and set(narrow.teams) <= set(wide.teams)))


def exclude(one: Rule, other: Rule) -> bool:
    """Whether no facts fit both: as far as values asked for outright show it, such as gold here and silver there."""
    theirs = dict(outright(other))
    return any(name in theirs and not (values & theirs[name]) for name, values in outright(one))


def outright(rule: Rule) -> Iterator[tuple[str, frozenset[object]]]:
    """(field, the values it may have), of the conditions that must hold whatever else does."""
    match rule:
        case Condition(asked, "in", value):
            yield asked.name, frozenset(value)
        case Condition(asked, "is_true" | "is_false", _):
            yield asked.name, frozenset({rule.op})
        case All(of):
            for part in of:
                yield from outright(part)
        case Segment(_, inner):
            yield from outright(inner)
