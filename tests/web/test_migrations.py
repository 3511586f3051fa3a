"""The schema that migrations make is the one that the models describe, up and down, on both engines."""

from __future__ import annotations

from typing import Any

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from console.customers.models import Account
from console.db import Base, db
from console.gestures import sealing
from console.gestures.households import household_of
from console.gestures.ledger import offer
from console.gestures.models import LedgerEntry
from knowledge.embedding import passages_left
from knowledge.models import Passage
from tests.factories import NOW, add, make_customer, make_interaction, make_user
from tests.factories_gestures import make_gesture, make_policy, terms_of
from tests.factories_knowledge import make_article

BY_HAND = (
    "passages_fts",
    "remembered_fts",
    "remembered_halves",
    "passage_vectors",
    "title_vectors",
)  # search tables that no model describes


def tables() -> set[str]:
    db.engine.dispose()
    return {name for name in inspect(db.engine).get_table_names() if not name.startswith(BY_HAND)}


def test_every_migration_goes_down_and_up_again(app: Flask) -> None:
    with app.app_context():
        assert tables() == {*Base.metadata.tables, "alembic_version"}
        flask_migrate.downgrade(revision="base")
        assert tables() == {"alembic_version"}
        flask_migrate.upgrade()
        assert tables() == {*Base.metadata.tables, "alembic_version"}


def test_models_and_migrations_agree(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or not name.startswith(BY_HAND)}
        )
        changes = compare_metadata(context, Base.metadata)
        assert [one for one in changes if "passages" not in str(one) and "remembered" not in str(one)] == []


def test_the_newest_migration_is_the_one_in_use(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1


def test_what_was_given_before_learns_its_address_and_stays_sealed(app: Flask, session: Session) -> None:
    home: dict[str, Any] = {"street": "4, Çam Sokağı", "postcode": "34 000", "country": "TR"}
    account, agent = add(session, Account(name="Saltmarsh")), make_user(session)
    # With an account and an address; with an address alone; with neither.
    customers = [make_customer(session, account_id=account.id, **home), make_customer(session, **home)]
    customers.append(make_customer(session))
    make_policy(session)
    version = make_gesture(session)
    for customer in customers:
        make_interaction(session, customer, agent)
    session.commit()
    keys = select(LedgerEntry.household, LedgerEntry.address_key).order_by(LedgerEntry.id)
    with app.app_context():
        for customer in customers:
            offer(terms_of(agent, customer, version), key=f"migrated-{customer.id:08}", now=NOW)
        sealing.seal(NOW)
        db.session.remove()
        flask_migrate.downgrade(revision="0007")
        flask_migrate.upgrade()
        assert [tuple(row) for row in db.session.execute(keys)] == [tuple(household_of(one)) for one in customers]
        assert sealing.verify().problems == ()
        with pytest.raises(DBAPIError, match="an entry changes its state alone"):
            db.session.execute(update(LedgerEntry).values(address_key="another"))
        db.session.rollback()


def test_passages_with_tables_are_read_anew(app: Flask, session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    prose = make_article(session, "Lamps", "Ask which lamp.").passages[0].id
    table = make_article(session, "Checks", "| check | lamp |\n|---|---|\n| plug | Beacon |").passages[0].id
    session.commit()
    known = select(Passage.id).where(Passage.sentence_vectors.is_not(None))
    with app.app_context():
        flask_migrate.downgrade(revision="0014")
        session.execute(update(Passage).values(model="a model", sentence_vectors=b"1"))
        session.commit()
        flask_migrate.upgrade()
        assert "read anew by flask reindex: 1\n" in capsys.readouterr().out
        assert db.session.scalars(known).all() == [prose]
        assert passages_left("a model") == 1, table
