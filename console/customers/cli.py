"""flask facts refresh, flask facts rebuild."""

from __future__ import annotations

import time

import click
from flask.cli import AppGroup

from console.customers.fact_history import rebuild, rebuild_days, work
from console.customers.facts import AT_ONCE, refresh, stale_count
from console.db import utc_now

facts_group = AppGroup("facts", help="What rules and ranking may ask of customers.")


@facts_group.command("refresh")
def refresh_command() -> None:
    """Bring up to date what has changed or run out. For a timer, a little after midnight, so that no day is missed."""
    now, started, done = utc_now(), time.monotonic(), 0
    with click.progressbar(length=stale_count(now), label="Customers") as bar:
        while some := refresh(now, AT_ONCE):
            done += some
            bar.update(some)
    click.echo(f"Facts brought up to date: {done:,} customers in {time.monotonic() - started:.1f} s.")


@facts_group.command("rebuild")
@click.option("--days", type=click.IntRange(0, 3650), default=0, help="Write the last N days down afresh, too.")
def rebuild_command(days: int) -> None:
    """Compute everybody's facts afresh, and score customers against each other. For a timer, once a day or week.

    With --days, past days are written down from what is in the tables. Tier, country, language, account, consents and
    cancelled orders keep no history: of these, today's are taken. A stopped run goes on where it was.
    """
    now, started = utc_now(), time.monotonic()
    with click.progressbar(length=work(days), label="Facts") as bar:
        if days:
            rebuild_days(days, now, bar.update)
        rebuild(now, bar.update)
    click.echo(f"Facts computed in {time.monotonic() - started:.1f} s.")


commands: list[click.Command] = [facts_group]
