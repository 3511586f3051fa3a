"""a household is the same account or the same address: entries keep both

What was given before keeps the address that it was given to; where an account stood there instead, the customer's
address of today stands in for it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# ruff: noqa: S608  these are this file's own words
FIXED_BEFORE = (
    "id", "gesture_version_id", "gesture_id", "policy_id", "policy_version_id", "customer_id", "household",
    "interaction_id", "agent_id", "occasion", "currency", "cost_minor", "face_minor", "reason_code", "reason",
    "booked_at", "expires_at", "idempotency_key", "terms_hash",
)  # fmt: skip
FIXED = (*FIXED_BEFORE, "address_key")
LOCKED_BEFORE = ("'agent:' || NEW.agent_id", "'customer:' || NEW.customer_id", "'interaction:' || NEW.interaction_id",
                 "'household:' || NEW.household")  # fmt: skip
LOCKED = (*LOCKED_BEFORE, "'household:' || NEW.address_key")
LEAP = (
    "NEW.state <> OLD.state AND OLD.state || '>' || NEW.state NOT IN ("
    "'held>granted', 'held>declined', 'held>voided', 'held>expired',"
    " 'granted>fulfilled', 'granted>reversed', 'fulfilled>reversed')"
)
LINE = "\n"
INDEX = "ix_ledger_entries_address_key_booked_at"


def upgrade() -> None:
    drop_guards()
    key = sa.Column("address_key", sa.String(length=30), nullable=False, server_default="")
    op.add_column("ledger_entries", key)
    op.execute("UPDATE ledger_entries SET address_key = household")
    bind = op.get_bind()
    known = bind.execute(
        sa.text(
            "SELECT id, street, postcode, country FROM customers c WHERE street IS NOT NULL AND postcode IS NOT NULL"
            " AND EXISTS (SELECT 1 FROM ledger_entries e WHERE e.customer_id = c.id)"
        )
    )
    for few in known.partitions(1000):
        rows = [{"customer": row.id, "key": found} for row in few if (found := address_key(*row[1:]))]
        if rows:
            statement = "UPDATE ledger_entries SET address_key = :key WHERE customer_id = :customer"
            bind.execute(sa.text(f"{statement} AND household NOT LIKE 'address:%'"), rows)
    # Nobody's time runs backwards behind the new key either.
    op.execute(
        "INSERT INTO ledger_locks (subject, last_at)"
        " SELECT 'household:' || address_key, max(booked_at) FROM ledger_entries"
        " WHERE 'household:' || address_key NOT IN (SELECT subject FROM ledger_locks) GROUP BY address_key"
    )
    op.create_index(op.f(INDEX), "ledger_entries", ["address_key", "booked_at"])
    make_guards(FIXED, LOCKED)


def downgrade() -> None:
    drop_guards()
    op.drop_index(op.f(INDEX), "ledger_entries")
    op.drop_column("ledger_entries", "address_key")
    make_guards(FIXED_BEFORE, LOCKED_BEFORE)


def address_key(street: str, postcode: str, country: str | None) -> str | None:
    """As it is told today; it must not change with the code."""
    parts = [plain(street), plain(postcode)]
    if not all(parts):
        return None
    return f"address:{hashlib.sha256(LINE.join([*parts, plain(country or '')]).encode()).hexdigest()[:16]}"


def plain(text: str) -> str:
    return re.sub(r"[^\w]|_", "", unicodedata.normalize("NFKD", text).casefold())


def guards(fixed: tuple[str, ...], locked: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """(what is refused, when, the message)"""
    unlocked = " OR ".join(
        f"NOT EXISTS (SELECT 1 FROM ledger_locks l WHERE l.subject = {subject} AND l.last_at = NEW.booked_at)"
        for subject in locked
    )
    rewritten = " OR ".join(f"NEW.{column} <> OLD.{column}" for column in fixed)
    yield "INSERT", unlocked, "only the ledger inserts entries, under its locks"
    yield "UPDATE", f"{rewritten} OR ({LEAP})", "an entry changes its state alone, step by step"


def make_guards(fixed: tuple[str, ...], locked: tuple[str, ...]) -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for act, when, message in guards(fixed, locked):
        head = f"TRIGGER {trigger(act)} BEFORE {act} ON ledger_entries FOR EACH ROW"
        if is_sqlite:
            op.execute(f"CREATE {head} WHEN {when} BEGIN SELECT RAISE(ABORT, '{message}'); END")
            continue
        op.execute(
            f"CREATE FUNCTION {trigger(act)}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {when} THEN"
            f" RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation'; END IF; RETURN NEW; END $$"
        )
        op.execute(f"CREATE {head} EXECUTE FUNCTION {trigger(act)}()")


def drop_guards() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for act in ("INSERT", "UPDATE"):
        op.execute(f"DROP TRIGGER {trigger(act)}" + ("" if is_sqlite else " ON ledger_entries"))
        if not is_sqlite:
            op.execute(f"DROP FUNCTION {trigger(act)}()")


def trigger(act: str) -> str:
    return f"guard_ledger_entries_{act.lower()}"
