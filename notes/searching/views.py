"""The box on a customer's page: what was written, said, liked or refused there. The box over all is the list's."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from console.auth.permissions import Permission, requires
from console.customers.models import Customer
from console.db import db, utc_now
from console.web import render_page_or_partial
from notes.searching.models import SourceKind
from notes.searching.searching import Found, Where, find

bp = Blueprint("remembered", __name__)


@bp.get("/customers/<int:customer_id>/words")
@requires(Permission.SEE_CUSTOMER)
def words(customer_id: int) -> ResponseReturnValue:
    """A panel, and a page by itself. With `typing` the last word may be half a word."""
    customer = db.get_or_404(Customer, customer_id)
    where = Where(customer_id=customer.id)
    answer = find(request.args.get("q", ""), where, now=utc_now(), unfinished="typing" in request.args)
    return render_page_or_partial(
        "notes/search.html", "notes/_words_found.html", customer=customer, answer=answer, link=link_to
    )


def link_to(found: Found) -> str:
    """Where what was found stands: the note, the talk at that turn, or the customer's page."""
    subject_id, customer_id = found.row.subject_id, found.row.customer_id
    if found.kind is SourceKind.NOTE:
        return url_for("notes.show", note_id=subject_id)
    if found.utterance is not None:
        talk = found.utterance.interaction_id
        return url_for("interactions.show", interaction_id=talk, _anchor=f"turn-{subject_id}")
    panel = "preferences" if found.kind is SourceKind.PREFERENCE else "boundaries"
    return url_for("assist.workspace", customer_id=customer_id, _anchor=panel)
