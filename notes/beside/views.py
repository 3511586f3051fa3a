"""What stands beside a note, on screen: colleagues to name, who named me, files to add, to take back and to fetch."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    get_flashed_messages,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.permissions import Permission, allowed, requires
from console.customers.timeline import Cursor, cursor_from
from console.db import db, utc_now
from console.web import count, render_page_or_partial, wants_partial
from notes import queries
from notes.beside import attachments, mentions
from notes.beside.file_kinds import ACCEPT, BY_MEDIA_TYPE, LARGEST
from notes.beside.models import NoteAttachment
from notes.following import after_saving
from notes.mail.text import folded
from notes.models import Note

bp = Blueprint("beside", __name__)

PAGE = 30
SHOWN_AT_HOME = 8
WITH_FILES = {"notes.create", "capture.create", "capture.send", "beside.add_files"}
# A picture could be shown and a PDF opened: nobody's file runs or shows anything in our own origin.
SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"


@bp.app_url_value_preprocessor
def take_large_requests(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Before anything reads the request; and only from those who may."""
    if request.method != "POST" or endpoint not in WITH_FILES or request.mimetype != "multipart/form-data":
        return  # words alone stay under the limit of every page
    if current_user.is_authenticated and allowed(current_user, Permission.WRITE_NOTE):
        request.max_content_length = attachments.LARGEST_REQUEST


bp.add_app_template_filter(mentions.pieces, "with_names")
bp.add_app_template_filter(folded, "folded")


@bp.app_template_filter()
def kind_label(file: NoteAttachment) -> str:
    return BY_MEDIA_TYPE[file.media_type].label if file.media_type in BY_MEDIA_TYPE else "File"


@bp.app_template_filter()
def file_size(size: int) -> str:
    """1.2 MB, 34 kB."""
    return f"{size / 1e6:.2g} MB" if size >= 1e6 else f"{max(size // 1000, 1)} kB"


@bp.app_context_processor
def what_files_are_taken() -> dict[str, Any]:
    return {"files_accepted": ACCEPT, "most_files": attachments.MOST, "largest_file": LARGEST}


def follow(note: Note) -> None:
    """What follows from a note that was just saved by whoever is signed in: names told, files kept.

    The writer is told by flashed sentences. Raises DomainError when the note cannot be kept so.
    """
    now = utc_now()
    mentioned = after_saving(note, actor_id=current_user.id, now=now)
    tell_writer(mentioned, add_sent_files(note))


def add_sent_files(note: Note) -> list[str]:
    files = attachments.sent_files(request.files.getlist("files"))
    return attachments.attach(note, files, actor_id=current_user.id, now=utc_now()) if files else []


def tell_writer(mentioned: mentions.Mentioned, refused: list[str]) -> None:
    if str(mentioned):
        flash(str(mentioned), "warn" if mentioned.unclear else "good")
    for sentence in refused:
        flash(f"Not kept with the note: {sentence}", "warn")


def remarks() -> dict[str, str | int]:
    """What was flashed for the writer, for an answer that shows it at once: part of a toast."""
    said: Any = get_flashed_messages(with_categories=True)
    if not said:
        return {}
    text = " ".join(sentence for _, sentence in said)
    if all(category == "good" for category, _ in said):
        return {"text": text}
    return {"kind": "warn", "text": text, "stays": 0}  # until it is dismissed


@bp.get("/notes/colleagues")
@requires(Permission.WRITE_NOTE)
def colleagues() -> ResponseReturnValue:
    """Options for an @name."""
    typed = request.args.get("q", "").replace("\0", "").strip()[:80]
    return render_template("notes/_colleagues.html", offered=mentions.offered(typed), typed=typed)


@bp.get("/mentions")
@requires(Permission.SEE_CUSTOMER)
def index() -> ResponseReturnValue:
    """Notes that name whoever is signed in, newest first."""
    rows = db.session.scalars(
        mentions.told_to(current_user.id, before=cursor_from(request.args.get("before"))).limit(PAGE + 1)
    ).all()
    page, older = rows[:PAGE], ""
    if len(rows) > PAGE:
        older = url_for(".index", before=str(Cursor(page[-1].mentioned_at, page[-1].id)))
    return render_page_or_partial("notes/mentions.html", "notes/_mention_rows.html", mentions=page, older_url=older)


@bp.get("/mentions/unseen")
@requires(Permission.SEE_CUSTOMER)
def unseen() -> ResponseReturnValue:
    """The part of the home that says who named me."""
    if not wants_partial():
        return redirect(url_for(".index"))
    return render_template("notes/_mentions.html", mentions=unseen_mentions())


def unseen_mentions() -> list[Any]:
    query = mentions.told_to(current_user.id, unseen=True).limit(SHOWN_AT_HOME)
    return list(db.session.scalars(query))


@bp.get("/mentions/badge")
@requires(Permission.SEE_CUSTOMER)
def badge() -> ResponseReturnValue:
    return render_template("notes/_mention_badge.html", number=mentions.unseen_by(current_user.id))


@bp.post("/notes/<int:note_id>/files")
@requires(Permission.WRITE_NOTE)
def add_files(note_id: int) -> ResponseReturnValue:
    note = mine_to_amend(note_id)
    before = db.session.scalars(attachments.of_note(note_id)).all()
    refused = add_sent_files(note)
    db.session.commit()
    added = len(db.session.scalars(attachments.of_note(note_id)).all()) - len(before)
    if added:
        flash(f"{count(added, 'file')} added.", "good")
    for sentence in refused:
        flash(f"Not added: {sentence}", "warn")
    if not added and not refused:
        flash("Choose a file first; one that the note holds already is not added again.", "warn")
    return redirect(url_for("notes.show", note_id=note_id), code=303)


@bp.post("/notes/<int:note_id>/files/<int:attachment_id>/removal")
@requires(Permission.WRITE_NOTE)
def removal(note_id: int, attachment_id: int) -> ResponseReturnValue:
    note = mine_to_amend(note_id)
    attachments.remove(file_or_404(note_id, attachment_id), note, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    flash("File removed.", "good")
    return redirect(url_for("notes.show", note_id=note_id), code=303)


@bp.get("/notes/<int:note_id>/files/<int:attachment_id>")
@requires(Permission.SEE_CUSTOMER)
def file(note_id: int, attachment_id: int) -> ResponseReturnValue:
    """A file as a download, never shown by the browser."""
    found = file_or_404(note_id, attachment_id, with_content=True)
    response: Response = send_file(
        BytesIO(found.content),
        mimetype=found.media_type if found.media_type in BY_MEDIA_TYPE else "application/octet-stream",
        as_attachment=True,
        download_name=found.name,
        etag=False,
        max_age=0,
    )
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cache-Control"] = "private, no-store"
    return response


def mine_to_amend(note_id: int) -> Note:
    note = db.session.scalars(queries.one(note_id)).first() or abort(404)
    return note if note.may_be_amended_by(current_user) else abort(403)


def file_or_404(note_id: int, attachment_id: int, *, with_content: bool = False) -> NoteAttachment:
    return attachments.one_of(note_id, attachment_id, with_content=with_content) or abort(404)
