"""Which of what is remembered holds some words: the engine's own index, a bounded number of rows for each word.

A word's rows are read newest first and no more than MOST_OF_A_WORD of them; rows that hold several are asked for by
themselves, so that two common words still find the few rows that hold both. bm25 is not asked: FTS5 would count every
row that holds a word, and notes are too short for how often a word stands in one to tell much.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, reduce
from itertools import chain
from typing import Any

import numpy as np
from sqlalchemy import TextClause, text

from console.db import db
from knowledge.keywords import Places, rarity, together
from knowledge.nearby import Numbers, Vectors

MOST_WORDS = 10  # of a question
MOST_OF_A_WORD = 500  # rows
ENOUGH_TOGETHER = 10  # rows that were found for each of the words asked for together, from which on they are not
TOGETHER = 3  # words that are asked for together: of more, the longest ones, which are mostly the rarest
ACCENTS = re.compile("[\u0300-\u036f]")

SQLITE = """SELECT {place}, rowid FROM (
SELECT rowid FROM remembered_fts WHERE remembered_fts MATCH :term{place} ORDER BY rowid DESC LIMIT {most})"""
POSTGRESQL = """SELECT {place}, id FROM (
SELECT id FROM remembered WHERE terms @@ (to_tsquery('english', :term{place}){marks}) ORDER BY id DESC LIMIT {most})"""
HOW_MANY = "SELECT -1, coalesce(max(id), 0) FROM remembered"
MARKED_SQLITE = (
    "SELECT rowid AS id FROM remembered_fts WHERE remembered_fts MATCH :marks ORDER BY rowid DESC LIMIT :most"
)
MARKED_POSTGRESQL = "SELECT id FROM remembered WHERE terms @@ CAST(:marks AS tsquery) ORDER BY id DESC LIMIT :most"


@dataclass(frozen=True)
class Marks:
    """What a row must be: of each group one mark, see Remembered. Of marks no letter is a quote."""

    groups: tuple[tuple[str, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.groups)

    def fit(self, marks: str) -> bool:
        held = set(marks.split())
        return all(not held.isdisjoint(group) for group in self.groups)

    @cached_property
    def of_fts(self) -> str:
        return " AND ".join(f"marks : ({' OR '.join(group)})" for group in self.groups)

    @cached_property
    def of_tsquery(self) -> str:
        quoted = (" | ".join(f"'@{mark}'" for mark in group) for group in self.groups)
        return " & ".join(f"({group})" for group in quoted)

    def statement(self) -> tuple[TextClause, dict[str, Any]]:
        """The ids of what fits, newest first, and its values but :most."""
        if db.engine.dialect.name == "sqlite":
            return text(MARKED_SQLITE), {"marks": self.of_fts}
        return text(MARKED_POSTGRESQL), {"marks": self.of_tsquery}


def months(since: datetime, until: datetime) -> tuple[str, ...]:
    """The marks of every month, UTC, that any moment between the two falls into."""
    first, last = since.year * 12 + since.month - 1, until.year * 12 + until.month - 1
    return tuple(f"m{month // 12}{month % 12 + 1:02}" for month in range(first, last + 1))


def find(
    words: Sequence[str], marks: Marks, limit: int, *, beginning: str = ""
) -> tuple[Numbers, Vectors, list[float]]:
    """At most `limit` ids and scores, best first and the newer of equal ones, and how rare each of the words is.

    One statement, or two. `beginning`: of a word that is still being typed; its rarity is the last one.
    """
    terms = [(word, "") for word in words[:MOST_WORDS]] + ([(beginning, "*")] if beginning else [])
    if not terms:
        return np.zeros(0, np.int64), np.zeros(0, np.float32), []
    found, in_all = holding([[term] for term in terms], marks)
    rare = [rarity(len(one.ids), in_all) for one in found]
    weighed = list(zip(found, rare, strict=True))
    longest = sorted(range(len(terms)), key=lambda place: -len(terms[place][0]))[:TOGETHER]
    missed = sum(rare[place] for place in longest if len(found[place].ids) >= MOST_OF_A_WORD)
    if missed and len(terms) > 1:
        held_all = reduce(np.intersect1d, (found[place].ids for place in longest))
        # Where the newest of each word hold all of them often, so do hundreds of thousands further down.
        if len(held_all) < ENOUGH_TOGETHER:
            weighed.append((holding([[terms[place] for place in longest]], marks)[0][0], missed))
    best, scores = together(weighed, limit)
    return -best, scores, rare


def holding(asked: Sequence[Sequence[tuple[str, str]]], marks: Marks) -> tuple[list[Places], int]:
    """The newest rows that hold all of each group of terms, their ids negative; and how many rows there are in all."""
    rows = db.session.connection().execute(*(on_sqlite if is_sqlite() else on_postgresql)(asked, marks)).all()
    places, ids = np.fromiter(chain.from_iterable(rows), np.int64, 2 * len(rows)).reshape(-1, 2).T
    # Of equal scores `together` takes the lower id first, which here is to be the newer one's.
    found = [-ids[places == place] for place in range(len(asked))]
    return [Places(own, np.ones(len(own), np.float32)) for own in found], int(ids[places == -1][0])


def on_sqlite(asked: Sequence[Sequence[tuple[str, str]]], marks: Marks) -> tuple[TextClause, dict[str, str]]:
    # Quoted, a word is never an operator; words hold letters and digits alone, so no quote can close it.
    narrowed = f" AND {marks.of_fts}" if marks else ""
    given = {
        f"term{place}": " AND ".join(f'body : "{word}"{star}' for word, star in terms) + narrowed
        for place, terms in enumerate(asked)
    }
    parts = [SQLITE.format(place=place, most=MOST_OF_A_WORD) for place in range(len(asked))]
    return text(" UNION ALL ".join([*parts, HOW_MANY])), given


def on_postgresql(asked: Sequence[Sequence[tuple[str, str]]], marks: Marks) -> tuple[TextClause, dict[str, str]]:
    narrowed = " && CAST(:marks AS tsquery)" if marks else ""
    given = {
        f"term{place}": " & ".join(f"'{plain(word)}'{star and ':*'}" for word, star in terms)
        for place, terms in enumerate(asked)
    }
    parts = [POSTGRESQL.format(place=place, marks=narrowed, most=MOST_OF_A_WORD) for place in range(len(asked))]
    return text(" UNION ALL ".join([*parts, HOW_MANY])), given | ({"marks": marks.of_tsquery} if marks else {})


def plain(word: str) -> str:
    """Without accents, as `terms` has its words on PostgreSQL; FTS5 does that by itself."""
    return ACCENTS.sub("", unicodedata.normalize("NFKD", word))


def is_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"
