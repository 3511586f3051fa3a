"""Search by words, with the database's own index: FTS5 on SQLite, a tsvector's on PostgreSQL."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from console.db import db
from knowledge.nearby import NONE, Numbers, Vectors

MOST_WORDS = 400  # of a question that are looked at
SHORTEST_BEGINNING = 3  # letters
SATURATION, BY_LENGTH = 2.0, 0.75  # bm25's k1 and b
HEAD = 2.0  # how much a word counts in a title or heading path; in the text alone 1

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
# Whether a passage holds a word, not how often: FTS5's bm25 reads the length of each passage, which takes four times as
# long as all of this, and ts_rank_cd its whole tsvector. Each word's passages are packed into one value: to take rows
# apart would take longer than to find them.
SQLITE = text("""
SELECT (SELECT group_concat(rowid) FROM (
    SELECT rowid FROM passages_fts WHERE passages_fts MATCH term.value LIMIT :most))
FROM json_each(:terms) AS term""")
POSTGRESQL = text("""
SELECT (SELECT string_agg(int8send(id), ''::bytea) FROM (
    SELECT id FROM passages WHERE terms @@ to_tsquery('english', term.word) LIMIT :most) AS found),
(SELECT string_agg(int8send(id), ''::bytea) FROM (
    SELECT id FROM passages
    WHERE to_tsvector('english', title || ' ' || heading) @@ to_tsquery('english', term.word) LIMIT :most) AS found)
FROM unnest(CAST(:terms AS text[])) WITH ORDINALITY AS term (word, place) ORDER BY place""")


@dataclass(frozen=True, eq=False)
class Places:
    """The passages that hold one word, and how much it is worth in each: shape (n,)."""

    ids: Numbers
    scores: Vectors

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
) -> tuple[Numbers, Vectors]:
    """The ids and scores, best first, of at most `limit` passages that hold any of `words`.

    `passages`: how many there are in all. `beginning` of a word that is still being typed. `alone`: nothing else will
    find passages, so that even a word that nearly all of them hold is better than nothing. Beside a search by meaning,
    rarity counts twice: what all of the words say is known to it already, a rare word or a name often is not.
    Scores are above 0 and compare only with each other.
    """
    found = places_of(list(dict.fromkeys([*words, f"{beginning}*"] if beginning else words)), kept)
    if any(not places.is_cut_off for places in found) or not alone:
        found = [places for places in found if not places.is_cut_off]
    times = 1 if alone else 2
    return together([(places, rarity(len(places.ids), passages) ** times) for places in found], limit)


def rarity(held: int, passages: int) -> float:
    """The weight of a word that so many of all passages hold, as bm25 has it; above 0."""
    return math.log(1 + (max(passages - held, 0) + 0.5) / (held + 0.5))


def together(found: Sequence[tuple[Places, float]], limit: int) -> tuple[Numbers, Vectors]:
    """Each passage's scores for all words added up: the `limit` best ids and scores, best first."""
    found = [(places, weight) for places, weight in found if len(places.ids)]
    if not found:
        return NONE, np.zeros(0, np.float32)
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


def places_of(terms: Sequence[str], kept: Kept | None) -> list[Places]:
    """Where each word stands, or with * at its end a beginning; those that are not kept by one statement."""
    found = {term: kept.places(term) if kept else None for term in terms}
    missing = [term for term, places in found.items() if places is None]
    if missing:
        read = (on_sqlite if db.engine.dialect.name == "sqlite" else on_postgresql)(missing)
        for term, (ids, in_heads) in zip(missing, read, strict=True):
            scores = np.where(np.isin(ids, in_heads), np.float32(HEAD), np.float32(1))
            found[term] = places = Places(ids, scores)
            if kept:
                kept.keep(term, places)
    return [places for places in found.values() if places]


def on_sqlite(terms: Sequence[str]) -> list[tuple[Numbers, Numbers]]:
    """The passages that hold each term, and those that do in their title or heading path."""
    # Quoted, a word is never an operator; words hold letters and digits alone, so no quote can close it.
    quoted = [f'"{term.removesuffix("*")}"{"*" * term.endswith("*")}' for term in terms]
    asked = quoted + [f"{{title heading}} : {one}" for one in quoted]
    rows = db.session.connection().execute(SQLITE, {"terms": json.dumps(asked), "most": MOST_OF_A_WORD})
    found = [np.fromstring(joined, np.int64, sep=",") if joined else NONE for (joined,) in rows]
    return list(zip(found[: len(terms)], found[len(terms) :], strict=True))


def on_postgresql(terms: Sequence[str]) -> list[tuple[Numbers, Numbers]]:
    quoted = [f"'{term.removesuffix('*')}'{':*' * term.endswith('*')}" for term in terms]
    rows = db.session.connection().execute(POSTGRESQL, {"terms": quoted, "most": MOST_OF_A_WORD})
    return [(unpacked(anywhere), unpacked(in_heads)) for anywhere, in_heads in rows]


def unpacked(packed: bytes | None) -> Numbers:
    return np.frombuffer(packed or b"", ">i8").astype(np.int64)


def counted(passages: Sequence[tuple[str, str]], weights: Mapping[str, float]) -> NDArray[np.float64]:
    """The bm25 (Robertson and Zaragoza, 2009) of each of some passages, of shape (n,).

    `passages`: head and text of each, at least one. `weights`: each stem's rarity. A word counts HEAD times in a head.
    """
    lengths = np.array([len(words) for _, words in passages], np.float64)
    slack = SATURATION * (1 - BY_LENGTH + BY_LENGTH * lengths / max(lengths.mean(), 1))
    scores = np.zeros(len(passages))
    folded = [(head.casefold(), words.casefold()) for head, words in passages]
    for stemmed, weight in weights.items():
        times = np.array([HEAD * times_in(stemmed, head) + times_in(stemmed, words) for head, words in folded])
        scores += weight * times * (SATURATION + 1) / (times + slack)
    return scores


def words_in_common(words: Sequence[str], passage: str, *, beginning: str = "") -> list[str]:
    """Which of a question's words a passage holds, in the question's order."""
    text = passage.casefold()
    common = [word for word in words if stands_in(stem(word), text)]
    if beginning and beginning not in common and any(tokens_from(beginning, text)):
        common.append(beginning)
    return common


def stands_in(stemmed: str, text: str) -> bool:
    """Whether a word with this stem stands in a case-folded text. A stem is the beginning of its words."""
    return stemmed in text and any(stem(token) == stemmed for token in tokens_from(stemmed, text))


def times_in(stemmed: str, text: str) -> int:
    """How often one does."""
    return sum(stem(token) == stemmed for token in tokens_from(stemmed, text))


def tokens_from(beginning: str, text: str) -> Iterator[str]:
    """The words of a text that begin so. To look for each takes less than to take the text apart."""
    at = text.find(beginning)
    while at >= 0:
        if (at == 0 or not text[at - 1].isalnum()) and (token := TOKEN.match(text, at)):
            yield token[0]
        at = text.find(beginning, at + 1)
