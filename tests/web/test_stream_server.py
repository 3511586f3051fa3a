"""The shipped server with open streams: several workers, a reload, and an end that waits for nobody."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from console.config import ROOT
from console.db import utc_now
from console.feed import FeedEntry
from tests.conftest import RUN_FOLDER
from tests.factories import add
from tests.postgres import free_port

TRIES = 600  # of a tenth of a second or less


@pytest.fixture
def server(database_url: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    address = f"127.0.0.1:{free_port()}"
    settings = {"DATABASE_URL": database_url, "BIND": address, "WORKERS": "2", "EMBEDDING_MODEL": "none"}
    settings |= {"DATA_DIR": os.environ[RUN_FOLDER], "SECRET_KEY": "for tests and nothing else"}
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "console.app:create_app()"], cwd=ROOT, env=os.environ | settings
    )
    yield address, process
    if process.poll() is None:
        process.kill()
        process.wait()


class Stream:
    """A page's stream over HTTP, opened as soon as a worker takes it."""

    def __init__(self, address: str, cookie: str, last: int | None = None) -> None:
        headers = {"Accept": "text/event-stream", "Cookie": f"session={cookie}"}
        if last:
            headers["Last-Event-ID"] = str(last)
        for _ in range(TRIES):
            self.connection = http.client.HTTPConnection(address, timeout=30)
            with suppress(OSError, http.client.HTTPException):
                self.connection.request("GET", "/stream", headers=headers)
                self.response = self.connection.getresponse()
                if self.response.status == 200 and self.response.readline().startswith(b"retry:"):
                    return
                self.response.close()
            self.connection.close()
            time.sleep(0.05)  # until the server answers
        raise AssertionError("no stream")

    def ids(self) -> Iterator[int]:
        """Of the messages; the iterator ends with the stream."""
        while line := self.response.readline():
            if line.startswith(b"data: {"):
                yield json.loads(line[6:])["id"]

    def hears(self, wanted: list[int]) -> bool:
        missing = set(wanted)
        for one in self.ids():
            missing.discard(one)
            if not missing:
                return True
        return False

    def is_over(self) -> bool:
        over = not any(self.ids())
        self.close()
        return over

    def close(self) -> None:
        self.response.close()
        self.connection.close()


def test_a_reload_ends_streams_that_resume_without_a_gap_and_the_end_comes_at_once(
    server: tuple[str, subprocess.Popen[bytes]], sign_in: Callable[..., FlaskClient], session: Session
) -> None:
    address, process = server
    client = sign_in("agent")
    cookie: Any = client.get_cookie("session")
    topic = f"user:{client.user.id}"  # type: ignore[attr-defined]

    def tell(*kinds: str) -> list[int]:
        ids = []
        for kind in kinds:
            ids.append(add(session, FeedEntry(at=utc_now(), topic=topic, kind=kind, data={})).id)
            session.commit()
        return ids

    streams = [Stream(address, cookie.value) for _ in range(8)]  # over both workers
    before = tell("state", "help", "inbox")
    assert all(stream.hears(before) for stream in streams)

    process.send_signal(signal.SIGHUP)
    assert all(stream.is_over() for stream in streams)
    between = tell("utterances", "queue")
    back = [Stream(address, cookie.value, before[-1]) for _ in range(8)]
    after = tell("presence")
    assert all(stream.hears([*between, *after]) for stream in back)

    process.send_signal(signal.SIGTERM)
    assert all(stream.is_over() for stream in back)
    assert process.wait(10) == 0  # a graceful end may take 15 s
