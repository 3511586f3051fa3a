"""Bringing articles in through the browser, and going on after a run died."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from console.config import ROOT
from console.db import db, utc_now
from console.events import Event
from knowledge import cli, ingestion
from knowledge import ingestion_runs as runs
from knowledge import ingestion_views as views
from knowledge.embedding import EncoderState
from knowledge.ingestion import Terms, write_passages
from knowledge.models import Article, ArticleState, IngestionRun, IngestionState
from tests.conftest import HTMX
from tests.factories import add

SignIn = Callable[..., FlaskClient]
INDEX = "/knowledge/ingestion"


@pytest.fixture(autouse=True)
def no_thread_left(app: Flask, tmp_path: Path) -> Iterator[None]:
    app.config["DATA_DIR"] = tmp_path / "data"
    yield
    finish()
    assert not runs.THREADS


@pytest.fixture
def owner(sign_in: SignIn) -> FlaskClient:
    return sign_in("supervisor")


def finish() -> None:
    for thread in list(runs.THREADS):
        thread.join(60)


def upload(client: FlaskClient, files: dict[str, bytes], **fields: str) -> TestResponse:
    sent = [(io.BytesIO(content), name) for name, content in files.items()]
    response = client.post(INDEX, data={"source": "docs", "scope": "whole", "files": sent, **fields})
    finish()
    return response


def packed(files: dict[str, bytes]) -> bytes:
    folder = io.BytesIO()
    with zipfile.ZipFile(folder, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return folder.getvalue()


def the_run(session: Session) -> IngestionRun:
    session.expire_all()
    return session.scalars(select(IngestionRun).order_by(IngestionRun.id.desc()).limit(1)).one()


def make_run(session: Session, **given: object) -> IngestionRun:
    values = {"source": "docs", "file_name": "docs.zip", "started_at": utc_now(), "seen_at": utc_now(), **given}
    run = add(session, IngestionRun(**values))
    session.commit()
    return run


def test_a_zip_becomes_articles_and_a_report(owner: FlaskClient, session: Session, tmp_path: Path) -> None:
    files = {
        "docs/a.md": b"# Returns\n\n45 days.",
        "docs/b.html": b"<p>Lamps<script>alert(1)</script>",
        "docs/c.md": b"",
    }
    response = upload(owner, {"docs.zip": packed(files)})
    run = the_run(session)
    assert (response.status_code, response.location) == (303, f"{INDEX}/{run.id}")
    assert (run.state, run.total, run.done, run.file_name) == (IngestionState.FINISHED, 3, 3, "docs.zip")
    assert (run.report["inserted"], run.report["refused"]) == (2, 1)
    assert {row.title for row in session.scalars(select(Article))} == {"Returns", "b"}
    page = owner.get(response.location).text
    assert "it is empty" in page
    assert '<a href="/knowledge/articles/returns">Returns</a><div class="tiny">a.md</div>' in page
    assert "hx-get" not in page.partition('id="run"')[2].partition(">")[0]
    only = owner.get(f"{response.location}?what=rejected").text
    assert "c.md" in only
    assert "a.md" not in only
    table = owner.get(f"{response.location}/report.csv")
    assert table.mimetype == "text/csv"
    assert "rejected,c.md,it is empty" in table.text
    assert not list((tmp_path / "data" / "uploads").iterdir())
    kinds = [row.kind for row in session.scalars(select(Event).order_by(Event.id))]
    assert kinds == ["ingestion.started", "ingestion.finished"]


def test_a_snippet_that_others_include_is_no_article_and_nothing_that_failed(
    owner: FlaskClient, session: Session
) -> None:
    files = {"a.md": b"# A\n\n[!INCLUDE [role](includes/role.md)]", "includes/role.md": b"You need a role."}
    page = owner.get(upload(owner, {"docs.zip": packed(files)}).location).text
    assert (the_run(session).report["included"], the_run(session).report["refused"]) == (1, 0)
    assert "Part of others" in page
    assert "stands in 1 other article" in page
    assert "ot taken in" not in page
    assert session.scalars(select(Article.body)).all() == ["You need a role."]


def test_more_for_a_source_archives_nothing_and_the_whole_source_does(owner: FlaskClient, session: Session) -> None:
    upload(owner, {"a.md": b"# A\n\nalpha", "b.md": b"# B\n\nbeta", "c.md": b"# C\n\ngamma"})
    upload(owner, {"d.md": b"# D\n\ndelta"}, scope="part")
    assert session.scalar(select(func.count()).where(Article.state == ArticleState.ARCHIVED)) == 0
    response = upload(owner, {"a.md": b"# A\n\nalpha"})
    assert "Nothing was archived" in owner.get(response.location).text
    response = upload(owner, {"a.md": b"# A\n\nalpha"}, allow_shrink="y")
    assert the_run(session).report["archived"] == 3
    assert "Nothing was archived" not in owner.get(response.location).text


@pytest.mark.parametrize(("files", "fields", "words"), [
    ({}, {}, "Choose a zip, or one or more files"),
    ({"a.md": b"x"}, {"source": " "}, "Name where the articles come from"),
    ({"a.exe": b"x"}, {}, "a.exe is of a kind that is not read"),
    ({"a.zip": b"x", "b.md": b"x"}, {}, "Bring in one zip by itself"),
    ({"in/a.md": b"x", "A.MD": b"x"}, {}, "Two files are called a.md"),
])  # fmt: skip
def test_what_cannot_be_brought_in_is_told_at_the_form(
    owner: FlaskClient, session: Session, files: dict[str, bytes], fields: dict[str, str], words: str
) -> None:
    response = upload(owner, files, **fields)
    assert response.status_code == 422
    assert words in response.text
    assert session.scalar(select(func.count(IngestionRun.id))) == 0


def test_a_path_in_a_files_name_leads_nowhere(owner: FlaskClient, session: Session, tmp_path: Path) -> None:
    upload(owner, {"../../../evil.md": b"words", "C:/docs/two.md": b"words too"})
    assert {row.external_id for row in session.scalars(select(Article))} == {"evil.md", "two.md"}
    assert not list(tmp_path.rglob("evil.md"))


def test_only_who_may_edit_sends_something_large(
    app: Flask, sign_in: SignIn, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 10_000
    large = {"a.md": b"words " * 5_000}
    assert upload(sign_in("supervisor"), large).status_code == 303
    assert upload(sign_in("agent"), large).status_code == 403
    monkeypatch.setattr(views, "LARGEST_UPLOAD", 20_000)
    assert upload(sign_in("administrator"), large).status_code == 413
    app.config["WTF_CSRF_ENABLED"] = True  # its check reads the whole form before any view
    assert upload(app.test_client(), large).status_code in (302, 400, 413)
    assert session.scalar(select(func.count(IngestionRun.id))) == 1


def test_an_encrypted_or_broken_zip_says_so(owner: FlaskClient, session: Session) -> None:
    response = upload(owner, {"no.zip": b"PK\x03\x04 nonsense"})
    assert "it is not a zip, or it is damaged" in owner.get(response.location).text


def test_a_run_without_any_article_is_told_to_have_failed(owner: FlaskClient, session: Session) -> None:
    response = upload(owner, {"pictures.zip": packed({"a.png": b"x"})})
    assert the_run(session).state is IngestionState.FAILED
    assert "There is no article in it" in owner.get(response.location).text


def test_something_unforeseen_is_written_down_and_told(
    owner: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(runs, "ingest", broken)
    response = upload(owner, {"a.md": b"words"})
    page = owner.get(response.location).text
    assert "Something broke on our side" in page
    assert "secret detail" not in page


def test_a_run_that_was_only_tried_out_says_so_and_what_was_missing_stands_in_the_list(
    owner: FlaskClient, session: Session
) -> None:
    report = {"terms": {"dry_run": True}, "inserted": 0, "updated": 0, "archived": 115}
    tried = make_run(session, state=IngestionState.FINISHED, report=report)
    page = owner.get(f"{INDEX}/{tried.id}").text
    assert "Only tried out" in page
    assert "Nothing was changed" in page
    make_run(session, state=IngestionState.FINISHED, report={"inserted": 0, "updated": 0, "missing": 7})
    assert "7 missing, not archived" in owner.get(INDEX).text


def test_a_run_that_goes_on_is_looked_at_every_second(owner: FlaskClient, session: Session) -> None:
    report = {"stage": {"name": "reading"}, "inserted": 40, "updated": 0}
    run = make_run(session, state=IngestionState.RUNNING, total=100, done=40, report=report)
    response = owner.get(f"{INDEX}/{run.id}", headers=HTMX)
    assert 'hx-trigger="every 1s"' in response.text
    assert '<progress value="40" max="100"' in response.text
    assert "<h1" not in response.text
    run.report = {**report, "stage": {"name": "embedding", "to_embed": 80, "embedded": 20}}
    session.commit()
    assert "20 of 80 passages" in owner.get(f"{INDEX}/{run.id}", headers=HTMX).text


def test_only_one_run_at_a_time_goes_on(app: Flask, session: Session) -> None:
    now = utc_now()
    first, second = (make_run(session, state=IngestionState.WAITING) for _ in range(2))
    with app.app_context():
        assert runs.claim(first.id, now)
        db.session.commit()
        assert not runs.claim(second.id, now)
        assert not runs.claim(first.id, now)
        db.session.commit()
        later = now + timedelta(minutes=2)
        assert runs.claim(second.id, later)  # the first gave no sign of life
        db.session.commit()


def test_a_run_that_died_can_be_gone_on_with(app: Flask, owner: FlaskClient, session: Session) -> None:
    long_ago = utc_now() - timedelta(minutes=2)
    terms = {"terms": {"whole": True}}
    run = make_run(session, state=IngestionState.RUNNING, seen_at=long_ago, report=terms)
    with app.app_context():
        folder = runs.upload_folder(run.id)
    folder.mkdir(parents=True)
    (folder / "a.md").write_text("# A\n\nalpha")
    page = owner.get(f"{INDEX}/{run.id}").text
    assert "It stopped half way" in page
    assert "Go on" in page
    assert 'hx-trigger="every 1s"' not in page
    response = owner.post(f"{INDEX}/{run.id}/resumption")
    finish()
    assert response.status_code == 303
    assert the_run(session).state is IngestionState.FINISHED
    assert session.scalars(select(Article.title)).all() == ["A"]
    again = owner.post(f"{INDEX}/{run.id}/resumption", follow_redirects=True)
    assert "nothing to go on with" in again.text


def test_a_run_whose_files_are_gone_is_not_gone_on_with(owner: FlaskClient, session: Session) -> None:
    run = make_run(session, state=IngestionState.RUNNING, seen_at=utc_now() - timedelta(minutes=2))
    answer = owner.post(f"{INDEX}/{run.id}/resumption", follow_redirects=True)
    assert "Its files are not on this machine any more" in answer.text
    assert the_run(session).state is IngestionState.RUNNING


def test_the_list_is_paged_and_takes_few_statements(owner: FlaskClient, session: Session) -> None:
    start = utc_now()
    owner.get(INDEX)
    few = int(owner.get(INDEX).headers["X-Sql-Statements"])
    for number in range(25):
        make_run(
            session, state=IngestionState.FINISHED, file_name=f"file-{number}.", report={"inserted": number},
            started_at=start - timedelta(hours=number),
        )  # fmt: skip
    page = owner.get(INDEX)
    assert int(page.headers["X-Sql-Statements"]) == few
    assert "file-19." in page.text
    assert "file-20." not in page.text
    older = page.text.partition('class="pager"')[2].partition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "file-20." in owner.get(older).text


def test_a_long_report_is_shown_a_page_at_a_time(owner: FlaskClient, session: Session) -> None:
    lines = [["inserted", f"n{number:03}.", ""] for number in range(250)]
    run = make_run(session, state=IngestionState.FINISHED, report={"inserted": 250, "lines": lines, "rejected": []})
    first = owner.get(f"{INDEX}/{run.id}").text
    assert "n099." in first
    assert "n100." not in first
    assert "n249." in owner.get(f"{INDEX}/{run.id}?start=200").text
    assert owner.get(f"{INDEX}/{run.id}?start=999999999999999999999").status_code == 200


def test_what_was_left_over_is_cleared_after_a_week(app: Flask, tmp_path: Path) -> None:
    for name, days in (("1", 8), ("2", 1)):
        folder = tmp_path / "data" / "uploads" / name
        folder.mkdir(parents=True)
        moment = (utc_now() - timedelta(days=days)).timestamp()
        os.utime(folder, (moment, moment))
    with app.app_context():
        runs.clear_leftovers(utc_now())
    assert [left.name for left in (tmp_path / "data" / "uploads").iterdir()] == ["2"]


def test_a_killed_command_goes_on_where_it_was(app: Flask, session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(400):
        (folder / f"{number:03}.md").write_text(f"# Number {number}\n\nWords of an article.")
    with app.app_context():
        url = db.engine.url.render_as_string(hide_password=False)
    # It stops for good after its first commit, as a machine that lost power would.
    stopper = (
        "import os, signal; from console.app import create_app; from console.db import db; from knowledge import cli\n"
        "import knowledge.ingestion_runs as runs\n"
        "kept = runs.Recorder.checkpoint\n"
        "runs.Recorder.checkpoint = lambda self: (kept(self), os.kill(os.getpid(), signal.SIGKILL))\n"
        f"create_app().test_cli_runner().invoke(args=['ingest', {str(folder)!r}, '--no-embed'])"
    )
    environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(tmp_path / "data"), "EMBEDDING_MODEL": "none"}
    environment["SECRET_KEY"] = "for tests and nothing else"
    done = subprocess.run([sys.executable, "-c", stopper], cwd=ROOT, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    first = session.scalar(select(func.count(Article.id))) or 0
    assert 0 < first < 400
    died = the_run(session)
    assert (died.state, died.done < 400) == (IngestionState.RUNNING, True)
    died.seen_at = utc_now() - timedelta(minutes=2)
    session.commit()
    with app.app_context():
        run = runs.begin("docs", "docs", Terms(), actor_id=None, now=utc_now())
        db.session.commit()
        report = runs.perform(run.id, folder, Terms())
    assert (report.unchanged, report.inserted, report.before) == (0, 400, first)
    assert report.passages == 400
    with app.app_context():
        run = runs.begin("docs", "docs", Terms(), actor_id=None, now=utc_now())
        db.session.commit()
        report = runs.perform(run.id, folder, Terms())
    assert (report.unchanged, report.inserted, report.before) == (400, 0, 0)


def test_a_run_gone_on_with_reports_both_halves(
    owner: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {f"{number}.md": f"# Number {number}\n\nwords".encode() for number in range(5)}
    upload(owner, before)
    files = {
        "0.md": before["0.md"],
        "1.md": before["1.md"],
        "2.md": b"# Number 2\n\nother words",
        "9.md": b"# New\n\nwords",
    }

    def dies(*_: object) -> None:
        raise RuntimeError("the worker is ended: after the reading, before the end is written down")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "embed_what_is_new", dies)
        patch.setattr(runs.Recorder, "finish", lambda *_: None)
        upload(owner, files)
    run = the_run(session)
    assert run.state is IngestionState.RUNNING
    run.seen_at = utc_now() - timedelta(minutes=2)
    session.commit()
    owner.post(f"{INDEX}/{run.id}/resumption")
    finish()
    told = the_run(session).report
    counts = {name: told[name] for name in ("inserted", "updated", "archived", "unchanged", "before", "passages")}
    assert counts == {"inserted": 1, "updated": 1, "archived": 2, "unchanged": 2, "before": 4, "passages": 2}
    page = owner.get(f"{INDEX}/{run.id}").text
    assert "4 articles were done before it stopped half way" in page
    for line in ("Number 2", "New", "Number 3", "Number 4"):
        assert f">{line}</a>" in page
    assert ">Number 0</a>" not in page


def test_a_command_stopped_by_hand_says_that_it_may_be_run_again(
    app: Flask, owner: FlaskClient, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "ingest", stopped)
    done = app.test_cli_runner().invoke(args=["ingest", str(tmp_path / "docs"), "--no-embed"])
    assert done.exit_code == 1
    assert "What was read until then is kept. Run it again to go on." in done.output
    page = owner.get(f"{INDEX}/{the_run(session).id}").text
    assert "It was stopped by hand" in page
    assert "on our side" not in page


def test_a_command_stopped_by_hand_and_run_again_tells_what_both_did(
    app: Flask, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()
    for number in range(6):
        (tmp_path / "docs" / f"{number}.md").write_text(f"# Number {number}\n\nWords.")
    left = iter([True] * 3)

    def write(*given: Any) -> int:
        if not next(left, False):
            raise KeyboardInterrupt
        return write_passages(*given)

    monkeypatch.setattr(ingestion, "BATCH", 2)
    with monkeypatch.context() as patch:
        patch.setattr(ingestion, "write_passages", write)
        assert app.test_cli_runner().invoke(args=["ingest", str(tmp_path / "docs"), "--no-embed"]).exit_code == 1
    stopped = the_run(session).report  # the third article was taken back
    assert (stopped["inserted"], stopped["passages"], len(stopped["lines"])) == (2, 2, 2)
    done = app.test_cli_runner().invoke(args=["ingest", str(tmp_path / "docs"), "--no-embed"]).output
    assert "Inserted 6, updated 0, unchanged 0," in done
    assert "wrote 6 passages" in done
    assert "Of these, 2 were done before it stopped half way." in done


def test_a_command_that_waits_says_so_once(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.md").write_text("# A\n\nalpha")
    looks = iter([False, False, True])
    claim = runs.claim
    monkeypatch.setattr(runs, "claim", lambda *given: next(looks) and claim(*given))
    monkeypatch.setattr(runs, "WAIT", 0.0)
    done = app.test_cli_runner().invoke(args=["ingest", str(tmp_path / "a.md"), "--no-embed"])
    assert "Inserted 1," in done.output
    assert done.output.count("Waiting until another one is finished") == 1


def test_preparing_stopped_by_hand_says_how_to_go_on(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    model = SimpleNamespace(state=EncoderState.IDLE, name="m", is_exported=lambda: True, load=lambda: True)
    monkeypatch.setattr(cli, "encoder", lambda: model)
    monkeypatch.setattr(cli, "passages_left", lambda name: 1)
    monkeypatch.setattr(cli, "build", lambda connection: "")
    monkeypatch.setattr(cli, "embed_missing", stopped)
    done = app.test_cli_runner().invoke(args=["reindex"])
    assert done.exit_code == 1
    assert "flask reindex goes on where it was" in done.output
