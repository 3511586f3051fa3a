"""Answers kept for a day, so that a request repeated with its Idempotency-Key does nothing twice.

A claim is a row inserted in the request's own transaction before anything else. Whoever comes second waits for it in
the database: if the first commits, its answer is there to be given again; if it fails, the claim is gone with the rest
and the second goes ahead. A crash leaves nothing behind. Only what succeeded is kept: what was refused saved nothing.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from flask import request
from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import OperationalError

from console.api.models import ApiToken, KeptAnswer
from console.api.refusing import Refusal
from console.db import db

HEADER = "Idempotency-Key"
FORM = re.compile(r"[!-~]{1,200}")  # visible ASCII, no blanks
KEPT = timedelta(days=1)
UNANSWERED = 0  # the status of a claim that is not committed yet: nobody else ever sees it


def key_sent() -> str | None:
    """The request's key. Raises Refusal for one that cannot be kept."""
    key = request.headers.get(HEADER)
    if key is not None and not FORM.fullmatch(key):
        raise Refusal.of_field(HEADER, "Use 1 to 200 visible ASCII characters, such as a UUID.")
    return key


def request_hash() -> str:
    """Of everything that makes this request the same as another one."""
    head = f"{request.method} {request.full_path}\n".encode()
    return hashlib.sha256(head + request.get_data(cache=True)).hexdigest()


def claim(token_id: int, key: str, now: datetime, status: int = UNANSWERED, **answer: Any) -> int | None:
    """The new row's id; none when this key was answered before. Waits for a request of the same key to end."""
    insert = insert_sqlite if db.session.connection().dialect.name == "sqlite" else insert_postgresql
    values = {"body": {}, "location": ""} | answer
    row = {"token_id": token_id, "key": key, "request_hash": request_hash(), "status": status, "kept_at": now}
    added = insert(KeptAnswer).values(**row, **values).on_conflict_do_nothing(index_elements=["token_id", "key"])
    return db.session.scalar(added.returning(KeptAnswer.id))


def fill(claim_id: int, status: int, body: dict[str, Any], location: str) -> None:
    db.session.execute(
        update(KeptAnswer).where(KeptAnswer.id == claim_id).values(status=status, body=body, location=location)
    )


def answered_before(token_id: int, key: str) -> KeptAnswer | None:
    """What this key was answered. Raises Refusal when it came with another request."""
    kept = db.session.scalars(select(KeptAnswer).where(KeptAnswer.token_id == token_id, KeptAnswer.key == key)).first()
    if kept and kept.request_hash != request_hash():
        raise Refusal(422, "key-reused", "This Idempotency-Key came with another request. Use a new one for this.")
    return kept


def note_use(token: ApiToken, now: datetime) -> None:
    """When a token was last used, to the minute: one write a minute, in which old answers are swept as well."""
    minute = now.replace(second=0, microsecond=0)
    if token.used_at is not None and token.used_at >= minute:
        return
    earlier = or_(ApiToken.used_at.is_(None), ApiToken.used_at < minute)
    try:
        db.session.execute(
            update(ApiToken)
            .where(ApiToken.id == token.id, earlier)
            .values(used_at=minute)
            .execution_options(synchronize_session=False)
        )
        db.session.execute(
            delete(KeptAnswer).where(KeptAnswer.kept_at < now - KEPT).execution_options(synchronize_session=False)
        )
        db.session.commit()
    except OperationalError:  # somebody else writes: the next request notes it
        with suppress(OperationalError):
            db.session.rollback()
