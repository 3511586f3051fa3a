"""The address for one's calendar program: made, switched off; and what the program reads there."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.permissions import Permission, public, requires
from console.db import db, utc_now
from console.web import limiter
from notes.promises.calendars import (
    calendar,
    entries_of,
    feed_of,
    make_feed,
    note_reading,
    opened_by,
    remove_feed,
    set_words,
)

bp = Blueprint("calendar", __name__, url_prefix="/calendar")

READS = "60 per hour"  # of one address; programs ask every 15 minutes at the most
GUESSES = "300 per hour"  # from one machine, whatever the address; calendar companies ask for many from one
LONGEST_SECRET = 100  # characters


@bp.get("")
@requires(Permission.WRITE_NOTE)
def index() -> ResponseReturnValue:
    return show()


@bp.post("")
@requires(Permission.WRITE_NOTE)
def create() -> ResponseReturnValue:
    """A new address, in this one answer and nowhere else; the one before opens nothing any more."""
    before = feed_of(current_user.id)
    with_words = before.with_words if before else request.form.get("with_words") == "y"
    secret = make_feed(current_user, with_words=with_words, now=utc_now())
    db.session.commit()
    return show(url_for(".read", secret=secret, _external=True), 201)


@bp.post("/words")
@requires(Permission.WRITE_NOTE)
def words() -> ResponseReturnValue:
    set_words(current_user, request.form.get("with_words") == "y", now=utc_now())
    db.session.commit()
    flash("Saved. Your calendar program shows it when it asks the next time.", "good")
    return redirect(url_for(".index"), code=303)


@bp.post("/removal")
@requires(Permission.WRITE_NOTE)
def removal() -> ResponseReturnValue:
    remove_feed(current_user, now=utc_now())
    db.session.commit()
    flash("Switched off. The address opens nothing any more.", "good")
    return redirect(url_for(".index"), code=303)


def show(address: str = "", status: int = 200) -> Response:
    page = render_template("notes/calendar.html", feed=feed_of(current_user.id), address=address)
    return make_response(page, status)


def this_address() -> str:
    return f"calendar {request.path[:LONGEST_SECRET]}"


@bp.get("/<secret>.ics")
@public  # to who has the secret address: a calendar program cannot sign in
@limiter.limit(GUESSES)
@limiter.limit(READS, key_func=this_address)
def read(secret: str) -> ResponseReturnValue:
    opened = opened_by(secret) if len(secret) <= LONGEST_SECRET else None
    if opened is None:
        abort(404)
    feed, user = opened
    now = utc_now()
    body = calendar(entries_of(user.id, feed.with_words, now), "Promises")
    if note_reading(feed, now):
        db.session.commit()
    response = make_response(body)
    response.mimetype = "text/calendar"
    response.headers["Content-Disposition"] = 'inline; filename="promises.ics"'
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["X-Robots-Tag"] = "noindex"
    response.add_etag()
    return response.make_conditional(request)
