"""The phone's page: choose the customer, write; and what a device needs to do so without a connection."""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from typing import Any

from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import generate_csrf

from console.auth.permissions import Permission, public, requires
from console.config import ROOT
from console.customers.models import Customer
from console.customers.names import Likeness
from console.customers.names import words as words_of
from console.customers.queries import hits_with_customers
from console.customers.searching import Hit, find
from console.db import db, utc_now
from console.web import LARGEST_ID, id_argument, id_in, wants_partial
from notes import queries
from notes.beside import templates
from notes.findings.pointing_out import sentences
from notes.forms import NewNoteForm
from notes.models import Note
from notes.views import customer_or_404, saved

bp = Blueprint("capture", __name__, url_prefix="/notes")

RECENT = 30  # customers whom a device knows without a connection, and who stand first among hits
LISTED = 6
OFFERED = 8
KEPT_FILES = ("css/**/*.css", "js/**/*.js", "img/*.svg", "vendor/**/*.js", "vendor/inter/*.woff2", "vendor/**/*.svg")


@bp.get("/new")
@requires(Permission.WRITE_NOTE)
def new() -> ResponseReturnValue:
    """Choose the customer, then write."""
    if request.args.get("customer_id"):
        return show_form(customer_or_404(request.args.get("customer_id", type=int) or 0), NewNoteForm(formdata=None))
    words = request.args.get("q", "").replace("\0", "").strip()[:100]
    recent = recent_customers()
    context: dict[str, Any] = {"words": words, "hits": found(words, recent)}
    if wants_partial() and "q" in request.args:
        return same_address(render_template("notes/_hits.html", **context))
    context |= {"recent": recent[:LISTED], "note": note_just_saved()}
    return same_address(render_template("notes/choose.html", **context))


@bp.post("/new")
@requires(Permission.WRITE_NOTE)
def create() -> ResponseReturnValue:
    form = NewNoteForm()
    if not request.form.get("customer_id"):
        return ask_whom(form, request.form.get("about", "").replace("\0", "").strip()[:100])
    customer = customer_or_404(id_in(request.form, "customer_id") or 0)
    if note := saved(customer, form):
        flash(f"Saved to {customer.name}.", "good")
        return redirect(url_for(".new", saved=note.id), code=303)
    return show_form(customer, form, 422)


def recent_customers() -> list[Customer]:
    return list(db.session.scalars(queries.recent_customers(current_user.id, utc_now(), RECENT)))


def found(typed: str, recent: list[Customer]) -> list[tuple[Customer, Hit]]:
    """Whom the letters may mean: those written about lately, the latest first, then everybody else."""
    asked = words_of(typed)
    known = [customer for customer in recent if asked and begins_with(asked, words_of(customer.name))]
    hits = [(customer, Hit(customer.id, "name", customer.name, Likeness.PREFIX)) for customer in known]
    others = hits_with_customers(find(typed)) if typed else []
    hits += [(one.customer, one.hit) for one in others if one.customer not in known]
    return hits[:OFFERED]


def begins_with(asked: list[str], name: list[str]) -> bool:
    return all(any(word.startswith(letters) for word in name) for letters in asked)


def note_just_saved() -> Note | None:
    note_id = id_argument("saved")
    note = db.session.scalars(queries.one(note_id)).first() if note_id else None
    return note if note and note.author_id == current_user.id else None


def ask_whom(form: NewNoteForm, words: str) -> Response:
    """The note as it was typed, and the question that is open; `words` are what was answered to it."""
    form.validate()
    form.form_errors.append("Say whom the note is about; it is not saved yet.")
    recent = recent_customers() if words else []
    # What was said of somebody without a connection is seldom a name alone: "Rosalind, about the dog".
    hits = next(filter(None, (found(part, recent) for part in (words, *words.split()[:4]))), [])
    return make_response(render_template("notes/capture.html", form=form, words=words, hits=hits), 422)


def show_form(customer: Customer, form: NewNoteForm, status: int = 200) -> Response:
    earlier = db.session.scalars(queries.for_customer(customer.id).limit(3)).all()
    return make_response(render_template("notes/capture.html", customer=customer, form=form, earlier=earlier), status)


def same_address(body: str) -> Response:
    response = make_response(body)
    response.headers["Vary"] = "HX-Request"
    return response


@bp.get("/waiting")
@requires(Permission.WRITE_NOTE)
def device() -> ResponseReturnValue:
    """Who is signed in on this device, a token that is good now, and whom it may choose without a connection."""
    customers = [{"id": customer.id, "name": customer.name} for customer in recent_customers()]
    return {"user": current_user.id, "token": generate_csrf(), "customers": customers}


@bp.post("/waiting")
@requires(Permission.WRITE_NOTE)
def send() -> ResponseReturnValue:
    """One note that waited on a device for a connection, with its files. 201, or 422 with what is wrong in sentences.

    Files that could not be kept are told on the next page.
    """
    customer = db.session.get(Customer, id_in(request.form, "customer_id") or LARGEST_ID)
    if customer is None:
        return {"problems": ["This customer is no longer here. Say again whom the note is about."]}, 422
    form = NewNoteForm()
    if note := saved(customer, form):
        return {"name": customer.name}, 201, {"Location": url_for("notes.show", note_id=note.id)}
    problems = [*sentences(form.remarks), *form.form_errors, *(text for field in form for text in field.errors)]
    return {"problems": list(dict.fromkeys(problems))}, 422


@bp.get("/new/offline")
@public  # it holds nobody's data; the worker fetches it without a sign-in
def offline() -> ResponseReturnValue:
    """The page that a device shows when there is no connection."""
    form = NewNoteForm(formdata=None, client_key="", meta={"csrf": False})
    return render_template("notes/offline.html", form=form, offered=templates.SHIPPED)


@bp.get("/worker.js")
@public
def worker() -> ResponseReturnValue:
    """The service worker of /notes/new and nothing else, which keeps the page above and what it is drawn with."""
    static = ROOT / "static"
    names = sorted({file.relative_to(static).as_posix() for kind in KEPT_FILES for file in static.glob(kind)})
    kept = {
        "version": version(current_app.static_url_path or ""),
        "page": url_for(".offline"),
        "files": [url_for("static", filename=name) for name in names],
    }
    script = render_template("notes/worker.js", kept=json.dumps(kept))
    return script, 200, {"Content-Type": "text/javascript", "Cache-Control": "no-cache"}


@cache
def version(static_url: str) -> str:
    """Another one whenever a static file or a template is."""
    files = sorted(file for file in (ROOT / "templates").rglob("*.*") if file.is_file())
    return sha256(b"\0".join([static_url.encode(), *(file.read_bytes() for file in files)])).hexdigest()[:16]
