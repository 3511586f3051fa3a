"""which customers' facts have changed: triggers on what the facts are made of append to fact_changes

Appending takes no lock that anybody else waits for. Everybody is on the list at first, so that the facts of those who
are known already are computed too.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


OWN = "{row}.customer_id"
OF_ORDER = "(SELECT customer_id FROM orders WHERE id = {row}.order_id)"
OF_ENTRY = "(SELECT customer_id FROM ledger_entries WHERE id = {row}.entry_id)"

# table: (whose it is, the columns that facts are made of, which rows matter)
SOURCES = {
    "customers": ("{row}.id", ("tier", "country", "language", "account_id", "customer_since", "consents"), ""),
    "orders": (OWN, ("customer_id", "status", "placed_at", "total_minor", "total_currency"), ""),
    "deliveries": (OF_ORDER, ("order_id", "promised_on", "delivered_at", "returned_at"), ""),
    "complaints": (OWN, ("customer_id", "state", "opened_at", "settled_at"), ""),
    "interactions": (
        OWN,
        ("customer_id", "state", "started_at", "ended_at", "resolved", "csat"),
        "{row}.state = 'closed'",
    ),
    "web_events": (OWN, ("customer_id", "kind", "at"), "{row}.kind = 'cart_abandoned'"),
    "boundaries": (OWN, ("customer_id", "kind", "created_at", "ended_at"), "{row}.kind = 'no_gifts'"),
    "promises": (OWN, ("customer_id", "state", "due_at", "created_at", "settled_at"), ""),
    "ledger_events": (OF_ENTRY, ("entry_id", "state", "at"), "{row}.state IN ('granted', 'declined', 'reversed')"),
}
ROWS = {"insert": ("NEW",), "update": ("OLD", "NEW"), "delete": ("OLD",)}


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table, (whose, columns, matters) in SOURCES.items():
        for act, rows in ROWS.items():
            name = f"{table}_facts_{act}"
            when = " OR ".join(f"({matters.format(row=row)})" for row in rows) if matters else "1 = 1"
            if act == "update":
                differs = "IS NOT" if is_sqlite else "IS DISTINCT FROM"
                when = f"({when}) AND ({' OR '.join(f'OLD.{one} {differs} NEW.{one}' for one in columns)})"
            listed = "; ".join(note(whose, rows))
            if is_sqlite:
                op.execute(f"CREATE TRIGGER {name} AFTER {act} ON {table} FOR EACH ROW WHEN {when} BEGIN {listed}; END")
            else:
                op.execute(
                    f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$"
                    f" BEGIN {listed}; RETURN NULL; END $$"
                )
                op.execute(
                    f"CREATE TRIGGER {name} AFTER {act} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION {name}()"
                )
    op.execute("INSERT INTO fact_changes (customer_id) SELECT id FROM customers ORDER BY id")


def note(whose: str, rows: tuple[str, ...]) -> list[str]:
    """Put the row's customer on the list, and the one whose it was before."""
    customers = [whose.format(row=row) for row in rows]
    first = f"INSERT INTO fact_changes (customer_id) SELECT {customers[-1]} WHERE {customers[-1]} IS NOT NULL"
    if len(customers) == 1 or whose == "{row}.id":
        return [first]
    before, now = customers
    moved = f"{before} IS NOT NULL AND {before} <> coalesce({now}, 0)"
    return [first, f"INSERT INTO fact_changes (customer_id) SELECT {before} WHERE {moved}"]


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table in SOURCES:
        for act in ROWS:
            name = f"{table}_facts_{act}"
            op.execute(f"DROP TRIGGER {name}" if is_sqlite else f"DROP TRIGGER {name} ON {table}")
            if not is_sqlite:
                op.execute(f"DROP FUNCTION {name}()")
    op.execute("DELETE FROM fact_changes")
