"""The form in which a rule is built: groups of conditions that are added, changed, nested and taken away.

Everything stands in the form itself under names that lead to it ("customers-0-1-field"), so a builder is read from
what was sent, and a button ("customers-do" is "add:customers-0") changes it before it is shown again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer
from werkzeug.datastructures import MultiDict

from console.empowerment.fields import ASKABLE, INTERACTION
from console.empowerment.rule_inputs import Typed, boxes, offered, sections, typed
from console.empowerment.rule_words import phrase
from console.empowerment.rules import (
    DEEPEST,
    EVERYBODY,
    LARGEST,
    VALUELESS,
    All,
    Any_,
    Condition,
    Field,
    Not,
    Rule,
    RuleError,
    Segment,
    as_json,
    read_rule,
)
from console.empowerment.segments import active_segments, rule_of, segment_at, words_in_use
from console.web import currency_symbol, locale

DEEPEST_GROUP = 3  # that the buttons make
LONGEST_TEXT = 60
FIELDS = {"customers": ASKABLE, "interaction": INTERACTION}
KINDS = {"all": "all of these", "any": "any of these", "none": "none of these"}


@dataclass
class Group:
    """Conditions of which all, any or none must hold."""

    kind: str = "all"
    parts: list[Node] = field(default_factory=list)
    error: str = ""
    path: str = ""


@dataclass
class Pinned:
    """A segment's rule as it was when it was chosen. `token` carries both, signed, so that the name stays true."""

    name: str = ""
    rule: Rule = EVERYBODY
    error: str = ""
    path: str = ""

    @property
    def token(self) -> str:
        return str(signer().dumps({"name": self.name, "rule": as_json(self.rule)}))

    @property
    def words(self) -> str:
        return phrase(self.rule, currency(), locale())


Node = Group | Typed | Pinned


class RuleBuilder:
    """What templates/empowerment/_rule_builder.html shows. `prefix` begins every name in the form.

    `rule` is what can be read of it, unfinished conditions left out; it is to be saved only when `is_valid`, which
    puts an error at each place where something is wrong, and is False while somebody presses a button of the builder.
    """

    def __init__(self, prefix: str, fields: Mapping[str, Field], root: Group, pressed: str = "") -> None:
        self.prefix, self.fields, self.root, self.pressed = prefix, fields, root, pressed
        self.focus = ""
        self.number()

    @classmethod
    def of(cls, prefix: str, fields: Mapping[str, Field], rule: Rule) -> RuleBuilder:
        node = node_of(rule)
        return cls(prefix, fields, node if isinstance(node, Group) else Group(parts=[node]))

    @classmethod
    def sent(cls, prefix: str, fields: Mapping[str, Field], form: MultiDict[str, str]) -> RuleBuilder:
        """From a form; a button of the builder that was pressed has done its work."""
        root = Reading(fields, form).group(prefix, 1)
        builder = cls(prefix, fields, root, form.get(f"{prefix}-do", ""))
        builder.press(form)
        return builder

    @cached_property
    def rule(self) -> Rule:
        return self.read(self.root, strict=False) or EVERYBODY

    @cached_property
    def is_valid(self) -> bool:
        rule = self.read(self.root, strict=True) or EVERYBODY
        try:
            read_rule(as_json(rule), self.fields)
        except RuleError as problem:
            self.root.error = self.root.error or str(problem)
        return not self.errors and not self.pressed

    @property
    def is_set(self) -> bool:
        return bool(self.root.parts)

    @property
    def errors(self) -> list[str]:
        return [node.error for node in self.nodes() if node.error]

    def read(self, node: Node, *, strict: bool) -> Rule | None:
        """The rule of a node, or None where there is none. `strict` writes down what is wrong."""
        match node:
            case Pinned():
                return None if node.error else Segment(node.name, node.rule)
            case Typed():
                try:
                    return node.condition(self.fields, currency())
                except RuleError as problem:
                    if strict:
                        node.error = str(problem)
                    return None
        parts = tuple(rule for one in node.parts if (rule := self.read(one, strict=strict)) is not None)
        if not parts:
            if strict and not node.parts and node is not self.root:
                node.error = "This group is empty. Add a condition, or remove it."
            return None
        return All(parts) if node.kind == "all" else Any_(parts) if node.kind == "any" else Not(Any_(parts))

    def nodes(self) -> list[Node]:
        found: list[Node] = []
        waiting: list[Node] = [self.root]
        while waiting:
            node = waiting.pop()
            found.append(node)
            if isinstance(node, Group):
                waiting += reversed(node.parts)
        return found

    def number(self) -> None:
        """Give every node its place again."""
        self.root.path = self.prefix
        for node in self.nodes():
            if isinstance(node, Group):
                for at, part in enumerate(node.parts):
                    part.path = f"{node.path}-{at}"

    def press(self, form: MultiDict[str, str]) -> None:
        """Do what a button says: "add:customers-0". One that leads nowhere does nothing."""
        act, _, path = self.pressed.partition(":")
        found = {node.path: node for node in self.nodes()}
        node, above = found.get(path), found.get(path.rpartition("-")[0])
        if isinstance(node, Group):
            self.change_group(act, node, form)
        if isinstance(above, Group) and node is not None and node is not self.root:
            self.change_part(act, node, above)
        self.number()

    def change_group(self, act: str, group: Group, form: MultiDict[str, str]) -> None:
        added: Node | None = None
        if act == "add":
            added = Typed()
        elif act == "group" and depth(group.path, self.prefix) < DEEPEST_GROUP:
            group.parts.append(Group("none" if group.kind == "any" else "any", [added := Typed()]))
            self.number()
            self.focus = added.path
            return
        elif act == "segment":
            segment = segment_at(form.get(f"{self.prefix}-use", type=int))
            added = Pinned(segment.name, rule_of(segment)) if segment else None
        if added is not None and len(self.nodes()) < LARGEST:
            group.parts.append(added)
            self.number()
            self.focus = added.path

    def change_part(self, act: str, node: Node, above: Group) -> None:
        at = next(place for place, part in enumerate(above.parts) if part is node)
        if act == "remove":
            above.parts.pop(at)
            self.focus = above.parts[max(at - 1, 0)].path if above.parts else above.path
        elif act == "nest" and depth(above.path, self.prefix) < DEEPEST_GROUP:
            above.parts[at] = Group("any" if above.kind != "any" else "all", [node])
            self.number()
            self.focus = node.path
        elif act == "ungroup" and isinstance(node, Group):
            above.parts[at : at + 1] = node.parts
            self.number()
            self.focus = node.parts[0].path if node.parts else above.path

    # What the template asks.
    @property
    def sections(self) -> list[tuple[str, list[Field]]]:
        return sections(self.fields) if self.counts else [("", list(self.fields.values()))]

    @property
    def kinds(self) -> dict[str, str]:
        return KINDS

    @property
    def symbol(self) -> str:
        return currency_symbol()

    @property
    def counts(self) -> bool:
        """Whether it is about customers, who can be counted."""
        return self.prefix == "customers"

    @cached_property
    def segments(self) -> list[tuple[int, str]]:
        return [(one.id, one.name) for one in active_segments()] if self.counts else []

    def may_nest(self, path: str) -> bool:
        return depth(path, self.prefix) < DEEPEST_GROUP

    def fact(self, row: Typed) -> Field | None:
        return self.fields.get(row.field)

    def ops(self, row: Typed) -> list[tuple[str, str]]:
        return list(offered(self.fields[row.field], row.op).items())

    def takes(self, row: Typed) -> str:
        """The kind of input: none, words, two numbers or one."""
        if row.op in VALUELESS:
            return ""
        return "words" if row.op in ("in", "not_in") else "two" if row.op == "between" else "one"

    def boxes(self, row: Typed) -> list[tuple[str, str, bool]]:
        fact = self.fields[row.field]
        return boxes(fact, row.chosen, {} if fact.choices else {fact.name: words_in_use(fact.name)}, locale())


class Reading:
    """Nodes from what a form sent, as many and as deep as a rule may have and a little more."""

    def __init__(self, fields: Mapping[str, Field], form: MultiDict[str, str]) -> None:
        self.fields, self.form, self.left = fields, form, 2 * LARGEST  # read_rule says what is too much

    def group(self, path: str, deep: int) -> Group:
        kind = self.form.get(f"{path}-kind", "all")
        group = Group(kind if kind in KINDS else "all")
        while self.left > 0 and (node := self.node(f"{path}-{len(group.parts)}", deep + 1)) is not None:
            group.parts.append(node)
            self.left -= 1
        return group

    def node(self, path: str, deep: int) -> Node | None:
        if f"{path}-field" in self.form:
            return self.condition(path)
        if f"{path}-segment" in self.form:
            return pinned(self.form[f"{path}-segment"])
        if f"{path}-kind" in self.form and deep <= DEEPEST + 1:
            return self.group(path, deep)
        return None

    def condition(self, path: str) -> Typed:
        def text(name: str) -> str:
            return self.form.get(f"{path}-{name}", "").replace("\0", "")[:LONGEST_TEXT]

        row = Typed(text("field"), text("op"), text("low"), text("high"), self.form.getlist(f"{path}-chosen"))
        row.settle(self.fields)
        return row


def node_of(rule: Rule) -> Node:
    match rule:
        case Condition():
            return typed(rule, currency())
        case Segment(name, inner):
            return Pinned(name, inner)
        case All(of) | Any_(of):
            return Group("all" if isinstance(rule, All) else "any", [node_of(one) for one in of])
        case Not(Any_(of)):
            return Group("none", [node_of(one) for one in of])
        case Not(inner):
            return Group("none", [node_of(inner)])


def pinned(token: str) -> Pinned:
    try:
        data: dict[str, Any] = signer().loads(token)
        return Pinned(data["name"], read_rule(data["rule"], ASKABLE))
    except (BadData, KeyError, RuleError):
        return Pinned(error="This segment did not arrive whole. Remove it and choose it again.")


def signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="segment in a rule")


def depth(path: str, prefix: str) -> int:
    return path.removeprefix(prefix).count("-") + 1


def currency() -> str:
    return str(current_app.config["DEFAULT_CURRENCY"])
