"""Gestures of the past, given through the ledger itself: only it may write its tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from sqlalchemy import update

from console.auth.models import User
from console.db import db
from console.demo.days import Days
from console.demo.talks import Staff, Talk
from console.empowerment.kinds import Occasion
from console.gestures.ledger import NotOffered, OverLimit, Terms, decline, expire_due, fulfil, grant, offer, reverse
from console.gestures.models import GestureVersion, LedgerEntry
from console.interactions.models import Interaction, InteractionState, WrapUpCode

FAILURES = {
    WrapUpCode.DAMAGED, WrapUpCode.LATE_DELIVERY, WrapUpCode.MISSING_PARCEL, WrapUpCode.REFUND, WrapUpCode.COMPLAINT
}  # fmt: skip
THINKING = timedelta(minutes=4)  # from the offer to the customer's answer
STILL_TO_DO = timedelta(days=4)  # what was granted since then waits for somebody
EXPIRED_AFTER = timedelta(minutes=20)  # a little longer than any hold of shop/policies.yaml


def give(talks: list[Talk], catalogue: dict[str, GestureVersion], staff: Staff, days: Days) -> int:
    """Offer and settle every talk's gesture, in the order of time; returns how many.

    Those that the limits in force do not allow are left out: a shop that has set its own limits keeps to them.
    """
    planned = sorted((talk for talk in talks if talk.gift), key=lambda talk: talk.ended_at)
    db.session.commit()
    db.session.expunge_all()  # what a refusal rolls back must not forget the rest of the shop
    given = 0
    for talk in planned:
        with going_on(talk), suppress(NotOffered, OverLimit):
            given += one(talk, catalogue, staff, days)
    db.session.expunge_all()
    return given


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


def one(talk: Talk, catalogue: dict[str, GestureVersion], staff: Staff, days: Days) -> int:
    code, outcome = talk.gift or ("", "")
    version = catalogue.get(code)
    if version is None:
        return 0
    length = talk.ended_at - talk.started_at
    offered = talk.started_at + length * 0.7
    answered = offered + min(length * 0.15, THINKING)
    terms = Terms(
        agent_id=talk.agent.id,
        customer_id=talk.person.customer.id,
        gesture_version_id=version.id,
        occasion=occasion(talk, version),
        interaction_id=talk.interaction.id,
        reason=talk.interaction.subject,
    )
    entry = offer(terms, key=f"demo-{talk.interaction.id}-{code}", now=offered)
    settle(entry, outcome, talk.agent, answered, staff, days)
    return 1


def settle(entry: LedgerEntry, outcome: str, agent: User, at: datetime, staff: Staff, days: Days) -> None:
    if outcome == "declined":
        decline(entry.id, actor_id=agent.id, now=at)
    elif outcome == "expired":
        if days.now > entry.expires_at:
            expire_due(now=min(at + EXPIRED_AFTER, days.now), customer_id=entry.customer_id)
    else:
        grant(entry.id, actor_id=agent.id, now=at)
        if outcome == "reversed":
            supervisor = staff["colin" if agent is staff["amara"] else "amara"]
            reverse(entry.id, "Promised by mistake", actor_id=supervisor.id, now=at + timedelta(minutes=4))
        elif at < days.now - STILL_TO_DO:
            fulfil(entry.id, actor_id=agent.id, now=at + timedelta(minutes=1))


def occasion(talk: Talk, version: GestureVersion) -> Occasion:
    fitting = [Occasion(name) for name in version.occasions]
    wanted = Occasion.RECOVERY if talk.interaction.wrap_up_code in FAILURES else Occasion.DELIGHT
    return wanted if wanted in fitting or not fitting else fitting[0]
