"""Rules over facts: a small typed tree of conditions, with three answers: yes, no, and not known.

A rule is JSON: {"all": [...]}, {"any": [...]}, {"not": {...}}, {"segment": "Name", "rule": {...}} (a copy of a
segment's rule, pinned when it was chosen), or a condition {"field": "tier", "op": "in", "value": ["gold"]}. What is
not known stays unknown through `not` (Kleene), and whoever asks for eligibility takes it for a no, so that nobody
gains by ignorance. There is no arithmetic, no pattern and nothing that could run long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

DEEPEST = 6
LARGEST = 60  # nodes
LONGEST = 200  # values of one condition
LARGEST_NUMBER = 10**12
LONGEST_AGO = 36_500  # days; a moment before the year 1 cannot be computed
LONGEST_WORD = 120
LONGEST_NAME = 80

Value = bool | int | str | datetime | None


class RuleError(ValueError):
    """A rule that cannot be read; `path` is where, such as "all.1.value"."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(problem)
        self.path = path


class Type(StrEnum):
    NUMBER = "number"
    MONEY = "money"  # minor units of the shop's currency
    FLAG = "flag"
    CHOICE = "choice"
    TEXT = "text"
    DAYS_SINCE = "days_since"  # the fact is a moment; conditions speak of whole days since then


OPS: dict[Type, tuple[str, ...]] = {
    Type.NUMBER: ("eq", "ne", "lt", "le", "gt", "ge", "between"),
    Type.MONEY: ("lt", "le", "gt", "ge", "between"),
    Type.FLAG: ("is_true", "is_false"),
    Type.CHOICE: ("in", "not_in"),
    Type.TEXT: ("in", "not_in"),
    Type.DAYS_SINCE: ("lt", "le", "gt", "ge", "between"),
}
KNOWING = ("is_known", "is_unknown")  # of every type
LATELY = ("within", "not_within")  # the last N days; of moments at which something happened last
VALUELESS = frozenset({"is_true", "is_false", *KNOWING})


@dataclass(frozen=True)
class Field:
    """One fact that rules may speak of. `choices` maps stored values to what people read.

    The last five say how a condition on it reads: with `says` "with {} orders in 12 months" and `one` "order in 12
    months" it is "with at least 3 orders in 12 months", "without an order in 12 months". A flag has `says` and `no`.
    """

    name: str  # also the column's
    type: Type
    label: str  # "days since the last gesture"
    source: str = ""  # where it comes from, in words
    unit: str = ""
    choices: Mapping[str, str] | None = field(default=None, hash=False)
    freshness: str = "at once"
    is_sensitive: bool = False  # never in a rule about eligibility
    says: str = ""
    one: str = ""
    no: str = ""
    decimals: int = 0  # 425 is 4.25 when there are two
    happens: bool = False  # a moment at which something happened last: none is "never", which is known

    @property
    def ops(self) -> tuple[str, ...]:
        return (*(LATELY if self.happens else ()), *OPS[self.type], *KNOWING)


@dataclass(frozen=True)
class Condition:
    field: Field
    op: str
    value: Any = None


@dataclass(frozen=True)
class All:
    of: tuple[Rule, ...]


@dataclass(frozen=True)
class Any_:
    of: tuple[Rule, ...]


@dataclass(frozen=True)
class Not:
    rule: Rule


@dataclass(frozen=True)
class Segment:
    """A named rule as it was when it was chosen."""

    name: str
    rule: Rule


Rule = Condition | All | Any_ | Not | Segment
EVERYBODY = All(())


@dataclass(frozen=True)
class Blame:
    """A condition that stands in the way, and what was observed: None is "we do not know"."""

    condition: Condition
    observed: Value
    wanted: bool = True  # False: it stands under a "not", and holds


def holds(rule: Rule, facts: Mapping[str, Value], now: datetime) -> bool | None:
    """True, False, or None when it hangs on something that is not known. `facts` by field name."""
    match rule:
        case Condition():
            return condition_holds(rule, facts.get(rule.field.name), now)
        case All(of):
            return conjunction([holds(one, facts, now) for one in of])
        case Any_(of):
            found = conjunction([negation(holds(one, facts, now)) for one in of])
            return negation(found)
        case Not(inner):
            return negation(holds(inner, facts, now))
        case Segment(_, inner):
            return holds(inner, facts, now)


def conjunction(found: Sequence[bool | None]) -> bool | None:
    if False in found:
        return False
    return None if None in found else True


def negation(found: bool | None) -> bool | None:
    return None if found is None else not found


def condition_holds(condition: Condition, observed: Value, now: datetime) -> bool | None:
    op, wanted = condition.op, condition.value
    if op in KNOWING:
        return (observed is not None) == (op == "is_known")
    if observed is None:
        return op == "not_within" if op in LATELY else None
    if condition.field.type is Type.DAYS_SINCE:
        assert isinstance(observed, datetime)  # noqa: S101  what the column holds
        observed = (now - observed) // timedelta(days=1)
    found: Any = observed
    match op:
        case "is_true" | "is_false":
            return bool(found) == (op == "is_true")
        case "in" | "not_in":
            return (found in wanted) == (op == "in")
        case "between":
            return bool(wanted[0] <= found <= wanted[1])
        case "eq":
            return bool(found == wanted)
        case "ne":
            return bool(found != wanted)
        case "lt" | "within":
            return bool(found < wanted)
        case "le":
            return bool(found <= wanted)
        case "gt":
            return bool(found > wanted)
        case _:
            return bool(found >= wanted)


def blame(rule: Rule, facts: Mapping[str, Value], now: datetime, wanted: bool = True) -> list[Blame]:
    """The conditions that keep the rule from being true (or, under a "not", make the inner one true or unknown)."""
    found = holds(rule, facts, now)
    if found is wanted:
        return []
    match rule:
        case Condition():
            return [Blame(rule, facts.get(rule.field.name), wanted)]
        case Not(inner):
            return blame(inner, facts, now, not wanted)
        case Segment(_, inner):
            return blame(inner, facts, now, wanted)
        case All(of) | Any_(of):
            return [one for part in of for one in blame(part, facts, now, wanted)]


def shortfall(rule: Rule, facts: Mapping[str, Value], now: datetime) -> list[Blame]:
    """The fewest conditions that would have to come true for the rule to; empty exactly where it holds."""
    match positive(rule):
        case All(of):
            return [one for part in of for one in shortfall(part, facts, now)]
        case Any_(of):
            return min((shortfall(part, facts, now) for part in of), key=len, default=[])
        case Segment(_, inner):
            return shortfall(inner, facts, now)
        case Not(Segment(_, inner)):
            return shortfall(Not(inner), facts, now)
        case Not(inner):
            return blame(inner, facts, now, wanted=False)
        case condition:
            return blame(condition, facts, now)


OPPOSITE = {"eq": "ne", "lt": "ge", "le": "gt", "is_true": "is_false", "in": "not_in", "is_known": "is_unknown"} | {
    "within": "not_within"
}
OPPOSITE |= {other: op for op, other in OPPOSITE.items()}


def positive(rule: Rule) -> Rule:
    """The same rule with each "not" moved down to the conditions, which take the opposite operator where there is one.

    What stays is a "not" before "between" and before a segment. Holds, fails and is unknown for the same facts.
    """
    match rule:
        case All(of) | Any_(of):
            return type(rule)(tuple(positive(one) for one in of))
        case Not(Condition(field, op, value)) if op in OPPOSITE:
            return Condition(field, OPPOSITE[op], value)
        case Not(Not(inner)):
            return positive(inner)
        case Not(All(of)):
            return Any_(tuple(positive(Not(one)) for one in of))
        case Not(Any_(of)):
            return All(tuple(positive(Not(one)) for one in of))
        case _:
            return rule


def conditions(rule: Rule) -> Iterator[Condition]:
    """Every condition of a rule, from left to right."""
    match rule:
        case Condition():
            yield rule
        case Not(inner) | Segment(_, inner):
            yield from conditions(inner)
        case All(of) | Any_(of):
            for part in of:
                yield from conditions(part)


def read_rule(data: object, fields: Mapping[str, Field]) -> Rule:
    """A rule from JSON. Raises RuleError naming the place and what is wrong there. {"all": []} is everybody."""
    if data == {"all": []}:
        return EVERYBODY
    return read_node(data, fields, "", 1, [LARGEST])


def read_node(data: object, fields: Mapping[str, Field], path: str, depth: int, budget: list[int]) -> Rule:
    """`path` leads here from the top; `budget` holds how many nodes may still come."""
    budget[0] -= 1
    if budget[0] < 0:
        raise RuleError(path, f"A rule has at most {LARGEST} conditions and groups. Leave some out.")
    if depth > DEEPEST:
        raise RuleError(path, f"Groups may be nested {DEEPEST} deep at most. Take one apart.")
    if not isinstance(data, dict):
        raise RuleError(path, "This is neither a condition nor a group.")

    def below(one: object, *steps: object) -> Rule:
        return read_node(one, fields, ".".join(map(str, (*filter(None, (path,)), *steps))), depth + 1, budget)

    match data:
        case {"all": [_, *_] as parts} if len(data) == 1:
            return All(tuple(below(one, "all", at) for at, one in enumerate(parts)))
        case {"any": [_, *_] as parts} if len(data) == 1:
            return Any_(tuple(below(one, "any", at) for at, one in enumerate(parts)))
        case {"all": _} | {"any": _}:
            raise RuleError(path, "This group is empty. Add a condition, or remove the group.")
        case {"not": inner} if len(data) == 1:
            return Not(below(inner, "not"))
        case {"segment": str(name), "rule": inner} if len(data) == 2 and is_word(name, LONGEST_NAME):
            return Segment(name, below(inner, "rule"))
    return read_condition(data, fields, path)


def read_condition(data: Mapping[Any, Any], fields: Mapping[str, Field], path: str) -> Condition:
    field = fields.get(data["field"]) if isinstance(data.get("field"), str) else None
    if field is None or field.is_sensitive or not set(data) <= {"field", "op", "value"}:
        raise RuleError(path, "There is no such fact to ask about. Choose another.")
    op = data.get("op")
    if not isinstance(op, str) or op not in field.ops:
        raise RuleError(path, f"“{field.label}” cannot be asked like that. Choose another comparison.")
    if op in VALUELESS:
        return Condition(field, op)
    return Condition(field, op, read_value(field, op, data.get("value"), f"{path}.value".lstrip(".")))


def read_value(field: Field, op: str, value: object, path: str) -> Any:
    """A tuple of words, a pair of numbers, or a number. Raises RuleError."""
    several = tuple(value) if isinstance(value, list | tuple) else ()
    if op in ("in", "not_in"):
        if not several:
            raise RuleError(path, f"Choose at least one value for “{field.label}”.")
        if len(several) > LONGEST or not all(is_word(one) for one in several):
            raise RuleError(path, f"“{field.label}” takes at most {LONGEST} short words.")
        if field.type is Type.CHOICE and not set(several) <= set(field.choices or ()):
            raise RuleError(path, f"One of the values for “{field.label}” does not exist. Choose again.")
        return several
    most = LONGEST_AGO if field.type is Type.DAYS_SINCE else LARGEST_NUMBER
    for one in several if op == "between" else (value,):
        if not isinstance(one, int) or isinstance(one, bool):
            raise RuleError(path, f"“{field.label}” needs a whole number.")
        if not (0 if field.type is Type.DAYS_SINCE else -most) <= one <= most:
            raise RuleError(path, f"“{field.label}” cannot be that much: {most:,} at most.")
    if op == "between" and (len(several) != 2 or several[0] > several[1]):
        raise RuleError(path, f"“{field.label}” needs two numbers, the smaller one first.")
    return several if op == "between" else value


def is_word(value: object, longest: int = LONGEST_WORD) -> bool:
    """Something that both databases can store: no NUL, no half of a pair of surrogates."""
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()


def as_json(rule: Rule) -> dict[str, Any]:
    """The same rule as `read_rule` takes it."""
    match rule:
        case Condition(field, op, value):
            given = {"field": field.name, "op": op}
            return given if op in VALUELESS else given | {"value": list(value) if isinstance(value, tuple) else value}
        case All(of):
            return {"all": [as_json(one) for one in of]}
        case Any_(of):
            return {"any": [as_json(one) for one in of]}
        case Not(inner):
            return {"not": as_json(inner)}
        case Segment(name, inner):
            return {"segment": name, "rule": as_json(inner)}
