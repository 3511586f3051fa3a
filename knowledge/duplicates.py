"""Articles that say the same: the nearest ones to what is being written, and all pairs that are close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flask import current_app
from sqlalchemy import select

from console.db import db
from console.events import Event, Topic, record_event
from knowledge.chunking import cut, with_context
from knowledge.embedding import Vectors, encoder
from knowledge.index import TITLE, Filters, index_for
from knowledge.models import Article, ArticleState, KnowledgeRevision, Passage
from knowledge.queries import in_order
from knowledge.searching import Use, search
from knowledge.shingles import BINS, EMPTY, Sketches, most_in_common, shared, sketch

PIECES = 3  # passages of what is being written that are compared; its meaning stands at the top …
BEGINNING = 10_000  # … that is, among these characters
CLOSE = 0.42  # a cosine worth a look by somebody who is about to write the same
KINDRED = 0.6  # … one that is about the same
SAME = 0.8  # … and one that is most probably the same
# The least share of wording in a pair of duplicates: texts of a language that a model does not speak are all close.
# Of login.gov's pairs from .7 on in four languages, 1,235, all but ten that say whole sections alike share less;
# an article of which every tenth word was changed shares .48 and more, every fifth .34 (median of Chinese).
WORDING = 0.25
COMPARED = 8_000  # articles of which all pairs are looked at, the ones changed last: 64 million products, 1 s
BLOCK = 512  # articles compared with all others by one product …
LOOKED_AT = 20_000  # … and of these pairs, the ones closest in meaning whose wording is compared
SHOWN = 50  # pairs
TOLD_APART, TAKEN_BACK = "article.told_apart", "article.not_told_apart"


@dataclass(frozen=True)
class Near:
    article: Article  # without its body
    cosine: float | None  # None when only words are compared

    @property
    def is_kindred(self) -> bool:
        return self.cosine is not None and self.cosine >= KINDRED

    @property
    def is_same(self) -> bool:
        return self.cosine is not None and self.cosine >= SAME


@dataclass(frozen=True)
class Neighbours:
    found: tuple[Near, ...]
    by_meaning: bool


@dataclass(frozen=True)
class Pair:
    """Two articles and the passage of each that has the most in common with the other."""

    first: Article
    second: Article
    similarity: float  # of the whole articles, a cosine
    wording: float  # the share of it that is in both
    first_text: str
    second_text: str


@dataclass(frozen=True)
class Report:
    pairs: tuple[Pair, ...]
    compared: int  # articles
    left_out: bool  # there are more articles than are compared
    ready: bool  # False while no article has a vector


def neighbours(title: str, body: str, *, without: int | None = None, limit: int = 5) -> Neighbours:
    """Published articles and drafts close to what is being written, nearest first."""
    model = encoder()
    model.start()  # it is ready by the time that the words are saved
    pieces = cut(title, body[:BEGINNING])[:PIECES]
    if not title.strip() and not pieces:
        return Neighbours((), model.ready())
    moment = index_for(model.name).fresh()
    if not model.ready() or not moment.dimensions:
        words = title or pieces[0].text[:300]
        found = search(words, Filters(state=None), 3 * limit, use=Use.KEYWORD, anyway=True).results
        alike = in_order([result.article.id for result in found if result.article.id != without])
        return Neighbours(tuple(Near(row, None) for row in unarchived(alike)[:limit]), False)
    texts = [with_context(title, piece.heading, piece.text) for piece in pieces]
    vectors = model.encode([text for text in (title, *texts) if text])
    close: dict[int, float] = {}
    for vector in vectors:
        nearby = moment.nearest(vector, Filters(state=None), 12 * limit)
        for article_id, cosine in zip(nearby.owners.tolist(), nearby.cosines.tolist(), strict=True):
            close[article_id] = max(close.get(article_id, 0.0), cosine)
    ids = sorted((one for one in close if one != without and close[one] >= CLOSE), key=lambda one: -close[one])
    rows = in_order(ids[: limit + 3])
    return Neighbours(tuple(Near(row, close[row.id]) for row in unarchived(rows)[:limit]), True)


def unarchived(rows: Sequence[Article]) -> list[Article]:
    return [row for row in rows if row.state is not ArticleState.ARCHIVED]


def report(at_least: float) -> Report:
    """Pairs of articles of one language, drafts too, that are `at_least` so similar and share much of their wording.

    Those that share the most come first.
    """
    held = vectors_of_articles()
    if not len(held.ids):
        return Report((), 0, held.left_out, False)
    apart = told_apart()
    pairs = [pair for pair in close_pairs(held, at_least) if (min(pair[:2]), max(pair[:2])) not in apart][:SHOWN]
    articles = {row.id: row for row in in_order(list({one for a, b, *_ in pairs for one in (a, b)}))}
    texts = texts_of(list(articles))
    return Report(
        tuple(
            Pair(articles[a], articles[b], cosine, wording, *most_in_common(texts.get(a, []), texts.get(b, [])))
            for a, b, cosine, wording in pairs
            if a in articles and b in articles
        ),
        len(held.ids),
        held.left_out,
        True,
    )


@dataclass(frozen=True)
class Held:
    """Every compared article as one unit vector. `ids` has shape (n,), `vectors` (n, dimensions)."""

    revision: int
    ids: np.ndarray
    languages: np.ndarray
    vectors: Vectors
    sketches: Sketches
    left_out: bool


def vectors_of_articles() -> Held:
    """Read anew only after an article changed: the report is looked at again and again while it is worked through."""
    model = encoder().name
    revision = db.session.scalar(select(KnowledgeRevision.value)) or 0
    known: dict[str, Held] = current_app.extensions.setdefault("knowledge.duplicates", {})
    if model not in known or known[model].revision != revision:
        known[model] = read_vectors(model, revision)
    return known[model]


def read_vectors(model: str, revision: int) -> Held:
    latest = (
        select(Article.id, Article.language, Article.vector)
        .where(Article.state != ArticleState.ARCHIVED, Article.model == model)
        .order_by(Article.updated_at.desc(), Article.id.desc())
        .limit(COMPARED + 1)
    )
    rows = [row for row in db.session.execute(latest) if row.vector]
    left_out = len(rows) > COMPARED
    rows = rows[:COMPARED]
    place = {row.id: number for number, row in enumerate(rows)}
    dimensions = len(rows[0].vector) // 4 if rows else 0
    sums, counts = np.zeros((len(rows), dimensions), np.float32), np.zeros(len(rows), np.float32)
    sketches = np.full((len(rows), BINS), EMPTY)
    ids = list(place)
    for start in range(0, len(ids), BLOCK):
        some = ids[start : start + BLOCK]
        texts: dict[int, list[str]] = {}
        passages = select(Passage.article_id, Passage.vector, Passage.text)
        for row in db.session.execute(passages.where(Passage.article_id.in_(some), Passage.model == model)):
            if row.vector and len(row.vector) == 4 * dimensions:
                sums[place[row.article_id]] += np.frombuffer(row.vector, np.float32)
                counts[place[row.article_id]] += 1
                texts.setdefault(row.article_id, []).append(row.text)
        for article_id, said in texts.items():
            sketches[place[article_id]] = sketch("\n".join(said))
    titles = [np.frombuffer(row.vector, np.float32) for row in rows]
    whole = sums / np.maximum(counts, 1)[:, None] + TITLE * np.array(titles, np.float32).reshape(len(rows), dimensions)
    whole /= np.maximum(np.linalg.norm(whole, axis=1, keepdims=True), 1e-9)
    keep = counts > 0
    languages = np.array([row.language for row in rows])
    return Held(revision, np.array(ids, np.int64)[keep], languages[keep], whole[keep], sketches[keep], left_out)


def close_pairs(held: Held, at_least: float, most: int = 4 * SHOWN) -> list[tuple[int, int, float, float]]:
    """At most `most` pairs of ids of one language, with cosine and shared wording, those that share the most first."""
    found: list[tuple[float, float, int, int]] = []
    for start in range(0, len(held.ids), BLOCK):
        cosines = held.vectors[start : start + BLOCK] @ held.vectors[start:].T
        one_language = held.languages[start : start + BLOCK, None] == held.languages[None, start:]
        rows, columns = np.nonzero((np.triu(cosines, 1) >= at_least) & one_language)
        if len(rows) > LOOKED_AT:
            nearest = np.argpartition(-cosines[rows, columns], LOOKED_AT)[:LOOKED_AT]
            rows, columns = rows[nearest], columns[nearest]
        wording = shared(held.sketches[start + rows], held.sketches[start + columns])
        alike = np.nonzero(wording >= WORDING)[0]
        measures = zip(wording[alike].tolist(), cosines[rows, columns][alike].tolist(), strict=True)
        pairs = zip(held.ids[start + rows[alike]].tolist(), held.ids[start + columns[alike]].tolist(), strict=True)
        found += [(*measured, *pair) for measured, pair in zip(measures, pairs, strict=True)]
        found = sorted(found, reverse=True)[:most]
    return [(a, b, min(cosine, 1.0), wording) for wording, cosine, a, b in found]


def texts_of(article_ids: Sequence[int]) -> dict[int, list[str]]:
    """What the passages of a few articles say."""
    found: dict[int, list[str]] = {}
    rows = db.session.execute(
        select(Passage.article_id, Passage.text)
        .where(Passage.article_id.in_(article_ids))
        .order_by(Passage.article_id, Passage.position)
        .limit(5_000)
    )
    for row in rows:
        found.setdefault(row.article_id, []).append(row.text)
    return found


def tell_apart(first: Article, second: Article, *, actor_id: int, apart: bool = True) -> None:
    """Remember that two articles are no duplicates, or take that back. The record of it is what the report reads."""
    data = {"pair": sorted((first.id, second.id))}
    record_event(TOLD_APART if apart else TAKEN_BACK, Topic.ACCESS, subject=first, actor_id=actor_id, data=data)


def told_apart() -> set[tuple[int, int]]:
    """By the last word on each pair."""
    rows = db.session.execute(
        select(Event.kind, Event.data)
        .where(Event.kind.in_([TOLD_APART, TAKEN_BACK]))
        .order_by(Event.recorded_at.desc(), Event.id.desc())
        .limit(5_000)
    )
    last: dict[tuple[int, int], str] = {}
    for kind, data in rows:
        last.setdefault((data["pair"][0], data["pair"][1]), kind)
    return {pair for pair, kind in last.items() if kind == TOLD_APART}
