"""What helps in a talk going on: passages that fit what the customer asks, in their places, and what was heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from console.assist.listening import asked_by, is_theirs
from console.db import db
from console.events import Topic, record_event
from console.feed import tell
from console.interactions.hearing import ASKED_BEFORE, heard_in, kept
from console.interactions.live_models import Handled, Heard, HelpMark
from console.interactions.models import Channel, Interaction, Utterance
from console.interactions.talk_signals import Kind
from console.interactions.turns import last_turns
from knowledge.feedback import dismissed_in
from knowledge.models import Article
from knowledge.queries import in_order
from knowledge.searching import Answer, Result, search
from notes.models import Note

IN_PANE = 3
MOST_PINNED = 3
MOST_GONE = 8
LOOKS_BACK = 2  # after so many times that the customer spoke and nothing fitted, nothing is shown
RECENT_TURNS = 8  # a hint "told us" is shown while its turn is among them
REASONS = {
    "other": "It is about something else",
    "done": "We have done that already",
    "wrong": "It is wrong for this customer",
    "known": "I know it by heart",
}
T = TypeVar("T")


@dataclass(frozen=True)
class Chip:
    """A signal with the words that caused it, and the turn they stand in."""

    code: str
    label: str
    icon: str
    tone: str
    words: str
    turn_id: int
    again: int | None = None  # the turn that is said once more


@dataclass(frozen=True)
class Told:
    """What the customer told us before, where and when."""

    words: str
    where: str
    at: datetime | None
    url_kind: str  # "interaction" or "note"
    url_id: int


@dataclass
class Help:
    """What the pane shows of one talk just now."""

    question: str = ""
    last: int = 0  # the latest turn that it knows of
    answer: Answer | None = None  # to the question
    results: list[Result] = field(default_factory=list)
    is_from_before: bool = False  # nothing fits the last words; the results fit what was said just before them
    pinned: list[Article] = field(default_factory=list)  # those of them that are not among the results
    held: set[int] = field(default_factory=set)  # ids of what is pinned to this talk
    gone: list[Article] = field(default_factory=list)  # what was taken away in this talk, to be brought back
    fresh: set[int] = field(default_factory=set)  # ids of what was not there before
    chips: list[Chip] = field(default_factory=list)
    told: Told | None = None


def help_for(interaction: Interaction, user_id: int, shown: Sequence[int] | None, *, anyway: bool = False) -> Help:
    """`shown`: ids of the articles that the page shows, in their places; none when it shows no list yet."""
    turns = last_turns(interaction.id)
    found = Help(question=asked_by(turns), last=max((turn.id for turn in turns), default=0))
    marks = {mark.article_id: mark.mark for mark in marks_of(interaction.id)}
    pinned = [id for id, mark in marks.items() if mark is Handled.PINNED][:MOST_PINNED]
    gone = dismissed_in(interaction.id, user_id) | {id for id, mark in marks.items() if mark is Handled.DISMISSED}
    if found.question:
        limit = IN_PANE + len(pinned) + min(len(gone), IN_PANE)
        found.answer = fits = search(found.question, limit=limit, anyway=anyway)
        if not fits.results:
            fits = asked_before_it(turns, found.question, limit) or fits
        rows = {result.article.id: result for result in fits.results if result.article.id not in gone}
        suggested = [id for id in rows if id not in pinned][:IN_PANE]
        order = [id for id in pinned if id in rows] + arranged(
            suggested, [id for id in shown or () if id not in pinned]
        )
        found.results = [rows[id] for id in order]
        found.is_from_before = fits is not found.answer and bool(rows)
    found.held = set(pinned)
    found.gone = in_order(sorted(gone)[:MOST_GONE])
    found.pinned = in_order([id for id in pinned if id not in {one.article.id for one in found.results}])
    if shown is not None:
        found.fresh = {result.article.id for result in found.results} - set(shown)
    listen_in(found, interaction, turns)
    return found


def asked_before_it(turns: Sequence[Utterance], question: str, limit: int) -> Answer | None:
    """What still fits a talk whose last words, up to LOOKS_BACK times the customer spoke, fit nothing."""
    for _ in range(LOOKS_BACK):
        turns = before_last_words(turns)
        if (earlier := asked_by(turns)) and earlier != question and (answer := search(earlier, limit=limit)).results:
            return answer
    return None


def before_last_words(turns: Sequence[Utterance]) -> Sequence[Utterance]:
    """The turns before those in which the customer spoke last, one after the other."""
    theirs = [is_theirs(turn) for turn in turns]
    place = len(turns)
    while place and not theirs[place - 1]:
        place -= 1
    while place and theirs[place - 1]:
        place -= 1
    return turns[:place]


def arranged(found: Sequence[T], shown: Sequence[T]) -> list[T]:
    """`found`, best first, but what was shown already stays in its place as far as the list reaches."""
    rest = [one for one in found if one not in shown]
    kept = dict.fromkeys(one for one in shown if one in found)
    places: list[T | None] = [None] * len(found)
    for one in kept:
        place = shown.index(one)
        places[place if place < len(places) and places[place] is None else places.index(None)] = one
    return [rest.pop(0) if one is None else one for one in places]


def listen_in(found: Help, interaction: Interaction, turns: Sequence[Utterance]) -> None:
    """Put in what was heard: chips, and what the customer told us before."""
    heard = heard_in(interaction.id)
    if not heard:
        return
    kinds = {one.kind.code: one.kind for one in kept()}
    found.chips = [chip(row, kinds[row.code]) for row in heard if row.code in kinds and kinds[row.code].is_on]
    recent = {turn.id for turn in turns[-RECENT_TURNS:]}
    hint = next((row for row in heard if row.code == ASKED_BEFORE and row.utterance_id in recent), None)
    found.told = told(hint) if hint else None


def chip(row: Heard, kind: Kind) -> Chip:
    words = row.utterance.text[row.begins : row.ends]
    return Chip(kind.code, kind.label, kind.icon, kind.tone, words, row.utterance_id, row.about.get("utterance"))


def told(row: Heard) -> Told | None:
    """The words that it points to; none when they were erased meanwhile."""
    begins, ends = int(row.about.get("begins", 0)), int(row.about.get("ends", 0))
    if note_id := row.about.get("note"):
        note = db.session.get(Note, note_id)
        return Told(note.body[begins:ends], "a note", note.written_at, "note", note.id) if note else None
    source = db.session.execute(
        select(Utterance.text, Utterance.said_at, Utterance.interaction_id, Interaction.channel, Interaction.started_at)
        .join(Interaction, Interaction.id == Utterance.interaction_id)
        .where(Utterance.id == row.about.get("utterance"))
    ).first()
    if source is None:
        return None
    here = source.interaction_id == row.interaction_id
    where = "earlier in this talk" if here else WHERE[source.channel]
    at = None if here else source.said_at or source.started_at
    return Told(source.text[begins:ends], where, at, "interaction", source.interaction_id)


WHERE = {channel: f"by {channel.value}" for channel in Channel} | {
    Channel.PHONE: "on the phone",
    Channel.CHAT: "in a chat",
    Channel.EMAIL: "by e-mail",
    Channel.VISIT: "on a visit",
    Channel.WEB: "on the web",
}


def marks_of(interaction_id: int) -> Sequence[HelpMark]:
    query = select(HelpMark).where(HelpMark.interaction_id == interaction_id).order_by(HelpMark.marked_at, HelpMark.id)
    return db.session.scalars(query.limit(200)).all()


def mark(
    interaction: Interaction, article: Article, how: Handled | None, reason: str, *, user_id: int, now: datetime
) -> None:
    """Pin an article to a talk, send it away from it, or with None neither; the last of several counts."""
    if how is None:
        row = db.session.scalars(
            select(HelpMark).where(HelpMark.interaction_id == interaction.id, HelpMark.article_id == article.id)
        ).first()
        if row is not None:
            db.session.delete(row)
    else:
        insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
        values = {"mark": how, "reason": reason, "marked_by_id": user_id, "marked_at": now}
        statement = insert(HelpMark).values(interaction_id=interaction.id, article_id=article.id, **values)
        db.session.execute(
            statement.on_conflict_do_update(index_elements=["interaction_id", "article_id"], set_=values)
        )
    record_event(
        f"help.{how.value if how else 'unmarked'}",
        Topic.ACCESS,
        subject=article,
        customer_id=interaction.customer_id,
        actor_id=user_id,
        at=now,
        data={"interaction_id": interaction.id} | ({"reason": reason} if reason else {}),
    )
    tell(f"interaction:{interaction.id}", "help")
