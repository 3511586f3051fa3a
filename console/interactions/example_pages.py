"""Pages on which a supervisor reads, switches, edits and tries what is recognised by examples, or takes it as a file.

What it is, the caller says: signals in talks, findings in notes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length
from wtforms.widgets import HiddenInput

from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.errors import Stale
from console.interactions.talk_signals import (
    MOST_EXAMPLES,
    Kept,
    Kind,
    as_yaml,
    problem_with,
    read,
    sentences_of,
    tidied,
)
from console.web import render_page_or_partial, stripped

LARGEST_FILE = 400_000  # bytes
LONGEST_TRIED = 1_000


class Keep(Protocol):
    """Keeps a kind; raises Stale when it is no longer what `seen` says."""

    def __call__(self, kind: Kind, *, seen: str | None, actor_id: int, now: datetime) -> None: ...


class Reset(Protocol):
    def __call__(self, code: str, *, actor_id: int, now: datetime) -> None: ...


@dataclass(frozen=True)
class Words:
    """What the pages say."""

    title: str
    intro: str
    examples: str  # the label of the examples
    counter_examples: str
    try_it: str
    nothing: str  # nothing is recognised in what is tried
    file: str  # the name of the file
    saved: str


@dataclass(frozen=True)
class Recognised:
    """How kinds are kept, and what is recognised in a text: kinds with their words, None while that cannot be said."""

    kept: Callable[[], Sequence[Kept]]
    keep: Keep
    reset: Reset
    shipped: Callable[[], Sequence[Kind]]
    try_out: Callable[[str], Sequence[tuple[Kind, str]] | None]
    words: Words
    is_named: bool = True  # whether a supervisor may name kinds


class ExamplesForm(FlaskForm):
    label = StringField("Name", [DataRequired("Give it a name"), Length(max=80)], [stripped])
    is_on = BooleanField("Look for it")
    examples = TextAreaField("Examples", [Length(max=80_000)], description="One sentence a line")
    counter_examples = TextAreaField("Counter-examples", [Length(max=80_000)], description="One sentence a line")
    seen = StringField(widget=HiddenInput())


def add_pages(bp: Blueprint, about: Recognised) -> None:
    pages = Pages(about)
    needs = requires(Permission.EDIT_SIGNALS)
    bp.add_url_rule("", "index", needs(pages.index))
    bp.add_url_rule("/<code>", "edit", needs(pages.edit), methods=["GET", "POST"])
    bp.add_url_rule("/file", "download", needs(pages.download))
    bp.add_url_rule("/file", "upload", needs(pages.upload), methods=["POST"])


class Pages:
    """The views."""

    def __init__(self, about: Recognised) -> None:
        self.about, self.words = about, about.words

    def index(self) -> ResponseReturnValue:
        """With `text`: what would be recognised in it."""
        return self.page()

    def edit(self, code: str) -> ResponseReturnValue:
        one = self.kept_or_404(code)
        form = ExamplesForm() if request.method == "POST" else filled(one)
        if request.method == "GET":
            return self.show(one, form)
        if "reset" in request.form:
            self.about.reset(code, actor_id=current_user.id, now=utc_now())
            return saved(f"“{one.kind.label}” is as it was shipped.")
        lists = {name: tidied(form[name].data or "") for name in ("examples", "counter_examples")}
        if not self.about.is_named:
            form.label.data = one.kind.label
        valid = form.validate_on_submit()
        if problem := problem_with(**lists):
            form.examples.errors = [*form.examples.errors, problem]
            valid = False
        if not valid:
            return self.show(one, form, 422)
        kind = replace(
            one.kind,
            label=form.label.data,
            is_on=form.is_on.data,
            examples=lists["examples"],
            counter_examples=lists["counter_examples"],
        )
        try:
            self.about.keep(kind, seen=form.seen.data or "", actor_id=current_user.id, now=utc_now())
        except Stale as stale:
            db.session.rollback()
            one = self.kept_or_404(code)
            form.seen.data = one.seen
            return self.show(one, form, 409, refusal=str(stale))
        return saved(f"“{kind.label}” is saved. {self.words.saved}")

    def download(self) -> Response:
        text = as_yaml([one.kind for one in self.about.kept()])
        headers = {"Content-Disposition": f'attachment; filename="{self.words.file}"'}
        return Response(text, mimetype="application/yaml", headers=headers)

    def upload(self) -> ResponseReturnValue:
        """All or nothing: a file with a mistake changes nothing."""
        given = request.files.get("file")
        raw = given.read(LARGEST_FILE + 1) if given else b""
        present = {one.kind.code: one.kind for one in self.about.kept()}
        try:
            kinds = kinds_in(raw, present)
        except UnicodeDecodeError:
            return self.page(422, "That file is not text in UTF-8.")
        except ValueError as problem:
            return self.page(422, str(problem))
        for kind in kinds:
            usual = present[kind.code]
            label = kind.label[:80] if self.about.is_named else ""
            named = replace(kind, label=label or usual.label, icon=usual.icon, tone=usual.tone)
            if named != usual:
                self.about.keep(named, seen=None, actor_id=current_user.id, now=utc_now())
        return saved("The file is taken over.")

    def kept_or_404(self, code: str) -> Kept:
        return next((one for one in self.about.kept() if one.kind.code == code), None) or abort(404)

    def show(self, one: Kept, form: ExamplesForm, status: int = 200, refusal: str = "") -> ResponseReturnValue:
        form.examples.label.text, form.counter_examples.label.text = self.words.examples, self.words.counter_examples
        is_shipped = one.kind.code in {kind.code for kind in self.about.shipped()}
        text = render_template(
            "signals/edit.html",
            words=self.words,
            one=one,
            form=form,
            refusal=refusal,
            is_named=self.about.is_named,
            may_reset=is_shipped and bool(one.seen),
            most=MOST_EXAMPLES,
        )
        return text, status

    def page(self, status: int = 200, problem: str = "") -> ResponseReturnValue:
        text = request.args.get("text", "").replace("\0", " ").strip()[:LONGEST_TRIED]
        heard = self.about.try_out(text)
        return render_page_or_partial(
            "signals/index.html",
            "signals/_heard.html",
            status,
            words=self.words,
            kinds=self.about.kept(),
            problem=problem,
            text=text,
            says_something=bool(sentences_of(text)),
            heard=heard or [],
            is_ready=heard is not None,
        )


def kinds_in(raw: bytes, known: dict[str, Kind]) -> list[Kind]:
    """The kinds of a file that was sent. Raises ValueError with a sentence that says what is wrong with it."""
    if not raw:
        raise ValueError("Choose a file first.")
    if len(raw) > LARGEST_FILE:
        raise ValueError(f"That file has more than {LARGEST_FILE // 1000} kB.")
    kinds = read(raw.decode("utf-8"))
    if strange := next((kind.code for kind in kinds if kind.code not in known), None):
        raise ValueError(f"Nothing is called “{strange[:40]}” here. It can be one of: {', '.join(sorted(known))}.")
    return kinds


def saved(said: str) -> ResponseReturnValue:
    db.session.commit()
    flash(said, "good")
    return redirect(url_for(".index"), code=303)


def filled(one: Kept) -> ExamplesForm:
    kind = one.kind
    return ExamplesForm(
        formdata=None,
        label=kind.label,
        is_on=kind.is_on,
        examples="\n".join(kind.examples),
        counter_examples="\n".join(kind.counter_examples),
        seen=one.seen,
    )
