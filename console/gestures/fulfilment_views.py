"""What was granted and still has to be done: a queue for people, and what other systems were told."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.errors import DomainError
from console.gestures import fulfilment
from console.gestures.blueprint import bp
from console.gestures.fulfilment_models import Fulfilment, FulfilmentState
from console.gestures.ledger import fulfil, try_again
from console.gestures.locking import Busy
from console.gestures.models import Fulfilling
from console.gestures.panel_views import later
from console.web import LARGEST_ID, id_argument, render_page_or_partial

SHOWN = {
    FulfilmentState.WAITING: "To do",
    FulfilmentState.FAILED: "Stuck",
    FulfilmentState.DONE: "Done",
}


@bp.get("/fulfilments")
@requires(Permission.FULFIL_GESTURE)
def fulfilments() -> ResponseReturnValue:
    """Granted, not done yet: the oldest first."""
    return show()


@bp.post("/fulfilments/<int:fulfilment_id>/completion")
@requires(Permission.FULFIL_GESTURE)
def completion(fulfilment_id: int) -> ResponseReturnValue:
    row = fulfilment_or_404(fulfilment_id)
    return act(lambda: fulfil(row.entry_id, actor_id=current_user.id, now=utc_now()), "Done.")


@bp.post("/fulfilments/<int:fulfilment_id>/attempt")
@requires(Permission.FULFIL_GESTURE)
def attempt(fulfilment_id: int) -> ResponseReturnValue:
    """Once more: another code, or another message to the other system."""
    row = fulfilment_or_404(fulfilment_id)
    return act(lambda: try_again(row.entry_id, actor_id=current_user.id, now=utc_now()), "It is tried again.")


def act(deed: Callable[[], object], told: str) -> ResponseReturnValue:
    try:
        deed()
    except Busy as busy:
        return later(busy)
    except DomainError as problem:
        return show(422, problem=str(problem))
    flash(told, "good")
    return redirect(url_for("gestures.fulfilments"), code=303)


def show(status: int = 200, problem: str = "") -> Response:
    wanted, way = request.args.get("state", FulfilmentState.WAITING.value), request.args.get("way", "")
    if wanted not in {state.value for state in SHOWN} or way not in {"", *(one.value for one in Fulfilling)}:
        abort(404)
    state = FulfilmentState(wanted)
    rows = list(db.session.scalars(fulfilment.page(state, Fulfilling(way) if way else None, id_argument("after") or 0)))
    more = rows[fulfilment.PAGE - 1].id if len(rows) > fulfilment.PAGE else None
    return render_page_or_partial(
        "gestures/fulfilments.html",
        "gestures/_fulfilments.html",
        status,
        rows=rows[: fulfilment.PAGE],
        how_far=fulfilment.how_far(rows[: fulfilment.PAGE]),
        state=state,
        way=way,
        ways=[one for one in Fulfilling if one is not Fulfilling.NONE],
        shown=SHOWN,
        numbers=fulfilment.counts(),
        more=url_for("gestures.fulfilments", state=state.value, way=way or None, after=more) if more else None,
        problem=problem,
    )


def fulfilment_or_404(fulfilment_id: int) -> Fulfilment:
    return db.get_or_404(Fulfilment, fulfilment_id) if 0 < fulfilment_id <= LARGEST_ID else abort(404)
