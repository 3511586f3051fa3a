"""A simulation on screen: how far it is, then what it found; and its cases as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import column, select, table
from sqlalchemy.orm import joinedload

from console.auth.models import Team
from console.auth.permissions import Permission, requires
from console.customers.models import Customer
from console.db import db, utc_now
from console.empowerment import replaying
from console.empowerment.models import PolicyVersion, Simulation, SimulationState, Stage
from console.empowerment.simulation_charts import curves, elbow
from console.empowerment.simulation_forms import TrialForm
from console.empowerment.simulation_words import DEMANDS, DIMENSIONS, Words, meter_words, said_words, why_words
from console.errors import DomainError
from console.web import currency_symbol, day, harmless, locale, render_page_or_partial, spreadsheet, today

bp = Blueprint("simulations", __name__, url_prefix="/simulations")

INTERACTIONS = table("interactions", column("id"), column("customer_id"))
VERSIONS = table("gesture_versions", column("id"), column("name"))


@bp.get("/versions/<int:version_id>")
@requires(Permission.WRITE_POLICY)
def trial(version_id: int) -> ResponseReturnValue:
    version = version_of(version_id)
    return show_trial(version, TrialForm.of(replaying.last_settings(version.policy_id)))


@bp.post("/versions/<int:version_id>")
@requires(Permission.WRITE_POLICY)
def create(version_id: int) -> ResponseReturnValue:
    """Without a form it is tried as this policy was last."""
    version = version_of(version_id)
    form = TrialForm() if "days" in request.form else TrialForm.of(replaying.last_settings(version.policy_id))
    if "days" in request.form and not form.validate():
        return show_trial(version, form, 422)
    if version.stage is Stage.WITHDRAWN:
        flash("This version was withdrawn. Make a new draft of it, then try that.", "warn")
        return redirect(url_for("policies.show", policy_id=version.policy_id), code=303)
    run = replaying.begin(version, form.settings, form.days.data, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    replaying.start(current_app._get_current_object(), run.id)  # type: ignore[attr-defined]
    return redirect(url_for(".show", simulation_id=run.id), code=303)


def version_of(version_id: int) -> PolicyVersion:
    return db.get_or_404(PolicyVersion, version_id, options=[joinedload(PolicyVersion.policy)])


def show_trial(version: PolicyVersion, form: TrialForm, status: int = 200) -> Response:
    return render_page_or_partial(
        "simulations/trial.html",
        "simulations/_trial.html",
        status,
        version=version,
        policy=version.policy,
        form=form,
        symbol=currency_symbol(),
    )


@bp.get("/<int:simulation_id>")
@requires(Permission.WRITE_POLICY)
def show(simulation_id: int) -> ResponseReturnValue:
    run = found(simulation_id)
    parts = page_of(run) if run.state is SimulationState.DONE else {}
    return render_page_or_partial(
        "simulations/show.html",
        "simulations/_simulation.html",
        run=run,
        version=run.version,
        policy=run.version.policy,
        is_active=run.state in replaying.ACTIVE,
        is_dead=replaying.is_dead(run, utc_now()),
        is_outdated=run.version.body_hash != run.body_hash,
        form=TrialForm.of(run.settings, run.days),
        symbol=currency_symbol(),
        **parts,
    )


@bp.post("/<int:simulation_id>/resumption")
@requires(Permission.WRITE_POLICY)
def resumption(simulation_id: int) -> ResponseReturnValue:
    if act(simulation_id, replaying.resume):
        replaying.start(current_app._get_current_object(), simulation_id)  # type: ignore[attr-defined]
    return redirect(url_for(".show", simulation_id=simulation_id), code=303)


@bp.post("/<int:simulation_id>/cancellation")
@requires(Permission.WRITE_POLICY)
def cancellation(simulation_id: int) -> ResponseReturnValue:
    act(simulation_id, replaying.cancel)
    return redirect(url_for(".show", simulation_id=simulation_id), code=303)


def act(simulation_id: int, what: Any) -> bool:
    run = db.session.get(Simulation, simulation_id, with_for_update=True) or abort(404)
    try:
        what(run, utc_now())
    except DomainError as problem:
        db.session.rollback()
        flash(str(problem), "warn")
        return False
    db.session.commit()
    return True


@bp.get("/<int:simulation_id>/cases.csv")
@requires(Permission.WRITE_POLICY)
def cases(simulation_id: int) -> ResponseReturnValue:
    run = found(simulation_id)
    if run.state is not SimulationState.DONE:
        abort(404)
    words = Words(run.result, locale())
    rows = [
        (one["way"], one["on"].isoformat(), one["talk"], harmless(one["customer"]), harmless(one["what"]), one["draft"],
         one["live"])
        for one in cases_of(run.result, words)
    ]  # fmt: skip
    body = spreadsheet([("way", "day", "interaction", "customer", "what", "under_the_draft", "today"), *rows])
    name = f'attachment; filename="simulation-{run.id}-{today().isoformat()}.csv"'
    return Response(body, mimetype="text/csv", headers={"Content-Disposition": name})


def found(simulation_id: int) -> Simulation:
    return db.session.scalars(
        select(Simulation)
        .where(Simulation.id == simulation_id)
        .options(joinedload(Simulation.version).joinedload(PolicyVersion.policy))
    ).one_or_none() or abort(404)


def page_of(run: Simulation) -> dict[str, Any]:
    """What the result's template needs."""
    result, words = run.result, Words(run.result, locale())
    days = days_of(result)
    return {
        "result": result,
        "words": words,
        "days": days,
        "demands": DEMANDS,
        "dimensions": DIMENSIONS,
        "costs": curves(
            {name: both["draft"]["by_day"] for name, both in result["demands"].items() if name != "worst"}
            | {"live": result["demands"]["likely"]["live"]["by_day"]},
            [day(one) for one in days],
        ),
        "burning": burned(result, days),
        "sweeps": [one | {"plot": elbow(one["points"]), "words": meter_words(one["meter"])} for one in result["sweep"]],
        "cases": cases_of(result, words),
        "why_words": why_words,
    }


def days_of(result: Mapping[str, Any]) -> list[date]:
    first = date.fromisoformat(result["first_day"])
    number = len(result["demands"]["likely"]["draft"]["by_day"])
    return [first + timedelta(days=one) for one in range(number)]


def burned(result: Mapping[str, Any], days: Sequence[date]) -> list[dict[str, Any]]:
    parts = result["burning"]
    teams = {one["team"] for one in parts if one["team"] is not None}
    names = dict(db.session.execute(select(Team.id, Team.name).where(Team.id.in_(teams))).all()) if teams else {}
    return [
        one
        | {
            "words": meter_words(one["meter"]),
            "who": names.get(one["team"], "") if one["scope"] == "team" else "",
            "plot": curves(one["left"], [day(on) for on in days], one["cap"]),
            "gone_on": {name: days[on] if on is not None else None for name, on in one["gone"].items()},
        }
        for one in parts
    ]


def cases_of(result: Mapping[str, Any], words: Words) -> list[dict[str, Any]]:
    """The cases to read, with the customers' names as they are now; those who are gone are left out."""
    found, days = result["changes"]["cases"], days_of(result)
    talks = {one["talk"] for one in found}
    rows = db.session.execute(
        select(INTERACTIONS.c.id, Customer)
        .join(Customer, Customer.id == INTERACTIONS.c.customer_id)
        .where(INTERACTIONS.c.id.in_(talks))
    )
    people: dict[int, Customer] = dict(rows.all())
    versions = {one["gesture_version"] for one in found if "gesture_version" in one}
    gifts = dict(db.session.execute(select(VERSIONS.c.id, VERSIONS.c.name).where(VERSIONS.c.id.in_(versions))).all())

    def may_get(value: int) -> str:
        return f"up to {words.money(value)}" if value >= 0 else "nothing"

    return [
        {
            "way": one["way"],
            "on": days[max(one["day"], 0)],
            "talk": one["talk"],
            "customer": people[one["talk"]].name,
            "customer_id": people[one["talk"]].id,
            "what": f"{gifts.get(one['gesture_version'], 'A gesture')}, {words.money(one['cost'])}"
            if "outcome" in one
            else "Any gesture",
            "draft": said_words(one["outcome"]["draft"]) if "outcome" in one else may_get(one["may_get"]["draft"]),
            "live": said_words(one["outcome"]["live"]) if "outcome" in one else may_get(one["may_get"]["live"]),
        }
        for one in found
        if one["talk"] in people
    ]
