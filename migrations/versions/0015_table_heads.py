"""passages with tables are read anew: the names of the columns are no sentence of their own any more"""

from __future__ import annotations

import click
import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    forget_sentences()


def downgrade() -> None:
    forget_sentences()


def forget_sentences() -> None:
    """They are found all the same until then, but not sentence by sentence."""
    passages = sa.table("passages", sa.column("text"), sa.column("sentence_vectors"))
    known = passages.c.sentence_vectors.is_not(None), passages.c.text.contains(" | ")
    count = op.get_bind().execute(passages.update().where(*known).values(sentence_vectors=None)).rowcount
    if count:
        click.echo(f"Passages with tables whose sentences are to be read anew by flask reindex: {count:,}")
