"""The help pane alone, in a frame of another desk's page. docs/embed.md is for those who put it there."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, current_app, g, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue

from console.assist import live_help
from console.auth.embedding import Embedded, embedded_by
from console.auth.permissions import public
from console.customers.models import Customer
from console.db import db, utc_now
from console.interactions.handling import Origin, opened_as
from console.interactions.models import Interaction
from console.interactions.queues import going_on_with
from console.interactions.turns import last_turns
from console.problems import problem
from console.web import POLICY, csrf, id_argument, id_in, limiter, today
from knowledge import asking
from knowledge.asking import Asker, quietly
from knowledge.linking import NoSuchInteraction, link, used_in
from knowledge.models import Article, ArticleState, AskedIn
from knowledge.searching import Answer, search

bp = Blueprint("embed", __name__, url_prefix="/embed")
csrf.exempt(bp)  # a token is sent on purpose; a cookie is never looked at here

LONGEST = 4_000  # characters of a question
IN_FRAME = 3


def bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


@bp.before_request
def switched_on() -> None:
    if not current_app.config["EMBED_ANCESTORS"]:
        abort(404)


@bp.get("")
@public  # it holds nothing: its script asks with the token
def frame() -> Response:
    response = make_response(render_template("embed/frame.html"))
    ancestors = " ".join(current_app.config["EMBED_ANCESTORS"])
    response.headers["Content-Security-Policy"] = POLICY.replace(
        "frame-ancestors 'none'", f"frame-ancestors {ancestors}"
    )
    g.may_be_framed = True
    return response


@bp.get("/help")
@public  # to who sends a token
@limiter.limit("240/minute", key_func=bearer)
def help_for() -> ResponseReturnValue:
    """What fits `text`, or else what was said in the interaction; 204 when nothing was said since turn `after`."""
    seen_by = let_in()
    interaction = interaction_asked_for()
    text = request.args.get("text", "").replace("\0", "").strip()[:LONGEST]
    last = last_turn(interaction)
    if not text and interaction and request.args.get("after", type=int) == last:
        return "", 204
    now = live_help.Help()
    if text:
        now.answer = search(text, limit=IN_FRAME)
        now.results = list(now.answer.results)
    elif interaction:
        now = live_help.help_for(interaction, seen_by.user.id, None)
    ids = [result.article.id for result in now.results]
    write_down(now.answer, [] if now.is_from_before else ids, seen_by, interaction, asked=bool(text))
    body = render_template(
        "embed/_help.html",
        help=now,
        text=text,
        interaction=interaction,
        used=used_in(interaction.id, ids) if interaction else set(),
        today=today(),
    )
    answered: dict[str, Any] = {"origin": seen_by.origin, "html": body, "last": last}
    return jsonify(answered | {"interaction": interaction.id if interaction else None})


@bp.post("/uses")
@public  # to who sends a token
@limiter.limit("120/minute", key_func=bearer)
def use() -> ResponseReturnValue:
    """The article was used in the interaction, whose agent the token is for."""
    seen_by = let_in()
    article = db.session.get(Article, id_in(request.form, "article") or 0)
    interaction_id = id_in(request.form, "interaction")
    if article is None or interaction_id is None or article.state is not ArticleState.PUBLISHED:
        abort(problem(404, "There is no such article or interaction."))
    try:
        link(article, interaction_id, user_id=seen_by.user.id, now=utc_now())
    except NoSuchInteraction:
        abort(problem(404, "This agent has no such interaction."))
    db.session.commit()
    return "", 204


def let_in() -> Embedded:
    """Who the token is for; 401 otherwise, after which the desk asks for a new one."""
    token = bearer()
    return (embedded_by(token, utc_now()) if token else None) or abort(
        problem(401, "This token is not valid any more. Ask /api/v1/embed-tokens for a new one.")
    )


def interaction_asked_for() -> Interaction | None:
    """By its id, by another system's name for it, or the one going on with a customer; 404 for an unknown one."""
    given = request.args
    if "interaction" in given:
        return db.session.get(Interaction, id_argument("interaction") or 0) or abort(
            problem(404, "No such interaction.")
        )
    if "external_id" in given:
        # It may be told of in a moment: until then there is nothing to show.
        return opened_as(
            Origin(given["external_id"][:120].replace("\0", ""), given.get("source", "")[:40].replace("\0", ""))
        )
    if "customer" in given:
        known = db.session.get(Customer, id_argument("customer") or 0)
        customer = known or abort(problem(404, "There is no such customer."))
        return going_on_with(customer.id)
    return None


def last_turn(interaction: Interaction | None) -> int:
    return max((turn.id for turn in last_turns(interaction.id, 5)), default=0) if interaction else 0


def write_down(
    answer: Answer | None, shown: list[int], seen_by: Embedded, interaction: Interaction | None, *, asked: bool
) -> None:
    """What nobody has answered yet is seen by the knowledge owners, wherever it was asked."""
    if answer is None or not (asked or interaction):
        return
    asked_in = AskedIn.SEARCH if asked else AskedIn.TALK
    asker = Asker(seen_by.user.id, asked_in, interaction.id if interaction else None)
    quietly(lambda connection: asking.write_down(connection, answer, shown, asker, utc_now()))
