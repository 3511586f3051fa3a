"""Reads what is remembered for search by meaning: beside the requests of each worker, and for `flask notes embed`.

Triggers put the id of everything new or changed into `remembered_unread`. A process claims a few, newest first, embeds
them and takes them off; a claim that nobody kept is free again after a while. Several processes may read at once, and
whatever stops one of them, nothing is lost and little is done twice.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from flask import Flask
from sqlalchemy import delete, func, insert, or_, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from console.db import db, utc_now
from knowledge.chunking import sentences
from knowledge.embedding import Encoder, encoder, packed
from knowledge.index_postgresql import as_text
from knowledge.nearby import Vectors
from knowledge.pgvector_schema import USUAL
from notes.searching.models import Remembered, RememberedVector, Unread
from notes.searching.pgvector_schema import has_halves, index

BATCH = 16  # rows between two looks at whether requests need the processor
FORGOTTEN = timedelta(minutes=2)  # a claim that is not kept by then
EVERY = 2.0  # seconds between two looks at whether something is new
AGAIN = 2_000  # rows put back at once when the model is another one
MOST_SENTENCES = 40  # of one row that are compared by themselves
OLDEST = (
    select(RememberedVector.id, RememberedVector.remembered_id, RememberedVector.model)
    .order_by(RememberedVector.id)
    .limit(AGAIN)
)
PUT_BACK = text("INSERT INTO remembered_unread (id) VALUES (:id) ON CONFLICT (id) DO NOTHING")
HALVES = text(
    "INSERT INTO remembered_halves (remembered_id, model, embedding) VALUES (:id, :model, CAST(:vector AS halfvec)) "
    "ON CONFLICT (remembered_id) DO UPDATE SET model = excluded.model, embedding = excluded.embedding"
)


def keep_reading(app: Flask) -> None:
    """For a thread of each worker: never returns."""
    after: int | None = 0  # None: all of them are of this model
    while True:
        time.sleep(EVERY)
        with app.app_context():
            try:
                model = encoder()
                while model.ready() and after is not None:
                    after = put_back_others(model.name, after) or None
                while model.ready() and (taken := read_some(model)):
                    time.sleep(taken)  # half of one processor at the most
            except SQLAlchemyError:
                app.logger.exception("notes could not be read for search by meaning; they are tried again")
            finally:
                db.session.remove()


def read_all(model: Encoder, progress: Any = lambda done: None) -> int:
    """Read everything that is unread, here and now; returns how many. May be stopped and run again."""
    after = 0
    while after := put_back_others(model.name, after):
        pass
    done = 0
    while rows := claim(256):
        done += keep(rows, model)
        progress(len(rows))
    return done


def unread() -> int:
    return db.session.scalar(select(func.count()).select_from(Unread)) or 0


def read_some(model: Encoder) -> float:
    """Read the next few, and commit; how many seconds that took, 0 for nothing to do."""
    started = time.monotonic()
    if db.session.scalar(select(Unread.id).where(is_free(utc_now())).limit(1)) is None:
        db.session.rollback()
        return 0.0
    keep(claim(BATCH), model)
    return time.monotonic() - started


def is_free(now: datetime) -> Any:
    return or_(Unread.claimed_at.is_(None), Unread.claimed_at < now - FORGOTTEN)


def claim(count: int) -> Sequence[Any]:
    """Take on the newest of what is unread, and commit: rows of id, body and the moment of the claim."""
    now = utc_now()
    free = select(Unread.id).where(is_free(now)).order_by(Unread.id.desc()).limit(count)
    free = free.with_for_update(skip_locked=True)
    taken = update(Unread).where(Unread.id.in_(free)).values(claimed_at=now).returning(Unread.id)
    ids = db.session.scalars(taken, execution_options={"synchronize_session": False}).all()
    wanted = select(Remembered.id, Remembered.body, Unread.claimed_at).join(Unread, Unread.id == Remembered.id)
    rows = db.session.execute(wanted.where(Remembered.id.in_(ids))).all() if ids else []
    db.session.commit()
    return rows


def keep(rows: Sequence[Any], model: Encoder) -> int:
    """Embed some rows and keep what became of them, unless their words were changed meanwhile; commits."""
    if not rows:
        return 0
    spans = [sentences(row.body)[:MOST_SENTENCES] for row in rows]
    parts = [row.body[begin:end] for row, own in zip(rows, spans, strict=True) if len(own) > 1 for begin, end in own]
    vectors = model.encode_briefly([row.body for row in rows] + parts)
    by_sentence = iter(packed(vectors[len(rows) :]))
    sentence_vectors = [b"".join(next(by_sentence).tobytes() for _ in own) if len(own) > 1 else None for own in spans]
    # A row whose words changed was put back without a claim, and stays for the next time.
    mine = delete(Unread).where(Unread.id.in_([row.id for row in rows]), Unread.claimed_at == rows[0].claimed_at)
    kept = set(db.session.scalars(mine.returning(Unread.id), execution_options={"synchronize_session": False}))
    write(
        [
            {"remembered_id": row.id, "model": model.name, "vector": as_halves(vector), "sentences": own}
            for row, vector, own in zip(rows, vectors, sentence_vectors, strict=False)
            if row.id in kept
        ]
    )
    if has_halves(connection := db.session.connection()):
        size = vectors.shape[1]
        given = [
            {"id": row.id, "model": model.name, "vector": as_text(vector)}
            for row, vector in zip(rows, vectors, strict=False)
            if row.id in kept
        ]
        if size != USUAL:
            index(connection, size)
        if given:
            connection.execute(HALVES, given)
    db.session.commit()
    return len(kept)


def write(rows: list[dict[str, Any]]) -> None:
    """A new id for each: that is how others see that it is new."""
    if rows:
        ids = [row["remembered_id"] for row in rows]
        db.session.execute(delete(RememberedVector).where(RememberedVector.remembered_id.in_(ids)))
        db.session.execute(insert(RememberedVector), rows)


def as_halves(vector: Vectors) -> bytes:
    return vector.astype(np.float16).tobytes()


def put_back_others(model: str, after: int = 0) -> int:
    """Put a few of those that another model has read back among the unread, and commit; their vectors stay meanwhile.

    Returns the vector's id after which to go on, 0 when none are left.
    """
    rows = db.session.execute(OLDEST.where(RememberedVector.id > after)).all()
    ids = [row.remembered_id for row in rows if row.model != model]
    if ids:
        db.session.execute(PUT_BACK, [{"id": id} for id in ids])
    db.session.commit()
    # What was read anew has a higher id: behind a few that are all of this model, no other comes.
    return int(rows[-1].id) if ids else 0
