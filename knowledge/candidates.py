"""Which articles may answer: both searches' passages, scored by article, the best of them sentence by sentence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from knowledge import keywords, ranking
from knowledge.beside import beside
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
    meaning: Future[Vectors] | None  # its vector, perhaps still being read; None when it is not to be known
    by_words: bool = True  # whether the keyword search takes part
    beginning: str = ""  # of a word that is still being typed

    @property
    def vector(self) -> Vectors | None:
        """Of shape (dimensions,). Waits for it."""
        return self.meaning.result() if self.meaning else None

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
class Piece:
    """A passage that was found."""

    id: int
    cosine: float  # 0 when the meaning is not known
    words: float  # share of the best keyword score

    @property
    def worth(self) -> float:
        return self.cosine + self.words * ranking.OF_SHORT.keywords


@dataclass(frozen=True)
class Pool:
    """All passages that were found, and how their articles score. Arrays are by passage or by article."""

    near: Nearby
    words: Vectors  # by passage: share of the best keyword score
    places: Numbers  # by passage: its article
    article_ids: Numbers
    scores: Vectors  # by article

    def best_pieces(self, chosen: Sequence[int]) -> dict[int, list[Piece]]:
        """The best passages of some articles, the best first."""
        at = np.flatnonzero(np.isin(self.places, chosen))
        columns = self.places, self.near.passage_ids, self.near.cosines, self.words
        result: dict[int, list[Piece]] = {place: [] for place in chosen}
        for place, *piece in zip(*(column[at].tolist() for column in columns), strict=True):
            result[place].append(Piece(*piece))
        return {place: sorted(own, key=lambda piece: -piece.worth)[: ranking.BEST_FEW] for place, own in result.items()}


@dataclass(frozen=True)
class Sentences:
    """The sentences of some passages."""

    rows: Vectors  # one after the other, of shape (sentences, dimensions)
    spans: Mapping[int, slice]  # by passage
    best: Mapping[int, float]  # by passage: the highest of their cosines to the question


NOT_READ = Sentences(np.zeros((0, 0), np.float32), {}, {})


def candidates(
    moment: Moment, filters: Filters, asked: Asked, model: str, limit: int, held: Held | None = None
) -> list[Candidate]:
    """The articles that answer best, best first: at most `limit`. `held`: from one question to the next."""
    held = held or Held()
    pool = found(moment, filters, asked, held)
    vector = asked.vector
    if vector is None or not len(pool.article_ids):
        best = ranking.best(pool.scores, limit)
        pieces = pool.best_pieces(best)
        return [candidate(pool, place, pool.scores[place], pieces[place], NOT_READ) for place in best]
    first = ranking.best(pool.scores, max(limit, REREAD))
    pieces = pool.best_pieces(first)
    read = sentences_of([piece.id for own in pieces.values() for piece in own], vector, held)
    article_ids = pool.article_ids[first].tolist()
    unfit = dismissals(article_ids, vector, model)
    weight = ranking.weights_for(asked.length).sentence
    scores = {}
    for place, article_id in zip(first, article_ids, strict=True):
        # A passage whose sentences are not known is taken to have one like itself.
        known = [read.best[piece.id] for piece in pieces[place] if piece.id in read.best]
        sentence = max(known, default=max(piece.cosine for piece in pieces[place]))
        scores[place] = float(pool.scores[place]) + weight * sentence - ranking.DISMISSED * unfit.get(article_id, 0.0)
    best = sorted(first, key=lambda place: (-scores[place], place))[:limit]
    return [candidate(pool, place, scores[place], pieces[place], read) for place in best]


def found(moment: Moment, filters: Filters, asked: Asked, held: Held) -> Pool:
    """What both searches find, each article scored by all that is known without its sentences."""
    looked = beside(nearest, moment, filters, asked) if asked.meaning else None
    ids, found_by_words = NONE, np.zeros(0, np.float32)
    if asked.by_words:
        ids, found_by_words = keywords.find(
            asked.looked_for,
            DEEPEST if filters else DEEP,
            asked.passages,
            beginning=asked.beginning,
            kept=held,
            alone=asked.meaning is None,
        )
    vector = asked.vector
    by_words = moment.of_passages(ids, filters, vector)
    near = looked.result() if looked else Nearby.nothing()
    near += by_words.at(np.flatnonzero(~np.isin(by_words.passage_ids, near.passage_ids)))
    words = ranking.shares(scores_of(near.passage_ids, ids, found_by_words))
    article_ids, places = np.unique(near.article_ids, return_inverse=True)
    count = len(article_ids)
    by_article = best_of(words, places, count)
    if vector is not None:
        weights = ranking.weights_for(asked.length)
        by_article = (
            weights.passage * best_of(near.cosines, places, count)
            + weights.title * best_of(near.titles, places, count)
            + weights.whole * ranking.few_best(near.cosines, places, count)
            + weights.keywords * by_article
        )
    usual = ranking.STANDING * near.standing + ranking.VERIFIED * near.verified
    return Pool(near, words, places, article_ids, by_article + best_of(usual, places, count))


def nearest(moment: Moment, filters: Filters, asked: Asked) -> Nearby:
    return Nearby.nothing() if asked.vector is None else moment.nearest(asked.vector, filters, NEAREST)


def candidate(pool: Pool, place: int, score: float, pieces: Sequence[Piece], read: Sentences) -> Candidate:
    """An article with its best passages, the one with the best sentence first."""
    ordered = sorted(pieces, key=lambda own: -own.worth - ranking.OF_SHORT.sentence * read.best.get(own.id, 0.0))
    ids = tuple(piece.id for piece in ordered)
    known = {id: read.rows[read.spans[id]] for id in ids if id in read.spans}
    cosine = max(piece.cosine for piece in pieces)
    return Candidate(int(pool.article_ids[place]), ids, float(score), cosine, known)


def sentences_of(passage_ids: Collection[int], vector: Vectors, held: Held) -> Sentences:
    """The sentences of those passages that have vectors of a question's length: all compared in one product."""
    size = len(vector)
    stored = {id: passage.sentence_vectors for id, passage in held.passages(passage_ids).items()}
    stored = {id: packed for id, packed in stored.items() if len(packed) and len(packed) % size == 0}
    if not stored:
        return NOT_READ
    rows = unpacked(np.concatenate(list(stored.values())), size)
    ends = list(accumulate(len(packed) // size for packed in stored.values()))
    starts = [0, *ends[:-1]]
    best = np.maximum.reduceat(rows @ vector, starts)
    return Sentences(
        rows, dict(zip(stored, map(slice, starts, ends), strict=True)), dict(zip(stored, best.tolist(), strict=True))
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
