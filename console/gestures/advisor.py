"""Whether the limits suit the work: what was asked beyond them in ninety days, what was answered, what nobody needs.

It is about policies, never about people. A limit whose requests are nearly always approved only costs time; one that
nobody comes near could be lower. Each proposal carries its numbers and can be made a draft.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median_high

from sqlalchemy import or_, select

from console.db import db
from console.empowerment.drafting import redraft, save_draft
from console.empowerment.intervals import wilson
from console.empowerment.models import PolicyVersion
from console.empowerment.policies import as_policy, live_versions
from console.empowerment.policy import Body, Kind, Limit, Measure, Policy, Scope
from console.empowerment.windows import Window, opened
from console.errors import DomainError
from console.gestures.approval_models import ApprovalRequest, RequestState
from console.gestures.approving import limits_of, words, worth
from console.gestures.models import SPENT, EntryState, LedgerEntry
from console.web import count

DAYS = 90
ENOUGH = 20  # answers, or gestures, before anything is proposed
NEARLY_ALWAYS = 0.85  # the lower end of the interval of the approved share
SELDOM = 0.5  # of the cap: what stays below it in ninety days was never needed
BUSY = 6  # requests an hour, above which a policy is asked about too often
ANSWERED = (RequestState.APPROVED, RequestState.REJECTED, RequestState.COUNTERED, RequestState.TAKEN)
LOOKED_AT = 20_000  # requests, and gestures, newest first


@dataclass(frozen=True)
class Asked:
    """One request: which limits it was over, and what each would have had to allow."""

    at: datetime
    state: RequestState
    wanted: dict[Limit, int]  # what would have been used, this included


@dataclass(frozen=True)
class Booked:
    """One gesture that was given, with whom each scope counts it for."""

    at: datetime
    amounts: dict[Measure, int]
    subjects: dict[Scope, tuple[Hashable, ...]]  # of a household its account and its address


@dataclass(frozen=True)
class Advice:
    """How one limit did. `proposed` is a cap, with `why`; none when it may stay as it is."""

    limit: Limit
    words: str
    requests: int
    answered: int
    approved: int
    low: float  # the interval of the approved share
    high: float
    typical: str  # how far over it was asked as a rule; empty without requests
    peak: str  # the most that was given under it
    proposed: int | None
    proposed_words: str
    why: str


@dataclass(frozen=True)
class PolicyAdvice:
    policy: Policy
    limits: list[Advice]
    busiest: int  # most requests within an hour
    busiest_at: datetime | None

    @property
    def is_too_tight(self) -> bool:
        return self.busiest > BUSY

    @property
    def is_telling(self) -> bool:
        """Whether anything was asked, or is proposed."""
        return self.busiest > 0 or any(one.proposed is not None for one in self.limits)


def advise(now: datetime) -> list[PolicyAdvice]:
    """Of every policy in force that gives authority. Three statements."""
    since = now - timedelta(days=DAYS)
    live = [as_policy(row) for row in db.session.scalars(live_versions(now))]
    grants = [one for one in live if one.kind is Kind.GRANT]
    asked, given = asked_since(since), given_since(since)
    return [about(policy, asked[policy.id], given[policy.id]) for policy in grants]


def about(policy: Policy, asked: Sequence[Asked], given: Sequence[Booked]) -> PolicyAdvice:
    busiest, at = busiest_hour([one.at for one in asked])
    limits = [judge(limit, policy.body, asked, given) for limit in policy.body.limits]
    return PolicyAdvice(policy, limits, busiest, at)


def judge(limit: Limit, body: Body, asked: Sequence[Asked], given: Sequence[Booked]) -> Advice:
    """Only what was asked of exactly this limit counts: with another cap it was another question."""
    over = [one for one in asked if limit in one.wanted]
    answers = [one for one in over if one.state in ANSWERED]
    yes = sum(one.state is RequestState.APPROVED for one in answers)
    low, high = wilson(yes, len(answers))
    most = peak(limit, body, given)
    proposed, why = None, ""
    if limit.overridable and len(answers) >= ENOUGH and low >= NEARLY_ALWAYS:
        proposed = percentile([one.wanted[limit] for one in over], 90)
        why = f"{yes} of {len(answers)} requests were approved, so asking mostly costs time."
    elif not over and len(given) >= ENOUGH and most < limit.cap * SELDOM:
        proposed = lower(most, limit)
        used = worth(most, limit.measure, body.currency)
        why = f"Of {count(len(given), 'gesture')} none came above {used}, and nobody asked for more."
    if proposed is not None and (proposed == limit.cap or proposed <= 0):
        proposed, why = None, ""
    typical = [one.wanted[limit] - limit.cap for one in over]
    return Advice(
        limit=limit,
        words=words(limit, body.currency),
        requests=len(over),
        answered=len(answers),
        approved=yes,
        low=low,
        high=high,
        typical=worth(median_high(typical), limit.measure, body.currency) if typical else "",
        peak=worth(most, limit.measure, body.currency),
        proposed=proposed,
        proposed_words=words(replace(limit, cap=proposed), body.currency) if proposed is not None else "",
        why=why,
    )


def percentile(values: Sequence[int], percent: int) -> int:
    """The nearest rank: the least value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]


def lower(most: int, limit: Limit) -> int:
    """A fifth above what was ever used, in whole hundreds of minor units; never above the cap."""
    if limit.measure is Measure.COUNT:
        return min(most + 1, limit.cap)
    return min(-(-most * 6 // 500) * 100, limit.cap)


def busiest_hour(moments: Iterable[datetime]) -> tuple[int, datetime | None]:
    """The most requests within sixty minutes, and when the last of them came."""
    recent: deque[datetime] = deque()
    most, at = 0, None
    for moment in sorted(moments):
        recent.append(moment)
        while moment - recent[0] >= timedelta(hours=1):
            recent.popleft()
        if len(recent) > most:
            most, at = len(recent), moment
    return most, at


def peak(limit: Limit, body: Body, given: Sequence[Booked]) -> int:
    """The most that one subject had within one window, of what was given under the policy. `given` is oldest first."""
    if limit.window is Window.EACH:
        return max((one.amounts[limit.measure] for one in given), default=0)
    sums: dict[Hashable, int] = defaultdict(int)
    inside: dict[Hashable, deque[tuple[datetime, int]]] = defaultdict(deque)
    most = 0
    for one in given:
        amount, used, calendar = one.amounts[limit.measure], [], None
        if limit.window not in (Window.ROLLING, Window.INTERACTION):
            calendar = opened(limit.window, one.at, body.zone_info, week_start=body.week_start)
        keys = one.subjects[limit.scope]
        # What counts for either of two keys is what counts for each, less what does for both.
        for key in keys if len(keys) == 1 else (*keys, keys):
            subject = (key, calendar)
            if limit.window is Window.ROLLING:
                rows = inside[subject]
                while rows and rows[0][0] <= one.at - timedelta(days=limit.days):
                    sums[subject] -= rows.popleft()[1]
                rows.append((one.at, amount))
            sums[subject] += amount
            used.append(sums[subject])
        most = max(most, used[0] if len(used) == 1 else used[0] + used[1] - used[2])
    return most


def asked_since(since: datetime) -> dict[int, list[Asked]]:
    """By policy, oldest first."""
    rows = db.session.execute(
        select(ApprovalRequest.policy_id, ApprovalRequest.requested_at, ApprovalRequest.state, ApprovalRequest.failures)
        .where(ApprovalRequest.requested_at >= since)
        .order_by(ApprovalRequest.id.desc())
        .limit(LOOKED_AT)
    ).all()
    found: dict[int, list[Asked]] = defaultdict(list)
    for policy_id, at, state, failures in reversed(rows):
        wanted = {limit: int(one["used"]) + int(one["amount"]) for one in failures for limit in limits_of([one])}
        found[policy_id].append(Asked(at, state, wanted))
    return found


def given_since(since: datetime) -> dict[int, list[Booked]]:
    """By policy, oldest first."""
    one = LedgerEntry
    rows = db.session.execute(
        select(
            one.policy_id,
            one.booked_at,
            one.cost_minor.expression,
            one.face_minor.expression,
            one.gesture_id,
            one.interaction_id,
            one.customer_id,
            one.household,
            one.address_key,
            one.agent_id,
            one.team_id,
        )
        .where(one.booked_at >= since, or_(one.state.in_(SPENT), one.state == EntryState.HELD))
        .order_by(one.booked_at.desc(), one.id.desc())
        .limit(LOOKED_AT)
    ).all()
    found: dict[int, list[Booked]] = defaultdict(list)
    for policy_id, at, cost, face, gesture, talk, customer, household, address, agent, team in reversed(rows):
        subjects: dict[Scope, tuple[Hashable, ...]] = {
            Scope.GESTURE: (gesture,),
            Scope.INTERACTION: (talk,),
            Scope.CUSTOMER: (customer,),
            Scope.HOUSEHOLD: (("account", household), ("address", address)),
            Scope.AGENT: (agent,),
            Scope.TEAM: (team,),
            Scope.POOL: (policy_id,),
        }
        amounts = {Measure.COST: cost, Measure.FACE: face, Measure.COUNT: 1}
        found[policy_id].append(Booked(at, amounts, subjects))
    return found


def draft(policy_id: int, place: int, *, actor_id: int, now: datetime) -> PolicyVersion:
    """The proposal for a policy's limit (by its place) as a draft of its next version. Raises DomainError."""
    source = next((row for row in db.session.scalars(live_versions(now)) if row.policy_id == policy_id), None)
    advice = next((one for one in advise(now) if one.policy.id == policy_id), None)
    if source is None or advice is None or not 0 <= place < len(advice.limits):
        raise DomainError("That policy changed meanwhile. Reload the page and look again.")
    one, body = advice.limits[place], advice.policy.body
    if one.proposed is None:
        raise DomainError("Nothing is proposed for that limit any more. Reload the page and look again.")
    changed = replace(one.limit, cap=one.proposed)
    limits = tuple(changed if at == place else limit for at, limit in enumerate(body.limits))
    version = redraft(source, actor_id=actor_id, now=now)
    note = f"{one.proposed_words} instead of {one.words}: {one.why}"[:300]
    save_draft(version, replace(body, limits=limits), note, based_on=version.revision, actor_id=actor_id, now=now)
    return version
