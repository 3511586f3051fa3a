"""Whose promises somebody looks after: their own team's, and those of teams that have nobody to do so."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, or_, select, true

from console.auth.models import Role, Team, User, user_roles
from console.auth.permissions import ROLES, Permission, allowed
from console.db import db


def looked_after_by(user: User) -> frozenset[int] | None:
    """The teams' ids: one statement. None: everybody, for a supervisor who is in no team. Empty for all others."""
    if not allowed(user, Permission.SEE_TEAM):
        return frozenset()
    if user.team_id is None:
        return None
    roles = [name for name, permissions in ROLES.items() if Permission.SEE_TEAM in permissions]
    led = (
        select(User.team_id)
        .join(user_roles, user_roles.c.user_id == User.id)
        .join(Role, Role.id == user_roles.c.role_id)
        .where(Role.name.in_(roles), User.active.is_(True), User.team_id.is_not(None))
    )
    return frozenset(db.session.scalars(select(Team.id).where(Team.id.not_in(led)))) | {user.team_id}


def is_in(teams: Collection[int] | None) -> ColumnElement[bool]:
    """Users of these teams, or of none; everybody when `teams` is None."""
    return true() if teams is None else or_(User.team_id.in_(teams), User.team_id.is_(None))


def may_speak_for(user: User, other: User, teams: Collection[int] | None) -> bool:
    """Everybody for themselves; who looks after these teams, for their people."""
    return user.id == other.id or teams is None or other.team_id in teams
