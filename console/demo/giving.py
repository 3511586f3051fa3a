"""Gestures of the past, given through the ledger itself: only it may write its tables."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from console.auth.models import User
from console.db import db
from console.demo.days import Days
from console.demo.live import going_on, terms_of
from console.demo.over_limits import Wishes
from console.demo.talks import Staff, Talk
from console.gestures.ledger import NotOffered, OverLimit, decline, expire_due, fulfil, grant, offer, reverse
from console.gestures.models import Fulfilling, GestureVersion, LedgerEntry

THINKING = timedelta(minutes=4)  # from the offer to the customer's answer
STILL_TO_DO = timedelta(days=4)  # what was granted since then waits for somebody
NEXT_PARCEL = timedelta(days=21)  # and a card for the customer's next order
EXPIRED_AFTER = timedelta(minutes=20)  # a little longer than any hold of shop/policies.yaml


def give(talks: list[Talk], catalogue: dict[str, GestureVersion], staff: Staff, days: Days) -> int:
    """Offer and settle every talk's gesture, in the order of time; returns how many.

    Those that the limits in force do not allow are left out: a shop that has set its own limits keeps to them.
    """
    wishes = Wishes(catalogue, staff, days)
    planned = sorted((talk for talk in talks if talk.gift or wishes.due(talk)), key=lambda talk: talk.ended_at)
    db.session.commit()
    db.session.expunge_all()  # what a refusal rolls back must not forget the rest of the shop
    given = 0
    for talk in planned:
        with going_on(talk), suppress(NotOffered, OverLimit):
            if talk.gift:
                given += one(talk, catalogue, staff, days)
            else:
                wishes.ask(talk)
    wishes.ask_now(talks)
    db.session.expunge_all()
    return given


def one(talk: Talk, catalogue: dict[str, GestureVersion], staff: Staff, days: Days) -> int:
    code, outcome = talk.gift or ("", "")
    version = catalogue.get(code)
    if version is None:
        return 0
    length = talk.ended_at - talk.started_at
    offered = talk.started_at + length * 0.7
    answered = offered + min(length * 0.15, THINKING)
    terms = terms_of(talk, version, talk.interaction.subject)
    entry = offer(terms, key=f"demo-{talk.interaction.id}-{code}", now=offered)
    waits = NEXT_PARCEL if version.fulfilment is Fulfilling.CARD else STILL_TO_DO
    settle(entry, outcome, talk.agent, answered, waits, staff, days)
    return 1


def settle(
    entry: LedgerEntry, outcome: str, agent: User, at: datetime, waits: timedelta, staff: Staff, days: Days
) -> None:
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
        elif at < days.now - waits:
            fulfil(entry.id, actor_id=agent.id, now=at + timedelta(minutes=1))
