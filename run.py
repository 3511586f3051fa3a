"""Serve the console: python run.py. `make run` prepares everything first."""

from __future__ import annotations

from console.app import create_app

app = create_app()
