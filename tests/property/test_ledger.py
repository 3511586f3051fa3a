"""No sequence of acts exceeds a limit, and no refusal is spurious, by a reference that shares nothing with the code.

Set LEDGER_EXAMPLES and LEDGER_WALK to look longer: 6 and 240 are what a test run can afford.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy.orm import Session

from tests.property.ledger_machine import MOMENTS, OTHERS, Shop
from tests.property.ledger_reference import GOLD, GUARD, WIDE


@pytest.fixture
def shop(app: Flask, session: Session) -> Iterator[type[Shop]]:
    class HereShop(Shop):
        pass

    HereShop.session = session
    with app.app_context():
        yield HereShop


def test_no_sequence_exceeds_a_limit_and_no_refusal_is_spurious(shop: type[Shop]) -> None:
    run_state_machine_as_test(
        shop,
        settings=settings(
            max_examples=int(os.environ.get("LEDGER_EXAMPLES", "5")),
            stateful_step_count=16,
            deadline=None,
            phases=(Phase.generate,),  # making a failure smaller would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_long_walk_meets_every_limit_and_none_of_them_gives(shop: type[Shop]) -> None:
    """The same machine on a path of chance, which goes further than Hypothesis does in the same time."""
    seed, steps = int(os.environ.get("LEDGER_SEED", "3")), int(os.environ.get("LEDGER_WALK", "240"))
    chance, machine = Random(seed), shop()
    gestures, people = [0, 1, 1, 2, 2, 2, 3, 3, 4, 5, 5, 6, 6], ([0, 0, 0, 1, 2], [0, 0, 1, 1, 2])
    for _ in range(steps):
        a, c = (chance.choice(some) for some in people)
        tick, g, pick = chance.choice(MOMENTS), chance.choice(gestures), chance.randrange(12)
        match chance.random():
            case x if x < 0.55 or not machine.reference.rows:
                machine.make_offer(tick, a, c, g, chance.choice([300, 500, 700]))
            case x if x < 0.85:
                machine.settle(tick, pick, chance.choice(["grant"] * 5 + ["decline", "void", "reverse", "fulfil"]))
            case x if x < 0.9:
                machine.approve(tick, a, c, g)
            case x if x < 0.93:
                machine.repeat(tick, pick, chance.random() < 0.3)
            case _:
                machine.something_else(chance.choice(OTHERS), tick, pick)
    machine.teardown()
    limits = {(name, *one[:3]) for name, spec in (("wide", WIDE), ("gold", GOLD), ("guard", GUARD)) for one in spec}
    missed = (limits | {"held", "over", "no authority", "no stock"}) - set(machine.met)
    assert not missed, f"chance {seed} never met {missed}, so the walk proves nothing about them"
