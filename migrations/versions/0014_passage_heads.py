"""passage heads: the words of titles and heading paths have an index of their own on PostgreSQL

There a word's weight is otherwise only known from the whole tsvector of every passage that holds it. FTS5 knows a
word's column from its index.
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE INDEX ix_passages_head ON passages USING gin (to_tsvector('english', title || ' ' || heading))"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX ix_passages_head")
