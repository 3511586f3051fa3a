"""How the server runs. The numbers are settings: see README.md."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from typing import Any

# Before numpy is there. A product that waits for a second thread waits longest when the machine is busy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from sqlalchemy.exc import SQLAlchemyError

from console.assist.listening import be_ready
from console.config import Settings
from console.db import db, utc_now
from console.gestures.outbox import deliver_due
from knowledge.embedding import encoder
from knowledge.index import index_for
from notes.findings.proposing import look_through
from notes.promises.tending import tend
from notes.searching.embedding import keep_reading

settings = Settings.from_environment()

bind = settings.BIND
workers = settings.WORKERS
threads = settings.THREADS
worker_connections = settings.THREADS + 1000  # those beyond the threads are kept alive
worker_class = "gthread"
limit_request_line = 8190  # the most there is; what is longer ends in a bare page of gunicorn's, see longest.js
limit_request_field_size = 10_000  # such an address comes back as HX-Current-URL
timeout = 60
graceful_timeout = 15
max_requests = 20_000
max_requests_jitter = 2_000
# The app must be built after the fork: neither a database connection nor torch survives one.
preload_app = False
accesslog = None
errorlog = "-"
loglevel = "warning"


def on_starting(server: Any) -> None:
    """Read the app's modules once: a worker, forked from this process, only makes the app."""
    import_module("console.app")


def post_fork(server: Any, worker: Any) -> None:
    """All that a worker makes while it starts stays: to look through it for rubbish takes a sixth of that time."""
    gc.disable()


def post_worker_init(worker: Any) -> None:
    """Load the embedding model and the index beside the first requests, not because of them."""
    gc.freeze()
    gc.enable()
    # A stopping worker waits for its requests: open streams end as soon as it begins to, whatever the reason.
    worker.wsgi.extensions["live"].is_stopping = lambda: not worker.alive
    threading.Thread(target=prepare, args=[worker.wsgi], name="knowledge-index", daemon=True).start()
    regularly(worker.wsgi, "promises", tend)
    regularly(worker.wsgi, "findings", look_through)
    threading.Thread(target=keep_reading, args=[worker.wsgi], name="notes-reading", daemon=True).start()
    if settings.FULFILMENT_WEBHOOK_URL:
        regularly(worker.wsgi, "fulfilment", deliver_due)


EVERY = 30  # seconds


def regularly(app: Any, name: str, work: Callable[[datetime], object]) -> None:
    """Do it every half minute beside the requests, in every worker: each piece of work is done by one of them."""

    def run() -> None:
        while True:
            time.sleep(EVERY)
            with app.app_context():
                try:
                    work(utc_now())
                except SQLAlchemyError:
                    db.session.rollback()
                    app.logger.exception("%s could not be looked after; it is tried again", name)
                finally:
                    db.session.remove()

    threading.Thread(target=run, name=name, daemon=True).start()


def prepare(app: Any) -> None:
    with app.app_context():
        encoder().start()
        _ = index_for(encoder().name).fresh().is_empty
        be_ready()
