"""Which articles may answer: both searches' passages, scored by article, the best of them sentence by sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select

from console.db import db
from knowledge import keywords, ranking
from knowledge.embedding import unpacked
from knowledge.feedback import dismissals
from knowledge.index import Filters, Moment
from knowledge.models import Passage
from knowledge.nearby import Nearby, Numbers, Vectors

NEAREST = 400  # passages that the search by meaning hands over
DEEP = 600  # passages that the keyword search hands over
DEEPEST = 20_000  # the same when a filter will drop most of them
REREAD = 30  # articles that are read sentence by sentence


@dataclass(frozen=True)
class Asked:
    """A question as the search takes it."""

    text: str
    words: Sequence[str]  # those that say what it is about
    looked_for: Sequence[str]  # those of them that the keyword search takes, and how rare each is
    rarities: Sequence[float]
    vector: Vectors | None  # of shape (dimensions,); None when the meaning is not to be known
    by_words: bool = True  # whether the keyword search takes part
    beginning: str = ""  # of a word that is still being typed

    @property
    def length(self) -> int:
        return len(self.text.split())


@dataclass(frozen=True)
class Candidate:
    """An article that was found, before its words are loaded."""

    article_id: int
    passage_ids: tuple[int, ...]  # its best ones, the best first
    score: float  # compares only within one search
    cosine: float  # of its best passage; 0 when the meaning is not known
    sentences: Mapping[int, Vectors]  # of its passages, by their ids: shape (sentences, dimensions)


@dataclass(frozen=True)
class Pool:
    """All passages that were found, and how their articles score. Arrays are by passage or by article."""

    near: Nearby
    words: Vectors  # by passage: share of the best keyword score
    places: Numbers  # by passage: its article
    article_ids: Numbers
    scores: Vectors  # by article

    def passages_of(self, place: int) -> list[int]:
        """Where an article's best passages are, the best first."""
        own = np.flatnonzero(self.places == place)
        scores = self.near.cosines[own] + self.words[own] * ranking.OF_SHORT.keywords
        return [int(at) for at in own[np.argsort(-scores, kind="stable")][: ranking.BEST_FEW]]


def candidates(moment: Moment, filters: Filters, asked: Asked, model: str, limit: int) -> list[Candidate]:
    """The articles that answer best, best first: at most `limit`."""
    pool = found(moment, filters, asked)
    if asked.vector is None or not len(pool.article_ids):
        best = ranking.best(pool.scores, limit)
        return [candidate(pool, place, pool.scores[place], pool.passages_of(place), {}, {}) for place in best]
    first = ranking.best(pool.scores, max(limit, REREAD))
    passages = {place: pool.passages_of(place) for place in first}
    read = sentences_of([int(pool.near.passage_ids[at]) for own in passages.values() for at in own], len(asked.vector))
    best_sentence = {id: float((rows @ asked.vector).max()) for id, rows in read.items()}
    unfit = dismissals([int(pool.article_ids[place]) for place in first], asked.vector, model)
    weight = ranking.weights_for(asked.length).sentence
    scores = np.full_like(pool.scores, -np.inf)
    for place in first:
        own = [best_sentence[id] for id in pool.near.passage_ids[passages[place]].tolist() if id in read]
        # An article whose sentences are not known is taken to have one like its best passage.
        sentence = max(own, default=cosine_of(pool, passages[place]))
        dismissed = unfit.get(int(pool.article_ids[place]), 0.0)
        scores[place] = pool.scores[place] + weight * sentence - ranking.DISMISSED * dismissed
    return [
        candidate(pool, place, scores[place], passages[place], read, best_sentence)
        for place in ranking.best(scores, limit)
    ]


def found(moment: Moment, filters: Filters, asked: Asked) -> Pool:
    """What both searches find, each article scored by all that is known without its sentences."""
    near = moment.nearest(asked.vector, filters, NEAREST) if asked.vector is not None else Nearby.nothing()
    words = np.zeros(len(near), np.float32)
    if asked.by_words:
        depth = DEEPEST if filters else DEEP
        ids, scores = keywords.find(asked.looked_for, depth, asked.rarities, beginning=asked.beginning)
        near += moment.of_passages(ids[~np.isin(ids, near.passage_ids)], asked.vector, filters)
        words = ranking.shares(scores_of(near.passage_ids, ids, scores))
    article_ids, places = np.unique(near.article_ids, return_inverse=True)
    count = len(article_ids)
    by_article = best_of(words, places, count)
    if asked.vector is not None:
        weights = ranking.weights_for(asked.length)
        by_article = (
            weights.passage * best_of(near.cosines, places, count)
            + weights.title * best_of(near.titles, places, count)
            + weights.whole * ranking.few_best(near.cosines, places, count)
            + weights.keywords * by_article
        )
    usual = ranking.STANDING * near.standing + ranking.VERIFIED * near.verified
    return Pool(near, words, places, article_ids, by_article + best_of(usual, places, count))


def candidate(
    pool: Pool,
    place: int,
    score: float,
    passages: Sequence[int],
    read: Mapping[int, Vectors],
    best_sentence: Mapping[int, float],
) -> Candidate:
    """An article with its best passages, the one with the best sentence first."""
    ids = pool.near.passage_ids[passages].tolist()
    worth = {
        id: float(pool.near.cosines[at] + pool.words[at] * ranking.OF_SHORT.keywords)
        + ranking.OF_SHORT.sentence * best_sentence.get(id, 0.0)
        for id, at in zip(ids, passages, strict=True)
    }
    ids.sort(key=lambda id: -worth[id])
    known = {id: read[id] for id in ids if id in read}
    return Candidate(int(pool.article_ids[place]), tuple(ids), float(score), cosine_of(pool, passages), known)


def cosine_of(pool: Pool, passages: Sequence[int]) -> float:
    return float(pool.near.cosines[passages].max())


def sentences_of(passage_ids: Sequence[int], dimensions: int) -> dict[int, Vectors]:
    """The sentences' vectors of some passages, each of shape (sentences, dimensions); one statement."""
    rows = db.session.execute(
        select(Passage.id, Passage.sentence_vectors).where(
            Passage.id.in_(passage_ids), Passage.sentence_vectors.is_not(None)
        )
    )
    return {row.id: unpacked(row[1], dimensions) for row in rows if row[1] and len(row[1]) % dimensions == 0}


def scores_of(passage_ids: Numbers, ids: Numbers, scores: Vectors) -> Vectors:
    """The score of each passage, of shape (len(passage_ids),), from those found by words; -inf where not found."""
    result = np.full(len(passage_ids), -np.inf, np.float32)
    if len(ids) and len(passage_ids):
        order = np.argsort(ids)
        place = order[np.minimum(np.searchsorted(ids, passage_ids, sorter=order), len(ids) - 1)]
        is_found = ids[place] == passage_ids
        result[is_found] = scores[place[is_found]]
    return result


def best_of(scores: Vectors, places: Numbers, articles: int) -> Vectors:
    """The best of each article's passages, of shape (articles,)."""
    result = np.full(articles, -np.inf, np.float32)
    np.maximum.at(result, places, scores)
    return result
