"""Articles for tests, as ingestion writes them."""

from __future__ import annotations

from datetime import date
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from console.db import utc_now
from knowledge.chunking import cut
from knowledge.models import Article, Passage
from tests.factories import add

numbers = count(1)

# What the editor sends beside an article's title, text and state.
SENT = {"audience": "agent", "language": "en", "owner": "", "verify_by": "", "expires_on": "", "labels": ""}


def make_article(
    session: Session, title: str = "Gift cards", body: str = "Valid for five years.", **given: Any
) -> Article:
    number = next(numbers)
    given.setdefault("external_id", f"article-{number}.md")
    given.setdefault("slug", f"article-{number}")
    passages = [
        Passage(position=position, title=title, heading=piece.heading, text=piece.text)
        for position, piece in enumerate(cut(title, body))
    ]
    return add(session, Article(title=title, body=body, source="test", content_hash="", passages=passages, **given))


def today() -> date:
    """As the console's own time zone has it."""
    return utc_now().astimezone(ZoneInfo("Europe/London")).date()
