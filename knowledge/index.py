"""Which index answers: see knowledge.nearby for what it answers, and the modules named here for how."""

from __future__ import annotations

import numpy as np
from flask import current_app
from sqlalchemy import select

from console.db import db
from knowledge.index_postgresql import PostgresqlIndex
from knowledge.matrix import MatrixIndex
from knowledge.models import Article, Passage
from knowledge.nearby import Filters, Index, Moment, Nearby, Vectors
from knowledge.pgvector_schema import has_vectors

__all__ = ["Filters", "Index", "Moment", "Nearby", "index_for", "mean_vector"]

LONGEST = 400  # passages of an article that its mean is taken of
TITLE = 0.25  # how much the title weighs in it


def index_for(model: str) -> Index:
    """This process's index of the app's database, by the vectors of one model."""
    indexes: dict[str, Index] = current_app.extensions.setdefault("knowledge.indexes", {})
    found = indexes.get(model)
    if found is None:
        with db.engine.connect() as connection:
            kind = PostgresqlIndex if has_vectors(connection) else MatrixIndex
        found = indexes.setdefault(model, kind(model))
    return found


def mean_vector(article_id: int, model: str) -> Vectors | None:
    """An article's whole meaning, a unit vector; None while it has none."""
    title = select(Article.vector).where(Article.id == article_id, Article.model == model, Article.vector.is_not(None))
    passages = select(Passage.vector).where(
        Passage.article_id == article_id, Passage.model == model, Passage.vector.is_not(None)
    )
    stored = [row for row in db.session.scalars(passages.order_by(Passage.position).limit(LONGEST)) if row]
    if not stored:
        return None
    mean = np.frombuffer(b"".join(stored), np.float32).reshape(len(stored), -1).mean(axis=0)
    heading = db.session.scalar(title)
    if heading and len(heading) == mean.nbytes:
        mean = mean + TITLE * np.frombuffer(heading, np.float32)
    length = float(np.linalg.norm(mean))
    return (mean / length).astype(np.float32) if length else None
