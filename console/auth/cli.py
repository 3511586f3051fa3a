"""flask user add, flask user password: for the first administrator, and for whoever is locked out."""

from __future__ import annotations

import click
from flask.cli import AppGroup
from sqlalchemy import select

from console.auth.administration import add_team, add_user, address_of, generated_password, reset_password
from console.auth.models import Team
from console.auth.permissions import ROLES
from console.auth.queries import by_email
from console.db import db
from console.errors import DomainError

user_group = AppGroup("user", help="Who may sign in.")
ask_option = click.option("--ask", is_flag=True, help="Ask for the password instead of making one up.")


@user_group.command("add")
@click.argument("email")
@click.option("--name", required=True, help="As colleagues see it: Maya Kerr.")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(list(ROLES)), help="May be repeated.")
@click.option("--team", "team_name", help="An existing team, or a new one.")
@ask_option
def add(email: str, name: str, roles: tuple[str, ...], team_name: str | None, ask: bool) -> None:
    """Let somebody sign in; prints the first password."""
    password = wanted_password(ask)
    try:
        user = add_user(email, name, roles, team_called(team_name), password, actor_id=None)
        db.session.commit()
    except DomainError as refusal:
        raise click.ClickException(str(refusal)) from None
    click.echo(f"{user.name} may sign in as {user.email}.")
    tell(password, ask)


@user_group.command("password")
@click.argument("email")
@ask_option
def password(email: str, ask: bool) -> None:
    """Give somebody a new password and sign them out everywhere."""
    try:
        user = db.session.scalars(by_email(address_of(email))).first()
        if user is None:
            raise DomainError(f"Nobody has the address {email}.")
        word = wanted_password(ask)
        reset_password(user, word, actor_id=None)
        db.session.commit()
    except DomainError as refusal:
        raise click.ClickException(str(refusal)) from None
    click.echo(f"{user.email} has a new password and is signed out everywhere.")
    tell(word, ask)


def wanted_password(ask: bool) -> str:
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True)) if ask else generated_password()


def tell(password: str, ask: bool) -> None:
    if not ask:
        click.echo(f"Password: {password}")


def team_called(name: str | None) -> Team | None:
    if not name:
        return None
    team = db.session.scalars(select(Team).where(Team.name == name)).first()
    return team or add_team(name, actor_id=None)


commands: list[click.Command] = [user_group]
