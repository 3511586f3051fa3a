"""which articles were dismissed, so that a search need not look for what is not there"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    dismissed = sa.text("kind = 'dismissed'")
    op.create_index(
        "ix_article_feedback_dismissed",
        "article_feedback",
        ["article_id"],
        sqlite_where=dismissed,
        postgresql_where=dismissed,
    )


def downgrade() -> None:
    op.drop_index("ix_article_feedback_dismissed", table_name="article_feedback")
