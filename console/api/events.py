"""What happened: of one customer, newest first; and of everybody, as a feed that another system follows.

Following by number has a trap on PostgreSQL: numbers are given out before the commit, so that 7 may be seen while 6 is
still being written. So a cursor carries a fence: the highest number given out when it was made, and the youngest
transaction of that moment. Once all transactions as old as that are over, nothing below the fence can appear any more,
and it is told. With nothing being written, which is nearly always, that is at once. SQLite has one writer at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field
from sqlalchemy import Select, func, select, text

from console.api.cursors import cursor, place_in
from console.api.notes import moment_cursor, moment_in, somebody
from console.api.operations import Answer, Caller, operation
from console.api.refusing import Refusal
from console.api.schemas import Moment, Page, Paged, Told
from console.api.scopes import Scope
from console.auth.permissions import Permission, allowed
from console.customers.timeline import Cursor, events_of
from console.db import db
from console.events import Event, Topic

FENCE = text(
    "SELECT (SELECT coalesce(last_value, 0) FROM pg_sequences"
    " WHERE format('%I.%I', schemaname, sequencename) = pg_get_serial_sequence('events', 'id')) AS highest,"
    " pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest,"
    " pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS youngest"
)


class EventTold(Told):
    """Ids, kinds and numbers; never words that a person wrote."""

    id: int
    at: Moment = Field(description="When it happened.")
    recorded_at: Moment
    topic: Topic
    kind: str = Field(examples=["gesture.offered"])
    customer_id: int | None
    actor_id: int | None = Field(description="The user who did it; none: it happened.")
    subject_type: str | None = Field(examples=["ledger_entries"])
    subject_id: int | None
    data: dict[str, Any]

    @classmethod
    def of(cls, row: Event) -> EventTold:
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class EventPage(Page):
    items: list[EventTold]


class FeedPage(Page):
    next_cursor: str = Field(description="Ask with it again, at once when `items` was full, else after a while.")
    items: list[EventTold]


class EventsAsked(Paged):
    topic: Topic | None = Field(None, description="`access` is for those who may read the record.")


class FeedAsked(EventsAsked):
    since: Moment | None = Field(None, description="Without a cursor: what was recorded from then on.")


@operation(
    "GET",
    "/customers/<int:customer_id>/events",
    Scope.EVENTS_READ,
    {200: EventPage},
    query=EventsAsked,
    problems=(404,),
)
def list_customer_events(caller: Caller, customer_id: int, query: EventsAsked) -> Answer:
    """A customer's timeline, the newest first."""
    somebody(customer_id)
    refuse_access(caller, query.topic)
    place = moment_in("timeline", query.cursor)
    rows = db.session.scalars(events_of(customer_id, query.topic, place).limit(query.limit + 1)).all()
    page = rows[: query.limit]
    more = moment_cursor("timeline", Cursor(page[-1].at, page[-1].id)) if len(rows) > query.limit else None
    return Answer(EventPage(items=[EventTold.of(row) for row in page], next_cursor=more))


@operation("GET", "/events", Scope.EVENTS_READ, {200: FeedPage}, query=FeedAsked)
def follow_events(caller: Caller, query: FeedAsked) -> Answer:
    """Everything that happens, in the order of its recording.

    Every answer has a `next_cursor`, also an empty one: ask again with it. Nothing is told twice, nothing is left out.
    """
    refuse_access(caller, query.topic)
    place = place_in("feed", query.cursor, 3)
    after, fence, youngest = place or (before_first(query.since), 0, 0)
    safe = safe_number(fence, youngest)
    wanted = select(Event).where(Event.id > after)
    wanted = wanted.where(Event.topic == query.topic) if query.topic else wanted.where(Event.topic != Topic.ACCESS)
    if safe.highest is not None:
        wanted = wanted.where(Event.id <= safe.highest)
    page = db.session.scalars(wanted.order_by(Event.id).limit(query.limit)).all()
    if len(page) == query.limit:
        after = page[-1].id
    else:
        after = max(after, safe.highest if safe.highest is not None else page[-1].id if page else after)
    more = cursor("feed", after, safe.fence, safe.youngest)
    return Answer(FeedPage(items=[EventTold.of(row) for row in page], next_cursor=more))


@dataclass(frozen=True)
class Safe:
    """Up to which number nothing can appear any more (none: any), and the fence of the next cursor."""

    highest: int | None
    fence: int = 0
    youngest: int = 0


def safe_number(fence: int, youngest: int) -> Safe:
    if db.session.connection().dialect.name == "sqlite":
        return Safe(None)
    now = db.session.execute(FENCE).one()
    if now.oldest >= now.youngest:  # nobody is writing
        return Safe(now.highest, now.highest, now.youngest)
    if youngest and now.oldest >= youngest:  # whoever wrote when the fence was set has finished
        return Safe(fence, now.highest, now.youngest)
    return Safe(0, fence or now.highest, youngest or now.youngest)


def before_first(since: Any) -> int:
    """The number just before what was recorded from a moment on."""
    if since is None:
        return 0
    first: Select[Any] = select(func.min(Event.id)).where(Event.recorded_at >= since)
    last: Select[Any] = select(func.max(Event.id))
    found = db.session.scalar(first)
    return found - 1 if found else db.session.scalar(last) or 0


def refuse_access(caller: Caller, topic: Topic | None) -> None:
    if topic is Topic.ACCESS and not allowed(caller.user, Permission.SEE_AUDIT):
        raise Refusal(403, "", f"The role of {caller.user.name} does not allow to read the record.")
