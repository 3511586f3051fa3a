"""flask notes mail FILE|FOLDER, flask notes embed"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from flask.cli import with_appcontext

from console.db import db, utc_now
from knowledge.embedding import EncoderState, encoder
from knowledge.searching import LOADS_WITHIN
from notes.mail.filing import Report, mails_in, take_in
from notes.searching.embedding import read_all, unread
from notes.searching.pgvector_schema import build

PLACE = click.Path(exists=True, path_type=Path)


@click.group("notes")
def notes_group() -> None:
    """Bring notes in from elsewhere, and prepare them for search."""


@notes_group.command("mail")
@click.argument("place", type=PLACE)
@with_appcontext
def mail(place: Path) -> None:
    """Keep e-mails as notes: an .eml or .mbox FILE, or a FOLDER of them.

    The customer is whoever sent it; when a colleague did, whose mail was forwarded or to whom it went. The same mail
    again changes nothing.
    """
    report = Report()
    for name, data in mails_in(place):
        report.lines.append(take_in(name, data, actor_id=None, now=utc_now()))
    for line in report.texts():
        click.echo(line)


@notes_group.command("embed")
@with_appcontext
def embed() -> None:
    """Prepare for search by meaning what was written and said and is not prepared yet. May be stopped and run again.

    The server's workers do the same beside the requests, with half of a processor each.
    """
    model = encoder()
    if model.state is EncoderState.OFF:
        click.echo("Search by meaning is switched off (EMBEDDING_MODEL=none): nothing to prepare.")
        return
    with db.engine.begin() as connection:
        build(connection)
    left = unread()
    click.echo("Loading the embedding model …", err=True)
    if not (model.wait(LOADS_WITHIN) if model.is_exported() else model.load()):
        raise click.ClickException("The embedding model cannot be loaded. Search goes by words alone.")
    with click.progressbar(length=left, label="Embedding", file=sys.stderr) as bar:
        done = read_all(model, bar.update)
    click.echo(f"Prepared {done:,} of what was written and said.")


commands: list[click.Command] = [notes_group]
