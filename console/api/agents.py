"""Who talks with customers: the number by which a talk is assigned, or the help pane given, to somebody."""

from __future__ import annotations

from typing import Annotated

from sqlalchemy import select

from console.api.cursors import cursor, place_in
from console.api.operations import Answer, Caller, operation
from console.api.schemas import Page, Paged, Told, line
from console.api.scopes import Scope
from console.auth.models import Role, User
from console.auth.permissions import ROLES, Permission
from console.auth.queries import by_email
from console.db import db

TALKING = [name for name, permissions in ROLES.items() if Permission.HANDLE_INTERACTION in permissions]


class AgentTold(Told):
    id: int
    name: str
    email: str
    team_id: int | None


class AgentPage(Page):
    items: list[AgentTold]


class AgentsAsked(Paged):
    email: Annotated[str, line(254, 1)] | None = None


@operation("GET", "/agents", Scope.INTERACTIONS_READ, {200: AgentPage}, query=AgentsAsked)
def list_agents(caller: Caller, query: AgentsAsked) -> Answer:
    """Those who may be given a talk, by their e-mail or one after the other."""
    place = place_in("agents", query.cursor, 1)
    wanted = by_email(query.email) if query.email else select(User)
    wanted = wanted.where(User.active, User.roles.any(Role.name.in_(TALKING)))
    if place:
        wanted = wanted.where(User.id > place[0])
    rows = db.session.scalars(wanted.order_by(User.id).limit(query.limit + 1)).all()
    page = rows[: query.limit]
    items = [AgentTold(id=row.id, name=row.name, email=row.email, team_id=row.team_id) for row in page]
    return Answer(AgentPage(items=items, next_cursor=cursor("agents", page[-1].id) if len(rows) > len(page) else None))
