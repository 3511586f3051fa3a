"""Who has a customer's page open: kept by each worker for its own pages, a few statements for all at once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from console.auth.models import User
from console.db import db
from console.feed import tell
from console.interactions.live_models import Presence

Pair = tuple[int, int]  # user and customer

BEAT = timedelta(seconds=30)  # between two signs of life, one statement for all pages of a worker
# Whoever was not seen for so long has gone, without a word when the worker crashed: another one's next beat says so.
LAPSE = timedelta(seconds=80)
GRACE = timedelta(seconds=3)  # a page that is loaded again was never away


def also_looking(customer_id: int, user_id: int, now: datetime, limit: int = 5) -> list[User]:
    """The others who have this customer's page open."""
    return list(
        db.session.scalars(
            select(User)
            .join(Presence, Presence.user_id == User.id)
            .where(Presence.customer_id == customer_id, Presence.user_id != user_id, Presence.seen_at > now - LAPSE)
            .order_by(User.name, User.id)
            .limit(limit)
        )
    )


class Keeper:
    """Writes down who looks at what in one worker. If a step fails half-way, the next beat puts it right."""

    def __init__(self) -> None:
        self._written: dict[Pair, datetime] = {}  # who looks, and when that was written last
        self._missed: dict[Pair, datetime] = {}  # who does not any more, and since when
        self._beat_at = datetime.min.replace(tzinfo=UTC)

    @property
    def is_idle(self) -> bool:
        return not self._written

    def keep(self, pairs: Collection[Pair], now: datetime) -> None:
        """`pairs`: every page that is open in this worker."""
        for pair in set(pairs) - self._written.keys():
            self._arrive(pair, now)
        for pair in self._written.keys() - set(pairs):
            self._missed.setdefault(pair, now)
        for pair in self._missed.keys() & set(pairs):
            del self._missed[pair]
        for pair in [pair for pair, since in self._missed.items() if now - since >= GRACE]:
            self._leave(pair)
        if now - self._beat_at >= BEAT:
            self._beat_at = now
            self._beat(now)
            sweep(now)

    def _arrive(self, pair: Pair, now: datetime) -> None:
        self._written[pair] = now
        user_id, customer_id = pair
        presence = db.session.scalars(select(Presence).where(is_of([pair]))).first()
        if presence is None:
            try:
                with db.session.begin_nested():
                    db.session.add(Presence(user_id=user_id, customer_id=customer_id, seen_at=now))
            except IntegrityError:  # another worker was first, or the customer is gone
                return
            tell(f"customer:{customer_id}", "presence")
        else:
            if presence.seen_at <= now - LAPSE:
                tell(f"customer:{customer_id}", "presence")
            presence.seen_at = now

    def _leave(self, pair: Pair) -> None:
        """Gone, unless another worker has seen them since."""
        del self._missed[pair]
        written = self._written.pop(pair)
        gone = db.session.execute(delete(Presence).where(is_of([pair]), Presence.seen_at <= written))
        if gone.rowcount:  # type: ignore[attr-defined]
            tell(f"customer:{pair[1]}", "presence")

    def _beat(self, now: datetime) -> None:
        here = list(self._written.keys() - self._missed.keys())
        if not here:
            return
        found = db.session.execute(update(Presence).where(is_of(here)).values(seen_at=now).returning(*PAIR))
        known: set[Pair] = {(row.user_id, row.customer_id) for row in found}
        self._written.update(dict.fromkeys(known, now))
        for pair in set(here) - known:  # as when another worker took it for gone
            self._arrive(pair, now)


def sweep(now: datetime) -> None:
    """Remove those who have gone without a word."""
    gone = db.session.scalars(
        delete(Presence).where(Presence.seen_at <= now - LAPSE).returning(Presence.customer_id)
    ).all()
    for customer_id in set(gone):
        tell(f"customer:{customer_id}", "presence")


PAIR = (Presence.user_id, Presence.customer_id)


def is_of(pairs: list[Pair]) -> ColumnElement[bool]:
    return tuple_(*PAIR).in_(pairs)
