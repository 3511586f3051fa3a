"""What stands beside a note: who is mentioned in it, what is attached to it. Through the client and the API."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from console.db import utc_now
from console.events import Event
from console.feed import FeedEntry
from notes.beside.attachments import MOST
from notes.beside.models import NoteAttachment, NoteMention
from notes.models import Note
from tests.conftest import HTMX
from tests.factories import make_customer, make_user
from tests.factories_api import ApiClient, make_token
from tests.factories_notes import make_note

SignIn = Callable[..., FlaskClient]
PNG = b"\x89PNG\r\n\x1a\n"


def told(session: Session) -> list[int]:
    session.rollback()
    return list(session.scalars(select(NoteMention.user_id).order_by(NoteMention.id)))


def test_a_colleague_named_in_a_note_is_told_quietly_until_they_open_it(sign_in: SignIn, session: Session) -> None:
    dana, customer = make_user(session, "sales", name="Dana Osei", email="dana@shop.example"), make_customer(session)
    writer = sign_in("agent")
    answer = writer.post(f"/customers/{customer.id}/notes", data={"body": "Ask @dana <b>x</b>"}, headers=HTMX)
    assert "Dana Osei is told." in json.loads(answer.headers["HX-Trigger"])["toast"]["text"]
    note = session.scalars(select(Note)).one()
    assert told(session) == [dana.id]
    assert session.scalars(select(FeedEntry.topic).where(FeedEntry.kind == "inbox")).all() == [f"user:{dana.id}"]
    reader = sign_in(dana)
    assert "1</span>" in reader.get("/mentions/badge").text
    home = reader.get("/").text
    assert "Mentions" in home
    assert f'href="/notes/{note.id}"' in home
    assert writer.get(f"/notes/{note.id}").status_code == 200  # somebody else's looking counts for nothing
    assert "1</span>" in reader.get("/mentions/badge").text
    page = reader.get(f"/notes/{note.id}").text
    assert '<bdi class="mention">@dana</bdi> &lt;b&gt;x&lt;/b&gt;' in page
    assert reader.get("/mentions/badge").text.strip() == ""
    assert "/notes/" not in reader.get("/mentions/unseen", headers=HTMX).text
    assert "Ask @dana" in reader.get("/mentions").text


def test_amending_tells_only_whom_it_names_anew(sign_in: SignIn, session: Session) -> None:
    dana, omar = make_user(session, name="Dana Osei"), make_user(session, name="Omar Khan")
    client = sign_in("agent")
    note = make_note(session, make_customer(session), client.user, body="x")  # type: ignore[attr-defined]
    session.commit()
    for version, body in enumerate(("@dana", "@dana @Omar Khan", "@omar and @dana again"), start=1):
        answer = client.post(f"/notes/{note.id}/amendment", data={"body": body, "kind": "call", "version": version})
        assert answer.status_code == 303
    assert told(session) == [dana.id, omar.id]


def test_two_of_one_name_and_somebody_who_may_not_see_customers(sign_in: SignIn, session: Session) -> None:
    make_user(session, name="Maya Kerr"), make_user(session, name="Maya Okafor", email="m.o@shop.example")
    make_user(session, "delivery", name="Pia Berg")
    make_user(session, name="Gone Away", active=False)
    customer = make_customer(session)
    client = sign_in("agent")
    where = f"/customers/{customer.id}/notes"
    unclear = client.post(where, data={"body": "@maya @gone @nobody"}, headers=HTMX)
    assert "More than one colleague is called @maya: nobody was told" in unclear.headers["HX-Trigger"]
    assert told(session) == []
    refused = client.post(where, data={"body": "Pack it, @pia"}, headers=HTMX)
    assert refused.status_code == 422
    assert "Pia Berg may not see customers" in refused.text
    assert "Pack it, @pia</textarea>" in refused.text
    assert [note.body for note in session.scalars(select(Note))] == ["@maya @gone @nobody"]
    offered = client.get("/notes/colleagues?q=maya").text
    assert 'data-text="@Maya Kerr"' in offered
    assert 'data-text="@Maya Okafor"' in offered
    assert "shop.example" not in offered
    assert client.get("/notes/colleagues?q=pia").text.strip() == ""


def test_the_list_of_mentions_costs_the_same_for_many_and_is_paged(sign_in: SignIn, session: Session) -> None:
    client = sign_in("agent")
    statements = []
    for number in (1, 40):
        for _ in range(number):
            note = make_note(session, make_customer(session), make_user(session))
            session.add(NoteMention(note_id=note.id, user_id=client.user.id, mentioned_at=utc_now()))  # type: ignore[attr-defined]
        session.commit()
        answer = client.get("/mentions")
        statements.append(int(answer.headers["X-Sql-Statements"]))
    assert statements[0] == statements[1] <= 4
    assert answer.text.count("note-row") == 30
    older = answer.text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    assert client.get(older.replace("&amp;", "&")).text.count("note-row") == 11
    assert client.get("/mentions?before=x").status_code == 400


def with_files(*files: tuple[bytes, str], **more: str) -> dict[str, Any]:
    """As bytes: the test client keeps a large request in a file that it never closes."""
    fields = {"files": [FileStorage(io.BytesIO(content), name) for content, name in files], **more}
    boundary, data = encode_multipart(fields)
    return {"data": data, "content_type": f"multipart/form-data; boundary={boundary}"}


def test_files_come_with_a_note_and_are_given_back_as_downloads_only(sign_in: SignIn, session: Session) -> None:
    customer = make_customer(session)
    client = sign_in("agent")
    sent = with_files(
        (PNG, "../صورة “1”.svg"), (b"<svg/>", "x.svg"), (b"x" * 6_000_000, "big.bin"), body="Two pictures."
    )
    answer = client.post(f"/customers/{customer.id}/notes", headers=HTMX, **sent)
    said = json.loads(answer.headers["HX-Trigger"])["toast"]
    assert (said["title"], said["kind"]) == ("Note saved", "warn")
    assert "x.svg is of a kind that is not kept" in said["text"]
    assert "big.bin is larger than 5 MB" in said["text"]
    session.rollback()
    kept = session.scalars(select(NoteAttachment)).one()
    assert (kept.name, kept.media_type, kept.size) == ("صورة “1”.svg.png", "image/png", 8)
    where = f"/notes/{kept.note_id}/files/{kept.id}"
    assert where in client.get(f"/notes/{kept.note_id}").text
    file = client.get(where)
    assert (file.data, file.mimetype) == (PNG, "image/png")
    assert file.headers["Content-Disposition"].startswith("attachment; ")
    assert "filename*=UTF-8''%D8%B5" in file.headers["Content-Disposition"]
    assert file.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert (file.headers["X-Content-Type-Options"], file.headers["Cache-Control"]) == ("nosniff", "private, no-store")
    assert client.get(f"/notes/{make_other(session, customer).id}/files/{kept.id}").status_code == 404
    assert sign_in("delivery").get(where).status_code == 403
    again = client.post(
        f"/customers/{customer.id}/notes", headers=HTMX, **with_files((PNG, "a.png"), body="@@", kind="poem")
    )
    assert "Choose them again" in again.text
    assert "Choose them again" not in answer.text
    assert "file_added" in " ".join(session.scalars(select(Event.kind)))


def make_other(session: Session, customer: Any) -> Note:
    note = make_note(session, customer)
    session.commit()
    return note


def test_the_author_or_a_supervisor_adds_and_removes_files_and_ten_is_the_most(
    sign_in: SignIn, session: Session
) -> None:
    author = sign_in("agent")
    note = make_note(session, make_customer(session), author.user)  # type: ignore[attr-defined]
    session.commit()
    where = f"/notes/{note.id}/files"
    assert sign_in("agent").post(where, **with_files((PNG, "a.png"))).status_code == 403
    many = with_files(*((PNG + bytes([number]), f"{number}.png") for number in range(MOST + 1)))
    assert author.post(where, **many).status_code == 303
    assert "10.png is one too many: a note holds 10 files" in author.get(f"/notes/{note.id}").text
    author.post(where, **with_files((PNG + b"\0", "again.png")))  # the same content once more
    files = session.scalars(select(NoteAttachment).order_by(NoteAttachment.id)).all()
    assert len(files) == MOST
    assert sign_in("agent").post(f"{where}/{files[0].id}/removal").status_code == 403
    assert sign_in("supervisor").post(f"{where}/{files[0].id}/removal").status_code == 303
    session.rollback()
    assert len(session.scalars(select(NoteAttachment.id)).all()) == MOST - 1
    assert session.scalars(select(Event.kind).order_by(Event.id.desc())).first() == "note.file_removed"
    too_much = author.post(where, environ_overrides={"CONTENT_LENGTH": "60000000"}, **many)
    assert "larger than this page takes" in too_much.text


def test_the_api_amends_a_note_tells_whom_it_names_and_shows_both_when_stale(app: Flask, session: Session) -> None:
    user, dana = make_user(session), make_user(session, name="Dana Osei")
    make_user(session, name="Maya Kerr"), make_user(session, name="Maya Okafor")
    others = make_note(session, make_customer(session), dana)
    _, secret = make_token(session, user)
    session.commit()
    api = ApiClient(app, secret, user)
    made = api.post(f"/customers/{others.customer_id}/notes", {"body": "Ask @dana or @maya", "kind": "email"}).json
    assert made["mentions"] == [{"id": dana.id, "name": "Dana Osei"}]
    assert made["unclear_mentions"] == ["@maya"]

    def patch(note_id: int, **body: Any) -> Any:
        return api.send("PATCH", f"/notes/{note_id}", data=json.dumps(body), content_type="application/json")

    amended = patch(made["id"], version=1, body="Ask @dana", pinned=True, follow_up_on="2099-01-01").json
    assert (amended["version"], amended["pinned"], amended["kind"]) == (2, True, "email")
    assert patch(made["id"], version=2, follow_up_on=None).json["follow_up_on"] is None
    stale = patch(made["id"], version=1, body="Mine")
    assert (stale.status_code, stale.json["type"]) == (409, "/api/docs#changed-meanwhile")
    assert (stale.json["current"]["body"], stale.json["sent"]) == ("Ask @dana", {"version": 1, "body": "Mine"})
    assert patch(others.id, version=1, body="Not mine").status_code == 403
    assert patch(made["id"], version=3, body="4111 1111 1111 1111").status_code == 422
    assert told(session) == [dana.id]
    listed = api.get(f"/customers/{others.customer_id}/notes").json["items"]
    assert [one["mentions"] for one in listed if one["id"] == made["id"]] == [made["mentions"]]


def test_promises_are_made_listed_and_kept_through_the_api(app: Flask, session: Session) -> None:
    user, customer = make_user(session), make_customer(session)
    _, secret = make_token(session, user)
    session.commit()
    api, where = ApiClient(app, secret, user), f"/customers/{customer.id}/promises"
    made = [api.post(where, {"text": f"Samples {day}", "due_at": f"2099-01-0{day}T12:00:00Z"}).json for day in (2, 1)]
    first = api.get(f"{where}?limit=1").json
    assert [one["text"] for one in first["items"]] == ["Samples 1"]
    assert [one["text"] for one in api.get(f"{where}?cursor={first['next_cursor']}").json["items"]] == ["Samples 2"]
    assert api.post(f"/promises/{made[0]['id']}/keeping").json["state"] == "kept"
    assert api.post(f"/promises/{made[0]['id']}/release").status_code == 422
    assert api.get(where).json["items"] == [made[1]]
    assert api.post(where, {"text": "Too late", "due_at": "2001-01-01T00:00:00Z"}).status_code == 422
