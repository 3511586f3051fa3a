"""One taking in at a time, written down while it goes on: who began it, how far it is, what became of each file.

Everything about a run is in the database, so that any worker can show it, and go on with one whose worker died.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Select, exists, select, tuple_, update
from sqlalchemy.orm import aliased

from console.auth.models import User
from console.background import in_thread, signs_of_life
from console.db import db, utc_now
from console.errors import DomainError
from console.events import Topic, record_event
from knowledge.embedding import EncoderState, embed_missing, encoder, passages_left
from knowledge.ingestion import Report, Terms, ingest, nothing
from knowledge.models import IngestionRun, IngestionState
from knowledge.reading import count

log = logging.getLogger(__name__)

SILENCE = timedelta(minutes=1)  # after which a run counts as dead
WAIT = 1.0  # seconds between two looks whether it is our turn
LINES = 20_000  # that a report keeps; beyond, things are only counted
PAGE = 20
LEFTOVERS = timedelta(days=7)  # how long what was uploaded waits to be gone on with
ACTIVE = (IngestionState.WAITING, IngestionState.RUNNING)
COUNTED = (
    "inserted",
    "updated",
    "unchanged",
    "kept",
    "archived",
    "included",
    "refused",
    "missing",
    "passages",
    "before",
)
BROKEN = "Something broke on our side; the server's log says what. What was read until then is kept. Try once more."
STOPPED = "It was stopped by hand. What was read until then is kept."
THREADS: set[threading.Thread] = set()


@dataclass
class Stage:
    """What a run is doing, and how far the second half, preparing for search by meaning, is."""

    name: str = "reading"  # or embedding
    to_embed: int = 0
    embedded: int = 0


def begin(source: str, file_name: str, terms: Terms, *, actor_id: int | None, now: datetime) -> IngestionRun:
    """A run that waits for its turn."""
    run = IngestionRun(
        source=source,
        file_name=file_name[:300],
        report={"terms": asdict(terms)},
        started_by_id=actor_id,
        started_at=now,
        seen_at=now,
    )
    db.session.add(run)
    db.session.flush()
    record_event("ingestion.started", Topic.ACCESS, subject=run, actor_id=actor_id, at=now)
    return run


def is_dead(state: IngestionState, seen_at: datetime, now: datetime) -> bool:
    return state in ACTIVE and seen_at < now - SILENCE


def resume(run: IngestionRun, now: datetime) -> None:
    """Go on with a run that died; what it had taken in is quickly passed over, and counted as what it did.

    Raises DomainError for one that is going on, is done, or whose files are gone.
    """
    if not is_dead(run.state, run.seen_at, now):
        raise DomainError("This is still going on, or it is finished: there is nothing to go on with.")
    if not uploaded(run.id):
        raise DomainError("Its files are not on this machine any more. Bring them in once more.")
    run.state, run.seen_at, run.done = IngestionState.WAITING, now, 0
    run.report = {name: value for name, value in (run.report or {}).items() if name in ("terms", "begun", "passages")}
    record_event("ingestion.started", Topic.ACCESS, subject=run, actor_id=run.started_by_id, at=now, data={"again": 1})


def claim(run_id: int, now: datetime) -> bool:
    """Whether it is this run's turn: no other is going on. Says in any case that we are still there."""
    # On PostgreSQL two that look at the same moment would both see nobody; so they look one after the other.
    db.session.execute(
        select(IngestionRun.id).where(IngestionRun.state.in_(ACTIVE)).order_by(IngestionRun.id).with_for_update()
    )
    other = aliased(IngestionRun)
    is_busy = exists().where(other.id != run_id, other.state == IngestionState.RUNNING, other.seen_at >= now - SILENCE)
    mine = update(IngestionRun).where(IngestionRun.id == run_id, IngestionRun.state == IngestionState.WAITING)
    options = {"synchronize_session": False}
    turn = db.session.execute(
        mine.where(~is_busy).values(state=IngestionState.RUNNING, seen_at=now).execution_options(**options)
    )
    is_mine: bool = turn.rowcount == 1  # type: ignore[attr-defined]
    if not is_mine:
        db.session.execute(mine.values(seen_at=now).execution_options(**options))
    return is_mine


class Recorder:
    """Writes down how far a run is, in the transaction of what it did."""

    def __init__(self, run_id: int, terms: Terms, begun: list[str], passages: int) -> None:
        self.run_id, self.terms, self.begun = run_id, terms, begun
        self.report, self.stage = Report(passages=passages), Stage()
        self.done = 0
        self.saved = self.whole()

    def advance(self, number: int) -> None:
        self.done += number

    def checkpoint(self) -> None:
        """Commits. Without the lines: they grow with the source, and are written at the end."""
        self.write({"done": self.done, "seen_at": utc_now(), "report": self.counts()})
        db.session.commit()
        self.saved = self.whole()

    def embedded(self, passages: int) -> None:
        self.stage.embedded += passages

    def finish(self, state: IngestionState, now: datetime, problem: str = "") -> None:
        """A run that failed is told of as far as it was saved: what came after the last checkpoint was taken back."""
        counts, refused, told = self.saved if state is IngestionState.FAILED else self.whole()
        rejected = [[one.where, one.reason] for one in self.report.rejected[: min(refused, LINES)]]
        lines = [list(line) for line in self.report.lines[: min(told, LINES)]]
        report = {**counts, "rejected": rejected, "lines": lines}
        ended = {"state": state, "problem": problem[:500], "finished_at": now, "seen_at": now}
        self.write({**ended, "done": self.done, "report": report})

    def counts(self) -> dict[str, Any]:
        report = self.report
        counts = {name: getattr(report, name) for name in COUNTED if name != "refused"}
        how = {"terms": asdict(self.terms), "stage": asdict(self.stage), "begun": self.begun}
        return {**counts, "refused": len(report.rejected), **how}

    def whole(self) -> tuple[dict[str, Any], int, int]:
        """All counts, and how many were refused and told of by then."""
        return self.counts(), len(self.report.rejected), len(self.report.lines)

    def write(self, values: Mapping[str, Any]) -> None:
        statement = update(IngestionRun).where(IngestionRun.id == self.run_id).values(**values)
        db.session.execute(statement.execution_options(synchronize_session=False))


def perform(
    run_id: int,
    path: Path,
    terms: Terms,
    *,
    mapping: Mapping[str, str] | None = None,
    embed: bool = True,
    waiting: Callable[[], object] = nothing,
    progress: Callable[[int, int], object] = nothing,
) -> Report:
    """Wait for the turn, take everything in, prepare it for search by meaning, and write down how it ended. Commits.

    `progress` gets how many are read and how many there are. Raises FileNotFoundError and DomainError as `ingest`.
    """
    wait_for_turn(run_id, waiting)
    with signs_of_life(f"ingestion-{run_id}", lambda: still_here(run_id)):
        return work_on(run_id, path, terms, mapping, embed, progress)


def work_on(
    run_id: int,
    path: Path,
    terms: Terms,
    mapping: Mapping[str, str] | None,
    embed: bool,
    progress: Callable[[int, int], object],
) -> Report:
    source, actor_id = db.session.execute(
        select(IngestionRun.source, IngestionRun.started_by_id).where(IngestionRun.id == run_id)
    ).one()
    stopped, now = stopped_half_way(run_id), utc_now()
    earlier = stopped.get("begun", [])
    recorder = Recorder(run_id, terms, [*earlier, now.isoformat()], stopped.get("passages", 0) if earlier else 0)
    try:
        total = count(path) if path.exists() else 0
        recorder.write({"total": total})

        def advance(number: int) -> None:
            recorder.advance(number)
            progress(recorder.done, total)

        ingest(
            path, source=source, now=now, mapping=mapping, terms=terms, checkpoint=recorder.checkpoint,
            progress=advance, report=recorder.report, earlier=[datetime.fromisoformat(one) for one in earlier],
        )  # fmt: skip
        if embed:
            embed_what_is_new(recorder)
    except BaseException as problem:
        db.session.rollback()
        recorder.finish(IngestionState.FAILED, utc_now(), in_words(problem))
        db.session.commit()
        raise
    recorder.finish(IngestionState.FINISHED, utc_now())
    numbers = {name: value for name, value in recorder.counts().items() if isinstance(value, int) and value}
    where = db.session.get_one(IngestionRun, run_id)
    record_event("ingestion.finished", Topic.ACCESS, subject=where, actor_id=actor_id, data=numbers)
    db.session.commit()
    return recorder.report


def stopped_half_way(run_id: int) -> dict[str, Any]:
    """The report of what this run goes on with: itself, begun before, or the last one of the same source and file."""
    run = db.session.get_one(IngestionRun, run_id)
    if (run.report or {}).get("begun"):
        return run.report
    last = db.session.execute(
        select(IngestionRun.state, IngestionRun.report)
        .where(IngestionRun.source == run.source, IngestionRun.file_name == run.file_name, IngestionRun.id < run_id)
        .order_by(IngestionRun.id.desc())
        .limit(1)
    ).one_or_none()
    return last.report or {} if last and last.state is not IngestionState.FINISHED else {}


def in_words(problem: BaseException) -> str:
    if isinstance(problem, DomainError | FileNotFoundError):
        return str(problem)
    return STOPPED if isinstance(problem, KeyboardInterrupt) else BROKEN


def still_here(run_id: int) -> None:
    seen = update(IngestionRun).where(IngestionRun.id == run_id, IngestionRun.state.in_(ACTIVE))
    db.session.execute(seen.values(seen_at=utc_now()))


def wait_for_turn(run_id: int, waiting: Callable[[], object]) -> None:
    """Raises DomainError when somebody else has taken the run over, or ended it."""
    pause = threading.Event()
    while not claim(run_id, utc_now()):
        db.session.commit()
        if db.session.scalar(select(IngestionRun.state).where(IngestionRun.id == run_id)) is not IngestionState.WAITING:
            raise DomainError("Somebody else went on with this already.")
        waiting()
        pause.wait(WAIT)
    db.session.commit()


def embed_what_is_new(recorder: Recorder) -> None:
    """Where there is a model. What is left over, `flask reindex` does."""
    model = encoder()
    if model.state is EncoderState.OFF or recorder.terms.dry_run:
        return
    recorder.stage = Stage("embedding", passages_left(model.name))
    recorder.checkpoint()
    model.start()  # what was exported for this server, if anything was: load() by itself would take the model whole
    if model.load():
        embed_missing(model, recorder.checkpoint, recorder.embedded)


def start(app: Flask, run_id: int) -> threading.Thread:
    """Work on an uploaded run in a thread of its own, with its own session. It never raises: the run says all."""
    return in_thread(app, f"ingestion-{run_id}", lambda: take_in_upload(run_id), THREADS)


def take_in_upload(run_id: int) -> None:
    try:
        told = db.session.scalar(select(IngestionRun.report["terms"]).where(IngestionRun.id == run_id)) or {}
        perform(run_id, upload_path(run_id), Terms(**told))
    except DomainError:
        pass  # it is written down
    except Exception:
        log.exception("ingestion run %s broke", run_id)
    # Somebody else may have gone on with it; then they still read what was uploaded.
    if db.session.scalar(select(IngestionRun.state).where(IngestionRun.id == run_id)) not in ACTIVE:
        shutil.rmtree(upload_folder(run_id), ignore_errors=True)


def upload_folder(run_id: int) -> Path:
    return Path(current_app.config["DATA_DIR"]) / "uploads" / str(run_id)


def upload_path(run_id: int) -> Path:
    """The one file that was uploaded, or the folder of all of them."""
    files = uploaded(run_id)
    return files[0] if len(files) == 1 else upload_folder(run_id)


def uploaded(run_id: int) -> list[Path]:
    folder = upload_folder(run_id)
    return sorted(folder.iterdir()) if folder.is_dir() else []


def clear_leftovers(now: datetime) -> None:
    """What was uploaded for runs that died, and that nobody went on with."""
    folder = Path(current_app.config["DATA_DIR"]) / "uploads"
    old = (now - LEFTOVERS).timestamp()
    for left in folder.iterdir() if folder.is_dir() else ():
        if left.is_dir() and left.stat().st_mtime < old:
            shutil.rmtree(left, ignore_errors=True)


def page(before: tuple[datetime, int] | None = None) -> Select[*tuple[Any, ...]]:
    """Runs, newest first, with their numbers but without their lines, and one more than a page."""
    query = summary().order_by(IngestionRun.started_at.desc(), IngestionRun.id.desc()).limit(PAGE + 1)
    if before is not None:
        query = query.where(tuple_(IngestionRun.started_at, IngestionRun.id) < tuple_(*before))
    return query


def summary() -> Select[*tuple[Any, ...]]:
    numbers = [IngestionRun.report[name].as_integer().label(name) for name in COUNTED]
    stage = [IngestionRun.report[("stage", name)].as_integer().label(name) for name in ("to_embed", "embedded")]
    return select(
        IngestionRun.id,
        IngestionRun.source,
        IngestionRun.file_name,
        IngestionRun.state,
        IngestionRun.total,
        IngestionRun.done,
        IngestionRun.problem,
        IngestionRun.started_at,
        IngestionRun.seen_at,
        IngestionRun.finished_at,
        User.name.label("starter"),
        IngestionRun.report[("stage", "name")].as_string().label("stage"),
        IngestionRun.report[("terms", "dry_run")].as_boolean().label("dry_run"),
        *numbers,
        *stage,
    ).outerjoin(User, User.id == IngestionRun.started_by_id)


def lines_of(run_id: int) -> list[tuple[str, str, str]]:
    """What became of each article that did not just stay as it was: what, which, remark. What was refused first."""
    found = db.session.execute(
        select(IngestionRun.report["rejected"], IngestionRun.report["lines"]).where(IngestionRun.id == run_id)
    ).one_or_none()
    rejected, lines = found or (None, None)
    refused = [("rejected", where, reason) for where, reason in rejected or ()]
    order = ("kept", "updated", "inserted", "archived", "included")
    rest = sorted(((what, which, remark) for what, which, remark in lines or ()), key=lambda line: order.index(line[0]))
    return refused + rest
