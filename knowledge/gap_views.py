"""The gaps: a list with its trend, and one gap with all that an owner needs to close it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.models import User
from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.errors import DomainError, Stale
from console.web import flash_with_undo, harmless, id_in, render_page_or_partial, spreadsheet, wants_partial
from knowledge import gap_merging, gaps
from knowledge import gap_queries as queries
from knowledge.gap_queries import Show, Sort
from knowledge.models import GapState, KnowledgeGap
from knowledge.report_views import as_file
from knowledge.thresholds import as_percent, show_from

bp = Blueprint("gaps", __name__, url_prefix="/knowledge/gaps")

LONGEST_SEARCH = 200
COLUMNS = (
    "gap_id", "question", "state", "assigned_to", "asked", "this_week", "week_before", "first_asked_at",
    "last_asked_at", "article", "address",
)  # fmt: skip

Choice = TypeVar("Choice", Show, Sort)


@bp.get("")
@requires(Permission.EDIT_KNOWLEDGE)
def index() -> ResponseReturnValue:
    show, sort, words = narrowing()
    rows = db.session.execute(queries.page(show, sort, words, current_user.id, place("after"))).all()
    last = rows[queries.PAGE - 1] if len(rows) > queries.PAGE else None
    kept: dict[str, Any] = {"show": show.value, "sort": sort.value, "q": words or None}
    return render_page_or_partial(
        "knowledge/gaps.html",
        "knowledge/_gaps.html",
        listed=queries.with_days([row[0] for row in rows[: queries.PAGE]]),
        counts=queries.by_state(current_user.id),
        show=show,
        sort=sort,
        words=words,
        kept=kept,
        older_url=url_for(".index", after=queries.cursor(last, sort), **kept) if last else "",
        stamp=gaps.stamp,
    )


@bp.get("/list.csv")
@requires(Permission.EDIT_KNOWLEDGE)
def export() -> ResponseReturnValue:
    """The list as it is narrowed and sorted, whole."""
    every = queries.every_gap(*narrowing(), current_user.id)
    lines = (spreadsheet(cells(one) for one in some) for some in every)
    return as_file("gaps", chain([spreadsheet([COLUMNS])], lines))


@bp.get("/<int:gap_id>")
@requires(Permission.EDIT_KNOWLEDGE)
def show(gap_id: int) -> ResponseReturnValue:
    return page_of(gap_id)


@bp.get("/<int:gap_id>/nearby")
@requires(Permission.EDIT_KNOWLEDGE)
def nearby(gap_id: int) -> ResponseReturnValue:
    """The closest articles and gaps; with `q`, those that fit these words instead."""
    gap = gap_or_404(gap_id)
    words = request.args.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    results = queries.nearest(words or gap.question)
    return render_page_or_partial(
        "knowledge/gap_nearby.html",
        "knowledge/_gap_nearby.html",
        gap=gap,
        seen=gaps.stamp(gap),
        words=words,
        results=results,
        titled=queries.titled(words, [result.article.id for result in results]) if words else [],
        close=queries.worded(words, gap.id) if words else queries.close_to(gap),
        needed=as_percent(show_from()),
        percent=as_percent,
    )


@bp.get("/<int:gap_id>/answers")
@requires(Permission.EDIT_KNOWLEDGE)
def answers(gap_id: int) -> ResponseReturnValue:
    """A solved gap's questions, asked again."""
    gap = gap_or_404(gap_id)
    found = queries.asked_again(gap) if gap.article_id else []
    return render_page_or_partial("knowledge/gap_answers.html", "knowledge/_gap_answers.html", gap=gap, found=found)


@bp.post("/<int:gap_id>/assignment")
@requires(Permission.EDIT_KNOWLEDGE)
def assignment(gap_id: int) -> ResponseReturnValue:
    """user_id, or nothing for nobody."""
    chosen_id = id_in(request.form, "user_id")
    if chosen_id is None and request.form.get("user_id"):
        abort(400)
    owner = db.session.get(User, chosen_id) if chosen_id else None
    done = "It is yours now." if owner == current_user else f"Given to {owner.name}." if owner else "Nobody's again."
    return act(gap_id, partial(gaps.assign, user_id=chosen_id), done)


@bp.post("/<int:gap_id>/solution")
@requires(Permission.EDIT_KNOWLEDGE)
def solution(gap_id: int) -> ResponseReturnValue:
    article_id = id_in(request.form, "article_id")
    if article_id is None:
        return page_of(gap_id, 422, problem="Choose the article that answers it.")
    return act(gap_id, partial(gaps.solve, article_id=article_id), "Solved. Its questions are asked again below.")


@bp.post("/<int:gap_id>/state")
@requires(Permission.EDIT_KNOWLEDGE)
def state(gap_id: int) -> ResponseReturnValue:
    """state=ignored puts it aside, state=open brings it back."""
    wanted = request.form.get("state")
    if wanted not in (GapState.IGNORED, GapState.OPEN):
        abort(400)
    if not wants_partial():
        if wanted == GapState.IGNORED:
            return act(gap_id, gaps.ignore, "")
        return act(gap_id, gaps.reopen, "Open again.")
    try:
        gap = gaps.taken_up(gap_id, request.form.get("seen", ""))
    except gaps.NoSuchGap:
        abort(404)
    except Stale as stale:
        return row_of(gap_id, str(stale)), 409
    (gaps.ignore if wanted == GapState.IGNORED else gaps.reopen)(gap, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    return row_of(gap_id)


@bp.post("/<int:gap_id>/wording")
@requires(Permission.EDIT_KNOWLEDGE)
def wording(gap_id: int) -> ResponseReturnValue:
    question = request.form.get("question", "").replace("\0", "")
    return act(gap_id, partial(gaps.rename, question=question), "The wording is changed.", typed=question)


@bp.post("/<int:gap_id>/merger")
@requires(Permission.EDIT_KNOWLEDGE)
def merger(gap_id: int) -> ResponseReturnValue:
    """other_id: the gap whose questions this one takes in."""
    other_id = id_in(request.form, "other_id") or abort(400)

    def undoable(gap: KnowledgeGap, **who: Any) -> None:
        wording = gap_merging.merge(gap, other_id, **who)
        fields = {"other_id": other_id, "question": wording, "seen": gaps.stamp(gap)}
        flash_with_undo("Now one gap, with the questions of both.", url_for(".parting", gap_id=gap_id), **fields)

    return act(gap_id, undoable, "")


@bp.post("/<int:gap_id>/parting")
@requires(Permission.EDIT_KNOWLEDGE)
def parting(gap_id: int) -> ResponseReturnValue:
    """Undo a merger: other_id had the wording `question`."""
    other_id = id_in(request.form, "other_id") or abort(400)
    question = request.form.get("question", "").replace("\0", "")
    return act(gap_id, partial(gap_merging.take_apart, other_id=other_id, question=question), "Two gaps again.")


def cells(one: queries.Listed) -> tuple[Any, ...]:
    gap = one.gap
    return (
        gap.id,
        harmless(gap.question),
        gap.state.value,
        harmless(gap.assigned_to.name) if gap.assigned_to else "",
        gap.asked,
        one.lately,
        one.before,
        gap.first_asked_at.isoformat(),
        gap.last_asked_at.isoformat(),
        harmless(gap.article.title) if gap.article else "",
        url_for(".show", gap_id=gap.id),
    )


def act(gap_id: int, deed: Callable[..., None], done: str, typed: str | None = None) -> ResponseReturnValue:
    """Do one thing with a gap as it was seen, and show it."""
    try:
        gap = gaps.taken_up(gap_id, request.form.get("seen", ""))
        deed(gap, actor_id=current_user.id, now=utc_now())
    except gaps.NoSuchGap:
        abort(404)
    except Stale as stale:
        db.session.rollback()
        return page_of(gap_id, 409, problem=str(stale), typed=typed)
    except DomainError as problem:
        db.session.rollback()
        return page_of(gap_id, 422, problem=str(problem), typed=typed)
    db.session.commit()
    if done:
        flash(done, "good")
    return redirect(url_for(".show", gap_id=gap_id), code=303)


def page_of(gap_id: int, status: int = 200, *, problem: str = "", typed: str | None = None) -> ResponseReturnValue:
    gap = gap_or_404(gap_id)
    asked = queries.questions_of(gap_id, place("after"))
    last = asked[queries.QUESTIONS - 1].question if len(asked) > queries.QUESTIONS else None
    older = f"{round(last.asked_at.timestamp() * 1_000_000)}_{last.id}" if last else ""
    context: dict[str, Any] = {
        "gap": gap,
        "listed": queries.with_days([gap])[0],
        "asked": asked[: queries.QUESTIONS],
        "older_url": url_for(".show", gap_id=gap_id, after=older) if older else "",
        "drafts": queries.drafts_for(gap_id),
        "owners": db.session.scalars(gaps.owners()).all(),
        "seen": gaps.stamp(gap),
        "problem": problem,
        "typed": gap.question if typed is None else typed,
    }
    # Only "show older" asks for a piece: the next questions.
    return render_page_or_partial("knowledge/gap.html", "knowledge/_gap_questions.html", status, **context)


def row_of(gap_id: int, problem: str = "") -> str:
    listed = queries.with_days([gap_or_404(gap_id)])[0]
    return render_template("knowledge/_gap_row.html", one=listed, stamp=gaps.stamp, problem=problem)


def gap_or_404(gap_id: int) -> KnowledgeGap:
    return db.session.scalar(queries.by_id(gap_id).execution_options(populate_existing=True)) or abort(404)


def place(name: str) -> tuple[int, int] | None:
    text = request.args.get(name)
    if not text:
        return None
    try:
        return queries.cursor_from(text)
    except ValueError:
        abort(400)


def narrowing() -> tuple[Show, Sort, str]:
    words = request.args.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    return chosen(Show, "show", Show.OPEN), chosen(Sort, "sort", Sort.ASKED), words


def chosen(kind: type[Choice], name: str, usual: Choice) -> Choice:
    given = request.args.get(name, "")
    return kind(given) if given in set(kind) else usual
