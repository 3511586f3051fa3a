"""Rules read from anything, three-valued answers, blame, and how all that is said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from console.empowerment.fields import ASKABLE, CUSTOMER, INTERACTION
from console.empowerment.rule_arrays import Column, mask
from console.empowerment.rule_words import phrase, whom, why_not
from console.empowerment.rules import (
    EVERYBODY,
    All,
    Any_,
    Blame,
    Condition,
    Not,
    Rule,
    RuleError,
    Segment,
    as_json,
    blame,
    conditions,
    holds,
    read_rule,
    shortfall,
)

NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def asks(field: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "op": op} | ({} if value is None else {"value": value})


def rule(data: dict[str, Any]) -> Rule:
    return read_rule(data, ASKABLE)


GOLD, SENT_BACK = asks("tier", "in", ["gold"]), asks("returns_12m", "ge", 1)
FACTS: dict[str, Any] = {"tier": "gold", "returns_12m": 0, "language": None}
YES, NO, UNKNOWN = GOLD, SENT_BACK, asks("language", "in", ["pl"])


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ({"all": []}, True),
        ({"all": [YES, YES]}, True),
        ({"all": [YES, UNKNOWN]}, None),
        ({"all": [NO, UNKNOWN]}, False),
        ({"any": [NO, UNKNOWN]}, None),
        ({"any": [YES, UNKNOWN]}, True),
        ({"any": [NO, NO]}, False),
        ({"not": UNKNOWN}, None),
        ({"not": {"all": [NO, UNKNOWN]}}, True),
        ({"not": {"not": YES}}, True),
        ({"segment": "Gold", "rule": UNKNOWN}, None),
        (asks("language", "not_in", ["pl"]), None),
        (asks("language", "is_known"), False),
        ({"not": asks("language", "is_known")}, True),
    ],
)
def test_what_is_not_known_stays_unknown(data: dict[str, Any], answer: bool | None) -> None:
    assert holds(rule(data), FACTS, NOW) is answer


@pytest.mark.parametrize(
    ("op", "value", "past", "answer"),
    [
        ("ge", 90, timedelta(days=90), True),
        ("ge", 90, timedelta(days=90) - MOMENT, False),
        ("lt", 90, timedelta(days=90) - MOMENT, True),
        ("le", 90, timedelta(days=91) - MOMENT, True),
        ("le", 90, timedelta(days=91), False),
        ("gt", 90, timedelta(days=91), True),
        ("between", [1, 2], timedelta(days=3) - MOMENT, True),
        ("between", [1, 2], timedelta(days=3), False),
        ("within", 90, timedelta(days=90), False),
        ("not_within", 90, timedelta(days=90), True),
        ("lt", 1, -timedelta(days=2), True),  # a clock that runs ahead
        ("within", 90, None, False),
        ("not_within", 90, None, True),  # never is not lately either
        ("ge", 90, None, None),
    ],
)
def test_days_are_whole_days_to_the_microsecond(
    op: str, value: Any, past: timedelta | None, answer: bool | None
) -> None:
    moment = None if past is None else NOW - past
    asked = rule(asks("last_gesture_at", op, value))
    assert holds(asked, {"last_gesture_at": moment}, NOW) is answer
    column = Column(np.array([moment.replace(tzinfo=None) if moment else None], "datetime64[us]"))
    assert mask(asked, {"last_gesture_at": column}, NOW, 1).tolist() == [answer is True]


def test_arrays_take_a_fact_without_a_column_for_unknown_and_a_moment_for_each_row() -> None:
    asked = rule({"all": [asks("tier", "in", ["gold"]), asks("last_order_at", "lt", 10)]})
    columns = {"last_order_at": Column(np.array(["2026-05-01", "2026-05-01"], "datetime64[us]"))}
    moments = np.array(["2026-05-05", "2026-05-20"], "datetime64[us]")
    assert mask(asked, columns, moments, 2).tolist() == [False, False]
    columns["tier"] = Column(np.array([0, 0]), words=("gold",))
    assert mask(asked, columns, moments, 2).tolist() == [True, False]
    assert mask(EVERYBODY, {}, NOW, 3).tolist() == [True] * 3


def ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


def nested(deep: int) -> dict[str, Any]:
    return GOLD if deep == 1 else {"not": nested(deep - 1)}


HOSTILE: list[tuple[Any, str]] = [
    (None, ""),
    ([], ""),
    ("all", ""),
    ({}, ""),
    ({"all": {}}, ""),
    ({"all": [], "any": []}, ""),
    ({"any": []}, ""),
    ({"all": [GOLD, {"all": []}]}, "all.1"),
    ({"all": [GOLD], "field": "tier"}, ""),
    ({"not": [GOLD]}, "not"),
    ({"segment": 7, "rule": GOLD}, ""),
    ({"segment": "a\0b", "rule": GOLD}, ""),
    ({"segment": "x" * 81, "rule": GOLD}, ""),
    ({"field": ["tier"], "op": "in"}, ""),
    ({"field": "shoe_size", "op": "ge", "value": 1}, ""),
    (asks("value_band", "in", ["top"]), ""),  # sensitive
    (GOLD | {"extra": 1}, ""),
    ({"any": [{"any": [asks("tier", "ge", 1)]}]}, "any.0.any.0"),
    ({"field": "tier", "op": ["in"], "value": ["gold"]}, ""),
    (asks("tier", "in", []), "value"),
    (asks("tier", "in", "gold"), "value"),
    (asks("tier", "in", ["Gold"]), "value"),
    (asks("tier", "in", [["gold"]]), "value"),
    (asks("language", "in", ["x"] * 201), "value"),
    (asks("language", "in", ["x" * 121]), "value"),
    (asks("language", "in", ["\0"]), "value"),
    (asks("language", "in", ["\ud800"]), "value"),
    (asks("language", "in", [""]), "value"),
    (asks("orders_12m", "ge", True), "value"),
    (asks("orders_12m", "ge", 1.0), "value"),
    (asks("orders_12m", "ge", float("nan")), "value"),
    (asks("orders_12m", "ge", "1"), "value"),
    (asks("orders_12m", "ge", 2**53 + 1), "value"),
    (asks("orders_12m", "ge", 10**4000), "value"),
    (asks("orders_12m", "between", [2, 1]), "value"),
    (asks("orders_12m", "between", [1]), "value"),
    (asks("orders_12m", "between", [1, 2, 3]), "value"),
    (asks("orders_12m", "between", 5), "value"),
    (asks("last_order_at", "ge", -1), "value"),
    (asks("last_order_at", "ge", 36_501), "value"),
    (asks("customer_since", "within", 5), ""),  # it does not happen again
    (asks("orders_12m", "ge"), "value"),
    (nested(7), "not.not.not.not.not.not"),
    ({"all": [GOLD] * 60}, "all.59"),
]


@pytest.mark.parametrize(("data", "path"), HOSTILE)
def test_what_is_no_rule_is_refused_at_its_place_with_a_sentence(data: Any, path: str) -> None:
    with pytest.raises(RuleError) as refusal:
        read_rule(data, CUSTOMER)
    assert refusal.value.path == path
    assert str(refusal.value).endswith(".")


def test_very_deep_json_is_refused_before_the_stack_ends() -> None:
    data: Any = GOLD
    for _ in range(100_000):
        data = {"not": data}
    with pytest.raises(RuleError):
        rule(data)


def test_a_rule_as_large_as_allowed_is_read_and_written_alike() -> None:
    data = {"all": [GOLD] * 57 + [nested(2)]}
    assert as_json(rule(data)) == data
    assert json.loads(json.dumps(as_json(rule(data)))) == data
    assert holds(rule(nested(6)), FACTS, NOW) is False
    assert len(list(conditions(rule(data)))) == 58


def test_blame_names_what_stands_in_the_way_with_what_was_seen() -> None:
    asked = rule({"all": [GOLD, SENT_BACK, {"not": {"any": [asks("no_gifts", "is_true"), UNKNOWN]}}]})
    found = blame(asked, FACTS | {"no_gifts": True}, NOW)
    assert [(one.condition.field.name, one.observed, one.wanted) for one in found] == [
        ("returns_12m", 0, True),
        ("no_gifts", True, False),
        ("language", None, False),
    ]
    assert blame(EVERYBODY, {}, NOW) == []


def test_the_shortfall_takes_the_shortest_way_through_a_choice() -> None:
    many = {"all": [SENT_BACK, UNKNOWN]}
    asked = rule({"any": [many, asks("orders_12m", "ge", 5)]})
    assert [one.condition.field.name for one in shortfall(asked, FACTS | {"orders_12m": 4}, NOW)] == ["orders_12m"]
    assert shortfall(asked, FACTS | {"orders_12m": 5}, NOW) == []
    assert len(shortfall(rule({"not": {"segment": "x", "rule": {"any": [GOLD, UNKNOWN]}}}), FACTS, NOW)) == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"all": []}, ""),
        (
            {"all": [asks("tier", "in", ["silver", "gold"]), asks("gestures_90d", "eq", 0)]},
            "with tier silver or gold and without a gesture in 90 days",
        ),
        (asks("last_gesture_at", "not_within", 30), "without a gesture in 30 days"),
        (asks("last_order_at", "within", 1), "with an order in the last 1 day"),
        (asks("last_order_at", "ge", 365), "whose last order was at least 365 days ago"),
        (asks("last_order_at", "is_unknown"), "who never had an order"),
        (asks("customer_since", "between", [30, 90]), "who have been customers for 30 to 90 days"),
        (asks("customer_since", "is_unknown"), "without a known time as a customer"),
        (asks("spent_12m", "ge", 50_000), "with at least £500 spent in 12 months"),
        (asks("spent_12m", "lt", 1_250), "with less than £12.50 spent in 12 months"),
        (asks("orders_12m", "lt", 3), "with fewer than 3 orders in 12 months"),
        (asks("orders_12m", "ge", 1), "with an order in 12 months"),
        (asks("orders_12m", "gt", 1), "with more than 1 order in 12 months"),
        ({"not": asks("orders_12m", "between", [2, 4])}, "with not 2 to 4 orders in 12 months"),
        (asks("csat_average", "lt", 425), "with an average survey score of less than 4.25 of 5"),
        (asks("worst_delay_days", "ge", 1), "with a delivery at least 1 day late in 90 days"),
        (asks("worst_delay_days", "eq", 0), "without a late delivery in 90 days"),
        (asks("country", "in", ["GB", "PL", "XX"]), "with the country United Kingdom, Poland or XX"),
        (asks("language", "not_in", ["pl"]), "speaking another language than Polish"),
        ({"not": asks("no_gifts", "is_true")}, "who did not ask for no gifts"),
        (
            {"not": {"any": [GOLD, SENT_BACK]}},
            "with a tier other than gold and without an order sent back in 12 months",
        ),
        (
            {"all": [{"any": [SENT_BACK, asks("no_gifts", "is_true")]}, GOLD]},
            "with tier gold and either with an order sent back in 12 months or who asked for no gifts",
        ),
        (
            {"any": [{"all": [GOLD, SENT_BACK]}, {"any": [asks("no_gifts", "is_true")]}]},
            "either who asked for no gifts or (with tier gold and with an order sent back in 12 months)",
        ),
        ({"not": {"segment": "Friends", "rule": GOLD}}, "not in the segment “Friends”"),
    ],
)
def test_a_rule_reads_as_part_of_a_sentence(data: dict[str, Any], words: str) -> None:
    assert phrase(rule(data)) == words


def test_frequent_conditions_go_before_the_noun() -> None:
    asked = rule({"all": [asks("tier", "in", ["silver", "gold"]), asks("gestures_90d", "eq", 0)]})
    assert whom(asked) == "silver or gold customers without a gesture in 90 days"
    assert whom(rule(asks("is_business", "is_true"))) == "business customers"
    assert whom(EVERYBODY) == "all customers"
    assert whom(rule(SENT_BACK)) == "customers with an order sent back in 12 months"


def test_a_rule_about_the_conversation_reads_after_when() -> None:
    asked = read_rule({"all": [asks("occasion", "in", ["recovery"]), asks("worst_delay_days", "ge", 3)]}, INTERACTION)
    assert phrase(asked) == "the gesture is after a failure and a delivery is at least 3 days late"


def test_amounts_are_written_in_the_shops_own_currency() -> None:
    assert phrase(rule(asks("spent_12m", "ge", 5000)), "JPY", "ja_JP") == "with at least ￥5,000 spent in 12 months"
    assert phrase(rule(asks("spent_12m", "ge", 5000)), "EUR", "de_DE") == "with at least 50\xa0€ spent in 12 months"


def test_a_long_list_is_cut_in_words() -> None:
    asked = rule(asks("language", "in", [f"x{number}" for number in range(20)]))
    assert phrase(asked) == "speaking x0, x1, x2, x3, x4, x5, x6 or 13 others"


@pytest.mark.parametrize(
    ("data", "observed", "words"),
    [
        (asks("last_gesture_at", "ge", 90), ago(12), "the last gesture was 12 days ago, needs at least 90 days"),
        (asks("last_gesture_at", "ge", 90), None, "they never had a gesture, needs at least 90 days"),
        (asks("customer_since", "ge", 30), ago(1), "time as a customer is 1 day, needs at least 30 days"),
        (asks("country", "in", ["PL"]), None, "we do not know their country"),
        (asks("marketing_consent", "is_true"), None, "we do not know whether they agreed to marketing"),
        (asks("tier", "in", ["gold"]), "standard", "loyalty tier is standard, needs gold"),
        (asks("tier", "not_in", ["gold"]), "gold", "loyalty tier is gold, needs anything but gold"),
        (asks("gestures_90d", "eq", 0), 1, "1 gesture in 90 days, needs none"),
        (asks("orders_12m", "ge", 3), 0, "no orders in 12 months, needs at least 3"),
        (asks("spent_12m", "ge", 5000), 1999, "spent in 12 months is £19.99, needs at least £50"),
        (asks("no_gifts", "is_false"), True, "they asked for no gifts"),
        ({"not": asks("no_gifts", "is_true")}, True, "they asked for no gifts"),
        ({"not": asks("orders_12m", "between", [1, 2])}, 2, "2 orders in 12 months, needs not 1 to 2"),
        (asks("last_order_at", "is_unknown"), ago(3), "the last order was 3 days ago"),
        (asks("last_order_at", "is_known"), None, "they never had an order"),
        (asks("language", "is_unknown"), "pl", "their language is known"),
    ],
)  # fmt: skip
def test_what_blocks_is_said_with_what_was_observed(data: dict[str, Any], observed: Any, words: str) -> None:
    asked = rule(data)
    name = next(conditions(asked)).field.name
    assert why_not(blame(asked, {name: observed}, NOW), NOW) == [words]


def test_a_sensitive_fact_is_never_named() -> None:
    condition = Condition(CUSTOMER["value_band"], "in", ("top",))
    (said,) = why_not([Blame(condition, "low")], NOW)
    assert said == "something about them that is not shown"


def test_every_fact_can_be_said_with_each_of_its_operators() -> None:
    for field in ({**ASKABLE, **INTERACTION}).values():
        for op in field.ops:
            value: Any = tuple(field.choices or ("x",)) if op in ("in", "not_in") else 3
            for asked in (Condition(field, op, (2, 3) if op == "between" else value),):
                for said in (phrase(asked), phrase(Not(asked)), *why_not([Blame(asked, None)], NOW)):
                    assert said.strip(), (field.name, op)
                    assert "{" not in said, (field.name, op)


def test_groups_of_one_and_groups_in_groups_are_said_plainly() -> None:
    gold, back = rule(GOLD), rule(SENT_BACK)
    assert phrase(All((Any_((gold,)), All((back,))))) == phrase(All((gold, back)))
    assert phrase(Segment("Gold", gold)) == "in the segment “Gold”"
