"""Segments: named rules over the facts of customers, for policies, lists and reports.

A policy that uses one keeps a copy of its rule, so changing a segment changes no policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from console.customers.fact_models import CustomerFacts
from console.customers.facts import refresh, stale_count
from console.customers.models import Customer
from console.db import db
from console.empowerment.fields import ASKABLE
from console.empowerment.models import CustomerSegment
from console.empowerment.rule_sql import compile_answer, compile_shortfall
from console.empowerment.rule_words import why_not
from console.empowerment.rules import EVERYBODY, Rule, Value, as_json, holds, read_rule, shortfall
from console.errors import DomainError, Stale
from console.events import Topic, record_event

PAGE = 50
MOST = 200  # segments on the list
REFRESHED = 2_000  # customers whose facts are brought up to date before a count
EXAMPLES = 3
LOOKED_AT = 40  # customers who just miss, of whom the examples with different reasons are chosen
COLUMNS = {name: getattr(CustomerFacts, name) for name in ASKABLE}
STALE = "Somebody else changed this segment meanwhile. Both are shown below; saving again replaces theirs."
TAKEN = "There is a segment of that name already. Choose another name, or change that one."


def rule_of(segment: CustomerSegment) -> Rule:
    return read_rule(segment.rule, ASKABLE)


def all_segments(*, archived: bool = False) -> list[CustomerSegment]:
    """In use, or put away; by name, each with who changed it last."""
    away = CustomerSegment.archived_at.is_not(None) if archived else CustomerSegment.archived_at.is_(None)
    query = select(CustomerSegment).where(away).options(joinedload(CustomerSegment.changed_by))
    return list(db.session.scalars(query.order_by(CustomerSegment.name, CustomerSegment.id).limit(MOST)))


def active_segments() -> list[CustomerSegment]:
    return all_segments()


def segment_at(segment_id: int | None) -> CustomerSegment | None:
    """One that is in use."""
    segment = db.session.get(CustomerSegment, segment_id) if segment_id and 0 < segment_id < 2**63 else None
    return segment if segment and segment.archived_at is None else None


def segment_with_author(segment_id: int) -> CustomerSegment | None:
    return db.session.get(CustomerSegment, segment_id, options=[joinedload(CustomerSegment.changed_by)])


def segments_for(facts: Mapping[str, Value], now: datetime) -> list[CustomerSegment]:
    """The segments that a customer with these facts is in; `facts` by field name, as customers.facts gives them."""
    return [segment for segment in active_segments() if holds(rule_of(segment), facts, now)]


def create_segment(name: str, description: str, rule: Rule, *, actor_id: int, now: datetime) -> CustomerSegment:
    """Raises DomainError when the name is taken."""
    segment = CustomerSegment(
        name=name, description=description, rule=as_json(rule), changed_at=now, changed_by_id=actor_id
    )
    db.session.add(segment)
    keep_name()
    record_event("segment.created", Topic.GESTURE, subject=segment, actor_id=actor_id, at=now)
    return segment


def change_segment(
    segment: CustomerSegment,
    name: str,
    description: str,
    rule: Rule,
    *,
    based_on: int,
    actor_id: int,
    now: datetime,
) -> None:
    """`based_on` is the revision that its author had before them. Raises Stale, or DomainError for a name taken."""
    lock(segment)
    if segment.revision != based_on:
        raise Stale(STALE)
    segment.name, segment.description, segment.rule = name, description, as_json(rule)
    mark(segment, "segment.changed", actor_id, now)
    keep_name()


def set_archived(segment: CustomerSegment, archived: bool, *, actor_id: int, now: datetime) -> None:
    """Put it away, or back into use. Policies that use it keep their copy."""
    lock(segment)
    if (segment.archived_at is not None) != archived:
        segment.archived_at = now if archived else None
        mark(segment, "segment.archived" if archived else "segment.restored", actor_id, now)


def lock(segment: CustomerSegment) -> None:
    """From here to the commit nobody else changes it; what others changed meanwhile is seen."""
    query = select(CustomerSegment).where(CustomerSegment.id == segment.id).with_for_update()
    db.session.scalars(query.execution_options(populate_existing=True)).one()


def mark(segment: CustomerSegment, kind: str, actor_id: int, now: datetime) -> None:
    segment.revision += 1
    segment.changed_at, segment.changed_by_id = now, actor_id
    record_event(kind, Topic.GESTURE, subject=segment, actor_id=actor_id, at=now, data={"revision": segment.revision})


def keep_name() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        db.session.rollback()
        raise DomainError(TAKEN) from error


def bring_up_to_date(now: datetime) -> int:
    """Refresh what changed lately; returns how many customers' facts are still behind, as after an import."""
    return stale_count(now) if refresh(now, REFRESHED) >= REFRESHED else 0


def count_matching(rule: Rule, now: datetime) -> int:
    """Customers for whom the rule holds: one scan, after what changed lately was brought up to date."""
    bring_up_to_date(now)
    return count(rule, now)


def count(rule: Rule, now: datetime) -> int:
    """The same of the facts as they are: 30 to 150 ms for 200,000 customers."""
    query = select(func.count()).select_from(CustomerFacts).where(compile_answer(rule, COLUMNS, now))
    return db.session.scalar(query) or 0


def counts(rules: Sequence[Rule], now: datetime) -> list[int]:
    """Of several rules in one scan."""
    if not rules:
        return []
    found = db.session.execute(
        select(*(func.count().filter(compile_answer(rule, COLUMNS, now)) for rule in rules)).select_from(CustomerFacts)
    ).one()
    return [int(number) for number in found]


def customer_count() -> int:
    return db.session.scalar(select(func.count()).select_from(CustomerFacts)) or 0


def members(rule: Rule, now: datetime, after: int = 0) -> Select[Customer, CustomerFacts]:
    """Customers for whom the rule holds, with their facts, by their number."""
    return (
        select(Customer, CustomerFacts)
        .join(CustomerFacts, CustomerFacts.customer_id == Customer.id)
        .where(CustomerFacts.customer_id > after, compile_answer(rule, COLUMNS, now))
        .order_by(CustomerFacts.customer_id)
    )


@dataclass(frozen=True)
class NearMiss:
    """Somebody whom one condition keeps out."""

    customer: Customer
    why: str


def matching_examples(rule: Rule, now: datetime) -> list[Customer]:
    return list(db.session.scalars(members(rule, now).with_only_columns(Customer).limit(EXAMPLES)))


def just_missing(rule: Rule, now: datetime, currency: str, locale: str) -> list[NearMiss]:
    """Customers for whom exactly one condition would have to come true, by preference each a different one."""
    if rule == EVERYBODY:
        return []
    query = (
        select(Customer, CustomerFacts)
        .join(CustomerFacts, CustomerFacts.customer_id == Customer.id)
        .where(compile_shortfall(rule, COLUMNS, now) == 1)
        .order_by(CustomerFacts.customer_id)
        .limit(LOOKED_AT)
    )
    by_condition: dict[object, list[NearMiss]] = {}
    for customer, row in db.session.execute(query):
        blames = shortfall(rule, facts_in(row), now)
        (why,) = why_not(blames, now, currency, locale)
        by_condition.setdefault(blames[0].condition, []).append(NearMiss(customer, why))
    return list(alternating(list(by_condition.values())))[:EXAMPLES]


def alternating(groups: list[list[NearMiss]]) -> Iterator[NearMiss]:
    """The first of each group, then the second of each, and so on."""
    for at in range(max(map(len, groups), default=0)):
        yield from (group[at] for group in groups if len(group) > at)


def facts_in(row: CustomerFacts) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ASKABLE}


def words_in_use(name: str) -> list[str]:
    """The values that customers have of a text, the most frequent first."""
    column = COLUMNS[name]
    query = select(column).where(column.is_not(None)).group_by(column).order_by(func.count().desc(), column)
    return list(db.session.scalars(query.limit(MOST)))
