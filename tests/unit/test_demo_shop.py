"""The files of the demo shop agree with each other."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from console.auth.permissions import ROLES
from console.customers.models import BoundaryKind, Customer, Provenance
from console.demo.days import Days
from console.demo.everyday import spoken
from console.demo.people import Person
from console.demo.reading import DOMAIN, articles, conversations, table, wares
from console.empowerment.kinds import GestureKind, Occasion
from console.interactions.models import Channel, WrapUpCode
from notes.cards.checks import Situation, check_card
from notes.cards.models import Paper
from notes.cards.words import drafted
from notes.models import NoteKind, PromiseState

NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)
DAYS = Days(NOW, ZoneInfo("Europe/London"))
DRAMA = re.compile(r"\+44(1632960|7700900|1144960|1174960|2079460)\d{3}")  # what Ofcom keeps for it
PEOPLE: list[dict[str, Any]] = table("people")
TALKS = conversations()
STAFF = set(table("staff")["people"])
CODES = {line["code"] for line in table("gestures")}


def test_there_is_as_much_as_promised() -> None:
    assert len(TALKS) == 40
    assert 60 <= len(articles(DAYS)) <= 80
    assert len(table("gestures")) == 13
    assert len(table("staff")["people"]) == 14
    assert {role for _, role, _ in table("staff")["people"].values()} == set(ROLES)
    assert {role for line in table("policies")["policies"] for role in line.get("who", {}).get("roles", ())} == {
        "agent", "sales", "supervisor"
    }  # fmt: skip


def test_every_product_that_is_named_is_sold() -> None:
    named = {line["sku"] for person in PEOPLE for order in person["orders"] for line in order["lines"]}
    named |= {sku for person in PEOPLE for cart in person["carts"] for sku in cart["skus"]}
    seasons = table("seasons")
    named |= set(seasons["popularity"]) | set(seasons["companions"]) | set(table("reviews"))
    named |= {sku for pairs in seasons["companions"].values() for _, sku in pairs}
    assert named <= set(wares())
    categories = {ware.category for ware in wares().values()}
    assert set(seasons["categories"]) | {"Services"} == categories
    assert set(seasons["returns"]) <= categories
    assert {name for talk in table("talks") for name in talk.get("categories", [])} <= categories


def test_every_article_and_conversation_that_is_named_is_there() -> None:
    library, keys = {article.external_id for article in articles(DAYS)}, {talk["key"] for talk in TALKS}
    named = {name for talk in [*TALKS, *table("talks")] for name in talk["articles"]}
    named |= {name for names in table("links").values() for name in names}
    assert named <= library
    assert set(table("links")) <= keys
    told = [line for person in PEOPLE for line in [*person["preferences"], *person["boundaries"], *person["promises"]]]
    assert {line["conversation"] for line in told if line["conversation"]} <= keys
    assert all(line["conversation"] for person in PEOPLE for line in [*person["boundaries"], *person["promises"]])


def test_everybody_who_is_named_works_there() -> None:
    named = {talk["agent"] for talk in TALKS} | {note["author"] for talk in TALKS for note in talk["notes"]}
    named |= {line["owner"] for person in PEOPLE for line in person["promises"]}
    named |= {article.owner.removesuffix(f"@{DOMAIN}") for article in articles(DAYS)}
    named |= {line["written_by"] for line in table("policies")["policies"]}
    assert named <= STAFF


def test_every_card_quotes_its_note_and_fits_on_the_paper() -> None:
    cards, said = table("cards"), {f"{talk['key']}-{place}": note for talk in TALKS
                                   for place, note in enumerate(talk["notes"], 1)}  # fmt: skip
    for line in cards["cards"]:
        assert line["author"] in STAFF and line["quote"] in line["note"]
        assert not re.search(r"\b(he|she|his|hers?|him)\b", line["note"], re.IGNORECASE), line["note"]
    assert cards["given"]["quote"] in said[cards["given"]["note"]]["text"]
    for line in [*cards["cards"], cards["given"]]:
        body = drafted("Christodoulos", line["line"], "Agnieszka", "en")
        assert [check.text for check in check_card(body, Paper.A6, Situation(), lambda text: []) if check.blocks] == []
    for line in cards["notes"]:
        assert {line["author"], *line.get("mentions", ())} <= STAFF
        assert all(found["sentence"] in line["text"] for found in line.get("findings", ()))


def test_conversations_belong_to_customers_and_to_their_own_orders() -> None:
    orders = {order["key"]: person["key"] for person in PEOPLE for order in person["orders"]}
    for talk in TALKS:
        assert talk["customer"] in {person["key"] for person in PEOPLE}
        assert talk["order"] is None or orders[talk["order"]] == talk["customer"], talk["key"]
        assert talk["gesture"] is None or talk["gesture"]["code"] in CODES
        assert WrapUpCode(talk["wrap_up_code"]) and Channel(talk["channel"])
        assert len(talk["subject"]) <= 300
        assert all(NoteKind(note["kind"]) for note in talk["notes"])
    for talk in table("habits"):
        assert talk["order"] is None or orders[talk["order"]] == talk["customer"], talk["subject"]
        assert talk["agent"] in STAFF and talk["gift"] in {None, *CODES} and WrapUpCode(talk["code"])


def test_words_for_kinds_are_those_of_the_product() -> None:
    for line in table("gestures"):
        assert GestureKind(line["kind"]) and {Occasion(name) for name in line["occasions"]}
        assert max(len(line["blurb"]), len(line["wording"])) <= 300
    for person in PEOPLE:
        assert all(Provenance(line["provenance"]) and len(line["text"]) <= 300 for line in person["preferences"])
        assert all(BoundaryKind(line["kind"]) for line in person["boundaries"])
        assert all(PromiseState(line["state"]) and len(line["text"]) <= 300 for line in person["promises"])
    for talk in table("talks"):
        assert set(talk["gestures"]) <= CODES
        assert WrapUpCode(talk["code"])


def test_nobody_real_can_be_rung_or_written_to() -> None:
    assert all(DRAMA.fullmatch(phone) for person in PEOPLE for phone in person["phones"])
    assert all(address.endswith(".example") for person in PEOPLE for address in person["emails"])
    assert all(box.endswith(".example") for box in table("names")["mailboxes"])


def test_names_of_people_orders_and_conversations_are_used_once() -> None:
    names = Counter(talk["key"] for talk in TALKS) + Counter(person["key"] for person in PEOPLE)
    names += Counter(order["key"] for person in PEOPLE for order in person["orders"])
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize(
    ("sku", "said"),
    [("KI-KILN-P", "Where are the Kiln plates? One day late"), ("LI-BEAC", "Where is the Beacon lamp? One day late")],
)
def test_texts_agree_with_the_number_of_the_product(sku: str, said: str) -> None:
    person = Person(Customer(first_name="Ada", city="Leeds"), 1)
    filled = spoken("where {is} the {thing}? One day late", wares()[sku], None, person, DAYS)
    assert filled == said


def test_every_text_of_the_everyday_can_be_filled_in() -> None:
    person = Person(Customer(first_name="Ada", city="Leeds"), 1)
    texts = [text for talk in table("talks") for case in talk["cases"] for text in case]
    texts += [text for talk in table("talks") for text in talk.get("complaint", [])] + table("notes")["promises"]
    for text in texts:
        filled = spoken(text, wares()["BD-TEAS"], None, person, DAYS)
        assert "{" not in filled and len(filled) <= 300
