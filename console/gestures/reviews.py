"""What a person should look at: a random sample, and patterns that chance alone hardly makes, with their arithmetic.

Nothing follows from any of it by itself, and nobody is ranked. Every pattern is found once a month at most.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import joinedload

from console.auth.models import User
from console.db import db
from console.empowerment.models import PolicyVersion
from console.empowerment.policies import body_of
from console.empowerment.policy import Measure
from console.empowerment.windows import Window
from console.errors import DomainError
from console.events import Event, Topic, record_event
from console.gestures.approval_models import ApprovalRequest, RequestState
from console.gestures.lots import is_drawn
from console.gestures.models import EntryState, LedgerEntry
from console.gestures.odds import at_least, discoveries
from console.gestures.review_models import GestureReview, ReviewKind, ReviewOutcome
from console.gestures.settings import gesture_settings
from console.interactions.models import IS_NO_REPLAY, Interaction

LOOKED_BACK = timedelta(days=90)
MOST = 100_000  # gestures looked at, the newest
FALSE_ALARMS = 0.05  # of what is pointed out
SEVERAL = 4  # gestures before a pair or a customer is looked at
MANY = 20  # gestures, or requests, before a person's pattern is
NEAR_THE_CAP = 0.9
IN_HASTE = 3.0  # seconds
PAGE = 30
LOOKED = "gestures.looked_through"
GIVEN = (EntryState.GRANTED, EntryState.FULFILLED, EntryState.REVERSED)


@dataclass(frozen=True)
class Pattern:
    kind: ReviewKind
    subject: str
    chance: float
    arithmetic: dict[str, Any]
    agent_id: int | None = None
    customer_id: int | None = None


def is_due(now: datetime) -> bool:
    """Whether nobody has looked for a day, so that the sample is drawn without anybody having to think of it."""
    last = db.session.scalar(
        select(Event.recorded_at).where(Event.kind == LOOKED).order_by(Event.recorded_at.desc()).limit(1)
    )
    return last is None or last <= now - timedelta(days=1)


def look(now: datetime, actor_id: int | None = None) -> int:
    """Draw the sample and look for patterns in the last 90 days; returns how many things are new. `actor_id` is who
    asked for it, if anybody did."""
    given = db.session.execute(
        select(
            LedgerEntry.id,
            LedgerEntry.agent_id,
            LedgerEntry.team_id,
            LedgerEntry.customer_id,
            LedgerEntry.cost_minor,
            LedgerEntry.policy_version_id,
        )
        .where(LedgerEntry.state.in_(GIVEN), LedgerEntry.booked_at > now - LOOKED_BACK)
        .order_by(LedgerEntry.id.desc())
        .limit(MOST)
    ).all()
    month = f"{now:%Y-%m}"
    found = [*pairs(given, month), *customers(given, month, now), *near_caps(given, month), *hasty(now, month)]
    percent = gesture_settings().review_percent
    rows = [sample_row(row, now) for row in given if is_drawn(f"review:{row.id}", percent)]
    for kind in (ReviewKind.PAIR, ReviewKind.CUSTOMER, ReviewKind.AT_THE_CAP, ReviewKind.APPROVAL):
        alike = [pattern for pattern in found if pattern.kind is kind]
        standing_out = discoveries([pattern.chance for pattern in alike], FALSE_ALARMS)
        rows += [pattern_row(alike[place], now) for place in standing_out]
    new = insert_new(rows)
    record_event(LOOKED, Topic.ACCESS, actor_id=actor_id, at=now, data={"new": new})
    return new


def sample_row(row: Any, now: datetime) -> dict[str, Any]:
    return {
        "kind": ReviewKind.SAMPLE,
        "subject": f"entry:{row.id}",
        "entry_id": row.id,
        "agent_id": row.agent_id,
        "customer_id": row.customer_id,
        "arithmetic": {},
        "found_at": now,
        "comment": "",
    }


def pattern_row(pattern: Pattern, now: datetime) -> dict[str, Any]:
    return {
        "kind": pattern.kind,
        "subject": pattern.subject,
        "entry_id": None,
        "agent_id": pattern.agent_id,
        "customer_id": pattern.customer_id,
        "arithmetic": pattern.arithmetic | {"chance": float(f"{pattern.chance:.3g}")},
        "found_at": now,
        "comment": "",
    }


def insert_new(rows: list[dict[str, Any]]) -> int:
    """Those that are not there yet."""
    if not rows:
        return 0
    insert = insert_sqlite if db.session.connection().dialect.name == "sqlite" else insert_postgresql
    before = db.session.scalar(select(func.count(GestureReview.id))) or 0
    for start in range(0, len(rows), 500):
        db.session.execute(
            insert(GestureReview)
            .values(rows[start : start + 500])
            .on_conflict_do_nothing(index_elements=["kind", "subject"])
        )
    return (db.session.scalar(select(func.count(GestureReview.id))) or 0) - before


def pairs(given: Any, month: str) -> Iterator[Pattern]:
    """One agent and one customer: more of the customer's gestures than the agent's share of the team's others."""
    by_team, by_agent = Counter(row.team_id for row in given), Counter((row.team_id, row.agent_id) for row in given)
    by_customer = Counter((row.team_id, row.customer_id) for row in given)
    for (team, agent, customer), hits in Counter((row.team_id, row.agent_id, row.customer_id) for row in given).items():
        cases, others = by_customer[team, customer], by_team[team] - by_customer[team, customer]
        if hits < SEVERAL or others < MANY:
            continue
        share = (by_agent[team, agent] - hits) / others
        yield Pattern(
            ReviewKind.PAIR,
            f"pair:{agent}:{customer}:{month}",
            at_least(hits, cases, max(share, 1 / others)),
            {"hits": hits, "cases": cases, "share": round(share, 4)},
            agent,
            customer,
        )


def customers(given: Any, month: str, now: datetime) -> Iterator[Pattern]:
    """A customer who was given something in more of their conversations than is usual."""
    gifts = Counter(row.customer_id for row in given)
    several = [customer for customer, hits in gifts.items() if hits >= SEVERAL]
    lately = (Interaction.started_at > now - LOOKED_BACK, IS_NO_REPLAY)
    all_talks = db.session.scalar(select(func.count(Interaction.id)).where(*lately))
    talks: dict[int, int] = {}
    for start in range(0, len(several), 500):
        rows = db.session.execute(
            select(Interaction.customer_id, func.count())
            .where(Interaction.customer_id.in_(several[start : start + 500]), *lately)
            .group_by(Interaction.customer_id)
        )
        talks.update((customer, number) for customer, number in rows)
    usual = len(given) / max(all_talks or 0, len(given), 1)
    for customer in several:
        hits, cases = gifts[customer], max(talks.get(customer, 0), gifts[customer])
        yield Pattern(
            ReviewKind.CUSTOMER,
            f"customer:{customer}:{month}",
            at_least(hits, cases, usual),
            {"hits": hits, "cases": cases, "share": round(usual, 4)},
            customer_id=customer,
        )


def near_caps(given: Any, month: str) -> Iterator[Pattern]:
    """Somebody whose gestures lie just under the limit for one, more often than their team's do."""
    caps = caps_of({row.policy_version_id for row in given})
    near: dict[Any, list[bool]] = defaultdict(list)
    team_near: dict[Any, list[bool]] = defaultdict(list)
    for row in given:
        if cap := caps.get(row.policy_version_id):
            is_near = row.cost_minor >= NEAR_THE_CAP * cap
            near[row.team_id, row.agent_id].append(is_near)
            team_near[row.team_id].append(is_near)
    for (team, agent), own in near.items():
        others = len(team_near[team]) - len(own)
        if len(own) < MANY or others < MANY or not sum(own):
            continue
        share = (sum(team_near[team]) - sum(own)) / others
        yield Pattern(
            ReviewKind.AT_THE_CAP,
            f"cap:{agent}:{month}",
            at_least(sum(own), len(own), max(share, 1 / others)),
            {"hits": sum(own), "cases": len(own), "share": round(share, 4)},
            agent,
        )


def caps_of(version_ids: set[int]) -> dict[int, int]:
    """What each policy version allows for one gesture, minor units of cost."""
    rows = db.session.scalars(select(PolicyVersion).where(PolicyVersion.id.in_(version_ids)))
    found = {
        row.id: [
            limit.cap for limit in body_of(row).limits if limit.window is Window.EACH and limit.measure is Measure.COST
        ]
        for row in rows
    }
    return {version: min(caps) for version, caps in found.items() if caps}


def hasty(now: datetime, month: str) -> Iterator[Pattern]:
    """One approver and one requester: always yes, and within seconds."""
    rows = db.session.execute(
        select(
            ApprovalRequest.decided_by_id,
            ApprovalRequest.requester_id,
            ApprovalRequest.state,
            ApprovalRequest.requested_at,
            ApprovalRequest.decided_at,
        ).where(
            ApprovalRequest.requested_at > now - LOOKED_BACK,
            ApprovalRequest.state.in_((RequestState.APPROVED, RequestState.REJECTED)),
            ApprovalRequest.decided_by_id.is_not(None),
        )
    ).all()
    quick: dict[tuple[int, int], list[float]] = defaultdict(list)
    yes: Counter[tuple[int, int]] = Counter()
    for approver, requester, state, asked, decided in rows:
        if approver is not None and decided is not None:
            quick[approver, requester].append((decided - asked).total_seconds())
            yes[approver, requester] += state is RequestState.APPROVED
    for (approver, requester), seconds in quick.items():
        others = len(rows) - len(seconds)
        if len(seconds) < MANY or median(seconds) > IN_HASTE or others < MANY:
            continue
        share = (sum(yes.values()) - yes[approver, requester]) / others
        yield Pattern(
            ReviewKind.APPROVAL,
            f"approval:{approver}:{requester}:{month}",
            at_least(yes[approver, requester], len(seconds), share),
            {
                "hits": yes[approver, requester],
                "cases": len(seconds),
                "share": round(share, 4),
                "seconds": round(median(seconds), 1),
                "approver": approver,
            },
            requester,
        )


def waiting() -> int:
    """How many nobody has judged yet."""
    return db.session.scalar(select(func.count(GestureReview.id)).where(GestureReview.outcome.is_(None))) or 0


def page(*, judged: bool, before: int = 0) -> Select[GestureReview]:
    """A page and one more row, newest first."""
    query = (
        select(GestureReview)
        .where(GestureReview.outcome.is_not(None) if judged else GestureReview.outcome.is_(None))
        .options(
            joinedload(GestureReview.entry).joinedload(LedgerEntry.gesture_version),
            joinedload(GestureReview.agent).load_only(User.name).lazyload("*"),
            joinedload(GestureReview.customer),
        )
        .order_by(GestureReview.id.desc())
        .limit(PAGE + 1)
    )
    return query.where(GestureReview.id < before) if before else query


def judge(review_id: int, outcome: ReviewOutcome, comment: str, *, actor_id: int, now: datetime) -> GestureReview:
    """Say what came of looking at it. Raises DomainError when it is about oneself, or already judged."""
    row = db.session.scalars(select(GestureReview).where(GestureReview.id == review_id).with_for_update()).one()
    if actor_id in (row.agent_id, row.arithmetic.get("approver")):
        raise DomainError("This one is about you, so somebody else has to look at it. Leave it to them.")
    if row.outcome is not None:
        raise DomainError("Somebody else has judged this meanwhile. It stands under Done.")
    row.outcome, row.comment, row.reviewed_by_id, row.reviewed_at = outcome, comment, actor_id, now
    data = {"kind": row.kind.value, "outcome": outcome.value}
    record_event("gesture.reviewed", Topic.GESTURE, subject=row, actor_id=actor_id, at=now, data=data)
    return row
