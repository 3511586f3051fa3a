"""guards: what no code path, tool or mistake may do to the record and the ledger

Events, the ledger's events, gesture versions and limit sets are never changed; nor is an entry of the ledger but
for its state, and that only along the paths of the state machine. An entry is inserted only by a transaction that
has stamped the lock rows of its agent, its customer and its interaction with the very moment of its booking.

Deleting is refused too, but for rows of the demo shop, which `flask demo clear` takes away: those of a customer,
user, gesture or limit set whose is_demo is set. That flag can never be set later, so no real row becomes one.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

DEMO_CUSTOMER = "EXISTS (SELECT 1 FROM customers c WHERE c.id = {}.customer_id AND c.is_demo)"
FROZEN = {  # table: when one of its rows may be deleted all the same
    "events": (
        DEMO_CUSTOMER.format("OLD")  # noqa: S608  constants of this file
        + " OR (OLD.customer_id IS NULL AND EXISTS (SELECT 1 FROM users u WHERE u.id = OLD.actor_id AND u.is_demo))"
    ),
    "ledger_events": (
        "EXISTS (SELECT 1 FROM ledger_entries e JOIN customers c ON c.id = e.customer_id"
        " WHERE e.id = OLD.entry_id AND c.is_demo)"
    ),
    "gesture_versions": "EXISTS (SELECT 1 FROM gestures g WHERE g.id = OLD.gesture_id AND g.is_demo)",
    "limit_sets": "OLD.is_demo",
}
ENTRY_MAY_GO = DEMO_CUSTOMER.format("OLD")
EMPTIED = (*FROZEN, "ledger_entries")
FLAGGED = ("customers", "users", "gestures")
UNLOCKED = " OR ".join(
    "NOT EXISTS (SELECT 1 FROM ledger_locks l"  # noqa: S608
    f" WHERE l.subject = '{name}:' || NEW.{name}_id AND l.last_at = NEW.booked_at)"
    for name in ("agent", "customer", "interaction")
)
FIXED = (
    "id", "gesture_version_id", "limit_set_id", "customer_id", "interaction_id", "agent_id", "occasion", "currency",
    "cost_minor", "face_minor", "reason", "booked_at", "expires_at", "idempotency_key", "terms_hash",
)  # fmt: skip
REWRITTEN = " OR ".join(f"NEW.{column} <> OLD.{column}" for column in FIXED)
LEAP = (
    "NEW.state <> OLD.state AND OLD.state || '>' || NEW.state NOT IN ("
    "'held>granted', 'held>declined', 'held>voided', 'held>expired',"
    " 'granted>fulfilled', 'granted>reversed', 'fulfilled>reversed')"
)


def guards() -> list[tuple[str, str, str, str]]:
    """(table, what is refused, when, the message)"""
    found = []
    for table, may_go in FROZEN.items():
        found.append((table, "UPDATE", "1 = 1", f"{table} are never changed"))
        found.append((table, "DELETE", f"NOT ({may_go})", f"{table} are never deleted"))
    found += [
        ("ledger_entries", "INSERT", UNLOCKED, "only the ledger inserts entries, under its locks"),
        ("ledger_entries", "UPDATE", f"{REWRITTEN} OR ({LEAP})", "an entry changes its state alone, step by step"),
        ("ledger_entries", "DELETE", f"NOT ({ENTRY_MAY_GO})", "ledger_entries are never deleted"),
    ]
    found += [
        (table, "UPDATE OF is_demo", "NEW.is_demo AND NOT OLD.is_demo", f"{table} are demo from the start or never")
        for table in FLAGGED
    ]
    return found


def upgrade() -> None:
    make = sqlite_trigger if op.get_bind().dialect.name == "sqlite" else postgresql_trigger
    for guard in guards():
        for statement in make(*guard):
            op.execute(statement)
    if op.get_bind().dialect.name != "sqlite":
        op.execute(
            "CREATE FUNCTION guard_truncate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION '% is never emptied', TG_TABLE_NAME USING ERRCODE = 'check_violation'; END $$"
        )
        for table in EMPTIED:
            op.execute(
                f"CREATE TRIGGER guard_{table}_truncate BEFORE TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION guard_truncate()"
            )


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table, act, _, _ in guards():
        name = trigger_name(table, act)
        op.execute(f"DROP TRIGGER {name}" if is_sqlite else f"DROP TRIGGER {name} ON {table}")
        if not is_sqlite:
            op.execute(f"DROP FUNCTION {name}()")
    if not is_sqlite:
        for table in EMPTIED:
            op.execute(f"DROP TRIGGER guard_{table}_truncate ON {table}")
        op.execute("DROP FUNCTION guard_truncate()")


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
