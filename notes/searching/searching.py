"""Finds what was written, said or refused: by words and by meaning, of one customer or of all; or honestly nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

import numpy as np
from sqlalchemy import bindparam, select
from sqlalchemy.orm import joinedload, load_only

from console.auth.models import User
from console.customers.models import Customer
from console.db import db
from console.interactions.models import Utterance
from knowledge.beside import beside
from knowledge.embedding import Encoder, EncoderState, encoder, unpacked
from knowledge.highlighting import Part, excerpt, pick_by_meaning, pick_by_words
from knowledge.keywords import STOP_WORDS, TOKEN, content_words, last_word, stem, words_in_common
from knowledge.nearby import NONE, Numbers, Vectors
from knowledge.searching import NOTICES, Use
from notes.models import Note, NoteKind
from notes.searching import nearest
from notes.searching import words as search_words
from notes.searching.models import Remembered, RememberedVector, SourceKind
from notes.searching.words import Marks, months

SHOWN = 30
LONGEST = 200  # characters of a question
BY_WORDS, BY_MEANING = 50, 60  # rows that each of the two searches hands over, at the most
# Set on bench/data/note_questions.jsonl, see bench/RESULTS.md: a cosine for meaning, a share of the question for words.
WORDS = 0.35
RECENT, YEAR = 0.02, 365.0  # what a row of today is worth more than one of long ago, and how fast that fades in days
WHOLE = 0.6  # how much a row's meaning as a whole weighs beside that of its best sentence
ALIKE = 0.28  # the cosine from which meaning alone is enough …
NEARLY_THE_BEST = 0.7  # … if it is so large a share of the best one's
MOST_WORDS = 0.6  # the share of the question's words from which they alone are enough …
SOME_WORDS, HALF_ALIKE = 0.25, 0.2  # … or fewer with so much meaning, or where the meaning is not known
# A lone word is hardly like any sentence: of one customer the nearest are shown where less than FEW are found.
FEW, CLOSE = 3, 0.15  # a cosine
FORMS = ("{}", "the customer's {}", "it is about {}")  # a lone word is searched as the mean of these

PREPARING = "Notes are being prepared for search by meaning. Results match words alone for a moment."


@dataclass(frozen=True)
class Where:
    """What may be found; what is left open is not asked. `author_ids`: written by one of these."""

    customer_id: int | None = None
    kinds: tuple[SourceKind, ...] = ()
    author_ids: tuple[int, ...] | None = None
    since: datetime | None = None
    note_kind: NoteKind | None = None
    pinned: bool = False
    quotable: bool = False
    due_by: date | None = None  # follow-up on or before that day

    def marks(self, now: datetime) -> Marks:
        groups: list[tuple[str, ...]] = [(f"c{self.customer_id}",)] if self.customer_id is not None else []
        if self.kinds and len(self.kinds) < len(SourceKind):
            groups.append(tuple(kind.value for kind in self.kinds))
        if self.author_ids is not None:
            groups.append(tuple(f"a{id}" for id in self.author_ids) or ("a0",))
        if self.note_kind is not None:
            groups.append((f"k{self.note_kind.value.replace('_', '')}",))
        asked = {"pinned": self.pinned, "quotable": self.quotable, "follow": self.due_by is not None}
        groups += [(name,) for name, is_asked in asked.items() if is_asked]
        if self.since is not None:
            groups.append(months(self.since, now))
        return Marks(tuple(groups))


@dataclass(frozen=True)
class Likeness:
    """Of a row to the question: cosines of the whole and of its best sentence, 0 while they are not known."""

    whole: float = 0.0
    best: float = 0.0
    cosines: Vectors | None = None  # of its sentences; None where it has one


@dataclass(frozen=True)
class Judged:
    """A row that is good enough to be shown, and why."""

    row: Any  # of ROWS
    score: float  # compares only within one search
    cosine: float  # of its best sentence; 0 when that is not known
    cosines: Vectors | None  # of its sentences; None where it has one, or its meaning is not known
    is_enough_by_words: bool
    share: float  # of the question's words
    is_close: bool = False  # too weak, but nothing is nearer


@dataclass(frozen=True)
class Found:
    """One note, turn, preference or boundary as a list shows it."""

    row: Any  # of ROWS
    parts: tuple[Part, ...]  # its words, the best sentences marked
    reasons: tuple[str, ...]  # the strongest first
    customer: Customer | None = None
    note: Note | None = None  # with its author
    utterance: Utterance | None = None

    @property
    def kind(self) -> SourceKind:
        return SourceKind(self.row.kind)


@dataclass(frozen=True)
class Answer:
    question: str
    found: tuple[Found, ...] = ()
    is_more: bool = False  # than are shown
    notice: str = ""  # a sentence when only half of the search could run
    warming: bool = False  # asking again in a moment finds more


@dataclass(frozen=True)
class Asked:
    """A question as the search takes it."""

    words: Sequence[str]  # those that say what it is about
    beginning: str  # of a word that is being typed
    vector: Vectors | None  # None when the meaning is not to be known
    rare: dict[str, float] = field(default_factory=dict)  # how rare each of the words is

    def share(self, body: str) -> float:
        """How much of the question a text holds, 0 to 1, rare words counting more."""
        tokens = TOKEN.findall(body)
        stems = set(map(stem, tokens))
        held = sum(weight for word, weight in self.rare.items() if stem(word) in stems)
        if self.beginning and stem(self.beginning) not in stems:
            held += self.rare[self.beginning] * any(token.casefold().startswith(self.beginning) for token in tokens)
        return held / self.total if self.total else 0.0

    @cached_property
    def total(self) -> float:
        return sum(self.rare.values())

    @property
    def is_lone_word(self) -> bool:
        return len(self.words) + bool(self.beginning) == 1


ROWS = (
    select(
        Remembered.id,
        Remembered.kind,
        Remembered.subject_id,
        Remembered.customer_id,
        Remembered.author_id,
        Remembered.at,
        Remembered.marks,
        Remembered.body,
        RememberedVector.vector,
        RememberedVector.sentences,
    )
    .outerjoin(
        RememberedVector,
        (RememberedVector.remembered_id == Remembered.id) & (RememberedVector.model == bindparam("model")),
    )
    .where(Remembered.id.in_(bindparam("ids", expanding=True)))
)


NAMES = load_only(Customer.first_name, Customer.last_name, raiseload=True)
OF_NOTES = (
    load_only(
        Note.kind, Note.pinned, Note.quotable, Note.follow_up_on, Note.author_id, Note.written_at, raiseload=True
    ),
    joinedload(Note.author).load_only(User.name, raiseload=True),
)


def find(
    question: str, where: Where, *, now: datetime, unfinished: bool = False, use: Use = Use.BOTH, limit: int = SHOWN
) -> Answer:
    """What fits best, best first; nothing when nothing does. Any text is a question: a search never fails for it.

    `unfinished`: the question is being typed, its last word may be incomplete.
    """
    question = " ".join(question.replace("\0", " ").split())[:LONGEST]
    model = encoder()
    model.start()
    notice, warming = NOTICES.get(model.state, ""), model.state is EncoderState.LOADING
    asked = understood(question, model, use, unfinished)
    if not asked.words and not asked.beginning and asked.vector is None:
        return Answer(question, notice=notice, warming=warming)
    if asked.vector is not None and asked.is_lone_word and where.customer_id is not None:
        asked = replace(asked, vector=vector_of_word(question, model))
    marks = where.marks(now)
    looked = beside(by_meaning, asked.vector, where, marks, model.name)
    ids, scores, rare = NONE, np.zeros(0, np.float32), [1.0] * (len(asked.words) + bool(asked.beginning))
    if use is not Use.MEANING:
        ids, scores, rare = search_words.find(asked.words, marks, BY_WORDS, beginning=asked.beginning)
    terms = [*asked.words, asked.beginning] if asked.beginning else asked.words
    asked = Asked(asked.words, asked.beginning, asked.vector, dict(zip(terms, rare, strict=False)))
    near = looked.result()
    if near is None:
        notice, warming = notice or PREPARING, True
    every = {int(id) for id in (*ids, *(near if near is not None else NONE))}
    rows = db.session.connection().execute(ROWS, {"ids": sorted(every), "model": model.name}).all() if every else []
    by_words = dict(zip(ids.tolist(), scores.tolist(), strict=True))
    fitting = [row for row in rows if marks.fit(row.marks) and is_since(row.at, where.since)]
    alike = likeness(fitting, asked.vector)
    judged = [
        one
        for row, likely in zip(fitting, alike, strict=True)
        if (one := judge(row, likely, asked, by_words.get(row.id, 0.0), now))
    ]
    judged.sort(key=lambda one: (-one.score, -one.row.id))
    least = NEARLY_THE_BEST * max((one.cosine for one in judged), default=0.0)
    judged = [one for one in judged if one.is_enough_by_words or one.cosine >= least]
    if asked.is_lone_word and where.customer_id is not None:
        judged += closest(fitting, alike, judged)
    shown = complete([told(one, asked) for one in (judged if where.due_by else judged[: limit + 1])], where)
    return Answer(question, tuple(shown[:limit]), len(shown) > limit, notice, warming)


def understood(question: str, model: Encoder, use: Use, unfinished: bool) -> Asked:
    words = content_words(question)[: search_words.MOST_WORDS]
    beginning = last_word(question) if unfinished and question == question.rstrip() else ""
    if beginning in STOP_WORDS:
        beginning = ""
    if beginning in words:
        words.remove(beginning)
    vector = model.encode_question(question) if question and model.ready() and use is not Use.KEYWORD else None
    return Asked(words, beginning, vector)


def vector_of_word(word: str, model: Encoder) -> Vectors:
    mean = np.sum([model.encode_question(form.format(word)) for form in FORMS], axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def by_meaning(vector: Vectors | None, where: Where, marks: Marks, model: str) -> Numbers | None:
    """The nearest ids, best first; None while they are being prepared. Some may not fit the marks."""
    if vector is None:
        return NONE
    if where.customer_id is not None:
        return nearest.of_customer(where.customer_id, vector, model, BY_MEANING)
    return nearest.of_all(marks, vector, model, BY_MEANING)


def is_since(at: datetime | None, since: datetime | None) -> bool:
    return since is None or (at is not None and at >= since)


def likeness(rows: Sequence[Any], vector: Vectors | None) -> list[Likeness]:
    """How alike in meaning each row and a unit vector are, all in two products."""
    if vector is None:
        return [Likeness()] * len(rows)
    size = len(vector)
    known = [place for place, row in enumerate(rows) if row.vector is not None and len(row.vector) == 2 * size]
    result = [Likeness()] * len(rows)
    if not known:
        return result
    wholes = (nearest.unpacked(rows[place].vector for place in known) @ vector).tolist()
    packed = [rows[place].sentences or b"" for place in known]
    ends = np.cumsum([len(own) // size for own in packed])
    by_sentence = unpacked(b"".join(packed), size) @ vector
    for place, whole, cosines in zip(known, wholes, np.split(by_sentence, ends[:-1]), strict=True):
        has_some = len(cosines) > 0
        best = max(whole, float(cosines.max())) if has_some else whole
        result[place] = Likeness(whole, best, cosines if has_some else None)
    return result


def judge(row: Any, alike: Likeness, asked: Asked, by_words: float, now: datetime) -> Judged | None:
    """One row with its score; None for one that is too weak to be shown."""
    # The index stems words better than `share` does, and sees no more rows of a frequent word than a few.
    share = max(asked.share(row.body), min(by_words / asked.total, 1.0) if asked.total else 0.0)
    best = alike.best
    is_enough = share >= MOST_WORDS or (share >= SOME_WORDS and (best >= HALF_ALIKE or asked.vector is None))
    if not is_enough and best < ALIKE:
        return None
    age = (now - row.at).days if row.at is not None else YEAR * 10
    score = WHOLE * alike.whole + (1 - WHOLE) * best + WORDS * share + RECENT * 2 ** (-max(age, 0) / YEAR)
    return Judged(row, score, best, alike.cosines, is_enough, share)


def closest(rows: Sequence[Any], alike: Sequence[Likeness], judged: Sequence[Judged]) -> list[Judged]:
    """Of what was written the nearest in meaning, so many that FEW are shown. What was said is left out: most turns
    are short, and those are a little like any word.
    """
    shown = {one.row.id for one in judged}
    near = [
        Judged(row, WHOLE * one.whole + (1 - WHOLE) * one.best, one.best, one.cosines, False, 0.0, is_close=True)
        for row, one in zip(rows, alike, strict=True)
        if row.id not in shown and row.kind != SourceKind.UTTERANCE and one.best >= CLOSE
    ]
    near.sort(key=lambda one: (-one.score, -one.row.id))
    return near[: max(FEW - len(judged), 0)]


def told(one: Judged, asked: Asked) -> Found:
    """With its best sentences marked, and the reasons."""
    body = one.row.body
    common = words_in_common(asked.words, body, beginning=asked.beginning)
    why = ["Similar meaning"] if one.cosine >= ALIKE or (one.cosine and not common) else []
    if one.is_close:
        why = ["Close in meaning"]
    if common:
        why.append(", ".join(f"“{word}”" for word in sorted(common, key=len, reverse=True)[:3]))
    picked = pick_by_meaning(body, one.cosines.tolist()) if one.cosines is not None and one.share < MOST_WORDS else None
    if picked is None:
        picked = pick_by_words(body, [*asked.words, asked.beginning])
    return Found(one.row, excerpt(body, picked), tuple(why))


def complete(found: Sequence[Found], where: Where) -> list[Found]:
    """With what a list shows of each; at most three statements. What is gone by now, or not due, is left out."""
    customers = by_id(Customer, {one.row.customer_id for one in found} if where.customer_id is None else (), NAMES)
    notes = by_id(Note, {one.row.subject_id for one in found if one.kind is SourceKind.NOTE}, *OF_NOTES)
    turns = by_id(Utterance, {one.row.subject_id for one in found if one.kind is SourceKind.UTTERANCE})
    result = []
    for one in found:
        note, turn = notes.get(one.row.subject_id), turns.get(one.row.subject_id)
        is_note, is_turn = one.kind is SourceKind.NOTE, one.kind is SourceKind.UTTERANCE
        if (is_note and note is None) or (is_turn and turn is None):
            continue
        if where.due_by is not None and not (note and note.is_due(where.due_by)):
            continue
        customer = customers.get(one.row.customer_id)
        shown = replace(one, customer=customer, note=note if is_note else None, utterance=turn if is_turn else None)
        result.append(shown)
    return result


def by_id(model: type[Any], ids: Collection[int], *options: Any) -> dict[int, Any]:
    if not ids:
        return {}
    return {row.id: row for row in db.session.scalars(select(model).where(model.id.in_(ids)).options(*options))}


def colleagues(team_id: int | None) -> tuple[int, ...]:
    """Whoever is, or was, of a team; nobody without one."""
    if team_id is None:
        return ()
    return tuple(db.session.scalars(select(User.id).where(User.team_id == team_id).order_by(User.id).limit(500)))
