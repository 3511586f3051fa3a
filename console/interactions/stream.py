"""Open pages follow what changes: as a stream of server-sent events, or by asking again when a stream cannot be had."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, abort, current_app, g, jsonify, request
from flask.typing import ResponseReturnValue
from flask_login import current_user, user_logged_out
from sqlalchemy import select

from console.auth.models import User
from console.auth.permissions import Permission, may, requires
from console.customers.models import Customer
from console.db import db, utc_now
from console.feed import FeedEntry, tell
from console.interactions.hub import Follower, Hub, NoRoom
from console.interactions.models import Interaction
from console.interactions.presence import also_looking
from console.interactions.sources import Told
from console.web import LARGEST_ID, id_argument, render_page_or_partial

bp = Blueprint("live", __name__)

BEAT = 15.0  # seconds between two signs of life to a page
LONGEST = 1800.0  # seconds of one stream; the page then signs in and asks anew, without a gap
RETRY_AFTER = 10  # seconds, when there is no room
# What was told a little before may have been committed a little after: sent once more, pages leave out what they had.
LOOK_BACK = timedelta(seconds=5)
LONGEST_ABSENCE = timedelta(hours=23)  # the feed keeps a day
MOST = 1000  # messages missed; beyond them the page loads everything again
LAST_MOMENT = 2**42  # milliseconds: the year 2109


def register_hub(app: Any, room: int) -> None:
    app.extensions["live"] = Hub(app, room)


def hub() -> Hub:
    found: Hub = current_app.extensions["live"]
    return found


@bp.get("/stream")
@requires(Permission.COME_IN)
def stream() -> ResponseReturnValue:
    """What happens from now on, and since Last-Event-ID, `after` (an id too) or `since` (a moment in milliseconds)."""
    topics, customer_id = followed()
    if request.method != "GET" or not request.accept_mimetypes["text/event-stream"]:
        abort(406)
    follower = Follower(
        topics,
        user_id=current_user.id,
        sign_in=current_user.fs_uniquifier,
        needs=Permission.SEE_CUSTOMER if may("SEE_CUSTOMER") else Permission.COME_IN,
        customer_id=customer_id,
        socket=request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket"),
    )
    try:
        hub().join(follower)
    except NoRoom:
        return Response("Too many pages are followed just now.", 503, {"Retry-After": str(RETRY_AFTER)})
    leave = hub().leave
    try:
        begin = missed(topics, *position())
    except BaseException:
        leave(follower)
        raise
    # Not with the request's context: its database session is gone before the first word is sent.
    response = Response(events(follower, begin), mimetype="text/event-stream")
    response.call_on_close(lambda: leave(follower))
    response.headers["X-Accel-Buffering"] = "no"  # a proxy in front must not wait for more
    return response


def events(follower: Follower, begin: list[Told]) -> Iterator[bytes]:
    """Until the page leaves or is ended. A sign of life is an event, so that a page notices when it stays away."""
    yield b"retry: %d\nevent: beat\ndata: 1\n\n" % random.randint(500, 3000)
    for told in begin:
        yield told.event
    until = time.monotonic() + random.uniform(0.8, 1) * LONGEST
    while follower.over_since is None and time.monotonic() < until:
        if news := follower.wait(BEAT):
            yield news.event
        elif follower.over_since is None:
            yield b"event: beat\ndata: 1\n\n"


@bp.get("/feed")
@requires(Permission.COME_IN)
def feed() -> ResponseReturnValue:
    """The same as JSON, for pages that ask every few seconds."""
    topics, customer_id = followed()
    after, since = position()
    found = missed(topics, after, since)
    if customer_id:
        hub().polled((current_user.id, customer_id))
    last = max((told.id for told in found), default=0)
    return jsonify(entries=[told.for_json for told in found], last=max(last, after or 0))


@bp.get("/customers/<int:customer_id>/presence")
@requires(Permission.SEE_CUSTOMER)
def presence(customer_id: int) -> ResponseReturnValue:
    """Who else is looking."""
    return render_page_or_partial(
        "customers/section.html",
        "interactions/_presence.html",
        section="interactions/_presence.html",
        customer=db.get_or_404(Customer, customer_id),
        others=also_looking(customer_id, current_user.id, utc_now()),
    )


def followed() -> tuple[frozenset[str], int | None]:
    """The topics that the page asks for, and its customer. Aborts with 404 for what is not there.

    Whoever may not see customers hears of the delivery cards alone.
    """
    topics = {f"user:{current_user.id}"}
    if request.args.get("cards") and may("PACK_CARD"):
        topics.add("cards")
    if not may("SEE_CUSTOMER"):
        return frozenset(topics), None
    if current_user.team_id:
        topics.add(f"team:{current_user.team_id}")
    found: dict[str, int] = {}
    for name, model in (("interaction", Interaction), ("customer", Customer)):
        if request.args.get(name):
            number = id_argument(name)
            if number is None or db.session.scalar(select(model.id).where(model.id == number)) is None:
                abort(404)
            topics.add(f"{name}:{number}")
            found[name] = number
    return frozenset(topics), found.get("customer")


def position() -> tuple[int | None, datetime | None]:
    """Where the page stands: the last id that it had, otherwise the moment at which it was made."""
    header = request.headers.get("Last-Event-ID", type=int)
    after = header if header and 0 < header <= LARGEST_ID else id_argument("after")
    since = request.args.get("since", type=int)
    return after, datetime.fromtimestamp(since / 1000, UTC) if since and 0 < since < LAST_MOMENT else None


def missed(topics: frozenset[str], after: int | None, since: datetime | None) -> list[Told]:
    """What was told on the topics after a position: of what says the same, the last. "reload" when it is too much.

    Neither given: nothing.
    """
    begin = since
    if after is not None:
        begin = db.session.scalar(select(FeedEntry.at).where(FeedEntry.id == after))
    elif since is None:
        return []
    if begin is None or not utc_now() - LONGEST_ABSENCE < begin < utc_now() + LONGEST_ABSENCE:
        return reload()
    first = select(FeedEntry.id).where(FeedEntry.at >= begin - LOOK_BACK).order_by(FeedEntry.at).limit(1)
    rows = db.session.execute(
        select(FeedEntry.id, FeedEntry.topic, FeedEntry.kind, FeedEntry.data)
        .where(FeedEntry.topic.in_(topics), FeedEntry.id >= first.scalar_subquery())
        .order_by(FeedEntry.id)
        .limit(MOST + 1)
    ).all()
    if len(rows) > MOST:
        return reload()
    return merged([Told(*row) for row in rows])


def reload() -> list[Told]:
    newest = db.session.scalar(select(FeedEntry.id).order_by(FeedEntry.id.desc()).limit(1))
    return [Told(newest or 0, "", "reload", {})]


def merged(entries: list[Told]) -> list[Told]:
    """The last of those that differ in numbers alone, such as the newest turn: a page loads once for all of them."""
    last: dict[tuple[str, ...], Told] = {}
    for told in entries:
        beyond_numbers = [f"{name}={value}" for name, value in sorted(told.data.items()) if type(value) is not int]
        last[(told.topic, told.kind, *beyond_numbers)] = told
    return sorted(last.values(), key=lambda told: told.id)


@bp.before_app_request
def remember_the_beginning() -> None:
    """What is told from here on, a page made by this request may not show yet."""
    g.began = utc_now()


@bp.app_context_processor
def what_the_page_needs() -> dict[str, Any]:
    return {"live_since": int(g.get("began", utc_now()).timestamp() * 1000)}


@user_logged_out.connect
def end_streams(sender: Any, user: User, **_: Any) -> None:
    if user.is_authenticated:
        tell(f"user:{user.id}", "signed_out")
        db.session.commit()
