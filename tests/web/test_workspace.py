"""The workspace: what an agent sees of a customer without a click, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import null, select
from sqlalchemy.orm import Session

from console.customers.models import Boundary, BoundaryKind, Complaint, Customer, Email, Preference, Provenance
from console.customers.queries import signals_for
from console.customers.signals import SignalKind
from console.events import Event, Topic
from console.interactions.models import Interaction, InteractionState
from notes.models import Note, Promise
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_delivery, make_interaction, make_order, make_user

SignIn = Callable[..., FlaskClient]
NOW = datetime.now(UTC)


def happened(
    session: Session, customer: Customer, kind: str, topic: Topic, subject: object, at: datetime, **data: object
) -> None:
    add(
        session,
        Event(
            kind=kind, topic=topic, customer_id=customer.id, subject_type=subject.__tablename__, subject_id=subject.id,  # type: ignore[attr-defined]
            at=at, recorded_at=NOW, data=data,
        ),
    )  # fmt: skip


@pytest.fixture
def isla(session: Session) -> Customer:
    """Someone with a bit of everything."""
    isla = make_customer(
        session, emails=("isla@mailbox.example",), phones=("+447700900123",), customer_since=date(2023, 3, 1)
    )
    agent = make_user(session)
    add(session, Boundary(customer_id=isla.id, kind=BoundaryKind.NO_GIFTS, text="Please, no presents"))
    add(session, Complaint(customer_id=isla.id, text="Lamp arrived scratched", opened_at=NOW - timedelta(days=3)))
    add(session, Preference(customer_id=isla.id, text="Evening delivery", provenance=Provenance.STATED))
    add(session, Promise(customer_id=isla.id, owner_id=agent.id, text="Ring back", due_at=NOW - timedelta(days=1)))
    order = make_order(session, isla)
    make_delivery(session, order, promised_on=(NOW - timedelta(days=8)).date(), delivered_at=NOW - timedelta(days=4))
    talk = make_interaction(
        session, isla, agent, state=InteractionState.CLOSED, subject="Scratched lamp", resolved=False
    )
    note = add(
        session,
        Note(customer_id=isla.id, author_id=agent.id, body="Please don't make me explain it twice.", pinned=True),
    )
    happened(session, isla, "order.delivered", Topic.ORDER, order, NOW - timedelta(days=4), late_days=4)
    happened(session, isla, "interaction.closed", Topic.TALK, talk, NOW - timedelta(days=2), resolved=False)
    happened(session, isla, "note.written", Topic.NOTE, note, NOW - timedelta(days=2))
    session.commit()
    return isla


def test_everything_that_matters_is_there_without_a_click(sign_in: SignIn, isla: Customer) -> None:
    page = sign_in("agent").get(f"/customers/{isla.id}").text
    for words in (
        "Isla Mercer", "Open complaint, 3 days", "Lamp arrived scratched", "No gifts", "Evening delivery",
        "Broken promise",
        "Ring back", "Delivery 4 days late", "2nd talk in 14 days", "explain it twice", "4 days late", "Scratched lamp",
    ):  # fmt: skip
        assert words in page


def test_the_page_costs_at_most_twelve_statements_and_does_not_grow(
    sign_in: SignIn, session: Session, isla: Customer
) -> None:
    client = sign_in("agent")
    first = client.get(f"/customers/{isla.id}").headers["X-Sql-Statements"]
    for number in range(40):
        order = make_order(session, isla, days_ago=number)
        happened(session, isla, "order.placed", Topic.ORDER, order, NOW - timedelta(days=number))
    session.commit()
    assert int(client.get(f"/customers/{isla.id}").headers["X-Sql-Statements"]) == int(first) <= 12


def test_contact_details_are_masked_until_asked_for_and_the_asking_is_recorded(
    sign_in: SignIn, session: Session, isla: Customer
) -> None:
    client = sign_in("agent")
    page = client.get(f"/customers/{isla.id}").text
    assert "isla@mailbox.example" not in page
    assert "+447700900123" not in page
    assert "is•••@mailbox.example" in page
    email = session.scalars(select(Email)).one()
    shown = client.post(f"/customers/{isla.id}/emails/{email.id}/disclosure", headers=HTMX)
    assert "isla@mailbox.example" in shown.text
    event = session.scalars(select(Event).where(Event.topic == Topic.ACCESS)).one()
    assert (event.kind, event.actor_id, event.customer_id) == ("contact.email_shown", client.user.id, isla.id)  # type: ignore[attr-defined]
    assert "isla@mailbox" not in str(event.data)


def test_another_customers_contact_detail_is_not_found(sign_in: SignIn, session: Session, isla: Customer) -> None:
    other = make_customer(session, "Omar", "Khan", emails=("omar@mailbox.example",))
    session.commit()
    assert sign_in("agent").post(f"/customers/{isla.id}/emails/{other.emails[0].id}/disclosure").status_code == 404


def test_the_timeline_is_paged_without_gaps_or_doubles(sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session)
    at = NOW - timedelta(days=1)
    for number in range(60):  # many at the very same moment
        note = add(session, Note(customer_id=customer.id, body=f"Note number {number:03}", written_at=at))
        happened(session, customer, "note.written", Topic.NOTE, note, at)
    session.commit()
    client = sign_in("agent")
    url, seen = f"/customers/{customer.id}/timeline?before=", []
    page = client.get(f"/customers/{customer.id}/timeline", headers=HTMX).text
    while True:
        seen += [line.split("Note number ")[1][:3] for line in page.splitlines() if "Note number " in line]
        if url not in page:
            break
        page = client.get(url + page.split(url)[1].split('"')[0], headers=HTMX).text
    assert seen == [f"{number:03}" for number in reversed(range(60))]


@pytest.mark.parametrize("bad", ["before=nonsense", "before=1-x", "topic=gossip", "topic=access", "before=9e99-1"])
def test_a_place_in_the_timeline_that_does_not_exist_is_not_found(sign_in: SignIn, isla: Customer, bad: str) -> None:
    assert sign_in("agent").get(f"/customers/{isla.id}/timeline?{bad}").status_code == 404


def test_the_timeline_filters_by_kind(sign_in: SignIn, isla: Customer) -> None:
    page = sign_in("agent").get(f"/customers/{isla.id}/timeline?topic=order", headers=HTMX).text
    assert "delivered" in page
    assert "explain it twice" not in page


def test_a_preference_said_twice_is_confirmed_instead(sign_in: SignIn, session: Session, isla: Customer) -> None:
    client = sign_in("agent")
    data = {"text": "evening delivery", "category": "delivery", "provenance": "stated"}
    assert client.post(f"/customers/{isla.id}/preferences", data=data, headers=HTMX).status_code == 200
    kept = session.scalars(select(Preference)).one()
    assert kept.confirmed_at is not None


def test_a_preference_is_corrected_removed_and_restored_with_its_history(
    sign_in: SignIn, session: Session, isla: Customer
) -> None:
    client = sign_in("agent")
    old = session.scalars(select(Preference)).one()
    base = f"/customers/{isla.id}/preferences"
    data = {"text": "Morning delivery", "category": "delivery", "provenance": "stated"}
    assert "Morning delivery" in client.post(f"{base}/{old.id}/correction", data=data, headers=HTMX).text
    new = session.scalars(select(Preference).where(Preference.replaces_id == old.id)).one()
    stale = client.post(f"{base}/{old.id}/correction", data=data | {"text": "At noon"}, headers=HTMX)
    assert stale.status_code == 422
    assert "At noon" in stale.text  # what was typed is not lost
    history = client.get(f"{base}/{new.id}/history", headers=HTMX).text
    assert "Morning delivery" in history
    assert "Evening delivery" in history
    assert "Undo" in client.post(f"{base}/{new.id}/removal", headers=HTMX).text
    assert "Morning delivery" in client.post(f"{base}/{new.id}/restoration", headers=HTMX).text
    kinds = session.scalars(select(Event.kind).where(Event.topic == Topic.PROFILE).order_by(Event.id)).all()
    assert kinds == ["preference.corrected", "preference.removed", "preference.added"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"kind": "no_calls_after", "after": "", "text": ""}, "after which time"),
        ({"kind": "other", "text": "  "}, "what they do not want"),
        ({"kind": "no_calls_after", "after": "25:99"}, "Not a valid time"),
        ({"kind": "other", "text": "x" * 301}, "longer than 300"),
        ({"kind": "everything"}, "Not a valid choice"),
    ],
)
def test_a_boundary_that_says_nothing_is_refused(
    sign_in: SignIn, session: Session, isla: Customer, data: dict[str, str], message: str
) -> None:
    response = sign_in("agent").post(f"/customers/{isla.id}/boundaries", data=data, headers=HTMX)
    assert response.status_code == 422
    assert message in response.text
    assert len(session.scalars(select(Boundary)).all()) == 1


def test_a_complaint_stands_above_everything_until_it_is_settled(sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session)
    session.commit()
    client = sign_in("agent")
    client.post(f"/customers/{customer.id}/complaints", data={"text": "Rude courier"}, headers=HTMX)
    complaint = session.scalars(select(Complaint)).one()
    assert "Rude courier" in client.get(f"/customers/{customer.id}").text.split('id="preferences"')[0]
    client.post(f"/customers/{customer.id}/complaints/{complaint.id}/settlement", headers=HTMX)
    client.post(f"/customers/{customer.id}/complaints/{complaint.id}/settlement", headers=HTMX)
    assert "Rude courier" not in client.get(f"/customers/{customer.id}").text.split('id="preferences"')[0]
    kinds = session.scalars(select(Event.kind).where(Event.kind.like("complaint%")).order_by(Event.id)).all()
    assert kinds == ["complaint.opened", "complaint.settled"]


def test_an_administrator_sees_but_does_not_change(sign_in: SignIn, isla: Customer) -> None:
    client = sign_in("administrator")
    page = client.get(f"/customers/{isla.id}").text
    assert "Isla Mercer" in page
    assert "add-preference" not in page
    assert client.post(f"/customers/{isla.id}/preferences", data={"text": "x"}).status_code == 403


def test_a_talk_goes_from_first_word_to_wrap_up(sign_in: SignIn, session: Session, isla: Customer) -> None:
    client = sign_in("agent")
    workspace = f"/customers/{isla.id}"
    client.post(f"{workspace}/interactions", data={"channel": "phone"})
    client.post(f"{workspace}/interactions", data={"channel": "phone"})  # a double click
    talk = session.scalars(select(Interaction).where(Interaction.state == InteractionState.LIVE)).one()
    said = client.post(
        f"/interactions/{talk.id}/utterances", data={"speaker": "customer", "text": "It is scratched"}, headers=HTMX
    )
    assert '"talk:said"' in said.headers["HX-Trigger"]
    assert "It is scratched" in client.get(f"/interactions/{talk.id}/utterances?after=0", headers=HTMX).text
    assert said.headers["HX-Trigger-After-Swap"] == "customerSaid"
    empty = client.post(f"/interactions/{talk.id}/wrap-up", data={"code": "damaged", "resolved": "yes", "reason": " "})
    assert empty.status_code == 422
    done = {"code": "damaged", "resolved": "no", "reason": "Scratched lamp", "resolution": "Photo asked", "result": ""}
    assert client.post(f"/interactions/{talk.id}/wrap-up", data=done).status_code == 303
    again = client.post(f"/interactions/{talk.id}/wrap-up", data=done)
    assert again.status_code == 422
    assert "has wrapped this up already" in again.text
    event = session.scalars(select(Event).where(Event.subject_id == talk.id, Event.kind == "interaction.closed")).one()
    assert event.data == {"resolved": False, "channel": "phone"}


def test_somebody_elses_talk_is_not_found(sign_in: SignIn, session: Session, isla: Customer) -> None:
    talk = make_interaction(session, isla, make_user(session))
    session.commit()
    client = sign_in("agent")
    assert client.get(f"/interactions/{talk.id}/wrap-up").status_code == 404
    assert client.post(f"/interactions/{talk.id}/utterances", data={"speaker": "agent", "text": "x"}).status_code == 404


def test_a_talk_whose_day_nobody_knows_is_listed_after_the_timeline(
    sign_in: SignIn, session: Session, isla: Customer
) -> None:
    make_interaction(session, isla, started_at=null(), state=InteractionState.CLOSED, subject="Long ago")
    session.commit()
    client = sign_in("agent")
    assert "undated-interactions" in client.get(f"/customers/{isla.id}").text
    assert "Long ago" in client.get(f"/customers/{isla.id}/undated-interactions", headers=HTMX).text
    assert "Long ago" in client.get(f"/customers/{isla.id}/undated-interactions").text


def test_during_a_talk_the_page_still_costs_twelve_statements(
    sign_in: SignIn, session: Session, isla: Customer
) -> None:
    client = sign_in("agent")
    client.post(f"/customers/{isla.id}/interactions", data={"channel": "phone"})
    assert int(client.get(f"/customers/{isla.id}").headers["X-Sql-Statements"]) <= 12


def test_what_is_said_twice_is_kept_once(sign_in: SignIn, session: Session, isla: Customer) -> None:
    client = sign_in("agent")
    for _ in range(2):
        client.post(f"/customers/{isla.id}/boundaries", data={"kind": "other", "text": "No scent"}, headers=HTMX)
        client.post(f"/customers/{isla.id}/complaints", data={"text": "Rude courier"}, headers=HTMX)
    assert len(session.scalars(select(Boundary)).all()) == 2  # with the one of before
    assert len(session.scalars(select(Complaint)).all()) == 2


def test_an_old_promise_that_breaks_today_is_a_signal(app: Flask, session: Session) -> None:
    customer = make_customer(session)
    promise = add(session, Promise(customer_id=customer.id, text="Ring", due_at=NOW - timedelta(days=1)))
    due = (NOW - timedelta(days=1)).isoformat()
    happened(session, customer, "promise.made", Topic.NOTE, promise, NOW - timedelta(days=200), due_at=due)
    session.commit()
    with app.app_context():
        assert [signal.kind for signal in signals_for(customer.id, NOW)] == [SignalKind.BROKEN_PROMISE]


def test_a_kept_promise_leaves_the_alerts(sign_in: SignIn, session: Session, isla: Customer) -> None:
    client = sign_in("agent")
    promise = session.scalars(select(Promise)).one()
    assert "Broken promise" in client.get(f"/customers/{isla.id}/broken-promises", headers=HTMX).text
    client.post(f"/promises/{promise.id}/keeping", headers=HTMX)
    assert "Broken promise" not in client.get(f"/customers/{isla.id}/broken-promises", headers=HTMX).text


def at_once(work: Callable[[], object], times: int = 6) -> list[object]:
    with ThreadPoolExecutor(times) as pool:
        return [future.result() for future in [pool.submit(work) for _ in range(times)]]


def test_clicks_at_the_same_moment_do_one_thing(app: Flask, sign_in: SignIn, session: Session, isla: Customer) -> None:
    user = sign_in("agent").user  # type: ignore[attr-defined]
    preference = session.scalars(select(Preference)).one()
    complaint = session.scalars(select(Complaint)).one()
    data = {"text": "Morning delivery", "category": "delivery", "provenance": "stated"}

    def clicks() -> list[int]:
        client = sign_in_again()
        base = f"/customers/{isla.id}"
        return [
            client.post(f"{base}/interactions", data={"channel": "phone"}).status_code,
            client.post(f"{base}/preferences/{preference.id}/correction", data=data, headers=HTMX).status_code,
            client.post(f"{base}/complaints/{complaint.id}/settlement", headers=HTMX).status_code,
        ]

    def sign_in_again() -> FlaskClient:
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"] = user.fs_uniquifier
            cookie["_fresh"] = True
        return client

    answers = [status for statuses in at_once(clicks) for status in statuses]  # type: ignore[attr-defined]
    assert set(answers) <= {200, 303, 422}
    live = session.scalars(select(Interaction).where(Interaction.state == InteractionState.LIVE)).all()
    assert len(live) == 1
    assert len(session.scalars(select(Preference).where(Preference.ended_at.is_(None))).all()) == 1
    assert len(session.scalars(select(Event).where(Event.kind == "complaint.settled")).all()) == 1
