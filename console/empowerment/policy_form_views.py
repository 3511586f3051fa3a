"""The form in which a policy is written: its sentence forms while it is filled in, and drafts are kept while typing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from flask import Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from console.auth.models import Team
from console.auth.permissions import Permission, requires
from console.db import db, utc_now
from console.empowerment.blueprint import bp
from console.empowerment.checking import check, free_priority
from console.empowerment.comparing import differences, headline
from console.empowerment.drafting import create, save_draft, version_of
from console.empowerment.fields import ASKABLE, INTERACTION
from console.empowerment.limit_forms import MOST_LIMITS
from console.empowerment.models import PolicyVersion, Stage
from console.empowerment.offerings import givers, names, offerings, pairs
from console.empowerment.policies import body_of, coming_policies, live_policies
from console.empowerment.policy import Body, Kind
from console.empowerment.policy_forms import PolicyForm
from console.empowerment.rule_forms import RuleBuilder
from console.empowerment.sentences import sentence, terms
from console.empowerment.surveying import survey
from console.errors import DomainError, Stale
from console.web import currency_symbol, id_in, render_page_or_partial, today, zone


@bp.get("/new")
@requires(Permission.WRITE_POLICY)
def new() -> ResponseReturnValue:
    """?kind=guardrail for one of those."""
    kind = Kind.GUARDRAIL if request.args.get("kind") == Kind.GUARDRAIL else Kind.GRANT
    body = starting(kind, utc_now())
    return show_form(PolicyForm.showing("", kind, body, revision=0), Rules.of(body), None, body)


@bp.post("")
@requires(Permission.WRITE_POLICY)
def add() -> ResponseReturnValue:
    form, rules, now = PolicyForm(), Rules.sent(), utc_now()
    start = starting(form.what, now)
    offer_choices(form, start)
    if not (form.validate_on_submit() & rules.are_valid()):
        return show_form(form, rules, None, start, 422)
    body = rules.into(form.body(start))
    try:
        version = create(form.name.data or "", form.what, body, form.note.data or "", actor_id=current_user.id, now=now)
    except DomainError as problem:
        db.session.rollback()
        form.name.errors = [str(problem)]
        return show_form(form, rules, None, start, 422)
    return saved(version)


@bp.get("/<int:policy_id>/versions/<int:number>/editor")
@requires(Permission.WRITE_POLICY)
def edit(policy_id: int, number: int) -> ResponseReturnValue:
    version = version_or_404(policy_id, number)
    if version.stage is not Stage.DRAFT:
        flash("This version is no draft any more, so it stays as it is. Make a new draft of it to change it.", "info")
        return redirect(url_for("policies.show", policy_id=policy_id, version=number), code=303)
    body = body_of(version)
    form = PolicyForm.showing(
        version.policy.name, version.policy.kind, body, revision=version.revision, note=version.note
    )
    return show_form(form, Rules.of(body), version, body)


@bp.post("/<int:policy_id>/versions/<int:number>")
@requires(Permission.WRITE_POLICY)
def save(policy_id: int, number: int) -> ResponseReturnValue:
    version, form, rules = version_or_404(policy_id, number), PolicyForm(), Rules.sent()
    form.kind.data = version.policy.kind.value
    start = body_of(version)
    offer_choices(form, start)
    if not (form.validate_on_submit() & rules.are_valid()):
        return show_form(form, rules, version, start, 422)
    try:
        keep_as_draft(version, form, rules.into(form.body(start)))
    except Stale as problem:
        db.session.rollback()
        return show_clash(policy_id, number, form, rules, str(problem))
    except DomainError as problem:
        db.session.rollback()
        form.form_errors.append(str(problem))
        return show_form(form, rules, version_or_404(policy_id, number), start, 422)
    return saved(version)


@bp.post("/<int:policy_id>/versions/<int:number>/kept")
@requires(Permission.WRITE_POLICY)
def keep(policy_id: int, number: int) -> ResponseReturnValue:
    """What is typed by now, every few seconds, if it is a policy already."""
    version, form, rules = version_or_404(policy_id, number), PolicyForm(), Rules.sent()
    form.kind.data = version.policy.kind.value
    offer_choices(form, body_of(version))
    problem = "" if form.validate() & rules.are_valid() else "Not kept yet: something is missing."
    if not problem:
        try:
            keep_as_draft(version, form, rules.into(form.body(body_of(version))), quietly=True)
            db.session.commit()
        except DomainError as refusal:
            db.session.rollback()
            problem = str(refusal).replace("; both are shown below", "")
    revision = form.revision.data if problem else version.revision
    return render_template("policies/_kept.html", problem=problem, revision=revision)


@bp.post("/form/sentence")
@requires(Permission.WRITE_POLICY)
def say() -> ResponseReturnValue:
    """The sentence of what is filled in so far, and what the checks say of it."""
    form, rules = PolicyForm(), Rules.sent()
    version = version_of(id_in(request.form, "policy_id") or 0, id_in(request.form, "number") or 0)
    start = body_of(version) if version else starting(form.what, utc_now())
    return render_template("policies/_said.html", **said(form, rules, version, start))


@bp.post("/form/limits")
@requires(Permission.WRITE_POLICY)
def limits() -> ResponseReturnValue:
    """The rows of limits with one more (`add`), or without one (`remove` is its place)."""
    form = PolicyForm()
    rows = [{name: getattr(row.form, name).data for name in ROW} for row in form.limits]
    gone = request.form.get("remove", type=int)
    problem = ""
    if gone is None and len(rows) >= MOST_LIMITS:
        problem = f"{MOST_LIMITS} limits at most. Remove one to add another."
    elif gone is None:
        rows.append(another(form.what, rows))
    elif 0 <= gone < len(rows):
        del rows[gone]
    fresh = PolicyForm(formdata=None, kind=form.what.value, limits=rows).choosing_subjects()
    focus = len(rows) - 1 if gone is None else max(gone - 1, 0)
    return render_template("policies/_limits.html", form=fresh, symbol=currency_symbol(), focus=focus, problem=problem)


class Rules:
    """The two rules of the form: about customers, and about the conversation."""

    def __init__(self, customers: RuleBuilder, interaction: RuleBuilder) -> None:
        self.customers, self.interaction = customers, interaction

    @classmethod
    def sent(cls) -> Rules:
        return cls(
            RuleBuilder.sent("customers", ASKABLE, request.form),
            RuleBuilder.sent("interaction", INTERACTION, request.form),
        )

    @classmethod
    def of(cls, body: Body) -> Rules:
        return cls(
            RuleBuilder.of("customers", ASKABLE, body.customers),
            RuleBuilder.of("interaction", INTERACTION, body.interaction),
        )

    def are_valid(self) -> bool:
        return self.customers.is_valid & self.interaction.is_valid

    def into(self, body: Body) -> Body:
        """The body with these rules, as far as they can be read."""
        return replace(body, customers=self.customers.rule, interaction=self.interaction.rule)


def starting(kind: Kind, now: datetime) -> Body:
    """What a new policy begins with: the next free priority, and the limits that nearly all have."""
    others = [*live_policies(now), *coming_policies(now)]
    return Body(
        currency=current_app.config["DEFAULT_CURRENCY"],
        zone=zone().key,
        priority=free_priority(
            max((one.body.priority for one in others if one.kind is Kind.GRANT), default=90) + 10, ()
        ),
    )


EMPTY_ROWS = {
    Kind.GRANT: (
        {"measure": "cost", "cap": "", "per": "gesture:each", "overridable": True},
        {"measure": "cost", "cap": "", "per": "agent:day", "overridable": True},
    ),
    Kind.GUARDRAIL: ({"measure": "count", "cap": "", "per": "customer:rolling", "days": 90},),
}
ROW = ("measure", "cap", "per", "days", "overridable", "warn_at", "restores")
COMMON = ("gesture:each", "agent:day", "customer:rolling", "interaction:interaction", "agent:month", "pool:month")


def another(kind: Kind, rows: list[dict[str, object]]) -> dict[str, object]:
    """A row that is not there yet."""
    used = {row["per"] for row in rows}
    common = COMMON[:-1] if kind is Kind.GUARDRAIL else COMMON
    per = next((one for one in common if one not in used), "customer:rolling")
    days = 90 if per == "customer:rolling" else None
    return {"measure": "cost", "cap": "", "per": per, "days": days, "overridable": kind is Kind.GRANT}


def keep_as_draft(version: PolicyVersion, form: PolicyForm, body: Body, *, quietly: bool = False) -> None:
    save_draft(
        version,
        body,
        form.note.data or "",
        name=form.name.data or "",
        based_on=form.revision.data or 0,
        actor_id=current_user.id,
        now=utc_now(),
        quietly=quietly,
    )


def offer_choices(form: PolicyForm, start: Body) -> None:
    """`start`: what the form began with."""
    form.choosing(
        teams=pairs(select(Team.id, Team.name).order_by(Team.name)),
        people=[(one.id, one.name) for one in givers()],
        gestures=[(one.id, one.name) for one in offerings(today())],
        called=names(),
        start=start,
    )


def said(form: PolicyForm, rules: Rules, version: PolicyVersion | None, start: Body) -> dict[str, object]:
    """What stands above the form: the sentence, the rest in short, and what can be found in a half-filled form."""
    kind, now, called = form.what, utc_now(), names()
    body = rules.into(form.body(start))
    around = survey(version.policy_id if version else None, body, now, called=called, count=False)
    return {
        "parts": sentence(kind, body, called),
        "terms": terms(kind, body, called),
        "findings": check(kind, body, around, now=now) if body.limits else [],
        "givers": around.givers,
    }


def show_form(
    form: PolicyForm,
    rules: Rules,
    version: PolicyVersion | None,
    start: Body,
    status: int = 200,
    *,
    theirs: PolicyVersion | None = None,
    changes: list[str] | None = None,
) -> Response:
    if not form.limits.entries and not form.is_submitted():
        for row in EMPTY_ROWS[form.what]:
            form.limits.append_entry(row)
    offer_choices(form, start)
    return render_page_or_partial(
        "policies/form.html",
        "policies/_form.html",
        status,
        form=form,
        rules=rules,
        version=version,
        policy=version.policy if version else None,
        symbol=currency_symbol(),
        theirs=theirs,
        changes=changes or [],
        **said(form, rules, version, start),
    )


def show_clash(policy_id: int, number: int, form: PolicyForm, rules: Rules, problem: str) -> Response:
    """Theirs against mine; saving again then replaces theirs knowingly."""
    theirs = version_or_404(policy_id, number)
    mine = rules.into(form.body(body_of(theirs)))
    lines = [headline(one) for one in differences(theirs.policy.kind, body_of(theirs), mine, names())]
    form.form_errors.append(problem)
    form.revision.data, form.revision.raw_data = theirs.revision, None
    return show_form(form, rules, theirs, body_of(theirs), 409, theirs=theirs, changes=lines)


def saved(version: PolicyVersion) -> ResponseReturnValue:
    db.session.commit()
    flash("The draft is saved. It allows nothing until it is published.", "good")
    address = url_for("policies.show", policy_id=version.policy_id, version=version.number)
    return redirect(address, code=303)


def version_or_404(policy_id: int, number: int) -> PolicyVersion:
    return version_of(policy_id, number) or abort(404)
