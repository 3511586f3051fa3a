"""What can go wrong, and how it is told: as a page, or as a message for htmx."""

from __future__ import annotations

import logging
import secrets
from time import time

from flask import Flask, Response, make_response, render_template
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, TooManyRequests

from console.db import db
from console.problems import is_for_api, problem
from console.web import limiter, wants_partial

log = logging.getLogger(__name__)


class DomainError(Exception):
    """Something a person can put right. Its text is a whole sentence that says how."""


class Stale(DomainError):
    """Somebody else changed the same thing meanwhile; nothing was saved."""


MESSAGES = {
    400: ("That did not arrive whole", "The request could not be read. Go back, reload the page and try again."),
    403: (
        "You may not do this",
        "Your role does not allow it. Ask somebody whose role does, or an administrator for another role.",
    ),
    404: ("Not found", "There is nothing here that you can see. It may have been removed, or the address is mistyped."),
    405: ("Not this way", "This address takes no such request. Go back and use the button on the page."),
    413: ("Too large", "What you sent is larger than this page takes. Shorten it and try again; nothing was saved."),
    429: ("Too fast", "Too many tries in a short time. Wait a little, then try again."),
    503: (
        "Busy just now",
        "The database is taken by something long, such as an import. Nothing was saved; try again in a moment.",
    ),
    500: (
        "Something broke on our side",
        "It is written down under the reference below. Nothing was half-saved; try once more.",
    ),
}


def register_error_pages(app: Flask) -> None:
    app.register_error_handler(CSRFError, expired_form)
    app.register_error_handler(HTTPException, known)
    app.register_error_handler(OperationalError, busy)
    app.register_error_handler(Exception, unknown)


def tell(code: int, title: str, message: str, reference: str | None = None) -> Response:
    if is_for_api():
        return problem(code, reference=reference) if reference else problem(code)
    template = "errors/_error.html" if wants_partial() else "errors/error.html"
    body = render_template(template, code=code, title=title, message=message, reference=reference)
    response = make_response(body, code)
    response.headers["Vary"] = "HX-Request"
    if reference:
        response.headers["X-Reference"] = reference
    return response


def expired_form(error: CSRFError) -> Response:
    db.session.rollback()
    return tell(
        400, "This page is out of date", "You were signed in afresh since it was opened. Reload it and try again."
    )


def known(error: HTTPException) -> Response:
    db.session.rollback()
    code = error.code or 500
    if code < 400:
        return make_response(error.get_response())
    title, message = MESSAGES.get(code, (error.name, error.description or ""))
    response = tell(code, title, message)
    if allow := dict(error.get_headers()).get("Allow"):
        response.headers["Allow"] = allow
    if isinstance(error, TooManyRequests):
        window = limiter.current_limit
        response.headers["Retry-After"] = str(max(int(window.reset_at - time()), 1) if window else 60)
    return response


def busy(error: OperationalError) -> Response:
    """Somebody else held the database for too long; anything else about it is a fault of ours."""
    db.session.rollback()
    if "locked" not in str(error.orig) and "timeout" not in str(error.orig):
        return unknown(error)
    response = tell(503, *MESSAGES[503])
    response.headers["Retry-After"] = "5"
    return response


def unknown(error: Exception) -> Response:
    db.session.rollback()
    reference = secrets.token_hex(4)
    log.error("reference %s", reference, exc_info=error)
    return tell(500, *MESSAGES[500], reference=reference)
