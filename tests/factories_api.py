"""Tokens for tests, and a client that sends one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from console.api.models import ApiToken
from console.api.scopes import Scope
from console.api.tokens import PREFIX, hashed
from console.auth.models import User
from console.db import utc_now
from tests.factories import add, numbers

ALL = tuple(Scope)


def make_token(session: Session, user: User, scopes: Iterable[Scope] = ALL, **given: Any) -> tuple[ApiToken, str]:
    """The row and its words; whether the user may do what the scopes are for is not asked."""
    secret = f"{PREFIX}{next(numbers):043d}"
    given.setdefault("created_at", utc_now())
    row = ApiToken(
        name="Telephony",
        start=secret[:12],
        hash=hashed(secret),
        scopes=[scope.value for scope in scopes],
        user_id=user.id,
        **given,
    )
    return add(session, row), secret


class ApiClient:
    """api.post("/interactions", {…}, key="a"): JSON in and out, with the token."""

    def __init__(self, app: Flask, secret: str, user: User) -> None:
        self.app, self.secret, self.user = app, secret, user

    def get(self, path: str, **given: Any) -> Any:
        return self.send("GET", path, **given)

    def post(self, path: str, body: Any = None, key: str | None = None, **given: Any) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        if body is not None:
            given |= {"data": body if isinstance(body, bytes) else json.dumps(body), "content_type": "application/json"}
        return self.send("POST", path, headers=headers, **given)

    def send(self, method: str, path: str, headers: Any = None, **given: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.secret}"} | (headers or {})
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **given)
