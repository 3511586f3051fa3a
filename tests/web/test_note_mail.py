"""E-mail files become notes: on the command line and on screen."""

from __future__ import annotations

import io
import mailbox
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from notes.beside.models import NoteAttachment, NoteMention
from notes.models import Note, NoteKind
from tests.factories import make_customer, make_user

SignIn = Callable[..., FlaskClient]


def mail(body: str = "The oak is lovely.", to: str = "shop@shop.example", **heads: str) -> bytes:
    message = EmailMessage()
    heads = {"From": "isla@example.com", "Subject": "Shelf", "Date": "Mon, 04 May 2026 10:30:00 +0200"} | heads
    for name, value in heads.items():
        message[name] = value
    message["To"] = to
    message.set_content(body)
    message.add_attachment(b"\x89PNG\r\n\x1a\n", maintype="image", subtype="png", filename="plan.png")
    message.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename="run.exe")
    return message.as_bytes()


def test_a_folder_of_mails_becomes_notes_once(app: Flask, session: Session, tmp_path: Path) -> None:
    isla = make_customer(session, emails=("isla@example.com",))
    maya = make_user(session, name="Maya Kerr", email="Maya@shop.example")
    dana = make_user(session, name="Dana Osei", email="dana@shop.example")
    session.commit()
    fwd = "@dana see\n\n---------- Forwarded message ---------\nFrom: Isla <isla@example.com>\n\nHello"
    files = {
        "a.eml": mail(**{"Message-ID": "<a@example.com>"}),
        "b.eml": mail(fwd, From="maya@shop.example", Subject="Fwd: Hello", to="dana@shop.example"),
        "c.eml": mail(From="maya@shop.example", Date="Mon, 04 May 2099 10:00:00 +0000", to="Isla@example.com"),
        "d.eml": mail("Card 4111 1111 1111 1111"),
        "e.eml": mail(From="stranger@example.org"),
        "f.eml": b"",
        "ignored.txt": b"x",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    box = mailbox.mbox(tmp_path / "g.mbox")
    box.add(mail("From the box, after my chemotherapy."))
    box.close()
    said = app.test_cli_runner().invoke(args=["notes", "mail", str(tmp_path)]).output
    assert "mail: 4 inserted, 0 unchanged, 3 rejected" in said
    assert "a.eml: kept without some of its files. run.exe is of a kind" in said
    assert "g.mbox 1: kept; look at it again, it touches Health." in said
    assert "d.eml: It seems to hold a card number" in said
    assert "e.eml: No customer has the sender's address, stranger@example.org." in said
    assert "f.eml: The file is empty." in said
    again = app.test_cli_runner().invoke(args=["notes", "mail", str(tmp_path)]).output
    assert "mail: 0 inserted, 4 unchanged, 3 rejected" in again
    notes = session.scalars(select(Note).order_by(Note.id)).all()
    assert {(note.customer_id, note.kind, note.source) for note in notes} == {(isla.id, NoteKind.EMAIL, "email")}
    assert [note.author_id for note in notes] == [None, maya.id, maya.id, None]
    assert (notes[0].external_id, notes[0].written_at) == ("<a@example.com>", datetime(2026, 5, 4, 8, 30, tzinfo=UTC))
    assert notes[0].body == "Shelf\n\nThe oak is lovely."
    assert notes[2].written_at < datetime.now(UTC)  # never in the future
    assert {row.name for row in session.scalars(select(NoteAttachment))} == {"plan.png"}
    assert session.scalars(select(NoteMention.user_id)).all() == [dana.id]  # by the colleague who forwarded it


def test_on_screen_somebody_says_whom_an_unknown_mail_is_about(sign_in: SignIn, session: Session) -> None:
    isla = make_customer(session, emails=("isla@example.com",))
    twin = make_customer(session, "Twin", emails=("both@example.com",))
    make_customer(session, "Other", emails=("both@example.com",))
    client = sign_in("agent")

    def send(*mails: bytes) -> tuple[int, str, str]:
        files = [(io.BytesIO(data), f"{number}.eml") for number, data in enumerate(mails)]
        answer = client.post("/notes/mail", data={"files": files})
        return answer.status_code, answer.text, answer.location or ""

    assert send()[0] == 422
    status, page, _ = send(same := mail(), same, b"nothing", mail(From="both@example.com"))
    assert status == 200
    assert "1 kept, 1 kept before, 2 not kept" in page
    assert "names no sender" in page
    assert "2 customers have the addresses in it" in page
    status, _, place = send(mail(From="both@example.com", Subject="Which <b>"))
    assert status == 303
    asked = client.get(place).text
    assert "Which &lt;b&gt;" in asked
    assert f"customer_id={twin.id}" in asked
    assert sign_in("sales").get(place).status_code == 404  # a colleague's
    assert client.get(f"{place}?q=isla").text.count(f"customer_id={isla.id}") == 1
    kept = client.post(place, data={"customer_id": twin.id})
    note = session.scalars(select(Note).order_by(Note.id.desc())).first()
    assert note is not None
    assert (kept.location, note.customer_id, note.author_id) == (f"/notes/{note.id}", twin.id, None)
    shown = client.get(kept.location).text
    assert "Kept as a note about Twin" in shown
    assert "by e-mail" in shown
    assert client.get(place).status_code == 404
    assert client.get("/notes/mail/../../secret-key").status_code == 404
