"""A card number is never stored, by whatever way it comes: afterwards no table holds one."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.card_numbers import holds_card_number
from console.db import Base, db, utc_now
from console.interactions.models import Speaker, Utterance
from notes.beside.models import NoteAttachment
from notes.cards.models import CardState
from notes.findings.models import FindingKind, NoteFinding
from notes.models import Note
from tests.factories import add, make_customer, make_interaction, make_user
from tests.factories_api import ApiClient, make_token
from tests.factories_cards import make_card
from tests.factories_import import counts, csv_file, rejected, run_import
from tests.factories_notes import make_note, make_promise, office, pdf

SignIn = Callable[..., FlaskClient]
NUMBER = "4111 1111 1111 1111"
WORDS = f"Pays with {NUMBER}."
DAY = "2099-01-01"


def stored(session: Session) -> list[str]:
    """Columns that hold a card number. The mark of a session is drawn by lot and once in a while looks like one."""
    session.rollback()
    return [
        f"{table.name}.{name}"
        for table in Base.metadata.sorted_tables
        for row in session.execute(select(*table.c)).mappings()
        for name, value in row.items()
        if name != "fs_uniquifier" and holds_card_number(as_text(value))
    ]


def as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, dict | list) else ""


def test_no_form_of_any_screen_stores_a_card_number(
    sign_in: SignIn, session: Session, subtests: pytest.Subtests
) -> None:
    seller = sign_in(make_user(session, "sales", name="Dana Osei"))
    me = seller.user  # type: ignore[attr-defined]
    customer = make_customer(session)
    note, promise = make_note(session, customer, me), make_promise(session, customer, me)
    talk = make_interaction(session, customer, me)
    told = f"The lamp broke. {WORDS}"
    add(session, Utterance(interaction_id=talk.id, position=0, speaker=Speaker.CUSTOMER, text=told))
    finding = add(session, NoteFinding(note_id=note.id, note_version=1, kind=FindingKind.FACT, begins=0, ends=5,
                                       text="Likes", score=1.0, found_at=utc_now()))  # fmt: skip
    draft, ready = make_card(session, state=CardState.DRAFT), make_card(session)
    session.commit()
    promised = {"promise_text": WORDS, "promise_on": DAY}
    closing = {"code": "other", "resolved": "yes", "reason": "Lamp"}
    forms: list[tuple[str, dict[str, Any]]] = [
        (f"/customers/{customer.id}/notes", {"body": WORDS}),
        (f"/customers/{customer.id}/notes", {"body": "Fine", **promised}),
        ("/notes/new", {"customer_id": customer.id, "body": WORDS}),
        ("/notes/waiting", {"customer_id": customer.id, "body": WORDS, "client_key": str(uuid4())}),
        ("/notes/waiting", {"customer_id": customer.id, "body": "Fine", "client_key": str(uuid4()), **promised}),
        (f"/notes/{note.id}/amendment", {"body": WORDS, "kind": "call", "version": 1}),
        (f"/customers/{customer.id}/promises", promised),
        (f"/promises/{promise.id}", promised | {"because": "asked", "seen": "x"}),
        (f"/findings/{finding.id}/keeping", {"text": WORDS}),
        ("/notes/templates", {"title": "Visit", "body": WORDS, "kind": "call", "whose": "own"}),
        ("/notes/templates", {"title": NUMBER, "body": "Fine", "kind": "call", "whose": "own"}),
        (f"/cards/{draft.id}", {"body": f"Dear Isla,\n{WORDS}\nDana", "paper": "A6", "version": 1}),
        (f"/cards/{draft.id}/absence", {"because": WORDS}),
        *((f"/interactions/{talk.id}/wrap-up", closing | {part: WORDS}) for part in ("reason", "resolution", "result")),
    ]
    for path, sent in forms:
        with subtests.test(path=path, fields=sorted(sent)):
            assert seller.post(path, data=sent).status_code == 422
    skipped = {"state": "skipped", "version": "1", "because": "own", "own": WORDS}
    assert sign_in("delivery").post(f"/packing/{ready.id}/steps", data=skipped).status_code == 422
    # A draft made of the talk leaves that sentence out.
    asked = seller.get(f"/interactions/{talk.id}/wrap-up").text.split('id="turn-')[0]
    assert "The lamp broke." in asked and "4111" not in asked
    # It was written past the way in that masks what is said; what is found again is a copy of it.
    assert set(stored(session)) == {"utterances.text", "remembered.body"}


def test_no_file_no_mail_and_no_other_system_brings_one_in(
    app: Flask, sign_in: SignIn, session: Session, tmp_path: Path
) -> None:
    customer, user = make_customer(session, emails=("isla@example.com",)), make_user(session)
    note, (_, secret) = make_note(session, customer, user), make_token(session, user)
    talk = make_interaction(session, customer, user)
    session.commit()
    paragraph = "<w:p><w:t>4111 1111 </w:t><w:t>1111 1111</w:t></w:p>"
    word = office("wordprocessingml.document", **{"word/document.xml": paragraph})
    png = b"\x89PNG\r\n\x1a\n"
    sent = [(WORDS.encode(), "a.txt"), (word, "b.docx"), (pdf(WORDS), "c.pdf"), (png, f"{NUMBER}.png")]
    files = [(io.BytesIO(content), name) for content, name in sent]
    client = sign_in(user)
    client.post(f"/notes/{note.id}/files", data={"files": files})
    told = client.get(f"/notes/{note.id}").text
    assert told.count("seems to hold a card number") == 3
    assert session.scalars(select(NoteAttachment.name)).all() == ["xxxx xxxx xxxx 1111.png"]

    mails: list[tuple[io.BytesIO, str]] = []
    for subject, body, name in ((WORDS, "Hello", "x"), ("Hello", WORDS, "x"), ("Hello", "Hello", f"{NUMBER}.txt")):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "isla@example.com", "shop@shop.example", subject
        mail.set_content(body)
        mail.add_attachment(WORDS.encode(), maintype="text", subtype="plain", filename=name)
        mails.append((io.BytesIO(mail.as_bytes()), f"{len(mails)}.eml"))
    report = client.post("/notes/mail", data={"files": mails}).text
    assert "1 kept, 2 not kept" in report and "4111" not in report

    api = ApiClient(app, secret, user)
    wrapping = {"code": "other", "resolved": True, "reason": WORDS}
    amended = {"data": json.dumps({"version": 1, "body": WORDS}), "content_type": "application/json"}
    answers = [
        api.post(f"/customers/{customer.id}/notes", {"body": WORDS}, key="n"),
        api.send("PATCH", f"/notes/{note.id}", **amended),
        api.post(f"/customers/{customer.id}/promises", {"text": WORDS, "due_at": f"{DAY}T12:00:00Z"}, key="p"),
        api.post(f"/interactions/{talk.id}/wrap-up", wrapping, key="w"),
    ]
    assert [answer.status_code for answer in answers] == [422] * 4
    assert not any("4111" in answer.text for answer in answers)
    turns = [{"speaker": "customer", "text": WORDS, "external_id": "t1"}]
    assert api.post(f"/interactions/{talk.id}/utterances", {"turns": turns}, key="u").status_code == 200
    assert (
        client.post(f"/interactions/{talk.id}/utterances", data={"speaker": "customer", "text": WORDS}).status_code
        < 400
    )
    assert [row.text for row in session.scalars(select(Utterance))] == ["Pays with xxxx xxxx xxxx 1111."] * 2

    with app.app_context():
        run_import("customers", csv_file(tmp_path, "c.csv", ["external_id", "name"], ["c1", "Isla Mercer"]))
        beside = tmp_path / "rejected.csv"
        for kind, header, rest in (
            ("notes", ["external_id", "customer", "body", "written_at"], ["2024-05-01"]),
            ("preferences", ["external_id", "customer", "text"], []),
            ("boundaries", ["external_id", "customer", "text", "kind"], ["other"]),
        ):
            path = csv_file(tmp_path, f"{kind}.csv", header, ["n1", "c1", WORDS, *rest])
            assert counts(run_import(kind, path, rejects=beside)) == (0, 0, 0, 1)
            (row,) = rejected(beside)  # the file for mending the rest is no way onto the disk either
            assert "seems to hold a card number, which is never stored" in row["rejected_because"]
            assert row[header[2]] == "Pays with xxxx xxxx xxxx 1111."
        db.session.rollback()
    assert stored(session) == []
    assert [row.body for row in session.scalars(select(Note)) if "Pays" in row.body] == []
