"""notes: what is found in them and stands beside them, who is away, delivery cards"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "absences",
        sa.Column("user_id", Key, nullable=False),
        sa.Column("stand_in_id", Key, nullable=True),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_by_id", Key, nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.CheckConstraint("first_on <= until_on", name=op.f("ck_absences_days")),
        sa.CheckConstraint("stand_in_id IS NULL OR stand_in_id <> user_id", name=op.f("ck_absences_stand_in")),
        sa.ForeignKeyConstraint(["entered_by_id"], ["users.id"], name=op.f("fk_absences_entered_by_id")),
        sa.ForeignKeyConstraint(["stand_in_id"], ["users.id"], name=op.f("fk_absences_stand_in_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_absences_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absences")),
    )
    op.create_index("ix_absences_user_id_until_on", "absences", ["user_id", "until_on"])

    op.create_table(
        "calendar_feeds",
        sa.Column("user_id", Key, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("with_words", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_calendar_feeds_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_feeds")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_calendar_feeds_token_hash")),
        sa.UniqueConstraint("user_id", name=op.f("uq_calendar_feeds_user_id")),
    )
    op.create_table(
        "finding_examples",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("examples", Json, nullable=False),
        sa.Column("counter_examples", Json, nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("changed_by_id", Key, nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(["changed_by_id"], ["users.id"], name=op.f("fk_finding_examples_changed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_examples")),
        sa.UniqueConstraint("kind", name=op.f("uq_finding_examples_kind")),
    )
    op.create_table(
        "note_templates",
        sa.Column("owner_id", Key, nullable=True),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_note_templates_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note_templates")),
    )
    op.create_index("ix_note_templates_owner_id_title", "note_templates", ["owner_id", "title"])

    op.create_table(
        "note_attachments",
        sa.Column("note_id", Key, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by_id", Key, nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(["added_by_id"], ["users.id"], name=op.f("fk_note_attachments_added_by_id")),
        sa.ForeignKeyConstraint(
            ["note_id"], ["notes.id"], name=op.f("fk_note_attachments_note_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note_attachments")),
        sa.UniqueConstraint("note_id", "sha256", name=op.f("uq_note_attachments_note_id_sha256")),
    )
    op.create_table(
        "note_findings",
        sa.Column("note_id", Key, nullable=False),
        sa.Column("note_version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("begins", sa.Integer(), nullable=False),
        sa.Column("ends", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by_id", Key, nullable=True),
        sa.Column("kept_as_id", Key, nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(["note_id"], ["notes.id"], name=op.f("fk_note_findings_note_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["settled_by_id"], ["users.id"], name=op.f("fk_note_findings_settled_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note_findings")),
    )
    op.create_index("ix_note_findings_note_id", "note_findings", ["note_id"])
    op.create_index("ix_note_findings_state_id", "note_findings", ["state", "id"])

    op.create_table(
        "note_mentions",
        sa.Column("note_id", Key, nullable=False),
        sa.Column("user_id", Key, nullable=False),
        sa.Column("mentioned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(["note_id"], ["notes.id"], name=op.f("fk_note_mentions_note_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_note_mentions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note_mentions")),
        sa.UniqueConstraint("note_id", "user_id", name=op.f("uq_note_mentions_note_id_user_id")),
    )
    op.create_index("ix_note_mentions_user_id_seen_at_id", "note_mentions", ["user_id", "seen_at", "id"])

    op.create_table(
        "delivery_cards",
        sa.Column("order_id", Key, nullable=False),
        sa.Column("customer_id", Key, nullable=False),
        sa.Column("note_id", Key, nullable=True),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("entry_id", Key, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("paper", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("skipped_because", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("drafted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drafted_by_id", Key, nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by_id", Key, nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by_id", Key, nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(["approved_by_id"], ["users.id"], name=op.f("fk_delivery_cards_approved_by_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_delivery_cards_customer_id")),
        sa.ForeignKeyConstraint(["drafted_by_id"], ["users.id"], name=op.f("fk_delivery_cards_drafted_by_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entries.id"], name=op.f("fk_delivery_cards_entry_id")),
        sa.ForeignKeyConstraint(["note_id"], ["notes.id"], name=op.f("fk_delivery_cards_note_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_delivery_cards_order_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["settled_by_id"], ["users.id"], name=op.f("fk_delivery_cards_settled_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_cards")),
    )
    op.create_index("ix_delivery_cards_customer_id", "delivery_cards", ["customer_id"])
    op.create_index("ix_delivery_cards_note_id", "delivery_cards", ["note_id"])
    op.create_index("ix_delivery_cards_state_id", "delivery_cards", ["state", "id"])
    op.create_index(
        "ux_delivery_cards_entry",
        "delivery_cards",
        ["entry_id"],
        unique=True,
        sqlite_where=sa.text("state <> 'skipped'"),
        postgresql_where=sa.text("state <> 'skipped'"),
    )
    op.create_index(
        "ux_delivery_cards_order",
        "delivery_cards",
        ["order_id"],
        unique=True,
        sqlite_where=sa.text("state <> 'skipped'"),
        postgresql_where=sa.text("state <> 'skipped'"),
    )

    leaving = sa.text("status = 'processing'")
    op.create_index("ix_orders_leaving", "orders", ["placed_at", "id"], sqlite_where=leaving, postgresql_where=leaving)

    # Plain ADD COLUMN: a rebuild on SQLite would lose the triggers that watch these tables.
    op.add_column("notes", sa.Column("client_key", sa.String(length=40), nullable=True))
    op.create_index("ix_notes_author_id_client_key", "notes", ["author_id", "client_key"], unique=True)

    op.add_column("promises", sa.Column("handed_from_id", Key, nullable=True))
    op.add_column("approval_requests", sa.Column("honours_id", Key, nullable=True))
    op.add_column("utterances", sa.Column("said_by_id", Key, nullable=True))
    op.add_column("promises", sa.Column("handed_at", sa.DateTime(timezone=True), nullable=True))
    handed = sa.text("handed_from_id IS NOT NULL")
    op.create_index(
        "ix_promises_handed_from", "promises", ["handed_from_id"], sqlite_where=handed, postgresql_where=handed
    )


def downgrade() -> None:
    op.drop_column("approval_requests", "honours_id")
    op.drop_column("utterances", "said_by_id")
    op.drop_index("ix_promises_handed_from", "promises")
    op.drop_column("promises", "handed_at")
    op.drop_column("promises", "handed_from_id")

    op.drop_index("ix_notes_author_id_client_key", "notes")
    op.drop_column("notes", "client_key")

    op.drop_index("ix_orders_leaving", "orders")
    op.drop_table("delivery_cards")

    op.drop_table("note_mentions")

    op.drop_table("note_findings")
    op.drop_table("note_attachments")

    op.drop_table("note_templates")
    op.drop_table("finding_examples")
    op.drop_table("calendar_feeds")

    op.drop_table("absences")
