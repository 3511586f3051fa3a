"""What happened, collected while the shop is put together and written down in the order of time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from console.customers.models import Customer
from console.db import Base, db
from console.events import Event, Topic


@dataclass
class Diary:
    """Events of the record. Bulk, because thousands of `record_event` calls would take a minute."""

    entries: list[tuple[datetime, str, Topic, Base, Customer, int | None, dict[str, Any]]] = field(default_factory=list)

    def add(
        self,
        kind: str,
        topic: Topic,
        subject: Base,
        customer: Customer,
        at: datetime,
        actor_id: int | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        """`subject` and `customer` must have their ids by the time of `write`."""
        self.entries.append((at, kind, topic, subject, customer, actor_id, data or {}))

    def write(self) -> int:
        """Insert all; what was imported keeps its own time in the audit trail as well. Returns how many."""
        self.entries.sort(key=lambda entry: entry[0])
        rows = [
            {
                "at": at,
                "recorded_at": at,
                "topic": topic,
                "kind": kind,
                "customer_id": customer.id,
                "actor_id": actor_id,
                "subject_type": subject.__tablename__,
                "subject_id": subject.id,
                "data": data,
            }
            for at, kind, topic, subject, customer, actor_id, data in self.entries
        ]
        if rows:
            db.session.execute(insert(Event), rows)
        self.entries.clear()
        return len(rows)
