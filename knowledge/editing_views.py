"""Writing articles: the owners' list, the editor with its preview and what it keeps, and the report of duplicates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import joinedload

from console.auth.models import User
from console.auth.permissions import Permission, allowed, requires
from console.db import db, utc_now
from console.errors import DomainError, Stale
from console.web import flash_with_undo, id_argument, id_in, render_page_or_partial, today
from knowledge import duplicates, listing, starting, unsaved
from knowledge.addresses import article_at
from knowledge.comparing import compare
from knowledge.decisions import accept, count_open, suggestion
from knowledge.embedding import encoder
from knowledge.forms import (
    LONGEST_BODY,
    LONGEST_SENT,
    LOOK_AGAIN,
    STATES,
    ArticleForm,
    one_line,
    tidy,
    typed_fields,
)
from knowledge.index import index_for
from knowledge.listing import Due, Narrowing
from knowledge.models import Article, ArticleDraft, ArticleState, ArticleSuggestion, SuggestionState
from knowledge.rendering import preview as preview_of
from knowledge.writing import Content, change, content_of, create, embed_now

bp = Blueprint("articles", __name__, url_prefix="/knowledge/articles")

NARROWED = ("state", "owner", "label", "source", "due")
ME, ME_OR_NOBODY = "me", "me_or_nobody"
SIMILARITIES = (70, 80, 90)  # percent


@bp.url_value_preprocessor
def take_long_texts(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """What is too long to be saved still arrives, so that its author gets it back with a sentence that says so."""
    if request.method == "POST" and current_user.is_authenticated:
        request.max_content_length = request.max_form_memory_size = LONGEST_SENT


@bp.get("")
@requires(Permission.EDIT_KNOWLEDGE)
def index() -> ResponseReturnValue:
    narrowing = narrowing_of()
    rows = list(db.session.scalars(listing.page(narrowing, today(), before_of(request.args.get("before", "")))))
    older = None
    if len(rows) > listing.PAGE:
        last = rows[listing.PAGE - 1]
        cursor = f"{last.updated_at.astimezone(UTC).isoformat()}_{last.id}"
        narrowed: dict[str, Any] = {name: request.args[name] for name in NARROWED if request.args.get(name)}
        older = url_for(".index", **narrowed, before=cursor)
    return render_page_or_partial(
        "knowledge/articles.html",
        "knowledge/_articles.html",
        articles=rows[: listing.PAGE],
        older=older,
        narrowing=narrowing,
        sources=listing.sources(),
        labels=index_for(encoder().name).fresh().labels,
        states=STATES,
        suggested=count_open(),
        today=today(),
    )


@bp.get("/new")
@requires(Permission.PROPOSE_ARTICLE)
def new() -> ResponseReturnValue:
    """An empty article, or one started from a conversation or a gap, or one that was begun before."""
    if draft_id := id_argument("draft"):
        draft = unsaved.by_id(current_user.id, draft_id)
        if draft is None or draft.article_id is not None:
            abort(404)
        form = form_of_draft(draft)
        start = starting.Start(interaction_id=draft.interaction_id, gap_id=draft.gap_id)
        return show_editor(form, None, start=start, drafts=())
    start = start_of(id_argument("interaction_id"), id_argument("gap_id"))
    owner = current_user.id if may_publish() else None
    state = ArticleState.PUBLISHED if may_publish() and not start.body else ArticleState.DRAFT
    content = Content(start.title, start.body, state=state, owner_id=owner, verify_by=today() + LOOK_AGAIN)
    form = ArticleForm.showing(content, revision=0, key=uuid4().hex)
    return show_editor(form, None, start=start, drafts=unsaved.of_user(current_user.id))


@bp.post("")
@requires(Permission.PROPOSE_ARTICLE)
def add() -> ResponseReturnValue:
    form = ArticleForm().for_author(None, may_publish=may_publish(), languages=languages())
    start = starting.Start(interaction_id=id_in(request.form, "interaction_id"), gap_id=id_in(request.form, "gap_id"))
    if not form.validate_on_submit():
        return show_editor(form, None, 422, start=start)
    key = form.key.data or uuid4().hex
    try:
        article = create(
            form.content(),
            key=key,
            actor_id=current_user.id,
            now=utc_now(),
            comment=form.comment.data or "",
            gap_id=start_of(None, start.gap_id).gap_id,
        )
    except Stale as problem:
        form.form_errors.append(str(problem))
        return show_editor(form, None, 409, start=start)
    unsaved.forget_saved(current_user.id, article.id, key)
    db.session.commit()
    if not may_publish():
        flash(f"Thank you. “{article.title}” is with the knowledge owners, who check and publish it.", "good")
        return redirect(url_for("feedback.contributions"), code=303)
    return saved(article)


@bp.get("/<slug>/editor")
@requires(Permission.EDIT_KNOWLEDGE)
def edit(slug: str) -> ResponseReturnValue:
    """The article in the editor; ?draft=1 with what was typed and not saved, ?suggestion=7 with a colleague's text."""
    article = article_or_404(slug)
    draft = unsaved.of_article(current_user.id, article.id)
    if draft is not None and unsaved.is_said(article, draft.fields):
        draft = None
    if draft is not None and "draft" in request.args:
        return show_editor(form_of_draft(draft), article)
    content = content_of(article)
    proposal = proposal_for(article, id_argument("suggestion"))
    if proposal is not None:
        content = Content(**{**vars(content), "body": proposal.body})
    # Theirs says what the article said then: what changed since is shown before it is overwritten.
    form = ArticleForm.showing(content, revision=proposal.base_revision if proposal else article.revision)
    return show_editor(form, article, drafts=[draft] if draft else (), proposal=proposal)


@bp.post("/<slug>/revisions")
@requires(Permission.EDIT_KNOWLEDGE)
def save(slug: str) -> ResponseReturnValue:
    article = article_or_404(slug)
    proposal = proposal_for(article, id_in(request.form, "suggestion"))
    form = ArticleForm().for_author(article, may_publish=True, languages=languages())
    if not form.validate_on_submit():
        return show_editor(form, article, 422, proposal=proposal)
    based_on, now = form.revision.data or 0, utc_now()
    try:
        if proposal is not None:
            accept(proposal, form.content(), based_on=based_on, actor_id=current_user.id, now=now)
        else:
            comment = form.comment.data or ""
            change(article, form.content(), based_on=based_on, actor_id=current_user.id, now=now, comment=comment)
    except Stale as problem:
        db.session.rollback()
        return show_clash(form, slug, str(problem))
    except DomainError as problem:
        db.session.rollback()
        form.form_errors.append(str(problem))
        article = article_or_404(slug)
        return show_editor(form, article, 422, proposal=proposal_for(article, id_in(request.form, "suggestion")))
    unsaved.forget_saved(current_user.id, article.id, "")
    db.session.commit()
    return saved(article)


@bp.post("/drafts")
@requires(Permission.PROPOSE_ARTICLE)
def keep() -> ResponseReturnValue:
    """What is typed by now, every few seconds."""
    fields, article_id = typed_fields(), id_in(request.form, "article_id")
    if len(fields.get("body", "")) > LONGEST_BODY:
        return render_template("knowledge/_kept.html", problem="This is too long to be kept. Shorten it.")
    article = (db.session.get(Article, article_id) or abort(404)) if article_id and may_publish() else None
    kept = unsaved.keep(
        current_user.id,
        article,
        fields,
        base_revision=id_in(request.form, "revision") or 0,
        now=utc_now(),
        gap_id=start_of(None, id_in(request.form, "gap_id")).gap_id,
        interaction_id=start_of(id_in(request.form, "interaction_id"), None).interaction_id,
    )
    db.session.commit()
    return render_template("knowledge/_kept.html", kept=kept)


@bp.post("/drafts/<int:draft_id>/removal")
@requires(Permission.PROPOSE_ARTICLE)
def throw_away(draft_id: int) -> ResponseReturnValue:
    draft = unsaved.by_id(current_user.id, draft_id) or abort(404)
    article = db.session.get(Article, draft.article_id) if draft.article_id else None
    unsaved.forget([draft.id])
    db.session.commit()
    flash("What was not saved is thrown away.", "good")
    if article is None:
        return redirect(url_for(".new"), code=303)
    return redirect(url_for(".edit", slug=article.slug), code=303)


@bp.post("/preview")
@requires(Permission.PROPOSE_ARTICLE)
def preview() -> ResponseReturnValue:
    body = tidy(request.form.get("body"))[:LONGEST_BODY]
    html, is_beginning = preview_of(body)
    return render_template("knowledge/_preview.html", body=html, is_beginning=is_beginning)


@bp.post("/nearest")
@requires(Permission.PROPOSE_ARTICLE)
def nearest() -> ResponseReturnValue:
    """What is written already and close to this."""
    title, body = one_line(request.form.get("title"))[:300], tidy(request.form.get("body"))[:LONGEST_BODY]
    found = duplicates.neighbours(title, body, without=id_in(request.form, "article_id"))
    return render_template("knowledge/_nearest.html", neighbours=found)


@bp.get("/duplicates")
@requires(Permission.EDIT_KNOWLEDGE)
def duplicate_pairs() -> ResponseReturnValue:
    asked = request.args.get("alike", type=int)
    chosen = asked if asked in SIMILARITIES else 80
    return render_page_or_partial(
        "knowledge/duplicates.html",
        "knowledge/_duplicates.html",
        report=duplicates.report(chosen / 100),
        chosen=chosen,
        similarities=SIMILARITIES,
    )


@bp.post("/duplicates")
@requires(Permission.EDIT_KNOWLEDGE)
def tell_apart() -> ResponseReturnValue:
    """Two articles are no duplicates: the report leaves them out from now on. With `undo` it shows them again."""
    pair = [db.session.get(Article, id_in(request.form, name) or 0) or abort(404) for name in ("first", "second")]
    undo, alike = "undo" in request.form, request.form.get("alike")
    duplicates.tell_apart(*pair, actor_id=current_user.id, apart=not undo)
    db.session.commit()
    if undo:
        flash("These two are shown again.", "good")
    else:
        text = f"Noted: “{pair[0].title}” and “{pair[1].title}” are no duplicates."
        fields = {"first": pair[0].id, "second": pair[1].id, "alike": alike, "undo": 1}
        flash_with_undo(text, url_for(".tell_apart"), **fields)
    return redirect(url_for(".duplicate_pairs", alike=alike), code=303)


def show_editor(form: ArticleForm, article: Article | None, status: int = 200, /, **context: Any) -> Response:
    """`start`, `drafts`, `proposal`, `theirs` and `rows` as templates/knowledge/edit.html says."""
    form.for_author(article, may_publish=may_publish(), languages=languages())
    body = (form.body.data or "")[:LONGEST_BODY]
    html, is_beginning = preview_of(body)
    looks = {"preview": html, "is_beginning": is_beginning}
    page = render_template(
        "knowledge/edit.html", form=form, article=article, may_publish=may_publish(), **looks, **context
    )
    return Response(page, status)


def show_clash(form: ArticleForm, slug: str, problem: str) -> Response:
    """Theirs beside mine; saving again puts mine on top of theirs."""
    theirs = article_or_404(slug)
    form.revision.data, form.revision.raw_data = theirs.revision, None
    rows = compare(theirs.body, form.content().body)
    draft = unsaved.of_article(current_user.id, theirs.id)
    proposal = proposal_for(theirs, id_in(request.form, "suggestion"))
    return show_editor(form, theirs, 409, theirs=theirs, problem=problem, rows=rows, proposal=proposal, mine=draft)


def saved(article: Article, to: str = "") -> ResponseReturnValue:
    """Prepare what is committed for search by meaning, and lead to it, or `to` where it was done."""
    if article.state is not ArticleState.PUBLISHED:
        words = "Saved as a draft." if article.state is ArticleState.DRAFT else "Saved. It is archived."
    elif embed_now(article, db.session.commit):
        words = "Saved. It is found from now on."
    else:
        words = "Saved, and found by its words. For its meaning, ask whoever runs the server for “flask reindex”."
    flash(words, "good")
    return redirect(to or url_for("knowledge.article", slug=article.slug), code=303)


def form_of_draft(draft: ArticleDraft) -> ArticleForm:
    """The form with the fields as they were typed, right or wrong."""
    form = ArticleForm(formdata=None, revision=draft.base_revision, key=draft.fields.get("key", ""))
    for name, text in draft.fields.items():
        if name in form and name not in ("key", "revision"):
            form[name].data = text
            form[name].raw_data = [text]
    return form


def proposal_for(article: Article, suggestion_id: int | None) -> ArticleSuggestion | None:
    """The open suggestion for this article that is to be taken over; 404 when there is none of that number."""
    if suggestion_id is None:
        return None
    row = db.session.scalars(suggestion(suggestion_id)).first()
    if row is None or row.article_id != article.id or row.state is not SuggestionState.OPEN:
        abort(404)
    return row


def start_of(interaction_id: int | None, gap_id: int | None) -> starting.Start:
    """What a new article begins with; 404 for a conversation or a gap that this person cannot see."""
    if interaction_id is not None:
        agent_id = None if may_publish() else current_user.id
        return starting.from_interaction(interaction_id, agent_id=agent_id) or abort(404)
    if gap_id is not None:
        return starting.from_gap(gap_id) or abort(404)
    return starting.Start()


def article_or_404(slug: str) -> Article:
    """By today's address or an earlier one."""
    article_id = article_at(slug) or abort(404)
    owner = joinedload(Article.owner).load_only(User.name).lazyload("*")
    return db.session.get(Article, article_id, options=[owner], populate_existing=True) or abort(404)


def may_publish() -> bool:
    return allowed(current_user, Permission.EDIT_KNOWLEDGE)


def languages() -> list[str]:
    return list(index_for(encoder().name).fresh().languages)


def narrowing_of() -> Narrowing:
    args = request.args
    state = args.get("state", "")
    owner, due = args.get("owner", ""), args.get("due", "")
    source = args.get("source", "")[:80].replace("\0", "")
    return Narrowing(
        state=ArticleState(state) if state in set(ArticleState) else None,
        owner_id=current_user.id if owner in (ME, ME_OR_NOBODY) else None,
        or_nobody=owner == ME_OR_NOBODY,
        label=args.get("label", "")[:60].replace("\0", ""),
        source=None if not source else "" if source == "-" else source,
        due=Due(due) if due in set(Due) else None,
    )


def before_of(cursor: str) -> tuple[datetime, int] | None:
    """Where the page before ended; none for anything that is no such place."""
    moment, _, row_id = cursor.rpartition("_")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    if at.tzinfo is None or not row_id.isdecimal() or len(row_id) > 18:
        return None
    return at, int(row_id)
