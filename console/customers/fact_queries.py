"""What the facts of customers are, in SQL: one statement, as of any moment, the same on SQLite and PostgreSQL.

Only what was known at the moment counts: an order placed by then, a complaint not settled by then, a gesture granted
and not taken back by then. What keeps no history of its own is taken as it is now: tier, country, language, account,
consents, and whether an order was cancelled. A survey's score counts from the end of its conversation, a month of 12
is 365 days, and windows are rolling: what happened exactly N days ago is out.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, literal, null, or_, select

from console.customers.fact_models import CustomerFacts, Facts, LifeCycle
from console.customers.fact_sources import (
    baskets,
    gestures,
    grievances,
    parcels,
    refusals,
    rhythm,
    talks,
    trade,
    vows,
)
from console.customers.fact_sql import (
    AS_OF,
    DAY,
    FAR_SECONDS,
    MIDNIGHT,
    NEW_DAYS,
    NOW_SECONDS,
    QUIET_DAYS,
    TODAY,
    YEAR,
    Which,
    ageing,
    flag,
    moment,
    nought,
    or_never,
    seconds,
    since,
    smallest,
    timed,
)
from console.customers.models import Customer, Tier
from console.customers.tokens import table_of
from console.db import UtcDateTime

LOYAL_ORDERS, CHAMPION_ORDERS = 3, 6  # in 12 months
DRIFT = (5, 2)  # 2.5 times the customer's own median gap between orders
# The expected yearly margin: what was spent in 12 months, the shop's usual margin of it, and how likely a customer of
# the tier is to stay another year. In hundredths.
MARGIN = 40
RETENTION = {Tier.STANDARD: 45, Tier.SILVER: 65, Tier.GOLD: 80}
BANDS = (("top", 40_000), ("high", 15_000), ("middle", 4_000))  # from so many minor units; below: low

CUSTOMERS = table_of(Customer)
FACTS = tuple(name for name in Facts.__annotations__ if name in CustomerFacts.__table__.c)
SCORES = ("rfm_recency", "rfm_frequency", "rfm_monetary")  # against all customers, so not from one's own rows
COMPUTED = tuple(name for name in FACTS if name not in SCORES)


def gathered(which: Which) -> Subquery:
    """A row for each customer: what every table has to say, and when the next of it changes by itself."""
    t, r, p, g, k = trade(which), rhythm(which), parcels(which), grievances(which), talks(which)
    b, v, n, e = baskets(which), vows(which), refusals(which), gestures(which)
    since_day = seconds(CUSTOMERS.c.customer_since)
    known_since = case((since_day // DAY <= TODAY, moment(since_day)))
    late_until = case(
        # A day of margin holds the local midnight in any zone; within it, each midnight is looked at.
        ((p.c.oldest_late + 89) * DAY > NOW_SECONDS, (p.c.oldest_late + 89) * DAY),
        (p.c.oldest_late.is_not(None), MIDNIGHT),
        else_=FAR_SECONDS,
    )
    at_midnight = or_(p.c.underway > 0, since_day // DAY > TODAY)
    drift_at = seconds(t.c.last_order_at) + DRIFT[0] * case((r.c.median < DAY, DAY), else_=r.c.median) // DRIFT[1]
    later = smallest(*(or_never(one.c.coming) for one in (t, p, g, k, b, v, n, e)))
    year = smallest(*(or_never(at) for at in (t.c.oldest_year, p.c.oldest_return, g.c.oldest, e.c.oldest_year)))
    quarter = smallest(*(or_never(at) for at in (t.c.oldest_90, k.c.oldest_90, e.c.oldest_90)))
    fortnight = smallest(or_never(k.c.oldest_14), or_never(b.c.left_at))
    joined = timed(CUSTOMERS)
    for one in (t, r, p, g, k, b, v, n, e):
        joined = joined.outerjoin(one, one.c.customer_id == CUSTOMERS.c.id)
    return (
        select(
            CUSTOMERS.c.id.label("customer_id"),
            CUSTOMERS.c.tier,
            CUSTOMERS.c.country,
            CUSTOMERS.c.language,
            CUSTOMERS.c.account_id.is_not(None).label("is_business"),
            CUSTOMERS.c.consents["marketing"].as_boolean().label("marketing_consent"),
            flag(n.c.in_force > 0).label("no_gifts"),
            func.coalesce(known_since, t.c.first_order_at, type_=UtcDateTime).label("customer_since"),
            t.c.first_order_at,
            t.c.last_order_at,
            *(nought(t.c[name]).label(name) for name in ("orders_all", "orders_12m", "orders_90d")),
            *(nought(t.c[name]).label(name) for name in ("spent_12m", "spent_all")),
            case((t.c.paid_orders > 0, t.c.paid // t.c.paid_orders)).label("average_order"),
            (nought(p.c.returned) + nought(t.c.undated_returns)).label("returns_12m"),
            nought(p.c.late).label("late_90d"),
            nought(p.c.worst).label("worst_delay_days"),
            nought(g.c.open).label("open_complaints"),
            nought(g.c.year).label("complaints_12m"),
            g.c.last_at.label("last_complaint_at"),
            nought(k.c.fortnight).label("interactions_14d"),
            nought(k.c.unresolved).label("unresolved_14d"),
            nought(k.c.quarter).label("interactions_90d"),
            k.c.last_at.label("last_interaction_at"),
            nought(v.c.broken).label("broken_promises"),
            flag(
                and_(b.c.left_at.is_not(None), or_(t.c.last_order_at.is_(None), t.c.last_order_at < b.c.left_at))
            ).label("open_basket"),
            k.c.score.label("csat_last"),
            case((k.c.scored > 0, k.c.scores * 100 // k.c.scored)).label("csat_average"),
            e.c.last_at.label("last_gesture_at"),
            nought(e.c.quarter).label("gestures_90d"),
            nought(e.c.year).label("gestures_12m"),
            nought(e.c.cost).label("gesture_cost_12m"),
            nought(e.c.declined).label("gestures_declined_12m"),
            nought(e.c.reversed).label("reversals_12m"),
            flag(and_(r.c.gaps >= 2, drift_at < NOW_SECONDS)).label("is_drifting"),
            r.c.came_back_at,
            smallest(
                seconds(later),
                seconds(year) + YEAR * DAY,
                seconds(quarter) + 90 * DAY,
                seconds(fortnight) + 14 * DAY,
                late_until,
                case((at_midnight, MIDNIGHT), else_=FAR_SECONDS),
                case((and_(r.c.gaps >= 2, drift_at >= NOW_SECONDS), drift_at + 1), else_=FAR_SECONDS),
                ageing(t.c.first_order_at, NEW_DAYS),
                ageing(t.c.last_order_at, QUIET_DAYS),
            ).label("next_change"),
        )
        .select_from(joined)
        .where(which(CUSTOMERS.c.id))
        .subquery("gathered")
    )


def facts_as_of(which: Which) -> Select[Any]:
    """The facts of the customers that `which` picks, but for the scores, with `customer_id`, `as_of`, `valid_until`.

    It takes `parameters` and what `which` names.
    """
    row = gathered(which)
    derived = {"stage": stage(row), "value_band": value_band(row)}
    return select(
        row.c.customer_id,
        AS_OF.label("as_of"),
        case((row.c.next_change < FAR_SECONDS, moment(row.c.next_change))).label("valid_until"),
        *(derived[name].label(name) if name in derived else row.c[name] for name in COMPUTED),
    ).select_from(timed(row))


def stage(row: Subquery) -> ColumnElement[str]:
    """A ladder: the first rung that holds. Orders without a date make a customer, but say nothing of when."""
    rungs = (
        (row.c.orders_all == 0, LifeCycle.PROSPECT),
        (row.c.last_order_at <= since(YEAR), LifeCycle.LAPSED),
        (row.c.came_back_at.is_not(None), LifeCycle.WON_BACK),
        (and_(row.c.orders_all == 1, row.c.first_order_at > since(NEW_DAYS)), LifeCycle.NEW),
        (or_(row.c.is_drifting, row.c.last_order_at <= since(QUIET_DAYS)), LifeCycle.AT_RISK),
        (row.c.orders_12m >= CHAMPION_ORDERS, LifeCycle.CHAMPION),
        (row.c.orders_12m >= LOYAL_ORDERS, LifeCycle.LOYAL),
    )
    return case(*((when, literal(then.value)) for when, then in rungs), else_=literal(LifeCycle.DEVELOPING.value))


def value_band(row: Subquery) -> ColumnElement[str]:
    staying = case(*((row.c.tier == tier, share) for tier, share in RETENTION.items()), else_=min(RETENTION.values()))
    margin = row.c.spent_12m * MARGIN * staying
    bands = ((margin >= least * 100 * 100, literal(band)) for band, least in BANDS)
    return case((row.c.orders_all == 0, null()), *bands, else_=literal("low"))
