"""What changed between two texts: rows for every line, parts within them, and nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.comparing import Row, compare

LINES = st.lists(st.text(alphabet="ab. x", max_size=12), max_size=12)


def text(row: Row, side: str) -> str | None:
    parts = getattr(row, side)
    return None if parts is None else "".join(part.text for part in parts)


def changed(row: Row, side: str) -> list[str]:
    return [part.text for part in getattr(row, side) if part.changed]


def test_the_same_text_has_no_rows() -> None:
    assert compare("a\nb", "a\nb") == []


def test_a_changed_word_is_marked_and_the_rest_of_its_line_is_not() -> None:
    (row,) = compare("Returns within 30 days, free of charge.", "Returns within 45 days, free of charge.")
    assert (row.kind, changed(row, "before"), changed(row, "after")) == ("changed", ["30"], ["45"])


def test_lines_without_a_word_in_common_are_taken_and_added() -> None:
    rows = compare("Ask for a photo.", "Never promise anything!")
    assert [(row.kind, text(row, "before"), text(row, "after")) for row in rows] == [
        ("taken", "Ask for a photo.", None),
        ("added", None, "Never promise anything!"),
    ]


def test_what_is_the_same_far_from_a_change_is_counted_and_not_shown() -> None:
    before = "\n".join(f"line {number}" for number in range(30))
    rows = compare(before, before.replace("line 20", "line twenty"))
    assert [row.kind for row in rows] == ["skipped", "same", "same", "changed", "same", "same", "skipped"]
    assert (rows[0].skipped, rows[-1].skipped) == (18, 7)


@given(LINES, LINES)
def test_every_line_with_words_stands_on_its_side_in_order(old: list[str], new: list[str]) -> None:
    rows = compare("\n".join(old), "\n".join(new))
    for side, lines in (("before", "\n".join(old).splitlines()), ("after", "\n".join(new).splitlines())):
        shown = [text(row, side) for row in rows if row.kind != "skipped"]
        kept = iter(lines)
        assert all(any(line == one for one in kept) for line in shown if line is not None)
        if rows and not any(row.kind == "skipped" for row in rows):
            assert [line for line in shown if line and line.strip()] == [line for line in lines if line.strip()]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\n".join(map(str, range(20_000))), "\n".join(map(str, range(20_000, 0, -1)))),
        ("word " * 60_000, "other " * 50_000),
        ("", "x" * 300_000),
    ],
    ids=["reversed", "one long line", "one long word"],
)
def test_long_texts_are_compared_roughly_instead_of_for_ever(before: str, after: str) -> None:
    assert compare(before, after)
