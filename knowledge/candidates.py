"""Which articles may answer: both searches' passages, scored by article, the best of them sentence by sentence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from knowledge import keywords, ranking
from knowledge.embedding import unpacked
from knowledge.feedback import dismissals
from knowledge.held import Held
from knowledge.index import Filters, Moment
from knowledge.nearby import NONE, Nearby, Numbers, Vectors

NEAREST = 400  # passages that the search by meaning hands over
DEEP = 600  # passages that the keyword search hands over
DEEPEST = 20_000  # the same when a filter will drop most of them
REREAD = 30  # articles that are read sentence by sentence


@dataclass(frozen=True)
class Asked:
    """A question as the search takes it."""

    text: str
    words: Sequence[str]  # those that say what it is about
    looked_for: Sequence[str]  # those of them that the keyword search takes
    passages: int  # among which it looks, about
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

    def passages_of(self, places: Collection[int]) -> dict[int, list[int]]:
        """Where the best passages of some articles are, the best first."""
        worth = self.near.cosines + self.words * ranking.OF_SHORT.keywords
        order = np.lexsort((-worth, self.places))
        starts = np.searchsorted(self.places[order], np.arange(len(self.article_ids) + 1)).tolist()
        return {
            place: order[starts[place] : min(starts[place] + ranking.BEST_FEW, starts[place + 1])].tolist()
            for place in places
        }


@dataclass(frozen=True)
class Sentences:
    """The sentences of some passages."""

    vectors: Mapping[int, Vectors]  # by passage, of shape (sentences, dimensions)
    best: Mapping[int, float]  # by passage: the highest of their cosines to the question


def candidates(
    moment: Moment, filters: Filters, asked: Asked, model: str, limit: int, held: Held | None = None
) -> list[Candidate]:
    """The articles that answer best, best first: at most `limit`. `held`: from one question to the next."""
    held = held or Held()
    pool = found(moment, filters, asked, held)
    if asked.vector is None or not len(pool.article_ids):
        best = ranking.best(pool.scores, limit)
        passages = pool.passages_of(best)
        return [candidate(pool, place, pool.scores[place], passages[place], Sentences({}, {})) for place in best]
    first = ranking.best(pool.scores, max(limit, REREAD))
    passages = pool.passages_of(first)
    read = sentences_of([int(pool.near.passage_ids[at]) for own in passages.values() for at in own], asked.vector, held)
    unfit = dismissals([int(pool.article_ids[place]) for place in first], asked.vector, model)
    weight = ranking.weights_for(asked.length).sentence
    scores = np.full_like(pool.scores, -np.inf)
    for place in first:
        own = [read.best[id] for id in pool.near.passage_ids[passages[place]].tolist() if id in read.best]
        # An article whose sentences are not known is taken to have one like its best passage.
        sentence = max(own, default=cosine_of(pool, passages[place]))
        dismissed = unfit.get(int(pool.article_ids[place]), 0.0)
        scores[place] = pool.scores[place] + weight * sentence - ranking.DISMISSED * dismissed
    return [candidate(pool, place, scores[place], passages[place], read) for place in ranking.best(scores, limit)]


def found(moment: Moment, filters: Filters, asked: Asked, held: Held) -> Pool:
    """What both searches find, each article scored by all that is known without its sentences."""
    ids, found_by_words = NONE, np.zeros(0, np.float32)
    if asked.by_words:
        ids, found_by_words = keywords.find(
            asked.looked_for,
            DEEPEST if filters else DEEP,
            asked.passages,
            beginning=asked.beginning,
            kept=held,
            alone=asked.vector is None,
        )
    if asked.vector is None:
        near = moment.of_passages(ids, filters)
    else:
        near = moment.nearest(asked.vector, filters, NEAREST, ids)
    words = ranking.shares(scores_of(near.passage_ids, ids, found_by_words))
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


def candidate(pool: Pool, place: int, score: float, passages: Sequence[int], read: Sentences) -> Candidate:
    """An article with its best passages, the one with the best sentence first."""
    ids = pool.near.passage_ids[passages].tolist()
    worth = {
        id: float(pool.near.cosines[at] + pool.words[at] * ranking.OF_SHORT.keywords)
        + ranking.OF_SHORT.sentence * read.best.get(id, 0.0)
        for id, at in zip(ids, passages, strict=True)
    }
    ids.sort(key=lambda id: -worth[id])
    known = {id: read.vectors[id] for id in ids if id in read.vectors}
    return Candidate(int(pool.article_ids[place]), tuple(ids), float(score), cosine_of(pool, passages), known)


def cosine_of(pool: Pool, passages: Sequence[int]) -> float:
    return float(pool.near.cosines[passages].max())


def sentences_of(passage_ids: Collection[int], vector: Vectors, held: Held) -> Sentences:
    """The sentences of those passages that have vectors of a question's length: all compared in one product."""
    size = len(vector)
    stored = {id: passage.sentence_vectors for id, passage in held.passages(passage_ids).items()}
    stored = {id: packed for id, packed in stored.items() if len(packed) and len(packed) % size == 0}
    if not stored:
        return Sentences({}, {})
    rows = unpacked(np.concatenate(list(stored.values())), size)
    ends = np.cumsum([len(packed) // size for packed in stored.values()])
    best = np.maximum.reduceat(rows @ vector, np.concatenate([[0], ends[:-1]]))
    return Sentences(
        dict(zip(stored, np.split(rows, ends[:-1]), strict=True)), dict(zip(stored, best.tolist(), strict=True))
    )


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
