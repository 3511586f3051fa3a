"""vectors in postgresql: tables and an index for search by meaning, where pgvector is there or may be added

SQLite keeps its vectors beside the passages alone; every process reads them into memory.
"""

from __future__ import annotations

import sys

from alembic import op

# Not written out here: `flask reindex` makes the same later, where a superuser had to add the extension first.
from knowledge.pgvector_schema import build, take_away

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql" and (advice := build(op.get_bind())):
        print(advice, file=sys.stderr)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        take_away(op.get_bind())
