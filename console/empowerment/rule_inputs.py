"""What the inputs of one condition offer, and what was typed into them as a condition. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from console.empowerment.rule_words import called
from console.empowerment.rules import VALUELESS, Condition, Field, RuleError, Type, read_condition
from console.money import Money

SECTIONS = {
    "Who they are": ("tier", "stage", "country", "language", "is_business", "customer_since", "marketing_consent"),
    "What they bought": (
        "orders_12m", "orders_90d", "orders_all", "spent_12m", "spent_all", "average_order", "last_order_at",
        "first_order_at", "open_basket", "returns_12m", "is_drifting", "rfm_recency", "rfm_frequency", "rfm_monetary",
    ),
    "What we gave": (
        "last_gesture_at", "gestures_90d", "gestures_12m", "gesture_cost_12m", "gestures_declined_12m",
        "reversals_12m", "no_gifts",
    ),
    "What went wrong": (
        "open_complaints", "complaints_12m", "last_complaint_at", "late_90d", "worst_delay_days", "broken_promises",
    ),
    "What was said": (
        "interactions_14d", "unresolved_14d", "interactions_90d", "last_interaction_at", "csat_last", "csat_average",
    ),
}  # fmt: skip
# The first one is what a condition begins with.
COMPARISONS = {
    "ge": "at least", "le": "at most", "eq": "exactly", "between": "between", "gt": "more than", "lt": "less than",
    "ne": "not exactly",
}  # fmt: skip
OFFERED: dict[Type, dict[str, str]] = {
    Type.NUMBER: COMPARISONS,
    Type.MONEY: {op: text for op, text in COMPARISONS.items() if op not in ("eq", "ne")},
    Type.FLAG: {"is_true": "yes", "is_false": "no"},
    Type.CHOICE: {"in": "one of", "not_in": "none of"},
    Type.TEXT: {"in": "one of", "not_in": "none of"},
    Type.DAYS_SINCE: {op: text for op, text in COMPARISONS.items() if op not in ("eq", "ne")},
}
KNOWING = {"is_known": "is known to us", "is_unknown": "is not known to us"}
HAPPENING = {
    "within": "in the last", "not_within": "not in the last", "ge": "longer ago, at least", "between": "ago, between",
    "is_known": "ever", "is_unknown": "never",
}  # fmt: skip
WHOLE = re.compile(r"[0-9]{1,15}", re.ASCII)
MOST_SHOWN = 30  # boxes to tick


def offered(one: Field, present: str = "") -> dict[str, str]:
    """The operators of a fact in the order in which they are offered; the `present` one is among them."""
    found = HAPPENING if one.happens else OFFERED[one.type] | KNOWING
    return found if present in ("", *found) else found | {present: COMPARISONS.get(present, present)}


def sections(fields: Mapping[str, Field]) -> list[tuple[str, list[Field]]]:
    """The facts about customers under headings."""
    return [(title, [fields[name] for name in names]) for title, names in SECTIONS.items()]


@dataclasses.dataclass
class Typed:
    """A condition as it stands in the form, perhaps unfinished. `path` leads to it, and begins all its names."""

    field: str = ""
    op: str = ""
    low: str = ""
    high: str = ""
    chosen: list[str] = dataclasses.field(default_factory=list)
    error: str = ""
    path: str = ""

    def settle(self, fields: Mapping[str, Field]) -> None:
        """After another fact was chosen: an operator that fits it."""
        fact = fields.get(self.field)
        if fact is not None and self.op not in fact.ops:
            self.op, self.low, self.high, self.chosen = next(iter(offered(fact))), "", "", []

    def condition(self, fields: Mapping[str, Field], currency: str) -> Condition:
        """Raises RuleError with a sentence for the person who filled it in."""
        if self.field not in fields:
            raise RuleError(self.path, "Choose what to ask about, or remove this condition.")
        fact = fields[self.field]
        data: dict[str, Any] = {"field": self.field, "op": self.op}
        if self.op in ("in", "not_in"):
            data["value"] = self.chosen
        elif self.op == "between":
            data["value"] = [number(self.low, fact, currency), number(self.high, fact, currency)]
        elif self.op not in VALUELESS:
            data["value"] = number(self.low, fact, currency)
        return read_condition(data, fields, self.path)


def typed(condition: Condition, currency: str) -> Typed:
    """The other way round: how a condition fills in the form."""
    row = Typed(condition.field.name, condition.op)
    match condition.op, condition.value:
        case (("in" | "not_in"), words):
            row.chosen = list(words)
        case "between", (low, high):
            row.low, row.high = plain(low, condition.field, currency), plain(high, condition.field, currency)
        case _, int(value):
            row.low = plain(value, condition.field, currency)
    return row


def plain(value: int, fact: Field, currency: str) -> str:
    if fact.type is Type.MONEY:
        return Money(value, currency).plain()
    return f"{value / 10**fact.decimals:.{fact.decimals}f}" if fact.decimals else str(value)


def number(text: str, fact: Field, currency: str) -> int:
    """What was typed, in the unit that is stored. Raises RuleError."""
    text = text.strip().replace(",", "")
    if fact.type is Type.MONEY or fact.decimals:
        try:
            # An amount of pounds and pence is read exactly like hundredths.
            return Money.parse(text, currency if fact.type is Type.MONEY else "GBP").minor
        except ValueError:
            example = "12.50" if fact.type is Type.MONEY else "4.25"
            raise RuleError("", f"Enter an amount, such as {example}.") from None
    if not WHOLE.fullmatch(text):
        raise RuleError("", f"Enter a whole number{f' of {fact.unit}' if fact.unit.endswith('s') else ''}, such as 3.")
    return int(text)


def boxes(fact: Field, chosen: list[str], in_use: Mapping[str, list[str]], locale: str) -> list[tuple[str, str, bool]]:
    """What may be ticked: (value, what it is called, whether it is). Of a text, what customers have, and what is."""
    values = list(fact.choices or [*in_use.get(fact.name, ())[:MOST_SHOWN]])
    values += [one for one in chosen if one not in values and fact.type is Type.TEXT]
    return [(one, called(fact, one, locale), one in chosen) for one in values]
