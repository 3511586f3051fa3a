"""The numbered steps of an article, as plain lines."""

from __future__ import annotations

from knowledge.steps import steps_of

BODY = """Before.

1. Only one, so no list

# First

3. **Ask** for the `code`
   and wait.
   - by phone
   - by [mail](https://x.example)
4. Done

Text

## Then

1) One
2) Two
"""


def test_they_count_through_the_article_under_their_headings() -> None:
    found = [(step.number, step.label, step.text, step.heading) for step in steps_of(BODY)]
    assert found == [
        (1, 3, "Ask for the code and wait. by phone by mail", "First"),
        (2, 4, "Done", ""),
        (3, 1, "One", "Then"),
        (4, 2, "Two", ""),
    ]


def test_a_very_long_one_is_cut() -> None:
    assert [len(step.text) for step in steps_of("1. " + "long " * 400 + "\n2. b")] == [500, 1]
