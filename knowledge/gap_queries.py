"""Named questions about gaps: the list with its trend, what stands behind one, what is near it, what finds it now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np
from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.orm import joinedload

from console.auth.models import User
from console.db import db
from console.web import LARGEST_ID
from knowledge.counting import between, midnights, stretch
from knowledge.gaps import CONSIDERED, OPEN
from knowledge.models import Article, ArticleDraft, AskedQuestion, GapState, KnowledgeGap
from knowledge.queries import INTERACTIONS
from knowledge.searching import Result, search
from knowledge.titles import titles_like

PAGE = 25
AT_ONCE = 500  # gaps of a file
QUESTIONS = 20  # of one gap, at a time
DAYS = 14  # of the small plot: this week and the one before
WEEK = 7
REASKED = 10  # of a solved gap's questions
NEAR = 6  # articles, or gaps, that are close
CLOSE = 0.45  # the cosine from which two gaps may mean the same
FOUND_WITHIN = 10  # places
MOST_WORDS = 8  # of what is looked for


class Sort(StrEnum):
    ASKED = "asked"
    RISING = "rising"
    LATEST = "latest"


class Show(StrEnum):
    """Which gaps a list shows."""

    OPEN = "open"  # to be done, whoever does it
    MINE = "mine"
    SOLVED = "solved"
    IGNORED = "ignored"
    ALL = "all"


@dataclass(frozen=True)
class Listed:
    """A gap and how often it was asked on each of the last 14 days, oldest first."""

    gap: KnowledgeGap
    days: tuple[int, ...]

    @property
    def lately(self) -> int:
        return sum(self.days[-WEEK:])

    @property
    def before(self) -> int:
        return sum(self.days[:-WEEK])


@dataclass(frozen=True)
class GapQuestion:
    """One question of a gap, and the conversation or the search it came from."""

    question: AskedQuestion
    channel: str | None
    by: str | None


@dataclass(frozen=True)
class Reasked:
    """A question of a solved gap, asked again: at which place its article now stands, or none."""

    text: str
    place: int | None
    shown: int
    best: str  # the title of what stands first instead


def page(show: Show, sort: Sort, words: str, user_id: int, after: tuple[int, int] | None) -> Select[Any, Any]:
    """One gap more than a page, after the place where another ended."""
    query, figure = listed(show, sort, words, user_id)
    if after is not None:
        value: Any = datetime.fromtimestamp(after[0] / 1_000_000, UTC) if sort is Sort.LATEST else after[0]
        query = query.where(or_(figure < value, (figure == value) & (KnowledgeGap.id < after[1])))
    return query.limit(PAGE + 1)


def every_gap(show: Show, sort: Sort, words: str, user_id: int) -> Iterator[list[Listed]]:
    """The whole list, some gaps at a time."""
    query, _ = listed(show, sort, words, user_id)
    for some in db.session.execute(query, execution_options={"yield_per": AT_ONCE}).partitions():
        yield with_days([row[0] for row in some])


def listed(show: Show, sort: Sort, words: str, user_id: int) -> tuple[Select[Any, Any], Any]:
    """Gaps with the figure they are sorted by, each with assignee and article; and that figure."""
    query: Any = select(KnowledgeGap).options(
        joinedload(KnowledgeGap.assigned_to).load_only(User.name).lazyload("*"),
        joinedload(KnowledgeGap.article).load_only(Article.title, Article.slug),
    )
    figure: Any = KnowledgeGap.asked
    if sort is Sort.RISING:
        rise = rises()
        figure = func.coalesce(rise.c.rise, 0)
        query = query.outerjoin(rise, rise.c.gap_id == KnowledgeGap.id)
    elif sort is Sort.LATEST:
        figure = KnowledgeGap.last_asked_at
    query = query.add_columns(figure.label("figure"))
    for condition in conditions(show, user_id, words):
        query = query.where(condition)
    return query.order_by(figure.desc(), KnowledgeGap.id.desc()), figure


def conditions(show: Show, user_id: int, words: str) -> list[Any]:
    state = KnowledgeGap.state
    wanted: dict[Show, list[Any]] = {
        Show.OPEN: [state.in_(OPEN)],
        Show.MINE: [state.in_(OPEN), KnowledgeGap.assigned_to_id == user_id],
        Show.SOLVED: [state == GapState.SOLVED],
        Show.IGNORED: [state == GapState.IGNORED],
        Show.ALL: [],
    }
    shown = wanted[show]
    if not words:
        return shown
    asked = select(AskedQuestion.gap_id).where(
        AskedQuestion.gap_id.is_not(None), AskedQuestion.text.icontains(words, autoescape=True)
    )
    return [*shown, or_(KnowledgeGap.question.icontains(words, autoescape=True), KnowledgeGap.id.in_(asked))]


def times() -> Any:
    """How often something was asked: a conversation that asks again and again counts once."""
    return func.count(func.distinct(func.coalesce(AskedQuestion.interaction_id, -AskedQuestion.id)))


def rises() -> Any:
    """By how much each gap was asked more in the last seven days than in the seven before."""
    edges = midnights(DAYS)
    once = func.coalesce(AskedQuestion.interaction_id, -AskedQuestion.id)
    late = AskedQuestion.asked_at >= edges[WEEK]
    rise = func.count(func.distinct(case((late, once)))) - func.count(func.distinct(case((~late, once))))
    return (
        select(AskedQuestion.gap_id, rise.label("rise"))
        .where(AskedQuestion.gap_id.is_not(None), *between(AskedQuestion.asked_at, edges))
        .group_by(AskedQuestion.gap_id)
        .subquery()
    )


def cursor(row: Any, sort: Sort) -> str:
    """Where a page ended: the figure and the id of its last gap."""
    figure = round(row.figure.timestamp() * 1_000_000) if sort is Sort.LATEST else row.figure
    return f"{figure}_{row[0].id}"


MOST_ASKED = 1_000_000_000  # times; a fall by more is no figure of a gap


def cursor_from(text: str) -> tuple[int, int]:
    """Raises ValueError for anything that is no cursor."""
    figure, _, number = text.partition("_")
    place = int(figure), int(number)
    if not (-MOST_ASKED < place[0] < LARGEST_ID and 0 <= place[1] < LARGEST_ID):
        raise ValueError(text)
    if place[0] > 253_402_300_000_000_000:  # the year 9999, in microseconds
        raise ValueError(text)
    return place


def with_days(gaps: Sequence[KnowledgeGap]) -> list[Listed]:
    """Each gap with its last fourteen days; one statement."""
    edges = midnights(DAYS)
    place = stretch(AskedQuestion.asked_at, edges)
    ids = [gap.id for gap in gaps]
    asked = (
        select(AskedQuestion.id, AskedQuestion.gap_id, AskedQuestion.interaction_id, place.label("place"))
        .where(AskedQuestion.gap_id.in_(ids), *between(AskedQuestion.asked_at, edges))
        .subquery()
    )
    once = func.coalesce(asked.c.interaction_id, -asked.c.id)
    counted = select(asked.c.gap_id, asked.c.place, func.count(func.distinct(once))).group_by(
        asked.c.gap_id, asked.c.place
    )
    days: dict[int, list[int]] = defaultdict(lambda: [0] * DAYS)
    for gap_id, day, number in db.session.execute(counted):
        days[gap_id][day] = number
    return [Listed(gap, tuple(days[gap.id])) for gap in gaps]


def by_state(user_id: int) -> dict[Show, int]:
    """How many gaps each list holds."""
    rows = db.session.execute(
        select(
            KnowledgeGap.state, func.count(), func.sum(case((KnowledgeGap.assigned_to_id == user_id, 1), else_=0))
        ).group_by(KnowledgeGap.state)
    ).all()
    found = {row[0]: (row[1], row[2] or 0) for row in rows}
    open_ones = [found.get(state, (0, 0)) for state in OPEN]
    return {
        Show.OPEN: sum(total for total, _ in open_ones),
        Show.MINE: sum(mine for _, mine in open_ones),
        Show.SOLVED: found.get(GapState.SOLVED, (0, 0))[0],
        Show.IGNORED: found.get(GapState.IGNORED, (0, 0))[0],
        Show.ALL: sum(total for total, _ in found.values()),
    }


def assigned_to(user_id: int, limit: int = 8) -> Sequence[KnowledgeGap]:
    """What one person is to answer, most asked first. For their home."""
    return db.session.scalars(
        select(KnowledgeGap)
        .where(KnowledgeGap.assigned_to_id == user_id, KnowledgeGap.state.in_(OPEN))
        .order_by(KnowledgeGap.asked.desc(), KnowledgeGap.id.desc())
        .limit(limit)
    ).all()


def by_id(gap_id: int) -> Select[KnowledgeGap]:
    return (
        select(KnowledgeGap)
        .where(KnowledgeGap.id == gap_id)
        .options(
            joinedload(KnowledgeGap.assigned_to).load_only(User.name).lazyload("*"),
            joinedload(KnowledgeGap.article).load_only(Article.title, Article.slug, Article.state),
        )
    )


def questions_of(gap_id: int, after: tuple[int, int] | None) -> list[GapQuestion]:
    """A gap's questions in the words they were asked in, newest first, one more than a page."""
    query = (
        select(AskedQuestion, INTERACTIONS.c.channel, User.name)
        .outerjoin(INTERACTIONS, INTERACTIONS.c.id == AskedQuestion.interaction_id)
        .outerjoin(User, User.id == AskedQuestion.user_id)
        .where(AskedQuestion.gap_id == gap_id)
        .order_by(AskedQuestion.asked_at.desc(), AskedQuestion.id.desc())
        .limit(QUESTIONS + 1)
    )
    if after is not None:
        at = datetime.fromtimestamp(after[0] / 1_000_000, UTC)
        asked_at = AskedQuestion.asked_at
        query = query.where(or_(asked_at < at, (asked_at == at) & (AskedQuestion.id < after[1])))
    return [GapQuestion(row[0], row[1], row[2]) for row in db.session.execute(query)]


def drafts_for(gap_id: int) -> Sequence[tuple[ArticleDraft, str]]:
    """What is being written about it, each with the writer's name."""
    rows = db.session.execute(
        select(ArticleDraft, User.name)
        .join(User, User.id == ArticleDraft.user_id)
        .where(ArticleDraft.gap_id == gap_id)
        .order_by(ArticleDraft.saved_at.desc(), ArticleDraft.id)
        .limit(5)
    )
    return [(row[0], row[1]) for row in rows]


def nearest(question: str, limit: int = NEAR) -> Sequence[Result]:
    """The closest articles, however weak: what a search would rather not show."""
    return search(question, limit=limit, anyway=True).results


def titled(words: str, besides: Sequence[int]) -> list[Article]:
    """Published articles with these words in their title, but for those that are listed already."""
    return [article for article in titles_like(words, NEAR) if article.id not in besides]


def close_to(gap: KnowledgeGap) -> list[KnowledgeGap]:
    """Other gaps that may mean the same, nearest first."""
    own = db.session.scalar(select(KnowledgeGap.vector).where(KnowledgeGap.id == gap.id))
    if not own:
        return []
    newest = (
        select(KnowledgeGap.id)
        .where(KnowledgeGap.model == gap.model, KnowledgeGap.id != gap.id)
        .order_by(KnowledgeGap.last_asked_at.desc(), KnowledgeGap.id.desc())
        .limit(CONSIDERED)
    )
    vector = np.frombuffer(own, np.float32)
    near = []
    for id, held in db.session.execute(select(KnowledgeGap.id, KnowledgeGap.vector).where(KnowledgeGap.id.in_(newest))):
        if held and len(held) == len(own) and (cosine := float(np.frombuffer(held, np.float32) @ vector)) >= CLOSE:
            near.append((cosine, id))
    ids = [id for _, id in sorted(near, reverse=True)[:NEAR]]
    rows = {row.id: row for row in db.session.scalars(select(KnowledgeGap).where(KnowledgeGap.id.in_(ids)))}
    return [rows[id] for id in ids if id in rows]


def worded(words: str, gap_id: int) -> Sequence[KnowledgeGap]:
    """Other gaps that hold each of these words, most asked first: what means the same need not be close."""
    each = [KnowledgeGap.question.icontains(word, autoescape=True) for word in words.split()[:MOST_WORDS]]
    query = select(KnowledgeGap).where(KnowledgeGap.id != gap_id, *each)
    return db.session.scalars(query.order_by(KnowledgeGap.asked.desc(), KnowledgeGap.id.desc()).limit(NEAR)).all()


def asked_again(gap: KnowledgeGap) -> list[Reasked]:
    """Ask a gap's questions, the newest different ones, once more, and look for its article."""
    newest = (
        select(AskedQuestion.text)
        .where(AskedQuestion.gap_id == gap.id)
        .order_by(AskedQuestion.asked_at.desc(), AskedQuestion.id.desc())
        .limit(5 * REASKED)
    )
    texts = list(dict.fromkeys(db.session.scalars(newest))) or [gap.question]
    return [asked_once_more(text, gap.article_id) for text in texts[:REASKED]]


def asked_once_more(text: str, article_id: int | None) -> Reasked:
    results = search(text, limit=FOUND_WITHIN).results
    place = next((place for place, one in enumerate(results, 1) if one.article.id == article_id), None)
    return Reasked(text, place, len(results), results[0].article.title if results else "")
