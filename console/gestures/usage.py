"""What counts against limits: sums over the ledger's rows, never counters."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select

from console.db import db
from console.empowerment.policy import Booking, Limits, Usage, day_window, window_start
from console.gestures.models import SPENT, EntryState, LedgerEntry
from console.money import Money
from console.web import zone


def usage_of(limits: Limits, *, agent_id: int, customer_id: int, interaction_id: int | None, now: datetime) -> Usage:
    """What the agent today, the customer in the rolling days and the interaction have had, in the limits' currency.

    Two statements. Exact inside the ledger's locks; elsewhere as of now.
    """
    midnight, _ = day_window(now, zone())
    today = and_(LedgerEntry.agent_id == agent_id, LedgerEntry.booked_at >= midnight)
    talk = LedgerEntry.interaction_id == interaction_id
    day, day_held, interaction, interaction_held = db.session.execute(
        select(
            spent(limits, now, today),
            spent(limits, now, today, LedgerEntry.state == EntryState.HELD),
            spent(limits, now, talk),
            spent(limits, now, talk, LedgerEntry.state == EntryState.HELD),
        )
    ).one()
    return Usage(
        interaction=Money(int(interaction), limits.currency),
        agent_day=Money(int(day), limits.currency),
        customer=customer_bookings(limits, customer_id, now),
        interaction_held=int(interaction_held),
        agent_day_held=int(day_held),
    )


def customer_bookings(limits: Limits, customer_id: int, now: datetime) -> tuple[Booking, ...]:
    """Each on its own, because only they tell when something frees up. Free gestures are left out."""
    rows = db.session.execute(
        select(LedgerEntry.booked_at, LedgerEntry.cost_minor, LedgerEntry.state).where(
            LedgerEntry.customer_id == customer_id,
            LedgerEntry.booked_at > window_start(now, limits.customer_days),
            LedgerEntry.cost_minor > 0,
            LedgerEntry.currency == limits.currency,
            counts(now),
        )
    )
    return tuple(Booking(at, Money(cost, limits.currency), state is EntryState.HELD) for at, cost, state in rows)


def spent(limits: Limits, now: datetime, *where: ColumnElement[bool]) -> ColumnElement[int]:
    return (
        select(func.coalesce(func.sum(LedgerEntry.cost_minor), 0))
        .where(LedgerEntry.currency == limits.currency, counts(now), *where)
        .scalar_subquery()
    )


def counts(now: datetime) -> ColumnElement[bool]:
    """Granted, done, or held and not yet run out."""
    return or_(LedgerEntry.state.in_(SPENT), and_(LedgerEntry.state == EntryState.HELD, LedgerEntry.expires_at > now))
