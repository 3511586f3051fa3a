"""policies in place of limits by role; customer facts, approvals, fulfilment, learning, reviews and the ledger's seals

Every set of limits becomes a published version, with the same id, of a policy for its role, so that the ledger's
entries stay under what they were held by.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# ruff: noqa: S608  these are this file's own words
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PEOPLE = {"agent": "Agents", "sales": "Sales staff", "supervisor": "Supervisors"}

DEMO_POLICY = "EXISTS (SELECT 1 FROM policies p WHERE p.id = OLD.policy_id AND p.is_demo)"
DEMO_ENTRY = "EXISTS (SELECT 1 FROM customers c WHERE c.id = OLD.customer_id AND c.is_demo)"
SUBJECTS = ("agent", "customer", "interaction")
UNLOCKED = " OR ".join(
    "NOT EXISTS (SELECT 1 FROM ledger_locks l"
    f" WHERE l.subject = '{name}:' || NEW.{name}_id AND l.last_at = NEW.booked_at)"
    for name in SUBJECTS
)
HOUSEHOLD_UNLOCKED = (
    "NOT EXISTS (SELECT 1 FROM ledger_locks l"
    " WHERE l.subject = 'household:' || NEW.household AND l.last_at = NEW.booked_at)"
)
FIXED = (
    "id", "gesture_version_id", "gesture_id", "policy_id", "policy_version_id", "customer_id", "household",
    "interaction_id", "agent_id", "occasion", "currency", "cost_minor", "face_minor", "reason_code", "reason",
    "booked_at", "expires_at", "idempotency_key", "terms_hash",
)  # fmt: skip
FIXED_BEFORE = (
    "id", "gesture_version_id", "limit_set_id", "customer_id", "interaction_id", "agent_id", "occasion", "currency",
    "cost_minor", "face_minor", "reason", "booked_at", "expires_at", "idempotency_key", "terms_hash",
)  # fmt: skip
LEAP = (
    "NEW.state <> OLD.state AND OLD.state || '>' || NEW.state NOT IN ("
    "'held>granted', 'held>declined', 'held>voided', 'held>expired',"
    " 'granted>fulfilled', 'granted>reversed', 'fulfilled>reversed')"
)
Guard = tuple[str, str, str, str]


def entry_guards(fixed: tuple[str, ...], unlocked: str) -> list[Guard]:
    """(table, what is refused, when, the message)"""
    rewritten = " OR ".join(f"NEW.{column} <> OLD.{column}" for column in fixed)
    return [
        ("ledger_entries", "INSERT", unlocked, "only the ledger inserts entries, under its locks"),
        ("ledger_entries", "UPDATE", f"{rewritten} OR ({LEAP})", "an entry changes its state alone, step by step"),
        ("ledger_entries", "DELETE", f"NOT ({DEMO_ENTRY})", "ledger_entries are never deleted"),
    ]


EVENTS_GUARD: Guard = (
    "ledger_events",
    "DELETE",
    "NOT (EXISTS (SELECT 1 FROM ledger_entries e JOIN customers c ON c.id = e.customer_id"
    " WHERE e.id = OLD.entry_id AND c.is_demo))",
    "ledger_events are never deleted",
)
LIMITS_GUARDS: list[Guard] = [
    ("limit_sets", "UPDATE", "1 = 1", "limit_sets are never changed"),
    ("limit_sets", "DELETE", "NOT (OLD.is_demo)", "limit_sets are never deleted"),
]
BEFORE = [*entry_guards(FIXED_BEFORE, UNLOCKED), EVENTS_GUARD]
AFTER = [*entry_guards(FIXED, f"{UNLOCKED} OR {HOUSEHOLD_UNLOCKED}"), EVENTS_GUARD]
NEW: list[Guard] = [
    (
        "policy_versions",
        "UPDATE",
        "OLD.stage <> 'draft' AND (NEW.body_hash <> OLD.body_hash OR NEW.body <> OLD.body"
        " OR NEW.policy_id <> OLD.policy_id OR NEW.number <> OLD.number"
        " OR NEW.stage = 'draft' AND OLD.stage <> 'in_review'"
        " OR OLD.stage = 'withdrawn' AND NEW.stage <> OLD.stage"
        " OR OLD.stage = 'published' AND (NEW.stage NOT IN ('published', 'withdrawn')"
        " OR NEW.effective_from <> OLD.effective_from))",
        "only a draft of a policy is changed",
    ),
    ("policy_versions", "DELETE", f"NOT ({DEMO_POLICY})", "policy_versions are never deleted"),
    ("ledger_seals", "UPDATE", "1 = 1", "ledger_seals are never changed"),
    ("policies", "UPDATE OF is_demo", "NEW.is_demo AND NOT OLD.is_demo", "policies are demo from the start or never"),
]


def upgrade() -> None:
    with foreign_keys_off():
        drop_guards([*BEFORE, *LIMITS_GUARDS])
        create_tables()
        add_columns()
        turn_limits_into_policies()
        rebuild_entries()
        op.drop_table("limit_sets")
        op.drop_index(op.f("ix_order_lines_product_id"), "order_lines")
        op.create_index(op.f("ix_order_lines_product_id_id"), "order_lines", ["product_id", "id"])
        make_guards([*AFTER, *NEW])
        refuse_truncate("policy_versions")


@contextmanager
def foreign_keys_off() -> Iterator[None]:
    """SQLite rebuilds a table by dropping it, which foreign keys forbid; they are switched outside a transaction."""
    bind = op.get_bind()
    if bind.dialect.name != "sqlite":
        yield
        return
    driver: Any = bind.connection.driver_connection
    driver.commit()
    driver.execute("PRAGMA foreign_keys=OFF")
    yield
    driver.commit()
    driver.execute("PRAGMA foreign_keys=ON")


def add_columns() -> None:
    """Where a plain ADD COLUMN does, because a rebuild on SQLite would lose the table's triggers."""
    for table, columns in {
        "customers": [sa.Column("street", sa.String(length=200), nullable=True)],
        "users": [
            sa.Column("private_email", sa.String(length=255), nullable=True),
            sa.Column("private_phone", sa.String(length=20), nullable=True),
            sa.Column("private_street", sa.String(length=200), nullable=True),
            sa.Column("private_postcode", sa.String(length=20), nullable=True),
        ],
        "gestures": [
            sa.Column("stock", sa.Integer(), nullable=True),
            sa.Column("stock_at", sa.DateTime(timezone=True), nullable=True),
        ],
        "gesture_versions": [
            sa.Column("fulfilment", sa.String(length=32), nullable=False, server_default="manual"),
            sa.Column("cash_like", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("needs", Json, nullable=False, server_default="[]"),
            sa.Column("sensitive", Json, nullable=False, server_default="[]"),
            sa.Column("least_minor", sa.BigInteger(), nullable=True),
            sa.Column("step_minor", sa.BigInteger(), nullable=True),
            sa.Column("valid_from", sa.Date(), nullable=True),
            sa.Column("valid_to", sa.Date(), nullable=True),
        ],
        "suggestions": [
            sa.Column("considered", Json, nullable=False, server_default="[]"),
            sa.Column("features", Json, nullable=False, server_default="{}"),
            sa.Column("seed", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("held_out", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("skipped_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("skip_reason", sa.String(length=40), nullable=False, server_default=""),
        ],
        "ledger_entries": [
            sa.Column("gesture_id", Key, nullable=False, server_default="0"),
            sa.Column("policy_id", Key, nullable=False, server_default="0"),
            sa.Column("policy_version_id", Key, nullable=False, server_default="0"),
            sa.Column("guardrails", Json, nullable=False, server_default="[]"),
            sa.Column("household", sa.String(length=30), nullable=False, server_default=""),
            sa.Column("team_id", Key, nullable=True),
            sa.Column("approval_id", Key, nullable=True),
            sa.Column("suggestion_id", Key, nullable=True),
            sa.Column("reason_code", sa.String(length=40), nullable=False, server_default=""),
        ],
    }.items():
        for column in columns:
            op.add_column(table, column)
    op.create_index(op.f("ix_suggestions_shown_at"), "suggestions", ["shown_at"], unique=False)


def turn_limits_into_policies() -> None:
    bind = op.get_bind()
    sets = bind.execute(sa.text("SELECT * FROM limit_sets ORDER BY role, version")).mappings().all()
    newest = {row["role"]: row["per_agent_day_minor"] for row in sets}
    generous = sorted(newest, key=lambda role: newest[role])
    zone = os.environ.get("TIME_ZONE") or "Europe/London"
    policies = sa.table("policies", *(sa.column(name) for name in ("id", "name", "kind", "created_at", "is_demo")))
    versions = sa.table(
        "policy_versions",
        *(
            sa.column(name, Json if name == "body" else None)
            for name in (
                "id", "policy_id", "number", "stage", "body", "body_hash", "note", "comment", "revision", "created_at",
                "created_by_id", "changed_at", "changed_by_id", "published_at", "published_by_id", "effective_from",
            )
        ),
    )  # fmt: skip
    for number, role in enumerate(newest, start=1):
        own = [row for row in sets if row["role"] == role]
        name = f"What {PEOPLE.get(role, role).lower()} may give"
        first = own[0]
        bind.execute(
            policies.insert().values(
                id=number, name=name, kind="grant", created_at=first["created_at"], is_demo=first["is_demo"]
            )
        )
        for row in own:
            body = body_of(row, 100 + 10 * generous.index(role), zone)
            bind.execute(
                versions.insert().values(
                    id=row["id"],
                    policy_id=number,
                    number=row["version"],
                    stage="published",
                    body=body,
                    body_hash=hashlib.sha256(
                        json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
                    ).hexdigest(),
                    note=row["note"],
                    comment="",
                    revision=1,
                    created_at=row["created_at"],
                    created_by_id=row["created_by_id"],
                    changed_at=row["created_at"],
                    changed_by_id=row["created_by_id"],
                    published_at=row["created_at"],
                    published_by_id=row["created_by_id"],
                    effective_from=row["created_at"],
                )
            )
    if bind.dialect.name != "sqlite" and sets:
        for table in ("policies", "policy_versions"):
            bind.execute(sa.text(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"))
    bind.execute(
        sa.text(
            "UPDATE ledger_entries SET policy_version_id = limit_set_id,"
            " policy_id = (SELECT v.policy_id FROM policy_versions v WHERE v.id = ledger_entries.limit_set_id),"
            " gesture_id = (SELECT g.gesture_id FROM gesture_versions g"
            " WHERE g.id = ledger_entries.gesture_version_id),"
            " team_id = (SELECT u.team_id FROM users u WHERE u.id = ledger_entries.agent_id),"
            " household = (SELECT CASE WHEN c.account_id IS NULL THEN 'customer:' || c.id"
            " ELSE 'account:' || c.account_id END FROM customers c WHERE c.id = ledger_entries.customer_id)"
        )
    )


def body_of(row: Any, priority: int, zone: str) -> dict[str, Any]:
    caps = [
        ("gesture", "each", row["per_gesture_minor"], 0),
        ("interaction", "interaction", row["per_interaction_minor"], 0),
        ("customer", "rolling", row["per_customer_minor"], row["customer_days"]),
        ("agent", "day", row["per_agent_day_minor"], 0),
    ]
    return {
        "currency": row["currency"],
        "zone": zone,
        "week_start": 0,
        "priority": priority,
        "who": {"roles": [row["role"]], "teams": [], "agents": [], "except_agents": []},
        "channels": [],
        "customers": {"all": []},
        "interaction": {"all": []},
        "gestures": {"kinds": [], "gestures": [], "without": [], "cash_like": None},
        "limits": [
            {"scope": scope, "measure": "cost", "window": window, "cap": cap, "days": days, "overridable": True}
            for scope, window, cap, days in caps
        ],
        "approval": {
            "roles": ["supervisor"],
            "minutes": 5,
            "most_over_percent": 100,
            "second_over_minor": None,
            "budget_minor": None,
        },
        "hold_minutes": row["hold_minutes"],
        "reason_codes": [],
        "note_over_minor": None,
    }


REFERENCES = {
    "gesture_id": "gestures",
    "policy_id": "policies",
    "policy_version_id": "policy_versions",
    "team_id": "teams",
    "approval_id": "approval_requests",
    "suggestion_id": "suggestions",
}
COUNTED = ("gesture_id", "household", "policy_id", "team_id")


def rebuild_entries() -> None:
    with op.batch_alter_table("ledger_entries") as batch:
        batch.drop_constraint(op.f("fk_ledger_entries_limit_set_id"), type_="foreignkey")
        batch.drop_column("limit_set_id")
        batch.drop_constraint(op.f("ck_ledger_entries_cost"), type_="check")
        batch.create_check_constraint(op.f("ck_ledger_entries_cost"), "cost_minor >= 0 AND face_minor >= 0")
        for column, table in REFERENCES.items():
            batch.create_foreign_key(op.f(f"fk_ledger_entries_{column}"), table, [column], ["id"])
        for column in COUNTED:
            batch.create_index(op.f(f"ix_ledger_entries_{column}_booked_at"), [column, "booked_at"], unique=False)
        batch.create_index(op.f("ix_ledger_entries_suggestion_id"), ["suggestion_id"], unique=False)


def make_guards(guards: list[Guard]) -> None:
    make = sqlite_trigger if op.get_bind().dialect.name == "sqlite" else postgresql_trigger
    for guard in guards:
        for statement in make(*guard):
            op.execute(statement)


def drop_guards(guards: list[Guard]) -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table, act, _, _ in guards:
        name = trigger_name(table, act)
        op.execute(f"DROP TRIGGER {name}" if is_sqlite else f"DROP TRIGGER {name} ON {table}")
        if not is_sqlite:
            op.execute(f"DROP FUNCTION {name}()")


def refuse_truncate(table: str) -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.execute(
            f"CREATE TRIGGER guard_{table}_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION guard_truncate()"
        )


def trigger_name(table: str, act: str) -> str:
    return f"guard_{table}_{act.split()[0].lower()}"


def sqlite_trigger(table: str, act: str, when: str, message: str) -> list[str]:
    return [
        f"CREATE TRIGGER {trigger_name(table, act)} BEFORE {act} ON {table} FOR EACH ROW WHEN {when}"
        f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
    ]


def postgresql_trigger(table: str, act: str, when: str, message: str) -> list[str]:
    name = trigger_name(table, act)
    kept = "OLD" if act == "DELETE" else "NEW"
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {when} THEN"
        f" RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation'; END IF; RETURN {kept}; END $$",
        f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    ]


def create_tables() -> None:
    op.create_table(
        "fact_changes",
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fact_changes")),
    )
    with op.batch_alter_table("fact_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fact_changes_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "ledger_seals",
        sa.Column("last_event_id", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_seals")),
        sa.UniqueConstraint("last_event_id", name=op.f("uq_ledger_seals_last_event_id")),
    )
    op.create_table(
        "customer_facts",
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tier", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("is_business", sa.Boolean(), nullable=False),
        sa.Column("marketing_consent", sa.Boolean(), nullable=True),
        sa.Column("no_gifts", sa.Boolean(), nullable=False),
        sa.Column("customer_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_order_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_order_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("orders_all", sa.Integer(), nullable=False),
        sa.Column("orders_12m", sa.Integer(), nullable=False),
        sa.Column("orders_90d", sa.Integer(), nullable=False),
        sa.Column("spent_12m", sa.BigInteger(), nullable=False),
        sa.Column("spent_all", sa.BigInteger(), nullable=False),
        sa.Column("average_order", sa.BigInteger(), nullable=True),
        sa.Column("returns_12m", sa.Integer(), nullable=False),
        sa.Column("late_90d", sa.Integer(), nullable=False),
        sa.Column("worst_delay_days", sa.Integer(), nullable=False),
        sa.Column("open_complaints", sa.Integer(), nullable=False),
        sa.Column("complaints_12m", sa.Integer(), nullable=False),
        sa.Column("last_complaint_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("interactions_14d", sa.Integer(), nullable=False),
        sa.Column("unresolved_14d", sa.Integer(), nullable=False),
        sa.Column("interactions_90d", sa.Integer(), nullable=False),
        sa.Column("last_interaction_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("broken_promises", sa.Integer(), nullable=False),
        sa.Column("open_basket", sa.Boolean(), nullable=False),
        sa.Column("csat_last", sa.Integer(), nullable=True),
        sa.Column("csat_average", sa.Integer(), nullable=True),
        sa.Column("last_gesture_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gestures_90d", sa.Integer(), nullable=False),
        sa.Column("gestures_12m", sa.Integer(), nullable=False),
        sa.Column("gesture_cost_12m", sa.BigInteger(), nullable=False),
        sa.Column("gestures_declined_12m", sa.Integer(), nullable=False),
        sa.Column("reversals_12m", sa.Integer(), nullable=False),
        sa.Column("rfm_recency", sa.Integer(), nullable=True),
        sa.Column("rfm_frequency", sa.Integer(), nullable=True),
        sa.Column("rfm_monetary", sa.Integer(), nullable=True),
        sa.Column("value_band", sa.String(length=16), nullable=True),
        sa.Column("is_drifting", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_facts_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_facts")),
        sa.UniqueConstraint("customer_id", name=op.f("uq_customer_facts_customer_id")),
    )
    with op.batch_alter_table("customer_facts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_facts_valid_until"), ["valid_until"], unique=False)

    op.create_table(
        "customer_facts_days",
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("tier", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("is_business", sa.Boolean(), nullable=False),
        sa.Column("marketing_consent", sa.Boolean(), nullable=True),
        sa.Column("no_gifts", sa.Boolean(), nullable=False),
        sa.Column("customer_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_order_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_order_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("orders_all", sa.Integer(), nullable=False),
        sa.Column("orders_12m", sa.Integer(), nullable=False),
        sa.Column("orders_90d", sa.Integer(), nullable=False),
        sa.Column("spent_12m", sa.BigInteger(), nullable=False),
        sa.Column("spent_all", sa.BigInteger(), nullable=False),
        sa.Column("average_order", sa.BigInteger(), nullable=True),
        sa.Column("returns_12m", sa.Integer(), nullable=False),
        sa.Column("late_90d", sa.Integer(), nullable=False),
        sa.Column("worst_delay_days", sa.Integer(), nullable=False),
        sa.Column("open_complaints", sa.Integer(), nullable=False),
        sa.Column("complaints_12m", sa.Integer(), nullable=False),
        sa.Column("last_complaint_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("interactions_14d", sa.Integer(), nullable=False),
        sa.Column("unresolved_14d", sa.Integer(), nullable=False),
        sa.Column("interactions_90d", sa.Integer(), nullable=False),
        sa.Column("last_interaction_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("broken_promises", sa.Integer(), nullable=False),
        sa.Column("open_basket", sa.Boolean(), nullable=False),
        sa.Column("csat_last", sa.Integer(), nullable=True),
        sa.Column("csat_average", sa.Integer(), nullable=True),
        sa.Column("last_gesture_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gestures_90d", sa.Integer(), nullable=False),
        sa.Column("gestures_12m", sa.Integer(), nullable=False),
        sa.Column("gesture_cost_12m", sa.BigInteger(), nullable=False),
        sa.Column("gestures_declined_12m", sa.Integer(), nullable=False),
        sa.Column("reversals_12m", sa.Integer(), nullable=False),
        sa.Column("rfm_recency", sa.Integer(), nullable=True),
        sa.Column("rfm_frequency", sa.Integer(), nullable=True),
        sa.Column("rfm_monetary", sa.Integer(), nullable=True),
        sa.Column("value_band", sa.String(length=16), nullable=True),
        sa.Column("is_drifting", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_facts_days_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_facts_days")),
        sa.UniqueConstraint("customer_id", "day", name=op.f("uq_customer_facts_days_customer_id_day")),
    )
    op.create_table(
        "gesture_settings",
        sa.Column("rules_only", sa.Boolean(), nullable=False),
        sa.Column("hold_out_percent", sa.Integer(), nullable=False),
        sa.Column("review_percent", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("hold_out_percent BETWEEN 0 AND 50", name=op.f("ck_gesture_settings_hold_out")),
        sa.CheckConstraint("review_percent BETWEEN 0 AND 100", name=op.f("ck_gesture_settings_review")),
        sa.ForeignKeyConstraint(["changed_by_id"], ["users.id"], name=op.f("fk_gesture_settings_changed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gesture_settings")),
    )
    op.create_table(
        "policies",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_policies_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
        sa.UniqueConstraint("name", name=op.f("uq_policies_name")),
    )
    op.create_table(
        "segments",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("description", sa.String(length=300), nullable=False),
        sa.Column("rule", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["changed_by_id"], ["users.id"], name=op.f("fk_segments_changed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
        sa.UniqueConstraint("name", name=op.f("uq_segments_name")),
    )
    op.create_table(
        "staff_links",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("basis", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_staff_links_created_by_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_staff_links_customer_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_staff_links_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_links")),
        sa.UniqueConstraint("user_id", "customer_id", name=op.f("uq_staff_links_user_id_customer_id")),
    )
    with op.batch_alter_table("staff_links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_staff_links_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "suspensions",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("suspended_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["lifted_by_id"], ["users.id"], name=op.f("fk_suspensions_lifted_by_id")),
        sa.ForeignKeyConstraint(["suspended_by_id"], ["users.id"], name=op.f("fk_suspensions_suspended_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suspensions")),
    )
    with op.batch_alter_table("suspensions", schema=None) as batch_op:
        batch_op.create_index(
            "ux_suspensions_active",
            ["kind", "subject_id"],
            unique=True,
            sqlite_where=sa.text("lifted_at IS NULL"),
            postgresql_where=sa.text("lifted_at IS NULL"),
        )

    op.create_table(
        "policy_versions",
        sa.Column("policy_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("body", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("comment", sa.String(length=500), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effective_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint(
            "stage <> 'published' OR effective_from IS NOT NULL", name=op.f("ck_policy_versions_published")
        ),
        sa.CheckConstraint(
            "effective_to IS NULL OR effective_to > effective_from", name=op.f("ck_policy_versions_effective")
        ),
        sa.ForeignKeyConstraint(["changed_by_id"], ["users.id"], name=op.f("fk_policy_versions_changed_by_id")),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_policy_versions_created_by_id")),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.id"], name=op.f("fk_policy_versions_policy_id")),
        sa.ForeignKeyConstraint(["published_by_id"], ["users.id"], name=op.f("fk_policy_versions_published_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_versions")),
        sa.UniqueConstraint("policy_id", "number", name=op.f("uq_policy_versions_policy_id_number")),
    )
    with op.batch_alter_table("policy_versions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_policy_versions_stage_effective_from"), ["stage", "effective_from"], unique=False
        )

    op.create_table(
        "approval_requests",
        sa.Column("requester_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("interaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("gesture_version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("policy_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("policy_version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("occasion", sa.String(length=32), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.Column("face_minor", sa.BigInteger(), nullable=False),
        sa.Column("reason_code", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("failures", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("terms_hash", sa.String(length=64), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("escalates_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approvals_needed", sa.Integer(), nullable=False),
        sa.Column("first_approver_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("first_approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.String(length=300), nullable=False),
        sa.Column("counter_version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("counter_cost_minor", sa.BigInteger(), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["counter_version_id"], ["gesture_versions.id"], name=op.f("fk_approval_requests_counter_version_id")
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_approval_requests_customer_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["users.id"], name=op.f("fk_approval_requests_decided_by_id")),
        sa.ForeignKeyConstraint(
            ["first_approver_id"], ["users.id"], name=op.f("fk_approval_requests_first_approver_id")
        ),
        sa.ForeignKeyConstraint(
            ["gesture_version_id"], ["gesture_versions.id"], name=op.f("fk_approval_requests_gesture_version_id")
        ),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interactions.id"], name=op.f("fk_approval_requests_interaction_id")
        ),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.id"], name=op.f("fk_approval_requests_policy_id")),
        sa.ForeignKeyConstraint(
            ["policy_version_id"], ["policy_versions.id"], name=op.f("fk_approval_requests_policy_version_id")
        ),
        sa.ForeignKeyConstraint(["requester_id"], ["users.id"], name=op.f("fk_approval_requests_requester_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_requests")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_approval_requests_idempotency_key")),
    )
    with op.batch_alter_table("approval_requests", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_approval_requests_decided_by_id_decided_at"), ["decided_by_id", "decided_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_approval_requests_policy_id_requested_at"), ["policy_id", "requested_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_approval_requests_requester_id_id"), ["requester_id", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_approval_requests_state_expires_at"), ["state", "expires_at"], unique=False
        )

    op.create_table(
        "simulations",
        sa.Column("policy_version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("settings", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(length=500), nullable=False),
        sa.Column("result", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("result_hash", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_version_id"], ["policy_versions.id"], name=op.f("fk_simulations_policy_version_id")
        ),
        sa.ForeignKeyConstraint(["started_by_id"], ["users.id"], name=op.f("fk_simulations_started_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_simulations")),
    )
    with op.batch_alter_table("simulations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_simulations_policy_version_id_body_hash"), ["policy_version_id", "body_hash"], unique=False
        )

    op.create_table(
        "fulfilments",
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("way", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.Column("data", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["done_by_id"], ["users.id"], name=op.f("fk_fulfilments_done_by_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entries.id"], name=op.f("fk_fulfilments_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fulfilments")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_fulfilments_entry_id")),
    )
    with op.batch_alter_table("fulfilments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fulfilments_state_next_at"), ["state", "next_at"], unique=False)

    op.create_table(
        "gesture_reviews",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("agent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("arithmetic", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("comment", sa.String(length=300), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["users.id"], name=op.f("fk_gesture_reviews_agent_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_gesture_reviews_customer_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entries.id"], name=op.f("fk_gesture_reviews_entry_id")),
        sa.ForeignKeyConstraint(["reviewed_by_id"], ["users.id"], name=op.f("fk_gesture_reviews_reviewed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gesture_reviews")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_gesture_reviews_kind_subject")),
    )
    with op.batch_alter_table("gesture_reviews", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gesture_reviews_outcome_found_at"), ["outcome", "found_at"], unique=False)

    op.create_table(
        "store_credits",
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fulfilment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("credited_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_store_credits_customer_id")),
        sa.ForeignKeyConstraint(["fulfilment_id"], ["fulfilments.id"], name=op.f("fk_store_credits_fulfilment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store_credits")),
        sa.UniqueConstraint("fulfilment_id", name=op.f("uq_store_credits_fulfilment_id")),
    )
    with op.batch_alter_table("store_credits", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_store_credits_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "voucher_codes",
        sa.Column("gesture_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("fulfilment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["fulfilment_id"], ["fulfilments.id"], name=op.f("fk_voucher_codes_fulfilment_id")),
        sa.ForeignKeyConstraint(["gesture_id"], ["gestures.id"], name=op.f("fk_voucher_codes_gesture_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_codes")),
        sa.UniqueConstraint("code", name=op.f("uq_voucher_codes_code")),
        sa.UniqueConstraint("fulfilment_id", name=op.f("uq_voucher_codes_fulfilment_id")),
    )
    with op.batch_alter_table("voucher_codes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_voucher_codes_gesture_id_fulfilment_id"), ["gesture_id", "fulfilment_id"], unique=False
        )


def downgrade() -> None:
    bind = op.get_bind()
    if bind.execute(sa.text("SELECT 1 FROM ledger_entries LIMIT 1")).first():
        raise RuntimeError("The ledger was written under policies, which cannot be turned back into limits by role.")
    with foreign_keys_off():
        drop_guards([*AFTER, *NEW])
        create_limit_sets()
        shrink_entries()
        for table in LATER:
            op.drop_table(table)
        op.drop_index(op.f("ix_suggestions_shown_at"), "suggestions")
        op.drop_index(op.f("ix_order_lines_product_id_id"), "order_lines")
        op.create_index(op.f("ix_order_lines_product_id"), "order_lines", ["product_id"])
        for table, names in ADDED.items():
            for name in names:
                op.drop_column(table, name)
        make_guards([*BEFORE, *LIMITS_GUARDS])
        refuse_truncate("limit_sets")


ADDED = {
    "customers": ("street",),
    "gestures": ("stock", "stock_at"),
    "users": ("private_email", "private_phone", "private_street", "private_postcode"),
    "gesture_versions": (
        "fulfilment", "cash_like", "needs", "sensitive", "least_minor", "step_minor", "valid_from", "valid_to"
    ),
    "suggestions": ("considered", "features", "seed", "held_out", "skipped_at", "skip_reason"),
}  # fmt: skip
LATER = (
    "voucher_codes",
    "store_credits",
    "gesture_reviews",
    "fulfilments",
    "simulations",
    "approval_requests",
    "policy_versions",
    "suspensions",
    "staff_links",
    "segments",
    "policies",
    "gesture_settings",
    "customer_facts_days",
    "customer_facts",
    "ledger_seals",
    "fact_changes",
)


def shrink_entries() -> None:
    with op.batch_alter_table("ledger_entries") as batch:
        for column in COUNTED:
            batch.drop_index(op.f(f"ix_ledger_entries_{column}_booked_at"))
        batch.drop_index(op.f("ix_ledger_entries_suggestion_id"))
        for column in REFERENCES:
            batch.drop_constraint(op.f(f"fk_ledger_entries_{column}"), type_="foreignkey")
        for column in (*REFERENCES, "guardrails", "household", "reason_code"):
            batch.drop_column(column)
        batch.add_column(sa.Column("limit_set_id", Key, nullable=False))
        batch.create_foreign_key(op.f("fk_ledger_entries_limit_set_id"), "limit_sets", ["limit_set_id"], ["id"])


def create_limit_sets() -> None:
    op.create_table(
        "limit_sets",
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("per_gesture_minor", sa.BigInteger(), nullable=False),
        sa.Column("per_interaction_minor", sa.BigInteger(), nullable=False),
        sa.Column("per_customer_minor", sa.BigInteger(), nullable=False),
        sa.Column("customer_days", sa.Integer(), nullable=False),
        sa.Column("per_agent_day_minor", sa.BigInteger(), nullable=False),
        sa.Column("hold_minutes", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", Key, nullable=True),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.CheckConstraint("customer_days BETWEEN 1 AND 3650", name=op.f("ck_limit_sets_customer_days")),
        sa.CheckConstraint("hold_minutes BETWEEN 1 AND 1440", name=op.f("ck_limit_sets_hold_minutes")),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_limit_sets_created_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_limit_sets")),
        sa.UniqueConstraint("role", "version", name=op.f("uq_limit_sets_role_version")),
    )
