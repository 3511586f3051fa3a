"""Work beside the requests: a thread with its own session, and the signs of life by which a dead one is known."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from flask import Flask, current_app
from sqlalchemy.exc import OperationalError

from console.db import db

log = logging.getLogger(__name__)

BEAT = 10.0  # seconds between two signs of life


@contextmanager
def signs_of_life(name: str, tell: Callable[[], object]) -> Iterator[None]:
    """Call `tell` every few seconds while the inside runs, however long one step of it takes, and commit."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(BEAT):
            with app.app_context(), suppress(OperationalError):  # the database is taken just now: next time
                tell()
                db.session.commit()

    thread = threading.Thread(target=beat, name=f"{name}-life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def in_thread(app: Flask, name: str, work: Callable[[], object], threads: set[threading.Thread]) -> threading.Thread:
    """Do the work with an application context; while it goes on, the thread stands among `threads`. What it raises is
    logged."""

    def run() -> None:
        try:
            with app.app_context():
                work()
        except Exception:
            log.exception("%s broke", name)
        finally:
            threads.discard(threading.current_thread())

    thread = threading.Thread(target=run, name=name, daemon=True)
    threads.add(thread)
    thread.start()
    return thread
