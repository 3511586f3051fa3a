"""How fast and how exact the index is: python -m bench.index --passages 100000 --json [--engine postgresql]

A synthetic knowledge base in a throw-away database (bench.synthetic), asked through the product's own search. Ratios
compare a whole search with its bare parts: reading the question and asking the index of vectors; `ratio_both` counts
what the index of words takes among them, too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median, quantiles
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the server's workers have it, see gunicorn.conf.py
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sqlalchemy import text

from bench import synthetic
from bench.search import application, engine_url
from console.db import db
from knowledge import keywords
from knowledge.background import background_for
from knowledge.candidates import NEAREST
from knowledge.embedding import Encoder, encoder
from knowledge.index import Filters, index_for
from knowledge.looking_up import DEEP
from knowledge.pgvector_schema import USUAL, has_vectors, index
from knowledge.searching import Use, search, understood

K = 10
WORDS = {"short": 6, "long": 60}  # of a question
FILTERED = {"language": Filters(language="de"), "label": Filters(label="label 7")}
STARTS = 5
WARMING = 20  # questions
# As a server's worker starts, see gunicorn.conf.py.
WORKER = """
import gc, sys, time
gc.disable()
import gunicorn
from console.app import create_app
from knowledge.embedding import encoder
app = create_app()
gc.freeze()
gc.enable()
assert app.test_client().get("/login").status_code == 200
print("answered", flush=True)
with app.app_context():
    encoder().start()
    encoder()._loaded.wait()
print("ready", flush=True)
shares = [line.split()[1] for line in open("/proc/self/smaps_rollup") if line.startswith("Pss:")]
print(shares[0], time.process_time(), "torch" in sys.modules, flush=True)
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
            line |= {f"{name}_{what}": value for what, value in measured(model, questions, options.passages).items()}
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
    """What a server's worker costs: seconds from its process' start, and its share of memory with the model ready."""
    names = ("DATABASE_URL", "DATA_DIR", "SECRET_KEY")
    environment = {**os.environ, **{name: str(config[name]) for name in names}}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a server's second start finds its modules compiled
    answered: list[float] = []
    ready: list[float] = []
    computed: list[float] = []
    megabytes: list[float] = []
    torch = False
    for _ in range(STARTS):
        started = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-c", WORKER], env=environment, stdout=subprocess.PIPE, text=True
        ) as run:
            assert run.stdout
            for taken in (answered, ready):
                if not run.stdout.readline():
                    sys.exit("A worker does not start.")
                taken.append(time.perf_counter() - started)
            kilobytes, seconds, has_torch = run.stdout.readline().split()
        computed.append(float(seconds))
        megabytes.append(int(kilobytes) / 1024)
        torch |= has_torch == "True"
    return {
        "worker_first_answer_s": round(median(answered), 2),
        "worker_ready_s": round(median(ready), 2),
        "worker_ready_cpu_s": round(median(computed), 2),
        "worker_mb": round(median(megabytes)),
        "worker_torch": torch,
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
    for thread in threading.enumerate():  # an approximate index is built beside the searches
        if thread.name == "index":
            thread.join()
            line["approximate_s"] = round(time.perf_counter() - started, 2)
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


def measured(model: Encoder, questions: Sequence[str], passages: int) -> dict[str, Any]:
    """Milliseconds of the parts and of the whole, in turn, so that what else the machine does weighs on all alike.

    No question's vector comes from memory. `first`: a question as it is asked first, after `WARMING` others; `again`:
    its words and passages are held already (knowledge.held), which is how it is while nobody changes an article.
    """
    vectors = {question: model.encode_question(question) for question in questions}
    moment = index_for(model.name).fresh()

    def encode(question: str) -> None:
        model.forget()
        model.encode_question(question)

    def whole(question: str) -> None:
        model.forget()
        search(question, anyway=True)

    background = background_for(model)
    words = {
        question: understood(question, background, model, Use.KEYWORD, unfinished=False).looked_for
        for question in questions
    }
    parts = {
        "encode": encode,
        "scan": lambda question: moment.nearest(vectors[question], Filters(), NEAREST),
        "search": whole,
        "words": lambda question: keywords.find(words[question], DEEP, passages, alone=False),
    }
    line: dict[str, Any] = {}
    for question in questions[:WARMING]:
        whole(question)
        db.session.rollback()
    rounds = [timings(parts, questions[WARMING:]) for _ in range(2)]
    for part in ("encode", "scan", "words"):
        line |= {f"{part}_p50_ms": rounds[1][part][0], f"{part}_p95_ms": rounds[1][part][1]}
    for name, timed in zip(("first", "again"), rounds, strict=True):
        for place, cut in enumerate(("p50", "p95")):
            line[f"search_{name}_{cut}_ms"] = timed["search"][place]
            bare = timed["encode"][place] + timed["scan"][place]
            line[f"ratio_{name}_{cut}"] = round(timed["search"][place] / bare, 2)
            line[f"ratio_both_{name}_{cut}"] = round(timed["search"][place] / (bare + timed["words"][place]), 2)
    return line


def scans(model: str, vectors: Any, filters: Filters) -> dict[str, Any]:
    moment = index_for(model).fresh()
    p50, p95 = timings({"": lambda vector: moment.nearest(vector, filters, NEAREST)}, list(vectors))[""]
    return {"scan_p50_ms": p50, "scan_p95_ms": p95}


def timings(parts: Mapping[str, Callable[[Any], object]], asked: Sequence[Any]) -> dict[str, tuple[float, float]]:
    """The 50th and the 95th percentile of each part in milliseconds; the parts take turns."""
    taken: dict[str, list[float]] = {part: [] for part in parts}
    for one in asked:
        for part, ask in parts.items():
            started = time.perf_counter()
            ask(one)
            taken[part].append((time.perf_counter() - started) * 1000)
            db.session.rollback()
    cuts = {part: quantiles(times, n=20, method="inclusive") for part, times in taken.items()}
    return {part: (round(cut[9], 2), round(cut[18], 2)) for part, cut in cuts.items()}


def resident() -> float:
    """This process's memory in MB."""
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * 4096 / 2**20


def note(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
