"""What was promised to a customer: listed, made, kept and released."""

from __future__ import annotations

from typing import Annotated

from flask import url_for
from pydantic import Field
from sqlalchemy import tuple_

from console.api import schemas
from console.api.cursors import cursor
from console.api.interactions import PersonTold, not_found
from console.api.notes import moment_in, somebody
from console.api.operations import Answer, Caller, operation
from console.api.refusing import Refusal
from console.api.schemas import Id, Moment, Page, Paged, Sent, Told
from console.api.scopes import Scope
from console.customers.timeline import Cursor
from console.db import db, utc_now
from notes.models import Note, Promise, PromiseState
from notes.promises import queries
from notes.promises.promising import keep_promise, make_promise, release_promise
from notes.screening import LONGEST_PROMISE, tidy

READ, WRITE = Scope.NOTES_READ, Scope.NOTES_WRITE


class PromiseTold(Told):
    id: int
    customer_id: int
    note_id: int | None
    text: str
    due_at: Moment
    state: PromiseState = Field(description="An open one that is past its time is broken.")
    owner: PersonTold | None
    created_at: Moment
    settled_at: Moment | None

    @classmethod
    def of(cls, row: Promise) -> PromiseTold:
        same = ("id", "customer_id", "note_id", "text", "due_at", "created_at", "settled_at")
        return cls(
            **{name: getattr(row, name) for name in same},
            state=PromiseState.BROKEN if row.is_broken(utc_now()) else row.state,
            owner=PersonTold(id=row.owner.id, name=row.owner.name) if row.owner else None,
        )


class PromisePage(Page):
    items: list[PromiseTold]


class PromiseSent(Sent):
    text: Annotated[str, schemas.text(LONGEST_PROMISE, 1)] = Field(description="What was promised.")
    due_at: Moment = Field(description="By when.")
    note_id: Id | None = Field(None, description="The note in which it stands.")


@operation("GET", "/customers/<int:customer_id>/promises", READ, {200: PromisePage}, query=Paged, problems=(404,))
def list_promises(caller: Caller, customer_id: int, query: Paged) -> Answer:
    """What a customer still waits for, due first; the broken ones are among it."""
    somebody(customer_id)
    wanted = queries.open_promises(customer_id)
    if after := moment_in("promises", query.cursor):
        wanted = wanted.where(tuple_(Promise.due_at, Promise.id) > (after.at, after.id))
    rows = db.session.scalars(wanted.limit(query.limit + 1)).all()
    page, more = rows[: query.limit], None
    if len(rows) > query.limit:
        micros, _, number = str(Cursor(page[-1].due_at, page[-1].id)).partition("-")
        more = cursor("promises", int(micros), int(number))
    return Answer(PromisePage(items=[PromiseTold.of(row) for row in page], next_cursor=more))


@operation(
    "POST",
    "/customers/<int:customer_id>/promises",
    WRITE,
    {201: PromiseTold},
    body=PromiseSent,
    problems=(404,),
    example={"text": "Send the fabric samples", "due_at": "2030-05-17T17:00:00Z"},
)
def create_promise(caller: Caller, customer_id: int, body: PromiseSent) -> Answer:
    """Write down what was promised. It is the user's own, or of who stands in while they are away."""
    somebody(customer_id)
    note = db.session.get(Note, body.note_id) if body.note_id is not None else None
    if body.note_id is not None and (note is None or note.customer_id != customer_id):
        raise Refusal.of_field("note_id", "This customer has no note of this id.")
    promise = make_promise(customer_id, caller.id, tidy(body.text), body.due_at, now=caller.now, note_id=body.note_id)
    return Answer(told(promise.id), 201, url_for("api.read_promise", promise_id=promise.id))


@operation("GET", "/promises/<int:promise_id>", READ, {200: PromiseTold}, problems=(404,))
def read_promise(caller: Caller, promise_id: int) -> Answer:
    """One promise, as it stands now."""
    return Answer(told(promise_id))


@operation("POST", "/promises/<int:promise_id>/keeping", WRITE, {200: PromiseTold}, problems=(404,))
def keep_one(caller: Caller, promise_id: int) -> Answer:
    """It was done, in time or late."""
    keep_promise(found(promise_id), actor_id=caller.id, now=caller.now)
    return Answer(told(promise_id))


@operation("POST", "/promises/<int:promise_id>/release", WRITE, {200: PromiseTold}, problems=(404,))
def release_one(caller: Caller, promise_id: int) -> Answer:
    """The customer no longer wants it."""
    release_promise(found(promise_id), actor_id=caller.id, now=caller.now)
    return Answer(told(promise_id))


def found(promise_id: int) -> Promise:
    row = db.session.scalars(queries.one(promise_id)).first()
    return row or not_found("promise")


def told(promise_id: int) -> PromiseTold:
    """As it is after what was done."""
    db.session.flush()
    query = queries.one(promise_id).execution_options(populate_existing=True)
    row = db.session.scalars(query).first()
    return PromiseTold.of(row or not_found("promise"))
