"""The generator's decisions that need no database."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time
from random import Random

import pytest

from bench.asking import mistyped
from bench.generate import AT_ONCE, shares
from bench.histories import COLUMNS, Book, History, Item
from bench.people import People
from bench.writing import text_of
from console.customers.models import Boundary, Customer, Order
from console.customers.names import fold, words
from console.events import Event

NOW = datetime(2026, 5, 14, tzinfo=UTC)
ITEMS = [Item(1, "Beacon table lamp", 9500), Item(2, "Ember teapot", 4200)]


def written(seed: int, size: int) -> Book:
    book = Book(Random(seed), NOW, [1, 2, 3], ITEMS, dict.fromkeys(COLUMNS, 1))
    History(book, 7, date(2023, 5, 14), size).write()
    return book


@pytest.mark.parametrize("size", [1, 2, 3, 17, 900])
def test_a_history_has_exactly_the_events_asked_for(size):
    events = written(1, size).rows[Event]
    assert len(events) == size
    assert {row[5] for row in events} == {7}
    assert all(row[1] <= NOW for row in events)


def test_a_seed_always_tells_the_same_history():
    assert written(5, 300).rows == written(5, 300).rows
    assert written(5, 300).rows != written(6, 300).rows


def test_every_row_has_a_value_for_every_column():
    for model, rows in written(2, 2000).rows.items():
        assert {len(row) for row in rows} == {len(COLUMNS[model])}, model


def test_an_order_is_as_far_as_its_events_say():
    book = written(3, 1500)
    status = {row[0]: row[5] for row in book.rows[Order]}
    for number, kind in {row[8]: row[4] for row in book.rows[Event] if row[7] == "orders"}.items():
        last = {"placed": "processing", "shipped": "shipped"}.get(kind.partition(".")[2], kind.partition(".")[2])
        assert status[number] == last


@pytest.mark.parametrize(("customers", "events"), [(1, 50), (3, 0), (900, 9000), (AT_ONCE * 3 + 1, 12_345)])
def test_all_events_are_shared_out(customers, events):
    sizes = [size for some in shares(customers, events, seed=1) for size in some]
    assert len(sizes) == customers
    assert sum(sizes) == events
    assert min(sizes) >= 0


def test_few_customers_have_most_of_the_history():
    sizes = sorted((size for some in shares(20_000, 200_000, seed=1) for size in some), reverse=True)
    assert sizes[0] >= 2_000
    assert sum(sizes[:4_000]) > 0.6 * 200_000
    assert sizes[10_000] <= 5


def test_common_names_are_common_and_rare_ones_many():
    crowd, random = People(), Random(1)
    last = Counter(crowd.name(random)[1] for _ in range(20_000))
    assert 0.01 < last.most_common(1)[0][1] / 20_000 < 0.05
    assert len(last) > 2_000


def test_an_address_is_one_that_the_console_could_have_kept():
    crowd, random = People(), Random(1)
    for number in range(500):
        address = crowd.address(random, *crowd.name(random), number)
        assert address == fold(address)
        assert address.count("@") == 1
        assert " " not in address


def test_a_typing_error_changes_a_name_in_one_place():
    random = Random(1)
    for _ in range(50):
        typed = mistyped("Ashbourne", random)
        assert abs(len(typed) - len("Ashbourne")) <= 1
        assert words(typed)[0][0] == "a"


def test_times_are_written_as_sqlite_keeps_them():
    columns = Customer.__table__.c, Boundary.__table__.c

    def written(kind, value):
        write = text_of(kind)
        assert write is not None
        return write(value)

    assert written(columns[0].created_at.type, NOW) == "2026-05-14 00:00:00.000000"
    assert written(columns[0].customer_since.type, date(2026, 5, 14)) == "2026-05-14"
    assert written(columns[1].after.type, time(18, 0)) == "18:00:00.000000"
    assert text_of(columns[0].first_name.type) is None
