"""Notes about a customer: written and read."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from flask import url_for
from pydantic import Field

from console.api.cursors import cursor, place_in
from console.api.interactions import not_found
from console.api.operations import Answer, Caller, operation
from console.api.refusing import Refusal
from console.api.schemas import Id, Moment, Page, Paged, Sent, Told, text
from console.api.scopes import Scope
from console.customers.models import Customer
from console.customers.timeline import Cursor
from console.db import db
from console.interactions.models import Interaction
from notes import queries
from notes.models import Note, NoteKind
from notes.screening import LONGEST_NOTE, tidy
from notes.writing import Draft, write_note


class NoteTold(Told):
    id: int
    customer_id: int
    interaction_id: int | None
    author: str | None
    kind: NoteKind
    body: str
    quotable: bool
    pinned: bool
    follow_up_on: date | None
    written_at: Moment
    version: int

    @classmethod
    def of(cls, row: Note) -> NoteTold:
        same = {name: getattr(row, name) for name in cls.model_fields if name != "author"}
        return cls(**same, author=row.author.name if row.author else None)


class NotePage(Page):
    items: list[NoteTold]


class NoteSent(Sent):
    body: Annotated[str, text(LONGEST_NOTE, 1)] = Field(description="Plain text.")
    kind: NoteKind = NoteKind.CALL
    quotable: bool = Field(False, description="May be quoted to the customer.")
    pinned: bool = False
    follow_up_on: date | None = None
    interaction_id: Id | None = None


@operation(
    "POST",
    "/customers/<int:customer_id>/notes",
    Scope.NOTES_WRITE,
    {201: NoteTold},
    body=NoteSent,
    problems=(404,),
    example={"body": "Moving to Leeds in spring, wants the oak shelf delivered after that.", "kind": "call"},
)
def create_note(caller: Caller, customer_id: int, body: NoteSent) -> Answer:
    """Write a note. Card numbers are refused."""
    somebody(customer_id)
    if body.interaction_id is not None:
        interaction = db.session.get(Interaction, body.interaction_id)
        if interaction is None or interaction.customer_id != customer_id:
            raise Refusal.of_field("interaction_id", "This customer has no interaction of this id.")
    draft = Draft(tidy(body.body), body.kind, body.quotable, body.follow_up_on)
    note = write_note(
        customer_id, caller.id, draft, now=caller.now, pinned=body.pinned, interaction_id=body.interaction_id
    )
    row = db.session.scalars(queries.one(note.id)).one()
    return Answer(NoteTold.of(row), 201, url_for("api.read_note", note_id=row.id))


@operation("GET", "/customers/<int:customer_id>/notes", Scope.NOTES_READ, {200: NotePage}, query=Paged, problems=(404,))
def list_notes(caller: Caller, customer_id: int, query: Paged) -> Answer:
    """A customer's notes, the newest first."""
    somebody(customer_id)
    before = moment_in("notes", query.cursor)
    wanted = queries.matching(queries.Filters(customer_id=customer_id), before).limit(query.limit + 1)
    rows = db.session.scalars(wanted).all()
    page = rows[: query.limit]
    more = moment_cursor("notes", Cursor(page[-1].written_at, page[-1].id)) if len(rows) > query.limit else None
    return Answer(NotePage(items=[NoteTold.of(row) for row in page], next_cursor=more))


@operation("GET", "/notes/<int:note_id>", Scope.NOTES_READ, {200: NoteTold}, problems=(404,))
def read_note(caller: Caller, note_id: int) -> Answer:
    """One note, as it stands now."""
    return Answer(NoteTold.of(db.session.scalars(queries.one(note_id)).first() or not_found("note")))


def somebody(customer_id: int) -> Customer:
    return db.session.get(Customer, customer_id) or not_found("customer")


def moment_cursor(kind: str, place: Cursor) -> str:
    micros, _, number = str(place).partition("-")
    return cursor(kind, int(micros), int(number))


def moment_in(kind: str, sent: str | None) -> Cursor | None:
    place = place_in(kind, sent, 2)
    if place is None:
        return None
    try:
        return Cursor.parse(f"{place[0]}-{place[1]}")
    except ValueError:
        raise Refusal.of_field(
            "cursor", "This is no cursor of this list. Leave it out to begin at its start."
        ) from None
