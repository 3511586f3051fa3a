"""Building a rule in a form, who matches it, and the segments made of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from console.customers.fact_models import CustomerFacts
from console.customers.models import Boundary, BoundaryKind, Customer, Tier
from console.db import utc_now
from console.empowerment.fields import ASKABLE, INTERACTION
from console.empowerment.models import CustomerSegment
from console.empowerment.rule_forms import RuleBuilder
from console.empowerment.rules import Rule, as_json, read_rule
from console.empowerment.segments import count_matching, counts, segments_for
from console.events import Event
from tests.conftest import HTMX
from tests.factories import make_customer, make_order

GOLD = {"field": "tier", "op": "in", "value": ["gold"]}
BUYS = {"field": "orders_12m", "op": "ge", "value": 2}
SignIn = Callable[..., FlaskClient]


def rule(data: dict[str, Any]) -> Rule:
    return read_rule(data, ASKABLE)


def make_segment(session: Session, name: str = "Loyal", data: dict[str, Any] | None = None) -> CustomerSegment:
    segment = CustomerSegment(name=name, rule=data or {"all": [GOLD, BUYS]})
    session.add(segment)
    session.commit()
    return segment


def sent_by(page: str) -> MultiDict[str, str]:
    """What a browser would send of the builder on a page, without a button."""
    found: MultiDict[str, str] = MultiDict()
    for tag in re.findall(r"<(?:input|select)[^>]* name=\"customers[^>]*>(?:(?!<select).)*?(?=<|$)", page, re.DOTALL):
        name = re.search(r'name="([^"]+)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name and tag.startswith("<input") and ('type="checkbox"' not in tag or " checked" in tag):
            found.add(name[1], value[1] if value else "")
    for name, options in re.findall(r'<select[^>]* name="(customers[^"]*)".*?>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        if chosen:
            found.add(name, chosen[1])
    return found


def pressed(client: FlaskClient, form: MultiDict[str, str], do: str = "", **more: str) -> MultiDict[str, str]:
    """The form as it is after a button or a choice."""
    data = MultiDict(form)
    for name, value in more.items():
        data.setlist(f"customers-{name.replace('_', '-')}", [value])
    data["customers-do"] = do
    response = client.post("/segments/builder/customers", data=data, headers=HTMX)
    assert response.status_code == 200
    return sent_by(response.text)


NESTED: list[dict[str, Any]] = [
    {"all": []},
    {"all": [GOLD, BUYS]},
    {"any": [GOLD, {"all": [BUYS, {"not": {"any": [{"field": "no_gifts", "op": "is_true"}]}}]}]},
    {"all": [{"field": "spent_12m", "op": "between", "value": [1000, 2050]}]},
    {"all": [{"field": "csat_average", "op": "lt", "value": 425}, {"field": "language", "op": "in", "value": ["pl"]}]},
    {"all": [{"field": "last_gesture_at", "op": "not_within", "value": 90}, {"segment": "Loyal", "rule": GOLD}]},
    {"all": [{"field": "last_order_at", "op": "lt", "value": 3}]},  # an operator that the form does not offer
]


def test_a_rule_survives_the_form(sign_in: SignIn, app: Any, session: Session) -> None:
    segment, client = make_segment(session), sign_in("supervisor")
    for data in NESTED:
        segment.rule = data
        session.commit()
        page = client.get(f"/segments/{segment.id}/editor").text
        with app.test_request_context():
            assert as_json(RuleBuilder.sent("customers", ASKABLE, sent_by(page)).rule) == data


def test_a_rule_is_built_by_its_buttons_alone(sign_in: SignIn, session: Session) -> None:
    client = sign_in("supervisor")
    form = sent_by(client.get("/segments/new").text)
    form = pressed(client, form, "add:customers")
    form = pressed(client, form, **{"0_field": "tier"})
    form.setlist("customers-0-chosen", ["silver", "gold"])
    form = pressed(client, form, "group:customers")
    form = pressed(client, form, **{"1_0_field": "spent_12m", "1_0_low": "500"})
    form["customers-1-0-low"] = "1,500"
    form = pressed(client, form, "add:customers-1")
    form = pressed(client, form, **{"1_1_field": "last_gesture_at"})
    assert form["customers-1-1-op"] == "within"
    form = pressed(client, form, **{"1_1_op": "not_within", "1_1_low": "90"})
    form = pressed(client, form, "nest:customers-0")
    form = pressed(client, form, "ungroup:customers-0")
    form = pressed(client, form, "add:customers")
    form = pressed(client, form, "remove:customers-2")
    answer = client.post("/segments", data=with_name(form, "Friends"))
    assert answer.status_code == 303
    segment = session.scalars(select(CustomerSegment)).one()
    assert segment.rule == {
        "all": [
            {"field": "tier", "op": "in", "value": ["silver", "gold"]},
            {
                "any": [
                    {"field": "spent_12m", "op": "ge", "value": 150_000},
                    {"field": "last_gesture_at", "op": "not_within", "value": 90},
                ]
            },
        ]
    }
    assert "Silver or gold customers either with at least £1,500 spent" in client.get(answer.location).text
    assert session.scalars(select(Event).where(Event.kind == "segment.created")).one().subject_id == segment.id


def with_name(form: MultiDict[str, str], name: str, **more: Any) -> MultiDict[str, str]:
    data = MultiDict(form)
    data.update({"name": name, **more})
    return data


BETWEEN = {"customers-0-field": "orders_12m", "customers-0-op": "between"}


MISTAKES: list[tuple[dict[str, str], str]] = [
    ({}, "Add at least one condition"),
    ({"customers-0-field": ""}, "Choose what to ask about"),
    ({"customers-0-field": "shoe_size"}, "Choose what to ask about"),
    ({"customers-0-field": "value_band", "customers-0-chosen": "top"}, "Choose what to ask about"),
    ({"customers-0-field": "tier", "customers-0-op": "in"}, "Choose at least one value"),
    ({"customers-0-field": "tier", "customers-0-op": "in", "customers-0-chosen": "Gold"}, "does not exist"),
    ({"customers-0-field": "orders_12m", "customers-0-op": "ge", "customers-0-low": "x"}, "Enter a whole number"),
    ({"customers-0-field": "last_order_at", "customers-0-op": "ge", "customers-0-low": "999999"}, "36,500 at most"),
    ({"customers-0-field": "spent_12m", "customers-0-op": "ge", "customers-0-low": "1.234"}, "such as 12.50"),
    (BETWEEN | {"customers-0-low": "3", "customers-0-high": "2"}, "the smaller one first"),
    ({"customers-0-kind": "any"}, "This group is empty"),
    ({"customers-0-segment": "made up"}, "did not arrive whole"),
]


def test_a_mistake_is_told_at_its_place_and_keeps_what_was_typed(sign_in: SignIn, session: Session) -> None:
    client = sign_in("supervisor")
    for sent, message in MISTAKES:
        response = client.post("/segments", data={"name": "Kept", **sent})
        assert response.status_code == 422
        told = rf'<p class="field__error" id="customers(-0)?-error">.*?{message}'
        assert re.search(told, response.text, re.DOTALL), message
        assert 'value="Kept"' in response.text
    assert session.scalars(select(CustomerSegment)).all() == []


def test_a_pressed_button_never_saves(sign_in: SignIn, session: Session) -> None:
    """Without htmx the button sends the whole form to where it is saved."""
    whole = as_form({"all": [GOLD]}) | {"name": "Not yet", "customers-do": "nest:customers-0"}
    response = sign_in("supervisor").post("/segments", data=whole)
    assert response.status_code == 422
    assert 'name="customers-0-0-field"' in response.text
    assert session.scalars(select(CustomerSegment)).all() == []


def test_hostile_forms_do_no_harm(sign_in: SignIn) -> None:
    client = sign_in("supervisor")
    for do in (
        "remove:customers",
        "nest:customers-99",
        "add",
        ":",
        "x:customers",
        "segment:customers",
        "ungroup:customers",
    ):
        assert client.post("/segments/builder/customers", data={"customers-do": do}).status_code == 200
    deep = {f"customers{'-0' * level}-kind": "any" for level in range(50)}
    wide = {f"customers-{place}-field": "tier" for place in range(500)}
    assert client.post("/segments/matches", data=deep | wide).status_code == 200
    assert client.post("/segments", data={"name": "x", **deep}).status_code == 422
    assert client.post("/segments", data={"name": "x", **wide}).status_code == 422
    huge = {"customers-0-field": "orders_12m", "customers-0-op": "ge", "customers-0-low": "9" * 5000}
    assert client.post("/segments/matches", data=huge).status_code == 200
    assert client.post("/segments/builder/staff").status_code == 404


def test_a_segment_is_used_as_a_copy_with_its_name(sign_in: SignIn, session: Session, app: Any) -> None:
    used = make_segment(session, "Loyal", GOLD)
    client = sign_in("supervisor")
    form = pressed(client, MultiDict(), "segment:customers", use=str(used.id))
    used.rule = BUYS
    session.commit()
    with app.app_context():
        builder = RuleBuilder.sent("customers", ASKABLE, form)
        assert builder.is_valid
        assert as_json(builder.rule) == {"all": [{"segment": "Loyal", "rule": GOLD}]}


def test_a_rule_about_the_conversation_is_built_alike(sign_in: SignIn, app: Any) -> None:
    page = sign_in("supervisor").post("/segments/builder/interaction", data={"interaction-0-field": "minutes"}).text
    assert "minutes so far" in page
    assert "Use segment" not in page
    data = MultiDict({"interaction-0-field": "minutes", "interaction-0-op": "ge", "interaction-0-low": "5"})
    with app.app_context():
        assert as_json(RuleBuilder.sent("interaction", INTERACTION, data).rule) == {
            "all": [{"field": "minutes", "op": "ge", "value": 5}]
        }


@pytest.fixture
def customers(session: Session) -> dict[str, Customer]:
    """Gold with two orders, gold with one, silver with two."""
    found = {}
    for name, tier, orders in (
        ("Ada", Tier.GOLD, 2),
        ("Bo", Tier.GOLD, 1),
        ("Cy", Tier.SILVER, 2),
        ("Di", Tier.SILVER, 0),
    ):
        found[name] = make_customer(session, name, "Moor", tier=tier)
        for _ in range(orders):
            make_order(session, found[name], days_ago=20)
    session.commit()
    return found


def as_form(data: dict[str, Any]) -> dict[str, str]:
    """Of a plain list of conditions."""
    return {
        f"customers-{place}-{name}": str(value)
        for place, one in enumerate(data["all"])
        for name, value in (
            ("field", one["field"]),
            ("op", one["op"]),
            (
                "chosen" if isinstance(one["value"], list) else "low",
                one["value"][0] if isinstance(one["value"], list) else one["value"],
            ),
        )
    }


def test_who_matches_and_who_just_misses_is_shown_beside_the_builder(
    sign_in: SignIn, customers: dict[str, Customer]
) -> None:
    client, form = sign_in("supervisor"), as_form({"all": [GOLD, BUYS]})
    client.post("/segments/matches", data=form)  # brings the facts up to date
    page = client.post("/segments/matches", data=form, headers=HTMX)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))
    assert "Gold customers with at least 2 orders in 12 months" in text
    assert "1 of 4 customers now" in text
    assert "For example Ada Moor" in text
    assert "Bo Moor 1 order in 12 months, needs at least 2" in text
    assert "Cy Moor loyalty tier is silver, needs gold" in text
    assert "Di Moor" not in text  # two conditions away
    assert int(page.headers["X-Sql-Statements"]) <= 8


def test_the_page_of_a_segment_lists_its_customers_in_pages(
    sign_in: SignIn, session: Session, customers: dict[str, Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.empowerment.segments.PAGE", 1)
    segment = make_segment(session, data={"all": [GOLD]})
    client = sign_in("agent")
    first = client.get(f"/segments/{segment.id}")
    assert "Ada Moor" in first.text
    assert "Bo Moor" not in first.text
    assert "2</b>" in first.text
    second = client.get(f"/segments/{segment.id}?after={customers['Ada'].id}")
    assert "Bo Moor" in second.text
    assert "Show more" not in second.text
    assert int(second.headers["X-Sql-Statements"]) <= 10


def test_the_list_counts_all_segments_in_one_scan(
    sign_in: SignIn, session: Session, customers: dict[str, Customer]
) -> None:
    make_segment(session, "Gold", GOLD)
    client = sign_in("agent")
    client.get("/segments")  # brings the facts up to date
    few = client.get("/segments")
    assert ">2</td>" in few.text
    assert "New segment" not in few.text
    for number in range(10):
        make_segment(session, f"Other {number}", BUYS)
    many = client.get("/segments")
    assert "Other 9" in many.text
    assert many.headers["X-Sql-Statements"] == few.headers["X-Sql-Statements"]


def test_customers_of_a_segment_are_exported_and_that_is_on_record(
    sign_in: SignIn, session: Session, customers: dict[str, Customer]
) -> None:
    make_customer(session, "=HYPERLINK()", "Evil", tier=Tier.GOLD)
    segment = make_segment(session, data={"all": [GOLD]})
    answer = sign_in("supervisor").get(f"/segments/{segment.id}/customers.csv")
    lines = answer.text.splitlines()
    assert lines[0].startswith("customer,first_name,last_name,tier")
    assert [line.split(",")[1] for line in lines[1:]] == ["Ada", "Bo", "'=HYPERLINK()"]
    assert session.scalars(select(Event).where(Event.kind == "segment.exported")).one()
    assert sign_in("agent").get(f"/segments/{segment.id}/customers.csv").status_code == 403


def test_a_change_made_meanwhile_is_shown_and_replaced_only_knowingly(sign_in: SignIn, session: Session) -> None:
    segment = make_segment(session)
    client = sign_in("supervisor")
    mine = with_name(sent_by(client.get(f"/segments/{segment.id}/editor").text), "Mine", revision="1")
    theirs = MultiDict(as_form({"all": [BUYS]}))
    assert client.post(f"/segments/{segment.id}", data=with_name(theirs, "Theirs", revision="1")).status_code == 303
    clash = client.post(f"/segments/{segment.id}", data=mine)
    assert clash.status_code == 409
    assert "Customers with at least 2 orders in 12 months" in clash.text
    assert 'value="Mine"' in clash.text
    session.expire_all()
    assert segment.name == "Theirs"
    mine["revision"] = "2"
    assert client.post(f"/segments/{segment.id}", data=mine).status_code == 303
    session.expire_all()
    assert (segment.name, segment.revision, segment.rule) == ("Mine", 3, {"all": [GOLD, BUYS]})


def test_two_segments_cannot_have_one_name(sign_in: SignIn, session: Session) -> None:
    make_segment(session, "Loyal")
    answer = sign_in("supervisor").post("/segments", data=with_name(MultiDict(as_form({"all": [BUYS]})), "Loyal"))
    assert answer.status_code == 422
    assert "There is a segment of that name already" in answer.text


def test_a_segment_is_put_away_and_taken_back(sign_in: SignIn, session: Session) -> None:
    segment = make_segment(session, "Old one")
    client = sign_in("supervisor")
    assert "is put away" in client.post(f"/segments/{segment.id}/archive", follow_redirects=True).text
    assert "Old one" not in client.get("/segments/new").text
    assert "Old one" not in client.get("/segments").text
    assert "Old one" in client.get("/segments?archived=1").text
    assert client.post(f"/segments/{segment.id}/use").status_code == 303
    assert "Old one" in client.get("/segments").text


def test_agents_read_segments_and_write_none(sign_in: SignIn, session: Session) -> None:
    segment = make_segment(session)
    client = sign_in("agent")
    assert client.get(f"/segments/{segment.id}").status_code == 200
    for path in ("/segments", f"/segments/{segment.id}", "/segments/matches", "/segments/builder/customers"):
        assert client.post(path).status_code == 403


def test_segments_of_a_customer_and_counts_agree_with_the_facts(
    in_app: None, session: Session, customers: dict[str, Customer]
) -> None:
    session.add(Boundary(customer_id=customers["Bo"].id, kind=BoundaryKind.NO_GIFTS, text="No gifts"))
    make_segment(session, "Gold", GOLD)
    make_segment(session, "Free", {"all": [GOLD, {"field": "no_gifts", "op": "is_false"}]})
    now = utc_now() + timedelta(seconds=1)
    assert count_matching(rule(GOLD), now) == 2
    assert counts([rule(GOLD), rule(BUYS)], now) == [2, 2]
    row = session.scalars(select(CustomerFacts).where(CustomerFacts.customer_id == customers["Bo"].id)).one()
    facts = {name: getattr(row, name) for name in ASKABLE}
    assert [segment.name for segment in segments_for(facts, now)] == ["Gold"]
