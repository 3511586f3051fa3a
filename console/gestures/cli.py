"""flask gestures expire."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from console.db import utc_now
from console.gestures.ledger import expire_due

gestures_group = AppGroup("gestures", help="The ledger of gestures.")


@gestures_group.command("expire")
def expire() -> None:
    """Put offers to rest whose time ran out. They count nowhere as it is; for a timer, so that the record says so."""
    done = 0
    while some := expire_due(now=utc_now()):
        done += some
    click.echo(f"Offers that had run out: {done:,}.")


commands: list[click.Command] = [gestures_group]
