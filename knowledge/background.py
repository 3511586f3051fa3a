"""The articles as a whole, as a search must know them to judge one answer: what is usual here.

Made of a sample of passages, all of them where there are few, and kept in the process until much has changed.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from flask import current_app
from sqlalchemy import func, select

from console.db import db
from knowledge import chance
from knowledge.chance import Chance
from knowledge.chunking import sentences
from knowledge.embedding import Encoder, unpacked
from knowledge.keywords import TOKEN, stem
from knowledge.likeness import Rarity, alike, wordings
from knowledge.models import Article, ArticleState, KnowledgeRevision, Passage
from knowledge.nearby import Vectors
from knowledge.questions import Speller

SAMPLE = 1_500  # passages
LISTABLE = 50_000  # passages whose ids are read one and all
SELF_ASKED = 500  # sentences that are asked as if a customer had said them
RIVALS = 6  # nearest sentences that each of them is compared with
OFTEN = 5  # times that a word stands in a sample to be trusted
SPOKEN = 0.8  # share of the articles' running words
STRANGE, STRANGE_SHARE = 3, 0.3  # words of a question, and their share
HANDFUL = 20  # sentences
UNSURE = 0.05  # this share of them …
LEAST_SURE, MOST_SURE = 0.45, 0.7  # … is less alike than what is expected of an answer, within these bounds
LOOKED_AT_EVERY = 20.0  # seconds between two looks at whether anything changed
KEPT = 600.0  # seconds that a sample serves while little changes
MUCH = 0.2  # share of the range of passages by which a change is more than a little


@dataclass(frozen=True)
class Background:
    """`usual`: the mean sentence, of shape (dimensions,), which tells no answer from another.

    `expected`: how alike a question's answer and its best sentence are expected to be at the least. Where articles
    are lists of the customers' own questions, that is much; where they are prose, it is less.
    """

    passages: int  # in the sample
    size: int  # of what it was taken from, about
    rarity: Rarity
    words: Counter[str]
    usual: Vectors
    expected: float
    encoder: Encoder
    is_prepared: bool = True  # every passage of the sample has its vectors
    chance: Chance | None = None  # None while the model was not ready

    @cached_property
    def speller(self) -> Speller:
        # Where the sample is not all, a rare word may be one of theirs that was not met.
        return Speller(self.words, self.encoder.knows, at_least=1 if self.passages < SAMPLE else OFTEN)

    @cached_property
    def is_in_the_models_language(self) -> bool:
        """Whether the model's dictionary knows nearly every word of the articles. Only once the model is ready."""
        known = sum(count for word, count in self.words.items() if self.encoder.knows(word))
        return known >= SPOKEN * sum(self.words.values())

    def is_foreign(self, text: str) -> bool:
        """Whether a question is in a language of its own: many words that neither the articles nor the model know."""
        words = [token.casefold() for token in TOKEN.findall(text) if not token.isdigit()]
        strange = sum(word not in self.words and not self.encoder.knows(word) for word in words)
        return strange >= STRANGE and strange >= STRANGE_SHARE * len(words) and self.is_in_the_models_language

    def centred(self, vectors: Vectors) -> Vectors:
        """Unit vectors of what is unusual about each, of the same shape (n, dimensions)."""
        rest = vectors - self.usual if len(self.usual) else vectors
        lengths = np.linalg.norm(rest, axis=-1, keepdims=True)
        return np.asarray(rest / np.maximum(lengths, 1e-9), dtype=np.float32)

    def centred_cosines(self, rows: Vectors, vector: Vectors, cosines: Vectors) -> Vectors:
        """The cosines of rows of shape (n, dimensions) to a vector, all centred: the same without a centred copy.

        `cosines`: the products of rows and vector as they are.
        """
        usual = self.usual if len(self.usual) else np.zeros_like(vector)
        rest, usually = vector - usual, rows @ usual
        squares = (np.vecdot(rows, rows) - 2 * usually + usual @ usual) * (rest @ rest)
        return np.asarray((cosines - usually - usual @ rest) / np.sqrt(np.maximum(squares, 1e-18)), np.float32)


@dataclass
class Kept:
    """What this process knows of one database and one model, and when it looked."""

    background: Background | None = None
    revision: int = -1
    size: int = 0  # of the range of its passages' ids
    made_at: float = 0.0
    looked_at: float = float("-inf")


def background_for(model: Encoder) -> Background:
    """The background of the app's database. Costs nothing most of the time, a look now and then, seldom a sample."""
    state = current_app.extensions.setdefault("knowledge.background", {"lock": threading.Lock()})
    kept = state.setdefault(model.name, Kept())
    now = time.monotonic()
    background: Background | None = kept.background
    if background is None or not background.passages or now - kept.looked_at > LOOKED_AT_EVERY:
        with state["lock"]:
            background = refreshed(kept, model, now)
    return background


def refreshed(kept: Kept, model: Encoder, now: float) -> Background:
    kept.looked_at = now
    revision = db.session.scalar(select(KnowledgeRevision.value)) or 0
    is_complete = kept.background is not None and (kept.background.chance is not None or not model.ready())
    if kept.background is not None and is_complete and revision == kept.revision:
        return kept.background
    first, last = db.session.execute(select(func.min(Passage.id), func.max(Passage.id))).one()
    size = last - first + 1 if last else 0
    if (
        kept.background is None
        or not is_complete
        or not kept.background.is_prepared
        or now - kept.made_at > KEPT
        or abs(size - kept.size) > MUCH * kept.size
    ):
        kept.background = sample(model, *(ids_between(first, last) if size else ([], 0)))
        kept.revision, kept.made_at, kept.size = revision, now, size
    return kept.background


def ids_between(first: int, last: int) -> tuple[list[int], int]:
    """At most SAMPLE ids of passages, evenly from everywhere, and how many there are.

    Of very many, every so many-th id may be gone; then there are fewer than is said.
    """
    if last - first < LISTABLE:
        ids = db.session.scalars(select(Passage.id).order_by(Passage.id)).all()
        return [int(id) for id in ids[:: -(-len(ids) // SAMPLE)]], len(ids)
    return [int(id) for id in np.linspace(first, last, SAMPLE)], last - first + 1


def sample(model: Encoder, ids: Sequence[int], size: int) -> Background:
    rows = passages(ids)
    stems = Counter(held for row in rows for held in {stem(word) for word in words_of(row)})
    rarity = Rarity(len(rows), stems)
    words = Counter(word for row in rows for word in words_of(row))
    dimensions = next((len(row.vector) // 4 for row in rows if row.model == model.name and row.vector), 0)
    texts: list[str] = []
    owners: list[int] = []
    vectors = []
    for row in rows:
        spans = sentences(row.text)
        if row.model == model.name and len(row.sentence_vectors or b"") == len(spans) * dimensions:
            texts += [row.text[begin:end] for begin, end in spans]
            owners += [row.article_id] * len(spans)
            vectors.append(unpacked(row.sentence_vectors, dimensions))
    found = np.concatenate(vectors) if vectors else np.zeros((0, dimensions), np.float32)
    # Of a handful of sentences the mean is mostly those sentences themselves.
    usual = found.sum(axis=0) / (len(found) + HANDFUL)
    bare = Background(len(rows), size, rarity, words, usual, LEAST_SURE, model, len(vectors) == len(rows))
    return replace(
        bare,
        expected=self_asked(bare, texts, np.array(owners), found),
        chance=by_chance(bare, rows, texts, found) if model.ready() else None,
    )


def by_chance(bare: Background, rows: Sequence[Any], texts: Sequence[str], vectors: Vectors) -> Chance:
    stored = [row.vector for row in rows if row.model == bare.encoder.name and row.vector]
    passages = np.frombuffer(b"".join(stored), np.float32).reshape(len(stored), -1)
    everyday = bare.encoder.encode_briefly(chance.EVERYDAY)
    return chance.measured(everyday, passages, bare.centred(vectors), bare.centred(everyday), texts, bare.rarity)


def passages(ids: Sequence[int]) -> Sequence[Any]:
    """The published ones of some passages."""
    columns = Passage.article_id, Passage.title, Passage.heading, Passage.text, Passage.model
    return db.session.execute(
        select(*columns, Passage.sentence_vectors, Passage.vector)
        .join(Article, Article.id == Passage.article_id)
        .where(Passage.id.in_(ids), Article.state == ArticleState.PUBLISHED)
        .order_by(Passage.id)
    ).all()


def words_of(row: Any) -> list[str]:
    return [token.casefold() for token in TOKEN.findall(f"{row.title} {row.heading} {row.text}")]


def self_asked(bare: Background, texts: Sequence[str], owners: np.ndarray, vectors: Vectors) -> float:
    """How alike a sentence and the nearest other sentence of its own article are, where they are hardly alike.

    That is what an answer looks like here at its worst. Every article counts the same, however long.
    """
    places = [int(place) for place in np.random.default_rng(0).permutation(len(texts))[:SELF_ASKED]]
    centred = bare.centred(vectors)
    said = [TOKEN.findall(text.casefold()) for text in texts]
    found: dict[int, list[float]] = defaultdict(list)
    for place in places:
        own = np.flatnonzero(owners == owners[place])
        own = own[[said[other] != said[place] for other in own]]
        if not len(own):
            continue
        cosines = centred[own] @ centred[place]
        nearest = np.argsort(-cosines)[:RIVALS]
        asked, *others = wordings([texts[at] for at in (place, *own[nearest].tolist())], bare.rarity)
        found[int(owners[place])].append(float(alike(asked, others, cosines[nearest]).max()))
    if not found:
        return LEAST_SURE
    values = np.array([value for of_one in found.values() for value in of_one])
    weights = np.array([1 / len(of_one) for of_one in found.values() for _ in of_one])
    order = np.argsort(values)
    at = int(np.searchsorted(np.cumsum(weights[order]), UNSURE * weights.sum()))
    return float(np.clip(values[order[at]], LEAST_SURE, MOST_SURE))
