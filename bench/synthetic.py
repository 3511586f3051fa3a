"""A knowledge base of any size: the demo shop's sentences put together anew, their vectors with noise, seeded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, insert

from console.db import utc_now
from console.demo.reading import FRONT_MATTER, SHOP
from knowledge.chunking import cut, sentences
from knowledge.embedding import Encoder, packed
from knowledge.models import Article, ArticleState, Audience, Passage
from knowledge.nearby import Vectors

IN_ARTICLE = 5  # passages
IN_PASSAGE = 6  # sentences, and as many rare words
RARE = 60_000  # words that are in few passages: names, numbers and codes, as frequent as Zipf's law has it
NOISE = 0.7  # how far a passage's vector lies from its sentences', against their length
BATCH = 500  # articles written at once
LANGUAGES = ("en", "en", "en", "en", "en", "en", "de", "fr", "es", "en-GB")
SYLLABLES = ("ba", "ko", "ri", "ten", "mol", "su", "vi", "dar", "lo", "ne", "pra", "qui", "sta", "fe", "gu", "zi")


@dataclass(frozen=True)
class Base:
    """The sentences that everything is made of."""

    sentences: list[str]
    vectors: Vectors  # (sentences, dimensions)
    packed: list[bytes]
    topics: list[list[int]]  # of each article of the demo shop, which sentences are its


def base(model: Encoder) -> Base:
    texts: list[str] = []
    topics: list[list[int]] = []
    for file in sorted(SHOP.rglob("*.md")):
        match = FRONT_MATTER.fullmatch(file.read_text(encoding="utf-8"))
        pieces = cut(file.stem, match[2] if match else "")
        found = [piece.text[begin:end] for piece in pieces for begin, end in sentences(piece.text)]
        found = [" ".join(sentence.split()) for sentence in found if 4 <= len(sentence.split()) <= 40]
        if len(found) >= IN_PASSAGE:
            topics.append(list(range(len(texts), len(texts) + len(found))))
            texts.extend(found)
    vectors = model.encode(texts)
    return Base(texts, vectors, [row.tobytes() for row in packed(vectors)], topics)


@dataclass(frozen=True)
class Batch:
    articles: list[dict[str, Any]]
    passages: list[dict[str, Any]]
    vectors: Vectors  # of the passages, (passages, dimensions)


def batches(made_of: Base, passages: int, model: str, seed: int = 3) -> Iterator[Batch]:
    rng = np.random.default_rng(seed)
    words = rare_words()
    weights = 1 / np.arange(1, RARE + 1)
    common = np.cumsum(weights / weights.sum())
    for first in range(0, passages, BATCH * IN_ARTICLE):
        count = min(BATCH * IN_ARTICLE, passages - first)
        rare = np.searchsorted(common, rng.random((count, IN_PASSAGE)))
        yield batch(made_of, first, count, model, rng, [[words[word] for word in row] for row in rare])


def batch(made_of: Base, first: int, count: int, model: str, rng: np.random.Generator, rare: list[list[str]]) -> Batch:
    now = utc_now()
    articles: list[dict[str, Any]] = []
    passages: list[dict[str, Any]] = []
    middles = np.empty((count, made_of.vectors.shape[1]), np.float32)
    for number in range(count):
        article_id = (first + number) // IN_ARTICLE + 1
        if number % IN_ARTICLE == 0:
            topic = made_of.topics[int(rng.integers(len(made_of.topics)))]
            title = f"{made_of.sentences[topic[0]][:80]} {rare[number][0]}"
            articles.append(article(article_id, title, model, now))
        chosen = [topic[place] for place in rng.integers(len(topic), size=IN_PASSAGE)]
        middles[number] = made_of.vectors[chosen].mean(axis=0)
        said, parts = made_of.sentences, zip(chosen, rare[number], strict=True)
        passages.append({
            "id": first + number + 1, "article_id": article_id, "position": number % IN_ARTICLE, "title": title,
            "heading": rare[number][1], "text": "\n".join(f"{word} {said[place]}" for place, word in parts),
            "sentence_vectors": b"".join(made_of.packed[place] for place in chosen), "model": model,
        })  # fmt: skip
    vectors = with_noise(middles, rng)
    titles = with_noise(middles[::IN_ARTICLE], rng)
    for row, vector in zip(passages, vectors, strict=True):
        row["vector"] = vector.tobytes()
    for row, vector in zip(articles, titles, strict=True):
        row["vector"] = vector.tobytes()
    return Batch(articles, passages, vectors)


def article(number: int, title: str, model: str, now: Any) -> dict[str, Any]:
    return {
        "id": number, "source": "bench", "external_id": str(number), "slug": f"bench-{number}", "title": title,
        "body": "", "language": LANGUAGES[number % len(LANGUAGES)], "audience": list(Audience)[number % 2],
        "state": ArticleState.PUBLISHED if number % 50 else ArticleState.ARCHIVED, "labels": [f"label {number % 40}"],
        "content_hash": "", "updated_at": now, "standing": 0.0, "revision": 1, "is_demo": False, "model": model,
    }  # fmt: skip


def with_noise(middles: Vectors, rng: np.random.Generator) -> Vectors:
    lengths = np.linalg.norm(middles, axis=1, keepdims=True)
    noise = rng.standard_normal(middles.shape, dtype=np.float32) * (NOISE * lengths / middles.shape[1] ** 0.5)
    moved = middles + noise
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), dtype=np.float32)


def rare_words() -> list[str]:
    rng = np.random.default_rng(5)
    return [
        "".join(SYLLABLES[place] for place in row) + str(number % 7)
        for number, row in enumerate(rng.integers(len(SYLLABLES), size=(RARE, 4)))
    ]


def write(connection: Connection, part: Batch) -> None:
    connection.execute(insert(Article), part.articles)
    connection.execute(insert(Passage), part.passages)


def questions(made_of: Base, count: int, words: int, seed: int = 11) -> list[str]:
    """Of about `words` words, put together from sentences of one topic and now and then a rare word."""
    rng = np.random.default_rng(seed)
    rare = rare_words()
    asked = []
    for _ in range(count):
        topic = made_of.topics[int(rng.integers(len(made_of.topics)))]
        spoken: list[str] = []
        while len(spoken) < words:
            spoken += made_of.sentences[topic[int(rng.integers(len(topic)))]].split()
        start = int(rng.integers(max(len(spoken) - words, 0) + 1))
        asked.append(" ".join([*spoken[start : start + words - 1], rare[int(rng.integers(3000))]]))
    return asked


def exact_best(
    held: tuple[Vectors, NDArray[np.int64]] | None, part: Batch, asked: Vectors, k: int
) -> tuple[Vectors, NDArray[np.int64]]:
    """The k highest cosines of every question and their passages, each of shape (questions, k), `part` included."""
    findable = np.array([row["article_id"] % 50 != 0 for row in part.passages])
    cosines = np.where(findable, asked @ part.vectors.T, -1).astype(np.float32)
    ids = np.broadcast_to(np.array([row["id"] for row in part.passages], np.int64), cosines.shape)
    if held is not None:
        cosines, ids = np.concatenate([held[0], cosines], axis=1), np.concatenate([held[1], ids], axis=1)
    best = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(cosines, best, axis=1), np.take_along_axis(ids, best, axis=1)
