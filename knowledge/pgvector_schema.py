"""What PostgreSQL keeps beside passages and titles for search by meaning, made by triggers in the writing transaction.

Two narrow tables hold every vector as halves of a float; each length of vector in use has an index of its own (HNSW).
Everything here may be run again: the migration does, and `flask reindex` where the extension came later.
"""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

ADVICE = (
    "pgvector is not in this database, and may not be added by this user: {reason}\n"
    "Search by meaning works without it, but every server process then holds all vectors in memory. To change that, "
    "let a superuser run CREATE EXTENSION vector; in this database, then run: flask reindex"
)
USUAL = 384  # numbers in a vector of the packaged model

# A stored vector is the bytes of float32 numbers, the lowest byte first. 0.2 ms for 384 of them.
READ_BYTES = """
CREATE OR REPLACE FUNCTION halves(bytes bytea) RETURNS halfvec LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT array_agg(
    CASE WHEN get_byte(bytes, i + 3) > 127 THEN -1 ELSE 1 END
    * (1 + (((get_byte(bytes, i + 2) & 127) << 16) + (get_byte(bytes, i + 1) << 8) + get_byte(bytes, i)) / 8388608::float8)
    * 2::float8 ^ (((get_byte(bytes, i + 3) & 127) << 1) + (get_byte(bytes, i + 2) >> 7) - 127)
    ORDER BY i
)::real[]::halfvec FROM generate_series(0, length(bytes) - 4, 4) i
$$"""  # noqa: E501

KEPT = {"passage_vectors": ("passages", "passage_id"), "title_vectors": ("articles", "article_id")}  # of what, its key

TABLE = """
CREATE TABLE IF NOT EXISTS {table} (
    {key} bigint PRIMARY KEY REFERENCES {origin} (id) ON DELETE CASCADE,
    {more}
    model varchar(120) NOT NULL,
    embedding halfvec NOT NULL
)"""
TRIGGER = """
CREATE OR REPLACE FUNCTION {table}_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
IF new.vector IS NULL OR new.model IS NULL OR length(new.vector) = 0 OR length(new.vector) & 3 <> 0 THEN
    DELETE FROM {table} WHERE {key} = new.id;
ELSE
    INSERT INTO {table} ({columns}) VALUES ({values}, new.model, halves(new.vector))
    ON CONFLICT ({key}) DO UPDATE SET model = excluded.model, embedding = excluded.embedding;
END IF;
RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER {table}_kept AFTER INSERT OR UPDATE OF vector, model ON {origin}
FOR EACH ROW EXECUTE FUNCTION {table}_kept()"""
# || '' has the bytes read from where they are kept once, not once for each number.
FILL = """
INSERT INTO {table} ({columns}) SELECT {from_row}, model, halves(vector || '') FROM {origin}
WHERE vector IS NOT NULL AND model IS NOT NULL AND length(vector) > 0 AND length(vector) & 3 = 0
ON CONFLICT ({key}) DO NOTHING"""
INDEX = """
CREATE INDEX IF NOT EXISTS ix_passage_vectors_{size} ON passage_vectors
USING hnsw ((embedding::halfvec({size})) halfvec_ip_ops) WHERE vector_dims(embedding) = {size}"""


def has_vectors(connection: Connection) -> bool:
    """Whether this database keeps vectors for search."""
    return connection.dialect.name == "postgresql" and bool(
        connection.scalar(text("SELECT to_regclass('passage_vectors') IS NOT NULL"))
    )


def build(connection: Connection) -> str:
    """Make what is missing of all this, and fill it. Returns "", or why it cannot be, for the operator to read."""
    try:
        with connection.begin_nested():
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
    except DBAPIError as refusal:
        return ADVICE.format(reason=str(refusal.orig).strip().partition("\n")[0])
    if has_vectors(connection):
        return ""
    connection.exec_driver_sql(READ_BYTES)
    for table, (origin, key) in KEPT.items():
        is_passage = origin == "passages"
        names = {
            "table": table,
            "origin": origin,
            "key": key,
            "more": "article_id bigint NOT NULL," if is_passage else "",
            "columns": f"{key}, article_id, model, embedding" if is_passage else f"{key}, model, embedding",
            "values": "new.id, new.article_id" if is_passage else "new.id",
            "from_row": "id, article_id" if is_passage else "id",
        }
        for statement in (TABLE, TRIGGER, FILL):
            connection.exec_driver_sql(statement.format(**names))
    connection.exec_driver_sql("CREATE INDEX ix_passage_vectors_article_id ON passage_vectors (article_id)")
    index(connection, USUAL)
    return ""


def index(connection: Connection, size: int) -> None:
    """The index for vectors of `size` numbers, at most 4,000."""
    connection.exec_driver_sql(INDEX.format(size=int(size)))


def take_away(connection: Connection) -> None:
    """Undo `build`, but for the extension, which others may use."""
    for table, (origin, _) in KEPT.items():
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_kept ON {origin}")
        connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {table}_kept()")
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")
    connection.exec_driver_sql("DROP FUNCTION IF EXISTS halves(bytea)")
