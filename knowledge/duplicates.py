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

PIECES = 3  # passages of what is being written that are compared; its meaning stands at the top …
BEGINNING = 10_000  # … that is, among these characters
CLOSE = 0.42  # a cosine worth a look by somebody who is about to write the same
KINDRED = 0.6  # … one that is about the same
SAME = 0.8  # … and one that is most probably the same
COMPARED = 8_000  # articles of which all pairs are looked at, the ones changed last: 64 million products, 1 s
BLOCK = 512  # articles compared with all others by one product
SHOWN = 50  # pairs
TOLD_APART = "article.told_apart"


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
    """Two articles and the passage of each that is closest to the other."""

    first: Article
    second: Article
    similarity: float  # of the whole articles, a cosine
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
    """All pairs of articles of one language, drafts too, whose similarity is `at_least`, the closest first."""
    held = vectors_of_articles()
    if not len(held.ids):
        return Report((), 0, held.left_out, False)
    apart = told_apart()
    pairs = [pair for pair in close_pairs(held.vectors, at_least) if held.languages[pair[0]] == held.languages[pair[1]]]
    named = [(int(held.ids[a]), int(held.ids[b]), score) for a, b, score in pairs]
    named = [row for row in named if (min(row[:2]), max(row[:2])) not in apart][:SHOWN]
    articles = {row.id: row for row in in_order(list({one for row in named for one in row[:2]}))}
    passages = passages_of(list(articles))
    return Report(
        tuple(
            Pair(articles[a], articles[b], score, *closest(passages.get(a, []), passages.get(b, [])))
            for a, b, score in named
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
    languages: tuple[str, ...]
    vectors: Vectors
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
    ids = list(place)
    for start in range(0, len(ids), BLOCK):
        passages = select(Passage.article_id, Passage.vector).where(
            Passage.article_id.in_(ids[start : start + BLOCK]), Passage.model == model
        )
        for row in db.session.execute(passages):
            if row.vector and len(row.vector) == 4 * dimensions:
                sums[place[row.article_id]] += np.frombuffer(row.vector, np.float32)
                counts[place[row.article_id]] += 1
    titles = [np.frombuffer(row.vector, np.float32) for row in rows]
    whole = sums / np.maximum(counts, 1)[:, None] + TITLE * np.array(titles, np.float32).reshape(len(rows), dimensions)
    whole /= np.maximum(np.linalg.norm(whole, axis=1, keepdims=True), 1e-9)
    keep = counts > 0
    languages = tuple(row.language for row, kept in zip(rows, keep, strict=True) if kept)
    return Held(revision, np.array(ids, np.int64)[keep], languages, whole[keep], left_out)


def close_pairs(vectors: Vectors, at_least: float, most: int = 4 * SHOWN) -> list[tuple[int, int, float]]:
    """The closest pairs (a, b, cosine), a < b, of unit vectors of shape (n, dimensions); at most `most`, best first."""
    found: list[tuple[float, int, int]] = []
    for start in range(0, len(vectors), BLOCK):
        cosines = vectors[start : start + BLOCK] @ vectors[start:].T
        rows, columns = np.nonzero(np.triu(cosines, 1) >= at_least)
        scores = cosines[rows, columns]
        best = np.argsort(-scores)[:most]
        found += [(float(scores[n]), start + int(rows[n]), start + int(columns[n])) for n in best]
        found = sorted(found, reverse=True)[:most]
    return [(a, b, min(score, 1.0)) for score, a, b in found]


def passages_of(article_ids: Sequence[int]) -> dict[int, list[tuple[str, Vectors]]]:
    """The passages of a few articles: text and unit vector."""
    model = encoder().name
    found: dict[int, list[tuple[str, Vectors]]] = {}
    rows = db.session.execute(
        select(Passage.article_id, Passage.text, Passage.vector)
        .where(Passage.article_id.in_(article_ids), Passage.model == model)
        .order_by(Passage.article_id, Passage.position)
        .limit(5_000)
    )
    for row in rows:
        if row.vector:
            found.setdefault(row.article_id, []).append((row.text, np.frombuffer(row.vector, np.float32)))
    return found


def closest(first: list[tuple[str, Vectors]], second: list[tuple[str, Vectors]]) -> tuple[str, str]:
    """The text of the passage of each that is nearest to one of the other."""
    if not first or not second:
        return "", ""
    cosines = np.array([vector for _, vector in first]) @ np.array([vector for _, vector in second]).T
    a, b = np.unravel_index(int(np.argmax(cosines)), cosines.shape)
    return first[int(a)][0], second[int(b)][0]


def tell_apart(first: Article, second: Article, *, actor_id: int) -> None:
    """Remember that two articles are no duplicates. The record of it is what the report reads."""
    pair = sorted((first.id, second.id))
    record_event(TOLD_APART, Topic.ACCESS, subject=first, actor_id=actor_id, data={"pair": pair})


def told_apart() -> set[tuple[int, int]]:
    rows = db.session.scalars(
        select(Event.data)
        .where(Event.kind == TOLD_APART)
        .order_by(Event.recorded_at.desc(), Event.id.desc())
        .limit(5_000)
    )
    return {(data["pair"][0], data["pair"][1]) for data in rows}
