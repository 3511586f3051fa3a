"""The numbered steps of articles as a checklist beside the conversation."""

from __future__ import annotations

from dataclasses import dataclass

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from console.assist.blueprint import bp
from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.errors import DomainError
from console.interactions.blueprint import found, is_mine, own
from console.interactions.models import Interaction, InteractionState
from console.interactions.steps import Ticked, done_in, tick, untick
from console.web import id_argument, id_in, render_page_or_partial
from knowledge.models import Article
from knowledge.steps import Step, steps_of
from knowledge.views import is_visible

CHANGED = "The article was changed meanwhile. Nothing was ticked: look at the steps as they are now."


@dataclass(frozen=True)
class Item:
    """A step as it reads now, and as it was ticked. One that the article no longer has is only ticked."""

    number: int
    step: Step | None
    ticked: Ticked | None

    @property
    def text(self) -> str:
        return self.ticked.text if self.ticked else self.step.text if self.step else ""

    @property
    def reads_now(self) -> str:
        """What the article says in its place now, where that differs from what was done."""
        if self.ticked is None or (self.step and self.step.text == self.ticked.text):
            return ""
        return self.step.text if self.step else "no longer among the steps"


@dataclass(frozen=True)
class Checklist:
    article: Article
    items: list[Item]

    @property
    def done(self) -> int:
        return sum(item.ticked is not None for item in self.items)

    @property
    def was_changed(self) -> bool:
        return any(item.ticked and item.ticked.revision != self.article.revision for item in self.items)


@bp.get("/interactions/<int:interaction_id>/steps")
@requires(Permission.SEE_CUSTOMER)
def steps(interaction_id: int) -> ResponseReturnValue:
    """Of every article of which a step was done, and of the `article` that is asked for."""
    return show_steps(found(interaction_id), id_argument("article"))


@bp.post("/interactions/<int:interaction_id>/steps")
@requires(Permission.HANDLE_INTERACTION)
def step(interaction_id: int) -> ResponseReturnValue:
    """Tick or, with done=0, untick one; `revision` is that of the article as the reader has it."""
    interaction = own(interaction_id)
    article = db.session.get(Article, id_in(request.form, "article") or 0)
    if article is None or not is_visible(article):
        abort(404)
    number, now = request.form.get("number", 0, type=int), utc_now()
    try:
        if request.form.get("done") == "0":
            untick(interaction, article.id, number, user_id=current_user.id, now=now)
        elif request.form.get("revision", type=int) != article.revision:
            return show_steps(interaction, article.id, CHANGED, 422)
        else:
            wanted = next((one for one in steps_of(article.body) if one.number == number), None) or abort(404)
            tick(interaction, article.id, article.revision, number, wanted.text, user_id=current_user.id, now=now)
    except DomainError as problem:
        db.session.rollback()
        return show_steps(found(interaction_id), article.id, str(problem), 422)
    db.session.commit()
    return show_steps(interaction, article.id)


def show_steps(
    interaction: Interaction, article_id: int | None, problem: str = "", status: int = 200
) -> ResponseReturnValue:
    return render_page_or_partial(
        "assist/steps.html",
        "assist/_steps.html",
        status,
        interaction=interaction,
        lists=checklists(interaction.id, article_id),
        may_tick=is_mine(interaction) and interaction.state is not InteractionState.CLOSED,
        here=url_for(".steps", interaction_id=interaction.id, article=article_id),
        problem=problem,
    )


def checklists(interaction_id: int, article_id: int | None) -> list[Checklist]:
    """In the order in which they were begun, the one that is asked for last. Two statements."""
    ticked = done_in(interaction_id)
    ids = dict.fromkeys([*(one.article_id for one in ticked), *([article_id] if article_id else [])])
    rows = db.session.scalars(select(Article).where(Article.id.in_(list(ids)))).all() if ids else ()
    articles = {row.id: row for row in rows if is_visible(row)}
    found = [checklist(articles[one], ticked) for one in ids if one in articles]
    return [one for one in found if one.items]


def checklist(article: Article, ticked: list[Ticked]) -> Checklist:
    done = {one.number: one for one in ticked if one.article_id == article.id}
    now = {one.number: one for one in steps_of(article.body)}
    return Checklist(article, [Item(one, now.get(one), done.get(one)) for one in sorted(now | done)])
