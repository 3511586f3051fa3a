"""flask demo load, flask demo clear."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from console.customers.tokens import prune
from console.db import db
from console.errors import DomainError

demo_group = AppGroup("demo", help="The demo shop: Larch & Lantern.")
SHOWN = 20  # kept rows that are named


@demo_group.command("load")
def load() -> None:
    """Load the demo shop: people, customers, orders, conversations, articles."""
    from console.demo import loading  # the server, which knows all commands, never runs it

    try:
        loading.load_aloud()
    except DomainError as problem:
        raise click.ClickException(str(problem)) from None
    for role, email, password in loading.sign_ins():
        click.echo(f"  {role:<14} {email:<36} {password}")


@demo_group.command("clear")
def clear() -> None:
    """Take the demo shop away, and nothing else."""
    from console.demo import clearing

    done = clearing.clear()
    prune()  # the words of names that nobody carries any more
    db.session.commit()
    click.echo(f"Removed {done.rows.total():,} rows of the demo shop." if done.rows else "There is no demo shop here.")
    for kept in done.kept[:SHOWN]:
        click.echo(f"  {kept}.")
    if len(done.kept) > SHOWN:
        click.echo(f"  … and {len(done.kept) - SHOWN:,} more for the same kind of reason.")


commands: list[click.Command] = [demo_group]
