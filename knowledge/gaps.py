"""Questions that found nothing good, grouped by meaning: filed as they are asked, then worked on by the owners.

`note_gap` files a question; the rest is what people do with a gap. None of it commits.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, case, exists, false, func, insert, literal, select, update

from console.auth.models import Role, User, user_roles
from console.auth.permissions import ROLES, Permission
from console.db import db
from console.errors import DomainError, Stale
from console.events import Topic, record_event
from knowledge import keywords
from knowledge.models import Article, ArticleState, AskedQuestion, GapState, KnowledgeGap
from knowledge.nearby import Vectors
from knowledge.shortening import shortened

# The cosine from which a question asks the same as a gap, the mean of its questions. On four sets whose questions
# share articles, 92 to 100 % of those put together so belong together; at .6 it is 76 to 94 %.
SAME_MEANING = 0.66
CONSIDERED = 2_000  # gaps, and filed questions, that a new question is compared with; the newest
LONGEST = 500  # characters of a gap's question
LOCK = 0x6A9  # any number; see one_at_a_time
Execute = Callable[..., Any]  # of a session or a connection
OPEN = (GapState.OPEN, GapState.ASSIGNED)

# Said on every call and about nothing.
SMALL = """
afternoon alright anyway bit bye cheers day days evening fine forget glad good goodbye great greetings ha haha happy
hang hear hiya hmm hold hope kind later listen lovely lot maybe moment morning much nice night nope okay perfect quick
quite really right said say second see soon sorry speak speaking still sure take talk tell thing thought today tomorrow
tonight understand weekend welcome well wonder wonderful worry yeah yep yesterday
"""
SMALL_TALK = frozenset(SMALL.split())
NAME_LENGTH = 5  # words; what is longer says more than who is calling
CAPITALISED = re.compile(r"[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ’'-]+")


def note_gap(question: AskedQuestion, now: datetime, connection: Connection | None = None) -> int | None:
    """File a question for which nothing was shown: with the gap that asks the same, or as a new one.

    Sets `question.gap_id` and returns it; None for small talk, numbers and names. A gap that was solved opens again,
    one that is ignored stays so. At most five statements, on `connection` when a transaction of its own is under way;
    the question itself need not be saved yet.
    """
    if not says_something(question.text):
        return None
    execute = (connection or db.session).execute
    with db.session.no_autoflush:
        one_at_a_time(execute)
        vector = vector_of(question)
        gap_id, middle = same_meaning(execute, vector, question.model) if vector is not None else (None, None)
        if gap_id is None:
            gap_id, middle = same_words(execute, question.text), vector
        if gap_id is None:
            question.gap_id = open_gap(execute, question, now)
        else:
            question.gap_id = count_in(execute, question, gap_id, middle, now)
    return question.gap_id


def one_at_a_time(execute: Execute) -> None:
    """Wait until nobody else files a question or works on gaps, and let nobody else until the end of the transaction.

    So two questions of one meaning that are asked at one moment open one gap, not two; and two people who merge the
    same two gaps crosswise do not wait for each other's rows. At READ COMMITTED, what others did before is seen next.
    """
    if db.engine.dialect.name == "postgresql":
        execute(select(func.pg_advisory_xact_lock(LOCK)))
    else:  # SQLite's one write lock is taken by whatever may write
        execute(update(KnowledgeGap).where(false()).values(asked=0), execution_options={"synchronize_session": False})


def says_something(text: str) -> bool:
    """Whether a text holds a word that a question could be about: no greeting, number or name alone."""
    words = [word for word in keywords.content_words(text) if not word.isascii() or (len(word) > 2 and word.isalpha())]
    telling = [word for word in words if any(map(str.isalpha, word)) and word not in SMALL_TALK]
    return bool(telling) and not is_a_name(text, telling)


def is_a_name(text: str, telling: list[str]) -> bool:
    """ "Isla Mercer" and "This is Isla": few words, and all that say anything are capitalised, not only the first."""
    spoken = text.split()
    if len(spoken) > NAME_LENGTH:
        return False
    capitals = {word.strip(",.!?;:").casefold() for word in spoken if CAPITALISED.fullmatch(word.strip(",.!?;:"))}
    inside = {word.strip(",.!?;:").casefold() for word in spoken[1:]} & capitals
    return bool(inside) and all(word in capitals for word in telling)


def vector_of(row: AskedQuestion | KnowledgeGap) -> Vectors | None:
    return np.frombuffer(row.vector, np.float32) if row.vector else None


def same_meaning(execute: Execute, vector: Vectors, model: str | None) -> tuple[int | None, Vectors | None]:
    """The gap nearest to a question, and its mean with the question in it; none when none is near enough."""
    newest = (
        select(KnowledgeGap.id)
        .where(KnowledgeGap.model == model)
        .order_by(KnowledgeGap.last_asked_at.desc(), KnowledgeGap.id.desc())
        .limit(CONSIDERED)
    )
    rows = execute(
        select(KnowledgeGap.id, KnowledgeGap.asked, KnowledgeGap.vector).where(KnowledgeGap.id.in_(newest))
    ).all()
    rows = [row for row in rows if row.vector and len(row.vector) == vector.nbytes]
    if not rows:
        return None, None
    held = np.frombuffer(b"".join(row.vector for row in rows), np.float32).reshape(len(rows), -1)
    cosines = held @ vector
    best = int(np.argmax(cosines))
    if cosines[best] < SAME_MEANING:
        return None, None
    return rows[best].id, mean(held[best], rows[best].asked, vector, 1)


def mean(first: Vectors, weight: int, second: Vectors, other: int) -> Vectors:
    """Two unit vectors as one, each as heavy as the number of questions it stands for."""
    joined = first * max(weight, 1) + second * max(other, 1)
    return np.asarray(joined / max(float(np.linalg.norm(joined)), 1e-9), np.float32)


def same_words(execute: Execute, text: str) -> int | None:
    """The gap of an earlier question that holds the same words in whatever order; for want of a vector."""
    asked = plain_words(text)
    rows = execute(
        select(AskedQuestion.gap_id, AskedQuestion.text)
        .where(AskedQuestion.gap_id.is_not(None))
        .order_by(AskedQuestion.asked_at.desc(), AskedQuestion.id.desc())
        .limit(CONSIDERED)
    )
    return next((row.gap_id for row in rows if plain_words(row.text) == asked), None)


def plain_words(text: str) -> frozenset[str]:
    return frozenset(keywords.stem(word) for word in keywords.content_words(text))


def open_gap(execute: Execute, question: AskedQuestion, now: datetime) -> int:
    row = {
        "question": shortened(question.text, LONGEST),
        "vector": question.vector,
        "model": question.model if question.vector else None,
        "state": GapState.OPEN,
        "asked": 1,
        "first_asked_at": now,
        "last_asked_at": now,
    }
    return int(execute(insert(KnowledgeGap).values(row).returning(KnowledgeGap.id)).scalar_one())


def count_in(execute: Execute, question: AskedQuestion, gap_id: int, vector: Vectors | None, now: datetime) -> int:
    """One more question of a gap. What one conversation asks again and again counts once."""
    again = exists().where(
        AskedQuestion.gap_id == gap_id,
        AskedQuestion.interaction_id == question.interaction_id,
        AskedQuestion.interaction_id.is_not(None),
    )
    values: dict[str, Any] = {
        "asked": KnowledgeGap.asked + case((again, 0), else_=1),
        "last_asked_at": now,
        "state": case(
            (KnowledgeGap.state != GapState.SOLVED, KnowledgeGap.state),
            (KnowledgeGap.assigned_to_id.is_not(None), as_state(GapState.ASSIGNED)),
            else_=as_state(GapState.OPEN),
        ),
    }
    if vector is not None:
        values |= {"vector": vector.tobytes(), "model": question.model}
    statement = update(KnowledgeGap).where(KnowledgeGap.id == gap_id).values(values)
    execute(statement, execution_options={"synchronize_session": False})
    return gap_id


def as_state(state: GapState) -> Any:
    # Without its type, a member inside CASE would be stored by its name.
    return literal(state, KnowledgeGap.state.type)


class NoSuchGap(LookupError):
    """There is no gap of that number: it was never there, or merged into another."""


def stamp(gap: KnowledgeGap) -> str:
    """How a gap stood when somebody looked at it, to notice that a colleague has changed it since."""
    return f"{gap.state.value}-{gap.assigned_to_id or 0}-{gap.article_id or 0}-{zlib.crc32(gap.question.encode()):x}"


def taken_up(gap_id: int, seen: str) -> KnowledgeGap:
    """The gap, to be changed by nobody else. Raises NoSuchGap, and Stale when it no longer stands as it was `seen`."""
    one_at_a_time(db.session.execute)
    gap = db.session.scalar(select(KnowledgeGap).where(KnowledgeGap.id == gap_id).with_for_update())
    if gap is None:
        raise NoSuchGap(gap_id)
    if seen != stamp(gap):
        raise Stale("A colleague changed this gap meanwhile. Nothing of yours was saved; this is how it stands now.")
    return gap


def owners() -> Select[User]:
    """Who may be given a gap: people who can write articles."""
    roles = [name for name, allowed in ROLES.items() if Permission.EDIT_KNOWLEDGE in allowed]
    ids = (
        select(user_roles.c.user_id).join(Role, Role.id == user_roles.c.role_id).where(Role.name.in_(roles)).distinct()
    )
    return select(User).where(User.active, User.id.in_(ids)).order_by(User.name, User.id).limit(300)


def assign(gap: KnowledgeGap, user_id: int | None, *, actor_id: int, now: datetime) -> None:
    """Give a gap to an owner, or to nobody. Raises DomainError for a settled gap and for somebody who is no owner."""
    if gap.state not in OPEN:
        raise DomainError("This gap is settled. Open it again before you give it to somebody.")
    if user_id is not None and user_id not in {user.id for user in db.session.scalars(owners())}:
        raise DomainError("Choose somebody who may write articles.")
    gap.assigned_to_id = user_id
    gap.state = GapState.ASSIGNED if user_id else GapState.OPEN
    record_work("gap.assigned", gap, actor_id, now, user_id=user_id)


def solve(gap: KnowledgeGap, article_id: int, *, actor_id: int, now: datetime) -> None:
    """An article answers it. Raises DomainError for one that nobody can find: a draft, or one in the archive."""
    state = db.session.scalar(select(Article.state).where(Article.id == article_id))
    if state is not ArticleState.PUBLISHED:
        raise DomainError("Choose a published article: a draft answers nobody yet.")
    gap.article_id = article_id
    settle(gap, GapState.SOLVED, actor_id, now)
    record_work("gap.solved", gap, actor_id, now, article_id=article_id)


def ignore(gap: KnowledgeGap, *, actor_id: int, now: datetime) -> None:
    """Nothing shall be written about it; more questions of its kind do not open it again."""
    settle(gap, GapState.IGNORED, actor_id, now)
    record_work("gap.ignored", gap, actor_id, now)


def reopen(gap: KnowledgeGap, *, actor_id: int, now: datetime) -> None:
    gap.state = GapState.ASSIGNED if gap.assigned_to_id else GapState.OPEN
    gap.article_id = gap.decided_by_id = gap.decided_at = None
    record_work("gap.reopened", gap, actor_id, now)


def rename(gap: KnowledgeGap, question: str, *, actor_id: int, now: datetime) -> None:
    """A wording that says better what all its questions ask. Raises DomainError when there is none."""
    question = shortened(question, LONGEST)
    if not question:
        raise DomainError("Write the question down, as somebody would ask it.")
    gap.question = question
    record_work("gap.renamed", gap, actor_id, now)


def settle(gap: KnowledgeGap, state: GapState, actor_id: int, now: datetime) -> None:
    gap.state, gap.decided_by_id, gap.decided_at = state, actor_id, now


def record_work(kind: str, gap: KnowledgeGap, actor_id: int, now: datetime, **data: Any) -> None:
    record_event(kind, Topic.ACCESS, subject=gap, actor_id=actor_id, at=now, data=data)
