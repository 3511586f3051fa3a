"""Files to import, and the real data sets that lie beside the repository on a developer's machine."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from console.config import ROOT
from console.importing.kinds import KINDS
from console.importing.mapping import read_mapping
from console.importing.reporting import Report
from console.importing.running import import_file
from console.importing.saving import Outcome

SHARED = Path(os.environ.get("PLUSONE_SHARED", ROOT.parent / "shared" / "data"))
MAPPINGS = ROOT / "docs" / "mappings"

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the data sets are not at {SHARED}")


def csv_file(folder: Path, name: str, header: Sequence[str], *rows: Sequence[object]) -> Path:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text_file(folder, name, text.getvalue())


def text_file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def run_import(
    kind: str, path: Path, *, map_: str | Path | None = None, rejects: Path | None = None, **given: Any
) -> Report:
    """Import `path`; `map_` is a name in docs/mappings, or a path."""
    chosen = KINDS[kind]
    mapping = None
    if map_ is not None:
        names = [column.name for column in chosen.columns]
        mapping = read_mapping(map_ if isinstance(map_, Path) else MAPPINGS / f"{map_}.yaml", kind, names)
    elif "source" not in given:
        given["source"] = "shop"
    # Never beside a file of the shared data sets.
    place = rejects or Path(os.environ["PLUSONE_TEST_RUN"]) / f"{os.getpid()}-{path.stem}.rejected.csv"
    return import_file(chosen, path, mapping=mapping, rejects=place, **given)


def counts(report: Report) -> tuple[int, int, int, int]:
    """Inserted, updated, unchanged, rejected."""
    return tuple(report.counts[outcome] for outcome in Outcome)  # type: ignore[return-value]


def rejected(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
