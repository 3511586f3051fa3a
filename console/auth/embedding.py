"""Tokens for the help pane in another desk's page: short-lived, signed, for one user, one purpose and one origin.

A browser gives a frame of another site no cookies, so the frame's script sends such a token in a header. It travels in
the fragment of the frame's address, which no server, log or Referer ever sees, and the script takes it out of there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import BigInteger, column, select, table
from sqlalchemy.orm import joinedload, selectinload

from console.auth.models import User
from console.auth.permissions import Permission, allowed
from console.db import UtcDateTime, db

LASTS = timedelta(hours=12)
HELP = "help"  # the only purpose so far
NEEDS = (Permission.SEE_KNOWLEDGE, Permission.SEE_CUSTOMER)
# Of a layer above: the token with which the other desk's server asked for this one.
API_TOKENS = table(
    "api_tokens", column("id", BigInteger), column("revoked_at", UtcDateTime), column("expires_at", UtcDateTime)
)


@dataclass(frozen=True)
class Embedded:
    """Who sees the frame, and in whose page it stands."""

    user: User
    origin: str


def embed_token(user_id: int, origin: str, api_token_id: int) -> str:
    return serializer().dumps({"user": user_id, "for": HELP, "origin": origin, "by": api_token_id})


def embedded_by(token: str, now: datetime) -> Embedded | None:
    """None when it is forged, older than LASTS, for an origin that may no longer embed, when the API token behind it
    was revoked or has expired, or when its user may not see help any more. Two statements.
    """
    try:
        said = serializer().loads(token, max_age=int(LASTS.total_seconds()))
    except BadData:
        return None
    if said["for"] != HELP or said["origin"] not in current_app.config["EMBED_ANCESTORS"]:
        return None
    behind = db.session.execute(select(API_TOKENS).where(API_TOKENS.c.id == said["by"])).first()
    if behind is None or behind.revoked_at or (behind.expires_at and behind.expires_at <= now):
        return None
    loaded = (selectinload(User.roles), joinedload(User.team))
    user = db.session.scalars(select(User).where(User.id == said["user"], User.active).options(*loaded)).first()
    return Embedded(user, said["origin"]) if user and may_see_help(user) else None


def may_see_help(user: User) -> bool:
    return all(allowed(user, one) for one in NEEDS)


def serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="embed")
