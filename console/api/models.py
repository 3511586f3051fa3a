"""What other systems sign in with, and the answers kept so that a repeated request does nothing twice."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.auth.models import User
from console.db import Base, Json


class ApiToken(Base):
    """A key of another system. Only its hash is kept; what it does is recorded as done by its user."""

    __tablename__ = "api_tokens"

    name: Mapped[str] = mapped_column(String(80))
    start: Mapped[str] = mapped_column(String(12))  # its first letters, to tell it by
    hash: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256, hexadecimal: the token itself is random
    scopes: Mapped[list[str]] = mapped_column(Json, default=list)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))  # on whose behalf it acts
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]  # to the minute
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="raise", foreign_keys=[user_id])


class KeptAnswer(Base):
    """What a request with an Idempotency-Key was answered; kept a day."""

    __tablename__ = "kept_answers"
    __table_args__ = (UniqueConstraint("token_id", "key"), Index(None, "kept_at"))

    token_id: Mapped[int] = mapped_column(ForeignKey("api_tokens.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(200))
    request_hash: Mapped[str] = mapped_column(String(64))  # of method, path and body
    status: Mapped[int]
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)
    location: Mapped[str] = mapped_column(String(300), default="")
    kept_at: Mapped[datetime]
