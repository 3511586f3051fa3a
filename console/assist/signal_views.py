"""What is listened for in talks: a supervisor reads, switches, edits and tries it, or takes it away as a file."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length
from wtforms.widgets import HiddenInput

from console.assist.listening import listener
from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.errors import Stale
from console.interactions import hearing
from console.interactions.hearing import Kept
from console.interactions.talk_signals import MOST_EXAMPLES, as_yaml, problem_with, read, sentences_of, shipped, tidied
from console.web import render_page_or_partial, stripped
from knowledge.embedding import encoder

bp = Blueprint("signals", __name__, url_prefix="/talk-signals")

LARGEST_FILE = 200_000  # bytes
MOST_KINDS = 20
LONGEST_TRIED = 1_000


class SignalForm(FlaskForm):
    label = StringField("Name", [DataRequired("Give it a name"), Length(max=80)], [stripped])
    is_on = BooleanField("Listen for it")
    examples = TextAreaField("What customers say", [Length(max=40_000)], description="One sentence a line")
    counter_examples = TextAreaField(
        "What only sounds like it", [Length(max=40_000)], description="One sentence a line; these are never heard as it"
    )
    seen = StringField(widget=HiddenInput())


@bp.get("")
@requires(Permission.EDIT_SIGNALS)
def index() -> ResponseReturnValue:
    """With `text`: what would be heard in it."""
    return page()


@bp.route("/<code>", methods=["GET", "POST"])
@requires(Permission.EDIT_SIGNALS)
def edit(code: str) -> ResponseReturnValue:
    one = kept_or_404(code)
    form = SignalForm() if request.method == "POST" else filled(one)
    if request.method == "GET":
        return show(one, form)
    if "reset" in request.form:
        hearing.reset(code, actor_id=current_user.id, now=utc_now())
        return saved(f"“{one.kind.label}” is as it was shipped.")
    lists = {name: tidied(form[name].data or "") for name in ("examples", "counter_examples")}
    valid = form.validate_on_submit()
    if problem := problem_with(**lists):
        form.examples.errors = [*form.examples.errors, problem]
        valid = False
    if not valid:
        return show(one, form, 422)
    kind = replace(
        one.kind,
        label=form.label.data,
        is_on=form.is_on.data,
        examples=lists["examples"],
        counter_examples=lists["counter_examples"],
    )
    try:
        hearing.keep(kind, seen=form.seen.data or "", actor_id=current_user.id, now=utc_now())
    except Stale as stale:
        db.session.rollback()
        one = kept_or_404(code)
        form.seen.data = one.seen
        return show(one, form, 409, refusal=str(stale))
    return saved(f"“{kind.label}” is saved. Talks are listened to with it from now on.")


@bp.get("/file")
@requires(Permission.EDIT_SIGNALS)
def download() -> Response:
    text = as_yaml([one.kind for one in hearing.kept()])
    headers = {"Content-Disposition": 'attachment; filename="talk-signals.yaml"'}
    return Response(text, mimetype="application/yaml", headers=headers)


@bp.post("/file")
@requires(Permission.EDIT_SIGNALS)
def upload() -> ResponseReturnValue:
    """All or nothing: a file with a mistake changes nothing."""
    given = request.files.get("file")
    raw = given.read(LARGEST_FILE + 1) if given else b""
    try:
        if not raw:
            raise ValueError("Choose a file first.")
        if len(raw) > LARGEST_FILE:
            raise ValueError(f"That file has more than {LARGEST_FILE // 1000} kB.")
        kinds = read(raw.decode("utf-8"))
        known = {one.kind.code for one in hearing.kept()}
        if strange := next((kind.code for kind in kinds if kind.code not in known), None):
            raise ValueError(f"Nothing is called “{strange[:40]}” here. It can be one of: {', '.join(sorted(known))}.")
    except UnicodeDecodeError:
        return page(422, "That file is not text in UTF-8.")
    except ValueError as problem:
        return page(422, str(problem))
    present = {one.kind.code: one.kind for one in hearing.kept()}
    for kind in kinds:
        usual = present[kind.code]
        named = replace(kind, label=kind.label[:80] or usual.label, icon=usual.icon, tone=usual.tone)
        if named != usual:
            hearing.keep(named, seen=None, actor_id=current_user.id, now=utc_now())
    return saved("The file is taken over.")


def saved(said: str) -> ResponseReturnValue:
    db.session.commit()
    flash(said, "good")
    return redirect(url_for(".index"), code=303)


def kept_or_404(code: str) -> Kept:
    return next((one for one in hearing.kept() if one.kind.code == code), None) or abort(404)


def filled(one: Kept) -> SignalForm:
    kind = one.kind
    return SignalForm(
        formdata=None,
        label=kind.label,
        is_on=kind.is_on,
        examples="\n".join(kind.examples),
        counter_examples="\n".join(kind.counter_examples),
        seen=one.seen,
    )


def show(one: Kept, form: SignalForm, status: int = 200, refusal: str = "") -> ResponseReturnValue:
    is_shipped = one.kind.code in {kind.code for kind in shipped()}
    text = render_template(
        "signals/edit.html",
        one=one,
        form=form,
        refusal=refusal,
        may_reset=is_shipped and one.row is not None,
        most=MOST_EXAMPLES,
    )
    return text, status


def page(status: int = 200, problem: str = "") -> ResponseReturnValue:
    kinds = hearing.kept()
    text = request.args.get("text", "").replace("\0", " ").strip()[:LONGEST_TRIED]
    model = encoder()
    model.start()
    heard = listener().ear(model).try_out(text) if text and model.ready() else []
    by_code = {one.kind.code: one.kind for one in kinds}
    return render_page_or_partial(
        "signals/index.html",
        "signals/_heard.html",
        status,
        kinds=kinds,
        problem=problem,
        text=text,
        says_something=bool(sentences_of(text)),
        heard=[(by_code[one.code], text[one.begins : one.ends]) for one in heard if one.code in by_code],
        is_ready=model.ready(),
    )
