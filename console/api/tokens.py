"""Tokens of other systems: made, told apart, taken back. Only a token's hash is kept; it is shown once."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from console.api.models import ApiToken
from console.api.scopes import Scope, beyond
from console.auth.models import User
from console.db import db
from console.errors import DomainError
from console.events import Topic, record_event

PREFIX = "plusone_"  # so that a scanner for secrets recognises one that leaked
PAGE = 50


def create_token(
    name: str,
    user: User,
    scopes: Iterable[Scope],
    *,
    expires_at: datetime | None,
    actor_id: int | None,
    now: datetime,
) -> tuple[ApiToken, str]:
    """A token that acts as `user`, and its words, which nobody can read again.

    Raises DomainError when the user may not do what a scope is for, is deactivated, or when nothing is allowed at all.
    """
    wanted = [scope for scope in Scope if scope in set(scopes)]
    if not wanted:
        raise DomainError("Choose at least one thing that the token may be used for.")
    if not user.active:
        raise DomainError(f"{user.name} is deactivated. Choose somebody who may sign in.")
    if missing := beyond(user, wanted):
        names = ", ".join(missing)
        raise DomainError(f"{user.name}'s role does not allow {names}. Choose another user, or leave that out.")
    if expires_at is not None and expires_at <= now:
        raise DomainError("That day is past. Choose one that is still to come.")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        name=name,
        start=secret[:12],
        hash=hashed(secret),
        scopes=[scope.value for scope in wanted],
        user_id=user.id,
        created_by_id=actor_id,
        created_at=now,
        expires_at=expires_at,
    )
    db.session.add(token)
    db.session.flush()
    data = {"scopes": token.scopes, "user": user.id, "expires_at": expires_at.isoformat() if expires_at else None}
    record_event("token.created", Topic.ACCESS, subject=token, actor_id=actor_id, at=now, data=data)
    return token, secret


def revoke_token(token: ApiToken, *, actor_id: int | None, now: datetime) -> None:
    """It is refused from now on. Doing it twice is harmless."""
    if token.revoked_at is None:
        token.revoked_at = now
        record_event("token.revoked", Topic.ACCESS, subject=token, actor_id=actor_id, at=now)


def token_of(secret: str) -> ApiToken | None:
    """The token with these words, its user and their roles with it: two statements."""
    digest = hashed(secret)
    token = db.session.scalars(
        select(ApiToken)
        .where(ApiToken.hash == digest)
        .options(joinedload(ApiToken.user).options(selectinload(User.roles), joinedload(User.team)))
    ).first()
    return token if token and hmac.compare_digest(token.hash, digest) else None


def why_refused(token: ApiToken, now: datetime) -> str:
    """Why a known token is not let in; empty when it is."""
    if token.revoked_at is not None:
        return "This token was revoked. Ask an administrator for a new one."
    if token.expires_at is not None and token.expires_at <= now:
        return "This token has expired. Ask an administrator for a new one."
    if not token.user.active:
        return "The user whom this token acts for is deactivated. Ask an administrator."
    return ""


def tokens(before: int | None = None) -> Select[ApiToken]:
    """One page of tokens, the newest first, each with its user; and one more to tell whether there are others."""
    query = select(ApiToken).options(joinedload(ApiToken.user)).order_by(ApiToken.id.desc()).limit(PAGE + 1)
    return query.where(ApiToken.id < before) if before is not None else query


def hashed(secret: str) -> str:
    """The words are 256 random bits, so that a plain hash is as good as a slow one."""
    return hashlib.sha256(secret.encode()).hexdigest()
