"""Search quality and speed: python -m bench.search FOLDER… --json

Each folder holds corpus.jsonl, queries.jsonl and qrels.tsv (and perhaps out_of_scope.jsonl). Its corpus is taken
in by the product's own ingestion into a throw-away database and asked through the product's own search. Places are
counted in the whole list, whether or not the product is sure enough to show it; `in_scope_shown` says how often it is,
and `out_of_scope_hidden` how often it rightly shows nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, quantiles
from typing import Any

import flask_migrate
from flask import Flask, current_app
from sqlalchemy import delete, func, select

from console.app import create_app
from console.config import ROOT, Settings
from console.db import db, utc_now
from knowledge.embedding import embed_missing, encoder
from knowledge.ingestion import ingest
from knowledge.models import Article, Passage
from knowledge.searching import Answer, Use, search
from knowledge.thresholds import show_from

SOURCE = "bench:"  # and the folder's name
CONFIGURATIONS = {"keyword": Use.KEYWORD, "meaning": Use.MEANING, "shipped": Use.BOTH}
DEPTH = 10


@dataclass(frozen=True)
class Question:
    id: str
    text: str


def main() -> None:
    options = arguments()
    with engine_url(options) as url, application(url) as app, app.app_context():
        if db.session.scalar(select(func.count()).where(~Article.source.startswith(SOURCE))):
            sys.exit("That database holds articles of its own. Give a throw-away one.")
        if not encoder().load():
            sys.exit("The embedding model cannot be loaded.")
        encoder().export()  # questions are read as a server's worker reads them
        for folder in options.folders:
            prepare(folder)
            for configuration in options.configurations:
                line = {"set": folder.name, "engine": db.engine.dialect.name, "configuration": configuration}
                line |= measure(folder, CONFIGURATIONS[configuration], options.without)
                print(json.dumps(line) if options.json else as_text(line), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON object for each set and configuration")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--database", metavar="URL", help="an empty database to use; kept afterwards")
    parser.add_argument("--configurations", nargs="+", choices=list(CONFIGURATIONS), default=list(CONFIGURATIONS))
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="leave out the questions of which this is so",
    )
    return parser.parse_args()


@contextlib.contextmanager
def engine_url(options: argparse.Namespace) -> Iterator[str]:
    if options.database:
        yield options.database
    elif options.engine == "postgresql":
        from tests import postgres

        with postgres.throw_away(buffers=postgres.quarter_of_memory()) as port:
            yield postgres.create_database(port, "bench")
    else:
        with tempfile.TemporaryDirectory(prefix="plusone-bench-") as folder:
            yield f"sqlite:///{folder}/bench.db"


@contextlib.contextmanager
def application(url: str) -> Iterator[Flask]:
    with tempfile.TemporaryDirectory(prefix="plusone-bench-") as folder:
        models = ROOT / "var" / "models"  # what is exported is kept from one run to the next
        models.mkdir(parents=True, exist_ok=True)
        (Path(folder) / "models").symlink_to(models)
        app = create_app(
            Settings.from_environment(
                {"DATABASE_URL": url, "DATA_DIR": folder, "SECRET_KEY": "kept only while a bench runs"}
            )
        )
        with app.app_context(), contextlib.redirect_stdout(sys.stderr):
            flask_migrate.upgrade()
        yield app
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def prepare(folder: Path) -> None:
    """Only this folder's corpus is in the database afterwards."""
    source = SOURCE + folder.name
    if set(db.session.scalars(select(Article.source).distinct())) - {source}:
        db.session.execute(delete(Passage))
        db.session.execute(delete(Article))
        db.session.commit()
    started = time.perf_counter()
    report = ingest(folder / "corpus.jsonl", source=source, now=utc_now(), checkpoint=db.session.commit)
    db.session.commit()
    passages = embed_missing(encoder(), db.session.commit)
    current_app.extensions.pop("knowledge.background", None)  # of the folder before
    note = f"{folder.name}: {report.articles} articles, {passages} passages embedded, {len(report.rejected)} rejected"
    print(f"{note}, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)


def measure(folder: Path, use: Use, without: Sequence[str] = ()) -> dict[str, Any]:
    relevant = judgements(folder / "qrels.tsv")
    questions = [question for question in questions_of(folder / "queries.jsonl", without) if question.id in relevant]
    search(questions[0].text, use=use)  # brings the index up to date
    milliseconds: list[float] = []
    answers = [asked(question, use, milliseconds) for question in questions]
    ranks = [[result.article.external_id for result in answer.results] for answer in answers]
    graded = [
        [relevant[question.id].get(id, 0) for id in found] for question, found in zip(questions, ranks, strict=True)
    ]
    ideals = [sorted(relevant[question.id].values(), reverse=True) for question in questions]
    cuts = quantiles(milliseconds, n=20, method="inclusive")
    line = {
        "queries": len(questions),
        **{f"hit{k}": round(fmean(any(grades[:k]) for grades in graded), 4) for k in (1, 3, 10)},
        "ndcg10": round(fmean(gain(grades) / gain(ideal) for grades, ideal in zip(graded, ideals, strict=True)), 4),
        "mrr10": round(fmean(map(reciprocal_rank, graded)), 4),
        "p50_ms": round(cuts[9], 2),
        "p95_ms": round(cuts[18], 2),
    }
    if use is Use.BOTH:
        line["in_scope_shown"] = round(fmean(map(is_shown, answers)), 4)
        beside = folder / "out_of_scope.jsonl"
        if beside.exists():
            outside = [asked(question, use, []) for question in questions_of(beside)]
            line["out_of_scope_hidden"] = round(1 - fmean(map(is_shown, outside)), 4)
    return line


def asked(question: Question, use: Use, milliseconds: list[float]) -> Answer:
    """What came closest, sure enough to be shown or not. Each question stands alone: none is answered from memory."""
    encoder().forget()
    started = time.perf_counter()
    answer = search(question.text, limit=DEPTH, use=use, anyway=True)
    milliseconds.append((time.perf_counter() - started) * 1000)
    db.session.rollback()
    return answer


def is_shown(answer: Answer) -> bool:
    """Whether the product shows it without being asked to."""
    return answer.confidence >= show_from()


def questions_of(file: Path, without: Sequence[str] = ()) -> list[Question]:
    """`without`: "collection=clapnq" leaves out the rows of which that is so."""
    left_out = {tuple(one.split("=", 1)) for one in without}
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    kept = [row for row in rows if not left_out & {(name, str(value)) for name, value in row.items()}]
    return [Question(str(row["_id"]), str(row["text"])) for row in kept]


def judgements(file: Path) -> dict[str, dict[str, int]]:
    """How relevant which article is to which question; what is not named is not."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for line in file.read_text(encoding="utf-8").splitlines()[1:]:
        question, article, score = line.split("\t")
        if int(score) > 0:
            found[question][article] = int(score)
    return found


def gain(grades: list[int]) -> float:
    return math.fsum((2.0**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades[:DEPTH]))


def reciprocal_rank(grades: list[int]) -> float:
    return next((1 / place for place, grade in enumerate(grades[:DEPTH], 1) if grade), 0.0)


def as_text(line: dict[str, Any]) -> str:
    return "  ".join(f"{name} {value}" for name, value in line.items())


if __name__ == "__main__":
    main()
