"""The ledger's events played again in plain Python: is any limit exceeded, was any refusal without a reason?

Shares nothing with the code that decides. Windows are told by local dates, week numbers and seconds; what counts is
found from the events alone. Events of one subject were numbered under its lock, so their order is what happened.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from console.db import db
from console.empowerment.models import PolicyVersion
from console.gestures.approval_models import ApprovalRequest
from console.gestures.models import LedgerEntry

Named = tuple[str, str, str]  # scope, measure, window


@dataclass(frozen=True)
class Refusal:
    """An offer that was over limits, as it was seen under the locks; `named` are (policy version, limit)."""

    marker: int  # the last event seen
    now: datetime
    agent: int
    team: int | None
    customer: int
    talk: int
    gesture: int
    cost: int
    face: int
    named: tuple[tuple[int, Named], ...]


@dataclass
class Entry:
    id: int
    gesture: int
    policy: int
    version: int
    guardrails: list[int]
    customer: int
    talk: int
    agent: int
    team: int | None
    approval: int | None
    cost: int
    face: int
    booked: datetime
    expires: datetime
    state: str = "held"

    def counts(self, now: datetime, *, is_farmed: bool, is_lenient: bool) -> bool:
        """`is_farmed`: of a customer's count, which a reversal does not lower. `is_lenient`: an expiry that another
        subject wrote down may not have been seen yet."""
        if self.state == "held" or (is_lenient and self.state == "expired"):
            return now < self.expires
        return self.state in ("granted", "fulfilled") or (is_farmed and self.state == "reversed")


@dataclass
class Book:
    versions: dict[int, dict[str, Any]]  # the bodies, by id
    policies: dict[int, int]  # of versions
    families: dict[int, list[int]]  # customers of the same account or street, by customer
    by_subject: dict[tuple[str, Any], list[Entry]] = field(default_factory=lambda: defaultdict(list))

    def add(self, entry: Entry) -> None:
        for subject in ("agent", "team", "customer", "gesture", "talk", "policy"):
            self.by_subject[subject, getattr(entry, subject)].append(entry)

    def excess(self, ask: Entry | Refusal, version: int, limit: dict[str, Any], now: datetime, lenient: bool) -> int:
        """How far this limit is exceeded with the ask; nothing or less when it is not."""
        scope, measure, window = limit["scope"], limit["measure"], limit["window"]
        asked = {"cost": ask.cost, "face": ask.face, "count": 1}[measure]
        if not asked:  # what adds nothing exceeds nothing, even where a cap was lowered below what is used
            return 0
        if window == "each":
            return int(asked - limit["cap"])
        farmed = measure == "count" and scope in ("customer", "household")
        used = 0
        for one in self.entries(scope, ask, self.policies[version]):
            if one is ask or not one.counts(now, is_farmed=farmed, is_lenient=lenient):
                continue
            if is_inside(window, limit["days"], self.versions[version], one.booked, now):
                used += {"cost": one.cost, "face": one.face, "count": 1}[measure]
        return int(used + asked - limit["cap"])

    def entries(self, scope: str, ask: Entry | Refusal, policy: int) -> Iterable[Entry]:
        if scope == "pool":
            return self.by_subject["policy", policy]
        if scope == "household":
            return [one for customer in self.families[ask.customer] for one in self.by_subject["customer", customer]]
        name = "talk" if scope == "interaction" else scope
        return self.by_subject[name, getattr(ask, name)]


def replayed(refusals: Sequence[Refusal]) -> tuple[int, int]:
    """The largest sum above any cap at any offer (in the limit's own units), and how many refusals had no reason."""
    entries, requests, book = loaded()
    waiting = sorted(refusals, key=lambda one: one.marker, reverse=True)
    worst = spurious = 0
    for event_id, entry_id, state in rows("SELECT id, entry_id, state FROM ledger_events ORDER BY id"):
        while waiting and waiting[-1].marker < event_id:
            spurious += is_spurious(waiting.pop(), book)
        entry = entries[entry_id]
        entry.state = state
        if state == "held":
            worst = max(worst, over_by(entry, requests, book))
            book.add(entry)
    return max(worst, 0), spurious + sum(is_spurious(one, book) for one in waiting)


def over_by(entry: Entry, requests: dict[int, set[Named]], book: Book) -> int:
    """What was allowed by an approver may be exceeded, but nothing that nobody may."""
    allowed = requests.get(entry.approval or 0, set())
    found = [0]
    for version in (entry.version, *entry.guardrails):
        for limit in book.versions[version]["limits"]:
            is_allowed = version == entry.version and limit["overridable"] and named(limit) in allowed
            if not is_allowed:
                found.append(book.excess(entry, version, limit, entry.booked, False))
    return max(found)


def is_spurious(refusal: Refusal, book: Book) -> bool:
    """Whether any limit that was named had room."""
    for version, name in refusal.named:
        limit = next(one for one in book.versions[version]["limits"] if named(one) == name)
        if all(book.excess(refusal, version, limit, refusal.now, lenient) <= 0 for lenient in (False, True)):
            return True
    return False


def named(limit: dict[str, Any]) -> Named:
    return limit["scope"], limit["measure"], limit["window"]


def is_inside(window: str, days: int, body: dict[str, Any], booked: datetime, now: datetime) -> bool:
    if window == "interaction":
        return True
    if window == "rolling":
        return (now - booked).total_seconds() < days * 86_400
    zone = ZoneInfo(body["zone"])
    then, today = booked.astimezone(zone).date(), now.astimezone(zone).date()
    if window == "day":
        return then == today
    if window == "month":
        return (then.year, then.month) == (today.year, today.month)
    start = int(body["week_start"])  # day 1 of the ordinals was a Monday
    return (then.toordinal() - 1 - start) // 7 == (today.toordinal() - 1 - start) // 7


def loaded() -> tuple[dict[int, Entry], dict[int, set[Named]], Book]:
    """Entries as they were held, what each approved request allowed, and a book with every version."""
    entries = {
        row.id: Entry(
            row.id, row.gesture_id, row.policy_id, row.policy_version_id, list(row.guardrails), row.customer_id,
            row.interaction_id, row.agent_id, row.team_id, row.approval_id, row.cost_minor, row.face_minor,
            row.booked_at, row.expires_at,
        )
        for row in db.session.query(LedgerEntry)
    }  # fmt: skip
    requests = {row.id: {named(one) for one in row.failures} for row in db.session.query(ApprovalRequest)}
    versions = db.session.query(PolicyVersion).all()
    book = Book({row.id: row.body for row in versions}, {row.id: row.policy_id for row in versions}, families())
    return entries, requests, book


def families() -> dict[int, list[int]]:
    """Nobody moves while the bench goes on, and everybody spells their street alike."""
    everybody = rows("SELECT id, account_id, street FROM customers")
    return {
        one.id: [
            other.id
            for other in everybody
            if other.id == one.id
            or (one.account_id is not None and one.account_id == other.account_id)
            or (one.street is not None and one.street == other.street)
        ]
        for one in everybody
    }


def rows(statement: str) -> list[Any]:
    return list(db.session.execute(text(statement)))
