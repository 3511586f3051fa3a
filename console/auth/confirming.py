"""What is decided for somebody else takes a password that was entered just now, not a screen left unlocked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import current_app, session
from flask_limiter.util import get_remote_address
from flask_login import current_user
from flask_security.signals import user_authenticated
from passlib.exc import PasswordSizeError
from werkzeug.wrappers import Response

from console.auth.models import User
from console.auth.throttling import PEOPLE_BEHIND_ONE_ADDRESS, WINDOW, signed_in_person
from console.db import utc_now
from console.web import limiter

FRESH = timedelta(minutes=15)
KEPT = "confirmed_at"  # in the session: whose password it was, and when (seconds since 1970)


@user_authenticated.connect
def remember_sign_in(sender: Any, user: User, **_: Any) -> None:
    keep(user, utc_now())


def keep(user: User, now: datetime) -> None:
    session[KEPT] = [user.id, int(now.timestamp())]


def is_confirmed(now: datetime) -> bool:
    """Whether whoever is signed in entered their password within the last quarter of an hour."""
    whose, seconds = session.get(KEPT, (None, 0))
    age = now.timestamp() - seconds
    return bool(whose == current_user.id) and -1 <= age < FRESH.total_seconds()


def confirm(password: str, now: datetime) -> bool:
    """Enter the password once more; False when it is another. A stored hash that is out of date is renewed."""
    try:
        right = current_user.verify_and_update_password(password)
    except PasswordSizeError:
        right = False
    if right:
        keep(current_user, now)
    return bool(right)


def guesses(factor: int = 1) -> str:
    return f"{current_app.config['SIGN_IN_ATTEMPTS'] * factor} per {WINDOW}"


def was_wrong(response: Response) -> bool:
    return response.status_code == 422


# Guessing here is as slow as at the sign-in page: what fails is counted per person, and per address.
per_person = limiter.limit(guesses, key_func=signed_in_person, deduct_when=was_wrong)
per_address = limiter.limit(
    lambda: guesses(PEOPLE_BEHIND_ONE_ADDRESS), key_func=get_remote_address, deduct_when=was_wrong
)
