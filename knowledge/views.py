"""Searching, the help pane's list, and an article."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from babel.core import Locale
from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from console.auth.models import User
from console.auth.permissions import Permission, allowed, requires
from console.db import db, utc_now
from console.web import id_in, locale, render_page_or_partial, today, wants_partial
from knowledge import asking, queries
from knowledge.addresses import article_at
from knowledge.asking import Asker, WrittenQuestion, quietly
from knowledge.contributions import is_author
from knowledge.embedding import encoder
from knowledge.feedback import Occasion, dismissed_in, note_opened
from knowledge.forms import PERIODS
from knowledge.index import Filters, Moment, index_for
from knowledge.linking import NoSuchInteraction, link, unlink, used_in
from knowledge.models import Article, ArticleState, AskedIn, Audience
from knowledge.pins import pinned
from knowledge.rendering import render
from knowledge.searching import Answer, similar, times_used
from knowledge.searching import search as find
from knowledge.titles import titles_like

bp = Blueprint("knowledge", __name__, url_prefix="/knowledge")

LONGEST = 8_000  # characters of a question that are kept; a pasted e-mail fits
IN_PANE = 3
BROWSED = 500  # articles considered for the list that stands there before anything is asked


# The labels that speak of what a customer owns. The console registers it: here nobody knows customers.
owned_labels: Callable[[int], set[str]] | None = None


@dataclass(frozen=True)
class Place:
    """Where a search or a reading happens: in an interaction, or by itself; and in answer to which question."""

    interaction_id: int | None
    customer_id: int | None
    question_id: int | None = None


@bp.get("")
@requires(Permission.SEE_KNOWLEDGE)
def search() -> ResponseReturnValue:
    question, place = words_asked(), place_of(request.args)
    filters = chosen_filters(place)
    unfinished, anyway = is_unfinished(question), "anyway" in request.args
    answer = find(question, filters, unfinished=unfinished, anyway=anyway) if question.strip() else None
    moment = index_for(encoder().name).fresh()
    found = [result.article.id for result in answer.results] if answer else []
    return render_page_or_partial(
        "knowledge/search.html",
        "knowledge/_results.html",
        question=question,
        too_long=is_cut(),
        filters=filters,
        answer=answer,
        asked=WrittenQuestion() if anyway else written_down(answer, found, AskedIn.SEARCH, place, filters),
        used=used_in(place.interaction_id, found),
        place=place,
        here=request.full_path,
        **(chosen_before(filters, moment) if answer is None else {"pins": pinned(current_user.id)}),
        **({} if wants_partial() else filter_choices(filters, moment, place)),
        owned=filters.labels_any is not None,
        today=today(),
    )


@bp.get("/panel")
@requires(Permission.SEE_KNOWLEDGE)
def panel() -> ResponseReturnValue:
    question, place = words_asked(), place_of(request.args)
    asked_in = AskedIn.TALK if request.args.get("asked_in") == AskedIn.TALK else AskedIn.SEARCH
    answer, results, anyway = None, [], "anyway" in request.args
    if question.strip():
        gone = dismissed_in(place.interaction_id, current_user.id)
        unfinished = asked_in is AskedIn.SEARCH and is_unfinished(question)
        limit = IN_PANE + min(len(gone), IN_PANE)
        answer = find(question, limit=limit, unfinished=unfinished, anyway=anyway)
        results = [result for result in answer.results if result.article.id not in gone][:IN_PANE]
    found = [result.article.id for result in results]
    # What stands open on a page that nobody is talking on was not asked by anybody.
    is_asked = not anyway and (asked_in is AskedIn.SEARCH or place.interaction_id is not None)
    return render_page_or_partial(
        "knowledge/panel.html",
        "knowledge/_panel.html",
        question=question,
        too_long=is_cut(),
        answer=answer,
        results=results,
        asked=written_down(answer, found, asked_in, place) if is_asked else WrittenQuestion(),
        used=used_in(place.interaction_id, found),
        pins=pinned(current_user.id) if found else set(),
        place=place,
        today=today(),
        here=request.full_path,
    )


@bp.get("/titles")
@requires(Permission.SEE_KNOWLEDGE)
def titles() -> ResponseReturnValue:
    """Options for the type-ahead under the search box."""
    q = words_asked()[:200]
    return render_template("knowledge/_titles.html", articles=titles_like(q), place=place_of(request.args))


@bp.get("/articles/<slug>")
@requires(Permission.SEE_KNOWLEDGE)
def article(slug: str) -> ResponseReturnValue:
    row = visible_article(slug)
    if row.slug != slug:  # an address that it had once
        asked = request.query_string.decode("ascii", "ignore")
        return redirect(url_for(".article", slug=row.slug) + (f"?{asked}" if asked else ""), code=302)
    place = place_of(request.args)
    partial = wants_partial()  # unfolded on a timeline: the words alone
    if not partial:
        note_opening(row, place)
    return render_page_or_partial(
        "knowledge/article.html",
        "knowledge/_article.html",
        article=row,
        body=render(row.body),
        overdue=row.is_overdue(today()),
        expired=row.is_expired(today()),
        periods=PERIODS,
        uses=0 if partial else times_used([row.id]).get(row.id, 0),
        used=used_in(place.interaction_id, [row.id]),
        similar=[] if partial else similar(row),
        place=place,
        language_name=language_name,
    )


@bp.post("/articles/<slug>/links")
@requires(Permission.HANDLE_INTERACTION)
def links(slug: str) -> ResponseReturnValue:
    """used=0 takes back that the article was used in the interaction; anything else says that it was."""
    row, place, was_used = visible_article(slug), place_of(request.form), request.form.get("used") != "0"
    if place.interaction_id is None:
        abort(400)
    try:
        if was_used:
            link(row, place.interaction_id, user_id=current_user.id, now=utc_now(), occasion=occasion_of(request.form))
        else:
            unlink(row, place.interaction_id, user_id=current_user.id, now=utc_now())
    except NoSuchInteraction:
        abort(404)
    db.session.commit()
    if not wants_partial():
        return redirect(url_for(".article", slug=slug, interaction_id=place.interaction_id), code=303)
    position = id_in(request.form, "position")
    focused = "inserted" not in request.form  # the words are being looked over in the reply
    around = {"position": position, "key": position if "keyed" in request.form else None, "focused": focused}
    used = {row.id} if was_used else set()
    response = make_response(render_template("knowledge/_use.html", article=row, place=place, used=used, **around))
    title, text = ("Used in this interaction", "Press it again to undo.") if was_used else ("Taken back", row.title)
    response.headers["HX-Trigger"] = json.dumps({"toast": {"kind": "good", "title": title, "text": text}})
    return response


def visible_article(slug: str) -> Article:
    """The article, or 404: drafts exist only for those who may edit them, and for who wrote them."""
    row = db.session.scalar(queries.by_slug(slug.replace("\0", "")))
    if row is None and (article_id := article_at(slug)):
        row = db.session.scalar(queries.by_id(article_id))
    if row is None or not is_visible(row):
        abort(404)
    return row


def is_visible(row: Article) -> bool:
    is_draft = row.state is ArticleState.DRAFT
    return not is_draft or allowed(current_user, Permission.EDIT_KNOWLEDGE) or is_author(row.id, current_user.id)


def words_asked() -> str:
    return request.args.get("q", "")[:LONGEST].replace("\0", "")


def is_cut() -> bool:
    """Whether there was more than the words asked; asking.js cuts what no address holds."""
    return len(request.args.get("q", "")) > LONGEST or "cut" in request.args


def is_unfinished(question: str) -> bool:
    """While somebody types, the last word may only have begun; entered or pasted, it is whole (asking.js)."""
    return wants_partial() and question[-1:].isalnum() and "whole" not in request.args


def chosen_filters(place: Place) -> Filters:
    """What the address asks for; states and owners only from those who look after articles."""
    given = request.args
    audience, state, owner = given.get("audience", ""), given.get("state", ""), id_in(given, "owner")
    if not allowed(current_user, Permission.EDIT_KNOWLEDGE):
        state, owner = "", None
    labels = None
    if given.get("owned") and owned_labels is not None and place.customer_id is not None:
        labels = frozenset(label.casefold() for label in owned_labels(place.customer_id))
    return Filters(
        language=given.get("language", "")[:16].replace("\0", ""),
        audience=Audience(audience) if audience in set(Audience) else None,
        label=given.get("label", "")[:60].replace("\0", ""),
        owner_id=owner,
        labels_any=labels,
        state=ArticleState(state) if state in set(ArticleState) else None if state == "any" else ArticleState.PUBLISHED,
    )


def filter_choices(filters: Filters, moment: Moment, place: Place) -> dict[str, Any]:
    """What the filters above the results offer: values with their words."""
    owners: Sequence[Any] = ()
    if allowed(current_user, Permission.EDIT_KNOWLEDGE) and moment.owners:
        names = select(User.id, User.name).where(User.id.in_(moment.owners)).order_by(User.name, User.id)
        owners = db.session.execute(names).all()
    return {
        "languages": [(code, language_name(code)) for code in with_chosen(moment.languages, filters.language)],
        "labels": [(label, label) for label in with_chosen(moment.labels, filters.label)],
        "owners": owners,
        "knows_customer": owned_labels is not None and place.customer_id is not None,
    }


def with_chosen(offered: Sequence[str], chosen: str) -> list[str]:
    """A choice that came with the address stays visible, however rare it is."""
    return [*offered, *([chosen] if chosen and chosen not in offered else [])]


def chosen_before(filters: Filters, moment: Moment) -> dict[str, Any]:
    """What stands there before anything is asked: kept at hand, opened lately, changed lately."""
    browsed = db.session.scalars(queries.latest(moment.articles(filters, BROWSED))).all()
    if filters:
        return {"browsed": browsed, "at_hand": [], "recent": []}
    at_hand = db.session.scalars(queries.pinned_by(current_user.id)).all()
    recent = db.session.scalars(queries.opened_by(current_user.id)).all()
    return {"browsed": browsed, "at_hand": at_hand, "recent": [row for row in recent if row not in at_hand]}


def written_down(
    answer: Answer | None, shown: Sequence[int], asked_in: AskedIn, place: Place, filters: Filters | None = None
) -> WrittenQuestion:
    """The question as it was recorded; without an id when there was none, or when that failed."""
    if answer is None:
        return WrittenQuestion()
    filters = filters or Filters()
    asker = Asker(current_user.id, asked_in, place.interaction_id, filters.language, narrowed=bool(filters))
    kept = quietly(lambda connection: asking.write_down(connection, answer, shown, asker, utc_now()))
    return kept or WrittenQuestion()


def note_opening(row: Article, place: Place) -> None:
    """Write down that the person asking has an article before them."""
    user_id, occasion = current_user.id, Occasion(place.question_id, place.interaction_id)
    quietly(lambda connection: note_opened(connection, row.id, occasion, user_id=user_id, now=utc_now()))


def place_of(values: Any) -> Place:
    names = ("interaction_id", "customer_id", "question_id")
    return Place(*(id_in(values, name) for name in names))


def occasion_of(values: Any) -> Occasion:
    position = id_in(values, "position")
    return Occasion(
        id_in(values, "question_id"),
        id_in(values, "interaction_id"),
        position if position and position <= 1_000 else None,
    )


def language_name(code: str) -> str:
    """English for "en", in the console's own language; the code itself when nobody knows it."""
    return str(Locale.parse(locale()).languages.get(code.partition("-")[0], code))
