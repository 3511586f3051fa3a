"""How fast and how exact the index is: python -m bench.index --passages 100000 --json [--engine postgresql]

A synthetic knowledge base in a throw-away database (bench.synthetic), asked through the product's own search. Ratios
compare a whole search with its bare parts: reading the question and asking the index.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from statistics import quantiles
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the server's workers have it, see gunicorn.conf.py
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sqlalchemy import text

from bench import synthetic
from bench.search import application, engine_url
from console.db import db
from knowledge import keywords
from knowledge.candidates import DEEP, NEAREST
from knowledge.embedding import Encoder, encoder
from knowledge.index import Filters, index_for
from knowledge.pgvector_schema import USUAL, has_vectors, index
from knowledge.searching import search

K = 10
WORDS = {"short": 6, "long": 60}  # of a question
FILTERED = {"language": Filters(language="de"), "label": Filters(label="label 7")}
WORKER = """
import os, sys, time
started = time.perf_counter()
from console.app import create_app
from knowledge.embedding import encoder
app = create_app()
with app.app_context():
    encoder().start()
    encoder()._loaded.wait()
    taken = time.perf_counter() - started
pages = int(open("/proc/self/statm").read().split()[1])
print(taken, pages * os.sysconf("SC_PAGE_SIZE") / 2**20, "torch" in sys.modules)
"""


def main() -> None:
    options = arguments()
    with engine_url(options) as url, application(url) as app, app.app_context():
        model = encoder()
        if not model.load() or not model.export():
            sys.exit("The embedding model cannot be loaded and exported.")
        line: dict[str, Any] = {"engine": db.engine.dialect.name, "passages": options.passages}
        line |= worker(app.config)
        made_of = synthetic.base(model)
        asked = {name: synthetic.questions(made_of, options.questions, words) for name, words in WORDS.items()}
        vectors = np.stack([model.encode_question(question) for question in asked["short"]])
        exact = fill(made_of, options.passages, model.name, vectors, line)
        opened(model.name, line)
        line["recall10"] = recall(model.name, vectors, exact)
        for name, questions in asked.items():
            line |= {f"{name}_{what}": value for what, value in measured(model, questions).items()}
        for name, filters in FILTERED.items():
            line |= {f"filtered_{name}_{k}": v for k, v in scans(model.name, vectors, filters).items()}
        print(json.dumps(line) if options.json else "\n".join(f"{name:<32} {value}" for name, value in line.items()))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.index", description=__doc__)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=200, help="of each length")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--database", metavar="URL", help="an empty database to use; kept afterwards")
    return parser.parse_args()


def worker(config: Any) -> dict[str, Any]:
    """What a server's worker costs, with the model ready to read questions."""
    names = ("DATABASE_URL", "DATA_DIR", "SECRET_KEY")
    environment = {**os.environ, **{name: str(config[name]) for name in names}}
    done = subprocess.run([sys.executable, "-c", WORKER], env=environment, check=True, capture_output=True, text=True)
    seconds, megabytes, torch = done.stdout.split()
    return {
        "worker_start_s": round(float(seconds), 2),
        "worker_mb": round(float(megabytes)),
        "worker_torch": torch == "True",
    }


def fill(made_of: synthetic.Base, passages: int, model: str, asked: Any, line: dict[str, Any]) -> Any:
    """Write everything; returns what an exact search finds for each of `asked`, shape (questions, K)."""
    started = time.perf_counter()
    best = None
    with db.engine.begin() as connection:
        keeps = has_vectors(connection)
        if keeps:  # built at once it takes a fraction of the time
            connection.execute(text(f"DROP INDEX ix_passage_vectors_{USUAL}"))
    for part in synthetic.batches(made_of, passages, model):
        with db.engine.begin() as connection:
            synthetic.write(connection, part)
        best = synthetic.exact_best(best, part, asked, K)
        note(f"{part.passages[-1]['id']:,} passages written")
    line["write_s"] = round(time.perf_counter() - started, 1)
    started = time.perf_counter()
    if keeps:
        with db.engine.begin() as connection:
            connection.execute(text("SET LOCAL maintenance_work_mem = '2GB'"))
            index(connection, USUAL)
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
    line["index_build_s"] = round(time.perf_counter() - started, 1)
    return best[1] if best is not None else None


def opened(model: str, line: dict[str, Any]) -> None:
    """What the index takes before its first answer: in this process, or on PostgreSQL's disk."""
    before, started = resident(), time.perf_counter()
    moment = index_for(model).fresh()
    moment.nearest(np.eye(1, moment.dimensions, dtype=np.float32)[0], Filters(), K)
    line["open_s"] = round(time.perf_counter() - started, 2)
    line["index_mb"] = round(resident() - before)
    with db.engine.connect() as connection:
        if has_vectors(connection):
            sizes = "SELECT pg_total_relation_size('passage_vectors') + pg_total_relation_size('title_vectors')"
            line["disk_mb"] = round((connection.scalar(text(sizes)) or 0) / 2**20)


def recall(model: str, vectors: Any, exact: Any) -> float:
    moment = index_for(model).fresh()
    shares = [
        len(set(moment.nearest(vector, Filters(), NEAREST).passage_ids[:K].tolist()) & set(best.tolist())) / K
        for vector, best in zip(vectors, exact, strict=True)
    ]
    db.session.rollback()
    return round(float(np.mean(shares)), 4)


def measured(model: Encoder, questions: Sequence[str]) -> dict[str, Any]:
    """Milliseconds of the parts and of the whole; each question is asked anew, none from memory."""
    vectors = [model.encode_question(question) for question in questions]
    given = dict(zip(questions, vectors, strict=True))
    moment = index_for(model.name).fresh()

    def encode(question: str) -> None:
        model.forget()
        model.encode_question(question)

    def whole(question: str) -> None:
        model.forget()
        search(question, anyway=True)

    timed = {
        "encode": timings(encode, questions),
        "scan": timings(lambda question: moment.nearest(given[question], Filters(), NEAREST), questions),
        "keyword": timings(lambda question: keywords.find(keywords.content_words(question), DEEP), questions),
        "search": timings(whole, questions),
    }
    line = {f"{name}_{cut}_ms": ms for name, (p50, p95) in timed.items() for cut, ms in (("p50", p50), ("p95", p95))}
    for place, cut in enumerate(("p50", "p95")):
        line[f"ratio_{cut}"] = round(timed["search"][place] / (timed["encode"][place] + timed["scan"][place]), 2)
    return line


def scans(model: str, vectors: Any, filters: Filters) -> dict[str, Any]:
    moment = index_for(model).fresh()
    p50, p95 = timings(lambda vector: moment.nearest(vector, filters, NEAREST), list(vectors))
    return {"scan_p50_ms": p50, "scan_p95_ms": p95}


def timings(ask: Callable[[Any], object], questions: Sequence[Any]) -> tuple[float, float]:
    """The 50th and the 95th percentile in milliseconds, after a round to warm up."""
    for question in questions[:20]:
        ask(question)
    taken = []
    for question in questions:
        started = time.perf_counter()
        ask(question)
        taken.append((time.perf_counter() - started) * 1000)
        db.session.rollback()
    cuts = quantiles(taken, n=20, method="inclusive")
    return round(cuts[9], 2), round(cuts[18], 2)


def resident() -> float:
    """This process's memory in MB."""
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * 4096 / 2**20


def note(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
