"""Lots that are the same whenever they are drawn, and that nobody can know who does not know the secret key."""

from __future__ import annotations

import hashlib
from datetime import datetime

from flask import current_app


def is_drawn(what: str, percent: int) -> bool:
    """Whether the lot falls on `what`, as it does on so many of a hundred."""
    secret: str = current_app.config["SECRET_KEY"]
    digest = hashlib.sha256(f"{secret}:{what}".encode()).digest()
    return int.from_bytes(digest[:4]) % 100 < percent


def week_of(at: datetime) -> str:
    """For lots that are drawn anew each week."""
    week = at.isocalendar()
    return f"{week.year}-{week.week}"
