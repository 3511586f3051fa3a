"""how many conversations of a hundred may have something suggested for no reason"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gesture_settings", sa.Column("surprise_percent", sa.Integer(), server_default="8", nullable=False))


def downgrade() -> None:
    op.drop_column("gesture_settings", "surprise_percent")
