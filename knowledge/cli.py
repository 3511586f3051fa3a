"""Commands of the knowledge base: flask ingest, flask reindex."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click
import yaml
from flask.cli import with_appcontext

from console.db import db, utc_now
from console.errors import DomainError
from knowledge.embedding import EncoderState, embed_missing, encoder, passages_left
from knowledge.ingestion import Report, Terms
from knowledge.ingestion_runs import STOPPED, begin, perform
from knowledge.pgvector_schema import build

WAITING = "Waiting until another one is finished (one that was killed counts as finished after a minute) …"
SHOWN = 20  # articles listed on screen: rejected, or kept


@click.command("ingest")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--source", default="", help="Names where the articles come from; the folder's name when left out.")
@click.option(
    "--map", "map_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="YAML, ours: theirs."
)
@click.option("--embed/--no-embed", default=True, help="Prepare the articles for search by meaning as well.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option("--part", is_flag=True, help="This is only a part of the source: archive nothing.")
@click.option("--allow-shrink", is_flag=True, help="Archive what is gone even when that is more than half.")
@click.option("--overwrite", is_flag=True, help="Take the source's text where an article was edited here.")
@with_appcontext
def ingest_command(path: Path, source: str, map_file: Path | None, embed: bool, **terms: bool) -> None:
    """Take in articles: a folder, a zip or a file of Markdown, HTML, text, Word or PDF; JSONL or CSV, one a line.

    The same source again updates what changed, archives what is gone, and keeps what was edited here since. Stopped
    half way and run again, it goes on where it was.
    """
    whole = not terms.pop("part")
    try:
        report = take_in(path, source or path.resolve().stem, Terms(**terms, whole=whole), read_mapping(map_file))
    except (FileNotFoundError, DomainError) as problem:
        raise click.ClickException(str(problem)) from None
    except KeyboardInterrupt:
        raise click.ClickException(f"{STOPPED} Run it again to go on.") from None
    if terms["dry_run"]:
        click.echo("Nothing was changed. It would be:")
    show(report)
    if embed and not terms["dry_run"]:
        embed_all()


def take_in(path: Path, source: str, terms: Terms, mapping: dict[str, str]) -> Report:
    if not path.exists():
        raise FileNotFoundError(f"There is nothing at {path}.")
    if len(source) > 80:
        raise DomainError("The source's name has more than 80 characters: give it a shorter one with --source.")
    run = begin(source, path.name, terms, actor_id=None, now=utc_now())
    db.session.commit()
    shown = 0
    waiting = once(WAITING)

    with click.progressbar(length=1, label="Reading", file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            nonlocal shown
            bar.length = max(total, done, 1)
            bar.update(done - shown)
            shown = done

        return perform(run.id, path, terms, mapping=mapping, embed=False, waiting=waiting, progress=progress)


def once(words: str) -> Callable[[], None]:
    """Says them the first time it is called."""
    left = [words]
    return lambda: click.echo(left.pop(), err=True) if left else None


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
    if db.engine.dialect.name == "postgresql":
        with db.engine.begin() as connection:
            advice = build(connection)
        if advice:
            click.echo(advice, err=True)
    left = passages_left(model.name)
    if not left and model.is_exported():
        click.echo("Every passage is ready for search by meaning.")
        return
    click.echo("Loading the embedding model …", err=True)
    if not model.load():
        click.echo("The embedding model cannot be loaded (see above). Search goes by keywords alone.", err=True)
        return
    try:
        with click.progressbar(length=left, label="Embedding", file=sys.stderr) as bar:
            done = embed_missing(model, db.session.commit, bar.update)
    except KeyboardInterrupt:
        raise click.ClickException("It was stopped by hand. flask reindex goes on where it was.") from None
    click.echo(f"Embedded {done:,} passages.")
    if not model.is_exported():
        click.echo("Exporting the model for the server's workers …", err=True)
        model.export()


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
    kept = f"kept {report.kept:,}, " if report.kept else ""
    included = f"part of others {report.included:,}, " if report.included else ""
    click.echo(
        f"Inserted {report.inserted:,}, updated {report.updated:,}, unchanged {report.unchanged:,}, {kept}"
        f"archived {report.archived:,}, {included}rejected {len(report.rejected):,}; "
        f"wrote {report.passages:,} passages."
    )
    if report.before:
        click.echo(f"Of these, {report.before:,} were done before it stopped half way.")
    if report.missing:
        click.echo(
            f"{report.missing:,} articles of this source are gone from it, more than half: nothing was archived. "
            "If that is right, run it again with --allow-shrink."
        )
    remarks = [
        f"{which}: {remark}" for what, which, remark in report.lines if remark and what not in ("archived", "included")
    ]
    lines = [f"{one.where}: {one.reason}" for one in report.rejected] + remarks
    for line in lines[:SHOWN]:
        click.echo(f"  {line}")
    if len(lines) > SHOWN:
        click.echo(f"  … and {len(lines) - SHOWN:,} more: all of them stand in the browser, under Knowledge, Bring in")


commands: list[click.Command] = [ingest_command, reindex_command]
