"""The limits' pages: the sentence, the history, the form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.empowerment.models import LimitSet
from console.events import Event
from tests.conftest import HTMX
from tests.factories import make_customer
from tests.factories_gestures import make_gesture, make_limits

SignIn = Callable[..., Any]  # a FlaskClient that also has its `user`
FORM = {
    "version": "1",
    "per_gesture": "12.50",
    "per_interaction": "20",
    "per_customer": "60",
    "customer_days": "90",
    "per_agent_day": "100",
    "hold_minutes": "15",
    "note": "The winter was hard",
}


def sets(session: Session) -> list[LimitSet]:
    session.expire_all()
    return list(session.scalars(select(LimitSet).order_by(LimitSet.role, LimitSet.version)))


def plain(html: str) -> str:
    return html.replace("<b>", "").replace("</b>", "")


def test_limits_read_as_a_sentence_for_each_role(session: Session, sign_in: SignIn) -> None:
    make_limits(session)
    session.commit()
    page = plain(sign_in("agent").get("/limits").text)
    assert (
        "Agents may give up to £10.00 a gesture, £20.00 in one conversation, £60.00 to one customer in 90 days,"
        " whoever gives it, and £100.00 a day. An offer is held for 15 minutes." in page
    )
    assert "Nothing is set for supervisors yet, so they may give nothing." in page
    assert "These are yours" in page
    assert "the limits of agents" not in page


def test_a_change_is_a_new_version_with_who_when_and_what(session: Session, sign_in: SignIn) -> None:
    make_limits(session)
    session.commit()
    supervisor = sign_in("supervisor")
    answer = supervisor.post("/limits/agent/versions", data=FORM)
    assert (answer.status_code, answer.location) == (303, "/limits/agent")
    assert [(row.version, row.per_gesture_minor) for row in sets(session)] == [(1, 1000), (2, 1250)]
    page = supervisor.get("/limits/agent").text
    assert "A gesture: <del>£10.00</del> <ins>£12.50</ins>" in page
    assert "A day:" not in page.split("Version 1")[0]
    assert supervisor.user.name in page
    assert "The winter was hard" in page
    (event,) = session.scalars(select(Event).where(Event.kind == "limits.changed"))
    assert (event.actor_id, event.data) == (supervisor.user.id, {"role": "agent", "version": 2})


def test_the_agents_next_offer_obeys_a_changed_limit(session: Session, sign_in: SignIn) -> None:
    make_limits(session)
    customer, version = make_customer(session), make_gesture(session)
    session.commit()
    agent, supervisor = sign_in("agent"), sign_in("supervisor")
    url = f"/customers/{customer.id}/gestures"
    assert agent.post(url, data={"version": version.id, "key": "0000-0000-0000-0001"}, headers=HTMX).status_code == 200
    supervisor.post("/limits/agent/versions", data=FORM | {"per_gesture": "5"})
    answer = agent.post(url, data={"version": version.id, "key": "0000-0000-0000-0002"}, headers=HTMX)
    assert answer.status_code == 422
    assert "£5.20 is more than the £5.00 that you may give as one gesture." in answer.text


def test_first_limits_of_a_role_can_be_set(session: Session, sign_in: SignIn) -> None:
    supervisor = sign_in("supervisor")
    assert supervisor.get("/limits/sales/versions").status_code == 200
    assert supervisor.post("/limits/sales/versions", data=FORM | {"version": "0"}).status_code == 303
    assert [(row.role, row.version) for row in sets(session)] == [("sales", 1)]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"per_gesture": "101"}, "The limit for a gesture is larger than the one for a conversation"),
        ({"per_agent_day": "19"}, "The limit for a conversation is larger than the one for a day"),
        ({"per_customer": "19.99"}, "The limit for a conversation is larger than the one for a customer"),
        ({"per_gesture": "ten"}, "Enter an amount, such as 12.50"),
        ({"per_gesture": "10.005"}, "Enter an amount, such as 12.50"),
        ({"per_gesture": "-1"}, "Enter an amount, such as 12.50"),
        ({"customer_days": "0"}, "from 1 to 3,650"),
        ({"customer_days": "x"}, "Not a valid integer"),
        ({"hold_minutes": "1441"}, "from 1 to 1,440"),
        ({"note": " "}, "Say why"),
    ],
)
def test_what_makes_no_sense_is_told_and_kept_as_typed(
    session: Session, sign_in: SignIn, change: dict[str, str], sentence: str
) -> None:
    make_limits(session)
    session.commit()
    answer = sign_in("supervisor").post("/limits/agent/versions", data=FORM | change)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert len(sets(session)) == 1
    for value in change.values():
        assert value.strip() == "" or f'value="{value}"' in answer.text


def test_a_stale_edit_shows_both_and_saves_nothing(session: Session, sign_in: SignIn) -> None:
    make_limits(session)
    make_limits(session, version=2, per_gesture_minor=700)
    session.commit()
    supervisor = sign_in("supervisor")
    answer = supervisor.post("/limits/agent/versions", data=FORM)
    assert answer.status_code == 422
    assert "Somebody else changed these limits meanwhile" in answer.text
    assert "Agents may give up to £7.00 a gesture" in plain(answer.text)
    assert 'value="12.50"' in answer.text
    assert len(sets(session)) == 2
    assert supervisor.post("/limits/agent/versions", data=FORM | {"version": "2"}).status_code == 303


def test_saving_what_is_in_force_already_makes_no_version(session: Session, sign_in: SignIn) -> None:
    make_limits(session)
    session.commit()
    answer = sign_in("supervisor").post("/limits/agent/versions", data=FORM | {"per_gesture": "10.00"})
    assert answer.status_code == 422
    assert "Nothing was changed" in answer.text
    assert len(sets(session)) == 1


@pytest.mark.parametrize("role", ["agent", "sales", "administrator"])
def test_only_supervisors_set_limits(session: Session, sign_in: SignIn, role: str) -> None:
    client = sign_in(role)
    assert client.get("/limits").status_code == 200
    assert client.get("/limits/agent/versions").status_code == 403
    assert client.post("/limits/agent/versions", data=FORM).status_code == 403
    assert sets(session) == []


def test_a_role_that_gives_nothing_is_not_found(sign_in: SignIn) -> None:
    supervisor = sign_in("supervisor")
    for role in ("administrator", "king"):
        assert supervisor.get(f"/limits/{role}").status_code == 404
        assert supervisor.post(f"/limits/{role}/versions", data=FORM).status_code == 404


def test_the_pages_statements_do_not_grow_with_the_history(session: Session, sign_in: SignIn) -> None:
    make_limits(session)
    session.commit()
    agent = sign_in("agent")
    few = [agent.get(url).headers["X-Sql-Statements"] for url in ("/limits", "/limits/agent")]
    for number in range(2, 30):
        make_limits(session, version=number, per_gesture_minor=1000 - number)
    session.commit()
    assert [agent.get(url).headers["X-Sql-Statements"] for url in ("/limits", "/limits/agent")] == few
