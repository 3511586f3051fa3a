"""Questions without an answer for tests, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import numpy as np
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from console.db import db, utc_now
from knowledge.gaps import note_gap, stamp
from knowledge.models import AskedIn, AskedQuestion, KnowledgeGap
from tests.factories import add

MODEL = "of the test"


def unit(*numbers: float) -> bytes:
    vector = np.array(numbers, np.float32)
    return (vector / np.linalg.norm(vector)).tobytes()


def question(text: str, vector: bytes | None = None, **given: Any) -> AskedQuestion:
    given.setdefault("asked_at", utc_now())
    model = MODEL if vector else None
    return AskedQuestion(text=text, asked_in=AskedIn.SEARCH, vector=vector, model=model, **given)


def filed(text: str, vector: bytes | None = None, **given: Any) -> int | None:
    """File a question as a search does; returns its gap."""
    row = question(text, vector, **given)
    note_gap(row, row.asked_at)
    db.session.add(row)
    db.session.commit()
    return row.gap_id


def make_gap(session: Session, text: str = "Do you gift wrap?", days_ago: float = 1, **given: Any) -> KnowledgeGap:
    """A gap with one question."""
    at = utc_now() - timedelta(days=days_ago)
    given.setdefault("asked", 1)
    gap = add(session, KnowledgeGap(question=text, first_asked_at=at, last_asked_at=at, **given))
    add(session, question(text, gap_id=gap.id, asked_at=at, confidence=0.2))
    session.commit()
    return gap


def post(client: FlaskClient, gap: KnowledgeGap, what: str, **data: Any) -> Any:
    data.setdefault("seen", stamp(gap))
    return client.post(f"/knowledge/gaps/{gap.id}/{what}", data=data)


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each does when all begin at one moment."""
    start = Barrier(len(acts))

    def begin(act: Callable[[], Any]) -> Any:
        start.wait(timeout=10)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [one.result(timeout=30) for one in [pool.submit(begin, act) for act in acts]]
