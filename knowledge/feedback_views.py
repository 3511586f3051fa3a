"""What people say of an article: helpful, does not fit, is wrong, says it badly; and what its owner answers."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm

from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.errors import DomainError, Stale
from console.web import id_argument, render_page_or_partial, wants_partial
from knowledge import contributions as contributed
from knowledge import feedback, flagging
from knowledge.contributions import Kind, handed_in, suggested
from knowledge.feedback import Occasion
from knowledge.feedback_forms import FlagAnswerForm, FlagForm, SuggestionForm
from knowledge.models import Article, ArticleFlag, FeedbackKind, FlagReason, FlagState
from knowledge.pins import pin as keep
from knowledge.pins import pinned, unpin
from knowledge.rendering import render
from knowledge.views import is_visible, occasion_of, visible_article

bp = Blueprint("feedback", __name__, url_prefix="/knowledge")

VERDICTS = {"helpful": FeedbackKind.HELPFUL, "not_helpful": FeedbackKind.NOT_HELPFUL, "none": None}
NOTED = {"helpful": "Noted: helpful", "not_helpful": "Noted: not helpful", "none": "Taken back"}


@bp.get("/articles/<slug>/feedback")
@requires(Permission.SEE_KNOWLEDGE)
def show(slug: str) -> ResponseReturnValue:
    """The part of an article's page that asks whether it was right."""
    row = visible_article(slug)
    occasion = occasion_of(request.args)
    return render_page_or_partial(
        "knowledge/feedback.html",
        "knowledge/_said.html",
        article=row,
        verdict=feedback.verdict_of(row.id, current_user.id, feedback.own(occasion, current_user.id).question_id),
        is_pinned=row.id in pinned(current_user.id),
        my_flags=db.session.scalars(flagging.flags_of(row.id, current_user.id)).all(),
        my_suggestions=db.session.scalars(flagging.suggestions_of(row.id, current_user.id)).all(),
        reasons=flagging.REASONS,
        answers=flagging.ANSWERS,
        question_id=occasion.question_id,
        interaction_id=occasion.interaction_id,
    )


@bp.post("/articles/<slug>/feedback")
@requires(Permission.SEE_KNOWLEDGE)
def create(slug: str) -> ResponseReturnValue:
    row, kind, now = visible_article(slug), request.form.get("kind", ""), utc_now()
    occasion = feedback.own(occasion_of(request.form), current_user.id)
    act: dict[str, Any] = {"user_id": current_user.id, "now": now}
    if kind == "copied":
        feedback.add(row, FeedbackKind.COPIED, occasion, **act)
    elif kind == "dismissed":
        feedback.dismiss(row, occasion, **act)
    elif kind == "fits":
        feedback.fits_after_all(row, occasion, **act)
    elif kind in VERDICTS:
        feedback.judge(row, VERDICTS[kind], occasion, **act)
    else:
        abort(400)
    db.session.commit()
    return answer_in_place(row, kind, occasion)


def answer_in_place(row: Article, kind: str, occasion: Occasion) -> ResponseReturnValue:
    """What stands in the place of the pressed control."""
    if not wants_partial():
        flash(NOTED.get(kind, "Noted."), "good")
        return redirect(back_to(row, occasion), code=303)
    if kind == "copied":
        return "", 204
    if kind == "fits":
        return ""
    if kind == "dismissed":
        return render_template("knowledge/_dismissed.html", article=row, occasion=occasion)
    verdict, places = VERDICTS[kind], {"question_id": occasion.question_id, "interaction_id": occasion.interaction_id}
    thumbs = render_template("knowledge/_verdict.html", article=row, verdict=verdict, focused=True, **places)
    return with_toast(thumbs, NOTED[kind], row.title)


@bp.post("/articles/<slug>/pin")
@requires(Permission.SEE_KNOWLEDGE)
def pin(slug: str) -> ResponseReturnValue:
    row, wanted = visible_article(slug), request.form.get("pinned") == "1"
    (keep if wanted else unpin)(row, user_id=current_user.id, now=utc_now())
    db.session.commit()
    said = "Kept at hand" if wanted else "No longer kept at hand"
    if not wants_partial():
        flash(f"{said}.", "good")
        return redirect(url_for("knowledge.article", slug=row.slug), code=303)
    look = "menu" if request.form.get("look") == "menu" else ""
    button = render_template("knowledge/_pin.html", article=row, is_pinned=wanted, look=look, focused=look != "menu")
    return with_toast(button, said, "It stands at hand on the search page." if wanted else row.title)


@bp.route("/articles/<slug>/flags", methods=["GET", "POST"])
@requires(Permission.SEE_KNOWLEDGE)
def flags(slug: str) -> ResponseReturnValue:
    row = visible_article(slug)
    occasion = occasion_of(request.values)
    form = FlagForm().for_article(row.id)
    if not form.is_submitted():
        return flag_form(row, form, occasion)
    if not form.validate():
        return flag_form(row, form, occasion, 422)
    flagging.flag(
        row,
        FlagReason(form.reason.data),
        form.comment.data or "",
        feedback.own(occasion, current_user.id),
        user_id=current_user.id,
        now=utc_now(),
    )
    db.session.commit()
    owner = row.owner.short_name if row.owner else "The knowledge owners"
    thanks = f"{owner} will look at it; the answer will stand on the article's page."
    if not wants_partial():
        flash(f"Thank you. {thanks}", "good")
        return redirect(back_to(row, occasion), code=303)
    return with_toast(render_template("knowledge/_flag_sent.html", article=row, thanks=thanks), "Reported", row.title)


def flag_form(row: Article, form: FlagForm, occasion: Occasion, status: int = 200) -> Response:
    return render_page_or_partial(
        "knowledge/flag.html",
        "knowledge/_flag.html",
        status,
        article=row,
        form=form,
        interaction_id=occasion.interaction_id,
    )


@bp.route("/articles/<slug>/suggestions", methods=["GET", "POST"])
@requires(Permission.SEE_KNOWLEDGE)
def suggestions(slug: str) -> ResponseReturnValue:
    """The article's text, to be changed and sent to its owner."""
    row = visible_article(slug)
    form = SuggestionForm(data={"body": row.body, "revision": row.revision})
    if not form.is_submitted():
        return suggestion_form(row, form)
    if not form.validate():
        return suggestion_form(row, form, 422)
    try:
        flagging.suggest(
            row,
            form.body.data,
            form.comment.data or "",
            based_on=form.revision.data or 0,
            user_id=current_user.id,
            now=utc_now(),
        )
        db.session.commit()
    except Stale as refusal:
        db.session.rollback()
        row = visible_article(slug)
        form.revision.data, form.revision.raw_data = row.revision, None  # sent again, it is meant for this one
        return suggestion_form(row, form, 409, refusal=str(refusal))
    except DomainError as problem:
        db.session.rollback()
        row = visible_article(slug)
        return suggestion_form(row, with_error(form, "body", problem), 422)
    owner = row.owner.short_name if row.owner else "a knowledge owner"
    flash(f"Thank you. Your wording waits for {owner}.", "good")
    return redirect(url_for("knowledge.article", slug=row.slug), code=303)


def suggestion_form(row: Article, form: SuggestionForm, status: int = 200, refusal: str = "") -> Response:
    return render_page_or_partial(
        "knowledge/suggest.html",
        "knowledge/_suggest.html",
        status,
        article=row,
        form=form,
        refusal=refusal,
        theirs=render(row.body) if refusal else "",
    )


@bp.get("/contributions")
@requires(Permission.SEE_KNOWLEDGE)
def contributions() -> ResponseReturnValue:
    """What the person asking wrote, or with ?kind=suggestions suggested, and what became of it."""
    kind = Kind.SUGGESTIONS if request.args.get("kind") == Kind.SUGGESTIONS else Kind.ARTICLES
    given = suggested if kind is Kind.SUGGESTIONS else handed_in
    rows = given(current_user.id, id_argument("before") or 0)
    more = len(rows) > contributed.PAGE
    older = url_for(".contributions", kind=kind.value, before=rows[contributed.PAGE - 1].id) if more else None
    return render_page_or_partial(
        "knowledge/contributions.html",
        "knowledge/_contributions.html",
        kind=kind,
        rows=rows[: contributed.PAGE],
        older=older,
    )


@bp.get("/contributions/<int:suggestion_id>")
@requires(Permission.SEE_KNOWLEDGE)
def contribution(suggestion_id: int) -> ResponseReturnValue:
    """One suggestion of the person asking, in their words, whatever has become of its article."""
    row = contributed.suggestion_by(current_user.id, suggestion_id) or abort(404)
    return render_template(
        "knowledge/contribution.html", one=row, body=render(row.body), reachable=is_visible(row.article)
    )


@bp.get("/flags")
@requires(Permission.EDIT_KNOWLEDGE)
def index() -> ResponseReturnValue:
    """Open flags, the oldest first."""
    whose = "all" if request.args.get("whose") == "all" else "mine"
    found = db.session.scalars(
        flagging.open_flags_for(current_user.id if whose == "mine" else None, after=id_argument("after") or 0)
    ).all()
    return render_template(
        "knowledge/flags.html",
        flags=found[: flagging.PAGE],
        more=found[flagging.PAGE - 1].id if len(found) > flagging.PAGE else None,
        whose=whose,
        reasons=flagging.REASONS,
    )


@bp.route("/flags/<int:flag_id>", methods=["GET", "POST"])
@requires(Permission.EDIT_KNOWLEDGE)
def flag(flag_id: int) -> ResponseReturnValue:
    """One flag, and its owner's answer."""
    row = flag_or_404(flag_id)
    form = FlagAnswerForm()
    if not form.is_submitted():
        return answer_form(row, form)
    if not form.validate():
        return answer_form(row, form, 422)
    try:
        flagging.answer(row, FlagState(form.state.data), form.answer.data or "", user_id=current_user.id, now=utc_now())
        db.session.commit()
    except Stale as refusal:
        db.session.rollback()
        return answer_form(flag_or_404(flag_id), form, 409, refusal=str(refusal))
    except DomainError as problem:
        db.session.rollback()
        return answer_form(flag_or_404(flag_id), with_error(form, "answer", problem), 422)
    flash(f"Answered. {row.flagged_by.short_name} sees it on the article's page.", "good")
    return redirect(url_for(".index"), code=303)


def answer_form(row: ArticleFlag, form: FlagAnswerForm, status: int = 200, refusal: str = "") -> Response:
    page = render_template(
        "knowledge/flag_answer.html",
        flag=row,
        form=form,
        refusal=refusal,
        reasons=flagging.REASONS,
        answers=flagging.ANSWERS,
    )
    return make_response(page, status)


def flag_or_404(flag_id: int) -> ArticleFlag:
    return db.session.scalars(flagging.flag_by_id(flag_id)).first() or abort(404)


def with_error(form: FlaskForm, name: str, problem: DomainError) -> Any:
    form[name].errors = [*form[name].errors, str(problem)]
    return form


def with_toast(body: str, title: str, text: str) -> Response:
    response = make_response(body)
    response.headers["HX-Trigger"] = json.dumps({"toast": {"kind": "good", "title": title, "text": text}})
    return response


def back_to(row: Article, occasion: Occasion) -> str:
    return url_for("knowledge.article", slug=row.slug, interaction_id=occasion.interaction_id)
