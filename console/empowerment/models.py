"""Policies with their versions, what has been suspended, named segments, and simulations of a version."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.auth.models import User
from console.db import Base, Json, enum_column, utc_now
from console.empowerment.policy import Kind


class EmpowermentPolicy(Base):
    """Who may give what to whom. What it says stands in its versions."""

    __tablename__ = "policies"

    name: Mapped[str] = mapped_column(String(120), unique=True)
    kind: Mapped[Kind] = mapped_column(enum_column(Kind))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    is_demo: Mapped[bool] = mapped_column(default=False)

    owner: Mapped[User | None] = relationship(lazy="raise")
    versions: Mapped[list[PolicyVersion]] = relationship(
        lazy="raise", order_by="PolicyVersion.number", back_populates="policy"
    )


class Stage(StrEnum):
    """What people have done with a version. Whether a published one is scheduled, live or retired, the clock says."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"  # a draft given up, or a published one ended before its time


class PolicyState(StrEnum):
    """What a version is called at a given moment."""

    DRAFT = "draft"
    SIMULATED = "simulated"
    IN_REVIEW = "in_review"
    SCHEDULED = "scheduled"
    LIVE = "live"
    RETIRED = "retired"


class PolicyVersion(Base):
    """One content of a policy. Only a draft's body ever changes (a trigger sees to it); a change is the next version.

    `body` is what policy.body_json gives, `body_hash` its hash. A published version is in force from
    `effective_from` until `effective_to`, or until a later version of the same policy takes effect: read off the clock,
    so that no missed job can delay it.
    """

    __tablename__ = "policy_versions"
    __table_args__ = (
        UniqueConstraint("policy_id", "number"),
        Index(None, "stage", "effective_from"),
        CheckConstraint("effective_to IS NULL OR effective_to > effective_from", name="effective"),
        CheckConstraint("stage <> 'published' OR effective_from IS NOT NULL", name="published"),
    )

    policy_id: Mapped[int] = mapped_column(ForeignKey("policies.id"))
    number: Mapped[int]
    stage: Mapped[Stage] = mapped_column(enum_column(Stage), default=Stage.DRAFT)
    body: Mapped[dict[str, Any]]
    body_hash: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(String(300), default="")  # why
    comment: Mapped[str] = mapped_column(String(500), default="")  # of whoever sent it back
    revision: Mapped[int] = mapped_column(default=1)  # counts up with every save of the draft
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    submitted_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    published_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    effective_from: Mapped[datetime | None]
    effective_to: Mapped[datetime | None]

    policy: Mapped[EmpowermentPolicy] = relationship(lazy="raise", back_populates="versions")
    created_by: Mapped[User | None] = relationship(lazy="raise", foreign_keys=created_by_id)
    changed_by: Mapped[User | None] = relationship(lazy="raise", foreign_keys=changed_by_id)
    published_by: Mapped[User | None] = relationship(lazy="raise", foreign_keys=published_by_id)


class SuspensionKind(StrEnum):
    POLICY = "policy"
    AGENT = "agent"
    GESTURE = "gesture"


class Suspension(Base):
    """A kill switch that was pulled; in force from the next transaction until it is lifted."""

    __tablename__ = "suspensions"
    __table_args__ = (
        Index(
            "ux_suspensions_active",
            "kind",
            "subject_id",
            unique=True,
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
    )

    kind: Mapped[SuspensionKind] = mapped_column(enum_column(SuspensionKind))
    subject_id: Mapped[int] = mapped_column(BigInteger)  # of the policy, user or gesture
    reason: Mapped[str] = mapped_column(String(300))
    suspended_at: Mapped[datetime] = mapped_column(default=utc_now)
    suspended_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    lifted_at: Mapped[datetime | None]
    lifted_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class CustomerSegment(Base):
    """A named rule over customer facts, for policies, lists and reports."""

    __tablename__ = "segments"

    name: Mapped[str] = mapped_column(String(80), unique=True)
    description: Mapped[str] = mapped_column(String(300), default="")
    rule: Mapped[dict[str, Any]]
    revision: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    archived_at: Mapped[datetime | None]
    is_demo: Mapped[bool] = mapped_column(default=False)

    changed_by: Mapped[User | None] = relationship(lazy="raise")


class SimulationState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Simulation(Base):
    """One replay of the past under a version's content, by its hash."""

    __tablename__ = "simulations"
    __table_args__ = (Index(None, "policy_version_id", "body_hash"),)

    policy_version_id: Mapped[int] = mapped_column(ForeignKey("policy_versions.id"))
    body_hash: Mapped[str] = mapped_column(String(64))
    days: Mapped[int] = mapped_column(default=90)
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # seed, goals, likely demand
    state: Mapped[SimulationState] = mapped_column(enum_column(SimulationState), default=SimulationState.WAITING)
    progress: Mapped[int] = mapped_column(default=0)  # percent
    problem: Mapped[str] = mapped_column(String(500), default="")
    result: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    result_hash: Mapped[str] = mapped_column(String(64), default="")
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)  # a sign of life while it runs
    finished_at: Mapped[datetime | None]

    version: Mapped[PolicyVersion] = relationship(lazy="raise")
