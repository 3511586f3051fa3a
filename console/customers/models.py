"""The person on the line, and everything known about them."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, composite, mapped_column, relationship

from console.db import Base, enum_column, utc_now
from console.money import Money

# Prefix ranges (x <= column < x + the last letter) use an index only where bytes decide the order.
ByBytes = String(255).with_variant(String(255, collation="C"), "postgresql")


class Account(Base):
    """The company a customer belongs to (B2B)."""

    __tablename__ = "accounts"

    name: Mapped[str] = mapped_column(String(200), unique=True)
    is_demo: Mapped[bool] = mapped_column(default=False)


class Tier(StrEnum):
    STANDARD = "standard"
    SILVER = "silver"
    GOLD = "gold"


class Customer(Base):
    """A person. The name as they write it; every e-mail, phone and external id stands in its own row."""

    __tablename__ = "customers"
    __table_args__ = (
        CheckConstraint("birth_month BETWEEN 1 AND 12", name="birth_month"),
        CheckConstraint("birth_day BETWEEN 1 AND 31", name="birth_day"),
        Index(None, "account_id"),
    )

    first_name: Mapped[str] = mapped_column(String(120), default="")
    last_name: Mapped[str] = mapped_column(String(120), default="")
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    tier: Mapped[Tier] = mapped_column(enum_column(Tier), default=Tier.STANDARD)
    language: Mapped[str | None] = mapped_column(String(16))  # BCP 47: en, pt-BR
    time_zone: Mapped[str | None] = mapped_column(String(64))  # IANA
    street: Mapped[str | None] = mapped_column(String(200))  # with the number of the house
    city: Mapped[str | None] = mapped_column(String(120))
    postcode: Mapped[str | None] = mapped_column(String(20))
    country: Mapped[str | None] = mapped_column(String(2))  # ISO 3166
    customer_since: Mapped[date | None]
    birth_month: Mapped[int | None]  # opt-in; never a year
    birth_day: Mapped[int | None]
    consents: Mapped[dict[str, Any]] = mapped_column(default=dict)  # {"marketing": true, "quote_notes": false}
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
    is_demo: Mapped[bool] = mapped_column(default=False)

    account: Mapped[Account | None] = relationship(lazy="raise")
    emails: Mapped[list[Email]] = relationship(lazy="raise", order_by="Email.id", cascade="all, delete-orphan")
    phones: Mapped[list[Phone]] = relationship(lazy="raise", order_by="Phone.id", cascade="all, delete-orphan")
    external_ids: Mapped[list[ExternalId]] = relationship(
        lazy="raise", order_by="ExternalId.id", cascade="all, delete-orphan"
    )

    open_complaints: Mapped[list[Complaint]] = relationship(
        lazy="raise",
        viewonly=True,
        order_by="Complaint.opened_at",
        primaryjoin="and_(Complaint.customer_id == Customer.id, Complaint.state == 'open')",
    )

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or f"Customer {self.id}"

    @property
    def called(self) -> str:
        """What a sentence calls them."""
        return self.first_name or self.name


def last_word_on(context: Any) -> str | None:
    address: str = context.get_current_parameters()["address"]
    local = address.partition("@")[0]
    start = max(local.rfind(separator) for separator in "._-+") + 1
    return address[start:] if 0 < start < len(local) else None


class Email(Base):
    __tablename__ = "customer_emails"
    __table_args__ = (UniqueConstraint("address", "customer_id"), Index(None, "customer_id"), Index(None, "tail"))

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(ByBytes)  # lower case
    # The address from the last word before its "@" on, so that "brown79" finds noah.brown7922@example.com.
    tail: Mapped[str | None] = mapped_column(ByBytes, default=last_word_on)

    @property
    def masked(self) -> str:
        local, _, domain = self.address.partition("@")
        return f"{local[:2]}•••@{domain}"


def digits_backwards(context: Any) -> str:
    number: str = context.get_current_parameters()["number"]
    return number.lstrip("+")[::-1]


class Phone(Base):
    __tablename__ = "customer_phones"
    __table_args__ = (UniqueConstraint("number", "customer_id"), Index(None, "customer_id"), Index(None, "reversed"))

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    number: Mapped[str] = mapped_column(String(20))  # E.164
    # Digits backwards: "ends in 4471" is a prefix of it.
    reversed: Mapped[str] = mapped_column(ByBytes, default=digits_backwards)

    @property
    def masked(self) -> str:
        return f"•••• {self.number[-4:]}"


class ExternalId(Base):
    """The customer's key in another system; imports are idempotent by it."""

    __tablename__ = "customer_external_ids"
    __table_args__ = (UniqueConstraint("external_id", "source"), Index(None, "customer_id"))

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    source: Mapped[str] = mapped_column(String(40))
    external_id: Mapped[str] = mapped_column(String(120))


class NameToken(Base):
    """A distinct word of names and e-mail addresses, folded (lower case, no accents)."""

    __tablename__ = "name_tokens"

    token: Mapped[str] = mapped_column(ByBytes, unique=True)


class NameTokenTypo(Base):
    """A token with one letter left out: two words one typo apart share such a row (SymSpell)."""

    __tablename__ = "name_token_typos"
    __table_args__ = (UniqueConstraint("typo", "token_id"),)

    typo: Mapped[str] = mapped_column(String(120))
    token_id: Mapped[int] = mapped_column(ForeignKey("name_tokens.id"))


class CustomerToken(Base):
    """Which customers carry a token."""

    __tablename__ = "customer_tokens"
    __table_args__ = (UniqueConstraint("token_id", "customer_id"), Index(None, "customer_id"))

    token_id: Mapped[int] = mapped_column(ForeignKey("name_tokens.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))


class Product(Base):
    __tablename__ = "products"
    __table_args__ = (UniqueConstraint("source", "sku"), Index(None, "name", "id"))

    source: Mapped[str] = mapped_column(String(40), default="")
    sku: Mapped[str] = mapped_column(String(120))
    name: Mapped[str] = mapped_column(String(300))
    category: Mapped[str | None] = mapped_column(String(120))
    price_minor: Mapped[int | None] = mapped_column(BigInteger)
    price_currency: Mapped[str | None] = mapped_column(String(3))
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)  # {"colour": "red", "size": "M"}
    available: Mapped[bool] = mapped_column(default=True)
    is_demo: Mapped[bool] = mapped_column(default=False)

    @property
    def price(self) -> Money | None:
        if self.price_minor is None or self.price_currency is None:
            return None
        return Money(self.price_minor, self.price_currency)


class OrderStatus(StrEnum):
    PROCESSING = "processing"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    RETURNED = "returned"


class Order(Base):
    """What a customer bought. A negative total is a refund or a cancelled invoice, as exports have them."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        Index(None, "customer_id", "placed_at"),
        Index(None, "number"),
        # Few have not left yet; found among millions without looking through them.
        Index(
            "ix_orders_leaving",
            "placed_at",
            "id",
            sqlite_where=text("status = 'processing'"),
            postgresql_where=text("status = 'processing'"),
        ),
    )

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    source: Mapped[str] = mapped_column(String(40), default="")
    external_id: Mapped[str] = mapped_column(String(120))
    number: Mapped[str] = mapped_column(String(120))  # as people say it: upper case, no leading "#"
    status: Mapped[OrderStatus] = mapped_column(enum_column(OrderStatus))
    placed_at: Mapped[datetime | None]  # some sources do not know
    total_minor: Mapped[int] = mapped_column(BigInteger)
    total_currency: Mapped[str] = mapped_column(String(3))
    total: Mapped[Money] = composite("total_minor", "total_currency")
    is_demo: Mapped[bool] = mapped_column(default=False)

    lines: Mapped[list[OrderLine]] = relationship(lazy="raise", order_by="OrderLine.id", cascade="all, delete-orphan")
    deliveries: Mapped[list[Delivery]] = relationship(
        lazy="raise", order_by="Delivery.id", cascade="all, delete-orphan"
    )


class OrderLine(Base):
    __tablename__ = "order_lines"
    __table_args__ = (UniqueConstraint("order_id", "external_id"), Index(None, "product_id", "id"))

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    external_id: Mapped[str] = mapped_column(String(120))  # unique within its order
    product_id: Mapped[int | None] = mapped_column(ForeignKey("products.id"))
    name: Mapped[str] = mapped_column(String(300))
    quantity: Mapped[int]
    price_minor: Mapped[int] = mapped_column(BigInteger)  # of one piece
    price_currency: Mapped[str] = mapped_column(String(3))
    price: Mapped[Money] = composite("price_minor", "price_currency")


class Delivery(Base):
    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("order_id", "external_id"),)

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    external_id: Mapped[str] = mapped_column(String(120), default="1")
    carrier: Mapped[str | None] = mapped_column(String(80))
    promised_on: Mapped[date | None]
    shipped_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    returned_at: Mapped[datetime | None]
    return_reason: Mapped[str | None] = mapped_column(String(300))

    def days_late(self, today: date) -> int:
        """Calendar days after the promised day, still counting while it is on its way; 0 when in time."""
        if self.promised_on is None:
            return 0
        arrived = self.delivered_at.date() if self.delivered_at else today
        return max((arrived - self.promised_on).days, 0)


class Provenance(StrEnum):
    STATED = "stated"
    OBSERVED = "observed"
    INFERRED = "inferred"


class Preference(Base):
    """What they like. Corrected by a new row that names the old one, so that its history stays."""

    __tablename__ = "preferences"
    __table_args__ = (
        Index(None, "customer_id"),
        UniqueConstraint("source", "external_id"),
        UniqueConstraint("replaces_id"),
    )

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    text: Mapped[str] = mapped_column(String(300))
    category: Mapped[str] = mapped_column(String(40), default="other")
    provenance: Mapped[Provenance] = mapped_column(enum_column(Provenance))
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)  # {"note": 12} or {"events": [3, 9]}
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    confirmed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]  # removed, or replaced by a correction
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("preferences.id"))
    source: Mapped[str | None] = mapped_column(String(40))
    external_id: Mapped[str | None] = mapped_column(String(120))


class BoundaryKind(StrEnum):
    NO_GIFTS = "no_gifts"
    NO_CALLS_AFTER = "no_calls_after"
    OTHER = "other"


class Boundary(Base):
    """What they refused. Corrected by a new row that names the old one."""

    __tablename__ = "boundaries"
    __table_args__ = (
        Index(None, "customer_id"),
        CheckConstraint("kind <> 'no_calls_after' OR after IS NOT NULL", name="after"),
        UniqueConstraint("replaces_id"),
    )

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    kind: Mapped[BoundaryKind] = mapped_column(enum_column(BoundaryKind))
    after: Mapped[time | None]  # for no_calls_after, in the customer's own time zone
    text: Mapped[str] = mapped_column(String(300), default="")
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    confirmed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("boundaries.id"))
    source: Mapped[str | None] = mapped_column(String(40))
    external_id: Mapped[str | None] = mapped_column(String(120))

    @property
    def title(self) -> str:
        if self.kind is BoundaryKind.NO_GIFTS:
            return "No gifts"
        if self.kind is BoundaryKind.NO_CALLS_AFTER:
            return f"No calls after {self.after:%H:%M}"
        return self.text


class ComplaintState(StrEnum):
    OPEN = "open"
    SETTLED = "settled"


class Complaint(Base):
    """Stands above everything and silences delight until it is settled."""

    __tablename__ = "complaints"
    __table_args__ = (
        Index(None, "customer_id", "state"),
        Index(None, "state", "opened_at"),  # everybody's open ones, oldest first
    )

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interactions.id"))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    text: Mapped[str] = mapped_column(String(300))
    state: Mapped[ComplaintState] = mapped_column(enum_column(ComplaintState), default=ComplaintState.OPEN)
    opened_at: Mapped[datetime] = mapped_column(default=utc_now)
    settled_at: Mapped[datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class WebEvent(Base):
    """What the shop's own site or another system saw: an abandoned basket, a review, a page looked at."""

    __tablename__ = "web_events"
    __table_args__ = (UniqueConstraint("source", "external_id"), Index(None, "customer_id", "at"))

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    source: Mapped[str] = mapped_column(String(40), default="")
    external_id: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(40))  # cart_abandoned, review, survey, …
    at: Mapped[datetime]
    title: Mapped[str] = mapped_column(Text, default="")
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
