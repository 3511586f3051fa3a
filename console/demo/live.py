"""What the ledger has to believe of a conversation of the past while something is given in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import update

from console.db import db
from console.demo.talks import Talk
from console.empowerment.kinds import Occasion
from console.gestures.models import GestureVersion
from console.gestures.terms import Terms
from console.interactions.models import Interaction, InteractionState, WrapUpCode

FAILURES = {
    WrapUpCode.DAMAGED, WrapUpCode.LATE_DELIVERY, WrapUpCode.MISSING_PARCEL, WrapUpCode.REFUND, WrapUpCode.COMPLAINT
}  # fmt: skip


@contextmanager
def going_on(talk: Talk) -> Iterator[None]:
    """The talk is live inside: the ledger gives in nothing else, and an agent has one with a customer at a time."""
    put(talk, InteractionState.LIVE)
    yield
    put(talk, InteractionState.CLOSED)


def put(talk: Talk, state: InteractionState) -> None:
    change = update(Interaction).where(Interaction.id == talk.interaction.id).values(state=state)
    db.session.execute(change, execution_options={"synchronize_session": False})
    db.session.commit()


def terms_of(talk: Talk, version: GestureVersion, reason: str) -> Terms:
    return Terms(
        agent_id=talk.agent.id,
        customer_id=talk.person.customer.id,
        gesture_version_id=version.id,
        occasion=occasion(talk, version),
        interaction_id=talk.interaction.id,
        reason=reason,
    )


def occasion(talk: Talk, version: GestureVersion) -> Occasion:
    fitting = [Occasion(name) for name in version.occasions]
    wanted = Occasion.RECOVERY if talk.interaction.wrap_up_code in FAILURES else Occasion.DELIGHT
    return wanted if wanted in fitting or not fitting else fitting[0]
