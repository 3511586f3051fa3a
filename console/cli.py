"""Commands beside the server: flask import, ingest, gestures, demo …"""

from __future__ import annotations

from flask import Flask

import knowledge.cli
import notes.cli
from console.api import cli as api
from console.auth import cli as auth
from console.customers import cli as customers
from console.demo import cli as demo
from console.gestures import cli as gestures
from console.gestures import explaining_cli as policies
from console.importing import cli as importing


def register_commands(app: Flask) -> None:
    groups = (auth, api, customers, demo, gestures, policies, importing, knowledge.cli, notes.cli)
    for command in (command for group in groups for command in group.commands):
        app.cli.add_command(command)
