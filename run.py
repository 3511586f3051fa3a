"""Serve the console: the database brought up to date, the demo shop if it is empty, then the server."""

from __future__ import annotations

import os
import sys

import flask_migrate

from console.app import create_app
from console.config import BadSetting, Settings
from console.demo import loading
from knowledge.embedding import EncoderState, encoder


def main() -> None:
    try:
        settings = Settings.from_environment()
    except BadSetting as problem:
        sys.exit(f"Cannot start: {problem}")
    say(f"Database: {settings.DATABASE_URL.split('@')[-1]}")
    with create_app(settings).app_context():
        say("Bringing the database to the newest schema …")
        flask_migrate.upgrade()
        loading.load_if_empty()
        export_model()
        greet(settings)
    # A fresh process: nothing that was opened here is shared with the server.
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "console.app:create_app()"])  # noqa: S606


def export_model() -> None:
    """What the server's workers read questions with, unless it is there already; without it they load more."""
    model = encoder()
    if model.state is not EncoderState.OFF and not model.is_exported():
        say("Preparing search by meaning (once for each embedding model) …")
        _ = model.load() and model.export()


def greet(settings: Settings) -> None:
    """The address, and one sign-in for each role while the demo shop is there."""
    sign_ins = loading.sign_ins()
    if sign_ins:
        say("Demo sign-ins (this password is public; clear the demo before real use: flask demo clear):")
        for role, email, password in sign_ins:
            say(f"  {role:<14} {email:<36} {password}")
    say(f"Plus One is at http://{settings.BIND}/   (Ctrl C stops it)")


def say(words: str) -> None:
    print(words, flush=True)


if __name__ == "__main__":
    main()
