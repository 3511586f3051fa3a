"""live interactions: who waits, looks and hands over, what was heard, the feed, the API's tokens"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "feed",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("data", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed")),
    )
    with op.batch_alter_table("feed", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_feed_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_feed_topic_id"), ["topic", "id"], unique=False)

    op.create_table(
        "api_tokens",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("start", sa.String(length=12), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("user_id", Key, nullable=False),
        sa.Column("created_by_id", Key, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_api_tokens_created_by_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_tokens_hash")),
    )
    op.create_table(
        "presences",
        sa.Column("user_id", Key, nullable=False),
        sa.Column("customer_id", Key, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_presences_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_presences_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presences")),
        sa.UniqueConstraint("user_id", "customer_id", name=op.f("uq_presences_user_id_customer_id")),
    )
    with op.batch_alter_table("presences", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_presences_customer_id_seen_at"), ["customer_id", "seen_at"], unique=False)

    op.create_table(
        "snippets",
        sa.Column("owner_id", Key, nullable=True),
        sa.Column("shortcut", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_snippets_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snippets")),
        sa.UniqueConstraint("owner_id", "shortcut", name=op.f("uq_snippets_owner_id_shortcut")),
    )
    with op.batch_alter_table("snippets", schema=None) as batch_op:
        batch_op.create_index(
            "ux_snippets_shared",
            ["shortcut"],
            unique=True,
            sqlite_where=sa.text("owner_id IS NULL"),
            postgresql_where=sa.text("owner_id IS NULL"),
        )

    op.create_table(
        "talk_signals",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("icon", sa.String(length=40), nullable=False),
        sa.Column("tone", sa.String(length=10), nullable=False),
        sa.Column("examples", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("counter_examples", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("changed_by_id", Key, nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(["changed_by_id"], ["users.id"], name=op.f("fk_talk_signals_changed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_talk_signals")),
        sa.UniqueConstraint("code", name=op.f("uq_talk_signals_code")),
    )
    op.create_table(
        "kept_answers",
        sa.Column("token_id", Key, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("location", sa.String(length=300), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["token_id"], ["api_tokens.id"], name=op.f("fk_kept_answers_token_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_answers")),
        sa.UniqueConstraint("token_id", "key", name=op.f("uq_kept_answers_token_id_key")),
    )
    with op.batch_alter_table("kept_answers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_kept_answers_kept_at"), ["kept_at"], unique=False)

    op.create_table(
        "follow_ups",
        sa.Column("interaction_id", Key, nullable=False),
        sa.Column("customer_id", Key, nullable=False),
        sa.Column("owner_id", Key, nullable=True),
        sa.Column("why", sa.String(length=40), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("root_cause", sa.String(length=32), nullable=True),
        sa.Column("what_was_done", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", Key, nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(["closed_by_id"], ["users.id"], name=op.f("fk_follow_ups_closed_by_id")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_follow_ups_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interactions.id"], name=op.f("fk_follow_ups_interaction_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_follow_ups_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_ups")),
    )
    with op.batch_alter_table("follow_ups", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_follow_ups_owner_id_state_due_on"), ["owner_id", "state", "due_on"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_follow_ups_state_due_on"), ["state", "due_on"], unique=False)

    op.create_table(
        "help_marks",
        sa.Column("interaction_id", Key, nullable=False),
        sa.Column("article_id", Key, nullable=False),
        sa.Column("mark", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("marked_by_id", Key, nullable=True),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_help_marks_article_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interactions.id"], name=op.f("fk_help_marks_interaction_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["marked_by_id"], ["users.id"], name=op.f("fk_help_marks_marked_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_help_marks")),
        sa.UniqueConstraint("interaction_id", "article_id", name=op.f("uq_help_marks_interaction_id_article_id")),
    )
    op.create_table(
        "steps_done",
        sa.Column("interaction_id", Key, nullable=False),
        sa.Column("article_id", Key, nullable=False),
        sa.Column("article_revision", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.Column("done_by_id", Key, nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_steps_done_article_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["done_by_id"], ["users.id"], name=op.f("fk_steps_done_done_by_id")),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interactions.id"], name=op.f("fk_steps_done_interaction_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steps_done")),
        sa.UniqueConstraint(
            "interaction_id", "article_id", "number", name=op.f("uq_steps_done_interaction_id_article_id_number")
        ),
    )
    op.create_table(
        "transfers",
        sa.Column("interaction_id", Key, nullable=False),
        sa.Column("from_id", Key, nullable=True),
        sa.Column("to_user_id", Key, nullable=True),
        sa.Column("to_team_id", Key, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_by_id", Key, nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(["from_id"], ["users.id"], name=op.f("fk_transfers_from_id")),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interactions.id"], name=op.f("fk_transfers_interaction_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["taken_by_id"], ["users.id"], name=op.f("fk_transfers_taken_by_id")),
        sa.ForeignKeyConstraint(["to_team_id"], ["teams.id"], name=op.f("fk_transfers_to_team_id")),
        sa.ForeignKeyConstraint(["to_user_id"], ["users.id"], name=op.f("fk_transfers_to_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfers")),
    )
    with op.batch_alter_table("transfers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_transfers_interaction_id_id"), ["interaction_id", "id"], unique=False)

    op.create_table(
        "heard_signals",
        sa.Column("interaction_id", Key, nullable=False),
        sa.Column("utterance_id", Key, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("begins", sa.Integer(), nullable=False),
        sa.Column("ends", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("about", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interactions.id"], name=op.f("fk_heard_signals_interaction_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["utterance_id"], ["utterances.id"], name=op.f("fk_heard_signals_utterance_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_heard_signals")),
        sa.UniqueConstraint("utterance_id", "code", name=op.f("uq_heard_signals_utterance_id_code")),
    )
    with op.batch_alter_table("heard_signals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_heard_signals_interaction_id_id"), ["interaction_id", "id"], unique=False)

    add_columns()
    if op.get_bind().dialect.name == "postgresql":
        notify()


ADDED = {
    "interactions": [
        sa.Column("team_id", Key, nullable=True),
        sa.Column("is_guess", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wrapped_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("csat_words", sa.Text(), nullable=False, server_default=""),
        sa.Column("csat_at", sa.DateTime(timezone=True), nullable=True),
    ],
    "utterances": [
        sa.Column("revision", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("is_whisper", sa.Boolean(), nullable=False, server_default=sa.false()),
    ],
}


def add_columns() -> None:
    """By plain ADD COLUMN: a rebuild on SQLite would lose the triggers that watch interactions."""
    for table, columns in ADDED.items():
        for column in columns:
            op.add_column(table, column)
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_interactions_waiting", "interactions", ["team_id", "id"], sqlite_where=waiting, postgresql_where=waiting
    )
    still = sa.text("state <> 'closed'")
    op.create_index("ix_interactions_open", "interactions", ["state", "id"], sqlite_where=still, postgresql_where=still)
    wrapped = sa.text("wrapped_up_at IS NOT NULL")
    op.create_index(
        "ix_interactions_wrapped_up_at",
        "interactions",
        ["wrapped_up_at"],
        sqlite_where=wrapped,
        postgresql_where=wrapped,
    )
    live_index("state = 'live' AND external_id IS NULL")


def live_index(condition: str) -> None:
    """One live talk of an agent with a customer; another system may tell of several."""
    where = sa.text(condition)
    op.drop_index("ux_interactions_live", "interactions")
    op.create_index(
        "ux_interactions_live",
        "interactions",
        ["agent_id", "customer_id"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )


def notify() -> None:
    """Pages that follow the feed are woken by it; on SQLite their workers look at the change counter."""
    op.execute(
        "CREATE FUNCTION feed_notify() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN PERFORM pg_notify('plusone_feed', NEW.id::text); RETURN NULL; END $$"
    )
    op.execute("CREATE TRIGGER feed_notify AFTER INSERT ON feed FOR EACH ROW EXECUTE FUNCTION feed_notify()")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER feed_notify ON feed")
        op.execute("DROP FUNCTION feed_notify()")
    live_index("state = 'live'")
    op.drop_index("ix_interactions_wrapped_up_at", "interactions")
    op.drop_index("ix_interactions_open", "interactions")
    op.drop_index("ix_interactions_waiting", "interactions")
    for table, columns in ADDED.items():
        for column in reversed(columns):
            op.drop_column(table, column.name)
    with op.batch_alter_table("heard_signals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_heard_signals_interaction_id_id"))

    op.drop_table("heard_signals")
    with op.batch_alter_table("transfers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_transfers_interaction_id_id"))

    op.drop_table("transfers")
    op.drop_table("steps_done")
    op.drop_table("help_marks")
    with op.batch_alter_table("follow_ups", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_follow_ups_state_due_on"))
        batch_op.drop_index(batch_op.f("ix_follow_ups_owner_id_state_due_on"))

    op.drop_table("follow_ups")
    with op.batch_alter_table("kept_answers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_kept_answers_kept_at"))

    op.drop_table("kept_answers")
    op.drop_table("talk_signals")
    op.drop_table("snippets")
    with op.batch_alter_table("presences", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_presences_customer_id_seen_at"))

    op.drop_table("presences")
    op.drop_table("api_tokens")
    with op.batch_alter_table("feed", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_feed_topic_id"))
        batch_op.drop_index(batch_op.f("ix_feed_at"))

    op.drop_table("feed")
