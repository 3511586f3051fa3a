"""Search by words, with the database's own index: FTS5's bm25 on SQLite, ts_rank by rarity on PostgreSQL."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from console.db import db

MOST_WORDS = 400  # of a question that are looked at
# How much a word counts in title, heading path and text.
SHORTEST_BEGINNING = 3  # letters
FIELD_WEIGHTS = (3.0, 1.5, 1.0)
USUAL_LENGTH = 60.0

ENDINGS = ("ations", "ation", "ings", "ing", "edly", "ied", "ies", "ers", "ed", "es", "ly", "er", "s", "e", "y")
TOKEN = re.compile(r"[^\W_]+")
# Words that say nothing about what a question is about.
COMMON = """
a about above after again against all also am an and any are aren as at be because been before being below between
both but by can cannot could couldn d did didn do does doesn doing don down during each few for from further get got
had hadn has hasn have haven having he hello her here hers herself hey hi him himself his how i if im in into is isn
it its itself ive just know let like ll m me more most my myself need no nor not now of off ok okay on once only or
other our ours ourselves out over own please re s same she should so some such t than thank thanks that the their
theirs them themselves then there these they this those through to too under until up us ve very want was wasn we
were weren what when where which while who whom why will with won would wouldn yes you your yours yourself yourselves
"""
STOP_WORDS = frozenset(COMMON.split())


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Roughly the part of a word that its forms share; only for pointing out words, never for finding."""
    word = word.casefold()
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


STOP_STEMS = frozenset(map(stem, STOP_WORDS))

MOST_OF_A_WORD = 20_000  # passages that are looked at for one word
# A question's score is the sum of its words' scores, so that those of each word can be kept for the next question.
SQLITE = text(
    "SELECT rowid, -bm25(passages_fts, :title, :heading, :body) FROM passages_fts "
    "WHERE passages_fts MATCH :term LIMIT :most"
)
# bm25 (Robertson and Zaragoza, 2009), which PostgreSQL does not have: of one word, ts_rank_cd is the sum of the weights
# of its places. k1 = 1.2 of a whole weight, b = 0.75; USUAL_LENGTH is the number of different words in a passage.
# Packed into two values: to take 20,000 rows apart would take longer than to find them.
POSTGRESQL = text("""
SELECT string_agg(int8send(id), ''::bytea), string_agg(float4send(
    CAST(places / (places + :k1 * (0.25 + 0.75 * length(terms) / :usual_length)) AS real)), ''::bytea)
FROM (
    SELECT id, terms, ts_rank_cd(CAST(:weights AS real[]), terms, to_tsquery('english', :term), 0) AS places
    FROM passages WHERE terms @@ to_tsquery('english', :term) LIMIT :most
) AS found""")


@dataclass(frozen=True, eq=False)
class Places:
    """The passages that hold one word, and how much it is worth in each: shape (n,)."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]

    @property
    def is_cut_off(self) -> bool:
        """There are more; these are any of them."""
        return len(self.ids) >= MOST_OF_A_WORD


class Kept(Protocol):
    """Where places are kept from one question to the next, see knowledge.held."""

    def places(self, term: str) -> Places | None: ...

    def keep(self, term: str, places: Places) -> None: ...


def content_words(question: str) -> list[str]:
    """The distinct words of a question that say what it is about, in order; every word when none does."""
    words = dict.fromkeys(TOKEN.findall(question[:20_000].casefold()))
    telling = [word for word in words if word not in STOP_WORDS and len(word) <= 40]
    return telling[:MOST_WORDS]


def last_word(question: str) -> str:
    """What a word that is being typed begins with; nothing while it may still become almost any."""
    words = TOKEN.findall(question.casefold())
    return words[-1] if words and len(words[-1]) >= SHORTEST_BEGINNING else ""


def find(
    words: Sequence[str],
    limit: int,
    passages: int,
    *,
    beginning: str = "",
    kept: Kept | None = None,
    alone: bool = True,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The ids and scores, best first, of at most `limit` passages that hold any of `words`.

    `passages`: how many there are in all. `beginning` of a word that is still being typed. `alone`: nothing else will
    find passages, so that even a word that nearly all of them hold is better than nothing. Beside a search by meaning,
    rarity counts twice: what all of the words say is known to it already, a rare word or a name often is not.
    Scores are above 0 and compare only with each other.
    """
    found = [places_of(term, kept) for term in dict.fromkeys([*words, f"{beginning}*"] if beginning else words)]
    if any(not places.is_cut_off for places in found) or not alone:
        found = [places for places in found if not places.is_cut_off]
    # FTS5's bm25 holds the word's rarity already, see POSTGRESQL for the other.
    times = (db.engine.dialect.name != "sqlite") + (not alone)
    return together([(places, rarity(len(places.ids), passages) ** times) for places in found], limit)


def rarity(held: int, passages: int) -> float:
    """The weight of a word that so many of all passages hold, as bm25 has it; above 0."""
    return math.log(1 + (max(passages - held, 0) + 0.5) / (held + 0.5))


def together(found: Sequence[tuple[Places, float]], limit: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Each passage's scores for all words added up: the `limit` best ids and scores, best first."""
    found = [(places, weight) for places, weight in found if len(places.ids)]
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    ids = np.concatenate([places.ids for places, _ in found])
    scores = np.concatenate([places.scores * np.float32(weight) for places, weight in found])
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
    ids, scores = ids[starts], np.add.reduceat(scores[order], starts)
    if len(ids) > limit:
        best = np.sort(np.argpartition(-scores, limit)[:limit])
        ids, scores = ids[best], scores[best]
    order = np.argsort(-scores, kind="stable")
    return ids[order], scores[order]


def places_of(term: str, kept: Kept | None) -> Places:
    """Where a word stands, or with * at its end a beginning; from what is kept, or by one statement."""
    places = kept.places(term) if kept else None
    if places is None:
        ask = on_sqlite if db.engine.dialect.name == "sqlite" else on_postgresql
        places = ask(term.removesuffix("*"), "*" if term.endswith("*") else "")
        if kept:
            kept.keep(term, places)
    return places


def on_sqlite(word: str, star: str) -> Places:
    # Quoted, a word is never an operator; words hold letters and digits alone, so no quote can close it.
    title, heading, body = FIELD_WEIGHTS
    given = {"term": f'"{word}"{star}', "title": title, "heading": heading, "body": body, "most": MOST_OF_A_WORD}
    rows = db.session.connection().execute(SQLITE, given).all()
    ids, scores = zip(*rows, strict=True) if rows else ((), ())
    return Places(np.array(ids, np.int64), np.array(scores, np.float32))


def on_postgresql(word: str, star: str) -> Places:
    highest = max(FIELD_WEIGHTS)
    title, heading, body = (weight / highest for weight in FIELD_WEIGHTS)
    given = {
        "term": f"'{word}'{star and ':*'}",
        "weights": [body, body, heading, title],
        "most": MOST_OF_A_WORD,
        "k1": 1.2 / highest,
        "usual_length": USUAL_LENGTH,
    }
    ids, scores = db.session.connection().execute(POSTGRESQL, given).one()
    return Places(
        np.frombuffer(ids or b"", ">i8").astype(np.int64), np.frombuffer(scores or b"", ">f4").astype(np.float32)
    )


def words_in_common(words: Sequence[str], passage: str, *, beginning: str = "") -> list[str]:
    """Which of a question's words a passage holds, in the question's order."""
    tokens = {token.casefold() for token in TOKEN.findall(passage)}
    held = {stem(token) for token in tokens}
    common = [word for word in words if stem(word) in held]
    if beginning and beginning not in common and any(token.startswith(beginning) for token in tokens):
        common.append(beginning)
    return common
