"""Files as streams: every way in which a line can be broken stays with that line."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.importing.problems import BadFile
from console.importing.reading import LONGEST_LINE, Broken, Record, open_records

HEADER = b"a,b\n"


def read(path: Path, content: bytes, encoding: str = "utf-8") -> list[Record | Broken]:
    path.write_bytes(content)
    with path.open("rb") as file:
        return list(open_records(path, file, encoding, "").records())


def lines(records: list[Record | Broken]) -> list[tuple[int, bool]]:
    """The line of each record, and whether it could be read."""
    return [(record.line, isinstance(record, Record)) for record in records]


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n3,4\n",
        b"\xef\xbb\xbfa,b\n1,2\n3,4\n",  # a byte order mark
        b"a,b\r\n1,2\r\n3,4\r\n",  # Windows
        b"a,b\n1,2\n3,4",  # no last line end
        b"a;b\n1;2\n3;4\n",
        b"a\tb\n1\t2\n3\t4\n",
        b"a,b\n\n1,2\n\n\n3,4\n\n",  # empty lines
        b' a ,"b"\n1,"2"\n"3",4\n',
    ],
)
def test_the_same_table_in_other_clothes(tmp_path: Path, content: bytes) -> None:
    found = read(tmp_path / "t.csv", content)
    assert [record.values for record in found if isinstance(record, Record)] == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": "4"},
    ]


def test_a_quoted_newline_belongs_to_its_field_and_counts_as_a_line(tmp_path: Path) -> None:
    found = read(tmp_path / "t.csv", HEADER + b'"one\r\ntwo",x\n3,4\n')
    assert lines(found) == [(2, True), (4, True)]
    assert isinstance(found[0], Record)
    assert found[0].values["a"] == "one\r\ntwo"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"1\n", "1 fields where the header has 2"),
        (b"1,2,3\n", "3 fields where the header has 2"),
        (b"1,\0\n", "NUL"),
        (b"1,caf\xe9\n", "not UTF-8: byte 0xE9"),
        (b'1,"x"y\n', "a quote inside a field must be doubled"),
        (b'1,"never closed\n', "never closed"),
        (b"1," + b"x" * LONGEST_LINE + b"\n", "longer than 4 MB"),
        (b"1," + b"x" * 200_000 + b"\n", "never closed"),  # csv's own limit of a field
        (b"\xff\xfe\n", "not UTF-8"),
    ],
)
def test_a_broken_line_costs_only_itself(tmp_path: Path, bad: bytes, reason: str) -> None:
    found = read(tmp_path / "t.csv", HEADER + b"1,2\n" + bad + b"5,6\n7,8\n")
    assert lines(found) == [(2, True), (3, False), (4, True), (5, True)]
    assert isinstance(found[1], Broken)
    assert reason in found[1].reason


def test_an_unclosed_quote_does_not_swallow_the_lines_up_to_the_next_quote(tmp_path: Path) -> None:
    found = read(tmp_path / "t.csv", HEADER + b'1,"open\n3,4\n"5","6"\n')
    assert lines(found) == [(2, False), (3, True), (4, True)]


def test_another_encoding_can_be_named(tmp_path: Path) -> None:
    found = read(tmp_path / "t.csv", HEADER + b"caf\xe9,\x80\n", "cp1252")
    assert isinstance(found[0], Record)
    assert found[0].values == {"a": "café", "b": "€"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        ("a,b\n1,2\n".encode("utf-16-le"), "NUL"),
        (b"caf\xe9,b\n1,2\n", "not UTF-8"),
        (b"a,b,a\n1,2,3\n", "twice: a"),
        (b'a,"b\n1,2\n', "never closed"),
    ],
)
def test_a_bad_header_refuses_the_file(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(BadFile, match=reason):
        read(tmp_path / "t.csv", content)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"{not json}", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"a": NaN}', "not a number"),
        (b'{"a": "\xe9"}', "not UTF-8"),
        (b'{"a": "\0"}', "NUL"),
        (b'{"a": ' + b"[" * 200_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a": "cut', "not JSON"),
    ],
)
def test_a_broken_json_line_costs_only_itself(tmp_path: Path, bad: bytes, reason: str) -> None:
    found = read(tmp_path / "t.jsonl", b'{"a": 1}\n\n' + bad + b'\r\n{"a": 2}\n')
    assert lines(found) == [(1, True), (3, False), (4, True)]
    assert isinstance(found[1], Broken)
    assert reason in found[1].reason


def test_json_that_is_no_list_of_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="One object on each line"):
        read(tmp_path / "t.jsonl", b'[{"a": 1}]')
