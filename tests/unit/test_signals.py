from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from console.customers.signals import Arrival, Cart, Facts, Grievance, Pledge, SignalKind, Talk, on, signals

NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)
TODAY = date(2026, 5, 14)


def told(facts: Facts, today: date = TODAY) -> dict[SignalKind, str]:
    return {signal.kind: signal.title for signal in signals(facts, now=NOW, today=today)}


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def test_nothing_known_means_no_signal() -> None:
    assert told(Facts()) == {}


@pytest.mark.parametrize(
    ("promised", "delivered", "title"),
    [
        (10, 6, "Delivery 4 days late"),
        (10, 9, "Delivery 1 day late"),
        (10, 10, None),  # on the day
        (10, 12, None),  # early
        (3, None, "Order 48213 is 3 days late"),  # still on its way
        (-2, None, None),  # not due yet
        (60, 50, None),  # long ago
    ],
)
def test_a_late_delivery_counts_from_the_promised_day(promised: int, delivered: int | None, title: str | None) -> None:
    arrived = TODAY - timedelta(days=delivered) if delivered is not None else None
    facts = Facts(arrivals=[Arrival(1, "48213", TODAY - timedelta(days=promised), arrived)])
    assert told(facts).get(SignalKind.LATE_DELIVERY) == title


def test_what_is_still_on_its_way_is_told_before_what_has_come() -> None:
    came = Arrival(1, "1", TODAY - timedelta(days=20), TODAY - timedelta(days=5))
    due = Arrival(2, "2", TODAY - timedelta(days=1), None)
    assert told(Facts(arrivals=[came, due]))[SignalKind.LATE_DELIVERY] == "Order 2 is 1 day late"


@pytest.mark.parametrize(
    ("talks", "title"),
    [
        ([Talk(1, ago(3), False)], "2nd talk in 14 days"),
        ([Talk(2, ago(1), True), Talk(1, ago(3), False)], "3rd talk in 14 days"),
        ([Talk(1, ago(3), True)], "2nd talk in 14 days"),
        ([Talk(1, ago(3), None)], "2nd talk in 14 days"),
        ([Talk(1, ago(15), False)], None),
        ([Talk(n, ago(1), False) for n in range(4)], "5th talk in 14 days"),
    ],
)
def test_a_repeat_follows_a_talk_within_two_weeks(talks: list[Talk], title: str | None) -> None:
    assert told(Facts(talks=talks)).get(SignalKind.REPEAT_INTERACTION) == title


@pytest.mark.parametrize(("resolved", "failure"), [(False, True), (True, False), (None, False)])
def test_a_repeat_is_a_failure_only_when_something_was_left_unsolved(resolved: bool | None, failure: bool) -> None:
    (found,) = signals(Facts(talks=[Talk(1, ago(3), resolved)]), now=NOW, today=TODAY)
    assert found.is_failure == failure


def test_a_basket_is_forgotten_once_something_is_bought() -> None:
    left = Cart(1, ago(3))
    assert SignalKind.ABANDONED_CART in told(Facts(carts=[left], last_order_at=ago(9)))
    assert SignalKind.ABANDONED_CART not in told(Facts(carts=[left], last_order_at=ago(1)))
    assert SignalKind.ABANDONED_CART not in told(Facts(carts=[Cart(1, ago(15))]))


@pytest.mark.parametrize(("orders", "days", "there"), [(10, 2, True), (11, 2, False), (10, 31, False)])
def test_a_milestone_is_told_while_it_is_fresh(orders: int, days: int, there: bool) -> None:
    assert (SignalKind.MILESTONE_ORDER in told(Facts(order_count=orders, last_order_at=ago(days)))) == there


@pytest.mark.parametrize(
    ("orders", "days", "since", "title"),
    [
        (1, 4, None, "First order 4 days ago"),
        (1, 4, date(2026, 5, 2), "First order 4 days ago"),
        (1, 4, date(2019, 5, 2), None),  # who is known for years has ordered before
        (1, 31, None, None),
        (2, 4, None, None),
    ],
)
def test_a_first_order_is_told_while_it_is_fresh(orders: int, days: int, since: date | None, title: str | None) -> None:
    facts = Facts(order_count=orders, last_order_at=ago(days), customer_since=since)
    assert told(facts).get(SignalKind.FIRST_ORDER) == title


@pytest.mark.parametrize(
    ("since", "title"),
    [
        (date(2023, 5, 18), "Customer for 3 years, in 4 days"),
        (date(2025, 5, 14), "Customer for 1 year, today"),
        (date(2023, 5, 7), "Customer for 3 years, 7 days ago"),
        (date(2023, 5, 22), None),
        (date(2026, 5, 14), None),  # became one today
    ],
)
def test_an_anniversary_is_near_or_not_told(since: date, title: str | None) -> None:
    assert told(Facts(customer_since=since)).get(SignalKind.ANNIVERSARY) == title


def test_an_anniversary_is_found_across_the_turn_of_the_year() -> None:
    facts = Facts(customer_since=date(2020, 1, 2))
    assert told(facts, date(2026, 12, 30))[SignalKind.ANNIVERSARY] == "Customer for 7 years, in 3 days"


def test_a_birthday_on_leap_day_comes_every_year() -> None:
    assert on(2026, 2, 29) == date(2026, 2, 28)
    assert told(Facts(birthday=(2, 29)), date(2026, 2, 28))[SignalKind.BIRTHDAY] == "Birthday today"
    assert told(Facts(birthday=(1, 1)), date(2026, 12, 31))[SignalKind.BIRTHDAY] == "Birthday tomorrow"


def test_failures_stand_first() -> None:
    facts = Facts(
        complaints=[Grievance(1, ago(3), "Scratched lamp.")],
        promises=[Pledge(1, ago(1))],
        carts=[Cart(1, ago(1))],
        birthday=(5, 14),
    )
    found = signals(facts, now=NOW, today=TODAY)
    assert [signal.is_failure for signal in found] == sorted([signal.is_failure for signal in found], reverse=True)
    assert found[0].title == "Open complaint, 3 days"
