"""The help pane of a talk going on, and what the agent does with it: pin, send away, wave a signal off."""

from __future__ import annotations

import json

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.assist import live_help
from console.assist.blueprint import bp
from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.events import Topic, record_event
from console.interactions import hearing
from console.interactions.blueprint import found, is_mine, own
from console.interactions.live_models import Handled
from console.interactions.models import Interaction
from console.web import LARGEST_ID, render_page_or_partial, today, wants_partial
from knowledge import feedback
from knowledge.asking import WrittenQuestion
from knowledge.linking import used_in
from knowledge.models import Article, ArticleState, AskedIn
from knowledge.pins import pinned
from knowledge.views import Place, occasion_of, written_down

MOST_SHOWN = 10


@bp.get("/interactions/<int:interaction_id>/help")
@requires(Permission.SEE_KNOWLEDGE)
def live_help_pane(interaction_id: int) -> ResponseReturnValue:
    """`shown`: the ids of the articles on the page, in their places; those that still fit stay there."""
    interaction = found(interaction_id)
    anyway = "anyway" in request.args
    now = live_help.help_for(interaction, current_user.id, shown_before(), anyway=anyway)
    place = Place(interaction.id, interaction.customer_id)
    ids = [result.article.id for result in now.results]
    is_asked = is_mine(interaction) and not anyway
    asked = written_down(now.answer, [] if now.is_from_before else ids, AskedIn.TALK, place) if is_asked else None
    return render_page_or_partial(
        "assist/help.html",
        "assist/_help.html",
        help=now,
        interaction=interaction,
        asked=WrittenQuestion() if asked is None or now.is_from_before else asked,
        used=used_in(interaction.id, [*ids, *(row.id for row in now.pinned)]),
        pins=pinned(current_user.id) if ids else set(),
        place=place,
        today=today(),
        here=url_for(".live_help_pane", interaction_id=interaction.id),
        reasons=live_help.REASONS,
    )


def shown_before() -> list[int] | None:
    if "shown" not in request.args:
        return None
    ids = request.args["shown"].split(",")[:MOST_SHOWN]
    return [int(one) for one in ids if one.isascii() and one.isdigit() and int(one[:20]) <= LARGEST_ID]


@bp.post("/interactions/<int:interaction_id>/help/<int:article_id>")
@requires(Permission.HANDLE_INTERACTION)
def mark_help(interaction_id: int, article_id: int) -> ResponseReturnValue:
    """mark: pinned, dismissed (with one of the reasons) or none; question_id, position: where it was shown."""
    interaction = own(interaction_id)
    article = db.session.get(Article, article_id)
    how, reason = request.form.get("mark", ""), request.form.get("reason", "")
    if article is None or article.state is ArticleState.DRAFT:
        abort(404)
    if how not in {"none", *Handled} or (how == Handled.DISMISSED and reason not in live_help.REASONS):
        abort(400)
    handled = None if how == "none" else Handled(how)
    act = {"user_id": current_user.id, "now": utc_now()}
    if handled is Handled.DISMISSED:
        feedback.dismiss(article, feedback.own(occasion_of(request.form), current_user.id), **act)
    elif handled is None:
        for occasion in feedback.dismissed_on(article.id, interaction.id, current_user.id):
            feedback.fits_after_all(article, occasion, **act)
    live_help.mark(interaction, article, handled, reason if handled is Handled.DISMISSED else "", **act)
    db.session.commit()
    return changed(interaction, SAID[how], article.title)


SAID = {"pinned": "Pinned to this talk", "dismissed": "Taken away", "none": "As before"}


@bp.post("/interactions/<int:interaction_id>/signals/<code>")
@requires(Permission.HANDLE_INTERACTION)
def signal_of_talk(interaction_id: int, code: str) -> ResponseReturnValue:
    """Wave a signal off: its chip goes until it is heard anew."""
    interaction = own(interaction_id)
    code = code[:40].replace("\0", "")
    hearing.wave_away(interaction, code, now=utc_now())
    record_event(
        "talk_signal.dismissed",
        Topic.ACCESS,
        subject=interaction,
        customer_id=interaction.customer_id,
        actor_id=current_user.id,
        data={"code": code},
    )
    db.session.commit()
    return changed(interaction, "Noted", "It is not shown again unless it is said again.")


def changed(interaction: Interaction, title: str, text: str) -> ResponseReturnValue:
    if not wants_partial():
        flash(f"{title}.", "good")
        return redirect(url_for(".live_help_pane", interaction_id=interaction.id), code=303)
    response = Response(status=204)
    toast = {"kind": "good", "title": title, "text": text}
    response.headers["HX-Trigger"] = json.dumps({"help:changed": {}, "toast": toast})
    return response
