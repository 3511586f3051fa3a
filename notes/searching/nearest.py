"""What is nearest in meaning among all that is remembered.

PostgreSQL answers by itself (pgvector's HNSW). Elsewhere each process that is asked holds an index of its own: up to
LARGE rows an exact product over one matrix (1.5 kB a row), above that faiss with a byte for each number (0.4 kB a row:
0.4 GB for a million, and twice that on disk while it is built). It is read beside the requests when somebody first asks
for all customers; until then words alone answer.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flask import Flask, current_app
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, func, select, text

from console.db import db
from knowledge.approximate import Approximate
from knowledge.index_postgresql import SETTINGS, as_text
from knowledge.nearby import NONE, Numbers, Vectors
from knowledge.snapshot import highest
from notes.searching.models import Remembered, RememberedVector
from notes.searching.pgvector_schema import has_halves
from notes.searching.words import Marks

log = logging.getLogger(__name__)

LARGE = 50_000  # rows from which on an approximate index is built …
TAIL = 10_000  # … and built anew when so many came after it
AT_ONCE = 5_000  # rows that a request itself reads
OVERLAP = 200  # newest ids looked at again: of two processes that write, the later id may be seen first
CHUNK = 20_000
FEW = 1_000  # rows that filters leave: so few are read and compared one by one, exactly
MOST_OF_ONE = 2_000  # of one customer that are compared, the newest
WALK = 400  # candidates that PostgreSQL's index keeps: of a million .78 of the truly nearest ten, with 120 .54
DEEPER = 8  # so many times as many are asked for where filters drop most of them afterwards …
DEEPEST = 2_000  # … and on PostgreSQL, which stops as soon as enough of them fit, so many at the most

Vector = RememberedVector.__table__.c
OF_MODEL = select(Vector.id).where(Vector.model == bindparam("model"))
NEWEST = OF_MODEL.order_by(Vector.id.desc()).limit(1)
NEWER = select(Vector.id, Vector.remembered_id, Vector.vector).where(
    Vector.model == bindparam("model"), Vector.id > bindparam("after")
)
OF_CUSTOMER = (
    select(Vector.remembered_id, Vector.vector)
    .join(Remembered, Remembered.id == Vector.remembered_id)
    .where(Remembered.customer_id == bindparam("customer"), Vector.model == bindparam("model"))
    .order_by(Remembered.id.desc())
    .limit(MOST_OF_ONE)
)
OF_THESE = select(Vector.remembered_id, Vector.vector).where(
    Vector.remembered_id.in_(bindparam("ids", expanding=True)), Vector.model == bindparam("model")
)
MARKED = select(Remembered.id, Remembered.marks).where(Remembered.id.in_(bindparam("ids", expanding=True)))
POSTGRESQL = """
SELECT h.remembered_id, h.embedding::halfvec({size}) <#> CAST(:question AS halfvec({size})) AS far
FROM remembered_halves h WHERE h.model = :model AND vector_dims(h.embedding) = {size}
ORDER BY h.embedding::halfvec({size}) <#> CAST(:question AS halfvec({size})) LIMIT :looked"""
POSTGRESQL_MARKED = """
WITH near AS MATERIALIZED ({near}) SELECT near.remembered_id FROM near JOIN remembered r ON r.id = near.remembered_id
WHERE r.terms @@ CAST(:marks AS tsquery) ORDER BY near.far LIMIT :count"""
HOW_MANY_FIT = text("EXPLAIN (FORMAT JSON) SELECT 1 FROM remembered WHERE terms @@ CAST(:marks AS tsquery)")


def of_customer(customer_id: int, vector: Vectors, model: str, count: int) -> Numbers:
    """The `count` ids of one customer nearest to a unit vector, best first.

    Of what is committed. It does not use the session, so another thread may ask.
    """
    with db.engine.connect() as connection:
        rows = connection.execute(OF_CUSTOMER, {"customer": customer_id, "model": model}).all()
    return nearest_of(rows, vector, count)


def of_all(marks: Marks, vector: Vectors, model: str, count: int) -> Numbers | None:
    """The same of all customers, about and in about that order. None while that is being prepared."""
    with db.engine.connect() as connection:
        if marks and may_be_few(connection, marks):
            statement, given = marks.statement()
            few = connection.execute(statement, given | {"most": FEW + 1}).scalars().all()
            if len(few) <= FEW:
                rows = connection.execute(OF_THESE, {"ids": few, "model": model}).all() if few else []
                return nearest_of(rows, vector, count)
        if keeps_halves(connection):
            return in_postgresql(connection, marks, vector, model, count)
    snapshot = held(model).fresh()
    if snapshot is None or not marks:
        return None if snapshot is None else snapshot.nearest(vector, count)
    near = snapshot.nearest(vector, count * DEEPER).tolist()
    with db.engine.connect() as connection:
        rows = connection.execute(MARKED, {"ids": near}).all() if near else []
    fit = {row.id for row in rows if marks.fit(row.marks)}
    return np.array([id for id in near if id in fit][:count], np.int64)


def nearest_of(rows: Any, vector: Vectors, count: int) -> Numbers:
    rows = [row for row in rows if len(row.vector) == 2 * len(vector)]
    if not rows:
        return NONE
    ids = np.array([row.remembered_id for row in rows], np.int64)
    return ids[highest(unpacked(row.vector for row in rows) @ vector, count)]


def unpacked(stored: Any) -> Vectors:
    """Vectors of shape (rows, dimensions) from their bytes, all of one length."""
    parts = list(stored)
    return np.frombuffer(b"".join(parts), np.float16).reshape(len(parts), -1).astype(np.float32)


def may_be_few(connection: Connection, marks: Marks) -> bool:
    """Whether it is worth a look. PostgreSQL would read through a million rows to find the newest thousand that fit, so
    its planner is asked how many it expects."""
    if connection.dialect.name == "sqlite":
        return True
    plan = connection.execute(HOW_MANY_FIT, {"marks": marks.of_tsquery}).scalar_one()
    return bool(plan[0]["Plan"]["Plan Rows"] <= 2 * FEW)


def in_postgresql(connection: Connection, marks: Marks, vector: Vectors, model: str, count: int) -> Numbers:
    statement = POSTGRESQL.format(size=len(vector))
    given: dict[str, Any] = {"model": model, "question": as_text(vector), "looked": count}
    if marks:
        statement = POSTGRESQL_MARKED.format(near=statement)
        given |= {"looked": DEEPEST, "count": count, "marks": marks.of_tsquery}
    connection.execute(SETTINGS, {"walk": str(max(WALK, count))})
    return np.array(connection.execute(text(statement), given).scalars().all(), np.int64)


def keeps_halves(connection: Connection) -> bool:
    """Whether PostgreSQL answers; looked at once for each database."""
    known: bool | None = current_app.extensions.get("notes.halves")
    if not known:  # it may come later, see `flask notes embed`
        known = current_app.extensions["notes.halves"] = has_halves(connection)
    return known


@dataclass(frozen=True)
class Snapshot:
    """All vectors at one moment; searches read it without a lock. What was forgotten since is still in it."""

    last: int = 0  # the highest id of a vector
    ids: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))  # of vectors, (rows,)
    remembered: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))  # what each is of, (rows,)
    tail: Vectors = field(
        default_factory=lambda: np.zeros((0, 0), np.float32)
    )  # those that `approximate` does not have
    approximate: Approximate | None = None  # over the first rows

    def is_of(self, last: int) -> bool:
        """Whether a database whose highest id is this can be the one it was read from; not so after a restore."""
        return last >= self.last - OVERLAP

    def nearest(self, vector: Vectors, count: int) -> Numbers:
        """At most `count` of those that were read at once, about the best first, behind as many of the newest."""
        first = len(self.ids) - len(self.tail)
        rows = NONE
        if self.tail.shape[1] == len(vector):
            rows = first + highest(self.tail @ vector, count)
        if self.approximate is not None:
            near = self.approximate.nearest(vector, np.ones(first, np.bool_), count // 2)
            rows = np.concatenate([rows, near])
        return self.remembered[rows]


class Held:
    """Keeps the newest snapshot for one database and one model."""

    def __init__(self, app: Flask, model: str) -> None:
        self.app = app
        self.model = model
        self.snapshot: Snapshot | None = None
        self._lock = threading.Lock()
        self._builder: threading.Thread | None = None

    def fresh(self) -> Snapshot | None:
        """With every vector that is committed by now; None while the first of them are being read.

        One statement where nothing is new.
        """
        # A connection of its own: what this request has not committed yet must not get in.
        with db.engine.connect() as connection, self._lock:
            given = {"model": self.model}
            last = connection.scalar(NEWEST, given) or 0
            old = self.snapshot
            if old is not None and not old.is_of(last):
                old = self.snapshot = None
            first = select(func.count()).select_from(OF_MODEL.limit(AT_ONCE + 1).subquery())
            if old is None and (connection.scalar(first, given) or 0) <= AT_ONCE:
                old = Snapshot()
            if old is None or len(old.tail) > (LARGE if old.approximate is None else TAIL):
                self._build_beside()
            if old is not None and last > old.last:
                self.snapshot = old = self._with_newer(connection, old)
            return old

    def _with_newer(self, connection: Connection, old: Snapshot) -> Snapshot:
        after = old.last - OVERLAP
        rows = connection.execute(NEWER.order_by(Vector.id), {"model": self.model, "after": after}).all()
        known = set(old.ids[-2 * OVERLAP :].tolist())
        rows = [row for row in rows if row.id not in known]
        if not rows:
            return old
        added = unpacked(row.vector for row in rows)
        return Snapshot(
            max(old.last, rows[-1].id),
            np.concatenate([old.ids, np.array([row.id for row in rows], np.int64)]),
            np.concatenate([old.remembered, np.array([row.remembered_id for row in rows], np.int64)]),
            np.concatenate([old.tail, added]) if len(old.tail) else added,
            old.approximate,
        )

    def _build_beside(self) -> None:
        if self._builder is None or not self._builder.is_alive():
            self._builder = threading.Thread(target=self._build, name="notes-index", daemon=True)
            self._builder.start()

    def _build(self) -> None:
        try:
            with self.app.app_context(), db.engine.connect() as connection:
                built = read_all(connection, self.model)
        except Exception:
            log.exception("the index of notes cannot be built; what is found of all customers is found by words")
            return
        log.info("the index of notes holds %d rows", len(built.ids))
        with self._lock:
            self.snapshot = built


def held(model: str) -> Held:
    indexes: dict[str, Held] = current_app.extensions.setdefault("notes.held", {})
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return indexes.get(model) or indexes.setdefault(model, Held(app, model))


def read_all(connection: Connection, model: str) -> Snapshot:
    """Every vector there is: a matrix of its own where they are few, else packed by faiss from a file read once."""
    given = {"model": model}
    count = connection.scalar(select(func.count()).select_from(OF_MODEL.subquery()), given) or 0
    sample = connection.scalar(select(Vector.vector).where(Vector.model == model).limit(1))
    if not count or sample is None:
        return Snapshot()
    shape = (count, len(sample) // 2)
    ids, remembered = np.zeros(count, np.int64), np.zeros(count, np.int64)
    with tempfile.TemporaryFile() as file:
        is_large = count > LARGE
        vectors: NDArray[Any] = (
            np.memmap(file, np.float16, "w+", shape=shape) if is_large else np.zeros(shape, np.float32)
        )
        rows = after = 0
        while rows < count:
            chunk = connection.execute(
                NEWER.order_by(Vector.id).limit(min(CHUNK, count - rows)), given | {"after": after}
            ).all()
            if not chunk:  # some were forgotten meanwhile
                break
            ids[rows : rows + len(chunk)] = [row.id for row in chunk]
            remembered[rows : rows + len(chunk)] = [row.remembered_id for row in chunk]
            vectors[rows : rows + len(chunk)] = np.frombuffer(
                b"".join(row.vector for row in chunk), np.float16
            ).reshape(len(chunk), -1)
            rows, after = rows + len(chunk), chunk[-1].id
        ids, remembered, vectors = ids[:rows], remembered[:rows], vectors[:rows]
        if not is_large:
            return Snapshot(after, ids, remembered, np.asarray(vectors))
        return Snapshot(after, ids, remembered, np.zeros((0, shape[1]), np.float32), Approximate(vectors))
