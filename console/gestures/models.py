"""The catalogue, and the ledger's rows and events."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, composite, mapped_column, relationship

from console.auth.models import User
from console.customers.models import Customer
from console.db import Base, Json, enum_column, utc_now
from console.empowerment.kinds import GestureKind as GestureKind  # also found here by who writes a catalogue
from console.empowerment.kinds import Occasion as Occasion
from console.money import Money


class Fulfilling(StrEnum):
    """How a granted gesture comes about."""

    MANUAL = "manual"  # somebody does it and ticks it off
    STORE_CREDIT = "store_credit"
    VOUCHER = "voucher"
    CARD = "card"  # written by hand, goes with the next delivery
    WEBHOOK = "webhook"  # another system does it
    NONE = "none"  # giving it is doing it

    @property
    def label(self) -> str:
        return FULFILLING_LABELS[self]


FULFILLING_LABELS = {
    Fulfilling.MANUAL: "Somebody does it by hand",
    Fulfilling.STORE_CREDIT: "Credit on the account",
    Fulfilling.VOUCHER: "A voucher code",
    Fulfilling.CARD: "A card with the next delivery",
    Fulfilling.WEBHOOK: "Another system does it",
    Fulfilling.NONE: "Nothing more to do",
}


class Gesture(Base):
    """A catalogue entry, a "plus one". What it costs and is called stands in its versions."""

    __tablename__ = "gestures"

    code: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[GestureKind] = mapped_column(enum_column(GestureKind))
    active: Mapped[bool] = mapped_column(default=True)
    stock: Mapped[int | None]  # how many there were at `stock_at`; none: as many as you like
    stock_at: Mapped[datetime | None]
    is_demo: Mapped[bool] = mapped_column(default=False)

    versions: Mapped[list[GestureVersion]] = relationship(
        lazy="raise", order_by="GestureVersion.version", back_populates="gesture"
    )


class GestureVersion(Base):
    """The immutable price sheet of a gesture; the one with the highest version is in force.

    Four amounts that are never conflated: cost (limits), face value (legal caps), perceived value
    (ranking), tax value.
    """

    __tablename__ = "gesture_versions"
    __table_args__ = (
        UniqueConstraint("gesture_id", "version"),
        CheckConstraint(
            "cost_minor >= 0 AND face_minor >= 0 AND perceived_minor >= 0 AND tax_minor >= 0", name="amounts"
        ),
    )

    gesture_id: Mapped[int] = mapped_column(ForeignKey("gestures.id"))
    version: Mapped[int]
    name: Mapped[str] = mapped_column(String(120))
    blurb: Mapped[str] = mapped_column(String(300), default="")  # for the agent
    wording: Mapped[str] = mapped_column(String(300), default="")  # what to say to the customer
    currency: Mapped[str] = mapped_column(String(3))
    cost_minor: Mapped[int] = mapped_column(BigInteger)
    face_minor: Mapped[int] = mapped_column(BigInteger)
    perceived_minor: Mapped[int] = mapped_column(BigInteger)
    tax_minor: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[Money] = composite("cost_minor", "currency")
    occasions: Mapped[list[str]] = mapped_column(default=list)  # Occasion values
    suits: Mapped[list[str]] = mapped_column(default=list)  # words of preferences and signals that it suits
    fulfilment: Mapped[Fulfilling] = mapped_column(enum_column(Fulfilling), default=Fulfilling.MANUAL)
    cash_like: Mapped[bool] = mapped_column(default=False)  # as good as money
    needs: Mapped[list[str]] = mapped_column(default=list)  # order, address, consent: what must be known to give it
    sensitive: Mapped[list[str]] = mapped_column(default=list)  # alcohol, food, nuts, scented …: who refuses it
    # An amount that the agent chooses, from cost_minor down to this in steps; none: the amount is fixed.
    least_minor: Mapped[int | None] = mapped_column(BigInteger)
    step_minor: Mapped[int | None] = mapped_column(BigInteger)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]  # the last day
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    gesture: Mapped[Gesture] = relationship(lazy="raise", back_populates="versions")
    created_by: Mapped[User | None] = relationship(lazy="raise")

    @property
    def face(self) -> Money:
        return Money(self.face_minor, self.currency)

    @property
    def perceived(self) -> Money:
        return Money(self.perceived_minor, self.currency)

    @property
    def tax(self) -> Money:
        return Money(self.tax_minor, self.currency)


class EntryState(StrEnum):
    HELD = "held"  # offered; reserved until it expires
    GRANTED = "granted"
    FULFILLED = "fulfilled"
    DECLINED = "declined"
    VOIDED = "voided"
    EXPIRED = "expired"
    REVERSED = "reversed"

    @property
    def label(self) -> str:
        return STATE_LABELS[self]


STATE_LABELS = {
    EntryState.HELD: "Offered",
    EntryState.GRANTED: "Given",
    EntryState.FULFILLED: "Done",
    EntryState.DECLINED: "Declined",
    EntryState.VOIDED: "Withdrawn",
    EntryState.EXPIRED: "Ran out",
    EntryState.REVERSED: "Taken back",
}
# What counts against limits; a hold does only until it expires.
SPENT = (EntryState.GRANTED, EntryState.FULFILLED)


class LedgerEntry(Base):
    """One gesture offered to one customer: the projection of its LedgerEvents. Never deleted.

    Inserted by ledger.py alone; a database trigger refuses any row whose subjects are not locked and
    stamped by the same transaction.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        Index(None, "agent_id", "booked_at"),  # the agent's day
        Index(None, "customer_id", "booked_at"),  # the customer's rolling days
        Index(None, "interaction_id"),
        Index(None, "booked_at"),  # the team's figures
        Index(None, "state", "expires_at"),  # holds that are due
        Index(None, "team_id", "booked_at"),
        Index(None, "household", "booked_at"),
        Index(None, "address_key", "booked_at"),
        Index(None, "policy_id", "booked_at"),  # a policy's pool
        Index(None, "gesture_id", "booked_at"),
        Index(None, "suggestion_id"),
        CheckConstraint("cost_minor >= 0 AND face_minor >= 0", name="cost"),
    )

    gesture_version_id: Mapped[int] = mapped_column(ForeignKey("gesture_versions.id"))
    gesture_id: Mapped[int] = mapped_column(ForeignKey("gestures.id"))
    policy_id: Mapped[int] = mapped_column(ForeignKey("policies.id"))
    policy_version_id: Mapped[int] = mapped_column(ForeignKey("policy_versions.id"))  # under which it was held
    guardrails: Mapped[list[int]] = mapped_column(Json, default=list)  # versions of those that applied
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    # Who shares one of these two with them belongs to their household, see households.Household.
    household: Mapped[str] = mapped_column(String(30))  # "account:5", "address:" and 16 hex digits, "customer:9"
    address_key: Mapped[str] = mapped_column(String(30))  # "address:…"; where none is known, the household again
    interaction_id: Mapped[int] = mapped_column(ForeignKey("interactions.id"))
    agent_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))  # the agent's, when it was booked
    approval_id: Mapped[int | None] = mapped_column(ForeignKey("approval_requests.id"))
    suggestion_id: Mapped[int | None] = mapped_column(ForeignKey("suggestions.id"))
    occasion: Mapped[Occasion] = mapped_column(enum_column(Occasion))
    state: Mapped[EntryState] = mapped_column(enum_column(EntryState))
    currency: Mapped[str] = mapped_column(String(3))
    cost_minor: Mapped[int] = mapped_column(BigInteger)
    face_minor: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[Money] = composite("cost_minor", "currency")
    reason_code: Mapped[str] = mapped_column(String(40), default="")
    reason: Mapped[str] = mapped_column(String(300), default="")
    booked_at: Mapped[datetime]  # set under the lock; what every window counts by
    expires_at: Mapped[datetime]
    idempotency_key: Mapped[str] = mapped_column(String(64), unique=True)
    terms_hash: Mapped[str] = mapped_column(String(64))

    agent: Mapped[User] = relationship(lazy="raise")
    customer: Mapped[Customer] = relationship(lazy="raise")
    gesture_version: Mapped[GestureVersion] = relationship(lazy="raise")
    events: Mapped[list[LedgerEvent]] = relationship(lazy="raise", order_by="LedgerEvent.id")

    @property
    def is_held(self) -> bool:
        return self.state is EntryState.HELD

    def state_at(self, now: datetime) -> EntryState:
        """A hold whose time is up has run out, whether or not anybody has put it to rest."""
        return EntryState.EXPIRED if self.is_held and self.expires_at <= now else self.state


class LedgerEvent(Base):
    """One step of an entry. Append-only, by database trigger."""

    __tablename__ = "ledger_events"
    __table_args__ = (Index(None, "entry_id"),)

    entry_id: Mapped[int] = mapped_column(ForeignKey("ledger_entries.id"))
    state: Mapped[EntryState] = mapped_column(enum_column(EntryState))  # what the entry became
    delta_minor: Mapped[int] = mapped_column(BigInteger)  # change of what counts against limits
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # none: time ran out
    reason: Mapped[str] = mapped_column(String(300), default="")


class LedgerLock(Base):
    """A row for each agent, team, customer, household, interaction, gesture and pool; whoever holds it may spend."""

    __tablename__ = "ledger_locks"

    subject: Mapped[str] = mapped_column(String(40), unique=True)  # "agent:7"
    last_at: Mapped[datetime]  # never runs backwards, so no window can open again


class LedgerSeal(Base):
    """A link of the chain that shows whether the ledger's events were changed behind its back (sealing.py)."""

    __tablename__ = "ledger_seals"

    last_event_id: Mapped[int] = mapped_column(
        BigInteger, unique=True
    )  # the seal covers what follows the one before, up to this
    events: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))  # sha256 of the digest before and the events' rows
    sealed_at: Mapped[datetime] = mapped_column(default=utc_now)
