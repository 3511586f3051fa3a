"""Promises: broken loudly once, changed with a reason, taken back, listed, and what follows from a broken one."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.customers.models import Complaint
from console.customers.queries import signals_for
from console.customers.signals import SignalKind
from console.db import utc_now
from console.empowerment.kinds import Occasion
from console.events import Event
from console.feed import FeedEntry
from console.gestures.learning_models import Suggestion
from console.gestures.models import LedgerEntry
from console.interactions.models import Speaker, Utterance
from console.web import zone
from notes.models import Promise, PromiseState
from notes.promises.tending import tend
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_interaction, make_team, make_user
from tests.factories_gestures import make_gesture, make_policy
from tests.factories_notes import make_note, make_promise

SignIn = Callable[..., FlaskClient]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def kinds(session: Session) -> list[str]:
    session.rollback()
    return list(session.scalars(select(Event.kind).order_by(Event.id)))


def local_day(app: Flask, moment: datetime) -> str:
    with app.app_context():
        return moment.astimezone(zone()).date().isoformat()


def the_promise(session: Session) -> Promise:
    session.rollback()
    session.expire_all()
    return session.scalars(select(Promise)).one()


def test_a_promise_past_its_time_is_told_once_however_many_look(app: Flask, session: Session) -> None:
    maya = make_user(session)
    customer = make_customer(session)
    late = make_promise(session, customer, maya, due_at=utc_now() - HOUR)
    make_promise(session, customer, maya)
    session.commit()

    def look() -> int:
        with app.app_context():
            return tend(utc_now())[0]

    with ThreadPoolExecutor(4) as pool:
        assert sorted(one.result() for one in [pool.submit(look) for _ in range(4)]) == [0, 0, 0, 1]
    (event,) = session.scalars(select(Event))
    assert (event.kind, event.subject_id, event.actor_id, event.at) == ("promise.broken", late.id, None, late.due_at)
    told = set(session.scalars(select(FeedEntry.topic).where(FeedEntry.kind == "promises")))
    assert told == {f"customer:{customer.id}", f"user:{maya.id}", f"team:{maya.team_id}"}
    session.expire_all()
    assert session.get_one(Promise, late.id).state is PromiseState.BROKEN


def test_a_broken_promise_stands_first_silences_delight_and_brings_recovery(
    app: Flask, sign_in: SignIn, session: Session
) -> None:
    now = utc_now()
    customer = make_customer(session, birth_month=now.month, birth_day=now.day)
    make_policy(session)
    make_gesture(session, "A call from you", 0, kind="human_followup", occasions=["recovery"])
    candle = make_gesture(session, "A candle", 380, kind="sample", occasions=["delight"])
    client = sign_in("agent")
    make_interaction(session, customer, client.user)  # type: ignore[attr-defined]
    session.commit()
    page, panel = f"/customers/{customer.id}", f"/customers/{customer.id}/gestures"
    day = local_day(app, now + 2 * DAY)
    client.post(f"{page}/promises", data={"promise_text": "Ring back", "promise_on": day})
    assert "A candle" in client.get(panel, headers=HTMX).text  # it is their birthday, and nothing is owed
    client.post(f"{page}/complaints", data={"text": "Scratched lamp"})
    complaint = client.get(page).text
    assert "Broken promise" not in complaint

    promise = the_promise(session)
    promise.due_at = now - HOUR
    event = session.scalars(select(Event).where(Event.kind == "promise.made")).one()
    moved = {**event.data, "due_at": promise.due_at.isoformat(), "was_due_at": event.data["due_at"]}
    session.add(
        Event(kind="promise.moved", topic=event.topic, customer_id=customer.id, subject_type="promises",
              subject_id=promise.id, at=utc_now(), recorded_at=utc_now(), data=moved)
    )  # fmt: skip
    session.commit()
    with app.app_context():
        tend(now)
    shown = client.get(page).text
    assert shown.index("Broken promise") < shown.index("Open complaint")
    assert "Promise broken" in shown  # its line on the timeline
    complaint_id = session.scalars(select(Complaint.id)).one()
    client.post(f"{page}/complaints/{complaint_id}/settlement")  # the promise alone is left
    gestures = client.get(panel, headers=HTMX).text
    assert "A call from you" in gestures
    shown_for = session.scalars(select(Suggestion).order_by(Suggestion.id.desc())).first()
    assert shown_for is not None
    assert (shown_for.occasion, len(shown_for.items)) == (Occasion.RECOVERY, 1)
    refused = client.post(panel, data={"version": candle.id, "key": "0000-0000-0000-0001"}, headers=HTMX)
    assert refused.status_code == 422
    assert session.scalars(select(LedgerEntry)).all() == []

    client.post(f"/promises/{promise.id}/keeping")
    assert "Broken promise" not in client.get(page).text
    with app.app_context():
        assert [one.kind for one in signals_for(customer.id, utc_now())] == [SignalKind.BIRTHDAY]
    client.post(f"/promises/{promise.id}/reopening")
    assert "Broken promise" in client.get(page).text
    assert "A call from you" in client.get(panel, headers=HTMX).text
    with app.app_context():
        assert tend(utc_now())[0] == 0  # it was told before


def test_a_promise_is_moved_and_reworded_with_a_reason(app: Flask, sign_in: SignIn, session: Session) -> None:
    client = sign_in("agent")
    due = {"due_at": utc_now() - DAY, "state": PromiseState.BROKEN}
    promise = make_promise(session, make_customer(session), client.user, **due)  # type: ignore[attr-defined]
    session.commit()
    url = f"/promises/{promise.id}"
    seen = re.search(r'name="seen"[^>]*value="(\w+)"', client.get(url).text)
    assert seen
    later = promise.due_at + 5 * DAY
    sent = {"promise_text": "Send all samples", "promise_on": local_day(app, later), "because": "asked"}
    for wrong, words in (
        ({"promise_on": "2001-01-01"}, "This day is past."),
        ({"promise_on": "soon"}, "This is not a day."),
        ({"promise_text": ""}, "Say what was promised."),
        ({"because": "boredom"}, "Choose from the list."),
    ):
        answer = client.post(url, data={**sent, "seen": seen[1], **wrong})
        assert (answer.status_code, words in answer.text) == (422, True), wrong
    assert client.post(url, data={**sent, "seen": seen[1]}).status_code == 303
    changed = the_promise(session)
    assert (changed.text, local_day(app, changed.due_at)) == ("Send all samples", local_day(app, later))
    assert changed.state is PromiseState.OPEN  # they agreed to another day
    (event,) = session.scalars(select(Event))
    assert (event.kind, event.data["reason"], event.data["reworded"]) == ("promise.moved", "asked", True)
    stale = client.post(url, data={**sent, "promise_text": "Mine", "seen": seen[1]})
    assert stale.status_code == 409
    assert "Somebody changed this promise meanwhile" in stale.text
    assert 'value="Mine"' in stale.text
    panel = client.get(f"/customers/{promise.customer_id}/promises", headers=HTMX).text
    assert "moved from" in panel
    assert "The customer asked for it" in client.get(url).text


def test_settling_is_taken_back_for_a_while_and_not_later(sign_in: SignIn, session: Session) -> None:
    client = sign_in("agent")
    promise = make_promise(session, make_customer(session), client.user)  # type: ignore[attr-defined]
    session.commit()
    at_home = HTMX | {"HX-Target": "my-promises"}
    panel = client.post(f"/promises/{promise.id}/keeping", headers=at_home)
    assert "Settled just now" in panel.text
    assert "Undo" in panel.text
    panel = client.post(f"/promises/{promise.id}/reopening", headers=at_home)
    assert 'data-key="1"' in panel.text
    assert client.post(f"/promises/{promise.id}/reopening", headers=HTMX).status_code == 422  # it is open
    client.post(f"/promises/{promise.id}/release")
    row = the_promise(session)
    row.settled_at = utc_now() - 2 * DAY
    session.commit()
    assert row.text not in client.get("/").text
    late = client.post(f"/promises/{promise.id}/reopening", headers=HTMX)
    assert (late.status_code, "can no longer be taken back" in late.text) == (422, True)
    assert kinds(session) == ["promise.kept", "promise.reopened", "promise.released"]


def test_the_list_shows_what_is_asked_for_and_costs_the_same_however_long(sign_in: SignIn, session: Session) -> None:
    client = sign_in("agent")
    maya = client.user  # type: ignore[attr-defined]
    other = make_user(session, team=make_team(session, "Sales"))
    now = utc_now()
    customer = make_customer(session)
    make_promise(session, customer, maya, text="Late one", due_at=now - DAY)
    make_promise(session, customer, maya, text="Far one", due_at=now + 60 * DAY)
    make_promise(session, customer, maya, text="Done one", state=PromiseState.KEPT, settled_at=now)
    make_promise(session, customer, other, text="Theirs")
    session.commit()

    def shown(**args: str) -> set[str]:
        page = client.get("/promises", query_string=args).text
        return {text for text in ("Late one", "Far one", "Done one", "Theirs") if text in page}

    assert shown() == {"Late one", "Far one"}
    assert shown(state="due") == shown(state="broken") == {"Late one"}
    assert shown(state="settled") == {"Done one"}
    assert shown(whose="all") == {"Late one", "Far one", "Theirs"}
    assert shown(whose="team") == {"Late one", "Far one"}
    assert client.get("/promises?state=odd").status_code == 422
    assert client.get("/promises?before=x").status_code == 400
    assert "Somebody is there for every promise" in client.get("/promises?state=nobody").text

    cost = [int(client.get("/promises").headers["X-Sql-Statements"])]
    for number in range(70):
        make_promise(session, make_customer(session), maya, text=f"Many {number:02}", due_at=now + DAY)
    session.commit()
    page, seen = client.get("/promises"), set()
    cost.append(int(page.headers["X-Sql-Statements"]))
    while True:
        seen |= set(re.findall(r"<b>(Many \d\d|Late one|Far one)</b>", page.text))
        older = re.search(r'href="(/promises\?[^"]*before=[^"]+)"', page.text)
        if not older:
            break
        page = client.get(older[1].replace("&amp;", "&"))
    assert len(seen) == 72
    assert cost[0] == cost[1] <= 4


def test_a_follow_up_is_ticked_off_at_home_and_brought_back(app: Flask, sign_in: SignIn, session: Session) -> None:
    client = sign_in("agent")
    due = date.fromisoformat(local_day(app, utc_now()))
    note = make_note(session, make_customer(session), client.user, follow_up_on=due)  # type: ignore[attr-defined]
    session.commit()
    assert 'data-key="d"' in client.get("/").text
    at_home = HTMX | {"HX-Target": "my-follow-ups"}
    done = client.post(f"/notes/{note.id}/follow-up", headers=at_home).text
    assert 'data-key="d"' not in done
    assert "Undo" in done
    again = client.post(f"/notes/{note.id}/follow-up-again", headers=at_home).text
    assert 'data-key="d"' in again
    twice = client.post(f"/notes/{note.id}/follow-up-again", follow_redirects=True)
    assert "can no longer be taken back" in twice.text
    assert kinds(session) == ["note.followed_up", "note.follow_up_again"]


def test_what_was_promised_in_a_talk_is_due_when_the_customers_own_clock_says_so(
    sign_in: SignIn, session: Session
) -> None:
    agent: Any = sign_in("agent")
    talk = make_interaction(session, make_customer(session, time_zone="Asia/Tokyo"), agent.user)
    said_at = datetime.combine(utc_now() + DAY, time(3), UTC)
    add(
        session,
        Utterance(interaction_id=talk.id, position=0, speaker=Speaker.AGENT, said_at=said_at, revision=0,
                  text="I will call you tomorrow at 9. I will write to you in two weeks. I promise to call you back."),
    )  # fmt: skip
    session.commit()
    page = agent.get(f"/interactions/{talk.id}/wrap-up").text
    london = ZoneInfo("Europe/London")
    nine = said_at.replace(hour=0) + DAY
    dues = [one.astimezone(london) for one in (nine, (said_at + 14 * DAY).replace(hour=14, minute=59))]
    assert re.findall(r'name="due" value="([\d-]+)"', page)[:2] == [f"{due:%Y-%m-%d}" for due in dues]
    assert re.findall(r'name="due_at" value="([\d:]*)"', page) == [*(f"{due:%H:%M}" for due in dues), ""]
    assert f"{nine:%a} {nine.day} {nine:%b}, 09:00 where they are" in page
    kept = {"kind": "promise", "utterance_id": str(session.scalars(select(Utterance.id)).one()), "text": "Call back"}
    url = f"/interactions/{talk.id}/keepings"
    past = agent.post(url, data=kept | {"due": "2020-01-01"}, headers=HTMX)
    assert past.status_code == 422 and "That moment is past" in past.text
    agent.post(url, data=kept | {"due": f"{dues[0]:%Y-%m-%d}", "due_at": f"{dues[0]:%H:%M}"}, headers=HTMX)
    assert the_promise(session).due_at == nine
