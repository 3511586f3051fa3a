"""Requests to give more than one's own limit."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, composite, mapped_column, relationship

from console.auth.models import User
from console.customers.models import Customer
from console.db import Base, BigKey, Json, enum_column, utc_now
from console.empowerment.kinds import Occasion
from console.gestures.models import GestureVersion
from console.money import Money


class RequestState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    COUNTERED = "countered"  # the approver offers something else
    TAKEN = "taken"  # and that was taken instead
    LAPSED = "lapsed"  # nobody answered in time
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        return STATE_LABELS[self]


STATE_LABELS = {
    RequestState.PENDING: "Waiting",
    RequestState.APPROVED: "Approved",
    RequestState.REJECTED: "Rejected",
    RequestState.COUNTERED: "Something else offered",
    RequestState.TAKEN: "Something else taken",
    RequestState.LAPSED: "Nobody answered",
    RequestState.WITHDRAWN: "Withdrawn",
}


class ApprovalRequest(Base):
    """Exact terms, asked of somebody else; approved means that the offer is held, in the same transaction."""

    __tablename__ = "approval_requests"
    __table_args__ = (
        Index(None, "state", "expires_at"),
        Index(None, "requester_id", "id"),
        Index(None, "decided_by_id", "decided_at"),  # an approver's budget
        Index(None, "policy_id", "requested_at"),  # what the advisor looks at
    )

    requester_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    interaction_id: Mapped[int] = mapped_column(ForeignKey("interactions.id"))
    gesture_version_id: Mapped[int] = mapped_column(ForeignKey("gesture_versions.id"))
    policy_id: Mapped[int] = mapped_column(ForeignKey("policies.id"))
    policy_version_id: Mapped[int] = mapped_column(ForeignKey("policy_versions.id"))
    occasion: Mapped[Occasion] = mapped_column(enum_column(Occasion))
    currency: Mapped[str] = mapped_column(String(3))
    cost_minor: Mapped[int] = mapped_column(BigInteger)
    face_minor: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[Money] = composite("cost_minor", "currency")
    reason_code: Mapped[str] = mapped_column(String(40), default="")
    reason: Mapped[str] = mapped_column(String(300), default="")  # what the requester says
    failures: Mapped[list[dict[str, Any]]] = mapped_column(Json)  # the limits exceeded, as they stood; or no policy
    terms_hash: Mapped[str] = mapped_column(String(64))
    idempotency_key: Mapped[str] = mapped_column(String(64), unique=True)
    state: Mapped[RequestState] = mapped_column(enum_column(RequestState), default=RequestState.PENDING)
    requested_at: Mapped[datetime] = mapped_column(default=utc_now)
    escalates_at: Mapped[datetime]  # from then on every approver sees it, not just the requester's team's
    expires_at: Mapped[datetime]
    approvals_needed: Mapped[int] = mapped_column(default=1)  # 2 from a cost on that the policy names
    first_approver_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    first_approved_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(String(300), default="")
    honours_id: Mapped[int | None] = mapped_column(BigKey)  # the promised offer that a kill switch withdrew
    counter_version_id: Mapped[int | None] = mapped_column(ForeignKey("gesture_versions.id"))
    counter_cost_minor: Mapped[int | None] = mapped_column(BigInteger)

    requester: Mapped[User] = relationship(lazy="raise", foreign_keys=requester_id)
    decided_by: Mapped[User | None] = relationship(lazy="raise", foreign_keys=decided_by_id)
    customer: Mapped[Customer] = relationship(lazy="raise")
    gesture_version: Mapped[GestureVersion] = relationship(lazy="raise", foreign_keys=gesture_version_id)
    counter_version: Mapped[GestureVersion | None] = relationship(lazy="raise", foreign_keys=counter_version_id)

    @property
    def is_beyond_policies(self) -> bool:
        """No policy lets the requester give it, within any limit; `policy` is the one that came nearest."""
        return not self.failures and self.honours_id is None

    @property
    def counter_cost(self) -> Money:
        return Money(self.counter_cost_minor or 0, self.currency)

    def state_at(self, now: datetime) -> RequestState:
        """A request whose time is up has lapsed, whether or not anybody has put it to rest."""
        return RequestState.LAPSED if self.state is RequestState.PENDING and self.expires_at <= now else self.state

    def is_open(self, now: datetime) -> bool:
        return self.state_at(now) is RequestState.PENDING

    def may_take(self, now: datetime) -> bool:
        """Whether what was offered instead still stands."""
        return self.state is RequestState.COUNTERED and now < self.expires_at
