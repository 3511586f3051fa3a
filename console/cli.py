"""Commands beside the server: flask import, ingest, demo …"""

from __future__ import annotations

from flask import Flask

import knowledge.cli
from console.auth import cli as auth
from console.demo import cli as demo
from console.importing import cli as importing


def register_commands(app: Flask) -> None:
    for command in (*auth.commands, *demo.commands, *importing.commands, *knowledge.cli.commands):
        app.cli.add_command(command)
