"""The decision: which policy authorises, what binds, what stands in the way and when it frees up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from console.empowerment.deciding import Ask, Booking, Decision, Obstacle, Suspended, decide, room, scopes_of
from console.empowerment.fields import CUSTOMER
from console.empowerment.policy import (
    Approval,
    Body,
    Choice,
    Kind,
    Limit,
    Measure,
    Policy,
    Scope,
    Who,
    body_hash,
    body_json,
    read_body,
)
from console.empowerment.rules import Not, read_rule
from console.empowerment.windows import Hours, Window

NOW = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)
SILVER_OR_GOLD = read_rule({"field": "tier", "op": "in", "value": ["silver", "gold"]}, CUSTOMER)
EACH_15 = Limit(Scope.GESTURE, Measure.COST, Window.EACH, 1500)
DAY_60 = Limit(Scope.AGENT, Measure.COST, Window.DAY, 6000)
IN_90_DAYS = Limit(Scope.CUSTOMER, Measure.COUNT, Window.ROLLING, 1, days=90)


@dataclass(frozen=True)
class Used:
    """The same bookings for every limit."""

    booked: Sequence[Booking] = ()
    held: int = 0

    def used(self, limit: Limit, policy: Policy, since: datetime | None) -> tuple[int, int]:
        return sum(one.amount for one in self.booked), self.held

    def bookings(self, limit: Limit, policy: Policy, since: datetime | None) -> Sequence[Booking]:
        return self.booked


def policy(number: int = 1, kind: Kind = Kind.GRANT, **given: Any) -> Policy:
    usual: dict[str, Any] = {"currency": "GBP", "zone": "Europe/London", "who": Who(roles=("sales",))}
    body = Body(**(usual | given))
    return Policy(number, number * 10, kind, f"Policy {number}", body)


def guardrail(number: int = 9, **given: Any) -> Policy:
    return policy(number, Kind.GUARDRAIL, **({"who": Who()} | given))


def ask(**given: Any) -> Ask:
    usual: dict[str, Any] = {
        "now": NOW,
        "agent_id": 1,
        "roles": frozenset({"sales"}),
        "team_id": 5,
        "channel": "phone",
        "customer": {"tier": "gold"},
        "interaction": {"occasion": "delight"},
        "gesture_id": 3,
        "kind": "addon",
        "currency": "GBP",
        "cost_minor": 1000,
        "face_minor": 2000,
    }
    return Ask(**(usual | given))


def decided(*policies: Policy, usage: Used | None = None, stopped: Suspended | None = None, **given: Any) -> Decision:
    return decide(ask(**given), policies, usage or Used(), stopped)


def test_without_a_policy_there_is_no_authority() -> None:
    found = decided()
    assert not found.is_allowed
    assert found.obstacles == (Obstacle.NOT_FOR_YOU,)
    assert not found.may_ask  # nobody could allow it


def test_where_no_policy_speaks_somebody_may_be_asked_whom_one_lets_give() -> None:
    bosses = policy(1, who=Who(roles=("supervisor",)), limits=(EACH_15,))
    found = decided(bosses, policy(2, customers=SILVER_OR_GOLD), customer={})
    assert (found.may_ask, found.lenders, found.obstacles) == (True, [bosses], (Obstacle.NOT_THIS_CUSTOMER,))
    assert not decided(policy(1, who=Who(roles=("supervisor",)), channels=("chat",))).may_ask
    for guard in (guardrail(limits=(replace(EACH_15, cap=0),)), guardrail(currency="EUR", limits=(EACH_15,))):
        assert not decided(bosses, guard).may_ask
    for stopped in (Suspended(agents=frozenset({1})), Suspended(gestures=frozenset({3}))):
        assert not decided(bosses, stopped=stopped).may_ask
    assert not decided(bosses, guardrail(), stopped=Suspended(policies=frozenset({9}))).may_ask


def test_landing_exactly_on_a_limit_is_allowed_and_a_penny_more_is_not() -> None:
    assert decided(policy(limits=(EACH_15,)), cost_minor=1500).is_allowed
    found = decided(policy(limits=(EACH_15,)), cost_minor=1501)
    assert [failure.limit for failure in found.failures] == [EACH_15]
    assert found.failures[0].frees_at is None
    assert found.may_ask


def test_every_exceeded_limit_is_named_not_just_the_first() -> None:
    found = decided(policy(limits=(EACH_15, DAY_60)), cost_minor=7000)
    assert {failure.limit for failure in found.failures} == {EACH_15, DAY_60}


def test_a_day_frees_up_at_local_midnight() -> None:
    found = decided(policy(limits=(DAY_60,)), usage=Used([Booking(NOW, 5500)]))
    assert found.failures[0].frees_at == datetime(2026, 6, 15, 23, 0, tzinfo=UTC)  # British Summer Time
    assert found.failures[0].standing.left == 500


def test_a_rolling_window_frees_up_when_enough_has_left_it() -> None:
    booked = [Booking(NOW - timedelta(days=80), 1), Booking(NOW - timedelta(days=5), 1)]
    two = replace(IN_90_DAYS, cap=2)
    assert decided(policy(limits=(two,)), usage=Used(booked)).failures[0].frees_at == NOW + timedelta(days=10)
    assert decided(policy(limits=(IN_90_DAYS,)), usage=Used(booked)).failures[0].frees_at == NOW + timedelta(days=85)


def test_the_highest_priority_authorises_as_a_whole() -> None:
    narrow = policy(1, priority=200, limits=(replace(EACH_15, cap=500),))
    wide = policy(2, priority=100, limits=(EACH_15,))
    found = decided(narrow, wide)
    assert found.policy is narrow
    assert not found.is_allowed  # never a mixture of both


def test_of_equal_priorities_the_older_policy_decides() -> None:
    assert decided(policy(2), policy(1)).policy == policy(1)


def test_a_guardrail_binds_whatever_else_is_allowed_and_nobody_can_approve_beyond_it() -> None:
    cap = guardrail(limits=(replace(EACH_15, measure=Measure.FACE),))
    found = decided(policy(limits=(EACH_15,)), cap)
    assert [failure.standing.policy for failure in found.failures] == [cap]
    assert not found.may_ask


def test_a_guardrail_gives_no_authority() -> None:
    assert decided(guardrail()).policy is None


def test_a_limit_that_is_not_overridable_cannot_be_asked_for() -> None:
    assert not decided(policy(limits=(replace(EACH_15, overridable=False),)), cost_minor=9000).may_ask


def test_what_is_not_known_is_not_eligible_but_is_bound_by_guardrails() -> None:
    unknown: dict[str, Any] = {"customer": {}}
    assert decided(policy(customers=SILVER_OR_GOLD), **unknown).obstacles == (Obstacle.NOT_THIS_CUSTOMER,)
    assert decided(policy(customers=Not(SILVER_OR_GOLD)), **unknown).policy is None
    bound = decided(policy(), guardrail(customers=SILVER_OR_GOLD, limits=(replace(EACH_15, cap=1),)), **unknown)
    assert not bound.is_allowed


def test_the_blame_names_the_condition_and_what_was_observed() -> None:
    found = decided(policy(customers=SILVER_OR_GOLD), customer={"tier": "standard"})
    (blamed,) = found.near[0].blamed
    assert (blamed.condition.field.name, blamed.observed) == ("tier", "standard")


def test_the_nearest_policy_comes_first() -> None:
    far = policy(1, who=Who(roles=("supervisor",)), priority=900)
    near = policy(2, customers=SILVER_OR_GOLD)
    found = decided(far, near, customer={"tier": "standard"})
    assert [one.policy for one in found.near] == [near, far]
    assert found.obstacles == (Obstacle.NOT_THIS_CUSTOMER,)


def test_who_is_meant() -> None:
    assert Who().includes(1, frozenset(), None)
    assert not Who(agents=(2,)).includes(1, frozenset({"sales"}), None)
    assert Who(agents=(1,), roles=("agent",)).includes(1, frozenset(), None)
    assert not Who(roles=("sales",), teams=(6,)).includes(1, frozenset({"sales"}), 5)
    assert Who(teams=(5,)).includes(1, frozenset(), 5)
    assert not Who(roles=("sales",), except_agents=(1,)).includes(1, frozenset({"sales"}), None)


def test_which_gestures_are_meant() -> None:
    assert Choice().includes(3, "addon", cash_like=False)
    assert Choice(kinds=("addon",), gestures=(7,)).includes(7, "credit", cash_like=True)
    assert not Choice(kinds=("addon",), without=(3,)).includes(3, "addon", cash_like=False)
    assert not Choice(cash_like=False).includes(3, "credit", cash_like=True)


def test_a_channel_that_is_not_named_is_not_meant() -> None:
    assert decided(policy(channels=("chat",))).obstacles == (Obstacle.NOT_THIS_CHANNEL,)


def test_amounts_of_two_currencies_are_refused_not_added_up() -> None:
    assert decided(policy(limits=(EACH_15,)), currency="EUR").obstacles == (Obstacle.OTHER_CURRENCY,)
    capped = guardrail(currency="EUR", limits=(EACH_15,))
    assert Obstacle.OTHER_CURRENCY in decided(policy(), capped).obstacles
    counted = guardrail(currency="EUR", limits=(IN_90_DAYS,))
    assert decided(policy(), counted).is_allowed


def test_a_reason_and_a_note_are_asked_for() -> None:
    strict = policy(reason_codes=("late",), note_over_minor=500)
    found = decided(strict)
    assert found.obstacles == (Obstacle.REASON_MISSING, Obstacle.NOTE_MISSING)
    assert (found.is_allowed, found.is_possible, found.may_ask) == (False, True, False)
    over = decided(replace(strict, body=replace(strict.body, limits=(replace(EACH_15, cap=1),))))
    assert (over.is_possible, over.may_ask) == (False, True)
    assert decided(strict, reason_code="late", note="Two days late").is_allowed


def test_what_is_suspended_gives_nothing() -> None:
    stopped = Suspended(policies=frozenset({1}))
    assert decided(policy(), stopped=stopped).obstacles == (Obstacle.POLICY_SUSPENDED,)
    assert decided(policy(), stopped=Suspended(agents=frozenset({1}))).obstacles == (Obstacle.AGENT_SUSPENDED,)
    assert decided(policy(), stopped=Suspended(gestures=frozenset({3}))).obstacles == (Obstacle.GESTURE_SUSPENDED,)


def test_stopping_a_policy_never_lets_more_through() -> None:
    strict, wide = policy(1, priority=200, limits=(replace(EACH_15, cap=1),)), policy(2, priority=100)
    assert not decided(strict, wide, stopped=Suspended(policies=frozenset({1}))).is_allowed
    forbidding = guardrail(limits=(replace(EACH_15, cap=0),))
    found = decided(policy(), forbidding, stopped=Suspended(policies=frozenset({9})))
    assert Obstacle.POLICY_SUSPENDED in found.obstacles
    assert not found.may_ask


def test_a_lowered_cap_leaves_nothing_rather_than_less_than_nothing() -> None:
    found = decided(policy(limits=(DAY_60,)), usage=Used([Booking(NOW, 9000)]))
    assert found.standings[0].left == 0
    assert room(found.standings) == 0


def test_a_free_gesture_still_counts() -> None:
    found = decided(policy(limits=(IN_90_DAYS, DAY_60)), cost_minor=0, usage=Used([Booking(NOW, 1)]))
    assert [failure.limit for failure in found.failures] == [IN_90_DAYS]


def test_only_scopes_with_a_window_need_locks() -> None:
    assert scopes_of([policy(limits=(EACH_15, DAY_60))]) == {Scope.AGENT}


def test_a_body_survives_being_stored_and_its_hash_follows_its_content() -> None:
    body = policy(
        customers=SILVER_OR_GOLD,
        limits=(EACH_15, IN_90_DAYS),
        approval=Approval(second_over_minor=5),
        channels=("chat",),
    ).body
    stored = body_json(body)
    assert read_body(stored, CUSTOMER, {}) == body
    assert body_hash(stored) == body_hash(dict(reversed(stored.items())))
    assert body_hash(stored) != body_hash(stored | {"hold_minutes": 16})


def test_what_bodies_say_since_later_leaves_the_hash_of_older_ones_alone() -> None:
    plain = policy(limits=(EACH_15, IN_90_DAYS)).body
    assert not {"hours", "warn_at", "reversal_restores"} & {*body_json(plain), *body_json(plain)["limits"][0]}
    said = replace(
        plain,
        hours=Hours((0, 1), 540, 1080),
        limits=(replace(EACH_15, warn_at=50), replace(IN_90_DAYS, reversal_restores=True)),
    )
    again = read_body(body_json(said), CUSTOMER, {})
    assert (again, again.limits[0].warn_at, again.limits[1].restores) == (said, 50, True)
    assert (IN_90_DAYS.restores, replace(DAY_60, measure=Measure.COUNT).restores, EACH_15.restores) == (
        False,
        True,
        True,
    )


def test_what_costs_nothing_is_never_over_a_sum() -> None:
    """Not even where an approval, or a cap that was lowered, left more used than there is."""
    beyond = Used([Booking(NOW, 7000)])
    assert decided(policy(limits=(DAY_60,)), usage=beyond, cost_minor=0).is_allowed
    assert not decided(policy(limits=(DAY_60,)), usage=beyond, cost_minor=1).is_allowed


def test_outside_its_hours_a_policy_does_not_speak_and_a_guardrail_does_not_bind() -> None:
    office = Hours((0, 1, 2, 3, 4), 9 * 60, 18 * 60)  # 15 June 2026 is a Monday, 10:00 UTC is 11:00 in London
    weekend = replace(office, days=(5, 6))
    assert decided(policy(hours=office)).is_allowed
    assert decided(policy(hours=weekend)).obstacles == (Obstacle.NOT_NOW,)
    none = (replace(EACH_15, cap=0),)
    assert decided(policy(), guardrail(limits=none, hours=weekend)).is_allowed
    assert not decided(policy(), guardrail(limits=none, hours=office)).is_allowed
