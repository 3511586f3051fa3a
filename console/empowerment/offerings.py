"""The catalogue, the people and the teams, as far as policies speak of them.

The catalogue belongs to console.gestures, which stands above this package: its tables are read by their names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Select, Subquery, column, func, or_, select, table

from console.auth.models import Role as RoleRow
from console.auth.models import Team, User, user_roles
from console.auth.permissions import ROLES, Permission
from console.db import db
from console.empowerment.checking import Offering
from console.empowerment.policy import Who
from console.empowerment.sentences import Names
from console.feed import tell
from console.web import locale

GESTURES = table("gestures", column("id"), column("kind"), column("active"))
VERSIONS = table(
    "gesture_versions",
    *(
        column(name)
        for name in (
            "gesture_id", "version", "name", "currency", "cost_minor", "face_minor", "cash_like", "valid_from",
            "valid_to",
        )
    ),
)  # fmt: skip


def offerings(today: date) -> list[Offering]:
    """The gestures that can be given today, as their newest versions price them, by name."""
    last, v = newest_versions(), VERSIONS.c
    query = (
        select(v.gesture_id, GESTURES.c.kind, v.name, v.currency, v.cost_minor, v.face_minor, v.cash_like)
        .join(last, (last.c.gesture_id == v.gesture_id) & (last.c.version == v.version))
        .join(GESTURES, GESTURES.c.id == v.gesture_id)
        .where(
            GESTURES.c.active,
            or_(v.valid_from.is_(None), v.valid_from <= today),
            or_(v.valid_to.is_(None), v.valid_to >= today),
        )
        .order_by(v.name)
    )
    return [Offering(*row[:6], cash_like=bool(row[6])) for row in db.session.execute(query)]


def newest_versions() -> Subquery:
    """(gesture_id, version) of each gesture."""
    newest = select(VERSIONS.c.gesture_id, func.max(VERSIONS.c.version).label("version"))
    return newest.group_by(VERSIONS.c.gesture_id).subquery()


def names() -> Names:
    """What everything that a policy may name is called; three statements."""
    last, v = newest_versions(), VERSIONS.c
    is_newest = (last.c.gesture_id == v.gesture_id) & (last.c.version == v.version)
    called = select(v.gesture_id, v.name).join(last, is_newest)
    return Names(
        teams=dict(pairs(select(Team.id, Team.name))),
        people=dict(pairs(select(User.id, User.name))),
        gestures=dict(pairs(called)),
        locale=locale(),
    )


def pairs(query: Select[*tuple[Any, ...]]) -> list[tuple[int, str]]:
    return [(id_, name) for id_, name in db.session.execute(query)]


def giving_roles() -> list[str]:
    """The roles that may offer gestures, and so come into a policy."""
    return [name for name, allowed in ROLES.items() if Permission.OFFER_GESTURE in allowed]


@dataclass(frozen=True)
class Giver:
    """Somebody active who may give gestures."""

    id: int
    name: str
    team_id: int | None
    roles: frozenset[str]  # those that may give


def givers() -> list[Giver]:
    """Everybody who may give gestures, by name; one statement."""
    query = (
        select(User.id, User.name, User.team_id, RoleRow.name)
        .join(user_roles, user_roles.c.user_id == User.id)
        .join(RoleRow, RoleRow.id == user_roles.c.role_id)
        .where(User.active, RoleRow.name.in_(giving_roles()))
        .order_by(User.name, User.id)
    )
    found: dict[int, Giver] = {}
    for id_, name, team, role in db.session.execute(query):
        known = found.get(id_) or Giver(id_, name, team, frozenset())
        found[id_] = replace(known, roles=known.roles | {role})
    return list(found.values())


def tell_givers(user_id: int | None = None) -> None:
    """Let the open pages of whoever gives, or of one of them, show at once what may be given now."""
    topics = {f"user:{one.id}" if one.team_id is None else f"team:{one.team_id}" for one in givers()}
    for topic in sorted(topics if user_id is None else {f"user:{user_id}"}):
        tell(topic, "authority")


def among(who: Who, people: Iterable[Giver]) -> list[Giver]:
    return [one for one in people if who.includes(one.id, one.roles, one.team_id)]
