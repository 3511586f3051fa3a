"""What every page shares: partials for htmx, security headers, and how times and amounts are written."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from io import StringIO
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import get_currency_symbol
from flask import Flask, Response, current_app, flash, g, make_response, render_template, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect
from sqlalchemy import event
from werkzeug.datastructures import MultiDict
from werkzeug.routing import IntegerConverter

from console.db import db, utc_now
from console.money import Money

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

csrf = CSRFProtect()
limiter = Limiter(get_remote_address, storage_uri="memory://")

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


LARGEST_ID = 2**63 - 1  # what a BIGINT takes


class RowId(IntegerConverter):
    """A number in an address. One longer than a database takes becomes the largest, which finds nothing.

    Refusing it would make Werkzeug answer 405 where another method has the same address.
    """

    def to_python(self, value: str) -> int:
        return min(int(value), LARGEST_ID)


def register_web(app: Flask) -> None:
    """CSRF, rate limits, headers, template filters, and the count of SQL statements behind each page."""
    app.url_map.converters["int"] = RowId
    csrf.init_app(app)
    limiter.init_app(app)
    app.after_request(add_headers)
    filters = (money, day, clock, moment, when, age, period, count, clock_in, language, is_today)
    app.jinja_env.filters.update({one.__name__: one for one in filters})
    app.jinja_env.globals.update(now=utc_now)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    with app.app_context():
        event.listen(db.engine, "after_cursor_execute", count_statement)


def few_at_once(answer: WSGIApplication, most: int) -> WSGIApplication:
    """Work on so many requests at a time; the others wait. A stream counts until it begins, not while it lasts."""
    places = BoundedSemaphore(most)

    def answer_in_turn(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with places:
            return answer(environ, start_response)

    return answer_in_turn


def id_argument(name: str) -> int | None:
    """A row's number in the query string; none when it is missing or no such number."""
    return id_in(request.args, name)


def id_in(values: MultiDict[str, str], name: str) -> int | None:
    """The same in a form, or in whatever else was sent."""
    number = values.get(name, type=int)
    return number if number is not None and 0 < number <= LARGEST_ID else None


def flash_with_undo(text: str, url: str, **fields: Any) -> None:
    flash_with_button(text, "Undo", url, **fields)


def flash_with_button(text: str, button: str, url: str, kind: str = "good", **fields: Any) -> None:
    """Say on the next page what was done, beside a button that sends these fields to the address."""
    message: Any = {"text": text, "button": button, "url": url, "fields": fields}
    flash(message, kind)


def wants_partial() -> bool:
    """htmx asks for a piece of the page; a boosted link or a history restore gets it whole."""
    headers = request.headers
    return "HX-Request" in headers and "HX-Boosted" not in headers and "HX-History-Restore-Request" not in headers


def render_page_or_partial(page: str, partial: str, status: int = 200, /, **context: Any) -> Response:
    # One URL, two bodies: a cache must not hand the partial to a full page load.
    response = make_response(render_template(partial if wants_partial() else page, **context), status)
    response.headers["Vary"] = "HX-Request"
    return response


def add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        if name != "X-Frame-Options" or not g.get("may_be_framed"):
            response.headers.setdefault(name, value)
    if current_app.config["SECURE_COOKIES"]:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Sql-Statements"] = str(g.get("sql_statements", 0))
    return response


def count_statement(*_: Any) -> None:
    if request:
        g.sql_statements = g.get("sql_statements", 0) + 1


def zone() -> ZoneInfo:
    return ZoneInfo(current_app.config["TIME_ZONE"])


def locale() -> str:
    return str(current_app.config["LOCALE"])


def money(amount: Money) -> str:
    return amount.format(locale())


def day(value: datetime | date) -> str:
    """14 May, or 14 May 2024 when it is not this year."""
    local = value.astimezone(zone()).date() if isinstance(value, datetime) else value
    return str(format_date(local, "d MMM" if local.year == today().year else "d MMM y", locale=locale()))


def clock(value: datetime) -> str:
    return str(format_time(value, "HH:mm", tzinfo=zone(), locale=locale()))


def clock_in(value: datetime, name: str) -> str:
    """The time in another zone, such as the customer's; empty when the zone is not known."""
    try:
        return str(format_time(value, "HH:mm", tzinfo=ZoneInfo(name), locale=locale()))
    except (ZoneInfoNotFoundError, ValueError):
        return ""


def language(tag: str) -> str:
    """pl is Polish."""
    try:
        return Locale.parse(tag, sep="-").get_display_name(locale()) or tag
    except (UnknownLocaleError, ValueError):
        return tag


def is_today(value: datetime) -> bool:
    return value.astimezone(zone()).date() == today()


def moment(value: datetime) -> str:
    """Everything, for a tooltip: Tue 14 May 2024, 10:24."""
    return str(format_datetime(value, "EEE d MMM y, HH:mm", tzinfo=zone(), locale=locale()))


def when(value: datetime) -> str:
    """Short and unmistakable: 10:24 today, Tue 10:24 within the week, otherwise the day."""
    days = (today() - value.astimezone(zone()).date()).days
    if days == 0:
        return clock(value)
    if days == 1:
        return f"Yesterday {clock(value)}"
    if 1 < days < 7:
        return str(format_datetime(value, "EEE HH:mm", tzinfo=zone(), locale=locale()))
    return day(value)


def age(value: datetime) -> str:
    """How long something has been going on: today, 1 day, 12 days."""
    days = (today() - value.astimezone(zone()).date()).days
    return "today" if days < 1 else count(days, "day")


def period(value: datetime) -> str:
    """The heading an event stands under: Today, This week, May, or May 2024."""
    local = value.astimezone(zone()).date()
    if local == today():
        return "Today"
    if 0 < (today() - local).days < 7:
        return "This week"
    return str(format_date(local, "MMMM" if local.year == today().year else "MMMM y", locale=locale()))


def today() -> date:
    return utc_now().astimezone(zone()).date()


def count(number: int, one: str, many: str | None = None) -> str:
    """1 order, 2 orders, 1,204 orders."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def spreadsheet(rows: Iterable[Sequence[Any]]) -> str:
    """Lines of CSV."""
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def currency_symbol() -> str:
    """What stands in front of an amount's field."""
    return str(get_currency_symbol(current_app.config["DEFAULT_CURRENCY"], locale=locale()))


def harmless(name: str | None) -> str | None:
    """A name that a spreadsheet would run as a formula gets an apostrophe in front."""
    return f"'{name}" if name and name[0] in "=+-@\t\r" else name


def stripped(text: str | None) -> str:
    """A typed line for a form's field: no NUL, no space at its ends."""
    return (text or "").replace("\0", "").strip()
