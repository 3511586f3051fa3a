"""Rows of notes and promises for tests."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

from fpdf import FPDF
from sqlalchemy.orm import Session

from console.auth.models import User
from console.customers.models import Customer
from console.interactions.wrapping import by_words
from knowledge.embedding import EncoderState
from notes.beside.file_kinds import OFFICE
from notes.models import Note, Promise
from tests.factories import add


def make_note(session: Session, customer: Customer, author: User | None = None, **given: Any) -> Note:
    given.setdefault("body", "Prefers the morning slot.")
    return add(session, Note(customer_id=customer.id, author_id=author.id if author else None, **given))


def make_promise(session: Session, customer: Customer, owner: User | None = None, **given: Any) -> Promise:
    given.setdefault("text", "Send the fabric samples")
    given.setdefault("due_at", datetime.now(UTC) + timedelta(days=2))
    return add(session, Promise(customer_id=customer.id, owner_id=owner.id if owner else None, **given))


class ByWords:
    """An encoder that goes by the words in common."""

    name, state = "words", EncoderState.READY

    def ready(self) -> bool:
        return True

    def wait(self, seconds: float) -> bool:
        return True

    def encode_question(self, text: str) -> Any:
        return by_words([text])[0]


def office(kind: str, *more: str, types: str = "", **parts: str) -> bytes:
    """A Word or Excel file of that kind, with these parts."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in (dict.fromkeys(more, "x") | parts).items():
            archive.writestr(name, content)
        whole = f'<Types><Override ContentType="{OFFICE}{kind}.main+xml"/>{types}</Types>'
        archive.writestr("[Content_Types].xml", whole)
    return data.getvalue()


def pdf(*lines: str, title: str = "", remark: str = "", password: str = "") -> bytes:
    """A PDF of one page."""
    made = FPDF()
    made.set_title(title)
    made.add_page()
    made.set_font("Helvetica", size=12)
    for line in lines:
        made.cell(0, 10, line, new_x="LMARGIN", new_y="NEXT")
    if remark:
        made.text_annotation(50, 50, remark)
    if password:
        made.set_encryption(owner_password="owner", user_password=password)
    return bytes(made.output())
