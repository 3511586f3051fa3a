"""Which articles may answer: both searches' passages, scored by article, the best of them sentence by sentence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from knowledge import ranking
from knowledge.embedding import unpacked
from knowledge.feedback import dismissals
from knowledge.held import Held
from knowledge.index import Filters
from knowledge.looking_up import Asked, LookUp
from knowledge.nearby import Nearby, Numbers, Vectors

NEAREST = 400  # passages that the search by meaning hands over
REREAD = 30  # articles that are read sentence by sentence


@dataclass(frozen=True)
class Candidate:
    """An article that was found, before its words are loaded."""

    article_id: int
    passage_ids: tuple[int, ...]  # its best ones, the best first
    score: float  # compares only within one search
    cosine: float  # of its best passage; 0 when the meaning is not known
    sentences: Mapping[int, Vectors]  # of its passages, by their ids: shape (sentences, dimensions)


class Piece(NamedTuple):
    """A passage that was found."""

    id: int
    cosine: float  # 0 when the meaning is not known
    worth: float  # both searches' scores together


@dataclass(frozen=True)
class Pool:
    """All passages that were found, and how their articles score."""

    near: Nearby
    words: Vectors  # by passage: share of the best keyword score
    scores: Vectors  # by article

    def best_pieces(self, chosen: Sequence[int]) -> dict[int, list[Piece]]:
        """The best passages of some articles, the best first."""
        is_chosen = np.zeros(len(self.scores), np.bool_)
        is_chosen[chosen] = True
        at = np.flatnonzero(is_chosen[self.near.places])
        worth = self.near.cosines[at] + self.words[at] * np.float32(ranking.OF_SHORT.keywords)
        order = np.argsort(-worth, kind="stable")
        at = at[order]
        columns = self.near.places[at], self.near.passage_ids[at], self.near.cosines[at], worth[order]
        result: dict[int, list[Piece]] = {place: [] for place in chosen}
        for place, *piece in zip(*(column.tolist() for column in columns), strict=True):
            if len(result[place]) < ranking.BEST_FEW:
                result[place].append(Piece(*piece))
        return result


@dataclass(frozen=True)
class Sentences:
    """The sentences of some passages."""

    rows: Vectors  # one after the other, of shape (sentences, dimensions)
    spans: Mapping[int, slice]  # by passage
    best: Mapping[int, float]  # by passage: the highest of their cosines to the question


NOT_READ = Sentences(np.zeros((0, 0), np.float32), {}, {})


def candidates(asked: Asked, filters: Filters, looking: LookUp, limit: int) -> list[Candidate]:
    """The articles that answer best, best first: at most `limit`."""
    pool = found(asked, filters, looking)
    vector = asked.vector
    if vector is None or not len(pool.scores):
        best = ranking.best(pool.scores, limit)
        pieces = pool.best_pieces(best)
        return [candidate(pool, place, pool.scores[place], pieces[place], NOT_READ) for place in best]
    first = ranking.best(pool.scores, max(limit, REREAD))
    pieces = pool.best_pieces(first)
    at_hand = looking.ground().at_hand
    read = sentences_of([piece.id for own in pieces.values() for piece in own], vector, at_hand.held)
    article_ids = pool.near.article_ids[first].tolist()
    unfit = dismissals(at_hand.maybe_dismissed(article_ids), vector, asked.encoder.name)
    weight = ranking.weights_for(asked.length).sentence
    scores = {}
    for place, article_id, score in zip(first, article_ids, pool.scores[first].tolist(), strict=True):
        # A passage whose sentences are not known is taken to have one like itself.
        known = [read.best[piece.id] for piece in pieces[place] if piece.id in read.best]
        sentence = max(known, default=max(piece.cosine for piece in pieces[place]))
        scores[place] = score + weight * sentence - ranking.DISMISSED * unfit.get(article_id, 0.0)
    best = sorted(first, key=lambda place: (-scores[place], place))[:limit]
    return [candidate(pool, place, scores[place], pieces[place], read) for place in best]


def found(asked: Asked, filters: Filters, looking: LookUp) -> Pool:
    """What both searches find, each article scored by all that is known without its sentences."""
    moment, vector = looking.ground().moment, asked.vector
    if vector is None:
        near = moment.of_passages(looking.words()[0], filters)
    else:
        near = moment.nearest(vector, filters, NEAREST, lambda: looking.words()[0])
    ids, found_by_words = looking.words()
    words = ranking.shares(scores_of(near.passage_ids, ids, found_by_words))
    count = len(near.article_ids)
    by_article = best_of(words, near.places, count)
    if vector is not None:
        weights = ranking.weights_for(asked.length)
        by_article = (
            weights.passage * best_of(near.cosines, near.places, count)
            + weights.title * near.titles
            + weights.keywords * by_article
        )
        if weights.whole:
            by_article += weights.whole * ranking.few_best(near.cosines, near.places, count)
    return Pool(near, words, by_article + ranking.STANDING * near.standing + ranking.VERIFIED * near.verified)


def candidate(pool: Pool, place: int, score: float, pieces: Sequence[Piece], read: Sentences) -> Candidate:
    """An article with its best passages, the one with the best sentence first."""
    ordered = sorted(pieces, key=lambda own: -own.worth - ranking.OF_SHORT.sentence * read.best.get(own.id, 0.0))
    ids = tuple(piece.id for piece in ordered)
    known = {id: read.rows[read.spans[id]] for id in ids if id in read.spans}
    cosine = max(piece.cosine for piece in pieces)
    return Candidate(int(pool.near.article_ids[place]), ids, float(score), cosine, known)


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
