"""Markdown as site generators write it, made plain."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.chunking import cut
from knowledge.dialects import plain_markdown

ACCORDION = """Before.

<div class="accordion">
  <h3>
    <button type="button">If you have a key</button>
  </h3>
  <div class="content">
    <p>You need it.</p>

    <ol class="number-list">
      <li>Sign in with <a href="https://x.example">your key</a>.</li>

      <li>Press “Go”.</li>
    </ol>
  </div>
</div>

After."""


def plain(body: str) -> str:
    return plain_markdown(body, {}, Path("a.md"), Path(), lambda _: None)


def test_an_element_with_empty_lines_in_it_is_no_code_but_headings_and_lists() -> None:
    body = plain(ACCORDION)
    assert "### If you have a key" in body
    assert "1. Sign in with [your key](https://x.example).\n2. Press “Go”." in body
    assert body.startswith("Before.\n\n")
    assert body.endswith("\n\nAfter.")
    first, second, *_ = cut("Keys", body)
    assert (first.heading, second.heading) == ("", "If you have a key")
    assert "<" not in second.text


@pytest.mark.parametrize("body", [
    "<div class='note'>\n\nSome *words* and\n\n- a list\n\n</div>",  # Markdown inside, which Markdown reads
    "<div>\n\n<p>Never closed",
    "```\n<ul>\n\n  <li>code</li>\n</ul>\n```",
    "Words with <b>marks</b> and <div>no block</div>.",
    "<!-- <div>\n\n</div> -->",
])  # fmt: skip
def test_whatever_else_stands_in_markdown_stays(body: str) -> None:
    assert plain(body) == body


@pytest.mark.parametrize(("body", "shown"), [
    ("**警告：**我们不建议。", "**警告**：我们不建议。"),
    ("**Note:** as it is, **b**: and **c.** D", "**Note:** as it is, **b**: and **c.** D"),
    ("a **b.** c **d**e", "a **b.** c **d**e"),
    ("**(a)**, then select **B** and **C!**d", "**(a)**, then select **B** and **C**!d"),
])  # fmt: skip
def test_a_mark_that_ends_before_a_word_is_one(body: str, shown: str) -> None:
    assert plain(body) == shown


def test_two_elements_and_what_is_between_keep_their_order() -> None:
    body = plain("<ul><li>one</li></ul>\nbetween\n<div>\n<ul><li>two</li></ul>\n\n<p>three</p></div>\nlast")
    assert [line for line in body.splitlines() if line] == ["- one", "between", "- two", "three", "last"]


@pytest.mark.parametrize("body", ["<div>\n" * 50_000, "<div>\n" * 9_000 + "</div>\n" * 9_000, "<div " * 90_000])
def test_elements_within_elements_are_read_once(body: str) -> None:
    assert plain(body) == body
