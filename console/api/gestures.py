"""Gestures, offered by another system on behalf of an agent: the same ledger, the same limits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any
from uuid import uuid4

from flask import current_app, url_for
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from console.api.interactions import found, not_found
from console.api.operations import Answer, Caller, operation
from console.api.refusing import Refusal
from console.api.schemas import Id, Moment, MoneyTold, Sent, Told, line
from console.api.scopes import Scope
from console.auth.permissions import Permission
from console.customers.models import Customer
from console.db import db, utc_now
from console.empowerment.kinds import GestureKind, Occasion
from console.gestures import ledger
from console.gestures.advising import Counsel, alternative, counsel, log_shown, occasion_now
from console.gestures.learning_models import Suggestion
from console.gestures.ledger import OverLimit, Terms
from console.gestures.models import EntryState, GestureVersion, LedgerEntry
from console.interactions.models import Interaction
from console.money import LARGEST

READ, WRITE = Scope.GESTURES_READ, Scope.GESTURES_WRITE


class SuggestionTold(Told):
    gesture_version_id: int = Field(description="Offer this.")
    name: str
    kind: GestureKind
    cost: MoneyTold
    why: str
    wording: str = Field(description="What to say to the customer.")
    needs_approval: bool
    least_cost_minor: int | None = Field(description="When the amount is yours to choose: from this up to the cost …")
    step_minor: int | None = Field(description="… in steps of this.")


class SuggestionsTold(Told):
    suggestion_id: int = Field(description="Send it with the offer, so that it is learned from.")
    occasion: Occasion
    sentence: str = Field(description="Why there are few, or none.")
    left_today: MoneyTold
    room: MoneyTold = Field(description="The dearest that fits now.")
    items: list[SuggestionTold]

    @classmethod
    def of(cls, shown: Suggestion, advised: Counsel) -> SuggestionsTold:
        return cls(
            suggestion_id=shown.id,
            occasion=advised.advice.occasion,
            sentence=advised.advice.sentence,
            left_today=MoneyTold.of(advised.left_today),
            room=MoneyTold.of(advised.room),
            items=[
                SuggestionTold(
                    **summary(advised.versions[item.candidate.version_id]),
                    kind=item.candidate.kind,
                    why=item.why,
                    needs_approval=item.needs_approval,
                )
                for item in advised.advice.items
            ],
        )


def summary(version: GestureVersion) -> dict[str, Any]:
    return {
        "gesture_version_id": version.id,
        "name": version.name,
        "cost": MoneyTold.of(version.cost),
        "wording": version.wording,
        "least_cost_minor": version.least_minor,
        "step_minor": version.step_minor,
    }


class GestureTold(Told):
    id: int
    state: EntryState
    interaction_id: int
    customer_id: int
    gesture_version_id: int
    name: str
    occasion: Occasion
    cost: MoneyTold
    booked_at: Moment
    expires_at: Moment = Field(description="While it is held: until when the customer may say yes.")


class OfferSent(Sent):
    gesture_version_id: Id
    cost_minor: int | None = Field(None, ge=0, le=LARGEST, description="Of a gesture whose amount you choose.")
    reason: Annotated[str, line(300)] = ""
    reason_code: Annotated[str, line(40)] = ""
    suggestion_id: Id | None = None


@operation(
    "GET",
    "/interactions/<int:interaction_id>/suggestions",
    READ,
    {200: SuggestionsTold},
    permission=Permission.OFFER_GESTURE,
    problems=(404,),
)
def suggest_gestures(caller: Caller, interaction_id: int) -> Answer:
    """What suits now, and what the token's user may give: at most three, the smallest that is enough first.

    Only for an interaction of the user whom the token acts for. The list is written down, as on the screen.
    """
    customer = db.session.get_one(Customer, own(caller, interaction_id).customer_id)
    ledger.expire_due(now=caller.now, customer_id=customer.id)
    advised = counsel(customer, caller.id, current_app.config["DEFAULT_CURRENCY"], caller.now)
    shown = log_shown(advised, customer_id=customer.id, agent_id=caller.id, now=caller.now)
    return Answer(SuggestionsTold.of(shown, advised))


@operation(
    "POST",
    "/interactions/<int:interaction_id>/gestures",
    WRITE,
    {201: GestureTold},
    body=OfferSent,
    problems=(404, 503),
    commits_itself=True,
    needs_key=True,
    example={"gesture_version_id": 1, "reason": "The lamp came scratched"},
)
def offer_gesture(caller: Caller, interaction_id: int, body: OfferSent) -> Answer:
    """Hold a gesture for the customer, within the user's own limits, until they say yes or no.

    An Idempotency-Key is required. A refusal says what is left of each limit, when it frees up, and what still fits.
    """
    interaction = own(caller, interaction_id)
    customer_id = interaction.customer_id
    terms = Terms(
        agent_id=caller.id,
        customer_id=customer_id,
        gesture_version_id=body.gesture_version_id,
        occasion=occasion_now(customer_id, caller.now),
        interaction_id=interaction_id,
        reason=body.reason,
        reason_code=body.reason_code,
        cost_minor=body.cost_minor,
        suggestion_id=shown_to(caller, body.suggestion_id, customer_id),
    )
    key = hashlib.sha256(f"{caller.token_id} {caller.key or uuid4()}".encode()).hexdigest()
    try:
        entry = ledger.offer(terms, key=key, now=caller.now)
    except OverLimit as refusal:
        raise over_limit(refusal, customer_id, caller) from None
    return Answer(told(entry.id), 201, url_for("api.read_gesture", gesture_id=entry.id))


def over_limit(refusal: OverLimit, customer_id: int, caller: Caller) -> Refusal:
    """With every limit, and the best that still fits."""
    customer = db.session.get_one(Customer, customer_id)
    advised = counsel(customer, caller.id, refusal.cost.currency, caller.now)
    instead = alternative(refusal.cost, advised)
    limits = [
        {
            "reason": reason,
            "scope": failure.limit.scope.value,
            "measure": failure.limit.measure.value,
            "cap": failure.limit.cap,
            "left": failure.standing.left,
            "frees_at": failure.frees_at.isoformat() if failure.frees_at else None,
        }
        for reason, failure in zip(refusal.reasons, refusal.failures, strict=False)
    ]
    return Refusal(
        422,
        "over-limit",
        str(refusal),
        limits=limits,
        advice=refusal.advice,
        may_ask=refusal.may_ask,
        instead={"gesture_version_id": instead.id, "name": instead.name, "cost_minor": instead.cost_minor}
        if instead
        else None,
    )


def shown_to(caller: Caller, suggestion_id: int | None, customer_id: int) -> int | None:
    row = db.session.get(Suggestion, suggestion_id) if suggestion_id else None
    return row.id if row and (row.agent_id, row.customer_id) == (caller.id, customer_id) else None


@operation("GET", "/gestures/<int:gesture_id>", READ, {200: GestureTold}, problems=(404,))
def read_gesture(caller: Caller, gesture_id: int) -> Answer:
    """What became of an offer."""
    return Answer(told(gesture_id))


@operation(
    "POST",
    "/gestures/<int:gesture_id>/grant",
    WRITE,
    {200: GestureTold},
    problems=(404, 409, 503),
    commits_itself=True,
)
def grant_gesture(caller: Caller, gesture_id: int) -> Answer:
    """The customer said yes. A retry changes nothing."""
    return settled(caller, gesture_id, ledger.grant)


@operation(
    "POST",
    "/gestures/<int:gesture_id>/decline",
    WRITE,
    {200: GestureTold},
    problems=(404, 409, 503),
    commits_itself=True,
)
def decline_gesture(caller: Caller, gesture_id: int) -> Answer:
    """The customer said no. A retry changes nothing."""
    return settled(caller, gesture_id, ledger.decline)


def settled(caller: Caller, gesture_id: int, act: Callable[..., LedgerEntry]) -> Answer:
    """Only the user's own offers; anybody else's is not to be found."""
    entry = db.session.get(LedgerEntry, gesture_id)
    if entry is None or entry.agent_id != caller.id:
        not_found("gesture")
    act(gesture_id, actor_id=caller.id, now=caller.now)
    return Answer(told(gesture_id))


def own(caller: Caller, interaction_id: int) -> Interaction:
    row = found(interaction_id)
    return row if row.agent_id == caller.id else not_found("interaction")


def told(gesture_id: int) -> GestureTold:
    query = select(LedgerEntry).where(LedgerEntry.id == gesture_id).options(joinedload(LedgerEntry.gesture_version))
    row = db.session.scalars(query.execution_options(populate_existing=True)).first() or not_found("gesture")
    same = ("id", "interaction_id", "customer_id", "gesture_version_id", "occasion", "booked_at", "expires_at")
    values = {name: getattr(row, name) for name in same}
    return GestureTold(
        **values, state=row.state_at(utc_now()), name=row.gesture_version.name, cost=MoneyTold.of(row.cost)
    )
