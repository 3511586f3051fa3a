"""The real data sets, with the import commands and mapping files alone. Skipped where they are absent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from console.customers.models import Customer, ExternalId, Order, OrderLine
from console.customers.searching import find
from console.db import db
from console.events import Event
from console.interactions.models import Interaction, Utterance
from tests.factories_import import SHARED, counts, needs_shared, run_import

pytestmark = [pytest.mark.usefixtures("in_app"), needs_shared]


def number_of(model: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_a_whole_shop_with_its_conversations() -> None:
    store, talks = SHARED / "store", SHARED / "transcripts" / "retail.jsonl"
    for _ in range(2):
        first = number_of(Customer) == 0
        for kind, path, map_, there in (
            ("customers", store / "customers.csv", "store-customers", 500),
            ("products", store / "products.csv", "store-products", 591),
            ("orders", store / "orders.csv", "store-orders", 1000),
            ("order-lines", store / "order_lines.csv", "store-order-lines", 2978),
        ):
            expected = (there, 0, 0, 0) if first else (0, 0, there, 0)
            assert counts(run_import(kind, path, map_=map_)) == expected
        # One conversation names no customer; two turns of the others and all of that one have nothing to stand on.
        assert run_import("interactions", talks, map_="transcripts-interactions").after == 68
        assert run_import("utterances", talks, map_="transcripts-utterances").after == 1500
    noah = find("noah brown")[0]
    assert [hit.how for hit in find("noah_brown_6181")] == ["external id"]
    assert noah.matched == "Noah Brown"
    order = db.session.scalars(select(Order).where(Order.number == "W4817420")).one()
    assert (order.total_minor, order.total_currency, order.placed_at) == (138079, "USD", None)
    assert [hit.customer_id for hit in find("#w4817420")] == [order.customer_id]
    about = select(func.count()).select_from(Interaction).where(Interaction.order_id.is_not(None))
    assert (db.session.scalar(about) or 0) > 50
    assert number_of(Event) == 0  # no dates in the source, so nothing stands on a timeline


def test_two_thousand_invoices_with_their_dates() -> None:
    folder = SHARED / "history" / "uci-online-retail"
    for kind, name, map_, there in (
        ("customers", "customers.csv", "uci-customers", 469),
        ("products", "products.csv", "uci-products", 3624),
        ("orders", "orders.csv", "uci-orders", 2920),
        ("order-lines", "order_lines.csv", "uci-order-lines", 49655),
    ):
        assert counts(run_import(kind, folder / name, map_=map_)) == (there, 0, 0, 0)
    assert number_of(OrderLine) == 49655
    refund = db.session.scalars(select(Order).where(Order.number == "C518345")).one()
    assert (refund.total_minor, refund.status) == (-1730, "cancelled")
    event = db.session.scalars(select(Event).where(Event.subject_type == "orders", Event.subject_id == refund.id)).one()
    assert (event.kind, event.at) == ("order.refunded", datetime(2010, 8, 6, 13, 4, tzinfo=UTC))


def test_people_who_asked_for_help_many_times() -> None:
    path = SHARED / "history" / "sumo-interactions" / "customers_interactions.jsonl"
    for kind, map_, there in (
        ("customers", "sumo-customers", 184),
        ("interactions", "sumo-interactions", 827),
        ("utterances", "sumo-utterances", 827),
        ("utterances", "sumo-replies", 2078),
    ):
        assert counts(run_import(kind, path, map_=map_)) == (there, 0, 0, 0)
    assert number_of(Utterance) == 2905
    assert db.session.scalar(select(func.count()).select_from(ExternalId).where(ExternalId.source == "sumo")) == 184
