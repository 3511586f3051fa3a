"""Both database engines for every test that touches one, each test on an empty, migrated database."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from console.app import create_app
from console.auth.models import User
from console.config import Settings
from console.db import Base, db
from console.interactions import stream
from console.web import limiter
from tests import postgres
from tests.factories import make_user

# A busy machine is no mistake of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

RUN_FOLDER = "PLUSONE_TEST_RUN"  # shared by all workers of one run
HTMX = {"HX-Request": "true"}


def pytest_configure(config: pytest.Config) -> None:
    if RUN_FOLDER not in os.environ:
        os.environ[RUN_FOLDER] = tempfile.mkdtemp(prefix="plusone-tests-")
        Path(os.environ[RUN_FOLDER]).chmod(0o755)
        config.add_cleanup(remove_run_folder)


class Together(LoadScopeScheduling):
    """Tests that share something dear, a server with a browser or a whole demo shop, go to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/browser/"):
            return "browser"
        if nodeid.startswith("tests/web/test_demo.py") and "[" in nodeid:
            return "demo " + nodeid.partition("[")[2]
        return nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


def remove_run_folder() -> None:
    folder = Path(os.environ.pop(RUN_FOLDER))
    if (folder / "postgres" / "port").exists():
        postgres.Postgres(folder / "postgres").stop()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def alone(name: str) -> Iterator[Path]:
    """Only one worker at a time is inside; yields the run's folder."""
    folder = Path(os.environ[RUN_FOLDER])
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def make_app(url: str, **overrides: object) -> Flask:
    """An app as in production, but for what a test cannot do: its own database, no tokens, no throttling."""
    folder = Path(os.environ[RUN_FOLDER])
    given = {"DATABASE_URL": url, "DATA_DIR": str(folder), "SECRET_KEY": "for tests and nothing else"}
    settings = Settings.from_environment(given)
    flags = {
        "TESTING": True,
        "PROPAGATE_EXCEPTIONS": False,
        "WTF_CSRF_ENABLED": False,
        "RATELIMIT_ENABLED": False,
        "EMBEDDING_MODEL": "none",  # tests of meaning ask for the real one
    }
    return create_app(settings, **(flags | overrides))


def migrate(url: str) -> None:
    app = make_app(url)
    with app.app_context():
        flask_migrate.upgrade()
        db.engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template() -> Path:
    with alone("sqlite") as folder:
        template = folder / "template.db"
        if not template.exists():
            migrate(f"sqlite:///{folder / 'draft.db'}")
            with closing(sqlite3.connect(folder / "draft.db")) as connection:
                connection.execute("VACUUM INTO ?", [str(template)])
        return template


@pytest.fixture(scope="session")
def postgres_port() -> int:
    with alone("postgres") as folder:
        port_file = folder / "postgres" / "port"
        if not port_file.exists():
            (folder / "postgres").mkdir()
            port = postgres.Postgres(folder / "postgres").start()
            migrate(postgres.create_database(port, "plusone_template"))
        return int(port_file.read_text())


@pytest.fixture(scope="session")
def postgres_database(postgres_port: int, worker_id: str) -> str:
    with alone("postgres"):
        return postgres.create_database(postgres_port, f"plusone_{worker_id}", "plusone_template")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, worker_id: str) -> str:
    """An empty database at the newest migration; each worker has one address for each engine."""
    if request.param == "sqlite":
        # A thread of the test before may still have its own file open: only the link is replaced, at once.
        shutil.copyfile(request.getfixturevalue("sqlite_template"), tmp_path / "plusone.db")
        link = tmp_path / "link"
        link.symlink_to(tmp_path / "plusone.db")
        address = Path(os.environ[RUN_FOLDER]) / f"{worker_id}.db"
        link.replace(address)
        return f"sqlite:///{address}"
    url: str = request.getfixturevalue("postgres_database")
    empty(url)
    return url


def empty(url: str) -> None:
    with ENGINES.setdefault(url, create_engine(url)).begin() as connection:
        # Switches off triggers and foreign keys for this connection: the guards refuse deletes otherwise.
        tables = [*Base.metadata.tables, "passage_vectors", "title_vectors", "remembered_halves"]
        deletes = "".join(f"DELETE FROM {table};" for table in tables)
        connection.execute(text(f"SET session_replication_role = replica; {deletes}"))


ENGINES: dict[str, Engine] = {}
APPS: dict[str, Flask] = {}
BESIDE = ("simulation-", "ingestion-", "replay-", "beliefs", "listening")


@pytest.fixture
def app(database_url: str) -> Iterator[Flask]:
    """Built once for each address, for that takes longer than most tests; whatever a test changes is put back."""
    app = APPS.get(database_url) or APPS.setdefault(database_url, make_app(database_url))
    config, extensions = dict(app.config), dict(app.extensions)
    # Its own, for one that was closed takes nobody any more.
    stream.register_hub(app, app.extensions["live"].room)
    yield app
    let_go(app)
    for held, before in ((app.config, config), (app.extensions, extensions)):
        held.clear()
        held.update(before)


@pytest.fixture
def app_with(database_url: str) -> Iterator[Callable[..., Flask]]:
    """app_with(WTF_CSRF_ENABLED=True): another app on the test's database, with other Flask settings."""
    made: list[Flask] = []

    def make(**overrides: object) -> Flask:
        made.append(make_app(database_url, **overrides))
        return made[-1]

    yield make
    # There is one limiter, and an app that throttles has switched it on for the others too.
    if limiter.enabled:
        limiter.reset()
        limiter.enabled = False
    for app in made:
        let_go(app)


def let_go(app: Flask) -> None:
    """Close its connections. A thread that goes on would open another, in the next test's database."""
    app.extensions["live"].close()
    for thread in threading.enumerate():
        if thread.name.startswith(BESIDE):
            thread.join(timeout=20)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Nobody signed in."""
    return app.test_client()


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """For preparing rows and for looking at what a request left behind; commit before calling the client.

    It is not the app's own session: with an app context kept open, Flask would share `g`, and so the
    signed-in user, between requests.
    """
    with app.app_context():
        engine = db.engine
    with Session(engine, expire_on_commit=False) as session:
        yield session


@pytest.fixture
def in_app(app: Flask) -> Iterator[None]:
    """For tests of domain functions, which use db.session; do not mix with a client."""
    with app.app_context():
        yield


@pytest.fixture
def sign_in(app: Flask, session: Session) -> Callable[..., FlaskClient]:
    """sign_in("agent") or sign_in(user): a client that is signed in. `client.user` is who."""

    def signed_in(who: str | User = "agent") -> FlaskClient:
        user = make_user(session, who) if isinstance(who, str) else who
        session.commit()
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"] = user.fs_uniquifier
            cookie["_fresh"] = True
        client.user = user  # type: ignore[attr-defined]
        return client

    return signed_in
