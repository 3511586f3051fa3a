"""Users, their roles and their team."""

from __future__ import annotations

import secrets
from datetime import datetime

from flask_security.core import RoleMixin, UserMixin
from sqlalchemy import Boolean, Column, ForeignKey, String, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

from console.db import Base, BigKey, utc_now

user_roles = Table(
    "user_roles",
    Base.metadata,
    Column("user_id", BigKey, ForeignKey("users.id"), primary_key=True),
    Column("role_id", BigKey, ForeignKey("roles.id"), primary_key=True),
)


class Team(Base):
    """People who work the same queue under the same supervisors."""

    __tablename__ = "teams"

    name: Mapped[str] = mapped_column(String(80), unique=True)
    is_demo: Mapped[bool] = mapped_column(default=False)


class Role(Base, RoleMixin):
    """One of agent, sales, supervisor, administrator. What it allows stands in permissions.py."""

    __tablename__ = "roles"

    name: Mapped[str] = mapped_column(String(40), unique=True)
    description: Mapped[str] = mapped_column(String(200), default="")


class User(Base, UserMixin):
    """Somebody who signs in."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(255), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    password: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    # Flask-Security keys sessions on this; changing it signs the user out everywhere.
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True, default=lambda: secrets.token_hex(32))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    # Known so that nobody gives anything to themselves; shown to administrators alone.
    private_email: Mapped[str | None] = mapped_column(String(255))
    private_phone: Mapped[str | None] = mapped_column(String(20))  # E.164
    private_street: Mapped[str | None] = mapped_column(String(200))
    private_postcode: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    is_demo: Mapped[bool] = mapped_column(default=False)

    # Flask-Security joins the roles when it loads the signed-in user; an author beside a note needs none.
    roles: Mapped[list[Role]] = relationship(  # type: ignore[assignment]  # Flask-Security says list[RoleMixin]
        secondary=user_roles, order_by="Role.id"
    )
    team: Mapped[Team | None] = relationship()

    @property
    def role_names(self) -> frozenset[str]:
        return frozenset(role.name for role in self.roles)

    @property
    def short_name(self) -> str:
        """M. Kerr: how a colleague is named beside a note."""
        first, _, last = self.name.rpartition(" ")
        return f"{first[0]}. {last}" if first else last
