"""How well and how fast notes are found: python -m bench.notes --notes 100000 --json [--engine postgresql] [--quality]

Notes of bench.note_texts in a throw-away database, written through its triggers, asked through the product's own
search: of one customer, and of all. Vectors are those of some thousand real notes, moved a little. Beside each question
stand what else one could do: LIKE over the notes, and the engine's own full-text search ranked by itself. `--quality`
asks bench/data/note_questions.jsonl instead, embedded as the product does it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the server's workers have it, see gunicorn.conf.py
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sqlalchemy import func, insert, select, text

from bench.index import note as say
from bench.index import resident, timings
from bench.note_texts import notes as texts
from bench.search import application, engine_url
from bench.synthetic import with_noise
from console.auth.models import User
from console.customers.models import Customer
from console.db import db, utc_now
from knowledge.embedding import Encoder, encoder, packed
from knowledge.index_postgresql import as_text
from knowledge.keywords import content_words
from knowledge.pgvector_schema import USUAL
from knowledge.searching import Use
from notes.models import Note
from notes.searching import nearest
from notes.searching.embedding import as_halves, read_all
from notes.searching.models import Remembered, RememberedVector, Unread
from notes.searching.pgvector_schema import has_halves, index
from notes.searching.searching import Where, find
from notes.searching.words import Marks

AUTHORS = 40
OF_THE_FATTEST = 3_000  # notes of customer 1
OF_ONE = 10  # of every other
BATCH = 10_000
TRIES = 10
SAMPLE = 3_000  # notes that are really embedded
QUESTIONS = Path(__file__).parent / "data" / "note_questions.jsonl"
LIKE = "SELECT id FROM notes WHERE body {like} :word ORDER BY written_at DESC LIMIT 30"
PLAIN_SQLITE = "SELECT rowid FROM remembered_fts WHERE remembered_fts MATCH :terms ORDER BY rank LIMIT 30"
PLAIN_POSTGRESQL = (
    "SELECT id FROM remembered WHERE terms @@ to_tsquery('english', :terms) "
    "ORDER BY ts_rank_cd(terms, to_tsquery('english', :terms)) DESC LIMIT 30"
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.notes", description=__doc__)
    parser.add_argument("--notes", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--quality", action="store_true", help="how well, not how fast")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--database", metavar="URL", help="an empty database to use; kept afterwards")
    options = parser.parse_args()
    with engine_url(options) as url, application(url) as app, app.app_context():
        model = encoder()
        if not model.load() or not model.export():
            sys.exit("The embedding model cannot be loaded and exported.")
        line: dict[str, Any] = {"engine": db.engine.dialect.name}
        line |= quality(model) if options.quality else speed(model, options.notes, options.questions)
        print(json.dumps(line) if options.json else "\n".join(f"{name:<32} {value}" for name, value in line.items()))


def people(customers: int) -> None:
    now = utc_now()
    db.session.execute(
        insert(User),
        [{"id": n, "email": f"u{n}@example.com", "name": f"Author {n}", "password": "", "active": True,
          "fs_uniquifier": str(n)} for n in range(1, AUTHORS + 1)],
    )  # fmt: skip
    for first in range(1, customers + 1, BATCH):
        rows = range(first, min(first + BATCH, customers + 1))
        db.session.execute(
            insert(Customer),
            [
                {"id": n, "first_name": "Customer", "last_name": str(n), "created_at": now, "updated_at": now}
                for n in rows
            ],
        )
    db.session.commit()


def quality(model: Encoder) -> dict[str, Any]:
    """Where the right note stands among what is found for each question."""
    lines = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    people(1)
    given = [line for line in lines if "question" not in line]
    rows = [{"id": line["id"] + 1, "customer_id": 1, "author_id": 1, "body": line["note"]} for line in given]
    db.session.execute(insert(Note), rows)
    read_all(model)
    asked = [line for line in lines if "question" in line]
    line: dict[str, Any] = {"notes": len(rows), "questions": len(asked)}
    for name, use in (("words", Use.KEYWORD), ("meaning", Use.MEANING), ("both", Use.BOTH)):
        for scope, where in (("one", Where(customer_id=1)), ("all", Where())):
            ranks = [rank(one, where, use) for one in asked]
            line[f"{name}_{scope}_hit1"] = round(sum(place == 0 for place in ranks) / len(asked), 3)
            line[f"{name}_{scope}_hit3"] = round(sum(0 <= place < 3 for place in ranks) / len(asked), 3)
            line[f"{name}_{scope}_missed"] = sum(place < 0 for place in ranks)
    return line


def rank(line: dict[str, Any], where: Where, use: Use) -> int:
    found = [one.row.subject_id for one in find(line["question"], where, now=utc_now(), use=use).found]
    return found.index(line["note"] + 1) if line["note"] + 1 in found else -1


def speed(model: Encoder, count: int, questions: int) -> dict[str, Any]:
    line: dict[str, Any] = {"notes": count}
    people(max(count - OF_THE_FATTEST, 0) // OF_ONE + 2)
    line |= cost_of_triggers()
    started = time.perf_counter()
    write_notes(count)
    line["write_s"] = round(time.perf_counter() - started, 1)
    ids, vectors = fill_vectors(model, line)
    asked = [question(body) for body in islice(texts(questions, seed=99), questions)]
    line |= embedding_rate(model)
    line |= prepared(model)
    line["recall10"] = recall(model, asked, ids, vectors)
    return line | measured(model, asked)


def write_notes(count: int, first: int = 1) -> None:
    now = utc_now()
    bodies = texts(count)
    for start in range(0, count, BATCH):
        rows = [
            {
                "id": first + n, "customer_id": 1 if n < OF_THE_FATTEST else 2 + (n - OF_THE_FATTEST) // OF_ONE,
                "author_id": 1 + n % AUTHORS, "body": body, "pinned": n % 100 == 0, "quotable": n % 3 == 0,
                "written_at": now - timedelta(minutes=(count - n) * 525_600 * 3 // count),
            }
            for n, body in enumerate(islice(bodies, BATCH), start)
        ]  # fmt: skip
        db.session.execute(insert(Note), rows)
        db.session.commit()
        say(f"{start + len(rows):,} notes written")


def cost_of_triggers() -> dict[str, Any]:
    """Microseconds a note takes to be written in bulk, with the triggers and without, at best; nothing of it stays."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    drop = text("DROP TRIGGER remembered_notes_insert" + ("" if is_sqlite else " ON notes"))
    taken = {}
    for name in ("with", "without"):
        if name == "without":
            db.session.execute(drop)
        times = []
        for seed in range(TRIES):
            rows = [{"customer_id": 1, "body": body} for body in texts(1_000, seed=seed)]
            started = time.perf_counter()
            db.session.execute(insert(Note), rows)
            times.append(time.perf_counter() - started)
        taken[f"write_{name}_triggers_us"] = round(min(times) * 1e6 / 1_000)
    db.session.rollback()
    return taken


def fill_vectors(model: Encoder, line: dict[str, Any]) -> tuple[Any, Any]:
    """A vector for each note; returns the ids of Remembered and what was written, half floats, (notes, dimensions)."""
    sample = model.encode_briefly(list(islice(texts(SAMPLE), SAMPLE)))
    ids = db.session.scalars(select(Remembered.id).order_by(Remembered.id)).all()
    rng = np.random.default_rng(1)
    keeps = has_halves(db.session.connection())
    if keeps:  # built at once it takes a fraction of the time
        db.session.execute(text(f"DROP INDEX ix_remembered_halves_{USUAL}"))
    written = np.zeros((len(ids), sample.shape[1]), np.float16)
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        vectors = with_noise(sample[rng.integers(len(sample), size=len(part))], rng)
        written[start : start + len(part)] = vectors
        own = packed(with_noise(np.repeat(vectors, 2, axis=0), rng)).reshape(len(part), -1)
        rows = [
            {"remembered_id": id, "model": model.name, "vector": as_halves(vector),
             "sentences": sentences.tobytes() if id % 4 else None}
            for id, vector, sentences in zip(part, vectors, own, strict=True)
        ]  # fmt: skip
        db.session.execute(insert(RememberedVector), rows)
        if keeps:
            raw: Any = db.session.connection().connection.driver_connection
            with raw.cursor() as cursor, cursor.copy("COPY remembered_halves FROM STDIN") as copy:
                for id, vector in zip(part, vectors, strict=True):
                    copy.write_row((id, model.name, as_text(vector)))
        db.session.commit()
    db.session.execute(Unread.__table__.delete())  # type: ignore[attr-defined]
    db.session.commit()
    started = time.perf_counter()
    if keeps:
        with db.engine.begin() as connection:
            connection.execute(text("SET LOCAL maintenance_work_mem = '2GB'"))
            index(connection, USUAL)
        line["hnsw_build_s"] = round(time.perf_counter() - started, 1)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return np.array(ids), written


def embedding_rate(model: Encoder) -> dict[str, Any]:
    bodies = list(texts(400, seed=3))
    started = time.perf_counter()
    model.encode_briefly(bodies)
    return {"embed_notes_a_second": round(len(bodies) / (time.perf_counter() - started))}


def prepared(model: Encoder) -> dict[str, Any]:
    """What a process takes before its first answer about all customers by meaning."""
    if has_halves(db.session.connection()):
        return {}
    before, started = resident(), time.perf_counter()
    while nearest.held(model.name).fresh() is None:
        time.sleep(0.2)
    for thread in threading.enumerate():
        if thread.name == "notes-index":
            thread.join()
    return {"prepare_s": round(time.perf_counter() - started, 1), "prepare_mb": round(resident() - before)}


def recall(model: Encoder, asked: Sequence[str], ids: Any, written: Any) -> float:
    """The share of the ten truly nearest that are found."""
    shares = []
    for one in asked[:30]:
        vector = model.encode_question(one)
        cosines = np.concatenate([part.astype(np.float32) @ vector for part in np.array_split(written, 50)])
        exact = set(ids[np.argsort(-cosines)[:10]].tolist())
        found = nearest.of_all(Marks(), vector, model.name, 120)
        assert found is not None
        shares.append(len(exact & set(found.tolist())) / 10)
        db.session.rollback()
    return round(float(np.mean(shares)), 4)


def question(body: str) -> str:
    """Some words of a note that is like those there are, in their order."""
    words = content_words(body)
    return " ".join(words[:: max(len(words) // 5, 1)][:5])


def measured(model: Encoder, asked: Sequence[str]) -> dict[str, Any]:
    """Milliseconds, p50 and p95. The parts take turns, so that what else the machine does weighs on all alike."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    customers = db.session.scalar(select(func.max(Note.customer_id))) or 1
    month = utc_now() - timedelta(days=30)

    def ask(where: Callable[[int], Where], *, encode: bool = True) -> Callable[[str], object]:
        def run(one: str) -> None:
            if encode:
                model.forget()
            find(one, where(hash(one)), now=utc_now())

        return run

    def like(one: str) -> None:
        word = max(one.split(), key=len)
        statement = LIKE.format(like="LIKE" if is_sqlite else "ILIKE")
        db.session.execute(text(statement), {"word": f"%{word}%"}).all()

    def plain(one: str) -> None:
        terms = (" OR " if is_sqlite else " | ").join(f'"{word}"' if is_sqlite else word for word in one.split())
        db.session.execute(text(PLAIN_SQLITE if is_sqlite else PLAIN_POSTGRESQL), {"terms": terms}).all()

    def encode(one: str) -> None:
        model.forget()
        model.encode_question(one)

    everybody = ask(lambda _: Where())
    parts = {
        "encode": encode,
        "like": like,
        "plain_fts": plain,
        "one": ask(lambda n: Where(customer_id=2 + n % (customers - 1))),
        "fattest": ask(lambda _: Where(customer_id=1)),
        "all": everybody,
        "all_by_author": ask(lambda n: Where(author_ids=(1 + n % AUTHORS,))),
        "all_this_month": ask(lambda _: Where(since=month)),
        "all_pinned": ask(lambda _: Where(pinned=True)),
        "all_words_alone": lambda one: find(one, Where(), now=utc_now(), use=Use.KEYWORD),
    }
    for one in asked[:10]:
        everybody(one)
        db.session.rollback()
    rounds = [timings(parts, asked[10:]), timings(parts | {"all": ask(lambda _: Where(), encode=False)}, asked[10:])]
    line: dict[str, Any] = {}
    for name, timed in zip(("first", "again"), rounds, strict=True):
        for part, cuts in timed.items():
            line[f"{part}_{name}_p50_p95_ms"] = cuts
    line |= {
        f"{part}_cpu_p50_p95_ms": computed(parts[part], asked[10:]) for part in ("encode", "one", "fattest", "all")
    }
    first = rounds[0]
    for baseline in ("like", "plain_fts"):
        line[f"all_to_{baseline}"] = [round(first["all"][cut] / first[baseline][cut], 2) for cut in (0, 1)]
    return line


def computed(ask: Callable[[str], object], asked: Sequence[str]) -> tuple[float, float]:
    """Milliseconds of this process's own work, which a busy machine stretches less; without PostgreSQL's share."""
    taken = []
    for one in asked:
        started = time.thread_time()
        ask(one)
        taken.append((time.thread_time() - started) * 1000)
        db.session.rollback()
    cuts = quantiles(taken, n=20, method="inclusive")
    return round(cuts[9], 2), round(cuts[18], 2)


if __name__ == "__main__":
    main()
