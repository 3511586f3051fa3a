"""Looking after articles: their history, states, verification and addresses, and what colleagues suggest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import Select, select
from sqlalchemy.orm import defer, joinedload

from console.auth.models import User
from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.errors import DomainError, Stale
from console.web import day, flash_with_button, flash_with_undo, id_argument, id_in, render_page_or_partial, today
from knowledge import decisions
from knowledge.comparing import compare
from knowledge.editing_views import article_or_404, saved, take_long_texts
from knowledge.forms import AUDIENCES, AddressForm, AnswerForm, VerificationForm
from knowledge.models import Article, ArticleRevision, ArticleState, ArticleSuggestion, SuggestionState
from knowledge.rendering import render
from knowledge.views import visible_article
from knowledge.writing import Content, change, content_of, move, restore, set_state, verify

bp = Blueprint("upkeep", __name__, url_prefix="/knowledge/articles")
bp.url_value_preprocessor(take_long_texts)

PAGE = 50
SAID = {
    ArticleState.PUBLISHED: "Published. It is found from now on.",
    ArticleState.ARCHIVED: "Archived. Nobody finds it any more; it stays readable where it was used.",
    ArticleState.DRAFT: "A draft again. Only knowledge owners see it.",
}
NAMES = {
    "labels": "Labels",
    "audience": "For whom",
    "language": "Language",
    "state": "State",
    "verify_by": "Check again by",
    "expires_on": "Expires on",
}


@bp.get("/<slug>/revisions")
@requires(Permission.EDIT_KNOWLEDGE)
def history(slug: str) -> ResponseReturnValue:
    article = article_or_404(slug)
    before = id_argument("before")
    rows = list(db.session.scalars(revisions_of(article.id, before, PAGE + 1)))
    older = url_for(".history", slug=article.slug, before=rows[PAGE - 1].number) if len(rows) > PAGE else None
    return render_page_or_partial(
        "knowledge/history.html", "knowledge/_history.html", article=article, revisions=rows[:PAGE], older=older
    )


@bp.get("/<slug>/revisions/<int:number>")
@requires(Permission.EDIT_KNOWLEDGE)
def revision(slug: str, number: int) -> ResponseReturnValue:
    """One revision as it was; ?against=3 shows what is different from another one."""
    article = article_or_404(slug)
    shown = revision_or_404(article, number)
    other = id_argument("against")
    base = revision_or_404(article, other) if other is not None else None
    first, second = sorted([base, shown], key=lambda row: row.number) if base is not None else (None, shown)
    return render_page_or_partial(
        "knowledge/revision.html",
        "knowledge/_revision.html",
        article=article,
        shown=second,
        base=first,
        rows=compare(first.body, second.body) if first is not None else [],
        facts=changed_facts(first, second) if first is not None else [],
        body=render(second.body) if first is None else "",
    )


@bp.post("/<slug>/revisions/<int:number>/restoration")
@requires(Permission.EDIT_KNOWLEDGE)
def restoration(slug: str, number: int) -> ResponseReturnValue:
    article = article_or_404(slug)
    try:
        restore(article, number, based_on=id_in(request.form, "revision") or 0, actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        return refused(problem, url_for(".history", slug=slug))
    db.session.commit()
    return saved(article)


@bp.post("/<slug>/state")
@requires(Permission.EDIT_KNOWLEDGE)
def state(slug: str) -> ResponseReturnValue:
    article = article_or_404(slug)
    wanted = request.form.get("state", "")
    if wanted not in set(ArticleState):
        abort(400)
    before = article.state
    based_on = id_in(request.form, "revision") or 0
    try:
        set_state(article, ArticleState(wanted), based_on=based_on, actor_id=current_user.id, now=utc_now())
    except Stale as problem:
        return refused(problem, url_for("knowledge.article", slug=slug))
    db.session.commit()
    back, alike = request.form.get("back"), request.form.get("alike")
    to = url_for("articles.duplicate_pairs", alike=alike) if back == "duplicates" else ""
    if article.state is ArticleState.PUBLISHED:
        return saved(article, to)
    if article.state is ArticleState.ARCHIVED and before is not ArticleState.ARCHIVED:
        undo = {"state": before.value, "revision": article.revision, "back": back, "alike": alike}
        flash_with_undo(f"“{article.title}”: {SAID[article.state]}", url_for(".state", slug=article.slug), **undo)
    else:
        flash(SAID[article.state], "good")
    return redirect(to or url_for("knowledge.article", slug=article.slug), code=303)


@bp.post("/<slug>/verification")
@requires(Permission.EDIT_KNOWLEDGE)
def verification(slug: str) -> ResponseReturnValue:
    """Still right; look again later."""
    article = article_or_404(slug)
    form = VerificationForm()
    if not form.validate_on_submit():
        abort(400)
    verify(article, form.days.data, actor_id=current_user.id, now=utc_now(), today=today())
    db.session.commit()
    back = request.form.get("back")
    if article.expires_on and article.is_expired(today()):
        text = f"Verified “{article.title}”. But it expired on {day(article.expires_on)}, so nobody finds it."
        fields = {"revision": article.revision, "back": back}
        flash_with_button(text, "Take the day away", url_for(".expiry", slug=article.slug), "warn", **fields)
    elif article.verify_by:
        flash(f"Verified “{article.title}”. To be checked again by {day(article.verify_by)}.", "good")
    return redirect(listed_or(article, back), code=303)


@bp.post("/<slug>/expiry")
@requires(Permission.EDIT_KNOWLEDGE)
def expiry(slug: str) -> ResponseReturnValue:
    """It does not expire: the day is taken away. A later one is given in the editor."""
    article = article_or_404(slug)
    based_on = id_in(request.form, "revision") or 0
    content = replace(content_of(article), expires_on=None)
    try:
        change(article, content, based_on=based_on, actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        return refused(problem, url_for("knowledge.article", slug=slug))
    db.session.commit()
    return saved(article, listed_or(article, request.form.get("back")))


@bp.route("/<slug>/address", methods=["GET", "POST"])
@requires(Permission.EDIT_KNOWLEDGE)
def address(slug: str) -> ResponseReturnValue:
    article = article_or_404(slug)
    form = AddressForm(slug=article.slug)
    if form.validate_on_submit():
        try:
            move(article, form.slug.data or "", actor_id=current_user.id, now=utc_now())
        except DomainError as problem:
            db.session.rollback()
            form.slug.errors = [str(problem)]
        else:
            db.session.commit()
            flash("It has a new address. The old one leads to it.", "good")
            return redirect(url_for("knowledge.article", slug=article.slug), code=303)
    page = render_template("knowledge/edit_address.html", article=article_or_404(slug), form=form)
    return Response(page, 422 if request.method == "POST" else 200)


@bp.get("/suggestions")
@requires(Permission.EDIT_KNOWLEDGE)
def suggestions() -> ResponseReturnValue:
    wanted = request.args.get("state", "")
    chosen = SuggestionState(wanted) if wanted in set(SuggestionState) else SuggestionState.OPEN
    mine = request.args.get("owner") == "me"
    query = decisions.suggestions(
        state=chosen, owner_id=current_user.id if mine else None, before=id_argument("before") or 0
    )
    rows = list(db.session.scalars(query))
    older = None
    if len(rows) > decisions.PAGE:
        last = rows[decisions.PAGE - 1].id
        older = url_for(".suggestions", state=chosen, owner="me" if mine else None, before=last)
    return show_suggestions(rows[: decisions.PAGE], chosen=chosen, mine=mine, older=older)


@bp.post("/suggestions/<int:suggestion_id>/acceptance")
@requires(Permission.EDIT_KNOWLEDGE)
def acceptance(suggestion_id: int) -> ResponseReturnValue:
    row, form = suggestion_or_404(suggestion_id), AnswerForm()
    content = Content(**{**vars(content_of(row.article)), "body": row.body})
    if not form.validate_on_submit():
        return show_suggestions([row], 422, refused_id=row.id, problem="; ".join(form.answer.errors))
    based_on, answer = form.revision.data or 0, form.answer.data or ""
    try:
        decisions.accept(row, content, based_on=based_on, actor_id=current_user.id, now=utc_now(), answer=answer)
    except DomainError as problem:
        return clash(suggestion_id, problem)
    db.session.commit()
    return saved(row.article)


@bp.post("/suggestions/<int:suggestion_id>/refusal")
@requires(Permission.EDIT_KNOWLEDGE)
def refusal(suggestion_id: int) -> ResponseReturnValue:
    row, form = suggestion_or_404(suggestion_id), AnswerForm()
    if not form.validate_on_submit():
        return show_suggestions([row], 422, refused_id=row.id, problem="; ".join(form.answer.errors))
    try:
        decisions.decline(row, form.answer.data or "", actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        return clash(suggestion_id, problem)
    db.session.commit()
    flash("Declined. Whoever suggested it can read your answer.", "good")
    return redirect(url_for(".suggestions"), code=303)


@bp.get("/<slug>/print")
@requires(Permission.SEE_KNOWLEDGE)
def paper(slug: str) -> ResponseReturnValue:
    """The article without anything around it."""
    article = visible_article(slug)
    return render_template("knowledge/print.html", article=article, body=render(article.body))


def listed_or(article: Article, back: str | None) -> str:
    """Where somebody goes on who checked an article: in the list it stood in, or with the article."""
    if back == "list":
        return url_for("articles.index", due="overdue")
    return url_for("knowledge.article", slug=article.slug)


def clash(suggestion_id: int, problem: DomainError) -> Response:
    """A suggestion again, as it stands now, with what was in the way."""
    db.session.rollback()
    row = suggestion_or_404(suggestion_id)
    status = 409 if isinstance(problem, Stale) else 422
    return show_suggestions([row], status, refused_id=row.id, problem=str(problem))


def show_suggestions(rows: list[ArticleSuggestion], status: int = 200, /, **context: Any) -> Response:
    pairs = [(row, compare(row.article.body, row.body) if row.state is SuggestionState.OPEN else []) for row in rows]
    usual = {"chosen": SuggestionState.OPEN, "mine": False, "older": None, "refused_id": None, "problem": ""}
    answer = request.form.get("answer", "")
    return render_page_or_partial(
        "knowledge/suggestions.html",
        "knowledge/_suggestions.html",
        status,
        pairs=pairs,
        answer=answer,
        **(usual | context),
    )


def refused(problem: DomainError, url: str) -> ResponseReturnValue:
    db.session.rollback()
    flash(f"{problem} Nothing was changed; this is how it is now.", "warn")
    return redirect(url, code=303)


def suggestion_or_404(suggestion_id: int) -> ArticleSuggestion:
    query = decisions.suggestion(suggestion_id).execution_options(populate_existing=True)
    return db.session.scalars(query).first() or abort(404)


def revisions_of(article_id: int, before: int | None, count: int) -> Select[ArticleRevision]:
    """Newest first, each with who made it, without the bodies."""
    query = (
        select(ArticleRevision)
        .where(ArticleRevision.article_id == article_id)
        .options(defer(ArticleRevision.body), joinedload(ArticleRevision.editor).load_only(User.name).lazyload("*"))
        .order_by(ArticleRevision.number.desc())
        .limit(count)
    )
    return query.where(ArticleRevision.number < before) if before is not None else query


def revision_or_404(article: Article, number: int) -> ArticleRevision:
    return db.session.scalars(
        select(ArticleRevision)
        .where(ArticleRevision.article_id == article.id, ArticleRevision.number == number)
        .options(joinedload(ArticleRevision.editor).load_only(User.name).lazyload("*"))
    ).first() or abort(404)


def changed_facts(before: ArticleRevision, after: ArticleRevision) -> list[tuple[str, str, str]]:
    """What else is different than the text: name, then, now."""
    found = [("Title", before.title, after.title)] if before.title != after.title else []
    for key, name in NAMES.items():
        then, now = fact_in_words(key, before.facts.get(key)), fact_in_words(key, after.facts.get(key))
        if then != now:
            found.append((name, then, now))
    return found


def fact_in_words(key: str, value: Any) -> str:
    if key == "labels":
        return ", ".join(value or [])
    if key == "audience":
        return next((words for audience, words in AUDIENCES.items() if audience == value), "")
    return str(value or "")
