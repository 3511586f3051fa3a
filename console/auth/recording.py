"""Sign-ins and changed passwords, written into the record from Flask-Security's signals."""

from __future__ import annotations

from typing import Any

from flask_security.signals import password_changed, user_authenticated

from console.auth.models import User
from console.events import Topic, record_event


@user_authenticated.connect
def record_sign_in(sender: Any, user: User, **_: Any) -> None:
    record_event("user.signed_in", Topic.ACCESS, subject=user, actor_id=user.id)


@password_changed.connect
def record_new_password(sender: Any, user: User, **_: Any) -> None:
    record_event("user.password_changed", Topic.ACCESS, subject=user, actor_id=user.id)
