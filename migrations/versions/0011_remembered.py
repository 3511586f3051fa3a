"""remembered: notes, turns, preferences and boundaries as search looks through them

Triggers keep it, so that whatever writes to those tables, the importer and an erasure among them, is seen here in the
same transaction. SQLite: FTS5 over it. PostgreSQL: a generated tsvector with a GIN index, and vectors in pgvector.
"""

# ruff: noqa: S608  every name in these statements stands in this file

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from alembic import op

# Not written out here: `flask notes embed` makes the same later, where a superuser had to add the extension first.
from notes.searching.pgvector_schema import build

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COLUMNS = "kind, subject_id, customer_id, author_id, at, marks, body"
KEPT = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS.split(", ")[2:])


class Source(NamedTuple):
    """A table that is searched. {row} is its row, new in a trigger; {month:…} the month of a moment."""

    kind: str
    table: str
    values: str  # COLUMNS without the kind
    watched: str  # columns whose change matters
    where: str = "true"
    joined: str = ""  # what else is read

    @property
    def rows(self) -> str:
        return f"SELECT '{self.kind}', {self.values} FROM {self.table} {{row}} {self.joined} WHERE {self.where}"


def month(moment: str) -> str:
    if is_sqlite():
        return f"coalesce(' m' || strftime('%Y%m', {moment}), '')"
    return f"coalesce(' m' || to_char({moment} AT TIME ZONE 'UTC', 'YYYYMM'), '')"


def sources() -> list[Source]:
    clock = 'substr({row}."after", 1, 5)' if is_sqlite() else "to_char({row}.\"after\", 'HH24:MI')"
    return [
        Source(
            "note",
            "notes",
            "{row}.id, {row}.customer_id, {row}.author_id, {row}.written_at, "
            "'note c' || {row}.customer_id || coalesce(' a' || {row}.author_id, '')"
            " || ' k' || replace({row}.kind, '_', '') || CASE WHEN {row}.pinned THEN ' pinned' ELSE '' END"
            " || CASE WHEN {row}.quotable THEN ' quotable' ELSE '' END"
            " || CASE WHEN {row}.follow_up_on IS NULL THEN '' ELSE ' follow' END || "
            + month("{row}.written_at")
            + ", {row}.body",
            "customer_id, author_id, kind, body, quotable, pinned, follow_up_on, written_at",
        ),
        Source(
            "utterance",
            "utterances",
            "{row}.id, i.customer_id, {row}.said_by_id, coalesce({row}.said_at, i.started_at), "
            "'utterance c' || i.customer_id || ' by' || {row}.speaker || coalesce(' a' || {row}.said_by_id, '') || "
            + month("coalesce({row}.said_at, i.started_at)")
            + ", {row}.text",
            "interaction_id, speaker, text, said_at, said_by_id, is_whisper",
            "NOT {row}.is_whisper AND {row}.speaker IN ('customer', 'agent') AND coalesce(i.source, '') <> 'replay'",
            "JOIN interactions i ON i.id = {row}.interaction_id",
        ),
        Source(
            "preference",
            "preferences",
            "{row}.id, {row}.customer_id, {row}.created_by_id, {row}.created_at, 'preference c' || {row}.customer_id"
            " || coalesce(' a' || {row}.created_by_id, '') || " + month("{row}.created_at") + ", {row}.text",
            "customer_id, text, created_at, ended_at",
            "{row}.ended_at IS NULL",
        ),
        Source(
            "boundary",
            "boundaries",
            "{row}.id, {row}.customer_id, {row}.created_by_id, {row}.created_at, 'boundary c' || {row}.customer_id"
            " || coalesce(' a' || {row}.created_by_id, '') || " + month("{row}.created_at") + ", "
            "trim(CASE {row}.kind WHEN 'no_gifts' THEN 'No gifts. ' WHEN 'no_calls_after' THEN 'No calls after ' || "
            + clock
            + " || '. ' ELSE '' END || {row}.text)",
            'customer_id, kind, "after", text, created_at, ended_at',
            "{row}.ended_at IS NULL",
        ),
    ]


# What the model is to read: all, but of a talk only what the customer said in more than a few words.
IS_TELLING = "{row}.kind <> 'utterance' OR ({row}.marks LIKE '% bycustomer%' AND length({row}.body) >= 25)"
QUEUED = "INSERT INTO remembered_unread (id) {what} ON CONFLICT (id) DO UPDATE SET claimed_at = NULL;"


def upgrade() -> None:
    create_tables()
    if is_sqlite():
        op.execute(
            "CREATE VIRTUAL TABLE remembered_fts USING fts5 (marks, body, content='remembered', content_rowid='id', "
            "tokenize='porter unicode61 remove_diacritics 2')"
        )
    for source in sources():
        op.execute(f"INSERT INTO remembered ({COLUMNS}) {source.rows.format(row='r')} ORDER BY 5, 2")
    op.execute(QUEUED.format(what=f"SELECT r.id FROM remembered r WHERE {IS_TELLING.format(row='r')}"))
    if is_sqlite():
        op.execute("INSERT INTO remembered_fts (remembered_fts) VALUES ('rebuild')")
        watch_on_sqlite()
    else:
        # Letters without their accents; marks as lexemes that no word can be.
        op.execute(
            "ALTER TABLE remembered ADD COLUMN terms tsvector GENERATED ALWAYS AS ("
            "to_tsvector('english', regexp_replace(normalize(body, NFKD), '[\\u0300-\\u036f]', '', 'g')) || "
            "array_to_tsvector(string_to_array('@' || replace(marks, ' ', ' @'), ' '))) STORED"
        )
        op.execute("CREATE INDEX ix_remembered_terms ON remembered USING gin (terms)")
        watch_on_postgresql()
        build(op.get_bind())


def create_tables() -> None:
    op.create_table(
        "remembered",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", Key, nullable=False),
        sa.Column("customer_id", Key, nullable=False),
        sa.Column("author_id", Key, nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("marks", sa.String(length=160), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remembered")),
        sa.UniqueConstraint("kind", "subject_id", name=op.f("uq_remembered_kind_subject_id")),
    )
    op.create_index("ix_remembered_customer_id_id", "remembered", ["customer_id", "id"])
    op.create_table(
        "remembered_unread",
        sa.Column("id", Key, nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["id"], ["remembered.id"], name=op.f("fk_remembered_unread_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remembered_unread")),
    )
    op.create_table(
        "remembered_vectors",
        sa.Column("remembered_id", Key, nullable=False),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("sentences", sa.LargeBinary(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["remembered_id"], ["remembered.id"], name=op.f("fk_remembered_vectors_remembered_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remembered_vectors")),
        sa.UniqueConstraint("remembered_id", name=op.f("uq_remembered_vectors_remembered_id")),
        sqlite_autoincrement=True,
    )


def acts() -> list[tuple[str, str, str, str]]:
    """Of each trigger on a source: its name, when it acts, on which table, and what it does."""
    found = []
    for source in sources():
        one = f"kind = '{source.kind}' AND subject_id"
        # The row of the trigger is read again by its id, so that one statement serves triggers and filling alike.
        rows = source.rows.format(row="r") + " AND r.id = new.id"
        keep = f"INSERT INTO remembered ({COLUMNS}) {rows} ON CONFLICT (kind, subject_id) DO UPDATE SET {KEPT};"
        gone = (
            f"DELETE FROM remembered WHERE {one} = new.id AND NOT EXISTS "
            f"(SELECT 1 FROM {source.table} r {source.joined.format(row='r')} "
            f"WHERE r.id = new.id AND ({source.where.format(row='r')}));"
        )
        name = f"remembered_{source.table}"
        found += [
            (f"{name}_insert", "INSERT", source.table, keep),
            (f"{name}_update", f"UPDATE OF {source.watched}", source.table, gone + " " + keep),
            (f"{name}_delete", "DELETE", source.table, f"DELETE FROM remembered WHERE {one} = old.id;"),
        ]
    return found


def of_talk() -> str:
    """All turns of a talk anew, for it was with another customer, or is a replay."""
    turns = sources()[1]
    return (
        "DELETE FROM remembered WHERE kind = 'utterance' AND subject_id IN "
        "(SELECT u.id FROM utterances u WHERE u.interaction_id = new.id); "
        f"INSERT INTO remembered ({COLUMNS}) {turns.rows.format(row='r')} AND r.interaction_id = new.id;"
    )


MOVED = "old.customer_id <> new.customer_id OR coalesce(old.source, '') <> coalesce(new.source, '')"
FORGET = "DELETE FROM remembered_vectors WHERE remembered_id = new.id;"
QUEUE = QUEUED.format(what="SELECT new.id WHERE " + IS_TELLING.format(row="new"))


def watch_on_sqlite() -> None:
    for name, act, table, body in acts():
        op.execute(f"CREATE TRIGGER {name} AFTER {act} ON {table} BEGIN {body} END")
    op.execute(
        "CREATE TRIGGER remembered_interactions AFTER UPDATE OF customer_id, source ON interactions "
        f"WHEN {MOVED} BEGIN {of_talk()} END"
    )
    add = "INSERT INTO remembered_fts (rowid, marks, body) VALUES (new.id, new.marks, new.body);"
    remove = (
        "INSERT INTO remembered_fts (remembered_fts, rowid, marks, body) "
        "VALUES ('delete', old.id, old.marks, old.body);"
    )
    op.execute(f"CREATE TRIGGER remembered_insert AFTER INSERT ON remembered BEGIN {add} {QUEUE} END")
    op.execute(f"CREATE TRIGGER remembered_delete AFTER DELETE ON remembered BEGIN {remove} END")
    op.execute(
        "CREATE TRIGGER remembered_update AFTER UPDATE OF marks, body ON remembered "
        f"WHEN old.marks <> new.marks OR old.body <> new.body BEGIN {remove} {add} END"
    )
    op.execute(
        "CREATE TRIGGER remembered_reworded AFTER UPDATE OF body ON remembered WHEN old.body <> new.body "
        f"BEGIN {FORGET} {QUEUE} END"
    )


def watch_on_postgresql() -> None:
    every = [(name, act, table, body, "") for name, act, table, body in acts()]
    every += [
        ("remembered_interactions", "UPDATE OF customer_id, source", "interactions", of_talk(), f"WHEN ({MOVED})"),
        ("remembered_insert", "INSERT", "remembered", QUEUE, ""),
        ("remembered_reworded", "UPDATE OF body", "remembered", FORGET + QUEUE, "WHEN (old.body <> new.body)"),
    ]
    for name, act, table, body, when in every:
        op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$")
        op.execute(f"CREATE TRIGGER {name} AFTER {act} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {name}()")


def downgrade() -> None:
    watched = [(name, table) for name, _, table, _ in acts()] + [("remembered_interactions", "interactions")]
    for name, table in watched:
        op.execute(f"DROP TRIGGER {name}" if is_sqlite() else f"DROP TRIGGER {name} ON {table}")
    if is_sqlite():
        op.execute("DROP TABLE remembered_fts")
    else:
        op.execute("DROP TABLE IF EXISTS remembered_halves")
    op.drop_table("remembered_vectors")
    op.drop_table("remembered_unread")
    op.drop_table("remembered")
    if not is_sqlite():
        for name, _ in [*watched, ("remembered_insert", ""), ("remembered_reworded", "")]:
            op.execute(f"DROP FUNCTION {name}()")


def is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
