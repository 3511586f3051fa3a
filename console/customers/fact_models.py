"""What rules and ranking may ask of a customer: one row each, as of now and for every past day on which it changed."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from console.customers.models import Tier
from console.db import Base, enum_column


class LifeCycle(StrEnum):
    """Where in their life with the shop a customer is. Exactly one at any time."""

    PROSPECT = "prospect"
    NEW = "new"
    DEVELOPING = "developing"
    LOYAL = "loyal"
    CHAMPION = "champion"
    AT_RISK = "at_risk"
    LAPSED = "lapsed"
    WON_BACK = "won_back"


class Facts:
    """The facts themselves. Moments stand for "days since"; counts of the last N days are as of `as_of`.

    Amounts are minor units of the shop's currency; what was paid in others is left out. None is "not known".
    """

    tier: Mapped[Tier] = mapped_column(enum_column(Tier))
    stage: Mapped[LifeCycle] = mapped_column(enum_column(LifeCycle))
    country: Mapped[str | None] = mapped_column(String(2))
    language: Mapped[str | None] = mapped_column(String(16))
    is_business: Mapped[bool]  # belongs to an account
    marketing_consent: Mapped[bool | None]
    no_gifts: Mapped[bool]  # a boundary in force says so
    customer_since: Mapped[datetime | None]  # the day they came, else their first order
    first_order_at: Mapped[datetime | None]
    last_order_at: Mapped[datetime | None]
    orders_all: Mapped[int]
    orders_12m: Mapped[int]
    orders_90d: Mapped[int]
    spent_12m: Mapped[int] = mapped_column(BigInteger)
    spent_all: Mapped[int] = mapped_column(BigInteger)
    average_order: Mapped[int | None] = mapped_column(BigInteger)
    returns_12m: Mapped[int]  # orders sent back
    late_90d: Mapped[int]  # deliveries that came after the promised day, or are overdue
    worst_delay_days: Mapped[int]  # of those
    open_complaints: Mapped[int]
    complaints_12m: Mapped[int]
    last_complaint_at: Mapped[datetime | None]
    interactions_14d: Mapped[int]  # closed ones
    unresolved_14d: Mapped[int]
    interactions_90d: Mapped[int]
    last_interaction_at: Mapped[datetime | None]
    broken_promises: Mapped[int]
    open_basket: Mapped[bool]  # left in the last 14 days, and nothing ordered since
    csat_last: Mapped[int | None]  # 1 to 5
    csat_average: Mapped[int | None]  # in hundredths: 425 is 4.25
    last_gesture_at: Mapped[datetime | None]  # granted or done
    gestures_90d: Mapped[int]
    gestures_12m: Mapped[int]
    gesture_cost_12m: Mapped[int] = mapped_column(BigInteger)
    gestures_declined_12m: Mapped[int]
    reversals_12m: Mapped[int]
    # 1 to 5 among all customers with an order; kept up by a full rebuild.
    rfm_recency: Mapped[int | None]
    rfm_frequency: Mapped[int | None]
    rfm_monetary: Mapped[int | None]
    value_band: Mapped[str | None] = mapped_column(String(16))  # of the expected yearly margin: low, middle, high, top
    is_drifting: Mapped[bool]  # has not ordered for 2.5 times their own usual gap, with 3 orders or more


class CustomerFacts(Facts, Base):
    """As of now. Brought up to date when something about the customer has changed or `valid_until` is past."""

    __tablename__ = "customer_facts"
    __table_args__ = (UniqueConstraint("customer_id"), Index(None, "valid_until"))

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    as_of: Mapped[datetime]
    valid_until: Mapped[datetime | None]  # when the next count of "the last N days" drops by itself


class CustomerFactsDay(Facts, Base):
    """The facts as they stood at the end of a day, for days on which they changed."""

    __tablename__ = "customer_facts_days"
    __table_args__ = (UniqueConstraint("customer_id", "day"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    day: Mapped[date]  # in TIME_ZONE


class FactChange(Base):
    """A customer about whom something has changed since their facts were computed. Triggers write these."""

    __tablename__ = "fact_changes"
    __table_args__ = (Index(None, "customer_id"),)

    customer_id: Mapped[int] = mapped_column(BigInteger)
