"""Commands of the knowledge base: flask ingest, flask reindex."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import yaml
from flask.cli import with_appcontext

from console.db import db, utc_now
from console.errors import DomainError
from knowledge.embedding import EncoderState, embed_missing, encoder, passages_left
from knowledge.ingestion import Report, ingest
from knowledge.reading import count

SHOWN = 20  # rejected articles listed on screen


@click.command("ingest")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--source", default="", help="Names where the articles come from; the folder's name when left out.")
@click.option(
    "--map", "map_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="YAML, ours: theirs."
)
@click.option("--embed/--no-embed", default=True, help="Prepare the articles for search by meaning as well.")
@with_appcontext
def ingest_command(path: Path, source: str, map_file: Path | None, embed: bool) -> None:
    """Take in articles: a folder of Markdown, HTML or text, or a JSONL or CSV file.

    The same source again updates what changed and archives what is gone.
    """
    try:
        mapping = read_mapping(map_file)
        with click.progressbar(length=count(path) if path.exists() else 0, label="Reading", file=sys.stderr) as bar:
            report = ingest(
                path,
                source=source or path.resolve().stem,
                now=utc_now(),
                mapping=mapping,
                checkpoint=db.session.commit,
                progress=bar.update,
            )
    except (FileNotFoundError, DomainError) as problem:
        raise click.ClickException(str(problem)) from None
    show(report)
    if embed:
        embed_all()


@click.command("reindex")
@with_appcontext
def reindex_command() -> None:
    """Prepare every passage that the current embedding model has not seen yet. May be stopped and run again."""
    embed_all()


def embed_all() -> None:
    model = encoder()
    if model.state is EncoderState.OFF:
        click.echo("Search by meaning is switched off (EMBEDDING_MODEL=none): nothing to prepare.")
        return
    left = passages_left(model.name)
    if not left:
        click.echo("Every passage is ready for search by meaning.")
        return
    click.echo("Loading the embedding model …", err=True)
    if not model.load():
        click.echo("The embedding model cannot be loaded (see above). Search goes by keywords alone.", err=True)
        return
    with click.progressbar(length=left, label="Embedding", file=sys.stderr) as bar:
        done = embed_missing(model, db.session.commit, bar.update)
    click.echo(f"Embedded {done:,} passages.")


def read_mapping(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    try:
        mapping = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        mapping = None
    if not isinstance(mapping, dict) or not all(isinstance(name, str) for name in mapping.values()):
        raise DomainError(f"{file} must hold lines such as “title: Subject”: our name, then the column's name.")
    return mapping


def show(report: Report) -> None:
    click.echo(
        f"Inserted {report.inserted:,}, updated {report.updated:,}, unchanged {report.unchanged:,}, "
        f"archived {report.archived:,}, rejected {len(report.rejected):,}; wrote {report.passages:,} passages."
    )
    for rejected in report.rejected[:SHOWN]:
        click.echo(f"  {rejected.where}: {rejected.reason}")
    if len(report.rejected) > SHOWN:
        click.echo(f"  … and {len(report.rejected) - SHOWN:,} more")


commands: list[click.Command] = [ingest_command, reindex_command]
