"""What another system has to do: told by a signed POST until it says yes, each time under the same key.

A row is claimed by moving its next attempt on, so that two workers never send the same one at the same moment; should
both a worker and its answer be lost, it is sent again, and the other system knows it by its Idempotency-Key.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import select, update

from console.db import db
from console.errors import DomainError
from console.gestures.fulfilment_models import Fulfilment, FulfilmentState
from console.gestures.ledger import fulfil
from console.gestures.models import Fulfilling, Gesture, GestureVersion, LedgerEntry

AT_ONCE = 20
ATTEMPTS = 8  # after which a person decides
CLAIMED = timedelta(minutes=2)  # longer than an answer may take
LONGEST_PAUSE = timedelta(hours=6)
PATIENCE = 10  # seconds
Post = Callable[[str, bytes, dict[str, str]], int]


def deliver_due(now: datetime, post: Post | None = None) -> int:
    """Try what is due, at most AT_ONCE; returns how many were done. `post(address, body, headers)` gives the status.

    Does nothing without FULFILMENT_WEBHOOK_URL. Commits.
    """
    address: str = current_app.config["FULFILMENT_WEBHOOK_URL"]
    if not address:
        return 0
    waiting = (
        select(Fulfilment.id, Fulfilment.next_at)
        .where(
            Fulfilment.state == FulfilmentState.WAITING,
            Fulfilment.way == Fulfilling.WEBHOOK,
            Fulfilment.next_at <= now,
        )
        .order_by(Fulfilment.next_at)
        .limit(AT_ONCE)
    )
    due = db.session.execute(waiting).all()
    return sum(deliver(id, seen, address, now, post or send) for id, seen in due)


def deliver(fulfilment_id: int, seen: datetime | None, address: str, now: datetime, post: Post) -> bool:
    if not claim(fulfilment_id, seen, now):
        return False
    row = db.session.get_one(Fulfilment, fulfilment_id, populate_existing=True)
    entry_id, attempts = row.entry_id, row.attempts
    body = json.dumps(message(entry_id), sort_keys=True).encode()
    db.session.commit()  # nothing is locked while another system thinks
    problem = attempt(address, body, headers_for(entry_id, body, now), post)
    if not problem:
        try:
            fulfil(entry_id, actor_id=None, now=now)
        except DomainError:
            return False  # taken back meanwhile
        return True
    given_up = attempts >= ATTEMPTS
    db.session.execute(
        update(Fulfilment)
        .where(Fulfilment.id == fulfilment_id, Fulfilment.state == FulfilmentState.WAITING)
        .values(
            problem=problem[:300],
            state=FulfilmentState.FAILED if given_up else FulfilmentState.WAITING,
            next_at=None if given_up else now + pause(attempts),
        )
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return False


def claim(fulfilment_id: int, seen: datetime | None, now: datetime) -> bool:
    claimed: Any = db.session.execute(
        update(Fulfilment)
        .where(Fulfilment.id == fulfilment_id, Fulfilment.next_at == seen, Fulfilment.state == FulfilmentState.WAITING)
        .values(next_at=now + CLAIMED, attempts=Fulfilment.attempts + 1)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return bool(claimed.rowcount == 1)


def pause(attempts: int) -> timedelta:
    """1, 2, 4, … minutes."""
    return min(timedelta(minutes=2 ** (attempts - 1)), LONGEST_PAUSE)


def message(entry_id: int) -> dict[str, Any]:
    """What the other system is told; ids and amounts, no words about the customer."""
    entry, code, kind, name = db.session.execute(
        select(LedgerEntry, Gesture.code, Gesture.kind, GestureVersion.name)
        .join(GestureVersion, GestureVersion.id == LedgerEntry.gesture_version_id)
        .join(Gesture, Gesture.id == GestureVersion.gesture_id)
        .where(LedgerEntry.id == entry_id)
    ).one()
    return {
        "entry": entry.id,
        "gesture": code,
        "kind": kind.value,
        "name": name,
        "customer": entry.customer_id,
        "interaction": entry.interaction_id,
        "currency": entry.currency,
        "cost_minor": entry.cost_minor,
        "face_minor": entry.face_minor,
        "booked_at": entry.booked_at.isoformat(),
    }


def headers_for(entry_id: int, body: bytes, now: datetime) -> dict[str, str]:
    """The signature is HMAC-SHA256 over "<seconds>.<body>" with FULFILMENT_WEBHOOK_SECRET."""
    moment = str(int(now.timestamp()))
    secret: str = current_app.config["FULFILMENT_WEBHOOK_SECRET"] or current_app.config["SECRET_KEY"]
    signature = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": f"gesture-{entry_id}",
        "X-PlusOne-Signature": f"t={moment},v1={signature}",
    }


def attempt(address: str, body: bytes, headers: dict[str, str], post: Post) -> str:
    """What went wrong, or nothing."""
    try:
        status = post(address, body, headers)
    except (OSError, http.client.HTTPException, ValueError) as problem:
        return f"The other system could not be reached: {problem}"
    return "" if 200 <= status < 300 else f"The other system answered {status}."


def send(address: str, body: bytes, headers: dict[str, str]) -> int:
    request = urllib.request.Request(address, data=body, headers=headers, method="POST")  # noqa: S310  http(s) only, by config
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as answer:
        return int(answer.code)
