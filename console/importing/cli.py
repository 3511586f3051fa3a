"""flask import KIND FILE: one command for each kind of file."""

from __future__ import annotations

from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from console.importing.kinds import ALL
from console.importing.mapping import read_mapping
from console.importing.problems import BadFile
from console.importing.running import import_file, write_down
from console.importing.saving import Kind

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("import")
def import_group() -> None:
    """Bring in customers and their history from CSV or JSONL files (docs/import.md)."""


def command_for(kind: Kind) -> click.Command:
    @click.command(kind.name, help=f"Import {kind.name} from a CSV or JSONL file.\n\n{columns_of(kind)}")
    @click.argument("file", type=FILE)
    @click.option("--map", "mapping", type=FILE, help="A YAML file that says which column is which.")
    @click.option("--source", default="", help="The name of the system it comes from; its keys are unique within it.")
    @click.option("--dry-run", is_flag=True, help="Do everything, keep nothing, and report.")
    @click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Where rejected rows are written.")
    @with_appcontext
    def command(file: Path, mapping: Path | None, source: str, dry_run: bool, report: Path | None) -> None:
        names = [column.name for column in kind.columns]
        size = file.stat().st_size
        try:
            with click.progressbar(length=size, label=f"{kind.name} from {file.name}", show_pos=False) as bar:
                result = import_file(
                    kind,
                    file,
                    mapping=read_mapping(mapping, kind.name, names) if mapping else None,
                    source=source,
                    dry_run=dry_run,
                    rejects=report or rejects_beside(file),
                    progress=lambda read: bar.update(read - bar.pos),
                )
        except BadFile as problem:
            raise click.ClickException(str(problem)) from None
        write_down(result)
        for line in result.lines():
            click.echo(line)

    return command


def columns_of(kind: Kind) -> str:
    """The kind's columns as the command's help shows them; \b keeps click from joining the lines."""
    lines = [f"  {column.name}{' *' if column.required else ''}  {column.help}".rstrip() for column in kind.columns]
    return "\b\nColumns (* must be there):\n" + "\n".join(lines)


def rejects_beside(file: Path) -> Path:
    name = f"{file.stem}.rejected.csv"
    beside = file.parent / name
    try:
        probe = file.parent / f".{name}.probe"
        probe.touch()
        probe.unlink()
    except OSError:
        return Path(current_app.config["DATA_DIR"]) / "imports" / name
    return beside


for kind in ALL:
    import_group.add_command(command_for(kind))

commands: list[click.Command] = [import_group]
