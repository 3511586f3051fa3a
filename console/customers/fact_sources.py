"""What each table says of customers, one row each: counts, sums and moments, and when they change by themselves.

A condition on a kind or a state stands inside the sums, not in the WHERE: there SQLite would rather build an index
over it than use the one by customer.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    String,
    Subquery,
    and_,
    case,
    column,
    exists,
    func,
    or_,
    select,
    table,
)

from console.customers.fact_sql import (
    AS_OF,
    CLOCK,
    CURRENCY,
    DAY,
    TODAY,
    YEAR,
    Which,
    coming,
    count,
    earliest,
    known,
    local_day,
    seconds,
    since,
    smallest,
    timed,
    total,
    within,
)
from console.customers.models import (
    Boundary,
    BoundaryKind,
    Complaint,
    ComplaintState,
    Delivery,
    Order,
    OrderStatus,
    WebEvent,
)
from console.customers.tokens import table_of
from console.db import UtcDateTime

ORDERS, DELIVERIES, COMPLAINTS = table_of(Order), table_of(Delivery), table_of(Complaint)
WEB_EVENTS, BOUNDARIES = table_of(WebEvent), table_of(Boundary)
# Of the layers above.
INTERACTIONS = table(
    "interactions",
    column("customer_id", BigInteger),
    column("source", String),
    column("state", String),
    column("started_at", UtcDateTime),
    column("ended_at", UtcDateTime),
    column("resolved", Boolean),
    column("csat", Integer),
)
PROMISES = table(
    "promises",
    column("customer_id", BigInteger),
    column("state", String),
    column("due_at", UtcDateTime),
    column("created_at", UtcDateTime),
    column("settled_at", UtcDateTime),
)
ENTRIES = table(
    "ledger_entries",
    column("id", BigInteger),
    column("customer_id", BigInteger),
    column("currency", String),
    column("cost_minor", BigInteger),
    column("booked_at", UtcDateTime),
)
STEPS = table("ledger_events", column("entry_id", BigInteger), column("state", String), column("at", UtcDateTime))


def trade(which: Which) -> Subquery:
    """Orders that were not cancelled; those below zero are refunds, which count in what was spent alone."""
    placed, amount = ORDERS.c.placed_at, ORDERS.c.total_minor
    ever = or_(placed.is_(None), known(placed))  # some sources know no date
    bought = and_(amount > 0, ever)
    dated = and_(amount > 0, known(placed))
    ours = ORDERS.c.total_currency == CURRENCY
    undated_return = and_(
        ORDERS.c.status == OrderStatus.RETURNED,
        within(placed, YEAR),
        ~exists().where(DELIVERIES.c.order_id == ORDERS.c.id, DELIVERIES.c.returned_at.is_not(None)),
    )
    return (
        select(
            ORDERS.c.customer_id,
            count(bought).label("orders_all"),
            count(and_(amount > 0, within(placed, YEAR))).label("orders_12m"),
            count(and_(amount > 0, within(placed, 90))).label("orders_90d"),
            total(amount, and_(ours, within(placed, YEAR))).label("spent_12m"),
            total(amount, and_(ours, ever)).label("spent_all"),
            total(amount, and_(ours, bought)).label("paid"),
            count(and_(ours, bought)).label("paid_orders"),
            func.min(placed).filter(dated).label("first_order_at"),
            func.max(placed).filter(dated).label("last_order_at"),
            count(undated_return).label("undated_returns"),
            earliest(placed, within(placed, YEAR)).label("oldest_year"),
            earliest(placed, and_(amount > 0, within(placed, 90))).label("oldest_90"),
            coming(placed).label("coming"),
        )
        .select_from(timed(ORDERS))
        .where(which(ORDERS.c.customer_id), ORDERS.c.status != OrderStatus.CANCELLED)
        .group_by(ORDERS.c.customer_id)
        .subquery("trade")
    )


def rhythm(which: Which) -> Subquery:
    """The median gap between a customer's orders, in seconds; and the last order after a year without any."""
    at = seconds(ORDERS.c.placed_at)
    gap = at - func.lag(at).over(partition_by=ORDERS.c.customer_id, order_by=(ORDERS.c.placed_at, ORDERS.c.id))
    gaps = (
        select(ORDERS.c.customer_id, ORDERS.c.placed_at, gap.label("gap"))
        .select_from(timed(ORDERS))
        .where(
            which(ORDERS.c.customer_id),
            ORDERS.c.status != OrderStatus.CANCELLED,
            ORDERS.c.total_minor > 0,
            known(ORDERS.c.placed_at),
        )
        .subquery("gaps")
    )
    place = func.row_number().over(partition_by=gaps.c.customer_id, order_by=gaps.c.gap)
    ranked = (
        select(gaps, place.label("place"), func.count().over(partition_by=gaps.c.customer_id).label("gaps"))
        .where(gaps.c.gap.is_not(None))
        .subquery("ranked")
    )
    middle = (2 * ranked.c.place).between(ranked.c.gaps, ranked.c.gaps + 2)
    back = and_(ranked.c.gap >= YEAR * DAY, within(ranked.c.placed_at, 90))
    return (
        select(
            ranked.c.customer_id,
            func.max(ranked.c.gaps).label("gaps"),
            (total(ranked.c.gap, middle) // count(middle)).label("median"),
            func.max(ranked.c.placed_at).filter(back).label("came_back_at"),
        )
        .select_from(timed(ranked))
        .group_by(ranked.c.customer_id)
        .subquery("rhythm")
    )


def parcels(which: Which) -> Subquery:
    """Deliveries: late ones by the promised day of the last 90, overdue ones among them, and what was sent back."""
    underway = and_(
        or_(
            DELIVERIES.c.delivered_at > AS_OF,
            and_(
                DELIVERIES.c.delivered_at.is_(None),
                ORDERS.c.status.in_((OrderStatus.PROCESSING, OrderStatus.SHIPPED)),  # else it came, nobody knows when
            ),
        ),
        or_(DELIVERIES.c.returned_at.is_(None), DELIVERIES.c.returned_at > AS_OF),
    )
    came = case((known(DELIVERIES.c.delivered_at), local_day(DELIVERIES.c.delivered_at)), (underway, TODAY))
    promised = seconds(DELIVERIES.c.promised_on) // DAY
    recent = DELIVERIES.c.promised_on > CLOCK.c.promised_since
    parcel = (
        select(
            ORDERS.c.customer_id,
            DELIVERIES.c.order_id,
            DELIVERIES.c.delivered_at,
            DELIVERIES.c.returned_at,
            case((recent, promised)).label("promised"),
            case((recent, came - promised)).label("delay"),
            case((and_(recent, underway), 1)).label("underway"),
        )
        .select_from(timed(DELIVERIES.join(ORDERS, ORDERS.c.id == DELIVERIES.c.order_id)))
        .where(
            which(ORDERS.c.customer_id),
            ORDERS.c.status != OrderStatus.CANCELLED,
            or_(ORDERS.c.placed_at.is_(None), known(ORDERS.c.placed_at)),
        )
        .subquery("parcel")
    )
    one = parcel.c
    late = one.delay > 0
    sent_back = within(one.returned_at, YEAR)
    return (
        select(
            one.customer_id,
            func.count(one.order_id.distinct()).filter(sent_back).label("returned"),
            count(late).label("late"),
            func.coalesce(func.max(one.delay).filter(late), 0).label("worst"),
            func.min(one.promised).filter(late).label("oldest_late"),
            count(one.underway == 1).label("underway"),
            earliest(one.returned_at, sent_back).label("oldest_return"),
            coming(one.delivered_at, one.returned_at).label("coming"),
        )
        .select_from(timed(parcel))
        .group_by(one.customer_id)
        .subquery("parcels")
    )


def grievances(which: Which) -> Subquery:
    opened, settled = COMPLAINTS.c.opened_at, COMPLAINTS.c.settled_at
    is_open = and_(known(opened), or_(COMPLAINTS.c.state == ComplaintState.OPEN, settled > AS_OF))
    return (
        select(
            COMPLAINTS.c.customer_id,
            count(is_open).label("open"),
            count(within(opened, YEAR)).label("year"),
            func.max(opened).filter(known(opened)).label("last_at"),
            earliest(opened, within(opened, YEAR)).label("oldest"),
            coming(opened, settled).label("coming"),
        )
        .select_from(timed(COMPLAINTS))
        .where(which(COMPLAINTS.c.customer_id))
        .group_by(COMPLAINTS.c.customer_id)
        .subquery("grievances")
    )


def talks(which: Which) -> Subquery:
    """Closed conversations, at the moment they ended. One without a time counts in no window; a replay is none."""
    row = INTERACTIONS.c
    at = case((row.state == "closed", func.coalesce(row.ended_at, row.started_at, type_=UtcDateTime)))
    scored = and_(row.csat.is_not(None), known(at))
    return (
        select(
            row.customer_id,
            count(within(at, 14)).label("fortnight"),
            count(and_(within(at, 14), row.resolved.is_(False))).label("unresolved"),
            count(within(at, 90)).label("quarter"),
            func.max(at).filter(known(at)).label("last_at"),
            # The score of the latest: the digit behind the latest moment.
            (func.max(seconds(at) * 10 + row.csat).filter(scored) % 10).label("score"),
            total(row.csat, scored).label("scores"),
            count(scored).label("scored"),
            earliest(at, within(at, 14)).label("oldest_14"),
            earliest(at, within(at, 90)).label("oldest_90"),
            coming(at).label("coming"),
        )
        .select_from(timed(INTERACTIONS))
        .where(which(row.customer_id), row.source.is_distinct_from("replay"))
        .group_by(row.customer_id)
        .subquery("talks")
    )


def baskets(which: Which) -> Subquery:
    left = case((WEB_EVENTS.c.kind == "cart_abandoned", WEB_EVENTS.c.at))
    return (
        select(
            WEB_EVENTS.c.customer_id,
            func.max(left).filter(known(left)).label("left_at"),
            coming(left).label("coming"),
        )
        .select_from(timed(WEB_EVENTS))
        .where(which(WEB_EVENTS.c.customer_id), WEB_EVENTS.c.at > since(14))
        .group_by(WEB_EVENTS.c.customer_id)
        .subquery("baskets")
    )


def vows(which: Which) -> Subquery:
    """Promises: broken when past their time and neither kept nor released by then."""
    row = PROMISES.c
    waiting = and_(known(row.created_at), or_(row.state.in_(("open", "broken")), row.settled_at > AS_OF))
    return (
        select(
            row.customer_id,
            count(and_(waiting, row.due_at < AS_OF)).label("broken"),
            smallest(
                coming(row.created_at, row.settled_at), earliest(row.due_at, and_(waiting, row.due_at >= AS_OF))
            ).label("coming"),
        )
        .select_from(timed(PROMISES))
        .where(which(row.customer_id))
        .group_by(row.customer_id)
        .subquery("vows")
    )


def refusals(which: Which) -> Subquery:
    is_meant = BOUNDARIES.c.kind == BoundaryKind.NO_GIFTS
    begun, ended = case((is_meant, BOUNDARIES.c.created_at)), case((is_meant, BOUNDARIES.c.ended_at))
    in_force = and_(known(begun), or_(ended.is_(None), ended > AS_OF))
    return (
        select(BOUNDARIES.c.customer_id, count(in_force).label("in_force"), coming(begun, ended).label("coming"))
        .select_from(timed(BOUNDARIES))
        .where(which(BOUNDARIES.c.customer_id))
        .group_by(BOUNDARIES.c.customer_id)
        .subquery("refusals")
    )


def gestures(which: Which) -> Subquery:
    """The ledger: what was granted and not taken back, by when it was booked, as limits count it."""

    def became(state: str) -> ColumnElement[Any]:
        return func.min(STEPS.c.at).filter(STEPS.c.state == state).label(state)

    entries = (
        select(
            ENTRIES.c.customer_id,
            ENTRIES.c.booked_at,
            ENTRIES.c.cost_minor,
            ENTRIES.c.currency,
            became("granted"),
            became("declined"),
            became("reversed"),
        )
        .join(STEPS, STEPS.c.entry_id == ENTRIES.c.id)
        .where(which(ENTRIES.c.customer_id))
        .group_by(ENTRIES.c.id, ENTRIES.c.customer_id, ENTRIES.c.booked_at, ENTRIES.c.cost_minor, ENTRIES.c.currency)
        .subquery("entry")
    )
    entry = entries.c
    given = and_(known(entry.granted), or_(entry.reversed.is_(None), entry.reversed > AS_OF))
    declined = and_(known(entry.declined), entry.booked_at > since(YEAR))
    this_year = and_(given, entry.booked_at > since(YEAR))
    this_quarter = and_(given, entry.booked_at > since(90))
    taken_back = within(entry.reversed, YEAR)
    return (
        select(
            entry.customer_id,
            func.max(entry.booked_at).filter(given).label("last_at"),
            count(this_quarter).label("quarter"),
            count(this_year).label("year"),
            total(entry.cost_minor, and_(this_year, entry.currency == CURRENCY)).label("cost"),
            count(declined).label("declined"),
            count(taken_back).label("reversed"),
            earliest(entry.booked_at, this_quarter).label("oldest_90"),
            smallest(earliest(entry.booked_at, or_(this_year, declined)), earliest(entry.reversed, taken_back)).label(
                "oldest_year"
            ),
            coming(entry.granted, entry.declined, entry.reversed).label("coming"),
        )
        .select_from(timed(entries))
        .group_by(entry.customer_id)
        .subquery("gestures")
    )
