"""Named questions about users and teams."""

from __future__ import annotations

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import joinedload, selectinload

from console.auth.models import Team, User

PAGE = 50


def users(*, active: bool | None = None, after: tuple[str, int] | None = None) -> Select[User]:
    """One page of users by name, each with roles and team, and one more to tell whether there are others.

    `after` is the last name and id of the page before.
    """
    loaded = (selectinload(User.roles), joinedload(User.team))
    query = select(User).options(*loaded).order_by(User.name, User.id).limit(PAGE + 1)
    if active is not None:
        query = query.where(User.active.is_(active))
    if after is not None:
        query = query.where(tuple_(User.name, User.id) > after)
    return query


def by_email(address: str) -> Select[User]:
    return select(User).where(func.lower(User.email) == address.lower())


def teams() -> Select[Team]:
    return select(Team).order_by(Team.name, Team.id).limit(500)


def team_sizes() -> Select[int | None, int]:
    """How many active users each team has, by its id."""
    return (
        select(User.team_id, func.count(User.id))
        .where(User.team_id.is_not(None), User.active.is_(True))
        .group_by(User.team_id)
    )
