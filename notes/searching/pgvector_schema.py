"""What PostgreSQL keeps beside the vectors of what is remembered: the same as halves of a float, and their HNSW index.

May be run again: the migration does, and `flask notes embed` where the extension came later.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from knowledge.pgvector_schema import USUAL, has_vectors

TABLE = """
CREATE TABLE remembered_halves (
    remembered_id bigint PRIMARY KEY REFERENCES remembered_vectors (remembered_id) ON DELETE CASCADE,
    model varchar(120) NOT NULL,
    embedding halfvec NOT NULL
)"""
INDEX = """
CREATE INDEX IF NOT EXISTS ix_remembered_halves_{size} ON remembered_halves
USING hnsw ((embedding::halfvec({size})) halfvec_ip_ops) WHERE vector_dims(embedding) = {size}"""
AGAIN = "INSERT INTO remembered_unread (id) SELECT remembered_id FROM remembered_vectors ON CONFLICT (id) DO NOTHING"


def has_halves(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql" and bool(
        connection.scalar(text("SELECT to_regclass('remembered_halves') IS NOT NULL"))
    )


def build(connection: Connection) -> None:
    """Make what is missing, where the articles have their vectors in pgvector too (knowledge.pgvector_schema)."""
    if not has_vectors(connection) or has_halves(connection):
        return
    connection.exec_driver_sql(TABLE)
    index(connection, USUAL)
    connection.exec_driver_sql(AGAIN)


def index(connection: Connection, size: int) -> None:
    """The index for vectors of `size` numbers, at most 4,000."""
    connection.exec_driver_sql(INDEX.format(size=int(size)))
