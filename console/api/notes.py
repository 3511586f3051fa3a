"""Notes about a customer: written, read and amended."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated

from flask import url_for
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from console.api.cursors import cursor, place_in
from console.api.interactions import PersonTold, not_found
from console.api.operations import Answer, Caller, operation
from console.api.refusing import Refusal
from console.api.schemas import Asked, Id, Moment, Page, Paged, Sent, Told, line, text
from console.api.scopes import Scope
from console.auth.models import User
from console.auth.permissions import Permission, allowed
from console.customers.models import Customer
from console.customers.timeline import Cursor
from console.db import db
from console.errors import Stale
from console.interactions.models import Interaction
from notes import queries
from notes.beside.models import NoteMention
from notes.findings.pointing_out import remarks_about
from notes.following import after_saving
from notes.models import Note, NoteKind
from notes.screening import LONGEST_NOTE, tidy
from notes.searching.models import SourceKind
from notes.searching.searching import SHOWN, Where, find
from notes.writing import Draft, amend_note, pin_note, write_note


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
    mentions: list[PersonTold] = Field(description="Colleagues named in it as @name, who were told.")
    unclear_mentions: list[str] = Field(
        description="Of this request: names after an @ that more than one colleague has. Nobody was told."
    )
    sensitive: list[str] = Field(
        description="Of this request, a warning: health, religion and the like in the words that were kept; the "
        "customer may read them one day."
    )

    @classmethod
    def of(
        cls, row: Note, mentions: Iterable[PersonTold], unclear: Iterable[str] = (), sensitive: Iterable[str] = ()
    ) -> NoteTold:
        apart = {"author", "mentions", "unclear_mentions", "sensitive"}
        return cls(
            **{name: getattr(row, name) for name in cls.model_fields if name not in apart},
            author=row.author.name if row.author else None,
            mentions=list(mentions),
            unclear_mentions=list(unclear),
            sensitive=list(sensitive),
        )


class NotePage(Page):
    items: list[NoteTold]


class NoteWanted(Asked):
    """What to look for among notes."""

    q: Annotated[str, line(200, 1)] = Field(description="A question or words; found by words and by meaning.")
    customer_id: Id | None = Field(
        None, description="Of this customer alone. Without it only those who may find in all notes find anybody's."
    )
    limit: int = Field(20, ge=1, le=SHOWN, description="How many to answer at most.")


class NotesFound(Told):
    """The best first. No page follows: ask more precisely."""

    items: list[NoteTold]
    is_more: bool = Field(description="There are more than are told.")
    notice: str = Field(description="A sentence when only words could be looked for; else empty.")


class NoteSent(Sent):
    body: Annotated[str, text(LONGEST_NOTE, 1)] = Field(
        description="Plain text. @ and a colleague's first name, full name or the part of their e-mail before its @ "
        "tells them."
    )
    kind: NoteKind = NoteKind.CALL
    quotable: bool = Field(False, description="May be quoted to the customer.")
    pinned: bool = False
    follow_up_on: date | None = None
    interaction_id: Id | None = None


class NoteAmended(Sent):
    """What is left out stays as it is."""

    version: int = Field(ge=1, le=2**31 - 1, description="The version that this is made from.")
    body: Annotated[str, text(LONGEST_NOTE, 1)] | None = None
    kind: NoteKind | None = None
    quotable: bool | None = None
    pinned: bool | None = None
    follow_up_on: date | None = Field(None, description="null takes it away.")

    def draft(self, note: Note) -> Draft:
        return Draft(
            body=note.body if self.body is None else tidy(self.body),
            kind=self.kind or note.kind,
            quotable=note.quotable if self.quotable is None else self.quotable,
            follow_up_on=self.follow_up_on if "follow_up_on" in self.model_fields_set else note.follow_up_on,
        )


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
    unclear = after_saving(note, actor_id=caller.id, now=caller.now).unclear
    return Answer(told(note.id, unclear, warnings_about(note.body)), 201, url_for("api.read_note", note_id=note.id))


@operation("GET", "/customers/<int:customer_id>/notes", Scope.NOTES_READ, {200: NotePage}, query=Paged, problems=(404,))
def list_notes(caller: Caller, customer_id: int, query: Paged) -> Answer:
    """A customer's notes, the newest first."""
    somebody(customer_id)
    before = moment_in("notes", query.cursor)
    wanted = queries.matching(queries.Filters(customer_id=customer_id), before).limit(query.limit + 1)
    rows = db.session.scalars(wanted).all()
    page = rows[: query.limit]
    more = moment_cursor("notes", Cursor(page[-1].written_at, page[-1].id)) if len(rows) > query.limit else None
    mentions = mentions_in([row.id for row in page])
    return Answer(NotePage(items=[NoteTold.of(row, mentions.get(row.id, ())) for row in page], next_cursor=more))


@operation("GET", "/notes", Scope.NOTES_READ, {200: NotesFound}, query=NoteWanted, problems=(404,))
def find_notes(caller: Caller, query: NoteWanted) -> Answer:
    """Notes that fit a question, of one customer or of all."""
    if query.customer_id is not None:
        somebody(query.customer_id)
    elif not allowed(caller.user, Permission.FIND_IN_ALL_NOTES):
        raise Refusal(403, "", f"{caller.user.name} may find in the notes of one customer. Send customer_id.")
    where = Where(customer_id=query.customer_id, kinds=(SourceKind.NOTE,))
    answer = find(query.q, where, now=caller.now, limit=query.limit)
    ids = [found.row.subject_id for found in answer.found]
    wanted = select(Note).where(Note.id.in_(ids)).options(joinedload(Note.author))
    rows = {row.id: row for row in db.session.scalars(wanted.execution_options(populate_existing=True))}
    mentions = mentions_in(ids)
    items = [NoteTold.of(rows[one], mentions.get(one, ())) for one in ids if one in rows]
    return Answer(NotesFound(items=items, is_more=answer.is_more, notice=answer.notice))


@operation("GET", "/notes/<int:note_id>", Scope.NOTES_READ, {200: NoteTold}, problems=(404,))
def read_note(caller: Caller, note_id: int) -> Answer:
    """One note, as it stands now."""
    return Answer(told(note_id))


@operation(
    "PATCH",
    "/notes/<int:note_id>",
    Scope.NOTES_WRITE,
    {200: NoteTold},
    body=NoteAmended,
    problems=(404, 409),
    example={"version": 1, "body": "Moving to York in spring, wants the oak shelf delivered after that."},
)
def change_note(caller: Caller, note_id: int, body: NoteAmended) -> Answer:
    """Amend a note; what it said before stays in its history.

    When somebody amended it meanwhile, nothing is saved, and the 409 shows both: `current` is how it stands, `sent`
    what you sent. Send yours again with the version of `current` to replace it knowingly.
    """
    note = db.session.scalars(queries.one(note_id)).first() or not_found("note")
    if not note.may_be_amended_by(caller.user):
        raise Refusal(403, "", f"{caller.user.name} may amend only notes of their own.")
    try:
        amend_note(note, body.draft(note), seen_version=body.version, actor_id=caller.id, now=caller.now)
    except Stale:
        db.session.rollback()
        raise both(note_id, body) from None
    if body.pinned is not None:
        pin_note(note, body.pinned, actor_id=caller.id, now=caller.now)
    unclear = after_saving(note, actor_id=caller.id, now=caller.now).unclear
    return Answer(told(note_id, unclear, warnings_about(body.body)))


def both(note_id: int, body: NoteAmended) -> Refusal:
    return Refusal(
        409,
        "changed-meanwhile",
        "Somebody amended this note meanwhile; nothing was saved. Look at `current`, then send yours with its version.",
        current=told(note_id).model_dump(mode="json"),
        sent=body.model_dump(mode="json", exclude_unset=True),
    )


def warnings_about(body: str | None) -> list[str]:
    return [f"{one.topic}: “{one.words}”" for one in remarks_about(tidy(body))] if body else []


def told(note_id: int, unclear: Iterable[str] = (), sensitive: Iterable[str] = ()) -> NoteTold:
    """As it is now."""
    db.session.flush()
    query = queries.one(note_id).execution_options(populate_existing=True)
    row = db.session.scalars(query).first() or not_found("note")
    return NoteTold.of(row, mentions_in([note_id]).get(note_id, ()), unclear, sensitive)


def mentions_in(note_ids: list[int]) -> dict[int, list[PersonTold]]:
    """Who is named in each of some notes, by name."""
    rows = db.session.execute(
        select(NoteMention.note_id, User.id, User.name)
        .join(User, User.id == NoteMention.user_id)
        .where(NoteMention.note_id.in_(note_ids))
        .order_by(User.name, User.id)
    )
    found: dict[int, list[PersonTold]] = {}
    for note_id, user_id, name in rows:
        found.setdefault(note_id, []).append(PersonTold(id=user_id, name=name))
    return found


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
