"""The record on screen and as a file, for those who must account for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from console.audit.forms import FilterForm
from console.audit.phrases import Part, sentence
from console.audit.queries import PAGE, Filters, record
from console.auth.models import User
from console.auth.permissions import Permission, requires
from console.customers.models import Customer
from console.customers.searching import find
from console.customers.timeline import Cursor, cursor_from
from console.db import db
from console.events import Event, Topic, record_event
from console.web import harmless, render_page_or_partial, spreadsheet, today, wants_partial

bp = Blueprint("audit", __name__, url_prefix="/audit")

COLUMNS = (
    "written_at", "happened_at", "topic", "kind", "actor_id", "actor", "customer_id", "customer",
    "subject_type", "subject_id", "subject", "data",
)  # fmt: skip
EXPORTED = (
    Event.recorded_at, Event.at, Event.topic, Event.kind, Event.actor_id, Event.customer_id,
    Event.subject_type, Event.subject_id, Event.data,
)  # fmt: skip
MOST_PEOPLE = 300
ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class Entry:
    """One event as it reads: who, and what was done."""

    event: Event
    actor: str
    parts: list[Part]

    @property
    def facts(self) -> list[str]:
        """What else is known of it: "roles: agent, sales"."""
        return [f"{name.replace('_', ' ')}: {plain(value)}" for name, value in self.event.data.items()]


def plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(plain(item) for item in value) or "none"
    return "none" if value is None else str(value)


@bp.get("")
@requires(Permission.SEE_AUDIT)
def index() -> ResponseReturnValue:
    form = filter_form()
    valid = form.validate()
    matches = customers_called(form) if valid else []
    valid = valid and not form.customer.errors
    entries, older = page_of(form.filters(), cursor_from(request.args.get("before"))) if valid else ([], None)
    return render_page_or_partial(
        "audit/index.html",
        "audit/_rows.html" if "before" in request.args else "audit/_record.html",
        200 if valid else 422,
        entries=entries,
        older_url=address(".index", before=str(older)) if older else "",
        export_url=address(".export"),
        form=form,
        matches=matches,
        people=[] if wants_partial() and "before" in request.args else people(),
        customer=db.session.get(Customer, form.customer_id.data) if valid and form.customer_id.data else None,
    )


@bp.get("/record.csv")
@requires(Permission.SEE_AUDIT)
def export() -> ResponseReturnValue:
    form = filter_form()
    if form.validate():
        customers_called(form)
    if form.errors:
        abort(400)
    record_event("record.exported", Topic.ACCESS, actor_id=current_user.id)
    db.session.commit()
    name = f"record-{today().isoformat()}.csv"
    lines = stream_with_context(csv_lines(form.filters()))
    return Response(lines, mimetype="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}"'})


def filter_form() -> FilterForm:
    return FilterForm(request.args, topic="", kind="")


def customers_called(form: FilterForm) -> Sequence[Customer]:
    """Narrow the form to the customer whose name was typed; when several may be meant, return them instead."""
    words = (form.customer.data or "").strip()[:100]
    if not words or form.customer_id.data:
        return []
    hits = find(words)
    if len(hits) == 1:
        form.customer_id.data = hits[0].customer_id
        return []
    form.customer.errors = ["Which one is meant?" if hits else "Nobody is found by that name, phone or order."]
    rows = select(Customer).where(Customer.id.in_([hit.customer_id for hit in hits])).order_by(Customer.id)
    return db.session.scalars(rows).all() if hits else []


def page_of(filters: Filters, before: Cursor | None) -> tuple[list[Entry], Cursor | None]:
    rows = db.session.execute(record(filters, before).limit(PAGE + 1)).all()
    last = rows[PAGE - 1][0] if len(rows) > PAGE else None
    return [entry_of(*row) for row in rows[:PAGE]], Cursor(last.recorded_at, last.id) if last else None


def entry_of(event: Event, actor: str | None, first: str | None, last: str | None, subject: str | None) -> Entry:
    return Entry(event, actor or "The system", sentence(event.kind, full_name(first, last), subject))


def full_name(first: str | None, last: str | None) -> str | None:
    return f"{first or ''} {last or ''}".strip() or None


def csv_lines(filters: Filters) -> Iterator[str]:
    """The record from one statement, some rows at a time, so that millions of events need little memory."""
    yield spreadsheet([COLUMNS])
    rows = db.session.execute(record(filters, what=EXPORTED), execution_options={"yield_per": ROWS_AT_ONCE})
    for some in rows.partitions():
        yield spreadsheet(
            (
                row.recorded_at.isoformat(),
                row.at.isoformat(),
                row.topic.value,
                row.kind,
                row.actor_id,
                harmless(actor),
                row.customer_id,
                harmless(full_name(first, last)),
                row.subject_type,
                row.subject_id,
                harmless(subject),
                json.dumps(row.data, ensure_ascii=False) if row.data else "",
            )
            for row in some
            for actor, first, last, subject in [row[len(EXPORTED) :]]
        )


def people() -> Sequence[User]:
    return db.session.scalars(select(User).order_by(User.name, User.id).limit(MOST_PEOPLE)).all()


def address(endpoint: str, **more: str) -> str:
    """The same filters at another address."""
    kept: dict[str, Any] = {name: value for name, value in request.args.items() if value and name != "before"}
    return url_for(endpoint, **(kept | more))
