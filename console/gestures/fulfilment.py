"""What has to be done for a granted gesture: begun by the ledger in the transaction of the grant.

What only needs the database (a credit, a voucher's code) is done at once. What a person does waits in a queue, what
another system does in the outbox (outbox.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from console.auth.models import User
from console.db import db
from console.errors import DomainError
from console.events import Topic, record_event
from console.gestures.fulfilment_models import Fulfilment, FulfilmentState, StoreCredit, VoucherCode
from console.gestures.models import Fulfilling, Gesture, GestureVersion, LedgerEntry

NO_CODES = "No voucher codes are left for this gesture. A supervisor adds some on its page; then try again."
CODES_AT_ONCE = 5_000
PAGE = 30
HowFar = Callable[[Sequence[int]], dict[int, str]]  # entries' ids; where each is, in words
HOW_FAR: dict[Fulfilling, HowFar] = {}


def tells_how_far(way: Fulfilling) -> Callable[[HowFar], HowFar]:
    """Register who knows where a gesture is that comes about this way."""

    def register(how_far: HowFar) -> HowFar:
        HOW_FAR[way] = how_far
        return how_far

    return register


def how_far(rows: Sequence[Fulfilment]) -> dict[int, str]:
    """Where the gestures of these rows are, by entry; one statement for each way that somebody knows about."""
    said: dict[int, str] = {}
    for way, tell in HOW_FAR.items():
        if entry_ids := [row.entry_id for row in rows if row.way is way]:
            said |= tell(entry_ids)
    return said


def begin(entry: LedgerEntry, way: Fulfilling, now: datetime) -> bool:
    """Put a granted gesture on its way; True when that is all there was to do. Call it under the ledger's locks."""
    if way is Fulfilling.NONE:
        return True
    row = Fulfilment(
        entry_id=entry.id, way=way, created_at=now, next_at=now if way is Fulfilling.WEBHOOK else None, data={}
    )
    db.session.add(row)
    db.session.flush()
    return at_once(row, entry, now)


def at_once(row: Fulfilment, entry: LedgerEntry, now: datetime) -> bool:
    """Do what needs nobody; False when it has to wait."""
    if row.way is Fulfilling.STORE_CREDIT:
        credit = StoreCredit(
            customer_id=entry.customer_id,
            fulfilment_id=row.id,
            amount_minor=entry.face_minor,
            currency=entry.currency,
            credited_at=now,
        )
        db.session.add(credit)
    elif row.way is Fulfilling.VOUCHER:
        code = take_code(entry.gesture_id, row.id)
        if code is None:
            row.problem = NO_CODES
            return False
        row.data, row.problem = {"code": code}, ""
    else:
        return False
    finish(row, None, now)
    return True


def take_code(gesture_id: int, fulfilment_id: int) -> str | None:
    """A code that nobody has yet, now this fulfilment's; None when there is none. Two takers never get the same."""
    free = (
        select(VoucherCode.id)
        .where(VoucherCode.gesture_id == gesture_id, VoucherCode.fulfilment_id.is_(None))
        .order_by(VoucherCode.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return db.session.scalar(
        update(VoucherCode)
        .where(VoucherCode.id == free.scalar_subquery(), VoucherCode.fulfilment_id.is_(None))
        .values(fulfilment_id=fulfilment_id)
        .returning(VoucherCode.code)
        .execution_options(synchronize_session=False)
    )


def once_more(row: Fulfilment, entry: LedgerEntry, now: datetime) -> bool:
    """Try what did not come about; True when it is done now. Raises DomainError when it cannot be."""
    if row.way is Fulfilling.WEBHOOK:
        row.state, row.next_at, row.attempts = FulfilmentState.WAITING, now, 0
        return False
    if row.way is Fulfilling.VOUCHER and not at_once(row, entry, now):
        raise DomainError(NO_CODES)
    return row.state is FulfilmentState.DONE


def finish(row: Fulfilment, actor_id: int | None, now: datetime) -> None:
    """Done: by `actor_id`, or by no person."""
    row.state, row.done_at, row.done_by_id, row.next_at, row.problem = FulfilmentState.DONE, now, actor_id, None, ""


def cancel(entry_id: int) -> None:
    """The gesture was taken back: nothing more is done for it."""
    row = of_entry(entry_id)
    if row and row.state in (FulfilmentState.WAITING, FulfilmentState.FAILED):
        row.state, row.next_at = FulfilmentState.CANCELLED, None


def of_entry(entry_id: int) -> Fulfilment | None:
    return db.session.scalars(select(Fulfilment).where(Fulfilment.entry_id == entry_id)).first()


def add_codes(gesture_id: int, text: str, *, actor_id: int, now: datetime) -> int:
    """Bring in voucher codes, one a line; returns how many. Raises DomainError naming what is wrong, and adds none."""
    codes = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if not codes:
        raise DomainError("Enter at least one code, each on a line of its own.")
    if len(codes) > CODES_AT_ONCE:
        raise DomainError(f"These are {len(codes):,} codes. Bring in {CODES_AT_ONCE:,} at a time at most.")
    if too_long := next((code for code in codes if len(code) > 80), None):
        raise DomainError(f"“{too_long[:40]} …” is longer than 80 characters, so it is hardly a code. Take it out.")
    db.session.add_all([VoucherCode(gesture_id=gesture_id, code=code, added_at=now) for code in codes])
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        known = set(db.session.scalars(select(VoucherCode.code).where(VoucherCode.code.in_(codes[:500])).limit(3)))
        named = ", ".join(sorted(known)) or "one of them"
        raise DomainError(f"Nothing was added: {named} is known already. Take it out and try again.") from None
    gesture = db.session.get_one(Gesture, gesture_id)
    data = {"codes": len(codes)}
    record_event("gesture.codes_added", Topic.GESTURE, subject=gesture, actor_id=actor_id, at=now, data=data)
    return len(codes)


def codes_left(gesture_id: int) -> int:
    left = select(func.count()).where(VoucherCode.gesture_id == gesture_id, VoucherCode.fulfilment_id.is_(None))
    return db.session.scalar(left) or 0


def page(state: FulfilmentState, way: Fulfilling | None, after: int) -> Select[Fulfilment]:
    """A page and one more row: what waits oldest first, what is done newest first; `after` is the last id seen."""
    is_open = state in (FulfilmentState.WAITING, FulfilmentState.FAILED)
    query = (
        select(Fulfilment)
        .where(Fulfilment.state == state)
        .options(
            joinedload(Fulfilment.entry).options(
                joinedload(LedgerEntry.customer),
                joinedload(LedgerEntry.agent).load_only(User.name).lazyload("*"),
                joinedload(LedgerEntry.gesture_version).joinedload(GestureVersion.gesture),
            )
        )
        .order_by(Fulfilment.id if is_open else Fulfilment.id.desc())
        .limit(PAGE + 1)
    )
    if way is not None:
        query = query.where(Fulfilment.way == way)
    if after:
        query = query.where(Fulfilment.id > after if is_open else Fulfilment.id < after)
    return query


def counts() -> dict[FulfilmentState, int]:
    """How many wait and how many failed: one statement."""
    rows: Any = db.session.execute(
        select(Fulfilment.state, func.count())
        .where(Fulfilment.state.in_((FulfilmentState.WAITING, FulfilmentState.FAILED)))
        .group_by(Fulfilment.state)
    )
    return {state: int(number) for state, number in rows}
