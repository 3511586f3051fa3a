"""flask api-token create, list, revoke; flask openapi > openapi.json."""

from __future__ import annotations

from datetime import timedelta

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from console.api import tokens
from console.api.document import as_json
from console.api.models import ApiToken
from console.api.scopes import Scope
from console.auth.models import User
from console.auth.queries import by_email
from console.db import db, utc_now
from console.errors import DomainError

token_group = AppGroup("api-token", help="Tokens with which other systems use the API.")


@token_group.command("create")
@click.argument("name")
@click.option("--user", "email", required=True, help="E-mail of the user whom it acts for.")
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice([*map(str, Scope)]), help="May be repeated."
)
@click.option("--days", type=click.IntRange(1, 3650), help="Valid for so many days; left out: until it is revoked.")
def create(name: str, email: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Make a token and print it, this once."""
    now = utc_now()
    user = db.session.scalars(by_email(email).options(selectinload(User.roles))).first()
    if user is None:
        raise click.ClickException(f"Nobody has the address {email}.")
    try:
        _, secret = tokens.create_token(
            name[:80],
            user,
            [Scope(one) for one in scopes],
            expires_at=now + timedelta(days=days) if days else None,
            actor_id=None,
            now=now,
        )
    except DomainError as refusal:
        raise click.ClickException(str(refusal)) from None
    db.session.commit()
    click.echo(secret)


@token_group.command("list")
def list_() -> None:
    """Every token, the newest first: number, beginning, name, user, scopes, and whether it is valid."""
    now = utc_now()
    before: int | None = None
    while rows := db.session.scalars(tokens.tokens(before)).all():
        for row in rows[: tokens.PAGE]:
            state = tokens.why_refused(row, now).partition(".")[0] or "Valid"
            click.echo(f"{row.id}\t{row.start}…\t{row.name}\t{row.user.email}\t{' '.join(row.scopes)}\t{state}")
        if len(rows) <= tokens.PAGE:
            break
        before = rows[tokens.PAGE - 1].id


@token_group.command("revoke")
@click.argument("number", type=int)
def revoke(number: int) -> None:
    """Refuse a token from now on. NUMBER is the first column of the list."""
    row = db.session.scalars(select(ApiToken).where(ApiToken.id == number)).first()
    if row is None:
        raise click.ClickException(f"There is no token {number}.")
    tokens.revoke_token(row, actor_id=None, now=utc_now())
    db.session.commit()
    click.echo(f"{row.name} is refused from now on.")


@click.command("openapi")
def openapi() -> None:
    """Print the OpenAPI document of /api/v1."""
    click.echo(as_json(), nl=False)


commands: list[click.Command] = [token_group, openapi]
