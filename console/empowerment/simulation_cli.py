"""flask policies simulate."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from console.db import db, utc_now
from console.empowerment import replaying
from console.empowerment.models import PolicyVersion, Simulation, SimulationState
from console.empowerment.simulation import Settings
from console.empowerment.simulation_words import Words
from console.web import locale

LARGEST = 2**63 - 1


@click.command("simulate")
@click.argument("version", type=click.IntRange(1, LARGEST))
@click.option("--days", type=click.IntRange(1, 366), default=90, help="Whole days of the past; 90 when not given.")
@with_appcontext
def simulate_command(version: int, days: int) -> None:
    """Try VERSION (its id, as in the address of a simulation's policy) on the past, as the page does."""
    row = db.session.get(PolicyVersion, version)
    if row is None:
        raise click.ClickException(f"There is no version {version} of any policy.")
    run = replaying.begin(row, Settings(), days, actor_id=None, now=utc_now())
    db.session.commit()
    replaying.perform(run.id)
    run = db.session.get_one(Simulation, run.id, populate_existing=True)
    if run.state is not SimulationState.DONE:
        raise click.ClickException(run.problem or "It was cancelled.")
    words = Words(run.result, locale())
    click.echo(f"{words.headline}. {words.summary}")
    for one in run.result["verdicts"]:
        click.echo(f"{one['level']}: {words.verdict(one)}")
    click.echo(f"Simulation {run.id}, result {run.result_hash}.")
