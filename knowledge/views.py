"""Searching, the help pane's list, and an article."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from babel.core import Locale
from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.permissions import Permission, allowed, requires
from console.db import db, utc_now
from console.web import locale, render_page_or_partial, today, wants_partial
from knowledge import queries
from knowledge.embedding import encoder
from knowledge.index import Filters, index_for
from knowledge.linking import NoSuchInteraction, link, used_in
from knowledge.models import Article, ArticleState, Audience
from knowledge.rendering import render
from knowledge.searching import search as find
from knowledge.searching import similar, times_used

bp = Blueprint("knowledge", __name__, url_prefix="/knowledge")

LONGEST = 8_000  # characters of a question that are kept; a pasted e-mail fits
IN_PANE = 3
BROWSED = 500  # articles considered for the list that stands there before anything is asked


@dataclass(frozen=True)
class Place:
    """Where a search happens: in an interaction, or by itself."""

    interaction_id: int | None
    customer_id: int | None


@bp.get("")
@requires(Permission.SEE_KNOWLEDGE)
def search() -> ResponseReturnValue:
    question, filters = asked(), chosen_filters()
    place = place_of(request.args)
    unfinished = wants_partial() and question[-1:].isalnum()
    answer = find(question, filters, unfinished=unfinished) if question.strip() else None
    snapshot = index_for(encoder().name).fresh()
    browsed: list[Article] = []
    if answer is None:
        ids = [int(id) for id in snapshot.article_ids[snapshot.allowed(filters)][-BROWSED:]]
        browsed = list(db.session.scalars(queries.latest(ids)))
    found = [result.article.id for result in answer.results] if answer else []
    return render_page_or_partial(
        "knowledge/search.html",
        "knowledge/_results.html",
        question=question,
        filters=filters,
        answer=answer,
        browsed=browsed,
        used=used_in(place.interaction_id, found),
        place=place,
        languages=snapshot.languages,
        labels=snapshot.labels,
        today=today(),
        language_name=language_name,
        here=request.full_path,
    )


@bp.get("/panel")
@requires(Permission.SEE_KNOWLEDGE)
def panel() -> ResponseReturnValue:
    question, place = asked(), place_of(request.args)
    answer = find(question, limit=IN_PANE) if question.strip() else None
    found = [result.article.id for result in answer.results] if answer else []
    return render_page_or_partial(
        "knowledge/panel.html",
        "knowledge/_panel.html",
        question=question,
        answer=answer,
        used=used_in(place.interaction_id, found),
        place=place,
        today=today(),
        here=request.full_path,
    )


@bp.get("/articles/<slug>")
@requires(Permission.SEE_KNOWLEDGE)
def article(slug: str) -> ResponseReturnValue:
    row = visible_article(slug)
    place = place_of(request.args)
    partial = wants_partial()  # unfolded on a timeline: the words alone
    return render_page_or_partial(
        "knowledge/article.html",
        "knowledge/_article.html",
        article=row,
        body=render(row.body),
        overdue=row.is_overdue(today()),
        uses=0 if partial else times_used([row.id]).get(row.id, 0),
        used=used_in(place.interaction_id, [row.id]),
        similar=[] if partial else similar(row),
        place=place,
        language_name=language_name,
    )


@bp.post("/articles/<slug>/links")
@requires(Permission.HANDLE_INTERACTION)
def create_link(slug: str) -> ResponseReturnValue:
    row = visible_article(slug)
    place = place_of(request.form)
    if place.interaction_id is None:
        abort(400)
    try:
        link(row, place.interaction_id, user_id=current_user.id, now=utc_now())
    except NoSuchInteraction:
        abort(404)
    db.session.commit()
    if not wants_partial():
        return redirect(url_for(".article", slug=slug, interaction_id=place.interaction_id), code=303)
    response: Response = make_response(render_template("knowledge/_use.html", article=row, place=place, used={row.id}))
    toast = {"kind": "good", "title": "Used in this interaction", "text": row.title}
    response.headers["HX-Trigger"] = json.dumps({"toast": toast})
    return response


def visible_article(slug: str) -> Article:
    """The article, or 404: drafts exist only for those who may edit them."""
    row = db.session.scalar(queries.by_slug(slug.replace("\0", "")))
    if row is None or (row.state is ArticleState.DRAFT and not allowed(current_user, Permission.EDIT_KNOWLEDGE)):
        abort(404)
    return row


def asked() -> str:
    return request.args.get("q", "")[:LONGEST].replace("\0", "")


def chosen_filters() -> Filters:
    audience = request.args.get("audience", "")
    return Filters(
        language=request.args.get("language", "")[:16],
        audience=Audience(audience) if audience in set(Audience) else None,
        label=request.args.get("label", "")[:60],
    )


def place_of(values: Any) -> Place:
    return Place(number(values.get("interaction_id")), number(values.get("customer_id")))


def number(text: str | None) -> int | None:
    """An id as a request names it; None for anything that cannot be one."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def language_name(code: str) -> str:
    """English for "en", in the console's own language; the code itself when nobody knows it."""
    return str(Locale.parse(locale()).languages.get(code.partition("-")[0], code))
