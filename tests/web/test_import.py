"""Imports against both engines: what the report says, and what the database then holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from console.customers.models import (
    Account,
    Boundary,
    Customer,
    Delivery,
    Email,
    ExternalId,
    Order,
    OrderLine,
    Phone,
    Preference,
    Product,
    WebEvent,
)
from console.customers.searching import find
from console.db import db
from console.events import Event, Topic
from console.importing import people, running
from console.importing.kinds import KINDS
from console.importing.problems import BadFile
from console.interactions.models import Interaction, InteractionState, Utterance
from notes.models import Note, NoteKind, NoteRevision
from tests.factories import make_user
from tests.factories_import import counts, csv_file, rejected, run_import, text_file

pytestmark = pytest.mark.usefixtures("in_app")

CUSTOMERS = ["external_id", "first_name", "last_name", "email", "phone"]
ANNA = ["c1", "Anna", "Zielińska", "Anna@Shop.example", "07700 900123"]
BEN = ["c2", "Ben", "O'Neill", "", ""]
ORDERS = ["external_id", "customer", "status", "total", "placed_at", "promised_on", "delivered_at"]
FIRST_ORDER = ["#A1", "c1", "delivered", "12.50", "2024-05-01 09:30", "2024-05-03", "2024-05-05 12:00"]


def rows(model: Any) -> list[Any]:
    return list(db.session.scalars(select(model).order_by(model.id)))


def number_of(model: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def history() -> list[tuple[str, datetime]]:
    events = db.session.execute(select(Event.kind, Event.at).order_by(Event.at, Event.id))
    return [(event.kind, event.at) for event in events]


@pytest.fixture
def shop(tmp_path: Path, in_app: None) -> Path:
    """A folder, and two customers in the database."""
    run_import("customers", csv_file(tmp_path, "customers.csv", CUSTOMERS, ANNA, BEN))
    return tmp_path


def test_customers_arrive_whole_and_are_found(shop: Path) -> None:
    anna = rows(Customer)[0]
    assert (anna.first_name, anna.last_name) == ("Anna", "Zielińska")
    assert [(email.address, email.tail) for email in rows(Email)] == [("anna@shop.example", None)]
    assert [(phone.number, phone.reversed) for phone in rows(Phone)] == [("+447700900123", "321009007744")]
    assert [(key.source, key.external_id) for key in rows(ExternalId)] == [("shop", "c1"), ("shop", "c2")]
    for typed in ("zielinska", "anna zielinksa", "07700900123", "anna@", "c1"):
        assert [hit.customer_id for hit in find(typed)] == [anna.id], typed


def test_the_same_file_again_changes_nothing(shop: Path) -> None:
    before = [number_of(model) for model in (Customer, Email, Phone, ExternalId, Event)]
    report = run_import("customers", shop / "customers.csv")
    assert counts(report) == (0, 0, 2, 0)
    assert (report.before, report.after, report.is_exact) == (2, 2, True)
    assert [number_of(model) for model in (Customer, Email, Phone, ExternalId, Event)] == before


def test_a_changed_row_is_updated_and_found_by_its_new_name(shop: Path) -> None:
    changed = ["c1", "Anna", "Nowak", "new@shop.example", ""]
    report = run_import("customers", csv_file(shop, "again.csv", CUSTOMERS, changed, BEN))
    assert counts(report) == (0, 1, 1, 0)
    anna = rows(Customer)[0]
    assert [hit.customer_id for hit in find("nowak")] == [anna.id]
    assert find("zielinska") == []
    # Addresses and numbers are added; what may have been written down here is never removed.
    assert {email.address for email in rows(Email)} == {"anna@shop.example", "new@shop.example"}
    assert number_of(Phone) == 1


def test_a_column_that_is_not_in_the_file_is_left_alone(shop: Path) -> None:
    report = run_import("customers", csv_file(shop, "tiers.csv", ["external_id", "tier"], ["c1", "gold"]))
    assert counts(report) == (0, 1, 0, 0)
    anna = rows(Customer)[0]
    assert (anna.tier, anna.last_name) == ("gold", "Zielińska")


def test_all_columns_of_a_customer(tmp_path: Path) -> None:
    header = [
        "external_id",
        "name",
        "account",
        "birthday",
        "consent_quote_notes",
        "customer_since",
        "country",
        "street",
    ]
    row = ["c9", "Nowak, Ewa", "Bakery Ltd", "1980-02-29", "yes", "2020-03-04", "pl", "ul. Długa 7"]
    run_import("customers", csv_file(tmp_path, "c.csv", header, row))
    ewa = rows(Customer)[0]
    assert (ewa.first_name, ewa.last_name, ewa.birth_month, ewa.birth_day) == ("Ewa", "Nowak", 2, 29)
    assert (ewa.consents, ewa.country, rows(Account)[0].name) == ({"quote_notes": True}, "PL", "Bakery Ltd")
    assert ewa.street == "ul. Długa 7"
    assert history() == [("customer.created", datetime(2020, 3, 4, 12, tzinfo=UTC))]
    assert counts(run_import("customers", tmp_path / "c.csv")) == (0, 0, 1, 0)


def test_a_key_twice_in_a_file_the_last_row_wins(tmp_path: Path) -> None:
    later = ["c1", "Anna", "Later", "", ""]
    report = run_import("customers", csv_file(tmp_path, "c.csv", CUSTOMERS, ANNA, BEN, later, later))
    assert counts(report) == (2, 1, 1, 0)
    assert [customer.last_name for customer in rows(Customer)] == ["Later", "O'Neill"]
    assert report.is_exact


def test_the_same_key_of_two_sources_is_two_customers(shop: Path) -> None:
    assert counts(run_import("customers", shop / "customers.csv", source="crm")) == (2, 0, 0, 0)
    assert number_of(Customer) == 4


def test_a_dry_run_says_the_same_and_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "BATCH", 1)  # so that the second row of c1 is in another batch
    path = csv_file(tmp_path, "c.csv", CUSTOMERS, ANNA, BEN, ["c1", "Anna", "Later", "", ""], ["", "x", "", "", ""])
    dry = run_import("customers", path, dry_run=True)
    assert number_of(Customer) == 0
    assert (dry.before, dry.after) == (0, 2)
    assert counts(dry) == (2, 1, 0, 1) == counts(run_import("customers", path))


def test_orders_stand_on_the_timeline_at_their_own_time_once(shop: Path) -> None:
    path = csv_file(shop, "orders.csv", ORDERS, FIRST_ORDER)
    assert counts(run_import("orders", path)) == (1, 0, 0, 0)
    order, delivery = rows(Order)[0], rows(Delivery)[0]
    assert (order.number, order.total_minor, order.total_currency) == ("A1", 1250, "GBP")
    assert str(delivery.promised_on) == "2024-05-03"
    told = [
        ("order.placed", datetime(2024, 5, 1, 8, 30, tzinfo=UTC)),
        ("order.delivered", datetime(2024, 5, 5, 11, 0, tzinfo=UTC)),
    ]
    assert history() == told
    event = db.session.scalars(select(Event).where(Event.kind == "order.delivered")).one()
    assert (event.topic, event.subject_id, event.data["late_days"]) == (Topic.ORDER, order.id, 2)
    assert event.recorded_at > event.at
    assert counts(run_import("orders", path)) == (0, 0, 1, 0)
    assert history() == told
    assert find("#a1")[0].customer_id == order.customer_id


def test_an_order_on_its_way_gets_its_delivery_later_and_only_that(shop: Path) -> None:
    shipped = ["A2", "c1", "shipped", "5", "2024-05-01", "", ""]
    run_import("orders", csv_file(shop, "one.csv", ORDERS, shipped))
    assert [kind for kind, _ in history()] == ["order.placed"]
    delivered = ["A2", "c1", "delivered", "5", "2024-05-01", "", "2024-05-04"]
    assert counts(run_import("orders", csv_file(shop, "two.csv", ORDERS, delivered))) == (0, 1, 0, 0)
    assert [kind for kind, _ in history()] == ["order.placed", "order.delivered"]


def test_an_order_without_a_date_is_kept_off_the_timeline_until_a_file_knows_it(shop: Path) -> None:
    header = ["external_id", "customer", "status", "total"]
    run_import("orders", csv_file(shop, "one.csv", header, ["A3", "c1", "delivered", "-5"]))
    assert rows(Order)[0].placed_at is None
    assert history() == []
    dated = csv_file(shop, "two.csv", [*header, "placed_at"], ["A3", "c1", "delivered", "-5", "2024-05-01"])
    assert counts(run_import("orders", dated)) == (0, 1, 0, 0)
    assert [kind for kind, _ in history()] == ["order.refunded"]  # below zero: money went back


def test_lines_find_their_order_and_product(shop: Path) -> None:
    run_import("orders", csv_file(shop, "orders.csv", ORDERS, FIRST_ORDER))
    products = csv_file(shop, "p.csv", ["sku", "name", "price", "options"], ["S1", "Lamp", "9.99", '{"size": "M"}'])
    assert counts(run_import("products", products)) == (1, 0, 0, 0)
    assert (rows(Product)[0].price_minor, rows(Product)[0].options) == (999, {"size": "M"})
    lines = csv_file(
        shop,
        "l.csv",
        ["order", "line", "sku", "name", "quantity", "price"],
        ["#A1", "1", "S1", "Lamp", "2", "9.99"],
        ["a1", "2", "??", "", "", "1"],  # by its number; a product that is not known
        ["A9", "1", "S1", "Lamp", "1", "1"],
    )
    report = run_import("order-lines", lines, rejects=shop / "r.csv")
    assert counts(report) == (2, 0, 0, 1)
    assert sum(report.warnings.values()) == 1
    assert [(line.name, line.quantity, line.product_id is None) for line in rows(OrderLine)] == [
        ("Lamp", 2, False),
        ("??", 1, True),
    ]
    assert rejected(shop / "r.csv") == [{
        "rejected_line": "4", "rejected_because": "There is no order 'A9' of the source 'shop'.", "order": "A9",
        "line": "1", "sku": "S1", "name": "Lamp", "quantity": "1", "price": "1", "rejected_text": "",
    }]  # fmt: skip


def test_conversations_with_their_words(shop: Path) -> None:
    session: Any = db.session
    agent = make_user(session, email="Mia@shop.example")
    run_import("orders", csv_file(shop, "orders.csv", ORDERS, FIRST_ORDER))
    talks = text_file(
        shop,
        "talks.jsonl",
        "\n".join(
            json.dumps(talk)
            for talk in (
                {"external_id": "t1", "customer": "c1", "channel": "phone", "started_at": "2024-06-01T10:00:00Z",
                 "agent_email": "mia@SHOP.example", "order": "A1", "csat": 4, "resolved": True},
                {"external_id": "t2", "customer_email": "anna@shop.example", "channel": "Chat", "order": "A9"},
                {"external_id": "t3", "customer": "c2", "channel": "chat", "order": "A1"},  # not c2's order
                {"external_id": "t4", "channel": "chat"},
                {"external_id": "t5", "customer": "c1", "channel": "telepathy"},
            )
        ),
    )  # fmt: skip
    report = run_import("interactions", talks, rejects=shop / "r.csv")
    assert counts(report) == (3, 0, 0, 2)
    assert report.warnings == {
        "an order is not known, or is another customer's; the interaction was kept without it": 2
    }
    first, second, third = rows(Interaction)
    assert (first.agent_id, first.order_id, first.csat, first.state) == (
        agent.id,
        rows(Order)[0].id,
        4,
        InteractionState.CLOSED,
    )
    assert (second.customer_id, second.started_at, third.order_id) == (first.customer_id, None, None)
    at = datetime(2024, 6, 1, 10, tzinfo=UTC)
    assert history()[-2:] == [("interaction.closed", at), ("survey.answered", at)]
    closed, scored = rows(Event)[-2:]
    assert (closed.data["resolved"], scored.data["score"]) == (True, 4)
    assert counts(run_import("interactions", talks)) == (0, 0, 3, 2)
    words = csv_file(
        shop, "w.csv", ["interaction", "position", "speaker", "text"],
        ["t1", "0", "customer", "Hello"], ["t1", "1", "agent", "Hi\nthere"], ["t9", "0", "agent", "x"],
    )  # fmt: skip
    assert counts(run_import("utterances", words)) == (2, 0, 0, 1)
    assert [(said.position, said.speaker, said.text) for said in rows(Utterance)] == [
        (0, "customer", "Hello"),
        (1, "agent", "Hi\nthere"),
    ]


def test_notes_keep_their_history_and_what_was_amended_here(shop: Path) -> None:
    session: Any = db.session
    header = ["external_id", "customer", "body", "written_at", "kind", "quotable"]

    def note(body: str) -> tuple[int, int, int, int]:
        path = csv_file(shop, "n.csv", header, ["n1", "c1", body, "2024-05-01 10:00", "visit", "yes"])
        return counts(run_import("notes", path))

    assert note("Likes oak") == (1, 0, 0, 0)
    kept = rows(Note)[0]
    assert (kept.kind, kept.quotable, kept.version) == (NoteKind.VISIT, True, 1)
    assert history() == [("note.written", datetime(2024, 5, 1, 9, tzinfo=UTC))]
    assert note("Likes beech") == (0, 1, 0, 0)
    assert [revision.body for revision in rows(NoteRevision)] == ["Likes oak"]
    agent = make_user(session)
    session.expire_all()
    kept = rows(Note)[0]
    session.add(
        NoteRevision(
            note_id=kept.id,
            version=kept.version,
            body=kept.body,
            kind=kept.kind,
            quotable=True,
            replaced_by_id=agent.id,
        )
    )
    kept.body, kept.version = "Likes ash, she says", kept.version + 1
    session.commit()
    assert note("Likes beech") == (0, 0, 1, 0)
    session.expire_all()
    assert rows(Note)[0].body == "Likes ash, she says"


def test_preferences_boundaries_and_web_events(shop: Path) -> None:
    likes = csv_file(
        shop, "p.csv", ["external_id", "customer", "text", "learned_at"],
        ["p1", "c1", "oak", "2024-05-01"], ["p2", "c1", "tea", ""],
    )  # fmt: skip
    assert counts(run_import("preferences", likes)) == (2, 0, 0, 0)
    limits = csv_file(
        shop, "b.csv", ["external_id", "customer", "kind", "after", "text"],
        ["b1", "c1", "no gifts", "", ""], ["b2", "c1", "no_calls_after", "18:00", ""],
        ["b3", "c1", "no_calls_after", "", ""], ["b4", "c1", "other", "", ""],
    )  # fmt: skip
    assert counts(run_import("boundaries", limits)) == (2, 0, 0, 2)
    seen = csv_file(
        shop, "e.csv", ["external_id", "customer", "kind", "at", "title", "data"],
        ["e1", "c1", "Cart abandoned", "2024-05-02 10:00", "2 lamps", '{"items": 2}'],
        ["e2", "c1", "review", "", "", ""],
    )  # fmt: skip
    assert counts(run_import("events", seen)) == (1, 0, 0, 1)
    assert [row.title for row in rows(Boundary)] == ["No gifts", "No calls after 18:00"]
    assert rows(WebEvent)[0].data == {"items": 2}
    assert [kind for kind, _ in history()] == ["preference.added", "web.cart_abandoned"]
    preference = rows(Preference)[1]
    preference.ended_at = datetime(2026, 1, 1, tzinfo=UTC)
    db.session.commit()
    for kind, path in (("preferences", likes), ("boundaries", limits), ("events", seen)):
        assert counts(run_import(kind, path))[:2] == (0, 0)
    db.session.expire_all()
    assert rows(Preference)[1].ended_at is not None


@pytest.mark.parametrize(
    ("kind", "header", "reason"),
    [
        ("customers", "id,first_name", "no column for: external_id"),
        ("customers", "external-id,first_name", "Perhaps external-id is external_id"),
        ("orders", "external_id,status,total", "customer or customer_email"),
        ("customers", "external_id,external_id", "twice"),
    ],
)
def test_a_bad_header_stops_the_run_before_anything_is_written(
    tmp_path: Path, kind: str, header: str, reason: str
) -> None:
    path = text_file(tmp_path, "c.csv", f"{header}\n1,2\n")
    with pytest.raises(BadFile, match=reason):
        run_import(kind, path, rejects=tmp_path / "r.csv")
    assert number_of(Customer) == 0
    assert not (tmp_path / "r.csv").exists()


GOOD = b"g1,Ann,Good,,\n"
BROKEN: list[tuple[bytes, str]] = [  # a file broken in many ways, one line each
    (b"b1,too few\n", "fields where the header has 5"),
    (b"b2,too,many,,,,\n", "fields where the header has 5"),
    (b"b3,NUL\0,x,,\n", "NUL"),
    (b"b4,caf\xe9,latin,,\n", "not UTF-8"),
    (b"b5," + b"x" * 500 + b",long,,\n", "characters long; 120 fit"),
    (b",no,key,,\n", "External_id is missing"),
    (b"b7,bad,mail,anna-at-shop,\n", "not an e-mail address"),
    (b"b8,bad,phone,,call me\n", "not a phone number"),
    (b'b9,"quo"te,x,,\n', "must be doubled"),
    (b"b10,surrogate\xed\xa0\x80,x,,\n", "not UTF-8"),
    (b"b11," + b"y" * (5 * 1024 * 1024) + b",x,,\n", "longer than 4 MB"),
    (b"b12,overlong\xc0\xaf,x,,\n", "not UTF-8"),
    (b"b13,mail," + b"z," + b"a" * 250 + b"@shop.example,\n", "characters long; 255 fit"),
    (b'b14,"never closed,x,,\n', "never closed"),
]


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_broken_in_fourteen_ways_loses_only_the_broken_rows(tmp_path: Path, ends: bytes, mark: bytes) -> None:
    lines = [b",".join(name.encode() for name in CUSTOMERS) + b"\n"]
    for number, (line, _) in enumerate(BROKEN):
        lines += [line, b'g%d,"two\nlines",Good,,\n' % number]
    path = text_file(tmp_path, "c.csv", mark + b"".join(line.replace(b"\n", ends) for line in lines))
    report = run_import("customers", path, rejects=tmp_path / "r.csv")
    assert counts(report) == (len(BROKEN), 0, 0, len(BROKEN))
    assert number_of(Customer) == len(BROKEN)
    found = rejected(tmp_path / "r.csv")
    assert [int(row["rejected_line"]) for row in found] == [2 + 3 * number for number in range(len(BROKEN))]
    for row, (_, reason) in zip(found, BROKEN, strict=True):
        assert reason in row["rejected_because"]


def test_rejected_rows_can_be_mended_and_imported(shop: Path) -> None:
    bad = csv_file(shop, "c.csv", CUSTOMERS, ["c3", "Cy", "Dee", "cy-at-shop", ""])
    assert counts(run_import("customers", bad, rejects=shop / "r.csv")) == (0, 0, 0, 1)
    mended = text_file(shop, "m.csv", (shop / "r.csv").read_text().replace("cy-at-shop", "cy@shop.example"))
    assert counts(run_import("customers", mended)) == (1, 0, 0, 0)
    assert find("cy@shop.example")
    run_import("customers", mended, rejects=shop / "r.csv")
    assert not (shop / "r.csv").exists()  # an old list would seem to be of this run


def test_a_row_that_the_database_refuses_is_rejected_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the checks before did not think of."""
    given = [[f"c{number}", "P", str(number), "", ""] for number in range(20)]
    given[13][0] = given[12][0] + " "  # the key is trimmed, so this is the same customer again

    def careless(rows: Any, run: Any) -> Any:
        for row in rows:
            if row["last_name"] == "7":
                row["first_name"] = None
                row["birthday"] = (13, 40)  # against a check constraint
        return people.write(rows, run)

    kind = KINDS["customers"]
    monkeypatch.setitem(KINDS, "customers", type(kind)(**{**kind.__dict__, "write": careless}))
    report = run_import("customers", csv_file(tmp_path, "c.csv", CUSTOMERS, *given), rejects=tmp_path / "r.csv")
    assert counts(report) == (18, 1, 0, 1)
    assert "The database refused it" in rejected(tmp_path / "r.csv")[0]["rejected_because"]
    assert report.is_exact
    assert [hit.how for hit in find("12")] == []
    assert number_of(Customer) == 18


def test_a_run_that_dies_half_way_is_simply_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "BATCH", 10)
    path = csv_file(
        tmp_path, "c.csv", CUSTOMERS, *([f"c{n}", "P", f"N{n}", f"p{n}@shop.example", ""] for n in range(35))
    )
    seen = 0

    def die(read: int) -> None:
        nonlocal seen
        seen += 1
        if seen == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_import("customers", path, progress=die)
    assert number_of(Customer) == 30
    assert counts(run_import("customers", path)) == (5, 0, 30, 0)


def recorded(app: Flask) -> list[Event]:
    with app.app_context():
        return rows(Event)


def test_the_command_reports_and_names_the_file_of_rejected_rows(app: Flask, tmp_path: Path) -> None:
    path = csv_file(tmp_path, "c.csv", CUSTOMERS, ANNA, ["", "x", "", "", ""])
    invoke: Callable[..., Any] = app.test_cli_runner().invoke
    invoke(args=["import", "customers", str(path), "--source", "shop", "--dry-run"])
    result = invoke(args=["import", "customers", str(path), "--source", "shop"])
    assert result.exit_code == 0, result.output
    assert "1 inserted, 0 updated, 0 unchanged, 1 rejected" in result.output
    assert "Line 3: External_id is missing." in result.output
    assert (tmp_path / "c.rejected.csv").stat().st_mode & 0o077 == 0  # it holds customers' data
    assert [(event.kind, event.actor_id, event.data) for event in recorded(app)] == [
        ("file.imported", None, {"rows": "customers", "inserted": 1, "rejected": 1})
    ]
    bad = invoke(args=["import", "orders", str(path)])
    assert bad.exit_code == 1
    assert "The file has no column for: status, total" in bad.output
