"""What the knowledge base was asked, and what it showed: one row for each real question, not one for each key.

These are written by requests that only read. So they go into a short transaction of their own, which gives up soon
rather than let a question wait for an import, and whatever goes wrong with it, the search has answered.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from console.db import db
from knowledge.embedding import encoder
from knowledge.feedback import VERDICTS
from knowledge.gaps import note_gap
from knowledge.models import ArticleFeedback, AskedIn, AskedQuestion, FeedbackKind
from knowledge.queries import INTERACTIONS
from knowledge.searching import Answer

log = logging.getLogger(__name__)

TYPING = timedelta(seconds=30)  # a question that goes on within is the same one
REPEATED = timedelta(minutes=10)  # and the very same words within, as after going back
SHORTEST = 3  # characters; less asks nothing
PATIENCE = 250  # ms that a question's record waits for another writer

QUESTIONS: Any = AskedQuestion.__table__
FEEDBACK: Any = ArticleFeedback.__table__
Result = TypeVar("Result")


@dataclass(frozen=True)
class WrittenQuestion:
    """A question that is written down, and what the person has said of its answers already."""

    id: int | None = None
    verdicts: Mapping[int, FeedbackKind] = field(default_factory=dict)  # by article


@dataclass(frozen=True)
class Asker:
    """Who asks, and how. `narrowed`: filters left articles out."""

    user_id: int
    asked_in: AskedIn
    interaction_id: int | None = None
    language: str = ""
    narrowed: bool = False

    @property
    def is_whole(self) -> bool:
        """Nobody is typing it: a customer has said it."""
        return self.asked_in is AskedIn.TALK


def quietly(act: Callable[[Connection], Result]) -> Result | None:
    """Run `act` in a transaction of its own and commit it; None, and a line in the log, when that fails."""
    try:
        with db.engine.connect() as connection, impatient(connection), connection.begin():
            return act(connection)
    except (SQLAlchemyError, sqlite3.OperationalError):  # the second when SQLite's writer is taken
        log.warning("what was asked or opened could not be written down", exc_info=True)
        return None


@contextmanager
def impatient(connection: Connection) -> Iterator[None]:
    """On SQLite, wait PATIENCE for other writers instead of seconds."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    (usual,) = driver.execute("PRAGMA busy_timeout").fetchone()
    driver.execute(f"PRAGMA busy_timeout = {PATIENCE}")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(usual)}")


def write_down(
    connection: Connection, answer: Answer, shown: Sequence[int], asker: Asker, now: datetime
) -> WrittenQuestion:
    """Keep the question and which articles were shown for it, best first. Three statements when some were.

    While somebody types, the row follows their words: a text that goes on from the last one, or back from it,
    within TYPING changes that row and what was displayed for it, unless something came of it already. A question
    that found nothing is filed as a gap once its words are whole: said by a customer, asked again as it stands
    (Enter), or followed by another one.
    """
    text = answer.question.strip()
    if len(text) < SHORTEST or (asker.narrowed and not answer.results):
        return WrittenQuestion()  # what filters leave out says nothing of what is missing
    last = last_asked(connection, asker)
    again = last is not None and last.is_repeated(text, now)
    if last is not None and (again or last.goes_on(text, now)):
        question_id, displayed = last.id, last.displayed
        if not last.is_settled:
            if not again:
                displayed = take_back_displayed(connection, last, shown)
            change = question_row(answer, text, len(shown), asker, now)
            connection.execute(update(QUESTIONS).where(QUESTIONS.c.id == question_id).values(change))
    else:
        question_id, displayed = insert_question(connection, answer, text, len(shown), asker, now), {}
        if last is not None and last.found_nothing(had_model=answer.vector is not None):
            file_gap(connection, last.id, last.asked_at)
    is_filed = again and last is not None and last.is_settled
    if not answer.results and not answer.warming and (again or asker.is_whole) and not is_filed:
        file_gap(connection, question_id, now)
    places = {article_id: place for article_id, place in places_of(shown).items() if article_id not in displayed}
    note_displayed(connection, places, question_id, asker, now)
    return WrittenQuestion(question_id, last.verdicts if again and last is not None else {})


@dataclass(frozen=True)
class Last:
    """What somebody asked last, and what came of it."""

    id: int
    text: str
    asked_at: datetime
    gap_id: int | None
    shown: int
    model: str | None
    displayed: Mapping[int, int | None]  # articles with their places
    verdicts: Mapping[int, FeedbackKind]
    came_of_it: bool  # somebody did something with an answer

    @property
    def is_settled(self) -> bool:
        return self.came_of_it or self.gap_id is not None

    def is_repeated(self, text: str, now: datetime) -> bool:
        return folded(self.text) == folded(text) and self.asked_at > now - REPEATED

    def goes_on(self, text: str, now: datetime) -> bool:
        return not self.is_settled and continues(self.text, text) and self.asked_at > now - TYPING

    def found_nothing(self, *, had_model: bool) -> bool:
        """Whether it is a gap. By words alone, while the model was loading, it says nothing of what is missing."""
        return not self.shown and not self.is_settled and not (self.model is None and had_model)


def last_asked(connection: Connection, asker: Asker) -> Last | None:
    """One statement, with everything that came of the question."""
    last = (
        select(QUESTIONS.c.id)
        .where(
            QUESTIONS.c.user_id == asker.user_id,
            QUESTIONS.c.asked_in == asker.asked_in,
            # A conversation that is not theirs is kept as none.
            (QUESTIONS.c.interaction_id == asker.interaction_id) | QUESTIONS.c.interaction_id.is_(None),
        )
        .order_by(QUESTIONS.c.asked_at.desc(), QUESTIONS.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    columns = [QUESTIONS.c[name] for name in ("id", "text", "asked_at", "gap_id", "shown", "model")]
    rows = connection.execute(
        select(*columns, FEEDBACK.c.article_id, FEEDBACK.c.kind, FEEDBACK.c.position)
        .join_from(QUESTIONS, FEEDBACK, FEEDBACK.c.question_id == QUESTIONS.c.id, isouter=True)
        .where(QUESTIONS.c.id == last)
        .order_by(FEEDBACK.c.at, FEEDBACK.c.id)
    ).all()
    if not rows:
        return None
    first = rows[0]
    return Last(
        id=first.id,
        text=first.text,
        asked_at=first.asked_at,
        gap_id=first.gap_id,
        shown=first.shown,
        model=first.model,
        displayed={row.article_id: row.position for row in rows if row.kind is FeedbackKind.DISPLAYED},
        verdicts={row.article_id: row.kind for row in rows if row.kind in VERDICTS},
        came_of_it=any(row.kind not in (None, FeedbackKind.DISPLAYED) for row in rows),
    )


def places_of(shown: Sequence[int]) -> dict[int, int]:
    return {article_id: place for place, article_id in enumerate(shown, 1)}


def take_back_displayed(connection: Connection, last: Last, shown: Sequence[int]) -> Mapping[int, int | None]:
    """Forget what stood there between two letters; returns what still does. Only the whole question displays."""
    if last.displayed == places_of(shown):
        return last.displayed
    if last.displayed:
        connection.execute(
            delete(FEEDBACK).where(FEEDBACK.c.question_id == last.id, FEEDBACK.c.kind == FeedbackKind.DISPLAYED)
        )
    return {}


def note_displayed(
    connection: Connection, places: Mapping[int, int], question_id: int, asker: Asker, now: datetime
) -> None:
    """Articles by id with their places among what is shown, from 1."""
    common = {"kind": FeedbackKind.DISPLAYED, "question_id": question_id, "user_id": asker.user_id, "at": now}
    rows = [common | {"article_id": article_id, "position": place} for article_id, place in places.items()]
    if rows:
        connection.execute(insert(FEEDBACK), rows)


def file_gap(connection: Connection, question_id: int, now: datetime) -> None:
    """Put a question for which nothing was shown to the gap that asks the same, or to a new one."""
    names = ("id", "text", "vector", "model", "interaction_id", "asked_at")
    row = connection.execute(select(*(QUESTIONS.c[name] for name in names)).where(QUESTIONS.c.id == question_id)).one()
    if gap_id := note_gap(AskedQuestion(**row._asdict()), now, connection):
        connection.execute(update(QUESTIONS).where(QUESTIONS.c.id == question_id).values(gap_id=gap_id))


def insert_question(connection: Connection, answer: Answer, text: str, shown: int, asker: Asker, now: datetime) -> int:
    interaction = select(INTERACTIONS.c.id).where(
        INTERACTIONS.c.id == asker.interaction_id, INTERACTIONS.c.agent_id == asker.user_id
    )
    new = question_row(answer, text, shown, asker, now) | {
        "user_id": asker.user_id,
        "asked_in": asker.asked_in,
        "interaction_id": interaction.scalar_subquery(),
    }
    return int(connection.execute(insert(QUESTIONS).values(new).returning(QUESTIONS.c.id)).scalar_one())


def question_row(answer: Answer, text: str, shown: int, asker: Asker, now: datetime) -> dict[str, Any]:
    """What a question's row says of its words and their answer."""
    vector = None if answer.vector is None else np.asarray(answer.vector, np.float32).tobytes()
    return {
        "text": text,
        "vector": vector,
        "model": encoder().name if vector else None,
        "language": asker.language,
        "confidence": answer.confidence,
        "best_article_id": answer.best_article_id,
        "shown": shown,
        "asked_at": now,
    }


def continues(before: str, now: str) -> bool:
    """Whether one text is the other one with more behind it, as while somebody types or takes letters back."""
    before, now = folded(before), folded(now)
    return now.startswith(before) or before.startswith(now)


def folded(text: str) -> str:
    return " ".join(text.casefold().split())
