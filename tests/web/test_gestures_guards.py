"""What the database itself refuses, on both engines: no code path, tool or mistake gets past it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from console.customers.models import Account
from console.db import db
from console.gestures import ledger
from console.gestures.ledger import offer
from tests.factories import NOW, add, make_customer, make_interaction, make_user
from tests.factories_gestures import make_gesture, make_policy, terms_of


@pytest.fixture(params=[False, True], ids=["real", "demo"])
def booked(request: pytest.FixtureRequest, app: Flask, session: Session) -> Iterator[SimpleNamespace]:
    """A granted entry of a real and of a demo customer."""
    demo = request.param
    account = add(session, Account(name="Saltmarsh"))
    home: dict[str, Any] = {"account_id": account.id, "street": "4 Mill Lane", "postcode": "EH1 2AB"}
    agent, customer = make_user(session, is_demo=demo), make_customer(session, is_demo=demo, **home)
    policy = make_policy(session, is_demo=demo)
    make_interaction(session, customer, agent)
    version = make_gesture(session, is_demo=demo)
    session.commit()
    with app.app_context():
        entry = offer(terms_of(agent, customer, version), key="guarded-00000001", now=NOW)
        ledger.grant(entry.id, actor_id=agent.id, now=NOW)
        yield SimpleNamespace(entry=entry, customer=customer, version=version, policy=policy, demo=demo)


def attempt(statement: str, **given: Any) -> bool:
    """Run one statement by itself; False when the database refuses it."""
    try:
        with db.engine.begin() as connection:
            connection.execute(text(statement), given)
    except DBAPIError:
        return False
    return True


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET kind = 'nothing'",
        "UPDATE ledger_events SET delta_minor = 0",
        "UPDATE gesture_versions SET cost_minor = 0",
        "UPDATE policy_versions SET body_hash = 'other'",
        "UPDATE policy_versions SET stage = 'draft'",
        "UPDATE ledger_entries SET cost_minor = 0",
        "UPDATE ledger_entries SET policy_version_id = policy_version_id + 1",
        "UPDATE ledger_entries SET household = 'another'",
        "UPDATE ledger_entries SET address_key = 'another'",
        "UPDATE ledger_entries SET booked_at = expires_at",
        "UPDATE ledger_entries SET agent_id = agent_id + 0, customer_id = customer_id + 1",
        "UPDATE ledger_entries SET state = 'held'",
        "UPDATE ledger_entries SET state = 'expired'",
        "UPDATE ledger_entries SET state = 'anything'",
    ],
)
def test_nothing_in_the_record_is_changed(booked: SimpleNamespace, statement: str) -> None:
    assert not attempt(statement)


def test_rows_are_deleted_only_when_they_are_demo(booked: SimpleNamespace) -> None:
    assert attempt("DELETE FROM fulfilments")  # what is to be done is no record
    for table in ("ledger_events", "ledger_entries", "events", "policy_versions", "gesture_versions"):
        assert attempt(f"DELETE FROM {table}") is booked.demo, table


def test_a_real_row_never_becomes_demo(booked: SimpleNamespace) -> None:
    for table in ("customers", "users", "gestures"):
        assert attempt(f"UPDATE {table} SET is_demo = TRUE") is booked.demo, table
        assert attempt(f"UPDATE {table} SET is_demo = FALSE"), table


INSERT = """
INSERT INTO ledger_entries (gesture_version_id, gesture_id, policy_id, policy_version_id, guardrails, customer_id,
  household, address_key, interaction_id, agent_id, occasion, state, currency, cost_minor, face_minor, reason_code,
  reason, booked_at, expires_at, idempotency_key, terms_hash)
SELECT gesture_version_id, gesture_id, policy_id, policy_version_id, guardrails, customer_id,
  household, address_key, interaction_id, agent_id, occasion, 'held', currency, cost_minor, face_minor, reason_code,
  reason, {booked_at}, expires_at, :key, terms_hash FROM ledger_entries LIMIT 1
"""


def test_an_entry_is_inserted_only_under_stamped_locks(booked: SimpleNamespace) -> None:
    stamped = f"SELECT count(*) FROM ledger_locks WHERE subject = 'agent:{booked.entry.agent_id}'"
    assert db.session.scalar(text(stamped)) == 1
    db.session.commit()
    assert not attempt(INSERT.format(booked_at="expires_at"), key="by-the-back-door")
    # With its moment stamped on all its lock rows the same row is let in.
    assert attempt(INSERT.format(booked_at="(SELECT max(last_at) FROM ledger_locks)"), key="by-the-front-door")
    for subject in ("interaction", "household:account", "household:address"):
        assert attempt(f"UPDATE ledger_locks SET last_at = '2020-01-01' WHERE subject LIKE '{subject}:%'")
        assert not attempt(INSERT.format(booked_at="(SELECT max(last_at) FROM ledger_locks)"), key="one-lock-missing")
        assert attempt("UPDATE ledger_locks SET last_at = (SELECT max(last_at) FROM ledger_locks)")


def test_the_states_that_are_left_can_be_taken(booked: SimpleNamespace) -> None:
    assert attempt("UPDATE ledger_entries SET state = 'fulfilled'")
    assert attempt("UPDATE ledger_entries SET state = 'reversed'")
    assert not attempt("UPDATE ledger_entries SET state = 'granted'")


def test_postgresql_refuses_to_empty_the_tables_whole(booked: SimpleNamespace) -> None:
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    for table in ("events", "ledger_events", "ledger_entries", "gesture_versions", "policy_versions"):
        assert not attempt(f"TRUNCATE {table} CASCADE"), table
    assert booked.entry.booked_at < NOW + timedelta(seconds=1)
