"""Segments on screen, and the pieces of every form in which a rule is built."""

from __future__ import annotations

from collections.abc import Iterator

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.empowerment import segments
from console.empowerment.models import CustomerSegment
from console.empowerment.rule_forms import FIELDS, RuleBuilder
from console.empowerment.rule_words import whom
from console.empowerment.rules import EVERYBODY, Rule
from console.empowerment.segment_forms import SegmentForm
from console.errors import DomainError, Stale
from console.events import Topic, record_event
from console.web import harmless, id_argument, locale, render_page_or_partial, spreadsheet, today

bp = Blueprint("segments", __name__, url_prefix="/segments")

PREFIX = "customers"
ROWS_AT_ONCE = 1000
COLUMNS = ("customer", "first_name", "last_name", "tier", "stage", "orders_12m", "spent_12m", "last_order_at")
NO_RULE = "Add at least one condition. A segment of everybody needs no name."


@bp.get("")
@requires(Permission.SEE_POLICIES)
def index() -> ResponseReturnValue:
    """?archived=1 for those that were put away."""
    now, archived = utc_now(), "archived" in request.args
    segments.bring_up_to_date(now)
    found = segments.all_segments(archived=archived)
    rules = [segments.rule_of(one) for one in found]
    rows = zip(found, [spoken(rule) for rule in rules], segments.counts(rules, now), strict=True)
    return render_page_or_partial(
        "segments/index.html",
        "segments/_list.html",
        rows=list(rows),
        archived=archived,
        total=segments.customer_count(),
    )


@bp.get("/new")
@requires(Permission.WRITE_POLICY)
def new() -> ResponseReturnValue:
    return show_form(SegmentForm(formdata=None), RuleBuilder.of(PREFIX, FIELDS[PREFIX], EVERYBODY), None)


@bp.post("")
@requires(Permission.WRITE_POLICY)
def add() -> ResponseReturnValue:
    form, builder = SegmentForm(), sent()
    if not is_valid(form, builder):
        return show_form(form, builder, None, 422)
    try:
        segment = segments.create_segment(
            form.name.data or "", form.description.data or "", builder.rule, actor_id=current_user.id, now=utc_now()
        )
    except DomainError as problem:
        form.name.errors = [str(problem)]
        return show_form(form, builder, None, 422)
    return saved(segment)


@bp.get("/<int:segment_id>")
@requires(Permission.SEE_POLICIES)
def show(segment_id: int) -> ResponseReturnValue:
    segment, now = segment_or_404(segment_id), utc_now()
    rule = segments.rule_of(segment)
    behind = segments.bring_up_to_date(now)
    after = id_argument("after") or 0
    rows = db.session.execute(segments.members(rule, now, after).limit(segments.PAGE + 1)).all()
    older = None
    if len(rows) > segments.PAGE:
        older = url_for(".show", segment_id=segment.id, after=rows[segments.PAGE - 1][0].id)
    return render_page_or_partial(
        "segments/show.html",
        "segments/_customers.html",
        segment=segment,
        words=spoken(rule),
        rows=rows[: segments.PAGE],
        older=older,
        after=after,
        behind=behind,
        count=segments.count(rule, now),
        total=segments.customer_count(),
    )


@bp.get("/<int:segment_id>/editor")
@requires(Permission.WRITE_POLICY)
def edit(segment_id: int) -> ResponseReturnValue:
    segment = segment_or_404(segment_id)
    builder = RuleBuilder.of(PREFIX, FIELDS[PREFIX], segments.rule_of(segment))
    return show_form(SegmentForm.of(segment), builder, segment)


@bp.post("/<int:segment_id>")
@requires(Permission.WRITE_POLICY)
def change(segment_id: int) -> ResponseReturnValue:
    segment, form, builder = segment_or_404(segment_id), SegmentForm(), sent()
    if not is_valid(form, builder):
        return show_form(form, builder, segment, 422)
    try:
        segments.change_segment(
            segment,
            form.name.data or "",
            form.description.data or "",
            builder.rule,
            based_on=form.revision.data or 0,
            actor_id=current_user.id,
            now=utc_now(),
        )
    except Stale as problem:
        db.session.rollback()
        return show_clash(segment_id, form, builder, str(problem))
    except DomainError as problem:
        form.name.errors = [str(problem)]
        return show_form(form, builder, segment_or_404(segment_id), 422)
    return saved(segment)


@bp.post("/<int:segment_id>/<any(archive, use):place>")
@requires(Permission.WRITE_POLICY)
def put(segment_id: int, place: str) -> ResponseReturnValue:
    """Away, or back into use."""
    segment = segment_or_404(segment_id)
    segments.set_archived(segment, place == "archive", actor_id=current_user.id, now=utc_now())
    db.session.commit()
    flash(f"“{segment.name}” is {'put away' if place == 'archive' else 'in use again'}.", "good")
    return redirect(url_for(".show", segment_id=segment.id), code=303)


@bp.get("/<int:segment_id>/customers.csv")
@requires(Permission.WRITE_POLICY)
def export(segment_id: int) -> ResponseReturnValue:
    segment, now = segment_or_404(segment_id), utc_now()
    segments.bring_up_to_date(now)
    record_event("segment.exported", Topic.ACCESS, subject=segment, actor_id=current_user.id, at=now)
    db.session.commit()
    query = segments.members(segments.rule_of(segment), now)

    def lines() -> Iterator[str]:
        yield spreadsheet([COLUMNS])
        for some in db.session.execute(query, execution_options={"yield_per": ROWS_AT_ONCE}).partitions():
            yield spreadsheet(
                (
                    customer.id,
                    harmless(customer.first_name),
                    harmless(customer.last_name),
                    facts.tier.value,
                    facts.stage.value,
                    facts.orders_12m,
                    facts.spent_12m,
                    facts.last_order_at.isoformat() if facts.last_order_at else "",
                )
                for customer, facts in some
            )

    name = f"segment-{segment.id}-{today().isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(stream_with_context(lines()), mimetype="text/csv", headers=headers)


@bp.post("/builder/<any(customers, interaction):prefix>")
@requires(Permission.WRITE_POLICY)
def build(prefix: str) -> ResponseReturnValue:
    """The builder again, after one of its buttons was pressed or another fact was chosen."""
    builder = RuleBuilder.sent(prefix, FIELDS[prefix], request.form)
    # Tells the page around it that the rule is another one now.
    return render_template("empowerment/_rule.html", builder=builder), 200, {"HX-Trigger": "rule-changed"}


@bp.post("/matches")
@requires(Permission.WRITE_POLICY)
def matches() -> ResponseReturnValue:
    """Beside the builder of customers: who matches what is built so far, and who just misses it."""
    rule, now = RuleBuilder.sent(PREFIX, FIELDS[PREFIX], request.form).rule, utc_now()
    behind, count = segments.bring_up_to_date(now), segments.count(rule, now)
    return render_template(
        "empowerment/_rule_matches.html",
        words=spoken(rule),
        count=count,
        total=segments.customer_count(),
        matching=segments.matching_examples(rule, now) if count else [],
        missing=segments.just_missing(rule, now, currency(), locale()),
        behind=behind,
    )


def sent() -> RuleBuilder:
    return RuleBuilder.sent(PREFIX, FIELDS[PREFIX], request.form)


def is_valid(form: SegmentForm, builder: RuleBuilder) -> bool:
    valid = form.validate_on_submit() & builder.is_valid
    if not builder.is_set and not builder.pressed:
        builder.root.error = NO_RULE
    form.form_errors += builder.errors[:3]
    return bool(valid) and builder.is_set


def show_clash(segment_id: int, form: SegmentForm, builder: RuleBuilder, problem: str) -> Response:
    """Theirs above mine; saving again then replaces theirs knowingly."""
    theirs = segment_or_404(segment_id)
    form.form_errors.append(problem)
    form.revision.data, form.revision.raw_data = theirs.revision, None
    return show_form(form, builder, theirs, 409, theirs_words=spoken(segments.rule_of(theirs)))


def show_form(
    form: SegmentForm,
    builder: RuleBuilder,
    segment: CustomerSegment | None,
    status: int = 200,
    theirs_words: str = "",
) -> Response:
    return render_page_or_partial(
        "segments/form.html",
        "segments/_form.html",
        status,
        form=form,
        builder=builder,
        segment=segment,
        theirs_words=theirs_words,
    )


def saved(segment: CustomerSegment) -> ResponseReturnValue:
    db.session.commit()
    flash(f"“{segment.name}” is saved.", "good")
    return redirect(url_for(".show", segment_id=segment.id), code=303)


def spoken(rule: Rule) -> str:
    """Silver or gold customers without a gesture in 90 days."""
    words = whom(rule, currency(), locale())
    return words[0].upper() + words[1:]


def currency() -> str:
    return str(current_app.config["DEFAULT_CURRENCY"])


def segment_or_404(segment_id: int) -> CustomerSegment:
    return segments.segment_with_author(segment_id) or abort(404)
