"""The schema that migrations make is the one that the models describe, up and down, on both engines."""

from __future__ import annotations

import flask_migrate
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect, text

from console.db import Base, db

BY_HAND = ("passages_fts", "passage_vectors", "title_vectors")  # search tables that no model describes


def tables() -> set[str]:
    db.engine.dispose()
    return {name for name in inspect(db.engine).get_table_names() if not name.startswith(BY_HAND)}


def test_every_migration_goes_down_and_up_again(app: Flask) -> None:
    with app.app_context():
        assert tables() == {*Base.metadata.tables, "alembic_version"}
        flask_migrate.downgrade(revision="base")
        assert tables() == {"alembic_version"}
        flask_migrate.upgrade()
        assert tables() == {*Base.metadata.tables, "alembic_version"}


def test_models_and_migrations_agree(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or not name.startswith(BY_HAND)}
        )
        assert [change for change in compare_metadata(context, Base.metadata) if "passages" not in str(change)] == []


def test_the_newest_migration_is_the_one_in_use(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
