"""The catalogue as people see and change it."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.gestures.models import Gesture, GestureVersion
from tests.conftest import HTMX
from tests.factories import make_customer, make_interaction
from tests.factories_gestures import make_gesture, make_policy

SignIn = Callable[..., Any]  # a FlaskClient that also has its `user`


@pytest.fixture
def shop(session: Session, sign_in: SignIn) -> SimpleNamespace:
    """An agent signed in who talks with a customer, and two gestures."""
    customer, express = make_customer(session), make_gesture(session)
    make_policy(session)
    make_gesture(session, "Furniture assembly", 2200)
    session.commit()
    agent = sign_in("agent")
    make_interaction(session, customer, agent.user)
    session.commit()
    return SimpleNamespace(session=session, url=f"/customers/{customer.id}/gestures", agent=agent, express=express)


SHEET = {
    "kind": "addon",
    "fulfilment": "manual",
    "name": "A clay pot with the new plant",
    "blurb": "When a plant died",
    "wording": "May I add a pot?",
    "cost": "8.40",
    "face": "21",
    "perceived": "18",
    "tax": "7",
    "occasions": ["recovery", "delight"],
    "suits": "plants, garden",
}


def test_a_supervisor_adds_a_gesture_and_every_change_is_a_version(shop: SimpleNamespace, sign_in: SignIn) -> None:
    supervisor = sign_in("supervisor")
    made = supervisor.post("/gestures", data=SHEET)
    assert made.status_code == 303
    gesture = shop.session.scalars(select(Gesture).where(Gesture.code == "a-clay-pot-with-the-new-plant")).one()
    boxes = re.findall(r'<input[^>]*type="checkbox"[^>]*>', supervisor.get(f"/gestures/{gesture.id}/versions").text)
    assert boxes and not any("required" in box for box in boxes)  # a browser would ask for every one
    changed = supervisor.post(f"/gestures/{gesture.id}/versions", data=SHEET | {"cost": "9.00", "version": "1"})
    assert changed.status_code == 303
    versions = shop.session.scalars(
        select(GestureVersion).where(GestureVersion.gesture_id == gesture.id).order_by(GestureVersion.version)
    ).all()
    assert [(v.version, v.cost_minor, v.face_minor, v.perceived_minor, v.tax_minor) for v in versions] == [
        (1, 840, 2100, 1800, 700),
        (2, 900, 2100, 1800, 700),
    ]
    page = shop.agent.get(f"/gestures/{gesture.id}").text
    assert "<del>£8.40</del> <ins>£9.00</ins>" in page
    assert supervisor.user.name in page


def test_a_stale_edit_shows_both_and_saves_nothing(shop: SimpleNamespace, sign_in: SignIn) -> None:
    supervisor = sign_in("supervisor")
    url = f"/gestures/{shop.express.gesture_id}/versions"
    assert supervisor.post(url, data=SHEET | {"cost": "6", "version": "1"}).status_code == 303
    stale = supervisor.post(url, data=SHEET | {"cost": "7.77", "version": "1"})
    assert stale.status_code == 422
    assert "Somebody else changed this gesture" in stale.text
    assert "cost £6.00" in stale.text
    assert 'value="7.77"' in stale.text
    assert 'name="version" type="hidden" value="2"' in stale.text
    unchanged = supervisor.post(url, data=SHEET | {"cost": "6", "version": "2"})
    assert "Nothing was changed" in unchanged.text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cost": "a lot"}, "Enter an amount"),
        ({"cost": "-1"}, "Enter an amount"),
        ({"cost": "1.005"}, "Enter an amount"),
        ({"name": "  "}, "Give it a name"),
        ({"name": "x" * 121}, "At most 120"),
        ({"occasions": []}, "Say when it fits"),
        ({"occasions": ["bribery"]}, "not a valid choice"),
        ({"kind": "bribe"}, "Not a valid choice"),
    ],
)
def test_a_mistaken_sheet_is_told_and_kept_as_typed(
    sign_in: SignIn, session: Session, change: dict[str, object], sentence: str
) -> None:
    answer = sign_in("supervisor").post("/gestures", data=SHEET | change)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "May I add a pot?" in answer.text
    assert session.scalars(select(Gesture)).all() == []


def test_agents_read_the_catalogue_but_do_not_change_it(shop: SimpleNamespace) -> None:
    page = shop.agent.get("/gestures").text
    assert "Furniture assembly" in page
    assert "New gesture" not in page
    gesture_id = shop.express.gesture_id
    assert shop.agent.post("/gestures", data=SHEET).status_code == 403
    assert shop.agent.post(f"/gestures/{gesture_id}/versions", data=SHEET).status_code == 403
    assert shop.agent.post(f"/gestures/{gesture_id}/activation", data={"active": "0"}).status_code == 403


def test_a_retired_gesture_leaves_the_panel_and_may_return(shop: SimpleNamespace, sign_in: SignIn) -> None:
    supervisor = sign_in("supervisor")
    url = f"/gestures/{shop.express.gesture_id}/activation"
    assert supervisor.post(url, data={"active": "0"}).status_code == 303
    assert "Express delivery" not in shop.agent.get(shop.url, headers=HTMX).text
    assert "Express delivery" not in shop.agent.get("/gestures", headers=HTMX).text
    assert "Express delivery" in shop.agent.get("/gestures?show=retired", headers=HTMX).text
    supervisor.post(url, data={"active": "1"})
    assert "Express delivery" in shop.agent.get(shop.url, headers=HTMX).text


def test_the_catalogues_statements_do_not_grow(shop: SimpleNamespace) -> None:
    few = shop.agent.get("/gestures").headers["X-Sql-Statements"]
    for n in range(60):
        make_gesture(shop.session, f"Gesture {n}")
    shop.session.commit()
    page = shop.agent.get("/gestures")
    assert page.headers["X-Sql-Statements"] == few
    more = re.search(r'href="(/gestures\?after=\d+)"', page.text)
    assert more
    assert "Gesture 59" in shop.agent.get(more[1]).text
