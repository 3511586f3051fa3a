"""Tokens for the help pane in another desk's sidebar."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from flask import current_app, url_for
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from console.api.operations import Answer, Caller, operation
from console.api.refusing import Refusal
from console.api.schemas import Id, Sent, Told, line
from console.api.scopes import Scope
from console.auth.embedding import LASTS, embed_token, may_see_help
from console.auth.models import User
from console.auth.permissions import Permission, allowed
from console.db import db


class EmbedTokenSent(Sent):
    origin: Annotated[str, line(200, 1)] = Field(
        description="Of the page that holds the frame, such as `https://desk.example`; one of `EMBED_ANCESTORS`."
    )
    agent_id: Id | None = Field(
        None,
        description="Who sees the frame; left out: the token's own user. Another than that needs a supervisor's token.",
    )


class EmbedTokenTold(Told):
    token: str = Field(description="Put it behind the # of `url`; it is in no log there.")
    url: str = Field(description="The frame's address with the token. Add `interaction`, `customer` or `external_id`.")
    expires_at: datetime


@operation(
    "POST",
    "/embed-tokens",
    Scope.KNOWLEDGE_SEARCH,
    {201: EmbedTokenTold},
    body=EmbedTokenSent,
    problems=(404,),
    keeps_answer=False,
    example={"origin": "https://desk.example", "agent_id": 3},
)
def make_embed_token(caller: Caller, body: EmbedTokenSent) -> Answer:
    """A token for the help pane in a frame, for one agent and one origin; it lasts twelve hours.

    It can read help and say that an article was used, nothing else. It ends with the token that it was asked for with.
    """
    ancestors = current_app.config["EMBED_ANCESTORS"]
    if not ancestors:
        raise Refusal(404, "", "Embedding is switched off here: EMBED_ANCESTORS names no origin.")
    origin = body.origin.rstrip("/").lower()
    if origin not in ancestors:
        raise Refusal.of_field("origin", "This console may not be embedded there. EMBED_ANCESTORS lists the origins.")
    agent = agent_of(caller, body.agent_id)
    token = embed_token(agent.id, origin, caller.token_id)
    url = url_for("embed.frame", _external=True)
    return Answer(EmbedTokenTold(token=token, url=f"{url}#token={token}", expires_at=caller.now + LASTS), 201)


def agent_of(caller: Caller, agent_id: int | None) -> User:
    if agent_id is None or agent_id == caller.id:
        agent: User | None = caller.user
    elif not allowed(caller.user, Permission.SEE_TEAM):
        raise Refusal(
            403, "", f"The role of {caller.user.name}, whom this token acts for, does not allow it for others."
        )
    else:
        active = select(User).where(User.id == agent_id, User.active)
        agent = db.session.scalars(active.options(selectinload(User.roles))).first()
    if agent is None or not may_see_help(agent):
        raise Refusal.of_field("agent_id", "Nobody who may see help has this id.")
    return agent
