"""What other systems remember of a customer: notes, preferences, boundaries, and what the shop's site saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Row, select

from console.card_numbers import IN_A_ROW, holds_card_number
from console.customers.models import Boundary, BoundaryKind, Preference, Provenance, WebEvent
from console.customers.tokens import insert_rows
from console.db import Base, db
from console.events import Topic
from console.importing import fields, references
from console.importing.problems import BadRow
from console.importing.saving import (
    Column,
    Happened,
    Kind,
    Outcome,
    Result,
    Run,
    Values,
    found,
    save,
    write_history,
)
from console.importing.shop import CUSTOMER, total_of
from notes.findings.pointing_out import topics as as_now
from notes.findings.sensitive import remarks_on
from notes.findings.waiting import await_imported
from notes.models import Note, NoteKind, NoteRevision

Build = Callable[[Values, Run], Values]  # a row's own columns; may raise BadRow
Tell = Callable[[Values, int], Happened | None]  # the event that a saved row stands for


def write_kept(rows: Sequence[Values], run: Run, model: type[Base], build: Build, tell: Tell) -> list[Result]:
    """Save rows that belong to a customer, with one event each."""
    results: list[Result | None] = []
    wanted: list[Values] = []
    for row, customer in zip(rows, references.customers(rows, run), strict=True):
        try:
            if isinstance(customer, BadRow):
                raise customer
            wanted.append(build(row, run) | {"source": run.source, "customer_id": customer})
            results.append(None)
        except BadRow as problem:
            results.append(problem)
    key = ("source", "external_id")
    known = found(model, key, [(run.source, values["external_id"]) for values in wanted])
    before = [known.get((run.source, values["external_id"])) for values in wanted]
    if model is Note:
        wanted = respected(wanted, before, run)
    saved = save(model, wanted, before)
    if model is Note:
        changed = [kept.id for kept in saved if kept.outcome is not Outcome.UNCHANGED]
        if beyond := await_imported(changed, now=run.reading.now):
            run.warn("a note of the last 30 days is not looked through for what to keep; too many wait already", beyond)
    events = [
        event
        for values, kept in zip(wanted, saved, strict=True)
        if kept.outcome is not Outcome.UNCHANGED and (event := tell(values, kept.id))
    ]
    fresh = {kept.id for kept in saved if kept.outcome is Outcome.INSERTED}
    write_history(model, events, fresh, run.reading.now)
    outcomes = iter(saved)
    return [result or next(outcomes).outcome for result in results]


def respected(wanted: Sequence[Values], before: Sequence[Row[tuple[object, ...]] | None], run: Run) -> list[Values]:
    """Notes amended here keep their words; those that only the source changed keep what they said before."""
    old = {note.id: note for note in before if note is not None}
    amended = select(NoteRevision.note_id).where(
        NoteRevision.note_id.in_(old), NoteRevision.replaced_by_id.is_not(None)
    )
    ours = set(db.session.scalars(amended)) if old else set()
    result, revisions = [], []
    for values, note in zip(wanted, before, strict=True):
        if note is None:
            result.append(values)
        elif note.id in ours:
            run.warn("a note was amended here since; its words were kept")
            result.append({name: value for name, value in values.items() if name not in ("body", "kind", "quotable")})
        elif note.body != values["body"]:
            words = {"body": note.body, "kind": note.kind, "quotable": note.quotable}
            revisions.append(words | {"note_id": note.id, "version": note.version, "replaced_at": run.reading.now})
            result.append(values | {"version": note.version + 1})
        else:
            result.append(values)
    insert_rows(NoteRevision, revisions)
    return result


def write_notes(rows: Sequence[Values], run: Run) -> list[Result]:
    interactions = references.interactions(rows, run)
    authors = references.people(rows, "author_email")
    topics = as_now()
    own = ("external_id", "kind", "body", "quotable", "pinned", "follow_up_on", "written_at")

    def build(row: Values, run: Run) -> Values:
        if holds_card_number(row["body"]):
            raise BadRow(f"body {IN_A_ROW}")
        if remarks := remarks_on(row["body"], topics):
            run.point_out(row, ", ".join(dict.fromkeys(one.topic for one in remarks)))
        values = {name: row[name] for name in own if name in row}
        if row.get("interaction") is not None:
            if row["interaction"] not in interactions:
                run.warn("an interaction is not known; the note was kept without it")
            values["interaction_id"] = interactions.get(row["interaction"])
        if "author_email" in row:
            values["author_id"] = references.user_of(row, "author_email", authors, run)
        return values

    def tell(values: Values, note_id: int) -> Happened:
        at, actor = values["written_at"], values.get("author_id")
        return Happened("note.written", Topic.NOTE, at, values["customer_id"], note_id, actor)

    return write_kept(rows, run, Note, build, tell)


def write_preferences(rows: Sequence[Values], run: Run) -> list[Result]:
    def build(row: Values, run: Run) -> Values:
        refuse_card_number(row["text"])
        own = ("external_id", "text", "category", "confirmed_at")
        values = {name: row[name] for name in own if name in row}
        values["provenance"] = row.get("provenance") or Provenance.STATED
        return values | ({"created_at": row["learned_at"]} if row.get("learned_at") else {})

    return write_kept(rows, run, Preference, build, telling("preference.added", Topic.PROFILE, "created_at"))


def refuse_card_number(text: str) -> None:
    if holds_card_number(text):
        raise BadRow(f"text {IN_A_ROW}")


def write_boundaries(rows: Sequence[Values], run: Run) -> list[Result]:
    def build(row: Values, run: Run) -> Values:
        if row["kind"] is BoundaryKind.NO_CALLS_AFTER and row.get("after") is None:
            raise BadRow("after is missing: no calls after what time?")
        if row["kind"] is BoundaryKind.OTHER and not row.get("text"):
            raise BadRow("text is missing: a boundary of the kind other says what was refused")
        refuse_card_number(row.get("text") or "")
        values = {name: row[name] for name in ("external_id", "kind", "text", "after", "confirmed_at") if name in row}
        return values | ({"created_at": row["learned_at"]} if row.get("learned_at") else {})

    return write_kept(rows, run, Boundary, build, telling("boundary.added", Topic.PROFILE, "created_at"))


def write_events(rows: Sequence[Values], run: Run) -> list[Result]:
    def build(row: Values, run: Run) -> Values:
        return {name: row[name] for name in ("external_id", "kind", "at", "title", "data") if name in row}

    def tell(values: Values, event_id: int) -> Happened:
        return Happened(f"web.{values['kind']}", Topic.SIGNAL, values["at"], values["customer_id"], event_id)

    return write_kept(rows, run, WebEvent, build, tell)


def telling(kind: str, topic: Topic, column: str) -> Tell:
    """An event at the time in `column`; none where the source knows no time."""

    def tell(values: Values, number: int) -> Happened | None:
        at = values.get(column)
        return Happened(kind, topic, at, values["customer_id"], number) if at else None

    return tell


KEY = Column("external_id", fields.text(120), "its key in the other system", required=True)
LEARNED = (
    Column("learned_at", fields.moment, "when it was said; without it there is no line on the timeline"),
    Column("confirmed_at", fields.moment, "when it was last confirmed"),
)
NOTES = Kind(
    "notes",
    (
        KEY,
        *CUSTOMER,
        Column("body", fields.text(20_000), "the note", required=True),
        Column("written_at", fields.moment, "a time, or a day", required=True),
        Column("kind", fields.choice(NoteKind), ", ".join(NoteKind)),
        Column("author_email", fields.text(255), "the colleague, by the address of the sign-in here"),
        Column("interaction", fields.text(120), "the interaction's external id"),
        Column("quotable", fields.flag, "yes or no: may it be quoted to the customer"),
        Column("pinned", fields.flag, "yes or no"),
        Column("follow_up_on", fields.day, "a day"),
    ),
    key=("external_id",),
    write=write_notes,
    total=total_of(Note),
    one_of=("customer", "customer_email"),
)
PREFERENCES = Kind(
    "preferences",
    (
        KEY,
        *CUSTOMER,
        Column("text", fields.text(300), "what they like", required=True),
        Column("category", fields.text(40), "a word; other when there is none"),
        Column("provenance", fields.choice(Provenance), "stated, observed or inferred; stated when there is none"),
        *LEARNED,
    ),
    key=("external_id",),
    write=write_preferences,
    total=total_of(Preference),
    one_of=("customer", "customer_email"),
)
BOUNDARIES = Kind(
    "boundaries",
    (
        KEY,
        *CUSTOMER,
        Column("kind", fields.choice(BoundaryKind), ", ".join(BoundaryKind), required=True),
        Column("after", fields.clock, "for no_calls_after: a time of day"),
        Column("text", fields.text(300), "what they refused, in words"),
        *LEARNED,
    ),
    key=("external_id",),
    write=write_boundaries,
    total=total_of(Boundary),
    one_of=("customer", "customer_email"),
)
EVENTS = Kind(
    "events",
    (
        KEY,
        *CUSTOMER,
        Column("kind", fields.kind_of_event, "a short word: cart_abandoned, review, survey, payment …", required=True),
        Column("at", fields.moment, "a time, or a day", required=True),
        Column("title", fields.text(2000), "one line for the timeline"),
        Column("data", fields.json_data, "a JSON object"),
    ),
    key=("external_id",),
    write=write_events,
    total=total_of(WebEvent),
    one_of=("customer", "customer_email"),
)
