"""Which articles may answer: both searches' passages, scored by article, the best of them sentence by sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from knowledge import keywords, ranking
from knowledge.embedding import unpacked
from knowledge.feedback import dismissals
from knowledge.held import Held
from knowledge.index import Filters
from knowledge.keywords import stem
from knowledge.looking_up import Asked, LookUp
from knowledge.nearby import Nearby, Numbers, Vectors

NEAREST = 400  # passages that the search by meaning hands over
REREAD = 20  # articles that are read sentence by sentence
RECOUNTED = 30  # articles whose words are counted where there are no sentences to compare


class Sentences(NamedTuple):
    """The cosines to the question of a passage's sentences, in order: as they are, and when both are centred."""

    cosines: Sequence[float]
    centred: Sequence[float]


@dataclass(frozen=True)
class Candidate:
    """An article that was found, before its words are loaded."""

    article_id: int
    passage_ids: tuple[int, ...]  # its best ones, the best first
    score: float  # compares only within one search
    cosine: float  # of its best passage; 0 when the meaning is not known
    sentences: Mapping[int, Sentences]  # of its passages, by their ids


@dataclass(frozen=True)
class Pieces:
    """The best passages of some articles, those of one article together and its best first: arrays of shape (n,)."""

    ids: Numbers
    cosines: Vectors  # 0 where the meaning is not known
    worth: Vectors  # both searches' scores together
    starts: Numbers  # of shape (articles,): where those of each begin


@dataclass(frozen=True)
class Read:
    """The sentences of some pieces, all compared, one piece after the other."""

    cosines: list[float]
    centred: list[float]
    ends: list[int]  # by piece: where its sentences end, and those of the next begin; none where they are not known
    best: Vectors  # by piece: the highest of its cosines; -inf where they are not known


@dataclass(frozen=True)
class Pool:
    """All passages that were found, and how their articles score."""

    near: Nearby
    words: Vectors  # by passage: share of the best keyword score
    scores: Vectors  # by article

    def best_pieces(self, chosen: Sequence[int]) -> Pieces:
        """The BEST_FEW best passages of each of some articles, in the order of `chosen`."""
        article_of = np.full(len(self.scores), -1)
        article_of[chosen] = np.arange(len(chosen))
        at = np.flatnonzero(article_of[self.near.places] >= 0)
        worth = self.near.cosines[at] + self.words[at] * np.float32(ranking.OF_SHORT.keywords)
        articles = article_of[self.near.places[at]]
        best = ranking.best_few(worth, articles, len(chosen))
        at = at[best]
        starts = np.searchsorted(articles[best], np.arange(len(chosen)))
        return Pieces(self.near.passage_ids[at], self.near.cosines[at], worth[best], starts)


def candidates(asked: Asked, filters: Filters, looking: LookUp, limit: int) -> list[Candidate]:
    """The articles that answer best, best first: at most `limit`."""
    pool = found(asked, filters, looking)
    vector, at_hand = asked.vector, looking.ground().at_hand
    chosen = ranking.best(pool.scores, max(limit, RECOUNTED if vector is None else REREAD))
    if not chosen:
        return []
    pieces, article_ids = pool.best_pieces(chosen), pool.near.article_ids[chosen].tolist()
    scores = pool.scores[chosen].astype(np.float64)
    read = unread(pieces)
    if vector is None:
        scores += ranking.FREQUENCY * recounted(pieces, asked, at_hand.held)
    else:
        read = sentences_of(pieces, asked, vector, at_hand.held)
        # An article whose sentences are not known is taken to have one like its best passage.
        sentence = np.maximum.reduceat(read.best, pieces.starts)
        sentence = np.where(np.isfinite(sentence), sentence, np.maximum.reduceat(pieces.cosines, pieces.starts))
        scores += ranking.weights_for(asked.length).sentence * sentence.astype(np.float64)
        unfit = dismissals(at_hand.maybe_dismissed(article_ids), vector, asked.encoder.name)
        scores -= ranking.DISMISSED * np.array([unfit.get(id, 0.0) for id in article_ids])
    best = np.lexsort((np.array(chosen), -scores))[:limit].tolist()
    return picked(best, article_ids, scores, pieces, read)


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


def picked(
    best: Sequence[int], article_ids: Sequence[int], scores: NDArray[np.float64], pieces: Pieces, read: Read
) -> list[Candidate]:
    """Some of the articles, in the order of `best`, each with its best passages: the one with the best sentence first.

    `article_ids` and `scores` are those of all that `pieces` are of.
    """
    sentence = np.where(np.isfinite(read.best), read.best, 0).astype(np.float64)
    worth = (pieces.worth + ranking.OF_SHORT.sentence * sentence).tolist()
    cosines = np.maximum.reduceat(pieces.cosines, pieces.starts).tolist()
    ids, starts, ends = pieces.ids.tolist(), [*pieces.starts.tolist(), len(pieces.ids)], [0, *read.ends]
    found = []
    for place in best:
        own = sorted(range(starts[place], starts[place + 1]), key=lambda piece: -worth[piece])
        known = {
            ids[piece]: Sentences(read.cosines[start:end], read.centred[start:end])
            for piece in own
            if (start := ends[piece]) < (end := ends[piece + 1])
        }
        score = float(scores[place])
        found.append(Candidate(article_ids[place], tuple(ids[piece] for piece in own), score, cosines[place], known))
    return found


def unread(pieces: Pieces) -> Read:
    count = len(pieces.ids)
    return Read([], [], [0] * count, np.full(count, -np.inf, np.float32))


def sentences_of(pieces: Pieces, asked: Asked, vector: Vectors, held: Held) -> Read:
    """The sentences of those passages that have vectors of a question's length: all compared in one product."""
    passages = held.passages(pieces.ids.tolist())
    stored = [passages[id].sentence_vectors or b"" if id in passages else b"" for id in pieces.ids.tolist()]
    stored = [packed if len(packed) % len(vector) == 0 else b"" for packed in stored]
    rows = unpacked(b"".join(stored), len(vector))
    if not len(rows):
        return unread(pieces)
    cosines = rows @ vector
    counts = np.array([len(packed) // len(vector) for packed in stored])
    ends, known = np.cumsum(counts), np.flatnonzero(counts)
    best = np.full(len(ends), -np.inf, np.float32)
    best[known] = np.maximum.reduceat(cosines, (ends - counts)[known])
    centred = asked.background.centred_cosines(rows, vector, cosines)
    return Read(cosines.tolist(), centred.tolist(), ends.tolist(), best)


def recounted(pieces: Pieces, asked: Asked, held: Held) -> NDArray[np.float64]:
    """How often the words stand in those passages, as a share of the most: by article, of shape (articles,)."""
    passages = held.passages(pieces.ids.tolist())
    weights = {stemmed: asked.background.rarity.of(stemmed) for stemmed in set(map(stem, asked.looked_for))}
    read = [(passage.head, passage.text) if (passage := passages.get(id)) else ("", "") for id in pieces.ids.tolist()]
    best = np.maximum.reduceat(keywords.counted(read, weights), pieces.starts)
    return best / (best.max() or 1)


def scores_of(passage_ids: Numbers, ids: Numbers, scores: Vectors) -> Vectors:
    """The score of each passage, of shape (len(passage_ids),), from those found by words; -inf where not found."""
    result = np.full(len(passage_ids), -np.inf, np.float32)
    if len(ids) and len(passage_ids):
        place = np.minimum(np.searchsorted(ids, passage_ids), len(ids) - 1)
        is_found = ids[place] == passage_ids
        result[is_found] = scores[place[is_found]]
    return result


def best_of(scores: Vectors, places: Numbers, articles: int) -> Vectors:
    """The best of each article's passages, of shape (articles,)."""
    result = np.full(articles, -np.inf, np.float32)
    np.maximum.at(result, places, scores)
    return result
