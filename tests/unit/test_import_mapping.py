"""Mapping files: other systems' columns become ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from console.importing.kinds import ALL, KINDS
from console.importing.mapping import FileMapping, read_mapping
from console.importing.problems import BadFile, BadRow
from tests.factories_import import MAPPINGS

NAMES = ["a", "b", "c"]


def mapping(folder: Path, **settings: Any) -> FileMapping:
    path = folder / "map.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return read_mapping(path, "orders", NAMES)


def mapped(folder: Path, spec: Any, record: dict[str, Any]) -> Any:
    rows = list(mapping(folder, columns={"a": spec}).rows(record, 7))
    assert len(rows) == 1
    return rows[0]["a"] if isinstance(rows[0], dict) else rows[0]


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ("Order No.", "#W12"),
        ({"from": "Order No.", "strip": "#"}, "W12"),
        ({"from": ["street", "city"], "join": ", "}, "1 High St, Leeds"),
        ({"from": ["street", "nothing", "city"]}, "1 High St Leeds"),
        ({"constant": "GBP"}, "GBP"),
        ({"line": True}, 7),
        ({"from": "name", "word": "first"}, "Zofia"),
        ({"from": "name", "word": "rest"}, "Anna Zielińska"),
        ({"from": "name", "word": "last"}, "Zielińska"),
        ({"from": "state", "values": {"P": "processing"}}, "processing"),
        ({"from": "state", "values": {"X": "x", "*": "other"}}, "other"),
        ({"from": "when", "date": "%d/%m/%Y %H:%M"}, "2024-05-14T10:24:00"),
        ({"from": "day", "date": "%d.%m.%y"}, "2024-05-14"),
        ({"from": "pence", "minor": 2}, "12.50"),
        ({"from": "german", "decimal": ","}, "1234.50"),
        ({"from": "long", "round": 2}, "1.90"),
        ({"from": "count", "plus": 1}, "5"),
        ({"from": "empty", "default": "none"}, "none"),
        ({"from": "text", "match": "#(W[0-9]+)"}, "W99"),
        ({"from": "text", "match": "nowhere"}, None),
        ({"from": "turns[1][0]"}, "agent"),
        ({"from": "turns[9][0]"}, None),
        ({"from": "turns", "match": "[a-z]+_[0-9]+"}, "anna_7"),
        ({"from": "deep.er.x"}, 3),
    ],
)
def test_a_value_goes_through_its_steps(tmp_path: Path, spec: Any, value: Any) -> None:
    record = {
        "Order No.": "#W12", "street": "1 High St", "city": "Leeds", "nothing": "", "name": "Zofia Anna Zielińska",
        "state": "P", "when": "14/05/2024 10:24", "day": "14.05.24", "pence": "1250", "german": "1.234,50",
        "long": "1.9000000000000001", "count": 4, "empty": "", "text": "about #W99 and #W98",
        "turns": [["customer", "I am anna_7"], ["agent", "Hi"]], "deep": {"er": {"x": 3}},
    }  # fmt: skip
    assert mapped(tmp_path, spec, record) == value


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ({"from": "x", "date": "%d/%m/%Y"}, "2024-05-14"),
        ({"from": "x", "round": 2}, "abc"),
        ({"from": "x", "strip": "#"}, ["a"]),
    ],
)
def test_a_value_that_does_not_fit_a_step_rejects_its_row(tmp_path: Path, spec: Any, value: Any) -> None:
    assert isinstance(mapped(tmp_path, spec, {"x": value}), BadRow)


def test_a_list_is_exploded_into_rows_even_inside_another(tmp_path: Path) -> None:
    record = {"who": "anna", "talks": [{"id": 1, "said": ["hi", "bye"]}, {"id": 2, "said": ["yo"]}]}
    columns = {"a": "who", "b": "parent.id", "c": "item"}
    rows = list(mapping(tmp_path, explode=["talks", "item.said"], columns=columns).rows(record, 1))
    assert rows == [
        {"a": "anna", "b": 1, "c": "hi"},
        {"a": "anna", "b": 1, "c": "bye"},
        {"a": "anna", "b": 2, "c": "yo"},
    ]
    assert list(mapping(tmp_path, explode="talks", columns=columns).rows({"who": "x"}, 1)) == []
    assert isinstance(next(mapping(tmp_path, explode="who", columns=columns).rows({"who": "x"}, 1)), BadRow)


def test_rows_can_be_skipped_and_lines_numbered_within_a_group(tmp_path: Path) -> None:
    made = mapping(
        tmp_path,
        skip=[{"column": "test", "equals": ["True", "yes"]}],
        columns={"a": "order", "b": {"number_within": "order"}},
    )
    rows = [
        row
        for order, test in [("1", ""), ("1", "yes"), ("1", ""), ("2", ""), ("1", "")]
        for row in made.rows({"order": order, "test": test}, 1)
    ]
    assert rows == [{"a": "1", "b": 1}, None, {"a": "1", "b": 2}, {"a": "2", "b": 1}, {"a": "1", "b": 1}]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"columns": {"z": "x"}}, "orders have no column z"),
        ({"columns": "x"}, "no columns"),
        ({"columns": {"a": "x"}, "colour": 1}, "settings that do not exist: colour"),
        ({"columns": {"a": "x"}, "kind": "customers"}, "is for customers, not for orders"),
        ({"columns": {"a": {"from": "x", "eval": "1+1"}}}, "steps that do not exist: eval"),
        ({"columns": {"a": {"strip": "#"}}}, "must name one of"),
        ({"columns": {"a": {"from": "x", "constant": "y"}}}, "must name one of"),
        ({"columns": {"a": {"from": "x", "match": "("}}}, "cannot be used"),
        ({"columns": {"a": {"from": "x", "word": "middle"}}}, "cannot be used"),
        ({"columns": {"a": {"from": "x", "decimal": ";"}}}, "cannot be used"),
        ({"columns": {"a": "x"}, "encoding": "utf-16"}, "cannot be read"),
        ({"columns": {"a": "x"}, "encoding": "klingon"}, "cannot be read"),
        ({"columns": {"a": "x"}, "delimiter": "ab"}, "one character"),
        ({"columns": {"a": "x"}, "skip": ["x"]}, "Each entry of skip"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(tmp_path: Path, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadFile, match=reason):
        mapping(tmp_path, **settings)


def test_yaml_cannot_run_anything(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("columns: !!python/object/apply:os.system ['true']")
    with pytest.raises(BadFile, match="not YAML"):
        read_mapping(path, "orders", NAMES)


@pytest.mark.parametrize("path", sorted(MAPPINGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_mapping_that_is_shipped_can_be_read(path: Path) -> None:
    kind = KINDS[yaml.safe_load(path.read_text(encoding="utf-8"))["kind"]]
    assert read_mapping(path, kind.name, [column.name for column in kind.columns]).columns


def test_the_manual_names_every_column_of_every_kind() -> None:
    manual = (MAPPINGS.parent / "import.md").read_text(encoding="utf-8")
    for kind in ALL:
        section = manual.partition(f"### {kind.name}\n")[2].partition("\n### ")[0]
        assert [column.name for column in kind.columns if f"`{column.name}`" not in section] == [], kind.name
