"""flask gestures expire, seal, verify …; flask products evaluate."""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from console.db import db, utc_now
from console.gestures import next_evaluating, outcomes, reviews, sealing
from console.gestures.evaluating import evaluate
from console.gestures.ledger import expire_due
from console.gestures.outbox import deliver_due

gestures_group = AppGroup("gestures", help="The ledger of gestures.")


@gestures_group.command("expire")
def expire() -> None:
    """Put offers to rest whose time ran out. They count nowhere as it is; for a timer, so that the record says so."""
    done = 0
    while some := expire_due(now=utc_now()):
        done += some
    click.echo(f"Offers that had run out: {done:,}.")


@gestures_group.command("seal")
def seal() -> None:
    """Seal what was written since the last time, so that a later change shows; for a timer, once a day."""
    row = sealing.seal(utc_now())
    click.echo(f"Sealed {row.events:,} events. Keep this elsewhere: {row.digest}" if row else "Nothing new to seal.")


@gestures_group.command("verify")
def verify() -> None:
    """Recompute all seals and hold every entry against its events; ends with 1 when something was changed."""
    found = sealing.verify()
    for problem in found.problems[:20]:
        click.echo(problem, err=True)
    click.echo(
        f"{found.seals:,} seals over {found.events:,} events, {found.unsealed:,} not sealed yet, "
        f"{found.entries:,} entries: {'as written' if not found.problems else f'{len(found.problems):,} problems'}."
    )
    click.echo(f"The newest seal is {found.digest}.")
    sys.exit(bool(found.problems))


@gestures_group.command("deliver")
def deliver() -> None:
    """Tell the other system what it has to do for granted gestures; the server's workers do so every half minute."""
    click.echo(f"Done: {deliver_due(utc_now()):,}.")


@gestures_group.command("review")
def review() -> None:
    """Draw the sample of gestures to look at, and look for patterns; for a timer, once a day."""
    new = reviews.look(utc_now())
    db.session.commit()
    click.echo(f"New to look at: {new:,}.")


@gestures_group.command("evaluate")
def evaluate_ways() -> None:
    """What suggestions brought, and what the rules alone or learning would have brought instead."""
    now = utc_now()
    known, beliefs = list(outcomes.outcomes(now)), outcomes.learn(now)
    for name, learned in (("the rules alone", False), ("with learning", True)):
        try:
            found = evaluate(outcomes.decisions(known, beliefs, learned=learned))
        except ValueError as nothing:
            raise click.ClickException(str(nothing)) from None
        click.echo(
            f"{name}: {found.cases:,} outcomes, effective {found.effective:,.0f}; as shown {found.logged:.3f}, "
            f"IPS {found.ips:.3f}, SNIPS {found.snips:.3f} ({found.low:.3f} to {found.high:.3f}), DR {found.dr:.3f}"
            + ("" if found.is_enough else "; too few to judge")
        )
    if beliefs.is_worse:
        click.echo("Of late the learned order did worse, so agents see the rules' own.")


products_group = AppGroup("products", help="What the shop sells.")


@products_group.command("evaluate")
@click.option("--days", type=click.IntRange(1, 365), default=30, help="The last days with orders, which are guessed.")
def evaluate_products(days: int) -> None:
    """Try how well the next product is guessed, against what sells most. Unless it wins, agents see none.

    For a timer, once a month: a result is believed for 100 days.
    """
    now = utc_now()
    try:
        with click.progressbar(length=next_evaluating.MOST, label="Customers") as bar:
            found = next_evaluating.evaluate(days, now, bar.update)
    except ValueError as nothing:
        raise click.ClickException(f"Nothing to try: {nothing}.") from None
    next_evaluating.keep(found, actor_id=None, now=now)
    db.session.commit()
    click.echo(f"{found.customers:,} customers, the last {found.days} days held out:")
    for name, one in (("from baskets", found.ours), (f"what sold most in {found.popular_days} days", found.popular)):
        click.echo(f"  {name}: hit@10 {one.hit:.3f}, recall@10 {one.recall:.3f}, nDCG@10 {one.ndcg:.3f}")
    click.echo(f"  gain in nDCG@10: {found.low:+.3f} to {found.high:+.3f}")
    click.echo("It wins: agents see the next product." if found.wins else "It does not win: agents see none.")


commands: list[click.Command] = [gestures_group, products_group]
