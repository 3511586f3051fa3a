"""The list of policies, a policy with its versions, and the steps from a draft to a policy in force."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, StringField, ValidationError
from wtforms.validators import DataRequired, Length, Optional

from console.auth.permissions import Permission, allowed, requires
from console.db import db, utc_now
from console.empowerment import publishing
from console.empowerment.blueprint import bp
from console.empowerment.comparing import differences, headline
from console.empowerment.drafting import authors, copy, redraft, version_of
from console.empowerment.fields import CUSTOMER, INTERACTION
from console.empowerment.models import EmpowermentPolicy, PolicyState, PolicyVersion, Stage, SuspensionKind
from console.empowerment.offerings import among, givers, names
from console.empowerment.policies import body_of
from console.empowerment.policy import Body, Kind, read_body
from console.empowerment.sentences import sentence, terms
from console.empowerment.surveying import findings_of, hashes_tried, history, shelf, simulations_of
from console.empowerment.suspending import in_force
from console.errors import DomainError, Stale
from console.web import id_in, render_page_or_partial, stripped, zone

FIRST = date(2000, 1, 1)
MOST_YEARS = 5  # ahead


def near(form: Any, field: DateField) -> None:
    """A slip of the year must not become "now" or "for good"."""
    last = utc_now().astimezone(zone()).date() + timedelta(days=MOST_YEARS * 366)
    if field.data is not None and not FIRST <= field.data <= last:
        raise ValidationError(f"Check the year: choose a day that is at most {MOST_YEARS} years ahead, or none")


class PublishForm(FlaskForm):
    """Both dates may be left out: from now on, for good. They are days in the shop's zone.

    `body_hash` and `body` (JSON) are what the publisher read.
    """

    body_hash = HiddenField()
    body = HiddenField()
    first_day = DateField("From", [Optional(), near])
    last_day = DateField("Up to and including", [Optional(), near])

    @classmethod
    def of(cls, version: PolicyVersion) -> PublishForm:
        return cls(formdata=None, body_hash=version.body_hash, body=json.dumps(version.body))

    def read(self) -> Body | None:
        """What the publisher read; None when it did not arrive whole."""
        try:
            return read_body(json.loads(self.body.data or ""), CUSTOMER, INTERACTION)
        except (ValueError, KeyError, TypeError, AttributeError, DomainError, RecursionError):
            return None

    def span(self) -> tuple[datetime | None, datetime | None]:
        """The moments (aware) at which it begins and ends; today as first day means at once."""
        today = utc_now().astimezone(zone()).date()
        first = None if self.first_day.data == today else midnight(self.first_day.data)
        last = self.last_day.data
        return first, midnight(last + timedelta(days=1)) if last else None


class CommentForm(FlaskForm):
    comment = StringField(
        "What should be different?",
        [DataRequired("Say what should be different"), Length(max=500, message="At most 500 characters")],
        filters=[stripped],
    )


class CopyForm(FlaskForm):
    name = StringField(
        "Name of the copy",
        [DataRequired("Give it a name"), Length(max=120, message="At most 120 characters")],
        filters=[stripped],
    )


def midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time.min, zone()) if day is not None else None


@bp.get("")
@requires(Permission.SEE_POLICIES)
def index() -> ResponseReturnValue:
    """All policies for those who write them; everybody else is led to what they may give themselves."""
    if not allowed(current_user, Permission.WRITE_POLICY):
        return redirect(url_for("explaining.mine"), code=303)
    stopped = in_force()
    return render_page_or_partial(
        "policies/index.html", "policies/_shelf.html", shelf=shelf(utc_now()), stopped=stopped
    )


@bp.get("/<int:policy_id>")
@requires(Permission.WRITE_POLICY)
def show(policy_id: int) -> ResponseReturnValue:
    """?version=2: an earlier one. Otherwise what is being worked on, or what is in force."""
    return page(policy_id, request.args.get("version", type=int))


@bp.post("/<int:policy_id>/versions")
@requires(Permission.WRITE_POLICY)
def draft_again(policy_id: int) -> ResponseReturnValue:
    """A new draft from the version that the form names."""
    source = version_or_404(policy_id, id_in(request.form, "from") or 0)
    try:
        version = redraft(source, actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        return told(policy_id, problem)
    db.session.commit()
    return redirect(url_for("policies.edit", policy_id=policy_id, number=version.number), code=303)


@bp.post("/<int:policy_id>/versions/<int:number>/copies")
@requires(Permission.WRITE_POLICY)
def copy_version(policy_id: int, number: int) -> ResponseReturnValue:
    source, form = version_or_404(policy_id, number), CopyForm()
    if not form.validate_on_submit():
        return page(policy_id, number, 422, copying=form)
    try:
        version = copy(source, form.name.data or "", actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        db.session.rollback()
        form.name.errors = [str(problem)]
        return page(policy_id, number, 422, copying=form)
    db.session.commit()
    return redirect(url_for("policies.edit", policy_id=version.policy_id, number=version.number), code=303)


@bp.post("/<int:policy_id>/versions/<int:number>/review")
@requires(Permission.WRITE_POLICY)
def submit(policy_id: int, number: int) -> ResponseReturnValue:
    version, now = version_or_404(policy_id, number), utc_now()
    try:
        publishing.submit(version, findings_of(version.policy.kind, version, now), actor_id=current_user.id, now=now)
    except DomainError as problem:
        return told(policy_id, problem)
    db.session.commit()
    flash("It is in review. Somebody who did not write it publishes it, or sends it back.", "good")
    return done(policy_id)


@bp.post("/<int:policy_id>/versions/<int:number>/comment")
@requires(Permission.PUBLISH_POLICY)
def send_back(policy_id: int, number: int) -> ResponseReturnValue:
    version, form = version_or_404(policy_id, number), CommentForm()
    if not form.validate_on_submit():
        return page(policy_id, number, 422, commenting=form)
    try:
        publishing.send_back(version, form.comment.data or "", actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        return told(policy_id, problem)
    db.session.commit()
    flash("It is a draft again, with your comment.", "good")
    return done(policy_id)


@bp.post("/<int:policy_id>/versions/<int:number>/publication")
@requires(Permission.PUBLISH_POLICY)
def publish(policy_id: int, number: int) -> ResponseReturnValue:
    version, form, now = version_or_404(policy_id, number), PublishForm(), utc_now()
    if not form.validate_on_submit():
        return page(policy_id, number, 422, dating=form)
    first, last = form.span()
    try:
        findings = findings_of(version.policy.kind, version, now)
        publishing.publish(
            version,
            findings,
            actor_id=current_user.id,
            read_hash=form.body_hash.data or "",
            now=now,
            effective_from=first,
            effective_to=last,
        )
    except Stale as problem:
        db.session.rollback()
        return page(policy_id, number, 409, problem=[str(problem), *since(form, version_or_404(policy_id, number))])
    except publishing.NotPublished as problem:
        return told(policy_id, problem)
    except DomainError as problem:
        db.session.rollback()
        form.form_errors.append(str(problem))
        return page(policy_id, number, 422, dating=form)
    db.session.commit()
    flash(
        "It is scheduled; the clock puts it in force." if first else "It is in force. The next offer obeys it.", "good"
    )
    return done(policy_id)


@bp.post("/<int:policy_id>/versions/<int:number>/withdrawal")
@requires(Permission.PUBLISH_POLICY)
def withdraw(policy_id: int, number: int) -> ResponseReturnValue:
    version = version_or_404(policy_id, number)
    said = ending(version)
    try:
        publishing.withdraw(version, actor_id=current_user.id, now=utc_now())
    except DomainError as problem:
        return told(policy_id, problem)
    db.session.commit()
    flash(said, "good")
    return done(policy_id)


def page(
    policy_id: int,
    number: int | None,
    status: int = 200,
    *,
    problem: list[str] | None = None,
    dating: PublishForm | None = None,
    commenting: CommentForm | None = None,
    copying: CopyForm | None = None,
) -> Response:
    policy = history(policy_id) or abort(404)
    now, called = utc_now(), names()
    tried = hashes_tried([policy])[policy.id]
    states = {
        version.number: publishing.state_of(version, now, versions=policy.versions, tried=tried)
        for version in policy.versions
    }
    version = next((one for one in policy.versions if one.number == number), None) or shown(policy, states)
    if number is not None and version.number != number:
        abort(404)
    body = body_of(version)
    is_open = version.stage in (Stage.DRAFT, Stage.IN_REVIEW)
    findings = findings_of(policy.kind, version, now, called=called) if is_open else []
    live = next((one for one in policy.versions if states[one.number] is PolicyState.LIVE), None)
    before = live if live and live is not version else earlier(policy, version)
    return render_page_or_partial(
        "policies/show.html",
        "policies/_policy.html",
        status,
        policy=policy,
        version=version,
        body=body,
        state=states[version.number],
        states=states,
        labels=publishing.LABELS,
        live=live,
        parts=sentence(policy.kind, body, called),
        terms=terms(policy.kind, body, called),
        findings=findings,
        before=before,
        changes=changes(policy, before, version, called) if before else [],
        history=told_history(policy, called),
        people=among(body.who, givers()),
        simulations=simulations_of([one.id for one in policy.versions]),
        numbers={one.id: one.number for one in policy.versions},
        is_author=current_user.id in authors(version),
        unready=publishing.obstacles_to_review(version, findings, now=now) if is_open else [],
        unpublishable=publishing.obstacles_to_publishing(version, findings, actor_id=current_user.id, now=now)
        if is_open
        else [],
        stopped=[one for one in in_force() if one.is_about(SuspensionKind.POLICY, policy_id)],
        problem=problem or [],
        unendable=publishing.obstacle_to_ending(policy.kind, version, actor_id=current_user.id),
        dating=dating or PublishForm.of(version),
        commenting=commenting or CommentForm(formdata=None),
        copying=copying or CopyForm(formdata=None, name=f"{policy.name}, copy"),
    )


def shown(policy: EmpowermentPolicy, states: dict[int, PolicyState]) -> PolicyVersion:
    """What is being worked on, what is in force, or the last one: in this order."""
    for wanted in (
        (PolicyState.DRAFT, PolicyState.SIMULATED, PolicyState.IN_REVIEW),
        (PolicyState.LIVE,),
        (PolicyState.SCHEDULED,),
    ):
        found = [one for one in policy.versions if states[one.number] in wanted]
        if found:
            return found[-1]
    return policy.versions[-1]


def earlier(policy: EmpowermentPolicy, version: PolicyVersion) -> PolicyVersion | None:
    """The last published one before a version."""
    found = [one for one in policy.versions if one.number < version.number and one.stage is Stage.PUBLISHED]
    return found[-1] if found else None


def told_history(policy: EmpowermentPolicy, called: Any) -> list[tuple[PolicyVersion, list[str]]]:
    """Newest first, each with what it changed against the published one before."""
    return [
        (one, changes(policy, before, one, called) if (before := earlier(policy, one)) else [])
        for one in reversed(policy.versions)
    ]


def changes(policy: EmpowermentPolicy, before: PolicyVersion, after: PolicyVersion, called: Any) -> list[str]:
    return [headline(change) for change in differences(policy.kind, body_of(before), body_of(after), called)]


def since(form: PublishForm, version: PolicyVersion) -> list[str]:
    """What changed since the publisher read it, in lines."""
    read = form.read()
    if read is None:
        return []
    return [headline(one) for one in differences(version.policy.kind, read, body_of(version), names())]


def ending(version: PolicyVersion) -> str:
    if version.stage is not Stage.PUBLISHED:
        return "It is withdrawn."
    if version.policy.kind is Kind.GUARDRAIL:
        return "It has ended. It no longer holds back anybody."
    return "It has ended. What is held already is honoured."


def told(policy_id: int, problem: DomainError) -> Response:
    """The page again, with why it could not be done."""
    reasons = problem.reasons if isinstance(problem, publishing.NotPublished) else [str(problem)]
    db.session.rollback()
    return page(policy_id, None, 422, problem=reasons)


def done(policy_id: int) -> Response:
    return redirect(url_for("policies.show", policy_id=policy_id), code=303)  # type: ignore[return-value]


def version_or_404(policy_id: int, number: int) -> PolicyVersion:
    return version_of(policy_id, number) or abort(404)
