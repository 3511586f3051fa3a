"""A demo shop to look at: what stands in its database, and the moment at which tests load it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from console.db import Base, db

NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)
# These only ever grow, or wait to be worked off.
COUNTERS = {"knowledge_revisions", "article_changes", "roles", "alembic_version", "fact_changes"}


def content(*, ids: bool) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, sorted. Without ids: what a reader would call the same."""
    found = {}
    for table in Base.metadata.sorted_tables:
        if table.name in COUNTERS:
            continue
        # Keys differ between loads, passwords and session keys are salted; recorded_at is the clock.
        hidden = {"id", "password", "fs_uniquifier", "recorded_at", "data", "evidence", "terms_hash", "idempotency_key"}
        hidden |= {"body", "body_hash"} if table.name == "policy_versions" else set()  # these name gestures by id
        columns = [
            column
            for column in table.columns
            if ids or (column.name not in hidden and not column.foreign_keys and column.name != "subject_id")
        ]
        if not columns:
            continue
        found[table.name] = sorted((tuple(row) for row in db.session.execute(select(*columns))), key=repr)
    found.pop("ledger_locks") if not ids else None
    return found


def counts(model: type[Base], *where: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(*where)) or 0
