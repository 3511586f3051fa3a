"""Alembic's environment: the app's own engine, one transaction, the same on both engines."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from flask import current_app
from sqlalchemy import JSON, Enum

import console.api.models
import console.auth.models
import console.customers.fact_models
import console.customers.models
import console.empowerment.models
import console.events
import console.feed
import console.gestures.approval_models
import console.gestures.fulfilment_models
import console.gestures.learning_models
import console.gestures.models
import console.gestures.review_models
import console.interactions.live_models
import console.interactions.models
import knowledge.models
import notes.beside.models
import notes.cards.models
import notes.findings.models
import notes.models
import notes.promises.away_models
import notes.searching.models
from console.db import Base, UtcDateTime, db

# Search tables and triggers are written by hand in their own migrations.
BY_HAND = ("passages_fts", "remembered_fts", "sqlite_stat1")


def render_item(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Enum):
        return f"sa.String(length={item.length})"
    if kind == "type" and isinstance(item, JSON):
        return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
    return False


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    return not (kind == "table" and name is not None and name.startswith(BY_HAND))


def run() -> None:
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_item=render_item,
            include_name=include_name,
            compare_type=False,
            render_as_batch=connection.dialect.name == "sqlite",
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


with current_app.app_context():
    run()
