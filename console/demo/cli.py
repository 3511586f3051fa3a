"""flask demo load, flask demo replay, flask demo clear."""

from __future__ import annotations

import threading
from functools import partial

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import select

from console.auth.models import User
from console.background import in_thread
from console.customers.tokens import prune
from console.db import db, utc_now
from console.errors import DomainError
from console.interactions.models import Interaction
from console.web import LARGEST_ID

demo_group = AppGroup("demo", help="The demo shop: Larch & Lantern.")
SHOWN = 20  # kept rows that are named
BESIDE = {"listening", "embedding-model"}  # threads that still listen to the last words


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


@demo_group.command("replay")
@click.option("--conversation", "numbers", type=click.IntRange(1, LARGEST_ID), multiple=True, help="Its id; repeat it.")
@click.option("--source", default="", help="Conversations of an import, by its source; else the demo shop's.")
@click.option("--several", type=click.IntRange(1, 10), default=1, show_default=True, help="How many at once.")
@click.option("--speed", type=click.FloatRange(0.1, 100), default=1.0, show_default=True, help="2 is twice as fast.")
@click.option("--agent", "address", default="", help="The e-mail of who has them; else they wait to be taken.")
def replay(numbers: tuple[int, ...], source: str, several: int, speed: float, address: str) -> None:
    """Play recorded conversations as live ones. Ctrl C ends them."""
    from console.demo import replaying

    agent_id = db.session.scalar(select(User.id).where(User.email == address, User.active)) if address else None
    if address and agent_id is None:
        raise click.ClickException(f"Nobody signs in here as {address}.")
    try:
        chosen = [recorded(number) for number in numbers] or replaying.some(several, source)
        begun = [(replaying.begin(one, agent_id, now=utc_now()), one) for one in chosen]
    except DomainError as problem:
        raise click.ClickException(str(problem)) from None
    db.session.commit()
    pairs = [(talk.id, talk.customer_id, one.id, one.subject or one.channel.label) for talk, one in begun]
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    threads: set[threading.Thread] = set()
    for talk_id, customer_id, recorded_id, subject in pairs:
        click.echo(f"  {subject}: /customers/{customer_id}?interaction={talk_id}")
        in_thread(app, f"replay-{talk_id}", partial(replaying.play, talk_id, recorded_id, speed), threads)
    try:
        for thread in list(threads):
            thread.join()
    except KeyboardInterrupt:
        for talk_id, *_ in pairs:
            replaying.stop(talk_id)
    for thread in threading.enumerate():
        if thread.name in BESIDE:
            thread.join(timeout=60)


def recorded(number: int) -> Interaction:
    found = db.session.get(Interaction, number)
    if found is None:
        raise click.ClickException(f"There is no conversation {number}.")
    return found


commands: list[click.Command] = [demo_group]
