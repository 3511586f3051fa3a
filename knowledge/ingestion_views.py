"""Bringing articles in through the browser: the upload, how far it is, and what became of each file."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from werkzeug.datastructures import FileStorage
from wtforms import BooleanField, MultipleFileField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, ValidationError

from console.auth.permissions import Permission, allowed, requires
from console.db import db, utc_now
from console.errors import DomainError
from console.web import LARGEST_ID, harmless, render_page_or_partial, spreadsheet, today
from knowledge import ingestion_runs as runs
from knowledge.ingestion import Terms
from knowledge.listing import sources
from knowledge.models import Article, IngestionRun, IngestionState
from knowledge.reading import READ

bp = Blueprint("ingestion", __name__, url_prefix="/knowledge/ingestion")

LARGEST_UPLOAD = 200_000_000  # bytes, of all files together
MEGABYTES = LARGEST_UPLOAD // 1_000_000
MOST_FILES = 500  # more of them come in a zip
LINES = 100  # of the report on one page
TAKEN = READ | {".zip"}
KINDS = {
    "rejected": "not taken in",
    "kept": "kept",
    "updated": "updated",
    "inserted": "new",
    "archived": "archived",
    "included": "part of others",
}


@bp.url_value_preprocessor
def take_large_uploads(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Before anything reads the request; and only from those who may."""
    may_upload = current_user.is_authenticated and allowed(current_user, Permission.EDIT_KNOWLEDGE)
    if request.method == "POST" and endpoint == "ingestion.create" and may_upload:
        request.max_content_length = LARGEST_UPLOAD
        request.max_form_parts = MOST_FILES + 100


class UploadForm(FlaskForm):
    files = MultipleFileField("Files")
    source = StringField(
        "Name of the source", [DataRequired("Name where the articles come from, such as handbook"), Length(max=80)]
    )
    scope = RadioField(
        "This is",
        choices=[SelectChoice("part", "More for this source"), SelectChoice("whole", "The whole source")],
        default="part",
    )
    allow_shrink = BooleanField("More than half of it may be gone")
    overwrite = BooleanField("Replace what was edited here")

    def validate_source(self, field: StringField) -> None:
        field.data = " ".join((field.data or "").replace("\0", "").split())
        if not field.data:
            raise ValidationError("Name where the articles come from, such as handbook")

    def validate_files(self, field: MultipleFileField) -> None:
        names = [name_of(file) for file in self.chosen]
        if not names:
            raise ValidationError("Choose a zip, or one or more files")
        if len(names) > MOST_FILES:
            raise ValidationError(f"Choose at most {MOST_FILES} files, or pack them into one zip")
        if len(names) > 1 and any(name.lower().endswith(".zip") for name in names):
            raise ValidationError("Bring in one zip by itself, or other files together")
        if twice := next((name for name, number in Counter(map(str.casefold, names)).items() if number > 1), None):
            raise ValidationError(f"Two files are called {twice}: rename one of them, or pack their folders into a zip")
        if strange := [name for name in names if PurePosixPath(name).suffix.lower() not in TAKEN]:
            raise ValidationError(f"{strange[0]} is of a kind that is not read. Save it as .docx, .pdf, .html or .md")

    @property
    def chosen(self) -> list[FileStorage]:
        return [file for file in self.files.data or [] if isinstance(file, FileStorage) and file.filename]

    def terms(self) -> Terms:
        return Terms(
            overwrite=self.overwrite.data, allow_shrink=self.allow_shrink.data, whole=self.scope.data == "whole"
        )


def name_of(file: FileStorage) -> str:
    """The last part of what the browser calls it, fit for a file of ours."""
    name = PurePosixPath((file.filename or "").replace("\\", "/")).name
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
    plain = "".join(sign if sign.isprintable() and sign not in '/:*?"<>|' else "_" for sign in stem).strip(". ")
    return (plain.encode()[:180].decode(errors="ignore") or "file") + suffix[:10]


@bp.get("")
@requires(Permission.EDIT_KNOWLEDGE)
def index() -> ResponseReturnValue:
    return show_list(UploadForm(source=request.args.get("source", "")[:80]))


@bp.post("")
@requires(Permission.EDIT_KNOWLEDGE)
def create() -> ResponseReturnValue:
    form, now = UploadForm(), utc_now()
    if not form.validate_on_submit():
        return show_list(form, 422)
    names = [name_of(file) for file in form.chosen]
    called = names[0] if len(names) == 1 else f"{len(names)} files: {', '.join(names)}"
    run = runs.begin(form.source.data, called, form.terms(), actor_id=current_user.id, now=now)
    runs.clear_leftovers(now)
    save_files(run.id, form.chosen)
    db.session.commit()
    runs.start(current_app._get_current_object(), run.id)  # type: ignore[attr-defined]
    return redirect(url_for(".show", run_id=run.id), code=303)


@bp.get("/<int:run_id>")
@requires(Permission.EDIT_KNOWLEDGE)
def show(run_id: int) -> ResponseReturnValue:
    run = db.session.execute(runs.summary().where(IngestionRun.id == run_id)).one_or_none() or abort(404)
    is_active = run.state in runs.ACTIVE
    lines = [] if is_active else runs.lines_of(run_id)
    chosen = request.args.get("what", "")
    shown = [line for line in lines if line[0] == chosen] if chosen in KINDS else lines
    start = min(max(request.args.get("start", 0, type=int), 0), LARGEST_ID)
    page = shown[start : start + LINES]
    more = start + LINES < len(shown)
    return render_page_or_partial(
        "knowledge/ingestion_run.html",
        "knowledge/_ingestion_run.html",
        run=run,
        is_active=is_active,
        is_dead=runs.is_dead(run.state, run.seen_at, utc_now()),
        can_resume=bool(runs.uploaded(run_id)),
        lines=page,
        kinds=KINDS,
        numbers=Counter(what for what, _, _ in lines),
        chosen=chosen if chosen in KINDS else "",
        articles=pages_of(run.source, [which for what, which, _ in page if what != "rejected"]),
        older=url_for(".show", run_id=run_id, what=chosen or None, start=start + LINES) if more else None,
    )


@bp.get("/<int:run_id>/report.csv")
@requires(Permission.EDIT_KNOWLEDGE)
def report(run_id: int) -> ResponseReturnValue:
    run = db.session.execute(runs.summary().where(IngestionRun.id == run_id)).one_or_none() or abort(404)
    lines = ((what, harmless(which), harmless(remark)) for what, which, remark in runs.lines_of(run_id))
    body = spreadsheet([("what became of it", "file or article", "remark"), *lines])
    name = f'attachment; filename="bringing-in-{run.id}-{today().isoformat()}.csv"'
    return Response(body, mimetype="text/csv", headers={"Content-Disposition": name})


@bp.post("/<int:run_id>/resumption")
@requires(Permission.EDIT_KNOWLEDGE)
def resumption(run_id: int) -> ResponseReturnValue:
    run = db.session.get(IngestionRun, run_id, with_for_update=True) or abort(404)
    try:
        runs.resume(run, utc_now())
    except DomainError as problem:
        db.session.rollback()
        flash(str(problem), "warn")
        return redirect(url_for(".show", run_id=run_id), code=303)
    db.session.commit()
    runs.start(current_app._get_current_object(), run_id)  # type: ignore[attr-defined]
    return redirect(url_for(".show", run_id=run_id), code=303)


def show_list(form: UploadForm, status: int = 200) -> Response:
    rows = list(db.session.execute(runs.page(before())))
    older = None
    if len(rows) > runs.PAGE:
        last = rows[runs.PAGE - 1]
        older = url_for(".index", before=f"{last.started_at.isoformat()}_{last.id}")
    now = utc_now()
    return render_page_or_partial(
        "knowledge/ingestion.html",
        "knowledge/_ingestion_runs.html",
        status,
        form=form,
        runs=rows[: runs.PAGE],
        dead={row.id for row in rows if runs.is_dead(row.state, row.seen_at, now)},
        older=older,
        sources=[source for source in sources() if source],
        kinds=", ".join(sorted(TAKEN)),
        megabytes=MEGABYTES,
        IngestionState=IngestionState,
    )


def before() -> tuple[datetime, int] | None:
    moment, _, number = request.args.get("before", "").rpartition("_")
    try:
        found = datetime.fromisoformat(moment), int(number)
    except ValueError:
        return None
    return found if found[0].tzinfo and 0 < found[1] <= LARGEST_ID else None


def save_files(run_id: int, files: list[FileStorage]) -> None:
    """Written to disk piece by piece; private to this server, and gone when the run has ended."""
    folder = runs.upload_folder(run_id)
    shutil.rmtree(folder, ignore_errors=True)  # of a run of that number in an earlier database
    folder.mkdir(parents=True, mode=0o700)
    for file in files:
        file.save(folder / name_of(file))


def pages_of(source: str, external_ids: list[str]) -> dict[str, Any]:
    """The articles of a page of lines, each with slug and title; those of a trial run are nowhere yet."""
    found = db.select(Article.external_id, Article.slug, Article.title).where(
        Article.source == source, Article.external_id.in_(external_ids)
    )
    return {row.external_id: row for row in db.session.execute(found)} if external_ids else {}
