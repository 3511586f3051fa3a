"""The index of the articles: the nearest that filters allow, at once and exactly, whichever way it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from flask import Flask
from sqlalchemy import create_engine, delete, text, update
from sqlalchemy.orm import Session

from console.db import db, utc_now
from console.web import today
from knowledge import approximate, matrix, pgvector_schema, snapshot
from knowledge.index import Filters, Index, index_for, mean_vector
from knowledge.index_postgresql import PostgresqlIndex
from knowledge.matrix import MatrixIndex
from knowledge.models import Article, ArticleState, Audience, Passage
from tests import postgres
from tests.factories import make_user
from tests.factories_knowledge import make_article

SIZE = 8  # numbers in a vector
MODEL = "a model"
EVERYTHING = Filters(state=None)
Make = Callable[[str], Index]


@pytest.fixture(params=["as shipped", "in memory"])
def make_index(request: pytest.FixtureRequest) -> Make:
    return index_for if request.param == "as shipped" else MatrixIndex


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def unit(rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
    vector = rng.standard_normal(SIZE).astype(np.float32)
    return vector / np.linalg.norm(vector)


def give_vectors(session: Session, articles: list[Article], rng: np.random.Generator) -> None:
    rows: list[Article | Passage] = [*articles, *(passage for article in articles for passage in article.passages)]
    for row in rows:
        row.vector, row.model = unit(rng).tobytes(), MODEL
    session.commit()


@pytest.fixture
def articles(session: Session, rng: np.random.Generator) -> list[Article]:
    """Sixty articles of two passages, alike in nothing."""
    owner = make_user(session, "supervisor")
    day = today_in_tests()
    made = [
        make_article(
            session,
            f"Article {number}",
            "One.\n\n# Two\n\nThree.",
            language=["en", "en-GB", "fr", "de"][number % 4],
            audience=[Audience.AGENT, Audience.CUSTOMER][number % 2],
            state=[ArticleState.PUBLISHED, ArticleState.PUBLISHED, ArticleState.DRAFT][number % 3],
            labels=[["Lamps", "sale"], ["sale"], [], ["50 %", "it's"]][number % 4],
            owner_id=owner.id if number % 5 == 0 else None,
            expires_on=[None, day, day + timedelta(days=1), day - timedelta(days=9)][number % 4],
            standing=number / 100,
            verified_at=utc_now() if number % 2 else None,
            verify_by=day - timedelta(days=1) if number % 7 == 0 else None,
        )
        for number in range(60)
    ]
    give_vectors(session, made, rng)
    return made


def today_in_tests() -> date:
    return utc_now().date()


FILTERS = [
    Filters(), EVERYTHING, Filters(language="en"), Filters(language="en-US"), Filters(language="xx"),
    Filters(audience=Audience.CUSTOMER), Filters(label="lamps"), Filters(label="50 %"), Filters(label="it's"),
    Filters(labels_any=frozenset({"LAMPS", "nothing"})), Filters(labels_any=frozenset()),
    Filters(state=ArticleState.DRAFT), Filters(state=ArticleState.ARCHIVED), Filters(owner_id=10**6),
    Filters(language="fr", audience=Audience.AGENT, state=None), Filters(label="sale", state=None, language="en"),
]  # fmt: skip


def may_find(article: Article, filters: Filters) -> bool:
    day = today_in_tests()
    expired = article.expires_on is not None and article.expires_on <= day
    labels = {label.casefold() for label in article.labels}
    return (
        filters.state in (None, article.state)
        and not (filters.state is ArticleState.PUBLISHED and expired)
        and filters.primary_language in ("", article.language.partition("-")[0])
        and filters.audience in (None, article.audience)
        and filters.owner_id in (None, article.owner_id)
        and (not filters.label or filters.label.casefold() in labels)
        and (filters.labels_any is None or bool(labels & {label.casefold() for label in filters.labels_any}))
    )


@pytest.mark.parametrize("filters", FILTERS, ids=range(len(FILTERS)))
def test_the_nearest_that_filters_allow_come_first(
    app: Flask, articles: list[Article], make_index: Make, rng: np.random.Generator, filters: Filters
) -> None:
    question = unit(rng)
    allowed = [row for article in articles if may_find(article, filters) for row in article.passages]
    with app.app_context():
        moment = make_index(MODEL).fresh()
        found = moment.nearest(question, filters, 25)
        assert sorted(moment.articles(filters, 1000)) == sorted({row.article_id for row in allowed})
    true = {row.id: float(np.frombuffer(row.vector or b"", np.float32) @ question) for row in allowed}
    best = sorted(true.values(), reverse=True)[:25]
    assert found.cosines.tolist() == pytest.approx(best, abs=2e-3)
    assert [true[id] for id in found.passage_ids.tolist()] == pytest.approx(best, abs=2e-3)


def test_each_passage_comes_with_what_ranking_asks_of_its_article(
    app: Flask, articles: list[Article], make_index: Make, rng: np.random.Generator
) -> None:
    question = unit(rng)
    by_id = {article.id: article for article in articles}
    with app.app_context():
        found = make_index(MODEL).fresh().nearest(question, EVERYTHING, 1000)
        day = today()
    assert len(found) == 120
    own = [by_id[id] for id in found.owners.tolist()]
    assert found.titles[found.places].tolist() == pytest.approx(
        [float(np.frombuffer(article.vector or b"", np.float32) @ question) for article in own], abs=2e-3
    )
    assert found.standing[found.places].tolist() == pytest.approx([article.standing for article in own])
    assert found.verified[found.places].tolist() == [bool(a.verified_at) and not a.is_overdue(day) for a in own]


def test_passages_asked_for_by_their_numbers(
    app: Flask, session: Session, articles: list[Article], make_index: Make, rng: np.random.Generator
) -> None:
    bare = make_article(session, "No vector yet", "Words alone.")
    session.commit()
    question = unit(rng)
    wanted = [articles[9].passages[1], articles[1].passages[0], bare.passages[0], articles[3].passages[0]]
    ids = np.array([*(row.id for row in wanted), 10**9], np.int64)
    with app.app_context():
        moment = make_index(MODEL).fresh()
        nearest = moment.nearest(question, EVERYTHING, 5)
        compared = moment.nearest(question, EVERYTHING, 5, lambda: ids)
        by_words = moment.of_passages(ids, EVERYTHING)
        published = moment.of_passages(ids, Filters())
        none = moment.of_passages(ids[:0], EVERYTHING)
    assert by_words.passage_ids.tolist() == ids[:-1].tolist()
    before = nearest.passage_ids.tolist()
    behind = [row for row in wanted if row.id not in before]
    assert compared.passage_ids.tolist() == before + [row.id for row in behind]
    true = [float(np.frombuffer(row.vector, np.float32) @ question) if row.vector else 0.0 for row in behind]
    assert compared.cosines[5:].tolist() == pytest.approx(true, abs=2e-3)
    assert compared.cosines[:5].tolist() == nearest.cosines.tolist()
    own = dict(zip(compared.article_ids.tolist(), compared.titles.tolist(), strict=True))
    title = np.frombuffer(articles[1].vector or b"", np.float32)
    assert own[articles[1].id] == pytest.approx(float(title @ question), abs=2e-3)
    assert by_words.owners.tolist() == [row.article_id for row in wanted]
    assert by_words.cosines.tolist() == [0, 0, 0, 0]
    assert not by_words.titles.any()
    assert published.passage_ids.tolist() == [bare.passages[0].id]
    assert len(none) == 0


def test_every_change_is_there_at_once_and_only_when_committed(
    app: Flask, session: Session, articles: list[Article], make_index: Make, rng: np.random.Generator
) -> None:
    article = articles[0]
    vector = np.frombuffer(article.passages[0].vector or b"", np.float32)

    def first(filters: Filters = Filters()) -> int | None:  # noqa: B008
        with app.app_context():
            found = index.fresh().nearest(vector, filters, 1)
            return int(found.owners[0]) if len(found) and found.cosines[0] > 0.99 else None

    def change(**values: Any) -> None:
        session.execute(update(Article).where(Article.id == article.id).values(**values))

    with app.app_context():
        index = make_index(MODEL)
    assert first() == article.id
    change(state=ArticleState.ARCHIVED)
    assert first() == article.id
    session.commit()
    assert (first(), first(EVERYTHING)) == (None, article.id)
    change(state=ArticleState.PUBLISHED, labels=["new"], language="it")
    session.commit()
    assert first(Filters(label="new", language="it")) == article.id
    change(expires_on=today_in_tests() - timedelta(days=1))
    session.commit()
    assert first() is None
    change(expires_on=None, owner_id=articles[5].owner_id)
    session.commit()
    assert first(Filters(owner_id=articles[5].owner_id)) == article.id
    session.execute(update(Passage).where(Passage.article_id == article.id).values(vector=unit(rng).tobytes()))
    session.commit()
    assert first() is None
    session.execute(update(Passage).where(Passage.id == article.passages[1].id).values(vector=vector.tobytes()))
    session.commit()
    assert first() == article.id
    session.execute(delete(Article).where(Article.id == article.id))
    session.commit()
    assert first(EVERYTHING) is None


def test_what_filters_offer(app: Flask, session: Session, articles: list[Article], make_index: Make) -> None:
    make_article(session, "Secret", language="pt", labels=["secret"], state=ArticleState.DRAFT)
    session.commit()
    with app.app_context():
        moment = make_index(MODEL).fresh()
        assert moment.languages[0] == "en"
        assert sorted(moment.languages) == ["de", "en", "fr"]
        assert list(moment.labels) == ["50 %", "it's", "Lamps", "sale"]
        assert list(moment.owners) == [articles[0].owner_id]
        assert (moment.is_empty, moment.dimensions) == (False, SIZE)


def test_an_index_of_nothing(app: Flask, make_index: Make, rng: np.random.Generator) -> None:
    with app.app_context():
        moment = make_index(MODEL).fresh()
        assert (moment.is_empty, moment.dimensions) == (True, 0)
        assert (list(moment.languages), list(moment.labels), moment.articles(Filters(), 5)) == ([], [], [])
        assert len(moment.of_passages(np.array([1, 2]), Filters())) == 0


def test_vectors_of_another_model_are_not_compared(
    app: Flask, session: Session, articles: list[Article], make_index: Make, rng: np.random.Generator
) -> None:
    session.execute(update(Passage).where(Passage.article_id != articles[1].id).values(model="an older one"))
    session.commit()
    with app.app_context():
        found = make_index(MODEL).fresh().nearest(unit(rng), EVERYTHING, 1000)
    compared = found.cosines != 0
    assert set(found.owners[compared].tolist()) == {articles[1].id}


def test_an_article_as_a_whole_has_a_vector(app: Flask, session: Session, articles: list[Article]) -> None:
    bare = make_article(session, "No vector yet")
    session.commit()
    with app.app_context():
        whole = mean_vector(articles[0].id, MODEL)
        assert whole is not None
        assert float(whole @ whole) == pytest.approx(1)
        assert mean_vector(bare.id, MODEL) is None
        assert mean_vector(articles[0].id, "another") is None


def test_the_matrix_loads_only_what_changed_and_stays_right(
    app: Flask, session: Session, articles: list[Article], rng: np.random.Generator
) -> None:
    with app.app_context():
        index = MatrixIndex(MODEL)
        before = index.fresh()
        assert index.fresh() is before
        for _ in range(200):
            row = articles[int(rng.integers(60))].passages[int(rng.integers(2))]
            session.execute(update(Passage).where(Passage.id == row.id).values(vector=unit(rng).tobytes()))
            session.commit()
            index.fresh()
        ours, anew = index.fresh(), MatrixIndex(MODEL).fresh()
        question = unit(rng)
        for filters in FILTERS:
            one, other = (moment.nearest(question, filters, 500) for moment in (ours, anew))
            assert one.passage_ids.tolist() == other.passage_ids.tolist()
            assert one.cosines.tolist() == pytest.approx(other.cosines.tolist(), abs=1e-6)
        assert len(before.nearest(question, EVERYTHING, 500)) == 120  # an older moment is still whole


def test_the_matrix_starts_anew_when_the_database_is_an_older_one(
    app: Flask, session: Session, articles: list[Article]
) -> None:
    with app.app_context():
        index = MatrixIndex(MODEL)
        index.snapshot = replace(index.fresh(), revision=10**9)
        assert not index.fresh().is_empty
        assert index.snapshot.revision < 10**9


def test_a_large_matrix_gets_an_approximate_index_that_knows_filters_and_changes(
    app: Flask, session: Session, articles: list[Article], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "LARGE", 100)
    monkeypatch.setattr(matrix, "GROWN", 0.9)
    monkeypatch.setattr(snapshot, "GATHERED", 0)
    monkeypatch.setattr(approximate, "ASKED", 1)  # so small an index is looked through whole
    with app.app_context():
        index = MatrixIndex(MODEL)
        exact = index.fresh()
        assert index._builder
        index._builder.join()
        approximated = index.fresh()
        assert approximated.approximate
        for filters in FILTERS:
            question = unit(rng)
            found, true = (moment.nearest(question, filters, 10) for moment in (approximated, exact))
            assert found.passage_ids.tolist() == true.passage_ids.tolist()
            assert found.cosines.tolist() == pytest.approx(true.cosines.tolist())
        new = make_article(session, "New")
        give_vectors(session, [new], rng)
        vector = np.frombuffer(new.passages[0].vector or b"", np.float32)
        assert index.fresh().nearest(vector, Filters(), 1).owners.tolist() == [new.id]
        assert index.snapshot.approximate is approximated.approximate
        gone = articles[0]
        vector = np.frombuffer(gone.passages[0].vector or b"", np.float32)
        assert index.fresh().nearest(vector, Filters(), 1).owners.tolist() == [gone.id]
        session.execute(delete(Article).where(Article.id == gone.id))
        session.commit()
        assert gone.id not in index.fresh().nearest(vector, Filters(), 1).owners


def test_the_approximate_index_finds_nearly_all_of_the_nearest(rng: np.random.Generator) -> None:
    middles = rng.standard_normal((50, 32), dtype=np.float32)
    vectors = middles[rng.integers(50, size=6000)] + 0.6 * rng.standard_normal((6000, 32), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    allowed = rng.random(6000) < 0.7
    index, shares = approximate.Approximate(vectors), []
    for question in vectors[:100]:
        true = snapshot.highest(np.where(allowed, vectors @ question, -np.inf).astype(np.float32), 10)
        found = index.nearest(question, allowed, 10)
        assert allowed[found].all()
        shares.append(len({*true.tolist()} & {*found.tolist()}) / 10)
    assert np.mean(shares) >= 0.9


def test_postgresql_keeps_vectors_and_sqlite_does_not(app: Flask, articles: list[Article]) -> None:
    with app.app_context(), db.engine.connect() as connection:
        assert pgvector_schema.has_vectors(connection) == (db.engine.dialect.name == "postgresql")
        assert isinstance(index_for(MODEL), PostgresqlIndex if pgvector_schema.has_vectors(connection) else MatrixIndex)


def test_vectors_of_any_length_get_an_index_of_their_own(app: Flask, articles: list[Article]) -> None:
    with app.app_context(), db.engine.connect() as connection:
        if pgvector_schema.has_vectors(connection):
            pgvector_schema.index(connection, SIZE)
            connection.execute(text("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off"))
            plan = connection.scalars(
                text(
                    "EXPLAIN SELECT passage_id FROM passage_vectors WHERE vector_dims(embedding) = 8 "
                    "ORDER BY embedding::halfvec(8) <#> '[1,0,0,0,0,0,0,0]' LIMIT 3"
                )
            )
            assert any("ix_passage_vectors_8" in line for line in plan)


def test_halves_are_read_right_from_any_bytes(app: Flask) -> None:
    numbers = np.array([0, -0.0, 1, -1, 0.5, 1e-3, -3.1415927, 65504, 1e-30], np.float32)
    with app.app_context(), db.engine.connect() as connection:
        if pgvector_schema.has_vectors(connection):
            read = connection.scalar(text("SELECT halves(:bytes)::real[]"), {"bytes": numbers.tobytes()})
            assert read == pytest.approx(numbers.astype(np.float16).astype(float).tolist(), rel=1e-3)


def test_without_the_right_to_add_pgvector_it_is_said_plainly_and_the_matrix_serves(postgres_port: int) -> None:
    url = postgres.create_database(postgres_port, "plusone_plain", "template0")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS plain; CREATE ROLE plain"))
        connection.execute(text("SET LOCAL ROLE plain"))
        advice = pgvector_schema.build(connection)
        assert "let a superuser run CREATE EXTENSION vector" in advice
        assert "permission denied" in advice
        assert not pgvector_schema.has_vectors(connection)  # and the transaction goes on
    engine.dispose()


def test_pgvector_added_later_takes_over_what_is_there(app: Flask, articles: list[Article]) -> None:
    with app.app_context():
        if db.engine.dialect.name != "postgresql":
            return
        with db.engine.begin() as connection:
            pgvector_schema.take_away(connection)
        try:
            assert isinstance(index_for(MODEL), MatrixIndex)
        finally:
            with db.engine.begin() as connection:
                assert pgvector_schema.build(connection) == ""
                assert connection.scalar(text("SELECT count(*) FROM passage_vectors")) == 120
                assert connection.scalar(text("SELECT count(*) FROM title_vectors")) == 60
