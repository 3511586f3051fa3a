"""passage search: the keyword index over passages, and the counter that tells every process what changed

SQLite: an FTS5 table over the passages' own columns, kept in step by triggers.
PostgreSQL: a generated tsvector column with a GIN index.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# What is watched: table, operation, the columns that matter to the index, and which row names the article.
WATCHED = (
    ("articles", "insert", "", "new.id"),
    ("articles", "update", "title, language, audience, state, labels, vector, model", "new.id"),
    ("articles", "delete", "", "old.id"),
    ("passages", "insert", "", "new.article_id"),
    ("passages", "update", "article_id, title, heading, text, vector, model", "new.article_id"),
    ("passages", "delete", "", "old.article_id"),
)

COUNT_UP = """
INSERT INTO knowledge_revisions (id, value) VALUES (1, 1)
ON CONFLICT (id) DO UPDATE SET value = knowledge_revisions.value + 1;
INSERT INTO article_changes (article_id, revision)
SELECT {article_id}, value FROM knowledge_revisions WHERE id = 1
ON CONFLICT (article_id) DO UPDATE SET revision = excluded.revision;
"""

FTS_ADD = "INSERT INTO passages_fts (rowid, title, heading, text) VALUES (new.id, new.title, new.heading, new.text);"
FTS_REMOVE = (
    "INSERT INTO passages_fts (passages_fts, rowid, title, heading, text) "
    "VALUES ('delete', old.id, old.title, old.heading, old.text);"
)


def upgrade() -> None:
    (upgrade_sqlite if op.get_bind().dialect.name == "sqlite" else upgrade_postgresql)()


def downgrade() -> None:
    (downgrade_sqlite if op.get_bind().dialect.name == "sqlite" else downgrade_postgresql)()


def upgrade_sqlite() -> None:
    op.execute(
        "CREATE VIRTUAL TABLE passages_fts USING fts5 (title, heading, text, content='passages', content_rowid='id', "
        "tokenize='porter unicode61 remove_diacritics 2')"
    )
    op.execute("INSERT INTO passages_fts (passages_fts) VALUES ('rebuild')")
    op.execute(f"CREATE TRIGGER passages_fts_insert AFTER INSERT ON passages BEGIN {FTS_ADD} END")
    op.execute(f"CREATE TRIGGER passages_fts_delete AFTER DELETE ON passages BEGIN {FTS_REMOVE} END")
    op.execute(
        "CREATE TRIGGER passages_fts_update AFTER UPDATE OF id, title, heading, text ON passages "
        f"BEGIN {FTS_REMOVE} {FTS_ADD} END"
    )
    for table, act, columns, article_id in WATCHED:
        when = f"{act} OF {columns}" if columns else act
        op.execute(
            f"CREATE TRIGGER {table}_counted_{act} AFTER {when} ON {table} BEGIN "
            f"{COUNT_UP.format(article_id=article_id)} END"
        )


def downgrade_sqlite() -> None:
    for table, act, _, _ in WATCHED:
        op.execute(f"DROP TRIGGER {table}_counted_{act}")
    for act in ("insert", "delete", "update"):
        op.execute(f"DROP TRIGGER passages_fts_{act}")
    op.execute("DROP TABLE passages_fts")


def upgrade_postgresql() -> None:
    op.execute(
        "ALTER TABLE passages ADD COLUMN terms tsvector GENERATED ALWAYS AS ("
        "setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', heading), 'B') || "
        "setweight(to_tsvector('english', text), 'D')) STORED"
    )
    op.execute("CREATE INDEX ix_passages_terms ON passages USING gin (terms)")
    for table, act, columns, article_id in WATCHED:
        when = f"{act} OF {columns}" if columns else act
        function = f"{table}_counted_{act}"
        op.execute(
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"{COUNT_UP.format(article_id=article_id)} RETURN NULL; END $$"
        )
        op.execute(f"CREATE TRIGGER {function} AFTER {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()")


def downgrade_postgresql() -> None:
    for table, act, _, _ in WATCHED:
        op.execute(f"DROP TRIGGER {table}_counted_{act} ON {table}")
        op.execute(f"DROP FUNCTION {table}_counted_{act}()")
    op.execute("ALTER TABLE passages DROP COLUMN terms")
