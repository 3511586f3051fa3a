"""Schemathesis plays the OpenAPI document against the API: right and wrong requests, each answer as it is written."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from sqlalchemy.orm import Session

from console.api.operations import OPERATIONS
from console.interactions.models import Interaction
from tests.factories import make_customer, make_interaction, make_user
from tests.factories_api import make_token
from tests.factories_gestures import make_gesture, make_policy

# A request of the right form may still be refused: a phone number that is none, a customer whom nobody knows.
LEFT_OUT = ("positive_data_acceptance",)


def test_every_operation_answers_as_its_document_says(app: Flask, session: Session) -> None:
    """A few requests of each kind on PostgreSQL: the engines differ below all this."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    ids, headers = a_little_shop(session)
    document = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    document.config.generation.update(with_security_parameters=False)  # the token goes with every request
    checks = [check for name in CHECKS.get_all_names() if name not in LEFT_OUT for check in [CHECKS.get_one(name)]]
    played: set[str] = set()
    for found in document.get_all_operations():
        operation: Any = found.ok()
        for mode, right, wrong in ((GenerationMode.POSITIVE, 5, 1), (GenerationMode.NEGATIVE, 4, 1)):
            number = right if is_sqlite else wrong
            rows = ids if mode is GenerationMode.POSITIVE else {}
            play(operation.as_strategy(generation_mode=mode), number, rows, headers, checks)
        played.add(operation.label)
    assert len(played) == len(OPERATIONS)


def play(
    strategy: Any, number: int, ids: dict[str, int], headers: dict[str, str], checks: list[Callable[..., Any]]
) -> None:
    @settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=strategy)
    def run(case: Any) -> None:
        if ids and case.path_parameters and random.Random(str(case.body)).random() < 0.8:  # most find something
            case.path_parameters = {name: ids[name] for name in case.path_parameters}
        case.call_and_validate(headers=headers, checks=checks)

    run()


def a_little_shop(session: Session) -> tuple[dict[str, int], dict[str, str]]:
    """The numbers to put into addresses, and what a token sends."""
    agent, customer = make_user(session, "supervisor"), make_customer(session, phones=("+447700900123",))
    make_policy(session, roles=("supervisor",))
    make_gesture(session)
    talk: Interaction = make_interaction(session, customer, agent)
    _, secret = make_token(session, agent)
    session.commit()
    ids = {"interaction_id": talk.id, "customer_id": customer.id, "note_id": 1, "gesture_id": 1, "promise_id": 1}
    return ids, {"Authorization": f"Bearer {secret}"}
