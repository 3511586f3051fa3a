"""Note templates on screen: the list, writing and changing one, and what is offered for the box."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import IntegerField, RadioField, SelectField, StringField, TextAreaField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length
from wtforms.widgets import HiddenInput

from console.auth.owning import may_change, own
from console.auth.permissions import Permission, allowed, requires
from console.customers.forms import no_card_number
from console.db import db, utc_now
from console.errors import Stale
from console.web import stripped
from notes.beside import templates
from notes.beside.models import NoteTemplate
from notes.forms import KINDS, NO_SUCH_KIND
from notes.models import NoteKind
from notes.screening import fault_in_note, tidy

bp = Blueprint("note_templates", __name__, url_prefix="/notes/templates")

OWN, SHARED = "own", "shared"


class TemplateForm(FlaskForm):
    title = StringField(
        "Title",
        [DataRequired("Give it a short title, such as Visit"), Length(max=80), no_card_number],
        [stripped],
        description="Its first letters, typed after a / in the note, find it",
    )
    body = TextAreaField("Words", [DataRequired("Write what the note begins with")], [tidy])
    kind = SelectField("Kind", choices=KINDS, default="call", invalid_choice_message=NO_SUCH_KIND)
    whose = RadioField(
        "For whom", choices=[SelectChoice(OWN, "For me"), SelectChoice(SHARED, "For everybody")], default=OWN
    )
    version = IntegerField(widget=HiddenInput(), default=1)

    def validate_body(self, field: TextAreaField) -> None:
        if fault := fault_in_note(field.data):
            raise ValidationError(fault)

    def words(self) -> templates.Words:
        return templates.Words(self.title.data, self.body.data, NoteKind(self.kind.data))


@bp.get("")
@requires(Permission.WRITE_NOTE)
def index() -> ResponseReturnValue:
    rows = db.session.scalars(templates.visible_to(current_user.id)).all()
    return render_template("notes/templates.html", rows=rows, shipped=templates.SHIPPED, may_change=may_change)


@bp.get("/offered")
@requires(Permission.WRITE_NOTE)
def offered() -> ResponseReturnValue:
    """With `q`, options for the letters typed after a /; without it, the menu's items."""
    typed = request.args.get("q", "").replace("\0", "").strip()[:40]
    words = templates.offered(current_user.id, typed, templates.OFFERED if "q" in request.args else templates.MOST)
    return render_template("notes/_template_choices.html", offered=words, typed=typed, as_menu="q" not in request.args)


@bp.get("/new")
@requires(Permission.WRITE_NOTE)
def new() -> ResponseReturnValue:
    return show(TemplateForm(formdata=None))


@bp.post("")
@requires(Permission.WRITE_NOTE)
def create() -> ResponseReturnValue:
    form = TemplateForm()
    if not form.validate_on_submit():
        return show(form, status=422)
    is_shared = form.whose.data == SHARED
    if is_shared and not allowed(current_user, Permission.SHARE_SNIPPETS):
        abort(403)
    owner = None if is_shared else current_user.id
    templates.write(form.words(), owner_id=owner, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    flash(f"“{form.title.data}” is kept. Type / in a note to begin with it.", "good")
    return redirect(url_for(".index"), code=303)


@bp.get("/<int:template_id>")
@requires(Permission.WRITE_NOTE)
def edit(template_id: int) -> ResponseReturnValue:
    template = own(NoteTemplate, template_id)
    return show(TemplateForm(formdata=None, obj=template, kind=template.kind.value), template)


@bp.post("/<int:template_id>")
@requires(Permission.WRITE_NOTE)
def update(template_id: int) -> ResponseReturnValue:
    template, form = own(NoteTemplate, template_id), TemplateForm()
    if not form.validate_on_submit():
        return show(form, template, status=422)
    try:
        version = form.version.data or 0
        templates.change(template, form.words(), version=version, actor_id=current_user.id, now=utc_now())
    except Stale as problem:
        db.session.rollback()
        db.session.expire_all()
        template = own(NoteTemplate, template_id)
        form.version.data, form.version.raw_data = template.version, None
        return show(form, template, str(problem), status=409)
    db.session.commit()
    flash(f"“{form.title.data}” is changed.", "good")
    return redirect(url_for(".index"), code=303)


@bp.post("/<int:template_id>/removal")
@requires(Permission.WRITE_NOTE)
def removal(template_id: int) -> ResponseReturnValue:
    template = own(NoteTemplate, template_id)
    templates.remove(template, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    flash(f"“{template.title}” is deleted.", "good")
    return redirect(url_for(".index"), code=303)


def show(
    form: TemplateForm, template: NoteTemplate | None = None, problem: str = "", status: int = 200
) -> ResponseReturnValue:
    return render_template("notes/template.html", form=form, template=template, problem=problem), status
