"""flask policies explain: which policy decides for an agent and a customer, which clause, and what is left."""

from __future__ import annotations

import click
from flask.cli import AppGroup
from sqlalchemy import func, select

from console.auth.models import User
from console.customers.models import Customer
from console.customers.searching import find
from console.db import db, utc_now
from console.empowerment.sentences import plain
from console.empowerment.simulation_cli import simulate_command
from console.gestures.explaining import Explanation, explain
from console.gestures.models import Gesture
from console.money import LARGEST

policies_group = AppGroup("policies", help="Who may give what to whom.")
policies_group.add_command(simulate_command)


@policies_group.command("explain")
@click.option("--agent", required=True, help="Their e-mail address.")
@click.option("--customer", required=True, help="Number, name, phone, e-mail, order or external id.")
@click.option("--gesture", default=None, help="Its code; everything on offer when left out.")
def explain_command(agent: str, customer: str, gesture: str | None) -> None:
    """Say which policy decides, which clause stands in the way, and what is left of each limit."""
    who = db.session.scalars(select(User).where(func.lower(User.email) == agent.strip().lower())).one_or_none()
    if who is None:
        raise click.ClickException(f"Nobody signs in as {agent}. Look the address up under Users and teams.")
    ids = None
    if gesture is not None:
        row = db.session.scalars(select(Gesture).where(Gesture.code == gesture)).one_or_none()
        if row is None:
            raise click.ClickException(f"There is no gesture “{gesture}” in the catalogue.")
        ids = [row.id]
    click.echo("\n".join(lines(explain(who, customer_of(customer), utc_now(), gesture_ids=ids))))


def customer_of(text: str) -> Customer:
    if text.isdecimal() and int(text) <= LARGEST and (row := db.session.get(Customer, int(text))):
        return row
    hits = find(text)
    if len(hits) != 1:
        found = "Nobody" if not hits else f"{len(hits)} customers"
        raise click.ClickException(f"{found} found for “{text}”. Give a number, an e-mail address or an order.")
    return db.session.get_one(Customer, hits[0].customer_id)


def lines(found: Explanation) -> list[str]:
    """The explanation, a line each; indented what belongs to the line above."""
    said = [f"{found.agent.name} with {found.customer.name}, by {found.channel}, {found.occasion.lower()}."]
    said += ["Giving is paused for this person."] if found.agent_stopped else []
    for one in found.policies:
        said.append(f"{one.policy.name}: {plain(one.parts)}")
        said += [f"  {why}" for why in one.why]
        said += [f"  About {', '.join(one.decides)}."] if one.decides else []
    said += [f"Left: {one.words}: {one.left or 'each time'} ({one.policy})" for one in found.limits]
    for verdict in found.verdicts:
        answer = "yes" if verdict.decision.is_allowed else "with approval" if verdict.decision.may_ask else "no"
        said.append(" ".join([f"{verdict.version.name}: {answer}.", *verdict.reasons]))
    return said


commands: list[click.Command] = [policies_group]
