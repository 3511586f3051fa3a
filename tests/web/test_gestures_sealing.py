"""The chain over the ledger's events: what was changed or removed behind its back shows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from console.db import db
from console.gestures import ledger, sealing
from tests.factories import NOW, make_customer, make_interaction, make_user
from tests.factories_gestures import caps, make_gesture, make_policy, terms_of


@pytest.fixture
def sealed(app: Flask, session: Session) -> Iterator[SimpleNamespace]:
    """Three gestures of a real customer, one of a demo customer, two seals."""
    make_policy(session, limits=caps(talk=10_000))
    version = make_gesture(session)
    agent, customer, shown = make_user(session), make_customer(session), make_customer(session, is_demo=True)
    for one in (customer, shown):
        make_interaction(session, one, agent)
    session.commit()
    with app.app_context():
        for number in range(3):
            entry = ledger.offer(terms_of(agent, customer, version), key=f"sealed-{number}", now=NOW)
            ledger.grant(entry.id, actor_id=agent.id, now=NOW)
            if number != 1:
                sealing.seal(NOW)
        ledger.offer(terms_of(agent, shown, version), key="sealed-demo", now=NOW)
        yield SimpleNamespace(customer=customer, session=session, terms=terms_of(agent, customer, version))


def behind_its_back(table: str, statement: str) -> None:
    """What somebody with the database's password can do: switch the guards off, and change something."""
    with db.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            found = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars()
            for name in [name for name in found if name.startswith(f"guard_{table}")]:
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            # For this transaction alone: the next test has the same database.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement))


def test_untouched_the_chain_holds_and_demo_is_left_out(sealed: SimpleNamespace) -> None:
    assert sealing.seal(NOW) is None, "all but the demo customer's was sealed"
    found = sealing.verify()
    assert (found.seals, found.events, found.unsealed, found.entries, found.problems) == (2, 6, 0, 4, ())


@pytest.mark.parametrize(
    ("table", "statement", "said"),
    [
        ("ledger_events", "UPDATE ledger_events SET delta_minor = 1 WHERE id = 3", "at least one was changed"),
        ("ledger_events", "DELETE FROM ledger_events WHERE id = 4", "covers 4 events, and 3 are there"),
        ("ledger_entries", "UPDATE ledger_entries SET cost_minor = 1 WHERE id = 1", "at least one was changed"),
        ("ledger_entries", "UPDATE ledger_entries SET state = 'reversed' WHERE id = 2", "Entry 2 is not what"),
        ("ledger_seals", "DELETE FROM ledger_seals WHERE id = 1", "covers 4 events, and 6 are there"),
    ],
)
def test_what_was_changed_or_removed_is_found(sealed: SimpleNamespace, table: str, statement: str, said: str) -> None:
    first = {name: db.session.scalar(text(f"SELECT min(id) - 1 FROM {name}")) or 0 for name in TABLES}
    words = statement.split(" = ")
    moved = " = ".join([*words[:-1], str(int(words[-1]) + first[table])])
    db.session.rollback()
    behind_its_back(table, moved)
    problems = " ".join(sealing.verify().problems)
    assert said.replace("Entry 2", f"Entry {2 + first['ledger_entries']}") in problems


def test_nobody_waits_while_events_are_hashed_and_of_two_who_seal_one_does(
    sealed: SimpleNamespace, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.offer(sealed.terms, key="sealed-before", now=NOW)
    hashing = sealing.chained
    made: list[Any] = []

    def meanwhile() -> None:
        with app.app_context():
            made.append(ledger.offer(sealed.terms, key="sealed-meanwhile", now=NOW))
            made.append(sealing.seal(NOW))

    def chained(*given: Any) -> str:
        monkeypatch.setattr(sealing, "chained", hashing)
        thread = threading.Thread(target=meanwhile)
        thread.start()
        thread.join(60)
        return hashing(*given)

    monkeypatch.setattr(sealing, "chained", chained)
    assert sealing.seal(NOW) is None
    assert [type(one).__name__ for one in made] == ["LedgerEntry", "LedgerSeal"]
    assert (sealing.verify().unsealed, sealing.verify().problems) == (0, ())


TABLES = ("ledger_events", "ledger_entries", "ledger_seals")


def test_a_customer_is_forgotten_and_the_chain_holds(sealed: SimpleNamespace) -> None:
    sealed.customer.first_name = sealed.customer.last_name = ""
    sealed.session.commit()
    assert sealing.verify().problems == ()


def test_the_commands_seal_and_verify(sealed: SimpleNamespace, app: Flask) -> None:
    db.session.rollback()
    runner = app.test_cli_runner()
    assert "Nothing new" in runner.invoke(args=["gestures", "seal"]).output
    whole = runner.invoke(args=["gestures", "verify"])
    assert (whole.exit_code, "as written" in whole.output) == (0, True)
    behind_its_back("ledger_entries", "UPDATE ledger_entries SET face_minor = 9")
    broken = runner.invoke(args=["gestures", "verify"])
    assert (broken.exit_code, "2 problems" in broken.output) == (1, True)
