"""decide() as tables: windows, edges, which limit, when it frees up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from console.empowerment.policy import (
    Booking,
    Limits,
    Scope,
    Usage,
    contradictions,
    day_window,
    decide,
    most_generous,
    room,
    within,
)
from console.money import LARGEST, Money

NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)
LONDON = ZoneInfo("Europe/London")


def pounds(amount: float) -> Money:
    return Money(round(amount * 100), "GBP")


LIMITS = Limits(
    role="agent",
    per_gesture=pounds(10),
    per_interaction=pounds(20),
    per_customer=pounds(60),
    customer_days=90,
    per_agent_day=pounds(100),
)


def used(interaction: float = 0, day: float = 0, *customer: tuple[int, float]) -> Usage:
    """`customer` are (days ago, pounds)."""
    bookings = tuple(Booking(NOW - timedelta(days=days), pounds(amount)) for days, amount in customer)
    return Usage(pounds(interaction), pounds(day), bookings)


@pytest.mark.parametrize(
    ("cost", "usage", "broken"),
    [
        (10, used(), []),
        (10.01, used(), ["gesture"]),
        (10, used(10), []),  # exactly on the conversation's limit
        (10, used(10.01), ["interaction"]),
        (10, used(0, 90), []),
        (10, used(0, 90.01), ["agent_day"]),
        (10, used(0, 0, (1, 25), (2, 25)), []),
        (10, used(0, 0, (1, 25), (2, 25.01)), ["customer"]),
        (10, used(0, 0, (90, 60)), []),  # exactly 90 days ago is out
        (0, used(20, 100, (1, 60)), []),  # free fits always
        (0.01, used(20, 100, (1, 60)), ["interaction", "customer", "agent_day"]),
        (200, used(), ["gesture", "interaction", "customer", "agent_day"]),
    ],
)
def test_every_limit_is_inclusive_and_all_that_fail_are_named(cost: float, usage: Usage, broken: list[str]) -> None:
    decision = decide(pounds(cost), LIMITS, usage, now=NOW, zone=LONDON)
    assert [failure.scope for failure in decision.failures] == broken
    assert decision.is_allowed == (not broken)


@pytest.mark.parametrize(
    ("zone", "moment", "start", "hours"),
    [
        ("Europe/London", "2026-01-14T00:00:00+00:00", "2026-01-14T00:00:00+00:00", 24),
        ("Europe/London", "2026-01-13T23:59:59.999999+00:00", "2026-01-13T00:00:00+00:00", 24),
        ("Europe/London", "2026-06-14T22:59:59+00:00", "2026-06-13T23:00:00+00:00", 24),  # 23:59:59 in summer
        ("Europe/London", "2026-06-14T23:00:00+00:00", "2026-06-14T23:00:00+00:00", 24),
        ("Europe/London", "2026-03-29T12:00:00+00:00", "2026-03-29T00:00:00+00:00", 23),  # clocks go forward
        ("Europe/London", "2026-10-25T23:59:00+00:00", "2026-10-24T23:00:00+00:00", 25),  # and back
        ("America/New_York", "2026-03-08T12:00:00+00:00", "2026-03-08T05:00:00+00:00", 23),
        ("America/New_York", "2026-11-01T12:00:00+00:00", "2026-11-01T04:00:00+00:00", 25),
        ("America/New_York", "2026-11-02T04:59:59+00:00", "2026-11-01T04:00:00+00:00", 25),
        ("Australia/Lord_Howe", "2026-04-05T00:00:00+00:00", "2026-04-04T13:00:00+00:00", 24.5),  # half an hour
        ("Asia/Kathmandu", "2026-05-14T18:14:59+00:00", "2026-05-13T18:15:00+00:00", 24),
        ("Africa/Cairo", "2026-04-24T12:00:00+00:00", "2026-04-23T22:00:00+00:00", 23),  # midnight does not exist
        ("America/Havana", "2026-11-01T05:30:00+00:00", "2026-11-01T04:00:00+00:00", 25),  # midnight comes twice
        ("Pacific/Kiritimati", "2026-05-14T10:00:00+00:00", "2026-05-14T10:00:00+00:00", 24),
    ],
)
def test_a_day_is_from_local_midnight_to_the_next(zone: str, moment: str, start: str, hours: float) -> None:
    begin, end = day_window(datetime.fromisoformat(moment), ZoneInfo(zone))
    assert begin == datetime.fromisoformat(start)
    assert end - begin == timedelta(hours=hours)
    assert begin <= datetime.fromisoformat(moment) < end


@pytest.mark.parametrize(("seconds", "counts"), [(-1, False), (0, False), (1, True)])
def test_the_rolling_window_leaves_its_old_edge_out(seconds: int, counts: bool) -> None:
    booking = Booking(NOW - timedelta(days=90) + timedelta(seconds=seconds), pounds(5))
    assert bool(within([booking], 90, now=NOW)) is counts


def test_the_rolling_window_is_of_whole_hours_when_clocks_change() -> None:
    now = datetime(2026, 3, 30, 9, 0, tzinfo=LONDON).astimezone(UTC)
    an_hour_less = Booking(datetime(2026, 3, 29, 8, 30, tzinfo=LONDON).astimezone(UTC), pounds(5))
    assert within([an_hour_less], 1, now=now) == []


def test_a_refusal_says_what_is_left_and_when_the_customer_frees_up() -> None:
    usage = used(0, 0, (80, 20), (40, 30), (2, 5))
    (failure,) = decide(pounds(10), LIMITS, usage, now=NOW, zone=LONDON).failures
    assert (failure.scope, failure.used, failure.left) == (Scope.CUSTOMER, pounds(55), pounds(5))
    assert failure.frees_at == NOW + timedelta(days=10)


def test_it_frees_up_only_when_enough_has_left() -> None:
    usage = used(0, 0, (80, 1), (40, 30), (2, 29))
    (failure,) = decide(pounds(10), LIMITS, usage, now=NOW, zone=LONDON).failures
    assert failure.frees_at == NOW + timedelta(days=50)
    later = decide(pounds(10), LIMITS, usage, now=NOW + timedelta(days=50), zone=LONDON)
    assert later.is_allowed
    assert not decide(pounds(10), LIMITS, usage, now=NOW + timedelta(days=50, seconds=-1), zone=LONDON).is_allowed


def test_the_day_frees_up_at_the_next_local_midnight() -> None:
    (failure,) = decide(pounds(10), LIMITS, used(0, 95), now=NOW, zone=LONDON).failures
    assert (failure.left, failure.frees_at) == (pounds(5), datetime(2026, 5, 14, 23, 0, tzinfo=UTC))


def test_what_is_more_than_a_whole_limit_never_frees_up() -> None:
    decision = decide(pounds(150), LIMITS, used(), now=NOW, zone=LONDON)
    assert [failure.frees_at for failure in decision.failures] == [None] * 4


def test_a_limit_lowered_below_what_is_used_leaves_nothing_rather_than_less() -> None:
    lowered = replace(LIMITS, per_agent_day=pounds(50))
    (failure,) = decide(pounds(1), lowered, used(0, 80), now=NOW, zone=LONDON).failures
    assert failure.left == pounds(0)
    assert room(lowered, used(0, 80), now=NOW) == pounds(0)


def test_the_held_part_is_told_apart() -> None:
    usage = replace(used(15), interaction_held=500)
    (failure,) = decide(pounds(10), LIMITS, usage, now=NOW, zone=LONDON).failures
    assert (failure.used, failure.held) == (pounds(15), pounds(5))


def test_another_currency_is_an_error_not_a_guess() -> None:
    with pytest.raises(ValueError, match="EUR"):
        decide(Money(100, "EUR"), LIMITS, used(), now=NOW, zone=LONDON)


@pytest.mark.parametrize(
    ("usage", "left"), [(used(), 10), (used(15), 5), (used(0, 97), 3), (used(0, 0, (1, 58)), 2), (used(20), 0)]
)
def test_room_is_what_the_tightest_limit_leaves(usage: Usage, left: float) -> None:
    assert room(LIMITS, usage, now=NOW) == pounds(left)


def test_of_several_roles_the_most_generous_set_counts_as_a_whole() -> None:
    sales = replace(LIMITS, role="sales", per_gesture=pounds(5), per_agent_day=pounds(150))
    assert most_generous([LIMITS, sales]) is sales  # not its £5 with the agent's £10
    assert most_generous([]) is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"per_gesture": pounds(21)}, "per_gesture"),
        ({"per_agent_day": pounds(5)}, "per_gesture"),
        ({"per_interaction": pounds(61)}, "per_interaction"),
        ({"per_interaction": pounds(60), "per_agent_day": pounds(59)}, "per_interaction"),
        ({"per_agent_day": Money(LARGEST + 1, "GBP")}, "per_agent_day"),
    ],
)
def test_limits_that_contradict_each_other_are_named_in_a_sentence(change: dict[str, Money], field: str) -> None:
    found = contradictions(replace(LIMITS, **change))  # type: ignore[arg-type]
    assert field in found
    assert found[field].endswith(".")
    assert contradictions(LIMITS) == {}
