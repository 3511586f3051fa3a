"""The ledger of value given: the only code that inserts or changes an entry.

An offer holds its cost until the customer says yes (grant) or no (decline), the agent takes it back (void), or
time runs out (expire); a supervisor may reverse what was granted. Each is one transaction of its own that holds
the locks of everybody whose limits it touches from before usage is read until the commit. Unlike all other domain
functions these commit: the lock and the commit belong together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from console.customers.models import Customer
from console.db import db
from console.empowerment.deciding import MISSING, Decision, Suspended
from console.empowerment.policies import suspended
from console.empowerment.policy import Limit, Policy
from console.gestures import fulfilment
from console.gestures.authority import authority, giver
from console.gestures.conditions import respect_the_customer, version_on_offer
from console.gestures.links import remember
from console.gestures.locking import Busy, lock, stamp, transaction
from console.gestures.models import SPENT, EntryState, GestureVersion, LedgerEntry, LedgerEvent
from console.gestures.parties import Parties, interaction_for, lock_parties
from console.gestures.refusals import KeyConflict, NoAuthority, NotOffered, OneOfOurs, OverLimit, WrongState
from console.gestures.steps import EXPIRED_AT_ONCE, enter, expire, expire_among, locked_entry, step
from console.gestures.terms import Terms, amounts, must_name_amount
from console.gestures.wording import advice, why_refused
from console.money import Money

__all__ = [
    "Busy", "KeyConflict", "NoAuthority", "NotOffered", "OverLimit", "Terms", "WrongState", "decline", "expire_due",
    "fulfil", "grant", "hold_approved", "offer", "reverse", "try_again", "void",
]  # fmt: skip


def offer(terms: Terms, *, key: str, now: datetime) -> LedgerEntry:
    """Hold a gesture for a customer if a policy authorises it and every limit allows it.

    `key` (at most 64 characters) makes a retry harmless: the same key and terms return the first entry, other
    terms raise KeyConflict. `now` is aware UTC. Raises OverLimit with every limit that failed, NoAuthority with what
    no policy allows, NotOffered when the gesture, the conversation or the customer's own boundaries forbid it, Busy
    when the database gave no lock in time.
    """
    try:
        with transaction():
            return hold(terms, key, now)
    except OneOfOurs:
        remember(terms.agent_id, terms.customer_id, now)
        raise
    except IntegrityError:
        # Another subject's offer took the key between our look and our insert.
        if entry := booked_before(terms, key):
            return entry
        raise


@dataclass(frozen=True)
class Approved:
    """An approver's yes: which limits of the granting policy may be exceeded, and its version that was asked of.

    Without a version no policy lets the agent give it, and the approver's own authorises.
    """

    request_id: int
    approver_id: int
    policy_version_id: int | None
    allowed: frozenset[Limit]
    honours_id: int | None = None  # the offer that a kill switch withdrew after it was promised


def hold_approved(terms: Terms, approved: Approved, *, key: str, now: datetime) -> LedgerEntry:
    """Hold what an approver allowed; call it inside `locking.transaction()`, before anything else is locked there.

    It takes the locks of the offer and, in the same breath, the approver's ("agent:7"), so that what is summed of the
    approver afterwards in the same transaction (a budget, their own authority) stays true until the commit. Only then
    may the caller move its request from pending to approved; leaving the block commits both or neither. Everything is
    decided afresh: guardrails and limits that are not overridable bind as ever, and so does every limit that is not in
    `approved.allowed`, because it failed only since. `terms.interaction_id` must be given; the conversation may be
    over by now. The same key and terms return the first entry, which is how a repeated yes is harmless.

    Returns the held entry, its `approval_id` set. Raises OverLimit (its `decision` says what fails now), NoAuthority,
    NotOffered, KeyConflict; WrongState when another policy version would authorise it than the one asked of; Busy.
    Any of them rolls the caller's transaction back.
    """
    return hold(terms, key, now, approved)


def hold(terms: Terms, key: str, now: datetime, approved: Approved | None = None) -> LedgerEntry:
    parties, subjects, now = lock_parties(terms, now, *(approved.approver_id,) if approved else ())
    if entry := booked_before(terms, key):
        return entry
    interaction = interaction_for(terms, now, may_be_over=approved is not None)
    talk = {f"interaction:{interaction.id}"}
    now = lock(talk, now)
    stamp(subjects | talk, now)
    expire_among(now, terms.agent_id, terms.customer_id, parties.household, interaction.id)
    version = version_on_offer(terms.gesture_version_id, now)
    must_name_amount(version, terms.cost_minor)
    customer = db.session.get_one(Customer, terms.customer_id)
    respect_the_customer(terms.agent_id, customer, version, terms.occasion, now)
    promised = withdrawn(approved.honours_id) if approved and approved.honours_id is not None else None
    found = authority(parties.giver, customer, interaction, terms.occasion, (version.gesture_id,), now, promised)
    decision = found.over(version, terms.cost_minor, reason_code=terms.reason_code, note=terms.reason)
    if approved and approved.policy_version_id is None:
        own = authority(giver(approved.approver_id), customer, interaction, terms.occasion, (version.gesture_id,), now)
        lending = own.over(version, terms.cost_minor, reason_code=terms.reason_code, note=terms.reason)
        policy = lending_policy(decision, lending, terms, version, customer.called, now)
    else:
        policy = authorised(decision, terms, version, customer.called, approved, now)
    return book(terms, key, version, decision, policy, parties, interaction.id, now, approved)


def booked_before(terms: Terms, key: str) -> LedgerEntry | None:
    """The entry that this key made. Raises KeyConflict when it was made on other terms."""
    entry = db.session.scalars(
        select(LedgerEntry).where(LedgerEntry.idempotency_key == key).execution_options(populate_existing=True)
    ).first()
    if entry and entry.terms_hash != terms.digest:
        raise KeyConflict("This offer was already made on other terms. Reload the page and offer it afresh.")
    return entry


def withdrawn(entry_id: int) -> LedgerEntry:
    """Raises WrongState when it was not withdrawn, and so counts still."""
    entry = db.session.get_one(LedgerEntry, entry_id, populate_existing=True)
    if entry.state is not EntryState.VOIDED:
        raise WrongState(f"There is nothing to honour: that offer is {entry.state.label.lower()}. Reload the page.")
    return entry


def authorised(
    decision: Decision, terms: Terms, version: GestureVersion, called: str, approved: Approved | None, now: datetime
) -> Policy:
    """The policy that grants it, nothing standing in the way that was not allowed. Raises what `offer` raises."""
    policy = decision.policy
    if decision.obstacles or policy is None:
        raise NoAuthority(" ".join(why_refused(decision, version, called, now)), decision)
    if approved and policy.version_id != approved.policy_version_id:
        raise WrongState(CHANGED)
    allowed = approved.allowed if approved else frozenset()
    if any(failure.is_final or failure.limit not in allowed for failure in decision.failures):
        cost, _ = amounts(version, terms.cost_minor)
        reasons = why_refused(decision, version, called, now)
        raise OverLimit(reasons, advice(decision), decision, Money(cost, version.currency))
    return policy


def lending_policy(
    decision: Decision, lending: Decision, terms: Terms, version: GestureVersion, called: str, now: datetime
) -> Policy:
    """The approver's policy, where none lets the agent give it and no guardrail forbids it. Raises what `offer` raises.

    Whether the approver's own limits allow it is for the caller to see, under their lock.
    """
    if decision.policy is not None:
        raise WrongState(CHANGED)
    if not decision.may_ask:
        raise NoAuthority(" ".join(why_refused(decision, version, called, now)), decision)
    if lending.policy is None or set(lending.obstacles) - MISSING:
        raise NoAuthority(" ".join(why_refused(lending, version, called, now)), lending)
    return lending.policy


def book(
    terms: Terms,
    key: str,
    version: GestureVersion,
    decision: Decision,
    policy: Policy,
    parties: Parties,
    interaction_id: int,
    now: datetime,
    approved: Approved | None,
) -> LedgerEntry:
    cost, face = amounts(version, terms.cost_minor)
    entry = LedgerEntry(
        gesture_version_id=version.id,
        gesture_id=version.gesture_id,
        policy_id=policy.id,
        policy_version_id=policy.version_id,
        guardrails=[one.version_id for one in decision.guardrails],
        customer_id=terms.customer_id,
        household=parties.household.account,
        address_key=parties.household.address,
        interaction_id=interaction_id,
        agent_id=terms.agent_id,
        team_id=parties.giver.team_id,
        approval_id=approved.request_id if approved else None,
        suggestion_id=terms.suggestion_id,
        occasion=terms.occasion,
        state=EntryState.HELD,
        currency=version.currency,
        cost_minor=cost,
        face_minor=face,
        reason_code=terms.reason_code,
        reason=terms.reason,
        booked_at=now,
        expires_at=now + timedelta(minutes=policy.body.hold_minutes),
        idempotency_key=key,
        terms_hash=terms.digest,
    )
    enter(entry, now=now)
    return entry


CHANGED = "The policy was changed since this was asked. Ask again under the new one."
RAN_OUT = "The offer ran out before the customer said yes. Offer it again."
STOPPED = (
    "{what} was paused after this was offered, so it is withdrawn. If it is promised already, ask that it be honoured."
)


def grant(entry_id: int, *, actor_id: int, now: datetime) -> LedgerEntry:
    """The customer said yes: within the hold's time, and under the version it was held by. A retry changes nothing.

    What was held is honoured although its policy was replaced or the agent may give less by now. Only a kill switch
    voids it. Raises WrongState when it is no longer held; a hold whose time is up expires instead.
    """
    problem = ""
    with transaction():
        entry, now = locked_entry(entry_id, now)
        if entry.state in SPENT:
            return entry
        stopped = what_stopped(entry, suspended()) if entry.is_held else ""
        if entry.is_held and entry.expires_at <= now:
            step(entry, EntryState.EXPIRED, actor_id=None, now=now)
            problem = RAN_OUT
        elif stopped:
            step(entry, EntryState.VOIDED, actor_id=None, now=now)
            problem = STOPPED.format(what=stopped)
        else:
            say_yes(entry, actor_id, now)
    if problem:
        raise WrongState(problem)
    return entry


def say_yes(entry: LedgerEntry, actor_id: int, now: datetime) -> None:
    """Granted, and whatever has to be done for it begun; under the ledger's locks."""
    step(entry, EntryState.GRANTED, actor_id=actor_id, now=now)
    version = db.session.get_one(GestureVersion, entry.gesture_version_id)
    if fulfilment.begin(entry, version.fulfilment, now):
        step(entry, EntryState.FULFILLED, actor_id=None, now=now)


def what_stopped(entry: LedgerEntry, stopped: Suspended) -> str:
    """Which kill switch is pulled that this entry hangs on; empty when none is."""
    if entry.agent_id in stopped.agents:
        return "Giving"
    if entry.gesture_id in stopped.gestures:
        return "This gesture"
    return "The policy" if entry.policy_id in stopped.policies else ""


def decline(entry_id: int, *, actor_id: int, now: datetime) -> LedgerEntry:
    """The customer said no."""
    return release(entry_id, EntryState.DECLINED, actor_id=actor_id, now=now)


def void(entry_id: int, *, actor_id: int, now: datetime) -> LedgerEntry:
    """The agent takes the offer back."""
    return release(entry_id, EntryState.VOIDED, actor_id=actor_id, now=now)


def release(entry_id: int, state: EntryState, *, actor_id: int, now: datetime) -> LedgerEntry:
    with transaction():
        entry, now = locked_entry(entry_id, now)
        step(entry, state, actor_id=actor_id, now=now)
    return entry


def reverse(entry_id: int, reason: str, *, actor_id: int, now: datetime) -> LedgerEntry:
    """Take back what was granted. Never by who granted it.

    Its cost no longer counts; among what the customer and their household were given it stays counted.
    """
    with transaction():
        entry, now = locked_entry(entry_id, now)
        granted_by = db.session.scalars(
            select(LedgerEvent.actor_id).where(
                LedgerEvent.entry_id == entry_id, LedgerEvent.state == EntryState.GRANTED
            )
        ).all()
        if actor_id in {entry.agent_id, *granted_by}:
            raise NotOffered(
                "You gave this one yourself, so somebody else has to take it back. Ask a colleague who may."
            )
        step(entry, EntryState.REVERSED, actor_id=actor_id, now=now, reason=reason)
        fulfilment.cancel(entry_id)
    return entry


def fulfil(entry_id: int, *, actor_id: int | None, now: datetime) -> LedgerEntry:
    """What was granted is done: by a person, or (none) by another system. A retry changes nothing."""
    with transaction():
        entry, now = locked_entry(entry_id, now)
        row = fulfilment.of_entry(entry_id)
        if row and entry.state is EntryState.GRANTED:
            fulfilment.finish(row, actor_id, now)
        step(entry, EntryState.FULFILLED, actor_id=actor_id, now=now)
    return entry


def try_again(entry_id: int, *, actor_id: int, now: datetime) -> LedgerEntry:
    """Once more what did not come about by itself. Raises WrongState when it is done or taken back, NotOffered."""
    with transaction():
        entry, now = locked_entry(entry_id, now)
        row = fulfilment.of_entry(entry_id)
        if row is None or entry.state is not EntryState.GRANTED:
            raise WrongState(f"There is nothing to do any more: it is {entry.state.label.lower()}. Reload the page.")
        if fulfilment.once_more(row, entry, now):
            step(entry, EntryState.FULFILLED, actor_id=actor_id, now=now)
    return entry


def expire_due(*, now: datetime, customer_id: int | None = None) -> int:
    """Put holds to rest whose time is up, all or one customer's; returns how many. Offers do so for their subjects."""
    due = select(LedgerEntry.id).where(LedgerEntry.state == EntryState.HELD, LedgerEntry.expires_at <= now)
    if customer_id is not None:
        due = due.where(LedgerEntry.customer_id == customer_id)
    ids = db.session.scalars(due.order_by(LedgerEntry.id).limit(EXPIRED_AT_ONCE)).all()
    done = 0
    for entry_id in ids:
        with transaction():
            entry, moment = locked_entry(entry_id, now)
            done += expire([entry], moment)
    return done
