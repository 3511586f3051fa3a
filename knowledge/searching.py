"""Finds the passages that answer a question: by meaning and by words, merged; or honestly nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import defer, joinedload, undefer

from console.db import db
from console.web import day
from knowledge import keywords, ranking
from knowledge.embedding import EncoderState, Vectors, encoder, unpacked
from knowledge.highlighting import Part, excerpt, pick_by_meaning, pick_by_words
from knowledge.index import Filters, Flags, Snapshot, index_for
from knowledge.models import Article, ArticleLink, Passage

DEEP = 600  # passages that the keyword search hands over
DEEPEST = 20_000  # the same when a filter will drop most of them
JUDGED = 3  # when the surest of so many results …
SURE_ENOUGH = 0.5  # … stays below this confidence, nothing is shown
MEANS_THE_SAME = 0.35  # the cosine from which "similar meaning" is a fair reason to give


class Use(StrEnum):
    """Which of the two searches answer. The product uses both; a bench compares."""

    BOTH = "both"
    KEYWORD = "keyword"
    MEANING = "meaning"


@dataclass(frozen=True)
class Candidate:
    """An article that was found, before its words are loaded."""

    article_id: int
    passage_id: int
    score: float  # 0 to 1, compares only within one search
    cosine: float  # of the passage; 0 when the meaning is not known


@dataclass(frozen=True)
class Result:
    """An article, the passage of it that answers, and why it is shown."""

    article: Article
    passage: Passage
    score: float
    confidence: float  # 0 to 1, compares between searches
    parts: tuple[Part, ...]  # the passage in context, its best sentences marked
    reasons: tuple[str, ...]  # the strongest first


@dataclass(frozen=True)
class Answer:
    question: str
    results: tuple[Result, ...]
    confidence: float = 0.0  # of the surest article, shown or not
    best_article_id: int | None = None  # that article
    vector: Vectors | None = None  # of the question, shape (dimensions,)
    notice: str = ""  # a sentence when only half of the search could run
    warming: bool = False  # the model is being loaded: asking again in a moment finds more


NOTICES = {
    EncoderState.IDLE: "Search by meaning is starting. Until then, results match words alone.",
    EncoderState.LOADING: "Search by meaning is starting. Until then, results match words alone.",
    EncoderState.OFF: "Search by meaning is switched off. Results match words alone.",
    EncoderState.FAILED: "Search by meaning could not start. Results match words alone; the server's log says why.",
}


def search(
    question: str, filters: Filters | None = None, limit: int = 10, *, use: Use = Use.BOTH, unfinished: bool = False
) -> Answer:
    """The best passage of at most `limit` articles, surest first; none when nothing fits.

    `unfinished`: the question is being typed, its last word may be incomplete. Any text is a question: a search
    never fails for what it says.
    """
    question = question.replace("\0", " ").strip()
    model = encoder()
    model.start()
    notice = NOTICES.get(model.state, "")
    words = keywords.content_words(question)
    snapshot = index_for(model.name).fresh()
    if not question or not snapshot.slots:
        return Answer(question, (), notice=notice, warming=model.state is EncoderState.LOADING)
    vector = model.encode_question(question) if model.ready() and use is not Use.KEYWORD else None
    if vector is not None and len(vector) != snapshot.dimensions:
        vector, notice = None, "The articles are being prepared for search by meaning. Results match words alone."
    found = candidates(snapshot, snapshot.allowed(filters or Filters()), vector, words, limit, use, unfinished)
    results = worded(found, vector, words, unfinished)
    # A bench looks at the bare searches; the product shows nothing rather than something weak.
    surest = max(results[:JUDGED], key=lambda result: result.confidence, default=None)
    if use is Use.BOTH and (surest is None or surest.confidence < SURE_ENOUGH):
        results = ()
    return Answer(
        question,
        results,
        confidence=surest.confidence if surest else 0.0,
        best_article_id=surest.article.id if surest else None,
        vector=vector,
        notice=notice,
        warming=model.state is EncoderState.LOADING,
    )


def similar(article: Article, limit: int = 4, at_least: float = 0.5) -> list[Article]:
    """Other articles close in meaning, nearest first; none while that is not known."""
    snapshot = index_for(encoder().name).fresh()
    slot = snapshot.slot_of(article.id)
    if slot is None or not snapshot.dimensions:
        return []
    own = snapshot.vectors[snapshot.slot_of_row == slot].mean(axis=0) + snapshot.titles[slot] / 4
    length = float(np.linalg.norm(own))
    if not length:
        return []
    _, scores = snapshot.nearest(own / length)
    scores = np.where(snapshot.allowed(Filters(language=article.language)) & (scores >= at_least), scores, -np.inf)
    scores[slot] = -np.inf
    ids = [int(snapshot.article_ids[place]) for place in ranking.best(scores, limit)]
    rows = {
        row.id: row
        for row in db.session.scalars(select(Article).where(Article.id.in_(ids)).options(defer(Article.body)))
    }
    return [rows[id] for id in ids if id in rows]


def candidates(
    snapshot: Snapshot,
    allowed: Flags,
    vector: Vectors | None,
    words: Sequence[str],
    limit: int,
    use: Use,
    unfinished: bool,
) -> list[Candidate]:
    """Both searches over the allowed articles, merged; best first."""
    row_scores = np.zeros(len(snapshot.passage_ids), np.float32)
    cosines = np.zeros_like(row_scores)
    meaning = by_words = np.full(snapshot.slots, -np.inf, np.float32)
    if vector is not None:
        cosines, best_passage = snapshot.nearest(vector)
        meaning = np.where(allowed, ranking.meaning_of(best_passage, snapshot.titles @ vector), -np.inf)
        row_scores += ranking.MEANING * cosines
    if use is not Use.MEANING:
        depth = DEEP if allowed is snapshot.alive else DEEPEST
        ids, scores = keywords.find(words, depth, unfinished=unfinished)
        by_words = keyword_scores(snapshot, allowed, ids, scores, row_scores)
    merged = ranking.fused(meaning, by_words)
    found = []
    for slot in ranking.best(merged, limit):
        row = snapshot.best_row(row_scores, slot)
        cosine = float(cosines[row])
        found.append(
            Candidate(int(snapshot.article_ids[slot]), int(snapshot.passage_ids[row]), float(merged[slot]), cosine)
        )
    return found


def keyword_scores(
    snapshot: Snapshot, allowed: Flags, ids: np.ndarray, scores: Vectors, row_scores: Vectors
) -> Vectors:
    """Each article's best passage by words, of shape (slots,), -inf where none; adds its share to `row_scores`."""
    result = np.full(snapshot.slots, -np.inf, np.float32)
    rows = snapshot.rows_of(ids)
    rows, scores = rows[rows >= 0], scores[rows >= 0]
    if len(rows):
        row_scores[rows] += (1 - ranking.MEANING) * scores / max(float(scores[0]), 1e-9)
        np.maximum.at(result, snapshot.slot_of_row[rows], scores)
    return np.where(allowed, result, -np.inf).astype(np.float32)


def worded(
    found: Sequence[Candidate], vector: Vectors | None, words: Sequence[str], unfinished: bool
) -> tuple[Result, ...]:
    """Load what is shown of the candidates: two statements, however many there are."""
    ids = [candidate.passage_id for candidate in found]
    statement = (
        select(Passage)
        .where(Passage.id.in_(ids))
        .options(undefer(Passage.sentence_vectors), joinedload(Passage.article).options(defer(Article.body)))
    )
    passages = {passage.id: passage for passage in db.session.scalars(statement)}
    uses = times_used([candidate.article_id for candidate in found])
    return tuple(
        told(candidate, passages[candidate.passage_id], uses, vector, words, unfinished)
        for candidate in found
        if candidate.passage_id in passages  # deleted since the index was brought up to date
    )


def told(
    candidate: Candidate,
    passage: Passage,
    uses: Mapping[int, int],
    vector: Vectors | None,
    words: Sequence[str],
    unfinished: bool,
) -> Result:
    text = passage.text
    whole = f"{passage.title} {passage.heading} {text}"
    common = keywords.words_in_common(words, whole, unfinished=unfinished)
    picked = None
    if vector is not None and passage.sentence_vectors:
        picked = pick_by_meaning(text, unpacked(passage.sentence_vectors, len(vector)) @ vector)
    return Result(
        article=passage.article,
        passage=passage,
        score=candidate.score,
        confidence=confidence(candidate.cosine if vector is not None else None, words, common),
        parts=excerpt(text, picked or pick_by_words(text, words)),
        reasons=tuple(reasons(candidate, passage.article, common, uses.get(candidate.article_id, 0))),
    )


def confidence(cosine: float | None, words: Sequence[str], common: Sequence[str]) -> float:
    """From 0 to 1. Without a model it rests on words alone: a third of them, or three, are enough to show."""
    telling = [word for word in words if not word.isdigit()]
    if cosine is None:
        return 1.0 if len(common) >= 3 or 0 < len(words) <= 3 * len(common) else 0.0
    return ranking.confidence(cosine, len(telling), len(set(common).intersection(telling)))


def reasons(candidate: Candidate, article: Article, common: Sequence[str], used: int) -> list[str]:
    """Why this is shown, the strongest first."""
    said = []
    if candidate.cosine >= MEANS_THE_SAME or (candidate.cosine and not common):
        said.append("Similar meaning")
    if common:
        said.append(", ".join(f"“{word}”" for word in sorted(common, key=len, reverse=True)[:3]))
    if used:
        said.append(f"used in {used:,} interaction{'s' if used > 1 else ''}")
    if article.verified_at:
        said.append(f"verified {day(article.verified_at)}")
    return said


def times_used(article_ids: Sequence[int]) -> dict[int, int]:
    """In how many interactions each article was used."""
    statement = (
        select(ArticleLink.article_id, func.count())
        .where(ArticleLink.article_id.in_(article_ids))
        .group_by(ArticleLink.article_id)
    )
    return {row[0]: row[1] for row in db.session.execute(statement)}
