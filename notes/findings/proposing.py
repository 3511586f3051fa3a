"""What was found in notes, as it is kept: proposals after saving, and what a person makes of them.

A note is looked through as it is saved when this process is ready to: its model is loaded and the examples are read.
Otherwise a row says that it waits, in the same transaction, and a thread looks through it a moment later; whatever
stops that one, any worker does it within half a minute.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from flask import Flask, current_app
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session, joinedload

from console.background import in_thread
from console.config import is_time_zone
from console.customers import profile
from console.customers.models import Boundary, BoundaryKind, Customer, Preference, Provenance
from console.db import db, utc_now
from console.errors import DomainError
from console.events import Topic, record_event
from console.interactions.talk_signals import Kind, shipped_in
from console.interactions.wrapping import ABOUT, WORD
from console.web import locale, zone
from knowledge.embedding import Encoder, EncoderState, Vectors, encoder
from notes.findings import sensitive
from notes.findings.cues import cues
from notes.findings.due_dates import due_in
from notes.findings.examples import examples, state
from notes.findings.models import FindingKind, FindingState, NoteFinding
from notes.findings.recognising import Finder, Found, Wording, boundary_meant, ordinary, pieces_of
from notes.findings.waiting import IMPORTED, IS_WAITING, await_looking, take_one
from notes.findings.wording import promise_words
from notes.mail.text import folded
from notes.models import Note, NoteKind, Promise
from notes.promises.promising import make_promise, release_promise
from notes.screening import fault_in_promise

FITTING = Path(__file__).with_name("fitting.yaml")
AT_ONCE = 40  # sentences that are looked through while somebody waits
LOADS_WITHIN = 30.0  # seconds
ALIKE = 0.75  # share of words in common from which two sentences say the same
MOST_KNOWN = 100  # of what is kept about a customer, the newest of each sort
BATCH = 32  # examples read between two looks at whether requests need the processor
LONGEST_PAUSE = 0.2  # seconds
MOST_PROPOSED = 12  # of one note
SETTLED_ALREADY = "Somebody settled this meanwhile. What became of it is shown; nothing was kept twice."


class Reader:
    """This process's finders, and the vectors of the examples they were made of."""

    def __init__(self) -> None:
        self.threads: set[threading.Thread] = set()
        self.lock = threading.Lock()
        self.made_for: tuple[Any, ...] | None = None
        # Of findings, of sensitive topics, of what somebody likes to read on a card.
        self.finders: tuple[Finder, Finder, Finder] | None = None
        self.known: dict[str, Vectors] = {}

    def ready(self, model: Encoder) -> Finder | None:
        """The finder, when a request may use it: it knows the examples as they are now."""
        return self.finders[0] if self.finders and self.is_ready(model) else None

    def ready_for_topics(self, model: Encoder) -> Finder | None:
        """The finder of sensitive topics. One made of examples that were changed meanwhile still serves."""
        return self.finders[1] if self.finders and model.ready() else None

    def ready_for_cards(self, model: Encoder) -> Finder | None:
        """The finder of what fits a delivery card."""
        return self.finders[2] if self.finders and model.ready() else None

    def is_ready(self, model: Encoder) -> bool:
        return model.ready() and self.made_for == (model.name, *state())

    def prepared(self, model: Encoder) -> Finder:
        """The finder; made anew when examples were changed. Beside the requests: the first takes seconds."""
        with self.lock:
            now = (model.name, *state())
            if self.finders is None or self.made_for != now:
                kinds = [one.kind for one in examples()]
                worth = [kind for kind in kinds if kind.code in set(FindingKind)]
                topics = [kind for kind in kinds if kind not in worth]
                self.finders = (
                    self.learnt(model, worth, ordinary(), cues),
                    self.learnt(model, topics, sensitive.ordinary(), sensitive.wording_of(topics)),
                    self.learnt(model, shipped_in(FITTING).kinds, (), cues),
                )
                self.made_for = now
            return self.finders[0]

    def learnt(self, model: Encoder, kinds: Sequence[Kind], usual: Sequence[str], wording: Wording) -> Finder:
        texts = {text for kind in kinds for text in (*kind.examples, *kind.counter_examples)} | set(usual)
        missing = sorted(texts - self.known.keys())
        for at in range(0, len(missing), BATCH):
            part = missing[at : at + BATCH]
            self.known |= zip(part, model.encode_briefly(part), strict=True)
        made = Finder(kinds, usual, lambda wanted: np.stack([self.known[text] for text in wanted]), wording)
        made.embed = lambda wanted: np.stack([model.encode_question(text) for text in wanted])
        return made


def reader() -> Reader:
    found: Reader = current_app.extensions.setdefault("findings", Reader())
    return found


def look_for(note: Note, *, now: datetime) -> None:
    """Propose what a note says that is worth keeping, now or in a moment. Before the commit that keeps the note."""
    model = encoder()
    if model.state is EncoderState.OFF:
        return
    drop_what_is_gone(note)
    finder = reader().ready(model)
    if finder is not None and len(pieces_of(read_of(note))) <= AT_ONCE:
        propose(note, finder, now=now)
        return
    await_looking(note, now=now)
    db.session.info["notes_wait"] = True


@event.listens_for(db.session, "after_commit")
def begin(session: Session) -> None:
    if not session.in_nested_transaction() and session.info.pop("notes_wait", False):
        start()


@event.listens_for(db.session, "after_rollback")
def forget(session: Session) -> None:
    session.info.pop("notes_wait", None)


def start() -> None:
    """Look through what waits, in a thread of this process: one at a time."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    if not reader().threads:
        in_thread(app, "findings", work_off, reader().threads)


def work_off() -> int:
    return look_through(utc_now())


def look_through(now: datetime) -> int:
    """Look through all notes that wait, each in a transaction of its own; how many that were. For any worker.

    With nothing to do it makes this process ready, so that the next note is looked through as it is saved.
    """
    model = encoder()
    if model.ready() and not reader().is_ready(model):
        reader().prepared(model)
    if db.session.scalar(select(NoteFinding.id).where(IS_WAITING).limit(1)) is None or not encoder().wait(LOADS_WITHIN):
        db.session.rollback()
        return 0
    finder, done = reader().prepared(encoder()), 0
    while taken := take_one():
        note, turn = taken
        began = monotonic()
        drop_what_is_gone(note)
        propose(note, finder, now=now)
        db.session.commit()
        done += 1
        if turn == IMPORTED:
            sleep(min(monotonic() - began, LONGEST_PAUSE))  # there may be thousands: half a processor is enough
    db.session.rollback()
    return done


def read_of(note: Note) -> str:
    """The words to look through: of a mail what was said now, not what it answers."""
    return folded(note.body)[0] if note.kind is NoteKind.EMAIL else note.body


def drop_what_is_gone(note: Note) -> None:
    """Take away open proposals whose sentence no longer stands in the note. What a person settled stays."""
    if note.version == 1:
        return
    there = {piece.text for piece in pieces_of(read_of(note))}
    for row in db.session.scalars(select(NoteFinding).where(NoteFinding.note_id == note.id, IS_PROPOSED)):
        if row.text not in there:
            db.session.delete(row)


IS_PROPOSED = NoteFinding.state == FindingState.PROPOSED


def propose(note: Note, finder: Finder, *, now: datetime) -> None:
    """Add what was found in a note, unless it is known already or was proposed for these words before."""
    found = finder.find(read_of(note))
    if not found:
        return
    before = db.session.execute(select(NoteFinding.kind, NoteFinding.text).where(NoteFinding.note_id == note.id)).all()
    seen = {(row.kind, row.text) for row in before}
    known = known_of(note.customer_id)
    new = [one for one in found if (one.kind, one.piece.text) not in seen]
    for one in sorted(new, key=lambda one: -one.score)[:MOST_PROPOSED]:
        if one.kind == FindingKind.PROMISE and note.kind is NoteKind.EMAIL:
            continue  # the customer's own "I will"
        row = row_of(note, one, now)
        kept = promise_words(one.piece.text, note.written_at, zone()) if row.due_at else one.piece.text
        said = (words_of(one.piece.text), words_of(kept))
        same_day = row.due_at and any(row.due_at.date() == day for day in known.promised_with(note.id))
        same_boundary = one.kind == FindingKind.BOUNDARY and boundary_meant(one.piece.text) in known.refused
        if same_day or same_boundary or any(is_said(words, text) for words in said for text in known.texts(one.kind)):
            continue
        db.session.add(row)
    db.session.flush()


def row_of(note: Note, one: Found, now: datetime) -> NoteFinding:
    is_promise = one.kind == FindingKind.PROMISE
    due_at = due_said(one.piece.text, note.customer_id, note.written_at) if is_promise else None
    return NoteFinding(
        note_id=note.id, note_version=note.version, kind=FindingKind(one.kind), begins=one.piece.begins,
        ends=one.piece.ends, text=one.piece.text, due_at=due_at if due_at and due_at > now else None,
        score=one.score, found_at=now,
    )  # fmt: skip


def due_said(text: str, customer_id: int, at: datetime) -> datetime | None:
    """When words that were written or said then say that something is due, in the customer's time zone."""
    theirs = db.session.scalar(select(Customer.time_zone).where(Customer.id == customer_id))
    where = ZoneInfo(theirs) if theirs and is_time_zone(theirs) else zone()
    return due_in(text, at, where, month_first=locale().replace("-", "_") == "en_US")


@dataclass(frozen=True)
class Known:
    """What is kept about a customer, as the words of each text."""

    likes: Sequence[frozenset[str]]
    boundaries: Sequence[frozenset[str]]
    refused: Collection[tuple[str, time | None]]  # gifts, and calls after a time
    promises: Sequence[tuple[int | None, datetime, frozenset[str]]]

    def texts(self, kind: str) -> Sequence[frozenset[str]]:
        if kind == FindingKind.BOUNDARY:
            return self.boundaries
        return [words for _, _, words in self.promises] if kind == FindingKind.PROMISE else self.likes

    def promised_with(self, note_id: int) -> list[Any]:
        """The days promised together with a note."""
        return [due_at.date() for id, due_at, _ in self.promises if id == note_id]


def known_of(customer_id: int) -> Known:
    def texts(model: type[Preference] | type[Boundary]) -> list[frozenset[str]]:
        own = select(model.text).where(model.customer_id == customer_id, model.ended_at.is_(None))
        return [words_of(text) for text in db.session.scalars(own.order_by(model.id.desc()).limit(MOST_KNOWN))]

    own = select(Promise.note_id, Promise.due_at, Promise.text).where(Promise.customer_id == customer_id)
    rows = db.session.execute(own.order_by(Promise.id.desc()).limit(MOST_KNOWN)).all()
    kinds = select(Boundary.kind, Boundary.after).where(
        Boundary.customer_id == customer_id, Boundary.ended_at.is_(None)
    )
    refused = {(row.kind.value, row.after) for row in db.session.execute(kinds) if row.kind is not BoundaryKind.OTHER}
    promises = [(row[0], row[1], words_of(row[2])) for row in rows]
    return Known(texts(Preference), texts(Boundary), refused, promises)


def words_of(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(text.casefold()))


def is_said(words: frozenset[str], known: Collection[str]) -> bool:
    return bool(words) and len(words & set(known)) >= ALIKE * len(words | set(known))


@dataclass(frozen=True)
class Terms:
    """A proposal as a person wants to keep it."""

    text: str
    category: str = "other"  # of a preference
    due_at: datetime | None = None  # of a promise
    boundary: BoundaryKind = BoundaryKind.OTHER
    after: time | None = None  # of a boundary on calls


def usual_category(text: str) -> str:
    return next((name for name, words in ABOUT.items() if words.search(text)), "other")


def keep(finding: NoteFinding, terms: Terms, *, actor_id: int, now: datetime) -> None:
    """Make of a proposal what it proposes, with the note as evidence. `finding` comes with its note.

    Raises DomainError for words that cannot be kept, a promise without a day or with one that is past, and when
    somebody else settled it meanwhile; the caller rolls back.
    """
    if fault := fault_in_promise(terms.text):
        raise DomainError(fault.replace("promised", "to keep").replace("The promise", "This"))
    if finding.kind is FindingKind.PROMISE and terms.due_at is None:
        raise DomainError("Say by when it was promised.")
    if terms.boundary is BoundaryKind.NO_CALLS_AFTER and terms.after is None:
        raise DomainError("Say after what time there shall be no calls.")
    settle(finding, FindingState.KEPT, actor_id, now)
    finding.kept_as_id = kept_as(finding, terms, actor_id, now).id


def kept_as(finding: NoteFinding, terms: Terms, by: int, now: datetime) -> Preference | Boundary | Promise:
    about, note = finding.note.customer_id, finding.note
    known: Preference | Boundary
    if finding.kind is FindingKind.PROMISE and terms.due_at is not None:
        return make_promise(about, note.author_id or by, terms.text, terms.due_at, now=now, note_id=note.id)
    if finding.kind is FindingKind.BOUNDARY:
        known = profile.add_boundary(about, terms.boundary, terms.text, terms.after, actor_id=by, now=now)
    else:
        category = "personal" if finding.kind is FindingKind.FACT else terms.category
        known = profile.add_preference(about, terms.text, category, Provenance.STATED, actor_id=by, now=now)
    known.evidence = known.evidence or {"note": note.id}
    return known


def dismiss(finding: NoteFinding, *, actor_id: int, now: datetime) -> None:
    """Not worth keeping; it is not proposed again. Raises DomainError when somebody settled it meanwhile."""
    settle(finding, FindingState.DISMISSED, actor_id, now)


def settle(finding: NoteFinding, state: FindingState, actor_id: int, now: datetime) -> None:
    """Compare and swap: of two people at once, one settles it."""
    settled = update(NoteFinding).where(NoteFinding.id == finding.id, IS_PROPOSED)
    settled = settled.values(state=state, settled_at=now, settled_by_id=actor_id)
    if db.session.execute(settled.returning(NoteFinding.id)).first() is None:
        raise DomainError(SETTLED_ALREADY)
    tell(finding, f"note.finding_{state.value}", actor_id, now)


def take_back(finding: NoteFinding, *, actor_id: int, now: datetime) -> None:
    """Propose it again, and take away what it had become, unless that was there before. Twice is harmless."""
    if finding.state is FindingState.KEPT:
        undo(finding, actor_id, now)
    open_again = update(NoteFinding).where(
        NoteFinding.id == finding.id, NoteFinding.state.in_([FindingState.KEPT, FindingState.DISMISSED])
    )
    open_again = open_again.values(
        state=FindingState.PROPOSED, settled_at=None, settled_by_id=None, kept_as_id=None
    ).returning(NoteFinding.id)
    if db.session.execute(open_again).first() is not None:
        tell(finding, "note.finding_reopened", actor_id, now)


def undo(finding: NoteFinding, actor_id: int, now: datetime) -> None:
    if finding.kind is FindingKind.PROMISE:
        promise = db.session.get(Promise, finding.kept_as_id)
        if promise is not None and not promise.state.is_settled:
            release_promise(promise, actor_id=actor_id, now=now)
        return
    boundary = db.session.get(Boundary, finding.kept_as_id) if finding.kind is FindingKind.BOUNDARY else None
    liked = db.session.get(Preference, finding.kept_as_id) if finding.kind is not FindingKind.BOUNDARY else None
    if boundary is not None and is_new(boundary, finding):
        profile.remove(boundary, actor_id=actor_id, now=now)
    if liked is not None and is_new(liked, finding):
        profile.remove(liked, actor_id=actor_id, now=now)


def is_new(known: Preference | Boundary, finding: NoteFinding) -> bool:
    """Whether it was the finding that added it, and not only confirmed it; and it is still there."""
    return known.ended_at is None and known.created_at == finding.settled_at


def tell(finding: NoteFinding, kind: str, actor_id: int, now: datetime) -> None:
    note, facts = finding.note, {"finding": finding.id, "kind": finding.kind.value}
    record_event(kind, Topic.NOTE, subject=note, customer_id=note.customer_id, actor_id=actor_id, at=now, data=facts)


RECENT = timedelta(days=30)
UNDO_WITHIN = timedelta(minutes=10)


def of_note(note_id: int, reader_id: int, now: datetime) -> list[NoteFinding]:
    """Open proposals of a note in the order written, and what its reader settled just now; each with its note."""
    return shown(NoteFinding.note_id == note_id, reader_id, now, 30)


def of_customer(customer_id: int, reader_id: int, now: datetime, limit: int = 6) -> list[NoteFinding]:
    """The same from a customer's notes of the last days."""
    newest = select(Note.id).where(Note.customer_id == customer_id, Note.written_at >= now - RECENT)
    newest = newest.order_by(Note.written_at.desc()).limit(20)
    return shown(NoteFinding.note_id.in_(newest), reader_id, now, limit)


def shown(whose: Any, reader_id: int, now: datetime, limit: int) -> list[NoteFinding]:
    just_settled = (NoteFinding.settled_by_id == reader_id) & (NoteFinding.settled_at >= now - UNDO_WITHIN)
    query = (
        select(NoteFinding).where(whose, IS_PROPOSED | IS_WAITING | just_settled).options(joinedload(NoteFinding.note))
    )
    rows = db.session.scalars(
        query.order_by(NoteFinding.note_id.desc(), NoteFinding.begins, NoteFinding.id).limit(limit)
    )
    return list(rows)
