"""Notes from e-mail files, on screen: the upload, its report, and whom a mail is about when that is not known."""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from pathlib import Path
from time import time
from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from console.auth.permissions import Permission, allowed, requires
from console.customers.models import Customer
from console.customers.queries import hits_with_customers
from console.customers.searching import find
from console.db import db, utc_now
from console.web import id_argument, id_in, render_page_or_partial
from notes.beside.file_kinds import clean_name
from notes.mail.filing import Outcome, Report, WhoIsIt, colleagues_in, customer_of, take_in
from notes.mail.reading import LARGEST, Mail, Unreadable, read_mail

bp = Blueprint("mail", __name__, url_prefix="/notes/mail")

MOST = 10  # files at once
LARGEST_REQUEST = 60_000_000  # bytes
KEPT_FOR = 24 * 3600  # seconds that a mail waits for somebody to say whom it is about
TOKEN = re.compile(r"[0-9a-f]{32}")


@bp.url_value_preprocessor
def take_large_requests(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Before anything reads the request; and only from those who may."""
    may_upload = current_user.is_authenticated and allowed(current_user, Permission.WRITE_NOTE)
    if request.method == "POST" and endpoint == "mail.create" and may_upload:
        request.max_content_length = LARGEST_REQUEST


@bp.get("")
@requires(Permission.WRITE_NOTE)
def index() -> ResponseReturnValue:
    return show_upload()


@bp.post("")
@requires(Permission.WRITE_NOTE)
def create() -> ResponseReturnValue:
    files = [file for file in request.files.getlist("files") if file.filename]
    if not files:
        return show_upload(422, problem="Choose an e-mail that was saved as a file, such as .eml.")
    if len(files) > MOST:
        return show_upload(422, problem=f"Choose at most {MOST} files. An administrator can bring in a whole folder.")
    forget_old()
    report, waiting = Report(), {}
    for file in files:
        data = file.stream.read(LARGEST + 1)
        line = take_in(clean_name(file.filename or ""), data, actor_id=current_user.id, now=utc_now())
        report.lines.append(line)
        if line.asks:
            waiting[len(report.lines) - 1] = put_aside(data)
    if len(files) == 1 and waiting:
        return redirect(url_for(".choose", token=waiting[0]), code=303)
    return show_upload(report=report, waiting=waiting)


@bp.get("/<token>")
@requires(Permission.WRITE_NOTE)
def choose(token: str) -> ResponseReturnValue:
    """Whom is this mail about?"""
    mail = mail_or_404(token)
    words = request.args.get("q", "").replace("\0", "").strip()[:100]
    hits = [(one.customer, one.hit) for one in hits_with_customers(find(words))] if words else []
    chosen = db.session.get(Customer, id_argument("customer_id") or 0)
    return render_page_or_partial(
        "notes/mail_choose.html",
        "notes/_mail_hits.html",
        mail=mail,
        token=token,
        words=words,
        hits=hits,
        chosen=chosen,
        candidates=[] if words or chosen else candidates_for(mail),
    )


@bp.post("/<token>")
@requires(Permission.WRITE_NOTE)
def keep(token: str) -> ResponseReturnValue:
    mail_or_404(token)
    customer = db.session.get(Customer, id_in(request.form, "customer_id") or 0)
    if customer is None:
        flash("Choose whom it is about; it is not kept yet.", "warn")
        return redirect(url_for(".choose", token=token), code=303)
    data = place_of(token).read_bytes()
    line = take_in("The e-mail", data, actor_id=current_user.id, now=utc_now(), customer_id=customer.id)
    if line.outcome is Outcome.REJECTED:
        flash(" ".join(line.remarks), "warn")
        return redirect(url_for(".index"), code=303)
    place_of(token).unlink(missing_ok=True)
    flash(
        f"Kept as a note about {customer.name}." if line.outcome is Outcome.INSERTED else "It was kept before.", "good"
    )
    if line.sensitive:
        flash(f"Look at it again, the customer may read this one day: {', '.join(line.sensitive)}.", "warn")
    for remark in line.remarks:
        flash(f"Not kept with the note: {remark}", "warn")
    return redirect(url_for("notes.show", note_id=line.note_id), code=303)


def show_upload(
    status: int = 200, problem: str = "", report: Report | None = None, waiting: dict[int, str] | None = None
) -> Response:
    page = render_template(
        "notes/mail.html",
        problem=problem,
        report=report,
        waiting=waiting or {},
        outcomes=Outcome,
        megabytes=LARGEST // 1_000_000,
        most=MOST,
    )
    return Response(page, status)


def candidates_for(mail: Mail) -> list[Customer]:
    try:
        customer_of(mail, colleagues_in(mail))
    except WhoIsIt as question:
        rows = select(Customer).where(Customer.id.in_(question.candidates)).order_by(Customer.id)
        return list(db.session.scalars(rows)) if question.candidates else []
    return []


def mail_or_404(token: str) -> Mail:
    try:
        return read_mail(place_of(token).read_bytes())
    except (OSError, Unreadable):
        abort(404)


def put_aside(data: bytes) -> str:
    """Kept on this server, for whoever brought it, until somebody says whom it is about."""
    token = secrets.token_hex(16)
    folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    place_of(token).write_bytes(data)
    return token


def place_of(token: str) -> Path:
    """Another person's token names a file that is not there."""
    return folder() / f"{current_user.id}-{token}.eml" if TOKEN.fullmatch(token) else abort(404)


def folder() -> Path:
    return Path(current_app.config["DATA_DIR"]) / "mail"


def forget_old() -> None:
    for file in folder().glob("*.eml"):
        with suppress(OSError):
            if time() - file.stat().st_mtime > KEPT_FOR:
                file.unlink()
