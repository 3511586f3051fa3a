"""How sure an answer must be: said in plain words, tried on last week's questions, then saved."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.errors import DomainError, Stale
from console.web import render_page_or_partial
from knowledge import thresholds
from knowledge.ranking import SURE_ENOUGH
from knowledge.thresholds import HIGHEST, LOWEST, as_percent

bp = Blueprint("threshold", __name__, url_prefix="/knowledge/threshold")


@bp.get("")
@requires(Permission.EDIT_KNOWLEDGE)
def index() -> ResponseReturnValue:
    """With `show_from`, a percentage: what it would have made of last week."""
    return page(request.args.get("show_from", type=int))


@bp.post("")
@requires(Permission.EDIT_KNOWLEDGE)
def change() -> ResponseReturnValue:
    """show_from: a percentage; default=1 goes back to the usual one; seen: the one that the page says is in force."""
    given = request.form.get("show_from", "")
    percent = int(given) if given.isascii() and given.isdigit() and len(given) < 4 else None
    to_default = "default" in request.form
    if percent is None and not to_default:
        return page(None, 422, f"Choose a value from {LOWEST} to {HIGHEST} %.")
    seen = request.form.get("seen", -1, type=int)
    try:
        thresholds.change(None if to_default else percent, seen=seen, actor_id=current_user.id, now=utc_now())
    except Stale as stale:
        db.session.rollback()
        return page(percent, 409, str(stale))
    except DomainError as problem:
        db.session.rollback()
        return page(percent, 422, str(problem))
    db.session.commit()
    flash("Saved. Every search keeps to it from now on.", "good")
    return redirect(url_for(".index"), code=303)


def page(percent: int | None, status: int = 200, problem: str = "") -> ResponseReturnValue:
    set_by = thresholds.setting()
    in_force = as_percent(set_by[0].show_from if set_by else SURE_ENOUGH)
    tried = in_force if percent is None else min(max(percent, LOWEST), HIGHEST)
    usual = as_percent(SURE_ENOUGH)
    presets = [
        (max(usual - 20, LOWEST), "Show more", "More answers, more of them beside the point."),
        (usual, "Balanced", "What we measured to be the best trade."),
        (min(usual + 20, HIGHEST), "Only when sure", "Fewer answers, hardly one that misses."),
    ]
    return render_page_or_partial(
        "knowledge/threshold.html",
        "knowledge/_threshold_preview.html",
        status,
        preview=thresholds.preview(tried, in_force, utc_now()),
        set_by=set_by,
        usual=usual,
        presets=presets,
        lowest=LOWEST,
        highest=HIGHEST,
        problem=problem,
    )
