"""Guessing passwords is slow: tries that fail are counted per person and address, and per address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, abort, make_response, request
from flask_limiter.util import get_remote_address
from flask_login import current_user
from passlib.exc import PasswordSizeError

from console.web import limiter

WINDOW = "15 minutes"
PEOPLE_BEHIND_ONE_ADDRESS = 10


def throttle(app: Flask, attempts: int) -> None:
    """Limit failed sign-ins to `attempts` per person, ten times that per address; and guesses of the old password.

    Right passwords are not counted: a whole office may sign in at nine from one address.
    """
    for endpoint, key in (("security.login", person_and_address), ("security.change_password", signed_in_person)):
        view = mistake_is_422(app.view_functions[endpoint])
        for number, counted_by in ((attempts, key), (attempts * PEOPLE_BEHIND_ONE_ADDRESS, get_remote_address)):
            limit = limiter.limit(f"{number} per {WINDOW}", key_func=counted_by, methods=["POST"], deduct_when=failed)
            view = limit(view)
        app.view_functions[endpoint] = view


def person_and_address() -> str:
    return f"{get_remote_address()} {request.form.get('email', '').strip().lower()[:255]}"


def signed_in_person() -> str:
    return f"user {current_user.get_id()}"


def failed(response: Response) -> bool:
    return response.status_code != 302


def mistake_is_422(view: Callable[..., Any]) -> Callable[..., Response]:
    """Flask-Security answers a refused form with 200; here a mistake is 422 everywhere, and a huge password 413."""

    def answered() -> Response:
        try:
            response = make_response(view())
        except PasswordSizeError:
            abort(413)
        if request.method == "POST" and response.status_code == 200:
            response.status_code = 422
        return response

    answered.__name__ = getattr(view, "__name__", "answered")
    return answered
