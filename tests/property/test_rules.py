"""A rule answers alike in Python, SQL on both engines and numpy, for every customer, by random rules and customers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column as SqlColumn
from sqlalchemy import Connection, MetaData, Table, create_engine, insert, select

from console.customers.fact_models import CustomerFacts
from console.empowerment.fields import ASKABLE
from console.empowerment.rule_arrays import Column, mask
from console.empowerment.rule_sql import compile_answer, compile_rule, compile_shortfall
from console.empowerment.rule_words import phrase, why_not
from console.empowerment.rules import (
    LARGEST_NUMBER,
    LONGEST_AGO,
    Field,
    Not,
    Rule,
    Type,
    as_json,
    blame,
    holds,
    positive,
    read_rule,
    shortfall,
)
from tests import postgres

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # in the hour that London's clocks leave out
MICROSECOND = timedelta(microseconds=1)
# One or two of each kind, so that rules meet the same facts again and again.
NAMES = (
    "tier", "stage", "language", "marketing_consent", "no_gifts", "customer_since", "last_gesture_at", "orders_12m",
    "csat_average", "spent_12m",
)  # fmt: skip
FIELDS = [ASKABLE[name] for name in NAMES]
NUMBERS = (-1, 0, 1, 2, 3, 2**31, LARGEST_NUMBER)
DAYS = (0, 1, 2, 30, 90, LONGEST_AGO)
WORDS = ("en", "EN", "pt-BR", "it's", "%")
CUSTOMERS = 300
FACTS = Table("facts", MetaData(), SqlColumn("id", CustomerFacts.__table__.c.id.type, primary_key=True), *(
    SqlColumn(name, CustomerFacts.__table__.c[name].type) for name in NAMES
))  # fmt: skip


COLUMNS = {name: FACTS.c[name] for name in NAMES}


def some_value(field: Field, dice: random.Random) -> Any:
    """Often unknown, and otherwise on or beside what rules ask for."""
    if dice.random() < 0.2:
        return None
    match field.type:
        case Type.FLAG:
            return dice.random() < 0.5
        case Type.CHOICE:
            return dice.choice(list(field.choices or ()))
        case Type.TEXT:
            return dice.choice(WORDS)
        case Type.DAYS_SINCE:
            past = timedelta(days=dice.choice(DAYS) + dice.choice((0, 0, 1)))
            return NOW - past + dice.choice((-1, 0, 0, 1)) * MICROSECOND
    most = 2**31 - 1 if field.type is Type.NUMBER else LARGEST_NUMBER + 1
    return min(dice.choice(NUMBERS) + dice.choice((-1, 0, 0, 1)), most)


def some_customers() -> list[dict[str, Any]]:
    dice = random.Random(20260329)
    return [{field.name: some_value(field, dice) for field in FIELDS} for _ in range(CUSTOMERS)]


PEOPLE = some_customers()


def array_of(field: Field) -> Column:
    given = [person[field.name] for person in PEOPLE]
    known = np.array([one is not None for one in given])
    if field.type is Type.DAYS_SINCE:
        moments = [one.replace(tzinfo=None) if one else None for one in given]
        return Column(np.array(moments, "datetime64[us]"))
    if field.type is Type.CHOICE:
        words = tuple(field.choices or ())
        return Column(np.array([words.index(one) if one else -1 for one in given]), known, words)
    if field.type is Type.TEXT:
        return Column(np.array([one or "" for one in given]), known)
    return Column(np.array([one or 0 for one in given], bool if field.type is Type.FLAG else np.int64), known)


ARRAYS = {field.name: array_of(field) for field in FIELDS}


def condition_json(field: Field) -> st.SearchStrategy[dict[str, Any]]:
    def asked(op: str) -> st.SearchStrategy[dict[str, Any]]:
        numbers = st.sampled_from(DAYS if field.type is Type.DAYS_SINCE else NUMBERS)
        words = st.lists(st.sampled_from(list(field.choices or WORDS)), min_size=1, max_size=3)
        value: st.SearchStrategy[Any] = numbers
        if op in ("in", "not_in"):
            value = words
        elif op == "between":
            value = st.tuples(numbers, numbers).map(sorted)
        elif op.startswith("is_"):
            return st.just({"field": field.name, "op": op})
        return st.builds(lambda one: {"field": field.name, "op": op, "value": one}, value)

    return st.sampled_from(field.ops).flatmap(asked)


def every_condition() -> Iterator[dict[str, Any]]:
    """Each operator of each fact, with every value that is drawn below."""
    for field in FIELDS:
        numbers = DAYS if field.type is Type.DAYS_SINCE else NUMBERS
        for op in field.ops:
            values: list[Any] = list(numbers)
            if op.startswith("is_"):
                values = [None]
            elif op in ("in", "not_in"):
                values = [[one] for one in field.choices or WORDS]
            elif op == "between":
                values = [[low, high] for low in numbers for high in numbers if low <= high]
            for value in values:
                yield {"field": field.name, "op": op} | ({} if value is None else {"value": value})


CONDITIONS = st.sampled_from(FIELDS).flatmap(condition_json)
RULES = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda one: {"not": one}),
        inner.map(lambda one: {"segment": "Named", "rule": one}),
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def databases(postgres_port: int, worker_id: str) -> Iterator[list[Connection]]:
    """SQLite and PostgreSQL with the same customers."""
    url = postgres.create_database(postgres_port, f"plusone_rules_{worker_id}")
    engines = [create_engine("sqlite://"), create_engine(url)]
    connections = [engine.connect() for engine in engines]
    for connection in connections:
        FACTS.create(connection)
        connection.execute(insert(FACTS), [{"id": at, **person} for at, person in enumerate(PEOPLE)])
        connection.commit()
    yield connections
    for connection, engine in zip(connections, engines, strict=True):
        connection.close()
        engine.dispose()


def readable(data: dict[str, Any]) -> Rule | None:
    """None for a rule that grew too deep, which read_rule refuses."""
    try:
        return read_rule(data, ASKABLE)
    except ValueError:
        return None


def test_every_condition_answers_alike_everywhere(databases: list[Connection]) -> None:
    rules = [read_rule(one, ASKABLE) for one in every_condition()]
    expected = [tuple(holds(rule, person, NOW) for rule in rules) for person in PEOPLE]
    query = select(*(compile_answer(rule, COLUMNS, NOW).label(f"c{at}") for at, rule in enumerate(rules)))
    for connection in databases:
        rows = connection.execute(query.order_by(FACTS.c.id)).all()
        assert [tuple(None if one is None else bool(one) for one in row) for row in rows] == expected
    for at, rule in enumerate(rules):
        assert mask(rule, ARRAYS, NOW, CUSTOMERS).tolist() == [row[at] is True for row in expected], rule
        assert mask(Not(rule), ARRAYS, NOW, CUSTOMERS).tolist() == [row[at] is False for row in expected], rule


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(rule=RULES.map(readable).filter(lambda rule: rule is not None), shift=st.sampled_from([-1, 0, 1]))
def test_a_rule_answers_alike_everywhere(databases: list[Connection], rule: Rule, shift: int) -> None:
    now = NOW + shift * MICROSECOND
    expected = [holds(rule, person, now) for person in PEOPLE]
    missing = [len(shortfall(rule, person, now)) for person in PEOPLE]
    query = select(
        compile_rule(rule, COLUMNS, now), compile_answer(rule, COLUMNS, now), compile_shortfall(rule, COLUMNS, now)
    ).order_by(FACTS.c.id)
    for connection in databases:
        rows = connection.execute(query).all()
        assert [bool(row[0]) for row in rows] == [one is True for one in expected]
        assert [None if row[1] is None else bool(row[1]) for row in rows] == expected
        assert [row[2] for row in rows] == missing
    moments = np.full(CUSTOMERS, now.replace(tzinfo=None), "datetime64[us]")
    for given_now in (now, moments):
        assert mask(rule, ARRAYS, given_now, CUSTOMERS).tolist() == [one is True for one in expected]
    assert [count == 0 for count in missing] == [one is True for one in expected]


@given(rule=RULES.map(readable).filter(lambda rule: rule is not None), which=st.integers(0, CUSTOMERS - 1))
def test_a_rule_keeps_its_meaning_through_json_and_negation_and_can_always_be_said(rule: Rule, which: int) -> None:
    person = PEOPLE[which]
    assert read_rule(as_json(rule), ASKABLE) == rule
    assert holds(positive(rule), person, NOW) is holds(rule, person, NOW)
    found = blame(rule, person, NOW)
    assert (found == []) == (holds(rule, person, NOW) is True)
    assert len(shortfall(rule, person, NOW)) <= len(found)
    assert phrase(rule) != ""
    assert all(why_not(found, NOW))
