"""Commands beside the server: flask import, ingest, demo …"""

from __future__ import annotations

from flask import Flask


def register_commands(app: Flask) -> None:
    del app
