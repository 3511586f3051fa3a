"""The catalogue: everybody reads it, a supervisor adds to it and changes it, each change a new version."""

from __future__ import annotations

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.empowerment.kinds import GestureKind
from console.errors import DomainError, Stale
from console.gestures import catalogue, fulfilment
from console.gestures.blueprint import bp
from console.gestures.forms import CodesForm, GestureForm, StockForm
from console.gestures.models import Fulfilling, Gesture, GestureVersion
from console.web import LARGEST_ID, currency_symbol, render_page_or_partial


@bp.get("/gestures")
@requires(Permission.SEE_GESTURES)
def index() -> ResponseReturnValue:
    active = request.args.get("show") != "retired"
    after = request.args.get("after", 0, type=int)
    if not 0 <= after <= LARGEST_ID:
        abort(404)
    rows = list(db.session.scalars(catalogue.page(after, active=active)))
    more = rows[catalogue.PAGE - 1].gesture_id if len(rows) > catalogue.PAGE else None
    show = None if active else "retired"
    return render_page_or_partial(
        "gestures/index.html",
        "gestures/_catalogue.html",
        versions=rows[: catalogue.PAGE],
        on_offer=active,
        more=url_for("gestures.index", after=more, show=show) if more else None,
    )


@bp.get("/gestures/new")
@requires(Permission.EDIT_CATALOGUE)
def new() -> ResponseReturnValue:
    return show_form(GestureForm(formdata=None), None)


@bp.post("/gestures")
@requires(Permission.EDIT_CATALOGUE)
def add() -> ResponseReturnValue:
    form = GestureForm()
    if not form.validate_on_submit():
        return show_form(form, None, 422)
    try:
        gesture = catalogue.add_gesture(
            GestureKind(form.kind.data), form.sheet(), actor_id=current_user.id, now=utc_now()
        )
    except DomainError as problem:
        form.form_errors.append(str(problem))
        return show_form(form, None, 422)
    db.session.commit()
    flash(f"{form.name.data} is in the catalogue.", "good")
    return redirect(url_for("gestures.history", gesture_id=gesture.id), code=303)


@bp.get("/gestures/<int:gesture_id>")
@requires(Permission.SEE_GESTURES)
def history(gesture_id: int) -> ResponseReturnValue:
    versions = versions_or_404(gesture_id)
    return show_history(gesture_id, StockForm(formdata=None, stock=versions[0].gesture.stock), CodesForm(formdata=None))


@bp.get("/gestures/<int:gesture_id>/versions")
@requires(Permission.EDIT_CATALOGUE)
def edit(gesture_id: int) -> ResponseReturnValue:
    latest = versions_or_404(gesture_id)[0]
    return show_form(GestureForm.showing(latest), latest)


@bp.post("/gestures/<int:gesture_id>/versions")
@requires(Permission.EDIT_CATALOGUE)
def change(gesture_id: int) -> ResponseReturnValue:
    latest = versions_or_404(gesture_id)[0]
    form = GestureForm()
    form.kind.data = latest.gesture.kind.value  # a kind is for good: what was given before would change its meaning
    if not form.validate_on_submit():
        return show_form(form, latest, 422)
    based_on = form.version.data or 0
    try:
        catalogue.change_gesture(gesture_id, form.sheet(), based_on=based_on, actor_id=current_user.id, now=utc_now())
    except Stale as stale:
        latest = versions_or_404(gesture_id)[0]
        form.form_errors.append(str(stale))
        form.version.data = latest.version
        form.version.raw_data = None
        return show_form(form, latest, 422, theirs=latest)
    except DomainError as problem:
        form.form_errors.append(str(problem))
        return show_form(form, latest, 422)
    db.session.commit()
    flash(f"Saved as version {based_on + 1}. What is already offered keeps its terms.", "good")
    return redirect(url_for("gestures.history", gesture_id=gesture_id), code=303)


@bp.post("/gestures/<int:gesture_id>/activation")
@requires(Permission.EDIT_CATALOGUE)
def activation(gesture_id: int) -> ResponseReturnValue:
    """active=1 puts it on offer, anything else takes it off."""
    active = request.form.get("active") == "1"
    versions_or_404(gesture_id)
    catalogue.set_active(gesture_id, active, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    flash("On offer again." if active else "No longer on offer. What is offered already is honoured.", "good")
    return redirect(url_for("gestures.history", gesture_id=gesture_id), code=303)


@bp.post("/gestures/<int:gesture_id>/stock")
@requires(Permission.EDIT_CATALOGUE)
def stock(gesture_id: int) -> ResponseReturnValue:
    versions_or_404(gesture_id)
    form = StockForm()
    if not form.validate_on_submit():
        return show_history(gesture_id, form, CodesForm(formdata=None), 422)
    catalogue.set_stock(gesture_id, form.stock.data, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    told = "No end of them now." if form.stock.data is None else f"There are {form.stock.data:,} from now on."
    flash(told, "good")
    return redirect(url_for("gestures.history", gesture_id=gesture_id), code=303)


@bp.post("/gestures/<int:gesture_id>/codes")
@requires(Permission.EDIT_CATALOGUE)
def codes(gesture_id: int) -> ResponseReturnValue:
    gesture = versions_or_404(gesture_id)[0].gesture
    form = CodesForm()
    if not form.validate_on_submit():
        return show_history(gesture_id, StockForm(formdata=None, stock=gesture.stock), form, 422)
    try:
        added = fulfilment.add_codes(gesture_id, form.codes.data or "", actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        form.form_errors.append(str(problem))
        return show_history(gesture_id, StockForm(formdata=None, stock=gesture.stock), form, 422)
    db.session.commit()
    flash(f"Codes added: {added:,}.", "good")
    return redirect(url_for("gestures.history", gesture_id=gesture_id), code=303)


def show_history(gesture_id: int, stock: StockForm, codes: CodesForm, status: int = 200) -> Response:
    versions = versions_or_404(gesture_id)
    latest = versions[0]
    return render_page_or_partial(
        "gestures/history.html",
        "gestures/_history.html",
        status,
        gesture=latest.gesture,
        latest=latest,
        pairs=list(zip(versions, [*versions[1:], None], strict=True)),
        stock=stock,
        codes=codes,
        codes_left=fulfilment.codes_left(gesture_id) if latest.fulfilment is Fulfilling.VOUCHER else None,
    )


def show_form(
    form: GestureForm, latest: GestureVersion | None, status: int = 200, theirs: GestureVersion | None = None
) -> Response:
    return render_page_or_partial(
        "gestures/form.html",
        "gestures/_form.html",
        status,
        form=form,
        latest=latest,
        theirs=theirs,
        symbol=currency_symbol(),
    )


def versions_or_404(gesture_id: int) -> list[GestureVersion]:
    if not 0 < gesture_id <= LARGEST_ID or db.session.get(Gesture, gesture_id) is None:
        abort(404)
    return list(db.session.scalars(catalogue.versions_of(gesture_id))) or abort(404)
