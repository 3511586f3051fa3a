"""Mapping files: how the columns of any export become ours. Declared in YAML, a small closed set of steps.

docs/import.md describes the form. Nothing in a mapping file is executed; regular expressions are the
only language in it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from console.importing.problems import BadFile, BadRow
from console.importing.steps import STEPS, Step

PLACE = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
ORIGINS = ("from", "constant", "number_within", "line")
SETTINGS = {"kind", "source", "encoding", "delimiter", "time_zone", "customers", "orders", "explode", "skip", "columns"}

LINE = "\0line"  # no column is called so

Scope = Mapping[str, Any]
Rule = Callable[[Scope], Any]


@dataclass(frozen=True)
class FileMapping:
    """Turns one record of the file into any number of rows under our own column names."""

    source: str = ""
    encoding: str = "utf-8"
    delimiter: str = ""
    time_zone: str = ""
    customers: str = ""  # the source under which the customers were imported, when it is another
    orders: str = ""
    columns: dict[str, Rule] | None = None  # None: the file already uses our names
    needed: frozenset[str] = frozenset()  # columns of the file that must be there
    explode: tuple[str, ...] = ()
    skip: tuple[tuple[str, frozenset[str]], ...] = ()

    def rows(self, record: Scope, line: int) -> Iterator[dict[str, Any] | BadRow | None]:
        """One row, or one for each element of an exploded list; BadRow for what cannot be made one, None for
        what is to be skipped."""
        for scope in exploded({**record, LINE: line} if self.columns else record, self.explode):
            if isinstance(scope, BadRow):
                yield scope
            elif any(as_text(look_up(scope, name)) in values for name, values in self.skip):
                yield None
            else:
                yield self.row(scope)

    def row(self, scope: Scope) -> dict[str, Any] | BadRow:
        if self.columns is None:
            return dict(scope)
        row: dict[str, Any] = {}
        problems = []
        for target, rule in self.columns.items():  # all of them: those that count must not miss a row
            try:
                row[target] = rule(scope)
            except BadRow as problem:
                problems.append(BadRow(f"{target} {problem}"))
        return problems[0] if problems else row


def read_mapping(path: Path, kind: str, allowed: Sequence[str]) -> FileMapping:
    """Read a mapping file for a kind whose columns are `allowed`. Raises BadFile for whatever it cannot mean."""
    try:
        given = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadFile(f"The mapping {path.name} is not YAML: {error}") from None
    if not isinstance(given, dict) or not isinstance(given.get("columns"), dict):
        raise BadFile(f"The mapping {path.name} has no columns. See docs/import.md for its form.")
    if unknown := given.keys() - SETTINGS:
        raise BadFile(f"The mapping {path.name} has settings that do not exist: {', '.join(map(str, unknown))}.")
    if given.get("kind", kind) != kind:
        raise BadFile(f"The mapping {path.name} is for {given['kind']}, not for {kind}.")
    if unknown := given["columns"].keys() - set(allowed):
        wanted = ", ".join(allowed)
        raise BadFile(f"{kind} have no column {', '.join(sorted(map(str, unknown)))}. They have: {wanted}.")
    needed: set[str] = set()
    rules = {target: compiled(target, spec, needed) for target, spec in given["columns"].items()}
    skip = tuple(skipped(entry, needed) for entry in given.get("skip") or [])
    explode = given.get("explode") or []
    return FileMapping(
        **{name: str(given[name]) for name in ("source", "time_zone", "customers", "orders") if name in given},
        encoding=checked_encoding(str(given.get("encoding", "utf-8"))),
        delimiter=checked_delimiter(str(given.get("delimiter", ""))),
        columns=rules,
        needed=frozenset(needed),
        explode=tuple(map(str, explode if isinstance(explode, list) else [explode])),
        skip=skip,
    )


def compiled(target: str, spec: Any, needed: set[str]) -> Rule:
    """A rule from its description: where the value comes from, then the steps it goes through."""
    if not isinstance(spec, dict):
        spec = {"from": spec}
    if unknown := spec.keys() - set(ORIGINS) - STEPS.keys() - {"join"}:
        raise BadFile(f"The mapping of {target} has steps that do not exist: {', '.join(map(str, sorted(unknown)))}.")
    if len(origin := [name for name in ORIGINS if name in spec]) != 1:
        raise BadFile(f"The mapping of {target} must name one of: {', '.join(ORIGINS)}.")
    start = origin_of(origin[0], spec, needed)
    try:
        steps = [make(spec[name]) for name, make in STEPS.items() if name in spec]
    except (ValueError, TypeError, KeyError, AttributeError, re.error) as error:
        raise BadFile(f"The mapping of {target} cannot be used: {error}.") from None
    return chained(start, steps)


def origin_of(origin: str, spec: Mapping[str, Any], needed: set[str]) -> Rule:
    value = spec[origin]
    if origin == "constant":
        return lambda scope: value
    if origin == "line":
        return lambda scope: scope[LINE]
    if origin == "number_within":
        needed.add(str(value))
        return Numbering(str(value))
    if isinstance(value, list):
        names, glue = [str(name) for name in value], str(spec.get("join", " "))
        needed.update(names)
        return lambda scope: glue.join(text for name in names if (text := as_text(look_up(scope, name)).strip()))
    name = str(value)
    needed.add(name)
    return lambda scope: look_up(scope, name)


@dataclass
class Numbering:
    """1, 2, 3 … for as long as the named column stays the same: a number for lines that have none of their own."""

    name: str
    last: Any = field(default_factory=object)
    count: int = 0

    def __call__(self, scope: Scope) -> int:
        value = look_up(scope, self.name)
        self.count = self.count + 1 if value == self.last else 1
        self.last = value
        return self.count


def chained(start: Rule, steps: Sequence[Step]) -> Rule:
    def rule(scope: Scope) -> Any:
        value = start(scope)
        for step in steps:
            value = step(value)
        return value

    return rule if steps else start


def exploded(record: Scope, paths: Sequence[str]) -> Iterator[Scope | BadRow]:
    """The record for each element of the list at the first path, and so on inwards."""
    if not paths:
        yield record
        return
    found = look_up(record, paths[0])
    if found is None:
        return
    if not isinstance(found, list):
        yield BadRow(f"{paths[0]} is not a list")
        return
    for index, item in enumerate(found):
        yield from exploded({**record, "item": item, "index": index, "parent": record.get("item")}, paths[1:])


def look_up(scope: Scope, name: str) -> Any:
    """The value of a column, or of a path such as `turns[0].text`; None where there is none."""
    if name in scope:
        return scope[name]
    value: Any = scope
    for key, place in PLACE.findall(name):
        if isinstance(value, Mapping) and key:
            value = value.get(key)
        elif isinstance(value, list) and place and int(place) < len(value):
            value = value[int(place)]
        else:
            return None
    return value


def skipped(entry: Any, needed: set[str]) -> tuple[str, frozenset[str]]:
    if not isinstance(entry, dict) or entry.keys() != {"column", "equals"}:
        raise BadFile("Each entry of skip must have a column and what it equals.")
    needed.add(str(entry["column"]))
    values = entry["equals"] if isinstance(entry["equals"], list) else [entry["equals"]]
    return str(entry["column"]), frozenset(map(as_text, values))


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def checked_encoding(name: str) -> str:
    try:
        usable = 'a,"\n'.encode(name) == b'a,"\n'
        codecs.getincrementaldecoder(name)
    except (LookupError, UnicodeError):
        usable = False
    if not usable:
        raise BadFile(f"The encoding {name!r} cannot be read. Use utf-8, or one such as cp1252 or iso-8859-15.")
    return name


def checked_delimiter(text: str) -> str:
    if len(text) > 1 or text in ('"', "\n", "\r"):
        raise BadFile(f"The delimiter must be one character, not {text!r}.")
    return text
