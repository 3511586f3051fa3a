"""The agent's desk while talks go on: the screen pop, tabs, the queue, handing over, wrap-up."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.customers.models import Boundary, Customer, Preference
from console.interactions.live_models import FollowUp, Transfer
from console.interactions.models import Channel, Interaction, InteractionState, Speaker, Utterance
from notes.models import Promise
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_interaction, make_order, make_team, make_user

SignIn = Callable[..., FlaskClient]
NOW = datetime.now(UTC)
HOW = {"code": "damaged", "resolved": "yes", "reason": "Scratched lamp", "resolution": "", "result": ""}


def said(session: Session, talk: Interaction, *turns: tuple[Speaker, str]) -> list[Utterance]:
    rows = [
        add(
            session,
            Utterance(interaction_id=talk.id, position=n, speaker=who, text=text, said_at=NOW),
        )
        for n, (who, text) in enumerate(turns)
    ]
    session.commit()
    return rows


def talks(session: Session) -> list[Interaction]:
    session.expire_all()
    return list(session.scalars(select(Interaction).order_by(Interaction.id)))


# The screen pop


def test_a_pop_only_looks_until_its_page_is_sent(sign_in: SignIn, session: Session) -> None:
    isla = make_customer(session, phones=("+447700900123",))
    order = make_order(session, isla)
    client = sign_in("agent")
    ring = {
        "phone": "07700 900123",
        "order": f"#{order.number}",
        "channel": "phone",
        "external_id": "c-7",
        "source": "pbx",
    }
    page = client.get("/pop", query_string=ring)
    assert "data-sends-itself" in page.text
    assert "Isla Mercer" in page.text
    assert talks(session) == []  # looked up, nothing begun: a browser may fetch ahead
    elsewhere = client.get("/pop", query_string=ring, headers={"Sec-Fetch-Site": "cross-site"})
    assert "data-sends-itself" not in elsewhere.text  # another site led here: a press decides

    opened = client.post("/pop", data=ring)
    [talk] = talks(session)
    assert opened.location == f"/customers/{isla.id}?interaction={talk.id}"
    assert (talk.customer_id, talk.source, talk.external_id, talk.is_guess) == (isla.id, "pbx", "c-7", False)
    assert talk.order_id == order.id
    assert client.post("/pop", data=ring).location == opened.location  # once more is the same talk
    assert client.get("/pop", query_string=ring).location == opened.location
    assert len(talks(session)) == 1


def test_a_pop_guesses_asks_or_starts_somebody_new(sign_in: SignIn, session: Session) -> None:
    isla = make_customer(session, phones=("+447700900123",))
    jan = make_customer(session, "Jan", phones=("+447700900124",), emails=("jan@shop.example",))
    jo = make_customer(session, "Jo", phones=("+447700900124",))
    client = sign_in("agent")

    client.post("/pop", data={"phone": "+447700900123", "order": "no-such", "channel": "phone"})
    [guess] = talks(session)
    assert (guess.customer_id, guess.is_guess) == (isla.id, True)
    assert "Is it Isla Mercer?" in client.get(f"/customers/{isla.id}").text
    moved = client.post(f"/interactions/{guess.id}/customer", data={"chosen": jan.id})
    assert moved.location == f"/customers/{jan.id}?interaction={guess.id}"
    assert [(one.customer_id, one.is_guess) for one in talks(session)] == [(jan.id, False)]

    several = client.post("/pop", data={"phone": "+447700900124", "channel": "phone"})
    assert several.status_code == 422
    assert ('data-key="1"' in several.text) and ('data-key="2"' in several.text)
    client.post("/pop", data={"phone": "+447700900124", "channel": "phone", "chosen": jo.id})
    assert talks(session)[-1].customer_id == jo.id

    nobody = client.get("/pop?phone=020+7946+0999&name=Ann+%3Cb%3EOther%3C/b%3E&channel=chat")
    assert 'value="020 7946 0999"' in nobody.text
    assert "Ann &lt;b&gt;Other&lt;/b&gt;" in nobody.text
    client.post("/pop", data={"phone": "020 7946 0999", "name": "Ann Other", "channel": "chat", "new": "1"})
    new = session.get_one(Customer, talks(session)[-1].customer_id)
    assert (new.name, talks(session)[-1].channel) == ("Ann Other", Channel.CHAT)

    late = client.post("/pop", data={"phone": "020 7946 0999", "name": "Annie", "channel": "chat", "new": "1"})
    assert late.status_code == 409  # a colleague was asked the same a moment before
    assert "Somebody has that number or address by now." in late.text
    sent = [dict(re.findall(r'name="(\w+)" value="([^"]*)"', form)) for form in late.text.split("<form")]
    [anyway] = [one for one in sent if "new" in one]
    client.post("/pop", data=anyway | {"phone": "020 7946 0999", "name": "Annie", "channel": "chat"})
    assert session.get_one(Customer, talks(session)[-1].customer_id).name == "Annie"


@pytest.mark.parametrize(
    "clue", ["phone=anonymous", "phone=%00&email=no-address", "customer=99999999999999999999999", "name=%FF"]
)
def test_a_pop_that_cannot_be_read_asks_who_it_is(sign_in: SignIn, clue: str) -> None:
    page = sign_in("agent").get(f"/pop?{clue}&channel=fax")
    assert page.status_code == 200
    assert "Somebody new" in page.text


def test_a_pop_leaves_out_what_it_cannot_use_and_reads_a_plus_that_became_a_space(
    sign_in: SignIn, session: Session
) -> None:
    jana = make_customer(session, "Jana", phones=("+49301234567",))
    page = sign_in("agent").get(f"/pop?phone=+49301234567&channel=fax&external_id=c-8&order={'9' * 200}")
    assert "data-sends-itself" in page.text
    assert "Order left out" in page.text
    sent = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    assert sent["channel"] == "phone"
    opened = sign_in("agent").post("/pop", data=sent)
    [talk] = talks(session)
    assert (talk.customer_id, opened.status_code) == (jana.id, 303)
    talk.state = InteractionState.CLOSED
    session.commit()
    again = sign_in("agent").get("/pop?external_id=c-8", follow_redirects=True)
    assert "That talk was wrapped up before." in again.text


# The switcher, the queue, handing over


def test_the_bar_shows_every_talk_with_what_is_unread(sign_in: SignIn, session: Session) -> None:
    maya = make_user(session)
    customers = [make_customer(session, name) for name in ("Ada", "Bo", "Cy")]
    mine = [
        make_interaction(session, one, maya, channel=Channel.CHAT, started_at=NOW - timedelta(hours=1))
        for one in customers
    ]
    client, texts = sign_in(maya), ("Hello?", "Are you there?")
    for text in texts:
        add(session, Utterance(interaction_id=mine[1].id, position=3_600_000, speaker=Speaker.CUSTOMER, text=text))
    add(session, Utterance(interaction_id=mine[2].id, position=3_600_000, speaker=Speaker.CUSTOMER, text="And me?"))
    mine[1].heard_at, mine[2].heard_at = NOW - timedelta(minutes=1), NOW
    session.commit()
    bar = client.get("/interactions/open")
    assert re.findall(r"Alt\+\d", bar.text) == ["Alt+0", "Alt+1", "Alt+2", "Alt+3"]
    assert "Go to who waits longest: Bo" in bar.text
    assert '2<span class="visually-hidden"> unread' in bar.text
    assert int(bar.headers["X-Sql-Statements"]) <= 5  # who is signed in and their roles, the talks, what is unread
    page = client.get(f"/customers/{customers[1].id}").text  # its page is open: seen
    assert "2<span" not in page
    assert "Go to who waits longest: Cy" in page
    client.get(f"/customers/{customers[2].id}")
    assert "unread" not in client.get("/interactions/open").text


def test_a_talk_is_handed_over_and_taken_from_the_queue(sign_in: SignIn, session: Session) -> None:
    maya, dana, other = (make_user(session, name=name) for name in ("Maya Kerr", "Dana Osei", "Ola Other"))
    talk = make_interaction(session, make_customer(session), maya, channel=Channel.CHAT)
    said(session, talk, (Speaker.CUSTOMER, "I want a bigger table"))
    client = sign_in(maya)
    assert client.post(f"/interactions/{talk.id}/transfer", data={"to": ""}, headers=HTMX).status_code == 422
    whispered = {"to": f"user-{dana.id}", "note": "She is <b>cross</b>"}
    assert client.post(f"/interactions/{talk.id}/transfer", data=whispered).status_code == 303
    assert "Take back" in client.get("/queue").text
    page = sign_in(dana).get("/queue")
    assert "handed to you by Maya Kerr" in page.text
    assert "She is &lt;b&gt;cross&lt;/b&gt;" in page.text
    assert int(page.headers["X-Sql-Statements"]) <= 4
    assert "Isla" not in sign_in(other).get("/queue").text
    assert sign_in(dana).post(f"/interactions/{talk.id}/assignment").location.endswith(f"?interaction={talk.id}")
    late = client.post(f"/interactions/{talk.id}/assignment", follow_redirects=True)
    assert "Dana Osei has taken this." in late.text
    make_interaction(session, session.get_one(Customer, talk.customer_id), other, started_at=NOW + timedelta(hours=1))
    session.commit()
    colleague = client.get(f"/customers/{talk.customer_id}?interaction={talk.id}")
    assert "Dana Osei is talking" in colleague.text  # the one that was asked for, not the latest
    assert 'id="say"' not in colleague.text  # to read, not to write


def test_a_whisper_is_for_whoever_takes_over_its_writer_and_supervisors(sign_in: SignIn, session: Session) -> None:
    team = make_team(session, "Evening")
    maya, dana, ola = (make_user(session, name=name) for name in ("Maya Kerr", "Dana Osei", "Ola Other"))
    sam, amara = make_user(session, name="Sam Team", team=team), make_user(session, "supervisor")
    talk = make_interaction(session, make_customer(session), maya, channel=Channel.CHAT)
    said(session, talk, (Speaker.CUSTOMER, "A bigger table"))

    def readers(note: str) -> set[str]:
        """Who finds it on any of the pages that show what was said."""
        pages = ("card", "utterances?after=0", "utterances", "")
        addresses = [f"/customers/{talk.customer_id}", *(f"/interactions/{talk.id}/{one}".rstrip("/") for one in pages)]
        found = set()
        for user in (maya, dana, ola, sam, amara):
            client = sign_in(user)
            shown = [note in client.get(address).text for address in addresses]
            assert all(shown) or not any(shown), (user.name, shown)
            found |= {user.name} if any(shown) else set()
        return found

    card = "4111 1111 1111 1111"
    sign_in(maya).post(f"/interactions/{talk.id}/transfer", data={"to": f"user-{dana.id}", "note": f"Cross, {card}"})
    assert readers("Cross") == {"Maya Kerr", "Dana Osei", amara.name}
    assert session.scalars(select(Transfer.note)).one().startswith("Cross, ")
    assert card not in session.scalars(select(Transfer.note)).one()
    sign_in(dana).post(f"/interactions/{talk.id}/assignment")
    sign_in(dana).post(f"/interactions/{talk.id}/transfer", data={"to": f"team-{team.id}", "note": "Wants oak"})
    assert readers("Wants oak") == {"Dana Osei", "Sam Team", amara.name}
    sign_in(sam).post(f"/interactions/{talk.id}/assignment")
    assert readers("Cross") == {"Maya Kerr", "Dana Osei", "Sam Team", amara.name}
    sign_in(amara).post(f"/interactions/{talk.id}/utterances", data={"speaker": "whisper", "text": "Be brief"})
    assert readers("Be brief") == {"Sam Team", amara.name}


def test_new_turns_come_as_rows_of_their_own(sign_in: SignIn, session: Session) -> None:
    maya = make_user(session)
    talk = make_interaction(session, make_customer(session), maya)
    rows = said(session, talk, *[(Speaker.CUSTOMER, f"turn <i>{n}</i>") for n in range(130)])
    client = sign_in(maya)
    new = client.get(
        f"/interactions/{talk.id}/utterances?after={rows[127].id}&corrected={rows[3].id},x,-1", headers=HTMX
    )
    assert re.findall(r'id="turn-(\d+)"', new.text) == [str(rows[n].id) for n in (3, 128, 129)]
    assert "turn &lt;i&gt;129&lt;/i&gt;" in new.text
    earlier = client.get(f"/interactions/{talk.id}/utterances?position=70&before={rows[70].id}", headers=HTMX)
    assert re.findall(r"&lt;i&gt;(\d+)&lt;", earlier.text) == [str(n) for n in range(10, 70)]
    assert 'class="btn ghost small earlier"' in earlier.text
    assert int(earlier.headers["X-Sql-Statements"]) <= 4
    for odd in ("after=x", "after=99999999999999999999", "position=-99999999999&before=1"):
        assert client.get(f"/interactions/{talk.id}/utterances?{odd}", headers=HTMX).status_code == 200


def test_hostile_words_are_shown_as_words_and_a_huge_turn_is_refused(sign_in: SignIn, session: Session) -> None:
    maya = make_user(session)
    talk = make_interaction(session, make_customer(session), maya)
    client = sign_in(maya)
    hostile = "<script>alert(1)</script> {{ 7*7 }} ignore all previous instructions\0\x1b[2J"
    turns = f"/interactions/{talk.id}/utterances"
    client.post(turns, data={"speaker": "customer", "text": hostile}, headers=HTMX)
    page = client.get(f"/customers/{talk.customer_id}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7*7 }} ignore all previous instructions[2J" in page
    huge = client.post(
        f"/interactions/{talk.id}/utterances", data={"speaker": "customer", "text": "x" * 900_000}, headers=HTMX
    )
    assert huge.status_code == 422
    assert "at most 20,000 characters" in huge.text
    assert (
        client.post(f"/interactions/{talk.id}/utterances", data={"text": "x" * 2_100_000}, headers=HTMX).status_code
        == 413
    )
    whisper = {"speaker": "whisper", "text": "careful"}
    assert (
        "HX-Trigger-After-Swap"
        not in client.post(f"/interactions/{talk.id}/utterances", data=whisper, headers=HTMX).headers
    )


# Wrap-up


def test_a_wrap_up_is_drafted_from_the_talks_own_sentences(sign_in: SignIn, session: Session) -> None:
    maya = make_user(session)
    talk = make_interaction(session, make_customer(session), maya, channel=Channel.CHAT)
    rows = said(
        session, talk,
        (Speaker.CUSTOMER, "Hello there. My order arrived damaged, the glass is cracked."),
        (Speaker.AGENT, "I am sorry. I am sending you a new one today at no charge. I will call you back tomorrow."),
        (Speaker.CUSTOMER, "I prefer evening deliveries. Please don't ring me after six. Card 4111 1111 1111 1111."),
        (Speaker.CUSTOMER, "That's great, thank you for your help."),
    )  # fmt: skip
    client = sign_in(maya)
    for _ in range(2):  # also when the customer hung up just before
        assert client.post(f"/interactions/{talk.id}/ending").location == f"/interactions/{talk.id}/wrap-up"
    page = client.get(f"/interactions/{talk.id}/wrap-up").text
    filled = dict(re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\s*([^<]*)</textarea>', page))
    assert filled["reason"].startswith("My order arrived damaged")
    assert filled["resolution"].startswith("I am sending you a new one today")
    assert f'data-shows="turn-{rows[0].id}"' in page
    assert "4111" not in page.split('id="turn-')[0]  # a card number is never quoted
    assert 'value="I will call you back tomorrow."' in page
    kept = {
        "kind": "promise",
        "utterance_id": rows[1].id,
        "text": "Call back",
        "due": str((NOW + timedelta(days=1)).date()),
    }
    assert "Kept: Call back" in client.post(f"/interactions/{talk.id}/keepings", data=kept, headers=HTMX).text
    liked = {"kind": "preference", "utterance_id": rows[2].id, "text": "Evening deliveries", "category": "delivery"}
    client.post(f"/interactions/{talk.id}/keepings", data=liked, headers=HTMX)
    assert client.post(f"/interactions/{talk.id}/keepings", data=kept | {"text": ""}, headers=HTMX).status_code == 422
    assert 'value="Please don&#39;t ring me after six."' in page
    assert '<option value="no_calls_after" selected>' in page
    refused = {"kind": "boundary", "utterance_id": rows[2].id, "text": "No calls late", "boundary": "no_calls_after"}
    assert "Say after what time" in client.post(f"/interactions/{talk.id}/keepings", data=refused, headers=HTMX).text
    client.post(f"/interactions/{talk.id}/keepings", data=refused | {"after": "18:00"}, headers=HTMX)
    assert session.scalars(select(Boundary)).one().title == "No calls after 18:00"
    assert session.scalar(select(Promise.text)) == "Call back"
    assert session.scalars(select(Preference)).one().evidence == {"interaction": talk.id, "utterance": rows[2].id}

    done = client.post(f"/interactions/{talk.id}/wrap-up", data=HOW | {"follow_up": "y", "survey": "y"})
    assert done.status_code == 303
    [closed] = talks(session)
    assert closed.state is InteractionState.CLOSED
    assert closed.ended_at is not None and closed.wrapped_up_at is not None and closed.ended_at < closed.wrapped_up_at
    assert session.scalars(select(FollowUp)).one().why == "asked"
    asked = session.scalars(select(Utterance.text).order_by(Utterance.id.desc())).first() or ""
    assert "/survey/" in asked
    assert client.get(asked.split("http://localhost")[1]).status_code == 200


def test_two_who_close_at_once_are_told_who_was_faster(sign_in: SignIn, session: Session) -> None:
    maya, amara = make_user(session, name="Maya Kerr"), make_user(session, "supervisor")
    talk = make_interaction(session, make_customer(session), maya)
    session.commit()
    assert sign_in(maya).post(f"/interactions/{talk.id}/wrap-up", data=HOW).status_code == 303
    late = sign_in(amara).post(f"/interactions/{talk.id}/wrap-up", data=HOW | {"reason": "Mine", "survey": "y"})
    assert late.status_code == 422
    assert "Maya Kerr has wrapped this up already" in late.text
    assert ">Mine</textarea>" in late.text.replace("\r\n", "").replace("\n", "")  # kept as typed


def test_the_time_after_a_talk_is_shown_of_all_together(sign_in: SignIn, session: Session) -> None:
    maya, amara = make_user(session), make_user(session, "supervisor")
    for minutes in (1, 2, 3, 4):
        times = {"ended_at": NOW - timedelta(minutes=minutes), "wrapped_up_at": NOW}
        make_interaction(session, make_customer(session), maya, state=InteractionState.CLOSED, **times)
    client = sign_in(amara)
    assert "3:00" not in client.get("/").text  # of so few it would be somebody's own
    times = {"ended_at": NOW - timedelta(minutes=3), "wrapped_up_at": NOW}
    make_interaction(session, make_customer(session), maya, state=InteractionState.CLOSED, **times)
    session.commit()
    assert '<div class="n">3:00</div>' in client.get("/").text
