"""Conversations of the past, written down with all that came of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from console.auth.models import User
from console.customers.models import Complaint, ComplaintState
from console.db import db
from console.demo.days import Days
from console.demo.diary import Diary
from console.demo.orders import Purchase
from console.demo.people import Person
from console.events import Topic
from console.interactions.models import Interaction, InteractionState
from knowledge.models import Article, ArticleLink
from notes.models import Note, Promise, PromiseState

Staff = dict[str, User]


@dataclass
class Talk:
    """One conversation. `interaction` is as it ended; `gift` is a gesture's code and what became of it."""

    person: Person
    agent: User
    interaction: Interaction
    started_at: datetime
    ended_at: datetime
    about: Purchase | None = None
    gift: tuple[str, str] | None = None
    complaint: str = ""
    settled_at: datetime | None = None
    articles: list[str] = field(default_factory=list)  # their external ids
    notes: list[Note] = field(default_factory=list)
    surveyed_at: datetime | None = None
    key: str = ""


@dataclass
class Vow:
    """A promise with its person, and the talk in which it was made."""

    person: Person
    promise: Promise
    talk: Talk | None = None


def begin(talks: list[Talk]) -> None:
    """Put the conversations down, all of them over."""
    talks.sort(key=lambda talk: talk.started_at)
    for talk in talks:
        row = talk.interaction
        row.customer_id, row.agent_id = talk.person.customer.id, talk.agent.id
        row.order_id = talk.about.order.id if talk.about else None
        row.started_at, row.ended_at = talk.started_at, talk.ended_at
        row.state = InteractionState.CLOSED
    db.session.add_all(talk.interaction for talk in talks)
    db.session.flush()


def end(talks: list[Talk], vows: list[Vow], days: Days, diary: Diary) -> None:
    """What came of them: complaints, notes, promises and survey answers."""
    for talk in talks:
        row, customer = talk.interaction, talk.person.customer
        said = {"resolved": row.resolved, "channel": row.channel.value}
        diary.add("interaction.closed", Topic.TALK, row, customer, talk.ended_at, talk.agent.id, said)
        if row.csat and talk.surveyed_at:
            answered = days.past(talk.surveyed_at)
            diary.add("survey.answered", Topic.SIGNAL, row, customer, answered, None, {"score": row.csat})
        if talk.complaint:
            complain(talk, days, diary)
    notes = [(talk, note) for talk in talks for note in talk.notes]
    for talk, note in notes:
        note.customer_id, note.interaction_id = talk.person.customer.id, talk.interaction.id
    db.session.add_all(note for _, note in notes)
    for vow in vows:
        vow.promise.customer_id = vow.person.customer.id
    db.session.flush()
    for talk, note in notes:
        tell_note(talk.person, note, diary)
    promise(vows, diary)


def tell_note(person: Person, note: Note, diary: Diary) -> None:
    facts = {"kind": note.kind.value, "quotable": note.quotable, "pinned": note.pinned, "length": len(note.body)}
    diary.add("note.written", Topic.NOTE, note, person.customer, note.written_at, note.author_id, facts)


def complain(talk: Talk, days: Days, diary: Diary) -> None:
    row = Complaint(
        customer_id=talk.person.customer.id,
        interaction_id=talk.interaction.id,
        order_id=talk.interaction.order_id,
        text=talk.complaint,
        opened_at=days.past(min(talk.started_at + timedelta(minutes=3), talk.ended_at)),
    )
    if talk.settled_at:
        row.state, row.settled_at, row.settled_by_id = ComplaintState.SETTLED, days.past(talk.settled_at), talk.agent.id
    db.session.add(row)
    db.session.flush()
    diary.add("complaint.opened", Topic.TALK, row, talk.person.customer, row.opened_at, talk.agent.id)
    if row.settled_at:
        diary.add("complaint.settled", Topic.TALK, row, talk.person.customer, row.settled_at, talk.agent.id)


def promise(vows: list[Vow], diary: Diary) -> None:
    for vow in vows:
        if vow.talk and vow.talk.notes:
            vow.promise.note_id = vow.talk.notes[0].id
    db.session.add_all(vow.promise for vow in vows)
    db.session.flush()
    for vow in vows:
        row, customer = vow.promise, vow.person.customer
        due = {"due_at": row.due_at.isoformat()}
        diary.add("promise.made", Topic.NOTE, row, customer, row.created_at, row.owner_id, due)
        if row.state is PromiseState.BROKEN or (row.settled_at and row.settled_at > row.due_at):
            diary.add("promise.broken", Topic.NOTE, row, customer, row.due_at, None, {"owner": row.owner_id})
        if row.settled_at and row.state is PromiseState.KEPT:
            late = {"late": row.settled_at > row.due_at}
            diary.add("promise.kept", Topic.NOTE, row, customer, row.settled_at, row.owner_id, late)
        if row.settled_at and row.state is PromiseState.RELEASED:
            diary.add("promise.released", Topic.NOTE, row, customer, row.settled_at, row.owner_id, {"late": True})


def link(talks: list[Talk], articles: dict[str, Article], diary: Diary) -> None:
    """Which articles were used where; `articles` by external id."""
    for talk in talks:
        for article in (articles[name] for name in talk.articles if name in articles):
            at = talk.ended_at - (talk.ended_at - talk.started_at) * 0.4
            keys = {"article_id": article.id, "interaction_id": talk.interaction.id}
            db.session.add(ArticleLink(**keys, user_id=talk.agent.id, linked_at=at))
            about = {"interaction_id": talk.interaction.id}
            diary.add("article.linked", Topic.TALK, article, talk.person.customer, at, talk.agent.id, about)
