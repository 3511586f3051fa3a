"""knowledge at work: revisions, drafts, flags, suggestions, what was asked and what came of it, gaps, ingestion runs"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WATCHED = "title, language, audience, state, labels, vector, model"  # as 0003 has it

# What is there already is its own first revision.
COLUMNS = "article_id, number, title, body, facts, origin, comment, made_at"
FACTS = "'state', state, 'language', language, 'audience', audience"
# ruff: noqa: S608  these are this file's own words
FIRST_REVISIONS = {
    "sqlite": f"INSERT INTO article_revisions ({COLUMNS}) SELECT id, 1, title, body, "
    f"json_object({FACTS}, 'labels', json(labels)), 'ingested', '', updated_at FROM articles",
    "postgresql": f"INSERT INTO article_revisions ({COLUMNS}) SELECT id, 1, title, body, "
    f"jsonb_build_object({FACTS}, 'labels', labels), 'ingested', '', updated_at FROM articles",
}
COUNT_UP = """
INSERT INTO knowledge_revisions (id, value) VALUES (1, 1)
ON CONFLICT (id) DO UPDATE SET value = knowledge_revisions.value + 1;
INSERT INTO article_changes (article_id, revision)
SELECT new.id, value FROM knowledge_revisions WHERE id = 1
ON CONFLICT (article_id) DO UPDATE SET revision = excluded.revision;
"""


def upgrade() -> None:
    op.create_table(
        "ingestion_runs",
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("file_name", sa.String(length=300), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("report", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("problem", sa.String(length=500), nullable=False),
        sa.Column("started_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["started_by_id"], ["users.id"], name=op.f("fk_ingestion_runs_started_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ingestion_runs")),
    )
    with op.batch_alter_table("ingestion_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ingestion_runs_started_at"), ["started_at"], unique=False)

    op.create_table(
        "knowledge_settings",
        sa.Column("show_from", sa.Double(), nullable=False),
        sa.Column("changed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["changed_by_id"], ["users.id"], name=op.f("fk_knowledge_settings_changed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_settings")),
    )
    op.create_table(
        "article_pins",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("article_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_article_pins_article_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_article_pins_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_pins")),
        sa.UniqueConstraint("user_id", "article_id", name=op.f("uq_article_pins_user_id_article_id")),
    )
    with op.batch_alter_table("article_pins", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_article_pins_article_id"), ["article_id"], unique=False)

    op.create_table(
        "article_revisions",
        sa.Column("article_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("origin", sa.String(length=32), nullable=False),
        sa.Column("comment", sa.String(length=300), nullable=False),
        sa.Column("editor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_article_revisions_article_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["editor_id"], ["users.id"], name=op.f("fk_article_revisions_editor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_revisions")),
        sa.UniqueConstraint("article_id", "number", name=op.f("uq_article_revisions_article_id_number")),
    )
    op.create_table(
        "article_slugs",
        sa.Column("slug", sa.String(length=200), nullable=False),
        sa.Column("article_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_article_slugs_article_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_slugs")),
        sa.UniqueConstraint("slug", name=op.f("uq_article_slugs_slug")),
    )
    with op.batch_alter_table("article_slugs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_article_slugs_article_id"), ["article_id"], unique=False)

    op.create_table(
        "article_suggestions",
        sa.Column("article_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("base_revision", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("comment", sa.String(length=500), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("suggested_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("suggested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.String(length=500), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_article_suggestions_article_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["decided_by_id"], ["users.id"], name=op.f("fk_article_suggestions_decided_by_id")),
        sa.ForeignKeyConstraint(["suggested_by_id"], ["users.id"], name=op.f("fk_article_suggestions_suggested_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_suggestions")),
    )
    with op.batch_alter_table("article_suggestions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_article_suggestions_article_id_state"), ["article_id", "state"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_article_suggestions_state_suggested_at"), ["state", "suggested_at"], unique=False
        )

    op.create_table(
        "knowledge_gaps",
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("model", sa.String(length=120), nullable=True),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("first_asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assigned_to_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("article_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_knowledge_gaps_article_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["assigned_to_id"], ["users.id"], name=op.f("fk_knowledge_gaps_assigned_to_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["users.id"], name=op.f("fk_knowledge_gaps_decided_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_gaps")),
    )
    with op.batch_alter_table("knowledge_gaps", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_knowledge_gaps_article_id"), ["article_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_knowledge_gaps_state_last_asked_at"), ["state", "last_asked_at"], unique=False
        )

    op.create_table(
        "article_drafts",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("article_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("base_revision", sa.Integer(), nullable=False),
        sa.Column("gap_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("interaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("fields", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_article_drafts_article_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["gap_id"], ["knowledge_gaps.id"], name=op.f("fk_article_drafts_gap_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["interaction_id"], ["interactions.id"], name=op.f("fk_article_drafts_interaction_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_article_drafts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_drafts")),
    )
    with op.batch_alter_table("article_drafts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_article_drafts_article_id"), ["article_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_article_drafts_user_id_saved_at"), ["user_id", "saved_at"], unique=False)

    op.create_table(
        "article_flags",
        sa.Column("article_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("comment", sa.String(length=500), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("interaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("flagged_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("flagged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.String(length=500), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_article_flags_article_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["decided_by_id"], ["users.id"], name=op.f("fk_article_flags_decided_by_id")),
        sa.ForeignKeyConstraint(["flagged_by_id"], ["users.id"], name=op.f("fk_article_flags_flagged_by_id")),
        sa.ForeignKeyConstraint(["interaction_id"], ["interactions.id"], name=op.f("fk_article_flags_interaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_flags")),
    )
    with op.batch_alter_table("article_flags", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_article_flags_article_id_state"), ["article_id", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_article_flags_state_flagged_at"), ["state", "flagged_at"], unique=False)

    op.create_table(
        "asked_questions",
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("asked_in", sa.String(length=32), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("model", sa.String(length=120), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("best_article_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("interaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("gap_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["best_article_id"], ["articles.id"], name=op.f("fk_asked_questions_best_article_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["gap_id"], ["knowledge_gaps.id"], name=op.f("fk_asked_questions_gap_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interactions.id"], name=op.f("fk_asked_questions_interaction_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_asked_questions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asked_questions")),
    )
    with op.batch_alter_table("asked_questions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_asked_questions_asked_at_id"), ["asked_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_asked_questions_best_article_id"), ["best_article_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_asked_questions_gap_id_asked_at"), ["gap_id", "asked_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_asked_questions_interaction_id"), ["interaction_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_asked_questions_user_id_asked_at"), ["user_id", "asked_at"], unique=False)

    op.create_table(
        "article_feedback",
        sa.Column("article_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("question_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("interaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_article_feedback_article_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interactions.id"], name=op.f("fk_article_feedback_interaction_id")
        ),
        sa.ForeignKeyConstraint(
            ["question_id"], ["asked_questions.id"], name=op.f("fk_article_feedback_question_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_article_feedback_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_feedback")),
    )
    with op.batch_alter_table("article_feedback", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_article_feedback_article_id_kind_at"), ["article_id", "kind", "at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_article_feedback_at_id"), ["at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_article_feedback_interaction_id"), ["interaction_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_article_feedback_question_id_kind"), ["question_id", "kind"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_article_feedback_user_id_kind_at"), ["user_id", "kind", "at"], unique=False
        )

    # Plainly, not in a batch: rebuilding the table would lose its triggers on SQLite.
    op.add_column("articles", sa.Column("expires_on", sa.Date(), nullable=True))
    op.add_column("articles", sa.Column("revision", sa.Integer(), server_default="1", nullable=False))
    op.add_column("articles", sa.Column("standing", sa.Double(), server_default="0", nullable=False))
    op.create_index("ix_articles_updated_at_id", "articles", ["updated_at", "id"])
    op.create_index("ix_articles_owner_id_verify_by", "articles", ["owner_id", "verify_by"])
    watch(f"{WATCHED}, expires_on, standing, owner_id, verified_at, verify_by")
    op.execute(FIRST_REVISIONS[op.get_bind().dialect.name])


def downgrade() -> None:
    watch(WATCHED)
    for index in ("ix_articles_owner_id_verify_by", "ix_articles_updated_at_id"):
        op.drop_index(index, "articles")
    for column in ("standing", "revision", "expires_on"):
        op.execute(f"ALTER TABLE articles DROP COLUMN {column}")
    op.drop_table("article_feedback")
    op.drop_table("asked_questions")
    op.drop_table("article_flags")
    op.drop_table("article_drafts")
    op.drop_table("knowledge_gaps")
    op.drop_table("article_suggestions")
    op.drop_table("article_slugs")
    op.drop_table("article_revisions")
    op.drop_table("article_pins")
    op.drop_table("knowledge_settings")
    op.drop_table("ingestion_runs")


def watch(columns: str) -> None:
    """Count a change of these columns of an article; see 0003."""
    trigger = "articles_counted_update"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"DROP TRIGGER {trigger}")
        op.execute(f"CREATE TRIGGER {trigger} AFTER UPDATE OF {columns} ON articles BEGIN {COUNT_UP} END")
    else:
        op.execute(f"DROP TRIGGER {trigger} ON articles")
        op.execute(
            f"CREATE TRIGGER {trigger} AFTER UPDATE OF {columns} ON articles FOR EACH ROW EXECUTE FUNCTION {trigger}()"
        )
