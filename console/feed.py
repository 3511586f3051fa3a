"""What open pages follow: that something changed, where, told in the transaction of the change itself.

A row says only what to load again, never words, so telling a page twice does no harm. Rows are for pages that are open
now: they are deleted after a day.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from console.db import Base, db, utc_now


class FeedEntry(Base):
    """Something to load again. On PostgreSQL a trigger notifies `plusone_feed` with its id."""

    __tablename__ = "feed"
    __table_args__ = (Index(None, "topic", "id"), Index(None, "at"))

    at: Mapped[datetime]
    topic: Mapped[str] = mapped_column(String(40))  # "interaction:12", "customer:7", "user:3", "team:2", "cards"
    kind: Mapped[str] = mapped_column(String(40))  # "utterances", "state", "suggestions", "presence", "approval" …
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)  # ids and numbers


def tell(topic: str, kind: str, **data: int | str | bool | None) -> FeedEntry:
    """Tell the pages that follow a topic, once this transaction is committed."""
    entry = FeedEntry(at=utc_now(), topic=topic, kind=kind, data=data)
    db.session.add(entry)
    return entry
