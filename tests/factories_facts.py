"""Histories of customers for tests of facts, written as they are: dictionaries of columns."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import Table, insert, select, update
from sqlalchemy.orm import Session

from console.customers.models import Boundary, Complaint, Customer, Delivery, Order, WebEvent
from console.customers.tokens import table_of
from console.gestures.models import LedgerEntry, LedgerEvent, LedgerLock
from console.interactions.models import Interaction
from notes.models import Promise
from tests.factories import NOW, make_interaction, make_user
from tests.factories_gestures import make_gesture, make_policy

TABLES: dict[str, Table] = {
    "orders": table_of(Order),
    "deliveries": table_of(Delivery),
    "complaints": table_of(Complaint),
    "interactions": table_of(Interaction),
    "web_events": table_of(WebEvent),
    "boundaries": table_of(Boundary),
    "promises": table_of(Promise),
}
UNSAID: dict[str, dict[str, Any]] = {
    "orders": {"status": "delivered", "total_minor": 5000, "total_currency": "GBP", "number": "1", "is_demo": False},
    "deliveries": {"promised_on": None, "delivered_at": None, "returned_at": None},
    "complaints": {"text": "Scratched", "state": "open", "settled_at": None},
    "interactions": {
        "channel": "phone", "state": "closed", "subject": "", "reason": "", "resolution": "", "result": "",
        "ended_at": None, "resolved": None, "csat": None,
    },
    "web_events": {"kind": "cart_abandoned", "source": "shop", "title": "", "data": {}},
    "boundaries": {"kind": "no_gifts", "text": "", "evidence": {}, "ended_at": None},
    "promises": {"text": "Call back", "state": "open", "settled_at": None},
}  # fmt: skip
numbers = count(1)


def put(session: Session, name: str, customer: Customer | None = None, **given: Any) -> dict[str, Any]:
    """Insert a row past the models; returns it with its id."""
    table = TABLES[name]
    row = UNSAID[name] | ({"customer_id": customer.id} if customer else {}) | given
    if "external_id" in table.c:
        row.setdefault("external_id", f"x{next(numbers)}")
        if "source" in table.c:
            row.setdefault("source", "test")
    row["id"] = session.execute(insert(table).values(row).returning(table.c.id)).scalar_one()
    return row


class Till:
    """Books gestures past the ledger, at any time."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.agent = make_user(session)
        self.policy = make_policy(session)
        self.version = make_gesture(session)

    def book(
        self, customer: Customer, booked_at: datetime, *steps: tuple[str, datetime], cost: int = 520, code: str = "GBP"
    ) -> dict[str, Any]:
        """An entry that went through these states; it says what the reference takes."""
        session = self.session
        talk = make_interaction(
            session, customer, started_at=booked_at, state="closed", ended_at=NOW.replace(year=2099)
        )
        household = f"customer:{customer.id}"
        for subject in (
            f"agent:{self.agent.id}", f"customer:{customer.id}", f"interaction:{talk.id}", f"household:{household}",
        ):  # fmt: skip
            self.lock(subject, booked_at)
        entry_id = session.execute(
            insert(table_of(LedgerEntry))
            .values(
                gesture_version_id=self.version.id, gesture_id=self.version.gesture_id,
                policy_id=self.policy.policy_id, policy_version_id=self.policy.id, guardrails=[],
                customer_id=customer.id, household=household, address_key=household, interaction_id=talk.id,
                agent_id=self.agent.id,
                occasion="delight", state="held", currency=code, cost_minor=cost, face_minor=cost,
                reason_code="", reason="", booked_at=booked_at, expires_at=booked_at,
                idempotency_key=f"key-{next(numbers)}", terms_hash="",
            )
            .returning(table_of(LedgerEntry).c.id)
        ).scalar_one()  # fmt: skip
        for state, at in (("held", booked_at), *steps):
            self.step(entry_id, state, at)
        return {"booked_at": booked_at, "cost_minor": cost, "currency": code, "steps": steps, "id": entry_id}

    def step(self, entry_id: int, state: str, at: datetime) -> None:
        row = {"entry_id": entry_id, "state": state, "at": at, "delta_minor": 0, "reason": ""}
        self.session.execute(insert(table_of(LedgerEvent)).values(row))

    def lock(self, subject: str, at: datetime) -> None:
        locks = table_of(LedgerLock)
        if self.session.scalar(select(locks.c.id).where(locks.c.subject == subject)):
            self.session.execute(update(locks).where(locks.c.subject == subject).values(last_at=at))
        else:
            self.session.execute(insert(locks).values(subject=subject, last_at=at))
