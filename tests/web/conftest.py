"""What several tests of pages share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from console.db import db
from console.demo import house, loading
from console.demo.reading import articles
from knowledge.models import Article
from tests.factories_knowledge import make_article


@pytest.fixture
def few_articles(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short shelf and a quick hash, because these take most of the time of a small load."""
    monkeypatch.setattr(house, "hash_password", lambda password: f"hash of {password}")
    monkeypatch.setattr(loading, "articles", lambda days: [one for one in articles(days) if one.external_id[0] == "r"])


@pytest.fixture
def small(app: Flask, few_articles: None) -> Iterator[None]:
    """An empty database of the test's own, without a model."""
    app.config["EMBEDDING_MODEL"] = "none"
    with app.app_context():
        yield
        db.session.remove()


@pytest.fixture
def article(session: Session) -> Article:
    row = make_article(session, "Gift cards", "Valid for five years.", slug="gift-cards")
    session.commit()
    return row
