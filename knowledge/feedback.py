"""What people did with articles, and what follows for ranking: a standing, and "not for questions like this".

Displayed, opened, copied, linked, helpful, not helpful and dismissed are kept apart, each with its question. Only
what somebody meant moves an article: a use, a verdict, a flag. Every person is one voice, so that many clicks of
one say no more than one click of theirs; and a few voices weigh little against DOUBT.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import (
    Connection,
    Float,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from console.db import db
from console.events import Topic, record_event
from knowledge.models import (
    Article,
    ArticleFeedback,
    ArticleFlag,
    ArticleLink,
    ArticleRevision,
    AskedQuestion,
    FeedbackKind,
    FlagState,
    KnowledgeRevision,
)
from knowledge.nearby import Vectors
from knowledge.queries import INTERACTIONS

USE = 0.5  # an article used in a conversation says half as much as a verdict …
MOST_USES = 5  # … and of one person only so many uses count
FLAG = 1.0  # somebody's open flag says as much as their verdict
DOUBT = 8.0  # voices that an article must have against it before they weigh as much as not knowing
SIMILAR = 0.8  # the cosine from which a question is like another
NEWEST = 500  # dismissals that are looked at
FEW = 2.0  # so many dismissing people make half the effect
AGAIN = timedelta(minutes=30)  # an article opened twice within is opened once

DISMISSALS = (
    select(ArticleFeedback.article_id, ArticleFeedback.user_id, AskedQuestion.vector)
    .join(AskedQuestion, AskedQuestion.id == ArticleFeedback.question_id)
    .where(
        ArticleFeedback.article_id.in_(bindparam("ids", expanding=True)),
        ArticleFeedback.kind == FeedbackKind.DISMISSED,
        AskedQuestion.model == bindparam("model"),
        AskedQuestion.vector.is_not(None),
    )
    .order_by(ArticleFeedback.at.desc(), ArticleFeedback.id.desc())
    .limit(NEWEST)
)

VERDICTS = (FeedbackKind.HELPFUL, FeedbackKind.NOT_HELPFUL)


@dataclass(frozen=True)
class Counts:
    """What use says of one article. People, not clicks: who is of two minds counts in part on each side."""

    uses: int = 0  # in conversations, at most MOST_USES of any one person
    helpful: float = 0.0
    not_helpful: float = 0.0
    flags: int = 0  # people whose flag is open


def standing(counts: Counts) -> float:
    """From -1, found wanting by everybody, to 1, used and praised; 0 for an article that nobody said anything of."""
    good = USE * counts.uses + counts.helpful
    bad = counts.not_helpful + FLAG * counts.flags
    return (good - bad) / (good + bad + DOUBT)


@dataclass(frozen=True)
class Occasion:
    """In answer to which question, in which conversation, at which place of the list, from 1; each may be unknown."""

    question_id: int | None = None
    interaction_id: int | None = None
    position: int | None = None


def own(occasion: Occasion, user_id: int) -> Occasion:
    """The occasion without what is not there, or not this person's."""
    row = db.session.execute(select(*own_ids(occasion, user_id))).one()
    return Occasion(row[0], row[1], occasion.position)


def own_ids(occasion: Occasion, user_id: int) -> tuple[Any, Any]:
    """The ids of the occasion's question and conversation, for a statement: NULL for what is not this person's."""
    question = select(AskedQuestion.id).where(
        AskedQuestion.id == occasion.question_id, AskedQuestion.user_id == user_id
    )
    interaction = select(INTERACTIONS.c.id).where(
        INTERACTIONS.c.id == occasion.interaction_id, INTERACTIONS.c.agent_id == user_id
    )
    return question.scalar_subquery(), interaction.scalar_subquery()


def judge(article: Article, verdict: FeedbackKind | None, occasion: Occasion, *, user_id: int, now: datetime) -> None:
    """The last word of a person on an article as an answer to this question; None takes it back."""
    if verdict not in (*VERDICTS, None):
        raise ValueError(f"{verdict} is no verdict")
    withdraw(article, VERDICTS, occasion, user_id)
    if verdict:
        add(article, verdict, occasion, user_id=user_id, now=now)
    restand(article.id)
    record_event(
        "article.rated", Topic.ACCESS, subject=article, actor_id=user_id, at=now, data={"verdict": verdict or "none"}
    )


def dismiss(article: Article, occasion: Occasion, *, user_id: int, now: datetime) -> None:
    """The article does not fit this question; on similar questions it goes down, elsewhere it stays as it is."""
    withdraw(article, (FeedbackKind.DISMISSED,), occasion, user_id)
    add(article, FeedbackKind.DISMISSED, occasion, user_id=user_id, now=now)
    record_event("article.dismissed", Topic.ACCESS, subject=article, actor_id=user_id, at=now)


def fits_after_all(article: Article, occasion: Occasion, *, user_id: int, now: datetime) -> None:
    """Take a dismissal back."""
    withdraw(article, (FeedbackKind.DISMISSED,), occasion, user_id)
    record_event("article.fits_after_all", Topic.ACCESS, subject=article, actor_id=user_id, at=now)


def add(article: Article, kind: FeedbackKind, occasion: Occasion, *, user_id: int, now: datetime) -> None:
    db.session.add(ArticleFeedback(article_id=article.id, kind=kind, user_id=user_id, at=now, **vars(occasion)))


def withdraw(article: Article, kinds: Sequence[FeedbackKind], occasion: Occasion, user_id: int) -> None:
    db.session.execute(
        delete(ArticleFeedback).where(
            ArticleFeedback.article_id == article.id,
            ArticleFeedback.kind.in_(kinds),
            ArticleFeedback.user_id == user_id,
            ArticleFeedback.question_id == occasion.question_id,
        )
    )


def note_opened(connection: Connection, article_id: int, occasion: Occasion, *, user_id: int, now: datetime) -> None:
    """Write down that somebody opened an article; one statement, and nothing when they had it open just now."""
    question_id, interaction_id = own_ids(occasion, user_id)
    table: Any = ArticleFeedback.__table__
    values = {
        "article_id": literal(article_id, table.c.article_id.type),
        "kind": literal(FeedbackKind.OPENED, table.c.kind.type),
        "user_id": literal(user_id, table.c.user_id.type),
        "at": literal(now, table.c.at.type),
        "position": cast(occasion.position, table.c.position.type),
        "question_id": question_id,
        "interaction_id": interaction_id,
    }
    before = select(table.c.id).where(
        table.c.article_id == article_id,
        table.c.kind == FeedbackKind.OPENED,
        table.c.user_id == user_id,
        table.c.at > now - AGAIN,
        or_(table.c.question_id == question_id, question_id.is_(None)),
    )
    connection.execute(insert(table).from_select(list(values), select(*values.values()).where(~before.exists())))


def dismissed_in(interaction_id: int | None, user_id: int) -> set[int]:
    """The articles that this person took away in the conversation going on."""
    if interaction_id is None:
        return set()
    return set(
        db.session.scalars(
            select(ArticleFeedback.article_id).where(
                ArticleFeedback.interaction_id == interaction_id,
                ArticleFeedback.kind == FeedbackKind.DISMISSED,
                ArticleFeedback.user_id == user_id,
            )
        )
    )


def dismissed_on(article_id: int, interaction_id: int, user_id: int) -> list[Occasion]:
    """On which occasions of a conversation this person took an article away: the questions change while it goes on."""
    given = ArticleFeedback
    rows = db.session.execute(
        select(given.question_id, given.interaction_id, given.position).where(
            given.interaction_id == interaction_id,
            given.article_id == article_id,
            given.user_id == user_id,
            given.kind == FeedbackKind.DISMISSED,
        )
    )
    return [Occasion(*row) for row in rows]


def verdict_of(article_id: int, user_id: int, question_id: int | None) -> FeedbackKind | None:
    """What somebody said last of an article, as an answer to the question."""
    return db.session.scalar(
        select(ArticleFeedback.kind)
        .where(
            ArticleFeedback.article_id == article_id,
            ArticleFeedback.kind.in_(VERDICTS),
            ArticleFeedback.user_id == user_id,
            ArticleFeedback.question_id == question_id,
        )
        .order_by(ArticleFeedback.at.desc(), ArticleFeedback.id.desc())
        .limit(1)
    )


def restand(article_id: int) -> None:
    """Bring an article's standing up to date, in the transaction of whatever changed what it rests on."""
    # Whoever changes an article waits for this row anyway (see KnowledgeRevision). Taken before the counting, two
    # people's clicks are counted one after the other, and no two transactions wait for each other.
    db.session.execute(select(KnowledgeRevision.value).with_for_update())
    now_at = round(standing(counts_of(article_id)), 3)
    db.session.execute(
        update(Article).where(Article.id == article_id, Article.standing != now_at).values(standing=now_at)
    )


def counts_of(article_id: int) -> Counts:
    """What use says of an article by now: one statement. A bad word about what was changed since counts no more."""
    changed = (
        select(func.max(ArticleRevision.made_at)).where(ArticleRevision.article_id == article_id).scalar_subquery()
    )
    share = func.avg(cast(case((ArticleFeedback.kind == FeedbackKind.HELPFUL, 1), else_=0), Float))
    voices = (
        select(share.label("helpful"))
        .where(
            ArticleFeedback.article_id == article_id,
            or_(
                ArticleFeedback.kind == FeedbackKind.HELPFUL,
                and_(
                    ArticleFeedback.kind == FeedbackKind.NOT_HELPFUL,
                    ArticleFeedback.at >= func.coalesce(changed, ArticleFeedback.at),
                ),
            ),
        )
        .group_by(ArticleFeedback.user_id)
        .subquery()
    )
    many = func.count()
    uses = (
        select(case((many < MOST_USES, many), else_=MOST_USES).label("uses"))
        .where(ArticleLink.article_id == article_id)
        .group_by(ArticleLink.user_id)
        .subquery()
    )
    flags = select(func.count(ArticleFlag.flagged_by_id.distinct())).where(
        ArticleFlag.article_id == article_id, ArticleFlag.state == FlagState.OPEN
    )
    row = db.session.execute(
        select(
            select(func.coalesce(func.sum(uses.c.uses), 0)).scalar_subquery(),
            select(func.coalesce(func.sum(voices.c.helpful), 0.0)).scalar_subquery(),
            select(func.coalesce(func.sum(1 - voices.c.helpful), 0.0)).scalar_subquery(),
            flags.scalar_subquery(),
        )
    ).one()
    return Counts(int(row[0]), float(row[1]), float(row[2]), int(row[3]))


def dismissals(article_ids: Sequence[int], vector: Vectors | None, model: str) -> dict[int, float]:
    """How much people took each article away from questions like this one: 0, not, to below 1.

    `vector` of the question: a unit vector of shape (dimensions,) of that model. One statement; articles without
    such dismissals are left out. One person counts once: 1 makes a third, 2 a half, 8 four fifths.
    """
    if vector is None or not article_ids:
        return {}
    given = {"ids": article_ids, "model": model}
    rows = db.session.connection().execute(DISMISSALS, given).all()
    people = defaultdict(set)
    for article_id, user_id, stored in rows:
        if stored and len(stored) == 4 * len(vector) and float(np.frombuffer(stored, np.float32) @ vector) >= SIMILAR:
            people[article_id].add(user_id)
    return {article_id: len(those) / (len(those) + FEW) for article_id, those in people.items()}
