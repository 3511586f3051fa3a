"""Who else has a customer's page open, as time goes by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from console.customers.models import Customer
from console.db import db
from console.feed import FeedEntry
from console.interactions.presence import BEAT, GRACE, LAPSE, Keeper, also_looking
from tests.factories import NOW, make_customer, make_user

Names = Callable[[timedelta], list[str]]


@pytest.fixture
def customer(in_app: None) -> Customer:
    return make_customer(db.session())


@pytest.fixture
def names(customer: Customer) -> Names:
    return lambda later: [user.name for user in also_looking(customer.id, 0, NOW + later)]


def told() -> int:
    return len(db.session.scalars(select(FeedEntry).where(FeedEntry.kind == "presence")).all())


def test_who_comes_and_goes_is_told_once(customer: Customer, names: Names) -> None:
    one, two = (make_user(db.session(), name=name) for name in ("Ana", "Bo"))
    keeper = Keeper()
    keeper.keep({(one.id, customer.id), (two.id, customer.id)}, NOW)
    keeper.keep({(one.id, customer.id), (two.id, customer.id)}, NOW + BEAT)
    assert (names(BEAT), told()) == (["Ana", "Bo"], 2)
    assert [user.name for user in also_looking(customer.id, one.id, NOW)] == ["Bo"]
    later = BEAT + timedelta(seconds=5)
    keeper.keep({(one.id, customer.id)}, NOW + later)
    assert (names(later), told()) == (["Ana", "Bo"], 2)  # as while the page loads again
    keeper.keep({(one.id, customer.id)}, NOW + later + GRACE)
    assert (names(later + GRACE), told()) == (["Ana"], 3)
    keeper.keep(set(), NOW + later + GRACE)
    keeper.keep(set(), NOW + later + 2 * GRACE)
    assert (names(later), told(), keeper.is_idle) == ([], 4, True)


def test_a_page_that_moved_to_another_worker_was_never_away(customer: Customer, names: Names) -> None:
    pair = (make_user(db.session(), name="Ana").id, customer.id)
    here, there = Keeper(), Keeper()
    here.keep({pair}, NOW)
    there.keep({pair}, NOW + timedelta(seconds=1))
    for seconds in (1, 5):
        here.keep(set(), NOW + timedelta(seconds=seconds))
    assert (names(timedelta(seconds=5)), told(), here.is_idle) == (["Ana"], 1, True)


def test_a_worker_that_crashed_is_noticed_by_the_others_within_two_minutes(customer: Customer, names: Names) -> None:
    ana, bo = (make_user(db.session(), name=name).id for name in ("Ana", "Bo"))
    Keeper().keep({(ana, customer.id)}, NOW)  # and never again
    there = Keeper()
    for seconds in range(0, 119, 15):
        there.keep({(bo, customer.id)}, NOW + timedelta(seconds=seconds))
    assert (names(timedelta(seconds=119)), told()) == (["Bo"], 3)


def test_whoever_was_taken_for_gone_is_back_with_the_next_beat(customer: Customer, names: Names) -> None:
    pair = (make_user(db.session(), name="Ana").id, customer.id)
    keeper, other = Keeper(), Keeper()
    keeper.keep({pair}, NOW)
    other.keep(set(), NOW + LAPSE + timedelta(seconds=1))  # this worker stood still for so long
    assert names(LAPSE) == []
    keeper.keep({pair}, NOW + LAPSE + BEAT)
    assert names(LAPSE + BEAT) == ["Ana"]
