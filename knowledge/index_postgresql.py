"""The same questions answered by PostgreSQL itself: pgvector's HNSW index, in step with the articles by triggers.

No process holds a vector, so what is saved is found, and what is deleted is gone, with the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import Connection, TextClause, select, text

from console.db import db
from console.web import today
from knowledge.beside import beside
from knowledge.models import Article, ArticleState, KnowledgeRevision
from knowledge.nearby import LISTED, Filters, Flags, Nearby, Numbers, Vectors

WALK = 100  # candidates that a walk through the index keeps at the least, of 1,000 at the most
FEW = 2_000  # articles that filters leave: so few are compared one by one, exactly

SETTINGS = text(
    "SELECT set_config('hnsw.ef_search', :walk, true), set_config('hnsw.iterative_scan', 'relaxed_order', true)"
)
# Packed, see knowledge.keywords; every aggregate takes the rows in the same order.
PACKED = """
SELECT string_agg(int8send(passage), ''::bytea), string_agg(int8send(article), ''::bytea),
    string_agg(float4send(CAST(cosine AS real)), ''::bytea), string_agg(float4send(CAST(title AS real)), ''::bytea),
    string_agg(float4send(CAST(standing AS real)), ''::bytea), string_agg(boolsend(verified), ''::bytea)
FROM ({found}) AS found"""
PACKED_AS = (">i8", ">i8", ">f4", ">f4", ">f4", "?")
ARTICLE = """
a.id AS article, a.standing,
a.verified_at IS NOT NULL AND (a.verify_by IS NULL OR a.verify_by >= :today) AS verified"""
NEAREST = """
SELECT v.passage_id AS passage, {article}, -(v.embedding::halfvec({size}) <#> q.q) AS cosine, {title} AS title
FROM (SELECT CAST(:question AS halfvec({size})) AS q) q
CROSS JOIN passage_vectors v JOIN articles a ON a.id = v.article_id {titles}
WHERE v.model = :model AND vector_dims(v.embedding) = {size} AND {condition}
ORDER BY (v.embedding::halfvec({size}) <#> CAST(:question AS halfvec({size}))){exact} LIMIT :count"""
# Row by row: of joins, the planner takes those that read all vectors of ten thousand passages to compare six hundred.
OF_PASSAGES = """
SELECT p.id AS passage, a.article, a.standing, a.verified,
    coalesce((SELECT -(v.embedding::halfvec({size}) <#> q.q) FROM passage_vectors v
        WHERE v.passage_id = p.id AND v.model = :model AND vector_dims(v.embedding) = {size}), 0) AS cosine,
    coalesce((SELECT -(t.embedding::halfvec({size}) <#> q.q) FROM title_vectors t
        WHERE t.article_id = a.article AND t.model = :model AND vector_dims(t.embedding) = {size}), 0) AS title
FROM (SELECT CAST(:question AS halfvec({size})) AS q) q CROSS JOIN passages p
CROSS JOIN LATERAL (SELECT {article} FROM articles a WHERE a.id = p.article_id AND {condition} OFFSET 0) a
WHERE p.id = ANY(:also)"""
TITLE = "coalesce(-(t.embedding::halfvec({size}) <#> q.q), 0)"
TITLES = "LEFT JOIN title_vectors t ON t.article_id = a.id AND t.model = :model AND vector_dims(t.embedding) = {size}"
ALLOWED = "SELECT a.id FROM articles a WHERE {condition} LIMIT :n"
LATEST = "SELECT a.id FROM articles a WHERE {condition} ORDER BY a.updated_at DESC, a.id DESC LIMIT :n"
LABELLED = "EXISTS (SELECT 1 FROM jsonb_array_elements_text(a.labels) label WHERE lower(label) = ANY(:{name}))"
BY_WORDS = """
SELECT p.id AS passage, {article}, 0 AS cosine, 0 AS title FROM passages p JOIN articles a ON a.id = p.article_id
WHERE p.id = ANY(:also) AND {condition}"""

LANGUAGES = text(
    "SELECT lower(split_part(language, '-', 1)) FROM articles WHERE state = 'published' "
    "GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT :most"
)
LABELS = text(
    "SELECT label FROM articles, jsonb_array_elements_text(labels) label WHERE state = 'published' "
    "GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT :most"
)
OWNERS = text(
    "SELECT owner_id FROM articles WHERE owner_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT :most"
)


@dataclass(frozen=True)
class Rows:
    """Passages as PACKED answers them, each with what belongs to its article. Arrays of shape (n,)."""

    passage_ids: Numbers
    article_ids: Numbers
    cosines: Vectors
    titles: Vectors
    standing: Vectors
    verified: Flags

    def at(self, places: Numbers) -> Rows:
        return Rows(*(getattr(self, field.name)[places] for field in fields(self)))

    def together(self, more: Rows) -> Rows:
        """Both, without what is in the first already."""
        more = more.at(np.flatnonzero(~np.isin(more.passage_ids, self.passage_ids)))
        names = [field.name for field in fields(self)]
        return Rows(*(np.concatenate([getattr(self, name), getattr(more, name)]) for name in names))

    def grouped(self) -> Nearby:
        article_ids, first, places = np.unique(self.article_ids, return_index=True, return_inverse=True)
        return Nearby(
            passage_ids=self.passage_ids,
            cosines=self.cosines,
            places=places,
            article_ids=article_ids,
            titles=self.titles[first],
            standing=self.standing[first],
            verified=self.verified[first],
        )


NOTHING = Rows(*(np.zeros(0, np.dtype(kind).newbyteorder("=")) for kind in PACKED_AS))


@dataclass
class Lists:
    """What filters offer, as of one revision."""

    revision: int = -1
    languages: Sequence[str] = ()
    labels: Sequence[str] = ()
    owners: Sequence[int] = ()


@dataclass
class PostgresqlIndex:
    """One database's articles by the vectors of one model. Every answer is of the moment it is asked for."""

    model: str
    _dimensions: int = 0
    _holds_any: bool = False
    _lists: Lists = field(default_factory=Lists)

    def fresh(self, seen: int | None = None) -> PostgresqlIndex:
        return self

    @property
    def is_empty(self) -> bool:
        self._holds_any = self._holds_any or db.session.scalar(select(Article.id).limit(1)) is not None
        return not self._holds_any

    @property
    def dimensions(self) -> int:
        if not self._dimensions:
            statement = text("SELECT vector_dims(embedding) FROM passage_vectors WHERE model = :model LIMIT 1")
            self._dimensions = db.session.scalar(statement, {"model": self.model}) or 0
        return self._dimensions

    @property
    def languages(self) -> Sequence[str]:
        return self._listed().languages

    @property
    def labels(self) -> Sequence[str]:
        return self._listed().labels

    @property
    def owners(self) -> Sequence[int]:
        return self._listed().owners

    def nearest(
        self, vector: Vectors, filters: Filters, count: int, also: Callable[[], Numbers] | None = None
    ) -> Nearby:
        compared = beside(self._compared, also, filters, vector) if also else None
        try:
            near = self._walked(vector, filters, count)
        finally:
            more = compared.result() if compared else NOTHING
        return near.together(more).grouped()

    def _walked(self, vector: Vectors, filters: Filters, count: int) -> Rows:
        condition, values = allowed(filters)
        values |= {"question": as_text(vector), "model": self.model, "count": count}
        # A connection of its own, so that another may look for words meanwhile.
        with db.engine.connect() as connection:
            exact = ""
            if filters:
                few = connection.scalars(text(ALLOWED.format(condition=condition)), values | {"n": FEW + 1}).all()
                if len(few) <= FEW:
                    # With + 0 the index cannot be used: walking it for the few that are allowed might find none.
                    condition, exact = "a.id = ANY(:ids)", " + 0"
                    values |= {"ids": list(few)}
            if not exact:
                connection.execute(SETTINGS, {"walk": str(min(max(WALK, count), 1000))})
            found = asked(connection, NEAREST, len(vector), condition, values, exact=exact)
        return found.at(np.argsort(-found.cosines, kind="stable"))

    def of_passages(self, passage_ids: Numbers, filters: Filters) -> Nearby:
        return self._given(passage_ids, filters, BY_WORDS, 0, {}).grouped()

    def _compared(self, also: Callable[[], Numbers], filters: Filters, vector: Vectors) -> Rows:
        given = {"question": as_text(vector), "model": self.model}
        return self._given(also(), filters, OF_PASSAGES, len(vector), given)

    def _given(
        self, passage_ids: Numbers, filters: Filters, statement: str, size: int, values: Mapping[str, Any]
    ) -> Rows:
        """What a statement says of some passages, in their order."""
        if not len(passage_ids):
            return NOTHING
        condition, others = allowed(filters)
        others |= {"also": passage_ids.tolist(), **values}
        found = asked(db.session.connection(), statement, size, condition, others)
        return found.at(order_of(found.passage_ids, passage_ids))

    def articles(self, filters: Filters, count: int) -> list[int]:
        condition, values = allowed(filters)
        statement = text(LATEST.format(condition=condition))
        return list(db.session.scalars(statement, values | {"n": count}))

    def _listed(self) -> Lists:
        revision = db.session.scalar(select(KnowledgeRevision.value)) or 0
        if revision != self._lists.revision:
            self._lists = Lists(
                revision,
                [row[0] for row in db.session.execute(LANGUAGES, {"most": LISTED})],
                sorted((row[0] for row in db.session.execute(LABELS, {"most": LISTED})), key=str.casefold),
                [row[0] for row in db.session.execute(OWNERS, {"most": LISTED})],
            )
        return self._lists


def asked(
    connection: Connection, found: str, size: int, condition: str, values: Mapping[str, Any], *, exact: str = ""
) -> Rows:
    """What a statement finds, in its order."""
    columns = connection.execute(packed(found, size, condition, exact), {**values, "today": today()}).one()
    taken = (np.frombuffer(column or b"", kind) for column, kind in zip(columns, PACKED_AS, strict=True))
    return Rows(*(column.astype(column.dtype.newbyteorder("=")) for column in taken))


@lru_cache(maxsize=100)
def packed(found: str, size: int, condition: str, exact: str) -> TextClause:
    words = {
        "size": size,
        "condition": condition,
        "exact": exact,
        "article": ARTICLE,
        "title": TITLE.format(size=size),
        "titles": TITLES.format(size=size),
    }
    return text(PACKED.format(found=found.format(**words)))


def allowed(filters: Filters) -> tuple[str, dict[str, Any]]:
    """A condition on articles `a`, and its values."""
    values: dict[str, Any] = {"today": today()}
    conditions = []
    if filters.state is not None:
        conditions.append("a.state = :state")
        values["state"] = filters.state.value
    if filters.state is ArticleState.PUBLISHED:
        conditions.append("(a.expires_on IS NULL OR a.expires_on > :today)")
    if filters.language:
        conditions.append("lower(split_part(a.language, '-', 1)) = :language")
        values["language"] = filters.primary_language
    if filters.audience is not None:
        conditions.append("a.audience = :audience")
        values["audience"] = filters.audience.value
    if filters.owner_id is not None:
        conditions.append("a.owner_id = :owner")
        values["owner"] = filters.owner_id
    for name, labels in (("label", {filters.label} - {""} or None), ("labels", filters.labels_any)):
        if labels is not None:
            conditions.append(LABELLED.format(name=name))
            values[name] = [label.lower() for label in labels]
    return " AND ".join(conditions) or "true", values


def order_of(passage_ids: Numbers, given: Numbers) -> Numbers:
    """How to put passages into the order in which they were given."""
    by_id = np.argsort(given, kind="stable")
    return np.argsort(by_id[np.searchsorted(given, passage_ids, sorter=by_id)], kind="stable")


def as_text(vector: Vectors) -> str:
    return "[" + ",".join(f"{number:.6g}" for number in vector.tolist()) + "]"
