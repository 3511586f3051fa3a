"""How the server runs. The numbers are settings: see README.md."""

from __future__ import annotations

from typing import Any

from console.config import Settings
from knowledge.embedding import encoder

settings = Settings.from_environment()

bind = settings.BIND
workers = settings.WORKERS
threads = settings.THREADS
worker_class = "gthread"
timeout = 60
graceful_timeout = 15
max_requests = 20_000
max_requests_jitter = 2_000
# The app must be built after the fork: neither a database connection nor torch survives one.
preload_app = False
accesslog = None
errorlog = "-"
loglevel = "warning"


def post_worker_init(worker: Any) -> None:
    """Load the embedding model beside the first requests, not because of them."""
    with worker.wsgi.app_context():
        encoder().start()
