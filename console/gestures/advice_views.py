"""What the advisor says about limits, for those who write policies."""

from __future__ import annotations

from flask import Blueprint, Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.errors import DomainError
from console.gestures.advisor import DAYS, advise, draft
from console.web import id_in, render_page_or_partial

bp = Blueprint("advice", __name__, url_prefix="/approvals/advice")


@bp.get("")
@requires(Permission.WRITE_POLICY)
def index() -> ResponseReturnValue:
    return show()


@bp.post("/drafts")
@requires(Permission.WRITE_POLICY)
def create() -> ResponseReturnValue:
    """Make a proposal the next version of its policy, as a draft."""
    policy_id, place = id_in(request.form, "policy"), request.form.get("limit", type=int)
    if policy_id is None or place is None:
        abort(404)
    try:
        version = draft(policy_id, place, actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        db.session.rollback()
        return show(422, str(problem))
    db.session.commit()
    return redirect(url_for("policies.edit", policy_id=version.policy_id, number=version.number), code=303)


def show(status: int = 200, problem: str = "") -> Response:
    return render_page_or_partial(
        "approvals/advice.html", "approvals/_advice.html", status, advice=advise(utc_now()), days=DAYS, problem=problem
    )
