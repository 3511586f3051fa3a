"""Search by words, with the database's own index: FTS5's bm25 on SQLite, ts_rank by rarity on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from console.db import db

MOST_WORDS = 48  # of a question; the words after that are looked for by meaning alone
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

SQLITE = text(
    "SELECT rowid, -bm25(passages_fts, :title, :heading, :body) FROM passages_fts "
    "WHERE passages_fts MATCH :words ORDER BY 2 DESC LIMIT :limit"
)
# bm25 (Robertson and Zaragoza, 2009), which PostgreSQL does not have: of one word, ts_rank_cd is the sum of the weights
# of its places. k1 = 1.2 of a whole weight, b = 0.75; USUAL_LENGTH is the number of different words in a passage.
POSTGRESQL = """
SELECT id, {score} FROM passages, to_tsquery('english', :words) query WHERE terms @@ query
ORDER BY 2 DESC, id LIMIT :limit"""
RANKED = """CAST(:rarity_{n} AS real) * (SELECT places / (places + :k1 * (0.25 + 0.75 * length(terms) / :usual_length))
FROM ts_rank_cd(CAST(:weights AS real[]), terms, to_tsquery('english', :word_{n}), 0) AS places)"""


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
    words: Sequence[str], limit: int, rarities: Sequence[float] = (), *, beginning: str = ""
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The ids and scores, best first, of at most `limit` passages that hold any of `words`.

    `rarities` of the words, above 0; all the same when left out. `beginning` of a word that is still being typed.
    Scores are above 0 and compare only with each other.
    """
    if not words and not beginning:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    ask = on_sqlite if db.engine.dialect.name == "sqlite" else on_postgresql
    rows = ask(words, limit, rarities or [1.0] * len(words), beginning)
    return np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.float32)


def on_sqlite(words: Sequence[str], limit: int, rarities: Sequence[float], beginning: str) -> Sequence[Any]:
    # Quoted, a word is never an operator; words hold letters and digits alone, so no quote can close it.
    terms = [f'"{word}"' for word in words] + ([f'"{beginning}"*'] if beginning else [])
    title, heading, body = FIELD_WEIGHTS
    given = {"words": " OR ".join(terms), "title": title, "heading": heading, "body": body, "limit": limit}
    return db.session.execute(SQLITE, given).all()


def on_postgresql(words: Sequence[str], limit: int, rarities: Sequence[float], beginning: str) -> Sequence[Any]:
    terms = [f"'{word}'" for word in words]
    if beginning:
        terms, rarities = [*terms, f"'{beginning}':*"], [*rarities, max(rarities, default=1.0)]
    highest = max(FIELD_WEIGHTS)
    title, heading, body = (weight / highest for weight in FIELD_WEIGHTS)
    given: dict[str, Any] = {"words": " | ".join(terms), "weights": [body, body, heading, title], "limit": limit}
    given |= {"k1": 1.2 / highest, "usual_length": USUAL_LENGTH}
    given |= {f"word_{n}": term for n, term in enumerate(terms)}
    given |= {f"rarity_{n}": rarity for n, rarity in enumerate(rarities)}
    score = " + ".join(RANKED.format(n=n) for n in range(len(terms)))
    return db.session.execute(text(POSTGRESQL.format(score=score)), given).all()


def words_in_common(words: Sequence[str], passage: str, *, beginning: str = "") -> list[str]:
    """Which of a question's words a passage holds, in the question's order."""
    tokens = {token.casefold() for token in TOKEN.findall(passage)}
    held = {stem(token) for token in tokens}
    common = [word for word in words if stem(word) in held]
    if beginning and beginning not in common and any(token.startswith(beginning) for token in tokens):
        common.append(beginning)
    return common
