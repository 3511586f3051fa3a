"""The same passages and questions, asked of others: python -m bench.search_peers FOLDER… --json

Folders as bench.search takes them. First: pip install -r bench/requirements.txt. Every searcher gets this product's
passages, with title and heading in front, and where it goes by meaning, this product's vectors. An article counts by
its best passage. Times include reading the question.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import fmean, quantiles
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the server's workers have it, see gunicorn.conf.py
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sqlalchemy import select

from bench.search import DEPTH, Question, application, as_text, engine_url, gain, judgements, prepare, questions_of
from console.db import db
from knowledge.chunking import with_context
from knowledge.embedding import encoder
from knowledge.keywords import TOKEN
from knowledge.models import Article, Passage
from knowledge.nearby import Vectors
from knowledge.searching import search

PASSAGES = 100  # looked at for ten articles
Ask = Callable[[str], Sequence[str]]  # the external ids of articles, best first, perhaps more than once


@dataclass(frozen=True)
class Corpus:
    texts: list[str]  # of passages, each with its context
    article_ids: list[str]  # external, of each passage
    vectors: Vectors  # (passages, dimensions)


def main() -> None:
    options = arguments()
    with engine_url(options) as url, application(url) as app, app.app_context():
        if not encoder().load():
            sys.exit("The embedding model cannot be loaded.")
        encoder().export()
        for folder in options.folders:
            prepare(folder)
            held = corpus()
            for name, make in SEARCHERS.items():
                started = time.perf_counter()
                try:
                    ask = make(held)
                except ImportError as missing:
                    print(f"{name} is left out: {missing}. pip install -r bench/requirements.txt", file=sys.stderr)
                    continue
                line = {"set": folder.name, "searcher": name, "passages": len(held.texts)}
                line["build_s"] = round(time.perf_counter() - started, 2)
                line |= measure(folder, ask)
                print(json.dumps(line) if options.json else as_text(line), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.search_peers", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON object for each set and searcher")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite", help="of this product")
    parser.add_argument("--database", metavar="URL", help="an empty database to use; kept afterwards")
    return parser.parse_args()


def corpus() -> Corpus:
    rows = db.session.execute(
        select(Passage.title, Passage.heading, Passage.text, Passage.vector, Article.external_id)
        .join(Article)
        .where(Passage.vector.is_not(None))
        .order_by(Passage.id)
    ).all()
    vectors = np.frombuffer(b"".join(row.vector or b"" for row in rows), np.float32).reshape(len(rows), -1)
    texts = [with_context(row.title, row.heading, row.text) for row in rows]
    return Corpus(texts, [row.external_id for row in rows], vectors)


def shipped(held: Corpus) -> Ask:
    search("warm")  # opens the index
    return lambda question: [
        result.article.external_id for result in search(question, limit=DEPTH, anyway=True).results
    ]


def dense(held: Corpus) -> Ask:
    def ask(question: str) -> list[str]:
        cosines = held.vectors @ encoder().encode_question(question)
        return [held.article_ids[row] for row in np.argsort(-cosines)[:PASSAGES]]

    return ask


def fts5(held: Corpus) -> Ask:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE passages USING fts5 (text, tokenize='porter unicode61')")
    database.executemany("INSERT INTO passages (rowid, text) VALUES (?, ?)", list(enumerate(held.texts)))

    def ask(question: str) -> list[str]:
        words = " OR ".join(f'"{word}"' for word in dict.fromkeys(TOKEN.findall(question.casefold())))
        if not words:
            return []
        rows = database.execute(
            "SELECT rowid FROM passages WHERE passages MATCH ? ORDER BY rank LIMIT ?", (words, PASSAGES)
        )
        return [held.article_ids[row[0]] for row in rows]

    return ask


def bm25s(held: Corpus) -> Ask:
    library: Any = import_module("bm25s")
    stemmer = import_module("Stemmer").Stemmer("english")

    def tokens(texts: Sequence[str]) -> Any:
        return library.tokenize(list(texts), stopwords="en", stemmer=stemmer, show_progress=False)

    index = library.BM25()
    index.index(tokens(held.texts), show_progress=False)
    depth = min(PASSAGES, len(held.texts))

    def ask(question: str) -> list[str]:
        rows, scores = index.retrieve(tokens([question]), k=depth, show_progress=False)
        return [held.article_ids[row] for row, score in zip(rows[0], scores[0], strict=True) if score > 0]

    return ask


def chromadb(held: Corpus) -> Ask:
    library: Any = import_module("chromadb")
    client = library.EphemeralClient(library.config.Settings(anonymized_telemetry=False))
    for old in client.list_collections():
        client.delete_collection(old.name)
    collection = client.create_collection("passages", configuration={"hnsw": {"space": "ip"}})
    for start in range(0, len(held.texts), 1000):
        rows = range(start, min(start + 1000, len(held.texts)))
        collection.add(ids=[str(row) for row in rows], embeddings=held.vectors[rows.start : rows.stop])

    def ask(question: str) -> list[str]:
        found = collection.query(query_embeddings=[encoder().encode_question(question)], n_results=PASSAGES, include=[])
        return [held.article_ids[int(row)] for row in found["ids"][0]]

    return ask


SEARCHERS: dict[str, Callable[[Corpus], Ask]] = {
    "plus one": shipped,
    "dense": dense,
    "fts5": fts5,
    "bm25s": bm25s,
    "chromadb": chromadb,
}


def measure(folder: Path, ask: Ask) -> dict[str, Any]:
    relevant = judgements(folder / "qrels.tsv")
    questions = [question for question in questions_of(folder / "queries.jsonl") if question.id in relevant]
    milliseconds: list[float] = []
    graded = [[relevant[one.id].get(id, 0) for id in asked(one, ask, milliseconds)] for one in questions]
    ideals = [gain(sorted(relevant[one.id].values(), reverse=True)) for one in questions]
    cuts = quantiles(milliseconds, n=20, method="inclusive")
    return {
        "queries": len(questions),
        "ndcg10": round(fmean(gain(grades) / ideal for grades, ideal in zip(graded, ideals, strict=True)), 4),
        "hit3": round(fmean(any(grades[:3]) for grades in graded), 4),
        "p50_ms": round(cuts[9], 2),
        "p95_ms": round(cuts[18], 2),
    }


def asked(question: Question, ask: Ask, milliseconds: list[float]) -> list[str]:
    encoder().forget()
    started = time.perf_counter()
    found = ask(question.text)
    milliseconds.append((time.perf_counter() - started) * 1000)
    db.session.rollback()
    return list(dict.fromkeys(found))[:DEPTH]


if __name__ == "__main__":
    main()
